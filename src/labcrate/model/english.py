"""The English text of every message, by its id; the Spanish one stands in ``web/translations``."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {}
