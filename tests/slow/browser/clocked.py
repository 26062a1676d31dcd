"""``labcrate`` with its clock set to a time of day: ``python -m tests.slow.browser.clocked 23:30 serve ...``.

The date stays today's, so that the age of logins and tokens is right.
"""

import sys
import time
from datetime import UTC, datetime, timedelta

_real_time, _real_time_ns = time.time, time.time_ns


def set_clock(hour: str) -> None:
    """Make ``time.time`` start at the next occurrence of a time of day (``HH:MM``, UTC)."""
    now = datetime.fromtimestamp(_real_time(), UTC)
    target = now.replace(hour=int(hour[:2]), minute=int(hour[3:]), second=0, microsecond=0)
    ahead_s = ((target - now) % timedelta(days=1)).total_seconds()
    time.time = lambda: _real_time() + ahead_s
    time.time_ns = lambda: _real_time_ns() + round(ahead_s * 1e9)


if __name__ == "__main__":
    set_clock(sys.argv.pop(1))
    from labcrate.cli.main import run  # the clock is set before anything keeps a reference to it

    run()
