"""The English text of the messages of every room, by id."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    "file.differs": "{file} does not match its checksum, although its size and times are unchanged: the disk is failing, or a program writes to the disk directly, bypassing the file system. Restore the file from a backup; if the change is intended, run 'touch FILE'. 'labcrate index --check' reads it again.",
    "file.problem": "{file}: {problem}",
    "file.problem_at": "{file}, {where}: {problem}",
    "names.and_more": ("{names} and {count} more"),
}
