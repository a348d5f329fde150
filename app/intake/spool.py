"""The spool (影像暂存区): files land durably under their final name, or not at all.

A part file is written beside it, synced, renamed, the folder synced; only then may anyone be told that it is kept.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from app.errors import RetryLater

_PLAIN = re.compile(r"[0-9.]{1,64}")
_counter = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One file in the spool: its path relative to the spool and what its bytes are."""

    path: str
    sha256: str
    """Of the bytes from `data_set_offset` on: of an image the data set as sent, of any other file all of it."""
    md5: str
    """Of the whole file."""
    size_bytes: int


class NoRoom(RetryLater):
    """Refused before anything was damaged: the disk is (nearly) full."""

    def __init__(self, details: str = "") -> None:
        super().__init__("磁盘快满了，先不收新影像", "请清理磁盘空间，设备会再传；已收到的影像没有丢", details=details)


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


class Spool:
    """`synced_replace(part, final)`, `sync_folder`, `durable_folder` and `free_bytes` are the machine's.

    Parts lie on the same disk.
    """

    def __init__(
        self,
        root: Path,
        parts: Path,
        *,
        synced_replace: Callable[[Path, Path], None],
        sync_folder: Callable[[Path], None],
        free_bytes: Callable[[Path], int],
        least_free_bytes: int,
        durable_folder: Callable[[Path], None] = _make_folder,
    ) -> None:
        self.root = root
        self._parts = parts
        self._replace = synced_replace
        self._sync_folder = sync_folder
        self._make_folder = durable_folder
        self._free = free_bytes
        self._least_free = least_free_bytes
        root.mkdir(parents=True, exist_ok=True)
        parts.mkdir(parents=True, exist_ok=True)

    def sweep(self) -> int:
        """At start-up: part files of an earlier run were never acknowledged, so they go. Returns how many."""
        old = [path for path in self._parts.iterdir() if path.suffix == ".part"]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def check_room(self, coming_bytes: int = 0) -> None:
        """Raises `NoRoom` while the disk could not take that much and stay usable."""
        free = self._free(self.root)
        if free - coming_bytes < self._least_free:
            raise NoRoom(f"{free} bytes free")

    def write_part(self, pieces: Iterable[bytes | memoryview], data_set_offset: int) -> tuple[Path, Stored]:
        """Write and hash the pieces in one pass. Raises `NoRoom`; nothing is left behind then."""
        part = self._parts / f"{os.getpid()}-{next(_counter)}.part"
        content, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        size = 0
        try:
            with part.open("wb", buffering=0) as file:
                for piece in pieces:
                    _write_all(file, piece)
                    md5.update(piece)
                    if size + len(piece) > data_set_offset:
                        content.update(piece[max(0, data_set_offset - size) :])
                    size += len(piece)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise NoRoom(str(error.errno)) from error
        stored = Stored(
            path="",
            sha256=content.hexdigest(),
            md5=md5.hexdigest(),
            size_bytes=size,
        )
        return part, stored

    def keep(self, part: Path, relative: str) -> None:
        """Give the part its final name, durably. Raises `NoRoom` when the disk refuses."""
        self.place(part, relative)
        self.settle(relative)

    def place(self, part: Path, relative: str) -> None:
        """Whole bytes under their final name; a power cut may still take the name, until `settle`. Raises `NoRoom`."""
        final = self.root / relative
        try:
            self._make_folder(final.parent)
            self._replace(part, final)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise NoRoom(str(error.errno)) from error

    def settle(self, relative: str) -> None:
        """The name is on the disk too. Raises `NoRoom`."""
        try:
            self._sync_folder((self.root / relative).parent)
        except OSError as error:
            raise NoRoom(str(error.errno)) from error

    def path(self, relative: str) -> Path:
        return self.root / relative

    def files(self) -> Iterable[Path]:
        """Every stored file."""
        return (path for path in self.root.rglob("*") if path.is_file())


def image_path(study_uid: str, sop_uid: str, data_set_sha256: str) -> str:
    """Where an image lies: by its content, so the same image twice is one file and another content lies beside it."""
    return f"images/{_folder(study_uid)}/{_folder(sop_uid)}-{data_set_sha256[:12]}.dcm"


def pdf_path(sha256: str) -> str:
    return f"reports/{sha256[:2]}/{sha256}.pdf"


def _folder(uid: str) -> str:
    """A UID as a file name; one with anything but digits and dots is replaced by its digest."""
    if _PLAIN.fullmatch(uid) and not uid.endswith(".") and ".." not in uid:
        return uid
    return "x" + hashlib.sha256(uid.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _write_all(file: object, piece: bytes | memoryview) -> None:
    """An unbuffered write may take less than it was given."""
    left = memoryview(piece)
    while left:
        written = file.write(left)  # type: ignore[attr-defined]
        left = left[written:]
