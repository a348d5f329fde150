"""The DICOM port with our own sender, with DCMTK, and with peers that misbehave."""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom.fsm import StateMachine

from app.errors import AgentError, NeedsOperator, RetryLater
from app.wire.dicom_association import Association, Peer
from app.wire.dicom_receive import PynetdicomReceiver
from app.wire.dicom_send import DicomSender, StoreReply, echo
from app.wire.dimse import Command, Tag
from app.wire.part10 import IMPLEMENTATION_CLASS_UID, read_file_head
from app.wire.receiving import (
    OUT_OF_RESOURCES,
    AssociationChange,
    AssociationEvent,
    Receiver,
    ReceiverSettings,
    Source,
    StoreRequest,
)
from tests.wire.dicom_files import CT, EVERY_SYNTAX, EXPLICIT, PRIVATE, a_file, data_set_digest, run_tool


class Spool:
    """What a receiver's handlers saw; files land in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.status = 0
        self.events: list[AssociationEvent] = []
        self.requests: list[StoreRequest] = []
        self.during: Callable[[], None] = lambda: None

    def on_store(self, request: StoreRequest) -> int:
        self.during()
        self.requests.append(request)
        with (self.folder / f"{request.sop_instance_uid}.dcm").open("wb") as file:
            request.write_to(file)
        return self.status

    @property
    def changes(self) -> list[AssociationChange]:
        return [event.change for event in self.events]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    folder = tmp_path / "spool"
    folder.mkdir()
    return Spool(folder)


@contextmanager
def a_receiver(spool: Spool, **settings: object) -> Iterator[Receiver]:
    chosen = ReceiverSettings(**{"port": 0, "address": "127.0.0.1", **settings})  # type: ignore[arg-type]
    receiver = PynetdicomReceiver(chosen, spool.on_store, spool.events.append)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()


def _peer(port: int, *, called: str = "IMAGING_AGENT", calling: str = "CT_1") -> Peer:
    return Peer(host="127.0.0.1", port=port, called_ae=called, calling_ae=calling, connect_seconds=3, reply_seconds=10)


def _send(port: int, *paths: Path) -> list[StoreReply]:
    heads = []
    for path in paths:
        with path.open("rb") as file:
            heads.append(read_file_head(file))
    with DicomSender(_peer(port)) as sender:
        sender.associate([(head.sop_class_uid, head.transfer_syntax_uid) for head in heads])
        return [sender.store(path, message_id=index) for index, path in enumerate(paths, 1)]


_A_CUT_COMMAND = struct.pack(">BBIIBB", 4, 0, 1000, 996, 1, 1) + bytes(10)  # 10 of 994 bytes


def _until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not claim():
        assert time.monotonic() < deadline, "did not happen within 5 s"
        time.sleep(0.01)


def test_every_transfer_syntax_and_a_private_class_arrive_byte_for_byte(tmp_path: Path, spool: Spool) -> None:
    files = [a_file(tmp_path, syntax=syntax) for syntax in EVERY_SYNTAX]
    files.append(a_file(tmp_path, sop_class=PRIVATE))
    with a_receiver(spool) as receiver:
        assert all(reply.status == 0 for reply in _send(receiver.port, *files))
    for sent in files:
        kept = spool.folder / sent.name
        assert data_set_digest(kept) == data_set_digest(sent)
        assert _syntax(kept) == _syntax(sent)


def _syntax(path: Path) -> str:
    with path.open("rb") as file:
        return read_file_head(file).transfer_syntax_uid


def test_the_file_meta_says_who_wrote_it_and_who_sent_it(tmp_path: Path, spool: Spool) -> None:
    sent = a_file(tmp_path)
    with a_receiver(spool) as receiver:
        _send(receiver.port, sent)
    kept = dcmread(spool.folder / sent.name)
    assert kept.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert kept.file_meta.SourceApplicationEntityTitle == "CT_1"
    assert kept.file_meta.MediaStorageSOPInstanceUID == kept.SOPInstanceUID
    assert kept.PatientID == "T0001"
    assert spool.requests[0].source == Source(calling_ae="CT_1", address="127.0.0.1")
    assert spool.requests[0].called_ae == "IMAGING_AGENT"


@pytest.mark.parametrize(
    ("syntax", "option"),
    [(EXPLICIT, "-xe"), (EVERY_SYNTAX[0], "-xi"), (EVERY_SYNTAX[4], "-xt"), (EVERY_SYNTAX[5], "-xr")],
)
def test_dcmtk_storescu_delivers(tmp_path: Path, spool: Spool, syntax: str, option: str) -> None:
    sent = a_file(tmp_path, syntax=syntax, pixels=400_000)
    with a_receiver(spool) as receiver:
        done = run_tool("storescu", option, "-aet", "CT_1", "127.0.0.1", receiver.port, sent)
    assert done.returncode == 0, done.stderr
    kept, original = dcmread(spool.folder / sent.name), dcmread(sent)
    assert kept.file_meta.TransferSyntaxUID == syntax
    assert kept.PixelData == original.PixelData


def test_dcmtk_echoscu_is_answered_and_the_caller_reported(spool: Spool) -> None:
    with a_receiver(spool) as receiver:
        assert run_tool("echoscu", "-aet", "DR_2", "127.0.0.1", receiver.port).returncode == 0
        _until(lambda: len(spool.events) == 2)
    assert spool.changes == [AssociationChange.OPENED, AssociationChange.RELEASED]
    assert spool.events[0].source.calling_ae == "DR_2"


def test_our_own_echo_is_answered(spool: Spool) -> None:
    with a_receiver(spool) as receiver:
        assert echo(_peer(receiver.port)).status == 0


def test_a_caller_is_let_in_however_pynetdicoms_threads_take_turns(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    transition = StateMachine.transition

    def late(machine: StateMachine, state: str) -> None:
        time.sleep(0.05)
        transition(machine, state)

    monkeypatch.setattr(StateMachine, "transition", late)
    with a_receiver(spool) as receiver:
        assert echo(_peer(receiver.port)).status == 0


def test_a_caller_with_the_wrong_titles_is_refused_and_named(spool: Spool) -> None:
    with a_receiver(spool, called_aes=("IMAGING_AGENT",), calling_aes=("CT_1",)) as receiver:
        with pytest.raises(NeedsOperator) as calling:
            echo(_peer(receiver.port, calling="STRANGER"))
        with pytest.raises(NeedsOperator) as called:
            echo(_peer(receiver.port, called="ELSEWHERE"))
        with pytest.raises(NeedsOperator) as elsewhere:
            echo(replace(_peer(receiver.port, called="ELSEWHERE"), page="destination"))
        with pytest.raises(NeedsOperator) as ours:
            echo(replace(_peer(receiver.port, calling="STRANGER"), page="destination"))
        assert echo(_peer(receiver.port)).status == 0
    assert "STRANGER" in calling.value.advice
    assert calling.value.page == called.value.page == ours.value.page == "dicom", "our own title is set there"
    assert elsewhere.value.page == "destination"
    assert spool.changes[:2] == [AssociationChange.REFUSED_CALLING_AE, AssociationChange.REFUSED_CALLED_AE]
    assert spool.events[0].refused
    assert spool.events[0].source.calling_ae == "STRANGER"


def test_an_address_outside_the_list_is_refused(spool: Spool) -> None:
    with (
        a_receiver(spool, allowed_addresses=("192.0.2.0/24",)) as receiver,
        pytest.raises(NeedsOperator),
    ):
        echo(_peer(receiver.port))
    assert spool.changes == [AssociationChange.REFUSED_ADDRESS]


def test_one_association_too_many_is_asked_to_come_later(spool: Spool) -> None:
    with a_receiver(spool, maximum_associations=1) as receiver:
        with Association(_peer(receiver.port), [(CT, EXPLICIT)]):
            assert receiver.open_associations() == 1
            assert receiver.open_associations(Source(calling_ae="CT_1", address="127.0.0.1")) == 1
            assert receiver.open_associations(Source(calling_ae="MR_1", address="127.0.0.1")) == 0
            with pytest.raises(RetryLater):
                echo(_peer(receiver.port))
        _until(lambda: receiver.open_associations() == 0)
        assert echo(_peer(receiver.port)).status == 0
    assert AssociationChange.REFUSED_TOO_MANY in spool.changes


def test_the_handlers_status_is_what_the_device_gets(tmp_path: Path, spool: Spool) -> None:
    spool.status = OUT_OF_RESOURCES
    with a_receiver(spool) as receiver:
        (reply,) = _send(receiver.port, a_file(tmp_path))
    assert reply.status == 0xA700
    assert not reply.accepted


@pytest.mark.warns
def test_a_failing_handler_costs_one_image_and_is_logged_once(
    tmp_path: Path, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    faults = [ValueError("disk gone")]

    def fail_once() -> None:
        if faults:
            raise faults.pop()

    spool.during = fail_once
    with a_receiver(spool) as receiver, caplog.at_level(logging.WARNING):
        replies = _send(receiver.port, a_file(tmp_path), a_file(tmp_path))
    assert [reply.status for reply in replies] == [0x0110, 0]
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_an_abort_within_a_transfer_leaves_nothing_and_is_reported(spool: Spool) -> None:
    with a_receiver(spool) as receiver:
        association = Association(_peer(receiver.port), [(CT, EXPLICIT)])
        with pytest.raises(RetryLater):
            association.request((CT, EXPLICIT), _a_store(), iter([bytes(500_000)]), 600_000)
        _until(lambda: AssociationChange.ABORTED in spool.changes)
        _until(lambda: receiver.open_associations() == 0)
    assert not list(spool.folder.iterdir())
    assert not spool.requests


def _a_store() -> dict[Tag, int | str]:
    return {
        Tag.SOP_CLASS_UID: CT,
        Tag.COMMAND: Command.C_STORE,
        Tag.MESSAGE_ID: 1,
        Tag.PRIORITY: 0,
        Tag.SOP_INSTANCE_UID: "1.2.3",
    }


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_an_instance_uid_that_is_no_file_name_is_refused(spool: Spool) -> None:
    with a_receiver(spool) as receiver, Association(_peer(receiver.port), [(CT, EXPLICIT)]) as association:
        association.request((CT, EXPLICIT), {**_a_store(), Tag.SOP_INSTANCE_UID: "../../x"}, iter([bytes(8)]), 8)
        assert association.answer().status == 0x0117
    assert not spool.requests


@pytest.mark.parametrize(
    "noise", [b"GET / HTTP/1.1\r\n\r\n", b"\x01\x00\xff\xff\xff\xff", struct.pack(">BBI", 1, 0, 80) + b"\0" * 80]
)
def test_noise_on_the_port_ends_that_line_only(spool: Spool, noise: bytes) -> None:
    with a_receiver(spool) as receiver:
        with socket.create_connection(("127.0.0.1", receiver.port), timeout=5) as line:
            line.sendall(noise)
            _drain(line)
        assert echo(_peer(receiver.port)).status == 0


def test_a_request_that_dribbles_is_given_up_and_lines_without_one_are_few(spool: Spool) -> None:
    with a_receiver(spool, associate_seconds=0.3, maximum_lines=3) as receiver:
        with socket.create_connection(("127.0.0.1", receiver.port), timeout=5) as line, pytest.raises(OSError):
            line.sendall(struct.pack(">BBI", 1, 0, 1000))
            for _ in range(900):
                line.sendall(b"\0")
                time.sleep(0.02)
        silent = [socket.create_connection(("127.0.0.1", receiver.port), timeout=5) for _ in range(4)]
        assert silent[3].recv(1) == b""
        for line in silent:
            line.close()
        _until(lambda: _answers(receiver.port))


def _answers(port: int) -> bool:
    try:
        return echo(_peer(port)).status == 0
    except AgentError:
        return False


def _drain(line: socket.socket) -> None:
    try:
        while line.recv(4096):
            continue
    except ConnectionError:
        return


def test_a_peer_that_hangs_within_an_image_is_given_up(spool: Spool) -> None:
    with a_receiver(spool, idle_seconds=0.5) as receiver:
        association = Association(_peer(receiver.port), [(CT, EXPLICIT)])
        association._line.sendall(_A_CUT_COMMAND)
        _until(lambda: AssociationChange.ABORTED in spool.changes)
        association.abort()


def test_stopping_takes_at_most_three_seconds_whatever_the_peers_do(spool: Spool) -> None:
    with a_receiver(spool) as receiver:
        idle = [Association(_peer(receiver.port), [(CT, EXPLICIT)]) for _ in range(3)]
        idle[0]._line.sendall(_A_CUT_COMMAND)
        silent = socket.create_connection(("127.0.0.1", receiver.port))
        _until(lambda: receiver.open_associations() == 3)
        started = time.monotonic()
        receiver.stop()
        assert time.monotonic() - started < 3.2
        assert receiver.port == 0
        _until(lambda: receiver.open_associations() == 0)
        _until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("dicom-A")])
        silent.close()
        for association in idle:
            association.abort()


def test_a_taken_port_is_for_the_operator_and_a_stopped_receiver_starts_again(spool: Spool) -> None:
    with a_receiver(spool) as receiver:
        port = receiver.port
        with pytest.raises(NeedsOperator) as caught, a_receiver(spool, port=port):
            raise AssertionError("two receivers on one port")
        assert caught.value.title == f"接收影像的端口 {port} 已被别的程序占用"
        receiver.stop()
        receiver.start()
        assert echo(_peer(receiver.port)).status == 0


def test_a_wrong_address_in_the_list_is_for_the_operator(spool: Spool) -> None:
    with pytest.raises(NeedsOperator):
        PynetdicomReceiver(ReceiverSettings(port=0, allowed_addresses=("10.0.0.300",)), spool.on_store)
