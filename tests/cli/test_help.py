"""The help texts are correct for an installed package, which has no docs."""

import re
from typing import Any

from labcrate import errors
from labcrate.cli.arguments import COMMANDS


def test_help_lists_every_exit_code(cli: Any) -> None:
    """The help lists each exit code with its error class, and those of success and interruption."""
    said = " ".join(cli("--help").out.split())
    base = errors.LabcrateError
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, base)]
    listed = dict(re.findall(r"(\d+) (\w+)", said[said.index("Exit codes:") :]))
    expected = {str(kind.exit_code): kind.__name__ for kind in kinds if base in kind.__bases__}
    assert listed == expected | {"0": "done", "130": "Interrupted", "1": "any"}


def test_help_names_no_file_of_the_sources(cli: Any) -> None:
    """No help text refers to a file or folder that only the source tree has."""
    for words in ([], *([command] for command in COMMANDS)):
        assert re.findall(r"\b(?:docs|tests|src)/|\.md\b|\.rst\b", cli(*words, "--help").out) == []


def test_an_unknown_option_without_a_command_is_named(cli: Any) -> None:
    """The error names the option instead of requiring a command."""
    for words, option in ((["--foo"], "--foo"), (["--lab=x", "plan", "42"], "--lab"), (["--json"], "--json")):
        outcome = cli(*words)
        assert (outcome.code, outcome.out) == (2, "")
        assert f"There is no option '{option}' before the command. See 'labcrate --help'." in outcome.err
    assert cli("--vers").code == cli("-h").code == 0
