"""Archives with Parquet tables, and without some of the tables that are made from the readings."""

import io
import json
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.plan.test_table_choice import EVERY_CHOICE

import labcrate
from labcrate.api.tables import read_table
from labcrate.archive.verify import verify_archive
from labcrate.errors import LabcrateError, UsageError
from labcrate.export.assemble import Assembly, assemble
from labcrate.export.documents import metadata as metadata_module
from labcrate.export.prepare import prepare_archive
from labcrate.export.spool import Spool
from labcrate.lab.folder import LabFolder
from labcrate.plan import member_names as names
from labcrate.plan.options import Options, parse_options
from labcrate.plan.table_choice import DerivedTable

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "spec" / "session_metadata.schema.json").read_text())
PARQUET = {names.ZIGBEE_PARQUET, names.SENSOR_PARQUET}
USUAL = {table.member for table in DerivedTable}
OWN = "sessions/Session42/sensor_data/sensor_readings.json"


def export(lab: Any, folder: Path, **options: Any) -> dict[str, bytes]:
    """Return the files of an export, which ``verify`` finds whole."""
    done = labcrate.Lab(lab.root).export(42, folder / "a.zip", force=True, **options)
    assert not verify_archive(done.path).findings
    with zipfile.ZipFile(done.path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def words(data: bytes) -> str:
    """Return a document's text with its lines joined."""
    return " ".join(data.decode().split())


def rows(found: dict[str, bytes], name: str) -> pl.DataFrame:
    """Return a CSV of an archive as its data package describes it, or a Parquet table as it is."""
    if name.endswith(".parquet"):
        return pl.read_parquet(io.BytesIO(found[name]))
    package = json.loads(found[names.DATAPACKAGE])
    fields = next(one["schema"]["fields"] for one in package["resources"] if one["path"] == name)
    return read_table(found[name], [(one["name"], one["type"]) for one in fields])


@pytest.mark.parametrize("left_out", EVERY_CHOICE)
@pytest.mark.parametrize("parquet", [False, True])
def test_every_choice_is_an_archive_that_says_what_is_left_out(
    usual_lab: Any, tmp_path: Path, left_out: Sequence[DerivedTable], *, parquet: bool
) -> None:
    """It has exactly the chosen tables; plan, README and metadata say the same, and its state is that of the whole."""
    with_tables = ("parquet",) if parquet else ()
    lab = labcrate.Lab(usual_lab.root)
    if not parquet and {DerivedTable.ZIGBEE_JSON, DerivedTable.ZIGBEE_CSV} <= set(left_out):
        with pytest.raises(UsageError, match="For an archive without readings"):
            lab.plan(42, without_tables=left_out)
        return
    plan = lab.plan(42, with_tables=with_tables, without_tables=left_out)
    found = export(usual_lab, tmp_path, with_tables=with_tables, without_tables=left_out)
    assert list(found) == [member.name for member in plan.members]
    expected = (USUAL - {one.member for one in left_out}) | (PARQUET if parquet else set())
    assert found.keys() & (USUAL | PARQUET) == expected
    metadata = json.loads(found[names.METADATA])
    jsonschema.validate(metadata, SCHEMA)
    assert metadata.get("tablesLeftOut", []) == list(plan.tables_left_out)
    assert metadata["state"] == lab.plan(42).state
    assert ("parquetWriter" in metadata) == parquet
    assert "selection" not in metadata
    assert len(plan.tables_left_out) == bool(left_out)
    assert all(sentence in words(found[names.README]) for sentence in plan.tables_left_out)
    assert all(table.member in plan.tables_left_out[0] for table in left_out)
    described = words(found[names.README])
    for name in (USUAL | PARQUET) - found.keys():
        assert name not in described.replace("".join(plan.tables_left_out), "")
    for document in (names.DATAPACKAGE, names.CRATE, names.MANIFEST):
        listed = {name for name in USUAL | PARQUET if name in found[document].decode()}
        assert listed == {one for one in expected if document != names.DATAPACKAGE or not one.endswith(".json")}


def test_the_usual_archive_is_the_same_with_and_without_the_choice(usual_lab: Any, tmp_path: Path) -> None:
    """An empty choice changes no byte, and a choice gives another ETag."""
    lab = labcrate.Lab(usual_lab.root)
    tags = [
        lab.export(42, tmp_path / "a.zip", force=True, **options).etag
        for options in (
            {},
            {"with_tables": (), "without_tables": ()},
            {"without_tables": "long-json"},
            {"without_tables": "long-csv"},
            {"with_tables": "parquet"},
        )
    ]
    assert tags[0] == tags[1]
    assert len(set(tags)) == 4


def test_parquet_has_the_rows_of_the_csv(usual_lab: Any, tmp_path: Path) -> None:
    """Same rows, same columns, the types that the data package names: times are instants, numbers numbers."""
    found = export(usual_lab, tmp_path, with_tables=["parquet"])
    for csv, parquet in ((names.ZIGBEE_CSV, names.ZIGBEE_PARQUET), (names.SENSOR_CSV, names.SENSOR_PARQUET)):
        assert_frame_equal(rows(found, csv), rows(found, parquet))
    typed = rows(found, names.ZIGBEE_PARQUET)
    assert len(typed) == 3
    assert typed.schema["timestamp"] == pl.Datetime("us", "UTC")
    assert typed["temperature"].to_list() == [None, 21.5, None]
    assert typed["contact"].to_list() == [False, None, True]


def test_a_session_without_readings_has_empty_typed_tables(usual_lab: Any, tmp_path: Path) -> None:
    """No row, and the columns that every archive has."""
    for name in ("zigbee-data.json", "zigbee-sensors.csv"):
        (usual_lab.root / "data" / name).unlink()
    found = export(usual_lab, tmp_path, with_tables=["parquet"])
    for csv, parquet in ((names.ZIGBEE_CSV, names.ZIGBEE_PARQUET), (names.SENSOR_CSV, names.SENSOR_PARQUET)):
        typed = rows(found, parquet)
        assert (len(typed), typed.columns) == (0, found[csv].decode().strip().split(","))
        assert typed.schema["timestamp"] == pl.Datetime("us", "UTC")


def test_a_file_of_the_sessions_own_is_never_left_out(usual_lab: Any, tmp_path: Path) -> None:
    """It has the name of a table and is none; README, metadata and plan say that it stays."""
    usual_lab.write(OWN, '{"readings": []}')
    found = export(usual_lab, tmp_path, without_tables=["long-json", "long-csv"])
    assert found[names.SENSOR_JSON] == b'{"readings": []}'
    assert names.SENSOR_CSV not in found
    expected = [
        "Left out on request: data/sensor_data/sensor_readings.csv. "
        "The same readings are in data/zigbee-data.json and data/zigbee-sensors.csv.",
        "data/sensor_data/sensor_readings.json was not left out: "
        "it is a file of the session's own folder, not a table made from the readings.",
    ]
    assert json.loads(found[names.METADATA])["tablesLeftOut"] == expected
    assert all(sentence in words(found[names.README]) for sentence in expected)
    # Files of the session's own are left out of a part, and the table is made from the readings instead.
    part = export(usual_lab, tmp_path, without_tables=["long-json"], sensors=["door"])
    assert names.SENSOR_JSON not in part
    assert "not left out" not in words(part[names.README])
    assert json.loads(part[names.METADATA])["selection"]["partial"]


def test_an_own_parquet_file_takes_the_place_of_the_table(usual_lab: Any, tmp_path: Path) -> None:
    """As for CSV and JSON: no file of the session is replaced, and the README says whose it is."""
    usual_lab.write("sessions/Session42/sensor_data/sensor_readings.parquet", "of the lab")
    found = export(usual_lab, tmp_path, with_tables=["parquet"])
    assert found[names.SENSOR_PARQUET] == b"of the lab"
    assert names.ZIGBEE_PARQUET in found
    assert f"Columns of {names.SENSOR_PARQUET}" in words(found[names.README])
    usual = export(usual_lab, tmp_path)
    assert usual[names.SENSOR_PARQUET] == b"of the lab"
    assert f"Columns of {names.SENSOR_PARQUET}" not in words(usual[names.README])


def test_the_writers_version_is_in_the_tag(usual_lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another Polars may write the same rows in other bytes; archives without Parquet do not depend on it."""
    lab = labcrate.Lab(usual_lab.root)

    def tags() -> list[str]:
        choices: list[tuple[str, ...]] = [(), ("parquet",)]
        return [lab.export(42, tmp_path / "a.zip", force=True, with_tables=one).etag for one in choices]

    usual, parquet = tags()
    assert metadata_module.parquet_writer() == f"Polars {version('polars')}"
    monkeypatch.setattr(metadata_module, "parquet_writer", lambda: "Polars 99")
    assert tags()[0] == usual
    assert tags()[1] != parquet


@pytest.mark.parametrize("without", [(), ("zigbee-json", "zigbee-csv", "long-json", "long-csv")])
def test_frictionless_finds_the_package_valid(usual_lab: Any, tmp_path: Path, without: Sequence[str]) -> None:
    """Parquet tables are resources with size, hash and columns, and need no extension of frictionless."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from frictionless import Package  # noqa: PLC0415 - slow to import

        export(usual_lab, tmp_path, with_tables=["parquet"], without_tables=without)
        report = Package(str(tmp_path / "a.zip")).validate()
        assert report.valid, report.flatten(["type", "message"])
    sizes = {task.name: task.stats["bytes"] for task in report.tasks}
    assert min(sizes["zigbee-sensors-parquet"], sizes["sensor-readings-parquet"]) > 0
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        package = json.loads(archive.read(names.DATAPACKAGE))
        crate = json.loads(archive.read(names.CRATE))
    by_path = {one["path"]: one for one in package["resources"]}
    fields = by_path[names.ZIGBEE_PARQUET]["schema"]["fields"]
    assert {"name": "temperature", "type": "number", "unit": "°C"}.items() <= next(
        one for one in fields if one["name"] == "temperature"
    ).items()
    types = {one["@id"]: one.get("encodingFormat") for one in crate["@graph"]}
    assert {types[name] for name in PARQUET} == {"application/vnd.apache.parquet"}


def test_readings_are_read_from_parquet_if_there_is_no_csv(usual_lab: Any, tmp_path: Path) -> None:
    """labcrate.open gives the same frame; without either it says which tables there are."""
    export(usual_lab, tmp_path)
    with labcrate.open(tmp_path / "a.zip") as archive:
        expected = archive.readings
    export(usual_lab, tmp_path, with_tables="parquet", without_tables="zigbee-csv")
    with labcrate.open(tmp_path / "a.zip") as archive:
        assert_frame_equal(archive.readings, expected)
        assert len(archive.table(names.SENSOR_PARQUET)) == len(archive.table(names.SENSOR_CSV))
    export(usual_lab, tmp_path, without_tables="zigbee-csv")
    with labcrate.open(tmp_path / "a.zip") as archive, pytest.raises(UsageError, match="its tables are"):
        _ = archive.readings


def test_tables_of_another_choice_are_reused(usual_lab: Any, tmp_path: Path) -> None:
    """Leaving a table out and adding it again writes no table twice, from whichever archives the tables are."""
    lab = LabFolder(usual_lab.root)
    with prepare_archive(lab, "42", parse_options({"with": "parquet"}), with_fixity=False) as whole:
        written: list[str] = []

        class CountingSpool(Spool):
            def write_several(self, labels: Any, writer: Any) -> Any:
                written.extend(labels)
                return super().write_several(labels, writer)

        def assembled(*others: Assembly, **choice: str) -> Assembly:
            written.clear()
            plan = replace(whole.plan, options=parse_options(choice))
            return assemble(lab, plan, CountingSpool(tmp_path), others)

        without = assembled(without="long-json")
        assert len(written) == 3
        added = assembled(without, **{"with": "parquet", "without": "zigbee-csv"})
        assert sorted(written) == [names.SENSOR_JSON, names.SENSOR_PARQUET, names.ZIGBEE_PARQUET]
        again = assembled(without, added, **{"with": "parquet"})
        assert not written
    assert [one.fixity for one in again.layout.members] == [one.fixity for one in whole.layout.members]


def test_a_secret_is_found_although_parquet_is_compressed(usual_lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive whose only whole table is Parquet is searched by the text of its messages, as a last check."""
    monkeypatch.setattr("labcrate.plan.planner.clean_readings", lambda readings, _: (readings, 0))
    usual_lab.zigbee_json([("2025-05-02T08:00:00.000Z", "zigbee2mqtt/door", {"note": "pass correct-horse-battery"})])
    (usual_lab.root / "data/zigbee-sensors.csv").unlink()
    cameras = json.loads((usual_lab.root / "data/cameras.json").read_text())
    for camera in cameras.values():
        camera["password"] = "correct-horse-battery"  # noqa: S105 - of a test
    usual_lab.json("data/cameras.json", cameras)
    options = parse_options({"with": "parquet", "without": list(DerivedTable)})
    with (
        pytest.raises(LabcrateError, match=r"zigbee-sensors\.parquet was generated with"),
        prepare_archive(LabFolder(usual_lab.root), "42", options, with_fixity=False),
    ):
        pass


def test_the_command_says_what_it_left_out(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """plan and export print the sentence, in text and JSON, under the usual name: it is no part of a session."""
    given = ("--lab", usual_lab.root, "--with", "parquet", "--without", "long-json,long-csv", "--without", "zigbee-csv")
    expected = (
        "Left out on request: data/zigbee-sensors.csv, data/sensor_data/sensor_readings.json and "
        "data/sensor_data/sensor_readings.csv. The same readings are in data/zigbee-data.json and "
        "data/zigbee-sensors.parquet."
    )
    planned, planned_json = cli("plan", "42", *given), cli("plan", "42", *given, "--json").json
    assert f"\n  {expected}\n" in planned.out
    assert [planned_json[key] for key in ("tablesLeftOut", "partial", "notChosen")] == [[expected], False, []]
    done = cli("export", "42", *given, "-o", f"{tmp_path}/")
    assert (done.code, (tmp_path / "Session42.zip").exists()) == (0, True), done.err
    assert f"  {expected}\n" in done.out
    assert cli("export", "42", *given, "-o", f"{tmp_path}/", "--force", "--json").json["tablesLeftOut"] == [expected]
    refused = cli("export", "42", "--lab", usual_lab.root, "--without", "zigbee-csv", "--without", "zigbee-json")
    assert refused.code == 2
    assert (
        "(--with parquet). For an archive without readings, choose only the recordings (--only recordings)."
        in refused.err
    )


def test_options_alone_are_enough() -> None:
    """The default options have neither Parquet nor a table less."""
    assert (Options().has_parquet, Options().with_tables, Options().without_tables) == (False, (), ())
