"""Examine a lab and report the findings: in order, grouped and counted, without secrets, and as a JSON object."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from labcrate.doctor.examine import examine
from labcrate.doctor.file_findings import find_secret_files
from labcrate.doctor.findings import FindingKind, LabFinding, Severity
from labcrate.doctor.recording_findings import Confirmations, byte_findings, count_confirmations
from labcrate.errors import DocumentError
from labcrate.index.catalog import Catalog
from labcrate.index.indexing import Progress
from labcrate.index.state_folder import state_folder
from labcrate.lab.folder import LabFolder
from labcrate.messages.message import Message
from labcrate.model.lab_settings import LabSettings
from labcrate.model.session import id_sort_key, json_id
from labcrate.plan.inventory import Inventory, read_inventory
from labcrate.secrets.cleaner import REMOVED, Cleaner

_SEVERITIES, _KINDS = list(Severity), list(FindingKind)


@dataclass(frozen=True)
class LabReport:
    """All findings about a lab or one session of it (``session``), in the order in which they are shown.

    ``confirmations`` says of the lab as a whole how old the confirmations of its files' bytes are.
    """

    findings: tuple[LabFinding, ...]
    session: str | None = None
    confirmations: Confirmations | None = None

    @classmethod
    def of(
        cls,
        findings: Iterable[LabFinding],
        cleaner: Cleaner,
        session: str | None = None,
        confirmations: Confirmations | None = None,
    ) -> "LabReport":
        """Sort findings, and blank whatever they quote of the lab's secrets (``cleaner`` knows them) and its paths."""
        found = sorted(findings, key=_sort_key)
        if not _is_clean(found, cleaner):
            found = [_without_secrets(one, cleaner) for one in found]
        return cls(tuple(found), session, confirmations)

    @cached_property
    def by_kind(self) -> dict[FindingKind, list[LabFinding]]:
        """The findings by kind; the kind with the worst of them comes first."""
        groups: dict[FindingKind, list[LabFinding]] = {}
        for finding in self.findings:
            groups.setdefault(finding.kind, []).append(finding)
        return groups

    @cached_property
    def severity_counts(self) -> Counter[Severity]:
        """How many findings there are of each severity."""
        return Counter(finding.severity for finding in self.findings)


def count_rules(findings: Sequence[LabFinding]) -> list[tuple[str, int]]:
    """Return the rules of near misses with their numbers, the most frequent first."""
    return Counter(finding.rule for finding in findings if finding.rule).most_common()


def report_as_json(report: LabReport, lab: Sequence[str] = ()) -> dict[str, Any]:
    """Return a report as a JSON object; ``lab`` are the words that each command needs to mean the same lab."""
    return {
        "session": None if report.session is None else json_id(report.session),
        "counts": {f"{severity}s": report.severity_counts[severity] for severity in Severity},
        "kinds": {str(kind): len(found) for kind, found in report.by_kind.items()},
        "bytes": report.confirmations.as_object() if report.confirmations else None,
        "findings": [
            {
                "kind": str(one.kind),
                "rule": one.rule,
                "severity": str(one.severity),
                "session": None if one.session is None else json_id(one.session),
                "what": one.what,
                "remedy": one.remedy,
                "command": None if one.command is None else [*one.command, *lab],
                "places": list(one.places),
                "count": one.count,
            }
            for one in report.findings
        ],
    }


def _sort_key(finding: LabFinding) -> tuple[int, int, bool, tuple[int, int, str], str]:
    session = finding.session or ""
    return (
        _SEVERITIES.index(finding.severity),
        _KINDS.index(finding.kind),
        finding.session is not None,
        id_sort_key(session),
        finding.rule or "",
    )


def _is_clean(findings: Iterable[LabFinding], cleaner: Cleaner) -> bool:
    """Return whether nothing has to be blanked: one search of all texts is quicker than one of each."""
    texts: list[str] = []
    for one in findings:
        texts += (one.what, one.remedy, *(one.command or ()))
        texts += one.places
        texts += (place.rpartition(".")[0] for place in one.places)  # an address that only a suffix makes longer
    whole = "\n".join(texts)
    return cleaner.clean_text(whole) == whole


def _without_secrets(finding: LabFinding, cleaner: Cleaner) -> LabFinding:
    """Return a finding without secrets; a command that would hold one is left out.

    A place with one is shown as ``[removed]``: with ``_``, as in archives, it would look like another file's name.
    """
    command = finding.command
    if command and any(cleaner.clean_name(word) != word for word in command):
        command = None
    return replace(
        finding,
        what=_clean_text(finding.what, cleaner),
        remedy=_clean_text(finding.remedy, cleaner),
        command=command,
        places=tuple(cleaner.clean_name(place, REMOVED) for place in finding.places),
    )


def _clean_text(text: str, cleaner: Cleaner) -> str:
    if not isinstance(text, Message):
        return cleaner.clean_text(text)
    values = {n: cleaner.clean_text(value) if isinstance(value, str) else value for n, value in text.values.items()}
    return text if values == text.values else Message(text.id, **values)


def take_inventory_despite_settings(lab: LabFolder) -> tuple[Inventory, DocumentError | None]:
    """Take the inventory of a lab and, where ``labcrate.toml`` cannot be used, take it without that and say why."""
    try:
        return read_inventory(lab), None
    except DocumentError as error:
        return read_inventory(lab, settings=LabSettings()), error


def make_report(
    lab: LabFolder,
    session: str | None = None,
    *,
    inventory: Inventory | None = None,
    base_topic: str | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
) -> LabReport:
    """Examine a lab or one session of it, and return the report.

    ``session`` is the id, or what somebody calls it (``s42``); ``inventory`` the lab's, where it has just been taken.
    Raises NoSessionError, CatalogError, and what ``progress`` raises.
    """
    problem = None
    if inventory is None:
        inventory, problem = take_inventory_despite_settings(lab)
    session = None if session is None else inventory.resolve(session)
    cleaner = Cleaner(inventory.secrets.secrets)
    with Catalog.open(state_folder(lab.root)) as catalog:
        ids = inventory.ids if session is None else [session]
        findings = examine(
            inventory,
            catalog,
            session,
            settings_problem=problem,
            secrets=list(find_secret_files(inventory, catalog, ids, progress or Progress(), workers)),
            base_topic=base_topic,
            progress=progress,
            workers=workers,
        )
        confirmations = count_confirmations(inventory, catalog) if session is None else None
        return LabReport.of([*findings, *byte_findings(inventory, catalog, session)], cleaner, session, confirmations)
