"""Local times of any zone are read as their instants, at any change of clocks."""

import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.rounds import rounds

from labcrate.model.timespan import TimeSpan
from labcrate.readings.load.timestamps import instant_at, microseconds, to_instants
from labcrate.readings.store.load import load_readings

ZONES = (
    "Europe/Madrid",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour
    "America/Havana",
    "Asia/Beirut",  # at midnight
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",  # left out a day in 2011
    "Europe/Dublin",
    "Antarctica/Troll",  # two hours
)
zones = st.sampled_from(ZONES)
YEARS = (datetime(1995, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))


def changes(zone: str, year: int) -> list[datetime]:
    """Return the instants of a year, to the minute, at which the zone's offset changes."""
    info, found = ZoneInfo(zone), []
    day = datetime(year, 1, 1, tzinfo=UTC)
    while day.year == year:
        after = day + timedelta(days=1)
        if day.astimezone(info).utcoffset() != after.astimezone(info).utcoffset():
            low, high = day, after
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) / 2
                same = middle.astimezone(info).utcoffset() == day.astimezone(info).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            found.append(high)
        day = after
    return found


@settings(deadline=None, max_examples=rounds(15, 60))
@given(zones, st.lists(st.datetimes(YEARS[0].replace(tzinfo=None), YEARS[1].replace(tzinfo=None)), max_size=20))
def test_any_local_time_is_the_instant_that_the_zones_database_says(zone: str, local: list[datetime]) -> None:
    """First and second instants and skipped times are those of PEP 495, whatever the zone."""
    info = ZoneInfo(zone)
    near = [change.astimezone(info).replace(tzinfo=None, fold=0) for change in changes(zone, 2011)]
    local = local + [at + timedelta(minutes=minutes) for at in near for minutes in range(-150, 150, 10)]
    instants = to_instants(pl.Series([microseconds(at.replace(tzinfo=UTC)) for at in local], dtype=pl.Int64), info)
    for at, us, second, skipped in zip(local, *instants, strict=True):
        first, last = (at.replace(tzinfo=info, fold=fold).astimezone(UTC) for fold in (0, 1))
        assert instant_at(us) == first
        assert (second and instant_at(second)) == (last if last > first else None)
        assert skipped == (last < first)


@settings(deadline=None, max_examples=rounds(15, 60))
@given(
    zones.filter(lambda zone: zone not in ("Asia/Kathmandu", "Pacific/Apia")),
    st.integers(2015, 2024),
    st.lists(st.tuples(st.integers(-200, 200), st.sampled_from("abc")), min_size=1, max_size=40),
    st.integers(1, 400),
)
def test_a_log_in_local_time_loses_and_invents_nothing(
    zone: str, year: int, sent: list[tuple[int, str]], block_bytes: int
) -> None:
    """Every row of a log over a change of clocks is there; at its instant, or at that of the first round with a word.

    With steady messages of one sensor the order tells every round, so every instant is exact.
    """
    info = ZoneInfo(zone)
    for change in changes(zone, year):
        steady = [(minutes, "steady") for minutes in range(-200, 201, 7)]
        for rows, exact in ((sorted(sent), False), (sorted([*steady, *sent]), True)):
            instants = [change + timedelta(minutes=minutes) for minutes, _ in rows]
            lines = [
                f"{at.astimezone(info).replace(tzinfo=None).isoformat()},z/{topic},{number}\n"
                for number, (at, (_, topic)) in enumerate(zip(instants, rows, strict=True))
            ]
            text = "timestamp,topic,payload\n" + "".join(lines)
            readings = load_readings(None, io.BytesIO(text.encode()), TimeSpan(), zone=zone)
            found = {int(text): at for at, text in readings.frame.select("timestamp", "payload").iter_rows()}
            assert sorted(found) == list(range(len(rows)))
            wrong = [number for number, at in enumerate(instants) if found[number] != at]
            warned = sum(problem.count for problem in readings.problems)
            assert all(problem.incomplete is False for problem in readings.problems)
            assert len(wrong) <= warned
            assert not exact or not wrong
