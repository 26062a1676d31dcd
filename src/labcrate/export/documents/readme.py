"""``README.txt``: the archive explained to somebody who has nothing but the ZIP."""

from collections.abc import Iterable, Sequence

from labcrate.archive.layout import FORMAT_VERSION
from labcrate.export.documents.datapackage import RECORDING_COLUMNS
from labcrate.export.documents.metadata import instant_text, local_time_text
from labcrate.export.documents.plain_text import WIDTH, section, table, wrap_lines
from labcrate.export.documents.secrets import secret_paragraphs
from labcrate.messages.text import printable, printable_lines
from labcrate.model.timespan import EMPTY_SPAN, format_duration
from labcrate.plan import member_names as names
from labcrate.plan.options import DataKind
from labcrate.plan.plan import Plan, SecretTreatment, State
from labcrate.plan.summary import (
    MemberDescription,
    camera_spans,
    describe_camera_span,
    describe_not_exported,
    describe_not_taken,
    describe_readings,
    describe_recording,
    format_size,
    plural,
)
from labcrate.readings.write.columns import FIXED_COLUMNS, Column

_MAX_LISTED = 40


def readme(
    plan: Plan, parts: Sequence[MemberDescription], zigbee: Sequence[Column], sensors: Sequence[Column]
) -> bytes:
    """The README of an archive; ``zigbee`` and ``sensors`` are the columns of the two kinds of sensor table."""
    title = f"Session {plan.session.id}: {plan.session.name}" if plan.session.name else plan.session.title
    title = f"{title} (PARTIAL)" if plan.options.is_partial else title
    member_names = {part.name for part in parts}
    sections = [
        [*wrap_lines(title), "=" * min(WIDTH, len(title))],
        _introduction(plan),
        section("PARTIAL: what was chosen of the session", _selection(plan) if plan.options.is_partial else []),
        section("Session", _session(plan)),
        section("Warnings", _warnings(plan)),
        section("Recordings", _recordings(plan)),
        section("Sensor readings", _sensors(plan)),
        section("Files", _files([p for p in parts if not _is_recording(p)])),
        section("Left out", _left_out(plan)),
        section("Secrets", _secrets(plan)),
        section("Columns of " + names.ZIGBEE_CSV, _columns(zigbee)),
        section(f"Columns of {names.SENSOR_CSV}", _sensor_table(plan, sensors, member_names)),
        section("Columns of " + names.RECORDINGS_CSV, table([(c, _unit(u, d)) for c, _, _, u, d in RECORDING_COLUMNS])),
        section("Times", _times(plan)),
        section("How recordings were linked to this session", wrap_lines(_LINKING + _about_recorders(plan))),
        section("How to check that nothing is missing or altered", _CHECK),
        section("How to load the readings", _LOAD if names.ZIGBEE_CSV in member_names else []),
    ]
    return printable_lines("\n\n".join("\n".join(lines) for lines in sections if lines) + "\n").encode()


def _sensor_table(plan: Plan, sensors: Sequence[Column], member_names: set[str]) -> list[str]:
    if sensors:
        return _columns(sensors)
    if names.SENSOR_CSV not in member_names:
        return []
    redacted = {one.member for one in plan.secrecy.files if one.treatment is SecretTreatment.REDACTED}
    but = ", but for what was removed (see Secrets)" if names.SENSOR_CSV in redacted else ""
    return wrap_lines(f"The session brought this file itself; it is here as the lab wrote it{but}.")


_LINKING = (
    "A recording belongs to the session when its file name says so (a camera's prefix, then _ or -, then session "
    "or s, then the session's whole id: cam1_session42_....mp4), when it lies in the session's own folder, or when the "
    "lab's register of recordings, or somebody of the lab by hand, gave it to the session. "
    f"Nothing was taken on a guess. The column linked_by of {names.RECORDINGS_CSV} gives the rule for each recording."
)


def _about_recorders(plan: Plan) -> str:
    """Say that recorders' files were chosen by a person, where there are any."""
    if not any(recording.is_from_recorder for recording in plan.recordings):
        return ""
    return (
        " Recordings of a recorder that knows no sessions are named by camera and start; a person linked those that "
        "overlap the session's time. Their source is the recorder's name and the path below its folder."
    )


_CHECK = [
    "With labcrate, before unpacking:",
    "    labcrate verify ARCHIVE.zip",
    "Without it, after unpacking, in the folder that holds this file:",
    f"    sha256sum -c {names.MANIFEST}        (Linux; macOS: shasum -a 256 -c)",
]

