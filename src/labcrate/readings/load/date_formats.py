"""Date formats that a lab configures, and the advice for dates that are ambiguous.

``02/03/2025 10:00`` is a day in March or in February: it is never guessed.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

import polars as pl

from labcrate.messages.message import Message

_REQUIRED = (("%Y", "%y"), ("%m", "%b", "%B"), ("%d",))
# Directives that strptime and Polars read alike; %f and the others are read by Python only.
_SAME_IN_POLARS = re.compile(r"(?:[^%]|%[YmdHMS%])*")
_SURE_FROM = datetime(1970, 1, 1, tzinfo=UTC)
_SURE_TO = datetime(2100, 1, 1, tzinfo=UTC)
_EPOCH = _SURE_FROM
_DATE = re.compile(
    r"\s*(?P<a>\d{1,4})(?P<sep>[/. -])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{2,4})"
    r"(?P<gap>,?[ T]|$)(?P<time>\d{1,2}:\d{2}(?P<s>:\d{2})?)?(?P<f>[.,]\d{1,6})?(?P<p> ?[AaPp][Mm])?\s*"
)
_COMPACT = re.compile(r"\s*\d{14}\s*")


def check_date_format(text: str) -> None:
    """Check a strptime format of a date and time.

    Raises ValueError with one sentence if it lacks day, month or year, or contains an unknown directive.
    """
    for group in _REQUIRED:
        if not any(one in text for one in group):
            raise ValueError(Message("readings.date_format_incomplete", format=text, directives=", ".join(group)))
    now = datetime(2025, 11, 30, 21, 42, 37, tzinfo=UTC)
    try:
        datetime.strptime(now.strftime(text), text)  # noqa: DTZ007
    except ValueError as error:
        raise ValueError(Message("readings.date_format_invalid", format=text, reason=str(error))) from error


def read_formats(texts: pl.Series, formats: Sequence[str]) -> tuple[pl.Series, pl.Series]:
    """Read times in the first format that fits each.

    Return microseconds since 1970 (null where none fits; a time without a zone as if it were UTC), and which had no
    zone.
    """
    frame = texts.alias("text").to_frame().select("text", us=pl.lit(None, pl.Int64), naive=pl.lit(False))
    for one in formats:
        if not frame["us"].null_count():
            break
        us, naive = _read(frame["text"], one)
        found = frame["us"].is_null() & us.is_not_null()
        frame = frame.with_columns(us=frame["us"].fill_null(us), naive=frame["naive"] | (found & naive))
    return frame["us"], frame["naive"]


def _read(texts: pl.Series, one: str) -> tuple[pl.Series, pl.Series]:
    if _SAME_IN_POLARS.fullmatch(one):
        # Polars reads "25" as the year 25 for %Y; Python does not, so it reads such a row.
        time = texts.str.to_datetime(one, time_unit="us", strict=False)
        sure = time.is_between(_SURE_FROM.replace(tzinfo=None), _SURE_TO.replace(tzinfo=None))
        us = time.cast(pl.Int64).to_frame("us").select(pl.when(sure.fill_null(False)).then("us"))["us"]
    else:
        us = pl.repeat(None, len(texts), dtype=pl.Int64, eager=True)
    naive = pl.repeat(True, len(texts), eager=True)
    if us.null_count() == texts.null_count():
        return us, naive
    left = texts.filter(us.is_null() & texts.is_not_null()).unique().to_list()
    read = pl.DataFrame([(text, *_parse(text, one)) for text in left], _READ, orient="row")
    joined = texts.alias("text").to_frame().join(read, on="text", how="left", maintain_order="left")
    return us.fill_null(joined["us"]), naive & joined["naive"].fill_null(True)


_READ = {"text": pl.String, "us": pl.Int64, "naive": pl.Boolean}


def _parse(text: str, one: str) -> tuple[int | None, bool]:
    try:
        time = datetime.strptime(text.strip(), one)  # noqa: DTZ007
    except ValueError:
        return None, False
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    delta = aware - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds, time.tzinfo is None


@cache
def date_format_advice(shape: str) -> Message:
    """Return the fault of times of this shape (see `guess_date_format`), with a format for ``labcrate.toml``."""
    return Message("readings.ambiguous_date", format=shape)


def guess_date_format(text: str) -> str | None:
    """Return a format that fits the text; None if it does not look like a date."""
    if _COMPACT.fullmatch(text):
        return "%Y%m%d%H%M%S"
    found = _DATE.fullmatch(text)
    if found is None or (found["sep"] == "-" and len(found["a"]) == 4):  # ISO 8601 of a day that does not exist
        return None
    sep = found["sep"]
    date = ["%Y", "%m", "%d"] if len(found["a"]) == 4 else ["%d", "%m", "%Y" if len(found["c"]) == 4 else "%y"]
    time = ""
    if found["time"]:
        time = found["gap"] + ("%I" if found["p"] else "%H") + ":%M" + (":%S" if found["s"] else "")
        if found["f"]:
            time += f"{found['f'][0]}%f"
        if found["p"]:
            time += found["p"][:-2] + "%p"
    return sep.join(date) + time
