"""A secret at any place in a copied file is found, and redacting removes it and nothing else."""

import random
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.platform_lab import ADDRESS, PASSWORD, PlatformLab, make_video
from tests.support.rounds import rounds

from labcrate.archive.copying import COPY_METHODS, write_entity
from labcrate.archive.entity import Entity
from labcrate.errors import SecretsError
from labcrate.export.prepare import prepare_archive
from labcrate.lab.folder import LabFolder
from labcrate.plan.options import Options

SPELLINGS = (
    PASSWORD.encode(),
    f"rtsp://operator:{PASSWORD}@{ADDRESS}:554/live".encode(),
    "".join(f"\\u{ord(c):04x}" for c in PASSWORD).encode(),
    "".join(f"%{ord(c):02X}" for c in PASSWORD).encode(),
    PASSWORD.encode("utf-16-le"),
)


@pytest.fixture(scope="module")
def lab() -> Any:
    """Build one lab for all examples; only one file of it changes."""
    with TemporaryDirectory() as folder:
        yield PlatformLab(Path(folder, "lab")).build()


def member(lab: PlatformLab, name: str, methods: int = 0) -> bytes:
    """Return a member of session 8's redacted archive."""
    with prepare_archive(
        LabFolder(lab.root), "8", Options(redact=True), with_fixity=True, stop_on_secrets=True
    ) as assembly:
        entity = Entity(assembly.layout)
        target = lab.root.parent / "out.zip"
        with target.open("wb") as file:
            write_entity(entity, file.fileno(), methods=COPY_METHODS[methods:])
        whole = target.read_bytes()
        choice = random.Random(len(whole))  # noqa: S311
        for _ in range(10):
            start, stop = sorted((choice.randrange(len(whole)), choice.randrange(len(whole))))
            assert b"".join(entity.read_range(start, stop)) == whole[start:stop]
        with zipfile.ZipFile(target) as archive:
            return archive.read(name)


@pytest.mark.thorough
@settings(deadline=None, max_examples=rounds(10, 40))
@given(st.data())
def test_a_text_loses_its_secrets_and_nothing_else(lab: PlatformLab, data: st.DataObject) -> None:
    """A text is refused as it is; in its copy each secret is one ``[removed]`` and the rest is unchanged."""
    around = st.text("abc ,;\n\"'é", max_size=60).map(lambda text: f" {text} ".encode())
    parts, secrets = [data.draw(around)], data.draw(st.lists(st.sampled_from(SPELLINGS[:4]), min_size=1, max_size=4))
    expected = [parts[0]]
    for secret in secrets:
        between = data.draw(around)
        parts += [secret, between]
        expected += [b"[removed]", between]
    lab.write("sessions/Session8/notes.txt", b"".join(parts))
    with pytest.raises(SecretsError), prepare_archive(LabFolder(lab.root), "8", with_fixity=True, stop_on_secrets=True):
        pass
    assert member(lab, "data/session_files/notes.txt") == b"".join(expected)


@pytest.mark.thorough
@settings(deadline=None, max_examples=rounds(8, 25))
@given(st.sampled_from(SPELLINGS), st.text("abc ", max_size=300), st.integers(0, 2))
def test_a_video_keeps_size_and_pictures(lab: PlatformLab, secret: bytes, around: str, methods: int) -> None:
    """For any spelling in a tag, the secret is removed and no byte of the pictures changes, in every way of copying."""
    text = secret.decode("latin-1").replace("\0", "")
    before = make_video(tags={"comment": f"{around} {text} {around}", "title": "a title"}, container="mov")
    lab.write("sessions/Session8/notes.txt", b"nothing")
    lab.write("sessions/Session8/phone.mov", before)
    after = member(lab, "recordings/phone.mov", methods)
    assert len(after) == len(before)
    start = before.index(b"mdat")
    stop = start + int.from_bytes(before[start - 4 : start], "big")
    assert after[start:stop] == before[start:stop]
    assert text.encode() not in after
    assert b"a title" in after, "tags without a secret stay"
    (lab.root / "sessions/Session8/phone.mov").unlink()