_LOAD = [
    "Python, with pandas, without unpacking:",
    "    import zipfile, pandas",
    f'    file = zipfile.ZipFile("ARCHIVE.zip").open("{names.ZIGBEE_CSV}")',
    '    readings = pandas.read_csv(file, parse_dates=["timestamp"])',
    "Python, with Polars, after unpacking:",
    "    import polars",
    "    readings = polars.read_csv(",
    f'        "{names.ZIGBEE_CSV}", infer_schema_length=None)',
    "R:",
    f'    unzip("ARCHIVE.zip", "{names.ZIGBEE_CSV}")',
    f'    readings <- read.csv("{names.ZIGBEE_CSV}", na.strings = "")',
    "    flags <- sapply(readings, function(x)",
    '      !all(is.na(x)) && all(is.na(x) | x %in% c("true", "false")))',
    '    readings[flags] <- lapply(readings[flags], function(x) x == "true")',
    '    readings$timestamp <- as.POSIXct(readings$timestamp, "UTC",',
    '                                     "%Y-%m-%dT%H:%M:%OSZ")',
]


def _introduction(plan: Plan) -> list[str]:
    text = (
        "This archive holds one session of a living lab: the video recordings of its cameras, the readings of its "
        "Zigbee sensors, and what is known about both. It shows people where they live or were observed: keep it where "
        "your agreement with them allows, and pass nothing on without it."
    )
    content = "was chosen" if plan.options.is_partial else "belongs to the session"
    left_out = describe_not_exported(plan)
    all_packed = "No file that was to be packed is missing"
    state = {
        State.COMPLETE: f"complete. {all_packed if left_out else f'Everything that {content} is in it'}.",
        State.WARNINGS: f'complete, with warnings. {all_packed if left_out else "Nothing is missing"}; see "Warnings".',
        State.INCOMPLETE: f'incomplete. Something that {content} is missing; see "Warnings".',
    }[plan.state]
    state += f' {left_out[0].upper()}{left_out[1:]}; see "Left out".' if left_out else ""
    return [
        *wrap_lines(text),
        "",
        *wrap_lines(f"State: {state}"),
        f"Format: labcrate session archive, version {FORMAT_VERSION}",
    ]


def _selection(plan: Plan) -> list[str]:
    options = plan.options
    rows = [
        ("Chosen", f"only {options.only}" if options.only is not DataKind.ALL else "sensors and recordings"),
        ("Cameras", ", ".join(options.cameras)),
        ("Sensors", ", ".join(options.sensors)),
        ("From", instant_text(options.span.start)),
        ("To", instant_text(options.span.end)),
    ]
    about = "This archive holds a part of the session. Whoever exported it chose what, and nothing else was left out:"
    lines = [*wrap_lines(about), "", *table([(label, value) for label, value in rows if value])]
    return [*lines, "", *(line for said in plan.not_chosen for line in wrap_lines(said, "- "))]


def _session(plan: Plan) -> list[str]:
    session = plan.session
    seconds = session.span.seconds
    rows = [
        ("Id", session.id),
        ("Name", session.name),
        ("Start", _utc_and_local(instant_text(session.span.start), local_time_text(session.span.start, plan.zone))),
        ("End", _utc_and_local(instant_text(session.span.end), local_time_text(session.span.end, plan.zone))),
        ("Length", format_duration(seconds) if seconds is not None else None),
        ("Time zone", plan.zone or "not recorded: all times are UTC"),
        ("Status", session.status),
        ("Researcher", session.researcher),
        ("Tags", ", ".join(session.tags)),
        ("Description", session.description),
        ("Notes", session.notes),
    ]
    return table([(label, value) for label, value in rows if value])


def _utc_and_local(utc: str | None, local: str | None) -> str:
    if utc is None:
        return "not recorded"
    return f"{utc} ({local} local)" if local else utc


def _warnings(plan: Plan) -> list[str]:
    lines = []
    for missing in plan.missing:
        lines += wrap_lines(f"MISSING: {missing.sentence}", "- ")
    for warning in plan.warnings:
        lines += wrap_lines(warning, "- ")
    return lines or ["None."]


