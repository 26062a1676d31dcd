"""Remove the secrets from files that are copied, and search the generated documents for secrets."""

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from io import FileIO
from itertools import pairwise
from typing import IO, BinaryIO, cast

from msgspec import Struct
from msgspec.structs import replace

from labcrate.archive.entity import file_segments, open_source, read_at
from labcrate.archive.layout import BytesSource, FileSource, Patch
from labcrate.errors import LabcrateError
from labcrate.export.spool import Spool, file_source
from labcrate.index.catalog import Catalog
from labcrate.index.indexing import Hasher, Progress
from labcrate.index.records import PatchedFixity
from labcrate.lab.lab_files import FileReader
from labcrate.messages.message import Message
from labcrate.model.fixity import Fixity
from labcrate.plan.lab_cleaner import LabCleaner
from labcrate.plan.plan import CopiedFile, Plan, Secrecy, SecretFile, SecretTreatment
from labcrate.plan.secrecy import refuse_secrets, secret_file_warning
from labcrate.secrets.copied_files import Redaction, choose_redaction, mp4_patches, scan_file, write_redacted_text
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.mp4_boxes import metadata_ranges
from labcrate.secrets.stream import find_in_stream

Replacements = Mapping[str, FileSource | BytesSource]
"""The sources that replace files with secrets, by the name of the member."""

_READ_BYTES = 1024 * 1024


class _NotRedactableError(Exception):
    """The secrets of this file cannot be removed, although those of other files of its kind can."""


class Redactor(Struct, frozen=True):
    """Removes secrets from the files of one lab. ``with_fixity`` computes the fixity of patched files if it is new."""

    files: FileReader
    cleaner: LabCleaner
    catalog: Catalog
    spool: Spool
    progress: Progress
    with_fixity: bool

    def redact(self, plan: Plan, *, stop_on_secrets: bool) -> tuple[Plan, Replacements]:
        """Return the plan with the fixity of the files without secrets, and their sources.

        Raises SourceChangedError, and, with ``stop_on_secrets``, SecretsError for secrets that cannot be removed.
        """
        chosen = {one.member for one in plan.secrecy.files if one.treatment is SecretTreatment.REDACTED}
        if not chosen:
            return plan, {}
        done: dict[str, tuple[Fixity | None, FileSource | BytesSource]] = {}
        for file in plan.copied:
            if file.member in chosen:
                try:
                    done[file.member] = self._redact_file(file)
                except _NotRedactableError:
                    continue
        plan = _plan_with_fixity(plan, done)
        if stop_on_secrets:
            refuse_secrets(plan.session.id, plan.secrecy)
        return plan, {member: source for member, (_, source) in done.items()}

    def _redact_file(self, file: CopiedFile) -> tuple[Fixity | None, FileSource | BytesSource]:
        source = file_source(self.files, file)
        with open_source(source) as fd, os.fdopen(os.dup(fd), "rb", buffering=0) as opened_file:
            if file.search and file.search.redaction is Redaction.TEXT:
                return self._redact_text(file, opened_file)
            return self._redact_mp4(file, source, opened_file)

    def _redact_text(self, file: CopiedFile, opened_file: FileIO) -> tuple[Fixity, FileSource | BytesSource]:
        clean = False

        def write(target: IO[bytes]) -> None:
            nonlocal clean
            clean = write_redacted_text(self.cleaner.matcher, cast(BinaryIO, opened_file), cast(BinaryIO, target))
            target.seek(0, os.SEEK_END)

        try:
            fixity, source = self.spool.write(file.source, write)
        except UnicodeError:
            raise _NotRedactableError from None
        if not clean:
            raise _NotRedactableError
        return fixity, source

    def _redact_mp4(
        self, file: CopiedFile, source: FileSource, opened_file: FileIO
    ) -> tuple[Fixity | None, FileSource]:
        source = dataclasses.replace(
            source, patches=_patches(self.cleaner.matcher, opened_file, file.identity.size_bytes)
        )
        return self._patched_fixity(file, source, opened_file), source

    def _patched_fixity(self, file: CopiedFile, source: FileSource, opened_file: FileIO) -> Fixity | None:
        """Return the fixity of a patched file; from the index if that has it for the same patches."""
        key = patches_key(source.patches)
        known = self.catalog.lookup({file.path: file.identity})[file.path]
        if known.patched and known.patched.patches == key:
            return known.patched.fixity
        if not self.with_fixity:
            return None
        fixity = _fixity_of(source, opened_file.fileno(), self.progress)
        self.catalog.store([replace(known, patched=PatchedFixity(key, fixity))])
        return fixity


