"""What ``--help`` says holds for an installed package, which has no docs beside it."""

import re
from typing import Any

from labcrate import errors
from labcrate.cli.arguments import COMMANDS


def test_help_lists_every_exit_code(cli: Any) -> None:
    """Each code stands in the help with the class of error that has it first, and so do success and interruption."""
    said = " ".join(cli("--help").out.split())
    base = errors.LabcrateError
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, base)]
    listed = dict(re.findall(r"(\d+) (\w+)", said[said.index("Exit codes:") :]))
    expected = {str(kind.exit_code): kind.__name__ for kind in kinds if base in kind.__bases__}
    assert listed == expected | {"0": "done", "130": "Interrupted", "1": "any"}


def test_help_names_no_file_of_the_sources(cli: Any) -> None:
    """No help text points at a file or folder that only the source tree has."""
    for words in ([], *([command] for command in COMMANDS)):
        assert re.findall(r"\b(?:docs|tests|src)/|\.md\b|\.rst\b", cli(*words, "--help").out) == []
