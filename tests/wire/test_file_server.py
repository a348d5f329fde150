"""The file server with our own client and with raw lines."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.errors import NeedsOperator
from app.wire.faults import LineCut
from app.wire.file_server import ContentBroken, FileServer, FileServerSettings, Refused, Sent, Served
from app.wire.http_client import HttpClient, HttpReply

CONTENT = bytes(range(256)) * 1000


class Shelf:
    """One file behind one secret, and what the server told about its downloads."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "影像.dcm"
        self.path.write_bytes(CONTENT)
        self.asked: list[tuple[str, str]] = []
        self.done: list[tuple[int, bool]] = []
        self.firsts: list[int] = []
        self.other: Served | None = None

    def __call__(self, path: str, address: str) -> Served | Refused:
        self.asked.append((path, address))
        if path == "/other" and self.other is not None:
            return self.other
        if path != "/s3cret/影像":
            return Refused(status=410 if path == "/old" else 404)
        return Served(
            content=self.path, content_type="application/dicom", download_name="影像 1.dcm", on_done=self.note
        )

    def note(self, sent: Sent) -> None:
        self.done.append((sent.count, sent.complete))
        self.firsts.append(sent.first)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@contextmanager
def a_server(shelf: Shelf, **settings: object) -> Iterator[FileServer]:
    chosen = {"port": 0, "address": "127.0.0.1", **settings}
    server = FileServer(FileServerSettings(**chosen), shelf)  # type: ignore[arg-type]
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _ask(server: FileServer, path: str = "/s3cret/影像", method: str = "GET", **headers: str) -> HttpReply:
    client = HttpClient(read_seconds=5)
    try:
        return client.send(
            method,
            f"http://127.0.0.1:{server.port}{path}",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
    finally:
        client.close()


def _until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not claim():
        assert time.monotonic() < deadline, "did not happen within 5 s"
        time.sleep(0.01)


def test_a_file_is_served_whole_and_its_end_is_told(shelf: Shelf) -> None:
    with a_server(shelf) as server:
        reply = _ask(server)
        _until(lambda: bool(shelf.done))
    assert (reply.status, reply.body) == (200, CONTENT)
    assert reply.headers["Content-Type"] == "application/dicom"
    assert "filename*=UTF-8''%E5%BD%B1%E5%83%8F%201.dcm" in reply.headers["Content-Disposition"]
    assert shelf.done == [(len(CONTENT), True)]
    assert shelf.asked == [("/s3cret/影像", "127.0.0.1")]


def test_head_tells_the_size_and_sends_nothing(shelf: Shelf) -> None:
    with a_server(shelf) as server:
        reply = _ask(server, method="HEAD")
    assert (reply.status, reply.body, reply.headers["Content-Length"]) == (200, b"", str(len(CONTENT)))
    assert not shelf.done


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=0-9", 206, CONTENT[:10]),
        ("bytes=100-", 206, CONTENT[100:]),
        ("bytes=-5", 206, CONTENT[-5:]),
        ("bytes=255990-999999", 206, CONTENT[255990:]),
        ("bytes=256000-", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=0-1,5-6", 200, CONTENT),
        ("bytes=9-1", 200, CONTENT),
        (f"bytes=0-{'9' * 5000}", 200, CONTENT),
        ("bytes=-", 200, CONTENT),
        ("lines=1-2", 200, CONTENT),
    ],
)
def test_a_single_range_is_served(shelf: Shelf, asked: str, status: int, body: bytes) -> None:
    with a_server(shelf) as server:
        reply = _ask(server, Range=asked)
    assert (reply.status, reply.body) == (status, body)


def test_a_range_of_another_content_gets_the_whole(shelf: Shelf) -> None:
    with a_server(shelf) as server:
        assert _ask(server, Range="bytes=0-9", If_Range='"x"').status == 200
        shelf.other = Served(content=shelf.path, tag="one", on_done=shelf.note)
        assert _ask(server, "/other").headers["ETag"] == '"one"'
        assert _ask(server, "/other", Range="bytes=10-19", If_Range='"one"').body == CONTENT[10:20]
        assert _ask(server, "/other", Range="bytes=10-19", If_Range='"two"').body == CONTENT
        assert _ask(server, "/other", Range="bytes=10-19", If_Range='W/"one"').status == 200
        _until(lambda: sorted(shelf.firsts) == [0, 0, 0, 0, 10])


class Counting:
    """Content made while it is sent: the numbers of its bytes, broken off where told."""

    size = 1000

    def __init__(self, broken_at: int = 1000) -> None:
        self.broken_at = broken_at

    def blocks(self, first: int, length: int) -> Iterator[bytes]:
        for number in range(first, first + length):
            if number >= self.broken_at:
                raise ContentBroken("image 3 is gone")
            yield bytes([number % 256])


def test_content_made_while_it_is_sent_has_ranges_too(shelf: Shelf) -> None:
    every = bytes(number % 256 for number in range(1000))
    with a_server(shelf) as server:
        shelf.other = Served(content=Counting(), on_done=shelf.note)
        whole, rest = _ask(server, "/other"), _ask(server, "/other", Range="bytes=300-")
        head = _ask(server, "/other", method="HEAD")
        _until(lambda: shelf.done == [(1000, True), (700, True)])
    assert (whole.body, rest.body, rest.status) == (every, every[300:], 206)
    assert (head.headers["Content-Length"], head.headers["Accept-Ranges"]) == ("1000", "bytes")


