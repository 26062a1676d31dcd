"""Uniting the rows of both files of one span of time, without loss or duplicates.

Two readings are the same if instant, topic and payload are, the payload compared as a JSON value. A message that was
sent twice is two readings: the union has each as often as the file that has it more often.
"""

from collections import defaultdict

import polars as pl

from labcrate.readings.load.payload import comparison_text, covers

SOURCE_ROWS = {
    "us": pl.Int64,
    "topic": pl.String,
    "payload": pl.String,
    "built": pl.Boolean,
    "segment": pl.UInt32,
    "place": pl.UInt32,
}
"""The rows of one file: ``segment`` and ``place`` (line, or index in a list) are where each came from."""

PART_ROWS = {
    "us": pl.Int64,
    "topic": pl.String,
    "payload": pl.String,
    "json_segment": pl.UInt32,
    "json_place": pl.UInt32,
    "csv_segment": pl.UInt32,
    "csv_place": pl.UInt32,
    "csv_payload": pl.String,
    "built": pl.Boolean,
}
"""The readings of both files, sorted by the first three columns.

A segment is null if the file does not have the reading. ``csv_payload`` is the CSV's text where it differs from
``payload``; ``built``: it was made from the row's other cells.
"""

_GROUP = ["us", "topic"]


def unite(json: pl.DataFrame, csv: pl.DataFrame) -> pl.DataFrame:
    """Unite rows of both files (`SOURCE_ROWS`) as `PART_ROWS`; the JSON's text is used if both have a reading."""
    ours = json.select(
        *_GROUP, "payload", pl.lit(True).alias("is_json"), pl.lit(False).alias("built"), "segment", "place"
    )
    theirs = csv.select(*_GROUP, "payload", pl.lit(False).alias("is_json"), "built", "segment", "place")
    rows = pl.concat([ours, theirs]).sort("us", maintain_order=True)
    pairs, rest = _pairs(rows)
    if not rest.height:
        return pairs
    others = _unite_all(rest.filter("is_json"), rest.filter(~pl.col("is_json")))
    return pl.concat([pairs, others]).sort("us", maintain_order=True)


