"""A lab folder as Python sees it: its sessions, what an export would hold, and the export."""

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
    """What an export would hold, and why, with its exact size before anything is packed.

    ``members`` are the files of the archive in their order; ``size_bytes`` is that of the whole ZIP.
    """

    members: tuple[MemberDescription, ...] = field(repr=False)
    size_bytes: int

    @classmethod
    def of(cls, assembly: Assembly) -> "SessionPlan":
        """The plan of an archive that is laid out."""
        known = {one.name: getattr(assembly.plan, one.name) for one in fields(Plan)}
        return cls(**known, members=assembly.descriptions, size_bytes=assembly.layout.total_bytes)


@dataclass(frozen=True, slots=True)
class Export:
    """A finished export: an archive at ``path``, whole and on disk.

    ``etag`` is the archive's strong entity tag, with its quotes: the same tag, the same bytes. ``signature`` is the
    file beside it that signs it, None where that was not asked for. ``confirmed`` is the number of ``recordings``
    whose bytes fitted their checksums, now or in the last ``confirm_days``.
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
    """A lab folder; nothing in it is ever changed but labcrate's own ``.labcrate/``.

    Raises NoLabError for a folder that is none.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._lab = LabBuilder(Path(folder))

    def __repr__(self) -> str:
        return f"labcrate.Lab({str(self.folder)!r})"

    @property
    def folder(self) -> Path:
        """Where the lab lies."""
        return self._lab.root

    def sessions(self) -> list[SessionRow]:
        """All sessions in the order of their ids, with number and size of their recordings. Raises DocumentError."""
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
        redact: bool = False,
        allow_secrets: bool = False,
        progress: Callback | None = None,
        workers: int | None = None,
    ) -> SessionPlan:
        """What an export of a session would hold, what stays out, and why; nothing is packed.

        ``session`` is an id such as ``"42"`` or ``"P07-morning"``; an int is taken as its digits.
        ``pad`` (``30s``, ``5m`` or a timedelta) widens the readings' window on both sides,
        ``all_readings`` opens it; ``time_zone`` is the IANA zone of times without one. ``only`` (``sensors`` or
        ``recordings``), ``cameras`` (ids, names or prefixes), ``sensors`` (names or addresses), ``start`` and ``end``
        choose a part of the session; recordings that touch that time are taken whole. ``redact`` takes secrets of the
        lab out of files that are copied, ``allow_secrets`` leaves them in what is not redacted. ``workers`` is how many
        files are read at once (None: one per core).
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
        """Package a session into one ZIP: a file, or ``Session42.zip`` in a folder that exists.

        ``session`` is as for ``plan``. A part of a session (chosen as for ``plan``) is named ``Session42_PARTIAL.zip``.
        ``force`` replaces a file that exists; ``allow_incomplete`` packs the rest when something is
        missing; ``redact`` and ``allow_secrets`` decide what becomes of files that hold secrets of the lab, of which
        each stops the export otherwise; ``sign`` also writes ``NAME.zip.minisig``, a signature by the lab's key;
        ``sync`` waits until the disk has it. ``check`` compares all bytes with their checksums while packing, or
        (False) none; None takes those not compared for ``confirm_days``. Whatever goes wrong, nothing is left behind.
        Raises what ``plan`` does, and IncompleteError, SecretsError, SourceChangedError (ChecksumError where bytes
        do not fit), TargetError; with ``sign`` NotFoundError (the lab has no key) and SigningError.
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