def without_secrets_in_tags(source: FileSource, matcher: Matcher, session_id: str) -> FileSource:
    """Return a video with patches over the tags that contain secrets; length and pictures are the same.

    Raises SourceChangedError, and SecretsError for secrets that cannot be overwritten.
    """
    with open_source(source) as fd, os.fdopen(os.dup(fd), "rb", buffering=0) as file:
        found = scan_file(matcher, cast(BinaryIO, file), source.identity.size_bytes)
        if not found.kinds:
            return source
        try:
            if choose_redaction(cast(BinaryIO, file)) is Redaction.MP4:
                return dataclasses.replace(source, patches=_patches(matcher, file, source.identity.size_bytes))
        except _NotRedactableError:
            pass
        one = SecretFile(source.label, source.label, found.kinds, found.count, redactable=False)
        refuse_secrets(session_id, Secrecy(files=(one,)))
        return source


def _patches(matcher: Matcher, file: FileIO, size_bytes: int) -> tuple[Patch, ...]:
    """Return the patches that remove all secrets from the metadata of an MP4. Raises _NotRedactableError."""
    try:
        patches_made = mp4_patches(matcher, cast(BinaryIO, file), size_bytes)
    except ValueError:
        raise _NotRedactableError from None
    patches = _without_overlaps([Patch(patch.offset, patch.data) for patch in patches_made])
    for start, stop in metadata_ranges(cast(BinaryIO, file), size_bytes):
        file.seek(start)
        data = bytearray(file.read(stop - start))
        for patch in patches:
            if start <= patch.offset < stop:  # each is of one range
                data[patch.offset - start : patch.stop - start] = patch.data
        if matcher.find(bytes(data)):
            raise _NotRedactableError
    return patches


def _without_overlaps(patches_made: list[Patch]) -> tuple[Patch, ...]:
    """Return patches sorted and without overlaps; a later patch replaces the bytes of an earlier one."""
    ordered = sorted(patches_made, key=lambda patch: patch.offset)
    if all(one.stop <= other.offset for one, other in pairwise(ordered)):
        return tuple(ordered)
    result: list[Patch] = []
    for new in patches_made:
        parts = []
        for one in result:
            if one.offset < new.offset:
                parts.append(Patch(one.offset, one.data[: new.offset - one.offset]))
            if one.stop > new.stop:
                parts.append(Patch(max(one.offset, new.stop), one.data[max(new.stop - one.offset, 0) :]))
        result = [*parts, new]
    return tuple(sorted(result, key=lambda patch: patch.offset))


def patches_key(patches: Iterable[Patch]) -> str:
    """Return a SHA-256 of the patches of a file and their offsets, in hexadecimal."""
    digest = hashlib.sha256()
    for patch in patches:
        digest.update(b"%d %d\n" % (patch.offset, len(patch.data)))
        digest.update(patch.data)
    return digest.hexdigest()


def _fixity_of(source: FileSource, fd: int, progress: Progress) -> Fixity:
    """Return the fixity of an open file with its patches."""
    hasher = Hasher(lambda _: progress.raise_if_cancelled())
    for segment in file_segments(source, 0, source.identity.size_bytes):
        if isinstance(segment, bytes):
            hasher.update(segment)
            continue
        done = 0
        while done < segment.length:
            data = read_at(source, fd, segment.offset + done, min(_READ_BYTES, segment.length - done))
            hasher.update(data)
            done += len(data)
    return hasher.fixity


def _plan_with_fixity(plan: Plan, done: Mapping[str, tuple[Fixity | None, object]]) -> Plan:
    """Return the plan with the fixity of redacted files; files that could not be redacted are treated as without it."""
    fallback = SecretTreatment.ALLOWED if plan.options.allow_secrets else SecretTreatment.REFUSED
    files = tuple(
        replace(one, treatment=fallback, redactable=False)
        if one.treatment is SecretTreatment.REDACTED and one.member not in done
        else one
        for one in plan.secrecy.files
    )
    # The warning about a file changes with its treatment.
    new_warnings: dict[str, str] = {
        secret_file_warning(old): secret_file_warning(new) for old, new in zip(plan.secrecy.files, files, strict=True)
    }
    return dataclasses.replace(
        plan,
        warnings=tuple(new_warnings.get(warning, warning) for warning in plan.warnings),
        recordings=tuple(replace(r, fixity=done[r.member][0]) if r.member in done else r for r in plan.recordings),
        session_files=tuple(
            replace(f, fixity=done[f.member][0]) if f.member in done else f for f in plan.session_files
        ),
        secrecy=replace(plan.secrecy, files=files),
    )


_CHUNK_BYTES = 1024 * 1024


def check_generated(matcher: Matcher, name: str, chunks: Iterable[bytes]) -> None:
    """Raise LabcrateError if a generated document contains a secret; the message has its kind, never its value."""
    hit = next(find_in_stream(matcher, chunks), None)
    if hit is not None:
        raise LabcrateError(Message("export.secret_in_document", file=name, kind=hit.kind))


def read_chunks(source: FileSource | BytesSource) -> Iterator[bytes]:
    """Yield the content of a document from its beginning."""
    if isinstance(source, BytesSource):
        yield source.data
        return
    fd = source.open()
    try:
        at = 0
        while chunk := os.pread(fd, _CHUNK_BYTES, at):
            at += len(chunk)
            yield chunk
    finally:
        os.close(fd)
