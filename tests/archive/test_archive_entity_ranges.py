"""The promise of the archive entity: any range of it is the same range of the file that is written."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.rounds import rounds
from tests.support.values import replace

from labcrate.archive.copying import COPY_METHODS, write_entity
from labcrate.archive.entity import Entity
from labcrate.archive.layout import FileSource, Layout, Member, Patch, name_problem
from labcrate.model.fixity import Fixity, Identity

SIZES = [0, 1, 4095, 4096, 4097, 65535, 65536, 65537, 300_000]
NAMES = st.text(min_size=1, max_size=40).filter(lambda name: name_problem(name) is None)
TIMES = st.integers(-(10**19), 10**19)


@contextmanager
def entity_of(names: list[str], draw: st.DataObject) -> Iterator[tuple[Entity, Path]]:
    """Yield members of the given names: some in memory, some in files, of sizes around every threshold."""
    with TemporaryDirectory() as folder:
        members = []
        for index, name in enumerate(names):
            data = random.Random(index).randbytes(draw.draw(st.sampled_from(SIZES) | st.integers(0, 9000)))  # noqa: S311
            member = Member.of_bytes(name, data, draw.draw(TIMES))
            if draw.draw(st.booleans()):
                path = Path(folder, str(index))
                # The bytes under a patch are different on the disk: without the patch, the member would be another.
                cuts = draw.draw(st.lists(st.integers(0, len(data)), max_size=8).map(sorted))
                parts = list(zip(cuts[::2], cuts[1::2], strict=False))
                raw = bytearray(data)
                for start, stop in parts:
                    raw[start:stop] = bytes(byte ^ 0xFF for byte in raw[start:stop])
                path.write_bytes(raw)
                patches = tuple(Patch(start, data[start:stop]) for start, stop in parts)
                source = FileSource.at(path, Identity.of(path.stat()), str(index))
                member = replace(member, source=replace(source, patches=patches))
            members.append(member)
        yield Entity(Layout(members)), Path(folder, "out.zip")


@settings(deadline=None)
@given(st.lists(NAMES, max_size=6, unique=True), st.data())
def test_any_range_is_that_range_of_the_file(names: list[str], data: st.DataObject) -> None:
    """For any members and any start and stop, across headers, padding, members and directory: the same bytes."""
    with entity_of(names, data) as (entity, path):
        with path.open("wb") as file:
            write_entity(entity, file.fileno(), methods=COPY_METHODS[data.draw(st.integers(0, 2)) :])
        whole = path.read_bytes()
        assert len(whole) == entity.length
        for at, member in zip(entity.layout.data_offsets, entity.layout.members, strict=True):
            assert Fixity.of_bytes(whole[at : at + member.fixity.size_bytes]) == member.fixity
        layout = entity.layout
        edges = [0, *layout.header_offsets, *layout.data_offsets, *layout.central_offsets, layout.end_offset]
        near = st.builds(lambda at, by: at + by, st.sampled_from(edges), st.integers(-3, 3))
        position = (st.integers(0, entity.length) | near).map(lambda at: min(max(at, 0), entity.length))
        for _ in range(8):
            start, stop = sorted((data.draw(position), data.draw(position)))
            assert b"".join(entity.read_range(start, stop)) == whole[start:stop]


@settings(deadline=None, max_examples=rounds(15, 30))
@given(st.lists(NAMES, max_size=6, unique=True), st.data())
def test_adjoining_ranges_make_up_the_whole(names: list[str], data: st.DataObject) -> None:
    """Wherever a download is broken off and resumed, the parts together are the archive."""
    with entity_of(names, data) as (entity, _):
        cuts = data.draw(st.lists(st.integers(0, entity.length), max_size=6))
        bounds = [0, *sorted(cuts), entity.length]
        parts = [b"".join(entity.read_range(start, stop)) for start, stop in pairwise(bounds)]
        assert b"".join(parts) == b"".join(entity.read_range())
