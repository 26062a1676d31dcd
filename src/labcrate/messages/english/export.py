"""The English text of the messages of exports and of the documents in archives, by id."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    "archive.names_too_long": (
        "Session {session} has {files} files, and their names alone are too long for one archive (at most {most} files fit). Export a part of it (--only, --camera), pack a folder of many small files into one file first, or leave it out with exclude in labcrate.toml."
    ),
    "archive.too_many_files": (
        "Session {session} has {files} files, and at most {most} fit into one archive. Export a part of it (--only, --camera), pack a folder of many small files into one file first, or leave it out with exclude in labcrate.toml."
    ),
    "column.audio_codec": "audio codec; empty if there is no sound",
    "column.camera_id": "the camera's ID in the lab",
    "column.camera_name": "the camera's name",
    "column.duration_s": "length of the media; empty if it cannot be read",
    "column.end": "end of the recording, UTC",
    "column.file": "name inside the archive",
    "column.frame_rate": "frames per second as declared in the file; the real rate may differ",
    "column.height": "picture height",
    "column.linked_by": "why the recording belongs to the session: its name, its folder or a register",
    "column.other_starts": "start times from the other sources, with their uncertainty",
    "column.readable": "false for a damaged file, which is included unchanged",
    "column.session": "the session's id",
    "column.sha256": "SHA-256 of the file, hexadecimal",
    "column.size_bytes": "file size",
    "column.source": "path in the lab folder, or in a recorder's folder",
    "column.start": "start of the recording, UTC",
    "column.start_source": "source of the start time",
    "column.start_uncertainty_s": "uncertainty of the start time: it may be that much earlier or later",
    "column.video_codec": "video codec",
    "column.width": "picture width",
    "confirmation.by_file_system": "{number} by the file system's own checksums",
    "confirmation.confirmed": (
        "checksums: {number} of {count} recording matches",
        "checksums: {number} of {count} recordings match",
    ),
    "confirmation.confirmed_how": (
        "checksums: {number} of {count} recording matches ({ways})",
        "checksums: {number} of {count} recordings match ({ways})",
    ),
    "confirmation.earlier": (
        "{number} compared within the last day",
        "{number} compared within the last {count} days",
    ),
    "confirmation.none": "checksums: not compared (--no-check)",
    "confirmation.read_now": "{number} compared now",
    "crate.ask_for_licence": "No licence is stated for this data; ask the lab before you share it.",
    "crate.description": "Recordings and sensor readings of session {session} of a living lab.",
    "crate.no_licence": "No licence",
    "document.crate": "RO-Crate 1.1: every file with its type, size and checksum",
    "document.datapackage": "Frictionless data package: columns, types and units of the tables",
    "document.devices": "the session's cameras and Zigbee devices",
    "document.manifest": "SHA-256 of every other file",
    "document.metadata": "the session, its recordings, sensors and warnings",
    "document.readme": "explains this archive",
    "document.recordings_csv": (
        "one row per recording: {count} recording",
        "one row per recording: {count} recordings",
    ),
    "document.sensor_csv": "one row per measured value, with its unit if that is certain",
    "document.sensor_json": "one entry per measured value",
    "document.sensor_parquet": "one row per measured value, as Parquet",
    "document.zigbee_csv": "Zigbee messages, one per row: {readings}",
    "document.zigbee_json": "Zigbee messages by topic: {readings}",
    "document.zigbee_parquet": "Zigbee messages, one per row, as Parquet: {readings}",
    "export.secret_in_document": (
        "{file} was generated with {kind} in it, so nothing was exported. This is a defect of labcrate; please report it."
    ),
    "export_log.no_end": "The end of this export is missing from the export log. {error}",
    "export_log.no_entry": "The export log has no entry for this export. {error}",
    "export_log.own_entry": (
        "The export log has no entry for this export, but your own log, in your state folder, has one. {error}"
    ),
    "people_folder.linked": (
        "{folder} is a symbolic link, which labcrate does not follow, to a folder with {file}, the lab's logins and export log; replace the link by that folder itself."
    ),
    "people_folder.split": (
        "There is a {file} without an administrator in the lab's folder {folder}, and one with the lab's administrators in your state folder (labcrate's folder in XDG_STATE_HOME, or in ~/.local/state). Move one of them away, so that the other one is used."
    ),
    "readme.all_chosen_is_included": "Everything that was chosen is in it.",
    "readme.all_is_included": "Everything that belongs to the session is in it.",
    "readme.camera_files": "the first is {first}; all: {table}",
    "readme.check_systems": "{command}        (Linux; macOS: shasum -a 256 -c)",
    "readme.check_with_labcrate": "With labcrate, before unpacking:",
    "readme.check_without_labcrate": "Without labcrate, after unpacking, in the folder with this file:",
    "readme.chosen_is_missing": "Something that was chosen is missing.",
    "readme.column_readings": "readings",
    "readme.column_sensor": "sensor",
    "readme.files_not_exported": (
        "{count} file of the session was not exported.",
        "{count} files of the session were not exported.",
    ),
    "readme.format": "Format: labcrate session archive, version {version}",
    "readme.further_columns": (
        "Further columns, one for each key in the messages (with units if they are certain): {columns}."
    ),
    "readme.heading_check": "How to check that nothing is missing or altered",
    "readme.heading_columns": "Columns of {table}",
    "readme.heading_files": "Files",
    "readme.heading_left_out": "Left out",
    "readme.heading_linking": "How recordings were linked to this session",
    "readme.heading_load": "How to load the readings",
    "readme.heading_partial": "PARTIAL: the part of the session that was chosen",
    "readme.heading_recordings": "Recordings",
    "readme.heading_secrets": "Secrets",
    "readme.heading_sensors": "Sensor readings",
    "readme.heading_session": "Session",
    "readme.heading_times": "Times",
    "readme.heading_warnings": "Warnings",
    "readme.introduction": (
        "This archive contains one session of a living lab: the video recordings of its cameras, the readings of its Zigbee sensors, and the information about both. It contains video of people, in their homes or wherever they were observed: store it only where your agreement with them allows, and do not pass it on without their agreement."
    ),
    "readme.known_files_are_included": "Every file known to belong to the session is included.",
    "readme.label_cameras": "Cameras",
    "readme.label_data": "Data",
    "readme.label_description": "Description",
    "readme.label_end": "End",
    "readme.label_from": "From",
    "readme.label_id": "ID",
    "readme.label_length": "Length",
    "readme.label_name": "Name",
    "readme.label_notes": "Notes",
    "readme.label_researcher": "Researcher",
    "readme.label_sensors": "Sensors",
    "readme.label_start": "Start",
    "readme.label_status": "Status",
    "readme.label_tags": "Tags",
    "readme.label_to": "To",
    "readme.label_zone": "Time zone",
    "readme.linking": (
        "A recording belongs to the session if its file name says so (a camera's prefix, then _ or -, then session or s, then the session's complete ID: cam1_session42_....mp4), if it is in the session's own folder, or if the lab's register of recordings, or a person in the lab, assigned it to the session. No recording was included on a guess. The column linked_by of {table} gives the rule for each recording."
    ),
    "readme.linking_recorders": (
        "{text} The file names of a recorder contain the camera and the start time, but no session: a person linked the files that overlap the session's time. Their source is the recorder's name and the path in its folder."
    ),
    "readme.load_pandas": "Python, with pandas, without unpacking:",
    "readme.load_parquet": "Parquet, after unpacking (Python with Polars or pandas; R):",
    "readme.load_polars": "Python, with Polars, after unpacking:",
    "readme.load_r": "R:",
    "readme.local_time": "{utc} ({local} local)",
    "readme.missing": "MISSING: {missing}",
    "readme.more": "... and {number} more: see {file}",
    "readme.more_in_folder": "... and {number} more in {folder}: see {file}",
    "readme.near_misses": (
        "{count} more file in the lab may belong to this session and was not included; ask the lab which file it is.",
        "{count} more files in the lab may belong to this session and were not included; ask the lab for the list.",
    ),
    "readme.near_misses_not_exported": (
        "{count} more file in the lab may belong to the session and was not exported.",
        "{count} more files in the lab may belong to the session and were not exported.",
    ),
    "readme.no_planned_file_is_missing": "Every file that was to be exported is included.",
    "readme.no_readings_chosen": "None: only recordings were chosen.",
    "readme.no_recordings_chosen": "No recordings were chosen.",
    "readme.no_recordings_exported": 'None; see "Left out".',
    "readme.no_recordings_linked": "None: no recording is linked to this session.",
    "readme.no_time": "not recorded",
    "readme.no_warnings": "None.",
    "readme.no_zone": "not recorded: all times are UTC",
    "readme.not_copied": "Files of the session that were not copied:",
    "readme.nothing_is_missing": "Nothing is missing.",
    "readme.only": "only {data}",
    "readme.own_table": "This file is from the session's own folder, as the lab wrote it.",
    "readme.own_table_redacted": (
        'This file is from the session\'s own folder, as the lab wrote it, but without the secrets in it (see "Secrets").'
    ),
    "readme.partial": "This archive contains only the part of the session that was chosen at the export:",
    "readme.partial_title": "{title} (PARTIAL)",
    "readme.recording_start": "starts {start} ({source})",
    "readme.recordings": (
        "{count} recording, {length} in all, {size}.",
        "{count} recordings, {length} in all, {size}.",
    ),
    "readme.see_left_out": 'See "Left out".',
    "readme.see_warnings": 'See "Warnings".',
    "readme.sensors_and_recordings": "sensors and recordings",
    "readme.something_is_missing": "Something that belongs to the session is missing.",
    "readme.state": "State of this archive: {state}. {sentences}",
    "readme.status": "{status} (of the session in the lab, not of this archive)",
    "readme.times": (
        "All times are in UTC, in ISO 8601 format (the Z means UTC). The clocks of cameras and sensors drift apart by up to a few seconds a day. In {table}, start_uncertainty_s is the uncertainty of a recording's start time, start_source is where that time comes from, and other_starts has the start times from other sources."
    ),
    "readme.times_in_zone": "{text} Times without a zone were read in the time zone {zone}.",
    "readme.title": "Session {session}: {name}",
    "readme.window": "Readings from {start} to {end} are included.",
    "readme.window_all": "All readings of the lab are included, not only those within the session's time.",
    "readme.window_from": "Readings from {start} on are included.",
    "readme.window_none": 'The time of the session is not known, so no readings are included; see "Warnings".',
    "readme.window_to": "Readings up to {end} are included.",
    "secrets_section.allowed": "{file} is unchanged and CONTAINS {kinds}: the person who exported it allowed this.",
    "secrets_section.blanked": 'Replaced by "[removed]": {places}.',
    "secrets_section.left_out": (
        "Removed completely: {count} entry in the lab's descriptions that contained a user name or stream path (listed in {file}).",
        "Removed completely: {count} entries in the lab's descriptions that contained user names or stream paths (listed in {file}).",
    ),
    "secrets_section.messages": (
        "values in {count} sensor message",
        "values in {count} sensor messages",
    ),
    "secrets_section.more": "... and {number} more files like this: see {file}",
    "secrets_section.not_searched": (
        "Compressed, so the content was not searched: {files}. Check what they contain before you pass them on."
    ),
    "secrets_section.places": (
        "{count} place in the lab's descriptions (listed in {file})",
        "{count} places in the lab's descriptions (listed in {file})",
    ),
    "secrets_section.redacted": "{file} differs from the lab's own file, because this was removed from it: {kinds}.",
    "secrets_section.searched": (
        "Every file of this archive was searched for the passwords, tokens, network addresses and stream URLs in the lab's own files, and for any URL with a password in it. Files were searched completely, MP4 and MOV files except for their pictures and sound. User names and absolute paths were left out of the files that labcrate wrote. Not searched for: secrets that only pictures or sound show, and secrets that no file of the lab contains."
    ),
    "secrets_section.searched_readable": (
        "Every file of this archive was searched for the passwords, tokens, network addresses and stream URLs in the lab's own files, as far as they could be read, and for any URL with a password in it. Files were searched completely, MP4 and MOV files except for their pictures and sound. User names and absolute paths were left out of the files that labcrate wrote. Not searched for: secrets that only pictures or sound show, and secrets that no file of the lab contains."
    ),
    "secrets_section.unread": (
        "Could not be read: {files}. The passwords and addresses in it are not known and were NOT searched for; they may be anywhere in this archive."
    ),
    "signing.cannot_read": "{place} cannot be read ({reason}); run labcrate as the user who owns the file.",
    "signing.cannot_sign": (
        "{place} cannot sign: {reason}; put your backup of both files in their place, or move both away and make new ones with 'labcrate keygen'."
    ),
    "signing.cannot_write": "{place} cannot be written ({reason}); free some space, or change the permissions.",
    "signing.in_state_folder": "{file} in your state folder",
    "signing.key_exists": (
        "The lab already has a key: {place}. labcrate never overwrites a key: to make another one, move {secret} and {public} away first, and inform everyone who has the old public key."
    ),
    "signing.no_key": "This lab has no key to sign with; create one with 'labcrate keygen', once for the lab.",
    "signing.other_public_key": (
        "{file} is not the public key of {place}; put your backup of both files in their place, or move both away and make new ones with 'labcrate keygen'."
    ),
    "signing.place": "{file} (in the lab's folder {folder}, or in your state folder)",
    "spool.cannot_write": (
        "The documents of the export cannot be written, neither to the lab's folder .labcrate (or your state folder) nor to the system's temporary folder: {reason}. Free some space in one of them, or name a folder with free space in the environment variable TMPDIR, and export again."
    ),
    "study.bounded": "The session has no end time: readings are included up to {end}.",
    "study.no_reading": "No sensor reading is within the session's time.",
    "study.no_reading_chosen": "No sensor reading is within the chosen time.",
    "target.busy": "Another export is writing {target} now; wait until it ends, or choose another name with -o.",
    "target.cannot_write": "{target} cannot be written: {reason}",
    "target.disk_full": "the disk or quota is full; free some space, or choose another place with -o.",
    "target.exists": "{target} already exists; choose another name, or replace it with --force.",
    "target.file_too_large": (
        "its file system cannot hold a file that large (FAT32 ends at 4 GB); choose another place with -o."
    ),
    "target.folder_not_writable": "The folder {folder} cannot be written to; choose another with -o.",
    "target.is_device": "{target} is a device or pipe; choose the name of a file with -o.",
    "target.is_folder": (
        "{target} is a folder; name the file, or end the name with / to use labcrate's own file name in it."
    ),
    "target.lab_file": (
        "{target} is a file of the lab, and labcrate never replaces a file of the lab; choose another name with --output."
    ),
    "target.no_folder": "There is no folder {folder}; create it first.",
    "target.part_is_link": (
        "there is a symbolic link with the name of its temporary file ({suffix}); remove the link."
    ),
    "target.system_error": "{reason}; choose another place with -o.",
}
