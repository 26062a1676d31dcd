"""One description out of several: each field comes from the first file that has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labcrate.lab.instants import read_instant
from labcrate.lab.session_descriptions import DescriptionSource

_IDS = frozenset({"id", "sessionId"})
_TIMES = frozenset({"startTime", "endTime"})
# How a field of known type looks when it is empty. Any other empty value of such a field is of the wrong type.
_EMPTY: Mapping[str, Any] = {"tags": [], "metadata": {}, "selectedDevices": {}}
_TYPED = frozenset({*_EMPTY, *_TIMES, "name", "title", "description", "status", "notes"})


@dataclass(frozen=True, slots=True)
class MergedDescription:
    """The fields that a session has, each with the source that it comes from.

    ``described`` has those fields too that are null or empty everywhere. ``name_key`` is the key of the session's
    name: the ``title`` serves where a file has no ``name``. ``user``: whose session it is.
    """

    sources: Sequence[DescriptionSource]
    fields: Mapping[str, Any]
    origin: Mapping[str, DescriptionSource]
    all_fields: Mapping[str, Any]
    name_key: str
    user: str | None


def merge_descriptions(
    sources: Sequence[DescriptionSource], zone: str | None, warnings: list[str]
) -> MergedDescription:
    """Merge descriptions of one session, the strongest first; each difference between two files is a warning.

    A source has a field where that is neither null nor empty (an empty text, list or object): the platform writes
    empty ones for whatever a form left open. Times are compared as instants, those without a zone in ``zone``.
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
            differ = f"{source.path} and {path} differ in {', '.join(sorted(names))}"
            warnings.append(f"{differ}; {path} is taken.")
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
    """The user that the description names, if one of the users whose files describe it, else the first of these."""
    users = [source.user for source in sources if source.user is not None]
    owner = fields.get("userId")
    named = str(owner) if isinstance(owner, str | int) and not isinstance(owner, bool) else None
    return named if named in users or not users else users[0]
