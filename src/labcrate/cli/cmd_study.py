"""``labcrate study``: manage studies, which limit the sessions that people see."""

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence

from labcrate.cli.people_arguments import open_people_database, refuse_name, require_name
from labcrate.cli.screen import ask_yes_no, lab_option, open_lab, say, write_json
from labcrate.cli.terminal import console, table
from labcrate.errors import UsageError
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.session import json_id
from labcrate.model.timespan import format_instant
from labcrate.people.database import PeopleDatabase
from labcrate.people.export_log import system_user
from labcrate.people.studies import Studies, Study
from labcrate.people.users import Users
from labcrate.plan.inventory import Inventory, read_inventory
from labcrate.plan.overview import sessions_with_tag
from labcrate.plan.summary import plural

StudyResult = tuple[Study, str]


def run(options: Namespace) -> int:
    """Run the requested action, and print its result."""
    with open_people_database(options) as database:
        if options.action == "list":
            refuse_name(options)
            _print_list(options, Studies(database).all())
            return 0
        study, sentence = _ACTIONS[options.action](options, database, require_name(options))
    if options.json:
        write_json(_json_object(study))
    else:
        say(sentence)
    return 0


def _add(options: Namespace, database: PeopleDatabase, name: str) -> StudyResult:
    _refuse_words(options)
    study = Studies(database).add(name)
    return study, f"Created study {study.name}, with no sessions or people yet."


def _remove(options: Namespace, database: PeopleDatabase, name: str) -> StudyResult:
    _refuse_words(options)
    study = Studies(database).remove(name)
    return study, f"Deleted study {study.name}. The lab's sessions are unchanged."


def _sessions(options: Namespace, database: PeopleDatabase, name: str) -> StudyResult:
    studies, (what, *words) = Studies(database), _action_words(options, "ID")
    study = studies.get(name)
    if what == "remove":
        gone = [word if word in study.sessions else _take_inventory(options).resolve(word) for word in words]
        study = studies.remove_sessions(name, gone)
    else:
        inventory = _take_inventory(options)
        sessions = [inventory.resolve(word) for word in words]
        for session in sessions:
            if session not in inventory.ids:
                inventory.session(session)  # raises NoSessionError, with the existing ids
        study = studies.add_sessions(name, sessions, system_user())
    return study, f"Study {study.name} now has {plural(len(study.sessions), 'session')}."


def _people(options: Namespace, database: PeopleDatabase, name: str) -> StudyResult:
    studies, users, (what, *words) = Studies(database), Users(database), _action_words(options, "USER")
    found = [users.get(word) for word in words]
    study = (studies.remove_people if what == "remove" else studies.add_people)(name, found)
    sentences = [f"Study {study.name} now has {plural(len(study.people), 'person', 'people')}."]
    for user in found:
        if not studies.scope(user).is_limited:
            why = "is an administrator" if studies.names_of(user) else "is in no study"
            sentences.append(f"{user.name} {why} and sees every session.")
    return study, "\n".join(sentences)


def _fill(options: Namespace, database: PeopleDatabase, name: str) -> StudyResult:
    _refuse_words(options)
    if options.tag is None:
        raise UsageError(Message("cli.tag_missing"))
    studies = Studies(database)
    study, found = studies.get(name), sessions_with_tag(_take_inventory(options), options.tag)
    new = [session for session in found if session not in study.sessions]
    if not new:
        return (
            study,
            f"No session has the tag '{printable(options.tag)}' that is not in study {study.name} yet.",
        )
    if not options.yes:
        if options.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UsageError(Message("cli.no_terminal_to_fill"))
        tag = printable(options.tag)
        say(f"Sessions with the tag '{tag}' that are not yet in study {study.name}: {', '.join(new)}")
        if not ask_yes_no(f"Add {'this session' if len(new) == 1 else f'these {len(new):,} sessions'}?"):
            return study, "No sessions were added."
    study = studies.add_sessions(name, new, system_user())
    return study, (
        f"Added {plural(len(new), 'session')} to study {study.name}. Sessions that get the tag later are not added."
    )


_ACTIONS: dict[str, Callable[[Namespace, PeopleDatabase, str], StudyResult]] = {
    "add": _add,
    "remove": _remove,
    "sessions": _sessions,
    "people": _people,
    "fill": _fill,
}


def _action_words(options: Namespace, word: str) -> Sequence[str]:
    """Return ``add`` or ``remove``, followed by at least one more word. Raises UsageError."""
    if len(options.words) < 2 or options.words[0] not in ("add", "remove"):
        raise UsageError(Message("cli.study_words", action=options.action, word=word))
    words: Sequence[str] = options.words
    return words


def _refuse_words(options: Namespace) -> None:
    if options.words:
        raise UsageError(Message("cli.one_name", action=options.action))


def _take_inventory(options: Namespace) -> Inventory:
    return read_inventory(open_lab(options))


def _print_list(options: Namespace, studies: Sequence[Study]) -> None:
    if options.json:
        write_json([_json_object(study) for study in studies])
        return
    if not studies:
        say(
            "There are no studies: every user sees every session. Create one: labcrate study add "
            f"NAME{lab_option(options)}"
        )
        return
    shown = table("Study", "Sessions", "People", "Created (UTC)")
    for study in studies:
        made = f"{study.created:%Y-%m-%d %H:%M}"
        shown.add_row(study.name, ", ".join(study.sessions) or "none", ", ".join(study.people) or "none", made)
    console().print(shown)


def _json_object(study: Study) -> dict[str, object]:
    return {
        "name": study.name,
        "sessions": [json_id(session) for session in study.sessions],
        "people": list(study.people),
        "createdAt": format_instant(study.created),
    }
