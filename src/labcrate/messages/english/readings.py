"""The English text of the messages of reading sensor data, by id."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    "readings.ambiguous_date": (
        "the date can mean several days, so the reading was left out; write its format into labcrate.toml, for example "
        'date_formats = ["{format}"]'
    ),
    "readings.ambiguous_sensor": (
        'Sensor "{sensor}" is selected, but several topics end in that name ({topics}), so none of them is included. '
        "Select the sensor by its topic without the base topic."
    ),
    "readings.cannot_read": "the file cannot be read ({reason}); check its permissions and its disk",
    "readings.column.battery": "Battery charge of the device",
    "readings.column.battery_platform": "Battery charge of the device, if the message contains it",
    "readings.column.changed": "True if the value differs from the one before of the same device and property; empty for the first",
    "readings.column.device": "Name of the device",
    "readings.column.device_id": "Name of the device in devices.json or, if it is not there, the topic without the base topic",
    "readings.column.humidity": "Relative humidity of the air",
    "readings.column.key": "Value of '{key}' in the payload",
    "readings.column.kind": (
        '"event" for actions (button pressed), else "state": a state is sent again with every message of the device'
    ),
    "readings.column.linkquality": "Quality of the radio link, 0 to 255",
    "readings.column.linkquality_platform": "Quality of the radio link, if the message contains it",
    "readings.column.motion": ("True if motion was reported: the payload's motion or, if it has none, its occupancy"),
    "readings.column.motion_platform": "True if motion or occupancy was reported",
    "readings.column.payload": "The whole message as JSON, with every value as in the source",
    "readings.column.payload_platform": "The whole message as JSON, or as the text that was received",
    "readings.column.property": 'The property of the device; the keys of nested values are joined by "-"',
    "readings.column.sensor_id": "The platform's name of the sensor: a part of the topic",
    "readings.column.session": "The session's id",
    "readings.column.temperature": "Air temperature",
    "readings.column.text": "Values of '{key}' that are not of the type of its own column, as text",
    "readings.column.timestamp": "Time of the message: UTC, ISO 8601",
    "readings.column.timestamp_platform": "Time at which the platform received the message: ISO 8601",
    "readings.column.topic": "MQTT topic of the message",
    "readings.column.unit": "Unit of the value, where it is certain",
    "readings.column.value": "The value: a number, true or false, a text, or a list as JSON",
    "readings.csv_empty": "the file is empty, without a header, and was read as having no readings",
    "readings.csv_header": "the header is not one line of text; write the file again as UTF-8",
    "readings.csv_missing_columns": 'the header needs the columns "timestamp" and "topic" (or "device_id"); add them',
    "readings.date_format_incomplete": 'the date format "{format}" needs one of {directives}',
    "readings.date_format_invalid": 'the date format "{format}" is invalid: {reason}',
    "readings.end_truncated": (
        "the file ends in the middle of this row, so the row was left out; a crash may have cut it off"
    ),
    "readings.index_gone": "The sensor data was indexed again while it was being read. Try again.",
    "readings.json_empty": "the file is empty; write it again or restore a copy",
    "readings.json_invalid": "this is not JSON ({reason}); repair it",
    "readings.json_truncated": "the JSON ends too early; wait until it is completely written, or restore a copy",
    "readings.json_wrong_shape": 'it must be an object with "messages", or a list of messages ({reason}); repair it',
    "readings.keeps_changing": (
        "the file changed at every attempt to read it, so readings may be missing or of several moments; wait until it "
        "is completely written"
    ),
    "readings.line": "line {line}",
    "readings.line_and_byte": "line {line}, byte {byte}",
    "readings.mixed_encodings": (
        "the line is not UTF-8, although others are, and was read as Windows-1252; some letters may be wrong"
    ),
    "readings.no_flat_message": "this is not an object with a timestamp, a topic and a payload, so it was left out",
    "readings.no_list": "this is not a list of messages, so it was left out",
    "readings.no_message": "this is not an object with a timestamp and a payload, so it was left out",
    "readings.no_messages_key": 'the file contains no "messages" and was read as having no readings',
    "readings.no_topic": "the row has neither a topic nor a device_id, so it was left out",
    "readings.no_zone": ("the timestamp has no time zone and was read as UTC; name the lab's zone with --time-zone"),
    "readings.not_selected": "{what} (of a sensor that is not selected)",
    "readings.other_topics": (
        'Sensor "{sensor}" is selected. Readings of {own} are included; {others} also ends in that name, but its '
        "readings are not included.",
        'Sensor "{sensor}" is selected. Readings of {own} are included; {others} also end in that name, but their '
        "readings are not included.",
    ),
    "readings.outside": "{what} (outside the session's time)",
    "readings.payload_unreadable": "the payload is not JSON, so the reading was left out",
    "readings.repeated": ("{what} ({count} time, first here)", "{what} ({count} times, first here)"),
    "readings.repeated_time": (
        "the clocks went back, so this local time occurred twice; the order of the rows does not show which one it is, "
        "and the first was used"
    ),
    "readings.row_incomplete": "the row is incomplete and was left out; a crash may have cut it off",
    "readings.skipped_time": (
        "the clocks went forward, so this local time never occurred; it was read with the offset before the change"
    ),
    "readings.time_unreadable": (
        "the timestamp cannot be read, so the reading was left out; write it as ISO 8601 in UTC, or write its format "
        "into labcrate.toml (date_formats)"
    ),
    "readings.utf16_damaged": "some bytes are not UTF-16 text, so letters are missing; write the file again",
}
