"""``labcrate link ID --by-time``: show the recorders' files that overlap a session, ask, and link them."""

import sys
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from labcrate.cli.screen import ProgressBar, ask_yes_no, lab_option, open_lab, say, say_command, write_json
from labcrate.errors import RepairError, UsageError
from labcrate.export.people_folder import open_people
from labcrate.export.plan_views import link_object
from labcrate.index.catalog import Catalog
from labcrate.index.state_folder import state_folder
from labcrate.messages.message import Message
from labcrate.model.session import json_id
from labcrate.model.timespan import Coverage, format_duration, format_instant, measure_coverage
from labcrate.people.export_log import system_user
from labcrate.people.link_log import Link, LinkLog
from labcrate.plan.inventory import find_session
from labcrate.plan.option_values import parse_duration
from labcrate.plan.recorder_search import (
    CandidateFile,
    ConfirmReason,
    OtherSession,
    SearchFilter,
    SearchResult,
    search_recorders,
)
from labcrate.plan.summary import camera_label, format_size, plural
from labcrate.repair.link_by_time import link_by_time

_MAX_LISTED = 10

Groups = Mapping[tuple[str, str, str | None, str], Sequence[CandidateFile]]


def run(options: Namespace) -> int:
    """Show the recordings that overlap the session, ask, and link the confirmed ones."""
    if options.undo is not None or options.files or options.all or options.remux or options.move:
        raise UsageError(Message("cli.by_time_alone"))
    if not options.yes and (options.json or not _is_terminal()):
        raise UsageError(Message("cli.no_terminal_by_time"))
    chosen_filter = SearchFilter(tuple(options.recorder), tuple(options.camera), parse_duration(options.pad))
    inventory, session_id = find_session(open_lab(options), options.session)
    lab = inventory.lab
    with Catalog.open(state_folder(lab.root)) as catalog, ProgressBar("Searching", shown=not options.json) as bar:
        offer = search_recorders(inventory, catalog, session_id, chosen_filter, bar)
    inside = [one for one in offer.files if one.confirm_reason is None]
    beyond = [one for one in offer.files if one.confirm_reason is not None]
    if not options.json:
        _print_offer(offer, inside, beyond)
    linked = _choose_files(inside, beyond, options)
    made = None
    if linked:
        with open_people(lab.root) as database:
            made = link_by_time(lab, LinkLog(database), session_id, linked, system_user())
    if options.json:
        write_json(_json_object(offer, linked, made))
    elif made:
        say(f"{plural(len(linked), 'recording')} linked to session {session_id}; nothing was copied or moved.")
        say(f"To undo it: labcrate link {session_id} --undo {made.number}{lab_option(options)}")
    else:
        say("No files were linked.")
    # --yes was not enough: a script must see that nothing was linked.
    return RepairError.exit_code if options.yes and beyond and not linked and not offer.already_linked else 0


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _choose_files(
    inside: Sequence[CandidateFile], beyond: Sequence[CandidateFile], options: Namespace
) -> list[CandidateFile]:
    """Return the files that the user confirmed. Files beyond the session need a separate confirmation."""
    chosen: list[CandidateFile] = []
    if inside and (options.yes or ask_yes_no(f"Link {_these_recordings(len(inside))}?")):
        chosen += inside
    if beyond:
        if options.yes_beyond or (
            not options.yes and ask_yes_no(f"Also link {_these_recordings(len(beyond))} beyond the session?")
        ):
            chosen += beyond
        elif not options.json and options.yes:
            say(f"{plural(len(beyond), 'recording')} beyond the session not linked. To link them, add --yes-beyond:")
            say_command(_command_with_beyond(options), options, "  ")
    return chosen


def _command_with_beyond(options: Namespace) -> Iterator[str]:
    """Yield the words of the given command, with ``--yes-beyond``."""
    yield from ("labcrate", "link", options.session, "--by-time")
    for name in options.recorder:
        yield from ("--recorder", name)
    for camera in options.camera:
        yield from ("--camera", camera)
    if options.pad != "0s":
        yield from ("--pad", options.pad)
    yield from ("--yes", "--yes-beyond")


def _these_recordings(count: int) -> str:
    return "this recording" if count == 1 else f"these {count:,} recordings"


def _print_offer(offer: SearchResult, inside: Sequence[CandidateFile], beyond: Sequence[CandidateFile]) -> None:
    span = offer.span
    start, end = (format_instant(at) if at else "?" for at in (span.start, span.end))
    say(f"Session {offer.session.id}: {start} to {end}")
    if inside:
        say(f"\n  {'camera':<18}  {'files':>6}  {'first (UTC)':<14}  {'last (UTC)':<14}  {'gaps':>4}  {'size':>8}")
    gaps: list[str] = []
    several = len({one.recorder for one in inside}) > 1
    for (recorder, _, _, name), files in _group_by_camera(inside).items():
        covered = _coverage(files)
        label = f"{recorder}: {name}" if several else name
        first, last = _format_time(covered.span.start), _format_time(covered.span.end)
        size = format_size(covered.size_bytes)
        say(f"  {_shorten(label, 18):<18}  {covered.count:>6}  {first}  {last}  {len(covered.gaps):>4}  {size:>8}")
        gaps += [f"  {label}: {_describe_gaps(covered)}"] if covered.gaps else []
    if gaps:
        say("\nGaps")
    for line in gaps:
        say(line)
    if not offer.files:
        say("\nNo recording of a recorder overlaps the session.")
    if beyond:
        more = plural(len(beyond), "more recording" if inside else "recording")
        say(f"\n{more} that {'needs' if len(beyond) == 1 else 'need'} a separate confirmation:")
        _print_beyond(beyond)
    _print_not_offered(offer)
    say()


