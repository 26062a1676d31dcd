"""Signature and key files that anybody may have made: checking them says something, and never fails otherwise."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from minisign import Signature
from tests.support.rounds import rounds

from labcrate.archive.keys import PublicKey, Signer, new_secret_key, parse_public_key
from labcrate.archive.manifest import MANIFEST_NAME
from labcrate.archive.signature import verify_signed
from labcrate.messages.text import printable

MORE_EXAMPLES = settings(max_examples=rounds(80, 400), suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PublicKey, bytes]:
    """Return a ZIP with a manifest (not in labcrate's layout), the key, and its signature."""
    path = tmp_path_factory.mktemp("signed") / "out.zip"
    manifest = b"0" * 64 + b"  README.txt\n"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(MANIFEST_NAME, manifest)
    signer = Signer(new_secret_key())
    return path, signer.public, signer.sign(manifest)


def problems(archive: tuple[Path, PublicKey, bytes], data: bytes) -> list[str]:
    """Return the texts of the findings about a signature file."""
    path, key, _ = archive
    beside = path.with_name("mutated.minisig")
    beside.write_bytes(data)
    findings = verify_signed(path, key, beside).findings
    return [finding.text for finding in findings if finding.kind == "signature"]


def test_the_signature_as_it_is_passes(archive: tuple[Path, PublicKey, bytes]) -> None:
    """The one that the others are made of is good."""
    assert problems(archive, archive[2]) == []


@MORE_EXAMPLES
@given(at=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_no_changed_byte_is_overlooked(archive: tuple[Path, PublicKey, bytes], at: int, flip: int) -> None:
    """A byte that is changed is found, but in the comment that is not trusted and in the line breaks."""
    data = bytearray(archive[2])
    lines = archive[2].split(b"\n")
    first = len(lines[0])
    at = first + 1 + at % (len(data) - first - 1)
    data[at] ^= flip
    if data.splitlines() != archive[2].splitlines():
        assert len(problems(archive, bytes(data))) == 1


@MORE_EXAMPLES
@given(data=st.binary(max_size=600))
def test_any_bytes_are_one_finding(archive: tuple[Path, PublicKey, bytes], data: bytes) -> None:
    """Noise in place of a signature is named, without a traceback and without a second finding."""
    assert len(problems(archive, data)) == 1


@MORE_EXAMPLES
@given(
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 40), st.binary(max_size=40)), min_size=1, max_size=6)
)
def test_any_edit_is_a_finding_or_none(archive: tuple[Path, PublicKey, bytes], edits: Any) -> None:
    """Pieces cut out and put in: at most one finding, which shows nothing that a terminal would obey."""
    data = archive[2]
    for at, length, piece in edits:
        data = data[:at] + piece + data[at + length :]
    found = problems(archive, data)
    assert len(found) <= 1
    assert all(printable(text) == text for text in found)


@MORE_EXAMPLES
@given(data=st.binary(max_size=300) | st.text(max_size=120))
def test_any_key_is_refused_in_words(data: bytes | str) -> None:
    """Noise in place of a public key is a ValueError, whatever it is."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_public_key(data)


@MORE_EXAMPLES
@given(at=st.integers(0, 250), flip=st.integers(1, 255))
def test_a_damaged_secret_key_signs_right_or_not_at_all(at: int, flip: int) -> None:
    """A secret key with a changed byte is refused, or makes signatures that its own public key verifies."""
    data = bytearray(SECRET)
    data[at % len(data)] ^= flip
    try:
        signer = Signer(bytes(data))
    except ValueError:
        return
    signer.public.verify(io.BytesIO(b"manifest"), Signature.from_bytes(signer.sign(b"manifest")))


SECRET = new_secret_key()
