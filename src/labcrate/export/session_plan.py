"""A session of a lab is found and its archive laid out, as plan, layout and export have in common."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from labcrate.export.assemble import Assembly
from labcrate.export.prepare import prepared
from labcrate.index.indexing import Progress
from labcrate.lab.folder import Lab
from labcrate.plan.inventory import Inventory, find_session
from labcrate.plan.options import Options

Stages = Callable[[str], AbstractContextManager[Progress]]
"""Return what shows the progress of a stage (``indexing`` or ``packing``) while its context is entered."""


def silent(_: str) -> AbstractContextManager[Progress]:
    """Show nothing."""
    return nullcontext(Progress())


@contextmanager
def planned_session(
    lab: Lab, session: str, options: Options, stages: Stages, workers: int | None = None
) -> Iterator[tuple[Inventory, Assembly]]:
    """Yield a lab's inventory, and the archive of one session as it is known before recordings are read through.

    ``workers`` is how many files are read at once (None: one per core). Raises UsageError for what is no session's
    id, and what ``prepared`` does.
    """
    inventory, session_id = find_session(lab, session, options.time_zone)
    with laid_out(inventory, session_id, options, stages, workers, export=False) as assembly:
        yield inventory, assembly


@contextmanager
def laid_out(
    inventory: Inventory,
    session_id: str,
    options: Options,
    stages: Stages,
    workers: int | None,
    *,
    export: bool,
    whole: bool = False,
) -> Iterator[Assembly]:
    """Yield a session's archive, with the progress of the indexing shown until it is laid out.

    For an ``export`` recordings are read through, and secrets that may not be packed refused; ``whole``: raise
    IncompleteError where something is missing.
    """
    with ExitStack() as held:
        with stages("indexing") as progress:
            preparing = prepared(
                inventory.lab,
                session_id,
                options,
                hashed=export,
                allow_incomplete=not whole,
                refuse=export,
                progress=progress,
                workers=workers,
                inventory=inventory,
            )
            assembly = held.enter_context(preparing)
        yield assembly
