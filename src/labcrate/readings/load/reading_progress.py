"""The progress of reading the lab's sensor messages."""

from typing import Final, Protocol


class ReadingProgress(Protocol):
    """Reports how much of the files of sensor messages was read. Several threads may call it.

    An exception that a method raises ends the reading.
    """

    def begin(self, total_bytes: int) -> None:
        """Add to the bytes that are to be read; call it before they are read."""

    def advance(self, size_bytes: int, rows: int) -> None:
        """Report that so many more bytes were read, and so many more messages taken from them."""


class NoReadingProgress:
    """Reports nothing."""

    def begin(self, total_bytes: int) -> None:
        """Report nothing."""

    def advance(self, size_bytes: int, rows: int) -> None:
        """Report nothing."""


NO_READING_PROGRESS: Final[ReadingProgress] = NoReadingProgress()
