"""``labcrate.open`` on archives that are odd or very large."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.forgeries import CONTENTS, MEMBERS, ForgedArchive, archive_of, build_archive

import labcrate
from labcrate.errors import VerificationError

HEAD = {"format": "labcrate session archive", "formatVersion": 3, "state": "complete", "session": {"id": 42}}
NAME = b"data/session_metadata.json"


def written(folder: Path, data: bytes) -> Path:
    """Return a file with these bytes."""
    path = folder / "a.zip"
    path.write_bytes(data)
    return path


def session(**more: object) -> bytes:
    """Return a session archive with more in its metadata."""
    return archive_of(CONTENTS | {NAME: json.dumps(HEAD | more).encode()})


def test_long_metadata_are_read_on_first_use(tmp_path: Path) -> None:
    """All of it is there, also over 1 MB; shorter ones are there after closing, too."""
    warnings = ["w" * 99] * 11_000
    with labcrate.open(written(tmp_path, session(warnings=warnings))) as archive:
        assert archive.session.id == "42"
        assert archive.warnings == tuple(warnings)
    with labcrate.open(written(tmp_path, session(warnings=["w"]))) as archive:
        pass
    assert archive.metadata == HEAD | {"warnings": ["w"]}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"session": {"id": 42, "notes": "n" * 2_000_000}}, "and at most 2,000,000 bytes are read"),
        ({"format": "f" * 2_100_000}, "and at most 2,000,000 bytes are read"),
        ({"format": "other"}, "is not a session archive"),
        ({"formatVersion": 99}, "update labcrate"),
        (
            {"x": "y" * 64_000_000},
            r"data/session_metadata\.json: it is [0-9,]+ bytes long, and at most 64,000,000 bytes are read",
        ),
    ],
)
def test_what_is_too_long_or_foreign_is_refused(tmp_path: Path, more: dict[str, object], message: str) -> None:
    """Each with one sentence that names what and how much."""
    with pytest.raises(VerificationError, match=message):
        labcrate.open(written(tmp_path, session(**more)))


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """Which of the two an unzipper takes cannot be known."""
    first, *rest = MEMBERS
    data = build_archive(ForgedArchive((first, replace(first, data=b"another\n"), *rest)))
    with pytest.raises(VerificationError, match="a name is in it twice"):
        labcrate.open(written(tmp_path, data))


def test_every_listed_member_opens(tmp_path: Path) -> None:
    """The names that are listed are those that ``open`` takes, whatever the script."""
    names = [*CONTENTS, "👩\u200d🔬.txt".encode(), b"a/b c.txt"]
    data = archive_of(dict.fromkeys(names, b"x") | {NAME: json.dumps(HEAD).encode()})
    with labcrate.open(written(tmp_path, data)) as archive:
        for name in archive.members:
            with archive.open(name) as file:
                assert file.read()
