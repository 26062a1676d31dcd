"""The file names of downloads."""

import re
import unicodedata
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.export.prepare import prepare_archive
from labcrate.plan.options import DataKind, Options
from labcrate.web.downloads.response import archive_file_name, content_disposition

# RFC 6266, section 4.1, with RFC 8187's ext-value: what a recipient may rely on.
_FORM = re.compile(
    r"attachment; filename=\"(?P<plain>[ !#$&-\[\]-~]*)\""
    r"(?:; filename\*=UTF-8''(?P<exact>(?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})*))?"
)


@given(st.text(st.characters(), max_size=60))
def test_any_name_stays_inside_the_header(name: str) -> None:
    """For any name, the header has the syntax of the RFCs, is ASCII, and contains the name."""
    found = _FORM.fullmatch(content_disposition(name))
    assert found
    file_name = found["plain"] if found["exact"] is None else unquote(found["exact"], errors="strict")
    assert file_name == name.encode("utf-8", "replace").decode()
    assert content_disposition(name, "inline") == "inline" + content_disposition(name).removeprefix("attachment")


@pytest.mark.parametrize(
    ("title", "name", "plain"),
    [
        ("Morning kitchen", "Session42 Morning kitchen.zip", None),
        (None, "Session42.zip", None),
        ("", "Session42.zip", None),
        ("Mañana", "Session42 Mañana.zip", "Session42 Manana.zip"),
        ("厨房 кухня", "Session42 厨房 кухня.zip", "Session42.zip"),
        ('a"; filename="b', "Session42 a_; filename=_b.zip", None),
        ("x\r\nSet-Cookie: a=b", "Session42 x_r_nSet-Cookie_ a=b.zip", None),
        ("../../etc/passwd", "Session42 .._.._etc_passwd.zip", None),
        ("\u202egnp.exe", "Session42 _u202egnp.exe.zip", None),
        ("100%", "Session42 100%.zip", "Session42 100_.zip"),
        ("x" * 300, f"Session42 {'x' * 170}.zip", None),
        ("厨" * 300, f"Session42 {'厨' * 56}.zip", "Session42.zip"),
        ("dots...", "Session42 dots___.zip", None),
    ],
)
def test_archives_are_named_by_id_and_title(usual_lab: Any, title: Any, name: str, plain: str | None) -> None:
    """The id comes first; the title follows, up to a length that every system accepts."""
    usual_lab.session(42, name=title)
    with prepare_archive(usual_lab.open(), "42", with_fixity=False) as assembly:
        assert archive_file_name(assembly.plan) == name
    header = content_disposition(name)
    assert f'filename="{plain or name}"' in header
    assert ("filename*" in header) == (plain is not None)
    assert len(name.encode()) <= 190


@pytest.mark.parametrize(
    ("session_id", "name", "plain"),
    [
        ("kitchen 2.1", "Sessionkitchen 2.1 Morning.zip", None),
        ("P07-morning", "SessionP07-morning Morning.zip", None),
        ("café ñ", "Sessioncafé ñ Morning.zip", "Sessioncafe n Morning.zip"),
        ("厨房", "Session厨房 Morning.zip", "Session Morning.zip"),
        ("厨" * 64, f"Session{'厨' * 57}.zip", "Session.zip"),
    ],
)
def test_ids_that_are_no_numbers_name_archives(usual_lab: Any, session_id: str, name: str, plain: str | None) -> None:
    """Spaces, dots and letters of any script are kept; the header also has an ASCII form."""
    usual_lab.json("data/sessions.json", [{"id": session_id, "name": "Morning"}])
    with prepare_archive(usual_lab.open(), session_id, with_fixity=False) as assembly:
        assert archive_file_name(assembly.plan) == name
    found = _FORM.fullmatch(content_disposition(name))
    assert found
    assert found["plain"] == (plain or name)
    assert unquote(found["exact"] or found["plain"], errors="strict") == name


def test_a_partial_export_has_partial_in_its_name(usual_lab: Any) -> None:
    """The file name of a selective export has PARTIAL after the id."""
    usual_lab.session(42, name="Mañana")
    with prepare_archive(usual_lab.open(), "42", Options(only=DataKind.SENSORS), with_fixity=False) as assembly:
        assert archive_file_name(assembly.plan) == "Session42_PARTIAL Mañana.zip"


def test_composed_and_decomposed_titles_have_one_plain_form() -> None:
    """The ASCII form keeps the base letters of accented letters, composed or decomposed."""
    for form in ("NFC", "NFD"):
        assert 'filename="Manana.zip"' in content_disposition(unicodedata.normalize(form, "Mañana.zip"))
