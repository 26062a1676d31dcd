"""Copied files are searched whole and in linear time, and texts are copied without their secrets."""

import gzip
import io
import zipfile
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from tests.secrets.conftest import PASSWORD, URL

import labcrate.secrets.escaped_regions
import labcrate.secrets.escapes
import labcrate.secrets.urls
from labcrate.secrets.copied_files import (
    Redaction,
    ScanResult,
    choose_redaction,
    redact_text,
    scan_file,
    write_redacted_text,
)
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.stream import CHUNK_BYTES, find_in_stream, replace_in_stream
from labcrate.secrets.values import Secret, SecretKind, Secrets


def scan(matcher: Matcher, data: bytes) -> ScanResult:
    """Search a file of these bytes."""
    return scan_file(matcher, io.BytesIO(data), len(data))


@pytest.mark.parametrize(
    "data",
    [
        f"a,b\n1,{PASSWORD}\n".encode(),
        f"a;b\n1;{PASSWORD}\n".encode("cp1252"),
        f"a\t{PASSWORD}".encode("utf-16"),
        f"a\t{PASSWORD}".encode("utf-16-be"),
        b"0       " + bytes(184) + PASSWORD.encode() + bytes(500),
        b"RIFF\0\0\0\0WAVE" + bytes(999) + PASSWORD.encode(),
        b"\x1aE\xdf\xa3" + bytes(999) + PASSWORD.encode() + bytes(99),
        b"\xff\xfe" + "\\u004eot-For-Export-7".encode("utf-16-le"),
    ],
)
def test_copied_files_of_every_kind(matcher: Matcher, data: bytes) -> None:
    """Tables, texts of any encoding, EDF, WAV, Matroska and unknown binaries are searched whole."""
    assert scan(matcher, data) == ScanResult((SecretKind.CAMERA_PASSWORD,), 1)
    assert scan(matcher, data.replace(b"F", b"G")) == ScanResult()


def test_a_password_with_umlauts_in_every_encoding() -> None:
    """A password beyond ASCII is found in UTF-8, Windows-1252, and both byte orders of UTF-16."""
    matcher = Matcher(Secrets((Secret("Küche-größer", SecretKind.CAMERA_PASSWORD),)))
    for encoding in ("utf-8", "cp1252", "utf-16", "utf-16-le", "utf-16-be"):
        assert scan(matcher, f"x {'Küche-größer'} y".encode(encoding)).kinds == (SecretKind.CAMERA_PASSWORD,)


