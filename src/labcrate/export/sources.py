"""Files of the lab as sources of an archive's members."""

from functools import partial

from labcrate.archive.layout import FileSource
from labcrate.lab.lab_files import Files
from labcrate.plan.plan import CopiedFile


def file_source(files: Files, file: CopiedFile) -> FileSource:
    """Return a planned file as it lies in the lab, opened by the lab's own rules for links."""
    return FileSource(partial(files.open, file.path), file.identity, file.source)
