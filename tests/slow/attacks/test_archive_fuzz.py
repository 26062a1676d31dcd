"""Archives with random changes: findings or a refusal, little memory, and none accepted that unzippers read otherwise.

``LABCRATE_ATTACK_ROUNDS=5000`` tries more; the seed is fixed, so a number of rounds always tries the same.
"""

import os
import random
import shutil
import subprocess
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.forgeries import (
    CENTRAL,
    CONTENTS,
    END,
    FORGED,
    LOCAL,
    MEMBERS,
    SOUND,
    WHOLE,
    ForgedArchive,
    ForgedMember,
    archive_of,
    build_archive,
    members_of,
)

import labcrate
from labcrate.archive import records
from labcrate.archive.directory import printable_name
from labcrate.archive.verify import verify_archive
from labcrate.errors import LabcrateError, VerificationError
from labcrate.messages.text import printable

ROUNDS = int(os.environ.get("LABCRATE_ATTACK_ROUNDS", "400"))
MOST = 100 * 1024 * 1024
"""The memory that one archive of less than 1 MB may take, in bytes as Python counts them."""

METADATA = b'{"format": "labcrate session archive", "formatVersion": 3, "state": "complete", "session": {"id": 42}}'
SESSION = archive_of(CONTENTS | {b"data/session_metadata.json": METADATA, b"datapackage.json": b'{"resources": []}'})
PARTS = (
    *("a", "A", "b", "ab", "a.", "a ", " a", ".a", "..", ".", "", "-a", "~", "$a", "%2e", "@a", "#U00e4", "a:b"),
    *("a\\b", "con", "nul.txt", ".git", "git~1", "*", "?", "[a]", "{b}", "'", "`", ";", "a;1", "&", "!", "^", "="),
    *("\u00e4", "a\u0308", "\u00c4", "\u00df", "ss", "\u0131", "I", "i", "\u0130", "\u212a", "k", "\ufb01", "fi"),
    *("\u03c2", "\u03c3", "\u200d", "a\u200d", "\u202e", "\x1b", "\x7f", "\x85", "\u00a0", "\u3000", "\u00ad"),
    *("\u0344", "\u0958", "\u1e9b\u0323", "\u2126", "\uac00", "\u1100\u1161", "\U0001f469\u200d\U0001f52c"),
    *("\U0010ffff", "\ue000", "\u2215", "\uff0f", "\uff3c", "x" * 255, "\u9577" * 85, "x" * 256, "+"),
)  # fmt: skip
VALUES = (0, 1, 2, 8, 20, 45, 99, 0xFF, 1 << 11, 1 << 15, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
LIMITS = {"I": 0xFFFFFFFF, "H": 0xFFFF}


def seeds() -> list[bytes]:
    """Return the archives to be changed: valid ones, one that can be opened, and forgeries."""
    forged = [FORGED[name][0]() for name in ("deflated", "a data descriptor", "an end record in the comment", "twice")]
    return [WHOLE, SESSION, *forged, *(make() for make in SOUND.values())]


def changed(data: bytes, chance: random.Random) -> bytes:
    """Return the bytes with one to four changes of any kind, most of them in structures."""
    for _ in range(chance.randint(1, 4)):
        marks = [at for mark in (b"PK\1\2", b"PK\3\4", b"PK\5\6") for at in places(data, mark)] or [0]
        at = min(max(0, chance.choice(marks) + chance.randint(-4, 60)), len(data))
        if chance.random() < 0.2:
            at = chance.randint(0, len(data))
        stop = min(len(data), at + chance.choice((0, 1, 2, 4, 30)))
        other = chance.randint(0, len(data))
        new = (
            b"",
            chance.randbytes(stop - at),
            chance.choice(VALUES).to_bytes(4, "little")[: stop - at],
            data[other : other + chance.choice((4, 46, 500))],
            b"PK\5\6" + chance.randbytes(18),
        )[chance.randrange(5)]
        data = data[:at] + new + data[stop:]
    return data


def places(data: bytes, mark: bytes) -> Iterator[int]:
    """Return the positions of a mark."""
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + 1)


