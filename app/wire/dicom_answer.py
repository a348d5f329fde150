"""Query/Retrieve and storage commitment as their provider: C-FIND, C-MOVE, C-GET, N-ACTION on an open association.

PS3.4 annexes C and J. Images leave as they lie on the disk, one at a time; what may be found, who a destination is and
what is kept is decided by the `Collection`. Never logs an identifier.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Collection as Many
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from app.errors import AgentError, Bug
from app.wire.dicom_association import Association, Context, Peer
from app.wire.dicom_send import DicomSender, StoreReply
from app.wire.dicom_serve import UNRECOGNIZED_OPERATION, Service
from app.wire.dimse import (
    ANSWER,
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
from app.wire.identifiers import Identifier, Unanswerable, decode_identifier, encode_identifier
from app.wire.part10 import read_file_head
from app.wire.seldom import Seldom

log = logging.getLogger(__name__)

PATIENT, STUDY, SERIES, IMAGE = "PATIENT", "STUDY", "SERIES", "IMAGE"
COMMITMENT = "1.2.840.10008.1.20.1"
_COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
_MODELS = "1.2.840.10008.5.1.4.1.2."
ROOTS: Mapping[str, tuple[str, ...]] = {
    f"{_MODELS}1": (PATIENT, STUDY, SERIES, IMAGE),  # Patient Root
    f"{_MODELS}2": (STUDY, SERIES, IMAGE),  # Study Root
}
FIND, MOVE, GET = "1", "2", "3"
QUERIES = frozenset(f"{root}.{service}" for root in ROOTS for service in (FIND, MOVE, GET))
"""SOP classes of Query/Retrieve (PS3.4 section C.6)."""

_PENDING, _SUCCESS, _SOME_FAILED, _CANCELLED = 0xFF00, 0x0000, 0xB000, 0xFE00
_OUT_OF_RESOURCES, _UNABLE_TO_PERFORM, _UNKNOWN_DESTINATION = 0xA700, 0xA702, 0xA801
_MISMATCH = 0xA900
_FAILED_INSTANCES = 0x00080058
_TRANSACTION, _FAILURE_REASON = 0x00081195, 0x00081197
_FAILED_SEQUENCE, _REFERENCED_SEQUENCE = 0x00081198, 0x00081199
_REFERENCED_CLASS, _REFERENCED_INSTANCE = 0x00081150, 0x00081155
_INVALID_ARGUMENT = 0x0115
_MOST_NAMED_FAILURES = 5000
_MOST_COUNTED = 0xFFFF
_LINE_FAULTS_IN_A_ROW = 3
_TOLD_AT_ONCE = 50
_REPORT_AGAIN_SECONDS = (0.0, 5.0, 30.0)
NOT_KEPT, OTHER_CLASS = 0x0112, 0x0119
"""Failure reasons of a storage commitment (PS3.3 section C.14.1.1)."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """One stored image on its way out."""

    path: Path
    study_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a C-MOVE or C-GET asked for; `images` are read as they are sent."""

    count: int
    contexts: tuple[Context, ...]
    images: Iterator[Image]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """An image whose safe keeping somebody asks about."""

    sop_class_uid: str
    sop_instance_uid: str


class Collection(Protocol):
    """What may be found and fetched here. Its methods raise Unanswerable and AgentError."""

    def find(self, identifier: Identifier) -> Iterator[Mapping[str, str]]:
        """Keyword -> text of each match at the identifier's level, for every key that is known."""

    def wanted(self, identifier: Identifier) -> Wanted:
        """The images that the identifier names."""

    def transfer_syntaxes(self) -> Mapping[str, Mapping[str, int]]:
        """SOP class -> transfer syntax -> how many images of that kind are here."""

    def destination(self, ae_title: str) -> Peer | None:
        """Where that AE title takes images."""

    def failures(self, references: Sequence[Reference]) -> Iterator[int]:
        """For each reference 0 when it lies safely here, else NOT_KEPT or OTHER_CLASS."""

    def taken(self, ae_title: str, images: Mapping[str, Sequence[str]]) -> None:
        """These images (SOP instance UIDs, by study) went to that AE title."""


