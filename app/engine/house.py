"""Everything one home needs, put together: store, spool, destinations; and the state of each exam kept up to date.

The only place that builds. Starts no thread but the store's writer; `engine.py` sets the house to work.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from app.catalogue.load import load_catalogue
from app.catalogue.region import Catalogue
from app.delivery import index_codes, record, signature, submission
from app.delivery.freeze import freeze
from app.delivery.record import Known, View
from app.delivery.target import Target
from app.domain.exam import exam_state
from app.domain.form import Problem
from app.domain.job import MOVING, NEEDS_A_PERSON, RECORDS, Job, JobState, Part
from app.domain.settings import Settings
from app.domain.study import Instance
from app.domain.times import Clock
from app.engine import carried
from app.engine.settings import read_settings
from app.engine.targets import build_targets
from app.errors import AgentError, NeedsOperator, RetryLater
from app.intake.carry import with_accession
from app.intake.spool import Spool
from app.intake.take import Taker
from app.provide.provider import Provider
from app.regions.conversation import ImageRef
from app.store import Store, Tx, exams, files, images, jobs, submissions, test_marks
from app.system.disk import durable_folder, free_bytes, sync_folder, synced_replace
from app.system.paths import Home
from app.system.secrets import secret_store

log = logging.getLogger("app.engine")


@dataclass(frozen=True, kw_only=True)
class House:
    """One home, opened with its settings of that moment; new settings open it anew."""

    home: Home
    clock: Clock
    store: Store
    spool: Spool
    taker: Taker
    catalogue: Catalogue
    settings: Settings
    targets: dict[str, Target]
    faults: dict[str, AgentError]
    provider: Provider
    stopping: threading.Event = field(default_factory=threading.Event)

    def known(self, exam_key: str, tx: Tx | None = None) -> Known:
        """As committed, or as `tx` sees it. Raises `NeedsOperator` for an exam that does not exist."""
        found = record.known(tx.conn if tx else self.store.read(), exam_key)
        if found is None:
            raise NeedsOperator("没有这个检查", "请核对检查号或影像号")
        return found

    def views(self, stored: Known, *, now: datetime | None = None) -> list[View]:
        at = now or self.clock.now()
        return [record.view(target, self.settings.clinic, stored, now=at) for target in self.targets.values()]

    def is_here(self, path: str) -> bool:
        """A file of the spool is there."""
        return self.spool.path(path).exists()

    def exam_key(self, uid: str) -> str:
        """The exam that a person means by a study UID, an exam key or an accession number."""
        found = exams.find(self.store.read(), uid)
        if not found:
            raise NeedsOperator("没有找到这个检查", f"请核对检查号或影像号：{uid[:64]}")
        if len(found) > 1:
            raise NeedsOperator("这个号码对应几个检查", "请用检查唯一标识指明：" + "、".join(found))
        return found[0]

    def refresh(self, exam_key: str) -> None:
        """Work out the exam's state again and keep it for the lists; a failure is logged, never raised."""
        try:
            self.store.write(lambda tx: self.refresh_in(tx, exam_key))
        except AgentError as error:
            log.warning("the state of an exam could not be worked out: %s", error.title)

    def follow(self, tx: Tx, exam_key: str) -> None:
        """As `refresh`, inside the transaction that changed something: a power cut can't fall between the two."""
        trouble = tx.apart(lambda inner: self.refresh_in(inner, exam_key))
        if trouble is not None:
            log.error("the state of an exam could not be worked out", exc_info=trouble)

    def refresh_in(self, tx: Tx, exam_key: str, *, alone: bool = False) -> None:
        """As `refresh`, inside a transaction; and, unless `alone`, of the exams whose report goes out under this."""
        for other in () if alone else exams.dirty_sharers(tx.conn, exam_key):  # their report says what this one says
            self.refresh_in(tx, other, alone=True)
        stored = record.known(tx.conn, exam_key)
        if stored is None:
            return
        views = self.views(stored)
        own_jobs = jobs.of_exam(tx.conn, exam_key)
        instances = images.instances_of(tx.conn, exam_key)
        if stored.exam.dirty and self._follows_signatures(tx, exam_key, views, own_jobs):
            own_jobs = jobs.of_exam(tx.conn, exam_key)
        problems = _most_problems(views)
        changed = any(self._differs(each, stored, own_jobs, instances, tx) for each in views)
        changed = changed or self._lacks_a_faulty(stored, own_jobs)
        if stored.exam.dirty and own_jobs and not changed:
            exams.mark_dirty(tx, exam_key, dirty=False)  # everything entered is in what was submitted
        asked = own_jobs
        if not stored.exam.submitted_at and not any(job.withdraws for job in own_jobs):  # all of it only went ahead
            asked = [job for job in own_jobs if job.state in NEEDS_A_PERSON]
        own_reports = [one for one, _ in stored.record.reports if one.report_key not in stored.carried_elsewhere]
        shared = carried.unbrought(tx.conn, self.targets.values(), stored, own_jobs)
        unbrought = list(shared) if stored.exam.submitted_at else []
        test_marks.outgrow(tx, exam_key, len(instances))
        state = exam_state(
            complete=stored.complete,
            doubtful=bool(stored.doubts),
            problem_count=len(problems) if views else 1,
            changed=changed or bool(unbrought) or (bool(own_reports) and _lacks_report(own_jobs)),
            jobs=(*jobs.newest(asked), *(job for _, job in unbrought if job is not None and job.state in MOVING)),
            test=test_marks.is_test(tx.conn, exam_key, len(instances)),
        )
        if any(record.is_told_ahead(view.target) for view in views):
            tx.tell("exam_refreshed", exam=exam_key)
        first = views[0].exam if views else {}
        shown = {key: value.text for key, value in first.items()}
        study = stored.studies[0] if stored.studies else None
        exams.refresh(
            tx,
            exam_key,
            {
                "state": state.value,
                "problem_count": len(problems),
                "problems": exams.as_json([problem.label for problem in problems]),
                "changed": int(changed and bool(asked)),
                "patient_name": shown.get("patient_name") or (study.patient_name if study else ""),
                "accession_number": stored.accession_number,
                "sought": submissions.sought(
                    shown.get("patient_name") or (study.patient_name if study else ""),
                    shown.get("patient_name_pinyin", "").replace(" ", ""),
                    stored.accession_number,
                ),
                "modality": study.modality if study else shown.get("modality", ""),
                "description": study.description if study else shown.get("hospital_item_name", ""),
                "exam_day": shown.get("examined_at", "")[:10],
                "image_count": len(instances),
                "report_count": sum(1 for report in (views[0].reports if views else ()) if report.touched),
            },
        )
        for other in () if alone else carried.carried_for(stored):
            self.refresh_in(tx, other, alone=True)

    def _follows_signatures(self, tx: Tx, exam_key: str, views: list[View], own_jobs: list[Job]) -> bool:
        now = self.clock.now()
        return any([signature.follow_changes(tx, each, exam_key, own_jobs, now=now) for each in views])

    def _differs(self, view: View, stored: Known, own_jobs: list[Job], instances: list[Instance], tx: Tx) -> bool:
        """Whether a submission now would send something new that somebody entered or that came in.

        An exam never submitted does not differ, nor does one whose settings or mapping changed around it. One that
        was sent to another destination only differs: this one lacks all of it.
        """
        if not stored.exam.dirty:
            return False
        mine = [job for job in own_jobs if job.destination == view.target.name]
        if not mine:
            return bool(own_jobs) and not _is_taken_back(own_jobs)
        if _is_taken_back(mine):
            return False
        key = stored.exam.exam_key
        index_code = index_codes.standing(tx.conn, view, key)
        try:
            frozen = freeze(view, key, instances, stored.accessions, index_code)
        except AgentError:
            return True
        return submission.differs(mine, frozen, view.target.name)

    def _lacks_a_faulty(self, stored: Known, own_jobs: list[Job]) -> bool:
        """Something came in or was entered while a destination could not be served at all: nobody knows what it lacks.

        It is worked out when that one can be served again; until then nothing of the exam counts as sent whole.
        """
        if not stored.exam.dirty or not own_jobs or _is_taken_back(own_jobs):
            return False
        there = {name: [job for job in own_jobs if job.destination == name] for name in self.faults}
        return any(not mine or not _is_taken_back(mine) for mine in there.values())

    # -- what delivery asks for stored files (`FileSource`) ---------------------------------------------------------

    def path(self, sha256: str) -> Path:
        relative = files.path_of(self.store.read(), sha256)
        path = self.spool.path(relative) if relative else None
        if path is None or not path.exists():
            raise NeedsOperator("报告 PDF 的文件找不到了", "请重新附上这份报告的 PDF 再提交", fields=("report_pdf",))
        return path

    def md5(self, sha256: str) -> str:
        self.path(sha256)
        return files.md5_of(self.store.read(), sha256)

    def content(self, sha256: str) -> bytes:
        path = self.path(sha256)
        try:
            return path.read_bytes()
        except OSError as error:
            raise RetryLater(
                "报告 PDF 的文件暂时读不了", "正在自动重试，您不用管", details=f"{type(error).__name__} {error.errno}"
            ) from error

    def link(self, destination: str, exam_key: str, sha256: str) -> str:
        return self.provider.link(destination, exam_key, sha256)

    def zip_link(self, destination: str, exam_key: str) -> str:
        return self.provider.zip_link(destination, exam_key)

    def image_link(self, destination: str, exam_key: str, ref: ImageRef) -> str:
        return self.provider.image_link(destination, exam_key, ref.sop_instance_uid)

    def image_md5(self, ref: ImageRef) -> str:
        """As computed while it came in: a file that the disk spoilt since is refused by the platform."""
        return "" if ref.accession_number else images.md5_of(self.store.read(), ref.sop_instance_uid, ref.sha256)

    @contextmanager
    def image(self, ref: ImageRef) -> Iterator[Path]:
        original = self.spool.path(ref.path)
        if not original.exists():
            raise FileNotFoundError(ref.path)
        if not ref.accession_number:
            yield original
            return
        with with_accession(original, ref.accession_number, self.home.parts) as copy:
            yield copy

    def close(self) -> None:
        self.stopping.set()
        for target in self.targets.values():
            target.http.close()
        self.store.close()


