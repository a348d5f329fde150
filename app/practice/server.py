"""The HTTP port of a practice platform: the region's paths, the ordered faults, the page and the control interface.

Knows no region. Every request to a region's path is in the ledger, whatever became of it.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from app.practice.control import Control, Refusal
from app.practice.faults import HTTP_FAULTS, Fault, FaultBook
from app.practice.ledger import Ledger
from app.practice.page import page
from app.practice.region import Answer, Arrival, Region
from app.practice.settings import Settings

LIMIT_BYTES = 300_000_000
_JSON = "application/json;charset=UTF-8"
_HTML = "text/html; charset=utf-8"
_GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1>nginx</body></html>"
_ERROR_PAGE = "<html><head><title>500</title></head><body>HTTP Status 500 - Internal Server Error</body></html>"


class HttpPort(ThreadingHTTPServer):
    """Listens after construction; `stop` also cuts what is open."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    allow_reuse_address = os.name != "nt"

    def __init__(
        self,
        address: tuple[str, int],
        *,
        title: str,
        region: Region,
        ledger: Ledger,
        faults: FaultBook,
        settings: Settings,
        control: Control,
    ) -> None:
        self.title = title
        self.region = region
        self.ledger = ledger
        self.faults = faults
        self.settings = settings
        self.control = control
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self._serving: threading.Thread | None = None
        super().__init__(address, _Handler)

    def start(self) -> None:
        self._serving = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="http", daemon=True
        )
        self._serving.start()

    def stop(self) -> None:
        if self._serving is not None:
            self.shutdown()
        self.server_close()
        with self._open_lock:
            still_open = list(self._open)
        for one in still_open:
            self._cut(one)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is a fault of ours and is printed."""
        import sys

        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    @staticmethod
    def _cut(one: socket.socket) -> None:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "practice"
    sys_version = ""
    disable_nagle_algorithm = True
    timeout = 120
    server: HttpPort
    _shift = 0.0

    def log_message(self, format: str, *args: Any) -> None:
        """The ledger is the log."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        clock = self.server.settings.clock
        return formatdate((clock.now() if timestamp is None else timestamp) + self._shift, usegmt=True)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            self._when_loopback(lambda: self._send(200, page(self.server.title, self.server.ledger).encode(), _HTML))
        elif path.startswith("/practice/"):
            self._when_loopback(self._controlled)
        elif path in self.server.region.paths:
            self._say(405, {"status": 405, "error": "Method Not Allowed", "path": path})
        else:
            self._say(404, {"status": 404, "error": "Not Found", "path": path})

    def do_DELETE(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self._shift = 0.0
        body = self._body()
        path = urlsplit(self.path).path
        place = self.server.region.paths.get(path)
        if body is None:
            self._say(413, {"status": 413, "error": "Payload Too Large", "path": path})
            self.close_connection = True
        elif place is not None:
            self._uploaded(place, body)
        elif path.startswith("/practice/"):
            self._when_loopback(lambda: self._controlled(body))
        else:
            self._say(404, {"status": 404, "error": "Not Found", "path": path})

    def _uploaded(self, place: str, body: bytes) -> None:
        """Read, hit by a fault before storing or kept, hit by a fault after storing or answered."""
        server = self.server
        if not self.headers.get("Content-Type", "").lower().startswith("application/json"):
            reason = "Content-Type 应为 application/json"
            self._write_down(_unread(place, body), "refused", reason)
            self._say(415, server.region.refusal(place, reason))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        now = server.settings.clock.now()
        arrival = server.region.read(place, headers, body, now)
        before = server.faults.take(place, "before", arrival.text, HTTP_FAULTS)
        if before is not None and before.what == "clock_skew":
            self._shift = before.seconds
            arrival = server.region.read(place, headers, body, now + self._shift)
        elif before is not None and before.what == "slow":
            server.settings.stopping.wait(before.seconds)
        elif before is not None:
            self._write_down(arrival, "faulted", before.message, f"before:{before.what}")
            refusal = server.region.refusal(place, before.message or "系统异常，请稍后重试")
            self._act(before, refusal, refusal)
            return
        answer = server.region.keep(arrival)
        after = server.faults.take(place, "after", arrival.text, HTTP_FAULTS)
        told = " ".join(f"{one.when}:{one.what}" for one in (before, after) if one is not None)
        self._write_down(arrival, "kept" if answer.kept else "refused", answer.reason, told)
        self._answer(answer, after, place)

    def _answer(self, answer: Answer, after: Fault | None, place: str) -> None:
        if after is None:
            self._say(200, answer.body)
        elif after.what == "slow":
            self.server.settings.stopping.wait(after.seconds)
            self._say(200, answer.body)
        elif after.what == "clock_skew":
            self._shift = after.seconds
            self._say(200, answer.body)
        else:
            self._act(after, answer.body, self.server.region.refusal(place, after.message or "系统异常，请稍后重试"))

    def _act(self, fault: Fault, honest: dict[str, Any], refusal: dict[str, Any]) -> None:
        """Spoil the answer as ordered. `honest` is what would have been said, `refusal` how the interface says no."""
        text = _encoded(honest)
        what = fault.what
        if what == "code0":
            self._say(200, refusal)
        elif what == "busy":
            self._send(503, _encoded(refusal), _JSON, {"Retry-After": str(int(fault.seconds))})
        elif what == "status500":
            self._send(500, (fault.message or _ERROR_PAGE).encode(), _HTML)
        elif what == "html":
            self._send(200, (fault.message or _GATEWAY_PAGE).encode(), _HTML)
        elif what == "garbage":
            self._send(200, b'{"code":\xff\xfe\x00 1,,"mess', _JSON)
        elif what == "wrong_type":
            self._say(200, {name: _other_type(value) for name, value in honest.items()})
        elif what == "truncate":
            self._send(200, text, _JSON, cut_at=len(text) // 2)
        else:
            if what == "hang":
                self.server.settings.stopping.wait(fault.seconds)
            self._hang_up(with_reset=what == "refuse")

    def _write_down(self, arrival: Arrival, verdict: str, reason: str, fault: str = "") -> None:
        for kind, key in arrival.keys:
            self.server.ledger.receive(
                at=self.server.settings.clock.stamp(),
                place=arrival.place,
                kind=kind,
                key=key,
                verdict=verdict,
                digest=arrival.digest,
                size=arrival.size,
                reason=reason,
                fault=fault,
            )

    def _controlled(self, body: bytes = b"") -> None:
        split = urlsplit(self.path)
        try:
            reply = self.server.control.answer(self.command, split.path, dict(parse_qsl(split.query)), body)
        except Refusal as error:
            self._say(error.status, {"error": str(error)})
            return
        if reply.file is not None:
            self._send_file(reply.file.read_bytes() if reply.file.stat().st_size < 1 << 20 else None, reply)
        else:
            self._say(200, reply.body)
        if reply.afterwards is not None:
            self.close_connection = True
            threading.Thread(target=reply.afterwards, name="afterwards", daemon=True).start()

    def _send_file(self, whole: bytes | None, reply: Any) -> None:
        if whole is not None:
            self._send(200, whole, reply.content_type)
            return
        self.send_response(200)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(reply.file.stat().st_size))
        self.end_headers()
        with reply.file.open("rb") as opened:
            while block := opened.read(1 << 18):
                self.wfile.write(block)

    def _when_loopback(self, then: Callable[[], None]) -> None:
        if self.client_address[0] in ("127.0.0.1", "::1"):
            then()
        else:
            self._say(403, {"error": "演练平台只在本机上可以查看和控制"})

    def _body(self) -> bytes | None:
        """The request body, also when it comes in chunks; None if it is beyond all measure."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunks()
        length = int(self.headers.get("Content-Length") or 0)
        return None if length > LIMIT_BYTES else self.rfile.read(length)

    def _chunks(self) -> bytes | None:
        collected = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            if len(collected) + size > LIMIT_BYTES:
                return None
            collected += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return bytes(collected)

    def _say(self, status: int, body: Any) -> None:
        self._send(status, _encoded(body), _JSON)

    def _send(
        self,
        status: int,
        body: bytes,
        content_type: str,
        more: dict[str, str] | None = None,
        cut_at: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if cut_at is None else body[:cut_at])
        if cut_at is not None:
            self._hang_up(with_reset=False)

    def _hang_up(self, *, with_reset: bool) -> None:
        """End the connection without a (further) word, by FIN or by RST."""
        self.close_connection = True
        if with_reset:
            self.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
            )
            socket.close(self.connection.detach())


def _unread(place: str, body: bytes) -> Arrival:
    return Arrival(place=place, keys=((place, ""),), text="", digest="", size=len(body))


def _encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _other_type(value: Any) -> Any:
    """The same thing in another JSON type: a number as text, a number in text as number, other text as nothing."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    return None
