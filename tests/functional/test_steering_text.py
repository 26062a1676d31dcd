"""Text of a lab that would steer a terminal: no command writes it as it is."""

import json
import re
from typing import Any

import pytest

STEERING = "\x1b[2J\x9b31m\u202e\u2066"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
COMMANDS = (("sessions",), ("plan", "42"), ("plan", "42", "--left-out"), ("doctor",), ("doctor", "--all"), ("log",))


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_writes_what_steers_a_terminal(
    usual_lab: Any, cli: Any, command: tuple[str, ...], as_json: tuple[str, ...]
) -> None:
    """Names, ids, states, notes and files of a lab are written out, as text and as JSON."""
    usual_lab.session(
        42, name=f"Morning{STEERING}", status=f"completed{STEERING}", notes=STEERING, timeZone=f"Europe/{STEERING}",
        selectedDevices={"cameras": [{"id": f"1{STEERING}", "name": f"c{STEERING}"}], "sensors": [f"s{STEERING}"]},
    )  # fmt: skip
    usual_lab.json(
        "data/cameras.json", [{"id": f"9{STEERING}", "name": f"Hall{STEERING}", "recordingPrefix": f"hall{STEERING}"}]
    )
    usual_lab.recording(f"recordings/garden_session42_{STEERING.replace('/', '')}.mp4")
    outcome = cli(*command, *as_json, "--lab", usual_lab.root)
    assert not RAW.search(outcome.out + outcome.err)
    if as_json and outcome.code == 0:
        json.loads(outcome.out)
