"""``labcrate index``: checksums ahead of time, so that the export itself starts at once."""

from argparse import Namespace

from labcrate.catalog.catalog import Catalog
from labcrate.catalog.index import Wish, index_files
from labcrate.catalog.searching import Searcher
from labcrate.catalog.state import state_folder
from labcrate.cli.screen import Bar, say, settings, write_json
from labcrate.config import parse_session
from labcrate.errors import IncompleteError
from labcrate.export.documents.summary import format_size, plural
from labcrate.export.inventory import Inventory, take_inventory
from labcrate.export.session_files import packed_files
from labcrate.lab.folder import Entry, Kind, Lab, printable
from labcrate.linking.place import is_hidden
from labcrate.video.containers import container_of
from labcrate.video.probe import probe


def run(options: Namespace) -> int:
    """Index the lab's recordings and the files of its sessions, or those of one; what is finished is not read again."""
    chosen = settings(options)
    lab = chosen.lab()
    inventory = take_inventory(lab)
    wishes = []
    for entry in _wanted(inventory, options.session):
        try:
            wishes.append(Wish(entry.path, lab.identity(entry.path), probe=container_of(entry.path) is not None))
        except OSError:
            continue  # gone since the walk
    with Catalog.open(state_folder(lab.root)) as catalog, Bar("Indexing", shown=not chosen.as_json) as bar:
        searcher = Searcher(inventory.cleaner.matcher, catalog)
        known, failures = index_files(lab, catalog, wishes, probe, bar, chosen.workers, searcher)
        if options.session is None:
            others = catalog.all().keys() - {wish.path for wish in wishes}  # files beside recordings are among them
            catalog.forget(sorted(path for path in others if not _exists(lab, path)))
    size = sum(item.identity.size_bytes for item in known.values())
    if chosen.as_json:
        write_json({"indexed": len(known), "sizeBytes": size, "failed": {printable(p): w for p, w in failures.items()}})
    else:
        say(f"{plural(len(known), 'recording')} indexed, {format_size(size)}")
    if failures:
        listed = "\n".join(f"  - {printable(path)} {why}" for path, why in sorted(failures.items()))
        raise IncompleteError(f"{plural(len(failures), 'recording')} could not be indexed:\n{listed}")
    return 0


def _exists(lab: Lab, path: str) -> bool:
    try:
        lab.identity(path)
    except OSError:
        return False
    return True


def _wanted(inventory: Inventory, session: str | None) -> list[Entry]:
    if session is not None:
        session_id = inventory.resolve(parse_session(session))
        inventory.session(session_id)
        entries, ids = list(inventory.linked.get(session_id, ())), [session_id]
    else:
        ids = list(inventory.book.folders)
        entries = [*inventory.unlinked, *(e for linked in inventory.linked.values() for e in linked)]
    found = [e for e in entries if e.kind is Kind.FILE and e.path.lower().endswith(".mp4") and not is_hidden(e.path)]
    return list({e.path: e for e in (*found, *packed_files(inventory, ids))}.values())
