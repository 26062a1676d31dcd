"""``ro-crate-metadata.json``: the archive as an RO-Crate 1.1 (https://w3id.org/ro/crate/1.1)."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from labcrate.export.documents.metadata import instant_text
from labcrate.model.timespan import format_instant
from labcrate.plan import member_names as names
from labcrate.plan.plan import Plan
from labcrate.plan.summary import MemberDescription, session_title

_CONTEXT = "https://w3id.org/ro/crate/1.1/context"
_PROFILE = "https://w3id.org/ro/crate/1.1"
_LICENCE = "#licence"


def crate_document(plan: Plan, parts: Iterable[MemberDescription]) -> dict[str, Any]:
    """The crate's JSON-LD: every file with size, type and SHA-256, the session as its root data set."""
    files = [_file(part) for part in parts]
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
        "description": session.description
        or f"Recordings and sensor readings of session {session.id} of a living lab.",
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
    """The licence in the session's own words; that there is none is said, not filled in."""
    described = plan.session.all_fields
    metadata = described.get("metadata")
    for place in (described, metadata if isinstance(metadata, dict) else {}):
        stated = place.get("license", place.get("licence"))
        if isinstance(stated, str) and stated:
            return {"@id": _LICENCE, "@type": "CreativeWork", "name": stated}
    return {
        "@id": _LICENCE,
        "@type": "CreativeWork",
        "name": "No licence is stated",
        "description": "The session's data state no licence; ask the lab before passing them on.",
    }


def _researcher(plan: Plan) -> list[dict[str, Any]]:
    name = plan.session.researcher
    return [{"@id": "#researcher", "@type": "Person", "name": name}] if name else []


def _file(part: MemberDescription) -> dict[str, Any]:
    # RO-Crate 1.1, "Encoding file paths": an @id is a URI reference, so spaces and the like are quoted.
    entity: dict[str, Any] = {
        "@id": quote(part.name, safe="/~()!*'"),
        "@type": "File",
        "name": part.name.rpartition("/")[2],
        "description": part.description,
        "encodingFormat": part.media_type,
    }
    if part.sha256 is not None:
        entity |= {"contentSize": str(part.size_bytes), "sha256": part.sha256}
    if part.modified is not None:
        entity["dateModified"] = format_instant(part.modified)
    return entity
