"""The English text of the messages of linking by hand, by id."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    "repair.already_linked": "{file} already belongs to session {session}. There is nothing to link.",
    "repair.camera_ambiguous": "{word} could be several cameras. Use one of these camera IDs: {ids}.",
    "repair.camera_id_in_use": (
        "Camera {camera} belongs to another user than the session, and its ID {id} is another camera's in this "
        "session, or ambiguous. Give the camera an ID of its own."
    ),
    "repair.changed_while_read": "{file} changed while it was read. Wait until it is finished, and try again.",
    "repair.convert": "convert it to MP4",
    "repair.disk_error": "input or output error.",
    "repair.disk_full": "the disk is full. Free some space.",
    "repair.error": "{error}.",
    "repair.failed": "{file} cannot be linked or moved: {reason}",
    "repair.foreign_register": (
        "{file} was not written by labcrate, so labcrate does not change it and cannot link files there. Rename it,"
        " or move the recording into the session's folder with --move."
    ),
    "repair.gone": "it no longer exists. See the plan again.",
    "repair.in_register": "{file} is already linked to this session: the session's register lists it.",
    "repair.lines": "{first}\n{rest}",
    "repair.linked_as": "{file} is already linked, as {name}.",
    "repair.lock_not_opened": (
        "{file} in labcrate's folder of the lab (.labcrate, or your state folder) cannot be opened ({error}). Run "
        "labcrate as the user who owns the file."
    ),
    "repair.made_file_changed": (
        "{file} changed after it was made. Remove it yourself, then run this command again to undo the link."
    ),
    "repair.moved_file_changed": (
        "{file} changed after it was moved. Move it back to {original} yourself, then run this command again to "
        "undo the link."
    ),
    "repair.name_not_utf8": (
        "{file} cannot be listed in the register, because its name is not UTF-8. Rename it, or move it into the "
        "session's folder with --move."
    ),
    "repair.name_too_long": "its name is too long. Rename it.",
    "repair.no_free_name": "The session's folder already has {most} files with names like {name}.",
    "repair.no_near_miss": (
        "{file} is not a near miss of session {session}. Only files that 'labcrate plan {quoted}' lists as near misses"
        " can be linked."
    ),
    "repair.no_permission": (
        "labcrate has no permission to write there. Give it permission for the folders of the session and of the file."
    ),
    "repair.no_such_file": (
        "{file} is not a near miss of session {session}: the file does not exist in the lab folder. Use a name from the "
        "output of 'labcrate plan {quoted}'."
    ),
    "repair.not_in_place": (
        "{file} cannot be linked to session {session} where it is now: {reason}. If it belongs to this "
        "session, move it into the session's folder with --move."
    ),
    "repair.not_mp4": "{file} cannot be linked, because only MP4 files are exported. Remedy: {remedy}.",
    "repair.not_other_container": "{file} is not a video in another container. Link it without --remux.",
    "repair.not_permitted": (
        "the system does not allow it (the file belongs to another user, or its disk has no hard links). Move it "
        "yourself, or give labcrate permission."
    ),
    "repair.not_regular": "it is not a regular file.",
    "repair.nothing_linked": "No files were linked.",
    "repair.nothing_to_remux": "{file} is not a video in another container, so no MP4 can be made from it.",
    "repair.original_gone": (
        "{original} no longer exists or is another file, so {file} may be the only copy and is kept. Remove it "
        "yourself if you do not need it."
    ),
    "repair.other_disk": (
        "it is on another disk than the session's folder, so it cannot be moved there. Copy it yourself."
    ),
    "repair.other_file": "it was replaced meanwhile. See the plan again.",
    "repair.path_in_use": "another file has its name. Move that file away first.",
    "repair.read_only": "the lab is on a read-only disk. Make the disk writable.",
    "repair.register_unreadable": "No files were linked: {problem}",
    "repair.register_without_list": "{file} does not have the list that 'labcrate link' writes. Restore the file.",
    "repair.remux_failed": "No MP4 can be made from {file}: {problem}.",
    "repair.remux_running": "An MP4 is already being made from {file}. Wait until it is finished.",
    "repair.replaced": "{file} was replaced while it was being linked. See the plan again.",
    "repair.same_name": "{count} near misses of session {session} are printed as {file}. Rename them first.",
    "repair.symbolic_link": (
        "it is a symbolic link or behind one, and labcrate does not follow those. Put the file itself there."
    ),
    "repair.too_many_names": "the file has as many hard links as its file system allows. Move it instead.",
}
