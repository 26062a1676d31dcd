"""Who made an archive: the lab's key, signatures beside archives, and what checking them says."""

import hashlib
import json
import os
import re
import stat
import zipfile
from pathlib import Path
from typing import Any

import minisign
import pytest

import labcrate
from labcrate.archive.keys import MAX_FILE_BYTES, key_id_of
from labcrate.errors import NotFoundError, SigningError, UsageError
from labcrate.export.signing import signer_of

MANIFEST = "manifest-sha256.txt"


@pytest.fixture
def keyed(usual_lab: Any, cli: Any) -> str:
    """Return the usual lab's public key, just made."""
    return str(cli("keygen", "--lab", usual_lab.root, "--json").json["publicKey"])


@pytest.fixture
def signed(usual_lab: Any, cli: Any, keyed: str, tmp_path: Path) -> Path:
    """Return an archive of session 42 with its signature beside it."""
    target = tmp_path / "out.zip"
    assert cli("export", "42", "--lab", usual_lab.root, "-o", target, "--sign").code == 0
    return target


def signature_beside(archive: Path) -> Path:
    """Return the signature of an archive."""
    return archive.with_name(archive.name + ".minisig")


def secret_text(lab: Any) -> str:
    """Return the secret key, which must never leave the lab."""
    return str((lab.root / ".labcrate/signing.key").read_text().splitlines()[1])


def test_a_key_is_made_once_and_only_on_request(usual_lab: Any, cli: Any, clear: Any, tmp_path: Path) -> None:
    """No command but keygen makes one: private, with the public one said; and it never overwrites another."""
    cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip")
    state = usual_lab.root / ".labcrate"
    assert list(state.glob("signing*")) == []
    made = cli("keygen", "--lab", usual_lab.root)
    assert made.code == 0
    secret, public = state / "signing.key", state / "signing.pub"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    text = public.read_text().splitlines()[1]
    assert text in made.out
    assert f"labcrate verify FILE --key {text}" in made.out
    assert secret_text(usual_lab) not in made.out + made.err
    before = secret.read_bytes(), public.read_bytes()
    clear(cli("keygen", "--lab", usual_lab.root), 8, "never overwrites", "already has a key: .labcrate/signing.key.")
    secret.unlink()
    clear(cli("keygen", "--lab", usual_lab.root), 8, "never overwrites", "already has a key: .labcrate/signing.pub.")
    assert (before[1], secret.exists()) == (public.read_bytes(), False)


def test_the_key_id_is_written_as_minisign_writes_it(usual_lab: Any, keyed: str) -> None:
    """The id in the public key's comment is the little-endian number that minisign shows, without leading zeros."""
    comment, text = (usual_lab.root / ".labcrate/signing.pub").read_text().splitlines()
    assert text == keyed
    packed = bytes(minisign.PublicKey.from_base64(text)._keynum_pk)
    assert comment.endswith(f" {int.from_bytes(packed[:8], 'little'):X}")
    small = b"Ed" + (0x74BCA557EC55740).to_bytes(8, "little")
    assert key_id_of(small + bytes(32)) == "74BCA557EC55740"


