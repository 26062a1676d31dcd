"""``data/recordings.csv``: one row per recording, for a spreadsheet or a script."""

import csv
import io
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from labcrate.export.documents.metadata import Object

# A recording's claims in one cell, without the one that was taken.
OTHER_STARTS = "startClaims"

# Column: its key in the metadata's recording, Frictionless type, unit, what it means.
COLUMNS: tuple[tuple[str, str, str, str | None, str], ...] = (
    ("file", "file", "string", None, "name inside the archive"),
    ("camera_id", "cameraId", "string", None, "the camera's id in the lab"),
    ("camera_name", "cameraName", "string", None, "the camera's name"),
    ("start", "startTime", "datetime", None, "when the recording starts, UTC"),
    ("end", "endTime", "datetime", None, "when the recording ends, UTC"),
    ("start_source", "startSource", "string", None, "where the start comes from"),
    (
        "start_uncertainty_s",
        "startUncertaintySeconds",
        "number",
        "s",
        "how wrong the start may be, either way",
    ),
    (
        "other_starts",
        OTHER_STARTS,
        "string",
        None,
        "what the other sources say of the start, with their uncertainty",
    ),
    ("duration_s", "durationSeconds", "number", "s", "length of the media; empty when it cannot be read"),
    ("video_codec", "videoCodec", "string", None, "video codec"),
    ("width", "width", "integer", "px", "picture width"),
    ("height", "height", "integer", "px", "picture height"),
    ("frame_rate", "frameRate", "number", "1/s", "declared frames per second; the delivered rate may differ"),
    ("audio_codec", "audioCodec", "string", None, "audio codec; empty when there is no sound"),
    ("readable", "readable", "boolean", None, "false for a damaged file, which is kept as it is"),
    ("size_bytes", "sizeBytes", "integer", "B", "file size"),
    ("sha256", "sha256", "string", None, "SHA-256 of the file, hexadecimal"),
    ("linked_by", "linkedBy", "string", None, "why it belongs to the session: its name, its folder or a register"),
    ("source", "source", "string", None, "where it lies in the lab folder, or below a recorder's"),
)


def recordings_csv(recordings: Iterable[Object]) -> bytes:
    """The content of ``data/recordings.csv``: UTF-8, RFC 4180 but for line feeds alone at line ends."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column for column, *_ in COLUMNS])
    writer.writerows(map(_row, recordings))
    return text.getvalue().encode()


_KEYS = [key for _, key, *_ in COLUMNS]
_VALUES = itemgetter(*_KEYS)
_STARTS_AT = _KEYS.index(OTHER_STARTS)
_BOOLEANS_AT = [i for i, (_, _, kind, _, _) in enumerate(COLUMNS) if kind == "boolean"]


def _row(recording: Object) -> list[Any]:
    """Return the cells of a recording; the writer makes an empty one of None, and text of numbers."""
    row = list(_VALUES(recording))
    row[_STARTS_AT] = _other_starts(row[_STARTS_AT])
    for i in _BOOLEANS_AT:
        row[i] = "true" if row[i] else "false"
    return row


def _other_starts(claims: Iterable[Object]) -> str:
    """The claims that were not taken: ``file name 2025-05-02T08:00:00.000Z (1 s); ...``."""
    others = (claim for claim in claims if not claim["taken"])
    return "; ".join(f"{claim['source']} {claim['start']} ({claim['uncertaintySeconds']} s)" for claim in others)
