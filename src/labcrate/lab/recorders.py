"""Find the files of video recorders that overlap a span of time, by the times in their paths alone.

Two types are built in, with the paths that their source code writes:

- Frigate: ``move_segment`` in ``frigate/record/maintainer.py`` names a file by its start in UTC, as
  ``%Y-%m-%d/%H``, the camera, ``%M.%S.mp4``; ``MAX_SEGMENT_DURATION`` in ``frigate/const.py`` is 600 seconds.
- motionEye: ``movie_filename`` is ``%Y-%m-%d/%H-%M-%S`` unless its owner changes it, below a folder of the camera
  (``target_dir``), both in ``motioneye/config.py``; times are in the machine's zone, and files may be of any length.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec import Struct

from labcrate.errors import DocumentError
from labcrate.lab.folder import NOT_REGULAR, SYMBOLIC_LINK, open_file_below, open_folder_below
from labcrate.lab.path_pattern import (
    PathPattern,
    interpret_fields,
    matched_fields,
    recorder_pattern,
    utc_bounds,
    wall_clock_bounds,
)
from labcrate.lab.text import expand_home
from labcrate.messages.message import Message
from labcrate.model.fixity import Identity
from labcrate.model.lab_settings import Recorder
from labcrate.model.timespan import TimeSpan

SETTINGS_FILE = "labcrate.toml"
_LINK = Message("lab.segment_link")


class RecorderType(Struct, frozen=True):
    """A built-in type of recorder: its pattern, its zone (None: the lab's) and the length of its longest file."""

    pattern: str
    time_zone: str | None
    longest: timedelta


LONGEST_FILE = timedelta(hours=24)
"""The length of the longest file of a recorder, unless its type or labcrate.toml sets another."""

RECORDER_TYPES: Mapping[str, RecorderType] = {
    "frigate": RecorderType("{Y}-{m}-{d}/{H}/{camera}/{M}.{S}.mp4", "UTC", timedelta(seconds=600)),
    "motioneye": RecorderType("{camera}/{Y}-{m}-{d}/{H}-{M}-{S}.mp4", None, LONGEST_FILE),
}

# A folder's date is in the recorder's zone, exactly. If the date is repeated further down, the folder may have been
# named by another clock (of the machine that received the file, for example): zones are up to 26 hours apart.
_MAX_ZONE_DIFFERENCE = timedelta(hours=26)


class Segment(Struct, frozen=True):
    """A recorder's file: its path below the recorder's folder, the recorder's name of its camera, and its start.

    It began at ``start`` (UTC) or at most ``start_uncertainty_s`` seconds later: an hour that occurs twice, or a
    name without seconds. Its length is not in the path.
    """

    path: str
    camera: str | None
    start: datetime
    start_uncertainty_s: float
    identity: Identity


class SkippedFile(Struct, frozen=True):
    """A file or folder inside the span that was skipped, and why; ``path`` is below the recorder's folder."""

    path: str
    reason: Message


def recorder_folder_path(recorder: Recorder, lab_root: Path) -> Path:
    """Return the absolute path of a recorder's folder, with symbolic links resolved. Raises DocumentError."""
    try:
        return (lab_root / Path(recorder.folder).expanduser()).resolve()
    except (OSError, RuntimeError):  # unknown user after ~, or a loop of links
        raise DocumentError(SETTINGS_FILE, _place(recorder.name), Message("lab.recorder_folder_unknown")) from None


def recorder_folder_paths(recorders: Sequence[Recorder], lab_root: Path) -> dict[str, Path]:
    """Return the folders of recorders by name, inside or outside the lab; those that cannot be found are left out."""
    folders = {}
    for recorder in recorders:
        with suppress(DocumentError):
            folders[recorder.name] = recorder_folder_path(recorder, lab_root)
    return folders


def allowed_recorders(
    recorders: Sequence[Recorder], lab_root: Path, allowed: Sequence[Path]
) -> tuple[dict[str, Path], tuple[Recorder, ...]]:
    """Divide recorders into those that a server may read, with their folders by name, and the others.

    A folder inside the lab may always be read, one outside only if it is one of ``allowed`` or below one: otherwise
    everyone who can edit ``labcrate.toml`` could publish files of the server's user. Symbolic links are resolved first.
    """
    roots = [root.resolve() for root in (lab_root, *(expand_home(str(path)) for path in allowed))]
    may: dict[str, Path] = {}
    refused = []
    for recorder in recorders:
        try:
            folder = recorder_folder_path(recorder, lab_root)
        except DocumentError:
            refused.append(recorder)
            continue
        if any(folder.is_relative_to(root) for root in roots):
            may[recorder.name] = folder
        else:
            refused.append(recorder)
    return may, tuple(refused)


class RecorderFolder:
    """A recorder's folder, read-only; files are opened by their path below it, without following symbolic links.

    ``name`` is the recorder's name in labcrate.toml; messages use it, never the path of the folder.
    """

    __slots__ = ("name", "root")

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name

    def open(self, path: str) -> int:
        """Open a regular file for reading and return its descriptor; the caller closes it.

        Raises OSError: ELOOP if a part is a symbolic link, EINVAL if the last one is not a regular file.
        """
        return open_file_below(self.root, _check_path(path))

    def identity(self, path: str) -> Identity:
        """Return the identity of a file without opening it. Raises OSError if it does not exist or is no file."""
        *folders, name = _check_path(path).split("/")
        at = open_folder_below(self.root, folders)
        try:
            return _identity(at, name)
        finally:
            os.close(at)

    def identities(self, paths: Iterable[str]) -> Iterator[Identity | OSError]:
        """Yield the identity of each file, or the OSError; a folder is opened once for consecutive files in it."""
        at, opened = -1, ""
        try:
            for path in paths:
                folder, _, name = path.rpartition("/")
                try:
                    if at < 0 or folder != opened:
                        if at >= 0:
                            os.close(at)
                            at = -1
                        at = open_folder_below(self.root, _check_path(path).split("/")[:-1])
                        opened = folder
                    yield _identity(at, _check_path(name))
                except OSError as error:
                    yield error
        finally:
            if at >= 0:
                os.close(at)


def _identity(at: int, name: str) -> Identity:
    state = os.stat(name, dir_fd=at, follow_symlinks=False)
    if stat.S_ISLNK(state.st_mode):
        raise OSError(errno.ELOOP, SYMBOLIC_LINK)
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, NOT_REGULAR)
    return Identity.of(state)


