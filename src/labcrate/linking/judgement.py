"""Whether a file of the lab belongs to a session: by its folder, by its name, by a register, or not.

A pure decision over strings. A path is relative to the lab folder, with slashes, and may hold
undecodable bytes as surrogate escapes.
"""

from labcrate.linking.filename import base_name, is_non_mp4_video, stem_of_mp4, stem_of_non_mp4
from labcrate.linking.location import Area, session_folder
from labcrate.linking.near_miss import NameDiagnosis, diagnose_name, name_with_session
from labcrate.linking.resolve import ResolvedLinks, linked_sessions, resolve_links
from labcrate.linking.rules import LinkingRules
from labcrate.linking.verdict import Rule, Verdict, VerdictKind, unrelated_verdict
from labcrate.messages.message import first_names
from labcrate.messages.text import printable

_REGISTER = "recordings.json"
LINKED_ELSEWHERE = "linked to another session as well"
"""The warning about a file that is linked to several sessions."""


def judge_file(path: str, session_id: str, rules: LinkingRules) -> Verdict:
    """Return the verdict on a path for one session; linked exactly when ``sessions_named`` has that session."""
    links = resolve_links(path, rules)
    if session_id in links.sessions:
        return _linked_verdict(links, session_id, rules, rules.register.cameras.get((path, session_id)))
    if links.sessions:
        return unrelated_verdict(Rule.OTHER_SESSION, _other_session_reason(links))
    location = links.location
    if links.rule is Rule.HIDDEN:
        verdict = unrelated_verdict(Rule.HIDDEN, "hidden files are never taken")
    elif links.rule is Rule.AMBIGUOUS:
        verdict = _ambiguous_verdict(path, links, session_id, rules)
    elif location.area is Area.ELSEWHERE:
        verdict = unrelated_verdict(Rule.NOT_A_RECORDING, "lies in no folder of recordings")
    elif location.area is not Area.SHARED and session_id not in location.sessions:
        verdict = unrelated_verdict(
            Rule.OTHER_SESSION, f"lies in the folder of session {first_names(location.sessions)}"
        )
    elif links.stem is None:
        verdict = _judge_other_file(path, links, session_id, rules)
    elif location.area is Area.MISSPELT:
        verdict = _in_misspelt_folder(links, session_id, rules)
    else:
        verdict = _judge_name(path, links, session_id, rules)
    return verdict


def near_miss_by_time(path: str, session_id: str, rules: LinkingRules) -> Verdict:
    """Return the verdict on a recording whose name holds no session, but that was recorded inside the session's time.

    The caller knows the times; it asks for this where ``judge`` found no session in the name.
    """
    stem = stem_of_mp4(base_name(path)) or ""
    reason = "recorded inside the session's time, but its name holds no session"
    advice = f"if it belongs to session {session_id}, link it, or write session{session_id} after its prefix"
    diagnosis = NameDiagnosis(Rule.RIGHT_TIME, reason, advice, name_with_session(stem, session_id, rules))
    return _near_miss(path, session_id, rules, diagnosis)


def _linked_verdict(links: ResolvedLinks, session_id: str, rules: LinkingRules, given: str | None) -> Verdict:
    """The verdict on a linked file, with its camera (the one ``given`` by hand first) and what is worth knowing."""
    rule = links.rule if session_id == links.own_session else Rule.REGISTER
    prefix, camera = _prefix_and_camera(links, session_id, rules)
    camera = given or camera
    warnings = []
    if rule is Rule.FOLDER:
        reason, named = f"lies in the folder of session {session_id}", links.parsed_name.session
        warnings += [f"name says session {named}"] if named not in (None, session_id) else []
    elif rule is Rule.NAME:
        reason = f"named for session {session_id}"
        warnings += [] if rules.prefixes.configured else ["no prefixes configured"]
    elif links.manual_sessions:
        reason = f"linked to session {session_id} by hand"
    else:
        reason = f"{_REGISTER} gives it session {session_id}"
    known = rules.prefixes.of_session(session_id).get(prefix) if prefix else None
    if known and camera is None:
        warnings.append(f'several cameras have the prefix "{printable(known.text)}"; which one it is of is not known')
    others = tuple(other for other in links.sessions if other != session_id)
    warnings += [LINKED_ELSEWHERE] if others else []
    return Verdict(
        VerdictKind.LINKED,
        rule,
        reason,
        None,
        "; ".join(warnings) or None,
        prefix,
        camera=camera,
        also_linked_to=others,
    )


