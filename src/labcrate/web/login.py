"""What lets people in: the lab's users, logins and tokens, and the one way in before there is anybody."""

import asyncio
import hmac
import secrets
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

from aiohttp import web

from labcrate.errors import TooManyError
from labcrate.export.people_folder import open_people as open_lab_people
from labcrate.export.people_folder import refuse_split
from labcrate.people.exports import ExportLog
from labcrate.people.links import LinkLog
from labcrate.people.logins import Logins
from labcrate.people.passwords import Passwords
from labcrate.people.second_factor import SecondFactors
from labcrate.people.studies import Studies
from labcrate.people.tokens import Tokens
from labcrate.people.users import Users
from labcrate.web.auth.login_throttle import LoginThrottle
from labcrate.web.half_logins import SECOND_STEP, SecondStep
from labcrate.web.site import LAB

P = ParamSpec("P")
T = TypeVar("T")

USERS = web.AppKey("users", Users)
STUDIES = web.AppKey("studies", Studies)
LOGINS = web.AppKey("logins", Logins)
TOKENS = web.AppKey("tokens", Tokens)
EXPORT_LOG = web.AppKey("export_log", ExportLog)
LINK_LOG = web.AppKey("link_log", LinkLog)

LOGIN_PAGE, CODE_PAGE, SETUP_PAGE = "/login", "/login/code", "/setup"
_HASHINGS_AHEAD = 16


@dataclass
class Doors:
    """What lets people in: threads that look them up, one that hashes passwords, and how often they may try.

    ``setup_token`` opens the page for the first administrator, for as long as there is none.
    """

    looking_up: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "people"))
    # Each hashing takes 64 MiB: one at a time.
    hashing: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "passwords"))
    hashings: int = 0
    guesses: LoginThrottle = field(default_factory=LoginThrottle)
    setup_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    has_admin: bool = False


DOORS = web.AppKey("doors", Doors)


def open_people(app: web.Application, passwords: Passwords | None = None) -> None:
    """Open the lab's people for an application, and close them with it. Raises PeopleError, CatalogError."""
    root = app[LAB].root
    database = open_lab_people(root)
    try:
        refuse_split(root, database)
    except BaseException:
        database.close()
        raise
    app[USERS], app[STUDIES] = Users(database, passwords), Studies(database)
    app[LOGINS], app[TOKENS] = Logins(database), Tokens(database)
    app[EXPORT_LOG], app[LINK_LOG] = ExportLog(database), LinkLog(database)
    app[DOORS], app[SECOND_STEP] = Doors(), SecondStep(SecondFactors(database))

    async def closing(app: web.Application) -> AsyncIterator[None]:
        app[EXPORT_LOG].settle()
        yield
        app[DOORS].looking_up.shutdown()
        app[DOORS].hashing.shutdown(cancel_futures=True)
        app[EXPORT_LOG].close()
        database.close()

    app.cleanup_ctx.append(closing)


def setup_link(app: web.Application) -> str | None:
    """The path of the one-time link that creates the first administrator; None when there is one."""
    if app[USERS].has_admin():
        return None
    return f"{SETUP_PAGE}?token={app[DOORS].setup_token}"


def opens_setup(app: web.Application, token: str) -> bool:
    """Whether a token is that of the one-time link; there may be an administrator all the same."""
    return hmac.compare_digest(token.encode("utf-8", "replace"), app[DOORS].setup_token.encode())


async def look_up(app: web.Application, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Ask the people's database in threads of its own, so that nobody waits for a lab's heavy work to be let in."""
    call = partial(function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(app[DOORS].looking_up, call)


async def hashing(app: web.Application, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do what hashes a password. Raises TooManyError when so many wait that it would take long."""
    doors = app[DOORS]
    if doors.hashings >= _HASHINGS_AHEAD:
        raise TooManyError("Many people are logging in just now; wait a few seconds, and try again.", 5)
    doors.hashings += 1
    future = doors.hashing.submit(partial(function, *args, **kwargs))
    loop = asyncio.get_running_loop()

    def done(_: object) -> None:
        doors.hashings -= 1

    waiting = asyncio.wrap_future(future, loop=loop)
    waiting.add_done_callback(done)
    return await waiting


async def has_admin(app: web.Application) -> bool:
    """Whether there is an administrator; once there is one, there always is."""
    doors = app[DOORS]
    if not doors.has_admin:
        doors.has_admin = await look_up(app, app[USERS].has_admin)
    return doors.has_admin
