"""The English text of the messages of reading the lab folder, by id."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    "session.no_zone": (
        "{field} of the session carries no zone; it is taken as UTC. If it is local, name the zone: --time-zone."
    ),
}
