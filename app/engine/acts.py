"""What a person does to an exam: fill, settle, submit, resend, withdraw. Each act is one transaction and one note."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from app.delivery import submission
from app.domain.exam import ExamState
from app.domain.form import Noun, Source, Value
from app.domain.job import Event, JobState, Part
from app.domain.study import DOUBT_WORDS, Doubt, Study
from app.engine import pages
from app.engine.face import Json
from app.engine.house import House
from app.errors import AgentError, NeedsOperator
from app.store import Tx, exams, images, jobs

Typed = dict[str, str]
_ENDED = (JobState.CANCELLED, JobState.WITHDRAWN)


def fill(
    house: House,
    exam_key: str,
    values: Typed,
    settlements: Sequence[Typed] | None,
    reports: Sequence[Typed] | None,
    source: Source = Source.TECHNICIAN,
) -> None:
    """Keep what was typed: all of it or, when one value can't be read, nothing. Report keys go to the first report."""
    house.known(exam_key)
    own = [(key, *pages.parsed(house, key, text)) for key, text in values.items()]
    rows = [[(key, *pages.parsed(house, key, text)) for key, text in row.items()] for row in settlements or []]
    more = [[(key, *pages.parsed(house, key, text)) for key, text in row.items()] for row in reports or []]
    now = house.clock.now()

    def change(tx: Tx) -> None:
        report_keys = _report_keys(tx, exam_key, max(len(more), _wants_report(own)), now)
        for key, noun, text in own:
            owner, row = (report_keys[0], 0) if noun is Noun.REPORT else (exam_key, 0)
            exams.set_value(tx, owner, noun, row, key, Value(text=text, source=source), now=now)
        for number, line in enumerate(rows):
            for key, noun, text in line:
                exams.set_value(tx, exam_key, noun, number, key, Value(text=text, source=source), now=now)
        if settlements is not None:
            exams.drop_rows_from(tx, exam_key, len(rows))
        for number, line in enumerate(more):
            for key, noun, text in line:
                exams.set_value(tx, report_keys[number], noun, 0, key, Value(text=text, source=source), now=now)
        _settle_typed_name(tx, exam_key, own)
        for each in {exam_key, *(k for r in report_keys for k in exams.exams_of_report(tx.conn, r))}:
            house.refresh_in(tx, each)

    house.store.write(change)


def _wants_report(own: Sequence[tuple[str, Noun, str]]) -> int:
    return 1 if any(noun is Noun.REPORT for _, noun, _ in own) else 0


def _report_keys(tx: Tx, exam_key: str, at_least: int, now: datetime) -> list[str]:
    keys = [report.report_key for report in exams.reports_of(tx.conn, exam_key)]
    while len(keys) < at_least:
        keys.append(exams.add_report(tx, exam_key, now=now))
    return keys


def _settle_typed_name(tx: Tx, exam_key: str, own: Sequence[tuple[str, Noun, str]]) -> None:
    """A technician who typed the name has looked at it."""
    if not any(key == "patient_name" and text for key, _, text in own):
        return
    for study in images.studies_on(tx.conn, exam_key):
        if study.doubt is Doubt.NAME:
            images.clear_doubt(tx, study.study_instance_uid)


def settle(house: House, exam_key: str, decision: str, detail: str) -> None:
    """Answer the doubt that holds an exam: name, same, split, first, second."""
    stored = house.known(exam_key)
    doubtful = [study for study in stored.studies if study.doubt is not Doubt.NONE]
    if not doubtful:
        raise NeedsOperator("这例没有要核对的", "可以直接填报和提交")
    study = doubtful[0]
    acts: dict[str, Callable[[Tx, datetime], None]] = {
        "name": lambda tx, now: _name(tx, exam_key, study, detail, now),
        "same": lambda tx, now: images.clear_doubt(tx, study.study_instance_uid),
        "split": lambda tx, now: _split(house, tx, study, now),
        "first": lambda tx, now: _choose(house, tx, study, newest=False),
        "second": lambda tx, now: _choose(house, tx, study, newest=True),
    }
    if decision not in acts:
        raise NeedsOperator("没有这个回答", "可以用：" + "、".join(acts))
    if decision == "name" and not detail.strip():
        raise NeedsOperator("还没有写姓名", "请写上正确的姓名")
    fits = {
        "name": (Doubt.NAME, Doubt.TWO_PATIENTS, Doubt.ACCESSION_REUSED),
        "same": (Doubt.TWO_PATIENTS, Doubt.ACCESSION_REUSED, Doubt.NAME),
        "split": (Doubt.TWO_PATIENTS,),
        "first": (Doubt.CONFLICT,),
        "second": (Doubt.CONFLICT,),
    }
    if study.doubt not in fits[decision]:
        raise NeedsOperator("这个回答对不上要核对的事", "请看这例写的是什么要核对，再选")
    now = house.clock.now()

    def change(tx: Tx) -> None:
        acts[decision](tx, now)
        exams.note(tx, exam_key, "settled", decision, at=now)
        for key in exams.of_study(tx.conn, study.study_instance_uid):
            house.refresh_in(tx, key)

    house.store.write(change)


