"""Submitting (提交上传): queue what is new or changed of an exam, nothing else.

Also resend, withdraw, hold, release and cancel: the acts of a person on the jobs of one exam.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.catalogue.check import is_required, saved_texts
from app.delivery import body
from app.delivery.freeze import SENT_AT, Frozen, wire_values
from app.delivery.record import View, carries_reports
from app.delivery.target import Target
from app.domain.form import Noun
from app.domain.job import CONFIRMED, RECORDS, UNFINISHED, Event, Job, JobState, Part, waits_for_fetch
from app.domain.submission import live_state
from app.domain.times import cst_text
from app.errors import NeedsOperator
from app.store import Reader, Tx, answers, exams, files, indexes, jobs, signings

_WITHDRAWN = JobState.WITHDRAWN
_REPLACEABLE = (JobState.QUEUED, JobState.WAITING, JobState.HELD, JobState.REJECTED, JobState.PAUSED, JobState.TO_SIGN)
Stamps = dict[str, dict[str, Any]]


def submit(
    tx: Tx, exam_key: str, frozen: Sequence[Frozen], destination: str, *, now: datetime, ahead: bool = False
) -> int:
    """Queue what differs from what was last submitted; returns how many jobs that makes. One transaction.

    `ahead`: by itself, before a person submits the exam.
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
        _void_signatures(tx, exam_key, destination, each, now)
        count += _queue(tx, exam_key, destination, each, newest.get((each.part, each.report_key)), now, ahead)
    _give_up_replaced(tx, exam_key, destination, now)
    if (count or newest) and not ahead:  # what went ahead may have been all of it
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

    `event`: RESENT by a person, FOUND_MISSING by reconciliation (then only what was acknowledged goes). `only_failed`:
    neither what was acknowledged nor what only waits to be fetched.
    """
    newest = jobs.newest(jobs.of_exam(tx.conn, exam_key))
    gone = {name for name in {job.destination for job in newest} if _is_taken_back(newest, name)}
    sent: list[str] = []
    for job in newest:
        if destination not in ("", job.destination) or job.destination in gone:
            continue
        if not _may_resend(job, event, only_failed) or indexes.is_replaced(tx.conn, job.destination, job.index_code):
            continue
        _again(tx, job, event, now)
        sent.append(job.destination)
    if event is Event.RESENT:
        for name in dict.fromkeys(sent):
            exams.note(tx, exam_key, "resent", name, at=now)
    return len(sent)


def announce_again(tx: Tx, exam_key: str, destination: str, *, now: datetime) -> int:
    """Tell the platform once more of what it has not fetched. Returns how many jobs."""
    own = [job for job in jobs.newest(jobs.of_exam(tx.conn, exam_key)) if job.destination == destination]
    if _is_taken_back(own, destination):
        return 0
    found = [
        job for job in own if waits_for_fetch(job) and not indexes.is_replaced(tx.conn, destination, job.index_code)
    ]
    for job in found:
        _again(tx, job, Event.RESENT, now)
    if found:
        exams.note(tx, exam_key, "resent", destination, at=now)
    return len(found)


def send_rest_again(tx: Tx, record: Job, *, now: datetime) -> None:
    """The platform deleted the exam before it took this version of it: images and reports must go once more, too."""
    for job in jobs.newest(jobs.of_exam(tx.conn, record.exam_key)):
        if (job.destination, job.index_code) != (record.destination, record.index_code) or job.part in RECORDS:
            continue
        answers.forget_holdings(tx, job.destination, job.exam_key, job.part.value)
        if job.state in CONFIRMED:
            _again(tx, job, Event.RESENT, now)
        elif job.state in UNFINISHED:
            jobs.new_round(tx, job.id)
    exams.note(tx, record.exam_key, "rest_resent", record.destination, at=now)


def withdraw(
    tx: Tx,
    exam_key: str,
    stamps: Mapping[str, Stamps],
    *,
    now: datetime,
    destination: str = "",
    whole: Collection[str] = (),
) -> int:
    """撤回: every record that the platform ever took goes once more with its deletion mark; the rest is cancelled.

    From one destination or all. `whole`: destinations where the withdrawal of the exam takes back all of it. `stamps`:
    per destination, see `stamps()`. Raises `NeedsOperator` while a record is on the wire: nobody knows yet whether the
    platform has it.
    """
    own = [job for job in jobs.of_exam(tx.conn, exam_key) if destination in ("", job.destination)]
    if any(job.state is JobState.SENDING and job.part is not Part.IMAGES and not job.withdraws for job in own):
        raise NeedsOperator("这例正在上传", "等它传完再撤回，一般不到一分钟")
    for job in own:
        if job.state in _REPLACEABLE and not job.withdraws:
            jobs.move(tx, job.id, Event.CANCELLED, now=now, trouble=job.trouble)
    taken = answers.acknowledged_jobs(tx.conn, exam_key)
    count = 0
    for job in jobs.newest(own):
        if job.part is Part.IMAGES or (job.withdraws and job.state is not JobState.CANCELLED):
            continue
        if job.destination in whole:
            sent, index_code = _whole(tx, own, job, taken) if job.part in RECORDS else (None, "")
        else:
            sent, index_code = _last_taken(own, job, taken), ""
        if sent is not None:
            marked = _marked(sent, stamps.get(sent.destination, {}), index_code or sent.index_code)
            _insert_withdrawal(tx, sent, marked, now)
            count += 1
    for name in {job.destination for job in own} - {job.destination for job in own if job.id in taken}:
        files.withdraw_links(tx, name, exam_key, now=now)
        for job in own:
            if job.destination == name and job.part is Part.IMAGES:
                jobs.new_round(tx, job.id)  # the addresses that the platform was told of open nothing any more
    return count


def _insert_withdrawal(tx: Tx, sent: Job, marked: dict[str, Any], now: datetime) -> None:
    jobs.insert(
        tx,
        destination=sent.destination,
        exam_key=sent.exam_key,
        report_key=sent.report_key,
        part=sent.part,
        payload=marked,
        digest=body.digest(marked),
        exam_day=str(sent.payload.get("exam_day", "")),
        total_count=1,
        state=JobState.QUEUED,
        now=now,
        withdraws=True,
        index_code=str(marked.get("index_code", "")),
    )


def _marked(sent: Job, stamp: Stamps, index_code: str) -> dict[str, Any]:
    """The record as it was sent, with its deletion mark and the time of the deletion."""
    marked: dict[str, Any] = dict(sent.payload) | {"withdrawn": True}
    for message in ("exam", "report"):
        if message in marked:
            marked[message] = marked[message] | stamp.get(message, {}) | _marks(sent, message)
    return marked | ({"index_code": index_code} if index_code else {})


def _whole(tx: Tx, own: Sequence[Job], job: Job, taken: set[int]) -> tuple[Job | None, str]:
    """What to withdraw of an exam as one, and under which index code: also what the platform only may have."""
    there = indexes.at_platform(tx.conn, job.destination, job.exam_key)
    sent = _last_taken(own, job, taken)
    if sent is None and there:
        sent = next(
            (
                each
                for each in reversed(own)
                if (each.destination, each.part) == (job.destination, job.part) and not each.withdraws
            ),
            None,
        )
    return sent, there[0] if there else ""


def stamps(target: Target, *, now: datetime) -> Stamps:
    """Per message the wire values that say "changed now": a withdrawal is a change of its own."""
    return {message: wire_values(target, message, {SENT_AT: cst_text(now)}) for message in ("exam", "report")}


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
    for name in dict.fromkeys(job.destination for job in moved):
        exams.note(tx, exam_key, event.value, name, at=now)
    return len(moved)


def _marks(job: Job, message: str) -> dict[str, Any]:
    marks = job.payload.get("marks")
    found = marks.get(message, {}) if isinstance(marks, dict) else {}
    return dict(found) if isinstance(found, dict) else {}


def _queue(tx: Tx, exam_key: str, destination: str, each: Frozen, last: Job | None, now: datetime, ahead: bool) -> int:
    given_up = (JobState.CANCELLED, JobState.WITHDRAWN)
    same = last is not None and last.digest == each.digest and last.state not in given_up
    if last is not None and same and not _is_signed_anew(each, last):
        if last.unsigned and each.unsigned and each.to_sign is not None:
            signings.want(tx, destination, exam_key, each.report_key, each.to_sign, now=now)
        if last.state in (JobState.HELD, JobState.REJECTED):
            _again(tx, last, Event.MENDED, now)
            return 1
        return 0
    replaceable = last is not None and last.state in _REPLACEABLE and not last.withdraws
    afresh = last is not None and replaceable and answers.acknowledged(tx.conn, last)
    if afresh:
        answers.forget_holdings(tx, destination, exam_key, each.part.value)
    new_count = _not_held(tx, exam_key, destination, each, last)
    late = each.late or _comes_late(each, last)
    if each.to_sign is not None and each.unsigned:
        signings.want(tx, destination, exam_key, each.report_key, each.to_sign, now=now)
    if last is not None and replaceable:
        jobs.replace_payload(
            tx,
            last.id,
            each.payload,
            each.digest,
            each.exam_day,
            new_count,
            last.late,
            each.index_code,
            unsigned=each.unsigned,
        )
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
        index_code=each.index_code,
        unsigned=each.unsigned,
    )
    exams.note(
        tx,
        exam_key,
        "late_images" if late else "sent_ahead" if ahead else "submitted",
        f"{destination}/{each.part.value}/{new_count}",
        at=now,
    )
    return 1


def _is_signed_anew(each: Frozen, last: Job) -> bool:
    """What has not gone yet holds another signature over the same text than the one that counts."""
    held = last.payload.get("report")
    if last.state not in _REPLACEABLE or last.withdraws or not isinstance(held, dict):
        return False
    return any(held.get(name) != value for name, value in each.signature.items())


def _void_signatures(tx: Tx, exam_key: str, destination: str, each: Frozen, now: datetime) -> None:
    """A signature counts for the values that were signed; with others it is void, and its timestamp with it."""
    if each.part not in (Part.REPORT, Part.MERGED) or not each.report_key:
        return
    text = each.to_sign.text if each.to_sign else ""
    doctor = (each.to_sign.doctor_name, each.to_sign.doctor_code) if each.to_sign else None
    if signings.void_others(tx, destination, each.report_key, text, doctor, now=now):
        exams.note(tx, exam_key, "signature_voided", destination, at=now)


def _again(tx: Tx, job: Job, event: Event, now: datetime) -> None:
    """Queue a job once more. What the platform had acknowledged is really sent again: a new round, nothing held.

    One that only waits to be fetched is announced anew; what was fetched stays held.
    """
    afresh = answers.acknowledged(tx.conn, job)
    if afresh:
        answers.forget_holdings(tx, job.destination, job.exam_key, job.part.value)
        jobs.begin_again(tx, job.id, _image_count(job))
    jobs.move(tx, job.id, event, now=now, new_round=afresh or waits_for_fetch(job))


def _comes_late(each: Frozen, last: Job | None) -> bool:
    """Images that come after others of the same exam went, or while they go."""
    if each.part is not Part.IMAGES or last is None or last.index_code != each.index_code:
        return False
    return last.state in (*CONFIRMED, JobState.SENDING)


def _not_held(tx: Tx, exam_key: str, destination: str, each: Frozen, last: Job | None) -> int:
    """How many images the job will bring: neither held nor on their way with the job that is being sent."""
    refs = each.payload.get("images", [])
    if each.late and last is not None and each.part in RECORDS:
        there = {ref["sop_instance_uid"]: ref["sha256"] for ref in refs_of(last)}
    elif each.part is not Part.IMAGES:
        return 1
    else:
        there = answers.held(tx.conn, destination, exam_key, each.part.value)
        if last is not None and last.state is JobState.SENDING and last.index_code == each.index_code:
            there |= {ref["sop_instance_uid"]: ref["sha256"] for ref in refs_of(last)}
    return sum(1 for ref in refs if there.get(ref["sop_instance_uid"]) != ref["sha256"])


def _give_up_replaced(tx: Tx, exam_key: str, destination: str, now: datetime) -> None:
    """What still waits under an index code that the exam no longer has never goes."""
    for job in jobs.of_exam(tx.conn, exam_key):
        if job.destination != destination or job.withdraws or job.state not in _REPLACEABLE:
            continue
        if indexes.is_replaced(tx.conn, destination, job.index_code):
            jobs.move(tx, job.id, Event.CANCELLED, now=now)


def _is_taken_back(newest: Sequence[Job], destination: str) -> bool:
    """The platform deleted the exam: its images and reports are not sent again without it."""
    records = [job for job in newest if job.destination == destination and job.part in RECORDS]
    return bool(records) and all(live_state(job.state, withdraws=job.withdraws) is _WITHDRAWN for job in records)


def _may_resend(job: Job, event: Event, only_failed: bool) -> bool:
    if job.withdraws and job.state in (*CONFIRMED, JobState.CANCELLED):
        return False  # done, or given up by a person: sending the exam again must not delete it
    if event is Event.FOUND_MISSING:
        return job.state in CONFIRMED
    failed = (JobState.HELD, JobState.REJECTED, JobState.WAITING)
    if only_failed:
        return job.state in failed and not waits_for_fetch(job)
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
    return len(refs_of(job)) if job.part is Part.IMAGES else 1


def is_nowhere(conn: Reader, exam_key: str) -> bool:
    """No platform has anything of the exam, and nothing of it is on its way: never sent, cancelled or withdrawn."""
    own, taken = jobs.of_exam(conn, exam_key), answers.acknowledged_jobs(conn, exam_key)
    over = (JobState.CANCELLED, _WITHDRAWN)
    return all(
        live_state(job.state, withdraws=job.withdraws) in over and _last_taken(own, job, taken) is None
        for job in jobs.newest(own)
    ) and not any(indexes.at_platform(conn, name, exam_key) for name in {job.destination for job in own})


def has_gone(conn: Reader, exam_key: str, destination: str) -> bool:
    """The platform has something of the exam, or may have it."""
    own = [job for job in jobs.of_exam(conn, exam_key) if job.destination == destination]
    taken = answers.acknowledged_jobs(conn, exam_key)
    on_the_wire = any(job.state is JobState.SENDING for job in own)
    return on_the_wire or any(job.id in taken for job in own) or bool(indexes.at_platform(conn, destination, exam_key))


def refs_of(job: Job) -> list[dict[str, Any]]:
    """The images that a job carries, as its payload names them."""
    refs = job.payload.get("images")
    return refs if isinstance(refs, list) else []


def refuse_blocked(view: View) -> None:
    """Raises `NeedsOperator` that names what is missing, when the exam may not be submitted to this destination."""
    title, blocking = view.target.title, view.blocking
    if blocking:
        names = list(dict.fromkeys(problem.label for problem in blocking))
        listed = "、".join(names[:6]) + (" 等" if len(names) > 6 else "")
        raise NeedsOperator(
            f"还差 {len(blocking)} 项：{listed}",
            blocking[0].advice,
            fields=tuple(problem.key for problem in blocking),
            details="\n".join(f"{problem.label}：{problem.title}。{problem.advice}" for problem in blocking),
        )
    if view.lacks_report:
        raise NeedsOperator("还没有报告", f"{title}要检查和报告一起传，请先附上报告再提交", fields=("findings",))
    if demanded := _demanded_of_report(view):
        raise NeedsOperator(
            "还没有报告",
            f"{title}登记检查时就要{'、'.join(demanded)}。请先附上报告，或者在设置里改成可以不填",
            fields=("findings",),
        )


def _demanded_of_report(view: View) -> list[str]:
    """Of an exam that goes before its report: what the platform asks of the report all the same."""
    region = view.target.region
    if not carries_reports(region) or any(report.touched for report in view.reports):
        return []
    texts = saved_texts(view.exam)
    of_report = [row for row in region.rows_of("exam") if row.field.noun is Noun.REPORT and row.key != "report_id"]
    return [row.field.label for row in of_report if is_required(region, row, texts) and not texts.get(row.key)]
