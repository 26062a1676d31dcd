"""Whether a file of the lab belongs to a session: by its folder, by its name, by a register, or not.

A pure decision over strings. A path is relative to the lab folder, with slashes, and may hold
undecodable bytes as surrogate escapes.
"""

from labcrate.linking.filename import base_name, is_other_video, stem_of_mp4, stem_of_other_video
from labcrate.linking.nearmiss import Finding, examine, with_session
from labcrate.linking.place import Area, own_folder
from labcrate.linking.rules import LinkingRules
from labcrate.linking.settling import Settled, sessions_named, settle
from labcrate.linking.verdict import Kind, Rule, Verdict, unrelated
from labcrate.messages.message import first_names
from labcrate.messages.text import printable

_REGISTER = "recordings.json"
LINKED_ELSEWHERE = "linked to another session as well"
"""The warning about a file that is linked to several sessions."""


def judge(path: str, session_id: str, rules: LinkingRules) -> Verdict:
    """Return the verdict on a path for one session; linked exactly when ``sessions_named`` has that session."""
    settled = settle(path, rules)
    if session_id in settled.sessions:
        return _linked(settled, session_id, rules, rules.register.cameras.get((path, session_id)))
    if settled.sessions:
        return unrelated(Rule.OTHER_SESSION, _belongs(settled))
    place = settled.place
    if settled.rule is Rule.HIDDEN:
        verdict = unrelated(Rule.HIDDEN, "hidden files are never taken")
    elif settled.rule is Rule.AMBIGUOUS:
        verdict = _ambiguous(path, settled, session_id, rules)
    elif place.area is Area.ELSEWHERE:
        verdict = unrelated(Rule.NOT_A_RECORDING, "lies in no folder of recordings")
    elif place.area is not Area.SHARED and session_id not in place.sessions:
        verdict = unrelated(Rule.OTHER_SESSION, f"lies in the folder of session {first_names(place.sessions)}")
    elif settled.stem is None:
        verdict = _judge_other_file(path, settled, session_id, rules)
    elif place.area is Area.MISSPELT:
        verdict = _in_misspelt_folder(settled, session_id, rules)
    else:
        verdict = _judge_name(path, settled, session_id, rules)
    return verdict


def right_time_near_miss(path: str, session_id: str, rules: LinkingRules) -> Verdict:
    """Return the verdict on a recording whose name holds no session, but that was recorded inside the session's time.

    The caller knows the times; it asks for this where ``judge`` found no session in the name.
    """
    stem = stem_of_mp4(base_name(path)) or ""
    reason = "recorded inside the session's time, but its name holds no session"
    advice = f"if it belongs to session {session_id}, link it, or write session{session_id} after its prefix"
    finding = Finding(Rule.RIGHT_TIME, reason, advice, with_session(stem, session_id, rules))
    return _near_miss(path, session_id, rules, finding)


def _linked(settled: Settled, asked: str, rules: LinkingRules, given: str | None) -> Verdict:
    """The verdict on a linked file, with its camera (the one ``given`` by hand first) and what is worth knowing."""
    rule = settled.rule if asked == settled.said else Rule.REGISTER
    prefix, camera = _camera(settled, asked, rules)
    camera = given or camera
    warnings = []
    if rule is Rule.FOLDER:
        reason, named = f"lies in the folder of session {asked}", settled.reading.session
        warnings += [f"name says session {named}"] if named not in (None, asked) else []
    elif rule is Rule.NAME:
        reason = f"named for session {asked}"
        warnings += [] if rules.prefixes.configured else ["no prefixes configured"]
    elif settled.by_hand:
        reason = f"linked to session {asked} by hand"
    else:
        reason = f"{_REGISTER} gives it session {asked}"
    known = rules.prefixes.of_session(asked).get(prefix) if prefix else None
    if known and camera is None:
        warnings.append(f'several cameras have the prefix "{printable(known.text)}"; which one it is of is not known')
    others = tuple(other for other in settled.sessions if other != asked)
    warnings += [LINKED_ELSEWHERE] if others else []
    return Verdict(
        Kind.LINKED, rule, reason, None, "; ".join(warnings) or None, prefix, camera=camera, also_linked_to=others
    )


