"""Lab folders in Python: the sessions, the plan of an export, and the export."""

import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from pathlib import Path

from labcrate.api.progress import Callback, stage_progress
from labcrate.export.assemble import Assembly
from labcrate.export.prepare import plan_session
from labcrate.export.session_export import export_session
from labcrate.lab.folder import LabFolder as LabBuilder
from labcrate.plan.inventory import read_inventory
from labcrate.plan.options import DataKind, parse_keywords
from labcrate.plan.overview import SessionRow, session_rows
from labcrate.plan.plan import Missing, Plan, State
from labcrate.plan.summary import MemberDescription


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan(Plan):
    """The plan of an export: what the archive would contain, and why, and its exact size.

    ``members`` are the files of the archive in their order; ``size_bytes`` is the size of the whole ZIP.
    """

    members: tuple[MemberDescription, ...] = field(repr=False)
    size_bytes: int

    @classmethod
    def of(cls, assembly: Assembly) -> "SessionPlan":
        """Return the plan of a prepared archive."""
        known = {one.name: getattr(assembly.plan, one.name) for one in fields(Plan)}
        return cls(**known, members=assembly.descriptions, size_bytes=assembly.layout.total_bytes)


@dataclass(frozen=True, slots=True)
class Export:
    """A finished export: the complete archive is on disk at ``path``.

    ``etag`` is the archive's strong entity tag with its quotes: archives with the same tag have the same bytes.
    ``signature`` is the file with its signature, None if that was not requested. ``confirmed`` is the number of
    ``recordings`` whose bytes matched their checksums, now or in the last ``confirm_days``.
    """

    path: Path
    size_bytes: int
    etag: str
    state: State
    recordings: int
    confirmed: int
    readings: int
    missing: tuple[Missing, ...]
    warnings: tuple[str, ...]
    signature: Path | None = None


class Lab:
    """A lab folder. labcrate changes nothing in it but its own ``.labcrate/``.

    Raises NoLabError if the folder is not a lab.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._lab = LabBuilder(Path(folder))

    def __repr__(self) -> str:
        return f"labcrate.Lab({str(self.folder)!r})"

    @property
    def folder(self) -> Path:
        """Return the path of the lab folder."""
        return self._lab.root

    def sessions(self) -> list[SessionRow]:
        """Return all sessions in the order of their IDs, with number and size of recordings. Raises DocumentError."""
        return session_rows(read_inventory(self._lab))

    def plan(
        self,
        session: str | int,
        *,
        pad: timedelta | str | None = None,
        all_readings: bool = False,
        base_topic: str | None = None,
        only: str = DataKind.ALL,
        cameras: Iterable[str] = (),
        sensors: Iterable[str] = (),
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        time_zone: str | None = None,
        with_tables: Iterable[str] = (),
        without_tables: Iterable[str] = (),
        redact: bool = False,
        allow_secrets: bool = False,
        progress: Callback | None = None,
        workers: int | None = None,
    ) -> SessionPlan:
        """Return what an export of a session would contain and leave out, and why; nothing is written.

        ``session`` is an ID such as ``"42"`` or ``"P07-morning"``, or a whole number.
        ``pad`` (``30s``, ``5m`` or a timedelta) includes readings that much before and after the session;
        ``all_readings`` includes all of the lab. ``time_zone`` is the IANA zone of times without one. ``only``
        (``sensors`` or ``recordings``), ``cameras`` (IDs, names or prefixes), ``sensors`` (names or addresses),
        ``start`` and ``end`` choose a part of the session; recordings that overlap that time are included whole.
        ``with_tables`` (``parquet``) adds tables of the readings, ``without_tables`` (``zigbee-json``, ``zigbee-csv``,
        ``long-json``, ``long-csv``) leaves some out; all readings of the session are in the archive all the same.
        ``redact`` removes secrets of the lab from copied files, ``allow_secrets`` allows those that remain. ``workers``
        is the number of files that are read at the same time (None: one per core).
        Raises NoSessionError, DocumentError, CatalogError, UsageError.
        """
        options = parse_keywords(locals())  # the keyword arguments of this call
        with plan_session(self._lab, str(session), options, stage_progress(progress), workers) as (_, assembly):
            return SessionPlan.of(assembly)

    def export(
        self,
        session: str | int,
        to: str | os.PathLike[str] = ".",
        *,
        pad: timedelta | str | None = None,
        all_readings: bool = False,
        base_topic: str | None = None,
        only: str = DataKind.ALL,
        cameras: Iterable[str] = (),
        sensors: Iterable[str] = (),
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        time_zone: str | None = None,
        with_tables: Iterable[str] = (),
        without_tables: Iterable[str] = (),
        force: bool = False,
        allow_incomplete: bool = False,
        redact: bool = False,
        allow_secrets: bool = False,
        sign: bool = False,
        sync: bool = True,
        check: bool | None = None,
        progress: Callback | None = None,
        workers: int | None = None,
    ) -> Export:
        """Export a session to one ZIP: the file ``to``, or ``Session42.zip`` in the existing folder ``to``.

        The other arguments are as for ``plan``. A part of a session is named ``Session42_PARTIAL.zip``. ``force``
        replaces an existing file; ``allow_incomplete`` exports the rest if something is missing. Without ``redact`` or
        ``allow_secrets``, a file with secrets of the lab stops the export. ``sign`` also writes ``NAME.zip.minisig``, a
        signature by the lab's key; ``sync`` waits until the archive is on disk. ``check`` compares all bytes (True) or
        none (False) with their checksums; None compares those not compared for ``confirm_days``. After an error, no
        partial file is left.
        Raises what ``plan`` raises, and IncompleteError, SecretsError, SourceChangedError (ChecksumError if a checksum
        does not match), TargetError; with ``sign`` NotFoundError (the lab has no key) and SigningError.
        """
        options = parse_keywords(locals())  # the keyword arguments of this call
        done = export_session(
            self._lab,
            str(session),
            options,
            to,
            "Python",
            stage_progress(progress),
            force=force,
            allow_incomplete=allow_incomplete,
            sign=sign,
            sync=sync,
            check=check,
            workers=workers,
        )
        if done.log_entry.problem:
            warnings.warn(done.log_entry.problem, stacklevel=2)
        plan = done.assembly.plan
        return Export(
            path=done.path,
            size_bytes=done.entity.length,
            etag=done.entity.etag,
            state=plan.state,
            recordings=len(plan.recordings),
            confirmed=done.confirmation.confirmed_count,
            readings=len(plan.readings),
            missing=plan.missing,
            warnings=plan.warnings,
            signature=done.signature,
        )
