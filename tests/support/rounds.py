"""How often a claim is tried: a few times in ``make test``, more often in ``make test-all``."""

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
    """Return all values in a thorough run, else that many of them, from the first to the last."""
    if THOROUGH or quick >= len(values):
        return values
    return [values[number * (len(values) - 1) // max(quick - 1, 1)] for number in range(quick)]
