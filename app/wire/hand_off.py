"""Hand one file to a program on this machine and take back what it made of it, over HTTP on the loopback address.

`GET /TOKEN/file.pdf` gives the file, `POST` (or `PUT`) `/TOKEN/stamped` brings the other. Only who has the token is
answered; a page of another origin never is. Logs neither paths nor content.
"""

from __future__ import annotations

import hmac
import json
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from app.errors import NeedsOperator
from app.wire.file_server import TRANSFER, FileServerSettings, Running
from app.wire.uploads import Uploaded, uploaded

LOOPBACK = "127.0.0.1"
_PATH = re.compile(r"/([0-9A-Za-z_-]{20,64})/(file\.pdf|stamped)")
_HEADER_NAMES = re.compile(r"[0-9A-Za-z-]+(?:\s*,\s*[0-9A-Za-z-]+){0,19}")
_WORDS = {200: "200 OK", 204: "204 No Content", 400: "400 Bad Request", 403: "403 Forbidden", 404: "404 Not Found"}
_WORDS |= {405: "405 Method Not Allowed", 422: "422 Unprocessable Content"}


class Hands(Protocol):
    """Who hands out and takes back. Called on threads of the server."""

    def business_id(self, token: str) -> str | None:
        """What the other program calls this hand-off; None: there is none, or it is over."""
        ...

    def given(self, token: str) -> bytes | None:
        """The file; None as above."""
        ...

    def brought(self, token: str, data: bytes) -> str:
        """What came back: "" when it was taken, else why not, as a sentence without content."""
        ...

    def unreadable(self, token: str, why: NeedsOperator) -> None:
        """What came back is no file."""
        ...


class HandOffServer:
    """Listens from its making until `stop`. `origin`: the page that may ask from a browser, as `http://localhost:21051`.

    Raises NeedsOperator when no port can be had.
    """

    def __init__(self, hands: Hands, *, origin: str, most_bytes: int) -> None:
        self._hands, self._origin = hands, origin
        settings = FileServerSettings(port=0, address=LOOPBACK, threads=4, body_bytes=most_bytes)
        self._running = Running(settings, self._answer, name="和签章软件交接")
        self._hosts = {f"{host}:{self._running.port}" for host in (LOOPBACK, "localhost")}

    def address(self, token: str, what: str) -> str:
        """`what`: "file.pdf" or "stamped"."""
        return f"http://{LOOPBACK}:{self._running.port}/{token}/{what}"

    def stop(self) -> None:
        """Not from a thread of the server itself."""
        self._running.stop()

    def _answer(self, environ: Mapping[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """The WSGI application (PEP 3333)."""
        status, body, kind = self._answered(environ)
        headers = [("Content-Length", str(len(body))), ("Cache-Control", "no-store"), *self._to_the_page(environ)]
        headers += [("Content-Type", kind), ("X-Content-Type-Options", "nosniff")] if kind else []
        transfer = environ[TRANSFER]
        transfer.status, transfer.promised = status, len(body)
        start(_WORDS[status], headers)
        if environ["REQUEST_METHOD"] == "HEAD":
            transfer.promised = 0
            return ()
        transfer.sent = len(body)
        return (body,)

    def _answered(self, environ: Mapping[str, Any]) -> tuple[int, bytes, str]:
        """Status, body and its type."""
        if environ.get("HTTP_HOST", "").lower() not in self._hosts:  # a name that was bent to this machine
            return 404, b"", ""
        if environ.get("HTTP_ORIGIN", self._origin).lower() != self._origin:
            return 403, b"", ""
        asked = _PATH.fullmatch(environ["PATH_INFO"])
        business_id = self._hands.business_id(asked[1]) if asked else None
        if asked is None or business_id is None:
            return 404, b"", ""
        method = environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            return 204, b"", ""
        if asked[2] == "file.pdf":
            return self._give(asked[1]) if method in ("GET", "HEAD") else (405, b"", "")
        return self._take(asked[1], business_id, environ) if method in ("POST", "PUT") else (405, b"", "")

    def _give(self, token: str) -> tuple[int, bytes, str]:
        content = self._hands.given(token)
        return (404, b"", "") if content is None else (200, content, "application/pdf")

    def _take(self, token: str, business_id: str, environ: Mapping[str, Any]) -> tuple[int, bytes, str]:
        try:
            brought = uploaded(environ.get("CONTENT_TYPE", ""), environ["wsgi.input"].read())
        except NeedsOperator as error:
            self._hands.unreadable(token, error)
            return _said(422, error.title)
        if not all(hmac.compare_digest(said.encode(), business_id.encode()) for said in _ids(brought, environ)):
            return 403, b"", ""
        refused = self._hands.brought(token, brought.data)
        return _said(422, refused) if refused else _said(200, "SUCCESS")

    def _to_the_page(self, environ: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What lets the client's own page, and no other, read the answer (Fetch standard, CORS)."""
        if environ.get("HTTP_ORIGIN", "").lower() != self._origin:
            return []
        wished = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
        headers = [("Access-Control-Allow-Origin", self._origin), ("Vary", "Origin")]
        headers += [("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT")]
        headers += [("Access-Control-Allow-Private-Network", "true")]
        return headers + ([("Access-Control-Allow-Headers", wished)] if _HEADER_NAMES.fullmatch(wished) else [])


def is_open(address: str, *, seconds: float = 2.0) -> bool:
    """Whether a program listens where this address points."""
    split = urlsplit(address)
    port = split.port or (443 if split.scheme == "https" else 80)
    try:
        socket.create_connection((split.hostname or "", port), timeout=seconds).close()
    except OSError:
        return False
    return True


def _ids(brought: Uploaded, environ: Mapping[str, Any]) -> list[str]:
    """What the upload itself says whose it is: often nothing."""
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    return [said for said in (brought.fields.get("token"), query.get("token")) if said is not None]


def _said(status: int, words: str) -> tuple[int, bytes, str]:
    told = {"status": status, "message": words}
    return status, json.dumps(told, ensure_ascii=False).encode(), "application/json; charset=utf-8"
