"""Which paths of a lab ``exclude`` in ``labcrate.toml`` keeps out: gitignore patterns from the lab's root.

The patterns mean what git makes of them (https://git-scm.com/docs/gitignore), also in that nothing below an excluded
folder comes back by a later ``!pattern``.
"""

import re
import warnings
from collections.abc import Sequence

from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_STAR = "[^/]*"


class ExcludePatterns:
    """The compiled patterns of ``exclude``: which paths, relative to the lab's root, they keep out.

    The patterns have passed ``pattern_problem``. What was found about folders is kept, so that the files of one
    folder cost one match each.
    """

    __slots__ = ("_folders", "_rules")

    def __init__(self, patterns: Sequence[str]) -> None:
        self._rules = tuple(_compile_rule(pattern) for pattern in reversed(patterns))
        self._folders: dict[str, bool] = {"": False}

    def matches(self, path: str) -> bool:
        """Return whether a file is excluded, by itself or with a folder above it."""
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
        """Return what the last pattern that fits an entry itself says of it."""
        return next((exclude for fits, exclude in self._rules if fits.search(entry)), False)


def _compile_rule(pattern: str) -> tuple[re.Pattern[str], bool]:
    """Compile a pattern to an expression for an entry itself, and whether it excludes.

    The library's expressions also fit whatever is below an entry, so that a ``!pattern`` for a folder would count for
    all that is in it; git compares each entry by itself (dir.c, last_matching_pattern). Folders end in a slash.
    """
    compiled = GitIgnoreSpecPattern(pattern)
    assert compiled.regex is not None, "the pattern was checked"  # noqa: S101
    expression = compiled.regex.pattern.replace("(?:(?P<ps_d>/)|$)", r"/?\Z").replace("(?P<ps_d>/)", r"/\Z")
    if expression.endswith("/"):  # a/** fits what is inside, and not the folder itself
        expression += "."
    # No pattern holds a control character: so this one can stand for a star while the names are taken apart.
    names = "/".join(map(_compile_stars, expression.replace(_STAR, "\0").replace("[^/]", "\1").split("/")))
    return re.compile(_prevent_backtracking(names.replace("\1", "[^/]"))), bool(compiled.include)


def _compile_stars(name: str) -> str:
    """Let what stands between two stars of a name fit at the first place where it can, for good.

    The library's own expressions try every place for each star, to the power of their number.
    """
    first, *others = name.split("\0")
    last = f"{_STAR}{others.pop()}" if others else ""
    return first + "".join(f"(?>{_STAR}?{part})" for part in others) + last


def _prevent_backtracking(expression: str) -> str:
    """Let each name between two ``**`` fit at the first folder it can, for good: what follows it may begin anywhere.

    The library's own expressions try every folder for each ``**``, to the power of their number.
    """
    first, *others = expression.split("(?:/.+)?")
    if not others:
        return expression
    first = first.replace("^(?:.+/)?", "^(?:[^/]+/)*?", 1)
    middle = "".join(f"(?>(?:/[^/]+)*?{part}(?=/))" for part in others[:-1])
    return f"(?>{first}(?=/)){middle}(?:/[^/]+)*?{others[-1]}"


def pattern_problem(pattern: str) -> str | None:
    """Return what is wrong with a pattern, as the rest of a sentence about it; None for a good one."""
    names = pattern.removeprefix("!").split("/")
    rules = (
        (not pattern.strip(), "is empty and excludes nothing; remove it"),
        (
            not pattern.isprintable(),
            "holds a line break or another control character; write each pattern as a text of its own",
        ),
        (
            pattern.startswith("#"),
            "begins with # and is only a comment; write \\# for a name that begins so, or remove it",
        ),
        (
            not pattern.strip("!/"),
            "names no file or folder; write a path from the lab's root, like recordings/test/",
        ),
        (
            any(name in (".", "..") for name in names),
            "holds . or .. as a folder; write the path from the lab's root, like recordings/test/",
        ),
        (pattern.endswith("/**/"), "ends in /**/; write the folder's own path for all of it, like recordings/test/"),
    )
    return next((problem for wrong, problem in rules if wrong), None) or _syntax_problem(pattern)


def _syntax_problem(pattern: str) -> str | None:
    """Return what the library cannot make anything of; git leaves such a pattern out in silence."""
    brackets = "is no pattern that git understands; close its [ with a ], and write ranges upwards, like [0-9]"
    try:
        with warnings.catch_warnings():
            # Of what its regular expressions warn, git makes something else: [[:digit:]], or && within brackets.
            warnings.simplefilter("error", FutureWarning)
            compiled = GitIgnoreSpecPattern(pattern)
    except GitIgnorePatternError:
        return "ends in a \\ that escapes nothing; remove it"
    except FutureWarning:
        return "has a class or a sign within [ ] that is not supported; write the characters, like [0-9a-f]"
    except re.error:
        return brackets
    return brackets if compiled.include is None or _has_open_bracket(pattern) else None


def _has_open_bracket(pattern: str) -> bool:
    """Return whether a ``[`` has no ``]`` in its part of the path: such a pattern fits nothing."""
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
