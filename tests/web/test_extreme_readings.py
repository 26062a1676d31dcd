"""Readings of values that no sensor should report: pages, plots and exports hold them."""

import json
from typing import Any

import pytest
from tests.support.rounds import rounds
from tests.support.waiting import wait_for_plans

from labcrate.web.pages.i18n import Locale

EXTREME = (
    "1e25", "1e308", "-1e300", "5e-324", "1" + "0" * 40, "-" + "9" * 400, "1e999", "-1e999", "NaN", "Infinity",
    "-Infinity", '"NaN"', '"1e25"', "9007199254740993", "0.1",
)  # fmt: skip
ALONE = EXTREME[:: rounds(5, 1)]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a plan as long as it takes: how busy the machine is decides nothing."""
    wait_for_plans(monkeypatch)


def write_values(lab: Any, values: tuple[str, ...]) -> None:
    """Write one reading of each value, as JSON text that no JSON writer would write."""
    stamps = [f'{{"timestamp": "2025-05-02T08:0{i % 5}:00.{i:03}Z", "payload": %s}}' for i in range(len(values))]
    whole = ",".join(stamp % f'{{"temperature": {value}}}' for stamp, value in zip(stamps, values, strict=True))
    bare = ",".join(stamp % value for stamp, value in zip(stamps, values, strict=True))
    lab.write(
        "data/zigbee-data.json",
        f'{{"messages": {{"zigbee2mqtt/door": [{whole}], "zigbee2mqtt/hall/level": [{bare}]}}, '
        '"topics": ["zigbee2mqtt/door", "zigbee2mqtt/hall/level"], "deviceCount": 2}',
    )
    (lab.root / "data/zigbee-sensors.csv").unlink()


def no_constant(text: str) -> None:
    """Refuse what JSON does not have."""
    raise AssertionError(text)


@pytest.mark.parametrize("values", [*[(value, "21.5") for value in ALONE], EXTREME], ids=[*ALONE, "all"])
def test_pages_and_plots_hold_any_number(usual_lab: Any, serve: Any, values: tuple[str, ...]) -> None:
    """For any value of a sensor, pages and plot respond with 200 and with JSON that every parser reads."""
    write_values(usual_lab, values)
    served = serve(usual_lab.root)
    for page in ("/sessions/42", "/sessions/42/readings", "/sessions/42/choice", "/doctor", "/api/sessions/42/plan"):
        for language in ("en", "es"):
            answer = served.get(page, cookies={"labcrate_language": language})
            assert answer.status_code == 200, (page, answer.text)
    for name in ("temperature", "level", "value"):
        answer = served.get(f"/api/sessions/42/readings/plot?property={name}")
        assert answer.status_code == 200, answer.text
        json.loads(answer.text, parse_constant=no_constant)


def test_the_mean_of_large_values_is_a_number(usual_lab: Any, serve: Any) -> None:
    """Values whose sum no float holds have the mean that they have."""
    write_values(usual_lab, ("1e308", "1.6e308"))
    page = serve(usual_lab.root).get("/sessions/42/readings").text
    assert "1.3E308" in page
    assert "∞" not in page


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1e25, "1E25"),
        (-1e300, "-1E300"),
        (1.23456e308, "1,235E308"),
        (10**400, "1E400"),
        (999_999_999_999_999, "999.999.999.999.999"),
        (10**15, "1E15"),
        (21.5, "21,5"),
        (float("inf"), "∞"),
        (float("nan"), "NaN"),
    ],
)
def test_a_number_without_room_is_written_with_its_exponent(value: float, written: str) -> None:
    """Up to fifteen digits are written out, more have an exponent; nothing is raised."""
    assert Locale("es", "UTC").number(value, 3) == written
