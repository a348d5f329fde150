"""Puts into the index what lies in the spool and is not known there: a crash between rename and row, a lost database.

Deletes, moves and rewrites nothing; a file that the index knows is not opened.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from app.domain.times import Clock
from app.intake.header import NotDicom, read_header
from app.intake.names import person_name
from app.intake.spool import Spool, Stored
from app.intake.take import Taken, arrival_of
from app.store import Store, Tx, files, images
from app.store.images import Outcome

log = logging.getLogger("app.intake")
_LAST_MOMENTS = timedelta(minutes=2)
SOURCE = "spool"
_PIECE_BYTES = 1024 * 1024


def reindex(
    store: Store,
    spool: Spool,
    clock: Clock,
    stopping: Callable[[], bool] = lambda: False,
    on_taken: Callable[[Taken], object] = lambda taken: None,
) -> int:
    """How many images were put in; `on_taken` is called for each, as after an arrival.

    Cheap when there is nothing to do: paths are compared, no file is opened.

    A file that can't be read is set aside by name and asked again only when it changed. Raises RetryLater (disk).
    """
    known, seen, count = images.paths(store), files.seen(store.read()), 0
    for path in spool.files():
        if stopping():
            break
        if path.suffix != ".dcm" or path.relative_to(spool.root).as_posix() in known:
            continue
        size, modified_ns = _look(path)
        if seen.get(str(path)) == (size, modified_ns):
            continue
        try:
            taken = _index(store, spool, path, clock.now())
            if taken.outcome is not Outcome.AGAIN:
                count += 1
                on_taken(taken)
        except (NotDicom, OSError) as error:
            _name(store, path, size, modified_ns, str(error), clock.now())
    if count:
        log.info("%d images of the spool were put back into the index", count)
    return count


def _index(store: Store, spool: Spool, path: Path, now: datetime) -> Taken:
    header = read_header(path)
    if not (header.study_instance_uid and header.sop_instance_uid):
        raise NotDicom("no StudyInstanceUID or SOPInstanceUID")
    stored = _as_stored(path, path.relative_to(spool.root).as_posix(), header.data_set_offset)
    arrival = arrival_of(header, stored, stored.path, SOURCE, now)
    name, _ = person_name(header.text("PatientName"))
    indexed = store.write(lambda tx: images.index(tx, arrival, name, now=now))
    if indexed.outcome is Outcome.AGAIN:  # another file holds the same image: not to be hashed at every start
        size, modified_ns = _look(path)
        store.write(lambda tx: files.saw(tx, str(path), size, modified_ns, Outcome.AGAIN.value))
    return Taken(
        outcome=indexed.outcome,
        study_instance_uid=header.study_instance_uid,
        sop_class_uid=header.sop_class_uid,
        path=spool.path(indexed.path),
    )


def _as_stored(path: Path, relative: str, data_set_offset: int) -> Stored:
    content, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    size = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            md5.update(piece)
            content.update(piece[max(0, data_set_offset - size) :])
            size += len(piece)
    return Stored(
        path=relative,
        sha256=content.hexdigest(),
        md5=md5.hexdigest(),
        size_bytes=size,
    )


def _name(store: Store, path: Path, size: int, modified_ns: int, why: str, now: datetime) -> None:
    title, advice = "影像暂存区里有一个文件读不懂", "请在设备上重新发送这份影像，并把诊断包发给工程师"
    log.warning("a file of the spool can't be indexed: %s", why)

    def change(tx: Tx) -> None:
        files.set_aside(tx, str(path), size, title, advice, SOURCE, now=now)
        files.saw(tx, str(path), size, modified_ns, "aside")

    store.write(change)


def _look(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def drop_unkept(store: Store, spool: Spool) -> int:
    """Rows of the last moments whose file is not there: a power cut took its name before anything was acknowledged.

    The device was never told success and sends it again. Only the newest rows are looked at, and only while the
    spool is plainly there. Returns how many were dropped.
    """
    newest = images.newest(store, 500)
    if not newest or not any(spool.path(one.path).exists() for one in newest):
        return 0
    lost = [one for one in newest if not spool.path(one.path).exists()]
    recent = [one for one in lost if newest[0].received_at - one.received_at <= _LAST_MOMENTS]
    for one in recent:
        store.write(lambda tx, one=one: images.drop(tx, one))  # type: ignore[misc]
    return len(recent)
