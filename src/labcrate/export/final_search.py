"""The last look at what was generated: a secret in it is a mistake of labcrate's, and nothing is packed."""

import os
from collections.abc import Iterable, Iterator

from labcrate.archive.layout import BytesSource, FileSource
from labcrate.errors import LabcrateError
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.stream import find_in_stream

_CHUNK = 1024 * 1024


def check_generated(matcher: Matcher, name: str, chunks: Iterable[bytes]) -> None:
    """Raise LabcrateError if a generated document holds a secret; the message says of what kind, never which."""
    hit = next(find_in_stream(matcher, chunks), None)
    if hit is not None:
        raise LabcrateError(
            f"{name} was generated with {hit.kind} in it, so nothing was packed. "
            "That is a mistake of labcrate's; please report it."
        )


def chunks_of(source: FileSource | BytesSource) -> Iterator[bytes]:
    """Yield what a document was written into, from its beginning."""
    if isinstance(source, BytesSource):
        yield source.data
        return
    fd = source.open()
    try:
        at = 0
        while chunk := os.pread(fd, _CHUNK, at):
            at += len(chunk)
            yield chunk
    finally:
        os.close(fd)
