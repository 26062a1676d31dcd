"""Names of time zones as the IANA database has them, and the nearest one to a name that it does not have."""

import difflib
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

# Links and leap-second copies that some systems keep beside the zones: they mean something else on each machine.
_LOCAL_NAMES = ("localtime", "Factory", "posixrules")
_COPIES = ("posix/", "right/")
_LONGEST_ABBREVIATION = 5


def is_time_zone(name: str) -> bool:
    """Return whether a text is the name of an IANA time zone, the same on every machine."""
    if name in _LOCAL_NAMES or name.startswith(_COPIES):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, malformed, or a folder of the database
        return False
    return True


def nearest_time_zone(name: str) -> str | None:
    """Return the zone that a misspelt name probably means: ``Madrid`` and ``europe/madird`` are Europe/Madrid."""
    word = name.strip().replace(" ", "_").lower()
    by_text = _zones_by_text()
    if word in by_text:
        return by_text[word]
    # Abbreviations such as CEST or PST are no slips: whatever resembles them is somewhere else.
    near = difflib.get_close_matches(word, by_text, n=1, cutoff=0.75) if len(word) > _LONGEST_ABBREVIATION else []
    return by_text[near[0]] if near else None


@cache
def _zones_by_text() -> dict[str, str]:
    """Every zone by its name and by its place alone, in lower case; a whole name comes before a place."""
    # Of the short ones only UTC: CEST is not a slip for EST.
    zones = sorted(zone for zone in available_timezones() if is_time_zone(zone) and ("/" in zone or zone == "UTC"))
    places = {zone.rpartition("/")[2].lower(): zone for zone in zones if not zone.startswith("Etc/")}
    return places | {zone.lower(): zone for zone in zones}
