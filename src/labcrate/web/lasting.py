"""What goes on for longer than a request takes to be let in: whether who asked for it may still have it."""

from aiohttp import web

from labcrate.errors import NoSuchThingError, PeopleError
from labcrate.people.roles import Role
from labcrate.web.access import Caller
from labcrate.web.login import USERS, look_up


async def may_still(app: web.Application, caller: Caller, needed: Role) -> bool:
    """Whether a user may still do what needs a role: they may have been disabled meanwhile, by any process.

    As long as that cannot be told, they may: the gate lets nobody in then, and this only asks again.
    """
    try:
        user = await look_up(app, app[USERS].get, caller.name)
    except NoSuchThingError:
        return False
    except PeopleError:
        return True
    return user.role.covers(needed) and not user.disabled
