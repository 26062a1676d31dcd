"""Tables of very many readings: the sizes that are planned without writing them, and hashes that were stored before."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.plan.test_table_choice import EVERY_CHOICE
from tests.readings.test_readings_index import make_pieces_small
from tests.support.rounds import rounds

import labcrate
from labcrate.archive.entity import Entity
from labcrate.archive.verify import verify_archive
from labcrate.errors import SourceChangedError, UsageError
from labcrate.export import assemble, table_files
from labcrate.export.assemble import Assembly
from labcrate.export.prepare import prepare_archive
from labcrate.export.table_files import describe_many, load_fixity, save_fixity
from labcrate.index.state_folder import user_state_folder
from labcrate.model.fixity import Fixity
from labcrate.plan import sensors
from labcrate.plan.options import Options
from labcrate.readings.load.slice import Readings


@pytest.fixture
def large(usual_lab: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a lab whose readings count as very many, in an index of many small parts."""
    usual_lab.json("data/devices.json", [{"id": f"0x0{n}", "name": name} for n, name in enumerate(("door", "b"))])
    topics = ("zigbee2mqtt/door", "zigbee2mqtt/hall/climate", "zigbee2mqtt/b")
    payloads: tuple[dict[str, Any], ...] = (
        {"contact": True, "battery": 90},
        {"temperature": 21.5, "text": 'é "x"\n', "update": {"state": None}},
        {"action": "on", "linkquality": 1e300, "temperature": "warm"},
    )
    every = [
        (f"2025-05-02T08:0{n // 15}:{n % 15:02}.{n:03}Z", topics[n * n % 3], {**payloads[n % 3], "n": n})
        for n in range(75)
    ]
    usual_lab.zigbee_json(every[:70])
    usual_lab.zigbee_csv(every[3:])
    make_pieces_small(monkeypatch)
    monkeypatch.setattr(sensors, "_LARGE_BYTES", 0)
    monkeypatch.setattr(assemble, "MANY_READINGS", 1)
    return usual_lab


def index_of(lab: Any) -> Path:
    """Return the folder of a lab's index of readings."""
    return Path(lab.root / ".labcrate" / "readings")


def planned(lab: Any, options: Options = Options()) -> Assembly:
    """Return an archive whose tables are not written."""
    with prepare_archive(lab.open(), "42", options, with_fixity=False) as assembly:
        return assembly


def export(lab: Any, path: Path, **options: Any) -> bytes:
    """Return the bytes of an export, which ``verify`` finds whole."""
    done = labcrate.Lab(lab.root).export(42, path, force=True, **options)
    assert not verify_archive(done.path).findings
    assert path.stat().st_size == done.size_bytes
    return path.read_bytes()


CHOICES: list[dict[str, Any]] = [
    {},
    {"sensors": ("door",)},
    {"sensors": ("b", "hall/climate")},
    {"start": "2025-05-02T08:01:03Z", "end": "2025-05-02T08:03:07.055Z"},
    {"start": "2025-05-02T08:02:00Z", "sensors": ("door",)},
    {"all_readings": True},
    {"only": "sensors"},
    {"with_tables": ("parquet",)},
]


@settings(max_examples=rounds(3, 25), suppress_health_check=list(HealthCheck))
@given(choice=st.sampled_from(CHOICES), left_out=st.sampled_from(EVERY_CHOICE))
def test_the_planned_size_is_that_of_the_archive(large: Any, tmp_path: Path, choice: Any, left_out: Any) -> None:
    """For any choice, the size is known without writing tables, and the bytes are those of few readings."""
    options = {**choice, "without_tables": left_out}
    try:
        size_bytes = labcrate.Lab(large.root).plan(42, **options).size_bytes
    except UsageError:  # nothing is left: tests.export.test_chosen_tables
        assert len(left_out) > 1
        return
    many = export(large, tmp_path / "many.zip", **options)
    assert len(many) == size_bytes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assemble, "MANY_READINGS", 10**9)
        assert export(large, tmp_path / "few.zip", **options) == many


