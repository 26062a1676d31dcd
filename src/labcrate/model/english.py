"""The English text of every message, by its id; the Spanish one stands in ``web/translations``."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    "bound.beyond": (
        "{file} goes on beyond 24 hours after the session's start. To take all of it, export with --to {to}."
    ),
    "bound.evidence": "The session has no end time: readings are included up to {end}, when {file} ends.",
    "bound.longest": ("The session has no end time: readings are included up to {end}, 24 hours after its start."),
    "bound.next_session": (
        "The session has no end time: readings are included up to {end}, when the lab's next session began."
    ),
    "bound.no_evidence": (
        "The session has no end time, and no recording or sensor file of it tells one: no readings are included. "
        "Name the end with --to, or take all readings of the lab with --readings all."
    ),
    "bound.no_start": (
        "The session has no start time: no readings are included. Take all readings of the lab with --readings all."
    ),
    "bound.same_start": (
        "Another session of the lab starts at the same instant, so the time of the two cannot be told apart."
    ),
    "bound.undescribed": (
        "No file says when the session was held: readings are included from its first recording up to {end}, when "
        "{file} ends."
    ),
    "bound.zone_unknown": (
        "The session's own sensor files have times without a zone, which were read as UTC. Name the zone with "
        "--time-zone."
    ),
    "register.name_taken": (
        "{file}: what the lab's register of recordings says of a file of this name was not used, because several "
        "files of the lab have the name and different bytes."
    ),
    "secrets.allowed": "{file} was packed as it is and holds {kinds}, because whoever exported it allowed that.",
    "secrets.found": "{file} holds {kinds}; an export stops there unless it is redacted or allowed.",
    "secrets.position": (
        "{file} holds a position: its tags say where it was recorded. That is not removed; see that it harms nobody."
    ),
    "secrets.redacted": "{file} differs from the lab's own file, because this was taken out of it: {kinds}.",
    "window.all_readings": "All readings of the lab are included, whatever session they were taken in.",
    "window.reaches_other_session": (
        "The readings' window reaches into the time of another session of the lab, because it was widened."
    ),
    "login.no_administrator": (
        "This server has no administrator yet, so no login or token is accepted. Open the link that 'labcrate serve' "
        "printed when it started, or run 'labcrate user add NAME --role admin'."
    ),
}
