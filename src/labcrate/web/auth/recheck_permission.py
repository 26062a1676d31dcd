"""What goes on for longer than a request takes to be let in: whether who asked for it may still have it."""

from labcrate.errors import NoSuchThingError, NotAllowedError, PeopleError
from labcrate.people.roles import Role
from labcrate.web.auth.doors import Doors
from labcrate.web.auth.require_role import Caller

MAY_NO_LONGER = "the user may no longer export"
REVOKED = "the token was revoked"
TAKEN_OUT = "the session is in none of the user's studies"
TAKEN_IN = "the user was put into a study; what is of it can be asked for again"


async def check_still(doors: Doors, caller: Caller, needed: Role, session: str) -> None:
    """Raise NotAllowedError with the reason if a user may no longer do what needs a role and the sight of a session.

    They may have been disabled meanwhile, or their token revoked, by any process. They may have come into a study too:
    then they could have asked for more than they may now. A token whose time is over was good
    when this began. As long as none of it can be told, they may: the gate lets nobody in then, and this only asks
    again.
    """
    try:
        user = await doors.look_up(doors.users.get, caller.name)
        scope = await doors.look_up(doors.studies.scope, user)
        stands = caller.via == "login" or await doors.look_up(doors.tokens.stands, caller.hashed)
    except NoSuchThingError:
        raise NotAllowedError(MAY_NO_LONGER) from None
    except PeopleError:
        return
    if user.disabled or not user.role.covers(needed):
        raise NotAllowedError(MAY_NO_LONGER)
    if not stands:
        raise NotAllowedError(REVOKED)
    if session not in scope:
        raise NotAllowedError(TAKEN_OUT)
    if scope.limited and not caller.scope.limited:
        raise NotAllowedError(TAKEN_IN)
