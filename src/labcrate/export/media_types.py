"""Media types by file suffix.

The mimetypes module is not used: its results depend on the machine and the Python version, and an archive's bytes
must not.
"""

from labcrate.video.containers import container_of

UNKNOWN = "application/octet-stream"

_TYPES = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "txt": "text/plain",
    "log": "text/plain",
    "md": "text/markdown",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "htm": "text/html",
    "html": "text/html",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "ndjson": "application/x-ndjson",
    "geojson": "application/geo+json",
    "pdf": "application/pdf",
    "rtf": "application/rtf",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webp": "image/webp",
    "svg": "image/svg+xml",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "edf": "application/x-edf",
    "bdf": "application/x-bdf",
    "h5": "application/x-hdf5",
    "hdf5": "application/x-hdf5",
    "mat": "application/x-matlab-data",
    "parquet": "application/vnd.apache.parquet",
    "sqlite": "application/vnd.sqlite3",
    "zip": "application/zip",
    "gz": "application/gzip",
    "7z": "application/x-7z-compressed",
    "tar": "application/x-tar",
}


def media_type(name: str) -> str:
    """Return the media type of a file by its suffix; ``application/octet-stream`` for an unknown suffix."""
    if video := container_of(name):
        return video.media_type
    stem, _, suffix = name.rpartition("/")[2].rpartition(".")
    return _TYPES.get(suffix.lower(), UNKNOWN) if stem else UNKNOWN
