"""The HTTP port of a practice platform: the region's paths, the ordered faults, the page and the control interface.

Knows no region. Every request to a region's path is in the ledger, whatever became of it.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from app.practice.control import Control, Refusal
from app.practice.faults import HTTP_FAULTS, ON_THE_WAY, Fault, FaultBook
from app.practice.forms import BadForm, Form, read_form
from app.practice.ledger import Ledger
from app.practice.page import page
from app.practice.region import FILE_CONTENT, Answer, Arrival, Body, FrontEnd, Region
from app.practice.settings import Settings

LIMIT_BYTES = 300_000_000
"""Of a body that is held in memory; a form is not."""
BLOCK = 1 << 18
HEAD = 1 << 16
"""How much of a body's beginning a fault on the way may look at."""
_JSON = "application/json;charset=UTF-8"
_HTML = "text/html; charset=utf-8"
_FORM = "application/x-www-form-urlencoded"
_GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1>nginx</body></html>"
_ERROR_PAGE = "<html><head><title>500</title></head><body>HTTP Status 500 - Internal Server Error</body></html>"


NO_REASONS: Mapping[str, str] = {}


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
        front_end: FrontEnd[Any],
        region: Region,
        ledger: Ledger,
        faults: FaultBook,
        settings: Settings,
        control: Control,
        incoming: Path,
    ) -> None:
        self.front_end = front_end
        self.region = region
        self.ledger = ledger
        self.faults = faults
        self.settings = settings
        self.control = control
        self.incoming = incoming
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


class _Cut(Exception):
    """The line is to be cut while the request is still coming in."""


class _Gone(Exception):
    """The sender went away before the request was whole."""


