"""Forged archives, each with a name and the expected result of labcrate.

``build_archive`` writes what labcrate writes, byte for byte, except for the overrides of a forgery.
"""

import hashlib
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from labcrate.archive import records
from labcrate.archive.layout import ALIGNED_FROM_BYTES, ALIGNMENT_BYTES
from labcrate.archive.manifest import MANIFEST_NAME

SECONDS = 1_746_214_801
LOCAL = ("signature", "version", "flags", "method", "time", "date", "crc", "packed", "size", "names", "extras")
CENTRAL = (
    *("signature", "maker", *LOCAL[1:], "comments", "disk", "internal", "attributes", "offset"),
)  # fmt: skip
END = ("signature", "disk", "first_disk", "here", "count", "size", "offset", "comments")
CONTENTS = {b"README.txt": b"read me\n", "data/ü.csv".encode(): b"", b"recordings/a.mp4": bytes(range(256)) * 300}
"""A document, an empty file with a name beyond ASCII, a recording whose data are aligned."""

Fields = dict[str, int]


@dataclass(frozen=True)
class ForgedMember:
    """One member as it is written; ``local`` and ``central`` override fields of its headers.

    ``data`` are the bytes in the archive, ``before`` and ``after`` the bytes around them. An ``offset`` in
    ``central`` changes the position that the directory gives. ``is_listed``: the directory has an entry for it;
    ``is_written``: the file contains it.
    """

    name: bytes
    data: bytes = b""
    local: Fields = field(default_factory=dict)
    central: Fields = field(default_factory=dict)
    local_name: bytes | None = None
    local_extra: bytes = b""
    central_extra: bytes = b""
    comment: bytes = b""
    before: bytes = b""
    after: bytes = b""
    is_listed: bool = True
    is_written: bool = True


@dataclass(frozen=True)
class ForgedArchive:
    """A whole archive; ``end`` overrides fields of the end record, ``order`` permutes the directory."""

    members: tuple[ForgedMember, ...]
    gap: bytes = b""
    behind: bytes = b""
    comment: bytes = b""
    tail: bytes = b""
    end: Fields = field(default_factory=dict)
    order: Callable[[list[bytes]], list[bytes]] = list


def _override(head: struct.Struct, names: Sequence[str], packed: bytes, fields: Fields) -> bytes:
    values = dict(zip(names, head.unpack_from(packed), strict=True)) | fields
    return head.pack(*values.values()) + packed[head.size :]


def build_archive(forged: ForgedArchive) -> bytes:
    """Return the bytes of an archive."""
    out, directory = bytearray(), []
    for member in forged.members:
        out += member.before
        at, name = len(out), member.name
        crc, size = zlib.crc32(member.data), len(member.data)
        if member.is_written:
            out += _local(member, crc, at) + member.data + member.after
        if member.is_listed:
            extra = member.central_extra
            header = records.central_header(name, crc, size, SECONDS, at) + extra + member.comment
            lengths = {"extras": 9 + len(extra), "comments": len(member.comment)}
            directory.append(_override(records.CENTRAL_HEADER, CENTRAL, header, lengths | member.central))
    out += forged.gap
    offset, headers = len(out), forged.order(directory)
    central = b"".join(headers)
    end = records.end_records(len(headers), offset, len(central))
    end = _override(records.END_RECORD, END, end, {"comments": len(forged.comment)} | forged.end)
    return bytes(out) + central + forged.behind + end + forged.comment + forged.tail


def _local(member: ForgedMember, crc: int, at: int) -> bytes:
    name = member.name if member.local_name is None else member.local_name
    size = len(member.data)
    bare = records.local_header_length(len(name), size, SECONDS) + len(member.local_extra)
    gap = -(at + bare) % ALIGNMENT_BYTES if size >= ALIGNED_FROM_BYTES else 0
    padding = gap if gap == 0 or gap >= records.PADDING_MIN else gap + ALIGNMENT_BYTES
    header = records.local_header(name, crc, size, SECONDS, at, padding=padding) + member.local_extra
    lengths = {"extras": len(header) - records.LOCAL_HEADER.size - len(name)}
    return _override(records.LOCAL_HEADER, LOCAL, header, lengths | member.local)


