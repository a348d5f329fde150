"""Submitting (提交上传): freeze the parts of an exam for a destination and queue what is new or changed, nothing else.

Also resend, withdraw, hold, release and cancel: the acts of a person on the jobs of one exam.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from app.catalogue.payload import of_all_exams, payload
from app.delivery import body
from app.delivery.record import ReportView, Values, View
from app.delivery.target import Target
from app.domain.form import Source, Value
from app.domain.job import CONFIRMED, UNFINISHED, Event, Job, JobState, Part
from app.domain.study import Instance
from app.domain.times import cst_text
from app.errors import NeedsOperator
from app.regions.conversation import FileRef, ImageRef
from app.store import Tx, answers, exams, files, jobs

_DELETED = {"disable_flag": "1", "check_status": "5"}
"""What a withdrawal says of a record: 已删除 (wherever the platform has such a field)."""
_REPLACEABLE = (JobState.QUEUED, JobState.WAITING, JobState.HELD, JobState.REJECTED, JobState.PAUSED, JobState.TO_SIGN)
_SENT_AT = "last_changed_at"
Stamps = dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """One part as it would be sent now."""

    part: Part
    report_key: str
    payload: dict[str, Any]
    digest: str
    exam_day: str
    image_count: int = 0


def freeze(view: View, exam_key: str, instances: Sequence[Instance], minted_accession: str) -> list[Frozen]:
    """Every part of the exam for this destination, from its present values; a report that nobody began is left out."""
    found: list[Frozen] = []
    touched = [report for report in view.reports if report.touched and report.carried]
    day = _day(view.exam)
    for name in view.target.adapter.parts:
        part = Part(name)
        if part is Part.EXAM:
            found.append(_record(view, part, None, day))
        elif part in (Part.REPORT, Part.MERGED):
            found += [_record(view, part, report, day) for report in touched]
        elif part is Part.IMAGES and instances:
            found.append(_images(view.target, instances, minted_accession, day))
    return found


def submit(tx: Tx, exam_key: str, frozen: Sequence[Frozen], destination: str, *, now: datetime) -> int:
    """Queue what differs from what was last submitted; returns how many jobs that makes. One transaction.

    An unfinished job takes the new payload (and is tried again when it was refused); after an acknowledgement a change
    is a new version; what was acknowledged unchanged is left in peace. Raises `NeedsOperator` during a withdrawal.
    """
    newest = {
        (job.part, job.report_key): job
        for job in jobs.newest(jobs.of_exam(tx.conn, exam_key))
        if job.destination == destination
    }
    if any(job.withdraws and job.state in UNFINISHED for job in newest.values()):
        raise NeedsOperator("这例正在撤回", "等撤回完成再提交；撤回没有成功的，先重传或取消它")
    count = 0
    for each in frozen:
        count += _queue(tx, exam_key, destination, each, newest.get((each.part, each.report_key)), now)
    if count:
        exams.mark_submitted(tx, exam_key, now=now)
    return count


def differs(all_jobs: Sequence[Job], frozen: Sequence[Frozen], destination: str) -> bool:
    """True when a submission now would send something that the newest jobs do not carry."""
    newest = {(job.part, job.report_key): job for job in jobs.newest(list(all_jobs)) if job.destination == destination}
    for each in frozen:
        job = newest.get((each.part, each.report_key))
        if job is None or job.digest != each.digest:
            return True
    return False


def resend(tx: Tx, exam_key: str, destination: str, *, event: Event, now: datetime, only_failed: bool = False) -> int:
    """A new round for the newest version of every part: all of it is really sent again. Returns how many jobs.

    `event`: RESENT by a person, FOUND_MISSING by reconciliation (then only what was acknowledged goes).
    """
    count = 0
    for job in jobs.newest(jobs.of_exam(tx.conn, exam_key)):
        if destination and job.destination != destination:
            continue
        if not _may_resend(job, event, only_failed):
            continue
        _again(tx, job, event, now)
        count += 1
    if count and event is Event.RESENT:
        exams.note(tx, exam_key, "resent", destination, at=now)
    return count


def withdraw(tx: Tx, exam_key: str, stamps: Mapping[str, Stamps], *, now: datetime, destination: str = "") -> int:
    """撤回: every record that the platform ever took goes once more with its deletion mark; the rest is cancelled.

    From one destination or all. `stamps`: per destination, see `stamps()`. Raises `NeedsOperator` while a record is on
    the wire: nobody knows yet whether the platform has it.
    """
    own = [job for job in jobs.of_exam(tx.conn, exam_key) if destination in ("", job.destination)]
    if any(job.state is JobState.SENDING and job.part is not Part.IMAGES and not job.withdraws for job in own):
        raise NeedsOperator("这例正在上传", "等它传完再撤回，一般不到一分钟")
    for job in own:
        if job.state in _REPLACEABLE and not job.withdraws:
            jobs.move(tx, job.id, Event.CANCELLED, now=now)
    taken = answers.acknowledged_jobs(tx.conn, exam_key)
    count = 0
    for job in jobs.newest(own):
        sent = _last_taken(own, job, taken)
        if sent is None or sent.part is Part.IMAGES or (job.withdraws and job.state is not JobState.CANCELLED):
            continue
        marked: dict[str, Any] = dict(sent.payload) | {"withdrawn": True}
        for message in ("exam", "report"):
            if message in marked:
                stamp = stamps.get(sent.destination, {}).get(message, {})
                marked[message] = marked[message] | stamp | _marks(sent, message)
        jobs.insert(
            tx,
            destination=sent.destination,
            exam_key=exam_key,
            report_key=sent.report_key,
            part=sent.part,
            payload=marked,
            digest=body.digest(marked),
            exam_day=str(sent.payload.get("exam_day", "")),
            total_count=1,
            state=JobState.QUEUED,
            now=now,
            withdraws=True,
        )
        count += 1
    if count == 0:
        for name in {job.destination for job in own}:
            files.withdraw_links(tx, name, exam_key, now=now)
    return count


def stamps(target: Target, *, now: datetime) -> Stamps:
    """Per message the wire values that say "changed now": a withdrawal is a change of its own."""
    return {message: _wire_values(target, message, {_SENT_AT: cst_text(now)}) for message in ("exam", "report")}


def send_first(tx: Tx, exam_key: str, destination: str) -> int:
    """What waits of a submission goes before all else that waits; returns how many jobs."""
    moved = [
        job
        for job in jobs.newest(jobs.of_exam(tx.conn, exam_key))
        if job.destination == destination and job.state in (JobState.QUEUED, JobState.WAITING)
    ]
    for job in moved:
        jobs.send_first(tx, job.id)
    return len(moved)


def act(tx: Tx, exam_key: str, event: Event, *, now: datetime, destination: str = "") -> int:
    """PAUSED, RELEASED or CANCELLED for every job of the exam (to one destination or all) that knows the event."""
    able = {
        Event.PAUSED: (JobState.TO_SIGN, JobState.QUEUED, JobState.WAITING, JobState.HELD),
        Event.RELEASED: (JobState.PAUSED,),
        Event.CANCELLED: _REPLACEABLE,
    }[event]
    newest = jobs.newest(jobs.of_exam(tx.conn, exam_key))
    moved = [job for job in newest if job.state in able and destination in ("", job.destination)]
    for job in moved:
        jobs.move(tx, job.id, event, now=now, trouble=job.trouble)
    if moved:
        exams.note(tx, exam_key, event.value, "", at=now)
    return len(moved)


def _record(view: View, part: Part, report: ReportView | None, day: str) -> Frozen:
    target = view.target

    def made(sent_at: str) -> dict[str, Any]:
        found: dict[str, Any] = {"img_exam_type": _text(view.exam, "img_exam_type"), "exam_day": day}
        exam = dict(view.exam)
        exam[_SENT_AT] = Value(text=sent_at, source=Source.SYSTEM)
        if part in (Part.EXAM, Part.MERGED):
            found["exam"] = payload(target.region, "exam", exam, rows={"settlements": view.settlements})
        if part in (Part.REPORT, Part.MERGED) and report is not None:
            found["report"] = _report(target, exam, report)
        found["marks"] = _deletion_marks(target, found)
        return found

    return Frozen(
        part=part,
        report_key=report.report.report_key if report else "",
        payload=body.kept(made(_text(view.exam, _SENT_AT))),
        digest=body.digest(made("")),
        exam_day=day,
    )


def _report(target: Target, exam: Values, report: ReportView) -> dict[str, Any]:
    own: dict[str, object] = {key: value for key, value in report.values.items() if key != _SENT_AT}
    if report.report.pdf_sha256:
        by_link = target.options.get("pdf_mode") == "link"
        ref = FileRef(sha256=report.report.pdf_sha256, encoding="link" if by_link else "base64")
        own["report_pdf"], own["report_pdf_url"] = ("", ref) if by_link else (ref, own.get("report_pdf_url", ""))
    return payload(target.region, "report", of_all_exams(target.region, "report", [exam, *report.other_exams], own))


def _deletion_marks(target: Target, found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Per message the wire values that a withdrawal would set; worked out now, so no later setting can lose them."""
    marks: dict[str, dict[str, Any]] = {}
    for message in ("exam", "report"):
        if message in found:
            marks[message] = _wire_values(target, message, _DELETED)
    return marks


