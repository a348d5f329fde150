"""Serve an accepted association straight from its socket: C-STORE and C-ECHO, then release or abort (PS3.7, PS3.8).

One thread, blocking reads, no polling. Never negotiates, never decodes a data set, never decides a status.
"""

from __future__ import annotations

import io
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from app.wire.dimse import NO_DATA_SET, Command, Tag, decode_elements, encode_command, number, text
from app.wire.listening import acknowledgement

Store = Callable[[int, str, str, memoryview], int]
"""(presentation context ID, SOP class UID, SOP instance UID, data set) -> status."""

LOOK_SECONDS = 0.5  # so often a waiting association sees that the program ends
UNRECOGNIZED_OPERATION = 0x0211
_P_DATA, _RELEASE_RQ, _RELEASE_RP, _ABORT = 0x04, 0x05, 0x06, 0x07
_PDU_LIMIT_BYTES = 4 * 1024 * 1024  # a peer may announce 4 GB
_COMMAND_LIMIT_BYTES = 64 * 1024
_KEPT_BYTES = 32 * 1024 * 1024  # a buffer that one huge object made larger is not kept for the next
_READ_BYTES = 64 * 1024
_IS_COMMAND, _IS_LAST = 0x01, 0x02
_ANSWER, _CANCEL = 0x8000, 0x0FFF
_PDU = struct.Struct(">BxI")
_PDV = struct.Struct(">IBB")
_ANSWER_HEAD = struct.Struct(">BxIIBB")
_RELEASE_RP_PDU = struct.pack(">BBII", _RELEASE_RP, 0, 4, 0)
_ABORT_PDU = struct.pack(">BBIBBBB", _ABORT, 0, 4, 0, 0, 2, 0)  # by the service provider, no reason given


def serve(
    line: socket.socket, contexts: Collection[int], store: Store, stopping: threading.Event, idle_seconds: float
) -> bool:
    """Answer until the peer releases (True), or the association is broken off by either side (False).

    `contexts` are the accepted presentation context IDs. `store` must not raise; its data set is valid only until it
    returns. Silence for `idle_seconds`, a PDU that breaks the rules and `stopping` end in an A-ABORT.
    """
    line.settimeout(min(LOOK_SECONDS, idle_seconds))
    try:
        return _Service(line, contexts, store, stopping, idle_seconds).until_the_end()
    except (OSError, ValueError, EOFError, struct.error):
        _abort(line)
        return False


class _Line(io.RawIOBase):
    """What BufferedReader reads from. Raises OSError when the peer is silent for too long, or we stop."""

    def __init__(self, line: socket.socket, stopping: threading.Event, idle_seconds: float) -> None:
        self._line, self._stopping, self._idle_seconds = line, stopping, idle_seconds
        self._acknowledge = acknowledgement(line)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
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


class _Service:
    def __init__(
        self,
        line: socket.socket,
        contexts: Collection[int],
        store: Store,
        stopping: threading.Event,
        idle_seconds: float,
    ) -> None:
        self._line, self._contexts, self._store = line, frozenset(contexts), store
        self._reader = io.BufferedReader(_Line(line, stopping, idle_seconds), _READ_BYTES)
        self._command = bytearray()
        self._request: Mapping[int, bytes] | None = None  # waits for its data set
        self._data, self._filled = bytearray(_READ_BYTES), 0

    def until_the_end(self) -> bool:
        while True:
            kind, length = _PDU.unpack(self._read(_PDU.size))
            if kind == _RELEASE_RQ:
                self._line.sendall(_RELEASE_RP_PDU)
                return True
            if kind == _ABORT:
                return False
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
            self._answer(context_id, request)
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
            self._answer(context_id, request)
            self._filled = 0
            if len(self._data) > _KEPT_BYTES:
                self._data = bytearray(_READ_BYTES)

    def _grow(self, least: int) -> None:
        """A new buffer: the old one may still be looked at, and a bytearray in use cannot be resized."""
        larger = bytearray(max(least, 2 * len(self._data)))
        larger[: self._filled] = memoryview(self._data)[: self._filled]
        self._data = larger

    def _answer(self, context_id: int, request: Mapping[int, bytes]) -> None:
        command, message_id = number(request, Tag.COMMAND), number(request, Tag.MESSAGE_ID)
        if command == _CANCEL:  # of an operation that is over already
            return
        if command is None or message_id is None or command & _ANSWER:
            raise ValueError("a command set that is no request")
        sop_class, sop_instance = text(request, Tag.SOP_CLASS_UID), text(request, Tag.SOP_INSTANCE_UID)
        answer: dict[Tag, Any] = {
            Tag.COMMAND: command | _ANSWER,
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
