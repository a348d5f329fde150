"""Questions on an open association: found, sent, given back, vouched for; and callers who ask badly or hang."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.presentation import PresentationContext

from app.wire.dicom_answer import COMMITMENT, NOT_KEPT, Image, Reference, Wanted
from app.wire.dicom_association import Association, Peer
from app.wire.dicom_receive import PynetdicomReceiver
from app.wire.dimse import (
    IMPLICIT_LITTLE_ENDIAN,
    Command,
    Tag,
    decode_elements,
    decode_items,
    encode_elements,
    encode_items,
    number,
    text,
)
from app.wire.identifiers import KEYS, Identifier, Unanswerable, decode_identifier, encode_identifier
from app.wire.part10 import read_file_head
from app.wire.receiving import NOT_AUTHORISED, AssociationChange, AssociationEvent, ReceiverSettings, StoreRequest
from tests.wire.dicom_files import (
    CT,
    DEFLATED,
    EVERY_SYNTAX,
    EXPLICIT,
    IMPLICIT,
    JPEG_LS,
    a_file,
    a_storescp,
    data_set_digest,
)
from tests.wire.peers import a_peer, free_port

FIND, MOVE, GET = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
PATIENT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
FRONT, STUDY_UID = "FRONT_END", "1.2.3"


@dataclass
class Shelf:
    """A collection of files that all belong to one study."""

    files: list[Path] = field(default_factory=list)
    matches: int = 1
    peers: dict[str, Peer] = field(default_factory=dict)
    asked: list[Identifier] = field(default_factory=list)
    took: list[tuple[str, dict[str, int]]] = field(default_factory=list)
    between: Callable[[int], None] = lambda place: None

    def find(self, identifier: Identifier) -> Iterator[Mapping[str, str]]:
        self.asked.append(identifier)
        for place in range(self.matches):
            self.between(place)
            yield {"PatientName": "Zhang^San=张^三", "StudyInstanceUID": f"{STUDY_UID}.{place}"}

    def wanted(self, identifier: Identifier) -> Wanted:
        if not identifier.values_of("StudyInstanceUID"):
            raise Unanswerable("StudyInstanceUID is required at this level")
        contexts = {(head.sop_class_uid, head.transfer_syntax_uid) for head in map(_head, self.files)}
        return Wanted(count=len(self.files), contexts=tuple(sorted(contexts)), images=self._images())

    def _images(self) -> Iterator[Image]:
        for place, path in enumerate(self.files):
            self.between(place)
            head = _head(path)
            yield Image(
                path=path,
                study_instance_uid=STUDY_UID,
                sop_class_uid=head.sop_class_uid,
                sop_instance_uid=head.sop_instance_uid,
                transfer_syntax_uid=head.transfer_syntax_uid,
            )

    def transfer_syntaxes(self) -> Mapping[str, Mapping[str, int]]:
        return {CT: {JPEG_LS: 5}}

    def destination(self, ae_title: str) -> Peer | None:
        return self.peers.get(ae_title)

    def failures(self, references: Sequence[Reference]) -> Iterator[int]:
        return (0 if one.sop_instance_uid.startswith("1.2.3") else NOT_KEPT for one in references)

    def taken(self, ae_title: str, images: Mapping[str, Sequence[str]]) -> None:
        self.took.append((ae_title, {uid: len(set(fetched)) for uid, fetched in images.items()}))


def _head(path: Path) -> Any:
    with path.open("rb") as file:
        return read_file_head(file)


@dataclass
class Agent:
    """A receiver with its shelf; `stored` and `events` are what it was told."""

    receiver: PynetdicomReceiver
    shelf: Shelf
    stored: list[str]
    events: list[AssociationEvent]

    @property
    def port(self) -> int:
        return self.receiver.port

    @property
    def changes(self) -> list[AssociationChange]:
        return [event.change for event in self.events]


@contextmanager
def an_agent(shelf: Shelf, **settings: Any) -> Iterator[Agent]:
    chosen = {"port": 0, "address": "127.0.0.1", "ae_title": "AGENT", "query_callers": (FRONT,), **settings}
    stored, events = list[str](), list[AssociationEvent]()

    def on_store(request: StoreRequest) -> int:
        stored.append(request.sop_instance_uid)
        return 0

    receiver = PynetdicomReceiver(ReceiverSettings(**chosen), on_store, events.append, shelf)
    receiver.start()
    try:
        yield Agent(receiver=receiver, shelf=shelf, stored=stored, events=events)
    finally:
        receiver.stop()


def a_node(port: int, called: str = "DEST") -> Peer:
    return Peer(host="127.0.0.1", port=port, called_ae=called, calling_ae="AGENT", connect_seconds=2, reply_seconds=3)


@contextmanager
def a_question(
    agent: Agent, *contexts: PresentationContext, ae_title: str = FRONT, roles: Sequence[Any] = (), **more: Any
) -> Iterator[Any]:
    """pynetdicom as the front-end machine."""
    entity = AE(ae_title=ae_title)
    entity.dimse_timeout = entity.acse_timeout = 10
    line = entity.associate(
        "127.0.0.1", agent.port, contexts=list(contexts), ext_neg=list(roles), ae_title="AGENT", **more
    )
    try:
        yield line
    finally:
        if line.is_established:
            line.release()


def an_identifier(level: str = "STUDY", **keys: str) -> Dataset:
    wanted = Dataset()
    wanted.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(wanted, keyword, value)
    return wanted


def until(claim: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "it did not become so"
        time.sleep(0.01)


# -- finding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "answered"),
    [
        ("ISO_IR 192", "ISO_IR 192"),
        ("GB18030", "GB18030"),
        ("GBK", "GBK"),
        ("\\ISO 2022 IR 58", ["", "ISO 2022 IR 58"]),
        (None, "GB18030"),
    ],
)
def test_names_are_answered_in_the_character_set_of_the_question(declared: str | None, answered: object) -> None:
    with an_agent(Shelf()) as agent, a_question(agent, build_context(FIND)) as line:
        wanted = an_identifier(PatientName="", StudyInstanceUID="")
        if declared is not None:
            wanted.SpecificCharacterSet = declared
        statuses = list(line.send_c_find(wanted, FIND))
    assert [status.Status for status, _ in statuses] == [0xFF00, 0x0000]
    found = statuses[0][1]
    assert found.SpecificCharacterSet == answered
    assert (
        decode_identifier(encode_identifier({"PatientName": "张^三", "QueryRetrieveLevel": "STUDY"}, declared)).values[
            "PatientName"
        ]
        == "张^三"
    )
    assert found.RetrieveAETitle == "AGENT"
    if declared in ("ISO_IR 192", "GB18030", "GBK"):
        assert found.PatientName == "Zhang^San=张^三"


def test_a_find_may_be_taken_back() -> None:
    came = threading.Event()
    shelf = Shelf(matches=1_000_000, between=lambda place: came.wait(10) and None if place == 3 else None)
    with an_agent(shelf) as agent, Association(_front(agent), [(FIND, IMPLICIT_LITTLE_ENDIAN)]) as line:
        body = encode_identifier({"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": ""}, None)
        line.request(*_find(body))
        assert [line.answer().status for _ in range(3)] == [0xFF00] * 3
        cancel: dict[Tag, int | str] = {Tag.COMMAND: Command.C_CANCEL, Tag.ANSWERED_MESSAGE_ID: 7}
        line.request((FIND, IMPLICIT_LITTLE_ENDIAN), cancel)
        time.sleep(0.05)
        came.set()
        statuses = [line.answer().status]
        while statuses[-1] == 0xFF00 and len(statuses) < 10_000:
            statuses.append(line.answer().status)
        assert statuses[-1] == 0xFE00


def _front(agent: Agent) -> Peer:
    return Peer(host="127.0.0.1", port=agent.port, called_ae="AGENT", calling_ae=FRONT, reply_seconds=10)


def _find(body: bytes) -> tuple[Any, dict[Tag, int | str], tuple[bytes, ...], int]:
    command: dict[Tag, int | str] = {
        Tag.SOP_CLASS_UID: FIND,
        Tag.COMMAND: Command.C_FIND,
        Tag.MESSAGE_ID: 7,
        Tag.PRIORITY: 0,
    }
    return (FIND, IMPLICIT_LITTLE_ENDIAN), command, (body,), len(body)


@pytest.mark.parametrize(
    "body",
    [
        b"\xff" * 40,
        b"\x08\x00\x52\x00\xff\xff\xff\x7fSTUDY",
        b"\x08\x00\x52\x00\x08\x00\x00\x00WHATEVER",
        encode_elements({0x0020000D: b"1.2.3\0"}),
        encode_identifier({"QueryRetrieveLevel": "STUDY", "PatientName": "x" * 2000}, None),
        encode_identifier({"QueryRetrieveLevel": "PATIENT"}, None),
        b"\x08\x00\x40\x11\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff\x08\x00\x40\x11\xff\xff\xff\xff" * 50,
    ],
    ids=["noise", "cut", "no such level", "no level", "long", "level of the other model", "deep"],
)
def test_a_bad_identifier_is_refused_and_the_next_question_answered(body: bytes, caplog: Any) -> None:
    with an_agent(Shelf()) as agent, Association(_front(agent), [(FIND, IMPLICIT_LITTLE_ENDIAN)]) as line:
        line.request(*_find(body))
        assert line.answer().status == 0xA900
        line.request(*_find(encode_identifier({"QueryRetrieveLevel": "STUDY"}, None)))
        assert [line.answer().status, line.answer().status] == [0xFF00, 0]
    assert not caplog.records


def test_an_endless_identifier_ends_the_association_and_its_memory() -> None:
    with an_agent(Shelf()) as agent:
        line = Association(_front(agent), [(FIND, IMPLICIT_LITTLE_ENDIAN)])
        endless = (bytes(100_000) for _ in range(1000))
        context, command, _, _ = _find(b"")
        with pytest.raises(Exception, match="断"):
            line.request(context, command, endless, 100_000_000)
            line.answer()
        until(lambda: agent.receiver.open_associations() == 0)


@given(st.binary(max_size=400))
def test_any_bytes_are_an_identifier_or_refused(data: bytes) -> None:
    try:
        found = decode_identifier(data)
    except Unanswerable as error:
        assert error.comment.isascii() and len(error.comment) <= 64
    else:
        assert found.level


@given(st.binary(max_size=400))
def test_any_bytes_are_items_or_refused(data: bytes) -> None:
    try:
        decode_items(struct.pack("<HHI", 8, 0x1199, 0xFFFFFFFF) + data, 0x00081199)
    except ValueError:
        return


_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\\ "), max_size=16)


@given(
    name=_TEXT,
    number=_TEXT,
    declared=st.sampled_from(
        [None, "", "ISO_IR 192", "GB18030", "GBK", "\\ISO 2022 IR 58", "ISO_IR 100", "ISO 8", "张"]
    ),
)
def test_what_is_encoded_reads_back(name: str, number: str, declared: str | None) -> None:
    values = {"PatientName": name, "AccessionNumber": number, "QueryRetrieveLevel": "STUDY"}
    body = encode_identifier(values, declared)
    assert len(body) % 2 == 0
    found = decode_identifier(body)
    assert found.values == {"PatientName": name.strip("\0 "), "AccessionNumber": number.strip("\0 ")}


def test_items_come_back_with_known_and_with_undefined_lengths() -> None:
    items = [encode_elements({KEYS["SOPInstanceUID"][0]: b"1.2.3\0"}), encode_elements({0x00081150: b"1.2\0"})]
    plain = encode_elements({0x00081199: encode_items(items)})
    undefined = struct.pack("<HHI", 8, 0x1199, 0xFFFFFFFF) + b"".join(
        struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + item + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
        for item in items
    )
    undefined += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0) + encode_elements({0x00100010: b"AB"})
    assert decode_items(plain, 0x00081199) == decode_items(undefined, 0x00081199) == [*map(decode_elements, items)]


# -- sending to another -----------------------------------------------------------------------------------------------


def test_every_transfer_syntax_goes_to_the_destination_byte_for_byte(tmp_path: Path) -> None:
    files = [a_file(tmp_path, syntax=syntax) for syntax in EVERY_SYNTAX[:-1]]
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with a_storescp(inbox) as port, an_agent(Shelf(files=files, peers={"DEST": a_node(port)})) as agent:
        with a_question(agent, build_context(MOVE)) as line:
            found = [one for one, _ in line.send_c_move(an_identifier(StudyInstanceUID=STUDY_UID), "DEST", MOVE)]
        assert [one.Status for one in found] == [0xFF00] * len(files) + [0]
        assert found[2].NumberOfRemainingSuboperations == len(files) - 3
        assert found[-1].NumberOfCompletedSuboperations == len(files)
        assert sorted(map(data_set_digest, inbox.iterdir())) == sorted(map(data_set_digest, files))
        assert agent.shelf.took == [("DEST", {STUDY_UID: len(files)})]


def test_the_destination_hears_who_asked_for_the_images(tmp_path: Path) -> None:
    heard: list[tuple[str, int]] = []

    def on_store(event: Any) -> int:
        request = event.request
        heard.append((str(request.MoveOriginatorApplicationEntityTitle).strip(), request.MoveOriginatorMessageID))
        return 0xB007

    destination = AE(ae_title="DEST")
    destination.add_supported_context(CT, EXPLICIT)
    server = destination.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, on_store)])
    try:
        shelf = Shelf(files=[a_file(tmp_path)], peers={"DEST": a_node(server.server_address[1])})
        with an_agent(shelf) as agent, a_question(agent, build_context(MOVE)) as line:
            found = [one for one, _ in line.send_c_move(an_identifier(StudyInstanceUID="1"), "DEST", MOVE, msg_id=9)]
        assert heard == [(FRONT, 9)]
        assert (found[-1].Status, found[-1].NumberOfWarningSuboperations) == (0, 1)
    finally:
        server.shutdown()


def test_what_the_destination_does_not_take_is_counted_and_named_and_the_rest_goes(tmp_path: Path) -> None:
    good, deflated, gone = (a_file(tmp_path, syntax=syntax) for syntax in (IMPLICIT, DEFLATED, IMPLICIT))
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    images = list(Shelf(files=[deflated, gone, good])._images())
    gone.unlink()
    contexts = ((CT, IMPLICIT), (CT, DEFLATED))
    shelf = Shelf()
    shelf.wanted = lambda identifier: Wanted(count=4, contexts=contexts, images=iter(images))  # type: ignore[method-assign]
    with a_storescp(inbox, "+xi") as port:  # implicit little endian only
        shelf.peers["DEST"] = a_node(port)
        with an_agent(shelf) as agent, a_question(agent, build_context(MOVE)) as line:
            found = list(line.send_c_move(an_identifier(StudyInstanceUID=STUDY_UID), "DEST", MOVE))
    status, failed = found[-1]
    counts = (status.NumberOfCompletedSuboperations, status.NumberOfFailedSuboperations)
    assert (status.Status, counts) == (0xB000, (1, 3))  # the fourth was counted and is no longer there
    assert list(failed.FailedSOPInstanceUIDList) == [deflated.stem, gone.stem]
    assert [data_set_digest(path) for path in inbox.iterdir()] == [data_set_digest(good)]


@pytest.mark.warns
def test_a_destination_nobody_knows_or_nobody_reaches_is_told_as_such(tmp_path: Path) -> None:
    shelf = Shelf(files=[a_file(tmp_path)] * 3, peers={"DOWN": a_node(free_port())})
    with an_agent(shelf) as agent, a_question(agent, build_context(MOVE)) as line:
        wanted = an_identifier(StudyInstanceUID=STUDY_UID)
        [(unknown, _)] = line.send_c_move(wanted, "NOBODY", MOVE)
        [(down, _)] = line.send_c_move(wanted, "DOWN", MOVE)
        [(bad, _)] = line.send_c_move(an_identifier(), "DOWN", MOVE)
    assert (unknown.Status, down.Status, bad.Status) == (0xA801, 0xA702, 0xA900)
    assert down.NumberOfFailedSuboperations == 3


@pytest.mark.warns
def test_a_destination_that_hangs_up_is_not_asked_for_every_image(tmp_path: Path) -> None:
    calls: list[int] = []

    def hang_up(line: socket.socket) -> None:
        calls.append(1)
        request = line.recv(65536)
        assert request[0] == 1
        raise ConnectionResetError

    with a_peer(hang_up) as port:
        shelf = Shelf(files=[a_file(tmp_path)] * 50, peers={"DEST": a_node(port)})
        with an_agent(shelf) as agent, a_question(agent, build_context(MOVE)) as line:
            found = [one for one, _ in line.send_c_move(an_identifier(StudyInstanceUID="1"), "DEST", MOVE)]
    assert (found[-1].Status, found[-1].NumberOfFailedSuboperations) == (0xA702, 50)
    assert len(calls) == 1


def test_a_move_may_be_taken_back(tmp_path: Path) -> None:
    go_on = threading.Event()
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with a_storescp(inbox) as port:
        shelf = Shelf(files=[a_file(tmp_path) for _ in range(6)], peers={"DEST": a_node(port)})
        shelf.between = lambda place: go_on.wait(10) and None if place == 3 else None
        with an_agent(shelf) as agent, Association(_front(agent), [(MOVE, IMPLICIT_LITTLE_ENDIAN)]) as line:
            body = encode_identifier({"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1"}, None)
            command: dict[Tag, int | str] = {
                Tag.SOP_CLASS_UID: MOVE,
                Tag.COMMAND: Command.C_MOVE,
                Tag.MESSAGE_ID: 3,
                Tag.PRIORITY: 0,
                Tag.MOVE_DESTINATION: "DEST",
            }
            line.request((MOVE, IMPLICIT_LITTLE_ENDIAN), command, (body,), len(body))
            assert [line.answer().status for _ in range(3)] == [0xFF00] * 3
            cancel: dict[Tag, int | str] = {Tag.COMMAND: Command.C_CANCEL, Tag.ANSWERED_MESSAGE_ID: 3}
            line.request((MOVE, IMPLICIT_LITTLE_ENDIAN), cancel)
            time.sleep(0.05)
            go_on.set()
            last = line.answer()
    assert last.status == 0xFE00
    counted = [number(last.command, tag) for tag in (Tag.REMAINING, Tag.COMPLETED, Tag.FAILED)]
    assert counted == [3, 3, 0]
    assert agent.shelf.took == [("DEST", {STUDY_UID: 3})]


# -- giving back ------------------------------------------------------------------------------------------------------


def test_images_come_back_on_the_same_line_in_the_syntax_they_have(tmp_path: Path) -> None:
    explicit, jpeg = a_file(tmp_path), a_file(tmp_path, syntax=JPEG_LS)
    came: dict[str, bytes] = {}

    def on_store(event: Any) -> int:
        came[str(event.request.AffectedSOPInstanceUID)] = event.encoded_dataset(include_meta=False)
        return 0

    contexts = (build_context(GET), build_context(CT, EXPLICIT), build_context(CT, [EXPLICIT, JPEG_LS]))
    with an_agent(Shelf(files=[explicit, jpeg])) as agent:
        handlers = [(evt.EVT_C_STORE, on_store)]
        with a_question(agent, *contexts, roles=[build_role(CT, scp_role=True)], evt_handlers=handlers) as line:
            found = [one for one, _ in line.send_c_get(an_identifier(StudyInstanceUID=STUDY_UID), GET)]
    # of two contexts for one class the second was given the syntax that most of our images have
    assert (found[-1].Status, found[-1].NumberOfCompletedSuboperations) == (0, 2)
    assert sorted(came) == sorted([explicit.stem, jpeg.stem])
    for path in (explicit, jpeg):
        assert came[path.stem] == path.read_bytes()[_head(path).data_set_offset :]
    assert agent.shelf.took == [(FRONT, {STUDY_UID: 2})]


def test_what_went_is_told_while_the_rest_still_goes(tmp_path: Path) -> None:
    """A program that is killed on the way knows what was taken before."""
    files = [a_file(tmp_path, pixels=64) for _ in range(60)]
    told: list[int] = []
    shelf = Shelf(files=files, between=lambda place: told.append(len(shelf.took)))
    contexts = (build_context(GET), build_context(CT, EXPLICIT))
    handlers = [(evt.EVT_C_STORE, lambda event: 0x0000)]
    roles = [build_role(CT, scp_role=True)]
    with (
        an_agent(shelf) as agent,
        a_question(agent, *contexts, roles=roles, evt_handlers=handlers) as line,
    ):
        list(line.send_c_get(an_identifier(StudyInstanceUID=STUDY_UID), GET))
    assert told == [0] * 50 + [1] * 10
    assert shelf.took == [(FRONT, {STUDY_UID: 50}), (FRONT, {STUDY_UID: 10})]


def test_an_image_without_a_way_out_fails_alone(tmp_path: Path) -> None:
    files = [a_file(tmp_path, syntax=JPEG_LS), a_file(tmp_path)]
    contexts = (build_context(GET), build_context(CT, EXPLICIT))
    handlers = [(evt.EVT_C_STORE, lambda event: 0x0000)]
    with an_agent(Shelf(files=files)) as agent:
        with a_question(agent, *contexts, roles=[build_role(CT, scp_role=True)], evt_handlers=handlers) as line:
            found = list(line.send_c_get(an_identifier(StudyInstanceUID=STUDY_UID), GET))
        with a_question(agent, *contexts) as line:  # it never offered to take images
            without = [one for one, _ in line.send_c_get(an_identifier(StudyInstanceUID=STUDY_UID), GET)]
    assert (found[-1][0].Status, found[-1][0].NumberOfCompletedSuboperations) == (0xB000, 1)
    assert found[-1][1].FailedSOPInstanceUIDList == files[0].stem
    assert (without[-1].Status, without[-1].NumberOfFailedSuboperations) == (0xB000, 2)


@contextmanager
def a_caller_that_reads_nothing(agent: Agent) -> Iterator[None]:
    """It asks for images on the same line and never reads one: more than the line holds by itself."""
    line = Association(_front(agent), [(GET, IMPLICIT_LITTLE_ENDIAN), (CT, EXPLICIT)], as_provider=True)
    body = encode_identifier({"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": STUDY_UID}, None)
    command: dict[Tag, int | str] = {Tag.SOP_CLASS_UID: GET, Tag.COMMAND: Command.C_GET, Tag.MESSAGE_ID: 1}
    line.request((GET, IMPLICIT_LITTLE_ENDIAN), command | {Tag.PRIORITY: 0}, (body,), len(body))
    try:
        yield
    finally:
        line.abort()


def test_a_caller_that_stops_listening_costs_only_itself(tmp_path: Path) -> None:
    files = [a_file(tmp_path, pixels=20_000_000)]
    with an_agent(Shelf(files=files), idle_seconds=1.0) as agent, a_caller_that_reads_nothing(agent):
        with a_question(agent, build_context(FIND)) as other:
            assert [one.Status for one, _ in other.send_c_find(an_identifier(), FIND)] == [0xFF00, 0]
        until(lambda: AssociationChange.ABORTED in agent.changes)


def test_stopping_does_not_wait_for_a_caller_that_takes_images(tmp_path: Path) -> None:
    files = [a_file(tmp_path, pixels=20_000_000)]
    with an_agent(Shelf(files=files)) as agent, a_caller_that_reads_nothing(agent):
        until(lambda: agent.receiver.open_associations() == 1)
        started = time.monotonic()
        agent.receiver.stop()
        assert time.monotonic() - started < 3.5


# -- who may ask ------------------------------------------------------------------------------------------------------


def test_only_who_is_named_may_ask_and_is_told_apart_from_who_may_send(tmp_path: Path) -> None:
    with an_agent(Shelf(), calling_aes=("CT_1",)) as agent:
        with a_question(agent, build_context(FIND), ae_title="STRANGER") as line:
            assert line.is_rejected
        with a_question(agent, build_context(FIND), ae_title="CT_1") as line:
            assert line.is_rejected
        with a_question(agent, build_context(FIND)) as line:
            assert line.is_established
        with a_question(agent, build_context("1.2.840.10008.1.1")) as line:
            assert line.send_c_echo().Status == 0
        with a_question(agent, build_context(CT)) as line:
            assert line.is_rejected  # it may ask, not send
    refused = [event for event in agent.events if event.refused]
    assert [(event.change, event.source.calling_ae) for event in refused] == [
        (AssociationChange.REFUSED_QUERY, "STRANGER"),
        (AssociationChange.REFUSED_QUERY, "CT_1"),
        (AssociationChange.REFUSED_CALLING_AE, FRONT),
    ]


@pytest.mark.parametrize("settings", [{"query_callers": ()}, {"query_addresses": ("10.9.9.9",)}])
def test_nobody_may_ask_until_it_is_switched_on_and_from_elsewhere_never(settings: dict[str, Any]) -> None:
    with an_agent(Shelf(), **settings) as agent, a_question(agent, build_context(FIND)) as line:
        assert line.is_rejected
    assert agent.changes == [AssociationChange.REFUSED_QUERY]


def test_a_device_that_would_also_ask_may_still_send(tmp_path: Path) -> None:
    with (
        an_agent(Shelf()) as agent,
        a_question(agent, build_context(FIND), build_context(CT, EXPLICIT), ae_title="CT_1") as line,
    ):
        assert [context.abstract_syntax for context in line.accepted_contexts] == [CT]
        sent = a_file(tmp_path)
        assert line.send_c_store(sent).Status == 0
    assert agent.stored == [sent.stem]
    assert agent.changes[:2] == [AssociationChange.REFUSED_QUERY, AssociationChange.OPENED]


def test_who_may_only_ask_cannot_leave_an_image_beside_its_question(tmp_path: Path) -> None:
    contexts = (build_context(FIND), build_context(CT, EXPLICIT))
    with an_agent(Shelf(), calling_aes=("CT_1",)) as agent, a_question(agent, *contexts) as line:
        assert line.send_c_store(a_file(tmp_path)).Status == NOT_AUTHORISED
        assert [one.Status for one, _ in line.send_c_find(an_identifier(), FIND)] == [0xFF00, 0]
    assert agent.stored == []


def test_questions_never_take_all_the_places(tmp_path: Path) -> None:
    with an_agent(Shelf(), maximum_queries=1) as agent, a_question(agent, build_context(FIND)) as first:
        assert first.is_established
        with a_question(agent, build_context(FIND)) as second:
            assert second.is_rejected
        with a_question(agent, build_context(CT, EXPLICIT), ae_title="CT_1") as device:
            assert device.is_established
    assert AssociationChange.REFUSED_TOO_MANY in agent.changes


def test_an_operation_that_nobody_offers_is_told_so() -> None:
    with an_agent(Shelf()) as agent, Association(_front(agent), [(PATIENT_FIND, IMPLICIT_LITTLE_ENDIAN)]) as line:
        context, command, blocks, size = _find(encode_identifier({"QueryRetrieveLevel": "STUDY"}, None))
        command[Tag.COMMAND] = Command.C_MOVE
        line.request((PATIENT_FIND, context[1]), command, blocks, size)
        assert line.answer().status == 0x0211


# -- storage commitment -----------------------------------------------------------------------------------------------


def a_request(*uids: str) -> Dataset:
    wanted = Dataset()
    wanted.TransactionUID = "1.9.8"
    wanted.ReferencedSOPSequence = []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT, uid
        wanted.ReferencedSOPSequence.append(item)
    return wanted


@contextmanager
def a_listening_device(reports: list[tuple[int, Dataset]]) -> Iterator[int]:
    def on_report(event: Any) -> tuple[int, None]:
        reports.append((event.request.EventTypeID, event.event_information))
        return 0x0000, None

    device = AE(ae_title="CT_1")
    device.add_supported_context(COMMITMENT, scu_role=False, scp_role=True)
    server = device.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, on_report)])
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def _committed(report: Dataset) -> tuple[str, list[str], list[tuple[str, int]]]:
    kept = [str(item.ReferencedSOPInstanceUID) for item in report.get("ReferencedSOPSequence", [])]
    failed = report.get("FailedSOPSequence", [])
    return str(report.TransactionUID), kept, [(str(one.ReferencedSOPInstanceUID), one.FailureReason) for one in failed]


def test_a_device_hears_on_its_own_port_what_is_kept() -> None:
    reports: list[tuple[int, Dataset]] = []
    with (
        a_listening_device(reports) as port,
        an_agent(Shelf(peers={"CT_1": a_node(port, "CT_1")}), commitment=True) as agent,
    ):
        with a_question(agent, build_context(COMMITMENT), ae_title="CT_1") as line:
            status, _ = line.send_n_action(a_request("1.2.3.4", "1.5.5"), 1, COMMITMENT, "1.2.840.10008.1.20.1.1")
            assert status.Status == 0
        until(lambda: bool(reports))
    assert [(kind, _committed(report)) for kind, report in reports] == [
        (2, ("1.9.8", ["1.2.3.4"], [("1.5.5", NOT_KEPT)]))
    ]


def test_a_device_without_a_port_that_we_know_hears_it_on_the_same_line() -> None:
    reports: list[tuple[int, Dataset]] = []

    def on_report(event: Any) -> tuple[int, None]:
        reports.append((event.request.EventTypeID, event.event_information))
        return 0x0000, None

    answered, gone = threading.Event(), threading.Event()

    def on_sent(event: Any) -> None:
        if reports and isinstance(event.pdu, P_DATA_TF):
            answered.set()

    def on_late_report(event: Any) -> tuple[int, None]:
        gone.wait(3)  # pynetdicom would answer after its goodbye and break its own line
        return 0x0000, None

    handlers = [(evt.EVT_N_EVENT_REPORT, on_report), (evt.EVT_PDU_SENT, on_sent)]
    late = [(evt.EVT_N_EVENT_REPORT, on_late_report)]
    with an_agent(Shelf(), commitment=True) as agent:
        with a_question(agent, build_context(COMMITMENT), ae_title="CT_1", evt_handlers=handlers) as line:
            status, _ = line.send_n_action(a_request("1.2.3.4"), 1, COMMITMENT, "1.2.840.10008.1.20.1.1")
            assert status.Status == 0
            assert answered.wait(10)  # a goodbye before its answer is out is more than pynetdicom can bear
        with a_question(agent, build_context(COMMITMENT), ae_title="CT_1", evt_handlers=late) as line:
            line.send_n_action(a_request("1.2.3.4"), 1, COMMITMENT, "1.2.840.10008.1.20.1.1")
        until(lambda: agent.receiver.open_associations() == 0)  # it said goodbye instead of listening
        gone.set()
    assert [(kind, _committed(report)) for kind, report in reports] == [(1, ("1.9.8", ["1.2.3.4"], []))]


def test_commitment_is_refused_while_it_is_off_and_for_nonsense() -> None:
    with an_agent(Shelf()) as agent, a_question(agent, build_context(COMMITMENT), ae_title="CT_1") as line:
        assert not line.is_established or not line.accepted_contexts
    with (
        an_agent(Shelf(), commitment=True) as agent,
        a_question(agent, build_context(COMMITMENT), ae_title="CT_1") as line,
    ):
        for wanted in (an_identifier(), a_request()):
            status, _ = line.send_n_action(wanted, 1, COMMITMENT, "1.2.840.10008.1.20.1.1")
            assert status.Status == 0x0115


def test_the_error_comment_says_why() -> None:
    with an_agent(Shelf()) as agent, Association(_front(agent), [(FIND, IMPLICIT_LITTLE_ENDIAN)]) as line:
        line.request(*_find(encode_elements({0x0020000D: b"1.2.3\0"})))
        answer = line.answer()
    assert text(answer.command, Tag.ERROR_COMMENT) == "QueryRetrieveLevel is missing"