def test_without_a_key_nothing_is_packed(usual_lab: Any, cli: Any, clear: Any, tmp_path: Path) -> None:
    """A signature that cannot be made is an error of its own before anything is written."""
    clear(cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip", "--sign"), 18, "labcrate keygen")
    with pytest.raises(NotFoundError):
        labcrate.Lab(usual_lab.root).export(42, tmp_path / "out.zip", sign=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lab"]


def test_a_signature_changes_no_byte_of_the_archive_and_repeats(
    usual_lab: Any, cli: Any, signed: Path, tmp_path: Path
) -> None:
    """The same archive gives the same signature; the ZIP is the one without it; its trusted comment is the SHA-256."""
    plain = tmp_path / "plain.zip"
    assert cli("export", "42", "--lab", usual_lab.root, "-o", plain).code == 0
    assert not signature_beside(plain).exists()
    assert plain.read_bytes() == signed.read_bytes()
    again = labcrate.Lab(usual_lab.root).export(42, tmp_path / "again.zip", sign=True)
    assert again.signature == signature_beside(tmp_path / "again.zip")
    assert signature_beside(signed).read_bytes() == again.signature.read_bytes()
    manifest = zipfile.ZipFile(signed).read(MANIFEST)
    assert hashlib.sha256(manifest).hexdigest() in signature_beside(signed).read_text()
    assert sorted(path.name for path in tmp_path.iterdir() if ".part" in path.name) == []


def test_the_right_key_over_a_whole_archive_is_verified(
    cli: Any, usual_lab: Any, keyed: str, signed: Path, tmp_path: Path
) -> None:
    """By text, by file, with the signature elsewhere, as JSON and from Python: each says which key signed it."""
    key_id = key_id_of(b"  " + bytes(minisign.PublicKey.from_base64(keyed)._keynum_pk))
    public = usual_lab.root / ".labcrate/signing.pub"
    bare = tmp_path / "bare.pub"
    bare.write_text(f"{keyed}\n")
    for key in (keyed, public, bare):
        outcome = cli("verify", signed, "--key", key)
        assert (outcome.code, outcome.err) == (0, "")
        assert f"signed by key {key_id}" in outcome.out
    moved = signature_beside(signed).rename(tmp_path / "elsewhere.sig")
    public_key_text = cli("verify", signed, "--key", keyed, "--signature", moved, "--json").json
    assert (public_key_text["valid"], public_key_text["signedBy"], public_key_text["findings"]) == (True, key_id, [])
    with labcrate.open(signed) as archive:
        report = archive.verify(key=keyed, signature=moved)
        assert (report.findings, report.signed_by) == ((), key_id)
        assert archive.verify().signed_by is None
        with pytest.raises(UsageError):
            archive.verify(signature=moved)


def problem_of(outcome: Any) -> str:
    """Return the one finding of a check, which must be of a signature."""
    (finding,) = outcome.json["findings"]
    assert (outcome.code, outcome.json["valid"], outcome.json["signedBy"]) == (9, False, None)
    assert outcome.json["etag"] is None
    assert finding["kind"] == "signature"
    return str(finding["text"])


def test_a_whole_archive_of_a_forger_is_not_verified(
    usual_lab: Any, cli: Any, keyed: str, signed: Path, tmp_path: Path
) -> None:
    """An archive that labcrate itself made of other data is whole, and not signed by the lab's key."""
    usual_lab.session(42, name="Another morning")
    forged = tmp_path / "forged.zip"
    assert cli("export", "42", "--lab", usual_lab.root, "-o", forged).code == 0
    signature_beside(forged).write_bytes(signature_beside(signed).read_bytes())
    assert cli("verify", forged).code == 0
    assert f"does not match this archive's {MANIFEST}" in problem_of(cli("verify", forged, "--key", keyed, "--json"))
    outcome = cli("verify", forged, "--key", keyed)
    assert "matches its manifest, but has no valid signature by this key" in outcome.err


def test_another_key_is_named_with_the_one_that_was_expected(cli: Any, signed: Path) -> None:
    """A signature by another key is a finding with both key IDs."""
    other = minisign.KeyPair.generate().public_key.to_base64().decode()
    text = problem_of(cli("verify", signed, "--key", other, "--json"))
    ids = re.findall(r"\bkey ([0-9A-F]+)", text)
    assert len(ids) == 2
    assert ids[0] != ids[1]


def test_a_key_with_the_lab_s_key_id_does_not_pass(cli: Any, keyed: str, signed: Path) -> None:
    """Another key under the same id signs in vain."""
    manifest = zipfile.ZipFile(signed).read(MANIFEST)
    pair = minisign.KeyPair.generate()
    pair.secret_key._keynum_sk.key_id[:] = bytes(minisign.PublicKey.from_base64(keyed)._keynum_pk)[:8]
    signature_beside(signed).write_bytes(bytes(pair.secret_key.sign(manifest)))
    assert "does not match this archive's" in problem_of(cli("verify", signed, "--key", keyed, "--json"))


def test_an_altered_archive_is_named_as_such(cli: Any, keyed: str, signed: Path) -> None:
    """A changed recording is a finding of the archive; the signature over its manifest is good, and no excuse."""
    data = bytearray(signed.read_bytes())
    data[data.rindex(b"mdat") + 100] ^= 1
    signed.write_bytes(data)
    outcome = cli("verify", signed, "--key", keyed, "--json")
    assert {finding["kind"] for finding in outcome.json["findings"]} == {"altered"}
    assert (outcome.code, outcome.json["signedBy"]) == (9, None)
    assert "does not match its manifest" in outcome.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be opened"),
        (b"", "is not a minisign signature"),
        (b"\x00\xff" * 500, "is not a minisign signature"),
        (b"x" * (MAX_FILE_BYTES + 1), "is not a minisign signature"),
        (b"untrusted comment: x\n!\ntrusted comment: x\n!\n", "is not a minisign signature"),
    ],
    ids=["missing", "empty", "noise", "large", "no base64"],
)
def test_what_is_no_signature_is_one_sentence(
    cli: Any, keyed: str, signed: Path, content: bytes | None, words: str
) -> None:
    """Missing, empty, noise, huge: a finding, exit code 9, no traceback."""
    signature_beside(signed).unlink()
    if content is not None:
        signature_beside(signed).write_bytes(content)
    assert words in problem_of(cli("verify", signed, "--key", keyed, "--json"))


