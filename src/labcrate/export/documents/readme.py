"""``README.txt``: explains the archive to a reader who has only the ZIP."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from labcrate.archive.layout import FORMAT_VERSION
from labcrate.export.documents.datapackage import RECORDING_COLUMNS
from labcrate.export.documents.metadata import instant_text, local_time_text
from labcrate.export.documents.plain_text import WIDTH, section, table, wrap_lines
from labcrate.export.documents.secrets import secret_paragraphs
from labcrate.messages.message import Message
from labcrate.messages.text import printable, printable_lines
from labcrate.model.timespan import EMPTY_SPAN, format_duration
from labcrate.plan import member_names as names
from labcrate.plan.options import DataKind
from labcrate.plan.plan import Plan, SecretTreatment, State
from labcrate.plan.summary import (
    MemberDescription,
    camera_spans,
    describe_camera_span,
    describe_not_taken,
    describe_readings,
    describe_recording,
    format_size,
)
from labcrate.readings.write.columns import FIXED_COLUMNS, Column

_MAX_LISTED = 40


def readme(plan: Plan, members: Sequence[MemberDescription], tables: Mapping[str, Sequence[Column]]) -> bytes:
    """Return the README of an archive; ``tables`` has the columns of each table that was made from the readings."""
    title = _title(plan)
    partial = plan.options.is_partial
    member_names = {member.name for member in members}
    sections = [
        [*wrap_lines(title), "=" * min(WIDTH, len(title))],
        _introduction(plan),
        section(Message("readme.heading_partial"), _selection(plan) if partial else []),
        section(Message("readme.heading_session"), _session(plan)),
        section(Message("readme.heading_warnings"), _warnings(plan)),
        section(Message("readme.heading_recordings"), _recordings(plan)),
        section(Message("readme.heading_sensors"), _sensors(plan)),
        section(Message("readme.heading_files"), _files([m for m in members if not _is_recording(m)])),
        section(Message("readme.heading_left_out"), _left_out(plan)),
        section(Message("readme.heading_secrets"), _secrets(plan)),
        *_table_sections(plan, tables, member_names),
        section(
            Message("readme.heading_columns", table=names.RECORDINGS_CSV),
            table([(column.name, _with_unit(column.unit, column.description)) for column in RECORDING_COLUMNS]),
        ),
        section(Message("readme.heading_times"), _times(plan)),
        section(Message("readme.heading_linking"), _linking(plan)),
        section(Message("readme.heading_check"), _check_lines()),
        section(Message("readme.heading_load"), _load_lines(tables)),
    ]
    return printable_lines("\n\n".join("\n".join(lines) for lines in sections if lines) + "\n").encode()


def _title(plan: Plan) -> str:
    session = plan.session
    title = Message("readme.title", session=session.id, name=session.name) if session.name else session.title
    return Message("readme.partial_title", title=title) if plan.options.is_partial else title


def _introduction(plan: Plan) -> list[str]:
    state = Message("readme.state", state=plan.state, sentences=tuple(_state_sentences(plan)))
    return [
        *wrap_lines(Message("readme.introduction")),
        "",
        *wrap_lines(state),
        Message("readme.format", version=str(FORMAT_VERSION)),
    ]


def _state_sentences(plan: Plan) -> Iterator[Message]:
    """Yield sentences that say what the archive's state means, and how many files were not exported."""
    partial = plan.options.is_partial
    not_exported = list(_not_exported(plan))
    if plan.state is State.INCOMPLETE:
        yield Message("readme.chosen_is_missing" if partial else "readme.something_is_missing")
    elif plan.withheld or (not_exported and partial):
        yield Message("readme.no_planned_file_is_missing")
    elif not_exported:
        yield Message("readme.known_files_are_included")
    elif plan.state is State.WARNINGS:
        yield Message("readme.nothing_is_missing")
    else:
        yield Message("readme.all_chosen_is_included" if partial else "readme.all_is_included")
    if plan.state is not State.COMPLETE:
        yield Message("readme.see_warnings")
    if not_exported:
        yield from not_exported
        yield Message("readme.see_left_out")


def _not_exported(plan: Plan) -> Iterator[Message]:
    if plan.withheld:
        yield Message("readme.files_not_exported", count=plan.withheld)
    if plan.near_misses:
        yield Message("readme.near_misses_not_exported", count=len(plan.near_misses))


def _selection(plan: Plan) -> list[str]:
    options = plan.options
    data = (
        Message("readme.sensors_and_recordings")
        if options.only is DataKind.ALL
        else Message("readme.only", data=options.only)
    )
    rows = [
        (Message("readme.label_data"), data),
        (Message("readme.label_cameras"), ", ".join(options.cameras)),
        (Message("readme.label_sensors"), ", ".join(options.sensors)),
        (Message("readme.label_from"), instant_text(options.span.start)),
        (Message("readme.label_to"), instant_text(options.span.end)),
    ]
    lines = [*wrap_lines(Message("readme.partial")), "", *table([(label, value) for label, value in rows if value])]
    return [*lines, "", *(line for text in plan.not_chosen for line in wrap_lines(text, "- "))]


