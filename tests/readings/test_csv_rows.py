"""Rows of a CSV are read whole and with their line, in any blocks, and a broken row affects no other."""

import csv
import io

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.rounds import rounds

from labcrate.readings.load.csv_rows import RowFormat, read_blocks

WIDTH = 3
cells = st.text(st.sampled_from('ab",\n é0'), max_size=6)
rows_of_cells = st.lists(st.tuples(cells, cells), max_size=12)


def written(rows: list[tuple[str, str]]) -> tuple[bytes, list[list[str]]]:
    """Return a CSV whose first column is a time, and its rows."""
    whole = [[f"2025-05-02T10:00:{number:02}.000Z", *row] for number, row in enumerate(rows)]
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["timestamp", "a", "b"], *whole])
    return text.getvalue().encode(), whole


def read(data: bytes, block_bytes: int) -> tuple[list[list[str]], list[int], list[int]]:
    """Return rows, their lines, and the broken lines."""
    file = io.BytesIO(data)
    file.readline()
    rows: list[list[str]] = []
    lines: list[int] = []
    broken: list[int] = []
    for block in read_blocks(file, RowFormat(WIDTH, [0]), block_bytes):
        whole, columns = block.cells_of_rows(range(len(block.lines)))
        rows += [list(row) for row in zip(*columns, strict=True)]
        lines += [block.lines[row] for row in whole]
        broken += [line for line in block.lines if line not in lines]
    return rows, lines, broken


@settings(deadline=None, max_examples=rounds(30, 60))
@given(rows_of_cells, st.integers(1, 400))
def test_rows_do_not_depend_on_the_blocks(rows: list[tuple[str, str]], block_bytes: int) -> None:
    """Any rows, with quotes and newlines inside, come out as written and with their line, whatever the block's size."""
    data, whole = written(rows)
    found, lines, broken = read(data, block_bytes)
    assert found == whole
    assert broken == []
    file_lines = data.decode().split("\n")
    assert all(file_lines[line - 1].startswith(f'"{row[0]}"') for line, row in zip(lines, found, strict=True))


@settings(deadline=None, max_examples=rounds(30, 60))
@given(rows_of_cells, st.data(), st.integers(1, 400))
def test_a_file_cut_off_anywhere_loses_its_last_row_alone(
    rows: list[tuple[str, str]], data: st.DataObject, block_bytes: int
) -> None:
    """Every row before the cut is read; the row that was cut is whole or reported as broken."""
    text, whole = written(rows)
    start = text.index(b"\n") + 1
    cut = data.draw(st.integers(start, len(text)))
    found, _, broken = read(text[:cut], block_bytes)
    ends = [len(written(rows[:number])[0]) for number in range(1, len(rows) + 1)]
    before = sum(end <= cut for end in ends)
    assert found[:before] == whole[:before]
    remainder = text[max([start, *ends[:before]]) : cut].strip()
    assert not remainder or bool(broken) != (len(found) == before + 1)


@settings(deadline=None, max_examples=rounds(30, 60))
@given(rows_of_cells, rows_of_cells, st.integers(1, 40), st.integers(1, 400))
def test_a_row_that_a_crash_cut_off_spoils_no_other(
    before: list[tuple[str, str]], after: list[tuple[str, str]], length: int, block_bytes: int
) -> None:
    """A half-written row in the middle of the file is named by its line, and every other row is read."""
    first, whole_first = written(before)
    second, whole_second = written(after)
    half = b'"2025-05-02T10:00:30.000Z","zigbee2mqtt/door","{""contact"":'[:length]
    data = first + half + b"\n" + second[second.index(b"\n") + 1 :]
    found, _, broken = read(data, block_bytes)
    assert found == whole_first + whole_second
    assert broken == [first.count(b"\n") + 1]
