"""``labcrate log``: print the export log."""

from argparse import Namespace
from datetime import timedelta

from msgspec.structs import replace

from labcrate.cli.people_arguments import open_people_database
from labcrate.cli.screen import say, write_json
from labcrate.cli.terminal import console, table
from labcrate.errors import UsageError
from labcrate.messages.message import Message
from labcrate.model.session import is_numeric_id
from labcrate.people.export_log import ExportLog, ExportLogFilter, ExportLogLine
from labcrate.people.export_log_formats import as_csv, describe_contents, line_object
from labcrate.plan.option_values import parse_bound, parse_session
from labcrate.plan.summary import format_size


def run(options: Namespace) -> int:
    """Print the export log, the newest line first."""
    if options.csv and options.json:
        raise UsageError(Message("cli.csv_or_json"))
    session = None if options.session is None else parse_session(options.session)
    chosen = ExportLogFilter(
        session,
        options.who.strip(),
        since=parse_bound("--from", options.since, "UTC"),
        until=parse_bound("--to", options.until, "UTC", timedelta(days=1)),
    )
    with open_people_database(options) as database, ExportLog(database) as log:
        log.abort_dead_transfers()
        if session is not None:
            chosen = replace(chosen, session=log.resolve_session(session))
        lines = list(chosen.find(log))
    if options.csv:
        print(as_csv(lines), end="")
    elif options.json:
        write_json([line_object(line) for line in lines])
    elif lines:
        _print_table(lines)
    else:
        say("No matching transfers." if chosen else "Nothing was exported from this lab yet.")
    return 0


def _print_table(lines: list[ExportLogLine]) -> None:
    """Print a table of transfers; below each row are the reason of its outcome and the ID of the archive."""
    shown = table("Started (UTC)", "User", "Via")
    shown.columns[0].no_wrap = True
    numbers = all(is_numeric_id(line.session) for line in lines)
    shown.add_column("Session", justify="right" if numbers else "left", overflow="fold")
    shown.add_column("Contents", overflow="fold")
    for heading in ("Sent", "Total"):
        shown.add_column(heading, justify="right")
    shown.add_column("Outcome")
    for line in lines:
        shown.add_row(
            _start_time(line),
            line.who,
            f"{line.address} ({line.via})" if line.address else line.via,
            line.session,
            ", ".join(describe_contents(line)),
            format_size(line.bytes_sent),
            format_size(line.length),
            line.outcome,
        )
    screen = console()
    with screen.capture() as captured:
        screen.print(shown)
    rows, previous = iter(lines), None
    following = next(rows, None)
    for text in captured.get().removesuffix("\n").split("\n"):
        if following and text.startswith(_start_time(following)):  # the first line of the next row
            _print_details(previous)
            previous, following = following, next(rows, None)
        print(text)
    _print_details(previous)


def _start_time(line: ExportLogLine) -> str:
    return f"{line.begun:%Y-%m-%d %H:%M}"


def _print_details(line: ExportLogLine | None) -> None:
    if line is None:
        return
    if line.reason:
        say(f"    {line.reason}")
    archive_id = line.etag.strip('"')
    if archive_id and not line.options.startswith("recording="):
        say(f"    Archive ID: {archive_id}")