def _wire_values(target: Target, message: str, values: Mapping[str, str]) -> dict[str, Any]:
    """These values alone as the message would carry them, by wire name."""
    sent = payload(target.region, message, values)
    paths = (row.path for row in target.region.rows_of(message) if row.key in values)
    return {path: sent[path] for path in paths if path in sent}


def _marks(job: Job, message: str) -> dict[str, Any]:
    marks = job.payload.get("marks")
    found = marks.get(message, {}) if isinstance(marks, dict) else {}
    return dict(found) if isinstance(found, dict) else {}


def _images(target: Target, instances: Sequence[Instance], minted: str, day: str) -> Frozen:
    carried = minted if target.options.get("carry_minted_accession") else ""
    refs = [
        ImageRef(
            sop_instance_uid=one.sop_instance_uid,
            sop_class_uid=one.sop_class_uid,
            transfer_syntax_uid=one.transfer_syntax_uid,
            sha256=one.data_set_sha256,
            path=one.path,
            size_bytes=one.size_bytes,
            accession_number=carried,
        )
        for one in instances
    ]
    content = sorted((ref.sop_instance_uid, ref.sha256) for ref in refs)
    return Frozen(
        part=Part.IMAGES,
        report_key="",
        payload={"images": [asdict(ref) for ref in refs], "exam_day": day},
        digest=body.digest(content),
        exam_day=day,
        image_count=len(refs),
    )


