"""Names inside the ZIP: every system can create them, no two are the same anywhere."""

import unicodedata
from pathlib import Path, PureWindowsPath
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.rounds import THOROUGH, rounds

from labcrate.archive.entity import Entity
from labcrate.archive.layout import Layout, Member, name_problem
from labcrate.archive.manifest import MANIFEST_NAME, manifest_line
from labcrate.archive.names import MAX_COMPONENT_BYTES, MAX_PATH_BYTES, unsafe_name_reason
from labcrate.archive.verify import verify_archive
from labcrate.plan.member_names import MAX_SUBPATH_BYTES, UniqueNames, safe_name


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
    names = UniqueNames()
    decomposed = unicodedata.normalize("NFD", "küche.mp4")
    unique = [names.reserve(n) for n in ("küche.mp4", "KÜCHE.mp4", decomposed, "no suffix", "no suffix")]
    assert unique == [
        "küche.mp4",
        "KÜCHE~2.mp4",
        "küche~3.mp4",
        "no suffix",
        "no suffix~2",
    ]


@given(st.lists(st.text(st.characters(), min_size=1, max_size=12).filter(lambda n: "/" not in n), max_size=20))
def test_any_names_become_safe_and_different(original_names: list[str]) -> None:
    """Whatever the files are called: all names are valid members, different in any case, and the same every time."""
    names, again = UniqueNames(), UniqueNames()
    unique = [names.reserve(name) for name in original_names]
    assert unique == [again.reserve(name) for name in original_names]
    assert len({unicodedata.normalize("NFC", name).casefold() for name in unique}) == len(original_names)
    for name in unique:
        assert name_problem(name) is None
        assert PureWindowsPath(name).name == name
        assert not name.endswith((".", " "))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        (".git", "_.git"),
        (".GIT", "_.GIT"),
        (".g\u200cit", "_.g\u200cit"),
        (".gitignore", ".gitignore"),
        ("autorun.inf", "_autorun.inf"),
        ("AutoRun.INF", "_AutoRun.INF"),
        ("con .txt", "_con .txt"),
        ("CONIN$", "_CONIN$"),
        ("\u202egnp.exe", "_gnp.exe"),
        ("a\u2066b\u2069\u200f\u061c.txt", "a_b___.txt"),
        ("line\u2028break\x85\x9b.txt", "line_break__.txt"),
        ("cafe\u0301.txt", "caf\u00e9.txt"),
        ("👩\u200d🔬.txt", "👩\u200d🔬.txt"),
        ("x" * 300 + ".mp4", "x" * 251 + ".mp4"),
        ("é" * 200 + ".mp4", "é" * 125 + ".mp4"),
        ("x" * 300, "x" * 255),
        ("a." + "y" * 300, "a." + "y" * 253),
        ("com1." + "z" * 250, "_com1." + "z" * 249),
        ("x" * 254 + ". .", "x" * 254 + "_"),
        ("film.mp4;1", "film.mp4_1"),
        ("film;", "film_"),
        ("a;b;12", "a;b_12"),
        (";", "_"),
        ("x" * 252 + ";12345", "x" * 252 + "_12"),
    ],
)
def test_names_that_turn_around_run_or_are_too_long(name: str, safe: str) -> None:
    """Bidi and control characters, .git and autorun.inf, and what is over 255 bytes are changed; suffixes stay."""
    assert safe_name(name) == safe
    assert len(safe.encode()) <= MAX_COMPONENT_BYTES


def test_a_long_name_gets_its_number_within_255_bytes() -> None:
    """A numbered name is cut again, so that its number and suffix are whole."""
    names = UniqueNames()
    unique = [names.reserve("x" * 255 + ".mp4") for _ in range(3)]
    assert unique == ["x" * 251 + ".mp4", "x" * 249 + "~2.mp4", "x" * 249 + "~3.mp4"]


def test_a_file_never_has_the_name_of_a_folder() -> None:
    """Whichever comes first, file or folder, the other gets another name, and all files of a folder the same one."""
    names = UniqueNames()
    assert [names.reserve(n) for n in ("Wear", "wear/a", "wear/b", "wear~2", "x/a", "X")] == [
        "Wear", "wear~2/a", "wear~2/b", "wear~2~2", "x/a", "X~2",
    ]  # fmt: skip


def test_a_number_makes_no_name_that_git_reads_as_another() -> None:
    """``git~2`` may be the short name of ``.git`` on Windows: numbers of one digit are passed over."""
    names = UniqueNames()
    assert [names.reserve(name) for name in ("git", "GIT", "git~2")] == ["git", "GIT~10", "_git~2"]