def _camera(settled: Settled, asked: str, rules: LinkingRules) -> tuple[str | None, str | None]:
    """The prefix that a name carries, and the camera: the prefix's, where that is one, else the register's."""
    stem, registered = settled.stem or "", settled.registered
    prefix = rules.prefixes.of_session(asked).carried_by(stem)
    told = registered.camera
    if settled.sessions and settled.rule is Rule.REGISTER and told:
        return prefix.text if prefix else None, told
    return (prefix.text, prefix.camera or told) if prefix else (None, told)


def _belongs(settled: Settled) -> str:
    folder = settled.rule is Rule.FOLDER
    return f"{'lies in the folder of' if folder else 'belongs to'} session {first_names(settled.sessions)}"


def _ambiguous(path: str, settled: Settled, asked: str, rules: LinkingRules) -> Verdict:
    """A file of which the register says one thing, and its folder or name (or a second entry) another."""
    own, registered = settled.conflict
    if asked not in (*own, *registered):
        return unrelated(Rule.OTHER_SESSION, f"may belong to session {first_names(dict.fromkeys((*own, *registered)))}")
    said, told = first_names(own), first_names(registered)
    entry = "labcrate link" if settled.by_hand else _REGISTER
    if not own:
        reason = f"{entry} names several sessions: {told}"
    elif settled.place.sessions:
        reason = f"{entry} says session {told}, the folder says session {said}"
    else:
        reason = f"{entry} says session {told}, the name says session {said}"
    fixable = not settled.by_hand and settled.said in (None, asked)
    remedy = "link it to the session that it belongs to, or correct the register"
    if settled.by_hand:
        remedy = "take that link back"
    prefix, camera = _camera(settled, asked, rules)
    return Verdict(
        Kind.NEAR_MISS,
        Rule.AMBIGUOUS,
        reason,
        remedy,
        prefix=prefix,
        camera=camera,
        command=_link(path, asked) if fixable else None,
    )


def _judge_name(path: str, settled: Settled, asked: str, rules: LinkingRules) -> Verdict:
    """An MP4 below ``recordings/`` that is linked to no session."""
    finding = examine(settled.stem or "", asked, settled.reading, rules)
    if finding.advice is not None:
        return _near_miss(path, asked, rules, finding)
    if asked in settled.place.sessions:
        return _in_misspelt_folder(settled, asked, rules)
    if asked in settled.registered.sessions:
        name = printable(base_name(path))
        reason = f"{_REGISTER} gives {name} session {asked}, but several different files are called so"
        return _near_miss(path, asked, rules, Finding(Rule.AMBIGUOUS, reason, "if it is this one, link it"))
    if finding.rule is Rule.NO_SESSION and settled.place.sessions:
        return unrelated(Rule.OTHER_SESSION, f"lies in the folder of session {first_names(settled.place.sessions)}")
    return unrelated(finding.rule, finding.reason)


def _in_misspelt_folder(settled: Settled, asked: str, rules: LinkingRules) -> Verdict:
    folder, below = settled.place.folder, settled.place.below
    right = own_folder(asked)
    reason = f'the folder "{printable(folder)}" must be called {right[:-1]}'
    prefix, camera = _camera(settled, asked, rules)
    linked_as = right + below
    return Verdict(
        Kind.NEAR_MISS,
        Rule.WRONG_FOLDER_NAME,
        reason,
        f"rename the folder to {right[:-1]}, or move the file there",
        prefix=prefix,
        linked_as=linked_as if asked in sessions_named(linked_as, rules) else None,
        command=_link(f"{folder}/{below}", asked)
        if stem_of_mp4(below)
        else _link(f"{folder}/{below}", asked, "--remux"),
        camera=camera,
    )


