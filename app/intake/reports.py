"""Report PDFs: which exam one belongs to, kept durably in the spool and attached to its report.

Never guesses between two exams, never changes a PDF, never deletes the one that was attached before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

from app.domain.exam import StampState
from app.domain.times import Clock
from app.errors import NeedsOperator
from app.intake import spool as layout
from app.intake.header import read_header
from app.intake.pdf import ENCAPSULATED_PDF, LIMIT_BYTES, check_pdf_bytes, encapsulated_pdf, names_in_file_name
from app.intake.seals import Seal, seal_of
from app.intake.spool import Spool, Stored
from app.intake.take import Taken
from app.store import Store, Tx, exams, files
from app.store.reports import exams_named, exams_of_instance, no_longer_aside, pdf_sources

log = logging.getLogger("app.intake")
STAMPED = "stamp"
"""Where a PDF came from that the stamping client brought back."""
UNCLEAR = (
    "这份报告可能属于几条检查记录",
    "请打开对应的检查记录，用“附上报告”选这个文件；或者把文件名改成唯一的检查号",
)


class Fate(Enum):
    """What became of a report PDF."""

    ATTACHED = "attached"
    REPLACED = "replaced"
    SAME = "same"
    WAITS = "waits"
    UNCLEAR = "unclear"


@dataclass(frozen=True, kw_only=True)
class Filed:
    """Where a PDF went; the keys are "" while it waits or is unclear."""

    fate: Fate
    sha256: str
    exam_key: str = ""
    report_key: str = ""


@dataclass(frozen=True, kw_only=True)
class _Target:
    exam_keys: tuple[str, ...]
    report_key: str = ""


class Reports:
    """Files reports of one store and spool. Safe to use from several threads."""

    def __init__(self, store: Store, spool: Spool, clock: Clock) -> None:
        self._store = store
        self._spool = spool
        self._clock = clock

    def take_file(self, path: Path, source: str) -> Filed:
        """By its file name: accession number, study UID, exam key or report key. The file stays where it lies.

        Unclear: it is named among the files set aside, and waits. Raises NeedsOperator (no usable PDF), NoRoom,
        RetryLater, OSError.
        """
        stored = self._keep(_read(path))
        target = self._target(path.stem)
        filed = self._file(stored, target, f"file:{path.name}", name=path.name)
        if filed.fate is Fate.UNCLEAR:
            self._name_unclear(str(path), stored)
        return filed

    def attach(self, exam_key: str, path: Path, report: int = 0) -> Filed:
        """A person says which: `report` counts the exam's reports from 0; the next number makes a new one.

        Raises NeedsOperator (no such exam or report, no usable PDF), NoRoom, RetryLater.
        """
        try:
            data = _read(path)
        except OSError as error:
            raise NeedsOperator(
                "报告文件打不开", "请确认文件还在，并且没有被别的程序占用", details=str(error)
            ) from error
        stored, now = self._keep(data), self._clock.now()
        return self._store.write(
            lambda tx: _attach(tx, exam_key, _numbered(tx, exam_key, report, now), stored, "person", now=now)
        )

    def take_stamped(
        self, exam_key: str, report_key: str, before_sha256: str, data: bytes, *, made_from: str = ""
    ) -> Filed:
        """A PDF that was checked (`check_stamped`) replaces the report's; `made_from`: what was stamped, if not that.

        Raises NeedsOperator when the report has another one by now, NoRoom, RetryLater.
        """
        stored, now = self._keep(data), self._clock.now()

        def change(tx: Tx) -> Filed:
            reports = {report.report_key: report.pdf_sha256 for report in exams.reports_of(tx.conn, exam_key)}
            if reports.get(report_key) != before_sha256:
                raise NeedsOperator("盖章的时候报告 PDF 换过了", "盖好章的是旧的那份，没有收。请在新的报告上再点“盖章”")
            return _attach(tx, exam_key, report_key, stored, STAMPED, now=now, made_from=made_from or before_sha256)

        return self._store.write(change)

    def of_object(self, taken: Taken) -> Filed | None:
        """After an object was taken in: the PDF inside an Encapsulated PDF belongs to its study's exam.

        None for any other object, and for one whose PDF is unusable (named among the files set aside). Raises
        NoRoom, RetryLater.
        """
        if taken.sop_class_uid != ENCAPSULATED_PDF:
            return None
        try:
            data, uid = encapsulated_pdf(taken.path), read_header(taken.path).sop_instance_uid
            if data is None:
                raise NeedsOperator("设备送来的报告里没有 PDF", "请在报告系统里重新导出这份报告")
            stored = self._keep(data)
        except NeedsOperator as error:
            self._name(str(taken.path), taken.path.stat().st_size, error.title, error.advice, "dicom")
            return None
        target = _Target(exam_keys=exams_of_instance(self._store.read(), uid))
        filed = self._file(stored, target, f"dicom:{uid}", name=f"{taken.study_instance_uid}.pdf")
        if filed.fate is Fate.UNCLEAR:
            self._name_unclear(str(taken.path), stored)
        return filed

    def attach_waiting(self) -> list[Filed]:
        """Try every waiting PDF again: an exam appeared, or got its accession number. Those that found theirs."""
        filed = [self._try_again(row["sha256"], row["name"]) for row in files.waiting(self._store.read())]
        return [each for each in filed if each is not None]

    def _try_again(self, sha256: str, name: str) -> Filed | None:
        target, path = self._target(Path(name).stem), files.path_of(self._store.read(), sha256)
        if len(target.exam_keys) != 1 or path is None:
            return None
        stored = Stored(path=path, sha256=sha256, md5="", size_bytes=0)
        filed = self._file(stored, target, f"file:{name}", name=name)
        return None if filed.fate is Fate.UNCLEAR else filed

    def _keep(self, data: bytes) -> Stored:
        """Checked, durably in the spool and in the index of files."""
        check_pdf_bytes(data)
        self._spool.check_room(len(data))
        part, stored = self._spool.write_part([data], 0)
        path, now, seal = layout.pdf_path(stored.sha256), self._clock.now(), seal_of(data)
        if self._spool.path(path).exists():
            part.unlink()
        else:
            self._spool.keep(part, path)

        def change(tx: Tx) -> None:
            files.keep_file(tx, stored.sha256, stored.md5, stored.size_bytes, path, "pdf", now=now)
            files.set_seal(tx, stored.sha256, seal.value)

        self._store.write(change)
        return stored

    def _target(self, stem: str) -> _Target:
        conn, names = self._store.read(), names_in_file_name(stem)
        for name in names:
            of_report = exams.exams_of_report(conn, name)
            if of_report:
                return _Target(exam_keys=of_report[:1], report_key=name)
        return _Target(exam_keys=exams_meant(names, lambda name: exams_named(conn, name)))

    def _file(self, stored: Stored, target: _Target, origin: str, *, name: str) -> Filed:
        now = self._clock.now()

        def change(tx: Tx) -> Filed:
            if not target.exam_keys:
                files.let_wait(tx, stored.sha256, name, now=now)
                return Filed(fate=Fate.WAITS, sha256=stored.sha256)
            if len(target.exam_keys) == 1:
                exam_key = target.exam_keys[0]
                report_key = target.report_key or _place(tx, exam_key, stored.sha256, origin, now)
                if report_key:
                    return _attach(tx, exam_key, report_key, stored, origin, now=now)
            files.let_wait(tx, stored.sha256, name, now=now)
            return Filed(fate=Fate.UNCLEAR, sha256=stored.sha256)

        return self._store.write(change)

    def _name_unclear(self, path: str, stored: Stored) -> None:
        self._name(path, stored.size_bytes, *UNCLEAR, _unclear_source(stored.sha256))

    def _name(self, path: str, size: int, title: str, advice: str, source: str) -> None:
        now = self._clock.now()
        self._store.write(lambda tx: files.set_aside(tx, path, size, title, advice, source, now=now))


def exams_meant(names: Iterable[str], lookup: Callable[[str], tuple[str, ...]]) -> tuple[str, ...]:
    """Exams that a file name may mean, from the names in it (likeliest first). Two or more: nobody may guess.

    A part of a longer name that is already known says nothing of its own; several names that agree narrow it down.
    """
    known: list[tuple[str, set[str]]] = []
    for name in names:
        if not any(name in longer for longer, _ in known) and (found := lookup(name)):
            known.append((name, set(found)))
    if not known:
        return ()
    found_by_each = [found for _, found in known]
    return tuple(sorted(set.intersection(*found_by_each) or set.union(*found_by_each)))


def _read(path: Path) -> bytes:
    """One byte more than allowed is enough to know that it is too long."""
    with path.open("rb") as file:
        return file.read(LIMIT_BYTES + 1)


def _numbered(tx: Tx, exam_key: str, report: int, now: datetime) -> str:
    if exams.exam(tx.conn, exam_key) is None:
        raise NeedsOperator("没有这条检查记录", "请在列表里重新选择检查记录，再附上报告")
    reports = exams.reports_of(tx.conn, exam_key)
    if 0 <= report < len(reports):
        return reports[report].report_key
    if report == len(reports):
        return exams.add_report(tx, exam_key, now=now)
    raise NeedsOperator(f"这条检查记录没有第 {report + 1} 份报告", f"请先附上第 {len(reports) + 1} 份")


def _place(tx: Tx, exam_key: str, sha256: str, origin: str, now: datetime) -> str:
    """Which report of the exam the PDF is for; "" when several have one already and none came the same way."""
    reports = exams.reports_of(tx.conn, exam_key)
    sources = pdf_sources(tx.conn, exam_key)
    if not reports:
        return exams.add_report(tx, exam_key, now=now)
    choices = (
        [report for report in reports if report.pdf_sha256 == sha256],
        [report for report in reports if sources[report.report_key] == origin],
        [report for report in reports if not report.pdf_sha256],
        reports if len(reports) == 1 else [],
    )
    return next((found[0].report_key for found in choices if found), "")


def _attach(
    tx: Tx, exam_key: str, report_key: str, stored: Stored, origin: str, *, now: datetime, made_from: str = ""
) -> Filed:
    own = exams.reports_of(tx.conn, exam_key)
    before = next((report.pdf_sha256 for report in own if report.report_key == report_key), "")
    stamps = {report.report_key: report.stamp for report in own}
    _found_its_place(tx, stored.sha256)
    if before == stored.sha256:
        return Filed(fate=Fate.SAME, sha256=stored.sha256, exam_key=exam_key, report_key=report_key)
    exams.set_pdf(tx, report_key, stored.sha256, origin)
    fate = Fate.REPLACED if before else Fate.ATTACHED
    seal = Seal(files.seal_of(tx.conn, stored.sha256))
    if seal is not Seal.NONE:
        whole = stored.sha256 if seal is Seal.WHOLE else ""
        exams.set_stamp(tx, report_key, whole, now=now, made_from=made_from)
    is_void = stamps.get(report_key) is StampState.STAMPED and seal is not Seal.WHOLE
    for key in exams.exams_of_report(tx.conn, report_key):
        exams.note(tx, key, "report_stamped" if origin == STAMPED else f"report_{fate.value}", "", at=now)
        if is_void:
            exams.note(tx, key, "stamp_voided", "", at=now)
    tx.tell("report_attached", exam=exam_key, report=report_key, replaced=bool(before))
    return Filed(fate=fate, sha256=stored.sha256, exam_key=exam_key, report_key=report_key)


def _found_its_place(tx: Tx, sha256: str) -> None:
    """Under whatever name it waited: once attached (perhaps by hand) it must not go to another exam by itself."""
    no_longer_aside(tx, source=_unclear_source(sha256))
    for row in files.waiting(tx.conn):
        if row["sha256"] == sha256:
            files.stop_waiting(tx, sha256, row["name"])


def _unclear_source(sha256: str) -> str:
    return f"report:{sha256}"
