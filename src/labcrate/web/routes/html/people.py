"""Everybody's own account, and for administrators all the people of the lab."""

from aiohttp import web

from labcrate.errors import LoginError, NoSuchThingError, TooManyError, UsageError
from labcrate.model.message import Message
from labcrate.people.roles import Role, name_key
from labcrate.people.tokens import LONGEST_DAYS
from labcrate.web.auth.require_role import allow, caller, keeps_to_scope
from labcrate.web.resources import resources
from labcrate.web.routes.html.login import knowing_password, own_form, see, this_login, twice

routes = web.RouteTableDef()

ACCOUNT_PAGE, PEOPLE_PAGE = "/account", "/people"
_REFUSED = (UsageError, LoginError, TooManyError, NoSuchThingError)


@routes.get(ACCOUNT_PAGE)
@allow(Role.VIEWER)
@keeps_to_scope
async def show_account(request: web.Request) -> web.Response:
    """One's own account: role, password, tokens."""
    return await _account(request)


@routes.post("/account/password")
@allow(Role.VIEWER)
@keeps_to_scope
async def change_password(request: web.Request) -> web.Response:
    """Change one's own password, for who knows the present one; other logins end, and tokens where that is wished."""
    server = resources(request)
    fields, name = await own_form(request), caller(request).name
    try:
        password = twice(fields)
        await knowing_password(request, fields)
        keep, users = this_login(request), server.users
        keep_tokens = "revoke" not in fields
        await server.doors.hashing(users.set_password, name, password, keep_login=keep, keep_tokens=keep_tokens)
    except _REFUSED as error:
        return await _account(request, status=error.http_status, password=str(error))
    return see(request, f"{ACCOUNT_PAGE}?done=password")


@routes.post("/account/tokens")
@allow(Role.VIEWER)
@keeps_to_scope
async def create_token(request: web.Request) -> web.Response:
    """Make a token for oneself, for who knows the password: it lasts longer than a browser that was left open.

    For the same reason it takes a code of whoever has a second factor.

    The answer shows it, and nothing else ever does.
    """
    server = resources(request)
    fields = await own_form(request)
    try:
        days = days_of(fields.get("days", ""))
        user = await knowing_password(request, fields)
        await server.second_step.code_where_asked(request, user, fields.get("code", ""))
        _, secret = await server.doors.look_up(server.tokens.add, user, fields.get("name", ""), days)
    except _REFUSED as error:
        return await _account(request, status=error.http_status, typed=fields, token=error.args[0])
    return await _account(request, status=201, secret=secret)


@routes.post("/account/tokens/revoke")
@allow(Role.VIEWER)
@keeps_to_scope
async def revoke_token(request: web.Request) -> web.Response:
    """End one of one's own tokens."""
    server = resources(request)
    fields = await own_form(request)
    try:
        await server.doors.look_up(server.tokens.revoke, caller(request).name, fields.get("name", ""))
    except _REFUSED as error:
        return await _account(request, status=error.http_status, token=str(error))
    return see(request, f"{ACCOUNT_PAGE}?done=revoked")


@routes.get(PEOPLE_PAGE)
@allow(Role.ADMIN)
async def show_people(request: web.Request) -> web.Response:
    """Everybody who may log in, or might."""
    return await _people(request)


@routes.post("/people/add")
@allow(Role.ADMIN)
async def add_user(request: web.Request) -> web.Response:
    """Add somebody."""
    server = resources(request)
    fields = await own_form(request)
    try:
        role, password = role_of(fields), twice(fields)
        await server.doors.hashing(server.users.add, fields.get("name", ""), role, password)
    except _REFUSED as error:
        return await _people(request, status=error.http_status, typed=fields, add=str(error))
    return see(request, f"{PEOPLE_PAGE}?done=added")


@routes.post("/people/role")
@allow(Role.ADMIN)
async def change_role(request: web.Request) -> web.Response:
    """Give somebody another role."""
    server = resources(request)
    fields = await own_form(request)
    try:
        await server.doors.look_up(server.users.set_role, fields.get("name", ""), role_of(fields))
    except _REFUSED as error:
        return await _people(request, status=error.http_status, user=str(error))
    own = name_key(fields.get("name", "")) == name_key(caller(request).name)
    return see(request, "/" if own else f"{PEOPLE_PAGE}?done=role")  # who is no administrator any more sees no people


