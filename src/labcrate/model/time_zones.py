"""Check names of IANA time zones, and find the nearest one to a misspelled name."""

import difflib
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

# Links and leap-second copies that some systems keep beside the zones: they differ between machines.
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
    """Return the zone nearest to a misspelled name: Europe/Madrid for ``Madrid`` and ``europe/madird``."""
    word = name.strip().replace(" ", "_").lower()
    by_text = _zones_by_text()
    if word in by_text:
        return by_text[word]
    # Abbreviations such as CEST or PST are not misspelled: zones with similar names are elsewhere.
    near = difflib.get_close_matches(word, by_text, n=1, cutoff=0.75) if len(word) > _LONGEST_ABBREVIATION else []
    return by_text[near[0]] if near else None


@cache
def _zones_by_text() -> dict[str, str]:
    """Return every zone by its name and by its place alone, in lower case; a full name takes precedence."""
    # Of the short names only UTC: CEST is not a misspelled EST.
    zones = sorted(zone for zone in available_timezones() if is_time_zone(zone) and ("/" in zone or zone == "UTC"))
    places = {zone.rpartition("/")[2].lower(): zone for zone in zones if not zone.startswith("Etc/")}
    return places | {zone.lower(): zone for zone in zones}
