"""The account page of each user, and the page of all users for administrators."""

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
    """Send the caller's account page: role, password, tokens."""
    return await _account_page(request)


@routes.post("/account/password")
@allow(Role.VIEWER)
@stays_in_scope
async def change_password(request: web.Request) -> web.Response:
    """Change the caller's password after checking the current one; end other logins and, if ticked, all tokens."""
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
        return await _account_page(request, status=error.http_status, password=error.message)
    return redirect(request, f"{ACCOUNT_PAGE}?done=password")


@routes.post("/account/tokens")
@allow(Role.VIEWER)
@stays_in_scope
async def create_token(request: web.Request) -> web.Response:
    """Create a token for the caller, after checking the password, and the code of a second factor.

    A token outlives a browser that was left open. Only this response shows it.
    """
    server = resources(request)
    fields = await browser_form(request)
    try:
        days = chosen_days(fields.get("days", ""))
        user = await check_current_password(request, fields)
        await server.code_logins.check_code_if_on(request, user, fields.get("code", ""))
        _, secret = await server.accounts.run_in_thread(server.tokens.add, user, fields.get("name", ""), days)
    except _FORM_ERRORS as error:
        return await _account_page(request, status=error.http_status, typed=fields, token=error.message)
    return await _account_page(request, status=201, secret=secret)


@routes.post("/account/tokens/revoke")
@allow(Role.VIEWER)
@stays_in_scope
async def revoke_token(request: web.Request) -> web.Response:
    """Revoke one of the caller's tokens."""
    server = resources(request)
    fields = await browser_form(request)
    try:
        await server.accounts.run_in_thread(server.tokens.revoke, caller(request).name, fields.get("name", ""))
    except _FORM_ERRORS as error:
        return await _account_page(request, status=error.http_status, token=error.message)
    return redirect(request, f"{ACCOUNT_PAGE}?done=revoked")


@routes.get(PEOPLE_PAGE)
@allow(Role.ADMIN)
async def show_people(request: web.Request) -> web.Response:
    """Send the page of all users and tokens."""
    return await _people_page(request)


@routes.post("/people/add")
@allow(Role.ADMIN)
async def add_user(request: web.Request) -> web.Response:
    """Add a user."""
    server = resources(request)
    fields = await browser_form(request)
    try:
        role, password = chosen_role(fields), repeated_password(fields)
        await server.accounts.run_password_hashing(server.users.add, fields.get("name", ""), role, password)
    except _FORM_ERRORS as error:
        return await _people_page(request, status=error.http_status, typed=fields, add=error.message)
    return redirect(request, f"{PEOPLE_PAGE}?done=added")


@routes.post("/people/role")
@allow(Role.ADMIN)
async def change_role(request: web.Request) -> web.Response:
    """Change a user's role."""
    server = resources(request)
    fields = await browser_form(request)
    try:
        await server.accounts.run_in_thread(server.users.set_role, fields.get("name", ""), chosen_role(fields))
    except _FORM_ERRORS as error:
        return await _people_page(request, status=error.http_status, user=error.message)
    own = name_key(fields.get("name", "")) == name_key(caller(request).name)
    return redirect(request, "/" if own else f"{PEOPLE_PAGE}?done=role")  # a former administrator may not see this page


@routes.post("/people/disable")
@allow(Role.ADMIN)
async def disable_user(request: web.Request) -> web.Response:
    """Disable a user."""
    return await _switch(request, "disabled")


@routes.post("/people/enable")
@allow(Role.ADMIN)
async def enable_user(request: web.Request) -> web.Response:
    """Enable a disabled user."""
    return await _switch(request, "enabled")


@routes.post("/people/password")
@allow(Role.ADMIN)
async def set_password(request: web.Request) -> web.Response:
    """Set a user's password; end their logins (except the one that made this request) and revoke their tokens."""
    server = resources(request)
    fields, users = await browser_form(request), server.users
    name, password = fields.get("name", ""), fields.get("password", "")
    try:
        await server.accounts.run_password_hashing(
            users.set_password, name, password, keep_login=current_login_hash(request)
        )
    except _FORM_ERRORS as error:
        return await _people_page(request, status=error.http_status, user=error.message)
    return redirect(request, f"{PEOPLE_PAGE}?done=password")


@routes.post("/people/second-factor/reset")
@allow(Role.ADMIN)
async def reset_second_factor(request: web.Request) -> web.Response:
    """Remove another user's second factor, after they lost phone and recovery codes; end their logins."""
    server = resources(request)
    fields = await browser_form(request)
    try:
        user = await server.accounts.run_in_thread(server.users.get, fields.get("name", ""))
        if name_key(user.name) == name_key(caller(request).name):  # someone at a browser left open would need no code
            raise UsageError(Message("second_factor.own"))
        await server.accounts.run_in_thread(server.code_logins.factors.reset, user)
    except _FORM_ERRORS as error:
        return await _people_page(request, status=error.http_status, user=error.message)
    return redirect(request, f"{PEOPLE_PAGE}?done=second-factor")


@routes.post("/people/tokens/revoke")
@allow(Role.ADMIN)
async def revoke_user_token(request: web.Request) -> web.Response:
    """Revoke a user's token."""
    server = resources(request)
    fields = await browser_form(request)
    try:
        await server.accounts.run_in_thread(server.tokens.revoke, fields.get("name", ""), fields.get("token", ""))
    except _FORM_ERRORS as error:
        return await _people_page(request, status=error.http_status, token=error.message)
    return redirect(request, f"{PEOPLE_PAGE}?done=revoked")


def chosen_role(fields: dict[str, str]) -> Role:
    """Return the role in a form. Raises UsageError for an unknown role."""
    try:
        return Role(fields.get("role", ""))
    except ValueError:
        raise UsageError(Message("form.role")) from None


def chosen_days(text: str) -> int:
    """Return the number of days in a form. Raises UsageError for anything but a number."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(Message("form.token_days", most=str(MAX_DAYS)))
    return int(text)


async def _switch(request: web.Request, to: str) -> web.Response:
    server = resources(request)
    fields, users = await browser_form(request), server.users
    try:
        await server.accounts.run_in_thread(users.disable if to == "disabled" else users.enable, fields.get("name", ""))
    except _FORM_ERRORS as error:
        return await _people_page(request, status=error.http_status, user=error.message)
    return redirect(request, f"{PEOPLE_PAGE}?done={to}")


async def _account_page(
    request: web.Request,
    *,
    status: int = 200,
    secret: str | None = None,
    typed: dict[str, str] | None = None,
    **errors: str,
) -> web.Response:
    """Send the account page, with a new token or with an error and the typed values beside its form, if any."""
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
    """Send the page of users, with an error and the typed values beside its form, if any."""
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
