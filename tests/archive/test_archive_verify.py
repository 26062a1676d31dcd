"""Verification: whole archives pass, and whatever is done to one is found."""

import hashlib
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.archive.copying import write_entity
from labcrate.archive.entity import Entity
from labcrate.archive.layout import Layout, Member
from labcrate.archive.manifest import MANIFEST_NAME, ManifestLine, manifest_line, read_manifest_lines
from labcrate.archive.verify import Report, verify_archive
from labcrate.errors import UsageError, VerificationError
from labcrate.messages.text import printable

TIME = 1_746_214_801_000_000_000
LATE = 5_000_000_000_000_000_000  # 2128: neither time field can hold it
EARLY = -(10**19)  # 1653
CONTENTS = {"README.txt": b"read me\n", "data/ü.csv": b"", "recordings/a.mp4": bytes(range(256)) * 300}


def with_manifest(contents: dict[str, bytes], listed: dict[str, bytes]) -> list[Member]:
    """Return members with these contents, and after them a manifest of ``listed``."""
    lines = "".join(manifest_line(hashlib.sha256(data).hexdigest(), name) for name, data in listed.items())
    members = [Member.of_bytes(name, data, TIME) for name, data in contents.items()]
    return [*members, Member.of_bytes(MANIFEST_NAME, lines.encode(), TIME)]


def archive(path: Path, members: Sequence[Member]) -> Path:
    """Write members as an archive."""
    with path.open("wb") as file:
        write_entity(Entity(Layout(members)), file.fileno())
    return path


def kinds(report: Report) -> list[tuple[str, str, str | None]]:
    """Return kind, member and algorithm of each finding."""
    return [(finding.kind, finding.member, finding.algorithm) for finding in report.findings]


@pytest.mark.parametrize("time_ns", [TIME, LATE, EARLY, 315_532_800_000_000_000, 0])
def test_a_whole_archive_has_no_findings(tmp_path: Path, time_ns: int) -> None:
    """Nothing is found in what labcrate writes, whatever the times; members, bytes and progress are counted."""
    members = [*with_manifest(CONTENTS, CONTENTS | {"x": b"1"}), Member.of_bytes("x", b"1", time_ns)]
    steps: list[int] = []
    report = verify_archive(archive(tmp_path / "a.zip", members), steps.append)
    assert report.findings == ()
    assert report.members == 5
    assert report.bytes == sum(steps) == sum(member.fixity.size_bytes for member in members)


def test_an_altered_member_is_named_with_both_hashes(tmp_path: Path) -> None:
    """One flipped bit in a recording: CRC-32 and SHA-256 findings with what was expected and found."""
    layout = Layout(with_manifest(CONTENTS, CONTENTS))
    path = archive(tmp_path / "a.zip", layout.members)
    data = bytearray(path.read_bytes())
    data[layout.data_offsets[2] + 1000] ^= 1
    path.write_bytes(data)
    report = verify_archive(path)
    name = "recordings/a.mp4"
    assert kinds(report) == [("altered", name, "CRC-32"), ("altered", name, "SHA-256")]
    sha256 = hashlib.sha256(data[layout.data_offsets[2] : layout.data_offsets[2] + len(CONTENTS[name])]).hexdigest()
    assert report.findings[1].expected == layout.members[2].fixity.sha256
    assert report.findings[1].found == sha256
    assert sha256 in report.findings[1].text


def test_a_member_that_was_exchanged_is_altered(tmp_path: Path) -> None:
    """Other content under a right CRC-32 is found by its SHA-256."""
    members = with_manifest(CONTENTS | {"README.txt": b"forged\n"}, CONTENTS)
    report = verify_archive(archive(tmp_path / "a.zip", members))
    assert kinds(report) == [("altered", "README.txt", "SHA-256")]


