"""An open association byte by byte: what the standard allows is served, what it forbids ends in an A-ABORT."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from app.wire.dicom_serve import serve
from app.wire.dimse import NO_DATA_SET, Command, Tag, decode_elements, encode_command, number, text

COMMAND, LAST = 1, 2
CT, CONTEXT = "1.2.840.10008.5.1.4.1.1.2", 3
RELEASE_RQ, RELEASE_RP, ABORT = struct.pack(">BBII", 5, 0, 4, 0), 6, 7


@dataclass
class Served:
    """What the server's side did."""

    data_sets: list[bytes] = field(default_factory=list)
    released: bool | None = None

    def store(self, context_id: int, sop_class_uid: str, sop_instance_uid: str, data_set: memoryview) -> int:
        assert (context_id, sop_class_uid, sop_instance_uid) == (CONTEXT, CT, "1.2.3")
        self.data_sets.append(bytes(data_set))
        return 0xB000 if len(data_set) == 2 else 0


@contextmanager
def a_line(*, idle_seconds: float = 5.0) -> Iterator[tuple[socket.socket, Served, threading.Event]]:
    ours, theirs = socket.socketpair()
    served, stopping = Served(), threading.Event()

    def answer() -> None:
        served.released = serve(theirs, (CONTEXT,), served.store, stopping, idle_seconds)
        theirs.close()

    thread = threading.Thread(target=answer, name="serving", daemon=True)
    thread.start()
    ours.settimeout(5)
    try:
        with ours:
            yield ours, served, stopping
    finally:
        thread.join(5)
        assert not thread.is_alive()


def a_command(**values: int | str) -> bytes:
    wanted: dict[Tag, int | str] = {
        Tag.SOP_CLASS_UID: CT,
        Tag.COMMAND: Command.C_STORE,
        Tag.MESSAGE_ID: 7,
        Tag.DATA_SET_TYPE: 1,
        Tag.SOP_INSTANCE_UID: "1.2.3",
    }
    return encode_command({**wanted, **{Tag[name.upper()]: value for name, value in values.items()}})


def a_value(flags: int, data: bytes, *, context_id: int = CONTEXT) -> bytes:
    return struct.pack(">IBB", len(data) + 2, context_id, flags) + data


def a_pdu(*values: bytes) -> bytes:
    return struct.pack(">BBI", 4, 0, sum(map(len, values))) + b"".join(values)


def a_store(data: bytes) -> bytes:
    return a_pdu(a_value(COMMAND | LAST, a_command())) + a_pdu(a_value(LAST, data))


def answer_on(line: socket.socket) -> tuple[int, bytes]:
    """(PDU type, its body)."""
    kind, length = struct.unpack(">BxI", _exactly(line, 6))
    return kind, _exactly(line, length)


def status_on(line: socket.socket) -> int | None:
    kind, body = answer_on(line)
    assert kind == 4
    assert body[4:6] == bytes((CONTEXT, COMMAND | LAST))
    answer = decode_elements(body[6:])
    assert number(answer, Tag.ANSWERED_MESSAGE_ID) == 7
    assert number(answer, Tag.DATA_SET_TYPE) == NO_DATA_SET
    assert text(answer, Tag.SOP_CLASS_UID) == CT
    return number(answer, Tag.STATUS)


