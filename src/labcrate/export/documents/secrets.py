"""What an archive says of the lab's secrets: where they were looked for, and what was done. Never a value."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from labcrate.plan import member_names as names
from labcrate.plan.plan import Secrecy, SecretFile, SecretTreatment
from labcrate.plan.summary import plural
from labcrate.secrets.credential_keys import CAMERA_LEFT_OUT, LEFT_OUT, normalize_key

_MAX_LISTED = 20
_SEARCHED = (
    "Passwords, tokens, network addresses and stream URLs that the lab's own files hold{known}, and any URL with a "
    "password in it, were searched for in every file of this archive: in the whole file, in MP4 and MOV in everything "
    "but pictures and sound. User names and absolute paths were left out of what labcrate wrote. Nothing was searched "
    "for that only pictures or sound show, or that no file of the lab holds."
)


def secret_paragraphs(secrecy: Secrecy) -> Iterator[tuple[str, str]]:
    """Yield what the README says, each paragraph behind its bullet."""
    yield "", _SEARCHED.format(known=", as far as they could be read" if secrecy.unread else "")
    if secrecy.unread:
        yield (
            "- ",
            f"Could not be read: {_list_files(secrecy.unread)}. The passwords and addresses in it are not known and "
            "were NOT searched for; they may stand anywhere in this archive.",
        )
    left_out = [place for place in secrecy.blanked if _is_left_out(place)]
    blanked = []
    if len(left_out) < len(secrecy.blanked):
        places = plural(len(secrecy.blanked) - len(left_out), "place")
        blanked.append(f"{places} of the lab's descriptions (listed in {names.METADATA})")
    if secrecy.messages:
        blanked.append(f"values in {plural(secrecy.messages, 'sensor message')}")
    if blanked:
        yield "- ", f'Blanked, where now stands "[removed]": {", and ".join(blanked)}.'
    if left_out:
        yield (
            "- ",
            f"Left out altogether, key and value: {plural(len(left_out), 'place')} of the lab's descriptions with user "
            f"names or stream paths (listed in {names.METADATA}).",
        )
    for treatment, said in _TREATMENT_TEXTS.items():
        found = [one for one in secrecy.files if one.treatment is treatment]
        for one in found[:_MAX_LISTED]:
            yield "- ", f"{one.member} {said.format(kinds=one.kinds_text)}"
        if len(found) > _MAX_LISTED:
            yield "- ", f"... and {len(found) - _MAX_LISTED:,} more like it: see {names.METADATA}"
    if not_searched := secrecy.not_searched:
        yield (
            "- ",
            "Compressed, so that what is inside was not searched: "
            f"{_list_files(not_searched)}. See yourself what they hold before you pass them on.",
        )


def _list_files(files: Sequence[str]) -> str:
    more = f" and {len(files) - _MAX_LISTED:,} more" if len(files) > _MAX_LISTED else ""
    return f"{', '.join(files[:_MAX_LISTED])}{more}"


def _is_left_out(place: str) -> bool:
    """Return whether a place is one of a user name or stream path, which are not blanked but left out."""
    key = normalize_key(place.rpartition(".")[2])
    return key in (CAMERA_LEFT_OUT if place.startswith("cameras[") else LEFT_OUT)


_TREATMENT_TEXTS = {
    SecretTreatment.REDACTED: "differs from the lab's own file, because this was taken out of it: {kinds}.",
    SecretTreatment.ALLOWED: "is as the lab has it and HOLDS {kinds}: whoever exported this allowed that.",
}


def secrecy_object(secrecy: Secrecy) -> dict[str, Any]:
    """Return what the metadata say."""
    return {
        "blankedPlaces": list(secrecy.blanked),
        "blankedMessages": secrecy.messages,
        "files": secret_objects(secrecy.files),
        "notSearched": list(secrecy.not_searched),
    }


def secret_objects(files: Iterable[SecretFile]) -> list[dict[str, Any]]:
    """Return files that hold secrets as JSON objects: the same in metadata, plans and answers."""
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
