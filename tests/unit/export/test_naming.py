"""Names inside the ZIP: every system can create them, no two are the same anywhere."""

import unicodedata
from pathlib import PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.archive.layout import name_problem
from labcrate.export.naming import Names, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("cam1_session42 (küche).mp4", "cam1_session42 (küche).mp4"),
        ('a<b>c:d"e|f?g*h.mp4', "a_b_c_d_e_f_g_h.mp4"),
        ("back\\slash.mp4", "back_slash.mp4"),
        ("dots..", "dots__"),
        ("space ", "space_"),
        ("CON", "_CON"),
        ("nul.mp4", "_nul.mp4"),
        ("COM1.tar.gz", "_COM1.tar.gz"),
        ("console.mp4", "console.mp4"),
        ("k\udcfcche.mp4", "k_che.mp4"),
        ("line\nbreak.mp4", "line_break.mp4"),
        ("..", "__"),
        ("", "_"),
    ],
)
def test_names(name: str, safe: str) -> None:
    """A name that some system refuses is changed as little as possible; all others stay."""
    assert safe_name(name) == safe


def test_same_and_nearly_same_names_get_numbers() -> None:
    """The second of two names that differ in nothing, in case or in Unicode form alone gets ~2, the third ~3."""
    names = Names()
    decomposed = unicodedata.normalize("NFD", "küche.mp4")
    taken = [names.take(n) for n in ("küche.mp4", "KÜCHE.mp4", decomposed, "no suffix", "no suffix")]
    assert taken == [
        "küche.mp4",
        "KÜCHE~2.mp4",
        unicodedata.normalize("NFD", "küche") + "~3.mp4",
        "no suffix",
        "no suffix~2",
    ]


@given(st.lists(st.text(st.characters(), min_size=1, max_size=12).filter(lambda n: "/" not in n), max_size=20))
def test_any_names_become_safe_and_different(wished: list[str]) -> None:
    """Whatever the files are called: all names are valid members, different in any case, and the same every time."""
    names, again = Names(), Names()
    taken = [names.take(name) for name in wished]
    assert taken == [again.take(name) for name in wished]
    assert len({unicodedata.normalize("NFC", name).casefold() for name in taken}) == len(wished)
    for name in taken:
        assert name_problem(name) is None
        assert PureWindowsPath(name).name == name
        assert not name.endswith((".", " "))
