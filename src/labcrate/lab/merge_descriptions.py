"""Merge the descriptions of a session: each field comes from the first file that has it."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from labcrate.lab.instants import read_instant
from labcrate.lab.session_descriptions import DescriptionSource
from labcrate.messages.message import Message

_IDS = frozenset({"id", "sessionId"})
_TIMES = frozenset({"startTime", "endTime"})
# The empty value of each field of known type. Any other empty value of such a field has the wrong type.
_EMPTY: Mapping[str, Any] = {"tags": [], "metadata": {}, "selectedDevices": {}}
_TYPED = frozenset({*_EMPTY, *_TIMES, "name", "title", "description", "status", "notes"})


class MergedDescription(Struct, frozen=True):
    """The fields of a session, each with its source.

    ``all_fields`` also has the fields that are null or empty in every source. ``name_key`` is the key of the session's
    name: ``title`` if the first file with either of them has no ``name``. ``user`` is the user who owns the session.
    """

    sources: Sequence[DescriptionSource]
    fields: Mapping[str, Any]
    origin: Mapping[str, DescriptionSource]
    all_fields: Mapping[str, Any]
    name_key: str
    user: str | None


def merge_descriptions(
    sources: Sequence[DescriptionSource], zone: str | None, warnings: list[Message]
) -> MergedDescription:
    """Merge the descriptions of a session, in order of precedence; append a warning for each difference between files.

    A field that is null or empty (an empty text, list or object) counts as missing: the platform writes empty values
    for the fields of a form that were not filled in. Times are compared as instants, those without a zone in ``zone``.
    """
    fields: dict[str, Any] = {}
    origin: dict[str, DescriptionSource] = {}
    described: dict[str, Any] = {}
    for source in sources:
        differing: dict[str, list[str]] = {}
        for name, value in source.fields.items():
            if not _has_value(name, value):
                described.setdefault(name, value)
            elif name not in fields:
                fields[name] = described[name] = value
                origin[name] = source
            elif name not in _IDS and not _is_same_value(name, fields[name], value, zone):
                differing.setdefault(origin[name].path, []).append(name)
        for path, names in differing.items():
            warnings.append(Message("lab.sources_differ", source=source.path, used=path, fields=sorted(names)))
    name_key = next((key for s in sources for key in ("name", "title") if _has_value(key, s.fields.get(key))), "name")
    return MergedDescription(sources, fields, origin, described, name_key, _find_user(sources, fields))


def _has_value(name: str, value: Any) -> bool:
    if value is None or value == "":
        return False
    if name in _TYPED:
        return name not in _EMPTY or value != _EMPTY[name]
    return value not in ([], {})


def _is_same_value(name: str, one: Any, other: Any, zone: str | None) -> bool:
    if one == other or name not in _TIMES:
        return bool(one == other)
    try:
        return read_instant(one, zone).instant == read_instant(other, zone).instant
    except ValueError:
        return False


def _find_user(sources: Sequence[DescriptionSource], fields: Mapping[str, Any]) -> str | None:
    """Return the user in the description, if a file of that user describes the session, else the first such user."""
    users = [source.user for source in sources if source.user is not None]
    owner = fields.get("userId")
    named = str(owner) if isinstance(owner, str | int) and not isinstance(owner, bool) else None
    return named if named in users or not users else users[0]
