"""Indexing: correct checksums, nothing computed twice, no results for files that change meanwhile."""

import hashlib
import os
import sqlite3
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from labcrate.index.catalog import INDEX_FILE, Catalog
from labcrate.index.indexing import IndexRequest, Progress, index_files
from labcrate.index.secret_search import SecretSearcher
from labcrate.model.fixity import Fixity
from labcrate.model.recording import Probe
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.values import Secret, SecretKind, Secrets


def no_probe(_: BinaryIO, _path: str) -> Probe:
    """Return an empty probe, for tests of hashing only."""
    return Probe()


class Counted(Progress):
    """Adds up what it is told."""

    def __init__(self) -> None:
        self.files = self.total = self.done = 0
        self.finished: list[str] = []

    def begin(self, files: int, size_bytes: int) -> None:
        """Remember the announced work."""
        self.files, self.total = files, size_bytes

    def advance(self, size_bytes: int) -> None:
        """Add up."""
        self.done += size_bytes

    def finish(self, path: str) -> None:
        """Remember the file."""
        self.finished.append(path)


def wish(lab: Any, path: str) -> IndexRequest:
    """Request fixity and probe of a file in its present state."""
    return IndexRequest(path, lab.open().identity(path))


def test_fixity_is_that_of_the_bytes(lab: Any, tmp_path: Path) -> None:
    """Size, CRC-32 and SHA-256 are those of zlib and hashlib; the progress adds up to the size."""
    contents = {f"recordings/{size}.mp4": os.urandom(size) for size in (0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1)}
    for path, content in contents.items():
        lab.write(path, content)
    progress = Counted()
    with Catalog.open(tmp_path) as catalog:
        known, failures = index_files(lab.open(), catalog, [wish(lab, p) for p in contents], no_probe, progress)
    assert not failures
    for path, content in contents.items():
        fixity = known[path].fixity
        assert fixity is not None
        assert (fixity.size_bytes, fixity.crc32, fixity.sha256) == (
            len(content), zlib.crc32(content), hashlib.sha256(content).hexdigest(),
        )  # fmt: skip
    assert progress.done == progress.total == sum(map(len, contents.values()))
    assert sorted(progress.finished) == sorted(contents)


def test_a_known_file_is_not_read_again(lab: Any, tmp_path: Path) -> None:
    """The second run reads nothing; after a change it reads only the changed file."""
    for name in "ab":
        lab.write(f"recordings/{name}.mp4", name * 10)
    paths = ["recordings/a.mp4", "recordings/b.mp4"]
    with Catalog.open(tmp_path) as catalog:
        index_files(lab.open(), catalog, [wish(lab, p) for p in paths], no_probe)
        again = Counted()
        index_files(lab.open(), catalog, [wish(lab, p) for p in paths], no_probe, again)
        assert (again.files, again.done) == (0, 0)
        lab.write("recordings/a.mp4", "longer than before")
        third = Counted()
        known, _ = index_files(lab.open(), catalog, [wish(lab, p) for p in paths], no_probe, third)
    assert third.finished == ["recordings/a.mp4"]
    fixity = known["recordings/a.mp4"].fixity
    assert fixity is not None
    assert fixity.sha256 == hashlib.sha256(b"longer than before").hexdigest()


def test_a_file_that_grows_while_it_is_read_is_a_failure(lab: Any, tmp_path: Path) -> None:
    """A recording that is still written gets no fixity."""
    file = lab.write("recordings/a.mp4", "x" * 100)
    growing = wish(lab, "recordings/a.mp4")

    def probe_while_writing(_: BinaryIO, _path: str) -> Probe:
        with file.open("ab") as more:
            more.write(b"more")
        return Probe()

    with Catalog.open(tmp_path) as catalog:
        known, failures = index_files(lab.open(), catalog, [growing], probe_while_writing)
        assert catalog.all() == {}
    assert known == {}
    assert failures == {"recordings/a.mp4": "changed while it was read; it may still be written"}


def test_a_file_that_is_gone_is_a_failure_of_its_own(lab: Any, tmp_path: Path) -> None:
    """A deleted file is reported with the reason, and the others are indexed."""
    lab.write("recordings/a.mp4", "a")
    lab.write("recordings/b.mp4", "b")
    wishes = [wish(lab, "recordings/a.mp4"), wish(lab, "recordings/b.mp4")]
    (lab.root / "recordings/a.mp4").unlink()
    with Catalog.open(tmp_path) as catalog:
        known, failures = index_files(lab.open(), catalog, wishes, no_probe)
    assert list(known) == ["recordings/b.mp4"]
    assert failures == {"recordings/a.mp4": "no longer exists"}


