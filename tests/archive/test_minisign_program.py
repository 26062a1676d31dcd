"""The program ``minisign`` itself and labcrate take each other's keys and signatures."""

import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

MINISIGN = shutil.which("minisign")
MANIFEST = "manifest-sha256.txt"

pytestmark = pytest.mark.skipif(
    MINISIGN is None, reason="minisign is not installed, so that it reads our signatures and we its is not shown"
)


def minisign(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the program without input."""
    assert MINISIGN
    return subprocess.run(
        [MINISIGN, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )  # fmt: skip


def unpacked(archive: Path, folder: Path) -> Path:
    """Return the manifest of an archive as a file of its own."""
    folder.mkdir()
    return Path(zipfile.ZipFile(archive).extract(MANIFEST, folder))


def test_minisign_verifies_our_signature(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """By key file and by text, over the unpacked manifest; it shows its SHA-256, and refuses an altered one."""
    key = cli("keygen", "--lab", usual_lab.root, "--json").json
    cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip", "--sign")
    manifest, signature = unpacked(tmp_path / "out.zip", tmp_path / "m"), tmp_path / "out.zip.minisig"
    for named in (("-p", key["publicKeyFile"]), ("-P", key["publicKey"])):
        outcome = minisign("-V", *named, "-m", manifest, "-x", signature)
        assert outcome.returncode == 0, outcome.stderr
        shown = subprocess.run(["sha256sum", manifest], capture_output=True, text=True, check=True).stdout
        assert f"Trusted comment: {shown.split()[0]}" in outcome.stdout
    assert key["keyId"] in Path(key["publicKeyFile"]).read_text()
    manifest.write_bytes(manifest.read_bytes().replace(b"a", b"b", 1))
    assert minisign("-V", "-P", key["publicKey"], "-m", manifest, "-x", signature).returncode != 0


def test_our_verify_takes_minisign_s_signature(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """A signature that minisign made over the manifest, with a comment and time of its own, is verified."""
    secret, public = tmp_path / "x.key", tmp_path / "x.pub"
    assert minisign("-G", "-W", "-p", public, "-s", secret).returncode == 0
    cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip")
    manifest = unpacked(tmp_path / "out.zip", tmp_path / "m")
    signature = tmp_path / "out.zip.minisig"
    assert minisign("-S", "-s", secret, "-m", manifest, "-x", signature).returncode == 0
    outcome = cli("verify", tmp_path / "out.zip", "--key", public)
    assert (outcome.code, outcome.err) == (0, "")
    key_id = public.read_text().splitlines()[0].rpartition(" ")[2]
    assert f"signed by key {key_id}" in outcome.out


def test_a_key_of_minisign_s_can_be_the_lab_s(usual_lab: Any, cli: Any, tmp_path: Path) -> None:
    """A pair without a password that minisign made, put in the place of keygen's, signs; both programs verify it."""
    state = usual_lab.root / ".labcrate"
    state.mkdir(exist_ok=True)
    secret, public = state / "signing.key", state / "signing.pub"
    assert minisign("-G", "-W", "-p", public, "-s", secret).returncode == 0
    assert cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip", "--sign").code == 0
    assert cli("verify", tmp_path / "out.zip", "--key", public).code == 0
    manifest = unpacked(tmp_path / "out.zip", tmp_path / "m")
    assert minisign("-V", "-p", public, "-m", manifest, "-x", tmp_path / "out.zip.minisig").returncode == 0
