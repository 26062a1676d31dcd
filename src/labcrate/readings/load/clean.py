"""Payloads without what must not leave: every one that may hold it is handed to a function that blanks it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from labcrate.readings.load.slice import Readings


def clean_payloads(
    readings: Readings, needles: Sequence[str], clean: Callable[[str, str], str]
) -> tuple[Readings, int]:
    """Replace payloads by what ``clean`` makes of topic and payload (compact JSON, which it must stay).

    Only readings whose topic or payload contains one of the ``needles``, in any case of letters, are looked at; without
    needles all are.
    Gives the readings, sorted as before by time, topic and payload, with the same counts, and how many of them changed;
    these very readings where none did.
    """
    if not len(readings):
        return readings, 0
    import polars as pl  # noqa: PLC0415

    frame = readings.frame
    suspects = frame.with_row_index("row").select("row", "topic", "payload")
    if needles:
        # Escapes could hide a letter of a key: any payload with one is looked at too.
        found = pl.any_horizontal(
            pl.col("topic", "payload").str.contains_any(list(needles), ascii_case_insensitive=True)
        )
        suspects = suspects.filter(found | pl.col("payload").str.contains("\\u", literal=True))
    changed = [
        (row, cleaned) for row, topic, payload in suspects.iter_rows() if (cleaned := clean(topic, payload)) != payload
    ]
    if not changed:
        return readings, 0
    rows = pl.Series([row for row, _ in changed], dtype=pl.UInt32)
    payloads = frame["payload"].scatter(rows, [text for _, text in changed])
    cleaned_frame = frame.with_columns(payloads.alias("payload")).sort("timestamp", "topic", "payload")
    return replace(readings, rows=cleaned_frame), len(changed)
