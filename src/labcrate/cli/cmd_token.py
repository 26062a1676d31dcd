"""``labcrate token``: manage tokens, which give scripts access."""

from argparse import Namespace

from labcrate.cli.people_arguments import open_people_database, refuse_name, require_name
from labcrate.cli.screen import lab_option, say, write_json
from labcrate.cli.terminal import console, table
from labcrate.errors import NotFoundError, UsageError
from labcrate.messages.message import Message
from labcrate.model.timespan import format_instant
from labcrate.people.database import PeopleDatabase
from labcrate.people.roles import name_key
from labcrate.people.tokens import Token, Tokens
from labcrate.people.users import Users


def run(options: Namespace) -> int:
    """Run the requested action, and print its result."""
    with open_people_database(options) as database:
        tokens = Tokens(database)
        if options.action == "add":
            _add(options, database, tokens)
        elif options.action == "revoke":
            _revoke(options, tokens)
        else:
            refuse_name(options)
            _print_list(options, database, tokens)
    return 0


def _add(options: Namespace, database: PeopleDatabase, tokens: Tokens) -> None:
    name = require_name(options)
    if options.user is None:
        raise UsageError(Message("cli.token_user_missing"))
    token, secret = tokens.add(Users(database).get(options.user), name, options.days)
    if options.json:
        write_json(_json_object(token) | {"token": secret})
        return
    say(f"Created token {token.name} of {token.user}. It expires on {token.expires:%Y-%m-%d %H:%M} UTC.")
    say("Copy it now: it is not shown again.\n")
    say(secret)


def _revoke(options: Namespace, tokens: Tokens) -> None:
    name = require_name(options)
    revoked = tokens.revoke(options.user or _find_owner(tokens, name), name)
    if options.json:
        write_json(_json_object(revoked))
    else:
        say(f"Revoked token {revoked.name} of {revoked.user}.")


def _find_owner(tokens: Tokens, name: str) -> str:
    owners = [token.user for token in tokens.all() if name_key(token.name) == name_key(name)]
    if not owners:
        raise NotFoundError(Message("cli.no_token", name=name))
    if len(owners) > 1:
        raise UsageError(Message("cli.token_of_several", users=owners, name=name))
    return owners[0]


def _print_list(options: Namespace, database: PeopleDatabase, tokens: Tokens) -> None:
    user = options.user and Users(database).get(options.user).name
    found = tokens.all(user)
    if options.json:
        write_json([_json_object(token) for token in found])
        return
    if not found:
        say(f"There are no tokens. Create one: labcrate token add NAME --user NAME{lab_option(options)}")
        return
    shown = table("Token", "User", "Expires (UTC)", "Last used (UTC)")
    for token in found:
        until = f"{token.expires:%Y-%m-%d %H:%M}" + (" (expired)" if tokens.is_expired(token) else "")
        shown.add_row(token.name, token.user, until, f"{token.used:%Y-%m-%d %H:%M}" if token.used else "never")
    console().print(shown)


def _json_object(token: Token) -> dict[str, object]:
    return {
        "name": token.name,
        "user": token.user,
        "createdAt": format_instant(token.created),
        "expiresAt": format_instant(token.expires),
        "usedAt": format_instant(token.used) if token.used else None,
    }