def _recordings(plan: Plan) -> list[str]:
    if not plan.recordings:
        if plan.options.is_partial:
            return ["None was chosen."]
        return ['None; see "Left out".' if plan.withheld else "None: no recording is linked to this session."]
    size = sum(r.size_bytes for r in plan.recordings)
    length = sum(r.probe.duration_s or 0 for r in plan.recordings)
    lines = [f"{plural(len(plan.recordings), 'recording')}, {format_duration(length)} in all, {format_size(size)}.", ""]
    spans, listed = camera_spans(plan.recordings)
    for span in spans:
        first, *more = describe_camera_span(span)
        lines += [first, *(f"    {line}" for line in more)]
        lines.append(f"    the first is {span.recordings[0].member}; all: {names.RECORDINGS_CSV}")
    for recording in listed[:_MAX_LISTED]:
        lines += [recording.member, f"    {describe_recording(recording)}"]
        lines.append(f"    starts {instant_text(recording.span.start)} ({recording.start_source})")
    if len(listed) > _MAX_LISTED:
        lines.append(f"... and {len(listed) - _MAX_LISTED:,} more: see {names.RECORDINGS_CSV}")
    return lines


def _files(parts: Sequence[MemberDescription]) -> list[str]:
    own = [part for part in parts if part.name.startswith(f"{names.SESSION_FILES}/")]
    hidden = {part.name for part in own[_MAX_LISTED:]}
    lines = table([(part.name, part.description) for part in parts if part.name not in hidden])
    if hidden:
        lines.append(f"... and {len(hidden):,} more in {names.SESSION_FILES}: see {names.METADATA}")
    return lines


def _left_out(plan: Plan) -> list[str]:
    lines = []
    if plan.not_taken:
        lines += wrap_lines("Files of the session that were not copied:")
    for one in plan.not_taken[:_MAX_LISTED]:
        lines += wrap_lines(f"{describe_not_taken(one)}.", "- ")
    if len(plan.not_taken) > _MAX_LISTED:
        lines.append(f"... and {len(plan.not_taken) - _MAX_LISTED:,} more: see {names.METADATA}")
    if number := len(plan.near_misses):
        were = "was" if number == 1 else "were"
        about = f"elsewhere in the lab may be meant for this session and {were} not taken; the lab can say which."
        lines += wrap_lines(f"{plural(number, 'file')} {about}", "- ")
    return lines


def _secrets(plan: Plan) -> list[str]:
    return [line for bullet, said in secret_paragraphs(plan.secrecy) for line in wrap_lines(said, bullet)]


def _sensors(plan: Plan) -> list[str]:
    lines = [f"{describe_readings(plan)}."]
    if plan.options.all_readings:
        lines += wrap_lines("All readings of the lab are included, not only those inside the session's time.")
    elif plan.window == EMPTY_SPAN:
        lines += wrap_lines("No time is known from which readings could be taken, so none was; see Warnings.")
    elif plan.window.start or plan.window.end:
        start, end = instant_text(plan.window.start) or "the first", instant_text(plan.window.end) or "the last"
        lines += wrap_lines(f"Window: {start} to {end}, both included.")
    counts = plan.readings.counts_per_device
    if counts:
        lines += ["", *table([("sensor", "readings"), *((name, f"{count:,}") for name, count in counts)], widest=60)]
    return lines


def _times(plan: Plan) -> list[str]:
    text = (
        "All times are UTC, ISO 8601 (the Z means UTC). Clocks of cameras and sensors drift against each other by up "
        "to some seconds a day; how wrong a recording's start may be says start_uncertainty_s; start_source says where "
        "it comes from, and other_starts what the other sources say."
    )
    if plan.zone:
        text += f" Times without a zone were read in the time zone {plan.zone}."
    return wrap_lines(text)


def _columns(columns: Iterable[Column]) -> list[str]:
    """The columns that every archive has, one to a line; the keys that only these messages have, in one paragraph."""
    all_columns = list(columns)
    further = [c for c in all_columns if c.key is not None and c.name not in FIXED_COLUMNS]
    lines = table([(c.name, _unit(c.unit, c.description)) for c in all_columns if c not in further])
    if further:
        listed = ", ".join(_unit(c.unit, printable(c.name)) for c in further)
        lines += [
            "",
            *wrap_lines(f"Further columns, each a key of the messages (units where they are certain): {listed}."),
        ]
    return lines


def _unit(unit: str | None, description: str) -> str:
    return f"{description} [{unit}]" if unit else description


def _is_recording(part: MemberDescription) -> bool:
    return part.name.startswith(names.RECORDINGS + "/")
