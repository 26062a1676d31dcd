"""Link near misses to their session, and list and remove these links."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Literal

import msgspec
from aiohttp import hdrs, web

from labcrate.errors import RepairError
from labcrate.export.plan_views import link_object, near_miss_object, own_near_misses
from labcrate.messages.message import Message
from labcrate.people.link_log import Link, LinkMethod
from labcrate.people.roles import Role
from labcrate.plan.plan import NearMiss
from labcrate.repair.link_files import check_link_requests, create_link, undo_logged_link
from labcrate.web.auth.require_role import allow, caller
from labcrate.web.http.bodies import json_response, read_json
from labcrate.web.http.urls import session_api_url
from labcrate.web.resources import ServerResources, resources
from labcrate.web.routes.query import session_id_of, whole_session_options

routes = web.RouteTableDef()


class LinkRequestBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request to link a near miss; ``file`` is as in the plan, ``camera`` an ID, name or prefix.

    ``hard link``, the default of earlier versions, means ``register entry``.
    """

    file: str
    method: Literal["register entry", "move", "hard link"] = "register entry"
    camera: str | None = None


@routes.get("/api/sessions/{id}/links")
@allow(Role.OPERATOR)
async def list_links(request: web.Request) -> web.Response:
    """Send the links of a session, and its near misses."""
    server = resources(request)
    session_id = session_id_of(request)
    near_misses = await _near_misses(request, session_id)
    return json_response(await server.run_in_thread(_links_object, server, session_id, near_misses))


def _links_object(server: ServerResources, session_id: str, near_misses: Sequence[NearMiss]) -> dict[str, Any]:
    return {
        "links": [link_object(link) for link in server.link_log.lines(session_id)],
        "nearMisses": [near_miss_object(near_miss) for near_miss in near_misses],
    }


@routes.post("/api/sessions/{id}/links")
@allow(Role.OPERATOR)
async def add_link(request: web.Request) -> web.Response:
    """Link a near miss to a session."""
    server = resources(request)
    session_id = session_id_of(request)
    body = await read_json(request, LinkRequestBody)
    method = LinkMethod.MOVE if body.method == "move" else LinkMethod.ENTRY
    made = await link_near_miss(request, session_id, body.file, method, body.camera)
    address = session_api_url(server.settings, session_id, f"/links/{made.number}")
    return json_response(link_object(made), status=HTTPStatus.CREATED, headers={hdrs.LOCATION: address})


@routes.delete("/api/sessions/{id}/links/{number:[0-9]{1,18}}")
@allow(Role.OPERATOR)
async def delete_link(request: web.Request) -> web.Response:
    """Remove a link."""
    server = resources(request)
    number = int(request.match_info["number"])
    return json_response(
        link_object(await server.run_in_thread(undo_link, server, session_id_of(request), number, caller(request).name))
    )


async def _near_misses(request: web.Request, session_id: str) -> Sequence[NearMiss]:
    """Return the current near misses of a session that the caller may see."""
    server = resources(request)
    requester = caller(request)
    plan = await server.plans.outline(session_id, whole_session_options(request, server.plans), requester.name)
    return own_near_misses(plan) if requester.scope.is_limited else plan.near_misses


async def link_near_miss(
    request: web.Request, session_id: str, file: str, method: LinkMethod, camera: str | None
) -> Link:
    """Link a near miss of a session's plan, with its camera (ID, name or prefix) if given.

    Raises RepairError, PeopleError, UsageError for an unknown camera, and what ``PlanQueue.outline`` does.
    """
    server = resources(request)
    requester = caller(request)
    near_misses = await _near_misses(request, session_id)
    if requester.scope.is_limited and not any(file in (one.source, one.path) for one in near_misses):
        # A file of that name that belongs to a session outside their scope must not show.
        raise RepairError(Message("near_miss.not_linkable", file=file, session=session_id))

    def link() -> Link:
        inventory = server.inventories.inventory(fresh=True)
        (planned,) = check_link_requests(
            inventory, near_misses, session=session_id, files=[file], method=method, camera=camera
        )
        made = create_link(inventory, server.link_log, planned, who=requester.name).link
        server.inventories.inventory(fresh=True)  # the next plan includes it
        return made

    return await server.run_in_thread(link)


def undo_link(server: ServerResources, session: str, number: int, who: str) -> Link:
    """Remove one of a session's links. Call it in a worker thread.

    Raises NotFoundError, RepairError, PeopleError.
    """
    undone = undo_logged_link(server.lab, server.link_log, session=session, number=number, who=who)
    server.inventories.inventory(fresh=True)
    return undone
