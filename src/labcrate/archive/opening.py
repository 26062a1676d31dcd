"""Opening an archive that somebody named: whatever it turns out to be, nobody waits and nothing else is opened."""

import os
import stat
from pathlib import Path

from labcrate.archive.directory import shown
from labcrate.errors import UsageError


def open_zip(path: Path) -> tuple[int, str]:
    """A descriptor of the file, which the caller closes, and its name as messages show it.

    Raises UsageError when it cannot be opened or is no regular file.
    """
    label = shown(os.fsencode(path.name))
    try:
        # O_NONBLOCK: a named pipe must not make us wait for its writer.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else "no such name"
        raise UsageError(f"{label} cannot be opened ({reason}); name a ZIP that labcrate exported.") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise UsageError(f"{label} is not a file; name a ZIP that labcrate exported.")
    return fd, label