def open_house(home: Home, clock: Clock, *, free: Callable[[Path], int] = free_bytes) -> House:
    """Open (or make) a home. Raises `NeedsOperator` for settings or a database that can't be read."""
    home.make()
    settings = read_settings(home)
    targets, faults = build_targets(settings, secret_store(settings.secret_store, home))
    store = Store(home.database_file)
    spool = Spool(
        home.spool,
        home.parts,
        synced_replace=synced_replace,
        sync_folder=sync_folder,
        durable_folder=durable_folder,
        free_bytes=free,
        least_free_bytes=settings.intake.least_free_mb * 1024 * 1024,
    )
    return House(
        home=home,
        clock=clock,
        store=store,
        spool=spool,
        taker=Taker(store, spool, clock),
        catalogue=load_catalogue(),
        settings=settings,
        targets=targets,
        faults=faults,
        provider=Provider(
            store,
            clock,
            settings.files,
            path_of=spool.path,
            carried=lambda original, accession: with_accession(original, accession, home.parts),
            carries=lambda name: name in targets and bool(targets[name].options.get("carry_minted_accession")),
        ),
    )


def _is_taken_back(own_jobs: list[Job]) -> bool:
    """True when all of it was withdrawn or cancelled: nothing of it waits to be sent."""
    return all(job.state in (JobState.WITHDRAWN, JobState.CANCELLED) or job.withdraws for job in jobs.newest(own_jobs))


def _lacks_report(own_jobs: list[Job]) -> bool:
    """One of the destinations has the exam and none of its reports."""
    by_place: dict[str, list[Job]] = {}
    for job in own_jobs:
        by_place.setdefault(job.destination, []).append(job)
    return any(
        not _is_taken_back([job for job in mine if job.part in RECORDS] or mine)
        and not any(job.part in (Part.REPORT, Part.MERGED) or job.payload.get("report_keys") for job in mine)
        for mine in by_place.values()
    )


def _most_problems(views: list[View]) -> tuple[Problem, ...]:
    """The problems of the destination that has most of them; one form serves all."""
    return max((view.problems for view in views), key=len, default=())
