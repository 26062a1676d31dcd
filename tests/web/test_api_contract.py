"""The contract: openapi.yaml and the server agree on every route, role and response."""

from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest
import schemathesis
import yaml
from aiohttp import web
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from tests.support.rounds import rounds

from labcrate.export.signing import make_key
from labcrate.people.export_log import Outcome
from labcrate.people.roles import Role
from labcrate.web.auth.require_role import ROLE_ATTRIBUTE

CONTRACT: dict[str, Any] = yaml.safe_load(resources.files("labcrate.web").joinpath("openapi.yaml").read_bytes())
METHODS = ("get", "head", "post", "put", "patch", "delete")
OPERATIONS = [(method, path) for path, item in CONTRACT["paths"].items() for method in METHODS if method in item]
SCHEMA = schemathesis.openapi.from_dict(CONTRACT)
NOTHING_TO_GET_WRONG = {("/api/health", "get"), ("/api/openapi.yaml", "get")}
# What a schema cannot express: the lab has such a camera, the span ends after it starts, the ETag is the current one.
MORE_THAN_TYPES = (
    "/plan",
    "/archive.zip",
    "/archive.minisig",
    "/download",
    "/export-progress",
    "/prepare",
    "/recordings/{name}",
    "/plot",
)
MAY_BE_EMPTY = ("from", "to", "buckets", "session", "outcome")
EXAMPLES = settings(
    max_examples=rounds(2, 8),
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
    deadline=None,
    derandomize=True,
)


def test_the_document_is_openapi() -> None:
    """Version 3.1, valid by the specification's own schema, and without YAML that only some readers know."""
    SCHEMA.validate()
    assert CONTRACT["openapi"] == "3.1.0"
    text = resources.files("labcrate.web").joinpath("openapi.yaml").read_text("utf-8")
    assert "<<:" not in text


def _served(app: web.Application) -> dict[tuple[str, str], Any]:
    """Return the handler of every route below /api/ by method and path."""
    return {
        (route.method.lower(), route.resource.canonical): route.handler
        for route in app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/api/")
    }


def test_every_route_is_documented_and_every_document_served(usual_lab: Any, serve: Any) -> None:
    """Both name the same methods and paths; HEAD goes with GET (RFC 9110, 9.3.2) and need not be said."""
    served = _served(serve(usual_lab.root).app)
    documented = set(OPERATIONS)
    assert documented <= served.keys()
    assert {at for at in served if at[0] != "head"} == {at for at in documented if at[0] != "head"}
    assert {path for method, path in served if method == "head"} <= {path for _, path in documented}


def test_every_operation_says_its_role(usual_lab: Any, serve: Any) -> None:
    """The role in the contract is the one that the handler is marked with."""
    served = _served(serve(usual_lab.root).app)
    said = {(method, path): CONTRACT["paths"][path][method]["x-role"] for method, path in OPERATIONS}
    assert said == {at: str(getattr(served[at], ROLE_ATTRIBUTE) or "none") for at in OPERATIONS}


def test_every_operation_is_refused_without_permission(usual_lab: Any, serve: Any) -> None:
    """Without a login the status is 401, below the role 403, with the role another; for any path parameters."""
    server = serve(usual_lab.root)
    clients = {role: server.as_(role) for role in (None, *Role)}
    for method, path in OPERATIONS:
        needed = CONTRACT["paths"][path][method]["x-role"]
        address = path.replace("{id}", "42").replace("{number}", "1").replace("{name}", "any.mp4")
        for role, client in clients.items():
            status = client.request(method, server.url + address).status_code
            refused = needed != "none" and (role is None or not role.covers(Role(needed)))
            expected = (401 if role is None else 403) if refused else status
            assert (method, path, role, status) == (method, path, role, expected)
            assert refused or status not in (401, 403)


@pytest.fixture
def busy_lab(usual_lab: Any, serve: Any) -> Any:
    """Serve the usual lab with at least one near miss, link, log entry and job."""
    usual_lab.recording("recordings/cam1_42_a.mp4")
    usual_lab.recording("recordings/cam1_42_b.mp4")
    make_key(usual_lab.open())
    server = serve(usual_lab.root)
    client = server.as_(Role.OPERATOR)
    assert client.post(f"{server.url}/api/sessions/42/links", json={"file": "recordings/cam1_42_a.mp4"}).ok
    job = client.post(f"{server.url}/api/sessions/42/prepare").json()
    client.get(server.url + job["links"]["events"])
    server.job = job["id"]
    log = server.resources.export_log
    line = log.begin(
        who="Ana", via="login", address="", session="42", options="", etag='"x"', start=0, length=1, total=1
    )
    log.end(line, 0, Outcome.ABORTED, "the client disconnected")
    return server


def _hit(path: str, server: Any) -> dict[str, Any]:
    """Return path parameters of something that exists."""
    known = {"{id}": server.job if "/jobs/" in path else 42, "{number}": 1, "{name}": "any.mp4"}
    return {name.strip("{}"): value for name, value in known.items() if name in path}


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
def test_every_answer_is_as_documented(busy_lab: Any, mode: GenerationMode) -> None:
    """For any request, valid or not, status, media type, headers and members are those of the contract."""
    client = busy_lab.as_(Role.ADMIN)
    for method, path in OPERATIONS:
        if mode is GenerationMode.NEGATIVE and (path, method) in NOTHING_TO_GET_WRONG:
            continue
        ask = _asking(busy_lab, client, method, path, mode)
        try:
            ask()
        except BaseException as error:
            error.add_note(f"{method} {path}")
            raise


def _is_sent_empty(value: Any) -> bool:
    """Return whether a value contains no text: in a URL it becomes an empty one, as if none were given."""
    if isinstance(value, dict | list):
        return all(map(_is_sent_empty, value.values() if isinstance(value, dict) else value))
    return value is None or value == ""


def _asking(server: Any, client: Any, method: str, path: str, mode: GenerationMode) -> Callable[[], None]:
    operation = SCHEMA[path][method.upper()]
    excluded: list[Any] = [positive_data_acceptance] if path.endswith(MORE_THAN_TYPES) else []

    @given(data=st.data())
    @EXAMPLES
    def ask(data: st.DataObject) -> None:
        there = _hit(path, server) if data.draw(st.booleans()) else None
        case = data.draw(operation.as_strategy(mode, path_parameters=there))
        assume(not any(_is_sent_empty(value) for name, value in case.query.items() if name in MAY_BE_EMPTY))
        case.call_and_validate(base_url=server.url, session=client, timeout=60, excluded_checks=excluded)

    return ask
