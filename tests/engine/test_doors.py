"""Every door of a running program and callers who mean no good: refused, logged in a line, nothing leaks, open on."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.engine.engine import Engine
from app.engine.settings import apply_answers
from app.errors import AgentError
from app.provide.provider import Provider
from app.store import exams
from app.system.log import open_log
from app.system.paths import Home
from app.wire.dicom_association import Association, Message, Peer
from app.wire.dicom_send import echo
from app.wire.dimse import IMPLICIT_LITTLE_ENDIAN, Command, Tag, encode_elements, encode_items
from app.wire.identifiers import encode_identifier
from tests.engine.desk import Desk, Json, answers_of
from tests.intake.clinic import HandClock
from tests.journeys.inside import EXAM_VALUES
from tests.wire.peers import free_port

FIND, MOVE, GET = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
COMMITMENT = "1.2.840.10008.1.20.1"
FRONT, OURS = "FRONT_END", "CLINIC_AGENT"
ANSWER_BYTES = 100_000


@dataclass
class Lines(logging.Handler):
    """What is logged, before anything is masked."""

    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))

    __hash__ = logging.Handler.__hash__


@dataclass
class Clinic:
    """A program at work with all its doors open, and one submitted exam behind them."""

    desk: Desk
    uid: str
    other: str
    dicom_port: int
    files_port: int
    lines: Lines

    @property
    def engine(self) -> Engine:
        return self.desk.engine

    @property
    def provider(self) -> Provider:
        return self.engine.house.provider

    def words(self) -> dict[str, str]:
        """What the addresses of this exam, and of another, are made of."""
        images = [one["sop_instance_uid"] for one in self.engine.study(self.uid)["instances"]]
        others = [one["sop_instance_uid"] for one in self.engine.study(self.other)["instances"]]
        key = self.desk.key(self.uid)
        (report,) = exams.reports_of(self.engine.house.store.read(), key)
        image = urlsplit(self.provider.image_link("main", key, images[0])).path
        return {
            "pdf": urlsplit(self.provider.link("main", key, report.pdf_sha256)).path,
            "zip": urlsplit(self.provider.zip_link("main", key)).path,
            "image": image,
            "token": image.split("/")[2],
            "another": others[0],
        }

    def secrets(self) -> list[str]:
        """What must never be logged: the patient, the numbers, the addresses, the key."""
        found = [*self.words().values(), self.uid, self.desk.key(self.uid), EXAM_VALUES["id_number"], "SECRET-WORD"]
        return [*found, "李建国", "ACC-SECRET-1", str(self.desk.folder), "2a77be8ebc9c90cd25ccd1d31dce7a77"]


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    folder = tmp_path_factory.mktemp("doors")
    home, clock, ports = Home(root=folder / "home").make(), HandClock(), (free_port(), free_port())
    client = socket.create_server(("127.0.0.1", 0))  # all that a stamping client needs to be here
    close_log, lines = open_log(home), Lines()
    logging.getLogger("app").addHandler(lines)
    apply_answers(doors_of(ports, f"http://localhost:{client.getsockname()[1]}/viewer"), home)
    clock.pass_(2 * 3600)
    engine = Engine(home, clock=clock)
    desk = Desk(engine, clock, folder)
    engine.start()
    try:
        engine.pause(60)
        uid, other = desk.receive(accession="ACC-SECRET-1", name="李建国"), desk.ready()
        desk.fill(uid)
        engine.attach(uid, str(engine.report_pdf(other)["path"]))
        engine.submit(uid)
        yield Clinic(desk, uid, other, *ports, lines)
    finally:
        engine.stop()
        client.close()
        logging.getLogger("app").removeHandler(lines)
        close_log()


def doors_of(ports: tuple[int, int], stamp_client: str) -> Json:
    answers = answers_of("main")
    allowed = {"query_service": True, "query_addresses": ["127.0.0.1"], "stamp_client_url": stamp_client}
    answers["destination"][0]["options"] |= allowed
    return answers | {
        "dicom": {"port": ports[0], "bind": "127.0.0.1", "ae_title": OURS, "commitment": True},
        "query": {"on": True, "callers": [FRONT], "destinations": ["DEAD@127.0.0.1:9"]},
        "files": {"public_base_url": f"http://127.0.0.1:{ports[1]}", "port": ports[1], "bind": "127.0.0.1"},
    }


def is_in_the_log(clinic: Clinic, *words: str) -> bool:
    """Each of these refusals is said, and nothing that nobody may know."""
    written = "".join(path.read_text("utf-8") for path in clinic.engine.home.logs.glob("*.log"))
    said = "\n".join(clinic.lines.said)
    assert "Traceback" not in said
    for secret in clinic.secrets():
        assert secret not in said, "a secret was logged"
    assert all(word in said for word in words), [word for word in words if word not in said]
    return all(word in written for word in words)


# -- HTTP --------------------------------------------------------------------------------------------------------------


def answered(port: int, request: bytes) -> tuple[int, bytes]:
    """Status and body of what comes back for these bytes; status 0 when the line is closed without an answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        told = b""
        try:
            line.sendall(request)
            while len(told) < ANSWER_BYTES and (block := line.recv(65536)):
                told += block
        except ConnectionError:
            pass
    head, _, body = told.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]) if head else 0, body


