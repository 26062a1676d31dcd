"""List the files of the lab that are not a session's: a plan only counts them."""

from collections.abc import Iterator
from dataclasses import dataclass

from labcrate.lab.folder import EntryKind, FolderEntry
from labcrate.linking.judgement import judge_file
from labcrate.linking.verdict import Rule
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.plan.inventory import Inventory
from labcrate.plan.plan import Plan
from labcrate.plan.session_files import sidecar_path


@dataclass(frozen=True, slots=True)
class LeftOutFile:
    """A file in a folder of recordings that is not the session's, with the rule that says so."""

    path: str
    rule: Rule
    reason: str

    @property
    def source(self) -> str:
        """Return the path as printable text."""
        return printable(self.path)


def left_out_files(inventory: Inventory, plan: Plan) -> Iterator[LeftOutFile]:
    """Yield every file that a plan counts as left out, in the order of the lab's folders.

    Near misses, the files of the session's own folder and the sensor data next to its recordings are not among them:
    the plan lists those.
    """
    named_in_plan = {near_miss.path for near_miss in plan.near_misses}
    session_folder = f"{inventory.folder(plan.session.id)}/"
    not_taken_paths = {one.path for one in plan.not_taken}
    linked = inventory.linked.get(plan.session.id, ())
    named_in_plan |= {sidecar_path(recording.path) for recording in linked if recording.path not in not_taken_paths}
    entries = [(entry, other) for other, found in inventory.linked.items() for entry in found]
    entries += [(entry, "") for entry in inventory.unlinked]
    for entry, other in sorted(entries, key=lambda pair: pair[0].path):
        if other != plan.session.id and entry.path not in named_in_plan and not entry.path.startswith(session_folder):
            yield _left_out_file(entry, other, inventory, plan.session.id)


def _left_out_file(entry: FolderEntry, other: str, inventory: Inventory, session_id: str) -> LeftOutFile:
    if other:
        return LeftOutFile(entry.path, Rule.OTHER_SESSION, Message("left_out.other_session", session=other))
    if entry.kind is EntryKind.LINK:
        return LeftOutFile(entry.path, Rule.SYMBOLIC_LINK, Message("not_taken.link"))
    if entry.kind is not EntryKind.FILE:
        return LeftOutFile(entry.path, Rule.NOT_A_RECORDING, Message("left_out.kind", kind=entry.kind))
    verdict = judge_file(entry.path, session_id, inventory.rules)
    return LeftOutFile(entry.path, verdict.rule, verdict.reason)
