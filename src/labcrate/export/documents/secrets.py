"""What an archive says of the lab's secrets: where they were looked for, and what was done. Never a value."""

from collections.abc import Iterable, Iterator
from typing import Any

from labcrate.export.contents import Secrecy, SecretFile, Treatment
from labcrate.export.documents import names
from labcrate.export.documents.summary import plural

_SHOWN = 20
_SEARCHED = (
    "Passwords, tokens, network addresses and stream URLs that the lab's own files hold, and any URL with a password "
    "in it, were searched for in every file of this archive: in the whole file, in MP4 and MOV in everything but "
    "pictures and sound. User names and absolute paths were left out of what labcrate wrote. Nothing was searched for "
    "that only pictures or sound show, or that no file of the lab holds."
)


def about_secrets(secrecy: Secrecy) -> Iterator[tuple[str, str]]:
    """Yield what the README says, each paragraph behind its bullet."""
    yield "", _SEARCHED
    if secrecy.blanked or secrecy.messages:
        places = plural(len(secrecy.blanked), "place")
        messages = plural(secrecy.messages, "sensor message")
        yield (
            "- ",
            f'Blanked, where now stands "[removed]": {places} of the lab\'s descriptions (listed in {names.METADATA}), '
            f"and values in {messages}.",
        )
    for treatment, said in _TREATED.items():
        found = [one for one in secrecy.files if one.treatment is treatment]
        for one in found[:_SHOWN]:
            yield "- ", f"{one.member} {said.format(kinds=one.said)}"
        if len(found) > _SHOWN:
            yield "- ", f"... and {len(found) - _SHOWN:,} more like it: see {names.METADATA}"
    if not_searched := secrecy.not_searched:
        more = f" and {len(not_searched) - _SHOWN:,} more" if len(not_searched) > _SHOWN else ""
        yield (
            "- ",
            "Compressed, so that what is inside was not searched: "
            f"{', '.join(not_searched[:_SHOWN])}{more}. See yourself what they hold before you pass them on.",
        )


_TREATED = {
    Treatment.REDACTED: "differs from the lab's own file, because this was taken out of it: {kinds}.",
    Treatment.ALLOWED: "is as the lab has it and HOLDS {kinds}: whoever exported this allowed that.",
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
