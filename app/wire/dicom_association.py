"""An association that we ask for: one socket, one thread, blocking, with a time limit on every wait (PS3.8 section 9).

pynetdicom encodes and decodes the negotiation; data travel as they are, without a copy of the whole.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn, Self

from app.errors import AgentError, Bug, NeedsOperator, RetryLater
from app.wire.dimse import (
    NO_DATA_SET,
    Tag,
    data_pdus,
    decode_elements,
    encode_command,
    fragment_bytes,
    number,
)
from app.wire.faults import WAIT, LineCut, line_fault
from app.wire.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

PAGE = "dicom"
CONTEXTS_PER_ASSOCIATION = 128
Context = tuple[str, str]  # SOP class UID, transfer syntax UID

_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_OUR_PDU_BYTES = 131072
_MESSAGE_LIMIT_BYTES = 16 * 1024 * 1024
_AC, _RJ, _DATA, _RELEASE_RQ, _RELEASE_RP, _ABORT = range(2, 8)
_RELEASE_RQ_PDU = struct.pack(">BBII", _RELEASE_RQ, 0, 4, 0)
_ABORT_PDU = struct.pack(">BBIBBBB", _ABORT, 0, 4, 0, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A DICOM node that we call, and the AE title under which we call it; `name` is how a person calls it, `page`
    where the settings have it; our own title stands in `PAGE`."""

    host: str
    port: int
    called_ae: str
    calling_ae: str
    name: str = "平台"
    connect_seconds: float = 10.0
    reply_seconds: float = 60.0
    page: str = PAGE


@dataclass(frozen=True, kw_only=True)
class Message:
    """An answer: command elements and the identifier's raw bytes (empty when none)."""

    command: dict[int, bytes]
    data: bytes

    @property
    def status(self) -> int:
        return number(self.command, Tag.STATUS) or 0


