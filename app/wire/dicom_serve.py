"""Serve an accepted association straight from its socket: C-STORE and C-ECHO, then release or abort (PS3.7, PS3.8).

One thread, blocking reads, no polling. Never negotiates, never decodes a data set, never decides a status. Any other
request is handed to whoever answers questions, together with the line to answer on.
"""

from __future__ import annotations

import io
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from app.wire.dimse import (
    ANSWER,
    NO_DATA_SET,
    Command,
    Tag,
    data_pdus,
    decode_elements,
    encode_command,
    fragment_bytes,
    number,
    text,
)
from app.wire.listening import acknowledgement

Store = Callable[[int, str, str, memoryview], int]
"""(presentation context ID, SOP class UID, SOP instance UID, data set) -> status."""
Answer = Callable[["Service", int, Mapping[int, bytes], bytes], None]
"""(the line, presentation context ID, command set, identifier) of a request that is neither C-STORE nor C-ECHO.

Raises OSError or ValueError to break the association off.
"""

LOOK_SECONDS = 0.5  # so often a waiting association sees that the program ends
UNRECOGNIZED_OPERATION = 0x0211
_P_DATA, _RELEASE_RQ, _RELEASE_RP, _ABORT = 0x04, 0x05, 0x06, 0x07
_PDU_LIMIT_BYTES = 4 * 1024 * 1024  # a peer may announce 4 GB
_COMMAND_LIMIT_BYTES = 64 * 1024
_IDENTIFIER_LIMIT_BYTES = 16 * 1024 * 1024
_KEPT_BYTES = 32 * 1024 * 1024  # a buffer that one huge object made larger is not kept for the next
_READ_BYTES = 64 * 1024
_IS_COMMAND, _IS_LAST = 0x01, 0x02
_PDU = struct.Struct(">BxI")
_PDV = struct.Struct(">IBB")
_ANSWER_HEAD = struct.Struct(">BxIIBB")
_RELEASE_RP_PDU = struct.pack(">BBII", _RELEASE_RP, 0, 4, 0)
_ABORT_PDU = struct.pack(">BBIBBBB", _ABORT, 0, 4, 0, 0, 2, 0)  # by the service provider, no reason given


def serve(
    line: socket.socket,
    contexts: Collection[int],
    store: Store,
    stopping: threading.Event,
    idle_seconds: float,
    *,
    answer: Answer | None = None,
    peer_bytes: int = 0,
) -> bool:
    """Answer until the peer releases (True), or the association is broken off by either side (False).

    `contexts` are the accepted presentation context IDs. `store` must not raise; its data set is valid only until it
    returns. Silence for `idle_seconds`, a PDU that breaks the rules and `stopping` end in an A-ABORT. `peer_bytes`: the
    longest PDU that the peer takes, 0 for any.
    """
    line.settimeout(min(LOOK_SECONDS, idle_seconds))
    try:
        return Service(line, contexts, store, stopping, idle_seconds, answer, peer_bytes).until_the_end()
    except (OSError, ValueError, EOFError, struct.error):
        _abort(line)
        return False


class Released(Exception):
    """The peer says goodbye."""


class _Line(io.RawIOBase):
    """What BufferedReader reads from. Raises OSError when the peer is silent for too long, or we stop."""

    def __init__(self, line: socket.socket, stopping: threading.Event, idle_seconds: float) -> None:
        self._line, self._stopping, self._idle_seconds = line, stopping, idle_seconds
        self._acknowledge = acknowledgement(line)
        self.waits = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if not self.waits and not self._stopping.is_set() and not select.select([self._line], [], [], 0)[0]:
            return None
        silent_until = time.monotonic() + self._idle_seconds
        while not self._stopping.is_set():
            try:
                count = self._line.recv_into(buffer)
                self._acknowledge()
                return count
            except TimeoutError:
                if time.monotonic() >= silent_until:
                    raise
        raise ConnectionAbortedError("the program ends")


