"""Warnings that clients cause: few lines in the log, however many there are."""

import pytest

from labcrate.web.http.rate_limiter import RateLimitedLog


def test_a_warning_is_written_at_most_every_ten_seconds(caplog: pytest.LogCaptureFixture) -> None:
    """The first is written at once; the next one, ten seconds later, has the number of those omitted."""
    now = [100.0]
    seldom = RateLimitedLog(lambda: now[0])
    for _ in range(1000):
        seldom.warn("No.")
    now[0] += 9.9
    seldom.warn("No.")
    assert caplog.messages == ["No."]
    now[0] += 0.1
    seldom.warn("No.")
    now[0] += 10
    seldom.warn("No.")
    assert caplog.messages == ["No.", "No. 1000 such warnings before this one were omitted.", "No."]