def manifest_of(contents: dict[bytes, bytes]) -> bytes:
    """Return the manifest of these files."""
    return b"".join(b"%s  %s\n" % (hashlib.sha256(data).hexdigest().encode(), name) for name, data in contents.items())


def members_of(contents: dict[bytes, bytes], listing: bytes | None = None) -> tuple[ForgedMember, ...]:
    """Return members of these contents, followed by their manifest or by another ``listing``."""
    lines = manifest_of(contents) if listing is None else listing
    return (*(ForgedMember(name, data) for name, data in contents.items()), ForgedMember(MANIFEST_NAME.encode(), lines))


def archive_of(contents: dict[bytes, bytes], listing: bytes | None = None) -> bytes:
    """Return an archive of these contents as labcrate writes it."""
    return build_archive(ForgedArchive(members_of(contents, listing)))


WHOLE = archive_of(CONTENTS)
MEMBERS = members_of(CONTENTS)


def _named(*names: bytes | str) -> bytes:
    """Return the usual archive with additional members of these names, all listed in its manifest."""
    raw = [name if isinstance(name, bytes) else name.encode() for name in names]
    return archive_of(CONTENTS | {name: b"%d\n" % index for index, name in enumerate(raw)})


def _changed(index: int = 0, **changes: Any) -> bytes:
    """Return the usual archive with one of its members overridden."""
    members = list(MEMBERS)
    members[index] = replace(members[index], **changes)
    return build_archive(ForgedArchive(tuple(members)))


def _both(index: int = 0, **fields: int) -> bytes:
    return _changed(index, local=fields, central=fields)


def _twice() -> bytes:
    first, *rest = MEMBERS
    return build_archive(ForgedArchive((first, replace(first, data=b"another\n"), *rest)))


def _deflated() -> bytes:
    packer = zlib.compressobj(wbits=-15)
    data = b"read me\n"
    packed = packer.compress(data) + packer.flush()
    fields = {"method": 8, "crc": zlib.crc32(data), "size": len(data), "packed": len(packed)}
    return _changed(data=packed, local=fields, central=fields)


def _descriptor() -> bytes:
    data = b"read me\n"
    after = struct.pack("<IIII", 0x08074B50, zlib.crc32(data), len(data), len(data))
    flags = {"flags": 1 << 11 | 1 << 3}
    return _changed(local={**flags, "crc": 0, "packed": 0, "size": 0}, central=flags, after=after)


def _zip64(size: int, where: str) -> bytes:
    """Return an archive with sizes in a ZIP64 field that needs none; ``size`` is its value."""
    extra = struct.pack("<HHQQ", records.ZIP64_EXTRA, 16, size, size)
    fields = {"size": records.MAX32, "packed": records.MAX32}
    changes: dict[str, Any] = {where: fields, f"{where}_extra": extra}
    return _changed(**changes)


def _unicode_path(where: str) -> bytes:
    """Return an archive with Info-ZIP's field 0x7075, which gives a member another name."""
    name = b"recordings/other.txt"
    extra = struct.pack("<HHBI", 0x7075, 5 + len(name), 1, zlib.crc32(b"README.txt")) + name
    changes: dict[str, Any] = {f"{where}_extra": extra}
    return _changed(**changes)


def _hidden() -> bytes:
    """Return an archive with a member between two others that the directory does not list."""
    first, *rest = MEMBERS
    return build_archive(ForgedArchive((first, ForgedMember(b"hidden.exe", b"MZ", is_listed=False), *rest)))


def _one_for_two() -> bytes:
    """Return an archive in which two members of the directory share one local header."""
    first, *rest = MEMBERS
    return build_archive(
        ForgedArchive((first, ForgedMember(b"again.txt", b"read me\n", central={"offset": 0}, is_written=False), *rest))
    )


def up_and_down(times: int, size: int) -> bytes:
    """Return an archive whose entries point to large data, behind them, and to them again, many times."""
    members = (ForgedMember(b"a.bin", bytes(size)), ForgedMember(b"b.bin"), *MEMBERS)
    return build_archive(ForgedArchive(members, order=lambda headers: headers[:2] * times + headers[2:]))


def _fake_end_in_comment() -> bytes:
    """Return an archive whose comment contains the end record of another directory."""
    other = records.end_records(0, 0, 0)
    return build_archive(ForgedArchive(MEMBERS, comment=other + b"..", end={"comments": len(other) + 2}))


