"""One file of readings as it is read: the segments that did not change, the new ones, and its faults."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedIOBase

from labcrate.messages.message import Message
from labcrate.readings.load.segments import RowFault, SegmentInfo, SourceSegment

OpenFile = BufferedIOBase
"""A file, open for reading at its beginning."""


@dataclass(slots=True)
class FileRead:
    """A file of readings.

    ``form`` is a hash of what its rows depend on (a CSV's header). ``unchanged`` are segments of an earlier read that
    it still has; ``new_segments`` yields the others while the file is read, and may be iterated once. ``faults`` are
    those of no segment, complete when all segments were read. ``fatal`` is the place and the fault of a file of which
    nothing can be used. ``in_time_order``: the file may have the rows of all topics in the order of time.
    """

    form: bytes = b""
    unchanged: tuple[SegmentInfo, ...] = ()
    new_segments: Iterator[SourceSegment] = field(default_factory=lambda: iter(()))
    faults: tuple[RowFault, ...] = ()
    fatal: tuple[Message | str, Message] | None = None
    in_time_order: bool = True

    @property
    def segments(self) -> tuple[SegmentInfo, ...]:
        """Return the known segments."""
        return self.unchanged