class Association:
    """Open on construction. Raises LineCut, RetryLater (busy) or NeedsOperator (AE titles) like every method here."""

    def __init__(self, peer: Peer, contexts: Sequence[Context], *, as_provider: bool = False) -> None:
        """`as_provider`: we serve (SCP) what the peer uses, as with the answer of a storage commitment."""
        if not 0 < len(contexts) <= CONTEXTS_PER_ASSOCIATION:
            raise Bug(f"{len(contexts)} presentation contexts in one association")
        self._peer = peer
        self._sent_whole = False
        self._line = self._connected()
        try:
            self._accepted, self._fragment_bytes = self._negotiate(contexts, as_provider)
        except BaseException:
            self._line.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is None:
            self.release()
        else:
            self.abort()

    def accepts(self, context: Context) -> bool:
        return context in self._accepted

    def request(
        self, context: Context, command: dict[Tag, int | str], data: Iterable[bytes] | None = None, data_bytes: int = 0
    ) -> None:
        """Send a command set and, when given, a data set of `data_bytes` in blocks of any size."""
        context_id = self._accepted[context]
        command[Tag.DATA_SET_TYPE] = NO_DATA_SET if data is None else 1
        encoded = encode_command(command)
        self._sent_whole = False
        try:
            self._send_fragments(context_id, True, (encoded,), len(encoded))
            if data is not None:
                self._send_fragments(context_id, False, data, data_bytes)
            self._sent_whole = True
        except OSError as error:
            self._fail(error)

    def answer(self) -> Message:
        """Wait for one whole message, at most the peer's `reply_seconds` between two of its parts."""
        parts: dict[bool, bytearray] = {True: bytearray(), False: bytearray()}
        expected = {True}
        while expected:
            for is_command, is_last, fragment in self._fragments():
                parts[is_command] += fragment
                if len(parts[is_command]) > _MESSAGE_LIMIT_BYTES:
                    self._fail(OSError("oversized message"))
                if is_last:
                    expected.discard(is_command)
                    if is_command and self._announces_data(parts[True]):
                        expected.add(False)
        return Message(command=self._elements(parts[True]), data=bytes(parts[False]))

    def release(self) -> None:
        """Say goodbye; a peer that does not answer that has all the same received what it acknowledged."""
        try:
            self._line.sendall(_RELEASE_RQ_PDU)
            self._line.settimeout(min(5.0, self._peer.reply_seconds))
            while self._read_pdu()[0] not in (_RELEASE_RP, _ABORT):
                continue
        except (OSError, AgentError):
            return
        finally:
            self._line.close()

    def abort(self) -> None:
        """Break off; never waits for the peer."""
        try:
            self._line.settimeout(1.0)
            self._line.sendall(_ABORT_PDU)
        except OSError:
            return
        finally:
            self._line.close()

    def _connected(self) -> socket.socket:
        try:
            line = socket.create_connection((self._peer.host, self._peer.port), timeout=self._peer.connect_seconds)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.settimeout(self._peer.reply_seconds)
        except (OSError, UnicodeError, OverflowError) as error:
            raise line_fault(error, self._peer.name, maybe_received=False) from error
        return line

    def _negotiate(self, contexts: Sequence[Context], as_provider: bool) -> tuple[dict[Context, int], int]:
        ids = {2 * index + 1: context for index, context in enumerate(contexts)}
        try:
            self._line.sendall(_associate_request(self._peer, ids, as_provider))
            kind, body = self._read_pdu()
        except OSError as error:
            raise line_fault(error, self._peer.name, maybe_received=False) from error
        if kind == _RJ:
            raise _rejection(self._peer, *body[1:4])
        if kind != _AC:
            raise self._aborted(f"PDU {kind}")
        return self._read_acceptance(body, ids)

    def _read_acceptance(self, body: bytes, ids: dict[int, Context]) -> tuple[dict[Context, int], int]:
        import pynetdicom

        try:
            reply = pynetdicom.pdu.A_ASSOCIATE_AC()
            reply.decode(struct.pack(">BBI", _AC, 0, len(body)) + body)
            primitive = reply.to_primitive()
            accepted = {
                ids[int(context.context_id)]: int(context.context_id)
                for context in primitive.presentation_context_definition_results_list
                if context.result == 0 and int(context.context_id) in ids
            }
            peer_bytes = int(primitive.maximum_length_received or 0)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error) as error:
            raise self._aborted("A-ASSOCIATE-AC 读不懂") from error
        return accepted, fragment_bytes(peer_bytes)

    def _send_fragments(self, context_id: int, is_command: bool, blocks: Iterable[bytes], total: int) -> None:
        """One PDU per write."""
        for pdu, is_last in data_pdus(context_id, blocks, total, self._fragment_bytes, is_command=is_command):
            self._sent_whole = not is_command and is_last  # from here on the peer may hold it all
            self._line.sendall(pdu)

    @property
    def fragment_bytes(self) -> int:
        """The block size that suits the peer."""
        return self._fragment_bytes

    def _fragments(self) -> list[tuple[bool, bool, bytes]]:
        """(is command, is last, bytes) of every presentation data value in the next P-DATA PDU."""
        kind, body = self._reply_pdu()
        if kind != _DATA:
            self._line.close()  # an abort, or a release while we wait for an answer
            raise self._aborted(f"PDU {kind}")
        found, position = [], 0
        while position + 6 <= len(body):
            length, _, flags = struct.unpack_from(">IBB", body, position)
            if length < 2 or position + 4 + length > len(body):
                self._fail(OSError("malformed P-DATA"))
            found.append((bool(flags & 1), bool(flags & 2), body[position + 6 : position + 4 + length]))
            position += 4 + length
        return found

    def _reply_pdu(self) -> tuple[int, bytes]:
        try:
            return self._read_pdu()
        except OSError as error:
            self._fail(error)

    def _read_pdu(self) -> tuple[int, bytes]:
        kind, length = struct.unpack(">BxI", self._read(6))
        if length > _MESSAGE_LIMIT_BYTES:
            raise ConnectionError("the peer announced an oversized PDU")
        return kind, self._read(length)

    def _read(self, size: int) -> bytes:
        buffer = bytearray(size)
        view, filled = memoryview(buffer), 0
        while filled < size:
            count = self._line.recv_into(view[filled:])
            if not count:
                raise ConnectionResetError("the peer hung up")
            filled += count
        return bytes(buffer)

    def _announces_data(self, command: bytearray) -> bool:
        return number(self._elements(command), Tag.DATA_SET_TYPE) != NO_DATA_SET

    def _elements(self, command: bytearray) -> dict[int, bytes]:
        try:
            return decode_elements(bytes(command))
        except ValueError as error:
            self._fail(ConnectionError(str(error)))

    def _fail(self, error: OSError) -> NoReturn:
        self.abort()
        raise line_fault(error, self._peer.name, maybe_received=self._sent_whole) from error

    def _aborted(self, details: str) -> LineCut:
        return LineCut(f"{self._peer.name}中断了传输", WAIT, maybe_received=self._sent_whole, details=details)