def _flipped(index: int, at: int) -> bytes:
    data = bytearray(WHOLE)
    start = WHOLE.index(MEMBERS[index].data)
    data[start + at] ^= 1
    return bytes(data)


def _zip64_end_beside() -> bytes:
    """Return an archive with a ZIP64 end record that differs from the plain one."""
    record = records.ZIP64_END_RECORD.pack(records.ZIP64_END_SIGNATURE, 44, 45, 45, 0, 0, 0, 0, 0, 0)
    locator = records.ZIP64_LOCATOR.pack(records.ZIP64_LOCATOR_SIGNATURE, 0, 0, 1)
    return build_archive(ForgedArchive(MEMBERS, behind=record + locator))


def _unlisted() -> bytes:
    return build_archive(ForgedArchive((*MEMBERS, ForgedMember(b"late.txt", b"x"))))


def _padding() -> bytes:
    data = bytearray(WHOLE)
    data[WHOLE.index(MEMBERS[2].data) - 1] = 7
    return bytes(data)


NAME, LOCAL_HEADER, CENTRAL_HEADER = "its name is not allowed: ", "its local header is not as", "its central header is"
MARKS = b"PK\x03\x04" * 9 + b"PK\x01\x02" * 9 + records.end_records(1, 0, 9) + b"PK\x07\x08" * 9
HASH = hashlib.sha256