class Service:
    """One open association and its one thread; what is public is for whoever answers a question on it."""

    def __init__(
        self,
        line: socket.socket,
        contexts: Collection[int],
        store: Store,
        stopping: threading.Event,
        idle_seconds: float,
        answer: Answer | None,
        peer_bytes: int,
    ) -> None:
        self._line, self._contexts, self._store = line, frozenset(contexts), store
        self._idle_seconds, self._answer_it = idle_seconds, answer
        self._fragment_bytes = fragment_bytes(peer_bytes)
        self._raw = _Line(line, stopping, idle_seconds)
        self._reader = io.BufferedReader(self._raw, _READ_BYTES)
        self._command = bytearray()
        self._request: Mapping[int, bytes] | None = None  # waits for its data set
        self._data, self._filled = bytearray(_READ_BYTES), 0
        self._question: tuple[int, Mapping[int, bytes], bytes] | None = None
        self._is_answering = False
        self._cancelled: set[int] = set()
        self._reply: Mapping[int, bytes] | None = None

    def until_the_end(self) -> bool:
        try:
            while True:
                self._take_pdu()
                if self._question is not None:
                    self._answer_question(*self._question)
        except Released:
            self._line.sendall(_RELEASE_RP_PDU)
            return True

    # -- for whoever answers a question -----------------------------------------------------------------------------

    def send(self, context_id: int, command: dict[Tag, Any], blocks: Iterable[bytes] = (), size: int = 0) -> None:
        """A command set and, when it has any, `size` bytes of data in blocks. Raises OSError: the line is lost."""
        command[Tag.DATA_SET_TYPE] = 1 if size else NO_DATA_SET
        encoded = encode_command(command)
        looks_for = self._line.gettimeout()
        self._line.settimeout(self._idle_seconds)
        try:
            for pdu, _ in data_pdus(context_id, (encoded,), len(encoded), self._fragment_bytes, is_command=True):
                self._line.sendall(pdu)
            for pdu, _ in data_pdus(context_id, blocks, size, self._fragment_bytes, is_command=False):
                self._line.sendall(pdu)
        finally:
            self._line.settimeout(looks_for)

    @property
    def block_bytes(self) -> int:
        """The block size that suits the peer."""
        return self._fragment_bytes

    def reply(self) -> Mapping[int, bytes]:
        """The peer's answer to the request that was sent last."""
        while self._reply is None:
            self._take_pdu()
        reply, self._reply = self._reply, None
        return reply

    def is_cancelled(self, message_id: int) -> bool:
        """Whether the peer has taken this request back by now (C-CANCEL). Never waits for it."""
        while self._has_something():
            self._take_pdu()
        return message_id in self._cancelled

    def _has_something(self) -> bool:
        self._raw.waits = False
        try:
            return bool(self._reader.peek(1))
        finally:
            self._raw.waits = True

    # -- reading ----------------------------------------------------------------------------------------------------

    def _answer_question(self, context_id: int, request: Mapping[int, bytes], data: bytes) -> None:
        assert self._answer_it is not None
        self._is_answering = True
        self._answer_it(self, context_id, request, data)
        self._is_answering, self._question = False, None
        self._cancelled.clear()

    def _take_pdu(self) -> None:
        kind, length = _PDU.unpack(self._read(_PDU.size))
        if kind == _RELEASE_RQ:
            raise Released
        if kind == _ABORT:
            raise ConnectionAbortedError("the peer broke off")
        if kind != _P_DATA or length > _PDU_LIMIT_BYTES:
            raise ValueError(f"PDU {kind:02X} of {length} bytes")
        self._take_values(length)

    def _take_values(self, left: int) -> None:
        """Every presentation data value of one P-DATA PDU (PS3.8 section 9.3.5, annex E.2)."""
        while left:
            length, context_id, flags = _PDV.unpack(self._read(_PDV.size))
            left -= 4 + length
            if length < 2 or left < 0 or context_id not in self._contexts:
                raise ValueError("a data value against the rules")
            if flags & _IS_COMMAND:
                self._take_command(context_id, length - 2, is_last=bool(flags & _IS_LAST))
            else:
                self._take_data(context_id, length - 2, is_last=bool(flags & _IS_LAST))

    def _take_command(self, context_id: int, size: int, *, is_last: bool) -> None:
        if self._request is not None or len(self._command) + size > _COMMAND_LIMIT_BYTES:
            raise ValueError("a command set out of its place, or too long")
        self._command += self._read(size)
        if not is_last:
            return
        request = decode_elements(bytes(self._command))
        self._command.clear()
        if number(request, Tag.DATA_SET_TYPE) == NO_DATA_SET:
            self._take_message(context_id, request)
        else:
            self._request = request

    def _take_data(self, context_id: int, size: int, *, is_last: bool) -> None:
        if self._request is None:
            raise ValueError("a data set without its command")
        end = self._filled + size
        if end > len(self._data):
            self._grow(end)
        with memoryview(self._data) as whole, whole[self._filled : end] as place:
            if self._reader.readinto(place) < size:
                raise EOFError
        self._filled = end
        if is_last:
            request, self._request = self._request, None
            self._take_message(context_id, request)
            self._filled = 0
            if len(self._data) > _KEPT_BYTES:
                self._data = bytearray(_READ_BYTES)

    def _grow(self, least: int) -> None:
        """A new buffer: the old one may still be looked at, and a bytearray in use cannot be resized."""
        if least > _IDENTIFIER_LIMIT_BYTES and not self._is_storing():
            raise ValueError("an identifier too long")
        larger = bytearray(max(least, 2 * len(self._data)))
        larger[: self._filled] = memoryview(self._data)[: self._filled]
        self._data = larger

    def _is_storing(self) -> bool:
        return self._request is not None and number(self._request, Tag.COMMAND) == Command.C_STORE

    def _take_message(self, context_id: int, message: Mapping[int, bytes]) -> None:
        """A whole message: a request, the answer to ours, or a request taken back."""
        command, message_id = number(message, Tag.COMMAND), number(message, Tag.MESSAGE_ID)
        if command == Command.C_CANCEL:
            if self._is_answering or self._question is not None:  # else of an operation that is over already
                self._cancelled.add(number(message, Tag.ANSWERED_MESSAGE_ID) or 0)
            return
        if command is not None and command & ANSWER and self._is_answering:
            self._reply = message
            return
        if command is None or message_id is None or command & ANSWER or self._is_answering or self._question:
            raise ValueError("a command set that is no request, or out of its turn")
        if command in (Command.C_STORE, Command.C_ECHO) or self._answer_it is None:
            self._answer(context_id, message, command, message_id)
        else:
            self._question = context_id, message, bytes(memoryview(self._data)[: self._filled])

    def _answer(self, context_id: int, request: Mapping[int, bytes], command: int, message_id: int) -> None:
        sop_class, sop_instance = text(request, Tag.SOP_CLASS_UID), text(request, Tag.SOP_INSTANCE_UID)
        answer: dict[Tag, Any] = {
            Tag.COMMAND: command | ANSWER,
            Tag.ANSWERED_MESSAGE_ID: message_id,
            Tag.DATA_SET_TYPE: NO_DATA_SET,
            Tag.STATUS: 0x0000,
        }
        if sop_class:
            answer[Tag.SOP_CLASS_UID] = sop_class
        if command == Command.C_STORE:
            answer[Tag.SOP_INSTANCE_UID] = sop_instance
            with memoryview(self._data) as whole, whole[: self._filled] as data_set:
                answer[Tag.STATUS] = self._store(context_id, sop_class, sop_instance, data_set)
        elif command != Command.C_ECHO:
            answer[Tag.STATUS] = UNRECOGNIZED_OPERATION
        encoded = encode_command(answer)
        head = _ANSWER_HEAD.pack(_P_DATA, len(encoded) + 6, len(encoded) + 2, context_id, _IS_COMMAND | _IS_LAST)
        self._line.sendall(head + encoded)

    def _read(self, size: int) -> bytes:
        data = self._reader.read(size)
        if len(data) < size:
            raise EOFError
        return data


def _abort(line: socket.socket) -> None:
    """As far as the line still carries it."""
    try:
        line.sendall(_ABORT_PDU)
    except OSError:
        return