def _prefix_and_camera(links: ResolvedLinks, session_id: str, rules: LinkingRules) -> tuple[str | None, str | None]:
    """The prefix that a name carries, and the camera: the prefix's, where that is one, else the register's."""
    stem, registered = links.stem or "", links.registered
    prefix = rules.prefixes.of_session(session_id).longest_in(stem)
    register_camera = registered.camera
    if links.sessions and links.rule is Rule.REGISTER and register_camera:
        return prefix.text if prefix else None, register_camera
    return (prefix.text, prefix.camera or register_camera) if prefix else (None, register_camera)


def _other_session_reason(links: ResolvedLinks) -> str:
    folder = links.rule is Rule.FOLDER
    return f"{'lies in the folder of' if folder else 'belongs to'} session {first_names(links.sessions)}"


def _ambiguous_verdict(path: str, links: ResolvedLinks, session_id: str, rules: LinkingRules) -> Verdict:
    """A file of which the register says one thing, and its folder or name (or a second entry) another."""
    own, registered = links.conflict
    if session_id not in (*own, *registered):
        return unrelated_verdict(
            Rule.OTHER_SESSION, f"may belong to session {first_names(dict.fromkeys((*own, *registered)))}"
        )
    own_ids, registered_ids = first_names(own), first_names(registered)
    entry = "labcrate link" if links.manual_sessions else _REGISTER
    if not own:
        reason = f"{entry} names several sessions: {registered_ids}"
    elif links.location.sessions:
        reason = f"{entry} says session {registered_ids}, the folder says session {own_ids}"
    else:
        reason = f"{entry} says session {registered_ids}, the name says session {own_ids}"
    fixable = not links.manual_sessions and links.own_session in (None, session_id)
    remedy = "link it to the session that it belongs to, or correct the register"
    if links.manual_sessions:
        remedy = "take that link back"
    prefix, camera = _prefix_and_camera(links, session_id, rules)
    return Verdict(
        VerdictKind.NEAR_MISS,
        Rule.AMBIGUOUS,
        reason,
        remedy,
        prefix=prefix,
        camera=camera,
        command=_link_command(path, session_id) if fixable else None,
    )


def _judge_name(path: str, links: ResolvedLinks, session_id: str, rules: LinkingRules) -> Verdict:
    """An MP4 below ``recordings/`` that is linked to no session."""
    diagnosis = diagnose_name(links.stem or "", session_id, links.parsed_name, rules)
    if diagnosis.advice is not None:
        return _near_miss(path, session_id, rules, diagnosis)
    if session_id in links.location.sessions:
        return _in_misspelt_folder(links, session_id, rules)
    if session_id in links.registered.sessions:
        name = printable(base_name(path))
        reason = f"{_REGISTER} gives {name} session {session_id}, but several different files are called so"
        return _near_miss(path, session_id, rules, NameDiagnosis(Rule.AMBIGUOUS, reason, "if it is this one, link it"))
    if diagnosis.rule is Rule.NO_SESSION and links.location.sessions:
        return unrelated_verdict(
            Rule.OTHER_SESSION, f"lies in the folder of session {first_names(links.location.sessions)}"
        )
    return unrelated_verdict(diagnosis.rule, diagnosis.reason)


def _in_misspelt_folder(links: ResolvedLinks, session_id: str, rules: LinkingRules) -> Verdict:
    folder, below = links.location.folder, links.location.below
    right = session_folder(session_id)
    reason = f'the folder "{printable(folder)}" must be called {right[:-1]}'
    prefix, camera = _prefix_and_camera(links, session_id, rules)
    linked_as = right + below
    return Verdict(
        VerdictKind.NEAR_MISS,
        Rule.WRONG_FOLDER_NAME,
        reason,
        f"rename the folder to {right[:-1]}, or move the file there",
        prefix=prefix,
        linked_as=linked_as if session_id in linked_sessions(linked_as, rules) else None,
        command=_link_command(f"{folder}/{below}", session_id)
        if stem_of_mp4(below)
        else _link_command(f"{folder}/{below}", session_id, "--remux"),
        camera=camera,
    )


