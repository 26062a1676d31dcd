"""The English text of the messages of the Python API, by id."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    "open.archive_ends": "The archive ends within {file}: it was cut short; copy it again.",
    "open.central_directory": "its central directory",
    "open.compressed": "it is compressed, so another program packed it again",
    "open.damaged": (
        "{archive} is damaged at {member}: {problem}. 'labcrate verify' shows more; export or copy it again."
    ),
    "open.invalid_session_id": "{id} is not a session ID",
    "open.missing": "it is missing",
    "open.name_twice": "a name is in it twice",
    "open.newer_version": (
        "has format version {version}, and this labcrate reads versions up to {newest}: update labcrate."
    ),
    "open.no_member": "There is no {name} in {archive}; its attribute 'members' lists all files.",
    "open.no_session_archive": (
        "{archive} is a ZIP, but not a session archive: it has no {file}. Name a file that labcrate exported."
    ),
    "open.no_table": "{name} is not a table of {archive}; its tables are {tables}.",
    "open.not_csv": "it is not a CSV with a header",
    "open.not_in_place": "it is not where the central directory says",
    "open.not_labcrate": (
        "is not a session archive of labcrate: its metadata have another format. Name a file that labcrate exported."
    ),
    "open.not_parquet": "it is not a Parquet table",
    "open.other_columns": "its columns are not those that the data package describes",
    "open.other_crc32": "its CRC-32 does not match",
    "open.other_format": "{archive} {problem}",
    "open.other_type": "a value does not have the type that the data package describes",
    "open.signature_without_key": "A signature can only be checked with the lab's public key; pass that, too: key.",
    "open.too_large": "it is {limit}",
    "open.value_too_large": "a value in it is {limit}",
}
