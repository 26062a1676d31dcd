"""Payloads as compact JSON, many at a time: most are compact objects already, which one pass over all of them shows."""

from collections.abc import Callable, Sequence

import msgspec
import polars as pl

from labcrate.readings.load.payload import MAX_DEPTH

_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_FEW = 32
_LONG = 1 << 16

CompactOne = Callable[[str], str | None]
"""Returns one text as compact JSON, None if it cannot be read."""


def compact_texts(cells: pl.Series, compact_one: CompactOne) -> pl.Series:
    """Return each text as compact JSON, null where it cannot be read.

    ``compact_one`` is not called for JSON objects that are compact already.
    """
    joined = _join(cells)
    usual = ~_unusual(cells, joined)
    if usual.all() and _are_compact(cells, joined):
        return cells
    texts = cells.to_list()
    _compact(texts, usual.arg_true().to_list(), compact_one)
    return _compact_each(cells.name, texts, (~usual).arg_true().to_list(), compact_one)


def compact_raws(raws: Sequence[msgspec.Raw], compact_one: CompactOne) -> pl.Series | None:
    """Return undecoded JSON values as compact JSON, as `compact_texts` does; None if one of them is not UTF-8."""
    joined = b"[" + b",".join(raws) + b"]"
    try:
        compact = msgspec.json.format(joined, indent=-1)
        parts = raws if len(compact) == len(joined) else _RAWS.decode(compact)
        texts = pl.Series([bytes(part) for part in parts], dtype=pl.Binary).cast(pl.String)
    except (ValueError, RecursionError, pl.exceptions.PolarsError):
        return None
    unusual = _unusual(texts, compact)
    if not unusual.any():
        return texts
    return _compact_each(texts.name, texts.to_list(), unusual.arg_true().to_list(), compact_one)


def _unusual(texts: pl.Series, joined: bytes) -> pl.Series:
    """Return which texts must be read one by one: no objects, escapes of halves of letters, long and deep ones."""
    unusual = ~texts.str.starts_with("{")
    if b"\\u" in joined:
        unusual |= texts.str.contains("\\u", literal=True)
    if len(joined) > _LONG:
        unusual |= texts.str.len_bytes() > _LONG
    # A text that is too deep has many brackets more than the one that every object has.
    if joined.count(b"{") + joined.count(b"[") > len(texts) + MAX_DEPTH:
        brackets = texts.str.count_matches("{", literal=True) + texts.str.count_matches("[", literal=True)
        unusual |= brackets > MAX_DEPTH
    return unusual.fill_null(True)


def _compact_each(name: str, texts: list[str | None], rows: Sequence[int], compact_one: CompactOne) -> pl.Series:
    for row in rows:
        text = texts[row]
        texts[row] = None if text is None else compact_one(text)
    return pl.Series(name, texts, dtype=pl.String)


def _compact(texts: list[str | None], rows: Sequence[int], compact_one: CompactOne) -> None:
    """Replace the texts in these rows by compact ones: one by one only those among which some are not compact."""
    if len(rows) <= _FEW:
        _compact_each("", texts, rows, compact_one)
        return
    some = pl.Series([texts[row] for row in rows], dtype=pl.String)
    if not _are_compact(some, _join(some)):
        half = len(rows) // 2
        _compact(texts, rows[:half], compact_one)
        _compact(texts, rows[half:], compact_one)


def _join(texts: pl.Series) -> bytes:
    return b"[" + (texts.str.join(",").item() or "").encode() + b"]"


def _are_compact(texts: pl.Series, joined: bytes) -> bool:
    """Return whether every text is one JSON value without whitespace between its tokens."""
    try:
        parts = _RAWS.decode(joined)
        # Two broken texts may be valid beside each other: the lengths show whether they were split where they join.
        if list(map(len, parts)) != texts.str.len_bytes().to_list():
            return not len(texts)
        return len(msgspec.json.format(joined, indent=-1)) == len(joined)
    except (ValueError, RecursionError):
        return False
