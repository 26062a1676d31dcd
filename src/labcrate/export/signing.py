"""The lab's own key: create it, find it, and sign archives with it.

It is in labcrate's state folder, from which nothing goes into an archive, a page or a log.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from labcrate.archive.keys import PublicKey, Signer, new_secret_key, parse_public_key, read_open_small_file
from labcrate.archive.layout import BytesSource, Layout
from labcrate.archive.manifest import MANIFEST_NAME
from labcrate.errors import NotFoundError, SigningError, TargetError
from labcrate.index.state_folder import STATE_FOLDER, state_folder
from labcrate.lab.disk import sync_folder
from labcrate.lab.folder import LabFolder, open_file_below
from labcrate.messages.message import Message
from labcrate.secrets.lab_secrets import SIGNING_KEY

SECRET_KEY_FILE = SIGNING_KEY.rpartition("/")[2]
PUBLIC_KEY_FILE = "signing.pub"


def _place(name: str) -> Message:
    """Return a key file's name, and where it can be."""
    return Message("signing.place", file=name, folder=STATE_FOLDER)


_SECRET_KEY_PLACE = _place(SECRET_KEY_FILE)


class KeyPair(Struct, frozen=True):
    """A new key pair: the public key, and the two files."""

    public: PublicKey
    secret_file: Path
    public_file: Path


def make_key(lab: LabFolder) -> KeyPair:
    """Create the lab's key pair; an existing one is never replaced.

    Raises TargetError if there is one or it cannot be written, SigningError and CatalogError if that cannot be found
    out.
    """
    if (existing := _existing_key_file(lab)) is not None:
        raise _key_exists(lab, existing)
    folder = state_folder(lab.root)
    secret, public = folder / SECRET_KEY_FILE, folder / PUBLIC_KEY_FILE
    data = new_secret_key()
    key = Signer(data).public
    try:
        with _new_file(secret, data, 0o600), _new_file(public, key.file, 0o644):
            sync_folder(folder)
    except FileExistsError:
        raise _key_exists(lab, secret if os.path.lexists(secret) else public) from None
    except OSError as error:
        reason = (error.strerror or "input or output error").lower()
        raise TargetError(Message("signing.cannot_write", place=_SECRET_KEY_PLACE, reason=reason)) from None
    return KeyPair(key, secret, public)


def has_key(lab: LabFolder) -> bool:
    """Return whether the lab has a key that this user can see; it may be unable to sign."""
    with suppress(SigningError):
        return _existing_key_file(lab) is not None
    return True


def signer_of(lab: LabFolder) -> Signer:
    """Return the lab's key. Raises NotFoundError if there is none, and SigningError if it cannot sign."""
    data = _read_key_file(lab, SECRET_KEY_FILE)
    if data is None:
        raise NotFoundError(Message("signing.no_key"))
    try:
        signer = Signer(data)
    except ValueError as error:
        raise SigningError(Message("signing.cannot_sign", place=_SECRET_KEY_PLACE, reason=str(error))) from None
    public_file = _read_key_file(lab, PUBLIC_KEY_FILE)
    if public_file is not None and not _is_public_key(public_file, signer.public):
        raise SigningError(Message("signing.other_public_key", file=PUBLIC_KEY_FILE, place=_SECRET_KEY_PLACE))
    return signer


def public_key_of(lab: LabFolder) -> PublicKey | None:
    """Return the lab's public key, None if it has none. Raises SigningError if its key cannot sign."""
    try:
        return signer_of(lab).public
    except NotFoundError:
        return None


def sign_archive(signer: Signer, layout: Layout) -> bytes:
    """Return the content of an archive's signature file: the signature of its manifest."""
    for member in layout.members:
        if member.name == MANIFEST_NAME and isinstance(member.source, BytesSource):
            return signer.sign(member.source.data)
    raise AssertionError("the archive has no manifest")


def _is_public_key(file: bytes, public: PublicKey) -> bool:
    try:
        return parse_public_key(file) == public
    except ValueError:
        return False


def _key_paths(lab: LabFolder, name: str) -> Iterator[tuple[Path, str]]:
    """Yield the places of a key file: in the lab, also if that cannot be written to, and in the state folder."""
    lab_state_folder = lab.root / STATE_FOLDER
    if not lab_state_folder.is_symlink():  # labcrate keeps nothing behind a link
        yield lab.root, f"{STATE_FOLDER}/{name}"
    own_folder = state_folder(lab.root)
    if own_folder != lab_state_folder:
        yield own_folder, name


def _existing_key_file(lab: LabFolder) -> Path | None:
    """Return the path of the secret key or, without that, of the public key; None if there is neither."""
    found = _find_key_file(lab, SECRET_KEY_FILE) or _find_key_file(lab, PUBLIC_KEY_FILE)
    return found[0] if found else None


def _key_exists(lab: LabFolder, file: Path) -> TargetError:
    """Return the error of a lab that already has this key file. It does not contain the path of the lab."""
    place: str | Message = Message("signing.in_state_folder", file=file.name)
    if file.parent == lab.root / STATE_FOLDER:
        place = f"{STATE_FOLDER}/{file.name}"
    return TargetError(Message("signing.key_exists", place=place, secret=SECRET_KEY_FILE, public=PUBLIC_KEY_FILE))


def _read_key_file(lab: LabFolder, name: str) -> bytes | None:
    """Return the content of a key file; None if there is none. Raises SigningError."""
    found = _find_key_file(lab, name)
    return found[1] if found else None


def _find_key_file(lab: LabFolder, name: str) -> tuple[Path, bytes] | None:
    """Return the path and the content of a key file; None if there is none. Raises SigningError."""
    refused: OSError | ValueError | None = None
    for root, path in _key_paths(lab, name):
        try:
            fd = open_file_below(root, path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            refused = error
            continue
        try:
            if name == SECRET_KEY_FILE:
                _make_private(fd)
            return root / path, read_open_small_file(fd)
        except (OSError, ValueError) as error:
            refused = error
        finally:
            os.close(fd)
    if refused:
        reason = refused.strerror or "input or output error" if isinstance(refused, OSError) else str(refused)
        raise SigningError(Message("signing.cannot_read", place=_place(name), reason=reason))
    return None


def _make_private(fd: int) -> None:
    """Remove all permissions of other users from the secret key."""
    if os.fstat(fd).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        with suppress(OSError):  # another user's file, or a read-only disk: the key can sign nevertheless
            os.fchmod(fd, 0o600)


@contextmanager
def _new_file(path: Path, data: bytes, mode: int) -> Iterator[None]:
    """Write a file that must not exist yet, and remove it if that or the block fails. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise
