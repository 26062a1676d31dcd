"""The tables of documentation pages that the benchmark writes: exactly they are replaced."""

from pathlib import Path

import pytest
from benchmarks.__main__ import ROWS, TABLES, _command, _missing_tables, _write
from benchmarks.page import PageError, caption, replace_tables, table_names, write_tables
from benchmarks.table import ResultLine

DOCS = Path(__file__).parents[2] / "docs/explanation"
PAGE = """# Title

<!-- table: one -->
| old |
<!-- end -->

Between.

<!-- table: two -->

<!-- end -->
"""


def test_a_table_is_replaced_and_the_rest_of_the_page_stays() -> None:
    """Only the text between the markers changes, and a second run changes nothing more."""
    replaced = replace_tables(PAGE, {"one": "| new |\n"})
    assert replaced == PAGE.replace("\n| old |\n", "\n\n| new |\n\n")
    assert replace_tables(replaced, {"one": "| new |"}) == replaced
    assert table_names(replaced) == ["one", "two"]


@pytest.mark.parametrize(
    ("page", "name"),
    [
        (PAGE, "three"),
        (PAGE + PAGE, "one"),
        (PAGE.replace("<!-- end -->", "", 1), "one"),
        ("<!-- table: one -->\n", "one"),
    ],
)
def test_a_page_without_that_table_is_refused(tmp_path: Path, page: str, name: str) -> None:
    """A missing, repeated or unended table is an error, and the file stays as it is."""
    file = tmp_path / "page.md"
    file.write_text(page)
    with pytest.raises(PageError, match=name):
        write_tables(file, {name: "| new |"})
    assert file.read_text() == page


def test_the_caption_has_command_date_and_machine() -> None:
    """The line above a table gives the command, the date and the machine; a quick run says that it is one."""
    line = caption("python -m benchmarks", ["2 cores", "ext4"])
    assert line.startswith("`python -m benchmarks`, 20")
    assert "2 cores; ext4." in line
    assert "quick" not in line
    assert "quick run" in caption("x", [], quick=True)


def test_a_table_is_written_if_all_its_rows_were_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run of some rows writes the tables that it has in full, and names the others."""
    file = tmp_path / "page.md"
    file.write_text("<!-- table: check -->\n<!-- end -->\n<!-- table: plans -->\n<!-- end -->\n")
    line = ResultLine("check-a", "labcrate export", 1.5, 1.25, 30_000_000)
    _write(file, {"check-a": [line], "plan": [line]}, "caption")
    text = file.read_text()
    assert "caption\n\n| row" in text
    assert text.count("| labcrate export |") == 1
    assert "table plans: not written" in capsys.readouterr().out
    assert _missing_tables(file, ["check-a", "segments"]) == ["segments"]


def test_the_command_of_a_caption_leaves_out_the_page() -> None:
    """The caption shows how to repeat the measurement."""
    assert _command(["--quick", "--write", "a.md", "--only", "plan"]) == "python -m benchmarks --quick --only plan"


def test_the_pages_have_the_tables_that_are_measured() -> None:
    """Each row of the benchmark is in one table, and the pages have all tables."""
    assert sorted(row for rows in TABLES.values() for row in rows) == sorted(ROWS)
    assert sorted(table_names((DOCS / "performance.md").read_text())) == sorted(TABLES)
    assert table_names((DOCS / "reliability.md").read_text()) == ["idle-connections", "hostile-notes"]
