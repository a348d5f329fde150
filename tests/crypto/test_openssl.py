"""What the OpenSSL command line makes, we verify: SM2 certificates, lists and values, RSA messages and timestamps.

OpenSSL 3 signs no SM2 message and no SM2 timestamp; those come from `tests.crypto.ca`.
"""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.crypto.certificates import parse_certificate
from app.crypto.chains import check_chain
from app.crypto.pkcs7 import check_pkcs7
from app.crypto.refusals import Refusal
from app.crypto.revocation import Standing, check_revocation, parse_revocation_list
from app.crypto.signatures import check_signature
from app.crypto.signed_data import certificates_in
from app.crypto.timestamps import check_timestamp
from tests.crypto import ca
from tests.crypto.refusing import refused
from tests.crypto.test_certificates import pem

DATA = "检查报告原文".encode()
CONFIG = """
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[leaf]
keyUsage = critical, digitalSignature, nonRepudiation
crlDistributionPoints = URI:http://crl.example/one.crl
[stamper]
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = one
[one]
serial = serial
default_policy = 1.2.3.4
digests = sha256
signer_digest = sha256
[lists]
database = index.txt
crlnumber = number
default_crl_days = 7
"""
SM3 = ("-sm3", "-sigopt", "distid:1234567812345678")


def _has_sm2() -> bool:
    if shutil.which("openssl") is None:
        return False
    version = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=False).stdout
    return version.startswith("OpenSSL 3")


pytestmark = pytest.mark.skipif(not _has_sm2(), reason="needs the openssl command line, version 3")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which OpenSSL has made everything."""
    folder = tmp_path_factory.mktemp("openssl")

    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)

    (folder / "conf").write_text(CONFIG, encoding="utf-8")
    (folder / "data").write_bytes(DATA)
    (folder / "serial").write_text("01\n", encoding="utf-8")
    (folder / "number").write_text("01\n", encoding="utf-8")
    (folder / "index.txt").write_text("R\t401231000000Z\t250101000000Z,superseded\t1235\tunknown\t/CN=Gone\n", "utf-8")
    new, days = ("req", "-new", "-config", "conf", "-utf8"), ("-days", "365")
    for name in ("root", "leaf"):
        run("ecparam", "-name", "SM2", "-genkey", "-noout", "-out", f"{name}.key")
    run(
        *new,
        "-x509",
        "-key",
        "root.key",
        *SM3,
        *days,
        "-subj",
        "/O=机构/CN=根",
        "-extensions",
        "ca",
        "-out",
        "root.pem",
    )
    issue = ("-CA", "root.pem", "-CAkey", "root.key", *SM3, "-vfyopt", SM3[2], *days, "-extfile", "conf")
    run(*new, "-key", "leaf.key", *SM3, "-subj", "/O=机构/CN=周医生", "-out", "leaf.csr")
    for name, serial in (("leaf", "0x1234"), ("gone", "0x1235")):
        given = ("-in", "leaf.csr", "-set_serial", serial, "-extensions", "leaf", "-out", f"{name}.pem")
        run("x509", "-req", *issue, *given)
    run("dgst", "-sm3", "-sign", "leaf.key", *SM3[1:], "-out", "value", "data")
    lists = ("ca", "-gencrl", "-config", "conf", "-name", "lists", "-keyfile", "root.key", "-cert", "root.pem")
    run(*lists, "-md", "sm3", *SM3[1:], "-out", "list.pem")
    run("crl2pkcs7", "-nocrl", "-certfile", "root.pem", "-certfile", "leaf.pem", "-out", "chain.p7b")
    stamper = ("-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-subj", "/CN=TSA", "-extensions", "stamper")
    run(*new, "-x509", *stamper, *days, "-out", "tsa.pem")
    run("ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "query")
    reply = ("ts", "-reply", "-queryfile", "query", "-signer", "tsa.pem", "-inkey", "tsa.key", "-config", "conf")
    run(*reply, "-out", "answer")
    run(*reply, "-token_out", "-out", "token")
    sign = ("cms", "-sign", "-in", "data", "-binary", "-signer", "tsa.pem", "-inkey", "tsa.key", "-outform", "DER")
    run(*sign, "-out", "detached")
    run(*sign, "-nodetach", "-noattr", "-out", "attached")
    return folder


def test_its_sm2_certificates_make_a_chain(made: Path) -> None:
    root, leaf = certificates_in((made / "chain.p7b").read_bytes())
    assert (leaf.subject, leaf.issuer, leaf.serial) == ("周医生, 机构", "根, 机构", "1234")
    assert leaf.crl_addresses == ("http://crl.example/one.crl",)
    assert len(check_chain(leaf, (), [root], datetime.now(UTC))) == 2
    with refused(Refusal.EXPIRED):
        check_chain(leaf, (), [root], datetime.now(UTC) + 2 * ca.YEAR)


def test_its_sm2_value_verifies(made: Path) -> None:
    key = parse_certificate((made / "leaf.pem").read_bytes()).public_key
    check_signature(key, DATA, (made / "value").read_bytes())
    with refused(Refusal.WRONG_SIGNATURE):
        check_signature(key, DATA + b".", (made / "value").read_bytes())


def test_its_sm2_revocation_list_is_believed(made: Path) -> None:
    root, leaf, gone = (parse_certificate((made / f"{name}.pem").read_bytes()) for name in ("root", "leaf", "gone"))
    lists = [parse_revocation_list((made / "list.pem").read_bytes())]
    assert check_revocation(leaf, root, lists, datetime.now(UTC)) is Standing.GOOD
    with refused(Refusal.REVOKED):
        check_revocation(gone, root, lists, datetime.now(UTC))


def test_its_timestamps_verify_as_an_answer_and_as_a_token(made: Path) -> None:
    authority = parse_certificate((made / "tsa.pem").read_bytes())
    for name in ("answer", "token"):
        found = check_timestamp((made / name).read_bytes(), DATA, roots=[authority])
        assert (found.authority, found.policy) == ("TSA", "1.2.3.4")
        assert abs(datetime.now(UTC) - found.gen_time) < timedelta(minutes=10)
        with refused(Refusal.WRONG_DIGEST):
            check_timestamp((made / name).read_bytes(), DATA + b".")


def test_its_messages_verify_attached_and_detached(made: Path) -> None:
    assert check_pkcs7((made / "attached").read_bytes()).original == DATA
    found = check_pkcs7((made / "detached").read_bytes(), DATA)
    assert found.signers[0].signing_time is not None
    with refused(Refusal.OTHER_CONTENT):
        check_pkcs7((made / "detached").read_bytes(), DATA + b".")


def test_it_verifies_what_we_sign(made: Path, tmp_path: Path) -> None:
    root = ca.root()
    for name, der in (("root", root.der), ("leaf", ca.doctor(root).der)):
        (tmp_path / name).write_text(pem(der), encoding="utf-8")
    checked = subprocess.run(
        ["openssl", "verify", "-no_check_time", "-vfyopt", SM3[2], "-CAfile", "root", "leaf"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stdout.strip() == "leaf: OK", checked.stderr
