"""The options of the export form."""

from datetime import UTC, datetime, timedelta

import pytest
from multidict import MultiDict

from labcrate.errors import UsageError
from labcrate.plan.options import DataKind, Options
from labcrate.plan.table_choice import AddedTables, DerivedTable
from labcrate.web.routes.query import form_options


def options(*fields: tuple[str, str]) -> Options:
    """Return the options of a form with these fields."""
    return form_options(MultiDict(fields), "Europe/Madrid", None)


def test_an_empty_form_is_the_whole_session() -> None:
    """An unchanged form, sent with its empty fields, exports everything."""
    assert options() == options(("only", "all"), ("from", ""), ("to", " "), ("pad", "")) == Options()


def test_times_of_a_form_are_those_of_the_session_clocks() -> None:
    """Ten o'clock in Madrid in May is eight o'clock UTC; a time with a zone of its own is taken as it is."""
    span = options(("from", "2025-05-02T10:00"), ("to", "2025-05-02T10:05:30")).span
    assert span.start == datetime(2025, 5, 2, 8, tzinfo=UTC)
    assert span.end == datetime(2025, 5, 2, 8, 5, 30, tzinfo=UTC)
    assert options(("from", "2025-05-02T10:00:00Z")).span.start == datetime(2025, 5, 2, 10, tzinfo=UTC)


def test_everything_can_be_chosen() -> None:
    """Cameras, sensors, kinds, padding and all readings arrive as options."""
    fields = (
        ("camera", "2"),
        ("camera", "1"),
        ("sensor", "hall"),
        ("pad", "30"),
        ("readings", "all"),
        ("time_zone", "Asia/Tokyo"),
        ("with", "parquet"),
        ("without", "zigbee-csv"),
        ("without", "long-json"),
    )
    assert options(*fields) == Options(
        timedelta(seconds=30),
        True,
        cameras=("1", "2"),
        sensors=("hall",),
        time_zone="Asia/Tokyo",
        with_tables=(AddedTables.PARQUET,),
        without_tables=(DerivedTable.ZIGBEE_CSV, DerivedTable.LONG_JSON),
    )


def test_boxes_of_the_other_kind_mean_nothing() -> None:
    """With only sensor data, ticked cameras are ignored; with only recordings, ticked sensors and tables are."""
    both = (("camera", "2"), ("sensor", "hall"))
    assert options(("only", "sensors"), *both) == Options(only=DataKind.SENSORS, sensors=("hall",))
    assert options(("only", "recordings"), *both) == Options(only=DataKind.RECORDINGS, cameras=("2",))
    tables = (("with", "parquet"), ("without", "zigbee-csv"), ("without", "zigbee-json"))
    assert options(("only", "recordings"), *tables) == Options(only=DataKind.RECORDINGS)
    assert options(("only", "sensors"), *tables).has_parquet


def test_the_base_topic_is_the_servers() -> None:
    """What `labcrate serve` was started with, else nothing, so that labcrate.toml decides; no field can change it."""
    fields = MultiDict([("base_topic", "other")])
    assert form_options(fields, "UTC", "z2m").base_topic == "z2m"
    assert form_options(fields, "UTC", None).base_topic is None


@pytest.mark.parametrize(
    "field",
    [
        ("from", "yesterday"),
        ("to", "2025-13-01T00:00"),
        ("only", "cats"),
        ("pad", "soon"),
        ("readings", "some"),
        ("with", "csv"),
        ("without", "parquet"),
    ],
)
def test_invalid_fields_are_refused(field: tuple[str, str]) -> None:
    """A field that a person or script mistyped is one sentence that quotes it."""
    with pytest.raises(UsageError, match=field[1]):
        options(field)


def test_an_end_before_the_start_is_refused() -> None:
    """The remedy is to swap them."""
    with pytest.raises(UsageError, match="Swap its start and its end"):
        options(("from", "2025-05-02T11:00"), ("to", "2025-05-02T10:00"))