def _name(tx: Tx, exam_key: str, study: Study, name: str, now: datetime) -> None:
    images.set_name(tx, study.study_instance_uid, name.strip())
    exams.set_value(
        tx,
        exam_key,
        Noun.EXAM,
        0,
        "patient_name",
        Value(text=name.strip(), source=Source.TECHNICIAN),
        now=now,
    )
    images.clear_doubt(tx, study.study_instance_uid)


def _split(house: House, tx: Tx, study: Study, now: datetime) -> None:
    """Two patients under one study UID: the first keeps the exam, each other one gets an exam of its own images."""
    uid = study.study_instance_uid
    for key in exams.part_patients(tx, uid, now=now):
        _report_keys(tx, key, 1, now)
        house.refresh_in(tx, key)
    images.clear_doubt(tx, uid)


def _choose(house: House, tx: Tx, study: Study, *, newest: bool) -> None:
    chosen: dict[str, str] = {}
    for row in images.contents(tx.conn, study.study_instance_uid):
        if newest or row["sop_instance_uid"] not in chosen:
            chosen[row["sop_instance_uid"]] = row["data_set_sha256"]
    for sop_uid, sha256 in chosen.items():
        images.choose_content(tx, sop_uid, sha256)
    images.clear_doubt(tx, study.study_instance_uid)


def submit(house: House, exam_key: str, destination: str = "", *, only: tuple[Part, ...] = ()) -> int:
    """提交上传 to one destination or all; returns how many jobs that queued. Raises `NeedsOperator` when blocked."""
    if not house.targets:
        fault = next(iter(house.faults.values()), None)
        raise fault or NeedsOperator("还没有设置上传目标", "请先完成设置", page="destination")
    if destination and destination not in house.targets:
        raise NeedsOperator("没有这个上传目标", "请核对名称：" + "、".join(house.targets), page="destination")
    now = house.clock.now()

    def change(tx: Tx) -> int:
        frozen = _frozen(house, tx, exam_key, destination, only, now)
        count = sum(submission.submit(tx, exam_key, parts, name, now=now) for name, parts in frozen.items())
        house.refresh_in(tx, exam_key)
        return count

    return house.store.write(change)


def _frozen(
    house: House, tx: Tx, exam_key: str, destination: str, only: tuple[Part, ...], now: datetime
) -> dict[str, list[submission.Frozen]]:
    """The parts per destination as they are at this moment: no value or image comes in between check and freeze."""
    stored = house.known(exam_key, tx)
    if stored.doubts:
        raise NeedsOperator("这例要先核对", DOUBT_WORDS[stored.doubts[0]])
    if stored.exam.state is ExamState.TEST:
        raise NeedsOperator("这是测试影像，不会上传", "真的要传，请先点“这是真的检查”")
    if not stored.complete:
        raise NeedsOperator("影像还在接收", "收齐后会自动变成可提交；确定收齐了可以点“不等了”")
    wanted = [view for view in house.views(stored, now=now) if destination in ("", view.target.name)]
    for view in wanted:
        if not only:
            submission.refuse_blocked(view)
    instances = images.instances_of(tx.conn, exam_key)
    return {
        view.target.name: [
            part
            for part in submission.freeze(view, exam_key, instances, stored.exam.minted_accession)
            if not only or part.part in only
        ]
        for view in wanted
    }


def submit_many(house: House, exam_keys: Sequence[str], destination: str) -> Json:
    """Submit each; one that can't go is named with its reason and holds up no other."""
    done: list[str] = []
    skipped: list[Json] = []
    count = 0
    for key in exam_keys:
        try:
            count += submit(house, key, destination)
            done.append(key)
        except AgentError as error:
            skipped.append({"uid": key, "why": f"{error.title}。{error.advice}"})
    return {"submitted": done, "skipped": skipped, "jobs": count}


