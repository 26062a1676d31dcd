"""``labcrate export ID``: export a session as a ZIP."""

from argparse import Namespace
from typing import Any

from labcrate.cli.screen import open_lab, say, say_command, write_json
from labcrate.cli.session import export_options, say_log_problem, stage_progress
from labcrate.export.documents.metadata import not_taken_object
from labcrate.export.documents.secrets import secret_objects
from labcrate.export.session_export import ExportResult, export_session
from labcrate.messages.text import printable
from labcrate.plan.not_taken import NotTakenRule
from labcrate.plan.plan import Plan, State
from labcrate.plan.summary import describe_not_taken, format_size, plural

_MAX_FILES_NAMED = 10
_MAX_COMPRESSED_NAMED = 3


def run(options: Namespace) -> int:
    """Export one session, and print what it includes. If it fails or is stopped, no files are left."""
    done = export_session(
        open_lab(options),
        options.session,
        export_options(options),
        options.output or ".",
        "command line",
        stage_progress(options),
        force=options.force,
        allow_incomplete=options.allow_incomplete,
        sign=options.sign,
        sync=options.sync,
        check=options.check,
        workers=options.workers,
    )
    say_log_problem(done.log_entry.problem)
    if options.json:
        write_json(_json_object(done))
    else:
        _print_result(done, options)
    return 0


def _print_result(done: ExportResult, options: Namespace) -> None:
    plan = done.assembly.plan
    say(f"{printable(str(done.path))}: {format_size(done.entity.length)}, {plan.state}")
    if done.signature:
        say(f"{printable(str(done.signature))}: the signature")
    recordings, files = plural(len(plan.recordings), "recording"), plural(len(done.assembly.descriptions), "file")
    say(f"  {recordings}, {plural(len(plan.readings), 'reading')}, {files} in all")
    if plan.recordings:
        say(f"  {done.confirmation.summary}")
    if plan.options.is_partial:
        say("  PARTIAL: only a part of the session was requested")
    for left_out in (*plan.not_chosen, *plan.tables_left_out):
        say(f"  {left_out}")
    for missing in plan.missing:
        say(f"  missing: {missing}")
    for warning in plan.warnings:
        say(f"  warning: {warning}")
    _print_not_searched(plan)
    _print_left_out(plan, options)
    if plan.state is State.COMPLETE and not (
        plan.withheld or plan.near_misses or plan.left_out.get(NotTakenRule.EXCLUDED)
    ):
        say("  no files missing, no warnings")
    if done.log_entry.in_own_log:
        say("  The lab's export log is read-only: this export was logged in your own state folder.")


def _print_not_searched(plan: Plan) -> None:
    """Print how many compressed files were not searched for secrets, and the first of their names."""
    members = plan.secrecy.not_searched
    if members:
        more = f" and {len(members) - _MAX_COMPRESSED_NAMED:,} more" if len(members) > _MAX_COMPRESSED_NAMED else ""
        named = ", ".join(members[:_MAX_COMPRESSED_NAMED]) + more
        say(f"  compressed, not searched for passwords and addresses: {plural(len(members), 'file')} ({named})")


def _print_left_out(plan: Plan, options: Namespace) -> None:
    """Print the files left out that may matter, at most ten, and the command that lists all with their remedies.

    These are files of the session's own folder, except its description, and near misses.
    """
    lines = [f"not exported: {describe_not_taken(one)}" for one in plan.not_taken if not one.rule.is_in_metadata]
    lines += [f"near miss ({near.verdict.rule}): {near.source}" for near in plan.near_misses]
    for line in lines[:_MAX_FILES_NAMED]:
        say(f"  {line}")
    if len(lines) > _MAX_FILES_NAMED:
        more = len(lines) - _MAX_FILES_NAMED
        say(f"  and {more:,} more that {'is' if more == 1 else 'are'} not exported")
    if lines:
        say("  List all files left out, with remedies:")
        say_command(("labcrate", "plan", plan.session.id), options, "    ")


def _json_object(done: ExportResult) -> dict[str, Any]:
    plan = done.assembly.plan
    return {
        "file": str(done.path),
        "signature": str(done.signature) if done.signature else None,
        "sizeBytes": done.entity.length,
        "etag": done.entity.etag,
        "state": str(plan.state),
        "partial": plan.options.is_partial,
        "notChosen": list(plan.not_chosen),
        "tablesLeftOut": list(plan.tables_left_out),
        "recordings": len(plan.recordings),
        "readings": len(plan.readings),
        "members": len(done.assembly.descriptions),
        "missing": [str(m) for m in plan.missing],
        "warnings": list(plan.warnings),
        "nearMisses": len(plan.near_misses),
        "secrets": secret_objects(plan.secrecy.files),
        "notTaken": [not_taken_object(one) for one in plan.not_taken],
        "bytesConfirmed": done.confirmation.confirmed_count,
    }
