"""Large files of messages are searched for secrets piece by piece: what is found is what reading them whole finds."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.rounds import rounds

from labcrate.lab.folder import LabFolder
from labcrate.plan import message_secrets
from labcrate.plan.message_secrets import collect_message_secrets
from labcrate.readings.load import json_stream
from labcrate.readings.store import source_state
from labcrate.secrets.lab_secrets import MESSAGES, TABLE, LabSecrets, read_secrets
from labcrate.secrets.values import Secrets


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make every file a large one, which is read in small pieces."""
    monkeypatch.setattr(message_secrets, "LARGE_BYTES", 0)
    monkeypatch.setattr(json_stream, "_MERGE_BYTES", 50)
    (tmp_path / "lab" / "data").mkdir(parents=True)


def read_both(root: Path) -> tuple[LabSecrets, LabSecrets]:
    """Return the secrets of a lab's large files read piece by piece, and read whole."""
    lab = LabFolder(root)
    return read_secrets(lab, None, collect_message_secrets), read_secrets(lab)


TOPICS = ("z/door", "z/bridge/info", "z/bridge/devices", "z/Straße", "mqtt://lab:Topic-Pass-1@192.0.2.9/z", "password")
TEXTS = (
    "Secret-Value-1", "4711", "é\u0001\n\"quoted\"", "rtsp://user:Url-Pass-22@192.0.2.5/live", "a:b", "192.0.2.8:1883",
    "http://host.example/x?token=Query-Token-3", "installed_version", "", '{"password":"Inner-Pass-4"}', "{", "[1]",
)  # fmt: skip
KEYS = (
    "temperature", "installed_version", "password", "auth_token", "network_key", "networkKey", "pin_code", "users",
    "server", "user", "payload", "topic", "topík", "key", "update",
)  # fmt: skip


def payloads() -> st.SearchStrategy[Any]:
    """Return messages of devices and of the bridge, some with secrets."""
    leaves = st.one_of(
        st.sampled_from(TEXTS),
        st.integers(0, 99999),
        st.just([7] * 15 + [1]),
        st.none(),
        st.floats(0, 9),
        st.booleans(),
    )
    values = st.recursive(leaves, lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=3), max_leaves=4)
    return st.one_of(st.dictionaries(st.sampled_from(KEYS), values, max_size=4), st.just({"temperature": 21.5}), values)


def documents() -> st.SearchStrategy[Any]:
    """Return the platform's object, a list in an object or alone, with other keys around the messages."""
    message = st.fixed_dictionaries({"timestamp": st.just("2025-05-02T08:00:00Z"), "payload": payloads()})
    with_topic = st.tuples(message, st.sampled_from(TOPICS)).map(lambda one: {**one[0], "topic": one[1]})
    by_topic = st.dictionaries(st.sampled_from(TOPICS), st.lists(message, max_size=6), max_size=4)
    flat = st.lists(with_topic, max_size=8)
    around = st.dictionaries(st.sampled_from(("topics", *KEYS)), payloads(), max_size=2)
    wrapped = st.tuples(st.one_of(by_topic, flat), around).map(lambda one: {"messages": one[0], **one[1]})
    return st.one_of(wrapped, wrapped, flat)


@settings(max_examples=rounds(60, 800), suppress_health_check=list(HealthCheck))
@given(
    document=documents(),
    indent=st.sampled_from([None, 1, 4]),
    plain=st.booleans(),
    bom=st.booleans(),
    cut=st.one_of(st.just(0), st.just(0), st.integers(1, 30)),
    piece=st.integers(16, 400),
    data=st.data(),
)
def test_messages_in_json_of_any_form(
    tmp_path: Path, document: Any, indent: int | None, *, plain: bool, bom: bool, cut: int, piece: int, data: Any
) -> None:
    """The secrets are those of the whole file, wherever it is cut, in messages, topics and around them."""
    text = json.dumps(document, indent=indent, ensure_ascii=plain).encode()
    if data.draw(st.booleans(), label="lines") and isinstance(document, list):
        text = b"\n".join(json.dumps(one).encode() for one in document)
    written = b"\xef\xbb\xbf" * bom + text[: len(text) - cut]
    (tmp_path / "lab" / MESSAGES).write_bytes(written)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(message_secrets, "_PIECE_BYTES", piece)
        patch.setattr(json_stream, "PIECE_BYTES", piece)
        pieces, whole = read_both(tmp_path / "lab")
    assert values(pieces.secrets) == values(whole.secrets)
    assert list(map(str, pieces.problems)) == list(map(str, whole.problems))


