"""Queries against Orthanc where it is installed, and texts as devices really write them."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from app.errors import NeedsOperator
from app.wire.dicom_association import Peer
from app.wire.dicom_query import decode_text, find_studies, move_study
from app.wire.dicom_receive import PynetdicomReceiver
from app.wire.dicom_send import DicomSender, echo
from app.wire.dimse import decode_elements, encode_elements
from app.wire.faults import LineCut
from app.wire.receiving import ReceiverSettings, StoreRequest
from tests.wire.dicom_files import CT, EXPLICIT, a_file, a_storescp
from tests.wire.peers import free_port

DAY = date(2026, 11, 20)


def _peer(port: int, called: str = "PACS") -> Peer:
    return Peer(
        host="127.0.0.1",
        port=port,
        called_ae=called,
        calling_ae="CLINIC_1",
        name="PACS",
        connect_seconds=2,
        reply_seconds=10,
    )


@pytest.fixture
def received() -> list[str]:
    return []


@pytest.fixture
def receiver(received: list[str]) -> Iterator[PynetdicomReceiver]:
    def on_store(request: StoreRequest) -> int:
        received.append(request.sop_instance_uid)
        return 0

    receiver = PynetdicomReceiver(ReceiverSettings(port=0, address="127.0.0.1"), on_store)
    receiver.start()
    yield receiver
    receiver.stop()


@pytest.fixture
def pacs(tmp_path: Path, receiver: PynetdicomReceiver) -> Iterator[Peer]:
    """An Orthanc that knows our receiver as CLINIC_1 and holds one study of two images of DAY."""
    program = shutil.which("Orthanc")
    if program is None:
        pytest.skip("Orthanc is not installed")
    peer = _peer(free_port(), "ORTHANC")
    settings = {
        "StorageDirectory": str(tmp_path / "db"),
        "IndexDirectory": str(tmp_path / "db"),
        "DicomPort": peer.port,
        "DicomAet": "ORTHANC",
        "HttpServerEnabled": False,
        "DicomModalities": {"clinic": ["CLINIC_1", "127.0.0.1", receiver.port]},
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowMove": True,
        "Plugins": [],
    }
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))
    process = subprocess.Popen(
        [program, str(tmp_path / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(peer)
        with DicomSender(peer) as sender:
            sender.associate([(CT, EXPLICIT)])
            assert sender.store(a_file(tmp_path), message_id=1).accepted
            assert sender.store(a_file(tmp_path), message_id=2).accepted
        yield peer
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(peer: Peer) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            echo(peer)
            return
        except LineCut:
            assert time.monotonic() < deadline, "Orthanc did not start"
            time.sleep(0.1)


def test_a_pacs_is_asked_by_day_and_sends_a_study_on_request(pacs: Peer, received: list[str]) -> None:
    studies = list(find_studies(pacs, DAY, DAY))
    assert len(studies) == 2
    assert studies[0]["PatientName"] == "Test^Wang"
    assert studies[0]["StudyDate"] == "20261120"
    assert not list(find_studies(pacs, date(2026, 11, 1), date(2026, 11, 19)))
    progress = list(move_study(pacs, studies[0]["StudyInstanceUID"], "CLINIC_1"))
    assert progress[-1].done
    assert (progress[-1].completed, progress[-1].failed) == (1, 0)
    assert len(received) == 1


def test_a_query_left_early_ends_its_association(pacs: Peer) -> None:
    answers = find_studies(pacs, DAY, DAY)
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert len(list(find_studies(pacs, DAY, DAY))) == 2


def test_a_peer_that_offers_no_query_is_for_the_operator(tmp_path: Path) -> None:
    with a_storescp(tmp_path) as port, pytest.raises(NeedsOperator) as caught:
        list(find_studies(_peer(port), DAY, DAY))
    assert caught.value.page == "dicom"


def test_nobody_there_is_retried() -> None:
    with pytest.raises(LineCut):
        list(find_studies(_peer(free_port()), DAY, DAY))


@pytest.mark.parametrize(
    ("raw", "charset", "text"),
    [
        ("张^小东".encode("gb18030"), "GB18030", "张^小东"),
        ("张^小东".encode(), "ISO_IR 192", "张^小东"),
        ("李建国".encode("gb18030"), "", "李建国"),
        ("李建国".encode("gb18030"), "ISO_IR 100", "李建国"),
        ("李建国".encode("gb18030"), "ISO_IR 192", "李建国"),
        ("李建国".encode(), "", "李建国"),
        (b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab", "\\ISO 2022 IR 58", "Zhang^XiaoDong=张^小东"),
        (b"T0001 ", "", "T0001"),
    ],
)
def test_a_name_is_read_however_it_was_declared(raw: bytes, charset: str, text: str) -> None:
    assert decode_text(raw, charset) == text


def test_sequences_in_an_answer_are_stepped_over() -> None:
    inner = encode_elements({0x00080100: b"CODE"})
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + inner + b"\xfe\xff\x0d\xe0\0\0\0\0"
    sequence = b"\x08\x00\x32\x10\xff\xff\xff\xff" + item + b"\xfe\xff\xdd\xe0\0\0\0\0"
    data = encode_elements({0x00080020: b"20261120"}) + sequence + encode_elements({0x00100020: b"T1"})
    assert decode_elements(data) == {0x00080020: b"20261120", 0x00100020: b"T1"}
    for cut in range(1, len(data) - 1):
        if cut not in (16, 16 + len(sequence)):
            with pytest.raises(ValueError):
                decode_elements(data[:cut])