def with_fields(chance: random.Random) -> bytes:
    """Return an archive with wrong values in a few header fields."""

    def fields(names: tuple[str, ...], codes: str) -> dict[str, int]:
        picked = chance.sample(range(1, len(names)), chance.randint(0, 2))
        return {names[index]: min(chance.choice(VALUES), LIMITS[codes[index]]) for index in picked}

    pieces = list(MEMBERS)
    for _ in range(chance.randint(0, 2)):
        index = chance.randrange(len(pieces))
        local = fields(LOCAL, records.LOCAL_HEADER.format[1:])
        central = fields(CENTRAL, records.CENTRAL_HEADER.format[1:])
        pieces[index] = replace(pieces[index], local=local, central=central)
    return build_archive(ForgedArchive(tuple(pieces), end=fields(END, records.END_RECORD.format[1:])))


def with_names(chance: random.Random) -> bytes:
    """Return an archive whose members, all in its manifest, have odd names; many such archives are valid."""
    names = {"/".join(chance.choices(PARTS, k=chance.randint(1, 3))).encode() for _ in range(chance.randint(1, 4))}
    contents = {name: chance.randbytes(chance.choice((0, 5, 300))) for name in sorted(names)}
    pieces: tuple[ForgedMember, ...] = members_of(contents)
    return build_archive(ForgedArchive(tuple(chance.sample(pieces, len(pieces)))))


def whole(path: Path) -> bool:
    """Return whether verify accepts it; an exception that is no refusal fails the test."""
    try:
        report = verify_archive(path)
    except VerificationError:
        return False
    assert all(printable(finding.text) == finding.text and len(finding.text) < 3000 for finding in report.findings)
    return not report.findings


def opened(path: Path) -> None:
    """Open an archive and read its contents; an exception that is no LabcrateError fails the test."""
    try:
        with labcrate.open(path) as archive:
            for name in archive.members:
                with archive.open(name) as file:
                    file.read()
    except LabcrateError as error:
        if printable(str(error)) != str(error):
            raise


def by_zipfile(path: Path, folder: Path) -> None:
    """Unpack with Python."""
    with zipfile.ZipFile(path) as file:
        file.extractall(folder)


def by_program(*words: str) -> Callable[[Path, Path], None]:
    """Unpack with a program."""

    def unpack(path: Path, folder: Path) -> None:
        environment = os.environ | {"LC_ALL": "C.UTF-8"}
        done = subprocess.run([*words, path], cwd=folder, capture_output=True, check=False, env=environment)
        assert done.returncode == 0, done

    return unpack


TOOLS = {
    "Python": by_zipfile,
    "unzip": by_program("unzip", "-q"),
    "bsdtar": by_program("bsdtar", "-xf"),
    "7z": by_program("7z", "x", "-bd"),
}


def unpacked(path: Path, tool: str) -> dict[str, bytes]:
    """Return contents by path, as a tool unpacks them."""
    folder = path.with_name("out")
    folder.mkdir()
    TOOLS[tool](path, folder)
    found = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    shutil.rmtree(folder)
    return found


def test_random_changes_end_in_an_answer_and_little_memory(tmp_path: Path) -> None:
    """Random changes of bytes and header fields give findings or a refusal; only unchanged archives are accepted."""
    chance, originals = random.Random(11), seeds()  # noqa: S311 - the same ones each time
    sound = {WHOLE, SESSION, *(make() for make in SOUND.values())}
    path = tmp_path / "a.zip"
    tracemalloc.start()
    try:
        for number in range(ROUNDS):
            data = with_fields(chance) if number % 3 == 0 else changed(chance.choice(originals), chance)
            path.write_bytes(data)
            assert not whole(path) or data in sound, number
            opened(path)
            assert tracemalloc.get_traced_memory()[1] < MOST, number
            tracemalloc.reset_peak()
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("tool", TOOLS)
def test_random_names_that_are_called_whole_are_the_same_to_every_unzipper(tool: str, tmp_path: Path) -> None:
    """Archives with odd names and without findings unpack to exactly their members."""
    if tool != "Python" and not shutil.which(tool):
        pytest.skip(f"{tool} is not installed: this unzipper was not tried")
    chance, path, sound = random.Random(12), tmp_path / "a.zip", 0  # noqa: S311
    for number in range(ROUNDS):
        path.write_bytes(with_names(chance))
        if whole(path):
            sound += 1
            with zipfile.ZipFile(path) as file:
                expected = {info.filename: file.read(info) for info in file.infolist()}
            assert unpacked(path, tool) == expected, (number, [printable_name(name.encode()) for name in expected])
    assert sound > ROUNDS // 10
