"""The other end of a line, scripted byte by byte, on 127.0.0.1 with a free port."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Script = Callable[[socket.socket], None]


@contextmanager
def a_peer(script: Script) -> Iterator[int]:
    """Listen; run `script` on every caller, one after the other, then hang up. Gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()
    thread = threading.Thread(target=_serve, args=(listener, script, over), name="scripted-peer", daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        with socket.socket() as waker:
            waker.settimeout(1)
            waker.connect_ex(listener.getsockname())
        thread.join(5)
        listener.close()


def _serve(listener: socket.socket, script: Script, over: threading.Event) -> None:
    while True:
        line, _ = listener.accept()
        with line:
            if over.is_set():
                return
            line.settimeout(5)
            try:
                script(line)
            except OSError:
                continue


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def read_http(line: socket.socket) -> bytes:
    """One whole request: head and as much body as its Content-Length says."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += line.recv(65536) or _hung_up()
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [row.split(b":")[1] for row in head.split(b"\r\n") if row.lower().startswith(b"content-length")]
    while len(body) < int(lengths[0] if lengths else 0):
        body += line.recv(65536) or _hung_up()
    return head + b"\r\n\r\n" + body


def http_reply(status: str, body: bytes, *headers: str) -> bytes:
    rows = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(rows).encode() + b"\r\n\r\n" + body


def _hung_up() -> bytes:
    raise ConnectionResetError