@dataclass(kw_only=True)
class _Progress:
    """The counts of PS3.4 section C.4.2.1.6 on."""

    remaining: int
    completed: int = 0
    failed: int = 0
    warning: int = 0
    named: list[str] = field(default_factory=list)
    taken: dict[str, list[str]] = field(default_factory=dict)

    def count(self, image: Image, reply: StoreReply | None) -> None:
        self.remaining = max(0, self.remaining - 1)
        if reply is None or not reply.accepted:
            self.failed += 1
            if len(self.named) < _MOST_NAMED_FAILURES:
                self.named.append(image.sop_instance_uid)
            return
        self.taken.setdefault(image.study_instance_uid, []).append(image.sop_instance_uid)
        self.completed += reply.status == 0
        self.warning += reply.status != 0

    def handed_over(self) -> dict[str, list[str]]:
        """What was taken since the last time, by study."""
        taken, self.taken = self.taken, {}
        return taken

    def give_up(self) -> None:
        """What was not even tried."""
        self.failed, self.remaining = self.failed + self.remaining, 0

    def elements(self, status: int) -> dict[Tag, Any]:
        counts = {Tag.COMPLETED: self.completed, Tag.FAILED: self.failed, Tag.WARNING: self.warning}
        if status in (_PENDING, _CANCELLED):
            counts[Tag.REMAINING] = self.remaining
        return {tag: min(count, _MOST_COUNTED) for tag, count in counts.items()}

    @property
    def identifier(self) -> bytes:
        """The list of failed images that goes with a final answer."""
        value = "\\".join(self.named).encode("ascii", "replace")
        return encode_elements({_FAILED_INSTANCES: value + b"\0" * (len(value) % 2)}) if self.named else b""