def _queue(tx: Tx, exam_key: str, destination: str, each: Frozen, last: Job | None, now: datetime) -> int:
    if last is not None and last.digest == each.digest and last.state not in (JobState.CANCELLED, JobState.WITHDRAWN):
        if last.state in (JobState.HELD, JobState.REJECTED):
            _again(tx, last, Event.MENDED, now)
            return 1
        return 0
    replaceable = last is not None and last.state in _REPLACEABLE and not last.withdraws
    afresh = last is not None and replaceable and answers.acknowledged(tx.conn, last)
    if afresh:
        answers.forget_holdings(tx, destination, exam_key, each.part.value)
    new_count = _not_held(tx, exam_key, destination, each, last)
    late = each.part is Part.IMAGES and last is not None and last.state in (*CONFIRMED, JobState.SENDING)
    if last is not None and replaceable:
        jobs.replace_payload(tx, last.id, each.payload, each.digest, each.exam_day, new_count, last.late)
        jobs.move(tx, last.id, Event.MENDED, now=now, new_round=afresh)
        return 1
    jobs.insert(
        tx,
        destination=destination,
        exam_key=exam_key,
        report_key=each.report_key,
        part=each.part,
        payload=each.payload,
        digest=each.digest,
        exam_day=each.exam_day,
        total_count=new_count,
        state=JobState.QUEUED,
        now=now,
        late=late,
    )
    exams.note(
        tx,
        exam_key,
        "late_images" if late else "submitted",
        f"{destination}/{each.part.value}/{new_count}",
        at=now,
    )
    return 1


