"""The secrets of a lab in an archive's documents: where they were searched for, and what was done. Never a value."""

from collections.abc import Iterable, Iterator
from typing import Any

from labcrate.messages.message import Message, first_names
from labcrate.plan import member_names as names
from labcrate.plan.plan import Secrecy, SecretFile, SecretTreatment
from labcrate.secrets.credential_keys import CAMERA_LEFT_OUT, LEFT_OUT, normalize_key

_MAX_LISTED = 20
_TREATMENT_TEXTS = {
    SecretTreatment.REDACTED: "secrets_section.redacted",
    SecretTreatment.ALLOWED: "secrets_section.allowed",
}


def secret_paragraphs(secrecy: Secrecy) -> Iterator[tuple[str, Message]]:
    """Yield the paragraphs of the README, each with its bullet."""
    yield "", Message("secrets_section.searched_readable" if secrecy.unread else "secrets_section.searched")
    if secrecy.unread:
        yield "- ", Message("secrets_section.unread", files=first_names(secrecy.unread, _MAX_LISTED))
    yield from _removed_values(secrecy)
    for treatment, id in _TREATMENT_TEXTS.items():
        found = [one for one in secrecy.files if one.treatment is treatment]
        for one in found[:_MAX_LISTED]:
            yield "- ", Message(id, file=one.member, kinds=one.kinds_text)
        if len(found) > _MAX_LISTED:
            yield "- ", Message("secrets_section.more", number=len(found) - _MAX_LISTED, file=names.METADATA)
    if secrecy.not_searched:
        yield "- ", Message("secrets_section.not_searched", files=first_names(secrecy.not_searched, _MAX_LISTED))


def _removed_values(secrecy: Secrecy) -> Iterator[tuple[str, Message]]:
    """Yield how many values were replaced or left out of the lab's descriptions and the sensor messages."""
    left_out = sum(map(_is_left_out, secrecy.blanked))
    places = []
    if blanked := len(secrecy.blanked) - left_out:
        places.append(Message("secrets_section.places", count=blanked, file=names.METADATA))
    if secrecy.messages:
        places.append(Message("secrets_section.messages", count=secrecy.messages))
    if places:
        yield "- ", Message("secrets_section.blanked", places=places)
    if left_out:
        yield "- ", Message("secrets_section.left_out", count=left_out, file=names.METADATA)


def _is_left_out(place: str) -> bool:
    """Return whether a place has a user name or a stream path: these are left out with their key."""
    key = normalize_key(place.rpartition(".")[2])
    return key in (CAMERA_LEFT_OUT if place.startswith("cameras[") else LEFT_OUT)


def secrecy_object(secrecy: Secrecy) -> dict[str, Any]:
    """Return what was done with secrets, for the metadata."""
    return {
        "blankedPlaces": list(secrecy.blanked),
        "blankedMessages": secrecy.messages,
        "files": secret_objects(secrecy.files),
        "notSearched": list(secrecy.not_searched),
    }


def secret_objects(files: Iterable[SecretFile]) -> list[dict[str, Any]]:
    """Return files with secrets as JSON objects: the same in metadata, plans and API answers."""
    return [
        {
            "file": one.member,
            "source": one.source,
            "kinds": list(one.kinds),
            "places": one.places,
            "redactable": one.redactable,
            "treatment": str(one.treatment),
        }
        for one in files
    ]
