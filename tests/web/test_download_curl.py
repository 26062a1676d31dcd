"""A real client resumes a download; other clients, and killed ones, are in the long tests (``tests/slow/web``)."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.waiting import wait_for_ended

from labcrate.people.roles import Role

PATH = "/api/sessions/42/archive.zip"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_resumes_a_download(serve: Any, usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """``curl -C -`` completes a partial download to the command line's ZIP, and the log has the offset."""
    assert cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "whole.zip").code == 0
    whole, target = (tmp_path / "whole.zip").read_bytes(), tmp_path / "down.zip"
    target.write_bytes(whole[:20_000])
    server = serve(usual_lab.root)
    login = f"Authorization: Bearer {server.token(Role.OPERATOR)}"
    subprocess.run(["curl", "-sS", "-f", "-C", "-", "-H", login, "-o", target, server.url + PATH], check=True)
    assert target.read_bytes() == whole
    line = wait_for_ended(server, 1)[0]
    assert (line.outcome, line.start, line.bytes_sent) == ("finished", 20_000, len(whole) - 20_000)
