"""What a person does to an exam: fill, settle, submit, resend, withdraw. Each act is one transaction and one note."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from app.delivery import index_codes, submission
from app.delivery.freeze import freeze, freeze_late
from app.delivery.record import Known, View, carries_reports, lacks_images
from app.delivery.target import Target
from app.domain.exam import ExamState
from app.domain.form import Noun, Source, Value
from app.domain.job import Event, JobState, Part, waits_for_fetch
from app.domain.study import DOUBT_WORDS, Doubt, Study
from app.engine import carried, pages
from app.engine.face import Json
from app.engine.house import House
from app.errors import AgentError, NeedsOperator
from app.store import Tx, exams, images, jobs

Typed = dict[str, str]
_ENDED = (JobState.CANCELLED, JobState.WITHDRAWN)
_OPEN = ("to_fill", "ready", "check")


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


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """How many jobs a submission queued, and the destinations that the exam could not go to yet, with why."""

    jobs: int
    refused: Mapping[str, AgentError] = field(default_factory=dict)


def submit(house: House, exam_key: str, destination: str = "", *, late: bool = False) -> Submitted:
    """提交上传 to one destination or to each that lacks nothing. Raises `NeedsOperator` when none could be served.

    A destination that lacks something holds up no other; the exam stays with its person until it has gone to all.
    `late`: only the images that came after the submission.
    """
    if not house.targets:
        fault = next(iter(house.faults.values()), None)
        raise fault or NeedsOperator("还没有设置上传目标", "请先完成设置", page="destination")
    if destination and destination not in house.targets:
        unknown = NeedsOperator("没有这个上传目标", "请核对名称：" + "、".join(house.targets), page="destination")
        raise house.faults.get(destination, unknown)
    now, queue = house.clock.now(), _queue_late if late else _queue

    def change(tx: Tx) -> Submitted:
        stored, views = _submittable(house, tx, exam_key, destination, now)
        counts: list[int] = []
        refused = {} if destination else dict(house.faults)
        for view in views:
            trouble = tx.apart(lambda inner, view=view: counts.append(queue(house, inner, stored, view, now)))  # type: ignore[misc]
            if isinstance(trouble, NeedsOperator):
                refused[view.target.name] = trouble
            elif trouble is not None:
                raise trouble
        if not counts:
            raise _refusal(house, refused)
        house.refresh_in(tx, exam_key)
        return Submitted(jobs=sum(counts), refused=refused)

    return house.store.write(change)


def _submittable(house: House, tx: Tx, exam_key: str, destination: str, now: datetime) -> tuple[Known, list[View]]:
    """The exam as it is at this moment: no value or image comes in between check and freeze."""
    stored = house.known(exam_key, tx)
    if stored.doubts:
        raise NeedsOperator("这例要先核对", DOUBT_WORDS[stored.doubts[0]])
    if stored.exam.state is ExamState.TEST:
        raise NeedsOperator("这是测试影像，不会上传", "真的要传，请先点“这是真的检查”")
    if not stored.complete:
        raise NeedsOperator("影像还在接收", "收齐后会自动变成可提交；确定收齐了可以点“不等了”")
    if not stored.record.reports:
        _report_keys(tx, exam_key, 1, now)  # its number may go ahead of it
        stored = house.known(exam_key, tx)
    return stored, [view for view in house.views(stored, now=now) if destination in ("", view.target.name)]


def _queue(house: House, tx: Tx, stored: Known, view: View, now: datetime) -> int:
    submission.refuse_blocked(view)
    if lacks_images(stored, [view]):
        raise NeedsOperator("还没有影像", "影像到了再提交；还没有做检查的，登记的内容不用您提交")
    _refuse_unknown_partners(tx, stored, view)
    key = stored.exam.exam_key
    index_code = index_codes.minted(tx, view, key, now=now)
    instances = images.instances_of(tx.conn, key)
    frozen = freeze(view, key, instances, stored.accessions, index_code)
    index_codes.refuse_loss(tx.conn, view.target, key, frozen, house.is_here)
    count = submission.submit(tx, key, frozen, view.target.name, now=now)
    if not count and stored.exam.submitted_at:
        _refuse_unbrought(tx, stored, view.target)
    return count


def _refuse_unbrought(tx: Tx, stored: Known, target: Target) -> None:
    """Nothing is left to send of this exam, but another one brings its report."""
    for carrier, _ in carried.unbrought(tx.conn, [target], stored, jobs.of_exam(tx.conn, stored.exam.exam_key)):
        raise NeedsOperator(
            "这例的报告在另一例里", f"报告随检查号 {carrier.accession_number} 的那一例上传，那一例传完，这例就完成"
        )


def _refuse_unknown_partners(tx: Tx, stored: Known, view: View) -> None:
    """A report of several exams names them all: a platform that keeps records apart must have those first."""
    if Part.EXAM.value not in view.target.adapter.parts or carries_reports(view.target.region):
        return
    carried = [one.report.report_key for one in view.reports if one.touched and one.carried]
    for other in (other for key in carried for other in stored.shared.get(key, ())):
        own = [job for job in jobs.of_exam(tx.conn, other.exam.exam_key) if job.destination == view.target.name]
        if not any(job.part is Part.EXAM and job.state not in _ENDED and not job.withdraws for job in jobs.newest(own)):
            raise NeedsOperator(
                "同一份报告的另一例还没有提交", f"请先提交检查号 {other.accession_number} 的那一例，再提交这例"
            )


def _queue_late(house: House, tx: Tx, stored: Known, view: View, now: datetime) -> int:
    key, name = stored.exam.exam_key, view.target.name
    own = [job for job in jobs.newest(jobs.of_exam(tx.conn, key)) if job.destination == name]
    frozen = freeze_late(view, images.instances_of(tx.conn, key), stored.accessions, own)
    return submission.submit(tx, key, frozen, name, now=now)


def _refusal(house: House, refused: Mapping[str, AgentError], title: str = "还不能提交") -> AgentError:
    """Why nothing could be done anywhere: of several destinations all that is missing, one form serves them."""
    first, *others = refused.values()
    if not others:
        return first
    every = [error for error in refused.values() if isinstance(error, NeedsOperator)]
    lines = [_why(house, name, error) for name, error in refused.items()]
    fields = dict.fromkeys(key for error in every for key in error.fields)
    return NeedsOperator(
        f"{title}：" + "；".join(f"{_title(house, name)}{error.title}" for name, error in refused.items()),
        first.advice,
        fields=tuple(fields),
        page=first.page if isinstance(first, NeedsOperator) else "",
        details="\n".join([*lines, *(error.details for error in every if error.details)]),
    )


def _title(house: House, destination: str) -> str:
    target = house.targets.get(destination)
    return target.title if target else destination


def _why(house: House, destination: str, error: AgentError) -> str:
    return f"{_title(house, destination)}：{error.title}。{error.advice}".rstrip("。")


def submit_one(house: House, exam_key: str, destination: str, uid: str) -> Json:
    """As `submit`, told as the face tells it; `uid` is what the person called the exam."""
    done = submit(house, exam_key, destination)
    return {"submitted": [uid], "skipped": _skipped(house, uid, done), "jobs": done.jobs}


def _skipped(house: House, uid: str, done: Submitted) -> list[Json]:
    return [{"uid": uid, "destination": name, "why": _why(house, name, error)} for name, error in done.refused.items()]


def submit_many(house: House, exam_keys: Sequence[str], destination: str) -> Json:
    """Submit each; one that can't go is named with its reason and holds up no other."""
    submitted: list[str] = []
    skipped: list[Json] = []
    count = 0
    for key in exam_keys:
        try:
            done = submit(house, key, destination)
        except AgentError as error:
            skipped.append({"uid": key, "why": f"{error.title}。{error.advice}"})
            continue
        count += done.jobs
        submitted.append(key)
        skipped += _skipped(house, key, done)
    return {"submitted": submitted, "skipped": skipped, "jobs": count}