def test_missing_and_unexpected_members_are_named(tmp_path: Path) -> None:
    """In the manifest but not in the ZIP: missing. The other way round: unexpected."""
    members = with_manifest(CONTENTS | {"extra": b""}, CONTENTS | {"gone.mp4": b"1"})
    report = verify_archive(archive(tmp_path / "a.zip", members))
    assert kinds(report) == [("unexpected", "extra", None), ("missing", "gone.mp4", "SHA-256")]
    assert report.findings[1].expected == hashlib.sha256(b"1").hexdigest()


def test_without_a_manifest_that_is_the_finding(tmp_path: Path) -> None:
    """A ZIP without a manifest is not called whole."""
    report = verify_archive(archive(tmp_path / "a.zip", [Member.of_bytes("a", b"1", TIME)]))
    assert kinds(report) == [("missing", MANIFEST_NAME, None)]
    assert "export the session again" in report.findings[0].text


@pytest.mark.parametrize("lines", [b"nonsense\n", b"%b  a\n%b  a\n" % (b"0" * 64, b"0" * 64), b"%b  a" % (b"0" * 64)])
def test_invalid_manifest_lines_are_named(tmp_path: Path, lines: bytes) -> None:
    """A line of another form, a name listed twice and a last line cut short are findings of the manifest."""
    path = archive(tmp_path / "a.zip", [Member.of_bytes(MANIFEST_NAME, lines, TIME)])
    assert ("structure", MANIFEST_NAME, None) in kinds(verify_archive(path))


def test_an_archive_packed_again_is_not_passed_off_as_the_exported_one(tmp_path: Path) -> None:
    """The same files packed by another program: every member has a finding that says so, and nothing is altered."""
    source = archive(tmp_path / "a.zip", with_manifest(CONTENTS, CONTENTS))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = tmp_path / f"{method}.zip"
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w", method) as again:
            for name in old.namelist():
                again.writestr(name, old.read(name))
        report = verify_archive(path)
        assert {finding.member for finding in report.findings if finding.kind == "structure"} >= set(CONTENTS)
        assert not [finding for finding in report.findings if finding.kind == "altered"]


def test_members_outside_the_target_folder_are_found(tmp_path: Path) -> None:
    """A name that would climb out of the folder it is unpacked to is a finding, printable whatever it holds."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("../evil\x1b[2J", b"1")
    report = verify_archive(path)
    assert any("name is not allowed" in finding.text for finding in report.findings)
    assert all(printable(text) == text for finding in report.findings for text in (finding.text, finding.member))


def test_overlapping_members_are_found_and_not_read_twice(tmp_path: Path) -> None:
    """Members that share their data, as in a ZIP bomb, are structure findings."""
    path = archive(tmp_path / "a.zip", [Member.of_bytes("a", b"x" * 5000, TIME), Member.of_bytes("b", b"x", TIME)])
    data = bytearray(path.read_bytes())
    layout = Layout([Member.of_bytes("a", b"x" * 5000, TIME), Member.of_bytes("b", b"x", TIME)])
    data[layout.central_offsets[1] + 42 : layout.central_offsets[1] + 46] = bytes(4)  # b's header at a's offset
    path.write_bytes(data)
    report = verify_archive(path)
    assert {finding.member for finding in report.findings if finding.kind == "structure"} >= {"a", "b"}
    assert report.bytes < 5000


@pytest.mark.parametrize("content", [b"", b"PK", b"\x89PNG" + bytes(5000), b"PK\x05\x06", b"PK\x03\x04" + bytes(500)])
def test_what_is_no_zip_is_refused_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    """An empty file, an image, a few bytes of a ZIP: one sentence that names the file, not its folder."""
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(VerificationError, match=r"^a\.zip is .*get it again") as caught:
        verify_archive(path)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, Path.exists])
def test_what_is_no_file_is_a_usage_error(tmp_path: Path, make: Callable[[Path], object]) -> None:
    """A folder, a pipe or a missing file is an invalid argument."""
    make(tmp_path / "a.zip")
    with pytest.raises(UsageError, match=r"^a\.zip .*name a ZIP that labcrate exported"):
        verify_archive(tmp_path / "a.zip")


@pytest.mark.thorough
def test_every_single_byte_is_covered(tmp_path: Path) -> None:
    """Whichever byte of an archive is changed, in data, headers or times, by one bit or more: it does not pass."""
    members = [Member.of_bytes("data/ü", b"abc", TIME), Member.of_bytes("e", b"", LATE)]
    lines = "".join(manifest_line(member.fixity.sha256, member.name) for member in members)
    members.append(Member.of_bytes(MANIFEST_NAME, lines.encode(), TIME))
    whole = archive(tmp_path / "a.zip", members).read_bytes()
    patterns = (0x01, 0x80, 0xFF, 0x10)
    passed = [at for at in range(len(whole)) if passes(tmp_path, flipped(whole, at, patterns[at % 4]))]
    assert passed == []


@given(st.data())
def test_damage_of_any_kind_does_not_pass(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Cut anywhere, bytes inserted, removed or overwritten anywhere, padding included: found or refused, no crash."""
    whole = b"".join(Entity(Layout(with_manifest(CONTENTS, CONTENTS))).read_range())
    layout = Layout(with_manifest(CONTENTS, CONTENTS))
    interesting = [*layout.header_offsets, *layout.data_offsets, *layout.central_offsets, layout.end_offset]
    near = st.builds(lambda at, by: min(max(at + by, 0), len(whole)), st.sampled_from(interesting), st.integers(-9, 60))
    at = data.draw(st.integers(0, len(whole)) | near)
    stop = min(len(whole), at + data.draw(st.integers(0, 40) | st.just(len(whole))))
    damaged = whole[:at] + data.draw(st.binary(max_size=60)) + whole[stop:]
    assert passes(tmp_path_factory.getbasetemp(), damaged) == (damaged == whole)


