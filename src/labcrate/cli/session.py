"""What the commands about one session have in common: their options, and the bars of their stages."""

import os
import sys
from argparse import Namespace

from labcrate.cli.screen import Bar
from labcrate.config import BASE_TOPIC_VARIABLE
from labcrate.export.session_plan import Stages
from labcrate.lab.text import visible
from labcrate.plan.options import Options, parse_options


def export_options(options: Namespace) -> Options:
    """Return what of the session is chosen by the words of a command line. Raises UsageError."""
    base_topic = options.base_topic or os.environ.get(BASE_TOPIC_VARIABLE)
    return parse_options(vars(options) | {"base_topic": base_topic})


def stages(options: Namespace) -> Stages:
    """Return what shows a bar for each stage: none where the answer is JSON."""
    return lambda name: Bar(name.capitalize(), shown=not options.json)


def say_log_problem(problem: str | None) -> None:
    """Warn on standard error where the lab's export log has no whole line of an export."""
    if problem:
        print(f"labcrate: warning: {visible(problem[:1].lower() + problem[1:])}", file=sys.stderr)
