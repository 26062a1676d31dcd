"""No archive of a lab contains a secret of it in any member, wherever it was written."""

import json
import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import av
import pytest
from tests.support.platform_lab import ADDRESS, CANARIES, PASSWORD, PIN, UUID, PlatformLab, make_video

from labcrate.cli.main import main
from labcrate.export.documents.secrets import secret_paragraphs
from labcrate.plan.plan import Secrecy

OPTIONS = (
    (), ("--only", "sensors"), ("--only", "recordings"), ("--readings", "all"), ("--pad", "1h"),
    ("--camera", "cocina"), ("--sensor", "t-cocina"), ("--allow-incomplete",),
)  # fmt: skip


@pytest.fixture
def platform_lab(tmp_path: Path) -> PlatformLab:
    """Build the whole lab."""
    return PlatformLab(tmp_path / "lab").build()


def export(lab: PlatformLab, session: str, target: Path, *options: str) -> int:
    """Run the export command, and return its exit code."""
    return main(["export", session, "--lab", str(lab.root), "-o", str(target), "--force", *options])


def spellings(value: str) -> Iterator[bytes]:
    """Yield a value as it is and under every escape, fully escaped or as writers escape it."""
    texts = {value, quote(value, safe=""), "".join(f"%{ord(c):02X}" for c in value)}
    texts |= {"".join(f"\\u{ord(c):04x}" for c in value), "".join(f"&#{ord(c)};" for c in value)}
    texts |= {"".join(f"&#x{ord(c):x};" for c in value)}
    for text in texts:
        yield text.encode()
        yield text.encode("utf-16-le")
        yield text.encode("utf-16-be")


def leaks(archive: Path) -> list[tuple[str, bytes]]:
    """Return every canary in a member or in a member's name."""
    found = []
    with zipfile.ZipFile(archive) as file:
        for name in file.namelist():
            data = file.read(name)
            for canary in CANARIES:
                found += [(name, one) for one in spellings(canary) if one in data or one in name.encode()]
            if name.endswith((".json", ".csv", ".txt")) and re.search(rb"(?<![0-9a-f.])4711(?![0-9a-f])", data):
                found.append((name, PIN.encode()))
    return found


def frames(data: bytes) -> list[bytes]:
    """Return the pictures of a video."""
    with av.open(BytesIO(data), "r") as video:
        return [frame.to_ndarray(format="rgb24").tobytes() for frame in video.decode(video=0)]


@pytest.mark.parametrize("session", ["7", "8", "9", UUID])
def test_no_canary_leaves(platform_lab: PlatformLab, session: str, tmp_path: Path) -> None:
    """For any session and options, redacted, no member contains a canary, and the archive verifies."""
    for number, options in enumerate(OPTIONS):
        target = tmp_path / f"{number}.zip"
        assert export(platform_lab, session, target, "--redact", *options) == 0
        assert leaks(target) == []
        assert main(["verify", str(target)]) == 0


def test_the_search_of_this_test_finds_what_leaves(platform_lab: PlatformLab, tmp_path: Path) -> None:
    """With --allow-secrets the canary is found, so the search of this test works."""
    target = tmp_path / "a.zip"
    assert export(platform_lab, "7", target, "--allow-secrets") == 0
    assert {one for _, one in leaks(target)} >= {PASSWORD.encode(), ADDRESS.encode()}
    with zipfile.ZipFile(target) as file:
        metadata = json.loads(file.read("data/session_metadata.json"))
        readme = " ".join(file.read("README.txt").decode().split())
    assert [one["treatment"] for one in metadata["secrets"]["files"]] == ["allowed"]
    assert "CONTAINS a camera's password" in readme
    assert any("options allow that" in warning for warning in metadata["warnings"])


