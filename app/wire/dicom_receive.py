"""The DICOM port: answers C-ECHO and hands every C-STORE over exactly as it was sent; who may ask is told what is here.

pynetdicom negotiates; once an association is open, dicom_serve.py reads its socket (pynetdicom's two polling threads
cost more than the images). Never decodes a data set, never decides what is kept: the status is the handler's. PS3.4
annex B, PS3.7 section 9.1.
"""

from __future__ import annotations

import logging
import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pynetdicom import AE, _config, build_context, evt
from pynetdicom.sop_class import Verification
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from app.wire.dicom_answer import COMMITMENT, QUERIES, Collection, Questions
from app.wire.dicom_serve import Answer, Released, Service, serve
from app.wire.dimse import IMPLICIT_LITTLE_ENDIAN
from app.wire.listening import is_allowed, open_listener, parse_networks
from app.wire.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from app.wire.receiving import (
    INVALID_INSTANCE,
    NOT_AUTHORISED,
    PROCESSING_FAILURE,
    AssociationChange,
    AssociationEvent,
    AssociationHandler,
    ReceiverSettings,
    Source,
    StoreHandler,
    StoreRequest,
)
from app.wire.seldom import Seldom

log = logging.getLogger(__name__)
Line = socket.socket
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # a peer that hangs up is an event here, not a traceback

PAGE = "dicom"
_PDU_BYTES = 131072
_PDU_LIMIT_BYTES = 4 * 1024 * 1024  # a peer may announce 4 GB; the longest association request is below 1 MB
_STOP_SECONDS = 3.0
_LOOK_SECONDS = 0.25
_SAFE_UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z.\-]{0,63}")


