"""The sender against DCMTK's storescp and against peers that refuse, abort, hang or hang up."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from app.errors import Bug, NeedsOperator, RetryLater
from app.wire.dicom_association import Peer
from app.wire.dicom_send import DicomSender, StoreReply, echo
from app.wire.faults import LineCut
from tests.wire.dicom_files import (
    CT,
    DEFLATED,
    EVERY_SYNTAX,
    EXPLICIT,
    IMPLICIT,
    JPEG_LS,
    PRIVATE,
    RLE,
    a_file,
    a_storescp,
    data_set_digest,
)
from tests.wire.peers import a_peer, free_port


def _peer(port: int, **changes: float) -> Peer:
    return Peer(
        host="127.0.0.1",
        port=port,
        called_ae="ANY-SCP",
        calling_ae="CLINIC_1",
        connect_seconds=2,
        reply_seconds=changes.get("reply_seconds", 10.0),
    )


def _stored(folder: Path, sent: Path) -> Path:
    return next(path for path in folder.iterdir() if sent.stem in path.name)


@pytest.mark.parametrize("pdu", [4096, 131072])
def test_the_platform_gets_every_data_set_byte_for_byte(tmp_path: Path, pdu: int) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    syntaxes = (IMPLICIT, EXPLICIT, JPEG_LS, RLE)
    files = [a_file(tmp_path, syntax=syntax, pixels=300_000) for syntax in syntaxes]
    with a_storescp(inbox, "-pdu", str(pdu)) as port, DicomSender(_peer(port)) as sender:
        sender.associate([(CT, syntax) for syntax in syntaxes])
        replies = [sender.store(path, message_id=index) for index, path in enumerate(files, 1)]
    assert all(reply.accepted for reply in replies)
    assert replies[0].words == "平台已收下"
    for path in files:
        assert data_set_digest(_stored(inbox, path)) == data_set_digest(path)


def test_what_the_peer_does_not_take_is_said_and_not_transcoded(tmp_path: Path) -> None:
    private = a_file(tmp_path, syntax=EVERY_SYNTAX[-1])
    with a_storescp(tmp_path) as port, DicomSender(_peer(port)) as sender:
        sender.associate([(CT, EVERY_SYNTAX[-1]), (CT, EXPLICIT)])
        refused = sender.store(private, message_id=1)
        taken = sender.store(a_file(tmp_path), message_id=2)
    assert refused.status is None
    assert not refused.accepted
    assert EVERY_SYNTAX[-1] in refused.words
    assert taken.accepted


def test_more_than_128_kinds_need_several_associations(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    kinds = [(generate_uid(), EXPLICIT) for _ in range(127)]
    first, last = a_file(tmp_path), a_file(tmp_path, syntax=IMPLICIT)
    with a_storescp(inbox) as port, DicomSender(_peer(port)) as sender:
        sender.associate([(CT, EXPLICIT), *kinds, (CT, IMPLICIT)])
        assert sender.store(first, message_id=1).accepted
        assert sender.store(last, message_id=1).accepted
        assert sender.store(first, message_id=1).accepted


def test_a_kind_that_was_not_announced_is_our_own_fault(tmp_path: Path) -> None:
    with a_storescp(tmp_path) as port, DicomSender(_peer(port)) as sender:
        sender.associate([(CT, EXPLICIT)])
        with pytest.raises(Bug):
            sender.store(a_file(tmp_path, sop_class=PRIVATE), message_id=1)


def test_a_file_that_is_no_dicom_is_our_own_fault(tmp_path: Path) -> None:
    path = tmp_path / "x.dcm"
    path.write_bytes(b"no dicom" * 100)
    with a_storescp(tmp_path) as port, DicomSender(_peer(port)) as sender:
        sender.associate([(CT, DEFLATED)])
        with pytest.raises(Bug):
            sender.store(path, message_id=1)


def test_echo_measures_a_peer_that_answers(tmp_path: Path) -> None:
    with a_storescp(tmp_path) as port:
        reply = echo(_peer(port))
    assert reply.status == 0
    assert reply.elapsed_seconds < 5


@pytest.mark.parametrize(
    ("rejection", "kind", "words"),
    [
        ((1, 1, 3), NeedsOperator, "拒绝我们的 AE 标题。请把 CLINIC_1 告诉"),
        ((1, 1, 7), NeedsOperator, "ANY-SCP"),
        ((1, 1, 1), NeedsOperator, "不让我们传影像"),
        ((2, 1, 1), RetryLater, "正忙"),
        ((2, 3, 1), RetryLater, "正忙"),
        ((1, 3, 2), RetryLater, "正忙"),
    ],
)
def test_a_rejection_says_whose_turn_it_is(rejection: tuple[int, int, int], kind: type[Exception], words: str) -> None:
    def script(line: socket.socket) -> None:
        _read_pdu(line)
        line.sendall(struct.pack(">BBIBBBB", 3, 0, 4, 0, *rejection))

    with a_peer(script) as port, pytest.raises(kind) as caught:
        echo(_peer(port))
    assert words in str(caught.value)


def test_nobody_listening_is_retried(tmp_path: Path) -> None:
    with pytest.raises(LineCut) as caught, DicomSender(_peer(free_port())) as sender:
        sender.associate([(CT, EXPLICIT)])
    assert not caught.value.maybe_received


def test_a_peer_that_never_answers_the_request_is_given_up() -> None:
    done = threading.Event()
    with a_peer(lambda line: [done.wait(5)].clear()) as port:
        with pytest.raises(LineCut) as caught:
            echo(_peer(port, reply_seconds=0.3))
        done.set()
    assert "太久没有回应" in caught.value.title


@pytest.mark.parametrize("answer", [b"", b"\x07\0\0\0\0\x04\0\0\0\0", b"\x05\0\0\0\0\x04\0\0\0\0", b"\xff" * 6])
def test_a_line_cut_after_the_last_byte_may_have_delivered_the_image(tmp_path: Path, answer: bytes) -> None:
    def script(line: socket.socket) -> None:
        _accept(line)
        while not _is_last_data(_read_pdu(line)):
            continue
        line.sendall(answer)

    with pytest.raises(LineCut) as caught:
        _store_one(tmp_path, script)
    assert caught.value.maybe_received


def test_a_line_cut_before_the_last_byte_cannot_have_delivered_the_image(tmp_path: Path) -> None:
    def script(line: socket.socket) -> None:
        _accept(line)
        _read_pdu(line)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with pytest.raises(LineCut) as caught:
        _store_one(tmp_path, script, pixels=40_000_000)
    assert not caught.value.maybe_received


def test_after_a_cut_line_the_next_image_gets_a_new_association(tmp_path: Path) -> None:
    calls: list[int] = []

    def script(line: socket.socket) -> None:
        _accept(line)
        calls.append(1)
        _read_pdu(line)

    path = a_file(tmp_path)
    with a_peer(script) as port, DicomSender(_peer(port)) as sender:
        sender.associate([(CT, EXPLICIT)])
        for _ in range(2):
            with pytest.raises(LineCut):
                sender.store(path, message_id=1)
    assert len(calls) == 2


def _store_one(folder: Path, script: object, pixels: int = 4096) -> StoreReply:
    path = a_file(folder, pixels=pixels)
    with a_peer(script) as port, DicomSender(_peer(port)) as sender:  # type: ignore[arg-type]
        sender.associate([(CT, EXPLICIT)])
        return sender.store(path, message_id=1)


def _read_pdu(line: socket.socket) -> bytes:
    head = _exactly(line, 6)
    return head + _exactly(line, struct.unpack(">I", head[2:])[0])


def _exactly(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += line.recv(size - len(data)) or _hung_up()
    return data


def _hung_up() -> bytes:
    raise ConnectionResetError


def _is_last_data(pdu: bytes) -> bool:
    return pdu[0] == 4 and pdu[11] == 2


def _accept(line: socket.socket) -> None:
    """Accept context 1 with what it proposed (PS3.8 section 9.3.3), 64 KB PDUs."""
    request = _read_pdu(line)
    assert request[0] == 1
    context = struct.pack(">BBHBBBB", 0x21, 0, 4 + 4 + len(EXPLICIT), 1, 0, 0, 0)
    context += struct.pack(">BBH", 0x40, 0, len(EXPLICIT)) + EXPLICIT.encode()
    application = b"1.2.840.10008.3.1.1.1"
    user = struct.pack(">BBHI", 0x51, 0, 4, 65536) + struct.pack(">BBH", 0x52, 0, 5) + b"1.2.3"
    body = request[6:74] + struct.pack(">BBH", 0x10, 0, len(application)) + application + context
    body += struct.pack(">BBH", 0x50, 0, len(user)) + user
    line.sendall(struct.pack(">BBI", 2, 0, len(body)) + body)
