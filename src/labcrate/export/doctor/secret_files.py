"""Finds the files of sessions that hold secrets of the lab: what an export would refuse."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from labcrate.catalog.catalog import Catalog
from labcrate.catalog.index import Ending, Progress, Wish, index_files
from labcrate.catalog.searching import Searcher
from labcrate.export.inventory import Inventory
from labcrate.export.session_files import packed_files
from labcrate.lab.exclude import Excluded
from labcrate.lab.folder import Kind
from labcrate.model.recording import Probe


def find_secret_files(
    inventory: Inventory, catalog: Catalog, session_ids: Sequence[str], progress: Progress, workers: int | None
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each file that an archive of the sessions may copy and that holds a secret, with the kinds of these.

    A large file that is no MP4 is searched when it is hashed: before that, nothing is said of it. Raises CatalogError.
    """
    excluded = Excluded(inventory.settings.exclude).matches
    linked = (entry for one in session_ids for entry in inventory.linked.get(one, ()) if entry.kind is Kind.FILE)
    wishes = {}
    for entry in (*linked, *packed_files(inventory, session_ids)):
        if not excluded(entry.path):
            with suppress(OSError):  # gone since the walk
                identity = inventory.lab.identity(entry.path)
                wishes[entry.path] = Wish(entry.path, identity, hash=False, probe=False, search=True)
    searcher = Searcher(inventory.cleaner.matcher, catalog)
    known, _ = index_files(inventory.lab, catalog, wishes.values(), _no_probe, Ending(progress), workers, searcher)
    for path in sorted(known):
        search = known[path].search
        if search and search.fingerprint == searcher.fingerprint and search.result.kinds:
            yield path, search.result.kinds


def _no_probe(_file: object, _path: str) -> Probe:
    raise AssertionError("nothing was to be probed")