@routes.post("/people/disable")
@allow(Role.ADMIN)
async def disable_user(request: web.Request) -> web.Response:
    """Lock somebody out."""
    return await _switch(request, "disabled")


@routes.post("/people/enable")
@allow(Role.ADMIN)
async def enable_user(request: web.Request) -> web.Response:
    """Let somebody log in again."""
    return await _switch(request, "enabled")


@routes.post("/people/password")
@allow(Role.ADMIN)
async def set_password(request: web.Request) -> web.Response:
    """Give somebody another password; all their tokens and logins end, but not the login that does this."""
    server = resources(request)
    fields, users = await own_form(request), server.users
    name, password = fields.get("name", ""), fields.get("password", "")
    try:
        await server.doors.hashing(users.set_password, name, password, keep_login=this_login(request))
    except _REFUSED as error:
        return await _people(request, status=error.http_status, user=str(error))
    return see(request, f"{PEOPLE_PAGE}?done=password")


@routes.post("/people/second-factor/reset")
@allow(Role.ADMIN)
async def reset_second_factor(request: web.Request) -> web.Response:
    """Remove another's second factor, for who lost the telephone and the recovery codes; their logins end."""
    server = resources(request)
    fields = await own_form(request)
    try:
        user = await server.doors.look_up(server.users.get, fields.get("name", ""))
        if name_key(user.name) == name_key(caller(request).name):  # a browser that was left open knows no code
            raise UsageError(Message("second_factor.own"))
        await server.doors.look_up(server.second_step.factors.reset, user)
    except _REFUSED as error:
        return await _people(request, status=error.http_status, user=error.args[0])
    return see(request, f"{PEOPLE_PAGE}?done=second-factor")


@routes.post("/people/tokens/revoke")
@allow(Role.ADMIN)
async def revoke_anybodys_token(request: web.Request) -> web.Response:
    """End a token of somebody."""
    server = resources(request)
    fields = await own_form(request)
    try:
        await server.doors.look_up(server.tokens.revoke, fields.get("name", ""), fields.get("token", ""))
    except _REFUSED as error:
        return await _people(request, status=error.http_status, token=str(error))
    return see(request, f"{PEOPLE_PAGE}?done=revoked")


def role_of(fields: dict[str, str]) -> Role:
    """The role that a form names. Raises UsageError."""
    try:
        return Role(fields.get("role", ""))
    except ValueError:
        raise UsageError("Choose a role: viewer, operator or admin.") from None


def days_of(text: str) -> int:
    """Return the days that a form names. Raises UsageError."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"A token is good for 1 to {LONGEST_DAYS} days.")
    return int(text)


async def _switch(request: web.Request, to: str) -> web.Response:
    server = resources(request)
    fields, users = await own_form(request), server.users
    try:
        await server.doors.look_up(users.disable if to == "disabled" else users.enable, fields.get("name", ""))
    except _REFUSED as error:
        return await _people(request, status=error.http_status, user=str(error))
    return see(request, f"{PEOPLE_PAGE}?done={to}")


async def _account(
    request: web.Request,
    *,
    status: int = 200,
    secret: str | None = None,
    typed: dict[str, str] | None = None,
    **errors: str,
) -> web.Response:
    """The account's page, perhaps with a token's text, or with an error beside the form and what was typed there."""
    server = resources(request)
    tokens = server.tokens
    own = await server.doors.look_up(tokens.all, caller(request).name)
    return server.pages.render(
        request,
        "account.html",
        status=status,
        area="account",
        second_factor=await server.second_step.of(caller(request).name),
        tokens=own,
        expired=[token for token in own if tokens.expired(token)],
        secret=secret,
        typed={"name": "", "days": "365"} | (typed or {}),
        errors=errors,
        done=request.query.get("done"),
    )


async def _people(
    request: web.Request, *, status: int = 200, typed: dict[str, str] | None = None, **errors: str
) -> web.Response:
    """The page of people, perhaps with an error beside the form it is about, and with what was typed there."""
    server = resources(request)
    users = await server.doors.look_up(server.users.all)
    tokens = await server.doors.look_up(server.tokens.all)
    fields = {"name": "", "role": str(Role.VIEWER)} | (typed or {})
    return server.pages.render(
        request,
        "people.html",
        status=status,
        area="people",
        users=users,
        tokens=tokens,
        expired=[token for token in tokens if server.tokens.expired(token)],
        typed=fields,
        having=await server.doors.look_up(server.second_step.factors.having),
        errors=errors,
        done=request.query.get("done"),
    )