def values(secrets: Secrets) -> list[Any]:
    """Return the secrets with their values, which their ``repr`` does not show."""
    return [[(one.value, one.kind, one.address) for one in group] for group in (secrets.strong, secrets.weak)]


@settings(max_examples=rounds(60, 800), suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.tuples(st.sampled_from(TOPICS), payloads()), max_size=8),
    separator=st.sampled_from(",;\t"),
    line=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    indent=st.sampled_from([None, None, 1]),
    ended=st.booleans(),
    piece=st.integers(16, 400),
)
def test_messages_in_a_table(
    tmp_path: Path,
    rows: list[Any],
    separator: str,
    line: str,
    encoding: str,
    indent: int | None,
    *,
    ended: bool,
    piece: int,
) -> None:
    """The secrets are those of the whole table, in any separator and encoding, wherever it is cut."""
    lines = [separator.join(("timestamp", "topic", "device_id", "payload"))]
    for topic, payload in rows:
        cells = ("t", topic, "d", json.dumps(payload, ensure_ascii=False, indent=indent))
        lines.append(separator.join('"' + cell.replace('"', '""') + '"' for cell in cells))
    (tmp_path / "lab" / TABLE).write_bytes((line.join(lines) + line * ended).encode(encoding, "replace"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(message_secrets, "_PIECE_BYTES", piece)
        pieces, whole = read_both(tmp_path / "lab")
    assert values(pieces.secrets) == values(whole.secrets)


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make results be stored at once, although a file may change again in the same tick."""
    monkeypatch.setattr(source_state, "_COARSE_NS", -(10**18))


@pytest.mark.usefixtures("stored")
def test_that_a_file_has_none_is_stored_for_its_state_and_this_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file without secrets is not read again, but it is once it changed, and by a search that finds more."""
    path = tmp_path / "lab" / MESSAGES
    path.write_text('{"messages": {"z/door": [{"payload": {"contact": true}}]}}')
    index = tmp_path / "lab" / ".labcrate" / "readings"
    index.mkdir(parents=True)
    reads: list[str] = []
    collect = message_secrets._collect

    def count(file: Any, path: str, words: Any, check: Any) -> Secrets | None:
        reads.append(path)
        return collect(file, path, words, check)

    monkeypatch.setattr(message_secrets, "_collect", count)
    for _ in range(3):
        assert read_both(tmp_path / "lab")[0].secrets == Secrets()
    assert len(reads) == 1
    monkeypatch.setattr(message_secrets, "SEARCH_VERSION", 10**6)
    read_both(tmp_path / "lab")
    assert len(reads) == 2
    path.write_text('{"messages": {"z/door": [{"payload": {"password": "Later-Pass-5"}}]}}')
    for number in (3, 4):
        pieces, whole = read_both(tmp_path / "lab")
        assert values(pieces.secrets) == values(whole.secrets) != values(Secrets())
        assert len(reads) == number
    assert not any(b"Later-Pass-5" in one.read_bytes() for one in index.iterdir())


@pytest.mark.usefixtures("stored")
def test_secrets_are_found_where_nothing_can_be_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder for labcrate's own files, as for a lab on a read-only disk, the secrets are the same."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "state").write_text("a file where the folder should be")
    (tmp_path / "lab" / ".labcrate").write_text("another")
    (tmp_path / "lab" / TABLE).write_text('topic,payload\nz,"{""password"":""Table-Pass-6""}"\n')
    pieces, whole = read_both(tmp_path / "lab")
    assert values(pieces.secrets) == values(whole.secrets) != values(Secrets())
