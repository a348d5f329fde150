"""Offer files over HTTP: GET and HEAD of what `resolve` hands out, questions that `answer` knows, and nothing else.

Never looks for a file itself and never logs a path: the link is the secret. A cut line goes on with a range (RFC 9110
section 14); `If-Range` is compared with the tag of the content.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from waitress import wasyncore
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask

from app.wire.listening import is_allowed, open_listener, parse_networks
from app.wire.seldom import Seldom

log = logging.getLogger(__name__)
logging.getLogger("waitress").setLevel(logging.CRITICAL)  # what it logs quotes paths; failures are logged here

PAGE = "files"
_BLOCK_BYTES = 64 * 1024
_WATERMARK_BYTES = 256 * 1024
_STALLED_SECONDS = 60.0
_REQUEST_LIMIT_BYTES = 64 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
TRANSFER = "imaging.transfer"


class Content(Protocol):
    """Bytes that are made while they are sent, from any place on."""

    @property
    def size(self) -> int: ...

    def blocks(self, first: int, length: int) -> Iterator[bytes]:
        """Raises `ContentBroken` where the content can't go on."""
        ...


class ContentBroken(Exception):
    """The content ends here, short of what was promised: the line is cut, so that nobody takes a part for all of it.

    The text goes to the log: no path, no name.
    """


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What became of a GET: `count` bytes of the body left from the place `first` on.

    `complete`: the peer has taken all that the answer promised, which may be a range.
    """

    first: int
    count: int
    complete: bool


Done = Callable[[Sent], None]


@dataclass(frozen=True, kw_only=True)
class Served:
    """`content` is a file on disk, made while it is sent, or an iterator of bytes (then `size` may be None).

    `tag` changes with the content ("" for one without ranges under a condition). `on_done` is called once per GET, on
    a thread of the server, when its end is known. `status` is for content that is no file.
    """

    content: Path | Content | Iterable[bytes]
    size: int | None = None
    tag: str = ""
    content_type: str = "application/octet-stream"
    download_name: str = ""
    on_done: Done | None = None
    status: int = 200


@dataclass(frozen=True, kw_only=True)
class Refused:
    """An answer without content: 403, 404, 410 ..."""

    status: int = 404


class Resolve(Protocol):
    def __call__(self, path: str, address: str) -> Served | Refused:
        """`path` begins with a slash and has its percent signs decoded; `address` is the peer's IP address."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it came: `query` is what stands behind the question mark, `body()` at most 64 KiB."""

    path: str
    method: str
    query: str
    address: str
    body: Callable[[], bytes]


class Answer(Protocol):
    def __call__(self, asked: Asked) -> Served | Refused | None:
        """None for no question: then it is a file that is asked for. Lets in whom it likes."""


@dataclass(frozen=True, kw_only=True)
class FileServerSettings:
    """Port 0 takes a free one; an empty list lets every address in."""

    port: int
    address: str = "0.0.0.0"
    allowed_addresses: tuple[str, ...] = ()
    threads: int = 8
    body_bytes: int = _REQUEST_LIMIT_BYTES
    """The longest body of a request; it is held in memory."""


class FileServer:
    """Runs on threads of its own between start() and stop()."""

    def __init__(self, settings: FileServerSettings, resolve: Resolve, answer: Answer | None = None) -> None:
        self._settings, self._resolve, self._questions = settings, resolve, answer
        self._networks = parse_networks(settings.allowed_addresses, page=PAGE)
        self._running: Running | None = None

    @property
    def port(self) -> int:
        """The port it listens on; 0 when stopped."""
        return self._running.port if self._running else 0

    def start(self) -> None:
        """Listen. Raises NeedsOperator when the port cannot be had."""
        if self._running is None:
            self._running = Running(self._settings, self._answer)

    def stop(self) -> None:
        """Close the port and every line, within a few seconds; transfers under way end incomplete."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()

    def _answer(self, environ: Mapping[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """The WSGI application (PEP 3333)."""
        transfer: _Transfer = environ[TRANSFER]
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        found = self._answered(path, environ, transfer.address)
        if found is None:
            if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
                return _empty(transfer, start, 405, ("Allow", "GET, HEAD"))
            if not is_allowed(transfer.address, self._networks):
                return _empty(transfer, start, 403)
            found = self._resolve(path, transfer.address)
        if isinstance(found, Refused):
            return _empty(transfer, start, found.status)
        return _serve(found, environ, transfer, start)

    def _answered(self, path: str, environ: Mapping[str, Any], address: str) -> Served | Refused | None:
        if self._questions is None:
            return None
        query, body = environ.get("QUERY_STRING", ""), environ["wsgi.input"]
        return self._questions(
            Asked(path=path, method=environ["REQUEST_METHOD"], query=query, address=address, body=body.read)
        )


class _Transfer:
    """One answer on its way: what was promised, what went out."""

    def __init__(self, address: str, seldom: Seldom) -> None:
        self.address, self._seldom = address, seldom
        self.status = 500
        self.promised: int | None = 0
        self.first = 0
        self.sent = 0
        self.on_done: Done | None = None

    def close(self, drained: bool) -> None:
        complete = drained and self.promised in (None, self.sent)
        if self.status >= 400:
            self._seldom.info(f"file request from {self.address}: refused, {self.status}")
        else:
            log.info("file request from %s: %d, %d bytes, complete %s", self.address, self.status, self.sent, complete)
        if self.on_done is None:
            return
        try:
            self.on_done(Sent(first=self.first, count=self.sent, complete=complete))
        except Exception:
            log.exception("the handler of a finished download failed")


class _File:
    """A file on disk as content; open from the start, so that nobody can take it away in between."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.size = self._file.seek(0, 2)

    def blocks(self, first: int, length: int) -> Iterator[bytes]:
        self._file.seek(first)
        while length > 0 and (block := self._file.read(min(_BLOCK_BYTES, length))):
            length -= len(block)
            yield block

    def close(self) -> None:
        self._file.close()


