"""Finds the files of sessions that hold secrets of the lab: what an export would refuse."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from labcrate.index.catalog import Catalog
from labcrate.index.indexing import Ending, Progress, Wish, index_files
from labcrate.index.searching import Searcher
from labcrate.lab.exclude import Excluded
from labcrate.lab.folder import Kind
from labcrate.model.recording import Probe
from labcrate.plan.inventory import Inventory
from labcrate.plan.session_files import packed_files
from labcrate.secrets.redact_file import Redaction


@dataclass(frozen=True, slots=True)
class SecretIn:
    """A file of a session with the kinds of secrets in it; ``redactable`` says whether they can be taken out."""

    path: str
    kinds: tuple[str, ...]
    redactable: bool
    session: str


def find_secret_files(
    inventory: Inventory, catalog: Catalog, session_ids: Sequence[str], progress: Progress, workers: int | None
) -> Iterator[SecretIn]:
    """Yield each file that an archive of the sessions may copy and that holds a secret, once for each session.

    A large file that is no MP4 is searched when it is hashed: before that, nothing is said of it. Raises CatalogError.
    """
    excluded = Excluded(inventory.settings.exclude).matches
    of_sessions = defaultdict[str, list[str]](list)
    for one in session_ids:
        linked = [entry for entry in inventory.linked.get(one, ()) if entry.kind is Kind.FILE]
        for path in {entry.path for entry in (*linked, *packed_files(inventory, [one]))}:
            of_sessions[path].append(one)
    wishes = {}
    for path in of_sessions:
        if not excluded(path):
            with suppress(OSError):  # gone since the walk
                identity = inventory.lab.identity(path)
                wishes[path] = Wish(path, identity, hash=False, probe=False, search=True)
    searcher = Searcher(inventory.cleaner.matcher, catalog)
    known, _ = index_files(inventory.lab, catalog, wishes.values(), _no_probe, Ending(progress), workers, searcher)
    for path in sorted(known):
        search = known[path].search
        if search and search.fingerprint == searcher.fingerprint and search.result.kinds:
            redactable = search.redaction is not Redaction.NONE
            for session in of_sessions[path]:
                yield SecretIn(path, search.result.kinds, redactable, session)


def _no_probe(_file: object, _path: str) -> Probe:
    raise AssertionError("nothing was to be probed")
