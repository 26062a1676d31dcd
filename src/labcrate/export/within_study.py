"""What a plan shows to people of a study: all that is of its session, and nothing of any other.

The archive itself says nothing of others but by its own rules, and is the same for everybody.
"""

from collections.abc import Iterator
from dataclasses import replace

from labcrate.export.assemble import Assembly
from labcrate.linking.judging import LINKED_ELSEWHERE
from labcrate.linking.verdict import Rule
from labcrate.model.message import Message
from labcrate.model.timespan import TimeSpan
from labcrate.plan.options import Options
from labcrate.plan.plan import NearMiss, Plan
from labcrate.plan.sensors import absent_sensor, nothing_inside, silent_sensor, whose_time
from labcrate.plan.session_time import in_utc

# These say that there are other sessions then, or that they share something.
_OF_OTHERS = ("bound.same_start", "recorder.shared", "window.reaches_other_session")
# A time says nothing of whose a file is, and what is ambiguous names another session too.
_NAMES_NOT_THIS_ALONE = (Rule.RIGHT_TIME, Rule.AMBIGUOUS)


def own_near_misses(plan: Plan) -> tuple[NearMiss, ...]:
    """Return the near misses whose name, folder or register names the plan's session, and no other."""
    return tuple(one for one in plan.near_misses if one.verdict.rule not in _NAMES_NOT_THIS_ALONE)


def within_study(assembly: Assembly) -> Assembly:
    """Return an assembly whose plan counts, names and hints at nothing of other sessions."""
    plan = assembly.plan
    warnings = tuple(dict.fromkeys(_own_warnings(plan)))
    return replace(assembly, plan=replace(plan, near_misses=own_near_misses(plan), left_out={}, warnings=warnings))


def leaves_span(plan: Plan, options: Options) -> bool:
    """Whether a chosen span begins before, or ends after, the time of the plan's session.

    Raises UsageError for one that cannot be meant.
    """
    chosen = in_utc(options, options.time_zone or plan.zone).span
    if chosen == TimeSpan():
        return False
    own = plan.bound.span
    if own is None or own.start is None or own.end is None:
        return True
    return bool((chosen.start and chosen.start < own.start) or (chosen.end and chosen.end > own.end))


def _own_warnings(plan: Plan) -> Iterator[str]:
    readings, whose = plan.readings, whose_time(plan.options)
    instead = {absent_sensor(name): silent_sensor(name, whose) for name in readings.absent_sensors}
    if not len(readings):
        at = "study.no_reading" if plan.options.span == TimeSpan() else "study.no_reading_chosen"
        instead[nothing_inside(readings, whose)] = Message(at)
    for warning in plan.warnings:
        said = getattr(warning, "id", None)
        if isinstance(warning, Message) and said == "bound.next_session":
            yield Message("study.bounded", end=warning.values["end"])
        elif said is None and LINKED_ELSEWHERE in warning:
            yield from _without_others(warning)
        elif said not in _OF_OTHERS:
            yield instead.get(warning, warning)


def _without_others(warning: str) -> Iterator[str]:
    """Yield what is left of a recording's warning, if anything is."""
    if warning.endswith(f"; {LINKED_ELSEWHERE}."):
        yield f"{warning.removesuffix(f'; {LINKED_ELSEWHERE}.')}."
