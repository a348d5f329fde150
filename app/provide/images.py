"""The images of an exam one by one, behind one secret: `/i/TOKEN/<SOP instance UID>.dcm`.

Each counts as fetched once all of it went out, in one piece or in several.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from app.domain.study import Instance, accessions
from app.domain.times import Clock
from app.store import Store, Tx, exams, files, images, pickups
from app.store.files import Link

if TYPE_CHECKING:  # the server's library is loaded when the service opens
    from app.wire.file_server import Sent, Served

_SUFFIX = ".dcm"
_BLOCK_BYTES = 64 * 1024
_MOST_IN_PIECES = 1000
Carried = Callable[[Path, str], AbstractContextManager[Path]]
"""(original, accession number) -> a copy that carries it, there until the block ends."""


class SingleImages:
    """Safe to use from several threads. Raises OSError for a file that can't be read."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        path_of: Callable[[str], Path],
        carried: Carried,
        carries: Callable[[str], bool],
        write: Callable[[Callable[[Tx], object]], None],
    ) -> None:
        self._store, self._clock, self._write = store, clock, write
        self._path_of, self._carried, self._carries = path_of, carried, carries
        self._pieces: OrderedDict[tuple[str, str], list[list[int]]] = OrderedDict()
        """(token, SHA-256) -> what went out of an image that is fetched in several pieces."""
        self._lock = threading.Lock()

    def place(self, destination: str, exam_key: str, sop_instance_uid: str) -> str:
        """Where the image lies, below the address of the service: the same place each time."""
        token = files.live_token(self._store.read(), destination, exam_key, files.IMAGES)
        if not token:
            now = self._clock.now()
            token = self._store.write(lambda tx: files.link(tx, destination, exam_key, files.IMAGES, now=now))
        return f"/i/{token}/{quote(sop_instance_uid, safe='')}{_SUFFIX}"

    def served(self, link: Link, name: str) -> Served | None:
        """What stands behind a place; None for no image of this exam."""
        from app.wire.file_server import Served

        uid = name.removesuffix(_SUFFIX)
        one = images.image_of(self._store.read(), link.exam_key, uid) if name.endswith(_SUFFIX) else None
        if one is None:
            return None
        original, number = self._path_of(one.path), self._number(link, one)
        copy = _Copy(original, lambda: self._carried(original, number) if number else nullcontext(original))
        size = copy.size
        return Served(
            content=copy if number else original,
            size=size,
            tag=f"{one.data_set_sha256}{number and '-' + number}",
            content_type="application/dicom",
            on_done=lambda sent: self._took(link, one, sent, size),
        )

    def _number(self, link: Link, one: Instance) -> str:
        """The accession number that the copy carries, "" for the original."""
        if not self._carries(link.destination):
            return ""
        exam = exams.exam(self._store.read(), link.exam_key)
        found = accessions(
            images.studies_on(self._store.read(), link.exam_key), exam.minted_accession if exam else ""
        ).get(one.study_instance_uid)
        return found.number if found and found.lent else ""

    def _took(self, link: Link, one: Instance, sent: Sent, size: int) -> None:
        if not sent.count:
            return
        whole, now = self._is_whole(link, one, sent, size), self._clock.now()
        mended = whole and self._is_mended(link)

        def change(tx: Tx) -> None:
            files.image_sent(tx, link.token, sent.count, whole=whole, mended=mended, now=now)
            if not whole:
                return
            fetched = {one.sop_instance_uid: one.data_set_sha256}
            if pickups.fetched(tx, link.destination, link.exam_key, fetched, now=now):
                exams.note(tx, link.exam_key, "fetched", f"{link.destination}/images", at=now)

        self._write(change)

    def _is_mended(self, link: Link) -> bool:
        """One image says nothing of another that was gone a moment ago."""
        instances = images.instances_of(self._store.read(), link.exam_key) if link.broken else ()
        return bool(instances) and all(self._path_of(one.path).exists() for one in instances)

    def _is_whole(self, link: Link, one: Instance, sent: Sent, size: int) -> bool:
        key = (link.token, one.data_set_sha256)
        with self._lock:
            pieces = files.joined([*self._pieces.pop(key, []), [sent.first, sent.first + sent.count]])
            if sent.complete and pieces == [[0, size]]:
                return True
            self._pieces[key] = pieces
            while len(self._pieces) > _MOST_IN_PIECES:
                self._pieces.popitem(last=False)
        return False


@dataclass(frozen=True)
class _Copy:
    """An image as it goes out: made anew for each reading, never more than one of it on the disk at a time."""

    original: Path
    opened: Callable[[], AbstractContextManager[Path]]

    @property
    def size(self) -> int:
        with self.opened() as path:
            return path.stat().st_size

    def blocks(self, first: int, length: int) -> Iterator[bytes]:
        with self.opened() as path, path.open("rb") as file:
            file.seek(first)
            while length > 0 and (block := file.read(min(length, _BLOCK_BYTES))):
                length -= len(block)
                yield block
