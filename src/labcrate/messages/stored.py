"""Messages in a database or a file: JSON with id and values, so that they can be shown in any language later."""

import json
from typing import Any

from labcrate.messages.message import Message


def message_to_json(message: Message) -> str:
    """Return a message as a JSON object with ``id`` and ``values``. Raises TypeError for a value that JSON lacks."""
    return json.dumps(_as_object(message), ensure_ascii=False)


def message_from_json(text: str) -> Message | None:
    """Return the message that ``message_to_json`` wrote.

    Return None for text that is none, or of another version of labcrate: its id or one of its values is not in the
    catalogue.
    """
    try:
        value = _as_value(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return value if isinstance(value, Message) else None


def _as_object(value: Any) -> Any:
    if isinstance(value, Message):
        return {"id": value.id, "values": {name: _as_object(one) for name, one in value.values.items()}}
    if isinstance(value, tuple):
        return {"sentences": [_as_object(one) for one in value]}
    if isinstance(value, list):
        return [_as_object(one) for one in value]
    return value


def _as_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_value(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "sentences" in value:
        return tuple(_as_value(one) for one in value["sentences"])
    return Message(value["id"], **{name: _as_value(one) for name, one in value["values"].items()})