class Questions:
    """Answers what one caller asks on one association. `contexts`: ID -> (SOP class, transfer syntax).

    `stores_at_peer` are the SOP classes for which the caller takes C-STOREs on this very association (C-GET).
    """

    def __init__(
        self,
        collection: Collection,
        *,
        caller_ae: str,
        our_ae: str,
        contexts: Mapping[int, Context],
        stores_at_peer: Many[str],
        stopping: threading.Event,
        seldom: Seldom,
    ) -> None:
        self._collection, self._stopping, self._seldom = collection, stopping, seldom
        self._caller_ae, self._our_ae = caller_ae, our_ae
        self._classes = {number: context[0] for number, context in contexts.items()}
        self._ways_out = {context: number for number, context in contexts.items() if context[0] in stores_at_peer}

    def answer(self, line: Service, context_id: int, request: Mapping[int, bytes], data: bytes) -> None:
        """One request, to its final answer. Raises OSError when the line is lost, ValueError when it is abused."""
        command, sop_class = number(request, Tag.COMMAND), self._classes.get(context_id, "")
        root, _, service = sop_class.rpartition(".")
        asked = _Asked(line, context_id, request, root)
        answers: Mapping[tuple[int | None, str], Callable[[_Asked, bytes], None]] = {
            (Command.C_FIND, FIND): self._find,
            (Command.C_MOVE, MOVE): self._move,
            (Command.C_GET, GET): self._get,
        }
        act = answers.get((command, service)) if sop_class in QUERIES else None
        if command == Command.N_ACTION and sop_class == COMMITMENT:
            act = self._commit
        if act is None:
            words = "asked for an operation that is not offered"
            self._seldom.info(f"{self._caller_ae} {words}", kind=words)
            asked.respond(UNRECOGNIZED_OPERATION)
            return
        try:
            act(asked, data)
        except Unanswerable as error:
            self._seldom.info(f"a question of {self._caller_ae} was refused: {error.comment}", kind=error.comment)
            asked.respond(_MISMATCH, {Tag.ERROR_COMMENT: error.comment})
        except AgentError as error:
            log.warning("a question of %s could not be answered: %s", self._caller_ae, error.title)
            asked.respond(_OUT_OF_RESOURCES)

    # -- C-FIND -----------------------------------------------------------------------------------------------------

    def _find(self, asked: _Asked, data: bytes) -> None:
        identifier = asked.identifier(data)
        constant = {"QueryRetrieveLevel": identifier.level, "RetrieveAETitle": self._our_ae}
        constant["InstanceAvailability"] = "ONLINE"
        returned = (*identifier.values, _UNIQUE[identifier.level], "QueryRetrieveLevel", "RetrieveAETitle")
        for match in self._collection.find(identifier):
            if asked.is_cancelled():
                asked.respond(_CANCELLED)
                return
            whole = {**match, **constant}
            body = encode_identifier({keyword: whole.get(keyword, "") for keyword in returned}, identifier.charset)
            asked.respond(_PENDING, data=body)
        asked.respond(_SUCCESS)

    # -- C-MOVE, C-GET ----------------------------------------------------------------------------------------------

    def _move(self, asked: _Asked, data: bytes) -> None:
        destination = text(asked.request, Tag.MOVE_DESTINATION)
        peer = self._collection.destination(destination)
        if peer is None:
            words = f"{self._caller_ae} wants images sent to {destination[:16]!r}, no known destination"
            self._seldom.info(words, kind="no known destination")
            asked.respond(_UNKNOWN_DESTINATION)
            return
        wanted = self._collection.wanted(asked.identifier(data))
        if not wanted.count:
            asked.respond(_SUCCESS, _Progress(remaining=0).elements(_SUCCESS))
            return
        with DicomSender(peer) as sender:
            try:
                sender.associate(wanted.contexts)
            except AgentError as error:
                log.warning("%s takes no images: %s (%s)", destination, error.title, error.details)
                progress = _Progress(remaining=wanted.count)
                progress.give_up()
                asked.respond(_UNABLE_TO_PERFORM, progress.elements(_UNABLE_TO_PERFORM))
                return
            self._deliver(asked, wanted, _ToAnother(sender, (self._caller_ae, asked.message_id)), destination)

    def _get(self, asked: _Asked, data: bytes) -> None:
        wanted = self._collection.wanted(asked.identifier(data))
        self._deliver(asked, wanted, partial(self._give_back, asked.line), self._caller_ae)

    def _give_back(self, line: Service, image: Image, message_id: int) -> StoreReply | None:
        """A C-STORE to the caller itself; None when the negotiation left no way, or the file can't be read."""
        way = self._ways_out.get((image.sop_class_uid, image.transfer_syntax_uid))
        if way is None:
            return None
        try:
            file = image.path.open("rb")
        except OSError:
            return None
        with file:
            try:
                start = read_file_head(file).data_set_offset
            except Bug:
                return None
            size = file.seek(0, 2) - start
            file.seek(start)
            command: dict[Tag, Any] = {
                Tag.SOP_CLASS_UID: image.sop_class_uid,
                Tag.COMMAND: Command.C_STORE,
                Tag.MESSAGE_ID: message_id,
                Tag.PRIORITY: 0,
                Tag.SOP_INSTANCE_UID: image.sop_instance_uid,
            }
            line.send(way, command, iter(partial(file.read, line.block_bytes), b""), size)
        return StoreReply(status=number(line.reply(), Tag.STATUS), words="")

    def _deliver(
        self, asked: _Asked, wanted: Wanted, send: Callable[[Image, int], StoreReply | None], to_ae: str
    ) -> None:
        """What went is told every now and then: a thousand images take minutes, and no crash may make them unsent."""
        progress = _Progress(remaining=wanted.count)
        is_cancelled = False
        try:
            for place, image in enumerate(wanted.images):
                if is_cancelled := asked.is_cancelled():
                    break
                progress.count(image, send(image, 1 + place % _MOST_COUNTED))
                if (place + 1) % _TOLD_AT_ONCE == 0:
                    self._collection.taken(to_ae, progress.handed_over())
                asked.respond(_PENDING, progress.elements(_PENDING))
        finally:
            self._collection.taken(to_ae, progress.handed_over())
        if not is_cancelled:
            progress.give_up()
        status = _CANCELLED if is_cancelled else _SOME_FAILED if progress.failed else _SUCCESS
        asked.respond(status, progress.elements(status), data=progress.identifier)

    # -- storage commitment -----------------------------------------------------------------------------------------

    def _commit(self, asked: _Asked, data: bytes) -> None:
        """Answer at once; the report follows to the caller's own port where we know it, else on this line."""
        names = {
            Tag.SOP_INSTANCE_UID: text(asked.request, Tag.REQUESTED_SOP_INSTANCE_UID),
            Tag.ACTION_TYPE: number(asked.request, Tag.ACTION_TYPE) or 0,
        }
        try:
            transaction = decode_elements(data).get(_TRANSACTION, b"")
            references = [_reference(item) for item in decode_items(data, _REFERENCED_SEQUENCE)]
        except ValueError:
            transaction, references = b"", []
        if not transaction or not references or names[Tag.ACTION_TYPE] != 1:
            words = "asked about images in a way that can't be read"
            self._seldom.info(f"{self._caller_ae} {words}", kind=words)
            asked.respond(_INVALID_ARGUMENT, names)
            return
        reasons = list(self._collection.failures(references))
        asked.respond(_SUCCESS, names)
        report = _report(transaction, references, reasons)
        failed = sum(reason != 0 for reason in reasons)
        log.info("%s asks about %d images: %d kept", self._caller_ae, len(reasons), len(reasons) - failed)
        event: dict[Tag, Any] = {
            Tag.SOP_CLASS_UID: COMMITMENT,
            Tag.COMMAND: Command.N_EVENT_REPORT,
            Tag.MESSAGE_ID: 1,
            Tag.SOP_INSTANCE_UID: _COMMITMENT_INSTANCE,
            Tag.EVENT_TYPE: 2 if failed else 1,
        }
        peer = self._collection.destination(self._caller_ae)
        if peer is None:
            asked.line.send(asked.context_id, event, (report,), len(report))
            asked.line.reply()
            return
        threading.Thread(
            target=_tell, args=(peer, event, report, self._stopping), name="dicom-commitment", daemon=True
        ).start()


