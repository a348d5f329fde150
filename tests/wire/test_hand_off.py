"""The address of one hand-off: who has its token is served, nobody else."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from app.errors import NeedsOperator
from app.wire.hand_off import HandOffServer, is_open
from tests.wire.peers import free_port

TOKEN = "t0ken_of-this_hand-off_0123456789"
ORIGIN = "http://localhost:21051"
PDF = b"%PDF-1.4 invented"
PLAIN = {"Content-Type": "application/pdf"}


@dataclass
class OneHand:
    """Hands out one file; refuses what `says` says."""

    says: str = ""
    came: list[bytes] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def business_id(self, token: str) -> str | None:
        return "b1" if token == TOKEN else None

    def given(self, token: str) -> bytes | None:
        return PDF

    def brought(self, token: str, data: bytes) -> str:
        self.came.append(data)
        return self.says

    def unreadable(self, token: str, why: NeedsOperator) -> None:
        self.faults.append(why.title)


@pytest.fixture
def hands() -> OneHand:
    return OneHand()


@pytest.fixture
def server(hands: OneHand) -> Iterator[HandOffServer]:
    made = HandOffServer(hands, origin=ORIGIN, most_bytes=100_000)
    yield made
    made.stop()


def port_of(server: HandOffServer) -> int:
    return int(server.address(TOKEN, "file.pdf").split(":")[2].split("/")[0])


def ask(
    server: HandOffServer, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    line = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=5)
    try:
        line.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        reply = line.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read()
    finally:
        line.close()


def test_the_file_goes_out_and_another_comes_back(server: HandOffServer, hands: OneHand) -> None:
    status, headers, body = ask(server, "GET", f"/{TOKEN}/file.pdf")
    assert (status, body, headers["Content-Type"]) == (200, PDF, "application/pdf")
    assert headers["Cache-Control"] == "no-store"
    assert ask(server, "HEAD", f"/{TOKEN}/file.pdf")[::2] == (200, b"")
    status, _, said = ask(server, "POST", f"/{TOKEN}/stamped", b"%PDF stamped", Content_Type="application/pdf")
    assert (status, json.loads(said)) == (200, {"status": 200, "message": "SUCCESS"})
    assert ask(server, "PUT", f"/{TOKEN}/stamped?token=b1", b"%PDF again")[0] == 200
    assert hands.came == [b"%PDF stamped", b"%PDF again"]


def test_a_chunked_upload_is_read(server: HandOffServer, hands: OneHand) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=5)
    line.request("POST", f"/{TOKEN}/stamped", iter([b"%PDF ", b"stamped"]), PLAIN, encode_chunked=True)
    assert line.getresponse().status == 200
    line.close()
    assert hands.came == [b"%PDF stamped"]


def test_a_refusal_is_told_in_words(server: HandOffServer, hands: OneHand) -> None:
    hands.says = "送回来的报告没有盖章"
    status, _, said = ask(server, "POST", f"/{TOKEN}/stamped", PDF)
    assert (status, json.loads(said)["message"]) == (422, "送回来的报告没有盖章")
    status, _, said = ask(server, "POST", f"/{TOKEN}/stamped", b"<html>", Content_Type="text/html")
    assert (status, hands.faults) == (422, ["送回来的不是一个文件"])


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/file.pdf",
        f"/{TOKEN}",
        f"/{TOKEN[:-1]}/file.pdf",
        f"/{TOKEN}x/file.pdf",
        f"/{TOKEN}/../{TOKEN}/file.pdf",
        f"/{TOKEN}/file.pdf/",
        f"/{TOKEN}/%2e%2e/file.pdf",
        f"/{TOKEN}%00/file.pdf",
        f"/{TOKEN}/file.pdf%0a",
        f"/{TOKEN}/FILE.PDF",
        "/../../etc/passwd",
        "/..%5c..%5cwindows/file.pdf",
    ],
)
def test_any_other_path_leads_nowhere(server: HandOffServer, hands: OneHand, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        status, _, body = ask(server, method, path, b"x" if method == "POST" else b"")
        assert (status, body) == (404, b"")
    assert not hands.came


def test_methods_that_are_not_meant_are_refused(server: HandOffServer, hands: OneHand) -> None:
    assert ask(server, "POST", f"/{TOKEN}/file.pdf", PDF)[0] == 405
    assert ask(server, "GET", f"/{TOKEN}/stamped")[0] == 405
    assert ask(server, "DELETE", f"/{TOKEN}/stamped")[0] == 405
    assert not hands.came


def test_a_page_of_another_origin_gets_nothing(server: HandOffServer, hands: OneHand) -> None:
    for origin in ("http://evil.example", "http://localhost:21052", "https://localhost:21051", "null"):
        for method, path in (("GET", "file.pdf"), ("POST", "stamped"), ("OPTIONS", "stamped")):
            status, headers, body = ask(server, method, f"/{TOKEN}/{path}", b"", Origin=origin)
            assert (status, body) == (403, b"")
            assert "Access-Control-Allow-Origin" not in headers
    assert not hands.came


def test_the_clients_own_page_may_ask_from_the_browser(server: HandOffServer) -> None:
    wished = "content-type, token"
    status, headers, _ = ask(
        server, "OPTIONS", f"/{TOKEN}/stamped", Origin=ORIGIN, Access_Control_Request_Headers=wished
    )
    assert (status, headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
    assert headers["Access-Control-Allow-Headers"] == wished
    assert "POST" in headers["Access-Control-Allow-Methods"]
    assert ask(server, "GET", f"/{TOKEN}/file.pdf", Origin=ORIGIN)[1]["Access-Control-Allow-Origin"] == ORIGIN


def test_a_name_that_only_leads_to_this_machine_gets_nothing(server: HandOffServer) -> None:
    port = port_of(server)
    assert ask(server, "GET", f"/{TOKEN}/file.pdf", Host=f"rebound.example:{port}")[0] == 404
    assert ask(server, "GET", f"/{TOKEN}/file.pdf", Host=f"localhost:{port}")[0] == 200


def test_an_upload_that_names_another_hand_off_is_not_taken(server: HandOffServer, hands: OneHand) -> None:
    form = b'--B\r\nContent-Disposition: form-data; name="token"\r\n\r\n%s\r\n'
    form += b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%%PDF\r\n--B--\r\n'
    kind = "multipart/form-data; boundary=B"
    assert ask(server, "POST", f"/{TOKEN}/stamped", form % b"b2", Content_Type=kind)[::2] == (403, b"")
    assert ask(server, "POST", f"/{TOKEN}/stamped?token=b2", PDF)[0] == 403
    assert not hands.came
    assert ask(server, "POST", f"/{TOKEN}/stamped", form % b"b1", Content_Type=kind)[0] == 200
    assert hands.came == [b"%PDF"]


def test_a_body_without_end_is_cut_off(server: HandOffServer, hands: OneHand) -> None:
    status, _, _ = ask(server, "POST", f"/{TOKEN}/stamped", b"x" * 100_001)
    assert status == 413
    assert not hands.came


def test_it_listens_on_the_loopback_address_alone(server: HandOffServer) -> None:
    assert server.address(TOKEN, "stamped") == f"http://127.0.0.1:{port_of(server)}/{TOKEN}/stamped"
    assert is_open(server.address(TOKEN, "stamped"))
    assert not is_open(f"http://localhost:{free_port()}/PDFClient/viewer.html")


def test_neither_token_nor_content_stands_in_the_log(server: HandOffServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        ask(server, "GET", f"/{TOKEN}/file.pdf")
        ask(server, "POST", f"/{TOKEN}/stamped", b"<html>secret words</html>", Content_Type="text/html")
    assert TOKEN not in caplog.text
    assert "secret words" not in caplog.text
