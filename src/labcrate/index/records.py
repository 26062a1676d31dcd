"""What the index remembers of one file."""

from dataclasses import dataclass

from labcrate.model.fixity import Fixity, Identity
from labcrate.model.recording import Probe
from labcrate.secrets.redact_file import Redaction
from labcrate.secrets.scan_file import ScanResult


@dataclass(frozen=True, slots=True)
class Search:
    """What a search for secrets found, and how they could be taken out.

    ``fingerprint`` is the keyed hash of all that was searched for: another one, and the search says nothing.
    """

    fingerprint: str
    result: ScanResult
    redaction: Redaction = Redaction.NONE


@dataclass(frozen=True, slots=True)
class Patched:
    """The fixity of a file with bytes written over it; ``patches`` is the SHA-256 of what was written, and where."""

    patches: str
    fixity: Fixity


@dataclass(frozen=True, slots=True)
class Indexed:
    """What is known of one file in one state; each thing is None until it was computed.

    ``confirmed_ms`` is when all its bytes were last read and fitted the fixity, ``differs_ms`` when they last did not,
    in milliseconds since 1970: it holds other bytes then, under the same size and times.
    """

    path: str
    identity: Identity
    fixity: Fixity | None = None
    probe: Probe | None = None
    search: Search | None = None
    patched: Patched | None = None
    confirmed_ms: int | None = None
    differs_ms: int | None = None

    def searched(self, fingerprint: str) -> Search | None:
        """Return what is known of secrets in it, if just these were searched for."""
        return self.search if self.search and self.search.fingerprint == fingerprint else None
