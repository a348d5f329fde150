"""The HTTP client against peers that behave, and peers that do not."""

from __future__ import annotations

import io
import socket
import struct
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.errors import NeedsOperator, RetryLater
from app.wire.faults import LineCut
from app.wire.http_client import HttpClient, Streamed
from tests.wire.peers import a_peer, free_port, http_reply, read_http


def _client(**changes: float) -> HttpClient:
    return HttpClient(name="演练平台", connect_seconds=2, read_seconds=changes.get("read_seconds", 2))


def test_a_reply_comes_back_whole_with_the_date_of_the_peer() -> None:
    def script(line: socket.socket) -> None:
        read_http(line)
        line.sendall(http_reply("200 OK", b'{"code":"1"}', "Date: Sat, 21 Nov 2026 02:03:04 GMT", "X-Case: a"))

    with a_peer(script) as port:
        reply = _client().send("POST", f"http://127.0.0.1:{port}/exam-sync", headers={"a": "b"}, body=b"{}")
    assert (reply.status, reply.body, reply.headers["x-case"]) == (200, b'{"code":"1"}', "a")
    assert reply.date == datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
    assert reply.elapsed_seconds < 5


@pytest.mark.parametrize("status", ["500 Internal Server Error", "404 Not Found", "302 Found", "204 No Content"])
def test_any_status_is_a_reply_and_no_redirect_is_followed(status: str) -> None:
    seen: list[bytes] = []

    def script(line: socket.socket) -> None:
        seen.append(read_http(line))
        line.sendall(http_reply(status, b"", "Location: /elsewhere", "Date: not a date"))

    with a_peer(script) as port:
        reply = _client().send("GET", f"http://127.0.0.1:{port}/a")
    assert f"{reply.status} " == status[:4]
    assert reply.date is None
    assert len(seen) == 1


def test_a_page_of_html_is_handed_over_as_it_is() -> None:
    def script(line: socket.socket) -> None:
        read_http(line)
        line.sendall(http_reply("502 Bad Gateway", "<html>网关</html>".encode()))

    with a_peer(script) as port:
        assert _client().send("GET", f"http://127.0.0.1:{port}/").body == "<html>网关</html>".encode()


