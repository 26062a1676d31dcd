"""Every error that labcrate raises on purpose.

Each class carries the exit code of the command line, and the status, the type (``urn``) and the title that the
HTTP API answers with (RFC 9457), so that neither decides for itself what a failure means::

    LabcrateError               exit  1   HTTP 500
    ├── UsageError              exit  2   HTTP 400   an option or argument that cannot be meant
    ├── NoLabError              exit  3   HTTP 503   the folder is not a lab folder
    ├── DocumentError           exit  4   HTTP 500   a file of the lab does not parse
    ├── NoSessionError          exit  5   HTTP 404   no such session
    ├── IncompleteError         exit  6   HTTP 409   the session is not whole; nothing was packed
    ├── SourceChangedError      exit  7   HTTP 409   a file changed between plan and packing
    │   └── OtherBytesError                      ... and it shows only in its bytes
    ├── TargetError             exit  8   HTTP 500   the output cannot be written
    ├── VerificationError       exit  9   HTTP 422   an archive is damaged
    ├── CatalogError            exit 10   HTTP 503   the index cannot be used
    ├── NotAllowedError         exit 11   HTTP 403   who asks may not do that
    ├── LoginError              exit 12   HTTP 401   nobody is logged in, or name and password do not fit
    ├── TooManyError            exit 13   HTTP 429   too many attempts; wait
    ├── PeopleError             exit 14   HTTP 503   logins or the export log cannot be read or written
    ├── RepairError             exit 15   HTTP 409   a near miss cannot be linked, or a link not undone
    ├── NotReadyError           exit 16   HTTP 503   the archive is still being prepared
    ├── ServeError              exit 17   HTTP 500   the server cannot start
    ├── NoSuchThingError        exit 18   HTTP 404   no such user, token, key, recording, job or page
    ├── SecretsError            exit 19   HTTP 409   a file to be copied holds a password, an address or the like
    └── SigningError            exit 20   HTTP 503   the lab's key cannot be used

A message is one sentence or two: the object, the rule, the remedy.
"""

from collections.abc import Iterable
from typing import ClassVar


class LabcrateError(Exception):
    """Base of all errors that are the caller's or the data's, not labcrate's own."""

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    urn: ClassVar[str] = "urn:labcrate:error:labcrate"
    title: ClassVar[str] = "Something went wrong"


class UsageError(LabcrateError):
    """An option or argument that cannot be meant."""

    exit_code = 2
    http_status = 400
    urn = "urn:labcrate:error:usage"
    title = "The request cannot be meant"


class NoLabError(LabcrateError):
    """The folder is not a lab folder."""

    exit_code = 3
    http_status = 503
    urn = "urn:labcrate:error:no-lab"
    title = "There is no lab"


class DocumentError(LabcrateError):
    """A file of the lab does not parse, or says something impossible.

    ``file`` is relative to the lab folder, ``where`` is a line or a key. The sentence has the file's name on one line.
    """

    exit_code = 4
    http_status = 500
    urn = "urn:labcrate:error:document"
    title = "A file of the lab does not parse"

    def __init__(self, file: str, where: str, problem: str) -> None:
        self.file, self.where, self.problem = file, where, problem
        named = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in file)
        super().__init__(f"{named}{', ' + where if where else ''}: {problem}")


class NoSessionError(LabcrateError):
    """No file, folder or recording tells of a session with this id."""

    exit_code = 5
    http_status = 404
    urn = "urn:labcrate:error:no-session"
    title = "There is no such session"


class IncompleteError(LabcrateError):
    """The session is not whole, and packing the rest was not asked for.

    ``missing`` says of each thing what is missing, why, and what to do.
    """

    exit_code = 6
    http_status = 409
    urn = "urn:labcrate:error:incomplete"
    title = "The session is not whole"

    def __init__(self, message: str, missing: Iterable[tuple[str, str, str]] = ()) -> None:
        self.missing = tuple(missing)
        super().__init__(message)


