"""Command sets and identifiers in Implicit VR Little Endian (PS3.7 section 6.3, PS3.5 section 7.1).

Bytes in, bytes out. `decode_elements` steps over sequences; `decode_items` reads one of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
NO_DATA_SET = 0x0101
ANSWER = 0x8000
"""The bit that makes a command's number its answer's."""

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_DATA_PDU, _IS_COMMAND, _IS_LAST = 0x04, 0x01, 0x02


class Tag(IntEnum):
    """Elements of a command set (PS3.7 annex E.1)."""

    SOP_CLASS_UID = 0x00000002
    REQUESTED_SOP_CLASS_UID = 0x00000003
    COMMAND = 0x00000100
    MESSAGE_ID = 0x00000110
    ANSWERED_MESSAGE_ID = 0x00000120
    MOVE_DESTINATION = 0x00000600
    PRIORITY = 0x00000700
    DATA_SET_TYPE = 0x00000800
    STATUS = 0x00000900
    ERROR_COMMENT = 0x00000902
    SOP_INSTANCE_UID = 0x00001000
    REQUESTED_SOP_INSTANCE_UID = 0x00001001
    EVENT_TYPE = 0x00001002
    ACTION_TYPE = 0x00001008
    REMAINING = 0x00001020
    COMPLETED = 0x00001021
    FAILED = 0x00001022
    WARNING = 0x00001023
    ORIGINATOR_AE = 0x00001030
    ORIGINATOR_MESSAGE_ID = 0x00001031


class Command(IntEnum):
    """Requests; the answer carries the same number with the highest bit set."""

    C_STORE = 0x0001
    C_GET = 0x0010
    C_FIND = 0x0020
    C_MOVE = 0x0021
    C_ECHO = 0x0030
    N_EVENT_REPORT = 0x0100
    N_ACTION = 0x0130
    C_CANCEL = 0x0FFF


def encode_command(values: Mapping[Tag, int | str]) -> bytes:
    """With its group length in front, as PS3.7 section 6.3.1 asks."""
    body = encode_elements({int(tag): _command_value(value) for tag, value in values.items()})
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def encode_elements(values: Mapping[int, bytes]) -> bytes:
    """Values must already have an even length."""
    return b"".join(
        struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value for tag, value in sorted(values.items())
    )


def decode_elements(data: bytes) -> dict[int, bytes]:
    """Tag -> raw value of the top level, without sequences. Raises ValueError on bytes that are no data set."""
    values: dict[int, bytes] = {}
    position = 0
    while position < len(data):
        tag, length, position = _element(data, position)
        if length == _UNDEFINED:
            position = _after_sequence(data, position)
            continue
        values[tag] = data[position : position + length]
        position += length
    if position > len(data):
        raise ValueError("the last element is cut short")
    return values


def encode_items(items: Iterable[bytes]) -> bytes:
    """The value of a sequence: each item is encoded elements."""
    return b"".join(struct.pack("<HHI", _ITEM >> 16, _ITEM & 0xFFFF, len(item)) + item for item in items)


def decode_items(data: bytes, tag: int) -> list[dict[int, bytes]]:
    """The items of a sequence of the top level, each as `decode_elements` has it. Raises ValueError as that does."""
    position = 0
    while position < len(data):
        found, length, position = _element(data, position)
        if found == tag:
            return list(_items(data, position, len(data) if length == _UNDEFINED else position + length))
        position = _after_sequence(data, position) if length == _UNDEFINED else position + length
    return []


def _items(data: bytes, position: int, end: int) -> Iterator[dict[int, bytes]]:
    while position < end:
        tag, length, position = _element(data, position)
        if tag == _SEQUENCE_END:
            return
        if tag != _ITEM:
            raise ValueError("a sequence with something else than items")
        after = _after_sequence(data, position, _ITEM_END) if length == _UNDEFINED else position + length
        yield decode_elements(data[position : after - 8 if length == _UNDEFINED else after])
        position = after


def data_pdus(
    context_id: int, blocks: Iterable[bytes], total: int, fragment_bytes: int, *, is_command: bool
) -> Iterator[tuple[bytes, bool]]:
    """(P-DATA PDU, whether it is the last) of `total` bytes: one fragment in each (PS3.8 annex E).

    Raises OSError when the blocks end too early.
    """
    left = total
    for block in blocks:
        view = memoryview(block)
        for start in range(0, len(view), fragment_bytes):
            piece = view[start : start + fragment_bytes]
            left -= len(piece)
            is_last = left <= 0
            flags = (_IS_COMMAND if is_command else 0) | (_IS_LAST if is_last else 0)
            head = struct.pack(">BBIIBB", _DATA_PDU, 0, len(piece) + 6, len(piece) + 2, context_id, flags)
            yield b"".join((head, piece)), is_last
    if left > 0:
        raise OSError(f"{left} bytes of the data set are missing")


def fragment_bytes(peer_bytes: int, largest: int = 256 * 1024) -> int:
    """How much of a data set fits into one PDU of a peer that announced `peer_bytes` (0: any); always even."""
    limit = min(largest, max(peer_bytes - 6, 2) if peer_bytes else largest)
    return limit - limit % 2


def number(values: Mapping[int, bytes], tag: Tag) -> int | None:
    """A US value of a command set, None when absent."""
    raw = values.get(tag, b"")
    return int.from_bytes(raw[:2], "little") if len(raw) >= 2 else None


def text(values: Mapping[int, bytes], tag: Tag) -> str:
    """A text of a command set; some PACS write their own language there."""
    raw = values.get(tag, b"").strip(b"\0 ")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")


def _command_value(value: int | str) -> bytes:
    if isinstance(value, int):
        return struct.pack("<H", value)
    raw = value.encode("ascii", "replace")
    padding = b"\0" if value[:1].isdigit() and set(value) <= set("0123456789.") else b" "
    return raw + padding * (len(raw) % 2)


def _element(data: bytes, position: int) -> tuple[int, int, int]:
    """Tag, length and where the value begins."""
    if position + 8 > len(data):
        raise ValueError("an element is cut short")
    group, element, length = struct.unpack_from("<HHI", data, position)
    return group << 16 | element, length, position + 8


def _after_sequence(data: bytes, position: int, end: int = _SEQUENCE_END, depth: int = 0) -> int:
    """Step over items, or over the elements of one item, up to the delimiter `end`."""
    if depth > 32:
        raise ValueError("sequences nested too deep")
    while True:
        tag, length, position = _element(data, position)
        if tag == end:
            return position
        if length != _UNDEFINED:
            position += length
        else:
            position = _after_sequence(data, position, _ITEM_END if tag == _ITEM else _SEQUENCE_END, depth + 1)