def _check_path(path: str) -> str:
    if any(name in ("", ".", "..") for name in path.split("/")):
        raise FileNotFoundError(errno.ENOENT, Message("lab.outside_recorder_folder"))
    return path


def segment_member_name(camera: str, start: datetime) -> str:
    """Return the name of a segment in an archive: ``kitchen_20250502T073000Z.mp4``; names sort by time.

    Milliseconds are added if there are any; ``_`` sorts after the dot of the extension.
    """
    utc = start.astimezone(UTC)
    date, thousandths = f"{utc.year:04}{utc:%m%dT%H%M%SZ}", utc.microsecond // 1000
    return f"{camera}_{date}{f'_{thousandths:03}' if thousandths else ''}.mp4"


def scan_recorder(
    folder: Path, recorder: Recorder, span: TimeSpan, skipped: list[SkippedFile] | None = None
) -> Iterator[Segment]:
    """Yield the files of a recorder that may overlap a span, in the order of their paths.

    These began before the span's end and at most ``recorder.longest`` before its start. Folders of other days and
    hours are not read. Symbolic links, empty files and unreadable folders inside the span are appended to ``skipped``.
    Raises DocumentError if the recorder's folder cannot be read.
    """
    try:
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        problem = Message("lab.recorder_folder_unreadable", reason=error.strerror)
        raise DocumentError(SETTINGS_FILE, _place(recorder.name), problem) from None
    try:
        yield from _RecorderScan(recorder, span, [] if skipped is None else skipped).scan_folder(root, "", 0, {})
    finally:
        os.close(root)


