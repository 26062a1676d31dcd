"""The English text of every message, by its id; the Spanish one stands in ``web/translations``."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    "login.no_administrator": (
        "This server has no administrator yet, so no login or token is accepted. Open the link that 'labcrate serve' "
        "printed when it started, or run 'labcrate user add NAME --role admin'."
    ),
}
