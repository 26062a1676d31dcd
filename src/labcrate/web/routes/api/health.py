"""The server's health, and the description of the API."""

from importlib.resources import files
from typing import Any

from aiohttp import web

from labcrate import __version__
from labcrate.people.roles import Role
from labcrate.web.auth.require_role import CALLER, Caller, allow
from labcrate.web.http.bodies import json_response
from labcrate.web.resources import resources

routes = web.RouteTableDef()
_YAML = "application/yaml"  # RFC 9512


@routes.get("/api/health")
@allow(None)
async def show_health(request: web.Request) -> web.Response:
    """Send the status and the version; to operators who see all sessions also what the server is working on."""
    server = resources(request)
    requester: Caller | None = request.get(CALLER)
    answer: dict[str, Any] = {"status": "ok", "version": __version__, "index": server.indexer.state}
    if requester is not None and requester.may(Role.OPERATOR) and not requester.scope.is_limited:
        answer["indexing"] = server.indexer.as_object()
        answer["jobsRunning"] = server.jobs.unfinished_count
    return json_response(answer)


@routes.get("/api/openapi.yaml")
@allow(None)
async def show_openapi(_request: web.Request) -> web.Response:
    """Send the OpenAPI document."""
    return web.Response(body=_OPENAPI, content_type=_YAML, charset="utf-8", headers={"Cache-Control": "no-cache"})


_OPENAPI = files("labcrate.web").joinpath("openapi.yaml").read_bytes()