FORGED: dict[str, tuple[Callable[[], bytes], str]] = {
    # names
    "a file that is a folder": (lambda: _named("a", "a/b"), NAME + "it is also the name of the folder"),
    "a file that is a folder in other letters": (
        lambda: _named("A", "a/b"),
        NAME + "it is also the name of the folder",
    ),
    "a file that is a folder far away": (
        lambda: _named("a", "a!", "a-b", "a/b"),
        NAME + "it is also the name of the folder",
    ),
    "two cases": (lambda: _named("Film.mp4", "film.MP4"), NAME + "some systems cannot distinguish it"),
    "two cases beyond ASCII": (lambda: _named("Ä", "ä"), NAME + "some systems cannot distinguish it"),
    "sharp s": (lambda: _named("Fuß", "fuss"), NAME + "some systems cannot distinguish it"),
    "two Unicode forms": (lambda: _named("caf\u00e9", "cafe\u0301"), NAME + "some systems cannot distinguish it"),
    "a joiner between": (lambda: _named("ab", "a\u200db"), NAME + "some systems cannot distinguish it"),
    "not composed": (lambda: _named("cafe\u0301"), NAME + "it is not in composed form"),
    "a part of 256 bytes": (lambda: _named("x" * 256), NAME + "a part of it is longer than 255"),
    "a part of 258 bytes": (lambda: _named("長" * 86), NAME + "a part of it is longer than 255"),
    "a path of 1025 bytes": (lambda: _named("a/" * 512 + "b"), NAME + "it is longer than 1,024"),
    "escape": (lambda: _named("a\x1b[2J"), NAME),
    "line break": (lambda: _named("a\nb"), NAME),
    "NUL": (lambda: _named("a.txt\0.exe"), NAME),
    "delete": (lambda: _named("a\x7f"), NAME),
    "C1 control": (lambda: _named("a\x9bb"), NAME + "it contains U\\+009B"),
    "right-to-left override": (lambda: _named("\u202egnp.exe"), NAME + "it contains U\\+202E"),
    "isolate": (lambda: _named("a\u2066b"), NAME + "it contains U\\+2066"),
    "line separator": (lambda: _named("a\u2028b"), NAME + "it contains U\\+2028"),
    "byte order mark": (lambda: _named("\ufeffa"), NAME + "it contains U\\+FEFF"),
    **{f"Windows: {char}": (partial(_named, f"a{char}b"), NAME + "it contains U") for char in '<>:"|?*'},
    **{
        f"Windows: {name}": (partial(_named, name), NAME + "a part of it")
        for name in ("CON", "nul", "NUL.txt", "aux.tar.gz", "COM1", "com¹", "lpt9.mp4", "CONIN$", "con .txt", "a/prn/b")
    },
    "ends in a dot": (lambda: _named("film."), NAME + "a part of it ends"),
    "ends in a space": (lambda: _named("film "), NAME + "a part of it ends"),
    "a folder that ends in a dot": (lambda: _named("film./a"), NAME + "a part of it ends"),
    "a version as on VMS": (lambda: _named("film.mp4", "film.mp4;1"), NAME + "a part of it ends in a semicolon"),
    "a semicolon": (lambda: _named("a/;"), NAME + "a part of it ends in a semicolon"),
    "an alternate stream": (lambda: _named("README.txt:evil"), NAME),
    "a drive": (lambda: _named("C:evil"), NAME),
    ".git": (lambda: _named(".git/hooks/post-checkout"), NAME + "a part of it is a reserved name"),
    ".GIT with a joiner": (lambda: _named(".G\u200cIT/config"), NAME + "a part of it is a reserved name"),
    "git~1": (lambda: _named("git~1/config"), NAME + "a part of it is a reserved name"),
    "autorun.inf": (lambda: _named("AutoRun.inf"), NAME + "a part of it is a reserved name"),
    "absolute": (lambda: _named("/etc/passwd"), NAME),
    "up": (lambda: _named("../up.txt"), NAME),
    "up and down": (lambda: _named("data/../../up.txt"), NAME),
    "a dot": (lambda: _named("./README.txt"), NAME),
    "two slashes": (lambda: _named("data//a"), NAME),
    "a folder": (lambda: _named("data/"), NAME),
    "no name": (lambda: _named(""), NAME),
    "backslashes": (lambda: _named("data\\..\\up.txt"), NAME),
    "not UTF-8": (lambda: _named(b"\xff\xfe"), NAME + "it is not UTF-8"),
    "a surrogate": (lambda: _named(b"\xed\xa0\x80"), NAME + "it is not UTF-8"),
    "overlong": (lambda: _named(b"a\xc0\xafb"), NAME + "it is not UTF-8"),
    # headers
    "twice": (_twice, "README.txt: is in the archive twice"),
    "another name in the local header": (lambda: _changed(local_name=b"evil.txt!!"), LOCAL_HEADER + ".*name"),
    "a longer name in the local header": (lambda: _changed(local_name=b"../README.txt"), LOCAL_HEADER + ".*name"),
    "another CRC-32 in the local header": (lambda: _changed(local={"crc": 1}), LOCAL_HEADER + ".*CRC-32"),
    "another CRC-32 in the directory": (lambda: _changed(central={"crc": 1}), "its CRC-32 is"),
    "a smaller size in the local header": (lambda: _changed(local={"size": 3, "packed": 3}), LOCAL_HEADER + ".*size"),
    "a smaller size in the directory": (lambda: _changed(central={"size": 3, "packed": 3}), "starts at byte"),
    "a larger size": (lambda: _both(size=9000, packed=9000), "its data do not end before byte"),
    "two sizes": (lambda: _both(size=9000), "it is not stored uncompressed"),
    "size of 4 GiB without ZIP64": (lambda: _both(size=records.MAX32, packed=records.MAX32), CENTRAL_HEADER),
    "deflated": (_deflated, "method \\(deflated\\)"),
    "deflated in the local header alone": (lambda: _changed(local={"method": 8}), LOCAL_HEADER + ".*deflated"),
    "deflated in the directory alone": (lambda: _changed(central={"method": 8}), CENTRAL_HEADER + ".*deflated"),
    "encrypted": (lambda: _both(flags=1 << 11 | 1), CENTRAL_HEADER + ".*encrypted"),
    "encrypted in the local header alone": (lambda: _changed(local={"flags": 1 << 11 | 1}), LOCAL_HEADER),
    "a data descriptor": (_descriptor, CENTRAL_HEADER + ".*data descriptor"),
    "no UTF-8 flag": (lambda: _both(1, flags=0), CENTRAL_HEADER + ".*UTF-8"),
    "a symbolic link": (
        lambda: _changed(central={"attributes": 0o120777 << 16}),
        CENTRAL_HEADER + ".*symbolic link",
    ),
    "set-user-ID": (lambda: _changed(central={"attributes": 0o104755 << 16}), CENTRAL_HEADER + ".*attributes"),
    "a folder by its attributes": (lambda: _changed(central={"attributes": 0o40755 << 16 | 16}), CENTRAL_HEADER),
    "made by DOS": (lambda: _changed(central={"maker": 20}), CENTRAL_HEADER + ".*maker"),
    "version 10.0 needed": (lambda: _both(version=100), CENTRAL_HEADER + ".*version"),
    "another disk": (lambda: _changed(central={"disk": 1}), CENTRAL_HEADER + ".*disk"),
    "another time": (lambda: _changed(local={"time": 0}), LOCAL_HEADER + ".*time"),
    "a comment on a member": (lambda: _changed(comment=b"PK"), CENTRAL_HEADER + ".*comment"),
    "ZIP64 in the local header": (lambda: _zip64(8, "local"), LOCAL_HEADER),
    "ZIP64 in the directory": (lambda: _zip64(8, "central"), CENTRAL_HEADER),
    "ZIP64 with another size, local": (lambda: _zip64(1 << 40, "local"), LOCAL_HEADER),
    "ZIP64 with another size": (lambda: _zip64(1 << 40, "central"), "its data do not end before byte"),
    "ZIP64 cut short": (
        lambda: _changed(central={"size": records.MAX32, "packed": records.MAX32}, central_extra=b"\1\0\x10\0abc"),
        CENTRAL_HEADER,
    ),
    "another name by Info-ZIP's field, local": (lambda: _unicode_path("local"), LOCAL_HEADER + ".*extra"),
    "another name by Info-ZIP's field": (lambda: _unicode_path("central"), CENTRAL_HEADER + ".*extra"),
    "AES field": (lambda: _changed(central_extra=struct.pack("<HH7s", 0x9901, 7, b"\2\0AE\3\0\0")), CENTRAL_HEADER),
    "padding that is not zero": (_padding, LOCAL_HEADER + ".*extra"),
    # structure
    "bytes before": (lambda: b"#!/bin/sh\n" + WHOLE, "damaged ZIP"),
    "bytes before, counted": (lambda: _changed(before=b"#!/bin/sh\n"), "starts at byte 10 instead of 0"),
    "bytes between": (lambda: _changed(1, before=b"between"), "starts at byte"),
    "bytes after the last member": (
        lambda: build_archive(ForgedArchive(MEMBERS, gap=b"gap")),
        "the central directory starts at",
    ),
    "a member that is not in the directory": (_hidden, "starts at byte"),
    "bytes after the directory": (
        lambda: build_archive(ForgedArchive(MEMBERS, behind=b"PK\5\5\1\0x")),
        "the end of the archive",
    ),
    "another ZIP64 end record": (_zip64_end_beside, "the end of the archive"),
    "bytes at the end": (lambda: build_archive(ForgedArchive(MEMBERS, tail=b"\0")), "the end of the archive"),
    "a comment": (lambda: build_archive(ForgedArchive(MEMBERS, comment=b"hello")), "the end of the archive"),
    "an end record in the comment": (_fake_end_in_comment, "."),
    "two archives, one behind the other": (lambda: archive_of({b"evil": b"1"}) + WHOLE, "damaged ZIP"),
    "the end record twice": (lambda: WHOLE + WHOLE[-22:], "the end of the archive"),
    "a count that is too small": (
        lambda: build_archive(ForgedArchive(MEMBERS, end={"count": 1, "here": 1})),
        "the end of the archive",
    ),
    "a directory that is too short": (lambda: build_archive(ForgedArchive(MEMBERS, end={"size": 9})), "damaged ZIP"),
    "a directory elsewhere": (
        lambda: build_archive(ForgedArchive(MEMBERS, end={"offset": 4})),
        "damaged ZIP|the end of",
    ),
    "an empty directory": (
        lambda: build_archive(ForgedArchive(MEMBERS, end={"size": 0, "count": 0, "here": 0})),
        "the end of",
    ),
    "a directory beyond the file": (
        lambda: build_archive(ForgedArchive(MEMBERS, end={"offset": 1 << 30})),
        "points outside the file",
    ),
    "another order": (
        lambda: build_archive(ForgedArchive(MEMBERS, order=lambda headers: headers[::-1])),
        "starts at byte",
    ),
    "one local header for two": (_one_for_two, "lies before or inside another file"),
    "entries that go up and down": (lambda: up_and_down(20, 9000), "lies before or inside another file"),
    "cut short": (lambda: WHOLE[:-30], "was cut short"),
    "nothing but an end record": (lambda: records.end_records(0, 0, 0), "manifest-sha256.txt: is missing"),
    # contents
    "a bit in a recording": (lambda: _flipped(2, 777), "recordings/a.mp4: its SHA-256"),
    "a bit in the manifest": (lambda: _flipped(3, 9), "its CRC-32"),
    "other contents": (
        lambda: archive_of(CONTENTS | {b"README.txt": b"forged!\n"}, manifest_of(CONTENTS)),
        "its SHA-256 is",
    ),
    "a member less": (
        lambda: archive_of({b"README.txt": b"read me\n"}, manifest_of(CONTENTS)),
        "recordings/a.mp4: is in the manifest, but not in the archive",
    ),
    "a member more": (_unlisted, "late.txt: is in the archive, but not in its manifest"),
    "no manifest": (lambda: build_archive(ForgedArchive(MEMBERS[:-1])), "manifest-sha256.txt: is missing"),
    "a manifest that lists itself": (
        lambda: archive_of(CONTENTS, manifest_of(CONTENTS | {MANIFEST_NAME.encode(): b""})),
        "line 4 names the manifest itself",
    ),
    "a manifest that lists one twice": (
        lambda: archive_of(CONTENTS, manifest_of(CONTENTS) + manifest_of({b"README.txt": b"other"})),
        "line 4 names a file that an earlier line names",
    ),
    "a manifest with MD5": (lambda: archive_of(CONTENTS, b"%032d  README.txt\n" % 0), "line 1 is not a SHA-256"),
    "a manifest with CR": (
        lambda: archive_of(CONTENTS, manifest_of(CONTENTS).replace(b"\n", b"\r\n")),
        "README.txt\\\\r",
    ),
    "a manifest without its last line break": (
        lambda: archive_of(CONTENTS, manifest_of(CONTENTS)[:-1]),
        "no line break",
    ),
    "a manifest of one endless line": (lambda: archive_of(CONTENTS, b"0" * 300_000), "line 1 is too long"),
}
"""Each forgery, and a pattern of the expected finding or refusal."""

