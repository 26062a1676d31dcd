"""Whether a file of the lab belongs to a session: by its folder, by its name, by a register, or not.

The functions depend on strings only. A path is relative to the lab folder, with slashes, and may hold undecodable bytes
as surrogate escapes.
"""

from labcrate.linking.filename import base_name, is_non_mp4_video, stem_of_mp4, stem_of_non_mp4
from labcrate.linking.location import Area, session_folder
from labcrate.linking.near_miss import NameDiagnosis, diagnose_name, name_with_session
from labcrate.linking.resolve import ResolvedLinks, linked_sessions, resolve_links
from labcrate.linking.rules import LinkingRules
from labcrate.linking.verdict import Rule, Verdict, VerdictKind, sessions_message, unrelated_verdict
from labcrate.messages.message import Message, first_names

LINKED_ELSEWHERE = Message("linking.linked_elsewhere")
"""The warning about a file that is linked to several sessions."""
_HIDDEN = Message("linking.hidden")
_NOT_RECORDINGS_FOLDER = Message("linking.not_recordings_folder")
_NOT_MP4 = Message("linking.not_mp4")


def judge_file(path: str, session_id: str, rules: LinkingRules) -> Verdict:
    """Return the verdict on a path for one session: linked exactly if ``linked_sessions`` returns that session."""
    links = resolve_links(path, rules)
    if session_id in links.sessions:
        return _linked_verdict(links, session_id, rules, rules.register.cameras.get((path, session_id)))
    if links.sessions:
        return _other_session("linking.in_folder" if links.rule is Rule.FOLDER else "linking.belongs", links.sessions)
    location = links.location
    if links.rule is Rule.HIDDEN:
        verdict = unrelated_verdict(Rule.HIDDEN, _HIDDEN)
    elif links.rule is Rule.AMBIGUOUS:
        verdict = _ambiguous_verdict(path, links, session_id, rules)
    elif location.area is Area.ELSEWHERE:
        verdict = unrelated_verdict(Rule.NOT_A_RECORDING, _NOT_RECORDINGS_FOLDER)
    elif location.area is not Area.SHARED and session_id not in location.sessions:
        verdict = _other_session("linking.in_folder", location.sessions)
    elif links.stem is None:
        verdict = _judge_other_file(path, links, session_id, rules)
    elif location.area is Area.MISSPELT:
        verdict = _in_misspelt_folder(links, session_id, rules)
    else:
        verdict = _judge_name(path, links, session_id, rules)
    return verdict


def near_miss_by_time(path: str, session_id: str, rules: LinkingRules) -> Verdict:
    """Return the verdict on a recording whose name contains no session, but that was recorded during the session.

    The caller compares the times, where ``judge_file`` found no session in the name.
    """
    stem = stem_of_mp4(base_name(path)) or ""
    advice = Message("linking.right_time.advice", session=session_id)
    corrected = name_with_session(stem, session_id, rules)
    diagnosis = NameDiagnosis(Rule.RIGHT_TIME, Message("linking.right_time"), advice, corrected)
    return _near_miss(path, session_id, rules, diagnosis)


def _other_session(message_id: str, sessions: tuple[str, ...]) -> Verdict:
    return unrelated_verdict(Rule.OTHER_SESSION, sessions_message(message_id, sessions))


def _linked_verdict(links: ResolvedLinks, session_id: str, rules: LinkingRules, given: str | None) -> Verdict:
    """Return the verdict on a linked file, with its camera (the one ``given`` by hand comes first) and its warnings."""
    rule = links.rule if session_id == links.own_session else Rule.REGISTER
    prefix, camera = _prefix_and_camera(links, session_id, rules)
    camera = given or camera
    warnings = []
    if rule is Rule.FOLDER:
        reason, named = sessions_message("linking.in_folder", (session_id,)), links.parsed_name.session
        warnings += [Message("linking.name_says", session=named)] if named not in (None, session_id) else []
    elif rule is Rule.NAME:
        reason = sessions_message("linking.named", (session_id,))
        warnings += [] if rules.prefixes.configured else [Message("linking.no_prefixes")]
    else:
        reason = Message("linking.by_hand" if links.manual_sessions else "linking.register_says", session=session_id)
    known = rules.prefixes.of_session(session_id).get(prefix) if prefix and camera is None else None
    if known:
        warnings.append(Message("linking.shared_prefix", prefix=known.text))
    others = tuple(other for other in links.sessions if other != session_id)
    warnings += [LINKED_ELSEWHERE] if others else []
    return Verdict(
        VerdictKind.LINKED,
        rule,
        reason,
        warning=_join_warnings(warnings),
        prefix=prefix,
        camera=camera,
        also_linked_to=others,
    )


