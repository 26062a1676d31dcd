"""Options as the words of a query, which ask for the very same options again: logs, pages and links rely on it."""

from datetime import UTC, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from labcrate.config import as_query, export_options, parse_duration
from labcrate.export.contents import Only, Options

words = st.lists(st.text(min_size=1, max_size=20), max_size=3)
instants = st.none() | st.datetimes(timezones=st.just(UTC))
options = st.builds(
    lambda pad, readings, only, cameras, sensors, bounds, secrets: export_options(
        pad=pad, readings=readings, only=only, cameras=() if only is Only.SENSORS else cameras,
        sensors=() if only is Only.RECORDINGS else sensors, start=bounds[0], end=bounds[1],
        redact=secrets[0], allow_secrets=secrets[1],
    ),
    st.timedeltas(min_value=timedelta()), st.sampled_from(["session", "all"]), st.sampled_from(Only), words, words,
    st.tuples(instants, instants).filter(lambda pair: not (pair[0] and pair[1]) or pair[0] <= pair[1]),
    st.tuples(st.booleans(), st.booleans()),
)  # fmt: skip


@given(options)
@example(export_options(pad="0s", start="2025-05-02T10:00", end="2025-05-02T10:00:00.000001"))
@example(export_options(pad=timedelta(hours=336)))
@example(export_options(pad=timedelta(microseconds=1)))
@example(export_options(pad=timedelta.max))
def test_the_words_of_options_mean_these_options(wanted: Options) -> None:
    """Two weeks of pad are not written as 1.2096e+06s, which nothing reads; nor is a microsecond lost."""
    query = as_query(wanted)
    again = export_options(
        pad=query.get("pad", ["0s"])[0],
        readings=query.get("readings", ["session"])[0],
        only=query.get("only", [Only.ALL])[0],
        cameras=query.get("camera", []),
        sensors=query.get("sensor", []),
        start=query.get("from", [None])[0],
        end=query.get("to", [None])[0],
        redact=query.get("redact") == ["1"],
        allow_secrets=query.get("allow_secrets") == ["1"],
    )
    assert again == wanted
    assert as_query(again) == query


@given(st.integers(0, 10**9), st.sampled_from([("ms", 1000), ("s", 10**6), ("m", 60 * 10**6), ("h", 3600 * 10**6)]))
def test_a_duration_is_read_to_the_microsecond(count: int, unit: tuple[str, int]) -> None:
    """Whatever the unit, a length of time is exactly what is written."""
    name, microseconds = unit
    assert parse_duration(f"{count}{name}") == timedelta(microseconds=count * microseconds)
    assert parse_duration(f"{count}.5{name}") == timedelta(microseconds=count * microseconds + microseconds // 2)
