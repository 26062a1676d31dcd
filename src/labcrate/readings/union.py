"""The union of two sources of readings, without loss and without duplicates.

Two readings are the same if instant, topic and payload are, the payload compared as a JSON value. A message that was
sent twice is two readings: the union holds each as often as the source that holds it more often.
"""

from collections import defaultdict

import polars as pl

from labcrate.readings.payload import covers, same_value

BOTH, JSON, CSV = "both", "json", "csv"

_GROUP = ["us", "topic"]


def unite(json: pl.DataFrame, csv: pl.DataFrame) -> pl.DataFrame:
    """Unite two frames of `source.ROWS`; the JSON's text is kept where both have a reading.

    Gives ``us``, ``topic``, ``payload`` and ``origin`` (both, json or csv), sorted by the first three.
    """
    disputed = _disputed(json, csv)
    agreed = json.join(disputed, on=_GROUP, how="anti").with_columns(origin=pl.lit(BOTH))
    ours, theirs = (_numbered(one.join(disputed, on=_GROUP, how="semi")) for one in (json, csv))
    key = [*_GROUP, "same", "nth"]
    whole, built = theirs.filter(~pl.col("built")), theirs.filter("built")
    matched = ours.join(whole, on=key, how="semi").with_columns(origin=pl.lit(BOTH))
    alone = _cover(ours.join(whole, on=key, how="anti"), built)
    parts = (agreed, matched, *alone, whole.join(ours, on=key, how="anti").with_columns(origin=pl.lit(CSV)))
    columns = ["us", "topic", "payload", "origin"]
    return pl.concat([part.select(columns) for part in parts]).sort(columns)


def _disputed(json: pl.DataFrame, csv: pl.DataFrame) -> pl.DataFrame:
    """The instants and topics where the sources' texts are not just the same, each as often.

    In real files that is next to none, and only there payloads must be compared as values.
    """
    counted = pl.concat([json.with_columns(count=pl.lit(1)), csv.with_columns(count=pl.lit(-1))])
    uneven = counted.group_by(*_GROUP, "payload").agg(pl.col("count").sum()).filter(pl.col("count") != 0)
    return uneven.select(_GROUP).unique()


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