class SourceChangedError(LabcrateError):
    """A file is not the one that was planned: changed, cut short or gone."""

    exit_code = 7
    http_status = 409
    urn = "urn:labcrate:error:source-changed"
    title = "A file changed meanwhile"


class OtherBytesError(SourceChangedError):
    """A file holds other bytes than its checksum is of, though size and times are the same; ``file`` names it."""

    urn = "urn:labcrate:error:other-bytes"
    title = "A file holds other bytes than its checksum is of"

    def __init__(self, file: str) -> None:
        self.file = file
        super().__init__(
            f"{file} holds other bytes than its checksum is of, under the same size and times: the disk is failing, "
            "or a program writes around the file system. Restore the file from a backup; if the change is meant, run "
            "touch on it. 'labcrate index --check' reads it again."
        )


class TargetError(LabcrateError):
    """The output cannot be written: it exists, the disk is full, or permission is missing."""

    exit_code = 8
    http_status = 500
    urn = "urn:labcrate:error:target"
    title = "There is no room, or no permission, to write"


class VerificationError(LabcrateError):
    """An archive is not what its manifest says, or is no archive."""

    exit_code = 9
    http_status = 422
    urn = "urn:labcrate:error:verification"
    title = "The archive is damaged"


class CatalogError(LabcrateError):
    """The index of the lab cannot be read or written."""

    exit_code = 10
    http_status = 503
    urn = "urn:labcrate:error:catalog"
    title = "The index cannot be used"


class NotAllowedError(LabcrateError):
    """Who asks may not do that."""

    exit_code = 11
    http_status = 403
    urn = "urn:labcrate:error:not-allowed"
    title = "Not allowed"


class LoginError(LabcrateError):
    """Nobody is logged in, or name and password do not fit."""

    exit_code = 12
    http_status = 401
    urn = "urn:labcrate:error:login"
    title = "Not logged in"


class TooManyError(LabcrateError):
    """Too many attempts in a short time; ``retry_after_s`` is how long to wait, in seconds."""

    exit_code = 13
    http_status = 429
    urn = "urn:labcrate:error:too-many"
    title = "Too many requests"

    def __init__(self, message: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class PeopleError(LabcrateError):
    """Logins or the export log cannot be read or written."""

    exit_code = 14
    http_status = 503
    urn = "urn:labcrate:error:people"
    title = "Logins or logs cannot be used"


class RepairError(LabcrateError):
    """A near miss cannot be linked, or a link cannot be undone."""

    exit_code = 15
    http_status = 409
    urn = "urn:labcrate:error:repair"
    title = "The link cannot be made or undone"


class NotReadyError(LabcrateError):
    """The archive is still being prepared; ``retry_after_s`` is when to ask again, in seconds."""

    exit_code = 16
    http_status = 503
    urn = "urn:labcrate:error:not-ready"
    title = "The archive is not ready yet"

    def __init__(self, message: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class ServeError(LabcrateError):
    """The server cannot start: the address is taken, or a certificate does not fit."""

    exit_code = 17
    http_status = 500
    urn = "urn:labcrate:error:serve"


class NoSuchThingError(LabcrateError):
    """No such user, token, key, recording, job or page."""

    exit_code = 18
    http_status = 404
    urn = "urn:labcrate:error:no-such-thing"
    title = "There is no such thing"


class SecretsError(LabcrateError):
    """A file that is to be copied holds a secret of the lab, and nobody decided what to do with it.

    ``files`` says of each its member, what kinds of secrets it holds, and whether they can be taken out.
    """

    exit_code = 19
    http_status = 409
    urn = "urn:labcrate:error:secrets"
    title = "Files hold secrets of the lab"

    def __init__(self, message: str, files: Iterable[tuple[str, tuple[str, ...], bool]] = ()) -> None:
        self.files = tuple(files)
        super().__init__(message)


class SigningError(LabcrateError):
    """The lab's key is there and cannot sign: damaged, closed to this user, or with a password."""

    exit_code = 20
    http_status = 503
    urn = "urn:labcrate:error:signing"
    title = "The lab's key cannot be used"