SOUND: dict[str, Callable[[], bytes]] = {
    "as exported": lambda: WHOLE,
    "nested archive": lambda: archive_of(CONTENTS | {b"inner.zip": WHOLE}),
    "marks of ZIP structures in the data": lambda: archive_of(
        CONTENTS | {b"marks.bin": MARKS, b"end.bin": MARKS[-30:]}
    ),
    "an end record as the last data": lambda: archive_of({b"a": WHOLE[-22:], b"b": b"PK\5\6" + bytes(18)}),
    "names in every script": lambda: _named(
        "Übergröße", "μουσική", "кухня", "غرفة", "סלון", "客厅", "台所", "거실", "बैठक", "ห้อง", "👩🏽\u200d🔬🎥", "𝔘𝔫𝔦"
    ),
    "names at the limits": lambda: _named("x" * 255, "長" * 85, "/".join(["y" * 200] * 4) + "/z", "a" + "/b" * 500),
    "names that shells expand": lambda: _named(
        "-r", "$HOME", "`x`", "'quote'", "~root", "%41", "@list", "#x#", "[a]!{b}"
    ),
    "names that look alike": lambda: _named("a", "a!b", "a-/c", "b/a", "con1", ".gitignore"),
    "a manifest in capitals, with marks of binary files": lambda: archive_of(
        CONTENTS,
        b"".join(b"%s *%s\n" % (HASH(data).hexdigest().upper().encode(), n) for n, data in CONTENTS.items()),
    ),
    "a manifest in another order": lambda: archive_of(CONTENTS, manifest_of(dict(reversed(CONTENTS.items())))),
    "a manifest with escapes that are none": lambda: archive_of(CONTENTS, b"\\" + manifest_of(CONTENTS)),
    "a manifest that comes first": lambda: build_archive(ForgedArchive((MEMBERS[-1], *MEMBERS[:-1]))),
    "empty members alone": lambda: archive_of({b"a": b"", b"b": b""}),
    "a manifest alone": lambda: archive_of({}),
}
"""Odd archives that are valid."""
