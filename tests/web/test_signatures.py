"""Signatures of downloads, and the page of the lab's key."""

import logging
import zipfile
from pathlib import Path
from typing import Any

import pytest

from labcrate.archive.keys import PublicKey
from labcrate.archive.signature import verify_signed
from labcrate.export.signing import make_key
from labcrate.people.roles import Role

ARCHIVE, SIGNATURE = "/api/sessions/42/archive.zip", "/api/sessions/42/archive.minisig"


@pytest.fixture
def key(usual_lab: Any) -> PublicKey:
    """Return the public key of the usual lab, just made."""
    return make_key(usual_lab.open()).public


def secret_of(lab: Any) -> str:
    """Return what must be in no response: the secret part of the key."""
    return str((lab.root / ".labcrate/signing.key").read_text().splitlines()[1][72:])


def test_archive_and_signature_of_the_server_are_those_of_the_command(
    usual_lab: Any, serve: Any, cli: Any, key: PublicKey, tmp_path: Path
) -> None:
    """Both are equal byte for byte; the download is verified with the key of the page."""
    server = serve(usual_lab.root)
    for path, name in ((ARCHIVE, "down.zip"), (SIGNATURE, "down.zip.minisig")):
        answer = server.get(path, Role.OPERATOR)
        assert answer.status_code == 200
        (tmp_path / name).write_bytes(answer.content)
    assert cli("export", "42", "--lab", usual_lab.root, "-o", tmp_path / "out.zip", "--sign").code == 0
    for end in ("", ".minisig"):
        assert (tmp_path / f"down.zip{end}").read_bytes() == (tmp_path / f"out.zip{end}").read_bytes()
    report = verify_signed(tmp_path / "down.zip", key)
    assert (report.findings, report.signed_by) == ((), key.key_id)


def test_a_signature_is_tagged_with_its_archive_and_key(usual_lab: Any, serve: Any, key: PublicKey) -> None:
    """Its ETag has the archive's tag and the key's id; conditions and ranges work; it is named as the ZIP is."""
    server = serve(usual_lab.root)
    archive = server.get(ARCHIVE, Role.OPERATOR, stream=True)
    answer = server.get(SIGNATURE, Role.OPERATOR)
    tag = answer.headers["ETag"]
    assert tag == f'{archive.headers["ETag"][:-1]}-{key.key_id}"'
    named = archive.headers["Content-Disposition"]
    assert answer.headers["Content-Disposition"] == named.replace('.zip"', '.zip.minisig"')
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert server.get(SIGNATURE, Role.OPERATOR, headers={"If-None-Match": tag}).status_code == 304
    part = server.get(SIGNATURE, Role.OPERATOR, headers={"Range": "bytes=0-8", "If-Range": tag})
    assert (part.status_code, part.content) == (206, answer.content[:9])


def test_the_signature_of_a_cached_archive_is_found_by_its_tag(
    usual_lab: Any, serve: Any, key: PublicKey, tmp_path: Path
) -> None:
    """A client that downloaded an archive before the session changed still gets its signature."""
    server = serve(usual_lab.root)
    archive = server.get(ARCHIVE, Role.OPERATOR)
    (tmp_path / "down.zip").write_bytes(archive.content)
    usual_lab.session(42, name="Another morning")
    tag = f'{archive.headers["ETag"][:-1]}-{key.key_id}"'
    assert server.get(SIGNATURE, Role.OPERATOR).headers["ETag"] != tag
    answer = server.get(SIGNATURE, Role.OPERATOR, headers={"If-Match": tag})
    assert answer.headers["ETag"] == tag
    (tmp_path / "down.zip.minisig").write_bytes(answer.content)
    assert verify_signed(tmp_path / "down.zip", key).findings == ()
    other = tag.replace(key.key_id, "0123456789ABCDEF")
    assert server.get(SIGNATURE, Role.OPERATOR, headers={"If-Match": other}).status_code == 412


def test_the_tag_of_a_short_key_id_works(usual_lab: Any, serve: Any) -> None:
    """One key in sixteen has an id of fewer than 16 digits: the tag of its signature works as any other."""
    key = make_key(usual_lab.open()).public
    while len(key.key_id) == 16:
        for name in ("signing.key", "signing.pub"):
            (usual_lab.root / ".labcrate" / name).unlink()
        key = make_key(usual_lab.open()).public
    server = serve(usual_lab.root)
    tag = server.get(SIGNATURE, Role.OPERATOR).headers["ETag"]
    usual_lab.session(42, name="Another morning")
    assert server.get(SIGNATURE, Role.OPERATOR, headers={"If-Match": tag}).headers["ETag"] == tag


