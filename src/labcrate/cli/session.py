"""Shared by the commands about one session: export options, progress bars, near misses and warnings."""

import os
import sys
from argparse import Namespace

from labcrate.cli.screen import ProgressBar, say, say_command
from labcrate.config import BASE_TOPIC_VARIABLE
from labcrate.export.prepare import ShowStage
from labcrate.messages.text import printable_lines
from labcrate.plan.options import Options, parse_options
from labcrate.plan.plan import NearMiss


def say_near_miss(near_miss: NearMiss, options: Namespace) -> None:
    """Print a near miss with its reason, its remedy and the command for it."""
    verdict = near_miss.verdict
    say(f"  near miss ({verdict.rule}): {near_miss.source}")
    say(f"      {verdict.reason}")
    say(f"      -> {verdict.remedy}")
    if verdict.command:
        say_command(verdict.command, options, "         ")


def export_options(options: Namespace) -> Options:
    """Return the export options of a command line. Raises UsageError."""
    base_topic = options.base_topic or os.environ.get(BASE_TOPIC_VARIABLE)
    return parse_options(vars(options) | {"base_topic": base_topic}, _write_option)


def _write_option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def stage_progress(options: Namespace) -> ShowStage:
    """Return a function that makes the progress bar of a stage. With ``--json`` the bars are hidden."""
    return lambda name: ProgressBar(name.capitalize(), shown=not options.json)


def say_log_problem(problem: str | None) -> None:
    """Print a warning on standard error if an export could not be logged completely."""
    if problem:
        print(f"labcrate: warning: {printable_lines(problem)}", file=sys.stderr)