@pytest.mark.parametrize("folder", ["x", "deep folder", "長" * 80, "a:"])
def test_a_path_that_is_too_long_loses_its_innermost_folders(folder: str) -> None:
    """Whatever the depth: a whole name fits macOS, is no other's, and begins and ends as the file's own path does."""
    names = UniqueNames()
    most = MAX_SUBPATH_BYTES // len(f"{safe_name(folder)}/".encode())
    original_names = [
        f"{folder}/" * depth + "end.csv" for depth in (1, most, most + 1, 2 * most, *((1000,) * THOROUGH))
    ]
    unique = [names.reserve(path) for path in original_names]
    assert len(set(unique)) == len(original_names)
    for name in unique:
        assert unsafe_name_reason(f"data/session_files/{name}".encode()) is None
        assert len(name.encode()) < MAX_PATH_BYTES
        assert name.startswith(safe_name(folder) + "/")
        assert name.endswith(".csv")


def test_only_the_exact_name_gets_a_reserved_one() -> None:
    """What labcrate makes unless the session brings it keeps its name: a file in other letters gets a number."""
    names = UniqueNames(["sensor_readings.csv"])
    assert names.reserve("Sensor_Readings.csv") == "Sensor_Readings~2.csv"
    assert names.reserve("sensor_readings.csv") == "sensor_readings.csv"
    assert names.reserve("sensor_readings.csv") == "sensor_readings~3.csv"


PARTS = st.one_of(
    st.text(st.characters(exclude_characters="/"), min_size=1, max_size=8),
    st.sampled_from(
        [
            "con",
            "CON.txt",
            ".git",
            "autorun.inf",
            "a",
            "A",
            "a.",
            "a ",
            "e\u0301",
            "\u00e9",
            "ß",
            "ss",
            "~2",
            "git",
            "a;1",
        ]
    ),
    st.integers(250, 260).map(lambda length: "x" * length + ".mp4"),
)
FORBIDDEN = {"con", "prn", "aux", "nul", ".git", "autorun.inf"}


@given(st.lists(st.lists(PARTS, min_size=1, max_size=3).map("/".join), unique=True, max_size=15))
def test_any_paths_become_safe_and_different(original_names: list[str]) -> None:
    """Whatever files and folders are called: no two names are one, none is a folder, and no part is a forbidden one."""
    names = UniqueNames()
    unique = [names.reserve(path) for path in original_names]
    folded = [unicodedata.normalize("NFC", name).casefold() for name in unique]
    assert len(set(folded)) == len(original_names)
    folders = {name[:at] for name in folded for at, c in enumerate(name) if c == "/"}
    assert not folders & set(folded)
    for name, original in zip(unique, original_names, strict=True):
        assert name_problem(name) is None
        assert name == unicodedata.normalize("NFC", name)
        assert name.count("/") == original.count("/")
        assert unsafe_name_reason(f"data/session_files/{name}".encode()) is None
        for part in name.split("/"):
            assert PureWindowsPath(part).name == part
            assert part.casefold() not in FORBIDDEN
            assert part.split(".")[0].rstrip().casefold() not in FORBIDDEN
            assert not part.endswith((".", " "))
            assert len(part.encode()) <= MAX_COMPONENT_BYTES
            assert not any(unicodedata.category(c) == "Cc" or unicodedata.bidirectional(c) in BIDI for c in part)


BIDI = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


@settings(max_examples=rounds(20, 40))
@given(st.lists(st.lists(PARTS, min_size=1, max_size=3).map("/".join), unique=True, min_size=1, max_size=8))
def test_any_names_written_to_a_zip_are_verified_and_unpacked(original_names: list[str]) -> None:
    """An archive with whatever names passes labcrate's own check, and Python unpacks each member to its own file."""
    names = UniqueNames()
    members = [
        Member.of_bytes(f"data/session_files/{names.reserve(path)}", path.encode("utf-8", "replace"), 0)
        for path in original_names
    ]
    lines = "".join(manifest_line(member.fixity.sha256, member.name) for member in members)
    entity = Entity(Layout([*members, Member.of_bytes(MANIFEST_NAME, lines.encode(), 0)]))
    with TemporaryDirectory() as folder:
        target = Path(folder) / "a.zip"
        target.write_bytes(b"".join(entity.read_range()))
        assert verify_archive(target).findings == ()
        with ZipFile(target) as archive:
            archive.extractall(Path(folder) / "out")
        found = sum(file.is_file() for file in (Path(folder) / "out").rglob("*"))
    assert found == len(members) + 1
