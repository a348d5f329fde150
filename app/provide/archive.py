"""A ZIP of files that is made while it is sent: no copy on disk, its size known beforehand, the same bytes each time.

Files are stored, not compressed, with CRC and sizes before their bytes: readers that take a ZIP as it comes refuse a
stored file whose sizes follow it. Each byte has its place without the bytes before it, so a cut line goes on anywhere;
that is why the layout (APPNOTE 4.3, ZIP64 where needed) is made here: no library of streamed ZIPs begins in the middle.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from app.errors import AgentError
from app.wire.file_server import ContentBroken

_BLOCK_BYTES = 64 * 1024
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s4B4H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64 = struct.Struct("<4sIQI")
_MOST_16, _MOST_32 = 0xFFFF, 0xFFFFFFFF
_PLAIN, _ZIP64 = 20, 45
"""Version needed to extract."""
_UNIX = 3
_NOON_OF_DOS = (0, 0x21)
"""Midnight of 1980-01-01, the first day that a ZIP knows: a real time would make other bytes of the same files."""
_READABLE = 0o100644 << 16


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file of the archive. `name` is ASCII; `open()` gives the path to read it from, while it is read.

    Size and CRC-32 are those of the bytes that will be read; others break the archive off.
    """

    name: str
    size_bytes: int
    crc32: int
    open: Callable[[], AbstractContextManager[Path]]


class Archive:
    """The archive as content for the file server. Safe to send several times at once."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._starts = [0, *accumulate(len(_local(one)) + one.size_bytes for one in members)]
        self._directory = _directory(members, self._starts)
        self.size = self._starts[-1] + len(self._directory)

    def blocks(self, first: int, length: int) -> Iterator[bytes]:
        """Raises `ContentBroken` when a file is not (any more) what it was: that archive must not look whole."""
        end = min(first + length, self.size)
        number = max(0, bisect_right(self._starts, first) - 1)
        for place in range(number, len(self._members)):
            start = self._starts[place]
            if start >= end:
                return
            yield from self._member(place, max(0, first - start), min(end, self._starts[place + 1]) - start)
        start = self._starts[-1]
        if end > start:
            yield self._directory[max(0, first - start) : end - start]

    def _member(self, place: int, first: int, end: int) -> Iterator[bytes]:
        """From the byte `first` of the member's header on, up to the byte before `end`."""
        member = self._members[place]
        header = _local(member)
        if first < len(header):
            yield header[first:end]
        skipped, wanted = max(0, first - len(header)), end - len(header)
        if wanted <= skipped:
            return
        try:
            with member.open() as path:
                yield from _bytes_of(path, member, skipped, wanted)
        except (OSError, AgentError) as error:
            raise ContentBroken(f"file {place + 1} of {len(self._members)}: {type(error).__name__}") from None
        except _Changed as error:
            raise ContentBroken(f"file {place + 1} of {len(self._members)}: {error}") from None


class _Changed(Exception):
    """A file is not the one whose size and CRC are in the archive."""


def _bytes_of(path: Path, member: Member, skipped: int, wanted: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        if file.seek(0, 2) != member.size_bytes:
            raise _Changed("another size")
        at, crc32 = file.seek(skipped), 0
        while at < wanted:
            block = file.read(min(_BLOCK_BYTES, wanted - at))
            if not block:
                raise _Changed("cut short")
            at, crc32 = at + len(block), zlib.crc32(block, crc32)
            if skipped == 0 and at == member.size_bytes and crc32 != member.crc32:
                raise _Changed("other bytes")
            yield block


def crc32_of(path: Path) -> tuple[int, int]:
    """(size, CRC-32) of a file, read in portions. Raises OSError."""
    size, crc32 = 0, 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            size, crc32 = size + len(block), zlib.crc32(block, crc32)
    return size, crc32


def _local(member: Member) -> bytes:
    """4.3.7: the header before a file's bytes."""
    name, size = member.name.encode("ascii"), member.size_bytes
    large = size >= _MOST_32
    extra = struct.pack("<2H2Q", 1, 16, size, size) if large else b""
    shown = _MOST_32 if large else size
    return (
        _LOCAL.pack(
            b"PK\3\4",
            _ZIP64 if large else _PLAIN,
            0,
            0,
            *_NOON_OF_DOS,
            member.crc32,
            shown,
            shown,
            len(name),
            len(extra),
        )
        + name
        + extra
    )


def _directory(members: Sequence[Member], starts: Sequence[int]) -> bytes:
    """4.3.12 - 4.3.16: the list of all files and the end of the archive."""
    entries = b"".join(_entry(one, start) for one, start in zip(members, starts, strict=False))
    count, start, size = len(members), starts[-1], len(entries)
    large = count >= _MOST_16 or start >= _MOST_32 or size >= _MOST_32
    end_64 = b""
    if large:
        rest = _END_64.size - 12
        end_64 = _END_64.pack(b"PK\6\6", rest, _ZIP64 | _UNIX << 8, _ZIP64, 0, 0, count, count, size, start)
        end_64 += _LOCATOR_64.pack(b"PK\6\7", 0, start + size, 1)
    shown = min(count, _MOST_16)
    end = _END.pack(b"PK\5\6", 0, 0, shown, shown, min(size, _MOST_32), min(start, _MOST_32), 0)
    return entries + end_64 + end


def _entry(member: Member, start: int) -> bytes:
    name, size = member.name.encode("ascii"), member.size_bytes
    wide = [size, size] if size >= _MOST_32 else []
    wide += [start] if start >= _MOST_32 else []
    extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    needed = _ZIP64 if wide else _PLAIN
    shown = min(size, _MOST_32)
    numbers = (member.crc32, shown, shown, len(name), len(extra), 0, 0, 0, _READABLE, min(start, _MOST_32))
    return _CENTRAL.pack(b"PK\1\2", needed, _UNIX, needed, 0, 0, 0, *_NOON_OF_DOS, *numbers) + name + extra
