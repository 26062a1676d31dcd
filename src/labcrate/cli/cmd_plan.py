"""``labcrate plan ID``: show what an export would include and leave out, and why."""

from argparse import Namespace
from collections import Counter
from collections.abc import Sequence

from labcrate.cli.screen import open_lab, say, say_command, write_json
from labcrate.cli.session import export_options, say_near_miss, stage_progress
from labcrate.export.assemble import Assembly
from labcrate.export.plan_views import plan_object
from labcrate.export.prepare import plan_session
from labcrate.model.timespan import TimeSpan, format_duration, format_instant
from labcrate.plan.left_out import LeftOutFile, left_out_files
from labcrate.plan.plan import Plan
from labcrate.plan.secrecy import secret_file_remedy
from labcrate.plan.summary import (
    CameraSpan,
    camera_spans,
    describe_camera_span,
    describe_left_out,
    describe_not_exported,
    describe_not_taken,
    describe_recording,
    format_size,
    plural,
)


def run(options: Namespace) -> int:
    """Print the plan of one session."""
    chosen, shown = export_options(options), stage_progress(options)
    with plan_session(open_lab(options), options.session, chosen, shown, options.workers) as (inventory, assembly):
        others = list(left_out_files(inventory, assembly.plan)) if options.left_out else []
        if options.json:
            named = {"leftOutFiles": [{"file": o.source, "rule": o.rule, "reason": o.reason} for o in others]}
            write_json(plan_object(assembly) | (named if options.left_out else {}))
        else:
            print_plan(assembly, options, others)
    return 0


def print_plan(assembly: Assembly, options: Namespace, others: Sequence[LeftOutFile] = ()) -> None:
    """Print a plan as text for 80 columns."""
    plan = assembly.plan
    say(f"Session {plan.session.id}: {plan.session.name or '(no name)'}")
    status = f", session status: {plan.session.status}" if plan.session.status else ""
    say(f"{describe_span(plan.session.span)}{status}")
    say("\nIncluded")
    _print_members(assembly)
    say("\nLeft out")
    print_left_out(plan, options, others)
    if plan.missing or plan.warnings:
        say("\nProblems")
    for missing in plan.missing:
        say(f"  missing: {missing}")
        say(f"      -> {missing.remedy}")
        if missing.command:
            say_command(missing.command, options, "         ")
    for warning in plan.warnings:
        say(f"  warning: {warning}")
    _print_secrets(plan)
    left_out = describe_not_exported(plan)
    say(f"\nState: {plan.state}" + (f"; {left_out}" if left_out else ""))
    size = assembly.layout.total_bytes
    say(f"ZIP:   {size:,} bytes ({format_size(size)}), {plural(len(assembly.descriptions), 'file')}")


def _print_secrets(plan: Plan) -> None:
    """Print the files that would stop an export, and those that are not searched for secrets, or not yet."""
    secrecy = plan.secrecy
    if secrecy.refused:
        say("\nWould stop an export")
    for one in secrecy.refused:
        say(f"  {one.source} contains {one.kinds_text}")
        say(f"      -> {secret_file_remedy(one)}")
    if secrecy.not_searched:
        say("\nNot searched (does not stop an export)")
    for member in secrecy.not_searched:
        say(f"  compressed, not searched for passwords and addresses: {member}")
    if secrecy.pending:
        say("\nNot searched yet")
    for source in secrecy.pending:
        say(f"  large, searched for passwords and addresses when it is exported: {source}")


def describe_span(span: TimeSpan) -> str:
    """Return a time span as text: ``2025-05-02T08:00:00.000Z to 2025-05-02T08:05:00.000Z (5:00)``."""
    start = format_instant(span.start) if span.start else "no start time"
    end = format_instant(span.end) if span.end else "no end time"
    if span.seconds is None:
        return f"{start}, {end}"
    return f"{start} to {end} ({format_duration(span.seconds)})"


def _print_members(assembly: Assembly) -> None:
    spans, listed = camera_spans(assembly.plan.recordings)
    recordings = {recording.member: recording for recording in listed}
    in_spans = {recording.member for span in spans for recording in span.recordings}
    for part in assembly.descriptions:
        if part.name in in_spans:
            continue
        say(f"  {format_size(part.size_bytes or 0):>9}  {part.name}")
        recording = recordings.get(part.name)
        if recording:
            say(f"             {describe_recording(recording)}; {recording.verdict.reason}")
            say(f"             from {', '.join((recording.source, *recording.duplicate_paths))}")
    for span in spans:
        _print_camera_span(span)


def _print_camera_span(span: CameraSpan) -> None:
    first, size = span.recordings[0], format_size(span.covered.size_bytes)
    say(f"  {size:>9}  {first.member} and {len(span.recordings) - 1:,} more")
    for line in describe_camera_span(span):
        say(f"             {line}")
    for reason, count in Counter(recording.verdict.reason for recording in span.recordings).most_common():
        say(f"             {count:,}: {reason}")
    say(f"             from {first.source} and others")


def print_left_out(plan: Plan, options: Namespace, others: Sequence[LeftOutFile] = ()) -> None:
    """Print what was not chosen, the session's files that are left out, and every near miss.

    Files of other sessions are counted, and listed if they are given as ``others``.
    """
    for sentence in plan.not_chosen:
        say(f"  PARTIAL: {sentence}")
    for sentence in plan.tables_left_out:
        say(f"  {sentence}")
    for one in plan.not_taken:
        say(f"  {describe_not_taken(one)}")
    for rule, count in sorted(plan.left_out.items()):
        say(f"  {describe_left_out(rule, count)}")
    for other in others:
        say(f"  {other.source}: {other.reason}")
    if plan.readings.lab.no_readings:
        messages = plural(plan.readings.lab.no_readings, "message")
        say(f"  {messages} other than sensor readings (availability, commands)")
    for near in plan.near_misses:
        say_near_miss(near, options)
    if not any((plan.left_out, plan.near_misses, plan.not_chosen, plan.tables_left_out, plan.not_taken)):
        say("  nothing")
