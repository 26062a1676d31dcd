"""How often a claim is tried: fewer times with every change, as often as it deserves behind ``make test-all``."""

import os

THOROUGH = os.environ.get("LABCRATE_THOROUGH", "") not in ("", "0")
"""``make test-all`` sets it."""


def rounds(quick: int, thorough: int) -> int:
    """Return how many examples, seeds or moments to try in this run."""
    return thorough if THOROUGH else quick
