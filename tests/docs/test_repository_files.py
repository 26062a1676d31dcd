"""The files that a repository of research software is expected to have."""

from pathlib import Path

import pytest
import yaml

from labcrate import __version__

ROOT = Path(__file__).parents[2]


def test_the_citation_names_this_version() -> None:
    """CITATION.cff has what the Citation File Format requires, and the version of the package."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["message"]
    assert citation["authors"]
    assert (citation["title"], citation["type"], citation["license"]) == ("labcrate", "software", "MIT")
    assert citation["version"] == __version__


@pytest.mark.parametrize("path", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.md")), ids=lambda path: path.stem)
def test_an_issue_template_has_a_name_and_says_what_it_is_for(path: Path) -> None:
    """Each is plain Markdown with a head that names it."""
    _, head, body = path.read_text("utf-8").split("---\n", 2)
    assert set(yaml.safe_load(head)) == {"name", "about"}
    assert "**" in body


def test_the_hook_before_a_commit_runs_our_own_linters() -> None:
    """The pre-commit configuration fetches nothing: it calls the target of the Makefile."""
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert repo["repo"] == "local"
    assert [hook["entry"].split()[0::2] for hook in repo["hooks"]] == [["make", "lint"]]