def test_a_partial_export_has_its_own_signature(usual_lab: Any, serve: Any, key: PublicKey, tmp_path: Path) -> None:
    """The options of the archive are those of its signature."""
    server = serve(usual_lab.root)
    for path, name in ((ARCHIVE, "part.zip"), (SIGNATURE, "part.zip.minisig")):
        answer = server.get(f"{path}?only=sensors", Role.OPERATOR)
        assert "PARTIAL" in answer.headers["Content-Disposition"]
        (tmp_path / name).write_bytes(answer.content)
    assert verify_signed(tmp_path / "part.zip", key).findings == ()


def test_without_a_key_there_is_no_signature_and_the_pages_say_so(usual_lab: Any, serve: Any) -> None:
    """The archive can be downloaded; the response and both pages name the remedy, and no key is made."""
    server = serve(usual_lab.root)
    assert server.get(ARCHIVE, Role.OPERATOR).status_code == 200
    answer = server.get(SIGNATURE, Role.OPERATOR)
    assert answer.status_code == 404
    assert "labcrate keygen" in answer.json()["detail"]
    operator = server.login(Role.OPERATOR)
    assert "Archives are not signed because this lab has no key" in operator.get(f"{server.url}/sessions/42").text
    page = server.login(Role.VIEWER).get(f"{server.url}/key").text
    assert "This lab has no key" in page
    assert "labcrate keygen" in page
    assert list((usual_lab.root / ".labcrate").glob("signing*")) == []


def test_a_page_has_the_key_and_how_to_verify(usual_lab: Any, serve: Any, key: PublicKey) -> None:
    """Every user who is logged in sees the public key, its id and the commands, in their language; others do not."""
    server = serve(usual_lab.root)
    viewer = server.login(Role.VIEWER)
    page = viewer.get(f"{server.url}/key").text
    assert f"labcrate verify ARCHIVE.zip --key {key.text.replace('+', '&#43;')}" in page.replace("+", "&#43;")
    assert f">{key.key_id}<" in page
    assert "minisign -V -P" in page
    spanish = viewer.get(f"{server.url}/key", headers={"Accept-Language": "es"}).text
    assert "Clave del laboratorio" in spanish
    refused = server.as_(None).get(f"{server.url}/key", allow_redirects=False)
    assert (refused.status_code, key.text in refused.text) == (303, False)
    session = server.login(Role.OPERATOR).get(f"{server.url}/sessions/42").text
    assert f'href="{SIGNATURE}"' in session
    assert 'href="/key"' in session
    assert SIGNATURE not in viewer.get(f"{server.url}/sessions/42").text


def test_a_key_made_while_the_server_runs_signs_at_once(usual_lab: Any, serve: Any) -> None:
    """keygen needs no restart."""
    server = serve(usual_lab.root)
    assert server.get(SIGNATURE, Role.OPERATOR).status_code == 404
    key = make_key(usual_lab.open()).public
    assert key.key_id in server.get(SIGNATURE, Role.OPERATOR).headers["ETag"]


def test_a_damaged_key_is_reported_and_stops_no_download(usual_lab: Any, serve: Any, key: PublicKey) -> None:
    """A damaged key is a 503 with the remedy on both addresses; the archive itself is sent."""
    (usual_lab.root / ".labcrate/signing.key").write_bytes(b"damaged")
    server = serve(usual_lab.root)
    answer = server.get(SIGNATURE, Role.OPERATOR)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:labcrate:error:signing")
    assert "backup" in answer.json()["detail"]
    assert str(usual_lab.root) not in answer.text
    assert server.login(Role.VIEWER).get(f"{server.url}/key").status_code == 503
    assert server.get(ARCHIVE, Role.OPERATOR).status_code == 200


def test_the_secret_key_is_in_no_response_and_no_log(
    usual_lab: Any, serve: Any, key: PublicKey, caplog: pytest.LogCaptureFixture
) -> None:
    """Pages, responses, the archive and the server's log do not contain the bytes of the secret key."""
    secret = secret_of(usual_lab)
    server = serve(usual_lab.root)
    admin = server.login(Role.ADMIN)
    paths = ("/", "/key", "/sessions/42", "/doctor", "/people", "/log", "/account", "/.labcrate/signing.key")
    with caplog.at_level(logging.DEBUG):
        answers = [admin.get(server.url + path) for path in (*paths, ARCHIVE, SIGNATURE, "/api/doctor")]
    for answer in answers:
        assert secret.encode() not in answer.content, answer.url
    assert secret not in caplog.text
    with zipfile.ZipFile(usual_lab.write("copy.zip", answers[len(paths)].content)) as archive:
        assert not any(secret.encode() in archive.read(name) for name in archive.namelist())


def test_a_signature_needs_the_permission_to_export(usual_lab: Any, serve: Any, key: PublicKey) -> None:
    """Viewers get no signature; clients without a login cannot even see whether the session exists."""
    server = serve(usual_lab.root)
    for path in (SIGNATURE, SIGNATURE.replace("42", "99")):
        assert server.get(path, Role.VIEWER).status_code == 403
        assert server.get(path, None).status_code == 401
    assert server.get(SIGNATURE.replace("42", "99"), Role.OPERATOR).status_code == 404
