"""The summary of a session's readings, from those of pieces that are known already."""

from collections.abc import Callable, Iterator

import polars as pl

from labcrate.readings.load.slice import Readings, RowPiece
from labcrate.readings.load.topics import Topics
from labcrate.readings.values.decode import Decoder
from labcrate.readings.write.summary import TableSummary, merge, select, summarise

_VERSION = 1
"""Increase it when summaries of the same readings become others."""


def summarise_readings(readings: Readings, check: Callable[[], None] = lambda: None) -> TableSummary:
    """Return the summary of the readings; pieces that were summarised before are not read.

    ``check`` is called before each piece; an exception that it raises ends the work.
    """
    return merge(_summaries(readings, check))


def _summaries(readings: Readings, check: Callable[[], None]) -> Iterator[TableSummary]:
    if readings.rows is None:
        return
    facts, decoder, devices = readings.rows.facts, Decoder(), devices_of(readings.topics)
    for piece in readings.rows.pieces():
        check()
        depends_on = _VERSION, piece.identity, devices
        known = facts.load_fact("summary", depends_on)
        whole = TableSummary.decode(known) if known else _summarise(piece, readings.topics, decoder)
        if known is None:
            facts.save_fact("summary", depends_on, whole.encode())
        chosen = select(whole, piece.kinds)
        yield summarise(piece.rows_of_selected(), readings.topics, decoder) if chosen is None else chosen


def _summarise(piece: RowPiece, topics: Topics, decoder: Decoder) -> TableSummary:
    rows: pl.DataFrame = piece.rows_of_all()
    return summarise(rows, topics, decoder)


def devices_of(topics: Topics) -> object:
    """Return what tables depend on of the lab's devices: not when they were last seen."""
    return topics.base, [(one.id, one.name, one.extra.get("definition")) for one in topics.devices]
