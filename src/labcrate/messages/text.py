"""Text from files and requests, made safe to print: a file name must not move a cursor or reverse a line."""

import re

# C0 and C1 controls but line feed and tab, DEL, halves of surrogate pairs, invisible characters without a width, and
# the controls that reorder text (Unicode Standard Annex 9). Joiners stay: Persian names and emoji need them.
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060\u2066-\u2069\ud800-\udfff\ufeff"
_UNSAFE = re.compile(f"[{_CONTROLS}]")
_UNSAFE_IN_LINE = re.compile(f"[\t\n\u2028\u2029{_CONTROLS}]")
_ESCAPED = (range(0xA0), range(0x2000, 0x2070), range(0xD800, 0xE000), range(0xFEFF, 0xFF00))
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF  # bytes of a name that is not UTF-8 (PEP 383)
# What JSON may hold as it is, but steers a terminal: C1 controls (U+009B is an escape) and what reorders text.
_STEERING = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def _escape(point: int) -> str:
    if _FIRST_BYTE <= point <= _LAST_BYTE:
        return f"\\x{point - 0xDC00:02x}"
    return chr(point).encode("unicode_escape").decode()


def _table(pattern: re.Pattern[str]) -> dict[int, str]:
    """Return the escape of each character that fits a pattern: a table costs a tenth of a call for each."""
    return {point: _escape(point) for points in _ESCAPED for point in points if pattern.match(chr(point))}


_ESCAPES = _table(_UNSAFE)
_ESCAPES_IN_LINE = _table(_UNSAFE_IN_LINE)


def printable(text: str, longest: int | None = None) -> str:
    """Return a text on one line, with control characters and undecodable bytes as escapes (``\\x1b``).

    Of one with more than ``longest`` characters, return the beginning and an ellipsis.
    """
    if longest is not None and len(text) > longest:
        text = f"{text[:longest]}…"
    if text.isprintable():  # ten times as fast as a search
        return text
    return text.translate(_ESCAPES_IN_LINE) if _UNSAFE_IN_LINE.search(text) else text


def printable_lines(text: str) -> str:
    """Return a text as ``printable`` does, with its line feeds and tabs."""
    text = text.replace("\r\n", "\n")
    return text.translate(_ESCAPES) if _UNSAFE.search(text) else text


def escape_steering(text: str) -> str:
    """Return a JSON or TOML text in which what steers a terminal is escaped (``\\u009b``): the same value."""
    return _STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