_UNIQUE = {
    PATIENT: "PatientID",
    STUDY: "StudyInstanceUID",
    SERIES: "SeriesInstanceUID",
    IMAGE: "SOPInstanceUID",
}


class _Asked:
    """One request, and the way back to whoever asked."""

    def __init__(self, line: Service, context_id: int, request: Mapping[int, bytes], root: str) -> None:
        self.line, self.context_id, self.request = line, context_id, request
        self.message_id = number(request, Tag.MESSAGE_ID) or 0
        self._root = root

    def identifier(self, data: bytes) -> Identifier:
        found = decode_identifier(data)
        if found.level not in ROOTS[self._root]:
            raise Unanswerable("this model has no such level")
        return found

    def is_cancelled(self) -> bool:
        return self.line.is_cancelled(self.message_id)

    def respond(self, status: int, more: Mapping[Tag, Any] | None = None, *, data: bytes = b"") -> None:
        sop_class = text(self.request, Tag.SOP_CLASS_UID) or text(self.request, Tag.REQUESTED_SOP_CLASS_UID)
        command: dict[Tag, Any] = {
            Tag.SOP_CLASS_UID: sop_class,
            Tag.COMMAND: (number(self.request, Tag.COMMAND) or 0) | ANSWER,
            Tag.ANSWERED_MESSAGE_ID: self.message_id,
            Tag.STATUS: status,
            **(more or {}),
        }
        self.line.send(self.context_id, command, (data,) if data else (), len(data))


class _ToAnother:
    """Sends to the destination of a C-MOVE; a destination that is gone is not waited for at every image."""

    def __init__(self, sender: DicomSender, originator: tuple[str, int]) -> None:
        self._sender, self._originator = sender, originator
        self._faults = 0

    def __call__(self, image: Image, message_id: int) -> StoreReply | None:
        if self._faults >= _LINE_FAULTS_IN_A_ROW or not image.path.is_file():
            return None
        try:
            reply = self._sender.store(image.path, message_id=message_id, originator=self._originator)
        except (AgentError, OSError):
            self._faults += 1
            return None
        self._faults = 0
        return reply


def _reference(item: Mapping[int, bytes]) -> Reference:
    return Reference(
        sop_class_uid=item.get(_REFERENCED_CLASS, b"").decode("latin-1").strip("\0 "),
        sop_instance_uid=item.get(_REFERENCED_INSTANCE, b"").decode("latin-1").strip("\0 "),
    )


def _report(transaction: bytes, references: Sequence[Reference], reasons: Sequence[int]) -> bytes:
    """PS3.4 section J.3.3: what is kept, and what is not with its reason."""
    kept, failed = [], []
    for reference, reason in zip(references, reasons, strict=True):
        item = {
            _REFERENCED_CLASS: _uid(reference.sop_class_uid),
            _REFERENCED_INSTANCE: _uid(reference.sop_instance_uid),
        }
        if reason:
            failed.append(encode_elements(item | {_FAILURE_REASON: reason.to_bytes(2, "little")}))
        else:
            kept.append(encode_elements(item))
    found = {_TRANSACTION: transaction + b"\0" * (len(transaction) % 2)}
    found |= {_REFERENCED_SEQUENCE: encode_items(kept)} if kept else {}
    found |= {_FAILED_SEQUENCE: encode_items(failed)} if failed else {}
    return encode_elements(found)


def _uid(value: str) -> bytes:
    raw = value.encode("latin-1", "replace")
    return raw + b"\0" * (len(raw) % 2)


def _tell(peer: Peer, event: dict[Tag, Any], report: bytes, stopping: threading.Event) -> None:
    """On an association of our own, as most devices expect it. One that does not listen asks again by itself."""
    context = (COMMITMENT, IMPLICIT_LITTLE_ENDIAN)
    for seconds in _REPORT_AGAIN_SECONDS:
        if stopping.wait(seconds):
            return
        try:
            with Association(peer, (context,), as_provider=True) as association:
                if association.accepts(context):
                    association.request(context, dict(event), (report,), len(report))
                    association.answer()
                    return
        except AgentError as error:
            log.warning("%s could not be told what is kept: %s", peer.called_ae, error.title)