class PynetdicomReceiver:
    """A Receiver on pynetdicom. Handlers run on the association's own thread, several at once.

    `collection`: what may be found and fetched here; without it every such question is turned away.
    """

    def __init__(
        self,
        settings: ReceiverSettings,
        on_store: StoreHandler,
        on_association: AssociationHandler | None = None,
        collection: Collection | None = None,
    ) -> None:
        self._settings = settings
        self._collection = collection
        self._on_store = on_store
        self._on_association = on_association or (lambda event: None)
        self._networks = parse_networks(settings.allowed_addresses, page=PAGE)
        self._query_networks = parse_networks(settings.query_addresses, page=PAGE)
        self._server: _Server | None = None
        self._open: dict[Any, _Leave] = {}
        self._lines: dict[Any, socket.socket] = {}
        self._lock = threading.Lock()
        self._seldom = Seldom(log)

    def start(self) -> None:
        if self._server is not None:
            return
        _config.LOG_HANDLER_LEVEL = "none"  # the standard handlers format every message, names of patients included
        _config.UNRESTRICTED_STORAGE_SERVICE = True  # private and unknown SOP classes, any transfer syntax
        self._server = _Server(self._application_entity(), self._settings, self._handlers(), self)
        thread = threading.Thread(
            target=self._server.serve_forever, args=(_LOOK_SECONDS,), name=f"dicom-port-{self.port}", daemon=True
        )
        thread.start()

    def stop(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        with self._lock:
            lines = dict(self._lines)
        _end_all(lines, time.monotonic() + _STOP_SECONDS)

    @property
    def port(self) -> int:
        return self._server.port if self._server else 0

    def open_associations(self, source: Source | None = None) -> int:
        with self._lock:
            return sum(1 for leave in self._open.values() if source in (None, leave.source))

    def _application_entity(self) -> Any:
        entity = AE(ae_title=self._settings.ae_title)
        entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        entity.maximum_pdu_size = _PDU_BYTES
        entity.maximum_associations = 10_000  # ours is counted in _refusal, so that the refused caller is reported
        entity.acse_timeout = self._settings.associate_seconds
        entity.dimse_timeout = self._settings.idle_seconds
        entity.network_timeout = self._settings.idle_seconds
        for service in _SERVICES:
            entity.add_supported_context(service)
        return entity

    def _handlers(self) -> Sequence[tuple[Any, Callable[[Any], Any]]]:
        return (
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_ESTABLISHED, self._established),
            (evt.EVT_CONN_CLOSE, _closed),
        )

    def has_room(self) -> bool:
        """For one more line, whoever is at its other end."""
        with self._lock:
            found = len(self._lines) < self._settings.maximum_lines
        if not found:
            self._seldom.info("too many lines at once: a caller was not let in")
        return found

    def began(self, association: Any, line: socket.socket) -> None:
        with self._lock:
            self._lines[association] = line
        if self._server is None:  # stopped a moment ago
            _shut(line)

    def _requested(self, event: Any) -> None:
        """Turn away who may not come (PS3.8 section 9.3.4), and say who it was; else say what may be asked here."""
        association = event.assoc
        wishes = _wishes(association)
        leave = self._leave(association, wishes)
        change = self._refusal(association, wishes, leave)
        if change is not None:
            association.acse.send_reject(*_REJECTIONS[change])
            self._report(change, association)
            association.kill()  # waits until the refusal is on the line
            return
        if wishes.asks and not leave.may_ask and self._settings.query_callers:
            self._report(AssociationChange.REFUSED_QUERY, association)  # its images are welcome all the same
        if leave.may_ask or leave.may_commit:
            association.acceptor.supported_contexts = _contexts(leave)
            _prefer(association, self._collection)

    def _leave(self, association: Any, wishes: _Wishes) -> _Leave:
        settings, source = self._settings, _source(association)
        may_send = is_allowed(source.address, self._networks) and (
            not settings.calling_aes or source.calling_ae in settings.calling_aes
        )
        may_ask = source.calling_ae in settings.query_callers and is_allowed(source.address, self._query_networks)
        return _Leave(
            source=source,
            may_send=may_send,
            may_ask=self._collection is not None and wishes.asks and may_ask,
            may_commit=self._collection is not None and settings.commitment and may_send,
            may_come=may_send or may_ask,
        )

    def _refusal(self, association: Any, wishes: _Wishes, leave: _Leave) -> AssociationChange | None:
        settings = self._settings
        if not leave.may_come and not is_allowed(leave.source.address, self._networks):
            return AssociationChange.REFUSED_ADDRESS
        if settings.called_aes and _called_ae(association) not in settings.called_aes:
            return AssociationChange.REFUSED_CALLED_AE
        if wishes.asks and not wishes.sends and not leave.may_ask:
            return AssociationChange.REFUSED_QUERY
        if not leave.may_send and not leave.may_ask and (wishes.sends or not leave.may_come):
            return AssociationChange.REFUSED_CALLING_AE
        with self._lock:
            asking = sum(each.may_ask for each in self._open.values())
            if len(self._open) >= settings.maximum_associations or (
                leave.may_ask and asking >= settings.maximum_queries
            ):
                return AssociationChange.REFUSED_TOO_MANY
            self._open[association] = leave
        return None

    def _established(self, event: Any) -> None:
        self._report(AssociationChange.OPENED, event.assoc)

    def ended(self, association: Any) -> None:
        """Called once by the association's own thread as its last act, however it ended."""
        with self._lock:
            self._lines.pop(association, None)
            was_open = self._open.pop(association, None) is not None
        if was_open:
            released = AssociationChange.RELEASED if association.is_released else AssociationChange.ABORTED
            self._report(released, association)

    def _report(self, change: AssociationChange, association: Any) -> None:
        event = AssociationEvent(change=change, source=_source(association), called_ae=_called_ae(association))
        if event.refused:
            words = f"from {event.source.address} was refused: {change.name}"
            self._seldom.info(f"{event.source.calling_ae!r} {words}", kind=words)
        try:
            self._on_association(event)
        except Exception:
            log.exception("the handler of associations failed")

    def serve(self, association: Any, line: Line, stopping: threading.Event) -> bool:
        """Answer an open association until its end; True when the peer released it."""
        syntaxes = {context.context_id: str(context.transfer_syntax[0]) for context in association.accepted_contexts}
        source, called_ae = _source(association), _called_ae(association)
        with self._lock:
            leave = self._open.get(association)
        may_send = leave is None or leave.may_send

        def store(context_id: int, sop_class_uid: str, sop_instance_uid: str, data_set: memoryview) -> int:
            if not may_send:
                return NOT_AUTHORISED
            return self._store(
                StoreRequest(
                    sop_class_uid=sop_class_uid,
                    sop_instance_uid=sop_instance_uid,
                    transfer_syntax_uid=syntaxes[context_id],
                    source=source,
                    called_ae=called_ae,
                    data_set=data_set,
                )
            )

        return serve(
            line,
            syntaxes,
            store,
            stopping,
            self._settings.idle_seconds,
            answer=self._answers(association, leave, stopping)
            if leave and (leave.may_ask or leave.may_commit)
            else None,
            peer_bytes=int(association.requestor.maximum_length or 0),
        )

    def _answers(self, association: Any, leave: _Leave, stopping: threading.Event) -> Answer:
        assert self._collection is not None
        questions = Questions(
            self._collection,
            caller_ae=leave.source.calling_ae,
            our_ae=self._settings.ae_title,
            contexts={
                context.context_id: (str(context.abstract_syntax), str(context.transfer_syntax[0]))
                for context in association.accepted_contexts
            },
            stores_at_peer=_stores_at_peer(association),
            stopping=stopping,
            seldom=self._seldom,
        )
        return partial(_answer_surely, questions)

    def _store(self, request: StoreRequest) -> int:
        """A handler that fails costs this instance a failure status, never the association."""
        if not _SAFE_UID.fullmatch(request.sop_instance_uid):
            return INVALID_INSTANCE
        try:
            return self._on_store(request)
        except Exception:
            log.exception("the handler of a received instance failed")
            return PROCESSING_FAILURE