def _judge_other_file(path: str, links: ResolvedLinks, session_id: str, rules: LinkingRules) -> Verdict:
    """A file that is no MP4: below ``recordings/`` worth a word if it is a video, or half of one, of the session."""
    folder, name = path.rpartition("/")[0], base_name(path)
    stem = stem_of_non_mp4(name) if links.location.area is Area.SHARED else None
    as_mp4, own = f"{folder}/{stem}.mp4", f"{session_folder(session_id)}recordings/{name}"
    named = session_id in linked_sessions(as_mp4, rules)
    if stem is None or not (named or session_id in rules.register.of_name(name).sessions):
        return unrelated_verdict(Rule.NOT_A_RECORDING, "not an MP4 file")
    shown, command = printable(f"{stem}.mp4"), None
    if is_non_mp4_video(name):
        remedy = f"make an MP4 of it (--remux), or convert it to {shown}, keeping the original elsewhere"
        command = _link_command(path, session_id, "--remux")
    else:
        remedy = f"if it is an unfinished copy of a recording, finish it and call it {shown}"
    prefix = rules.prefixes.of_session(session_id).longest_in(stem)
    return Verdict(
        VerdictKind.NEAR_MISS,
        Rule.NOT_MP4,
        f'only MP4 recordings are taken from here; this ends in "{printable(name[len(stem) :])}"',
        remedy,
        prefix=prefix.text if prefix else None,
        linked_as=next((at for at in (as_mp4, own) if session_id in linked_sessions(at, rules)), None),
        command=command,
        camera=prefix.camera if prefix else None,
    )


def _near_miss(path: str, session_id: str, rules: LinkingRules, diagnosis: NameDiagnosis) -> Verdict:
    """The verdict with its remedy: a name that is known to be right, or else the session's own folder."""
    folder, _, name = path.rpartition("/")
    own = f"{session_folder(session_id)}recordings/"
    renamed, remedy, linked_as = f"{diagnosis.stem}{name[-4:]}", diagnosis.advice, None
    if diagnosis.stem and renamed.isprintable() and session_id in linked_sessions(f"{folder}/{renamed}", rules):
        linked_as = f"{folder}/{renamed}"
        joint = ", or" if diagnosis.rule is Rule.UNKNOWN_PREFIX else ":"
        remedy = f"{diagnosis.advice}{joint} rename it to {renamed}"
    elif session_id in linked_sessions(own + name, rules):
        remedy, linked_as = f"{diagnosis.advice}, or move it to {own}", own + name
    prefix = rules.prefixes.of_session(session_id).longest_in(name[:-4])
    if diagnosis.camera:
        return Verdict(
            VerdictKind.NEAR_MISS,
            diagnosis.rule,
            diagnosis.reason,
            remedy,
            linked_as=linked_as,
            command=_link_command(path, session_id, "--camera", diagnosis.camera.id),
            camera=diagnosis.camera.key,
        )
    return Verdict(
        VerdictKind.NEAR_MISS,
        diagnosis.rule,
        diagnosis.reason,
        remedy,
        prefix=prefix.text if prefix else None,
        linked_as=linked_as,
        command=_link_command(path, session_id),
        camera=prefix.camera if prefix else None,
    )


def _link_command(path: str, session_id: str, *options: str) -> tuple[str, ...]:
    """The command that makes a file part of a session, in words. Ids and paths of a lab never begin with a hyphen."""
    return ("labcrate", "link", session_id, path, *options)


RULES_WITH_MARKER = frozenset(
    {Rule.UNKNOWN_PREFIX, Rule.NO_SEPARATOR, Rule.LEADING_ZEROS, Rule.MARKER_FIRST, Rule.SPLIT_MARKER}
)
"""The kinds of near miss whose name holds the marker and the whole id of one session."""


def has_session_marker(path: str, session_id: str, verdict: Verdict, rules: LinkingRules) -> bool:
    """Return whether a near miss (``verdict``) names the session by a marker, as an MP4 or another video."""
    if verdict.rule in RULES_WITH_MARKER:
        return True
    if verdict.rule is not Rule.NOT_MP4 or not is_non_mp4_video(base_name(path)):
        return False
    as_mp4 = judge_file(f"{path.rpartition('.')[0]}.mp4", session_id, rules)
    return as_mp4.linked and as_mp4.rule is Rule.NAME
