"""The head of a DICOM file (PS3.10 section 7.1): written for what arrives, read for what is sent.

Never looks into the data set.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from app.errors import Bug

# 2.25 + a UUID of our own (PS3.5 annex B.2); the name has at most 16 characters (PS3.8 annex D.3.3.2.3)
IMPLEMENTATION_CLASS_UID = "2.25.143658882860513629132584390614834078371"
IMPLEMENTATION_VERSION_NAME = "IMAGING_AGENT_1"

_PREAMBLE = bytes(128) + b"DICM"
_LONG_VRS = frozenset((b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UC", b"UN", b"UR", b"UT"))
_MEDIA_STORAGE_CLASS, _MEDIA_STORAGE_INSTANCE, _TRANSFER_SYNTAX = 0x0002, 0x0003, 0x0010
_LIMIT_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class FileHead:
    """What the file says of itself; `data_set_offset` is where the data set begins, in bytes from the start."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_set_offset: int


def file_head(*, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, source_ae: str) -> bytes:
    """Preamble, prefix and group 0002 in Explicit VR Little Endian."""
    elements = b"".join(
        (
            struct.pack("<HH2sHIH", 2, 0x0001, b"OB", 0, 2, 0x0100),
            _short_element(_MEDIA_STORAGE_CLASS, b"UI", sop_class_uid, b"\0"),
            _short_element(_MEDIA_STORAGE_INSTANCE, b"UI", sop_instance_uid, b"\0"),
            _short_element(_TRANSFER_SYNTAX, b"UI", transfer_syntax_uid, b"\0"),
            _short_element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID, b"\0"),
            _short_element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME, b" "),
            _short_element(0x0016, b"AE", source_ae, b" ") if source_ae else b"",
        )
    )
    return _PREAMBLE + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(elements)) + elements


def read_file_head(file: BinaryIO) -> FileHead:
    """Read from the start of `file`. Raises Bug when it is no DICOM file: intake lets no other into the spool."""
    file.seek(0)
    if file.read(132)[128:] != b"DICM":
        raise Bug("the file to send has no DICM prefix")
    values: dict[int, str] = {}
    while True:
        offset = file.tell()
        head = file.read(8)
        if len(head) < 8 or head[:2] != b"\x02\x00":
            break
        values[struct.unpack_from("<H", head, 2)[0]] = _value(file, head)
    try:
        return FileHead(
            sop_class_uid=values[_MEDIA_STORAGE_CLASS],
            sop_instance_uid=values[_MEDIA_STORAGE_INSTANCE],
            transfer_syntax_uid=values[_TRANSFER_SYNTAX],
            data_set_offset=offset,
        )
    except KeyError as error:
        raise Bug(f"the file to send lacks element (0002,{error.args[0]:04X})") from error


def _short_element(element: int, vr: bytes, text: str, padding: bytes) -> bytes:
    value = text.encode("ascii", "replace")
    value += padding * (len(value) % 2)
    return struct.pack("<HH2sH", 2, element, vr, len(value)) + value


def _value(file: BinaryIO, head: bytes) -> str:
    length: int = struct.unpack_from("<H", head, 6)[0]
    if head[4:6] in _LONG_VRS:
        length = struct.unpack("<I", file.read(4).ljust(4, b"\0"))[0]
    if length > _LIMIT_BYTES:
        raise Bug("the file to send has a damaged head")
    return file.read(length).decode("ascii", "replace").strip("\0 ")