def _session(plan: Plan) -> list[str]:
    session = plan.session
    seconds = session.span.seconds
    rows = [
        (Message("readme.label_id"), session.id),
        (Message("readme.label_name"), session.name),
        (
            Message("readme.label_start"),
            _time(instant_text(session.span.start), local_time_text(session.span.start, plan.zone)),
        ),
        (
            Message("readme.label_end"),
            _time(instant_text(session.span.end), local_time_text(session.span.end, plan.zone)),
        ),
        (Message("readme.label_length"), format_duration(seconds) if seconds is not None else None),
        (Message("readme.label_zone"), plan.zone or Message("readme.no_zone")),
        (Message("readme.label_status"), Message("readme.status", status=session.status) if session.status else None),
        (Message("readme.label_researcher"), session.researcher),
        (Message("readme.label_tags"), ", ".join(session.tags)),
        (Message("readme.label_description"), session.description),
        (Message("readme.label_notes"), session.notes),
    ]
    return table([(label, value) for label, value in rows if value])


def _time(utc: str | None, local: str | None) -> str:
    if utc is None:
        return Message("readme.no_time")
    return Message("readme.local_time", utc=utc, local=local) if local else utc


def _warnings(plan: Plan) -> list[str]:
    lines = []
    for missing in plan.missing:
        lines += wrap_lines(Message("readme.missing", missing=missing.sentence), "- ")
    for warning in plan.warnings:
        lines += wrap_lines(warning, "- ")
    return lines or [Message("readme.no_warnings")]


def _recordings(plan: Plan) -> list[str]:
    if not plan.recordings:
        if plan.options.is_partial:
            return [Message("readme.no_recordings_chosen")]
        return [Message("readme.no_recordings_exported" if plan.withheld else "readme.no_recordings_linked")]
    size = format_size(sum(recording.size_bytes for recording in plan.recordings))
    length = format_duration(sum(recording.probe.duration_s or 0 for recording in plan.recordings))
    lines = [Message("readme.recordings", count=len(plan.recordings), length=length, size=size), ""]
    spans, listed = camera_spans(plan.recordings)
    for span in spans:
        first, *more = describe_camera_span(span)
        lines += [first, *(f"    {line}" for line in more)]
        files = Message("readme.camera_files", first=span.recordings[0].member, table=names.RECORDINGS_CSV)
        lines.append(f"    {files}")
    for recording in listed[:_MAX_LISTED]:
        start = Message(
            "readme.recording_start", start=instant_text(recording.span.start), source=recording.start_source
        )
        lines += [recording.member, f"    {describe_recording(recording)}", f"    {start}"]
    if len(listed) > _MAX_LISTED:
        lines.append(Message("readme.more", number=len(listed) - _MAX_LISTED, file=names.RECORDINGS_CSV))
    return lines


def _sensors(plan: Plan) -> list[str]:
    if plan.options.only is DataKind.RECORDINGS:
        return [Message("readme.no_readings_chosen")]
    lines = [f"{describe_readings(plan)}.", *wrap_lines(_window(plan))]
    counts = plan.readings.counts_per_device
    if counts:
        head = (Message("readme.column_sensor"), Message("readme.column_readings"))
        lines += ["", *table([head, *((name, f"{count:,}") for name, count in counts)], widest=60)]
    return lines


def _window(plan: Plan) -> str:
    """Return a sentence that says from which time readings are included."""
    start, end = instant_text(plan.window.start), instant_text(plan.window.end)
    if plan.options.all_readings:
        return Message("readme.window_all")
    if plan.window == EMPTY_SPAN:
        return Message("readme.window_none")
    if start and end:
        return Message("readme.window", start=start, end=end)
    if start:
        return Message("readme.window_from", start=start)
    return Message("readme.window_to", end=end) if end else ""


def _files(members: Sequence[MemberDescription]) -> list[str]:
    own = [member for member in members if member.name.startswith(f"{names.SESSION_FILES}/")]
    hidden = {member.name for member in own[_MAX_LISTED:]}
    lines = table([(member.name, member.description) for member in members if member.name not in hidden])
    if hidden:
        values = {"number": len(hidden), "folder": names.SESSION_FILES, "file": names.METADATA}
        lines.append(Message("readme.more_in_folder", **values))
    return lines


def _left_out(plan: Plan) -> list[str]:
    lines = [line for text in plan.tables_left_out for line in wrap_lines(text)]
    if plan.not_taken:
        lines += [""] if lines else []
        lines += wrap_lines(Message("readme.not_copied"))
    for one in plan.not_taken[:_MAX_LISTED]:
        lines += wrap_lines(f"{describe_not_taken(one)}.", "- ")
    if len(plan.not_taken) > _MAX_LISTED:
        lines.append(Message("readme.more", number=len(plan.not_taken) - _MAX_LISTED, file=names.METADATA))
    if plan.near_misses:
        lines += [""] if lines else []
        lines += wrap_lines(Message("readme.near_misses", count=len(plan.near_misses)))
    return lines


