"""``labcrate sessions``: list the lab's sessions."""

from argparse import Namespace

from rich.table import Table

from labcrate.cli.screen import open_lab, say, write_json
from labcrate.cli.terminal import console
from labcrate.export.plan_views import row_object
from labcrate.model.session import is_numeric_id
from labcrate.model.timespan import format_duration
from labcrate.plan.inventory import read_inventory
from labcrate.plan.overview import SessionRow, session_rows
from labcrate.plan.summary import format_size


def run(options: Namespace) -> int:
    """Print a table of the lab's sessions, and their problems."""
    inventory = read_inventory(open_lab(options))
    rows = session_rows(inventory)
    if options.json:
        write_json([row_object(row) for row in rows])
        return 0
    if not rows and not inventory.problems:
        say("This lab has no sessions: no descriptions, no session folders, no recordings named after a session.")
        return 0
    _print_table(rows)
    for problem in inventory.problems:  # these files may describe more sessions
        say(f"! {problem}")
    return 0


def _print_table(rows: list[SessionRow]) -> None:
    table = Table(box=None, pad_edge=False)
    right = {"ID", "Length"} if all(is_numeric_id(row.id) for row in rows) else {"Length"}
    for heading in ("ID", "Name", "Start (UTC)", "Length", "Status"):
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    for heading in ("Rec.", "Size"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for row in rows:
        span = row.span
        table.add_row(
            row.id,
            row.name or "-",
            f"{span.start:%Y-%m-%d %H:%M}" if span.start else "-",
            format_duration(span.seconds) if span.seconds is not None else "-",
            row.status or "-",
            str(row.recordings),
            format_size(row.size_bytes),
            "!" if row.warnings else "",
        )
    console().print(table)
    for row in rows:
        for warning in row.warnings:
            say(f"! {row.id}: {warning}")