@given(st.binary(max_size=300))
def test_garbage_with_an_end_record_does_not_crash(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    """Random bytes before a plausible end record are a finding or a refusal."""
    size = len(junk).to_bytes(4, "little")
    end = b"PK\x05\x06" + bytes(4) + b"\x01\0\x01\0" + size + bytes(6)
    assert not passes(tmp_path_factory.getbasetemp(), junk + end)


def flipped(whole: bytes, at: int, bits: int) -> bytes:
    """Return a copy with bits of one byte changed."""
    return whole[:at] + bytes([whole[at] ^ bits]) + whole[at + 1 :]


def passes(folder: Path, content: bytes) -> bool:
    """Return whether an archive passes verification; any exception but VerificationError fails the test."""
    path = folder / "damaged.zip"
    path.write_bytes(content)
    try:
        return not verify_archive(path).findings
    except VerificationError:
        return False


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\\n\r\0"), min_size=1))
def test_lines_are_read_back_as_written(name: str) -> None:
    """What manifest_line writes, manifest_lines reads, for any name of a member and in pieces of any size."""
    line = manifest_line("ab" * 32, name).encode()
    for parts in ([line], [line[at : at + 7] for at in range(0, len(line), 7)]):
        assert list(read_manifest_lines(parts)) == [ManifestLine(1, name.encode(), bytes.fromhex("ab" * 32))]


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="sha256sum is not installed")
def test_coreutils_and_labcrate_read_each_others_lines(tmp_path: Path) -> None:
    """sha256sum's own output for awkward names is understood, and it accepts the unpacked archive's manifest."""
    names = ["plain", "back\\slash", "line\nbreak", "both\\n\n", "ünï cödé", " leading"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    listing = subprocess.run(["sha256sum", "--", *names], cwd=tmp_path, capture_output=True, check=True).stdout
    expected = {name.encode(): hashlib.sha256(name.encode()).digest() for name in names}
    assert {line.name: line.sha256 for line in read_manifest_lines([listing])} == expected
    path = archive(tmp_path / "a.zip", with_manifest(CONTENTS, CONTENTS))
    with zipfile.ZipFile(path) as file:
        file.extractall(tmp_path / "out")
    done = subprocess.run(["sha256sum", "-c", MANIFEST_NAME], cwd=tmp_path / "out", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
