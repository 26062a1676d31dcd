"""How long a session's page waits for what it shows, and how old that may be."""

OUTLINE_WAIT_S = 0.7
"""The time in seconds that the page waits for the outline, without which it shows only the session's description."""

READINGS_WAIT_S = 0.2
"""The time in seconds that the page waits for the readings of a session whose outline it can show already."""

MAX_AGE_S = 10.0
"""The maximum age in seconds of a plan on a page if making it took longer than a page waits.

Sensor messages may arrive faster than they can be read, and a page must show some plan at last.
"""