@dataclass(frozen=True, kw_only=True)
class _Text:
    """What goes out: bytes, and in their middle the Base64 of a file, made while it is sent."""

    start: bytes
    file: Path | None = None
    end: bytes = b""

    def __len__(self) -> int:
        inside = (self.file.stat().st_size + 2) // 3 * 4 if self.file is not None else 0
        return len(self.start) + inside + len(self.end)

    def blocks(self) -> Iterator[bytes]:
        yield self.start
        if self.file is not None:
            with self.file.open("rb") as opened:
                while block := opened.read(3 << 16):
                    yield base64.b64encode(block)
        yield self.end


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
            self._when_loopback(self._page)
        elif path.startswith("/practice/"):
            self._when_loopback(self._controlled)
        elif path in self.server.region.paths:
            self._say(405, {"status": 405, "error": "Method Not Allowed", "path": path})
        elif (offered := self.server.region.offered(path)) is not None:
            self._send(200, *offered)
        else:
            self._say(404, {"status": 404, "error": "Not Found", "path": path})

    def do_DELETE(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self._shift = 0.0
        path = urlsplit(self.path).path
        place = self.server.region.paths.get(path, "")
        try:
            if place in self.server.region.forms:
                self._form(place)
            else:
                self._posted(path, place, self._whole(place))
        except _Cut:
            self._hang_up(with_reset=True)
        except _Gone:
            if place:
                self._write_down(_unread(place, 0), "refused", "请求没有传完，线路就断了")
            self.close_connection = True

    def _page(self) -> None:
        self._send(200, page(self.server.front_end, self.server.ledger).encode(), _HTML)

    def _posted(self, path: str, place: str, raw: bytes | None) -> None:
        if raw is None:
            self._say(413, {"status": 413, "error": "Payload Too Large", "path": path})
            self.close_connection = True
        elif path.startswith("/practice/"):
            self._when_loopback(lambda: self._controlled(raw))
        elif not place:
            self._say(404, {"status": 404, "error": "Not Found", "path": path})
        elif not self.headers.get("Content-Type", "").lower().startswith("application/json"):
            self._unsupported(place, len(raw), "Content-Type 应为 application/json")
        else:
            self._uploaded(place, Body(raw=raw, size=len(raw)))

    def _form(self, place: str) -> None:
        """A form goes to disk while it comes in."""
        form = Form()
        try:
            content_type = self.headers.get("Content-Type", "")
            size = int(self.headers.get("Content-Length") or 0)
            form = read_form(content_type, self._blocks(place), self.server.incoming)
            self._uploaded(place, Body(values=form.values, files=form.files, size=size))
        except BadForm as error:
            self._unsupported(place, size, str(error))
        finally:
            form.throw_away()

    def _unsupported(self, place: str, size: int, reason: str) -> None:
        self._write_down(_unread(place, size), "refused", reason)
        self._say(415, self.server.region.refusal(place, reason))

    def _uploaded(self, path_place: str, body: Body) -> None:
        """Read, hit by a fault before storing or kept, hit by a fault after storing or answered."""
        server = self.server
        headers = {name.lower(): value for name, value in self.headers.items()}
        now = server.settings.clock.now()
        arrival = self._numbered(server.region.read(path_place, headers, body, now))
        place, where = arrival.place, (path_place, arrival.place)
        before = server.faults.take(where, "before", arrival.text, (HTTP_FAULTS - ON_THE_WAY) | server.faults.own)
        own = before if before is not None and before.what in server.faults.own else None
        if before is not None and before.what == "clock_skew":
            self._shift = before.seconds
            arrival = server.region.read(path_place, headers, body, now + self._shift)
        elif before is not None and before.what == "slow":
            server.settings.stopping.wait(before.seconds)
        elif before is not None and own is None:
            self._write_down(arrival, "faulted", before.message, f"before:{before.what}")
            refusal = server.region.refusal(place, before.message or "系统异常，请稍后重试")
            self._act(before, _Text(start=_encoded(refusal)), refusal, refusal)
            return
        answer = server.region.keep(arrival, own)
        after = server.faults.take(where, "after", arrival.text, HTTP_FAULTS)
        told = " ".join(f"{one.when}:{one.what}" for one in (before, after) if one is not None)
        self._write_down(arrival, "kept" if answer.kept else "refused", answer.reason, told, answer.reasons)
        self._answer(answer, after, place)

    def _numbered(self, arrival: Arrival) -> Arrival:
        """A sender's number that came before is reason enough to refuse."""
        if not arrival.serial:
            return arrival
        at = self.server.settings.clock.stamp()
        if self.server.ledger.times_used(arrival.serial, place=arrival.place, at=at) == 1:
            return arrival
        return replace(arrival, problem=arrival.problem or f"报文 ID 重复：{arrival.serial}")

    def _answer(self, answer: Answer, after: Fault | None, place: str) -> None:
        text = _text_of(answer)
        if after is None:
            self._send(200, text, _JSON)
        elif after.what == "slow":
            self.server.settings.stopping.wait(after.seconds)
            self._send(200, text, _JSON)
        elif after.what == "clock_skew":
            self._shift = after.seconds
            self._send(200, text, _JSON)
        else:
            refusal = self.server.region.refusal(place, after.message or "系统异常，请稍后重试")
            self._act(after, text, answer.body, refusal)

    def _act(self, fault: Fault, text: _Text, honest: dict[str, Any], refusal: dict[str, Any]) -> None:
        """Spoil the answer as ordered. `text`: what would have been said; `refusal`: how the interface says no."""
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

    def _write_down(
        self, arrival: Arrival, verdict: str, reason: str, fault: str = "", reasons: Mapping[str, str] = NO_REASONS
    ) -> None:
        for kind, key in arrival.keys:
            self.server.ledger.receive(
                at=self.server.settings.clock.stamp(),
                place=arrival.place,
                kind=kind,
                key=key,
                verdict="refused" if key in reasons else verdict,
                digest=arrival.digest,
                size=arrival.size,
                reason=reasons.get(key, reason),
                fault=fault,
            )

    def _controlled(self, body: bytes = b"") -> None:
        split = urlsplit(self.path)
        is_form = self.headers.get("Content-Type", "").startswith(_FORM)
        if is_form and body[:1] != b"{":  # curl sends JSON under that name, too
            self._wished_on_a_page(split.path, body)
            return
        try:
            reply = self.server.control.answer(self.command, split.path, dict(parse_qsl(split.query)), body)
        except Refusal as error:
            self._say(error.status, {"error": str(error)})
            return
        if reply.text:
            self._send(200, reply.text.encode(), reply.content_type)
        elif reply.file is not None:
            self._send_file(reply.file.read_bytes() if reply.file.stat().st_size < 1 << 20 else None, reply)
        else:
            self._say(200, reply.body)
        if reply.afterwards is not None:
            self.close_connection = True
            threading.Thread(target=reply.afterwards, name="afterwards", daemon=True).start()

    def _wished_on_a_page(self, path: str, body: bytes) -> None:
        """A page's form leads back to the page, which says what became of the wish."""
        wish = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        with suppress(Refusal):
            self.server.control.answer("POST", path, {}, _encoded(wish))
        self._send(303, b"", _HTML, {"Location": path})

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

    def _whole(self, place: str) -> bytes | None:
        """A body held in memory, None if it is beyond all measure. Raises _Cut and _Gone."""
        if int(self.headers.get("Content-Length") or 0) > LIMIT_BYTES:
            return None
        collected = bytearray()
        for block in self._blocks(place):
            collected += block
            if len(collected) > LIMIT_BYTES:
                return None
        return bytes(collected)

    def _blocks(self, place: str) -> Iterator[bytes]:
        """The body as it comes in. Raises _Cut half way if that is ordered, and _Gone if the sender leaves."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            yield from self._chunks()
            return
        length = int(self.headers.get("Content-Length") or 0)
        head = bytearray(str(self.headers).encode())
        done = 0
        for stop in (length // 2, length):
            while done < stop:
                block = self._read(min(BLOCK, stop - done))
                done += len(block)
                head += block[: max(0, HEAD - len(head))]
                yield block
            if place and stop < length:
                self._cut_half_way(place, head.decode("utf-8", "replace"), done)

    def _cut_half_way(self, place: str, head: str, size: int) -> None:
        fault = self.server.faults.take((place,), "before", head, ON_THE_WAY)
        if fault is not None:
            self._write_down(_unread(place, size), "faulted", fault.message, f"before:{fault.what}")
            raise _Cut

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            while size:
                block = self._read(min(BLOCK, size))
                size -= len(block)
                yield block
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def _read(self, size: int) -> bytes:
        try:
            block = self.rfile.read(size)
        except OSError:
            raise _Gone from None
        if not block:
            raise _Gone
        return block

    def _say(self, status: int, body: Any) -> None:
        self._send(status, _encoded(body), _JSON)

    def _send(
        self,
        status: int,
        body: bytes | _Text,
        content_type: str,
        more: dict[str, str] | None = None,
        cut_at: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        left = len(body) if cut_at is None else cut_at
        for block in body.blocks() if isinstance(body, _Text) else (body,):
            self.wfile.write(block[:left])
            left -= min(left, len(block))
            if not left:
                break
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


def _unread(place: str, size: int) -> Arrival:
    return Arrival(place=place, keys=((place, ""),), text="", digest="", size=size)


def _text_of(answer: Answer) -> _Text:
    text = _encoded(answer.body)
    if answer.file is None:
        return _Text(start=text)
    start, _, end = text.partition(FILE_CONTENT.encode())
    return _Text(start=start, file=answer.file, end=end)


def _encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _other_type(value: Any) -> Any:
    """The same thing in another JSON type: a number as text, a number in text as number, other text as nothing."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    return None
