"""The English text of the messages of secrets, by id."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    "lab_secrets.link": "cannot be searched for passwords and addresses, because it is a symbolic link. Put the file itself in its place.",
    "lab_secrets.unreadable": "cannot be searched for passwords and addresses ({error}). Check its permissions.",
}
