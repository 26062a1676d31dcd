"""``labcrate user``: who may log in, and as what."""

from argparse import Namespace
from collections.abc import Callable

from rich.table import Table

from labcrate.cli.people import ask_password, named, people, unnamed
from labcrate.cli.screen import same_lab, say, write_json
from labcrate.cli.terminal import console
from labcrate.errors import UsageError
from labcrate.model.timespan import format_instant
from labcrate.people.roles import Role
from labcrate.people.users import User, Users


def run(options: Namespace) -> int:
    """Do what was asked with the lab's users."""
    with people(options) as database:
        users = Users(database)
        if options.action == "list":
            unnamed(options, "it lists everybody")
            _list(options, users.all())
            return 0
        user, told = _ACTIONS[options.action](options, users, named(options, "user"))
    if options.json:
        write_json(_object(user))
    else:
        say(told)
    return 0


def _add(options: Namespace, users: Users, name: str) -> tuple[User, str]:
    name = users.free(name)  # before anybody types a password for nothing
    user = users.add(name, Role(options.role or Role.VIEWER), ask_password(options, name))
    return user, f"{user.name} may log in now, as {user.role}."


def _password(options: Namespace, users: Users, name: str) -> tuple[User, str]:
    name = users.get(name).name
    user = users.set_password(name, ask_password(options, name))
    return user, f"{user.name} has another password now; their logins and tokens have ended."


def _role(options: Namespace, users: Users, name: str) -> tuple[User, str]:
    if options.role is None:
        raise UsageError(f"Say which role: labcrate user role NAME --role {'|'.join(Role)}{same_lab(options)}.")
    user = users.set_role(name, Role(options.role))
    return user, f"{user.name} is {user.role} from now on."


def _disable(_options: Namespace, users: Users, name: str) -> tuple[User, str]:
    user = users.disable(name)
    return user, f"{user.name} is locked out: their logins and tokens have ended."


def _enable(_options: Namespace, users: Users, name: str) -> tuple[User, str]:
    user = users.enable(name)
    return user, f"{user.name} may log in again."


_ACTIONS: dict[str, Callable[[Namespace, Users, str], tuple[User, str]]] = {
    "add": _add,
    "password": _password,
    "role": _role,
    "disable": _disable,
    "enable": _enable,
}


def _list(options: Namespace, users: list[User]) -> None:
    if options.json:
        write_json([_object(user) for user in users])
        return
    if not users:
        say(f"Nobody may log in yet. Add somebody: labcrate user add NAME --role admin{same_lab(options)}")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("Name", "Role", "May log in", "Added (UTC)"):
        table.add_column(heading, overflow="fold")
    for user in users:
        table.add_row(user.name, user.role, "no" if user.disabled else "yes", f"{user.created:%Y-%m-%d %H:%M}")
    console().print(table)


def _object(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "role": str(user.role),
        "disabled": user.disabled,
        "createdAt": format_instant(user.created),
    }
