"""Playback of one recording, whole or in part."""

import hashlib
from collections.abc import Iterator
from functools import partial

from aiohttp import hdrs, web

from labcrate.archive.entity import Segment, file_segments
from labcrate.archive.layout import FileSource
from labcrate.errors import NotFoundError
from labcrate.export.media_types import media_type
from labcrate.export.redact import patches_key, without_secrets_in_tags
from labcrate.messages.message import Message
from labcrate.model.timespan import from_ns
from labcrate.people.roles import Role
from labcrate.plan.options import recording_as_text
from labcrate.plan.plan import PlannedRecording
from labcrate.web.auth.require_role import allow, caller
from labcrate.web.downloads.response import content_disposition, send_representation
from labcrate.web.downloads.transfer_log import DownloadInfo, TransferLogEntry
from labcrate.web.http.conditional import Representation
from labcrate.web.resources import ServerResources, resources
from labcrate.web.routes.query import session_id_of

routes = web.RouteTableDef()


@routes.get("/api/sessions/{id}/recordings/{name}")
@allow(Role.OPERATOR)
async def recording(request: web.Request) -> web.StreamResponse:
    """Send a recording for playback. It leaves the lab this way, so the export log gets an entry."""
    server = resources(request)
    session_id, name = session_id_of(request), request.match_info["name"]
    planned = await server.plans.find_recording(session_id, name, caller(request).name)
    source = await server.run_in_thread(_source, server, planned, session_id)
    tag, size = _tag(source), source.identity.size_bytes
    return await send_representation(
        server.sender,
        request,
        Representation(size, tag, from_ns(source.identity.mtime_ns)),
        {hdrs.CONTENT_TYPE: media_type(planned.path), hdrs.CONTENT_DISPOSITION: content_disposition(name, "inline")},
        partial(_segments, source),
        f"The playback of a recording of session {session_id}",
        TransferLogEntry(
            server.transfer_log, caller(request), DownloadInfo(session_id, recording_as_text(name), tag, size)
        ),
    )


def _source(server: ServerResources, planned: PlannedRecording, session_id: str) -> FileSource:
    """Return the current file of a recording, with secrets removed from its tags; it may have changed since the plan.

    Raises NotFoundError, and SecretsError for secrets that cannot be removed.
    """
    # An outline does not say which secrets of sensor messages its files contain: they are searched for.
    inventory = server.inventories.inventory() if planned.search else server.inventories.read_with_messages()[0]
    files = inventory.files
    try:
        identity = files.identity(planned.path)
    except OSError:
        name = planned.member.removeprefix("recordings/")
        raise NotFoundError(Message("recording.gone", name=name, session=session_id)) from None
    source = FileSource(partial(files.open, planned.path), identity, planned.source)
    if planned.search and not planned.search.result.kinds and identity == planned.identity:
        return source
    return without_secrets_in_tags(source, inventory.cleaner.matcher, session_id)


def _tag(source: FileSource) -> str:
    """Return a strong ETag: a file with the same identity counts as unchanged everywhere."""
    state = f"{source.identity!r} {patches_key(source.patches)}" if source.patches else repr(source.identity)
    return f'"{hashlib.sha256(state.encode()).hexdigest()[:32]}"'


def _segments(source: FileSource, start: int, stop: int) -> Iterator[Segment]:
    yield from file_segments(source, start, stop)
