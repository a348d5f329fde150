"""The practice platforms as the rehearsal speaks to them beside the clinic's own business: looked at and told.

A platform is {"name" (of the destination), "region", "title", "base_url", "dicom_port", "ae_title", "phone" (address of
the doctor's phone, or "")}.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from app.engine.face import Face, Json
from app.errors import NeedsOperator
from app.wire.http_client import HttpClient


def look(at: Json, what: str) -> Json:
    """What a tester may see there."""
    answer: Json = json.loads(_sent(at, "GET", f"/practice/{what}"))
    return answer


def tell(at: Json, what: str, /, **wish: Any) -> Json:
    """What a tester may wish there. Raises NeedsOperator when the platform does not do it."""
    answer: Json = json.loads(_sent(at, "POST", f"/practice/{what}", json.dumps(wish).encode()))
    return answer


def trusted(at: Json, paths: list[str], file: Path) -> str:
    """The certificates at these addresses in one file, as a clinic gets them from its CA; the file's path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(_pem(_sent(at, "GET", path)) for path in paths), encoding="ascii")
    return str(file)


def signed_by_phone(face: Face, platforms: list[Json], exam_keys: set[str]) -> list[Json]:
    """The doctors sign all reports of these exams that wait: a phone gets what the code says, as from its camera.

    Returns their rows; what became of them the face says.
    """
    waiting = [row for group in face.signing()["waiting"] for row in group["reports"] if row["exam_key"] in exam_keys]
    for row in waiting:
        at = next(one for one in platforms if one["name"] == row["destination"])
        tell(at, "phone", qr=face.sign_code(row["session"])["qr_text"])
    return waiting


def _sent(at: Json, method: str, path: str, body: bytes | None = None) -> bytes:
    client = HttpClient(name="演练平台")
    try:
        reply = client.send(method, at["base_url"] + path, body=body)
    finally:
        client.close()
    if reply.status != 200:
        raise NeedsOperator("演练平台没有照做", "请再试一次", details=reply.body[:500].decode("utf-8", "replace"))
    return reply.body


def _pem(certificate: bytes) -> str:
    text = base64.encodebytes(certificate).decode("ascii")
    return f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"
