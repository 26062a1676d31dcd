"""Whether a file of the lab belongs to a session: by its folder, by its name, or not.

A pure decision over strings. A path is relative to the lab folder, with slashes, and may hold
undecodable bytes as surrogate escapes.
"""

import re
import shlex

from labcrate.linking.filename import Prefixes, number_in, stem_of_mp4
from labcrate.linking.nearmiss import Finding, examine, with_session
from labcrate.linking.place import SHARED, Area, is_hidden, own_folder, place_of, session_of_folder
from labcrate.linking.verdict import Kind, Rule, Verdict, printable, unrelated

_OTHER_VIDEO = re.compile(
    r"(.+)\.(?:264|265|3gp|asf|avi|dav|flv|h264|h265|hevc|m2ts|m4v|mkv|mov|mpe?g|mts|ogv|ts|webm|wmv)",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)


def session_named(path: str, prefixes: Prefixes) -> str | None:
    """The one session that a path is linked to, by folder or by name, whichever session is asked for."""
    if is_hidden(path):
        return None
    stem = stem_of_mp4(path.rpartition("/")[2])
    if stem is None:
        return None
    return number_in(stem, prefixes) if path.startswith(SHARED) else session_of_folder(path)


def judge(path: str, session_id: str, prefixes: Prefixes) -> Verdict:
    """The verdict on a path for one session; linked exactly when ``session_named`` gives that session."""
    if is_hidden(path):
        return unrelated(Rule.HIDDEN, "hidden files are never taken")
    area, number = place_of(path)
    if area is Area.ELSEWHERE:
        return unrelated(Rule.NOT_A_RECORDING, "lies in no folder of recordings")
    if number is not None and number != session_id:
        return unrelated(Rule.OTHER_SESSION, f"lies in the folder of session {number}")
    stem = stem_of_mp4(path.rpartition("/")[2])
    if stem is None:
        return _judge_other_file(path, session_id, prefixes)
    match area:
        case Area.SHARED:
            verdict = _judge_name(path, stem, session_id, prefixes)
        case Area.SESSION:
            verdict = _in_own_folder(stem, session_id, prefixes)
        case _:
            verdict = _in_misspelt_folder(path, stem, session_id, prefixes)
    return verdict


def right_time_near_miss(path: str, session_id: str, prefixes: Prefixes) -> Verdict:
    """The verdict on a recording whose name holds no session but that was recorded inside the session's time.

    The caller knows the times; it asks for this where ``judge`` found no session in the name.
    """
    asked = session_id
    stem = stem_of_mp4(path.rpartition("/")[2]) or ""
    reason = "recorded inside the session's time, but its name holds no session"
    command = f"labcrate link {asked} {shlex.quote(printable(path))}"
    advice = f"if it belongs to session {asked}: {command}, or write session{asked} after its prefix"
    finding = Finding(Rule.RIGHT_TIME, reason, advice, with_session(stem, asked, prefixes))
    return _near_miss(path, session_id, prefixes, finding)


def _judge_name(path: str, stem: str, session_id: str, prefixes: Prefixes) -> Verdict:
    """Criterion 1: the name of an MP4 below ``recordings/``."""
    asked, number = session_id, number_in(stem, prefixes)
    if number is None:
        finding = examine(stem, asked, prefixes)
        if finding.advice is None:
            return unrelated(finding.rule, finding.reason)
        return _near_miss(path, session_id, prefixes, finding)
    if number != asked:
        return unrelated(Rule.OTHER_SESSION, f"belongs to session {number}")
    warning = None if prefixes.configured else "no prefixes configured"
    prefix = prefixes.carried_by(stem)
    return Verdict(Kind.LINKED, Rule.NAME, f"named for session {asked}", warning=warning, prefix=prefix)


def _in_own_folder(stem: str, asked: str, prefixes: Prefixes) -> Verdict:
    """Criterion 2: an MP4 below the session's own folder belongs to it, whatever its name says."""
    number = number_in(stem, prefixes)
    warning = f"name says session {number}" if number not in (None, asked) else None
    prefix = prefixes.carried_by(stem)
    return Verdict(Kind.LINKED, Rule.FOLDER, f"lies in the folder of session {asked}", warning=warning, prefix=prefix)


def _in_misspelt_folder(path: str, stem: str, asked: str, prefixes: Prefixes) -> Verdict:
    *folders, below = path.split("/", 3)
    right = own_folder(asked)
    reason = f'the folder "{"/".join(folders)}" must be called {right[:-1]}'
    remedy = f"rename the folder to {right[:-1]}, or move the file there"
    return Verdict(
        Kind.NEAR_MISS,
        Rule.WRONG_FOLDER_NAME,
        reason,
        remedy,
        prefix=prefixes.carried_by(stem),
        linked_as=right + below,
    )


def _judge_other_file(path: str, session_id: str, prefixes: Prefixes) -> Verdict:
    """A file that is no MP4: worth a word only if it is a video, or half of one, that would be linked."""
    folder, _, name = path.rpartition("/")
    stem = _stem_of_other_video(name)
    if stem is None or session_named(f"{folder}/{stem}.mp4", prefixes) != session_id:
        return unrelated(Rule.NOT_A_RECORDING, "not an MP4 file")
    as_mp4 = printable(f"{stem}.mp4")
    if name[len(stem) :][:4].lower() == ".mp4":
        remedy = f"if it is an unfinished copy of a recording, finish it and call it {as_mp4}"
    else:
        remedy = f"convert it to {as_mp4}, keeping the original elsewhere"
    return Verdict(
        Kind.NEAR_MISS,
        Rule.NOT_MP4,
        f'only MP4 recordings are exported; this ends in "{printable(name[len(stem) :])}"',
        remedy,
        prefix=prefixes.carried_by(stem),
        linked_as=f"{folder}/{stem}.mp4",
    )


def _stem_of_other_video(name: str) -> str | None:
    """The name without ``.mkv`` and the like, or without ``.mp4`` and one more suffix (``.part``, ``~``)."""
    if name.endswith("~"):
        return stem_of_mp4(name[:-1])
    if stem := stem_of_mp4(name.rpartition(".")[0]):
        return stem
    found = _OTHER_VIDEO.fullmatch(name)
    return found[1] if found else None


def _near_miss(path: str, session_id: str, prefixes: Prefixes, finding: Finding) -> Verdict:
    """The verdict with its remedy: a name that is known to be right, or else the session's own folder."""
    folder, _, name = path.rpartition("/")
    own = own_folder(session_id)
    renamed = f"{finding.stem}{name[-4:]}"
    linked_as = f"{folder}/{renamed}"
    if finding.stem and renamed.isprintable() and session_named(linked_as, prefixes) == session_id:
        joint = ", or" if finding.rule is Rule.UNKNOWN_PREFIX else ":"
        remedy = f"{finding.advice}{joint} rename it to {renamed}"
    else:
        remedy, linked_as = f"{finding.advice}, or move it to {own}", own + name
    prefix = prefixes.carried_by(name[:-4])
    return Verdict(Kind.NEAR_MISS, finding.rule, finding.reason, remedy, prefix=prefix, linked_as=linked_as)