def http(port: int, first: str, body: bytes = b"", *more: str) -> tuple[int, bytes]:
    headers = [f"Host: 127.0.0.1:{port}", "Connection: close", *more]
    if not any(one.lower().startswith(("content-length", "transfer-encoding")) for one in more):
        headers.append(f"Content-Length: {len(body)}")
    return answered(port, "\r\n".join([f"{first} HTTP/1.1", *headers, "", ""]).encode("utf-8") + body)


FILES: list[tuple[str, int]] = [
    ("GET /", 404),
    ("GET /i/", 404),
    ("GET /f/.pdf", 404),
    ("GET /i/{token}", 404),
    ("GET /i/{token}/", 404),
    ("GET /i/{token}/{another}.dcm", 404),
    ("GET /i/{token}/..%2f..%2fagent.sqlite", 404),
    ("GET /i/{token}/%2e%2e/%2e%2e/agent.sqlite", 404),
    ("GET /i/{token}/..%5c..%5cagent.sqlite", 404),
    ("GET /f/{token}.pdf", 404),
    ("GET /z/{token}.zip", 404),
    ("GET {pdf}%00", 404),
    ("GET {pdf}/..", 404),
    ("GET /f//{pdf}", 404),
    ("GET /f/%ff%fe.pdf", 404),
    ("GET //etc/passwd", 404),
    ("GET http://127.0.0.1/etc/passwd", 404),
    ("GET /C:/Windows/win.ini", 404),
    ("GET /f/' OR '1'='1.pdf", 400),
    ("PUT {pdf}", 405),
    ("POST {image}", 405),
    ("DELETE {zip}", 405),
    ("TRACE {pdf}", 405),
    ("CONNECT 127.0.0.1:22", 405),
    ("get {pdf}", 400),
]