def test_a_folder_or_pipe_in_place_of_a_signature_does_not_block(cli: Any, keyed: str, signed: Path) -> None:
    """What is no file is said to be none, and a pipe without a writer is not waited for."""
    signature_beside(signed).unlink()
    os.mkfifo(signature_beside(signed))
    assert "it is not a file" in problem_of(cli("verify", signed, "--key", keyed, "--json"))
    signature_beside(signed).unlink()
    signature_beside(signed).mkdir()
    assert "it is not a file" in problem_of(cli("verify", signed, "--key", keyed, "--json"))


def test_a_signature_of_the_bytes_themselves_is_refused_with_the_remedy(
    usual_lab: Any, cli: Any, keyed: str, signed: Path
) -> None:
    """Minisign's old kind, which needs the whole manifest in memory, is named."""
    manifest = zipfile.ZipFile(signed).read(MANIFEST)
    secret = minisign.SecretKey.from_file(usual_lab.root / ".labcrate/signing.key")
    signature_beside(signed).write_bytes(bytes(secret.sign(manifest, prehash=False)))
    assert "before version 0.10" in problem_of(cli("verify", signed, "--key", keyed, "--json"))


@pytest.mark.parametrize("key", ["nothing-there.pub", "RW", "not a key", ""])
def test_what_is_no_key_is_refused(cli: Any, clear: Any, signed: Path, key: str) -> None:
    """Exit code 2 and how to name a key."""
    clear(cli("verify", signed, "--key", key), 2, "the lab's public key")


def test_a_secret_key_in_place_of_the_public_one_is_not_repeated(
    usual_lab: Any, cli: Any, clear: Any, keyed: str, signed: Path
) -> None:
    """Who mixes up the two keys does not find the secret one in a log."""
    secret = secret_text(usual_lab)
    for named in (secret, usual_lab.root / ".labcrate/signing.key"):
        outcome = cli("verify", signed, "--key", named)
        clear(outcome, 2, "public key")
        assert secret[72:90] not in outcome.out + outcome.err


def test_a_signature_without_a_key_is_refused(cli: Any, clear: Any, signed: Path) -> None:
    """Without a key, whose signature it is to be is not known."""
    clear(cli("verify", signed, "--signature", signature_beside(signed)), 2, "--key PUBKEY")


def test_neither_file_is_replaced_without_force(
    usual_lab: Any, cli: Any, clear: Any, keyed: str, signed: Path, tmp_path: Path
) -> None:
    """A signature that is there stops a signed export as a ZIP does; --force replaces both."""
    signed.unlink()
    before = signature_beside(signed).read_bytes()
    export = ("export", "42", "--lab", usual_lab.root, "-o", signed, "--sign")
    clear(cli(*export), 8, "out.zip.minisig already exists", "--force")
    assert not signed.exists()
    usual_lab.session(42, name="Another morning")
    assert cli(*export, "--force").code == 0
    assert signature_beside(signed).read_bytes() != before
    assert cli("verify", signed, "--key", keyed).code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lab", "out.zip", "out.zip.minisig"]


