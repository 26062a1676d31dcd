"""The structure of a message: its keys in order and the kind of each value, as a pattern that like messages match.

Columns of values are cut out of all messages that match a template, by a few calls for thousands of them. A message
without a template (lists, escapes, a key that occurs twice) is decoded on its own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import polars as pl

LeafKind = Literal["number", "any number", "boolean", "string", "null"]
"""The kind of a leaf; a ``number`` is short enough to survive a 64-bit float and back, ``any number`` may not be."""

_TOKENS = re.compile(r'"[^"\\]*"|[-0-9tfn][^,}\]]*|[{}\[\]:,]')
_BETWEEN = ',"'
# A string that ends in a comma would be cut in two at its closing quote.
_PATTERNS: dict[LeafKind, str] = {
    "number": "-?[0-9][0-9.]{0,13}|null",
    "any number": "-?[0-9][0-9.eE+-]*|null",
    "boolean": "true|false|null",
    "string": r'"(?:[^"\\]*[^"\\,])?"|null',
    "null": "null",
}
_KINDS: dict[str, LeafKind] = {'"': "string", "t": "boolean", "f": "boolean", "n": "null"}
_SHORT_NUMBER = re.compile(r"-?[0-9][0-9.]{0,13}\Z")
_MAX_LEAVES = 64
_MAX_LITERAL = 2000


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar value: the keys that lead to it, its kind, and the text around it up to the cuts."""

    path: tuple[str, ...]
    kind: LeafKind
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Template:
    """The scalar values of like messages, and the pattern of such a message.

    A value that matched may also be null.
    """

    leaves: tuple[Leaf, ...]
    pattern: str

    def cut(self, payloads: pl.Series) -> pl.DataFrame:
        """Return a column of JSON text for each leaf (``0``, ``1``, ...), of messages that match; null is no text."""
        count = len(self.leaves)
        if count == 1:
            pieces = payloads.alias("field_0").to_frame()
        else:
            pieces = payloads.str.split_exact(_BETWEEN, count - 1).struct.unnest()
        return pieces.select(self._value(number).alias(str(number)) for number in range(count))

    def _value(self, number: int) -> pl.Expr:
        leaf, text = self.leaves[number], pl.col(f"field_{number}")
        text = text.str.strip_prefix(leaf.before) if leaf.before else text
        text = text.str.strip_suffix(leaf.after) if leaf.after else text
        return pl.when(text != "null").then(text)


def find_template(payload: str) -> Template | None:
    """Return the template of a message (compact JSON without backslashes), None if it has none."""
    leaves = list(_scan(payload) if payload.startswith("{") else _single(payload))
    if not 0 < len(leaves) <= _MAX_LEAVES:
        return None
    literal = sum(len(leaf.before) + len(leaf.after) for leaf in leaves)
    values = [
        piece.removeprefix(leaf.before).removesuffix(leaf.after)
        for piece, leaf in zip(payload.split(_BETWEEN), leaves, strict=False)
    ]
    whole = _BETWEEN.join(leaf.before + value + leaf.after for leaf, value in zip(leaves, values, strict=False))
    if literal > _MAX_LITERAL or payload.count(_BETWEEN) != len(leaves) - 1 or whole != payload:
        return None
    pattern = _escape(_BETWEEN).join(
        f"{_escape(leaf.before)}(?:{_PATTERNS[leaf.kind]}){_escape(leaf.after)}" for leaf in leaves
    )
    return Template(tuple(leaves), f"^{pattern}$")


def _single(payload: str) -> Iterator[Leaf]:
    if payload[:1] != "[":
        yield Leaf((), _kind(payload), "", "")


def _scan(payload: str) -> Iterator[Leaf]:
    """Yield the scalars of an object; nothing after the first thing that has no template."""
    tokens = [(found.group(), found.start(), found.end()) for found in _TOKENS.finditer(payload)]
    path: list[str] = []
    seen: set[tuple[str, ...]] = set()
    begin, at = 0, 1
    while at + 2 < len(tokens):
        key, value, start = tokens[at][0], tokens[at + 2][0], tokens[at + 2][1]
        where = (*path, key[1:-1])
        if value[0] in "[}" or where in seen:
            break
        seen.add(where)
        if value == "{":
            path.append(key[1:-1])
            at += 3
            continue
        end = tokens[at + 2][2]
        at += 3
        closing = end
        while at < len(tokens) and tokens[at][0] == "}":
            closing = tokens[at][2]
            at += 1
        yield Leaf(where, _kind(value), payload[begin:start], payload[end:closing])
        del path[len(path) - (closing - end) :]
        begin, at = closing + len(_BETWEEN), at + 1


def _kind(value: str) -> LeafKind:
    return _KINDS.get(value[0]) or ("number" if _SHORT_NUMBER.match(value) else "any number")


def _escape(text: str) -> str:
    """Return the text for a pattern: every special character by its number."""
    return "".join(c if c.isalnum() else rf"\x{{{ord(c):x}}}" for c in text)