def _pairs(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the readings of instants with one row of the JSON and the same one of the CSV, and the other rows.

    Nearly all rows of real files are such pairs, which need not be sought.
    """
    us, is_json = pl.col("us"), pl.col("is_json")
    following = pl.all().exclude("us").shift(-1).name.suffix("_2")
    pair = (
        (us == us.shift(-1))
        & (us != us.shift(1)).fill_null(True)
        & (us != us.shift(-2)).fill_null(True)
        & is_json
        & ~is_json.shift(-1)
        & (pl.col("topic") == pl.col("topic").shift(-1))
        & (pl.col("payload") == pl.col("payload").shift(-1))
    ).fill_null(False)
    marked = rows.with_columns(following, pair=pair)
    found = marked.filter("pair").select(
        *_GROUP,
        "payload",
        json_segment="segment",
        json_place="place",
        csv_segment="segment_2",
        csv_place="place_2",
        csv_payload=pl.lit(None, pl.String),
        built="built_2",
    )
    rest = marked.filter(~(pl.col("pair") | pl.col("pair").shift(1).fill_null(False))).select(rows.columns)
    return found, rest


def _unite_all(json: pl.DataFrame, csv: pl.DataFrame) -> pl.DataFrame:
    """Unite any rows."""
    ours = json.rename({"segment": "json_segment", "place": "json_place"}).drop("built", "is_json")
    theirs = csv.rename({"segment": "csv_segment", "place": "csv_place"}).drop("is_json")
    ours, theirs = _numbered(ours, "payload"), _numbered(theirs, "payload")
    key = [*_GROUP, "payload", "nth"]
    alike = ours.join(theirs, on=key, how="left", maintain_order="left")
    rest = theirs.join(ours, on=key, how="anti", maintain_order="left")
    found = _part(alike)
    if rest.height:
        alone = found.filter(pl.col("csv_segment").is_null())
        other = alone.join(rest, on=_GROUP, how="semi", maintain_order="left")
        if other.height:
            matched, rest = _match_values(other, rest)
            taken = matched.select("json_segment", "json_place")
            found = pl.concat([found.join(taken, on=["json_segment", "json_place"], how="anti"), matched])
        found = pl.concat([found, _part(rest)])
    return found.sort("us", "topic", "payload", "json_segment", "json_place", "csv_segment", "csv_place")


def split_sources(part: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of the JSON and of the CSV that a part was united from."""
    json = part.filter(pl.col("json_segment").is_not_null()).select(
        *_GROUP, "payload", pl.lit(False).alias("built"), segment="json_segment", place="json_place"
    )
    csv = part.filter(pl.col("csv_segment").is_not_null()).select(
        *_GROUP,
        pl.col("csv_payload").fill_null(pl.col("payload")).alias("payload"),
        "built",
        segment="csv_segment",
        place="csv_place",
    )
    return json, csv


def _part(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows as `PART_ROWS`; what is missing is null."""
    missing = {name: pl.lit(None, kind).alias(name) for name, kind in PART_ROWS.items() if name not in rows.columns}
    return rows.with_columns(*missing.values()).select(
        *(pl.col(name).fill_null(False) if name == "built" else name for name in PART_ROWS)
    )


def _numbered(rows: pl.DataFrame, text: str) -> pl.DataFrame:
    """Return the rows with ``nth``, which counts those of the same instant, topic and text."""
    if not rows.select(_GROUP).is_duplicated().any():
        return rows.with_columns(nth=pl.lit(0, pl.Int64))
    return rows.with_columns(nth=pl.int_range(pl.len()).over(*_GROUP, text))


def _match_values(json: pl.DataFrame, csv: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Match rows whose texts differ by their values.

    Return the JSON's rows (`PART_ROWS`), with the CSV's row that says the same if there is one, and the others of the
    CSV. In real files few rows come here.
    """
    near = csv.join(json, on=_GROUP, how="semi", maintain_order="left")
    far = csv.join(json, on=_GROUP, how="anti", maintain_order="left")
    whole, built = near.filter(~pl.col("built")), near.filter("built")
    ours = _numbered(_with_values(json.select(*list(PART_ROWS)[:5])), "same")
    theirs = _numbered(_with_values(whole.drop("nth")), "same").rename({"payload": "csv_payload"})
    key = [*_GROUP, "same", "nth"]
    joined = ours.join(theirs, on=key, how="left", maintain_order="left")
    left = theirs.join(ours, on=key, how="anti", maintain_order="left").rename({"csv_payload": "payload"})
    json_rows, unmatched = _match_built(_part(joined), built)
    columns = csv.columns
    return json_rows, pl.concat([one.select(columns) for one in (far, left, unmatched)])


def _with_values(rows: pl.DataFrame) -> pl.DataFrame:
    same = pl.Series("same", [comparison_text(text) for text in rows["payload"]], dtype=pl.String)
    return rows.with_columns(same)


def _match_built(json: pl.DataFrame, built: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Match rows that had no payload of their own with readings that have all their values."""
    if not built.height:
        return json, built
    candidates: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for row, (us, topic, only) in enumerate(json.select(*_GROUP, pl.col("csv_segment").is_null()).iter_rows()):
        if only:
            candidates[us, topic].append(row)
    payloads = json["payload"].to_list()
    pairs: list[tuple[int, int]] = []
    covered: set[int] = set()
    for number, (us, topic, payload) in enumerate(built.select(*_GROUP, "payload").iter_rows()):
        fits = (row for row in candidates[us, topic] if row not in covered and covers(payloads[row], payload))
        found = next(fits, None)
        if found is not None:
            covered.add(found)
            pairs.append((found, number))
    rows = pl.Series([row for row, _ in pairs], dtype=pl.UInt32)
    numbers = [number for _, number in pairs]
    matched = built[numbers]
    filled = json.with_columns(
        json["csv_segment"].scatter(rows, matched["csv_segment"]),
        json["csv_place"].scatter(rows, matched["csv_place"]),
        json["csv_payload"].scatter(rows, matched["payload"]),
        json["built"].scatter(rows, matched["built"]),
    )
    return filled, built.filter(~pl.Series(range(built.height)).is_in(numbers))