def _place(name: str) -> Message:
    return Message("lab.recorder", name=name)


class _RecorderScan:
    """One search: the pattern, the zone, and the span in which files must have begun."""

    def __init__(self, recorder: Recorder, span: TimeSpan, skipped: list[SkippedFile]) -> None:
        self._pattern: PathPattern = recorder_pattern(recorder.pattern)
        self._zone = ZoneInfo(recorder.time_zone)
        self._start_window = TimeSpan(span.padded(recorder.longest).start, span.end)
        self._skipped = skipped

    def scan_folder(self, at: int, path: str, depth: int, fields: Mapping[str, str]) -> Iterator[Segment]:
        """Yield the segments in an open folder, which is ``depth`` levels below the recorder's folder."""
        last = depth == len(self._pattern.parts) - 1
        literal = self._pattern.literals[depth]
        if literal is not None and not last:
            yield from self._scan_subfolder(at, literal, path, depth, fields)
            return
        with os.scandir(at) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        part = self._pattern.parts[depth]
        for entry in entries:
            match = None if entry.name.startswith(".") else part.fullmatch(entry.name)
            if match is None:
                continue
            known = {**fields, **matched_fields(match)}
            if last:
                yield from self._find_segment(entry, f"{path}{entry.name}", known)
            elif self._may_contain(known, depth):
                yield from self._scan_subfolder(at, entry.name, path, depth, known)

    def _scan_subfolder(
        self, at: int, name: str, path: str, depth: int, fields: Mapping[str, str]
    ) -> Iterator[Segment]:
        try:
            inside = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
        except FileNotFoundError:
            return  # recorders delete old folders during a search
        except OSError as error:
            if reason := _why_unreadable(at, name, error):
                self._skipped.append(SkippedFile(f"{path}{name}", reason))
            return
        try:
            yield from self.scan_folder(inside, f"{path}{name}/", depth + 1, fields)
        finally:
            os.close(inside)

    def _may_contain(self, fields: Mapping[str, str], depth: int) -> bool:
        """Return whether a file below a folder with these fields may have begun in the span."""
        try:
            wall = wall_clock_bounds(fields)
            if wall is None:
                return True
            low, high = utc_bounds(*wall, self._zone)
            margin = _MAX_ZONE_DIFFERENCE if self._pattern.repeats_date[depth] else timedelta()
            return self._start_window.overlaps(TimeSpan(low, high).padded(margin))
        except ValueError:
            return False
        except OverflowError:
            return True

    def _find_segment(self, entry: os.DirEntry[str], path: str, fields: Mapping[str, str]) -> Iterator[Segment]:
        parsed = interpret_fields(fields)
        if parsed is None:
            return
        earliest, latest = parsed.start_bounds(self._zone)
        if not self._start_window.overlaps(TimeSpan(earliest, latest)):
            return
        try:
            state = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        if stat.S_ISLNK(state.st_mode):
            self._skipped.append(SkippedFile(path, _LINK))
        elif not stat.S_ISREG(state.st_mode):
            self._skipped.append(SkippedFile(path, Message("lab.segment_no_file")))
        elif state.st_size == 0:
            self._skipped.append(SkippedFile(path, Message("lab.segment_empty")))
        else:
            uncertainty_s = (latest - earliest).total_seconds()
            yield Segment(path, parsed.camera, earliest, uncertainty_s, Identity.of(state))


def _why_unreadable(at: int, name: str, error: OSError) -> Message | None:
    """Return why a folder cannot be read; None if it is a file, which the recorder did not write there."""
    try:
        mode = os.stat(name, dir_fd=at, follow_symlinks=False).st_mode
    except OSError:
        return None
    if stat.S_ISLNK(mode):
        return _LINK
    return Message("lab.segment_folder", reason=error.strerror) if stat.S_ISDIR(mode) else None
