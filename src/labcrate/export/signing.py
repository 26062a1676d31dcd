"""The lab's own key: makes it once, finds it, signs archives with it.

It lies in labcrate's state folder, where no archive, page or log takes anything from.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from labcrate.archive.keys import PublicKey, Signer, new_secret_key, parse_public_key, read_open_small_file
from labcrate.archive.layout import BytesSource, Layout
from labcrate.archive.manifest import MANIFEST_NAME
from labcrate.errors import NotFoundError, SigningError, TargetError
from labcrate.index.state_folder import STATE_FOLDER, state_folder
from labcrate.lab.disk import sync_folder
from labcrate.lab.folder import LabFolder, open_file_below
from labcrate.secrets.lab_secrets import SIGNING_KEY

SECRET_KEY_FILE = SIGNING_KEY.rpartition("/")[2]
PUBLIC_KEY_FILE = "signing.pub"
_WHERE = f"{SECRET_KEY_FILE} (in the lab's folder {STATE_FOLDER}, or in your state folder)"
_BACKUP = "put your backup of both files in their place, or move both away and make new ones with 'labcrate keygen'"

_EXISTS = (
    f"The lab has a key already: {_WHERE}, and {PUBLIC_KEY_FILE} beside it. labcrate never overwrites one: to have "
    "another, move both files away first, and tell everybody who has the old public key."
)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key pair that was just made: the public key, and the two files."""

    public: PublicKey
    secret_file: Path
    public_file: Path


def make_key(lab: LabFolder) -> KeyPair:
    """Make the lab's key pair, and never in place of another.

    Raises TargetError where there is one or it cannot be written, SigningError and CatalogError where that cannot be
    known.
    """
    if _key_exists(lab):
        raise TargetError(_EXISTS)
    folder = state_folder(lab.root)
    secret, public = folder / SECRET_KEY_FILE, folder / PUBLIC_KEY_FILE
    data = new_secret_key()
    key = Signer(data).public
    try:
        with _new_file(secret, data, 0o600), _new_file(public, key.file, 0o644):
            sync_folder(folder)
    except FileExistsError:
        raise TargetError(_EXISTS) from None
    except OSError as error:
        reason = (error.strerror or "input or output error").lower()
        raise TargetError(f"{_WHERE} cannot be written ({reason}); make room or give permission.") from None
    return KeyPair(key, secret, public)


def has_key(lab: LabFolder) -> bool:
    """Return whether the lab has a key, as far as this user can see; whether it can sign is another question."""
    with suppress(SigningError):
        return _key_exists(lab)
    return True


def signer_of(lab: LabFolder) -> Signer:
    """Return the lab's key. Raises NotFoundError where it has none, and SigningError where that cannot sign."""
    data = _read_key_file(lab, SECRET_KEY_FILE)
    if data is None:
        raise NotFoundError("This lab has no key to sign with; whoever runs it makes one with 'labcrate keygen', once.")
    try:
        signer = Signer(data)
    except ValueError as error:
        raise SigningError(f"{_WHERE} cannot sign: {error}; {_BACKUP}.") from None
    public_file = _read_key_file(lab, PUBLIC_KEY_FILE)
    if public_file is not None and not _is_public_key(public_file, signer.public):
        raise SigningError(f"{PUBLIC_KEY_FILE} is not the public key of {_WHERE}; {_BACKUP}.")
    return signer


def public_key_of(lab: LabFolder) -> PublicKey | None:
    """Return the lab's public key, None where it has none. Raises SigningError where its key cannot sign."""
    try:
        return signer_of(lab).public
    except NotFoundError:
        return None


def sign_archive(signer: Signer, layout: Layout) -> bytes:
    """Return the signature file of an archive: of its manifest."""
    for member in layout.members:
        if member.name == MANIFEST_NAME and isinstance(member.source, BytesSource):
            return signer.sign(member.source.data)
    raise AssertionError("an archive was laid out without a manifest")


def _is_public_key(file: bytes, public: PublicKey) -> bool:
    try:
        return parse_public_key(file) == public
    except ValueError:
        return False


def _key_paths(lab: LabFolder, name: str) -> Iterator[tuple[Path, str]]:
    """Where a key file may lie: in the lab, also while it cannot be written to, and in the state folder."""
    lab_state_folder = lab.root / STATE_FOLDER
    if not lab_state_folder.is_symlink():  # labcrate keeps nothing behind a link
        yield lab.root, f"{STATE_FOLDER}/{name}"
    own_folder = state_folder(lab.root)
    if own_folder != lab_state_folder:
        yield own_folder, name


def _key_exists(lab: LabFolder) -> bool:
    return _read_key_file(lab, SECRET_KEY_FILE) is not None or _read_key_file(lab, PUBLIC_KEY_FILE) is not None


def _read_key_file(lab: LabFolder, name: str) -> bytes | None:
    """Return what a key file holds; None where there is none. Raises SigningError."""
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
            return read_open_small_file(fd)
        except (OSError, ValueError) as error:
            refused = error
        finally:
            os.close(fd)
    if refused:
        reason = refused.strerror or "input or output error" if isinstance(refused, OSError) else str(refused)
        raise SigningError(
            f"{name} (in the lab's folder {STATE_FOLDER}, or in your state folder) cannot be read ({reason.lower()}); "
            "run labcrate as the user whose file it is."
        )
    return None


def _make_private(fd: int) -> None:
    """Take away what others may do with the secret key, if they may do anything."""
    if os.fstat(fd).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        with suppress(OSError):  # another user's file, or a read-only disk: it signs all the same
            os.fchmod(fd, 0o600)


@contextmanager
def _new_file(path: Path, data: bytes, mode: int) -> Iterator[None]:
    """Write a file that must not exist yet; where that or the block fails, it is not left. Raises OSError."""
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
