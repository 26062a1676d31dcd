"""Every error that labcrate raises on purpose.

Each class has the exit code of the command line, and the status, type (``urn``) and title of the HTTP API's answer
(RFC 9457), so that one failure means the same everywhere::

    LabcrateError               exit  1   HTTP 500
    ├── UsageError              exit  2   HTTP 400   an invalid option or argument
    ├── NoLabError              exit  3   HTTP 503   the folder is not a lab folder
    ├── DocumentError           exit  4   HTTP 500   a file of the lab does not parse
    ├── NoSessionError          exit  5   HTTP 404   no such session
    ├── IncompleteError         exit  6   HTTP 409   the export would be incomplete; nothing was written
    ├── SourceChangedError      exit  7   HTTP 409   a file changed after it was planned
    │   └── ChecksumError                      ... with the same size and times
    ├── TargetError             exit  8   HTTP 500   the output cannot be written
    ├── VerificationError       exit  9   HTTP 422   an archive is damaged
    ├── CatalogError            exit 10   HTTP 503   the index cannot be used
    ├── NotAllowedError         exit 11   HTTP 403   the user's role does not allow this
    ├── LoginError              exit 12   HTTP 401   not logged in, or a wrong name or password
    ├── TooManyError            exit 13   HTTP 429   too many attempts
    ├── PeopleError             exit 14   HTTP 503   logins or the export log cannot be read or written
    ├── RepairError             exit 15   HTTP 409   a recording cannot be linked, or a link undone
    ├── NotReadyError           exit 16   HTTP 503   the archive is still being prepared
    ├── ServeError              exit 17   HTTP 500   the server cannot start
    ├── NotFoundError        exit 18   HTTP 404   no such user, token, key, recording, job or page
    ├── SecretsError            exit 19   HTTP 409   a file to be copied contains a password or an address
    └── SigningError            exit 20   HTTP 503   the lab's key cannot be used

A message is one or two sentences: the object, the rule, the remedy.
"""

from collections.abc import Iterable
from typing import ClassVar

from labcrate.messages.message import Message


class LabcrateError(Exception):
    """Base of all errors that the user or the data causes. A defect of labcrate raises something else.

    ``str(error)`` is its message with id and values.
    """

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    urn: ClassVar[str] = "urn:labcrate:error:labcrate"
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class UsageError(LabcrateError):
    """An option or argument is invalid."""

    exit_code = 2
    http_status = 400
    urn = "urn:labcrate:error:usage"
    title = "Invalid request"


class NoLabError(LabcrateError):
    """The folder is not a lab folder."""

    exit_code = 3
    http_status = 503
    urn = "urn:labcrate:error:no-lab"
    title = "No lab folder"


class DocumentError(LabcrateError):
    """A file of the lab cannot be parsed, or contradicts itself.

    ``file`` is its path relative to the lab folder, ``where`` a line or a key (empty: the whole file).
    """

    exit_code = 4
    http_status = 500
    urn = "urn:labcrate:error:document"
    title = "Invalid file in the lab"

    def __init__(self, file: str, where: str, problem: Message) -> None:
        self.file, self.where, self.problem = file, where, problem
        if where:
            super().__init__(Message("file.problem_at", file=file, where=where, problem=problem))
        else:
            super().__init__(Message("file.problem", file=file, problem=problem))


class NoSessionError(LabcrateError):
    """No file, folder or recording of the lab belongs to a session with this id."""

    exit_code = 5
    http_status = 404
    urn = "urn:labcrate:error:no-session"
    title = "Session not found"


class IncompleteError(LabcrateError):
    """The export would be incomplete, and an incomplete export was not requested.

    ``missing`` has what is missing, why, and the remedy, for each missing thing.
    """

    exit_code = 6
    http_status = 409
    urn = "urn:labcrate:error:incomplete"
    title = "The export would be incomplete"

    def __init__(self, message: Message, missing: Iterable[tuple[str, str, str]] = ()) -> None:
        self.missing = tuple(missing)
        super().__init__(message)


class SourceChangedError(LabcrateError):
    """A file is no longer as planned: changed, truncated or deleted."""

    exit_code = 7
    http_status = 409
    urn = "urn:labcrate:error:source-changed"
    title = "A file has changed"


class ChecksumError(SourceChangedError):
    """The bytes of ``file`` differ from its checksum, although its size and times are the same."""

    urn = "urn:labcrate:error:other-bytes"
    title = "A file does not match its checksum"

    def __init__(self, file: str) -> None:
        self.file = file
        super().__init__(Message("file.differs", file=file))


class TargetError(LabcrateError):
    """The output cannot be written: it exists, the disk is full, or permission is missing."""

    exit_code = 8
    http_status = 500
    urn = "urn:labcrate:error:target"
    title = "The output cannot be written"


class VerificationError(LabcrateError):
    """An archive does not match its manifest, or is not an archive."""

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
    """The role of the user does not allow this."""

    exit_code = 11
    http_status = 403
    urn = "urn:labcrate:error:not-allowed"
    title = "Not allowed"


class LoginError(LabcrateError):
    """The client is not logged in, or its name, password or token is wrong."""

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

    def __init__(self, message: Message, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class PeopleError(LabcrateError):
    """Logins or the export log cannot be read or written."""

    exit_code = 14
    http_status = 503
    urn = "urn:labcrate:error:people"
    title = "Logins and logs cannot be used"


class RepairError(LabcrateError):
    """A recording cannot be linked to a session, or a link cannot be undone."""

    exit_code = 15
    http_status = 409
    urn = "urn:labcrate:error:repair"
    title = "The link cannot be changed"


class NotReadyError(LabcrateError):
    """The archive is still being prepared; ``retry_after_s`` is when to try again, in seconds."""

    exit_code = 16
    http_status = 503
    urn = "urn:labcrate:error:not-ready"
    title = "The archive is not ready yet"

    def __init__(self, message: Message, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class ServeError(LabcrateError):
    """The server cannot start: its address is in use, or its certificate is invalid."""

    exit_code = 17
    http_status = 500
    urn = "urn:labcrate:error:serve"


class NotFoundError(LabcrateError):
    """No such user, token, key, recording, job or page."""

    exit_code = 18
    http_status = 404
    urn = "urn:labcrate:error:no-such-thing"
    title = "Not found"


class SecretsError(LabcrateError):
    """A file to be copied contains a secret of the lab, and the export has no option that decides what to do with it.

    ``files`` has, for each, its name in the archive, the kinds of secrets in it, and whether they can be removed.
    """

    exit_code = 19
    http_status = 409
    urn = "urn:labcrate:error:secrets"
    title = "Files contain secrets of the lab"

    def __init__(self, message: Message, files: Iterable[tuple[str, tuple[str, ...], bool]] = ()) -> None:
        self.files = tuple(files)
        super().__init__(message)


class SigningError(LabcrateError):
    """The lab has a key that cannot sign: damaged, not readable for this user, or protected by a password."""

    exit_code = 20
    http_status = 503
    urn = "urn:labcrate:error:signing"
    title = "The lab's key cannot be used"


NoSuchThingError = NotFoundError  # names of earlier versions
OtherBytesError = ChecksumError
