"""What goes on for longer than a request takes to be let in: whether who asked for it may still have it."""

from aiohttp import web

from labcrate.errors import NoSuchThingError, NotAllowedError, PeopleError
from labcrate.people.roles import Role
from labcrate.web.access import Caller
from labcrate.web.login import TOKENS, USERS, look_up

MAY_NO_LONGER = "the user may no longer export"
REVOKED = "the token was revoked"


async def check_still(app: web.Application, caller: Caller, needed: Role) -> None:
    """Raise NotAllowedError with the reason if a user may no longer do what needs a role.

    They may have been disabled meanwhile, or their token revoked, by any process. A token whose time is over was good
    when this began. As long as none of it can be told, they may: the gate lets nobody in then, and this only asks
    again.
    """
    try:
        user = await look_up(app, app[USERS].get, caller.name)
        stands = caller.via == "login" or await look_up(app, app[TOKENS].stands, caller.hashed)
    except NoSuchThingError:
        raise NotAllowedError(MAY_NO_LONGER) from None
    except PeopleError:
        return
    if user.disabled or not user.role.covers(needed):
        raise NotAllowedError(MAY_NO_LONGER)
    if not stands:
        raise NotAllowedError(REVOKED)
