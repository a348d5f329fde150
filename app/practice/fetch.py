"""Fetch a file that the clinic offers under an address. Streams to disk, no proxies, three tries unless told so."""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

TRIES = 3
PAUSE_SECONDS = 0.5
LIMIT_BYTES = 200_000_000


class Unreachable(Exception):
    """The file could not be had; the text is a Chinese sentence for the answer."""


def fetch(
    url: str,
    into: Path,
    *,
    stopping: threading.Event,
    timeout_seconds: float = 15.0,
    tries: int = TRIES,
    limit_bytes: int = LIMIT_BYTES,
) -> None:
    """Write what `url` gives to `into`. Raises Unreachable after the last failure."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise Unreachable("应为 http 协议的地址")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    reason = ""
    for attempt in range(tries):
        if attempt and stopping.wait(PAUSE_SECONDS):
            break
        try:
            _copy(opener, url, into, timeout_seconds, limit_bytes)
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code}"
            error.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = type(error).__name__
        else:
            return
    into.unlink(missing_ok=True)
    raise Unreachable(f"前置机访问失败（{reason}，已试 {tries} 次）")


def _copy(
    opener: urllib.request.OpenerDirector, url: str, into: Path, timeout_seconds: float, limit_bytes: int
) -> None:
    with opener.open(url, timeout=timeout_seconds) as answer, into.open("wb") as out:
        expected = answer.headers.get("Content-Length")
        size = 0
        while block := answer.read(1 << 16):
            size += len(block)
            if size > limit_bytes:
                raise ValueError("too large")
            out.write(block)
    if expected is not None and int(expected) != size:
        raise http.client.IncompleteRead(b"", int(expected) - size)