def _again(tx: Tx, job: Job, event: Event, now: datetime) -> None:
    """Queue a job once more. What the platform had acknowledged is really sent again: a new round, nothing held."""
    afresh = answers.acknowledged(tx.conn, job)
    if afresh:
        answers.forget_holdings(tx, job.destination, job.exam_key, job.part.value)
        jobs.begin_again(tx, job.id, _image_count(job))
    jobs.move(tx, job.id, event, now=now, new_round=afresh)


def _not_held(tx: Tx, exam_key: str, destination: str, each: Frozen, last: Job | None) -> int:
    """How many images the job will bring: neither held nor on their way with the job that is being sent."""
    if each.part is not Part.IMAGES:
        return 1
    there = answers.held(tx.conn, destination, exam_key, each.part.value)
    if last is not None and last.state is JobState.SENDING:
        there |= {ref["sop_instance_uid"]: ref["sha256"] for ref in refs_of(last)}
    refs = each.payload["images"]
    return sum(1 for ref in refs if there.get(ref["sop_instance_uid"]) != ref["sha256"])


def _may_resend(job: Job, event: Event, only_failed: bool) -> bool:
    if job.withdraws and job.state in (*CONFIRMED, JobState.CANCELLED):
        return False  # done, or given up by a person: sending the exam again must not delete it
    if event is Event.FOUND_MISSING:
        return job.state in CONFIRMED
    failed = (JobState.HELD, JobState.REJECTED, JobState.WAITING)
    if only_failed:
        return job.state in failed
    return job.state in (*failed, *CONFIRMED, JobState.CANCELLED)


def _last_taken(own: Sequence[Job], job: Job, taken: set[int]) -> Job | None:
    """The newest version of the job's part that the platform took and was not asked to delete since."""
    same = [
        each
        for each in own
        if (each.destination, each.part, each.report_key) == (job.destination, job.part, job.report_key)
        and each.id in taken
    ]
    return same[-1] if same and not same[-1].withdraws else None


def _image_count(job: Job) -> int:
    return len(refs_of(job)) or 1


def refs_of(job: Job) -> list[dict[str, Any]]:
    """The images that a job carries, as its payload names them."""
    refs = job.payload.get("images")
    return refs if isinstance(refs, list) else []


def _day(values: Values) -> str:
    return _text(values, "examined_at")[:10]


def _text(values: Mapping[str, Value], key: str) -> str:
    value = values.get(key)
    return value.text if value else ""


def refuse_blocked(view: View) -> None:
    """Raises `NeedsOperator` that names what is missing, when the exam may not be submitted to this destination."""
    blocking = view.blocking
    if blocking:
        names = list(dict.fromkeys(problem.label for problem in blocking))
        listed = "、".join(names[:6]) + (" 等" if len(names) > 6 else "")
        raise NeedsOperator(
            f"还差 {len(blocking)} 项：{listed}",
            blocking[0].advice,
            fields=tuple(problem.key for problem in blocking),
            details="\n".join(f"{problem.label}：{problem.title}。{problem.advice}" for problem in blocking),
        )
    merged_only = Part.EXAM.value not in view.target.adapter.parts and Part.MERGED.value in view.target.adapter.parts
    if merged_only and not any(report.touched for report in view.reports):
        raise NeedsOperator(
            "还没有报告", f"{view.target.title}要检查和报告一起传，请先附上报告再提交", fields=("findings",)
        )