def _exactly(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = line.recv(size - len(data))
        assert piece, "the line ended"
        data += piece
    return data


def test_images_of_any_size_come_one_after_the_other_and_a_release_is_answered() -> None:
    sizes = (100, 3_000_000, 2, 40_000_000, 10)
    with a_line() as (line, served, _):
        for size in sizes:
            fragments = [bytes([size % 251]) * min(100_000, size - at) for at in range(0, size, 100_000)]
            line.sendall(a_pdu(a_value(COMMAND | LAST, a_command())))
            for place, fragment in enumerate(fragments):
                line.sendall(a_pdu(a_value(LAST if place == len(fragments) - 1 else 0, fragment)))
            assert status_on(line) == (0xB000 if size == 2 else 0)
        line.sendall(RELEASE_RQ)
        assert answer_on(line)[0] == RELEASE_RP
    assert [(len(each), each[:1]) for each in served.data_sets] == [(size, bytes([size % 251])) for size in sizes]
    assert served.released is True


def test_command_and_data_may_be_cut_anywhere_and_share_a_pdu() -> None:
    command = a_command()
    values = [
        a_value(COMMAND, command[:10]),
        a_value(COMMAND | LAST, command[10:]),
        a_value(0, b"ab"),
        a_value(2, b"cd"),
    ]
    with a_line() as (line, served, _):
        for byte in a_pdu(*values):
            line.sendall(bytes([byte]))
        assert status_on(line) == 0
    assert served.data_sets == [b"abcd"]


def test_an_echo_succeeds_and_an_unknown_operation_is_told_so() -> None:
    with a_line() as (line, served, _):
        line.sendall(a_pdu(a_value(3, a_command(command=Command.C_ECHO, data_set_type=NO_DATA_SET))))
        assert status_on(line) == 0
        line.sendall(a_pdu(a_value(3, a_command(command=0x0FFF, data_set_type=NO_DATA_SET))))  # C-CANCEL: no answer
        line.sendall(a_pdu(a_value(3, a_command(command=0x0140, data_set_type=NO_DATA_SET))))
        assert status_on(line) == 0x0211
        line.sendall(struct.pack(">BBII", 7, 0, 4, 0))
    assert served.released is False
    assert not served.data_sets


@pytest.mark.parametrize(
    "noise",
    [
        struct.pack(">BBI", 4, 0, 1 << 31),
        struct.pack(">BBI", 1, 0, 80) + bytes(80),
        a_pdu(struct.pack(">IBB", 1, CONTEXT, 3)),
        a_pdu(struct.pack(">IBB", 1000, CONTEXT, 3)),
        a_pdu(a_value(3, a_command(), context_id=5)),
        a_pdu(a_value(LAST, b"data without a command")),
        a_pdu(a_value(3, a_command())) + a_pdu(a_value(3, a_command())),
        a_pdu(a_value(3, b"\x00\x00")),
        a_pdu(a_value(3, a_command(command=0x8001, data_set_type=NO_DATA_SET))),
        b"".join(a_pdu(a_value(COMMAND, bytes(60_000))) for _ in range(2)),
    ],
)
def test_what_breaks_the_rules_is_aborted_and_stores_nothing(noise: bytes) -> None:
    with a_line() as (line, served, _):
        line.sendall(noise)
        assert answer_on(line)[0] == ABORT
    assert served.released is False
    assert not served.data_sets


def test_a_line_cut_within_an_image_stores_nothing() -> None:
    with a_line() as (line, served, _):
        line.sendall(a_store(b"abcdefgh")[:-1])
    assert served.released is False
    assert not served.data_sets


def test_silence_ends_the_association_and_a_slow_sender_does_not() -> None:
    with a_line(idle_seconds=0.4) as (line, served, _):
        pause = threading.Event()
        for byte in a_store(b"slow")[-8:-5]:
            pause.wait(0.2)
            line.sendall(bytes([byte]))
        assert served.released is None
        assert answer_on(line)[0] == ABORT
    assert served.released is False


def test_an_idle_association_is_aborted_when_the_program_ends() -> None:
    with a_line(idle_seconds=60) as (line, served, stopping):
        stopping.set()
        assert answer_on(line)[0] == ABORT
    assert served.released is False


def test_a_sender_that_waits_for_each_acknowledgement_is_not_kept_waiting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname(), timeout=5)  # Nagle is on, as in DCMTK
        theirs, _ = listener.accept()
    served, stopping = Served(), threading.Event()
    thread = threading.Thread(target=serve, args=(theirs, (CONTEXT,), served.store, stopping, 5.0), daemon=True)
    thread.start()
    images = 25
    started = time.monotonic()
    with ours, theirs:
        for _ in range(images):
            whole = a_store(b"x" * 500)
            ours.sendall(whole[:12])
            ours.sendall(whole[12:])
            assert status_on(ours) == 0
        seconds = time.monotonic() - started
        ours.sendall(RELEASE_RQ)
        assert answer_on(ours)[0] == RELEASE_RP
        thread.join(5)
    assert seconds < images * 0.030, f"{seconds / images * 1000:.0f} ms per image: the delayed acknowledgement"
