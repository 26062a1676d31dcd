"""``labcrate user``: manage users, their roles and passwords."""

from argparse import Namespace
from collections.abc import Callable

from labcrate.cli.people_arguments import open_people_database, read_password, refuse_name, require_name
from labcrate.cli.screen import lab_option, say, write_json
from labcrate.cli.terminal import console, table
from labcrate.errors import UsageError
from labcrate.messages.message import Message
from labcrate.model.timespan import format_instant
from labcrate.people.roles import Role
from labcrate.people.second_factor import SecondFactors
from labcrate.people.users import User, Users


def run(options: Namespace) -> int:
    """Run the requested action, and print its result."""
    with open_people_database(options) as database:
        users, factors = Users(database), SecondFactors(database)
        if options.action == "list":
            refuse_name(options)
            _print_list(options, users.all(), factors.user_ids_with_factor())
            return 0
        name = require_name(options)
        if options.action == "reset-second-factor":
            user, sentence = _reset_second_factor(users, factors, name)
        else:
            user, sentence = _ACTIONS[options.action](options, users, name)
        ids_with_factor = factors.user_ids_with_factor()
    if options.json:
        write_json(_json_object(user, ids_with_factor))
    else:
        say(sentence)
    return 0


def _add(options: Namespace, users: Users, name: str) -> tuple[User, str]:
    name = users.require_free_name(name)  # check the name before the password is typed
    user = users.add(name, Role(options.role or Role.VIEWER), read_password(options, name))
    return user, f"Added user {user.name} with the role {user.role}."


def _password(options: Namespace, users: Users, name: str) -> tuple[User, str]:
    name = users.get(name).name
    user = users.set_password(name, read_password(options, name))
    return user, f"Changed the password of {user.name}, and ended their logins and tokens."


def _role(options: Namespace, users: Users, name: str) -> tuple[User, str]:
    if options.role is None:
        raise UsageError(Message("cli.role_missing", roles="|".join(Role)))
    user = users.set_role(name, Role(options.role))
    return user, f"{user.name} now has the role {user.role}."


def _disable(_options: Namespace, users: Users, name: str) -> tuple[User, str]:
    user = users.disable(name)
    return user, f"Disabled {user.name}, and ended their logins and tokens."


def _enable(_options: Namespace, users: Users, name: str) -> tuple[User, str]:
    user = users.enable(name)
    return user, f"Enabled {user.name}, who can log in again."


def _reset_second_factor(users: Users, factors: SecondFactors, name: str) -> tuple[User, str]:
    user = users.get(name)
    factors.reset(user)
    return user, f"Removed the second factor of {user.name}, and ended their logins. The next login requires no code."


_ACTIONS: dict[str, Callable[[Namespace, Users, str], tuple[User, str]]] = {
    "add": _add,
    "password": _password,
    "role": _role,
    "disable": _disable,
    "enable": _enable,
}


def _print_list(options: Namespace, users: list[User], ids_with_factor: frozenset[int]) -> None:
    if options.json:
        write_json([_json_object(user, ids_with_factor) for user in users])
        return
    if not users:
        say(f"There are no users yet. Add one: labcrate user add NAME --role admin{lab_option(options)}")
        return
    shown = table("Name", "Role", "Can log in", "Second factor", "Added (UTC)")
    for user in users:
        factor = "yes" if user.id in ids_with_factor else "no"
        added = f"{user.created:%Y-%m-%d %H:%M}"
        shown.add_row(user.name, user.role, "no" if user.disabled else "yes", factor, added)
    console().print(shown)


def _json_object(user: User, ids_with_factor: frozenset[int]) -> dict[str, object]:
    return {
        "name": user.name,
        "role": str(user.role),
        "disabled": user.disabled,
        "secondFactor": user.id in ids_with_factor,
        "createdAt": format_instant(user.created),
    }