def test_an_interrupted_run_keeps_what_was_finished(lab: Any, tmp_path: Path) -> None:
    """Ctrl-C loses no finished file: the next run continues after it."""
    for number in range(4):
        lab.write(f"recordings/{number}.mp4", "x" * (10 - number))
    wishes = [wish(lab, f"recordings/{n}.mp4") for n in range(4)]
    seen: list[str] = []

    class Impatient(Progress):
        """Stops the run after two files."""

        def finish(self, path: str) -> None:
            """Count and stop."""
            seen.append(path)
            if len(seen) == 3:
                raise KeyboardInterrupt

    with Catalog.open(tmp_path) as catalog:
        with pytest.raises(KeyboardInterrupt):
            index_files(lab.open(), catalog, wishes, no_probe, Impatient(), workers=1)
        kept = set(catalog.all())
    assert set(seen[:2]) <= kept


def searcher(catalog: Any, *values: str) -> SecretSearcher:
    """Return a search for these passwords."""
    return SecretSearcher(Matcher(Secrets(tuple(Secret(value, SecretKind.PASSWORD) for value in values))), catalog)


def test_a_file_is_searched_in_the_reading_that_hashes_it(
    lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fixity and secrets are found in one reading, both correct."""
    path = "recordings/big.wav"
    content = b"RIFF" + bytes(5 << 20) + b"Some-Password-1" + bytes(3 << 20)
    lab.write(path, content)
    monkeypatch.setattr("labcrate.index.indexing.fixity_of", lambda *_: pytest.fail("read a second time"))
    progress = Counted()
    with Catalog.open(tmp_path) as catalog:
        known, _ = index_files(
            lab.open(), catalog, [wish(lab, path)], no_probe, progress, searcher=searcher(catalog, "Some-Password-1")
        )
    assert known[path].fixity == Fixity.of_bytes(content)
    found = known[path].search
    assert found is not None
    assert found.result.kinds == (SecretKind.PASSWORD,)
    assert progress.done == len(content)


def test_results_of_a_search_are_kept_until_other_values_are_searched_for(lab: Any, tmp_path: Path) -> None:
    """With the same secrets a file is not opened; with others it is searched again, but not hashed again."""
    path = "recordings/a.txt"
    lab.write(path, b"Some-Password-1 and Other-Password-2")
    with Catalog.open(tmp_path) as catalog:
        first = searcher(catalog, "Some-Password-1")
        index_files(lab.open(), catalog, [wish(lab, path)], no_probe, searcher=first)
    with Catalog.open(tmp_path) as catalog:
        assert searcher(catalog, "Some-Password-1").fingerprint == first.fingerprint, "the key is the index's"
        assert wish(lab, path).is_satisfied_by(catalog.lookup({path: lab.open().identity(path)})[path], first)
        other = searcher(catalog, "Other-Password-2", "Some-Password-1")
        assert not wish(lab, path).is_satisfied_by(catalog.lookup({path: lab.open().identity(path)})[path], other)
        known, _ = index_files(lab.open(), catalog, [wish(lab, path)], no_probe, searcher=other)
    found = known[path].search
    assert found is not None
    assert found.result.count == 2


def test_no_value_and_no_plain_hash_of_one_is_in_the_index(lab: Any, tmp_path: Path) -> None:
    """The index has only a keyed hash of the secrets, with a different key in every index."""
    path = "recordings/a.txt"
    lab.write(path, b"Some-Password-1")
    marks = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with Catalog.open(tmp_path / name) as catalog:
            sought = searcher(catalog, "Some-Password-1")
            index_files(lab.open(), catalog, [wish(lab, path)], no_probe, searcher=sought)
        data = (tmp_path / name / INDEX_FILE).read_bytes()
        assert b"Some-Password-1" not in data
        assert sought.fingerprint.encode() in data
        marks.append(sought.fingerprint)
    assert marks[0] != marks[1]


def test_an_index_of_an_earlier_version_is_made_anew(lab: Any, tmp_path: Path) -> None:
    """The index of version 1 is rebuilt."""
    old = sqlite3.connect(tmp_path / INDEX_FILE)
    old.executescript("CREATE TABLE file (path BLOB PRIMARY KEY, probe TEXT); PRAGMA user_version = 1;")
    old.close()
    path = "recordings/a.txt"
    lab.write(path, b"x")
    with Catalog.open(tmp_path) as catalog:
        sought = searcher(catalog, "Some-Password-1")
        index_files(lab.open(), catalog, [wish(lab, path)], no_probe, searcher=sought)
    with Catalog.open(tmp_path) as catalog:
        assert catalog.all()[path].search_with(sought.fingerprint) is not None
