"""Slow tests: real clients, killed processes, browsers, huge archives, attacks. ``make test-all`` runs them."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test below this folder as slow."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("slow")
