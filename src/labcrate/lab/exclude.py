"""Match the paths that ``exclude`` in ``labcrate.toml`` leaves out: gitignore patterns from the lab's root.

The patterns work as in git (https://git-scm.com/docs/gitignore): no later ``!pattern`` includes a file below an
excluded folder again.
"""

import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from labcrate.messages.message import Message
from labcrate.messages.text import printable

if TYPE_CHECKING:
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_STAR = "[^/]*"
_LONGEST_SHOWN = 60


class ExcludePatterns:
    """The compiled patterns of ``exclude``, which match paths relative to the lab's root.

    The patterns must be valid (``pattern_problem``). Results for folders are cached, so that a file costs one match.
    """

    __slots__ = ("_folders", "_rules")

    def __init__(self, patterns: Sequence[str]) -> None:
        self._rules = tuple(_compile_rule(pattern) for pattern in reversed(patterns))
        self._folders: dict[str, bool] = {"": False}

    def matches(self, path: str) -> bool:
        """Return whether a file, or a folder above it, is excluded."""
        return bool(self._rules) and (self.matches_folder(path.rpartition("/")[0]) or self._last_match(path))

    def matches_folder(self, folder: str) -> bool:
        """Return whether a whole folder is excluded, so that it need not be read."""
        known = self._folders.get(folder)
        if known is not None:
            return known
        names, known = folder.split("/"), False
        for i in range(1, len(names) + 1):
            path = "/".join(names[:i])
            if path not in self._folders:
                self._folders[path] = known or self._last_match(f"{path}/")
            known = self._folders[path]
        return known

    def _last_match(self, entry: str) -> bool:
        """Return whether the last pattern that matches an entry itself excludes it; False without a match."""
        return next((exclude for fits, exclude in self._rules if fits.search(entry)), False)


def _compile_rule(pattern: str) -> tuple[re.Pattern[str], bool]:
    """Return a regular expression that matches an entry itself (folders end in a slash), and whether it excludes.

    The library's expressions also match everything below an entry, so that a ``!pattern`` for a folder would apply to
    all files in it; git matches each entry by itself (dir.c, last_matching_pattern).
    """
    compiled = _parse_pattern(pattern)
    assert compiled.regex is not None, "the pattern was checked"  # noqa: S101
    expression = compiled.regex.pattern.replace("(?:(?P<ps_d>/)|$)", r"/?\Z").replace("(?P<ps_d>/)", r"/\Z")
    if expression.endswith("/"):  # a/** matches what is inside, and not the folder itself
        expression += "."
    # No pattern has control characters, so they can replace the stars while the names are split.
    names = "/".join(map(_compile_stars, expression.replace(_STAR, "\0").replace("[^/]", "\1").split("/")))
    return re.compile(_prevent_backtracking(names.replace("\1", "[^/]"))), bool(compiled.include)


def _parse_pattern(pattern: str) -> "GitIgnoreSpecPattern":
    """Parse a pattern as git does. Raises ValueError and re.error for an invalid one."""
    # Its 35 modules take as long to load as all others of the lab room, and few labs exclude anything.
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415

    return GitIgnoreSpecPattern(pattern)


def _compile_stars(name: str) -> str:
    """Compile the stars of a name so that the text between two stars matches at its first position only.

    The library's expressions try every position for each star, which takes exponential time.
    """
    first, *others = name.split("\0")
    last = f"{_STAR}{others.pop()}" if others else ""
    return first + "".join(f"(?>{_STAR}?{part})" for part in others) + last


def _prevent_backtracking(expression: str) -> str:
    """Change an expression so that each name between two ``**`` matches at the first possible folder only.

    The library's expressions try every folder for each ``**``, which takes exponential time.
    """
    first, *others = expression.split("(?:/.+)?")
    if not others:
        return expression
    first = first.replace("^(?:.+/)?", "^(?:[^/]+/)*?", 1)
    middle = "".join(f"(?>(?:/[^/]+)*?{part}(?=/))" for part in others[:-1])
    return f"(?>{first}(?=/)){middle}(?:/[^/]+)*?{others[-1]}"


def pattern_problem(pattern: str) -> Message | None:
    """Return why a pattern is invalid, or None for a valid one."""
    names = pattern.removeprefix("!").split("/")
    rules = (
        (not pattern.strip(), "lab.exclude_empty"),
        (not pattern.isprintable(), "lab.exclude_control"),
        (pattern.startswith("#"), "lab.exclude_comment"),
        (not pattern.strip("!/"), "lab.exclude_no_name"),
        (any(name in (".", "..") for name in names), "lab.exclude_dots"),
        (pattern.endswith("/**/"), "lab.exclude_stars"),
    )
    id = next((id for applies, id in rules if applies), None) or _syntax_problem(pattern)
    return Message(id, pattern=printable(pattern, _LONGEST_SHOWN)) if id else None


def _syntax_problem(pattern: str) -> str | None:
    """Return the message id of a syntax error that git ignores without a message, or None."""
    try:
        with warnings.catch_warnings():
            # The library's regular expressions warn about what git reads differently: [[:digit:]], or && in brackets.
            warnings.simplefilter("error", FutureWarning)
            compiled = _parse_pattern(pattern)
    except FutureWarning:
        return "lab.exclude_class"
    except re.error:
        return "lab.exclude_brackets"
    except ValueError:  # the library's GitIgnorePatternError
        return "lab.exclude_backslash"
    return "lab.exclude_brackets" if compiled.include is None or _has_open_bracket(pattern) else None


def _has_open_bracket(pattern: str) -> bool:
    """Return whether a ``[`` has no ``]`` in its part of the path: such a pattern matches nothing."""
    for name in pattern.split("/"):
        at = 0
        while at < len(name):
            if name[at] == "\\":
                at += 2
            elif name[at] == "[":
                # A ] right after [ or [! is one of the characters (POSIX.1-2017, XCU 2.13.1).
                first = at + 1 + (name[at + 1 : at + 2] in ("!", "^"))
                close = name.find("]", first + 1)
                if close < 0:
                    return True
                at = close + 1
            else:
                at += 1
    return False
