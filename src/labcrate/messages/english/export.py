"""The English text of the messages of exports and of the documents in archives, by id."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    "archive.names_too_long": (
        "Session {session} has {files} files, and their names alone are too long for one archive (it takes at most {most} files). Take a part of it (--only, --camera), pack a folder of many small files into one file first, or leave it out with exclude in labcrate.toml."
    ),
    "archive.too_many_files": (
        "Session {session} has {files} files, and at most {most} go into one archive. Take a part of it (--only, --camera), pack a folder of many small files into one file first, or leave it out with exclude in labcrate.toml."
    ),
    "study.bounded": ("The session has no end time: readings are included up to {end}."),
    "study.no_reading": ("No sensor reading lies inside the session's time."),
    "study.no_reading_chosen": ("No sensor reading lies inside the chosen time."),
}