def submit_ready(house: House, exam_keys: Sequence[str], destination: str) -> Json:
    """Of these exams those that are ready; a doubtful value or what a person stopped is never submitted by itself."""
    able: list[str] = []
    skipped: list[Json] = []
    for key in exam_keys:
        form = pages.form_of(house, key)
        if form["state"] not in _OPEN:
            continue  # under way, over, or stopped by a person
        if any(job.withdraws or job.state in _ENDED for job in jobs.newest(jobs.of_exam(house.store.read(), key))):
            skipped.append({"uid": key, "why": "撤回或取消过，还要传请打开这例再提交"})
        elif form["ready"]:
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
            for target in house.targets.values():
                if destination in ("", target.name):
                    index_codes.refuse_loss_again(tx.conn, target, key, house.is_here)
            count = submission.resend(tx, key, destination, event=Event.RESENT, now=now, only_failed=only_failed)
            house.refresh_in(tx, key)
            return count

        try:
            count = house.store.write(change)
        except NeedsOperator as refusal:
            skipped.append({"uid": key, "why": f"{refusal.title}。{refusal.advice}"})
            continue
        total += count
        if count:
            done.append(key)
        else:
            skipped.append({"uid": key, "why": _why_not_resent(house, key, destination)})
    return {"resent": done, "jobs": total, "skipped": skipped}