def test_compressed_files_are_said_not_to_be_searched(matcher: Matcher) -> None:
    """PDF, ZIP (and DOCX) and gzip are searched only where they are not compressed, and the result shows that."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", PASSWORD * 9)
    for data in (packed.getvalue(), gzip.compress(PASSWORD.encode() * 9), b"%PDF-1.7\n"):
        assert scan(matcher, data) == ScanResult(searched=False)
        assert choose_redaction(io.BytesIO(data)) is Redaction.NONE
    assert scan(matcher, b"%PDF-1.7\n/Title (" + PASSWORD.encode() + b")") == ScanResult(
        (SecretKind.CAMERA_PASSWORD,), 1, searched=False
    )


def test_places_are_counted_not_hits(matcher: Matcher) -> None:
    """A URL with a password and an address is one place with three kinds."""
    assert scan(matcher, f"{URL} {URL} {PASSWORD}".encode()).count == 3


def test_what_a_cleaned_copy_is(matcher: Matcher) -> None:
    """Only the secrets are removed, in any escape or encoding; line ends, marks and broken characters stay."""
    text = f"\ufeffa;é;x\r\n1;{PASSWORD};\\u004eot-For-Export-7\r\n2;{URL};end\r\n"
    clean = "\ufeffa;é;x\r\n1;[removed];[removed]\r\n2;[removed];end\r\n"
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        source = io.BytesIO(text.encode(encoding))
        assert choose_redaction(source) is Redaction.TEXT
        assert b"".join(redact_text(matcher, source)) == clean.encode(encoding)
        target = io.BytesIO()
        assert write_redacted_text(matcher, source, target)
        assert target.getvalue() == clean.encode(encoding)
    broken = b"\xe9\xff \xc3 " + PASSWORD.encode() + b" \xe9 " + PASSWORD.encode("utf-16-be") + b"\0x\n"
    assert b"".join(redact_text(matcher, io.BytesIO(broken))) == (
        b"\xe9\xff \xc3 [removed] \xe9 " + "[removed]".encode("utf-16-be") + b"\0x\n"
    )


def test_binaries_cannot_be_cleaned() -> None:
    """Only texts get a cleaned copy: in other files, another length would break the file."""
    assert choose_redaction(io.BytesIO(b"RIFF\0\0\0\0WAVE")) is Redaction.NONE
    assert choose_redaction(io.BytesIO("Küche\t1\r\n".encode("cp1252"))) is Redaction.TEXT
    assert choose_redaction(io.BytesIO(b"")) is Redaction.TEXT


def test_a_large_text_is_cleaned_across_chunks(matcher: Matcher) -> None:
    """In a text of several chunks every secret is removed, also across their borders."""
    parts = [b"%d,21.5,%s\n" % (i, PASSWORD.encode() if i % 5000 == 0 else b"ok") for i in range(220_000)]
    data = b"".join(parts)
    assert len(data) > 2 * CHUNK_BYTES
    data = data[: CHUNK_BYTES - 8] + URL.encode() + b" " + data[CHUNK_BYTES - 8 :]
    clean = b"".join(redact_text(matcher, io.BytesIO(data)))
    assert clean == data.replace(URL.encode(), b"[removed]").replace(PASSWORD.encode(), b"[removed]")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_replacing_in_chunks_of_any_size(size: int) -> None:
    """Ranges are replaced in the same way for any size of chunks."""
    data = bytes(range(60))
    ranges = [(0, 3, b"A"), (3, 4, b""), (10, 30, b"BB"), (58, 60, b"C")]
    chunks = [data[i : i + size] for i in range(0, len(data), size)]
    assert b"".join(replace_in_stream(chunks, ranges)) == b"A" + data[4:10] + b"BB" + data[30:58] + b"C"


HOSTILE: dict[str, bytes] = {
    "schemes": b"://",
    "users": b"a://b:c",
    "at": b"://:@",
    "percent": b"%4e",
    "nested": b"%25",
    "json": b"\\u004e",
    "backslashes": b"\\",
    "entities": b"&#78;",
    "ampersands": b"&amp;",
    "almost": b"Not-For-Export-",
    "dots": b"192.0.2.4",
    "keys": b"password=",
    "weak": b"password=admi",
    "paths": b"/home",
    "slashes": b"/",
    "wide": b":\0/\0/\0",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_no_text_can_stall(matcher: Matcher, monkeypatch: pytest.MonkeyPatch, unit: bytes) -> None:
    """Twice the text costs at most about twice the bytes examined: counted, not timed."""
    seen: Counter[str] = Counter()

    def counted(name: str, of: Callable[..., Any], size: Callable[..., int]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            seen[name] += size(*args)
            return of(*args)

        return call

    monkeypatch.setattr("labcrate.secrets.matcher.url_at", counted("url", labcrate.secrets.urls.url_at, lambda *_: 1))
    monkeypatch.setattr(
        "labcrate.secrets.matcher.decode",
        counted("decode", labcrate.secrets.escapes.decode, len),
    )
    monkeypatch.setattr(
        "labcrate.secrets.escaped_regions._run_around",
        counted(
            "run", labcrate.secrets.escaped_regions._run_around, lambda _data, _at, _ok, before, after: before + after
        ),
    )
    counts = []
    for size in (30_000, 60_000):
        seen.clear()
        matcher.find((unit * size)[:size])
        counts.append(seen.total())
    assert counts[1] <= 2 * counts[0] + 10_000
    assert counts[1] <= 1000 * 60_000


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_large_hostile_files_are_searched(matcher: Matcher, unit: bytes) -> None:
    """However many near-secrets come first, the secret after them is found."""
    data = unit * (CHUNK_BYTES // 4 // len(unit)) + b" \n " + PASSWORD.encode()
    assert SecretKind.CAMERA_PASSWORD in {hit.kind for hit in find_in_stream(matcher, [data])}
