"""How often a claim is tried: fewer times with every change, as often as it deserves behind ``make test-all``."""

import os
from collections.abc import Sequence
from typing import TypeVar

Value = TypeVar("Value")

THOROUGH = os.environ.get("LABCRATE_THOROUGH", "") not in ("", "0")
"""``make test-all`` sets it."""


def rounds(quick: int, thorough: int) -> int:
    """Return how many examples, seeds or moments to try in this run."""
    return thorough if THOROUGH else quick


def sample(values: Sequence[Value], quick: int) -> Sequence[Value]:
    """Return all values where time does not matter, else so many of them, from the first to the last."""
    if THOROUGH or quick >= len(values):
        return values
    return [values[number * (len(values) - 1) // max(quick - 1, 1)] for number in range(quick)]
