"""Messages: ids with values, their text, and how they are stored."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcrate.messages.english import ENGLISH
from labcrate.messages.message import Message, first_names
from labcrate.messages.stored import message_from_json, message_to_json

INNER = Message("names.and_more", names="a, b", count=2)


def test_an_id_or_value_that_the_catalogue_does_not_have_is_an_error() -> None:
    """A misspelt id or a missing value is found when the message is made, not when it is read."""
    with pytest.raises(KeyError):
        Message("names.unknown")
    with pytest.raises(KeyError):
        Message("names.and_more", count=2)


def test_a_file_name_among_the_values_is_printed_on_one_line() -> None:
    """A name with control characters, line breaks or bytes that are not UTF-8 is escaped in the text."""
    message = Message("file.problem", file="a\n\x1b[31m\udcff.mp4", problem=INNER)
    assert message == "a\\n\\x1b[31m\\xff.mp4: a, b and 2 more"


def test_the_texts_among_the_values_can_be_replaced() -> None:
    """Texts within lists and other messages change too; a message without a change is returned as it is."""
    message = Message("file.problem", file="secret.mp4", problem=Message("names.and_more", names="secret", count=2))
    assert message.replace_texts(lambda text: text.replace("secret", "_")) == "_.mp4: _ and 2 more"
    assert message.replace_texts(lambda text: text) is message


def test_names_are_listed_up_to_a_number() -> None:
    """The first names are listed, and how many more there are."""
    assert first_names(["a", "b"], 2) == "a, b"
    assert first_names(["a", "b", "c", "d"], 2) == "a, b and 2 more"


def test_a_message_can_be_pickled() -> None:
    """It keeps id and values between processes."""
    copy = pickle.loads(pickle.dumps(INNER))  # noqa: S301 - our own bytes
    assert (copy, copy.id, copy.values) == (INNER, INNER.id, INNER.values)


VALUES = st.recursive(
    st.text() | st.integers(-(10**9), 10**9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | inner.map(lambda value: Message("file.problem", file="f", problem=value))
    ),
    max_leaves=5,
)


@given(VALUES)
def test_a_stored_message_is_read_again(value: object) -> None:
    """Id, values and text survive, whatever the values hold."""
    message = Message("file.problem", file="f", problem=value)
    read = message_from_json(message_to_json(message))
    assert read is not None
    assert (read, read.id, read.values) == (message, message.id, message.values)


@given(st.text() | st.sampled_from(['{"id": "names.and_more"}', '{"id": "x", "values": {}}', "[]", "null", '"a"', "{"]))
def test_a_text_that_is_no_stored_message_is_none(text: str) -> None:
    """Text of another kind, or of a version with other ids or values, gives no message and no error."""
    assert message_from_json(text) is None


def test_ids_begin_with_their_topic() -> None:
    """Every id is in lower case: a topic, a dot, and what happened."""
    assert [name for name in ENGLISH if not name.islower() or "." not in name] == []