def _print_beyond(beyond: Sequence[CandidateFile]) -> None:
    groups = defaultdict[tuple[ConfirmReason | None, tuple[OtherSession, ...]], list[CandidateFile]](list)
    for one in beyond:
        groups[one.confirm_reason, one.other_sessions].append(one)
    for (why, others), same in groups.items():
        for one in same[:_MAX_LISTED]:
            say(f"  {one.source}, {_format_time(one.span.start)} to {_format_time(one.span.end)}")
        if len(same) > _MAX_LISTED:
            say(f"  ... and {len(same) - _MAX_LISTED:,} more")
        say(f"      {_describe_overlap(others) if others else why}")


def _describe_overlap(others: Sequence[OtherSession]) -> str:
    return f"extends into the time of {' and '.join(map(_describe_session, others))}"


def _describe_session(other: OtherSession) -> str:
    return f"session {other.session_id} ({_format_time(other.span.start)} to {_format_time(other.span.end)})"


def _print_not_offered(offer: SearchResult) -> None:
    """Print the recordings of that time that are not offered."""
    if offer.already_linked:
        say(f"\nAlready linked: {plural(offer.already_linked, 'recording')} of this time.")
    for (recorder, word), count in sorted(offer.unknown.items()):
        say(f"\n{recorder}: {plural(count, 'file')} of {word}, which is not a known camera: not linked.")
        say(f"  Set cameras = {{ {word} = ID }} in labcrate.toml, or link its files with --camera {word}.")
    for (recorder, word), count in sorted(offer.not_selected.items()):
        say(f"\n{recorder}: {plural(count, 'file')} of {word}, which is not selected: not linked.")
    if offer.skipped:
        say("\nNot linked")
    for source, reason in offer.skipped[:_MAX_LISTED]:
        say(f"  {source}: {reason}")
    if len(offer.skipped) > _MAX_LISTED:
        say(f"  ... and {len(offer.skipped) - _MAX_LISTED:,} more")


def _group_by_camera(files: Sequence[CandidateFile]) -> Groups:
    """Return the files by recorder, recorder's word, camera id and camera name, sorted by recorder and name."""
    groups = defaultdict[tuple[str, str, str | None, str], list[CandidateFile]](list)
    for one in files:
        camera = one.camera
        shown = camera_label(camera) if camera else f"{one.camera_word} (unknown)"
        groups[one.recorder, one.camera_word, camera.id if camera else None, shown].append(one)
    return dict(sorted(groups.items(), key=lambda group: (group[0][0], group[0][3], group[0][1])))


def _coverage(files: Sequence[CandidateFile]) -> Coverage:
    return measure_coverage((one.span, one.identity.size_bytes) for one in files)


def _describe_gaps(covered: Coverage) -> str:
    longest = max(covered.gaps, key=lambda gap: gap.seconds or 0.0)
    whole = f"{format_duration(covered.gap_seconds)} in all, " if len(covered.gaps) > 1 else ""
    return (
        f"{plural(len(covered.gaps), 'gap')}, {whole}the longest {format_duration(longest.seconds or 0)} "
        f"from {_format_time(longest.start)}"
    )


def _format_time(at: datetime | None) -> str:
    return f"{at:%m-%d %H:%M:%S}" if at else "?"


def _shorten(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _json_object(offer: SearchResult, linked: Sequence[CandidateFile], made: Link | None) -> dict[str, Any]:
    span, chosen = offer.span, set(map(id, linked))
    return {
        "session": json_id(offer.session.id),
        "from": format_instant(span.start) if span.start else None,
        "to": format_instant(span.end) if span.end else None,
        "cameras": [
            {
                "recorder": recorder,
                "word": word,
                "cameraId": camera_id,
                "files": (covered := _coverage(files)).count,
                "sizeBytes": covered.size_bytes,
                "start": format_instant(covered.span.start) if covered.span.start else None,
                "end": format_instant(covered.span.end) if covered.span.end else None,
                "gaps": [
                    {"start": format_instant(gap.start), "end": format_instant(gap.end)}
                    for gap in covered.gaps
                    if gap.start and gap.end
                ],
            }
            for (recorder, word, camera_id, _), files in _group_by_camera(
                [one for one in offer.files if not one.confirm_reason]
            ).items()
        ],
        "beyond": [
            {
                "file": one.source,
                "reason": str(one.confirm_reason),
                "sessions": [json_id(other.session_id) for other in one.other_sessions],
                "linked": id(one) in chosen,
            }
            for one in offer.files
            if one.confirm_reason
        ],
        "alreadyLinked": offer.already_linked,
        "unknownCameras": [{"recorder": r, "word": w, "files": n} for (r, w), n in sorted(offer.unknown.items())],
        "notSelected": [{"recorder": r, "word": w, "files": n} for (r, w), n in sorted(offer.not_selected.items())],
        "skipped": [{"file": source, "reason": reason} for source, reason in offer.skipped],
        "linked": len(linked),
        "link": link_object(made) if made else None,
    }
