"""Everybody's own account, and for administrators all the people of the lab."""

from aiohttp import web

from labcrate.errors import LoginError, NotFoundError, TooManyError, UsageError
from labcrate.messages.message import Message
from labcrate.people.roles import Role, name_key
from labcrate.people.tokens import MAX_DAYS
from labcrate.web.auth.require_role import allow, caller, stays_in_scope
from labcrate.web.resources import resources
from labcrate.web.routes.html.login import (
    browser_form,
    check_current_password,
    current_login_hash,
    redirect,
    repeated_password,
)

routes = web.RouteTableDef()

ACCOUNT_PAGE, PEOPLE_PAGE = "/account", "/people"
_FORM_ERRORS = (UsageError, LoginError, TooManyError, NotFoundError)


@routes.get(ACCOUNT_PAGE)
@allow(Role.VIEWER)
@stays_in_scope
async def show_account(request: web.Request) -> web.Response:
    """One's own account: role, password, tokens."""
    return await _account_page(request)


@routes.post("/account/password")
@allow(Role.VIEWER)
@stays_in_scope
async def change_password(request: web.Request) -> web.Response:
    """Change one's own password, for who knows the present one; other logins end, and tokens where that is wished."""
    server = resources(request)
    fields, name = await browser_form(request), caller(request).name
    try:
        password = repeated_password(fields)
        await check_current_password(request, fields)
        keep, users = current_login_hash(request), server.users
        keep_tokens = "revoke" not in fields
        await server.accounts.run_password_hashing(
            users.set_password, name, password, keep_login=keep, keep_tokens=keep_tokens
        )
    except _FORM_ERRORS as error:
        return await _account_page(request, status=error.http_status, password=str(error))
    return redirect(request, f"{ACCOUNT_PAGE}?done=password")


@routes.post("/account/tokens")
@allow(Role.VIEWER)
@stays_in_scope
async def create_token(request: web.Request) -> web.Response:
    """Make a token for oneself, for who knows the password: it lasts longer than a browser that was left open.

    For the same reason it takes a code of whoever has a second factor.

    The answer shows it, and nothing else ever does.
    """
    server = resources(request)
    fields = await browser_form(request)
    try:
        days = chosen_days(fields.get("days", ""))
        user = await check_current_password(request, fields)
        await server.code_logins.check_code_if_on(request, user, fields.get("code", ""))
        _, secret = await server.accounts.run_in_thread(server.tokens.add, user, fields.get("name", ""), days)
    except _FORM_ERRORS as error:
        return await _account_page(request, status=error.http_status, typed=fields, token=error.args[0])
    return await _account_page(request, status=201, secret=secret)


@routes.post("/account/tokens/revoke")
@allow(Role.VIEWER)
@stays_in_scope
async def revoke_token(request: web.Request) -> web.Response:
    """End one of one's own tokens."""
    server = resources(request)
    fields = await browser_form(request)
    try:
        await server.accounts.run_in_thread(server.tokens.revoke, caller(request).name, fields.get("name", ""))
    except _FORM_ERRORS as error:
        return await _account_page(request, status=error.http_status, token=str(error))
    return redirect(request, f"{ACCOUNT_PAGE}?done=revoked")


@routes.get(PEOPLE_PAGE)
@allow(Role.ADMIN)
async def show_people(request: web.Request) -> web.Response:
    """Everybody who may log in, or might."""
    return await _people_page(request)


@routes.post("/people/add")
@allow(Role.ADMIN)
async def add_user(request: web.Request) -> web.Response:
    """Add somebody."""
    server = resources(request)
    fields = await browser_form(request)
    try:
        role, password = chosen_role(fields), repeated_password(fields)
        await server.accounts.run_password_hashing(server.users.add, fields.get("name", ""), role, password)
    except _FORM_ERRORS as error:
        return await _people_page(request, status=error.http_status, typed=fields, add=str(error))
    return redirect(request, f"{PEOPLE_PAGE}?done=added")