def test_a_later_plan_has_the_entity_tag_without_writing_tables(
    large: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once tables were written, a plan in another process knows their hashes, and writes them when they are read."""
    first = planned(large)
    assert not first.has_all_tables
    whole = export(large, tmp_path / "a.zip")
    with monkeypatch.context() as patch:
        patch.setattr(table_files, "write_text", None)
        second = planned(large)
        assert second.has_all_tables
        tag = Entity(second.layout).etag
    with prepare_archive(large.open(), "42", with_fixity=True) as assembly:
        assert Entity(assembly.layout).etag == tag
    assert b"".join(Entity(second.layout).read_range()) == whole


@pytest.mark.thorough
def test_an_archive_does_not_depend_on_the_index(large: Any, tmp_path: Path) -> None:
    """Without its index, or with one that grew, an export has the same bytes."""
    whole = export(large, tmp_path / "a.zip")
    shutil.rmtree(index_of(large))
    assert export(large, tmp_path / "b.zip") == whole
    assert len(list(index_of(large).glob("*.parquet"))) > 5
    for path in (large.root / "data").glob("zigbee-*"):
        text, before = path.read_text(), path.stat()
        path.write_text(text[: len(text) // 2])
        planned(large)
        path.write_text(text)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert export(large, tmp_path / "b.zip") == whole


@pytest.mark.parametrize("how", ["deleted", "damaged"])
def test_a_planned_archive_without_its_index_is_refused(large: Any, tmp_path: Path, how: str) -> None:
    """If the index is lost before the tables were written, reading the archive fails, and the next one is right."""
    whole = export(large, tmp_path / "a.zip")
    lazy = Entity(planned(large).layout)
    for path in index_of(large).glob("*.parquet"):
        path.unlink() if how == "deleted" else path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(SourceChangedError):
        b"".join(lazy.read_range())
    assert export(large, tmp_path / "b.zip") == whole


@pytest.mark.thorough
def test_the_index_of_a_lab_on_a_read_only_disk_is_in_the_state_folder(
    large: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where labcrate's folder cannot be made in the lab, the index is the user's, and the archive is the same."""
    whole = export(large, tmp_path / "a.zip")
    shutil.rmtree(large.root / ".labcrate")
    (large.root / ".labcrate").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for _ in range(2):
        assert export(large, tmp_path / "b.zip") == whole
    assert list((user_state_folder(large.root) / "readings").glob("*.index"))
    assert planned(large).has_all_tables


@pytest.mark.parametrize("size_bytes", [0, 7])
@pytest.mark.parametrize("member", ["data/zigbee-data.json", "data/zigbee-sensors.csv"])
def test_a_wrong_stored_fixity_never_makes_a_wrong_archive(
    large: Any, tmp_path: Path, member: str, size_bytes: int
) -> None:
    """An export with it is refused and leaves no file, and so is the reading of a planned one; the next is right."""
    whole = export(large, tmp_path / "a.zip")
    readings = planned(large).plan.readings
    right = load_fixity(readings, "42", member)
    assert right is not None
    bad = Fixity(right.size_bytes + size_bytes, right.crc32, "0" * 64)
    save_fixity(readings, "42", member, bad)
    with pytest.raises(SourceChangedError):
        export(large, tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()
    assert export(large, tmp_path / "b.zip") == whole
    save_fixity(readings, "42", member, bad)
    lazy = Entity(planned(large).layout)
    with pytest.raises(SourceChangedError):
        b"".join(lazy.read_range())
    assert b"".join(Entity(planned(large).layout).read_range()) == whole


def test_a_wrong_summary_never_makes_a_wrong_archive(
    large: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the sizes of tables were computed wrongly, an export is refused; then the right ones are stored."""
    with monkeypatch.context() as patch:
        patch.setattr(assemble, "describe_many", _wrong_sizes)
        with pytest.raises(SourceChangedError):
            export(large, tmp_path / "a.zip")
        assert not (tmp_path / "a.zip").exists()
        whole = export(large, tmp_path / "a.zip")
    assert export(large, tmp_path / "b.zip") == whole


def _wrong_sizes(readings: Readings, session_id: str) -> dict[str, int]:
    return {name: size_bytes + 1 for name, size_bytes in describe_many(readings, session_id).items()}
