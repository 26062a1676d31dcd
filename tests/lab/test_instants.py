"""Times of session files and registers: every notation gives one instant or an error."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.lab.instants import read_instant

MORNING = datetime(2025, 5, 2, 7, 30, tzinfo=UTC)
ZONES = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))


@pytest.mark.parametrize(
    ("value", "naive"),
    [
        ("2025-05-02T07:30:00.000Z", False),
        (" 2025-05-02T09:30:00+02:00 ", False),
        ("2025-05-02 09:30", True),
        ("20250502093000", True),
        (1746171000, False),
        (1746171000000, False),
        (1746171000000000, False),
        (1746171000.0, False),
        ("1746171000", False),
        ("1746171000000", False),
    ],
)
def test_every_notation(value: Any, naive: bool) -> None:
    """ISO 8601, fourteen digits, and seconds, milliseconds or microseconds since 1970 give the same instant."""
    read = read_instant(value, "Europe/Madrid")
    assert (read.instant, read.has_no_zone) == (MORNING, naive)


@pytest.mark.parametrize("value", ["", "soon", 17, -1, True, None, [], {}, 10**30, 1e300, "9" * 17 + "1", "2025-13-01"])
def test_invalid_times(value: Any) -> None:
    """Any other value, of any type and size, is not a time."""
    with pytest.raises(ValueError):  # noqa: PT011 - the caller words the message
        read_instant(value, None)


@given(st.timedeltas(timedelta(days=-700_000), timedelta(days=2_900_000)).map(lambda after: MORNING + after), ZONES)
def test_times_with_an_offset_do_not_depend_on_the_zone(instant: datetime, zone: timezone) -> None:
    """A time with an offset is the same instant in every zone."""
    assert read_instant(instant.astimezone(zone).isoformat(), "Asia/Kathmandu").instant == instant


@given(st.text() | st.integers() | st.floats())
def test_anything_is_a_time_or_a_value_error(value: Any) -> None:
    """No text or number raises any other error."""
    with contextlib.suppress(ValueError):
        assert read_instant(value, "Europe/Madrid").instant.tzinfo is UTC
