"""What the commands about one session have in common: their options, and the archive laid out."""

import os
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from labcrate.cli.screen import Bar, settings
from labcrate.config import BASE_TOPIC_VARIABLE, export_options, parse_session
from labcrate.export.build import Assembly
from labcrate.export.contents import Options
from labcrate.export.inventory import Inventory, take_inventory
from labcrate.export.prepare import prepared
from labcrate.lab.folder import Lab


def find_session(lab: Lab, named: str, time_zone: str | None = None) -> tuple[Inventory, str]:
    """Take the lab's inventory, and find the id of the session that was named; there may be none of that id.

    ``time_zone`` is the IANA zone of all times without one (None: as the lab says). Raises UsageError for what is
    no id, and DocumentError.
    """
    text = parse_session(named)
    inventory = take_inventory(lab, time_zone)
    return inventory, inventory.resolve(text)


@contextmanager
def laid_out(
    options: Namespace,
    *,
    hashed: bool,
    allow_incomplete: bool = True,
    refuse: bool = False,
    found: tuple[Inventory, str] | None = None,
) -> Iterator[Assembly]:
    """The archive of the session that was named (``found`` where it was already), with a bar while files are read.

    ``refuse``: raise SecretsError for files with secrets that may not be packed.
    """
    chosen = settings(options)
    lab = chosen.lab()
    asked = wanted(options)
    inventory, session_id = found or find_session(lab, options.session, asked.time_zone)
    with (
        Bar("Indexing", shown=not chosen.as_json) as bar,
        prepared(
            lab,
            session_id,
            asked,
            hashed=hashed,
            allow_incomplete=allow_incomplete,
            progress=bar,
            workers=chosen.workers,
            inventory=inventory,
            refuse=refuse,
        ) as assembly,
    ):
        bar.stop()
        yield assembly


def wanted(options: Namespace) -> Options:
    """What of the session is wanted. Raises UsageError."""
    return export_options(
        pad=options.pad,
        readings=options.readings,
        base_topic=options.base_topic or os.environ.get(BASE_TOPIC_VARIABLE),
        only=options.only,
        cameras=options.camera,
        sensors=options.sensor,
        start=options.start,
        end=options.end,
        time_zone=options.time_zone,
        redact=options.redact,
        allow_secrets=options.allow_secrets,
    )