def test_a_copied_file_with_a_secret_stops_the_export(
    platform_lab: PlatformLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 19; the file, the kind and the remedies are named, never the value; nothing is written."""
    target = tmp_path / "a.zip"
    assert export(platform_lab, "7", target) == 19
    said = capsys.readouterr().err
    assert "c05_session7-2025-06-10T15-30-14-655Z.mp4 contains a camera's password" in said
    assert "--redact" in said
    assert "--allow-secrets" in said
    assert not any(canary in said for canary in CANARIES)
    assert not target.exists()
    assert export(platform_lab, "8", target) == 0, "another session has no such file"


def test_the_plan_names_such_files_and_does_not_fail(
    platform_lab: PlatformLab, capsys: pytest.CaptureFixture[str]
) -> None:
    """``plan`` lists such files, as text and as JSON; with --redact it shows what happens to them."""
    words = ["plan", "7", "--lab", str(platform_lab.root)]
    assert main(words) == 0
    assert "Would stop an export" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["secrets"]
    assert one["kinds"] == ["a camera's password", "a URL with credentials", "a camera's address"]
    assert (one["redactable"], one["treatment"]) == (True, "refused")
    assert main([*words, "--json", "--redact"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["secrets"]
    assert one["treatment"] == "redacted"


def test_a_redacted_video_has_the_same_pictures_and_size(platform_lab: PlatformLab, tmp_path: Path) -> None:
    """Only metadata boxes change: the size, every frame and the bytes of the pictures are the same."""
    target = tmp_path / "a.zip"
    (source,) = (platform_lab.root / "recordings").glob("c05_session7-*.mp4")
    before = source.read_bytes()
    assert export(platform_lab, "7", target, "--redact") == 0
    with zipfile.ZipFile(target) as file:
        after = file.read(f"recordings/{source.name}")
    assert len(after) == len(before)
    assert frames(after) == frames(before)
    assert source.read_bytes() == before, "the lab's own file is never touched"


def test_the_size_that_a_plan_tells_is_that_of_the_archive(
    platform_lab: PlatformLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The planned size is exact, also if redacted texts have another length."""
    platform_lab.write("sessions/Session7/notes.txt", f"password: {PASSWORD}\nip {ADDRESS}\n")
    target = tmp_path / "a.zip"
    assert main(["plan", "7", "--lab", str(platform_lab.root), "--redact", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)["sizeBytes"]
    assert export(platform_lab, "7", target, "--redact") == 0
    assert target.stat().st_size == planned
    with zipfile.ZipFile(target) as file:
        assert file.read("data/session_files/notes.txt") == b"password: [removed]\nip [removed]\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_texts_keep_their_encoding(platform_lab: PlatformLab, tmp_path: Path, encoding: str) -> None:
    """A cleaned copy differs only in the value."""
    text = "se\u00f1al; {}; a\u00f1o\n"
    platform_lab.write("sessions/Session7/notes.csv", text.format(PASSWORD).encode(encoding))
    target = tmp_path / "a.zip"
    assert export(platform_lab, "7", target, "--redact") == 0
    with zipfile.ZipFile(target) as file:
        assert file.read("data/session_files/notes.csv").decode(encoding) == text.format("[removed]")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("eeg/other.edf", b"0       " + PASSWORD.encode().ljust(504) + bytes(64)),
        ("audio/tagged.wav", b"RIFF\x24\x01\0\0WAVELIST" + PASSWORD.encode() + bytes(300)),
        ("clip.mkv", make_video(container="matroska", tags={"comment": f"rtsp://a:{PASSWORD}@{ADDRESS}/"})),
        ("torn.txt", b"\xff\xfe" + PASSWORD.encode("utf-16-le") + b"A"),
    ],
)
def test_what_cannot_be_redacted_is_refused(
    platform_lab: PlatformLab, tmp_path: Path, name: str, data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """Binaries and damaged texts are refused with --redact too; with --allow-secrets they are copied unchanged."""
    platform_lab.write(f"sessions/Session7/{name}", data)
    target = tmp_path / "a.zip"
    assert export(platform_lab, "7", target, "--redact") == 19
    said = capsys.readouterr().err
    assert f"sessions/Session7/{name} contains a camera's password" in said
    assert "cannot be removed from a file of this kind" in said
    assert "15-30-14-655Z" not in said, "the MP4 can be redacted, so it is no reason to refuse"
    assert export(platform_lab, "7", target, "--redact", "--allow-secrets") == 0
    with zipfile.ZipFile(target) as file:
        (member,) = [one for one in file.namelist() if one.endswith(name.rpartition("/")[2])]
        assert file.read(member) == data
        treatments = {
            o["file"]: o["treatment"] for o in json.loads(file.read("data/session_metadata.json"))["secrets"]["files"]
        }
        (warning,) = [w for w in json.loads(file.read("data/session_metadata.json"))["warnings"] if member in w]
    assert treatments.pop(member) == "allowed"
    assert "options allow that" in warning
    assert set(treatments.values()) == {"redacted"}


def test_a_researchers_words_stay(platform_lab: PlatformLab, tmp_path: Path) -> None:
    """Texts that only look like an address or a user are unchanged."""
    target = tmp_path / "a.zip"
    assert export(platform_lab, "7", target, "--redact") == 0
    with zipfile.ZipFile(target) as file:
        metadata = json.loads(file.read("data/session_metadata.json"))
    notes = metadata["session"]["notes"]
    assert "firmware 2.10.3.1; TC 00:03:21:09; doi 10.5281/zenodo.1234" in notes
    assert metadata["session"]["described"]["metadata"]["userExperience"] == "media"
    assert metadata["secrets"]["blankedPlaces"] == sorted(set(metadata["secrets"]["blankedPlaces"]))
    assert "session.notes" in metadata["secrets"]["blankedPlaces"]
    assert "cameras[5].ipAddress" in metadata["secrets"]["blankedPlaces"]


def test_what_was_not_searched_is_said(platform_lab: PlatformLab, tmp_path: Path) -> None:
    """A PDF is compressed inside: README and metadata name it, without a warning."""
    target = tmp_path / "a.zip"
    assert export(platform_lab, "7", target, "--redact") == 0
    with zipfile.ZipFile(target) as file:
        readme = " ".join(file.read("README.txt").decode().split())
        metadata = json.loads(file.read("data/session_metadata.json"))
    assert metadata["secrets"]["notSearched"] == ["data/session_files/forms/consent.pdf"]
    assert "so the content was not searched: data/session_files/forms/consent.pdf" in readme
    assert not any("consent.pdf" in warning for warning in metadata["warnings"])


def test_a_compressed_file_stops_nothing_and_is_named(
    platform_lab: PlatformLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A compressed file is not among what stops an export or among its problems, and the export counts it."""
    platform_lab.write("sessions/Session8/log.gz", b"\x1f\x8b\x08" + bytes(20))
    assert main(["plan", "8", "--lab", str(platform_lab.root)]) == 0
    said = capsys.readouterr().out
    assert "Would stop an export" not in said
    heading = said.index("Not searched (does not stop an export)")
    assert said.index("compressed, not searched for passwords and addresses: data/session_files/log.gz") > heading
    assert export(platform_lab, "8", tmp_path / "a.zip") == 0
    said = capsys.readouterr().out
    assert "compressed, not searched for passwords and addresses: 1 file (data/session_files/log.gz)" in said


def test_tables_with_a_locks_code_stop_the_export(
    platform_lab: PlatformLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A copied table with a code in a column, beside its property or after its topic is refused; --redact works."""
    own = "sessions/Session8/sensor_data"
    tables = {
        "sensor_readings.csv": f'timestamp,device_id,property,value,unit\n"1","cerradura","pin_code","{PIN}",\n',
        "lock_sensors.csv": f'timestamp,pin_code,state\n"1","{PIN}","LOCK"\n',
        "sensor_readings.json": f'{{"readings":[{{"property":"pin_code","value":{PIN}}}]}}',
        "attr.csv": f"timestamp,topic,value\n1,zigbee2mqtt/planta/cerradura/pin_code,{PIN}\n",
        "x.csv": f"pin_code;{PIN}\n",
    }
    for name, text in tables.items():
        platform_lab.write(f"{own}/{name}", text)
    target = tmp_path / "a.zip"
    assert export(platform_lab, "8", target) == 19
    said = capsys.readouterr().err
    assert all(f"{own}/{name} contains a password or token" in said for name in tables)
    assert export(platform_lab, "8", target, "--redact") == 0
    assert leaks(target) == []
    with zipfile.ZipFile(target) as file:
        cleaned = [file.read(name) for name in file.namelist() if name.startswith("data/") and name.endswith(".json")]
        readme = " ".join(file.read("README.txt").decode().split())
    values = [document["readings"] for document in map(json.loads, cleaned) if "readings" in document]
    assert [{"property": "pin_code", "value": "[removed]"}] in values
    assert 'as the lab wrote it, but without the secrets in it (see "Secrets").' in readme


def test_a_file_whose_secrets_are_not_known_is_named(
    platform_lab: PlatformLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If a description is half written, README and a warning say that its secrets were not searched for."""
    cameras = platform_lab.root / "data/user_2/cameras.json"
    cameras.write_bytes(cameras.read_bytes()[:300])
    target = tmp_path / "a.zip"
    assert export(platform_lab, "8", target, "--redact", "--allow-incomplete") == 0
    known = "data/user_2/cameras.json could not be read. Passwords and addresses in it are not known, so they were not"
    assert f"warning: {known} searched for." in capsys.readouterr().out
    with zipfile.ZipFile(target) as file:
        readme = " ".join(file.read("README.txt").decode().split())
    assert "in the lab's own files, as far as they could be read," in readme
    assert "Could not be read: data/user_2/cameras.json. The passwords and addresses in it are not known" in readme


def test_the_readme_tells_blanked_from_left_out() -> None:
    """The README distinguishes blanked values from user names and stream paths, which are left out."""
    both = [
        said for _, said in secret_paragraphs(Secrecy(("cameras[5].password", "cameras[5].user", "session.username")))
    ]
    assert any("[removed]\": 1 place in the lab's descriptions (listed in data/session" in one for one in both)
    assert any(one.startswith("Removed completely: 2 entries in") for one in both)
    messages = [said for _, said in secret_paragraphs(Secrecy(messages=2))]
    assert messages[1:] == ['Replaced by "[removed]": values in 2 sensor messages.']


def test_a_recording_whose_name_holds_an_address_says_why_it_has_another(
    platform_lab: PlatformLab, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason of the other name is the address, not a name that is in use."""
    platform_lab.write(f"recordings/c05_session8_{ADDRESS}_20250610183500.mp4", make_video())
    assert main(["plan", "8", "--lab", str(platform_lab.root)]) == 0
    said = capsys.readouterr().out
    assert "recordings/c05_session8___20250610183500.mp4 has another name in the lab: a password or" in said
    assert "that name is taken" not in said
    assert main(["doctor", "--lab", str(platform_lab.root), "--all", "--json"]) in (0, 1)
    said = capsys.readouterr().out
    assert "recordings/c05_session8_[removed]_20250610183500.mp4" in said
    assert "session8___2025" not in said


def test_a_position_is_a_warning(platform_lab: PlatformLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A phone's video with its position gives one warning."""
    tags = {"com.apple.quicktime.location.ISO6709": "+40.0000-003.0000/"}
    platform_lab.write("sessions/Session8/walk.mov", make_video(container="mov", tags=tags))
    assert main(["plan", "8", "--lab", str(platform_lab.root), "--json"]) == 0
    warnings = [w for w in json.loads(capsys.readouterr().out)["warnings"] if "location" in w]
    assert len(warnings) == 1
    assert "recordings/walk.mov" in warnings[0]


def test_names_hold_no_secret(platform_lab: PlatformLab, tmp_path: Path) -> None:
    """In member names, sources and warnings each secret becomes ``_``; two files with equal results are both packed."""
    own = "sessions/Session8"
    for name in (f"{PASSWORD}.txt", f"{ADDRESS}.txt", f"{PASSWORD}/a.txt", f"cam {ADDRESS} x.mov"):
        platform_lab.write(f"{own}/{name}", make_video(container="mov") if name.endswith("mov") else name[-8:])
    platform_lab.write(f"{own}/empty {ADDRESS}.txt", b"")
    target = tmp_path / "a.zip"
    assert export(platform_lab, "8", target) == 0
    assert leaks(target) == []
    with zipfile.ZipFile(target) as file:
        names = set(file.namelist())
    assert {"data/session_files/_.txt", "data/session_files/_~2.txt"} <= names
    assert len([name for name in names if name.startswith("data/session_files/_")]) == 3


@pytest.mark.parametrize("text", ["rtsp://u:p@h/" * 460, "rtsp://user:" * 500, '{"password":"4711"},' * 300])
def test_a_status_holds_no_secret(platform_lab: PlatformLab, tmp_path: Path, text: str) -> None:
    """A stream URL or a lock's code in place of the session's state is removed."""
    platform_lab.json("data/user_3/cameras.json", [{"id": 9, "name": "hall", "note": text}])
    session = {"id": 77, "startTime": "2025-05-02T08:00:00Z", "endTime": "2025-05-02T09:00:00Z", "status": text[:50]}
    platform_lab.json("sessions/Session77/session_data.json", session)
    assert export(platform_lab, "77", tmp_path / "out.zip", "--allow-incomplete") == 0
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        metadata = json.loads(archive.read("data/session_metadata.json"))
    assert "[removed]" in metadata["session"]["status"]
    assert "rtsp:" not in metadata["session"]["status"]
    assert "4711" not in metadata["session"]["status"]


def test_another_password_is_another_search(
    platform_lab: PlatformLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A search result from before a password changed is not used; the old password is no secret any more."""
    platform_lab.write("sessions/Session8/a.txt", "the word is Another-Canary-9")

    def found() -> list[dict[str, Any]]:
        assert main(["plan", "8", "--lab", str(platform_lab.root), "--json"]) == 0
        secrets: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["secrets"]
        return secrets

    assert found() == []
    assert export(platform_lab, "8", tmp_path / "a.zip") == 0
    capsys.readouterr()
    for user in ("user_2", "user_3"):
        path = platform_lab.root / f"data/{user}/cameras.json"
        text = path.read_text()
        path.write_text(text.replace(PASSWORD, "Another-Canary-9"))
    assert [one["source"] for one in found()] == ["sessions/Session8/a.txt"]
    assert export(platform_lab, "8", tmp_path / "b.zip") == 19
    for user in ("user_2", "user_3"):
        path = platform_lab.root / f"data/{user}/cameras.json"
        path.write_text(path.read_text().replace("Another-Canary-9", PASSWORD))
    assert found() == []


def test_a_later_export_gives_the_same_bytes(platform_lab: PlatformLab, tmp_path: Path) -> None:
    """Redacting again from what the index has gives the same archive."""
    assert export(platform_lab, "7", tmp_path / "a.zip", "--redact") == 0
    assert export(platform_lab, "7", tmp_path / "b.zip", "--redact") == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
