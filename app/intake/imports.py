"""Files and folders that a person names: taken in at once, what can't be is named with the reason.

Nothing there is moved, changed or deleted. Only a file that still grows or is locked is waited for, a while.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from app.intake.dicomdir import MEDIA_STORAGE_DIRECTORY, listed_files
from app.intake.folders import AT_ONCE, LOCKED
from app.intake.header import NotDicom, read_header
from app.intake.incoming import Became, Found, Incoming
from app.intake.scan import Lying, files_below, lying
from app.intake.writing import is_being_written

SOURCE = "import"
NOT_THERE = ("找不到这个文件或文件夹", "请确认光盘或移动硬盘已插好，再重新选择")
NO_ENTRY = ("有子文件夹打不开", "请让工程师给本程序读取权限，或把里面的文件复制到别处再导入")
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """Counts of files, and the study UIDs in the order of their first image. `again`: images we had already."""

    images: int = 0
    again: int = 0
    reports: int = 0
    aside: int = 0
    studies: tuple[str, ...] = ()


def import_paths(
    incoming: Incoming, paths: Iterable[Path], stopping: Event, *, rest_seconds: float = 2.0
) -> ImportResult:
    """Take in every file of `paths`; of a DICOMDIR the files it lists. Raises RetryLater (no room on the disk)."""
    aside: list[Found] = []
    files = list(_named(incoming, paths, aside))

    def take(path: Path) -> Found | None:
        return None if stopping.is_set() else _take(incoming, path, stopping, rest_seconds)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="import") as pool:
        taken = [found for found in pool.map(take, files) if found is not None]
    return _counted(aside + taken)


def _named(incoming: Incoming, paths: Iterable[Path], aside: list[Found]) -> Iterator[Path]:
    """Every file meant, each once; what can't be reached is set aside into `aside`."""
    done: set[Path] = set()
    for path in paths:
        troubles: list[OSError] = []
        try:
            files = [Path(each.path) for each in files_below(str(path), troubles)] if path.is_dir() else _of_file(path)
        except OSError:
            aside.append(_aside(incoming, path, NOT_THERE))
            continue
        for file in files:
            if file not in done:
                done.add(file)
                yield file
        aside.extend(_aside(incoming, Path(str(error.filename or path)), NO_ENTRY) for error in troubles)


def _of_file(path: Path) -> list[Path]:
    """The file, and the files that it lists when it is a DICOMDIR."""
    lying(str(path))
    try:
        if read_header(path).sop_class_uid == MEDIA_STORAGE_DIRECTORY:
            return [path, *listed_files(path).files]
    except NotDicom:
        pass  # named when it is taken
    except PermissionError:
        pass  # waited for when it is taken
    return [path]


def _take(incoming: Incoming, path: Path, stopping: Event, rest_seconds: float) -> Found:
    """At once when it is whole, else as soon as it is; given up when it has not changed for `rest_seconds`."""
    before: Lying | None = None
    since = time.monotonic()
    while True:
        now = before
        try:
            now = lying(str(path))
            if is_being_written(str(path)):
                raise PermissionError(path)
            found = incoming.take(path, SOURCE)
        except FileNotFoundError:
            return _aside(incoming, path, NOT_THERE)
        except OSError:
            found = Found(path=path, became=Became.UNFINISHED, title=LOCKED[0], advice=LOCKED[1])
        if found.became is not Became.UNFINISHED:
            return found
        if now != before:
            before, since = now, time.monotonic()
        if time.monotonic() - since >= rest_seconds or stopping.wait(min(_LOOK_SECONDS, rest_seconds)):
            return incoming.give_up(found, SOURCE)


def _aside(incoming: Incoming, path: Path, words: tuple[str, str]) -> Found:
    return incoming.give_up(Found(path=path, became=Became.ASIDE, title=words[0], advice=words[1]), SOURCE)


def _counted(found: list[Found]) -> ImportResult:
    def count(*kinds: Became) -> int:
        return sum(each.became in kinds for each in found)

    studies = dict.fromkeys(each.study_instance_uid for each in found if each.study_instance_uid)
    return ImportResult(
        images=count(Became.NEW, Became.CONFLICT),
        again=count(Became.AGAIN),
        reports=count(Became.REPORT),
        aside=count(Became.ASIDE),
        studies=tuple(studies),
    )