def _join_warnings(warnings: list[Message]) -> Message | None:
    joined: Message | None = None
    for warning in warnings:
        joined = warning if joined is None else Message("linking.two_warnings", first=joined, second=warning)
    return joined


def _prefix_and_camera(links: ResolvedLinks, session_id: str, rules: LinkingRules) -> tuple[str | None, str | None]:
    """Return the prefix in a name, and the camera: the prefix's where there is only one, else the register's."""
    stem, registered = links.stem or "", links.registered
    prefix = rules.prefixes.of_session(session_id).longest_in(stem)
    register_camera = registered.camera
    if links.sessions and links.rule is Rule.REGISTER and register_camera:
        return prefix.text if prefix else None, register_camera
    return (prefix.text, prefix.camera or register_camera) if prefix else (None, register_camera)


def _ambiguous_verdict(path: str, links: ResolvedLinks, session_id: str, rules: LinkingRules) -> Verdict:
    """Return the verdict on a file for which the register and the folder, name or a second entry disagree."""
    own, registered = links.conflict
    if session_id not in (*own, *registered):
        return _other_session("linking.may_belong", tuple(dict.fromkeys((*own, *registered))))
    values = {"register": "labcrate link" if links.manual_sessions else "recordings.json"}
    values["registered"] = first_names(registered)
    if own:
        message_id = "linking.conflict_folder" if links.location.sessions else "linking.conflict_name"
        reason = Message(message_id, **values, sessions=first_names(own), count=len(own))
    else:
        reason = Message("linking.conflict_register", **values)
    fixable = not links.manual_sessions and links.own_session in (None, session_id)
    prefix, camera = _prefix_and_camera(links, session_id, rules)
    return Verdict(
        VerdictKind.NEAR_MISS,
        Rule.AMBIGUOUS,
        reason,
        Message("linking.conflict.advice_by_hand" if links.manual_sessions else "linking.conflict.advice"),
        prefix=prefix,
        camera=camera,
        command=_link_command(path, session_id) if fixable else None,
    )


def _judge_name(path: str, links: ResolvedLinks, session_id: str, rules: LinkingRules) -> Verdict:
    """Return the verdict on an MP4 below ``recordings/`` that is linked to no session."""
    diagnosis = diagnose_name(links.stem or "", session_id, links.parsed_name, rules)
    if diagnosis.advice is not None:
        return _near_miss(path, session_id, rules, diagnosis)
    if session_id in links.location.sessions:
        return _in_misspelt_folder(links, session_id, rules)
    if session_id in links.registered.sessions:
        reason = Message("linking.register_name", file=base_name(path), session=session_id)
        advice = Message("linking.register_name.advice")
        return _near_miss(path, session_id, rules, NameDiagnosis(Rule.AMBIGUOUS, reason, advice))
    if diagnosis.rule is Rule.NO_SESSION and links.location.sessions:
        return _other_session("linking.in_folder", links.location.sessions)
    return unrelated_verdict(diagnosis.rule, diagnosis.reason)