def test_a_streamed_body_arrives_byte_for_byte_with_its_length(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    source = tmp_path / "image"
    source.write_bytes(content)
    seen: list[bytes] = []

    def script(line: socket.socket) -> None:
        seen.append(read_http(line))
        line.sendall(http_reply("200 OK", b""))

    with a_peer(script) as port, source.open("rb") as file:
        _client().send("POST", f"http://127.0.0.1:{port}/", body=Streamed(b"<<", file, len(content), b">>"))
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert body == b"<<" + content + b">>"
    assert f"content-length: {len(content) + 4}".encode() in head.lower()
    assert b"transfer-encoding" not in head.lower()


def test_a_file_that_shrank_is_our_trouble_and_not_the_platforms() -> None:
    with a_peer(lambda line: [read_http(line)].clear()) as port, pytest.raises(RetryLater) as caught:
        _client().send("POST", f"http://127.0.0.1:{port}/", body=Streamed(b"", io.BytesIO(b"short"), 50, b""))
    assert caught.value.title == "要上传的文件读不出来"
    assert not isinstance(caught.value, LineCut)


def test_nobody_listening_means_the_request_never_left() -> None:
    with pytest.raises(LineCut) as caught:
        _client().send("POST", f"http://127.0.0.1:{free_port()}/", body=b"x")
    assert caught.value.title == "演练平台连不上，对方没有开门"
    assert not caught.value.maybe_received


def test_an_unknown_host_means_the_request_never_left() -> None:
    with pytest.raises(LineCut) as caught:
        _client().send("GET", "http://no-such-host.invalid/?token=secret")
    assert not caught.value.maybe_received
    assert "secret" not in str(caught.value) + caught.value.details


def test_a_peer_that_hangs_may_have_received_the_request() -> None:
    done = threading.Event()

    def script(line: socket.socket) -> None:
        read_http(line)
        done.wait(5)

    with a_peer(script) as port:
        with pytest.raises(LineCut) as caught:
            _client(read_seconds=0.3).send("POST", f"http://127.0.0.1:{port}/", body=b"x")
        done.set()
    assert caught.value.title == "演练平台太久没有回应"
    assert caught.value.maybe_received


def _reset(line: socket.socket) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_line_cut_before_or_within_the_reply_may_have_delivered_the_request() -> None:
    endings = {
        "hung up": lambda line: None,
        "reset": _reset,
        "half a reply": lambda line: line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"),
        "not http": lambda line: line.sendall(b"\x00\x01 nonsense\r\n\r\n"),
    }
    for ending in endings.values():

        def script(line: socket.socket, ending: object = ending) -> None:
            read_http(line)
            assert callable(ending)
            ending(line)

        with a_peer(script) as port, pytest.raises(LineCut) as caught:
            _client().send("POST", f"http://127.0.0.1:{port}/", body=b"x")
        assert caught.value.maybe_received
        assert "断了" in caught.value.title


def test_plain_http_behind_https_is_named_as_an_encryption_trouble() -> None:
    with a_peer(lambda line: line.sendall(http_reply("400 Bad Request", b"plain"))) as port:
        with pytest.raises(LineCut) as caught:
            _client().send("GET", f"https://127.0.0.1:{port}/")
        assert "加密连接" in caught.value.title


def test_a_reply_beyond_the_limit_is_cut_off() -> None:
    def script(line: socket.socket) -> None:
        read_http(line)
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        for _ in range(20):
            line.sendall(bytes(1024 * 1024))

    with a_peer(script) as port, pytest.raises(LineCut) as caught:
        _client().send("GET", f"http://127.0.0.1:{port}/")
    assert "大得不正常" in caught.value.title


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/", "127.0.0.1/a", "http://"])
def test_an_unusable_address_is_for_the_operator(address: str) -> None:
    with pytest.raises(NeedsOperator) as caught:
        _client().send("GET", address)
    assert caught.value.page == "destination"


def test_proxies_of_the_environment_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")

    def script(line: socket.socket) -> None:
        read_http(line)
        line.sendall(http_reply("200 OK", b"straight"))

    with a_peer(script) as port:
        assert _client().send("GET", f"http://127.0.0.1:{port}/").body == b"straight"


def test_a_reply_may_be_as_large_as_the_request_allows() -> None:
    def script(line: socket.socket) -> None:
        read_http(line)
        line.sendall(http_reply("200 OK", bytes(2000)))

    with a_peer(script) as port, pytest.raises(LineCut):
        _client().send("GET", f"http://127.0.0.1:{port}/", reply_limit=1999)
    with a_peer(script) as port:
        assert len(_client().send("GET", f"http://127.0.0.1:{port}/", reply_limit=2000).body) == 2000


def test_threads_that_come_and_go_share_the_open_lines() -> None:
    """A batch has threads of its own: each would leave a session and its line behind."""
    lines = []

    def script(line: socket.socket) -> None:
        lines.append(line)
        for _ in range(3):
            read_http(line)
            line.sendall(http_reply("200 OK", b"x"))

    client = _client()
    with a_peer(script) as port:
        for _ in range(3):
            thread = threading.Thread(target=lambda: client.send("GET", f"http://127.0.0.1:{port}/"))
            thread.start()
            thread.join(5)
        client.close()
    assert len(lines) == 1


def test_requests_at_once_have_sessions_of_their_own_and_close_ends_them_all() -> None:
    def script(line: socket.socket) -> None:
        read_http(line)
        line.sendall(http_reply("200 OK", b"x", "Connection: close", "Set-Cookie: a=b"))

    client, bodies = _client(), []
    with a_peer(script) as port:
        threads = [
            threading.Thread(target=lambda: bodies.append(client.send("GET", f"http://127.0.0.1:{port}/").body))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
    client.close()
    assert bodies == [b"x"] * 3
