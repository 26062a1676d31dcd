"""Findings about files that hold other bytes than their checksums are of, and figures of how old confirmations are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labcrate.doctor.findings import Finding, FindingKind, Severity
from labcrate.index.catalog import Catalog
from labcrate.index.confirming import DAY_MS, now_ms
from labcrate.lab.lab_files import source_of
from labcrate.model.fixity import Identity
from labcrate.model.message import Message
from labcrate.model.timespan import format_instant, from_ns
from labcrate.plan.inventory import Inventory
from labcrate.plan.planner import CHECK_AGAIN


@dataclass(frozen=True, slots=True)
class Confirmations:
    """How many ``files`` of a lab have checksums, and of how many the bytes were ``confirmed`` in the last ``days``.

    ``oldest`` is the oldest of these confirmations, None where there is a file that was never confirmed, or none at
    all; ``differing`` files hold other bytes.
    """

    files: int
    confirmed: int
    oldest: datetime | None
    differing: int
    days: int

    @property
    def said(self) -> Message:
        """The figures as a sentence."""
        values = {"confirmed": self.confirmed, "files": self.files, "days": self.days, "differing": self.differing}
        if self.oldest is None:
            return Message("doctor.bytes.figures", **values)
        return Message("doctor.bytes.figures_oldest", **values, oldest=f"{self.oldest:%Y-%m-%d}")

    def as_object(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        return {
            "files": self.files,
            "confirmed": self.confirmed,
            "oldest": format_instant(self.oldest) if self.oldest else None,
            "differing": self.differing,
            "days": self.days,
        }


def confirmations_of(inventory: Inventory, catalog: Catalog) -> Confirmations:
    """Count what the index of a lab knows of confirmations. Raises CatalogError."""
    days = inventory.settings.confirm_days
    files, confirmed, oldest_ms = catalog.confirmations(now_ms() - days * DAY_MS)
    oldest = from_ns(oldest_ms * 1_000_000) if oldest_ms else None
    return Confirmations(files, confirmed, oldest, len(differing_files(inventory, catalog)), days)


def differing_files(inventory: Inventory, catalog: Catalog) -> Sequence[str]:
    """Return the files that hold other bytes and are still in the state in which that was found. Raises CatalogError.

    What has changed since then, because it was restored or touched, is read anew.
    """
    found: Mapping[str, Identity] = {path: one.identity for path, one in catalog.differing().items()}
    present = {}
    for path in found:
        try:
            present[path] = inventory.files.identity(path)
        except OSError:
            continue
    return [path for path, one in catalog.lookup(present).items() if one.differs_ms is not None]


def byte_findings(inventory: Inventory, catalog: Catalog, session_id: str | None) -> Iterator[Finding]:
    """Yield the files of a lab, or of one session, that hold other bytes, once for each session.

    Raises CatalogError.
    """
    for path in differing_files(inventory, catalog):
        sessions: list[str | None] = [*_sessions_of(inventory, path)]
        for session in sessions or [None]:
            if session_id in (None, session):
                yield Finding(
                    FindingKind.BYTES,
                    Severity.PROBLEM,
                    Message("doctor.bytes", file=source_of(path)),
                    Message("bytes.differ.remedy"),
                    session,
                    command=CHECK_AGAIN,
                    places=(source_of(path),),
                )


def _sessions_of(inventory: Inventory, path: str) -> Iterator[str]:
    for session in inventory.ids:
        own = path.startswith(f"{inventory.folder(session)}/")
        if own or any(entry.path == path for entry in inventory.linked.get(session, ())):
            yield session