def _in_misspelt_folder(links: ResolvedLinks, session_id: str, rules: LinkingRules) -> Verdict:
    folder, below = links.location.folder, links.location.below
    right = session_folder(session_id)
    prefix, camera = _prefix_and_camera(links, session_id, rules)
    linked_as = right + below
    return Verdict(
        VerdictKind.NEAR_MISS,
        Rule.WRONG_FOLDER_NAME,
        Message("linking.wrong_folder", folder=folder, right=right[:-1]),
        Message("linking.wrong_folder.advice", right=right[:-1]),
        prefix=prefix,
        linked_as=linked_as if session_id in linked_sessions(linked_as, rules) else None,
        command=_link_command(f"{folder}/{below}", session_id)
        if stem_of_mp4(below)
        else _link_command(f"{folder}/{below}", session_id, "--remux"),
        camera=camera,
    )


def _judge_other_file(path: str, links: ResolvedLinks, session_id: str, rules: LinkingRules) -> Verdict:
    """Return the verdict on a file that is no MP4: a near miss if it is a video, or part of one, of the session."""
    folder, name = path.rpartition("/")[0], base_name(path)
    stem = stem_of_non_mp4(name) if links.location.area is Area.SHARED else None
    as_mp4, own = f"{folder}/{stem}.mp4", f"{session_folder(session_id)}recordings/{name}"
    named = session_id in linked_sessions(as_mp4, rules)
    if stem is None or not (named or session_id in rules.register.of_name(name).sessions):
        return unrelated_verdict(Rule.NOT_A_RECORDING, _NOT_MP4)
    is_video = is_non_mp4_video(name)
    prefix = rules.prefixes.of_session(session_id).longest_in(stem)
    return Verdict(
        VerdictKind.NEAR_MISS,
        Rule.NOT_MP4,
        Message("linking.only_mp4", suffix=name[len(stem) :]),
        Message("linking.only_mp4.convert" if is_video else "linking.only_mp4.finish", name=f"{stem}.mp4"),
        prefix=prefix.text if prefix else None,
        linked_as=next((at for at in (as_mp4, own) if session_id in linked_sessions(at, rules)), None),
        command=_link_command(path, session_id, "--remux") if is_video else None,
        camera=prefix.camera if prefix else None,
    )


def _near_miss(path: str, session_id: str, rules: LinkingRules, diagnosis: NameDiagnosis) -> Verdict:
    """Return the verdict with its remedy: a name that is certain to be correct, or else the session's own folder."""
    folder, _, name = path.rpartition("/")
    own = f"{session_folder(session_id)}recordings/"
    renamed, remedy, linked_as = f"{diagnosis.stem}{name[-4:]}", diagnosis.advice, None
    if diagnosis.stem and renamed.isprintable() and session_id in linked_sessions(f"{folder}/{renamed}", rules):
        linked_as = f"{folder}/{renamed}"
        is_choice = diagnosis.rule is Rule.UNKNOWN_PREFIX
        message_id = "linking.remedy.or_rename" if is_choice else "linking.remedy.rename"
        remedy = Message(message_id, advice=diagnosis.advice, name=renamed)
    elif session_id in linked_sessions(own + name, rules):
        remedy, linked_as = Message("linking.remedy.move", advice=diagnosis.advice, folder=own), own + name
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
    """Return the command that links a file to a session, in words. Ids and paths of a lab never begin with a hyphen."""
    return ("labcrate", "link", session_id, path, *options)


RULES_WITH_MARKER = frozenset(
    {Rule.UNKNOWN_PREFIX, Rule.NO_SEPARATOR, Rule.LEADING_ZEROS, Rule.MARKER_FIRST, Rule.SPLIT_MARKER}
)
"""The kinds of near miss whose name contains the marker and the whole id of one session."""


def has_session_marker(path: str, session_id: str, verdict: Verdict, rules: LinkingRules) -> bool:
    """Return whether a near miss (``verdict``) names the session by a marker, as an MP4 or another video."""
    if verdict.rule in RULES_WITH_MARKER:
        return True
    if verdict.rule is not Rule.NOT_MP4 or not is_non_mp4_video(base_name(path)):
        return False
    as_mp4 = judge_file(f"{path.rpartition('.')[0]}.mp4", session_id, rules)
    return as_mp4.linked and as_mp4.rule is Rule.NAME