def _why_not_resent(house: House, exam_key: str, destination: str) -> str:
    newest = jobs.newest(jobs.of_exam(house.store.read(), exam_key))
    own = [job for job in newest if destination in ("", job.destination)]
    if not own:
        return "还没有提交过，请先提交上传"
    if any(job.withdraws for job in own):
        return "已经撤回，要再传请重新提交上传"
    if any(waits_for_fetch(job) for job in own):
        return "在等平台来取，不用重传"
    return "本来就在排队，不用重传"


def withdraw(house: House, exam_key: str, destination: str = "") -> Json:
    """撤回 from one destination or all that can; where nothing can be deleted, what has not gone yet is cancelled.

    Raises `NeedsOperator` when no platform could be asked to delete anything.
    """
    house.known(exam_key)
    own = jobs.of_exam(house.store.read(), exam_key)
    where = [name for name in dict.fromkeys(job.destination for job in own) if destination in ("", name)]
    if not where:
        raise NeedsOperator("这例还没有传给平台", "不用撤回；不想传可以取消")
    count, refused = 0, dict[str, AgentError]()
    for name in where:
        try:
            count += _withdraw_from(house, exam_key, name)
        except NeedsOperator as error:
            refused[name] = error
    if len(refused) == len(where):
        raise _refusal(house, refused, "没有能撤回的")
    skipped = [{"destination": name, "why": _why(house, name, error)} for name, error in refused.items()]
    return {"exam_key": exam_key, "jobs": count, "skipped": skipped}


def _withdraw_from(house: House, exam_key: str, destination: str) -> int:
    target = house.targets.get(destination)
    if target is None:
        raise NeedsOperator("这个上传目标现在用不了", "请先在设置里看好它，再撤回", page="destination")
    now = house.clock.now()

    def change(tx: Tx) -> int:
        if target.can("withdraw"):
            count = withdraw_in(house, target, tx, exam_key, now)
        else:
            count = submission.act(tx, exam_key, Event.CANCELLED, now=now, destination=destination)
        house.refresh_in(tx, exam_key)
        return count

    count = house.store.write(change)
    if target.can("withdraw"):
        return count
    if submission.has_gone(house.store.read(), exam_key, destination):
        cancelled = f"还没传的 {count} 项已取消；" if count else ""
        raise NeedsOperator("平台没有删除接口", f"{cancelled}已经传过去的，请打电话请平台删除")
    return 0


def withdraw_in(house: House, target: Target, tx: Tx, exam_key: str, now: datetime) -> int:
    """撤回 from a destination that can delete, inside a transaction.

    Raises `NeedsOperator` for a report that is another exam's too, which would stand there without one.
    """
    for other in carried.left_without(tx.conn, target, house.known(exam_key, tx)):
        raise NeedsOperator("另一例也用这份报告", f"请先撤回检查号 {other.accession_number} 的那一例，再撤回这例")
    stamps = {target.name: submission.stamps(target, now=now)}
    whole = (target.name,) if target.adapter.withdraws_whole else ()
    return submission.withdraw(tx, exam_key, stamps, now=now, destination=target.name, whole=whole)


def act(house: House, exam_key: str, event: Event, destination: str = "") -> Json:
    now = house.clock.now()

    def change(tx: Tx) -> int:
        count = submission.act(tx, exam_key, event, now=now, destination=destination)
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
    sent = {job.destination for job in newest if submission.refs_of(job)}
    ended = {job.destination for job in newest if job.withdraws or job.state in _ENDED}
    for destination in sorted((sent - ended) & set(house.targets)):
        with suppress(NeedsOperator):
            submit(house, exam_key, destination, late=True)