def test_no_signature_stands_beside_an_archive_that_failed(
    usual_lab: Any, signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever breaks while it is packed or named, neither ZIP nor signature is left half done."""
    lab = labcrate.Lab(usual_lab.root)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    target = tmp_path / "new.zip"
    with pytest.raises(KeyboardInterrupt):
        lab.export(42, target, sign=True, progress=lambda stage, *_: stop() if stage == "packing" else None)
    rename = Path.rename
    for suffix in (".zip.part", ".minisig.part"):
        monkeypatch.setattr(
            Path, "rename", lambda self, to, suffix=suffix: stop() if self.name.endswith(suffix) else rename(self, to)
        )
        with pytest.raises(KeyboardInterrupt):
            lab.export(42, target, sign=True)
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lab", "out.zip", "out.zip.minisig"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[: len(data) // 2], "cannot sign"),
        (lambda data: b"\x80" + data, "cannot sign"),
        (lambda data: data.replace(data[150:154], b"AAAA"), "cannot sign"),
        (lambda _: b"", "cannot sign"),
    ],
    ids=["cut", "no text", "other bytes", "empty"],
)
def test_a_damaged_key_is_refused_with_the_remedy(
    usual_lab: Any, cli: Any, clear: Any, keyed: str, tmp_path: Path, damage: Any, words: str
) -> None:
    """A key that cannot make a signature that verifies stops the export beforehand; the remedy is the backup."""
    secret = usual_lab.root / ".labcrate/signing.key"
    secret.write_bytes(damage(secret.read_bytes()))
    outcome = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip", "--sign")
    clear(outcome, 20, words, "backup")
    assert not (tmp_path / "out.zip").exists()


def test_keys_that_do_not_belong_together_are_refused(usual_lab: Any, keyed: str) -> None:
    """A public key of another pair beside the secret one is noticed before anybody is given it."""
    other = bytes(minisign.KeyPair.generate().public_key)
    (usual_lab.root / ".labcrate/signing.pub").write_bytes(other)
    with pytest.raises(SigningError, match="not the public key of"):
        signer_of(usual_lab.open())


def test_a_key_with_a_password_is_refused_in_words(usual_lab: Any, keyed: str) -> None:
    """A key that minisign made with a password cannot sign here, and that is said."""
    pair = minisign.KeyPair.generate()
    (usual_lab.root / ".labcrate/signing.pub").unlink()
    pair.secret_key.encrypt("a password", opslimit=32768, memlimit=1 << 20)
    (usual_lab.root / ".labcrate/signing.key").write_bytes(bytes(pair.secret_key))
    with pytest.raises(SigningError, match="it has a password"):
        signer_of(usual_lab.open())


def test_a_key_that_others_may_read_is_closed(usual_lab: Any, keyed: str) -> None:
    """As the database of people is, the secret key is closed to others when it is used."""
    secret = usual_lab.root / ".labcrate/signing.key"
    secret.chmod(0o644)
    assert signer_of(usual_lab.open()).public.text == keyed
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_linked_key_is_not_followed(usual_lab: Any, keyed: str, tmp_path: Path) -> None:
    """A key behind a symbolic link is refused, as every file of the lab is."""
    secret = usual_lab.root / ".labcrate/signing.key"
    secret.rename(tmp_path / "elsewhere.key")
    secret.symlink_to(tmp_path / "elsewhere.key")
    with pytest.raises(SigningError, match="symbolic link"):
        signer_of(usual_lab.open())


def test_the_secret_key_never_leaves(usual_lab: Any, cli: Any, clear: Any, keyed: str, tmp_path: Path) -> None:
    """Not in an archive, its signature or any answer; a copy of it in the session's folder stops the export."""
    secret = secret_text(usual_lab)
    outcomes = [
        cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip", "--sign", "--json"),
        cli("plan", "42", "--lab", usual_lab.root, "--json"),
        cli("doctor", "--lab", usual_lab.root, "--json"),
    ]
    for public_key_text in (
        *(one.out + one.err for one in outcomes),
        (tmp_path / "out.zip").read_bytes().decode("latin-1"),
    ):
        assert secret not in public_key_text
        assert secret[72:] not in public_key_text
    assert secret not in signature_beside(tmp_path / "out.zip").read_text()
    assert "signing.key" not in json.dumps(zipfile.ZipFile(tmp_path / "out.zip").namelist())
    usual_lab.write("sessions/Session42/notes/copy.key", (usual_lab.root / ".labcrate/signing.key").read_bytes())
    outcome = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "second.zip")
    clear(outcome, 19, "copy.key")
    assert secret[72:] not in outcome.err


def test_a_signature_in_the_session_s_folder_is_in_no_later_archive(
    usual_lab: Any, cli: Any, keyed: str, tmp_path: Path
) -> None:
    """Who exports into the session's own folder gets the same bytes again: neither ZIP nor signature is taken in."""
    inside = usual_lab.root / "sessions/Session42/out.zip"
    assert cli("export", "42", "--lab", usual_lab.root, "-o", inside, "--sign").code == 0
    usual_lab.write("sessions/Session42/letter.txt.minisig", "untrusted comment: of the researcher's own\n")
    outcome = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "again.zip", "--json")
    left = {one["source"]: one["rule"] for one in outcome.json["notTaken"]}
    assert left["sessions/Session42/out.zip.minisig"] == left["sessions/Session42/out.zip"] == "labcrate archive"
    assert "data/session_files/letter.txt.minisig" in zipfile.ZipFile(tmp_path / "again.zip").namelist()


def test_the_signature_of_a_part_says_so_in_its_name(usual_lab: Any, cli: Any, keyed: str, tmp_path: Path) -> None:
    """A part of a session is signed as well, under its own name."""
    outcome = cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path, "--only", "sensors", "--sign", "--json")
    assert outcome.json["signature"] == str(tmp_path / "Session42_PARTIAL.zip.minisig")
    assert cli("verify", outcome.json["file"], "--key", keyed).code == 0


@pytest.mark.thorough
def test_a_lab_that_cannot_be_written_signs_with_the_key_it_has(
    usual_lab: Any, keyed: str, cli: Any, command: Any, permissions: None, tmp_path: Path
) -> None:
    """On a read-only lab the key in .labcrate is found, and keygen makes no second one."""
    folders = [usual_lab.root, *(path for path in usual_lab.root.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        outcome = command("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip", "--sign", denied=True)
        assert outcome.returncode == 0, outcome.stderr
        assert command("keygen", "--lab", usual_lab.root, denied=True).returncode == 8
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert cli("verify", tmp_path / "out.zip", "--key", keyed).code == 0
