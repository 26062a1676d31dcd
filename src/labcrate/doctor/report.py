"""The report of ``labcrate doctor``: findings sorted, grouped, counted and without secrets, also as a JSON object."""

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
    """All findings about a lab, or about one session of it (``session``), in the order of the report.

    ``confirmations`` is set for a whole lab: how old the confirmations of its checksums are.
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
        """Make a report: sort the findings, and remove the lab's secrets and absolute paths from their texts."""
        found = sorted(findings, key=_sort_key)
        if not _is_clean(found, cleaner):
            found = [_without_secrets(one, cleaner) for one in found]
        return cls(tuple(found), session, confirmations)

    @cached_property
    def by_kind(self) -> dict[FindingKind, list[LabFinding]]:
        """Return the findings by kind; the kind with the most severe finding comes first."""
        groups: dict[FindingKind, list[LabFinding]] = {}
        for finding in self.findings:
            groups.setdefault(finding.kind, []).append(finding)
        return groups

    @cached_property
    def severity_counts(self) -> Counter[Severity]:
        """Return the number of findings of each severity."""
        return Counter(finding.severity for finding in self.findings)


def count_rules(findings: Sequence[LabFinding]) -> list[tuple[str, int]]:
    """Return the rules of near misses with their numbers, the most frequent rule first."""
    return Counter(finding.rule for finding in findings if finding.rule).most_common()


def report_as_json(report: LabReport, lab: Sequence[str] = ()) -> dict[str, Any]:
    """Return a report as a JSON object; ``lab`` are the words that select the lab in each command."""
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
    """Return whether the findings contain no secret; one search of all texts is quicker than one for each."""
    texts: list[str] = []
    for one in findings:
        texts += (one.what, one.remedy, *(one.command or ()))
        texts += one.places
        texts += (place.rpartition(".")[0] for place in one.places)  # an address may end at the suffix
    whole = "\n".join(texts)
    return cleaner.clean_text(whole) == whole


def _without_secrets(finding: LabFinding, cleaner: Cleaner) -> LabFinding:
    """Return a finding without secrets; leave out a command that contains one.

    A place with a secret is shown as ``[removed]``: ``_``, as in archives, would look like the name of another file.
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
    return text.replace_texts(cleaner.clean_text) if isinstance(text, Message) else cleaner.clean_text(text)


def take_inventory_despite_settings(lab: LabFolder) -> tuple[Inventory, DocumentError | None]:
    """Return the inventory of a lab; if ``labcrate.toml`` is invalid, take it without and return the error, too."""
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
    """Examine a lab, or one session of it, and return the report.

    ``session`` is the ID or a usual spelling of it (``s42``). ``inventory`` is the lab's, if it was already taken.
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
