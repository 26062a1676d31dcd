"""The English text of the messages of ``labcrate doctor``, by id."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    "doctor.active": "Session {session} is still active.",
    "doctor.active.remedy": "Stop it in the lab, then export it.",
    "doctor.clock.apart": (
        "Camera {camera}: the start times disagree in {count} of {total} recordings, by up to {size}."
    ),
    "doctor.clock.hour_remedy": (
        "Compare one of these recordings with a sensor's reading; the start may be an hour wrong."
    ),
    "doctor.clock.local": (
        "Camera {camera}: the start times disagree in {count} of {total} recordings, by up to {size}: "
        "its clock writes local time into the container as if it were UTC."
    ),
    "doctor.clock.local_remedy": (
        "The time in the file name is taken, so nothing is lost. Set the camera's clock to UTC to be rid of this."
    ),
    "doctor.clock.no_zone": (
        "Camera {camera}: {count} of {total} recordings have a time without a zone in their name, and no zone is "
        "known: read as UTC, it may be up to 14 hours wrong."
    ),
    "doctor.clock.remedy": (
        "Set the clocks of camera and recorder; write a known difference into labcrate.toml (offset_s or "
        "time_zone of the camera)."
    ),
    "doctor.clock.repeated": (
        "Camera {camera}: {count} of {total} recordings began in the hour that occurs twice when clocks go back."
    ),
    "doctor.clock.skipped": (
        "Camera {camera}: {count} of {total} recordings began, by name, in the hour that clocks skip when they go"
        " forward."
    ),
    "doctor.closed.folder": "{file} is a folder without permission to read it: recordings in it were not found.",
    "doctor.closed.folder_remedy": "Make the folder readable.",
    "doctor.closed.link": "{file} is a symbolic link, and those are never followed.",
    "doctor.closed.link_remedy": "Put the file or folder itself, or a hard link, in its place.",
    "doctor.closed.other": "{file} is neither file nor folder.",
    "doctor.closed.other_remedy": "Put the recording itself in its place, or remove it.",
    "doctor.damaged": "{file} is damaged and kept as it is: {problem}.",
    "doctor.damaged.remedy": "It is exported as it is. Look for a whole copy on the recorder or the camera's card.",
    "doctor.document.remedy": "Correct the file, then run this again.",
    "doctor.empty.remedy": "Remove the empty files, or put whole copies in their place.",
    "doctor.end.beyond": (
        "{file} goes on until {to}; this takes all of it. Better, write the session's end into its description."
    ),
    "doctor.end.beyond_next": (
        "{file} goes on until {to}; this takes all of it, and with it readings from the time of session {next}. "
        "Better, write the session's end into its description."
    ),
    "doctor.end.evidence": (
        "The session has no end. Readings are taken up to {end}, when {file} ends (known from: {told})."
    ),
    "doctor.end.evidence_next": (
        "The session has no end. Readings are taken up to {end}, when {file} ends (known from: {told}). The next "
        "session ({next}) began at {start}."
    ),
    "doctor.end.longest": "The session has no end. Readings are taken up to {end}, 24 hours after its start.",
    "doctor.end.next_session": (
        "The session has no end. Readings are taken up to {end}: the next session ({next}) began at {start}."
    ),
    "doctor.end.no_evidence": (
        "The session has no end, and no recording or sensor file of it tells one: no readings are taken."
    ),
    "doctor.end.no_evidence_next": (
        "The session has no end, and no recording or sensor file of it tells one: no readings are taken. The next"
        " session ({next}) began at {start}."
    ),
    "doctor.end.no_evidence_remedy": (
        "Write the session's end into its description, or name it when exporting: --to TIME."
    ),
    "doctor.end.no_start": "The session has no start: no readings are taken.",
    "doctor.end.no_start_remedy": "Write the session's start and end into its description.",
    "doctor.end.remedy": (
        "Write the session's end into its description; a later one can be named when exporting: --to TIME."
    ),
    "doctor.end.same_start_remedy": "Correct the start of the two sessions.",
    "doctor.exclude.nothing": "The pattern {pattern} of exclude in labcrate.toml fits no file.",
    "doctor.exclude.remedy": "Correct the pattern (paths begin at the lab's root), or remove it.",
    "doctor.folder.misspelt": "{folder}/ is no session's folder by its name; it must be called {right}.",
    "doctor.folder.remedy": "Rename the folder: Session, then the session's id.",
    "doctor.folder.rename": "Rename it to {right}.",
    "doctor.id.remedy": "Give the session another id in that file.",
    "doctor.kept_out": "Files of session {session} that stay out: {count} ({why}).",
    "doctor.kept_out.remedy": (
        "Where one of them is wanted, put the file itself into the session's folder under a name of its own."
    ),
    "doctor.bytes": "{file} holds other bytes than its checksum is of, under the same size and times.",
    "doctor.bytes.figures": (
        "Bytes: {confirmed} of {files} files confirmed in the last {days} days; {differing} hold other bytes."
    ),
    "doctor.bytes.figures_oldest": (
        "Bytes: {confirmed} of {files} files confirmed in the last {days} days, the oldest on {oldest}; {differing} "
        "hold other bytes."
    ),
    "doctor.kind.active": "Sessions that are still active",
    "doctor.kind.bytes": "Files that hold other bytes than their checksums are of",
    "doctor.kind.clock": "Clocks of cameras that do not agree",
    "doctor.kind.damaged": "Damaged recordings",
    "doctor.kind.description": "Descriptions of sessions",
    "doctor.kind.document": "Files and entries that cannot be used",
    "doctor.kind.empty": "Empty files",
    "doctor.kind.exclude": "Exclude patterns that fit nothing",
    "doctor.kind.folder_name": "Names of session folders",
    "doctor.kind.kept_out": "Files of sessions that stay out",
    "doctor.kind.missing": "Files and folders that are missing or cannot be read",
    "doctor.kind.near_miss": "Near misses: files that may be meant for a session",
    "doctor.kind.prefix": "Cameras that share a prefix",
    "doctor.kind.recording": "Recordings to look at",
    "doctor.kind.refused_id": "Session ids that were refused",
    "doctor.kind.register": "Entries of registers that count for nothing",
    "doctor.kind.rows": "Rows of sensor files that cannot be read",
    "doctor.kind.secret": "Files with passwords or addresses in them",
    "doctor.kind.sensor": "Sensors and devices without readings",
    "doctor.kind.settings": "Settings (labcrate.toml)",
    "doctor.kind.time_zone": "Times without a zone",
    "doctor.kind.unbounded": "Sessions without start or end",
    "doctor.kind.unknown": "Files that no rule knows",
    "doctor.missing.remedy": "Make the file readable and whole, then run this again.",
    "doctor.prefix.remedy": "Give each camera a recordingPrefix of its own.",
    "doctor.prefix.shared": (
        "Several cameras have the prefix {prefix}, so a file name does not tell which of them recorded it: {names}."
    ),
    "doctor.recording.linked": "Recordings with a doubt about what they belong to: {warning}.",
    "doctor.recording.not_selected": "Recordings of camera {camera}, which the session had not selected.",
    "doctor.recording.outside": "Recordings that start outside the session's time (known from: {source}).",
    "doctor.recording.remedy": "Look whether the recording belongs to this session, and whether its clock was right.",
    "doctor.register.gone": "Entries of {file} that name a file which the lab does not have: {count}.",
    "doctor.register.gone_remedy": (
        "Where such a recording is needed, put it back into recordings/. Otherwise there is nothing to do."
    ),
    "doctor.register.shared": (
        "Names in the registers of recordings that several files have, with different bytes: {count}. These "
        "entries count for none of the files."
    ),
    "doctor.register.shared_remedy": (
        "Indexing tells equal copies from others. Give different recordings different names."
    ),
    "doctor.rows.dates_remedy": "Say in labcrate.toml how its times are written (date_formats), or correct the rows.",
    "doctor.rows.remedy": "Correct the rows or restore the file.",
    "doctor.secret": "{file} holds {kinds}.",
    "doctor.secret.remedy": "Export with --redact, or keep the file out with exclude in labcrate.toml.",
    "doctor.secret.take_out": (
        "It cannot be taken out of a file of this kind, so --redact refuses it: take it out in the lab, or keep the "
        "file out with exclude in labcrate.toml."
    ),
    "doctor.sensor.absent": "Sensors that session {session} selected, and of which the lab has no reading: {names}.",
    "doctor.sensor.absent_remedy": "Compare the names with those in data/devices.json and the topics of the readings.",
    "doctor.sensor.ambiguous_remedy": "Select the sensor by its whole topic without the base.",
    "doctor.sensor.devices": "Devices of data/devices.json that have no reading in the lab: {count}.",
    "doctor.sensor.devices_remedy": "Look whether they are switched on, have batteries, and go by that name.",
    "doctor.sensor.none": "The lab has devices and no sensor readings at all.",
    "doctor.sensor.none_remedy": (
        "Look whether data/zigbee-data.json or data/zigbee-sensors.csv is where the lab writes its readings."
    ),
    "doctor.sensor.silent": "Sensors that session {session} selected, and that sent nothing in its time: {names}.",
    "doctor.sensor.silent_remedy": (
        "A sensor that nothing happens to may send nothing. Otherwise check its battery and the session's times."
    ),
    "doctor.settings.camera": "labcrate.toml, {key}: the lab has no camera with the id {camera}.",
    "doctor.settings.camera_near": "Correct the id; did you mean {near}?",
    "doctor.settings.camera_remedy": "Correct the id (the lab's cameras: {known}), or remove the entry.",
    "doctor.settings.init": "Write one out of what the lab's files show; it says the time zone, among others.",
    "doctor.settings.none": "The lab has no labcrate.toml.",
    "doctor.settings.recorder": "The folder of the recorder {name} is not there.",
    "doctor.settings.remedy": (
        "Correct the file: until then no command but this one reads the lab. What follows was found without it."
    ),
    "doctor.summary": "Problems: {problems}, warnings: {warnings}, hints: {hints}.",
    "doctor.undescribed": "No file describes session {session}: its name, times and sensors are unknown.",
    "doctor.undescribed.remedy": (
        "Describe it in data/sessions.json; if there is no such session, correct the name that says so."
    ),
    "doctor.unknown.other": "Files below recordings/ that are no recordings: {count}.",
    "doctor.unknown.other_remedy": "Put what belongs to a session into the folder of that session.",
    "doctor.unknown.recording": "Recordings that name no session and were made in no session's time: {count}.",
    "doctor.unknown.recording_remedy": "Nothing to do, unless one belongs to a session: then link it.",
    "doctor.unknown.stray": "Files in sessions/ that lie in no session's own folder: {count}.",
    "doctor.unknown.stray_remedy": "Move them into the folder of the session that they belong to.",
    "doctor.unknown.video": "Videos below recordings/ that are no MP4 and name no session: {count}.",
    "doctor.unknown.video_remedy": (
        "Move what belongs to a session into the folder of that session, where other videos are taken too."
    ),
    "doctor.zone.remedy": (
        "Write the lab's IANA zone into labcrate.toml (time_zone), or name it when exporting: --time-zone ZONE."
    ),
    "doctor.zone.rows": (
        "{place}: times without a zone, this one first: {count}. labcrate.toml names none: where the session names "
        "none either, they are read as UTC."
    ),
}