def _serve(
    found: Served, environ: Mapping[str, Any], transfer: _Transfer, start: Callable[..., Any]
) -> Iterable[bytes]:
    content = found.content
    if isinstance(content, Path):
        try:
            content = _File(content)
        except OSError:
            return _empty(transfer, start, 404)
    body = _body(found, content, environ, transfer, start)
    if body is None and isinstance(content, _File):
        content.close()
    return () if body is None else body


def _body(
    found: Served,
    content: Content | Iterable[bytes],
    environ: Mapping[str, Any],
    transfer: _Transfer,
    start: Callable[..., Any],
) -> _Blocks | None:
    """Begin the answer; None when nothing follows its headers."""
    made = None if isinstance(content, Iterable) else content
    size = found.size if made is None else made.size
    span = None if made is None else _span(environ, made.size, found.tag)
    if span is not None and size is not None and span[0] >= size:
        _empty(transfer, start, 416, ("Content-Range", f"bytes */{size}"))
        return None
    headers = _headers(found, made is not None)
    first, length = 0, size
    if span is not None:
        first, length = span[0], span[1] - span[0] + 1
        headers.append(("Content-Range", f"bytes {span[0]}-{span[1]}/{size}"))
    if length is not None:
        headers.append(("Content-Length", str(length)))
    head_only = environ["REQUEST_METHOD"] == "HEAD"
    transfer.status, transfer.promised = (206 if span else found.status), 0 if head_only else length
    transfer.first = first
    transfer.on_done = None if head_only else found.on_done
    start(_STATUS[transfer.status], headers)
    if head_only:
        return None
    if isinstance(content, Iterable):
        return _Blocks(content, content, transfer)
    return _Blocks(content.blocks(first, length or 0), content, transfer)


class _Blocks:
    """The body; the server closes it when it has taken the last block or given up."""

    def __init__(self, source: Iterable[bytes], content: object, transfer: _Transfer) -> None:
        self._source, self._content, self._transfer = source, content, transfer

    def __iter__(self) -> Iterator[bytes]:
        for block in self._source:
            yield block
            self._transfer.sent += len(block)

    def close(self) -> None:
        for one in (self._source, self._content):
            close = getattr(one, "close", None)
            if close is not None:
                close()


def _span(environ: Mapping[str, Any], size: int, tag: str) -> tuple[int, int] | None:
    """First and last byte of a single range; anything else, and any range of another content, means the whole."""
    asked = _RANGE.fullmatch(environ.get("HTTP_RANGE", "").strip())
    if asked is None or asked[0] == "bytes=-":
        return None
    if "HTTP_IF_RANGE" in environ and (not tag or environ["HTTP_IF_RANGE"].strip() != f'"{tag}"'):
        return None
    first, last = asked.groups()
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) else (size, size)
    end = min(int(last), size - 1) if last else size - 1
    return (int(first), end) if not last or int(first) <= int(last) else None


