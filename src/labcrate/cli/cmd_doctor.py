"""``labcrate doctor [ID]``: list the problems of a lab or one session, with remedies."""

import os
import shutil
import textwrap
from argparse import Namespace
from collections.abc import Sequence

from labcrate.cli.screen import ProgressBar, open_lab, write_json
from labcrate.config import BASE_TOPIC_VARIABLE
from labcrate.doctor.findings import FindingKind, LabFinding, Severity
from labcrate.doctor.report import LabReport, count_rules, make_report, report_as_json
from labcrate.linking.verdict import command_line
from labcrate.messages.message import Message
from labcrate.messages.text import printable_lines
from labcrate.plan.option_values import parse_session

_MAX_PER_KIND = 10
_MAX_COLUMNS = 80


def run(options: Namespace) -> int:
    """Print the findings. Return 0 even if there are some."""
    named = None if options.session is None else parse_session(options.session)
    with ProgressBar("Looking into recordings", shown=not options.json) as bar:
        report = make_report(
            open_lab(options),
            named,
            base_topic=options.base_topic or os.environ.get(BASE_TOPIC_VARIABLE),
            progress=bar,
            workers=options.workers,
        )
    lab = ("--lab", options.lab) if options.lab else ()
    if options.json:
        write_json(report_as_json(report, lab))
    else:
        print_report(report, lab, None if options.all else _MAX_PER_KIND)
    return 0


def print_report(report: LabReport, lab: Sequence[str], at_most: int | None) -> None:
    """Print a report as text for 80 columns, by kind, with at most so many findings and places of each kind."""
    cut = False
    for kind, findings in report.by_kind.items():
        cut |= _print_kind(kind, findings, lab, at_most)
        print()
    if report.confirmations and report.confirmations.files:
        _print_wrapped(str(report.confirmations.message), 0)
    severities = report.severity_counts
    whose = "the lab" if report.session is None else f"session {report.session}"
    if not report.findings:
        print(f"No problems found in {printable_lines(whose)}.")
        return
    counts = Message(
        "doctor.summary",
        problems=severities[Severity.PROBLEM],
        warnings=severities[Severity.WARNING],
        hints=severities[Severity.HINT],
    )
    print(f"{counts}{' Not all are shown; add --all.' if cut else ''}")


def _print_kind(kind: FindingKind, findings: Sequence[LabFinding], lab: Sequence[str], at_most: int | None) -> bool:
    """Print the findings of one kind, and return whether some were left out."""
    print(f"{kind.heading} ({len(findings):,})")
    if kind is FindingKind.NEAR_MISS:
        _print_wrapped(", ".join(f"{rule}: {count:,}" for rule, count in count_rules(findings)), 2)
    left = at_most if at_most is not None else sum(len(one.places) + 1 for one in findings)
    remedy, shown = "", 0
    for finding in findings:
        if left <= 0:
            break
        left -= _print_finding(finding, left, lab, remedy)
        remedy, shown = finding.remedy, shown + 1
    if shown < len(findings):
        print(f"  ... and {len(findings) - shown:,} more")
    places = sum(len(one.places) for one in findings)
    return at_most is not None and (shown < len(findings) or places > at_most)


def _print_finding(finding: LabFinding, left: int, lab: Sequence[str], remedy: str) -> int:
    """Print one finding with at most ``left`` of its places, and return how many lines the places took."""
    whose = (
        f"session {finding.session}: " if finding.session and f"session {finding.session}" not in finding.what else ""
    )
    near_miss = finding.kind is FindingKind.NEAR_MISS
    if near_miss:
        _print_unbroken(f"{whose}{finding.places[0]}", 2)
        _print_wrapped(finding.what, 6)
    else:
        _print_wrapped(f"{finding.severity}: {whose}{finding.what}", 2)
    places = [] if near_miss else [place for place in finding.places if place not in finding.what]
    for place in places[:left]:
        _print_unbroken(place, 6)
    if len(places) > left:
        print(f"      ... and {len(places) - left:,} more")
    if finding.remedy and (finding.remedy != remedy or finding.command):
        _print_wrapped(f"-> {finding.remedy}", 6)
    if finding.command:
        _print_unbroken(f"$ {command_line((*finding.command, *lab))}", 6)
    return max(1, min(left, len(places)))


def _print_wrapped(text: str, indent: int) -> None:
    """Print a sentence, wrapped between words at 80 columns or the width of the terminal."""
    columns = min(_MAX_COLUMNS, shutil.get_terminal_size((_MAX_COLUMNS, 24)).columns)
    first, others = " " * indent, " " * (indent + 4)
    lines = textwrap.wrap(
        printable_lines(text), columns, initial_indent=first, subsequent_indent=others,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    print("\n".join(lines))


def _print_unbroken(text: str, indent: int) -> None:
    """Print a name or a command on one line, however long, so that it can be pasted."""
    print(f"{' ' * indent}{printable_lines(text)}")
