"""One HTTP request, one reply, no cookies. Never follows a redirect, never retries, never logs a body."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO

from app.errors import NeedsOperator, RetryLater
from app.wire.faults import LineCut, line_fault

if TYPE_CHECKING:  # a third of a second, waited for by the first request
    import requests
    from requests.adapters import HTTPAdapter

BLOCK_BYTES = 1024 * 1024
REPLY_LIMIT_BYTES = 16 * 1024 * 1024
_LINES_KEPT = 16
_USUAL = {"User-Agent": "ClinicImagingAgent", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}

logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings quote addresses, and addresses carry tokens


@dataclass(frozen=True, kw_only=True)
class HttpReply:
    """`headers` reads in any letter case; `date` is the peer's clock (aware, UTC) or None; any status is a reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    date: datetime | None
    elapsed_seconds: float


class Streamed:
    """A body of prologue, one open file from its present position, epilogue; never more than a block in memory."""

    def __init__(self, prologue: bytes, file: BinaryIO, file_bytes: int, epilogue: bytes) -> None:
        self._pieces: list[bytes] = [prologue, epilogue]
        self._file, self._left = file, file_bytes
        self._length = len(prologue) + file_bytes + len(epilogue)
        self.fault: Exception | None = None

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = BLOCK_BYTES) -> bytes:
        if self._pieces[0]:
            head, self._pieces[0] = self._pieces[0][:size], self._pieces[0][size:]
            return head
        if self._left:
            return self._from_file(min(size, self._left))
        tail, self._pieces[1] = self._pieces[1][:size], self._pieces[1][size:]
        return tail

    def _from_file(self, size: int) -> bytes:
        try:
            block = self._file.read(size)
            if not block:
                raise OSError(f"the file is {self._left} bytes shorter than announced")
        except (OSError, ValueError) as error:
            self.fault = error
            raise OSError("the body's own file could not be read") from error
        self._left -= len(block)
        return block


class HttpClient:
    """Sends to one platform; `name` is how a person calls it. Safe to share between threads: idle lines are shared.

    `verify` is True, False or the path of a CA file. Proxies of the environment don't count.
    """

    def __init__(
        self,
        *,
        name: str = "平台",
        connect_seconds: float = 15.0,
        read_seconds: float = 60.0,
        reply_seconds: float = 300.0,
        verify: bool | str = True,
    ) -> None:
        self._name = name
        self._connect_seconds, self._read_seconds = connect_seconds, read_seconds
        self._reply_seconds = reply_seconds
        self._verify = verify

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Streamed | None = None,
        reply_limit: int = REPLY_LIMIT_BYTES,
    ) -> HttpReply:
        """Return the peer's reply whatever its status. Raises LineCut, NeedsOperator (an unusable address)."""
        import requests
        import urllib3

        started = time.monotonic()
        try:
            with self._line.send(
                self._prepared(method, url, headers or {}, body),
                stream=True,
                timeout=(self._connect_seconds, self._read_seconds),
                verify=self._verify,
            ) as response:
                content = self._read(response, started + self._reply_seconds, reply_limit)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise self._translated(error, body) from error
        return HttpReply(
            status=response.status_code,
            headers=response.headers,
            body=content,
            date=_http_date(response.headers.get("Date")),
            elapsed_seconds=time.monotonic() - started,
        )

    def close(self) -> None:
        """Close all lines, those in use when they come back; the client may be used again afterwards."""
        if "_line" in self.__dict__:
            self._line.close()

    @cached_property
    def _line(self) -> HTTPAdapter:
        """The transport of `requests` alone: its sessions double the work of a request and add what we never use."""
        import requests
        import urllib3

        class LargeBlocks(requests.adapters.HTTPAdapter):
            """urllib3 reads a body in blocks of 16 KB unless told otherwise."""

            def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
                super().init_poolmanager(*args, blocksize=BLOCK_BYTES, **kwargs)

        if self._verify is False:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        return LargeBlocks(pool_maxsize=_LINES_KEPT)

    def _prepared(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Streamed | None
    ) -> requests.PreparedRequest:
        import requests

        length = {} if body is None else {"Content-Length": str(len(body))}
        request = requests.PreparedRequest()
        request.prepare_method(method)
        request.prepare_url(url, None)
        request.prepare_headers({**_USUAL, **headers, **length})
        request.body = body  # type: ignore[assignment]
        return request

    def _read(self, response: requests.Response, deadline: float, limit: int) -> bytes:
        content = bytearray()
        for block in response.iter_content(64 * 1024):
            content += block
            if len(content) > limit:
                raise LineCut(
                    f"{self._name}的应答大得不正常",
                    "正在自动重试。一直不行时，请把诊断包发给工程师",
                    maybe_received=True,
                    details=f"HTTP {response.status_code}，超过 {limit} 字节",
                )
            if time.monotonic() > deadline:
                raise TimeoutError
        return bytes(content)

    def _translated(self, error: Exception, body: bytes | Streamed | None) -> NeedsOperator | RetryLater:
        if isinstance(body, Streamed) and body.fault is not None:
            return RetryLater(
                "要上传的文件读不出来",
                "正在自动重试。一直不行时，请检查硬盘，再联系工程师",
                details=type(body.fault).__name__,
            )
        if isinstance(error, _bad_address()):
            return NeedsOperator(
                f"{self._name}的地址写得不对",
                "请在设置里核对平台地址",
                details=type(error).__name__,
                page="destination",
            )
        cause, maybe_received = _root(error)
        return line_fault(cause, self._name, maybe_received=maybe_received)


def _bad_address() -> tuple[type[Exception], ...]:
    import requests

    known = requests.exceptions
    return known.InvalidURL, known.InvalidSchema, known.MissingSchema, known.InvalidHeader, UnicodeError


def _never_left() -> tuple[type[Exception], ...]:
    import requests
    import urllib3

    timeout, proxy = requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError
    unmade, unnamed = urllib3.exceptions.NewConnectionError, urllib3.exceptions.NameResolutionError
    return timeout, proxy, ssl.SSLCertVerificationError, unmade, unnamed


def _root(error: Exception) -> tuple[BaseException, bool]:
    """The error of the system behind a library's error, and whether the request may have reached the peer."""
    import requests

    chain = _chain(error)
    left = not any(isinstance(link, _never_left()) for link in chain)
    if isinstance(error, requests.exceptions.Timeout):
        return TimeoutError(), left
    for kind in (ssl.SSLError, socket.gaierror, ConnectionRefusedError, TimeoutError, ConnectionError):
        found = next((link for link in chain if isinstance(link, kind)), None)
        if found is not None:
            return found, left
    return (ConnectionResetError() if left else error), left


def _chain(error: BaseException) -> list[BaseException]:
    """Every error behind `error`: causes, contexts, and the ones that libraries put into `reason` or `args`."""
    found: list[BaseException] = []
    queue: list[object] = [error]
    while queue:
        link = queue.pop(0)
        if isinstance(link, BaseException) and not any(link is known for known in found):
            found.append(link)
            queue += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
    return found


def _http_date(text: str | None) -> datetime | None:
    """RFC 9110 section 5.6.7; a header that cannot be read says nothing."""
    try:
        date = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