@dataclass(frozen=True, kw_only=True)
class _Wishes:
    """What a caller proposes: to find and fetch images, to send some."""

    asks: bool
    sends: bool


@dataclass(frozen=True, kw_only=True)
class _Leave:
    """What one caller may do here. `may_come`: at all, if only for an echo."""

    source: Source
    may_send: bool
    may_ask: bool
    may_commit: bool
    may_come: bool


def _answer_surely(
    questions: Questions, line: Service, context_id: int, request: Mapping[int, bytes], data: bytes
) -> None:
    """What fails on our side costs this caller its association, nobody else anything."""
    try:
        questions.answer(line, context_id, request, data)
    except (OSError, ValueError, EOFError, Released):
        raise
    except Exception as error:
        log.exception("a question could not be answered")
        raise ConnectionAbortedError("a question could not be answered") from error


_SERVICES = (Verification,)
_ACCEPTING, _OPEN = ("Sta2", "Sta3"), "Sta6"  # PS3.8 section 9.2.2
_REJECTIONS: Mapping[AssociationChange, tuple[int, int, int]] = {  # result, source, reason
    AssociationChange.REFUSED_ADDRESS: (1, 1, 1),
    AssociationChange.REFUSED_CALLED_AE: (1, 1, 7),
    AssociationChange.REFUSED_CALLING_AE: (1, 1, 3),
    AssociationChange.REFUSED_TOO_MANY: (2, 3, 2),
    AssociationChange.REFUSED_QUERY: (1, 1, 3),
}


class _Server(ThreadedAssociationServer):  # type: ignore[misc]
    """pynetdicom's listener on a port of our own: exclusive, without Nagle, with a time limit on every read."""

    daemon_threads = True
    socket: Any
    server_address: Any

    def __init__(
        self,
        entity: Any,
        settings: ReceiverSettings,
        handlers: Sequence[tuple[Any, Callable[[Any], Any]]],
        receiver: PynetdicomReceiver,
    ) -> None:
        self._settings, self.receiver = settings, receiver
        self.stopping = threading.Event()
        self._line_seconds, self.negotiation_seconds = settings.idle_seconds, settings.associate_seconds
        super().__init__(
            entity,
            (settings.address, settings.port),
            settings.ae_title,
            entity.supported_contexts,
            evt_handlers=list(handlers),
            request_handler=_Caller,
        )
        self.port = int(self.server_address[1])

    def server_bind(self) -> None:
        self.socket.close()
        self.socket = open_listener(self._settings.address, self._settings.port, name="接收影像", page=PAGE)
        self.server_address = self.socket.getsockname()

    def get_request(self) -> tuple[Line, Any]:
        line, address = self.socket.accept()
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.settimeout(self._line_seconds)  # else a peer that stalls within a PDU holds its thread for ever
        return line, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return self.receiver.has_room()

    def service_actions(self) -> None:
        """Every few seconds pynetdicom would search the whole memory for garbage here; Python does that by itself."""

    def close(self) -> None:
        self.stopping.set()
        socketserver.BaseServer.shutdown(self)
        self.server_close()


class _Caller(RequestHandler):  # type: ignore[misc]
    def handle(self) -> None:
        association = self._create_association()
        association.name = f"dicom-{association.name}"
        line, server, run = self.request, self.server, association.run
        association.dul.socket.recv = lambda size: _read(line, size, server.negotiation_seconds)

        def run_and_tell() -> None:
            try:
                run()
            finally:
                server.receiver.ended(association)

        def serve_it() -> None:
            _take_over(association)
            association.is_released = server.receiver.serve(association, line, server.stopping)
            association.is_aborted = not association.is_released
            association.is_established = False

        _leave_data_unread(association.dul)
        association.run, association._run_reactor = run_and_tell, serve_it
        server.receiver.began(association, line)
        association.start()


