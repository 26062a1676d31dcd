"""The union of two sources of readings, without loss and without duplicates.

Two readings are the same if instant, topic and payload are, the payload compared as a JSON value. A message that was
sent twice is two readings: the union holds each as often as the source that holds it more often.
"""

from collections import defaultdict

import polars as pl

from labcrate.readings.load.payload import covers, same_value

BOTH, JSON, CSV = "both", "json", "csv"

_GROUP = ["us", "topic"]


def unite(json: pl.DataFrame, csv: pl.DataFrame) -> pl.DataFrame:
    """Unite two frames of `source.ROWS`; the JSON's text is kept where both have a reading.

    Gives ``us``, ``topic``, ``payload`` and ``origin`` (both, json or csv), sorted by the first three.
    """
    origins = _origins(json, csv)
    json, csv = (one.join(origins, on=_GROUP, how="left") for one in (json, csv))
    settled = pl.concat([json.filter(pl.col("origin").is_in([BOTH, JSON])), csv.filter(pl.col("origin") == CSV)])
    ours, theirs = (_numbered(one.filter(pl.col("origin").is_null()).drop("origin")) for one in (json, csv))
    key = [*_GROUP, "same", "nth"]
    whole, built = theirs.filter(~pl.col("built")), theirs.filter("built")
    matched = ours.join(whole, on=key, how="semi").with_columns(origin=pl.lit(BOTH))
    alone = _cover(ours.join(whole, on=key, how="anti"), built)
    parts = (settled, matched, *alone, whole.join(ours, on=key, how="anti").with_columns(origin=pl.lit(CSV)))
    columns = ["us", "topic", "payload", "origin"]
    return pl.concat([part.select(columns) for part in parts]).sort(columns)


def _origins(json: pl.DataFrame, csv: pl.DataFrame) -> pl.DataFrame:
    """Per instant and topic where its readings are: in one source, or in both with the same texts as often; else null.

    In real files next to none are null, and only there payloads must be compared as values.
    """
    counted = pl.concat([json.with_columns(count=pl.lit(1)), csv.with_columns(count=pl.lit(-1))])
    count = pl.col("count")
    texts = counted.group_by(*_GROUP, "payload").agg(count.sum(), json=(count > 0).any(), csv=(count < 0).any())
    groups = texts.group_by(_GROUP).agg(even=(count == 0).all(), json=pl.col("json").any(), csv=pl.col("csv").any())
    origin = pl.when(~pl.col("csv")).then(pl.lit(JSON)).when(~pl.col("json")).then(pl.lit(CSV))
    return groups.select(*_GROUP, origin=origin.when("even").then(pl.lit(BOTH)))


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with their payload's value, and how many-th of its equals each is."""
    same = pl.Series("same", [same_value(text) for text in rows["payload"]], dtype=pl.String)
    rows = rows.with_columns(same).sort("us", "topic", "same", "payload", "built")
    # Rows that were built are matched otherwise, so they must not take a number from the whole ones.
    return rows.with_columns(nth=pl.int_range(pl.len()).over("us", "topic", "same", "built"))


def _cover(json: pl.DataFrame, built: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Match rows that had no payload of their own with readings that say all that they say.

    Gives the JSON's readings, each with its origin, and the built rows that no reading covers.
    """
    candidates: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    if built.height:
        for row, (us, topic) in enumerate(json.select(_GROUP).iter_rows()):
            candidates[us, topic].append(row)
    payloads = json["payload"].to_list()
    covered: set[int] = set()
    left: list[bool] = []
    for us, topic, payload in built.select(*_GROUP, "payload").iter_rows():
        fits = (row for row in candidates[us, topic] if row not in covered and covers(payloads[row], payload))
        found = next(fits, None)
        left.append(found is None)
        if found is not None:
            covered.add(found)
    origin = pl.Series("origin", [BOTH if row in covered else JSON for row in range(json.height)], dtype=pl.String)
    rest = built.filter(pl.Series(left, dtype=pl.Boolean)).with_columns(origin=pl.lit(CSV))
    return json.with_columns(origin), rest
