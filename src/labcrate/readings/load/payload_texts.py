"""Payloads as compact JSON, many at a time: most are compact objects already, which one pass over all of them shows."""

from collections.abc import Callable, Sequence

import msgspec
import polars as pl

from labcrate.readings.load.payload import MAX_DEPTH

_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_FEW = 32
_LONG = 1 << 16


def compact_texts(cells: pl.Series, compact_one: Callable[[str], str | None]) -> pl.Series:
    """Return each text as compact JSON, null where it cannot be read.

    ``compact_one`` returns this for one text, None if it cannot be read; it is not called for JSON objects that are
    compact already.
    """
    suspect = (
        ~cells.str.starts_with("{")
        | cells.str.contains("\\u", literal=True)
        | (cells.str.len_bytes() > _LONG)
        | (cells.str.count_matches(r"[\{\[]") > MAX_DEPTH)
    ).fill_null(True)
    usual = cells.filter(~suspect)
    if len(usual) == len(cells) and _are_compact(usual):
        return cells
    texts = cells.to_list()
    rest = set(suspect.arg_true().to_list())
    _compact(texts, [row for row in range(len(texts)) if row not in rest], compact_one)
    for row in rest:
        texts[row] = None if texts[row] is None else compact_one(texts[row])
    return pl.Series(cells.name, texts, dtype=pl.String)


def _compact(texts: list[str | None], rows: Sequence[int], compact_one: Callable[[str], str | None]) -> None:
    """Compact the texts in these rows in place: one by one only those among which some are not compact."""
    if not rows or _are_compact(pl.Series([texts[row] for row in rows], dtype=pl.String)):
        return
    if len(rows) <= _FEW:
        for row in rows:
            text = texts[row]
            texts[row] = None if text is None else compact_one(text)
        return
    half = len(rows) // 2
    _compact(texts, rows[:half], compact_one)
    _compact(texts, rows[half:], compact_one)


def _are_compact(texts: pl.Series) -> bool:
    """Return whether every text is one JSON object without whitespace between its tokens."""
    if not len(texts):
        return True
    joined = ("[" + ",".join(texts) + "]").encode()
    try:
        parts = _RAWS.decode(joined)
        # Two broken texts may be valid beside each other: the lengths show whether they were split where they join.
        if list(map(len, parts)) != texts.str.len_bytes().to_list():
            return False
        return bool(msgspec.json.format(joined, indent=-1) == joined)
    except (ValueError, RecursionError):
        return False


def raw_texts(raws: Sequence[msgspec.Raw]) -> pl.Series | None:
    """Return undecoded JSON values as texts without whitespace between their tokens; None if some are not UTF-8."""
    joined = b"[" + b",".join(raws) + b"]"
    try:
        formatted = msgspec.json.format(joined, indent=-1)
        parts = _RAWS.decode(formatted)
        if len(parts) != len(raws):
            return None
        return pl.Series([bytes(part) for part in parts], dtype=pl.Binary).cast(pl.String)
    except (ValueError, RecursionError, pl.exceptions.PolarsError):
        return None
