"""The practice platform's own SM2, certificates, messages, tokens and seals: right by OpenSSL, calm about nonsense."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.practice import gm, pkcs7, seal, tokens
from app.practice.authority import CRL_PATH, DOCTORS, Authority, mssp_id
from app.practice.certificates import Unsound, loaded
from app.practice.report_pdf import make_report_pdf
from app.practice.settings import Clock

from .signer import b64, openssl_accepts

TEXT = "双肺清晰。".encode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca") / "ca.json", Clock(), lambda: "http://127.0.0.1:1")


def test_openssl_takes_our_signatures_and_we_take_those_of_openssl(authority: Authority, tmp_path: Path) -> None:
    holder = authority.doctor("刘慧").holder
    assert openssl_accepts(tmp_path, holder.base64, b64(gm.sign(holder.key, TEXT)), TEXT)
    (tmp_path / "text").write_bytes(TEXT)
    words = "pkeyutl -sign -rawin -digest sm3 -pkeyopt distid:1234567812345678 -inkey k.pem -in text -out value"
    for command in ("ecparam -name SM2 -genkey -noout -out k.pem", words, "ec -in k.pem -pubout -outform DER -out p"):
        subprocess.run(["openssl", *command.split()], cwd=tmp_path, check=True, capture_output=True)
    point, value = (tmp_path / "p").read_bytes()[-65:], (tmp_path / "value").read_bytes()
    assert gm.verifies(point, TEXT, value)
    assert not gm.verifies(point, TEXT + b"?", value)


def test_a_wrong_point_signature_or_key_does_not_verify() -> None:
    key = gm.new_key()
    good = gm.sign(key, TEXT)
    assert gm.verifies(key.point[1:], TEXT, good)
    for point in (b"", key.point[:-1], b"\x04" + bytes(64), gm.new_key().point):
        assert not gm.verifies(point, TEXT, good)
    for value in (b"", b"nonsense", bytes.fromhex("3006020100020100")):
        assert not gm.verifies(key.point, TEXT, value)


def test_the_same_ca_is_found_again_and_moves_with_the_address(tmp_path: Path) -> None:
    first = Authority(tmp_path / "ca.json", Clock(), lambda: "http://127.0.0.1:1")
    before = {one.name: one for one in first.doctors()}
    assert {name: one.state for name, one in before.items()} == DOCTORS
    assert before["刘慧"].mssp_id == mssp_id("刘慧")
    again = Authority(tmp_path / "ca.json", Clock(), lambda: "http://127.0.0.1:1").doctor("刘慧")
    assert again.holder.certificate == before["刘慧"].holder.certificate
    moved = Authority(tmp_path / "ca.json", Clock(), lambda: "http://127.0.0.1:2")
    assert {one.name: one.state for one in moved.doctors()} == DOCTORS
    now = moved.doctor("刘慧").holder
    assert now.key == before["刘慧"].holder.key
    assert b"http://127.0.0.1:2" + CRL_PATH.encode() in now.certificate
    moved.check(before["刘慧"].holder.read)


_CHANGES = st.lists(st.tuples(st.floats(0, 0.9999), st.integers(0, 255)), min_size=1, max_size=4)


def _changed(data: bytes, changes: list[tuple[float, int]]) -> bytes:
    made = bytearray(data)
    for where, value in changes:
        made[int(where * len(made))] = value
    return bytes(made)


@settings(max_examples=60, deadline=None)
@given(changes=_CHANGES, cut=st.floats(0.1, 1))
def test_broken_bytes_get_a_verdict_and_never_an_error(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[float, int]], cut: float
) -> None:
    def broken(data: bytes) -> bytes:
        return _changed(data, changes)[: max(1, int(cut * len(data)))]

    holder = authority.doctor("刘慧").holder
    for attempt in (
        lambda: authority.check(pkcs7.checked(broken(pkcs7.signed(holder, TEXT, attached=True)), TEXT).certificate),
        lambda: authority.check(loaded(broken(holder.certificate))),
        lambda: seal.stamped(broken(_pdf(tmp_path_factory)), holder, authority.now()),
    ):
        try:
            attempt()
        except (Unsound, seal.NotStampable) as error:
            assert str(error)
    made = broken(tokens.token(authority.timestamper("SM2"), TEXT, authority.now()))
    trusted = {"roots": authority.roots(), "between": authority.between(), "known": authority.timestampers()}
    assert tokens.judged(made, TEXT, now=authority.now(), revoked=authority.revoked(), **trusted) in tokens.WORDS
    assert isinstance(seal.seals_in(broken(_pdf(tmp_path_factory))), list)


def _pdf(folder: pytest.TempPathFactory) -> bytes:
    path = folder.getbasetemp() / "broken.pdf"
    if not path.exists():
        make_report_pdf(path, patient="张伟", findings="双肺清晰。", conclusion="未见异常。")
    return path.read_bytes()
