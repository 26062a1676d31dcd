"""The English text of the messages of plans, by id."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    "bound.beyond": (
        "{file} goes on beyond 24 hours after the session's start. To take all of it, export with --to {to}."
    ),
    "bound.evidence": ("The session has no end time: readings are included up to {end}, when {file} ends."),
    "bound.longest": ("The session has no end time: readings are included up to {end}, 24 hours after its start."),
    "bound.next_session": (
        "The session has no end time: readings are included up to {end}, when the lab's next session began."
    ),
    "bound.no_evidence": (
        "The session has no end time, and no recording or sensor file of it tells one: no readings are included. Name the end with --to, or take all readings of the lab with --readings all."
    ),
    "bound.no_start": (
        "The session has no start time: no readings are included. Take all readings of the lab with --readings all."
    ),
    "bound.same_start": (
        "Another session of the lab starts at the same instant, so the time of the two cannot be told apart."
    ),
    "bound.undescribed": (
        "No file says when the session was held: readings are included from its first recording up to {end}, when {file} ends."
    ),
    "bound.zone_unknown": (
        "The session's own sensor files have times without a zone, which were read as UTC. Name the zone with --time-zone."
    ),
    "bytes.differ": ("holds other bytes than its checksum is of, under the same size and times"),
    "bytes.differ.remedy": (
        "The disk is failing, or a program writes around the file system. Restore the file from a backup; if the change is meant, run touch on it. 'labcrate index --check' reads it again."
    ),
    "clock.apart": ("The start times disagree in {apart} of {recordings}, by up to {size}; see other_starts."),
    "clock.better_source": ("a better source"),
    "clock.camera": ("Camera {camera}: {sentences}"),
    "clock.file_name": ("the file name"),
    "clock.local_time": (
        "The camera's clock writes local time into the container as if it were UTC: {taken} was taken."
    ),
    "clock.local_time_in_some": (
        "The camera's clock writes local time into the container as if it were UTC in {count} of them: {taken} was taken."
    ),
    "clock.moved": ("The times in its file names and containers were moved by {seconds} s, as labcrate.toml says."),
    "clock.no_camera": ("No known camera: {sentences}"),
    "clock.no_zone": (
        "In {recordings} the file name shows no time zone and none is known: read as UTC, it may be up to 14 hours wrong. Say the zone with --time-zone."
    ),
    "clock.repeated_hour": (
        "{recordings} began in the hour that occurs twice when clocks go back; the first is meant unless another source says otherwise, so the start may be an hour wrong."
    ),
    "clock.skipped_hour": (
        "{recordings} began, by name, in the hour that clocks skip when they go forward; the start was moved past it and may be an hour wrong."
    ),
    "hand_link.changed": ("was linked by hand and has changed since"),
    "hand_link.changed.remedy": (
        "Link it again, or take the link back with 'labcrate link {session} --undo N' ('labcrate link {session}' lists the numbers)."
    ),
    "hand_link.gone": ("was linked by hand and is gone"),
    "hand_link.gone.remedy": (
        "Put it back in its place, or take the link back with 'labcrate link {session} --undo N' ('labcrate link {session}' lists the numbers)."
    ),
    "hand_link.no_sound": (
        "{file} was made of {original} without its sound ({codec}), which does not fit into an MP4 and is in the original alone."
    ),
    "hand_link.own.remedy": ("Restore the file, or remove its entry from {register}."),
    "recorder.changed": ("was replaced or changed since it was linked"),
    "recorder.changed.remedy": (
        "Restore the file, or link the session's time again with 'labcrate link {session} --by-time'."
    ),
    "recorder.damaged": (
        "{camera}: {count} of the recorder's files are damaged and kept as they are; the first is {first}."
    ),
    "recorder.files": ("{first} and {more} more"),
    "recorder.gone": ("is gone"),
    "recorder.gone.remedy": (
        "Recorders delete old files: restore it from a backup, or take the link back with 'labcrate link {session} --undo N' ('labcrate link {session}' lists the numbers)."
    ),
    "recorder.linked": ("linked to session {session} by its time"),
    "recorder.no_folder": ("cannot be read: the folder of the recorder {name} is not there"),
    "recorder.no_folder.remedy": ("Connect its disk, or correct 'folder' of the recorder {name} in labcrate.toml."),
    "recorder.not_allowed": ("cannot be read: the server may not read the folder of the recorder {name}"),
    "recorder.not_allowed.remedy": (
        "Have the server's operator start it with 'labcrate serve --recorder DIR', DIR being the folder of {name}."
    ),
    "recorder.not_selected": (
        "{camera}: {count} of the recorder's files are of this camera, which the session had not selected."
    ),
    "recorder.other_pattern": ("does not fit the pattern of the recorder's paths"),
    "recorder.other_pattern.remedy": (
        "Correct 'pattern' of the recorder {name} in labcrate.toml, or take the link back."
    ),
    "recorder.outside": (
        "{camera}: {count} of the recorder's files lie outside the session's time; the first is {first}."
    ),
    "recorder.shared": ("{camera}: {count} of the recorder's files are linked to another session as well."),
    "recorder.unknown": ("cannot be read: labcrate.toml has no recorder {name}"),
    "recorder.unknown.remedy": ("Describe the recorder {name} in labcrate.toml again, or take the link back."),
    "recorder.unreadable": ("cannot be read ({why})"),
    "recorder.unreadable.remedy": ("Put the file itself in its place, readable; symbolic links are never followed."),
    "recording.none_of_camera": (
        "The session selected camera {camera}, and no recording of it belongs to the session."
    ),
    "recording.secret_name": (
        '{file} has another name in the lab: a password or a network address of the lab stands in it, here as "_".'
    ),
    "register.name_taken": (
        "{file}: what the lab's register of recordings says of a file of this name was not used, because several files of the lab have the name and different bytes."
    ),
    "secrets.allowed": ("{file} was packed as it is and holds {kinds}, because whoever exported it allowed that."),
    "secrets.found": ("{file} holds {kinds}; an export stops there unless it is redacted or allowed."),
    "secrets.position": (
        "{file} holds a position: its tags say where it was recorded. That is not removed; see that it harms nobody."
    ),
    "secrets.redacted": ("{file} differs from the lab's own file, because this was taken out of it: {kinds}."),
    "secrets.unread": (
        "{file} could not be read, so the passwords and addresses in it are not known and were not searched for."
    ),
    "session.list_unread": ("{error} What it may say of this session is not known."),
    "span.in_zone": ("The time of '{name}' named no zone; it was read in {zone}, as {at}."),
    "span.no_zone": (
        "The time of '{name}' named no zone, and none is known; it was read as UTC, as {at}. If it is local, name the zone: --time-zone."
    ),
    "window.all_readings": ("All readings of the lab are included, whatever session they were taken in."),
    "window.reaches_other_session": (
        "The readings' window reaches into the time of another session of the lab, because it was widened."
    ),
}
