"""Whether a PDF opens without a password (ISO 32000-1 7.6, ISO 32000-2 7.6.4).

Many reports are only protected against changes: they open for everyone. Must never try any but the empty password.
"""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass

_PAD = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
_START = re.compile(rb"startxref\s+(\d+)")
_REFERENCE = re.compile(rb"/Encrypt\s+(\d+)\s+(\d+)\s+R\b")
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r\n": b"", b"\r": b""}
_ESCAPE = re.compile(rb"\\(\r\n|[0-7]{1,3}|.)", re.DOTALL)
_SEARCH_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class _Lock:
    """The values of the encryption dictionary that the check needs."""

    revision: int
    key_bytes: int
    permissions: int
    owner: bytes
    user: bytes
    first_id: bytes
    metadata: bool


def opens_without_password(data: bytes) -> bool:
    """True when not encrypted, or when the empty user password fits; False also when that can't be told (AES-256)."""
    trailer = _trailer(data)
    if b"/Encrypt" not in trailer:
        return True
    dictionary = _encryption(data, trailer)
    if b"/Standard" not in dictionary:
        return False
    lock = _lock(dictionary, trailer)
    if lock.revision == 5:
        return hashlib.sha256(lock.user[32:40]).digest() == lock.user[:32]
    return lock.revision in (2, 3, 4) and _empty_password_fits(lock)


def _trailer(data: bytes) -> bytes:
    """The dictionary of the newest cross-reference section, table or stream; all trailers when it is not found."""
    starts = _START.findall(data[-2048:])
    shift = max(0, data.find(b"%PDF-"))
    for offset in (int(starts[-1]), int(starts[-1]) + shift) if starts else ():
        section = data[offset : offset + _SEARCH_BYTES * 16]
        if section.startswith(b"xref"):
            at = section.find(b"trailer")
            return section[at : _end(section, b"startxref", at)] if at >= 0 else b""
        if re.match(rb"\s*\d+\s+\d+\s+obj\b", section):
            return section[: _end(section, b"stream", 0)]
    return b"".join(re.findall(rb"trailer(.*?)startxref", data, re.DOTALL))


def _end(section: bytes, word: bytes, start: int) -> int:
    at = section.find(word, start)
    return at if at >= 0 else len(section)


def _encryption(data: bytes, trailer: bytes) -> bytes:
    reference = _REFERENCE.search(trailer)
    if reference is None:
        return trailer[trailer.index(b"/Encrypt") :]
    number, generation = (int(part) for part in reference.groups())
    found = list(re.finditer(rb"(?<!\d)%d\s+%d\s+obj\b" % (number, generation), data))
    if not found:
        return b""
    start = found[-1].end()
    return data[start : _end(data[: start + _SEARCH_BYTES], b"endobj", start)]


def _lock(dictionary: bytes, trailer: bytes) -> _Lock:
    ids = re.search(rb"/ID\s*\[", trailer)
    return _Lock(
        revision=_number(dictionary, b"R", 0),
        key_bytes=16 if _number(dictionary, b"V", 0) >= 4 else _number(dictionary, b"Length", 40) // 8,
        permissions=_number(dictionary, b"P", 0),
        owner=_string(dictionary, rb"/O\s*(?=[<(])"),
        user=_string(dictionary, rb"/U\s*(?=[<(])"),
        first_id=_string(trailer[ids.start() :], rb"/ID\s*\[\s*") if ids else b"",
        metadata=re.search(rb"/EncryptMetadata\s+false", dictionary) is None,
    )


def _number(dictionary: bytes, key: bytes, absent: int) -> int:
    values = re.findall(rb"/%s\s+(-?\d{1,10})\b" % key, dictionary)
    return int(values[-1] if key != b"Length" else max(values, key=int)) if values else absent


def _string(dictionary: bytes, before: bytes) -> bytes:
    """The hexadecimal or literal string behind `before` (ISO 32000-1 7.3.4), b"" when there is none."""
    found = re.search(before, dictionary)
    if found is None:
        return b""
    text = dictionary[found.end() :]
    if text[:1] == b"<":
        digits = re.sub(rb"[^0-9A-Fa-f]", b"", text[1 : _end(text, b">", 0)])
        return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
    return _literal(text)


def _literal(text: bytes) -> bytes:
    depth, at = 0, 0
    while at < len(text):
        byte = text[at : at + 1]
        if byte == b"\\":
            at += 1
        elif byte == b"(":
            depth += 1
        elif byte == b")":
            depth -= 1
            if depth == 0:
                break
        at += 1
    return _ESCAPE.sub(_unescaped, text[1:at])


def _unescaped(found: re.Match[bytes]) -> bytes:
    what = found.group(1)
    if what.isdigit() and what[0] < 0x38:
        return bytes([int(what, 8) & 0xFF])
    return _ESCAPED.get(what, what)


def _empty_password_fits(lock: _Lock) -> bool:
    """Algorithms 2, 4 and 5 of ISO 32000-1 7.6.3.3 and 7.6.3.4."""
    if not 5 <= lock.key_bytes <= 16 or len(lock.user) < 32 or len(lock.owner) < 32:
        return False
    seed = _PAD + lock.owner[:32] + struct.pack("<I", lock.permissions & 0xFFFFFFFF) + lock.first_id
    if lock.revision >= 4 and not lock.metadata:
        seed += b"\xff\xff\xff\xff"
    key = _md5(seed)
    if lock.revision == 2:
        return _rc4(key[:5], _PAD) == lock.user[:32]
    for _ in range(50):
        key = _md5(key[: lock.key_bytes])
    key = key[: lock.key_bytes]
    value = _md5(_PAD + lock.first_id)
    for turn in range(20):
        value = _rc4(bytes(byte ^ turn for byte in key), value)
    return value == lock.user[:16]


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _rc4(key: bytes, data: bytes) -> bytes:
    """Sixteen or thirty-two bytes at most are ever run through it."""
    box = list(range(256))
    j = 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)
