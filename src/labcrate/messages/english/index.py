"""The English text of the messages of the index, by id."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    "index.changed_while_read": "{file} changed while it was read. It may still be written: try again when it is finished.",
    "index.damaged": "The index {file} is damaged and cannot be replaced ({error}). Delete the file.",
    "index.file_changed": "changed while it was read; it may still be written",
    "index.file_gone": "no longer exists",
    "index.input_error": "cannot be read: input error",
    "index.locked": "The index {file} is locked by another program. Wait until it has finished, and try again.",
    "index.newer": (
        "The index {file} was made by a newer version of labcrate. Update labcrate, or delete the file: labcrate "
        "builds it again."
    ),
    "index.no_folder": (
        "There is no place for the index: neither {folder} in the lab nor your state folder can be written "
        "({error}). Set the environment variable XDG_STATE_HOME to a folder that can be written."
    ),
    "index.no_permission": "cannot be read: no permission",
    "index.unreadable": "cannot be read: {error}",
    "index.unusable": (
        "The index {file} cannot be used: {problem}. Delete the file in the lab's folder .labcrate, or in your "
        "state folder: labcrate builds it again."
    ),
}
