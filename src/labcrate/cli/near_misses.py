"""Near misses as text: the same words in ``plan``, ``link`` and at the end of ``export``."""

from argparse import Namespace

from labcrate.cli.screen import say, say_command
from labcrate.plan.plan import NearMiss


def say_near_miss(near_miss: NearMiss, options: Namespace) -> None:
    """Write what a near miss is, what would mend it, and the command that does."""
    verdict = near_miss.verdict
    say(f"  near miss ({verdict.rule}): {near_miss.source}")
    say(f"      {verdict.reason}")
    say(f"      -> {verdict.remedy}")
    if verdict.command:
        say_command(verdict.command, options, "         ")
