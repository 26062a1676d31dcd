"""The page of studies, for administrators: which sessions and which people each study has."""

import hashlib
from collections.abc import Callable
from typing import Any

from aiohttp import web

from labcrate.errors import LabcrateError, NoSessionError, NotFoundError, UsageError
from labcrate.messages.message import Message
from labcrate.people.roles import Role
from labcrate.people.studies import Studies, Study
from labcrate.plan.overview import all_tags, sessions_with_tag
from labcrate.web.auth.require_role import allow, caller
from labcrate.web.resources import resources
from labcrate.web.routes.html.login import browser_form, redirect

routes = web.RouteTableDef()

STUDIES_PAGE = "/people/studies"
_FORM_ERRORS = (UsageError, NotFoundError, NoSessionError)
_NOT_BY_TOKEN = Message("access.studies_without_token")


@routes.get(STUDIES_PAGE)
@allow(Role.ADMIN)
async def show_studies(request: web.Request) -> web.Response:
    """Send the page of studies; with ``tag``, show the sessions that the tag would add to one."""
    proposal = None
    if request.query.get("tag", "").strip() and request.query.get("study"):
        proposal = await _proposal(request, request.query["study"], request.query["tag"])
    return await _page(request, proposal=proposal)


@routes.post("/people/studies/add")
@allow(Role.ADMIN)
async def add_study(request: web.Request) -> web.Response:
    """Create a study with no sessions or people."""
    return await _change(request, "added", lambda studies, fields: studies.add(fields.get("name", "")))


@routes.post("/people/studies/remove")
@allow(Role.ADMIN)
async def remove_study(request: web.Request) -> web.Response:
    """Remove a study that has no people."""
    return await _change(request, "removed", lambda studies, fields: studies.remove(fields.get("study", "")))


@routes.post("/people/studies/sessions/add")
@allow(Role.ADMIN)
async def add_sessions(request: web.Request) -> web.Response:
    """Add one session of the lab to a study."""
    who = caller(request).name

    def add(studies: Studies, fields: dict[str, str]) -> Study:
        inventory = resources(request).inventories.inventory()
        session = inventory.resolve(fields.get("session", "").strip())
        if session not in inventory.ids:
            raise NoSessionError(Message("session.unknown", session=session[:100]))
        return studies.add_sessions(fields.get("study", ""), [session], who)

    return await _change(request, "changed", add)


@routes.post("/people/studies/sessions/remove")
@allow(Role.ADMIN)
async def remove_session(request: web.Request) -> web.Response:
    """Remove one session from a study."""

    def remove(studies: Studies, fields: dict[str, str]) -> Study:
        return studies.remove_sessions(fields.get("study", ""), [fields.get("session", "")])

    return await _change(request, "changed", remove)


@routes.post("/people/studies/people/add")
@allow(Role.ADMIN)
async def add_person(request: web.Request) -> web.Response:
    """Add a user to a study."""
    users = resources(request).users

    def add(studies: Studies, fields: dict[str, str]) -> Study:
        return studies.add_people(fields.get("study", ""), [users.get(fields.get("name", ""))])

    return await _change(request, "changed", add)


@routes.post("/people/studies/people/remove")
@allow(Role.ADMIN)
async def remove_person(request: web.Request) -> web.Response:
    """Remove a user from a study."""
    users = resources(request).users

    def remove(studies: Studies, fields: dict[str, str]) -> Study:
        return studies.remove_people(fields.get("study", ""), [users.get(fields.get("name", ""))])

    return await _change(request, "changed", remove)


@routes.post("/people/studies/fill")
@allow(Role.ADMIN)
async def fill_study(request: web.Request) -> web.Response:
    """Add the sessions with a tag to a study, if they are still those that the page showed; else show them again."""
    server = resources(request)
    fields = await browser_form(request, _NOT_BY_TOKEN)
    name, tag = fields.get("study", ""), fields.get("tag", "")
    try:
        proposal = await _proposal(request, name, tag)
        if fields.get("shown") != proposal["shown"]:
            return await _page(request, proposal=proposal | {"changed": True})
        await server.accounts.run_in_thread(
            server.studies.add_sessions, name, proposal["sessions"], caller(request).name
        )
    except _FORM_ERRORS as error:
        return await _page(request, error=error)
    return redirect(request, f"{STUDIES_PAGE}?done=changed")


async def _change(request: web.Request, done: str, change: Callable[[Studies, dict[str, str]], Study]) -> web.Response:
    server = resources(request)
    fields = await browser_form(request, _NOT_BY_TOKEN)
    try:
        await server.run_in_thread(change, server.studies, fields)
    except _FORM_ERRORS as error:
        return await _page(request, error=error, typed=fields.get("name", "") if done == "added" else "")
    return redirect(request, f"{STUDIES_PAGE}?done={done}")


async def _proposal(request: web.Request, name: str, tag: str) -> dict[str, Any]:
    """Return the sessions that a tag would add to a study. Raises NotFoundError for an unknown study."""
    server = resources(request)
    study = await server.accounts.run_in_thread(server.studies.get, name)
    found = await server.run_in_thread(lambda: sessions_with_tag(server.inventories.inventory(), tag))
    new = [session for session in found if session not in study.sessions]
    shown = hashlib.sha256("\n".join(new).encode()).hexdigest()
    return {"study": study.name, "tag": tag.strip(), "sessions": new, "shown": shown, "changed": False}


async def _page(
    request: web.Request, *, error: LabcrateError | None = None, typed: str = "", proposal: dict[str, Any] | None = None
) -> web.Response:
    """Send the page of studies, with an error or the sessions of a tag, if any."""
    server = resources(request)
    studies = await server.accounts.run_in_thread(server.studies.all)
    users = await server.accounts.run_in_thread(server.users.all)
    tags = await server.run_in_thread(lambda: all_tags(server.inventories.inventory()))
    in_a_study = {name for study in studies for name in study.people}
    return server.pages.render(
        request,
        "studies.html",
        status=error.http_status if error else 200,
        area="people",
        studies=studies,
        users=[user for user in users if user.role is not Role.ADMIN],
        see_all=[user.name for user in users if user.role is Role.ADMIN or user.name not in in_a_study],
        tags=tags,
        typed=typed,
        proposal=proposal,
        error=error.message if error else None,
        done=request.query.get("done"),
    )