@routes.post("/people/role")
@allow(Role.ADMIN)
async def change_role(request: web.Request) -> web.Response:
    """Give somebody another role."""
    server = resources(request)
    fields = await browser_form(request)
    try:
        await server.accounts.run_in_thread(server.users.set_role, fields.get("name", ""), chosen_role(fields))
    except _FORM_ERRORS as error:
        return await _people_page(request, status=error.http_status, user=str(error))
    own = name_key(fields.get("name", "")) == name_key(caller(request).name)
    return redirect(
        request, "/" if own else f"{PEOPLE_PAGE}?done=role"
    )  # who is no administrator any more sees no people


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
    fields, users = await browser_form(request), server.users
    name, password = fields.get("name", ""), fields.get("password", "")
    try:
        await server.accounts.run_password_hashing(
            users.set_password, name, password, keep_login=current_login_hash(request)
        )
    except _FORM_ERRORS as error:
        return await _people_page(request, status=error.http_status, user=str(error))
    return redirect(request, f"{PEOPLE_PAGE}?done=password")


@routes.post("/people/second-factor/reset")
@allow(Role.ADMIN)
async def reset_second_factor(request: web.Request) -> web.Response:
    """Remove another's second factor, for who lost the telephone and the recovery codes; their logins end."""
    server = resources(request)
    fields = await browser_form(request)
    try:
        user = await server.accounts.run_in_thread(server.users.get, fields.get("name", ""))
        if name_key(user.name) == name_key(caller(request).name):  # a browser that was left open knows no code
            raise UsageError(Message("second_factor.own"))
        await server.accounts.run_in_thread(server.code_logins.factors.reset, user)
    except _FORM_ERRORS as error:
        return await _people_page(request, status=error.http_status, user=error.args[0])
    return redirect(request, f"{PEOPLE_PAGE}?done=second-factor")


@routes.post("/people/tokens/revoke")
@allow(Role.ADMIN)
async def revoke_user_token(request: web.Request) -> web.Response:
    """End a token of somebody."""
    server = resources(request)
    fields = await browser_form(request)
    try:
        await server.accounts.run_in_thread(server.tokens.revoke, fields.get("name", ""), fields.get("token", ""))
    except _FORM_ERRORS as error:
        return await _people_page(request, status=error.http_status, token=str(error))
    return redirect(request, f"{PEOPLE_PAGE}?done=revoked")


def chosen_role(fields: dict[str, str]) -> Role:
    """The role that a form names. Raises UsageError."""
    try:
        return Role(fields.get("role", ""))
    except ValueError:
        raise UsageError("Choose a role: viewer, operator or admin.") from None


def chosen_days(text: str) -> int:
    """Return the days that a form names. Raises UsageError."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"A token is good for 1 to {MAX_DAYS} days.")
    return int(text)


async def _switch(request: web.Request, to: str) -> web.Response:
    server = resources(request)
    fields, users = await browser_form(request), server.users
    try:
        await server.accounts.run_in_thread(users.disable if to == "disabled" else users.enable, fields.get("name", ""))
    except _FORM_ERRORS as error:
        return await _people_page(request, status=error.http_status, user=str(error))
    return redirect(request, f"{PEOPLE_PAGE}?done={to}")


async def _account_page(
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
    own = await server.accounts.run_in_thread(tokens.all, caller(request).name)
    return server.pages.render(
        request,
        "account.html",
        status=status,
        area="account",
        second_factor=await server.code_logins.second_factor_of(caller(request).name),
        tokens=own,
        expired=[token for token in own if tokens.is_expired(token)],
        secret=secret,
        typed={"name": "", "days": "365"} | (typed or {}),
        errors=errors,
        done=request.query.get("done"),
    )


async def _people_page(
    request: web.Request, *, status: int = 200, typed: dict[str, str] | None = None, **errors: str
) -> web.Response:
    """The page of people, perhaps with an error beside the form it is about, and with what was typed there."""
    server = resources(request)
    users = await server.accounts.run_in_thread(server.users.all)
    tokens = await server.accounts.run_in_thread(server.tokens.all)
    fields = {"name": "", "role": str(Role.VIEWER)} | (typed or {})
    return server.pages.render(
        request,
        "people.html",
        status=status,
        area="people",
        users=users,
        tokens=tokens,
        expired=[token for token in tokens if server.tokens.is_expired(token)],
        typed=fields,
        with_second_factor=await server.accounts.run_in_thread(server.code_logins.factors.user_ids_with_factor),
        errors=errors,
        done=request.query.get("done"),
    )