def _associate_request(peer: Peer, ids: dict[int, Context], as_provider: bool) -> bytes:
    import pynetdicom  # at its first use: half a second with what it brings
    from pynetdicom.pdu_primitives import (
        A_ASSOCIATE,
        ImplementationClassUIDNotification,
        ImplementationVersionNameNotification,
        MaximumLengthNotification,
        SCP_SCU_RoleSelectionNegotiation,
    )

    primitive = A_ASSOCIATE()
    primitive.application_context_name = _APPLICATION_CONTEXT
    primitive.calling_ae_title = peer.calling_ae
    primitive.called_ae_title = peer.called_ae
    primitive.presentation_context_definition_list = [_proposal(number, *context) for number, context in ids.items()]
    length, class_uid, version = (
        MaximumLengthNotification(),
        ImplementationClassUIDNotification(),
        ImplementationVersionNameNotification(),
    )
    length.maximum_length_received = _OUR_PDU_BYTES
    class_uid.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    primitive.user_information = [length, class_uid, version]
    for sop_class_uid in sorted({context[0] for context in ids.values()}) if as_provider else ():
        role = SCP_SCU_RoleSelectionNegotiation()
        role.sop_class_uid, role.scu_role, role.scp_role = sop_class_uid, False, True
        primitive.user_information.append(role)
    pdu = pynetdicom.pdu.A_ASSOCIATE_RQ()
    pdu.from_primitive(primitive)
    return bytes(pdu.encode())


def _proposal(context_id: int, sop_class_uid: str, transfer_syntax_uid: str) -> Any:
    import pynetdicom

    context = pynetdicom.presentation.PresentationContext()
    context.context_id = context_id
    context.abstract_syntax = sop_class_uid
    context.transfer_syntax = [transfer_syntax_uid]
    return context


def _rejection(peer: Peer, result: int, source: int, reason: int) -> NeedsOperator | RetryLater:
    """PS3.8 section 9.3.4. Titles are a person's to mend; everything transient mends itself."""
    details = f"A-ASSOCIATE-RJ {result}-{source}-{reason}"
    if (source, reason) == (1, 3):
        return NeedsOperator(
            f"连上了，但{peer.name}拒绝我们的 AE 标题",
            f"请把 {peer.calling_ae} 告诉{peer.name}工程师",
            details=details,
            page=PAGE,
        )
    if (source, reason) == (1, 7):
        return NeedsOperator(
            f"连上了，但{peer.name}说它的 AE 标题不是 {peer.called_ae}",
            f"请向{peer.name}工程师核对 AE 标题，再到设置里改",
            details=details,
            page=peer.page,
        )
    if result == 2 or source == 3:
        return RetryLater(f"{peer.name}正忙，暂时不收影像", WAIT, details=details)
    return NeedsOperator(
        f"连上了，但{peer.name}不让我们传影像",
        f"请把 {peer.calling_ae} 和本机地址告诉{peer.name}工程师，请他放行",
        details=details,
        page=peer.page,
    )
