"""The time zone of this machine."""

import os
from pathlib import Path

from labcrate.model.time_zones import is_time_zone

_LOCALTIME = Path("/etc/localtime")


def machine_zone() -> str:
    """Return the IANA zone in ``TZ``, or the one that /etc/localtime links to, or UTC."""
    for found in (os.environ.get("TZ", "").removeprefix(":"), _zone_of_localtime()):
        if found and is_time_zone(found):
            return found
    return "UTC"


def _zone_of_localtime() -> str:
    try:
        return str(_LOCALTIME.readlink()).partition("zoneinfo/")[2]
    except OSError:
        return ""
