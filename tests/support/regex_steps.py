"""Counts the steps of a backtracking search: the cost of a regular expression on any machine and at any load.

It walks the tree that ``re`` parses as its engine does: alternatives in order, repeats greedy or lazy, atomic groups
without going back. A comparison of a character, a place where a repeat may end, and a start of a search are one step
each. The engine's shortcuts for prefixes are not used, so the count is never below the real cost.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from re import _constants as codes
from re import _parser as parser
from typing import Any

Groups = Mapping[int, tuple[int, int]]
State = tuple[int, Groups]

REPEAT_LIMIT = 4
"""Repeats with a higher bound are counted with this one: a bounded repeat is bounded at any size."""

_LITERALS = (codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN)
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
_CATEGORIES = {
    codes.CATEGORY_DIGIT: r"\d",
    codes.CATEGORY_NOT_DIGIT: r"\D",
    codes.CATEGORY_SPACE: r"\s",
    codes.CATEGORY_NOT_SPACE: r"\S",
    codes.CATEGORY_WORD: r"\w",
    codes.CATEGORY_NOT_WORD: r"\W",
}


class TooManyStepsError(Exception):
    """A search with more steps than the limit."""


class StepCounter:
    """A regular expression whose steps are counted; ``limit`` (steps) ends a search that would not end."""

    def __init__(self, pattern: re.Pattern[Any], repeat_limit: int = REPEAT_LIMIT) -> None:
        self.tree = parser.parse(pattern.pattern, pattern.flags)
        self.count = 0
        self._ascii = isinstance(pattern.pattern, bytes) or bool(pattern.flags & re.ASCII)
        self._flags = pattern.flags
        self.limit, self._repeat_limit = 10**9, repeat_limit
        self._text = ""
        self._match_cache: dict[tuple[int, int, str], bool] = {}

    def finditer(self, text: str | bytes) -> list[tuple[int, int]]:
        """Return the spans of all matches, as ``finditer`` finds them."""
        return list(self._search(text, again=True))

    def search(self, text: str | bytes) -> list[tuple[int, int]]:
        """Return the span of the first match."""
        return list(self._search(text, again=False))

    def match(self, text: str | bytes, at: int = 0, *, whole: bool = False) -> tuple[int, int] | None:
        """Return the span of the match at a place; ``whole``: only if it reaches the end of the text."""
        self._text = text if isinstance(text, str) else text.decode("latin-1")
        for end, _ in self._walk(list(self.tree), 0, at, {}, self._flags):
            if not whole or end == len(self._text):
                return at, end
        return None

    def _search(self, text: str | bytes, *, again: bool) -> Iterator[tuple[int, int]]:
        at = 0
        while at <= len(text):
            self._step()
            if found := self.match(text, at):
                yield found
                if not again:
                    return
                at = max(found[1], at + 1)
            else:
                at += 1

    def _step(self, number: int = 1) -> None:
        self.count += number
        if self.count > self.limit:
            raise TooManyStepsError

    def _walk(self, items: list[Any], k: int, at: int, groups: Groups, flags: int) -> Iterator[State]:
        """Yield where the items from ``k`` on may end if they begin at ``at``, in the order of the engine."""
        while k < len(items) and items[k][0] in _LITERALS:
            self._step()
            if at >= len(self._text) or not self._matches(items[k], self._text[at], flags):
                return
            k, at = k + 1, at + 1
        if k == len(items):
            yield at, groups
            return
        for end, known in self._node(items[k][0], items[k][1], at, groups, flags):
            yield from self._walk(items, k + 1, end, known, flags)

    def _node(self, op: Any, av: Any, at: int, groups: Groups, flags: int) -> Iterator[State]:  # noqa: PLR0912
        self._step()
        if op in _REPEATS:
            yield from self._repeat(op, av[0], av[1], av[2], at, groups, flags)
        elif op is codes.SUBPATTERN:
            number, added, removed, inside = av
            for end, known in self._walk(list(inside), 0, at, groups, (flags | added) & ~removed):
                yield end, known if number is None else {**known, number: (at, end)}
        elif op is codes.BRANCH:
            for branch in av[1]:
                yield from self._walk(list(branch), 0, at, groups, flags)
        elif op is codes.ATOMIC_GROUP:
            for state in self._walk(list(av), 0, at, groups, flags):
                yield state
                return
        elif op in (codes.ASSERT, codes.ASSERT_NOT):
            found = self._look_around(av[0], list(av[1]), av[1].getwidth()[0], at, groups, flags)
            if (found is not None) == (op is codes.ASSERT):
                yield at, found or groups
        elif op is codes.AT:
            if self._is_at(av, at, flags):
                yield at, groups
        elif op is codes.GROUPREF:
            start, stop = groups.get(av, (0, -1))
            self._step(max(stop - start, 0))
            if stop >= 0 and self._text.startswith(self._text[start:stop], at):
                yield at + stop - start, groups
        else:
            raise NotImplementedError(str(op))

    def _look_around(
        self, ahead: int, items: list[Any], width: int, at: int, groups: Groups, flags: int
    ) -> Groups | None:
        start = at if ahead > 0 else at - width
        if start < 0:
            return None
        return next(
            (known for end, known in self._walk(items, 0, start, groups, flags) if ahead > 0 or end == at), None
        )

    def _repeat(
        self, op: Any, least: int, most: Any, inside: Any, at: int, groups: Groups, flags: int
    ) -> Iterator[State]:
        items = list(inside)
        bound = len(self._text) + 1 if most is codes.MAXREPEAT else min(int(most), max(least, self._repeat_limit))
        if len(items) == 1 and items[0][0] in _LITERALS:
            states = self._repeat_character(op, least, bound, items[0], at, groups, flags)
        else:
            states = self._repeat_group(op, least, bound, items, at, groups, flags)
        for state in states:
            yield state
            if op is codes.POSSESSIVE_REPEAT:
                return

    def _repeat_character(
        self, op: Any, least: int, bound: int, item: Any, at: int, groups: Groups, flags: int
    ) -> Iterator[State]:
        """Yield the ends of a repeat of a single character."""
        count = 0
        if op is codes.MIN_REPEAT:
            while True:
                self._step()
                if count >= least:
                    yield at + count, groups
                if (
                    count >= bound
                    or at + count >= len(self._text)
                    or not self._matches(item, self._text[at + count], flags)
                ):
                    return
                count += 1
        while count < bound and at + count < len(self._text) and self._matches(item, self._text[at + count], flags):
            count += 1
        self._step(count + 1)
        for end in range(count, least - 1, -1):
            self._step()
            yield at + end, groups

    def _repeat_group(
        self, op: Any, least: int, bound: int, items: list[Any], at: int, groups: Groups, flags: int
    ) -> Iterator[State]:
        """Yield the ends of a repeat of a group, with an own stack because repeats may be many."""
        lazy = op is codes.MIN_REPEAT
        if lazy and least == 0:
            yield at, groups
        open_ones = [(at, groups, self._walk(items, 0, at, groups, flags))]
        while open_ones:
            here, known, following = open_ones[-1]
            count = len(open_ones) - 1
            found = next(following, None) if count < bound else None
            if found is not None and (found[0] > here or count < least):
                self._step()
                if lazy and count + 1 >= least:
                    yield found
                open_ones.append((*found, self._walk(items, 0, found[0], found[1], flags)))
                continue
            if found is None:
                open_ones.pop()
                if not lazy and count >= least:
                    yield here, known

    def _is_at(self, where: Any, at: int, flags: int) -> bool:
        text, size = self._text, len(self._text)
        if where in (codes.AT_BEGINNING, codes.AT_BEGINNING_STRING):
            return at == 0 or (where is codes.AT_BEGINNING and bool(flags & re.MULTILINE) and text[at - 1] == "\n")
        if where is codes.AT_END_STRING:
            return at == size
        if where is codes.AT_END:
            return at == size or text[at:] == "\n" or (bool(flags & re.MULTILINE) and text[at] == "\n")
        is_word = [0 <= i < size and self._category(r"\w", text[i]) for i in (at - 1, at)]
        return (is_word[0] != is_word[1]) == (where is codes.AT_BOUNDARY)

    def _matches(self, item: Any, character: str, flags: int) -> bool:
        key = id(item), flags & re.IGNORECASE, character
        known = self._match_cache.get(key)
        if known is None:
            known = self._match_cache[key] = self._compare(item, character, flags)
        return known

    def _compare(self, item: Any, character: str, flags: int) -> bool:
        op, av = item
        if op is codes.ANY:
            return character != "\n" or bool(flags & re.DOTALL)
        cases = {character}
        if flags & re.IGNORECASE and (character.isascii() or not self._ascii):
            cases |= {character.lower(), character.upper()}
        if op is codes.IN:
            negated = av[0][0] is codes.NEGATE
            return any(self._is_in(one, case) for one in av for case in cases) != negated
        same = any(case == chr(av) for case in cases)
        return same == (op is codes.LITERAL)

    def _is_in(self, one: Any, character: str) -> bool:
        op, av = one
        if op is codes.RANGE:
            return len(character) == 1 and av[0] <= ord(character) <= av[1]
        if op is codes.CATEGORY:
            return self._category(_CATEGORIES[av], character)
        return op is codes.LITERAL and character == chr(av)

    def _category(self, written: str, character: str) -> bool:
        return re.match(written, character, re.ASCII if self._ascii else 0) is not None


_counters = cache(StepCounter)


def count_steps(pattern: re.Pattern[Any], use: str, text: str, limit: int = 10**9) -> int:
    """Return the steps of one use of an expression: ``search``, ``match``, ``fullmatch`` or ``finditer``."""
    counter = _counters(pattern)
    counter.count, counter.limit = 0, limit
    given = text.encode("utf-8", "surrogatepass") if isinstance(pattern.pattern, bytes) else text
    if use == "finditer":
        counter.finditer(given)
    elif use == "search":
        counter.search(given)
    else:
        counter.match(given, whole=use == "fullmatch")
    return counter.count


def costly_texts(pattern: re.Pattern[Any]) -> list[str]:
    """Return texts whose repetition probably costs an expression most: the text before each repeat, and its inside."""
    tree = list(parser.parse(pattern.pattern, pattern.flags))
    found = {_sample(tree)}
    for before, inside in _repeats(tree, ""):
        found |= {inside, before + inside}
    return sorted(found - {""})


def repeat_beginnings(pattern: re.Pattern[Any]) -> list[tuple[str, str]]:
    """Return, for each repeat, the text before it and its inside, which may be repeated any number of times."""
    return sorted(set(_repeats(list(parser.parse(pattern.pattern, pattern.flags)), "")))


def _repeats(items: list[Any], before: str) -> Iterator[tuple[str, str]]:
    for op, av in items:
        if op in _REPEATS:
            inside = _sample(list(av[2]))
            if av[1] is codes.MAXREPEAT:
                yield before, inside
            yield from _repeats(list(av[2]), before)
        elif op is codes.SUBPATTERN:
            yield from _repeats(list(av[3]), before)
        elif op is codes.ATOMIC_GROUP:
            yield from _repeats(list(av), before)
        elif op is codes.BRANCH:
            for branch in av[1]:
                yield from _repeats(list(branch), before)
        before += _sample([(op, av)])


def _sample(items: list[Any]) -> str:
    """Return a short text that the items are likely to match."""
    made = ""
    for op, av in items:
        if op is codes.LITERAL:
            made += chr(av)
        elif op is codes.NOT_LITERAL:
            made += "a" if av != ord("a") else "b"
        elif op is codes.ANY:
            made += "a"
        elif op is codes.IN:
            made += next(
                (c for c in 'a1 -/:."%\t\n\\é€<' if StepCounter(re.compile("a"))._compare((op, av), c, 0)), "Z"
            )
        elif op in _REPEATS:
            made += _sample(list(av[2])) * max(av[0], 1 if av[0] == 0 and av[1] is codes.MAXREPEAT else av[0])
        elif op is codes.SUBPATTERN:
            made += _sample(list(av[3]))
        elif op is codes.ATOMIC_GROUP:
            made += _sample(list(av))
        elif op is codes.BRANCH:
            made += _sample(list(av[1][0]))
    return made
