"""Says sentences of the core in another language, by finding again the pattern that each was made from.

The core speaks English alone: in archives, on the command line, in logs and in the API, where words must not
depend on who reads. Only pages translate, and some of what they show was written down long before (the log).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_PLACE = re.compile(r"%\((\w+)\)s")
_NUMBER = r"[0-9]{1,30}|[0-9]{1,3}(?:,[0-9]{3}){1,9}"
_NUMBERS = frozenset(("count", "days", "least", "most", "number", "seconds", "total"))
_SESSION = r"[^\W_](?:[\w .-]{0,62}[\w-])?"
_PATH = "(?:data|recordings|sessions)/"
# Values that are made from sentences themselves: what is not known of these makes the whole unknown.
_SENTENCES = frozenset(
    {"advice", "amount", "instead", "known", "problem", "readings", "remedy", "rule"}
    | {"source", "topics", "warning", "what", "where", "why"}
)
_MAYBE = frozenset(("camera", "names", "numbers", "prefixes"))
_DEEPEST = 6
_LONGEST = 1000  # a sentence; what is longer would be names of files, and searching them takes its time


@dataclass(frozen=True, slots=True)
class _Phrase:
    clue: str
    pattern: re.Pattern[str]
    said: str


class Phrasebook:
    """Sentences with their translations; values stand in both as ``%(name)s``.

    The first that fits is taken, so those that fit more come later. ``number`` writes a number as the other
    language does.
    """

    def __init__(self, phrases: Iterable[tuple[str, str]], number: Callable[[int], str]) -> None:
        self._number = number
        self._whole: dict[str, str] = {}
        self._phrases: list[_Phrase] = []
        for sentence, said in phrases:
            if _PLACE.search(sentence):
                self._phrases.append(_Phrase(_clue(sentence), _pattern(sentence), said))
            else:
                self._whole[sentence] = said

    def say(self, text: str) -> str | None:
        """The sentence in the other language; None for one that is not in the book."""
        return self._say(text, 0) if len(text) <= _LONGEST else None

    def _say(self, text: str, depth: int) -> str | None:
        if text in self._whole:
            return self._whole[text]
        if depth == _DEEPEST:
            return None
        for phrase in self._phrases:
            if phrase.clue in text and (found := phrase.pattern.fullmatch(text)):
                values = {name: self._value(name, value, depth) for name, value in found.groupdict().items()}
                if None not in values.values():
                    return phrase.said % values
        if text.endswith("."):  # a sentence of its own here, a part of one elsewhere
            said = self._say(text[:-1], depth + 1)
            return said and f"{said}."
        return None

    def _value(self, name: str, value: str, depth: int) -> str | None:
        if name in _SENTENCES:
            return self._say(value, depth + 1)
        if name in _MAYBE:
            return self._say(value, depth + 1) or value
        return self._number(int(value.replace(",", ""))) if name in _NUMBERS and "," in value else value


def _clue(sentence: str) -> str:
    """The longest piece of a sentence that is the same whatever its values are."""
    return max(_PLACE.sub("\n", sentence).split("\n"), key=len)


def _pattern(sentence: str) -> re.Pattern[str]:
    """Compile a sentence with its places.

    What follows a place of any length counts at the first position where it fits, for good (but what ends the
    sentence): to try every position for each place would take the power of their number.
    """
    parts, named = [""], set()  # each part but the first begins with a place of any length
    for at, piece in enumerate(_PLACE.split(sentence)):  # literal, name, literal, name ...
        if not at % 2:
            parts[-1] += re.escape(piece)
        elif piece in named:
            parts[-1] += f"(?P={piece})"
        else:
            named.add(piece)
            bounded = {"session": _SESSION}.get(piece, _NUMBER if piece in _NUMBERS else "")
            if bounded:
                parts[-1] += f"(?P<{piece}>{bounded})"
            else:
                parts.append(f"(?P<{piece}>{_PATH if piece == 'path' else ''}.+?)")
    first, *others = parts
    last = others.pop() if others else ""
    return re.compile(first + "".join(f"(?>{part})" for part in others) + last, re.DOTALL)


def _marked(word: str) -> str:
    """The word itself; what stands in a call of this is found by the extraction of messages."""
    return word


STATES = (_marked("complete"), _marked("complete, with warnings"), _marked("incomplete"))
STATUSES = (_marked("active"), _marked("completed"), _marked("error"))
OUTCOMES = (_marked("running"), _marked("finished"), _marked("aborted"), _marked("broken"))
WAYS = (_marked("login"), _marked("token"), _marked("command line"))
RULES = (
    _marked("name"),
    _marked("folder"),
    _marked("register"),
    _marked("unknown prefix"),
    _marked("no separator"),
    _marked("leading zeros"),
    _marked("marker first"),
    _marked("bare number"),
    _marked("ambiguous"),
    _marked("not MP4"),
    _marked("wrong folder name"),
    _marked("number runs on"),
    _marked("separator inside the marker"),
    _marked("short marker"),
    _marked("right time, no ID"),
    _marked("other session"),
    _marked("no session in the name"),
    _marked("not a recording"),
    _marked("hidden file"),
    _marked("symbolic link"),
)
SEVERITIES = (_marked("problem"), _marked("warning"), _marked("hint"))
EXCLUDED = _marked("excluded")
SENTENCES = (
    _marked("Name and password do not fit."),
    _marked("The two passwords are not the same."),
    _marked("This is not your present password."),
    _marked("A password has at least 10 characters."),
    _marked("A password has at most 1024 characters."),
    _marked("A password holds no line breaks and no other characters that cannot be typed."),
    _marked("A password is not the user's own name."),
    _marked(
        "This password is among the first that somebody would try; choose another one, such as four words that have "
        "nothing to do with each other."
    ),
    _marked("Many people are logging in just now; wait a few seconds, and try again."),
    _marked("This page is out of date; load it again, and do it once more."),
    _marked("This is not the link that 'labcrate serve' printed when it started; open that one."),
    _marked("There is nothing at this address."),
    _marked("Something unexpected happened; the server's log says what. Try again, and tell the administrator."),
)