def _secrets(plan: Plan) -> list[str]:
    return [line for bullet, text in secret_paragraphs(plan.secrecy) for line in wrap_lines(text, bullet)]


def _table_sections(
    plan: Plan, tables: Mapping[str, Sequence[Column]], member_names: Collection[str]
) -> Iterator[list[str]]:
    """Yield a section for each two tables of the same rows, and one for a file that takes the place of a table."""
    redacted = {one.member for one in plan.secrecy.files if one.treatment is SecretTreatment.REDACTED}
    for both in ((names.ZIGBEE_CSV, names.ZIGBEE_PARQUET), (names.SENSOR_CSV, names.SENSOR_PARQUET)):
        made = [name for name in both if name in tables]
        if made:
            yield section(Message("readme.heading_columns", table=made), _columns(tables[made[0]]))
        for name in both if plan.options.has_parquet else both[:1]:
            if name in member_names and name not in tables:
                text = Message("readme.own_table_redacted" if name in redacted else "readme.own_table")
                yield section(Message("readme.heading_columns", table=name), wrap_lines(text))


def _columns(columns: Iterable[Column]) -> list[str]:
    """Return the columns of every archive, one on a line; those that only these messages have, in one paragraph."""
    all_columns = list(columns)
    further = [c for c in all_columns if c.key is not None and c.name not in FIXED_COLUMNS]
    lines = table([(c.name, _with_unit(c.unit, c.description)) for c in all_columns if c not in further])
    if further:
        listed = ", ".join(_with_unit(column.unit, printable(column.name)) for column in further)
        lines += ["", *wrap_lines(Message("readme.further_columns", columns=listed))]
    return lines


def _with_unit(unit: str | None, text: str) -> str:
    return f"{text} [{unit}]" if unit else text


def _times(plan: Plan) -> list[str]:
    text = Message("readme.times", table=names.RECORDINGS_CSV)
    return wrap_lines(Message("readme.times_in_zone", text=text, zone=plan.zone) if plan.zone else text)


def _linking(plan: Plan) -> list[str]:
    """Return how recordings were linked; for files of recorders, also that a person chose them."""
    text = Message("readme.linking", table=names.RECORDINGS_CSV)
    if any(recording.is_from_recorder for recording in plan.recordings):
        text = Message("readme.linking_recorders", text=text)
    return wrap_lines(text)


def _check_lines() -> list[str]:
    sha256sum = f"sha256sum -c {names.MANIFEST}"
    return [
        Message("readme.check_with_labcrate"),
        "    labcrate verify ARCHIVE.zip",
        Message("readme.check_without_labcrate"),
        f"    {Message('readme.check_systems', command=sha256sum)}",
    ]


_LOAD_PANDAS = [
    "    import zipfile, pandas",
    f'    file = zipfile.ZipFile("ARCHIVE.zip").open("{names.ZIGBEE_CSV}")',
    '    readings = pandas.read_csv(file, parse_dates=["timestamp"])',
]
_LOAD_POLARS = [
    "    import polars",
    "    readings = polars.read_csv(",
    f'        "{names.ZIGBEE_CSV}", infer_schema_length=None)',
]
_LOAD_R = [
    f'    unzip("ARCHIVE.zip", "{names.ZIGBEE_CSV}")',
    f'    readings <- read.csv("{names.ZIGBEE_CSV}", na.strings = "")',
    "    flags <- sapply(readings, function(x)",
    '      !all(is.na(x)) && all(is.na(x) | x %in% c("true", "false")))',
    '    readings[flags] <- lapply(readings[flags], function(x) x == "true")',
    '    readings$timestamp <- as.POSIXct(readings$timestamp, "UTC",',
    '                                     "%Y-%m-%dT%H:%M:%OSZ")',
]


_LOAD_PARQUET = [
    f'    readings = polars.read_parquet("{names.ZIGBEE_PARQUET}")',
    f'    readings = pandas.read_parquet("{names.ZIGBEE_PARQUET}")',
    f'    readings <- arrow::read_parquet("{names.ZIGBEE_PARQUET}")',
]


def _load_lines(tables: Collection[str]) -> list[str]:
    lines: list[str] = []
    if names.ZIGBEE_CSV in tables:
        lines += [Message("readme.load_pandas"), *_LOAD_PANDAS]
        lines += [Message("readme.load_polars"), *_LOAD_POLARS]
        lines += [Message("readme.load_r"), *_LOAD_R]
    if names.ZIGBEE_PARQUET in tables:
        lines += [Message("readme.load_parquet"), *_LOAD_PARQUET]
    return lines


def _is_recording(member: MemberDescription) -> bool:
    return member.name.startswith(names.RECORDINGS + "/")
