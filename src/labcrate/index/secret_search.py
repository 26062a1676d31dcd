"""Search files for the secrets of a lab while they are indexed."""

from collections.abc import Iterable
from io import FileIO
from typing import BinaryIO, cast

from labcrate.index.catalog import Catalog
from labcrate.index.records import SecretSearch
from labcrate.secrets.copied_files import (
    BEGINNING_BYTES,
    Redaction,
    ScanResult,
    choose_redaction,
    scan_chunks,
    scan_file,
)
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.mp4_boxes import is_mp4

QUICK_SEARCH_BYTES = 4 * 1024 * 1024
"""Files up to this size are searched even if they are not hashed."""


class SecretSearcher:
    """Searches files for one set of secrets; ``fingerprint`` is the set's keyed hash in one index."""

    def __init__(self, matcher: Matcher, catalog: Catalog) -> None:
        self.matcher = matcher
        self.fingerprint = matcher.secrets.fingerprint(catalog.search_key)

    def is_mp4(self, file: FileIO) -> bool:
        """Return whether a file is an MP4, of which only the metadata is searched. Raises OSError."""
        file.seek(0)
        return is_mp4(file.read(8))

    def search(self, file: FileIO, size_bytes: int) -> SecretSearch:
        """Search a file. Raises OSError."""
        return self._search(file, scan_file(self.matcher, cast(BinaryIO, file), size_bytes))

    def search_chunks(self, file: FileIO, chunks: Iterable[bytes]) -> SecretSearch:
        """Search a file that is no MP4 by its ``chunks``, reading all of them. Raises OSError."""
        file.seek(0)
        return self._search(file, scan_chunks(self.matcher, file.read(BEGINNING_BYTES), chunks))

    def _search(self, file: FileIO, result: ScanResult) -> SecretSearch:
        redaction = choose_redaction(cast(BinaryIO, file)) if result.kinds else Redaction.NONE
        return SecretSearch(self.fingerprint, result, redaction)