def _judge_other_file(path: str, settled: Settled, asked: str, rules: LinkingRules) -> Verdict:
    """A file that is no MP4: below ``recordings/`` worth a word if it is a video, or half of one, of the session."""
    folder, name = path.rpartition("/")[0], base_name(path)
    stem = stem_of_other_video(name) if settled.place.area is Area.SHARED else None
    as_mp4, own = f"{folder}/{stem}.mp4", f"{own_folder(asked)}recordings/{name}"
    named = asked in sessions_named(as_mp4, rules)
    if stem is None or not (named or asked in rules.register.of_name(name).sessions):
        return unrelated(Rule.NOT_A_RECORDING, "not an MP4 file")
    shown, command = printable(f"{stem}.mp4"), None
    if is_other_video(name):
        remedy = f"make an MP4 of it (--remux), or convert it to {shown}, keeping the original elsewhere"
        command = _link(path, asked, "--remux")
    else:
        remedy = f"if it is an unfinished copy of a recording, finish it and call it {shown}"
    prefix = rules.prefixes.of_session(asked).carried_by(stem)
    return Verdict(
        Kind.NEAR_MISS,
        Rule.NOT_MP4,
        f'only MP4 recordings are taken from here; this ends in "{printable(name[len(stem) :])}"',
        remedy,
        prefix=prefix.text if prefix else None,
        linked_as=next((at for at in (as_mp4, own) if asked in sessions_named(at, rules)), None),
        command=command,
        camera=prefix.camera if prefix else None,
    )


def _near_miss(path: str, asked: str, rules: LinkingRules, finding: Finding) -> Verdict:
    """The verdict with its remedy: a name that is known to be right, or else the session's own folder."""
    folder, _, name = path.rpartition("/")
    own = f"{own_folder(asked)}recordings/"
    renamed, remedy, linked_as = f"{finding.stem}{name[-4:]}", finding.advice, None
    if finding.stem and renamed.isprintable() and asked in sessions_named(f"{folder}/{renamed}", rules):
        linked_as = f"{folder}/{renamed}"
        joint = ", or" if finding.rule is Rule.UNKNOWN_PREFIX else ":"
        remedy = f"{finding.advice}{joint} rename it to {renamed}"
    elif asked in sessions_named(own + name, rules):
        remedy, linked_as = f"{finding.advice}, or move it to {own}", own + name
    prefix = rules.prefixes.of_session(asked).carried_by(name[:-4])
    if finding.camera:
        return Verdict(
            Kind.NEAR_MISS,
            finding.rule,
            finding.reason,
            remedy,
            linked_as=linked_as,
            command=_link(path, asked, "--camera", finding.camera.id),
            camera=finding.camera.key,
        )
    return Verdict(
        Kind.NEAR_MISS,
        finding.rule,
        finding.reason,
        remedy,
        prefix=prefix.text if prefix else None,
        linked_as=linked_as,
        command=_link(path, asked),
        camera=prefix.camera if prefix else None,
    )


def _link(path: str, asked: str, *options: str) -> tuple[str, ...]:
    """The command that makes a file part of a session, in words. Ids and paths of a lab never begin with a hyphen."""
    return ("labcrate", "link", asked, path, *options)


MARKED = frozenset({Rule.UNKNOWN_PREFIX, Rule.NO_SEPARATOR, Rule.LEADING_ZEROS, Rule.MARKER_FIRST, Rule.SPLIT_MARKER})
"""The kinds of near miss whose name holds the marker and the whole id of one session."""


def names_by_marker(path: str, session_id: str, verdict: Verdict, rules: LinkingRules) -> bool:
    """Return whether a near miss (``verdict``) names the session by a marker, as an MP4 or another video."""
    if verdict.rule in MARKED:
        return True
    if verdict.rule is not Rule.NOT_MP4 or not is_other_video(base_name(path)):
        return False
    as_mp4 = judge(f"{path.rpartition('.')[0]}.mp4", session_id, rules)
    return as_mp4.linked and as_mp4.rule is Rule.NAME