@pytest.mark.warns
def test_broken_content_cuts_the_line_and_is_named_without_a_trace(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    with a_server(shelf) as server:
        shelf.other = Served(content=Counting(broken_at=400), on_done=shelf.note)
        with pytest.raises(LineCut):
            _ask(server, "/other")
        _until(lambda: shelf.done == [(400, False)])
    assert "image 3 is gone" in caplog.text
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    "path", ["/", "/other", "/s3cret", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//s3cret/x", "/s3cret/%00"]
)
def test_only_what_resolve_gives_is_served(shelf: Shelf, path: str) -> None:
    with a_server(shelf) as server:
        assert _ask(server, path).status == 404


def test_a_refusal_keeps_its_status_and_other_methods_are_not_known(shelf: Shelf) -> None:
    with a_server(shelf) as server:
        assert _ask(server, "/old").status == 410
        assert [_ask(server, method=method).status for method in ("POST", "PUT", "DELETE", "OPTIONS")] == [405] * 4


def test_an_address_outside_the_list_never_reaches_resolve(shelf: Shelf) -> None:
    with a_server(shelf, allowed_addresses=("192.0.2.1",)) as server:
        assert _ask(server).status == 403
        assert _ask(server, X_Forwarded_For="192.0.2.1", Forwarded="for=192.0.2.1", X_Real_IP="192.0.2.1").status == 403
    assert not shelf.asked


@pytest.mark.parametrize("size", [None, 30])
def test_an_iterator_is_served_with_or_without_a_known_size(shelf: Shelf, size: int | None) -> None:
    shelf.other = Served(content=iter([b"0123456789"] * 3), size=size, on_done=shelf.note)
    with a_server(shelf) as server:
        assert _ask(server, "/other").body == b"0123456789" * 3
        _until(lambda: shelf.done == [(30, True)])


@pytest.mark.warns
def test_content_that_fails_midway_is_told_as_incomplete_and_the_next_request_is_served(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Iterator[bytes]:
        yield b"0123456789"
        raise ValueError("no more")

    shelf.other = Served(content=broken(), size=30, on_done=shelf.note)
    with a_server(shelf) as server:
        with pytest.raises(LineCut):
            _ask(server, "/other")
        _until(lambda: shelf.done == [(10, False)])
        assert _ask(server).status == 200
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_a_file_that_is_gone_is_not_found(shelf: Shelf) -> None:
    shelf.path.unlink()
    with a_server(shelf) as server:
        assert _ask(server).status == 404


def test_a_download_cut_off_is_told_as_incomplete(shelf: Shelf) -> None:
    shelf.path.write_bytes(bytes(30_000_000))
    with a_server(shelf) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
            line.sendall(b"GET /s3cret/%E5%BD%B1%E5%83%8F HTTP/1.1\r\nHost: x\r\n\r\n")
            assert line.recv(1000)
        _until(lambda: bool(shelf.done))
    ((sent, complete),) = shelf.done
    assert not complete
    assert sent < 30_000_000


def test_stopping_ends_a_download_that_nobody_reads(shelf: Shelf) -> None:
    shelf.path.write_bytes(bytes(30_000_000))
    with a_server(shelf) as server, socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
        line.sendall(b"GET /s3cret/%E5%BD%B1%E5%83%8F HTTP/1.1\r\nHost: x\r\n\r\n")
        assert line.recv(1000)
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 3
        assert server.port == 0
        _until(lambda: [complete for _, complete in shelf.done] == [False])


def test_many_at_once_are_served(shelf: Shelf) -> None:
    replies: list[HttpReply] = []
    with a_server(shelf) as server:
        threads = [threading.Thread(target=lambda: replies.append(_ask(server))) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert [reply.body == CONTENT for reply in replies] == [True] * 12


def test_a_request_without_end_is_cut_off_and_one_too_long_is_refused(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.wire.file_server._STALLED_SECONDS", 0.2)
    with a_server(shelf) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line, pytest.raises(OSError):
            line.sendall(b"GET /s3cret/x HTTP/1.1\r\n")
            for _ in range(1000):
                line.sendall(b"a: b\r\n")
                time.sleep(0.02)
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
            line.sendall(b"GET /s3cret/x HTTP/1.1\r\n" + b"a: " + b"b" * 70_000)
            assert line.recv(100).startswith(b"HTTP/1.0 431")
        assert _ask(server).status == 200


def test_refusals_are_one_line_of_the_log(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "app"), a_server(shelf) as server:
        for _ in range(20):
            _ask(server, "/guess")
        assert _ask(server).status == 200
        _until(lambda: bool(shelf.done))
    assert [one for one in caplog.messages if "refused" in one] == ["file request from 127.0.0.1: refused, 404"]


def test_the_log_names_no_link(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), a_server(shelf) as server:
        _ask(server)
        _until(lambda: bool(shelf.done))
    assert "256000 bytes" in caplog.text
    assert "s3cret" not in "".join(record.getMessage() for record in caplog.records if "urllib3" not in record.name)


def test_a_taken_port_is_for_the_operator(shelf: Shelf) -> None:
    with a_server(shelf) as server, pytest.raises(NeedsOperator) as caught, a_server(shelf, port=server.port):
        raise AssertionError("two servers on one port")
    assert "文件服务的端口" in caught.value.title
