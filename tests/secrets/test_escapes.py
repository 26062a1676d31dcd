"""A secret in any spelling is found and blanked, and nothing else is changed."""

import io
import json
from urllib.parse import quote, unquote_to_bytes
from xml.sax.saxutils import escape

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.support.rounds import rounds

from labcrate.secrets.cleaner import REMOVED, Cleaner
from labcrate.secrets.copied_files import redact_text, scan_file
from labcrate.secrets.matcher import Matcher
from labcrate.secrets.stream import CHUNK_BYTES, find_in_stream
from labcrate.secrets.values import Secret, SecretKind, Secrets, collect_secrets, is_weak

CHARACTERS = "abcXYZ019-_.!\"'\\/%&<>=@:;# \né中🔑"
passwords = st.text(alphabet=CHARACTERS, min_size=8, max_size=24).filter(lambda p: not is_weak(p) and p == p.strip())
plain_texts = st.text(alphabet="klmnop 345,;é中", max_size=20)


def secrets_of(*values: str) -> Secrets:
    """Return the passwords as secrets."""
    return Secrets(tuple(Secret(value, SecretKind.CAMERA_PASSWORD) for value in values))


def _json_escape(character: str, capital: bool) -> str:
    units = character.encode("utf-16-be")
    form = "%04X" if capital else "%04x"
    return "".join("\\u" + form % int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2))


def _percent_escape(character: str, capital: bool) -> str:
    form = "%%%02X" if capital else "%%%02x"
    return "".join(form % byte for byte in character.encode())


def _xml_escape(character: str, capital: bool) -> str:
    return f"&#x{ord(character):X};" if capital else f"&#{ord(character)};"


def _json_must(character: str) -> bool:
    return character in '"\\\n'


def _percent_must(character: str) -> bool:
    return character in '%"<> \n\\' or character > "~"


def _xml_must(character: str) -> bool:
    return character in "&<"


SPELLINGS = {
    "json": (_json_escape, _json_must),
    "percent": (_percent_escape, _percent_must),
    "xml": (_xml_escape, _xml_must),
}


@st.composite
def spelt(draw: st.DrawFn, password: str) -> str:
    """Draw a spelling in which any character may be escaped, and those that must be are."""
    write, must = SPELLINGS[draw(st.sampled_from(sorted(SPELLINGS)))]
    parts = []
    for character in password:
        if must(character) or draw(st.booleans()):
            parts.append(write(character, draw(st.booleans())))
        else:
            parts.append(character)
    return "".join(parts)


@given(st.data(), passwords, plain_texts, plain_texts)
@settings(max_examples=rounds(100, 400))
def test_any_mixture_of_escapes_is_found_and_blanked(data: st.DataObject, password: str, left: str, right: str) -> None:
    """A password of which any characters are escaped, in JSON, percent or XML, is blanked; the text around it stays."""
    text = left + " " + data.draw(spelt(password)) + " " + right
    cleaner = Cleaner(secrets_of(password))
    assert {hit.kind for hit in cleaner.matcher.find(text.encode())} == {SecretKind.CAMERA_PASSWORD}
    assert cleaner.clean_text(text) == f"{left} {REMOVED} {right}"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | plain_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain_texts, inner, max_size=3),
    max_leaves=8,
)


