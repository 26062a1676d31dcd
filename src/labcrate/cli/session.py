"""Near misses as text: the same words in ``plan``, ``link`` and at the end of ``export``."""

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
    """Write what a near miss is, what would mend it, and the command that does."""
    verdict = near_miss.verdict
    say(f"  near miss ({verdict.rule}): {near_miss.source}")
    say(f"      {verdict.reason}")
    say(f"      -> {verdict.remedy}")
    if verdict.command:
        say_command(verdict.command, options, "         ")


def export_options(options: Namespace) -> Options:
    """Return what of the session is chosen by the words of a command line. Raises UsageError."""
    base_topic = options.base_topic or os.environ.get(BASE_TOPIC_VARIABLE)
    return parse_options(vars(options) | {"base_topic": base_topic})


def stage_progress(options: Namespace) -> ShowStage:
    """Return what shows a bar for each stage: none where the answer is JSON."""
    return lambda name: ProgressBar(name.capitalize(), shown=not options.json)


def say_log_problem(problem: str | None) -> None:
    """Warn on standard error where the lab's export log has no whole line of an export."""
    if problem:
        print(f"labcrate: warning: {printable_lines(problem[:1].lower() + problem[1:])}", file=sys.stderr)
