"""Command sets and identifiers in Implicit VR Little Endian (PS3.7 section 6.3, PS3.5 section 7.1).

Bytes in, bytes out. Knows flat elements only; a sequence in a reply is stepped over.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from enum import IntEnum

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
NO_DATA_SET = 0x0101

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF


class Tag(IntEnum):
    """Elements of a command set (PS3.7 annex E.1)."""

    SOP_CLASS_UID = 0x00000002
    COMMAND = 0x00000100
    MESSAGE_ID = 0x00000110
    ANSWERED_MESSAGE_ID = 0x00000120
    MOVE_DESTINATION = 0x00000600
    PRIORITY = 0x00000700
    DATA_SET_TYPE = 0x00000800
    STATUS = 0x00000900
    ERROR_COMMENT = 0x00000902
    SOP_INSTANCE_UID = 0x00001000
    REMAINING = 0x00001020
    COMPLETED = 0x00001021
    FAILED = 0x00001022
    WARNING = 0x00001023


class Command(IntEnum):
    """Requests; the answer carries the same number with the highest bit set."""

    C_STORE = 0x0001
    C_FIND = 0x0020
    C_MOVE = 0x0021
    C_ECHO = 0x0030


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
