"""``ro-crate-metadata.json``: the archive as an RO-Crate 1.1 (https://w3id.org/ro/crate/1.1)."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from labcrate.export.documents.metadata import instant_text
from labcrate.messages.message import Message
from labcrate.model.timespan import format_instant
from labcrate.plan import member_names as names
from labcrate.plan.plan import Plan
from labcrate.plan.summary import MemberDescription, session_title

_CONTEXT = "https://w3id.org/ro/crate/1.1/context"
_PROFILE = "https://w3id.org/ro/crate/1.1"
_LICENCE = "#licence"


def crate_document(plan: Plan, members: Iterable[MemberDescription]) -> dict[str, Any]:
    """Return the crate's JSON-LD: every file with size, type and SHA-256, and the session as the root data set."""
    files = [_file(member) for member in members]
    return {
        "@context": _CONTEXT,
        "@graph": [
            {
                "@id": names.CRATE,
                "@type": "CreativeWork",
                "conformsTo": {"@id": _PROFILE},
                "about": {"@id": "./"},
            },
            _root(plan, [file["@id"] for file in files]),
            _licence(plan),
            *_researcher(plan),
            *files,
        ],
    }


def _root(plan: Plan, identifiers: list[str]) -> dict[str, Any]:
    session = plan.session
    root: dict[str, Any] = {
        "@id": "./",
        "@type": "Dataset",
        "identifier": f"session-{session.id}",
        "name": session_title(plan),
        "description": session.description or Message("crate.description", session=session.id),
        "datePublished": format_instant(plan.latest_change),
        "license": {"@id": _LICENCE},
        "hasPart": [{"@id": identifier} for identifier in identifiers],
    }
    if session.span.start or session.span.end:
        root["temporalCoverage"] = (
            f"{instant_text(session.span.start) or '..'}/{instant_text(session.span.end) or '..'}"
        )
    if session.tags:
        root["keywords"] = ", ".join(session.tags)
    if people := _researcher(plan):
        root["creator"] = {"@id": people[0]["@id"]}
    return root


def _licence(plan: Plan) -> dict[str, Any]:
    """Return the licence as the session's description states it, or a text that says that there is none."""
    described = plan.session.all_fields
    metadata = described.get("metadata")
    for place in (described, metadata if isinstance(metadata, dict) else {}):
        stated = place.get("license", place.get("licence"))
        if isinstance(stated, str) and stated:
            return {"@id": _LICENCE, "@type": "CreativeWork", "name": stated}
    return {
        "@id": _LICENCE,
        "@type": "CreativeWork",
        "name": Message("crate.no_licence"),
        "description": Message("crate.ask_for_licence"),
    }


def _researcher(plan: Plan) -> list[dict[str, Any]]:
    name = plan.session.researcher
    return [{"@id": "#researcher", "@type": "Person", "name": name}] if name else []


def _file(member: MemberDescription) -> dict[str, Any]:
    # RO-Crate 1.1, "Encoding file paths": an @id is a URI reference, so spaces and other characters are quoted.
    entity: dict[str, Any] = {
        "@id": quote(member.name, safe="/~()!*'"),
        "@type": "File",
        "name": member.name.rpartition("/")[2],
        "description": member.description,
        "encodingFormat": member.media_type,
    }
    if member.sha256 is not None:
        entity |= {"contentSize": str(member.size_bytes), "sha256": member.sha256}
    if member.modified is not None:
        entity["dateModified"] = format_instant(member.modified)
    return entity
