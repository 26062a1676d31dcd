"""Names the files of the lab that are not a session's: what a plan only counts."""

from collections.abc import Iterator
from dataclasses import dataclass

from labcrate.lab.folder import Entry, Kind
from labcrate.linking.judging import judge
from labcrate.linking.verdict import Rule
from labcrate.messages.text import printable
from labcrate.plan.inventory import Inventory
from labcrate.plan.plan import Plan
from labcrate.plan.session_files import beside


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file where recordings lie that has nothing to do with a session, and the rule that says so."""

    path: str
    rule: Rule
    reason: str

    @property
    def source(self) -> str:
        """The path as printable text."""
        return printable(self.path)


def left_out_files(inventory: Inventory, plan: Plan) -> Iterator[LeftOut]:
    """Yield every file that a plan counts as left out, in the order of the lab's folders.

    Near misses, the files of the session's own folder and the sensor data beside its recordings are not among them:
    the plan itself names those.
    """
    named = {near_miss.path for near_miss in plan.near_misses}
    own = f"{inventory.folder(plan.session.id)}/"
    out = {one.path for one in plan.not_taken}
    linked = inventory.linked.get(plan.session.id, ())
    named |= {beside(recording.path) for recording in linked if recording.path not in out}
    entries = [(entry, other) for other, found in inventory.linked.items() for entry in found]
    entries += [(entry, "") for entry in inventory.unlinked]
    for entry, other in sorted(entries, key=lambda pair: pair[0].path):
        if other != plan.session.id and entry.path not in named and not entry.path.startswith(own):
            yield _left_out(entry, other, inventory, plan.session.id)


def _left_out(entry: Entry, other: str, inventory: Inventory, session_id: str) -> LeftOut:
    if other:
        return LeftOut(entry.path, Rule.OTHER_SESSION, f"belongs to session {other}")
    if entry.kind is Kind.LINK:
        return LeftOut(entry.path, Rule.SYMBOLIC_LINK, "symbolic links are never followed")
    if entry.kind is not Kind.FILE:
        return LeftOut(entry.path, Rule.NOT_A_RECORDING, str(entry.kind))
    verdict = judge(entry.path, session_id, inventory.rules)
    return LeftOut(entry.path, verdict.rule, verdict.reason)