def test_the_file_service_gives_nothing_but_what_an_address_names(clinic: Clinic) -> None:
    words = clinic.words()
    for first, status in FILES:
        found, body = http(clinic.files_port, first.format(**words))
        assert found == status, first
        assert b"agent" not in body and b"root:" not in body and b"Traceback" not in body, first
    for raw, status in [
        (b"GET / HTTP/1.1\r\n" + b"A: " + b"b" * 10_000_000 + b"\r\n\r\n", 431),
        (b"PUT /f/x HTTP/1.1\r\nContent-Length: 52428800\r\n\r\n", 413),
        (b"POST /f/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffff\r\n" + b"x" * 200_000, 413),
        (b"POST /f/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ]:
        assert answered(clinic.files_port, raw)[0] in (status, 0), raw[:40]
    for address, start in (("pdf", b"%PDF"), ("zip", b"PK"), ("image", b"\0\0\0\0")):
        assert http(clinic.files_port, f"GET {words[address]}")[1].startswith(start), "the port serves on"
    assert is_in_the_log(clinic, "file request from 127.0.0.1: refused, 404")


QUESTIONS: list[bytes] = [
    b'{"pageSize": 1000000000}',
    b'{"pageSize": -1}',
    b'{"pageSize": "1e9"}',
    '{"pageSize": "五十"}'.encode(),
    b'{"pageNum": 0}',
    b'{"pageNum": 1e400}',
    b'{"pageNum": NaN}',
    b'{"pageNum": ' + b"9" * 5000 + b"}",
    b'{"pageNum": true}',
    b'{"startTime": "SECRET-WORD"}',
    b'{"startTime": "2026-02-30 00:00:00"}',
    b'{"startTime": "2026-01-06 00:00:00", "endTime": "2026-01-05 00:00:00"}',
    b'{"SECRET-WORD": 1}',
    b'{"patientId": ["SECRET-WORD"]}',
    b'{"data": "SECRET-WORD", "timestamp": "1", "signature": "x", "hospitalCode": "x"}',
    b"SECRET-WORD",
    b"[]",
    b"\xff\xfe",
    b"{" * 60_000,
    b"",
]


def test_a_question_that_is_none_is_refused_in_words_that_repeat_nothing(clinic: Clinic) -> None:
    for door in ("/exam/get", "/report/get", "/series/get"):
        for body in QUESTIONS:
            status, told = http(clinic.files_port, f"POST {door}", body)
            answer = json.loads(told)
            assert (status, answer["code"]) == (200, 0), body[:60]
            assert "SECRET-WORD" not in told.decode() and "Traceback" not in told.decode()
        status, told = http(clinic.files_port, f"GET {door}?pageSize={'9' * 5000}")
        assert (status, json.loads(told)["code"]) == (200, 0)
        status, told = http(clinic.files_port, f"POST {door}", b'{"applyId": "\' OR 1=1; DROP TABLE jobs; --"}')
        assert json.loads(told) == {"code": 1, "message": "成功", "content": []}
        assert http(clinic.files_port, f"PUT {door}", b"{}")[0] == 405
        assert http(clinic.files_port, f"POST {door}", b"", "Content-Length: 52428800")[0] == 413
        assert http(clinic.files_port, f"POST {door}%2e%2e", b"{}")[0] == 405
    (record,) = json.loads(http(clinic.files_port, "POST /exam/get", b"{}")[1])["content"]
    assert record["risStudyId"] == clinic.desk.key(clinic.uid), "the port serves on"
    assert is_in_the_log(clinic, "a question of main was refused")


@pytest.mark.warns
def test_the_stamping_hand_off_is_for_its_own_page_and_token(clinic: Clinic) -> None:
    said = dict(parse_qsl(urlsplit(clinic.engine.stamp(clinic.uid)["url"]).query))
    given, back = urlsplit(said["fileUrl"]), urlsplit(said["savePath"])
    port, token, before = int(given.port or 0), given.path.split("/")[1], clinic.engine.report_pdf(clinic.uid)
    pdf, form = "Content-Type: application/pdf", "Content-Type: multipart/form-data; boundary=B"
    rows: list[tuple[int, str, bytes, tuple[str, ...]]] = [
        (404, f"GET {given.path}", b"", (f"Host: rebound.example:{port}",)),
        (403, f"GET {given.path}", b"", ("Origin: http://evil.example",)),
        (403, f"POST {back.path}", b"%PDF", ("Origin: null", pdf)),
        (404, f"GET /{token[:-1]}x/file.pdf", b"", ()),
        (404, f"GET /{token}/../file.pdf", b"", ()),
        (405, f"GET {back.path}", b"", ()),
        (405, f"DELETE {back.path}", b"", ()),
        (403, f"POST {back.path}?token=another", b"%PDF", (pdf,)),
        (413, f"POST {back.path}", b"", ("Content-Length: 524288000", pdf)),
        (422, f"POST {back.path}", b"SECRET-WORD", (pdf,)),
        (422, f"POST {back.path}", b"--B\r\n\r\nSECRET-WORD", (form,)),
        (422, f"POST {back.path}", b"", (pdf,)),
    ]
    for status, first, body, more in rows:
        own = [one for one in more if one.startswith("Host")]
        request = http(port, first, body, *more) if not own else answered(
            port, "\r\n".join([f"{first} HTTP/1.1", *own, "Connection: close", "", ""]).encode()
        )  # fmt: skip
        assert request[0] == status, (status, first)
    assert clinic.engine.report_pdf(clinic.uid) == before
    assert http(port, f"GET {given.path}")[1].startswith(b"%PDF"), "the port serves on"
    assert token not in "\n".join(clinic.lines.said) and said["token"] not in "\n".join(clinic.lines.said)
    assert is_in_the_log(clinic, "a stamped report was not taken")


# -- DICOM -------------------------------------------------------------------------------------------------------------


def a_peer(clinic: Clinic, calling: str = FRONT, called: str = OURS) -> Peer:
    return Peer(host="127.0.0.1", port=clinic.dicom_port, called_ae=called, calling_ae=calling, reply_seconds=10)


def asked(clinic: Clinic, sop_class: str, command: Command, body: bytes | None, **more: Any) -> list[Message]:
    """Every answer to one question of the front-end machine."""
    context, found = (sop_class, IMPLICIT_LITTLE_ENDIAN), list[Message]()
    values: dict[Tag, Any] = {Tag.SOP_CLASS_UID: sop_class, Tag.COMMAND: command, Tag.MESSAGE_ID: 1, Tag.PRIORITY: 0}
    if command is Command.N_ACTION:
        del values[Tag.SOP_CLASS_UID]
        values |= {Tag.REQUESTED_SOP_CLASS_UID: sop_class, Tag.REQUESTED_SOP_INSTANCE_UID: f"{sop_class}.1"}
    with Association(a_peer(clinic), (context,)) as line:
        line.request(context, values | more.get("elements", {}), None if body is None else (body,), len(body or b""))
        while not found or found[-1].status == 0xFF00:
            found.append(line.answer())
    return found


def an_identifier(**keys: str) -> bytes:
    return encode_identifier({"QueryRetrieveLevel": "STUDY", **keys}, None)


def status_of(clinic: Clinic, sop_class: str, command: Command, body: bytes | None, **more: Any) -> int:
    return asked(clinic, sop_class, command, body, **more)[-1].status


def test_who_is_not_known_is_turned_away_by_name_and_said_once(clinic: Clinic) -> None:
    for peer, sop_class in [
        (a_peer(clinic, calling="STRANGER"), FIND),
        (a_peer(clinic, calling="' OR 1=1 --"), MOVE),
        (a_peer(clinic, called="SOMEBODY_ELSE"), GET),
    ]:
        with pytest.raises(AgentError):
            Association(peer, ((sop_class, IMPLICIT_LITTLE_ENDIAN),))
    assert echo(a_peer(clinic)).status == 0
    assert is_in_the_log(clinic, "'STRANGER' from 127.0.0.1 was refused: REFUSED_QUERY", "REFUSED_CALLED_AE")
    [again] = [one["why"] for one in clinic.engine.devices()["refused"] if one["ae_title"] == "STRANGER"]
    assert again == "想来取影像，但不在允许来取的名单里"


NO_IDENTIFIERS: list[bytes | None] = [
    None,
    b"\0" * 8,
    b"\xff" * 200,
    an_identifier()[:-3],
    an_identifier(QueryRetrieveLevel="PATIENT"),
    an_identifier(QueryRetrieveLevel="SECRET-WORD"),
    an_identifier(QueryRetrieveLevel="IMAGE"),
    an_identifier(StudyDate="SECRET-WORD"),
    an_identifier(PatientName="SECRET-WORD" * 200),
]


@pytest.mark.warns
def test_bad_questions_on_the_dicom_port_are_refused_and_find_nothing(clinic: Clinic) -> None:
    for body in NO_IDENTIFIERS:
        assert status_of(clinic, FIND, Command.C_FIND, body) == 0xA900, body
        assert status_of(clinic, GET, Command.C_GET, body) == 0xA900, body
    to_the_dead = {"elements": {Tag.MOVE_DESTINATION: "DEAD"}}
    unknown = {"elements": {Tag.MOVE_DESTINATION: "SECRET"}}
    named = an_identifier(StudyInstanceUID=clinic.uid)
    assert status_of(clinic, MOVE, Command.C_MOVE, named) == 0xA801
    assert status_of(clinic, MOVE, Command.C_MOVE, named, **unknown) == 0xA801
    assert status_of(clinic, MOVE, Command.C_MOVE, named, **to_the_dead) == 0xA702
    assert status_of(clinic, MOVE, Command.C_MOVE, an_identifier(), **to_the_dead) == 0xA900
    assert status_of(clinic, MOVE, Command.C_MOVE, an_identifier(StudyInstanceUID="*"), **to_the_dead) == 0xA900
    many = "\\".join(f"1.2.826.0.1.{number}" for number in range(20_000))
    for keys in ({"StudyInstanceUID": many}, {"AccessionNumber": "' OR 1=1 --"}, {"PatientName": "*?" * 500 + "x"}):
        assert [one.status for one in asked(clinic, FIND, Command.C_FIND, an_identifier(**keys))] == [0]
    assert status_of(clinic, FIND, Command.C_MOVE, named) == 0x0211
    assert status_of(clinic, FIND, Command.N_ACTION, named) == 0x0211
    assert [one.status for one in asked(clinic, FIND, Command.C_FIND, named)] == [0xFF00, 0], "the port serves on"
    assert is_in_the_log(clinic, "a question of FRONT_END was refused", "DEAD takes no images", "operation")


def test_commitment_is_not_vouched_for_by_nonsense(clinic: Clinic) -> None:
    item = encode_elements({0x00081150: b"1.2.840.10008.5.1.4.1.1.2\0", 0x00081155: b"1.2.3\0"})
    good = encode_elements({0x00081195: b"1.2.3.4\0", 0x00081199: encode_items([item])})
    for body in (None, b"\xff" * 40, encode_elements({0x00081195: b"1.2.3.4\0"}), good):
        action = {"elements": {Tag.ACTION_TYPE: 2 if body is good else 1}}
        assert status_of(clinic, COMMITMENT, Command.N_ACTION, body, **action) == 0x0115
    assert is_in_the_log(clinic, "FRONT_END asked about images in a way that can't be read")


def test_a_caller_that_hangs_up_in_the_middle_costs_only_itself(clinic: Clinic) -> None:
    context = (FIND, IMPLICIT_LITTLE_ENDIAN)
    cuts: list[Callable[[socket.socket], object]] = [
        lambda line: line.sendall(b"\x04\0\0\0\0\x40" + b"\0" * 10),
        lambda line: line.sendall(b"\x04\0\xff\xff\xff\xff"),
        lambda line: line.sendall(b"\x01\0\0\0\0\x04\0\0\0\0"),
        lambda line: None,
    ]
    for cut in cuts:
        line = Association(a_peer(clinic), (context,))
        cut(line._line)
        line._line.close()
    assert [one.status for one in asked(clinic, FIND, Command.C_FIND, an_identifier(StudyInstanceUID=clinic.uid))] == [
        0xFF00,
        0,
    ]
    assert is_in_the_log(clinic)
