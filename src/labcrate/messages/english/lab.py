"""The English text of the messages of reading the lab folder, by id."""

from collections.abc import Mapping

_JSON_REMEDY = "Correct the file, or wait until the lab has finished writing it."
_DIFFERENT_IDS = "two sessions cannot have the same ID. Change one of the IDs, or remove the wrong entry."
_EXCLUDE_EXAMPLE = "write the path from the lab's root, like recordings/test/."
_LAB_OPTION = "name the lab folder with --lab DIR or LABCRATE_LAB"

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    # Places in files.
    "lab.file_end": "at the end",
    "lab.key": "key {key}",
    "lab.key_in_file": "{file}, key {key}",
    "lab.line": "line {line}",
    "lab.line_column": "line {line}, column {column}",
    "lab.recorder": 'recorder "{name}"',
    "lab.recorder_key": 'recorder "{name}", key {key}',
    "lab.recorder_number_key": "recorder {number}, key {key}",
    # The lab folder, and files that cannot be read.
    "lab.no_folder": f"There is no folder {{folder}}; {_LAB_OPTION}.",
    "lab.folder_closed": f"The folder {{folder}} cannot be opened ({{reason}}); {_LAB_OPTION}.",
    "lab.link_loop": "a loop of symbolic links",
    "lab.not_a_lab": (
        "{folder} is not a lab folder: it contains none of recordings/, sessions/ and data/. "
        f"N{_LAB_OPTION[1:]}, or try 'labcrate demo'."
    ),
    "lab.symbolic_link": "it is a symbolic link or below one, and symbolic links are never followed",
    "lab.not_regular": "not a regular file",
    "lab.file_unreadable": "cannot be read ({reason}); check its permissions.",
    "lab.file_is_link": "cannot be read ({reason}); put the file itself in its place.",
    "lab.file_not_regular": "cannot be read ({reason}); put a text file in its place.",
    "lab.folder_is_link": "is a symbolic link, and those are never followed; put the folder itself in its place.",
    "lab.folder_unreadable": "cannot be read (no permission); check its permissions.",
    # JSON files.
    "lab.json_empty": f"is empty, not JSON. {_JSON_REMEDY}",
    "lab.json_invalid": f"is not valid JSON: {{error}}. {_JSON_REMEDY}",
    "lab.json_number_too_long": f"contains a number that is too long. {_JSON_REMEDY}",
    "lab.json_too_deep": "has objects and lists nested more than {levels} levels deep; correct the file.",
    "lab.not_utf8": f"is not UTF-8 text. {_JSON_REMEDY}",
    "lab.no_entries": "must be a list, or an object with IDs as keys; correct the file.",
    "lab.text_too_long": (
        "has {size} MB of text, more than the 1 MB allowed; shorten it, or save it as a file in the session's folder."
    ),
    "lab.wrong_type": "must be {expected}, not {found}.",
    "lab.wrong_value": "{problem}.",
    "lab.missing_field": "{field} is missing.",
    "lab.type_or": "{first} or {second}",
    "lab.type_text": "text",
    "lab.type_whole_number": "a whole number",
    "lab.type_number": "a number",
    "lab.type_boolean": "true or false",
    "lab.type_object": "an object",
    "lab.type_list": "a list",
    "lab.type_null": "null",
    # Cameras and devices.
    "lab.camera_no_id": "the camera has no ID; give it one.",
    "lab.camera_urls": "the camera has {count} URLs, more than the {most} allowed; shorten its texts.",
    "lab.device_no_id": "the device has neither an ID nor a name; give it one.",
    # Sessions.
    "session.id_rule": (
        "an ID has 1 to 64 letters, digits, spaces, '.', '_' or '-', begins with a letter or digit, and does not end "
        "in a space or dot; a number must not begin with zero"
    ),
    "lab.folder_without_id": "'{text}' after {prefix} is not a session ID: {rule}. Rename the folder.",
    "lab.session_id_differs": "the key is '{key}', but the ID in the entry is '{id}'; make them the same.",
    "lab.session_id_invalid": "'{text}' is not a session ID: {rule}.",
    "lab.session_id_type": "its ID is neither text nor a whole number; correct it.",
    "lab.session_no_id": "the session has no ID; give it one.",
    "lab.session_no_object": "is not an object that describes a session; correct it.",
    "lab.session_twice": f"describes session {{session}} differently than {{source}}; {_DIFFERENT_IDS}",
    "lab.session_twice_in_file": (
        f"describes session {{session}} differently than key {{key}} of the same file; {_DIFFERENT_IDS}"
    ),
    "lab.ends_before_start": "the session ends before it starts; correct the times.",
    "lab.not_a_time": "{value} is not a date and time; write it as 2025-05-02T19:40:00Z.",
    "lab.entry_ignored": "{error} The entry was ignored.",
    "lab.folder_id_used": "{file} has the ID {id}; the ID in the folder's name, {session}, is used.",
    "lab.sources_differ": "{source} and {used} differ in {fields}; {used} is used.",
    "lab.time_ambiguous": (
        "{field} of the session is in an hour that occurs twice or not at all in {zone}, because the clocks change; "
        "the first possible time is used."
    ),
    "lab.unknown_zone": "The session's time zone '{zone}' is not an IANA time zone; times are given in UTC only.",
    "session.no_zone": (
        "{field} of the session has no time zone and is read as UTC. If it is local time, name the zone with "
        "--time-zone."
    ),
    "lab.selected_unknown": (
        "The session selects '{name}', which is neither a camera nor a device in the lab's files; it is treated as a "
        "sensor."
    ),
    "lab.selection_no_device": "{field} of the session is not a device and was ignored.",
    "lab.selection_no_devices": "{field} of the session is not a list of devices and was ignored.",
    "lab.selection_no_list": "{field} of the session is not a list and was ignored.",
    # Registers of recordings, sensor files, and the list of linked files.
    "lab.recording_no_object": "is not an object that describes a recording; correct it.",
    "lab.register_fault_in_more": (
        "{fault} {count} more entry has the same problem.",
        "{fault} {count} more entries have the same problem.",
    ),
    "lab.register_ends_before_start": "the recording ends before it starts; neither time is used.",
    "lab.register_no_path": "the entry has no file path, so its recording is unknown.",
    "lab.register_no_time": "the entry has an invalid time, which is not used; write it as 2025-05-02T19:40:00Z.",
    "lab.register_session_id": "the entry has an invalid session ID: {rule}.",
    "lab.register_session_id_type": "the session ID of the entry is neither text nor a number.",
    "lab.sensor_file_no_column": "has no column '{column}', so it does not show when the session ended.",
    "lab.sensor_file_no_list": "is not JSON with a list of readings, so it does not show when the session ended.",
    "lab.sensor_file_no_time": "has no row with a valid time; write times as 2025-05-02T19:40:00Z.",
    "lab.link_modified": "must be whole nanoseconds; link the file again.",
    "lab.link_path": "must be a path below its folder, without '..' and not absolute; link the file again.",
    "lab.link_time": "is not a date and time; link the file again.",
    "lab.links_no_list": "must be the list that 'labcrate link' wrote; restore it.",
    # Recorders.
    "lab.outside_recorder_folder": "not a path below the recorder's folder",
    "lab.recorder_folder_unknown": "its folder cannot be found; connect its disk or correct 'folder'.",
    "lab.recorder_folder_unreadable": "its folder cannot be read ({reason}); connect its disk or correct 'folder'.",
    "lab.recorder_missing": "the folder of its recorder does not exist",
    "lab.recorder_not_allowed": "the folder of its recorder may not be read",
    "lab.segment_empty": "it is empty",
    "lab.segment_folder": "the folder cannot be read ({reason})",
    "lab.segment_link": "it is a symbolic link, and those are never followed",
    "lab.segment_no_file": "it is not a regular file",
    # Patterns of exclude in labcrate.toml.
    "lab.exclude_backslash": '"{pattern}" ends in a \\ that escapes nothing; remove it.',
    "lab.exclude_brackets": (
        '"{pattern}" is not a valid pattern of git; close its [ with a ], and write ranges upwards, like [0-9].'
    ),
    "lab.exclude_class": (
        '"{pattern}" has a class or sign within [ ] that is not supported; write the characters, like [0-9a-f].'
    ),
    "lab.exclude_comment": (
        '"{pattern}" begins with # and is only a comment; remove it, or write \\# for a name that begins with #.'
    ),
    "lab.exclude_control": (
        '"{pattern}" contains a line break or another control character; write each pattern as a separate text.'
    ),
    "lab.exclude_dots": f'"{{pattern}}" has . or .. as a folder; {_EXCLUDE_EXAMPLE}',
    "lab.exclude_empty": '"{pattern}" is empty and excludes nothing; remove it.',
    "lab.exclude_no_name": f'"{{pattern}}" has no name of a file or folder; {_EXCLUDE_EXAMPLE}',
    "lab.exclude_stars": '"{pattern}" ends in /**/; write the path of the folder alone, like recordings/test/.',
    # Patterns of paths and names in labcrate.toml.
    "lab.pattern_brace": "has a {brace} without its partner; write a placeholder like {{camera}}.",
    "lab.pattern_control": "contains a control character; write it on one line.",
    "lab.pattern_epoch_and_date": "has {{epoch}} and a date; use one of them, and {{any}} for the other.",
    "lab.pattern_extension": "must end in {extension}, because only MP4 recordings are used.",
    "lab.pattern_folder": "is for a file name only; leave out the folders and the slash.",
    "lab.pattern_incomplete": "does not contain the start of a recording; add {missing} (or {{epoch}}).",
    "lab.pattern_length": "is longer than {most} characters; shorten it.",
    "lab.pattern_milliseconds": "has milliseconds {{f}} without seconds {{S}}; add {{S}}.",
    "lab.pattern_misspelled": "has the unknown placeholder {{{name}}}; did you mean {{{nearest}}}?",
    "lab.pattern_no_extension": "is for the name without its extension; leave out {extension}.",
    "lab.pattern_path": "must be a path below the folder: without a slash at either end, '//', '.' or '..'.",
    "lab.pattern_placeholder": "has the unknown placeholder {{{name}}}; the placeholders are {placeholders}.",
    "lab.pattern_side_by_side": "has {{camera}} and {{any}} side by side; write the text between them.",
    "lab.pattern_twice": "has a placeholder twice in one name; use {{any}} for the second one.",
    # labcrate.toml.
    "lab.recorder_name_taken": 'another recorder has the name "{name}"; give each recorder its own name.',
    "lab.recorder_no_folder": "is missing; write the path of the folder with the recorder's files.",
    "lab.recorder_no_name": "is missing; write a name for the recorder.",
    "lab.recorder_no_pattern": "is missing; write the pattern of the paths, or 'type' with one of {types}.",
    "lab.recorder_no_zone": "is missing; write the IANA zone of the times in the paths, like Europe/Madrid or UTC.",
    "lab.recorders_no_list": "must be a list of tables; begin each with [[recorder]].",
    "lab.toml_invalid": "is not valid TOML: {problem}. Correct the line.",
    "lab.toml_not_utf8": "is not UTF-8 text; save the file as UTF-8.",
    "lab.toml_number": "a number is too long",
    "lab.toml_too_deep": "has lists or tables nested too deeply; no key needs that.",
    "lab.toml_twice": "a key or table occurs twice",
    "lab.unknown_key": (
        "there is no such key; the only key is {known}.",
        "there is no such key; the keys are {known}.",
    ),
    "lab.unknown_key_misspelled": "there is no such key; did you mean {nearest}?",
    "lab.value_date_format": (
        '"{format}" does not contain the date, hour and minute; write it with the letters of strptime, like '
        "%d/%m/%Y %H:%M:%S."
    ),
    "lab.value_date_locale": (
        '"{format}" has a part that depends on the language of the machine (%a %A %b %B %c %x %X); use numbers, like '
        "%d/%m/%Y %H:%M:%S."
    ),
    "lab.value_days": "must be a whole number of days from 0 to {most}, like 30.",
    "lab.value_folder": "must be the path of a folder, on one line.",
    "lab.value_inline_table": "must be a table; write it like {{ kitchen = 5 }}.",
    "lab.value_length": 'must be a length of time like "30s", "5m" or "1h".',
    "lab.value_length_quotes": 'must be a length of time in quotes, like "30s", "5m" or "1h".',
    "lab.value_line": "must be text on one line, and not blank.",
    "lab.value_list": 'must be a list of texts, like ["one", "two"].',
    "lab.value_prefix": "must be the beginning of a file name, without a folder.",
    "lab.value_recorder_name": (
        "must have 1 to 64 letters, digits, spaces, '.', '_' or '-', and begin with a letter or digit, because it is "
        "the name of the recorder's files in archives."
    ),
    "lab.value_recorder_type": '"{word}" is not a type of recorder; the types are {known}.',
    "lab.value_recorder_type_misspelled": '"{word}" is not a type of recorder; did you mean {nearest}?',
    "lab.value_seconds": "must be a number of seconds, like 3.5 or -3600.",
    "lab.value_seconds_range": "must be a number of seconds of at most about a century.",
    "lab.value_table": "must be a table; begin it with [{name}].",
    "lab.value_text": "must be text in quotes.",
    "lab.value_topic": "must be a topic without # and +, like zigbee2mqtt.",
    "lab.value_uuid": "is not a UUID; 'labcrate init --print' shows a new one.",
    "lab.value_zone": '"{zone}" is not an IANA time zone; write one like Europe/Madrid, or UTC.',
    "lab.value_zone_misspelled": '"{zone}" is not an IANA time zone; did you mean {nearest}?',
}
