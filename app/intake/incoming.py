"""One file that somebody laid down: image, report, disc directory or stranger - and what becomes of it.

Nothing is moved, renamed or deleted where it lies, and nothing is taken before it is all there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from app.domain.times import Clock
from app.errors import NeedsOperator
from app.intake.dicomdir import is_dicomdir
from app.intake.header import NotDicom, read_header
from app.intake.reports import UNCLEAR, Fate, Reports
from app.intake.retrieved import is_retrieved
from app.intake.take import Taker
from app.intake.whole import is_whole
from app.store import Store, files, retrievals
from app.store.images import Outcome


class Became(Enum):
    """What a file turned out to be. NOTED: a DICOMDIR, whose files are taken by themselves, or not ours to take."""

    NEW = "new"
    AGAIN = "again"
    CONFLICT = "conflict"
    REPORT = "report"
    NOTED = "noted"
    ASIDE = "aside"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, kw_only=True)
class Found:
    """One file and what it is; `title` and `advice` say to a person why it was not taken."""

    path: Path
    became: Became
    study_instance_uid: str = ""
    title: str = ""
    advice: str = ""


_OUTCOMES = {Outcome.NEW: Became.NEW, Outcome.AGAIN: Became.AGAIN, Outcome.CONFLICT: Became.CONFLICT}
FOREIGN = ("这是从平台调阅下载的外院影像", "只供查看，不收进来，也不会上传；请移出影像文件夹")
CUT_OFF = ("影像文件不完整", "文件可能还在写，或者复制时中断了；请在设备上重新导出这份影像")


class Incoming:
    """Safe to use from several threads."""

    def __init__(self, store: Store, taker: Taker, reports: Reports, clock: Clock) -> None:
        self._store = store
        self._taker = taker
        self._reports = reports
        self._clock = clock

    def take(self, path: Path, source: str) -> Found:
        """Take the file in, or say why not: ASIDE is no image or report, and named for a person where it lies.

        UNFINISHED may still become one; when it does not, see `give_up`. Raises OSError (locked, gone), RetryLater
        (no room).
        """
        if is_retrieved(path):  # another hospital's image, downloaded to look at
            return Found(path=path, became=Became.NOTED)
        if looks_like_pdf(path):
            return self._take_report(path, source)
        try:
            header = read_header(path)
            if is_dicomdir(header):
                return Found(path=path, became=Became.NOTED)
            if retrievals.is_foreign(self._store.read(), header.sop_instance_uid, header.study_instance_uid):
                return self.give_up(Found(path=path, became=Became.ASIDE, title=FOREIGN[0], advice=FOREIGN[1]), source)
            if not is_whole(path):
                return Found(path=path, became=Became.UNFINISHED, title=CUT_OFF[0], advice=CUT_OFF[1])
            taken = self._taker.take_file(path, source)
        except NotDicom as error:
            found = Found(path=path, became=Became.UNFINISHED, title=error.title, advice=error.advice)
            return self.give_up(found, source) if path.stat().st_size else found
        self._reports.of_object(taken)
        return Found(path=path, became=_OUTCOMES[taken.outcome], study_instance_uid=taken.study_instance_uid)

    def give_up(self, found: Found, source: str) -> Found:
        """Name the file for a person, with the title and advice of `found`. Raises RetryLater."""
        now, size = self._clock.now(), _size(found.path)
        self._store.write(
            lambda tx: files.set_aside(tx, str(found.path), size, found.title, found.advice, source, now=now)
        )
        return Found(path=found.path, became=Became.ASIDE, title=found.title, advice=found.advice)

    def _take_report(self, path: Path, source: str) -> Found:
        try:
            filed = self._reports.take_file(path, source)
        except NeedsOperator as error:
            return Found(path=path, became=Became.UNFINISHED, title=error.title, advice=error.advice)
        if filed.fate is Fate.UNCLEAR:
            return Found(path=path, became=Became.ASIDE, title=UNCLEAR[0], advice=UNCLEAR[1])
        return Found(path=path, became=Became.REPORT)


def looks_like_pdf(path: Path) -> bool:
    """By its suffix or its first bytes. Raises OSError."""
    if path.suffix.lower() == ".pdf":
        return True
    with path.open("rb") as file:
        return file.read(5) == b"%PDF-"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
