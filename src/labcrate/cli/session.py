"""What the commands about one session have in common: their options, and the archive laid out."""

import os
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from labcrate.cli.screen import Bar, settings
from labcrate.config import BASE_TOPIC_VARIABLE, export_options, parse_session
from labcrate.export.build import Assembly
from labcrate.export.contents import Options
from labcrate.export.prepare import prepared
from labcrate.readings.topics import BASE_TOPIC


@contextmanager
def laid_out(options: Namespace, *, hashed: bool, allow_incomplete: bool = True) -> Iterator[Assembly]:
    """The archive of the session that was named, with a bar while its recordings are read."""
    chosen, number = settings(options), parse_session(options.session)
    with (
        Bar("Indexing", shown=not chosen.as_json) as bar,
        prepared(
            chosen.lab(),
            number,
            wanted(options),
            hashed=hashed,
            allow_incomplete=allow_incomplete,
            progress=bar,
            workers=chosen.workers,
        ) as assembly,
    ):
        bar.stop()
        yield assembly


def wanted(options: Namespace) -> Options:
    """What of the session is wanted. Raises UsageError."""
    return export_options(
        pad=options.pad,
        readings=options.readings,
        base_topic=options.base_topic or os.environ.get(BASE_TOPIC_VARIABLE) or BASE_TOPIC,
        only=options.only,
        cameras=options.camera,
        sensors=options.sensor,
        start=options.start,
        end=options.end,
    )
