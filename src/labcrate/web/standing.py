"""Archives that are laid out and wait for whoever asks for a part of them."""

from contextlib import ExitStack
from dataclasses import dataclass

from aiohttp import web

from labcrate.archive.entity import Entity
from labcrate.catalog.index import Progress
from labcrate.config import ServeSettings
from labcrate.export.build import Assembly
from labcrate.export.contents import Options
from labcrate.export.prepare import prepared
from labcrate.lab.folder import Lab
from labcrate.web.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Archive:
    """One session's archive: its plan and its bytes."""

    assembly: Assembly
    entity: Entity


class Standing:
    """All archives that stand ready. Methods read the disk: call them in a worker thread, several at a time may."""

    def __init__(self, lab: Lab, snapshot: Snapshot, settings: ServeSettings) -> None:
        self._lab, self._snapshot, self._settings = lab, snapshot, settings
        self._open = ExitStack()

    def plan(self, number: int, options: Options) -> Assembly:
        """What an export would hold, with its exact size; nothing is hashed for it. Raises what Planner.plan does."""
        with prepared(self._lab, number, options, hashed=False, workers=self._settings.workers) as assembly:
            return assembly

    def archive(
        self, number: int, options: Options, *, allow_incomplete: bool = False, progress: Progress | None = None
    ) -> Archive:
        """The archive as of now; files whose fixity is not known are read first, and ``progress`` is told.

        What ``progress`` raises ends the reading. Raises what Planner.plan does.
        """
        assembly = self._open.enter_context(
            prepared(
                self._lab,
                number,
                options,
                hashed=True,
                allow_incomplete=allow_incomplete,
                progress=progress,
                workers=self._settings.workers,
            )
        )
        return Archive(assembly, Entity(assembly.layout))

    def by_etag(self, number: int, etag: str) -> Archive | None:
        """The archive with just these bytes, if it still stands ready: what a resumed download asks for."""
        return None

    def ready(self, number: int, options: Options) -> bool:
        """Whether ``archive`` would answer without reading whole files first."""
        return all(r.fixity is not None for r in self.plan(number, options).plan.recordings)

    def close(self) -> None:
        """Let go of all of them."""
        self._open.close()


STANDING = web.AppKey("standing", Standing)
