"""The lab's sessions and recordings as of now, read again only when something changed."""

from aiohttp import web

from labcrate.export.inventory import Inventory, take_inventory
from labcrate.export.overview import SessionRow, overview
from labcrate.lab.folder import Lab


class Snapshot:
    """What the lab holds. Its methods read the disk: call them in a worker thread, several at a time may."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def inventory(self) -> Inventory:
        """The inventory as of now. Raises DocumentError."""
        return take_inventory(self._lab)

    def rows(self) -> list[SessionRow]:
        """One row per session. Raises DocumentError."""
        return overview(self.inventory())


SNAPSHOT = web.AppKey("snapshot", Snapshot)
