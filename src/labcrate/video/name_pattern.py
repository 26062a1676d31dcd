"""Name patterns that a lab writes itself: ``%Y-%m-%d/%H-%M-%S``, as strptime and motionEye have them."""

import re
from collections.abc import Mapping
from functools import lru_cache

# Field: its name in the regular expression and what it matches; widths are fixed but for %f.
FIELDS: Mapping[str, tuple[str, str]] = {
    "Y": ("Y", "[0-9]{4}"),
    "m": ("m", "[0-9]{2}"),
    "d": ("d", "[0-9]{2}"),
    "H": ("H", "[0-9]{2}"),
    "M": ("M", "[0-9]{2}"),
    "S": ("S", "[0-9]{2}"),
    "f": ("f", "[0-9]{1,6}"),
}
NEEDED = ("Y", "m", "d", "H", "M")
_TOKEN = re.compile(r"%(?P<field>.?)|(?P<any>\*+)|(?P<text>[^%*]+)", re.DOTALL)


@lru_cache(maxsize=256)
def compile_name_pattern(pattern: str) -> re.Pattern[str]:
    """Turn a name pattern into a regular expression for the end of a path, in linear time for every path.

    ``%Y %m %d %H %M %S %f`` are a date's parts, ``%%`` is a percent sign, ``*`` is any text inside one part of the
    path; all else is literal. A file's extension may be left out. Raises ValueError, with one sentence, for an
    unknown field or a pattern without a date and a time to the minute.
    """
    chunks, seen = [""], set[str]()
    for token in _TOKEN.finditer(pattern):
        field = token["field"]
        if token["any"]:
            chunks.append("")
        elif token["text"]:
            chunks[-1] += re.escape(token["text"])
        elif field == "%":
            chunks[-1] += "%"
        elif field not in FIELDS:
            raise ValueError(f"%{field} is no part of a name pattern; use %Y %m %d %H %M %S %f, %% and *.")
        else:
            name, matches = FIELDS[field]
            chunks[-1] += f"(?P={name})" if field in seen else f"(?P<{name}>{matches})"
            seen.add(field)
    if absent := [f"%{field}" for field in NEEDED if field not in seen]:
        raise ValueError(f"The name pattern lacks {', '.join(absent)}; it needs %Y %m %d %H %M at least.")
    first, *later = chunks
    # As fnmatch does it: what lies between two stars is taken at its first place and not tried again.
    middle = "".join(f"(?>[^/]*?{chunk})" for chunk in later[:-1])
    last = f"[^/]*{later[-1]}" if later else ""
    return re.compile(rf"(?:\A|(?<=/)){first}{middle}{last}(?:\.[^/.]*)?\Z")