def submit_ready(house: House, exam_keys: Sequence[str], destination: str) -> Json:
    """Of these exams those that are ready; a repaired name or a doubtful code is never submitted by itself."""
    able: list[str] = []
    skipped: list[Json] = []
    for key in exam_keys:
        form = pages.form_of(house, key)
        if form["state"] in ("acknowledged", "reconciled", "queued", "sending", "waiting"):
            continue
        if form["ready"]:
            able.append(key)
        else:
            skipped.append({"uid": key, "why": "；".join(form["ready_why_not"])})
    done = submit_many(house, able, destination)
    return done | {"skipped": [*done["skipped"], *skipped]}


def resend(house: House, exam_keys: Sequence[str], destination: str, *, only_failed: bool) -> Json:
    done: list[str] = []
    skipped: list[Json] = []
    total = 0
    for key in exam_keys:
        now = house.clock.now()

        def change(tx: Tx, key: str = key, now: datetime = now) -> int:
            count = submission.resend(tx, key, destination, event=Event.RESENT, now=now, only_failed=only_failed)
            house.refresh_in(tx, key)
            return count

        count = house.store.write(change)
        total += count
        if count:
            done.append(key)
        else:
            skipped.append({"uid": key, "why": _why_not_resent(house, key)})
    return {"resent": done, "jobs": total, "skipped": skipped}


def _why_not_resent(house: House, exam_key: str) -> str:
    own = jobs.newest(jobs.of_exam(house.store.read(), exam_key))
    if not own:
        return "还没有提交过，请先提交上传"
    if any(job.withdraws for job in own):
        return "已经撤回，要再传请重新提交上传"
    return "本来就在排队，不用重传"


def withdraw(house: House, exam_key: str) -> Json:
    stored = house.known(exam_key)
    now = house.clock.now()
    stamps = {name: submission.stamps(target, now=now) for name, target in house.targets.items()}

    def change(tx: Tx) -> int:
        count = submission.withdraw(tx, exam_key, stamps, now=now)
        house.refresh_in(tx, exam_key)
        return count

    count = house.store.write(change)
    if not count and not any(job for job in jobs.of_exam(house.store.read(), exam_key)):
        raise NeedsOperator("这例还没有传给平台", "不用撤回；不想传可以取消")
    return {"exam_key": stored.exam.exam_key, "jobs": count}


def act(house: House, exam_key: str, event: Event) -> Json:
    now = house.clock.now()

    def change(tx: Tx) -> int:
        count = submission.act(tx, exam_key, event, now=now)
        house.refresh_in(tx, exam_key)
        return count

    count = house.store.write(change)
    if not count:
        words = {
            Event.PAUSED: "没有可以暂停的任务",
            Event.RELEASED: "没有暂停着的任务",
            Event.CANCELLED: "没有可以取消的任务",
        }
        raise NeedsOperator(words[event], "请看这例现在的状态：正在传的要等它传完")
    return {"exam_key": exam_key, "jobs": count}


def complete(house: House, study_uid: str) -> list[str]:
    """A study has come to rest: mark it, give its exams a report to fill, and send late images of what was submitted.

    Returns the exam keys that may be submitted by themselves.
    """
    now = house.clock.now()

    def change(tx: Tx) -> tuple[str, ...]:
        images.mark_complete(tx, study_uid, now=now)
        keys = exams.of_study(tx.conn, study_uid)
        for key in keys:
            _report_keys(tx, key, 1, now)
            exams.note(tx, key, "completed", "", at=now)
            house.follow(tx, key)
        return keys

    keys = house.store.write(change)
    for key in keys:
        if house.known(key).exam.submitted_at is not None:
            _send_late_images(house, key)
    return list(keys)


def _send_late_images(house: House, exam_key: str) -> None:
    """Late images of a submitted exam go by themselves (补传); a doubtful, cancelled or withdrawn one stays."""
    newest = jobs.newest(jobs.of_exam(house.store.read(), exam_key))
    sent = {job.destination for job in newest if job.part is Part.IMAGES}
    ended = {job.destination for job in newest if job.withdraws or job.state in _ENDED}
    for destination in sorted((sent - ended) & set(house.targets)):
        try:
            submit(house, exam_key, destination, only=(Part.IMAGES,))
        except NeedsOperator:
            return