def _leave_data_unread(dul: Any) -> None:
    """In Sta6 (data transfer, PS3.8 table 9-4) pynetdicom's reading thread leaves the socket to us."""
    look = dul._is_transport_event
    dul._is_transport_event = lambda: dul.state_machine.current_state != _OPEN and look()


def _take_over(association: Any) -> None:
    """Wait until the acceptance is on the line, then end pynetdicom's reading thread.

    Its state may still be Sta2 here: it hands a request over first and changes its state afterwards.
    """
    dul = association.dul
    while dul.state_machine.current_state in _ACCEPTING and dul.is_alive():
        time.sleep(0.001)
    dul.kill_dul()
    dul.join()


def _read(line: socket.socket, size: int, seconds: float) -> bytearray:
    """What pynetdicom's own recv() does, in one buffer and within limits; short when the peer hung up."""
    if size > _PDU_LIMIT_BYTES:
        raise OSError("the peer announced an oversized PDU")
    buffer, until = bytearray(size), time.monotonic() + seconds
    view, filled = memoryview(buffer), 0
    while filled < size:
        if time.monotonic() > until:
            raise TimeoutError("the peer dribbles")
        count = line.recv_into(view[filled:])
        if not count:
            break
        filled += count
    view.release()
    del buffer[filled:]
    return buffer


def _closed(event: Any) -> None:
    """A line closed before it asked for anything: wake the thread that would wait for a request all its time."""
    if event.assoc.requestor.primitive is None:
        event.assoc.dul.to_user_queue.put(None)


def _end_all(lines: Mapping[Any, socket.socket], deadline: float) -> None:
    """Open associations see that we stop and abort by themselves; what does not end within a second loses its line."""
    for association, line in lines.items():
        if association.requestor.primitive is None:
            _shut(line)  # it has asked for nothing yet: pynetdicom's state machine knows no abort here
    _join(lines, min(deadline, time.monotonic() + 1.0))
    for association, line in lines.items():
        if association.is_alive():
            _shut(line)
    _join(lines, deadline)


def _join(threads: Mapping[Any, object], deadline: float) -> None:
    for thread in threads:
        if thread.ident is not None:
            thread.join(max(0.0, deadline - time.monotonic()))


def _shut(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        log.debug("the line was closed already")


def _wishes(association: Any) -> _Wishes:
    proposed = {str(one.abstract_syntax) for one in _proposed(association)}
    stored = proposed - QUERIES - {str(Verification), COMMITMENT} - _stores_at_peer(association)
    return _Wishes(asks=bool(proposed & QUERIES), sends=bool(stored))


def _proposed(association: Any) -> Sequence[Any]:
    return list(association.requestor.primitive.presentation_context_definition_list)


def _stores_at_peer(association: Any) -> frozenset[str]:
    """Classes for which the caller offers to take images itself (SCP role, PS3.7 annex D.3.3.4), as C-GET needs it."""
    roles = association.requestor.role_selection
    return frozenset(str(uid) for uid, role in roles.items() if role.scp_role)


def _contexts(leave: _Leave) -> list[Any]:
    """Implicit little endian alone for questions: everybody has to know it (PS3.5 section 10.1)."""
    classes = [str(Verification), *(sorted(QUERIES) if leave.may_ask else ())]
    found = [build_context(uid) for uid in classes[:1]]
    found += [build_context(uid, IMPLICIT_LITTLE_ENDIAN) for uid in classes[1:]]
    return found + ([build_context(COMMITMENT, IMPLICIT_LITTLE_ENDIAN)] if leave.may_commit else [])


def _prefer(association: Any, collection: Collection | None) -> None:
    """Of the transfer syntaxes offered for images to be fetched, the one that most of ours have goes first."""
    fetched = _stores_at_peer(association)
    if collection is None or not fetched:
        return
    ours = collection.transfer_syntaxes()
    for context in _proposed(association):
        if str(context.abstract_syntax) in fetched:
            held = ours.get(str(context.abstract_syntax), {})
            context.transfer_syntax = sorted(context.transfer_syntax, key=lambda uid: -held.get(str(uid), 0))


def _source(association: Any) -> Source:
    primitive = association.requestor.primitive
    return Source(calling_ae=str(primitive.calling_ae_title).strip(), address=str(association.requestor.address))


def _called_ae(association: Any) -> str:
    return str(association.requestor.primitive.called_ae_title).strip()