def _headers(found: Served, ranges: bool) -> list[tuple[str, str]]:
    headers = [
        ("Content-Type", found.content_type),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Accept-Ranges", "bytes" if ranges else "none"),
    ]
    if found.tag:
        headers.append(("ETag", f'"{found.tag}"'))
    if found.download_name:
        plain = re.sub(r"[^0-9A-Za-z._-]", "_", found.download_name)
        exact = quote(found.download_name, safe="")
        headers.append(("Content-Disposition", f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"))
    return headers


def _empty(transfer: _Transfer, start: Callable[..., Any], status: int, *headers: tuple[str, str]) -> Iterable[bytes]:
    transfer.status = status
    start(_STATUS.get(status, f"{status} Refused"), [("Content-Length", "0"), *headers])
    return ()


_STATUS = {
    200: "200 OK",
    206: "206 Partial Content",
    403: "403 Forbidden",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    410: "410 Gone",
    416: "416 Range Not Satisfiable",
}


class _Task(WSGITask):  # type: ignore[misc]
    """Tells the end of an answer only when its last byte has left, not when waitress has buffered it."""

    def service(self) -> None:
        self._transfer = _Transfer(str(self.channel.addr[0]), self.channel.server.seldom)
        drained = False
        try:
            super().service()
            drained = self._drained()
        except ClientDisconnected:
            raise
        except ContentBroken as broken:
            log.warning("a file could not be sent to its end: %s", broken)
            raise
        except Exception:
            log.exception("serving a file failed")
            raise
        finally:
            self._transfer.close(drained)

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ[TRANSFER] = self._transfer
        return environ

    def _drained(self) -> bool:
        """Bounded by the watch over stalled lines, which disconnects them."""
        channel = self.channel
        with channel.outbuf_lock:
            while channel.connected and channel.total_outbufs_len:
                channel.server.pull_trigger()
                channel.outbuf_lock.wait(0.05)
        return bool(channel.connected)


class _Refusal(ErrorTask):  # type: ignore[misc]
    """What waitress itself refuses: no HTTP, or too much of it."""

    def execute(self) -> None:
        super().execute()
        self.channel.server.seldom.info(f"file request from {self.channel.addr[0]}: refused, {self.status}")


class _Channel(HTTPChannel):  # type: ignore[misc]
    task_class = _Task
    error_task_class = _Refusal
    asking_since = 0.0

    def received(self, data: bytes) -> bool:
        if self.request is None:
            self.asking_since = time.time()
        return bool(super().received(data))

    def is_stalled(self, before: float) -> bool:
        """Takes nothing of its answer, or its request does not come to an end, however it dribbles."""
        is_asking = self.request is not None and self.asking_since < before
        return is_asking or bool(self.total_outbufs_len and self.last_activity < before)


class _Server(TcpWSGIServer):  # type: ignore[misc]
    channel_class = _Channel
    seldom: Seldom

    def set_reuse_addr(self) -> None:
        """The listener comes bound, exclusively; waitress would open it to others on Windows."""


class Running:
    """waitress between start and stop: its loop, its workers, its lines."""

    def __init__(
        self, settings: FileServerSettings, application: Callable[..., Iterable[bytes]], *, name: str = "文件服务"
    ) -> None:
        listener = open_listener(settings.address, settings.port, name=name, page=PAGE)
        self.port = int(listener.getsockname()[1])
        self._over = threading.Event()
        self._closing, self._closed = threading.Lock(), False
        self._lines: dict[int, Any] = {}
        self._workers = ThreadedTaskDispatcher()
        self._workers.set_thread_count(settings.threads)
        self._server = _Server(
            application,
            map=self._lines,
            _sock=listener,
            dispatcher=self._workers,
            bind_socket=False,
            sockinfo=(listener.family, listener.type, None, listener.getsockname()),
            ident=None,
            threads=settings.threads,
            connection_limit=200,
            channel_timeout=60,
            outbuf_high_watermark=_WATERMARK_BYTES,
            max_request_header_size=_REQUEST_LIMIT_BYTES,
            max_request_body_size=settings.body_bytes,
            inbuf_overflow=settings.body_bytes,
            log_socket_errors=False,
            clear_untrusted_proxy_headers=False,
        )
        self._server.seldom = Seldom(log)
        self._thread = threading.Thread(target=self._loop, name=f"http-port-{self.port}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        with self._closing:  # the loop may see the end by itself: then nobody is left to be woken
            if not self._closed:
                self._server.pull_trigger()
        self._thread.join(3)
        self._workers.shutdown(timeout=2)

    def _loop(self) -> None:
        try:
            while not self._over.is_set():
                wasyncore.loop(timeout=1, map=self._lines, count=1, use_poll=False)
                self._drop_stalled(time.time() - _STALLED_SECONDS)
        finally:
            for channel in list(self._server.active_channels.values()):
                channel.handle_close()
            with self._closing:
                self._closed = True
                wasyncore.close_all(self._lines, ignore_all=True)

    def _drop_stalled(self, before: float) -> None:
        """A peer that takes or says nothing whole for a minute would hold a worker, or its line, for ever."""
        for channel in list(self._server.active_channels.values()):
            if channel.is_stalled(before):
                channel.handle_close()
