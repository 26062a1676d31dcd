"""What a download is called: any title, in a header that can hold nothing else (RFC 6266, RFC 8187)."""

import re
import unicodedata
from typing import Literal
from urllib.parse import quote

from labcrate.export.contents import Plan
from labcrate.export.naming import safe_name
from labcrate.export.writer import archive_name
from labcrate.lab.text import one_line

# RFC 8187, section 3.2.1: what need not be written as a percentage.
_ATTR_CHAR = "!#$&+-.^_`|~"
# RFC 6266, appendix D: no quotation mark or backslash, which are escaped differently everywhere, and no percentage.
_NOT_PLAIN = re.compile(r'[^ -~]|["\\%]')
_LONGEST_BYTES = 180  # a file's name has 255 at most, and browsers add to it


def disposition(name: str, kind: Literal["attachment", "inline"] = "attachment") -> str:
    """The value of Content-Disposition for a file name: once in ASCII, and as it is where that differs."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    stem, dot, suffix = _NOT_PLAIN.sub("_", ascii_only).rpartition(".")
    plain = f"{stem.rstrip()}{dot}{suffix}"
    if plain == name:
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHAR, errors='replace')}"


def archive_file_name(plan: Plan) -> str:
    """``Session42 Morning in the kitchen.zip``: the session's id and name; a part of it says PARTIAL."""
    stem, _, suffix = archive_name(plan.session.id, partial=plan.options.partial).rpartition(".")
    named = safe_name(f"{stem} {one_line(plan.session.name or '')}".strip())
    cut = named.encode("utf-8", "replace")[:_LONGEST_BYTES].decode("utf-8", "ignore")
    return f"{cut.rstrip()}.{suffix}"
