"""Which tables of the readings an export adds and leaves out, and what a plan says about it."""

import re
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.errors import UsageError
from labcrate.plan import member_names as names
from labcrate.plan.options import Options, as_query, parse_keywords, parse_options
from labcrate.plan.table_choice import AddedTables, DerivedTable, describe_tables_left_out, parse_tables, whole_tables

EVERY_CHOICE = list(chain.from_iterable(combinations(DerivedTable, n) for n in range(len(DerivedTable) + 1)))


@given(st.lists(st.sampled_from(DerivedTable)), st.data())
def test_names_are_read_in_any_order_and_grouping(tables: list[DerivedTable], data: st.DataObject) -> None:
    """Repeated, separated by commas, with spaces around or empty: the same tables are the same value."""
    texts = []
    rest = [data.draw(st.sampled_from(["{}", " {}", "{} ", "{},", ",{}"])).format(table) for table in tables]
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        texts.append(",".join(rest[:size]))
        rest = rest[size:]
    assert parse_tables(DerivedTable)("without", texts) == tuple(one for one in DerivedTable if one in tables)


@given(
    st.text(min_size=1).filter(lambda text: text.strip() and "," not in text and text.strip() not in list(DerivedTable))
)
def test_an_unknown_table_is_refused(word: str) -> None:
    """The message lists the tables that there are; parquet is not made unless it is asked for, so it cannot be left."""
    for text in (word, "parquet", "Long-JSON"):
        with pytest.raises(UsageError, match=r"is not a table\. Use one or more of: zigbee-json, zigbee-csv, "):
            parse_options({"without": ["long-csv", text]})


def test_an_unknown_addition_is_refused() -> None:
    """The message names the option as it is written, and the only value."""
    expected = "--with is 'csv', which is not a table. Use one or more of: parquet."
    with pytest.raises(UsageError, match=re.escape(expected)):
        parse_options({"with": "csv"}, lambda name: f"--{name}")


@pytest.mark.parametrize("left_out", EVERY_CHOICE)
@pytest.mark.parametrize("added", [(), ("parquet",)])
def test_one_table_with_the_whole_readings_stays(left_out: tuple[DerivedTable, ...], added: tuple[str, ...]) -> None:
    """zigbee-json and zigbee-csv are both left out only if the Parquet tables are there; the remedies are named."""
    both = {DerivedTable.ZIGBEE_JSON, DerivedTable.ZIGBEE_CSV} <= set(left_out)
    given = {"with_tables": added, "without_tables": left_out}
    if both and not added:
        with pytest.raises(
            UsageError, match=r"\(with parquet\)\. For an archive without readings, .* \(only recordings\)\."
        ):
            parse_keywords(given)
        return
    options = parse_keywords(given)
    assert options.without_tables == left_out
    assert parse_options(as_query(options)) == options
    assert whole_tables(options.with_tables, options.without_tables)
    assert options.is_partial is False


@pytest.mark.parametrize("choice", [{"with": ["parquet"]}, {"without": ["long-json"]}])
def test_without_readings_there_is_no_table_to_choose(choice: dict[str, list[str]]) -> None:
    """--only recordings has no tables, so a choice of them is a mistake."""
    with pytest.raises(UsageError, match="'only' is 'recordings', which leaves out all readings and their tables"):
        parse_options({"only": "recordings", **choice})
    assert parse_options({"only": "recordings", **{name: [] for name in choice}}).only == "recordings"


@given(
    st.sets(st.sampled_from(DerivedTable)),
    st.sets(st.sampled_from(AddedTables)),
    st.sets(st.sampled_from([names.SENSOR_JSON, names.SENSOR_CSV, "data/sensor_data/other.csv"])),
)
def test_every_table_to_leave_out_is_said_once(
    left_out: set[DerivedTable], added: set[AddedTables], own: set[str]
) -> None:
    """Either that it was left out, with the tables that have its readings, or that it is the session's own file."""
    sentences = list(describe_tables_left_out(added, left_out, own))
    absent = {table.member for table in left_out} - own
    text = "\n".join(sentences)
    assert text.startswith("Left out on request: ") == bool(absent)
    for table in left_out:
        assert text.count(table.member) == 1
        assert (f"{table.member} was not left out" in text) == (table.member in own)
    if absent:
        said = sentences[0].partition(". The same readings are in ")[2]
        assert all(name in said for name in whole_tables(added, left_out))
    assert "other.csv" not in text


def test_no_choice_says_nothing() -> None:
    """The usual archive has no sentence about tables."""
    options = Options()
    assert not list(describe_tables_left_out(options.with_tables, options.without_tables, [names.SENSOR_CSV]))
