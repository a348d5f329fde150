"""A clinic's side of the signing service, built by hand from the document; OpenSSL is the judge of signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import subprocess
import uuid
from pathlib import Path
from typing import Any

from .clinic import PracticeProcess, Reply

APP = "APP_PRACTICE"
CODE = "PRACTICE-SECURE-CODE"
BASE = "/coss/service/v1/"


def mac(values: dict[str, Any], code: str = CODE) -> str:
    """四(二)4(4)3."""
    kept = sorted((name, value) for name, value in values.items() if value and name != "signature")
    text = "&".join(f"{name}={value}" for name, value in kept)
    return base64.b64encode(hmac.new(code.encode(), text.encode(), hashlib.sha256).digest()).decode()


def signed(code: str = CODE, **values: Any) -> dict[str, Any]:
    body = {"version": "1.0", "appId": APP, "signAlgo": "HMAC", "transId": uuid.uuid4().hex, **values}
    return {**body, "signature": mac(body, code)}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def post(platform: PracticeProcess, path: str, body: Any) -> Reply:
    return platform.ask("POST", path, body)


def call(platform: PracticeProcess, name: str, **values: Any) -> Any:
    return post(platform, BASE + name, signed(**values)).json


def add(platform: PracticeProcess, text: str = "影像所见：正常", **values: Any) -> Any:
    wanted = {"title": "报告签名", "dataType": "DATA", "algo": "SM3withSM2", "data": b64(text.encode())}
    return call(platform, "addSignJob", **{**wanted, **values})


def result(platform: PracticeProcess, key: str) -> Any:
    return call(platform, "getAuthSignResult", signDataId=key)["data"]


def phone(platform: PracticeProcess, **wish: Any) -> Reply:
    return post(platform, "/practice/phone", wish)


def doctors(platform: PracticeProcess) -> dict[str, Any]:
    found = platform.ask("GET", "/practice/doctors").json["doctors"]
    return {one["name"]: one for one in found}


def stamp(platform: PracticeProcess, text: str, **values: Any) -> Any:
    return call(platform, "createAndGetTssInfo", oriData=text, **{"attachCert": "true", **values})


def openssl(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *words], capture_output=True, check=False, timeout=30)


def openssl_accepts(folder: Path, certificate: str, signature: str, message: bytes) -> bool:
    """Whether OpenSSL takes an SM2 signature over `message` (user id 1234567812345678)."""
    files = {"cert.der": base64.b64decode(certificate), "value": base64.b64decode(signature), "message": message}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    cert, key, value, text = (str(folder / name) for name in ("cert.der", "key.pem", "value", "message"))
    assert openssl("x509", "-inform", "DER", "-in", cert, "-pubkey", "-noout", "-out", key).returncode == 0
    done = openssl(
        *("pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678"),
        *("-pubin", "-inkey", key, "-in", text, "-sigfile", value),
    )
    return done.returncode == 0