def _with(value: object, text: str, where: int) -> object:
    """Put a text into one of the places of a value, as a value, inside a text or as a key."""
    if isinstance(value, dict) and where % 2:
        return {**value, f"k {text}": 1}
    if isinstance(value, list) and value:
        return [_with(value[0], text, where // 2), *value[1:]]
    return {"note": f"x {text} y", "rest": value, "list": [text]}


@given(st.lists(passwords, min_size=1, max_size=3, unique=True), json_values, st.integers(0, 7))
@settings(max_examples=rounds(60, 200))
def test_no_output_of_any_format_holds_a_secret(values: list[str], value: object, where: int) -> None:
    """Any JSON value, cleaned and written as JSON, percent, XML or UTF-16, contains no secret."""
    for password in values:
        value = _with(value, password, where)
    cleaner = Cleaner(secrets_of(*values))
    cleaned = cleaner.clean_json(value)
    for text in (json.dumps(cleaned), json.dumps(cleaned, ensure_ascii=False)):
        read = json.dumps(json.loads(text), ensure_ascii=False)
        outputs = (text, read, quote(text), quote(text, safe=""), escape(text))
        for password in values:
            forms = {password, json.dumps(password)[1:-1], json.dumps(password, ensure_ascii=False)[1:-1]}
            for form in forms | {quote(password, safe=""), escape(password)}:
                assert not any(form in output for output in outputs)
                assert not any(form.encode("utf-16-le") in output.encode("utf-16-le") for output in outputs)
        assert all(cleaner.matcher.find(o.encode()) == [] for o in outputs)
        assert all(cleaner.matcher.find(o.encode("utf-16-be")) == [] for o in outputs)
    assert cleaner.places
    assert not any(password in place for password in values for place in cleaner.places)


@given(json_values, passwords)
def test_nothing_else_is_changed(value: object, password: str) -> None:
    """A value without the secret is unchanged, and no place is listed."""
    assume(Matcher(secrets_of(password)).find(json.dumps(value).encode()) == [])
    cleaner = Cleaner(secrets_of(password))
    assert cleaner.clean_json(value) == value
    assert cleaner.places == []


@given(passwords, st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]), st.integers(-700, 700), st.booleans())
@settings(max_examples=rounds(25, 60), deadline=None)
def test_found_at_every_offset_across_chunks(password: str, encoding: str, offset: int, escaped: bool) -> None:
    """In a stream, a secret across the border of two chunks is found once, where it is."""
    matcher = Matcher(secrets_of(password))
    spelling = "".join(_percent_escape(c, True) for c in password) if escaped else password
    written = spelling.encode(encoding if not escaped else "utf-8")
    start = CHUNK_BYTES + offset - offset % 2
    stream = bytes(start) + written + bytes(3 * CHUNK_BYTES // 2)
    chunks = [stream[i : i + CHUNK_BYTES] for i in range(0, len(stream), CHUNK_BYTES)]
    hits = list(find_in_stream(matcher, chunks))
    assert hits
    assert len(hits) == len(set(hits))
    assert all(abs(hit.start - start) <= 1 and abs(hit.stop - start - len(written)) <= 1 for hit in hits)


@given(st.lists(passwords, min_size=1, max_size=2), st.lists(plain_texts, min_size=1, max_size=4), st.data())
@settings(max_examples=rounds(40, 100))
def test_a_cleaned_copy_is_the_text_without_the_secret(
    values: list[str], texts: list[str], data: st.DataObject
) -> None:
    """A text of any encoding is copied byte for byte except for the secrets."""
    encoding = data.draw(st.sampled_from(["utf-8", "utf-16"]))
    matcher = Matcher(secrets_of(*values))
    joint = data.draw(st.sampled_from(values))
    assume(all(matcher.find(text.encode()) == [] for text in texts))
    source = io.BytesIO(f" {joint} ".join(texts).encode(encoding))
    copy = b"".join(redact_text(matcher, source))
    assert copy.decode(encoding) == f" {REMOVED} ".join(texts)
    assert scan_file(matcher, io.BytesIO(copy), len(copy)).kinds == ()


numbers = st.integers(0, 255)


@given(st.tuples(numbers, numbers, numbers, numbers), st.sampled_from(["0", "9", "1.", "77."]), st.booleans())
def test_an_address_inside_a_longer_number_is_none(parts: tuple[int, int, int, int], more: str, before: bool) -> None:
    """A known address that a digit touches, directly or after a dot, is something else; otherwise it is found."""
    address = ".".join(map(str, parts))
    secrets = collect_secrets([("data/cameras.json", {"1": {"ipAddress": address}})])
    assume(secrets.strong)
    cleaner = Cleaner(secrets)
    touched = more + address if before else address + more[::-1]
    for text in (touched, f"firmware {touched}, built", f"v{touched}"):
        assert cleaner.clean_text(text) == text
    for text in (address, f"at {address}.", f"{address}:554", f"cam_{address}_x", f"({address})"):
        assert cleaner.clean_text(text) == text.replace(address, REMOVED)


@given(st.binary(max_size=300), passwords)
def test_any_bytes_can_be_searched(data: bytes, password: str) -> None:
    """No bytes make the search fail, and all hits are inside them."""
    matcher = Matcher(secrets_of(password))
    for part in (data, data + password.encode() + data, unquote_to_bytes(quote(data))):
        assert all(0 <= hit.start < hit.stop <= len(part) for hit in matcher.find(part))
    assert matcher.find(data + password.encode() + data)
