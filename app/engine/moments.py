"""One submission from the first image to reconciliation (the timeline), and the slip (上传凭单) about an exam.

Only what happened is told as done; what is still to come says so. A slip never reads better than the truth.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from app.delivery.record import View
from app.delivery.submission import refs_of
from app.delivery.target import Target
from app.domain.form import Source
from app.domain.index_code import short_number
from app.domain.job import CONFIRMED, FETCHED_THERE, JOB_WORDS, RECORDS, Job, JobState, Part, job_words
from app.domain.reconciliation import ImageState
from app.domain.study import Instance
from app.domain.submission import STEP_WORDS
from app.engine import agreement, coding, fetches, outbox, versions
from app.engine.face import Json
from app.engine.house import House
from app.engine.pages import TIMELINE_WORDS
from app.engine.timeline_words import OF_INDEX
from app.engine.versions import PART_SHORT, masked_id
from app.store import answers, exams, image_lists, images, jobs, submissions
from app.store.times import kept

_NOT_YET = "尚未被平台接收"
_ORDER = (Part.EXAM, Part.MERGED, Part.REPORT, Part.IMAGES)


def job(house: House, exam_key: str, destination: str) -> Json:
    """See `Face.job`."""
    conn = house.store.read()
    where = destination or next(iter(submissions.destinations_of(conn, exam_key)), "")
    row = outbox.row_of(house, exam_key, where)
    own = [each for each in jobs.of_exam(conn, exam_key) if each.destination == where]
    receipts = [each for each in answers.receipts(conn, exam_key) if each["destination"] == where]
    log = [each for each in jobs.attempts(conn, exam_key) if each["destination"] == where]
    stored = house.known(exam_key)
    shown = _texts(coding.together(stored, house.views(stored)))
    told = versions.of_exam(house, exam_key, where)
    return {
        "row": row,
        "about": {"sex": shown.get("sex", ""), "age": shown.get("age", ""), "age_unit": shown.get("age_unit", "")},
        "acts": outbox.offered(house, row),
        "moments": _moments(house, row, own, receipts, told),
        "acknowledged": sorted({str(each["acknowledged_at"]) for each in receipts if not each["withdraws"]}),
        "log": {"count": len(log), "last_at": log[-1]["at"] if log else None},
        "versions": told,
        "slip": bool(receipts),
        "fetches": fetches.of_exam(house, exam_key, where),
    }


def _texts(view: View | None) -> dict[str, str]:
    """What is known of the exam, in kept codes, which every page reads alike."""
    return {key: value.text for key, value in view.exam.items()} if view else {}


def _moments(house: House, row: Json, own: Sequence[Job], receipts: Sequence[Json], told: Sequence[Json]) -> list[Json]:
    """kind: "done", "now", "todo" are moments; "step_done", "step_now", "step_todo" are steps inside one."""
    key = row["exam_key"]
    notes = exams.timeline(house.store, key)
    of_index = _of_index(notes, row["destination"])
    before = [_received(house, key, row["late_count"]), *_prepared(house, key, notes), *_versions(told)]
    found = [*sorted(before, key=_when), *of_index["before"]]
    late = [each for each in own if each.late]
    plain = sorted(
        jobs.newest([each for each in own if not each.late]), key=lambda each: (_ORDER.index(each.part), each.id)
    )
    taken_at = {(each["part"], each["report_key"], each["version"]): str(each["acknowledged_at"]) for each in receipts}
    at = [taken_at.get((each.part.value, each.report_key, each.version)) for each in plain]
    if row["state"] == JobState.WITHDRAWN.value:
        return [*found, *_taken_back(row, receipts), *of_index["after"]]
    found += _sending(row, plain, at)
    cancelled = row["state"] == JobState.CANCELLED.value
    if plain and all(each.state in CONFIRMED for each in plain) and not cancelled:
        found.append(_acknowledged(row, plain, [each for each in at if each]))
    elif not cancelled:
        steps = "步都有应答才算" if len(plain) > 1 else "步有应答才算"
        found.append(_moment("todo", "平台接收", f"{len(plain)} {steps}"))
    found += of_index["after"]
    for each in late:
        found += _late(each, taken_at.get((each.part.value, each.report_key, each.version)))
    is_over = bool(plain) and all(each.state in CONFIRMED for each in plain)
    if not cancelled:
        found += fetches.moments(house, key, row["destination"], is_over=is_over)
    if cancelled:
        found.append(_moment("done", row["state_words"], "", row["changed_at"], row["state"]))
    elif row["can_reconcile"] and row["exam_day"]:
        found += _reconciled(house, row, own, [note for note in notes if note["detail"] == row["destination"]])
    return found


def _when(moment: Json) -> str:
    """What is still to come stands last."""
    return str(moment["at"] or "9")


def _moment(kind: str, title: str, detail: str = "", at: str | None = None, state: str = "acknowledged") -> Json:
    return {"kind": kind, "title": title, "detail": detail, "at": at, "state": state, "again": False, "changes": []}


def _versions(told: Sequence[Json]) -> list[Json]:
    """Every version of the parts that went more than once, what each changed, and what became of it.

    One that says nothing new - a first one of a platform without such states, the same content under another index
    code - is in the counts alone.
    """
    several = {(one["part"], one["report_key"]) for one in told if one["version"] > 1 and not one["late"]}
    shown = [one for one in told if (one["part"], one["report_key"]) in several and not one["late"]]
    return [
        _moment(
            "done" if one["acknowledged_at"] else "step_fact",
            f"{'撤回 · ' if one['withdraws'] else ''}{one['part_words']} 第 {one['version']} 版",
            " · ".join(part for part in (one["status_words"], one["state_words"], one["answer"]) if part),
            one["acknowledged_at"] or one["submitted_at"],
            one["state"],
        )
        | {"changes": one["changes"]}
        for one in shown
        if one["changes"] or one["status_words"] or one["answer"] or one["withdraws"]
    ]


def _received(house: House, exam_key: str, late: int) -> Json:
    facts = submissions.image_facts(house.store.read(), exam_key)
    if not facts["n"]:
        return _moment("todo", "接收", "还没有影像")
    source = str(facts["source"] or "").partition(":")[2]
    count = max(1, facts["n"] - late)
    detail = [source.replace("\\", "/").rpartition("/")[2], f"{count} 幅", "" if late else _size(facts["size"])]
    return _moment("done", "接收", " · ".join(part for part in detail if part), facts["first_at"])


def _prepared(house: House, exam_key: str, notes: Sequence[dict[str, Any]]) -> list[Json]:
    first = {note["what"]: note for note in reversed(notes)}
    found = []
    if "registered" in first:
        found.append(_moment("done", "登记", "影像还没到就登记了", first["registered"]["at"]))
    if "completed" in first:
        seconds = round(house.settings.intake.quiet_seconds)
        found.append(_moment("done", "收齐", f"{seconds} 秒没有新图，自动收齐", first["completed"]["at"]))
    submitted = [note for note in notes if note["what"] == "submitted"]
    if submitted:
        typed = submissions.typed_count(house.store.read(), exam_key, Source.TECHNICIAN.value)
        who = submitted[0]["who"]
        found.append(_moment("done", "填报", f"{who} 提交上传 · 手填 {typed} 项".strip(), submitted[0]["at"]))
    return found


def _of_index(notes: Sequence[dict[str, Any]], destination: str) -> dict[str, list[Json]]:
    """What became of the exam's index code, before anything was sent under it and after."""
    found: dict[str, list[Json]] = {"before": [], "after": []}
    for note in notes:
        name, _, rest = note["detail"].partition("/")
        if note["what"] in OF_INDEX and name == destination:
            when = "before" if note["what"] in ("index_moved", "index_changed") else "after"
            said = OF_INDEX[note["what"]].format(rest)
            found[when].append(_moment("done", TIMELINE_WORDS[note["what"]], said, note["at"]))
    return found


def _sending(row: Json, plain: Sequence[Job], at: Sequence[str | None]) -> list[Json]:
    """The step that is current and, while it is not over, each step by itself."""
    done = sum(each.state in CONFIRMED for each in plain)
    total, state = len(plain), JobState(row["state"])
    times = [one for one in at if one]
    if done == total:
        return [_moment("done", f"上传 {done} / {total} 步", "", max(times, default=None))]
    open_jobs = [each for each in plain if each.state not in CONFIRMED]
    current = next((each for each in open_jobs if each.state is state), open_jobs[0])
    number = plain.index(current) + 1
    again = state is JobState.WAITING and current.due_at is not None
    head = _moment("now", f"上传 · 第 {number} 步，共 {total} 步", _why(current), state=state.value)
    if again and current.due_at is not None:
        head |= {"at": kept(current.due_at), "again": True}
    steps = []
    for each, when in zip(plain, at, strict=True):
        kind = "step_done" if each.state in CONFIRMED else "step_now" if each is current else "step_todo"
        amount = f" {each.done_count} / {each.total_count}" if each.part is Part.IMAGES and each.total_count else ""
        version = f" · 第 {each.version} 版" if each.version > 1 else ""
        what = "平台来取影像" if each.trouble == FETCHED_THERE else STEP_WORDS[each.part]
        title = f"{'撤回 · ' if each.withdraws else ''}{what}{amount if kind == 'step_now' else ''}"
        steps.append(_moment(kind, title + version, "", when if kind == "step_done" else None, each.state.value))
    return [head, *steps]


def _why(current: Job) -> str:
    if current.trouble == FETCHED_THERE:
        return current.trouble.title
    tried = f"已试 {current.attempts} 次" if current.attempts and current.state is JobState.WAITING else ""
    if current.trouble is not None:
        return "，".join(part for part in (current.trouble.title, tried) if part)
    return {
        JobState.QUEUED: "排队，轮到就传",
        JobState.SENDING: "正在上传",
        JobState.PAUSED: "暂缓着，点“恢复”接着传",
        JobState.TO_SIGN: "等审核医师签名",
        JobState.CANCELLED: "已取消，没有传的不再传",
    }.get(current.state, tried)


def _acknowledged(row: Json, plain: Sequence[Job], times: Sequence[str]) -> Json:
    names = list(dict.fromkeys(PART_SHORT[each.part] for each in plain))
    count = row["image_count"] - row["late_count"]
    said = "、".join(names) + (f" {count} 幅" if "影像" in names and count else "")
    number = f" · 索引 {short_number(row['numbers'][0])}" if row["numbers"] else ""
    without = "" if row["can_reconcile"] else " · 以回执为准"
    return _moment("done", "平台已接收", said + number + without, max(times, default=None))


def _taken_back(row: Json, receipts: Sequence[Json]) -> list[Json]:
    """What the platform once had, and that it has it no more."""
    taken = [each for each in receipts if not each["withdraws"]]
    over = _moment("done", row["state_words"], "平台已删除，本机的影像和记录都在", row["changed_at"], row["state"])
    if not taken:
        return [over]
    parts = sorted({Part(each["part"]) for each in taken}, key=_ORDER.index)
    had = "、".join(PART_SHORT[each] for each in parts)
    return [_moment("done", "平台已接收", had, max(str(each["acknowledged_at"]) for each in taken)), over]


def _late(each: Job, taken_at: str | None) -> list[Json]:
    came = _moment("done", f"晚到 {each.total_count} 幅，自动补传", "作为补传单发送", kept(each.submitted_at))
    if each.state in CONFIRMED and taken_at:
        return [came, _moment("done", "补传的平台已接收", f"影像 {each.total_count} 幅", taken_at)]
    words = {"kind": "now", "state": each.state.value} if each.state is not JobState.CANCELLED else {"kind": "todo"}
    return [came, _moment("now", f"补传 · {job_words(each.state, each.trouble)}", _why(each)) | words]


def _reconciled(house: House, row: Json, own: Sequence[Job], notes: Sequence[dict[str, Any]]) -> list[Json]:
    """One moment for the exam; one more for its images where the platform can be asked about them."""
    plain = jobs.newest([each for each in own if each.state is not JobState.CANCELLED])
    records = [each for each in plain if each.part in RECORDS]
    soon = row["reconciles_at"] if row["state"] == JobState.ACKNOWLEDGED.value else None
    if not records or any(each.state is not JobState.RECONCILED for each in records):
        return [_moment("todo", "对账", "问平台缺不缺这例检查", soon)]
    found = [_moment("done", "对账", "平台已有这例检查", _last(notes, "reconciled") or row["changed_at"], "reconciled")]
    images_of_it = next((each for each in plain if each.part is Part.IMAGES), None)
    target = house.targets.get(row["destination"])
    if images_of_it is None or target is None or not target.can("reconcile_images"):
        return found
    if images_of_it.state is JobState.RECONCILED:
        count = len(refs_of(images_of_it))
        return [
            *found,
            _moment("done", "核对影像", f"平台有全部 {count} 幅", _last(notes, "images_reconciled"), "reconciled"),
        ]
    answer = image_lists.standing(house.store.read(), row["destination"], row["exam_key"])
    if answer is None:
        return [*found, _moment("todo", "核对影像", "问平台的缓存里有哪些影像", soon)]
    kind = "done" if answer.state is ImageState.UNKNOWN else "now"
    state = "held" if answer.state is ImageState.LACKING else "acknowledged"
    return [*found, _moment(kind, "核对影像", agreement.images_words(answer), kept(answer.asked_at), state)]


def _last(notes: Sequence[dict[str, Any]], what: str) -> str | None:
    return next((str(note["at"]) for note in reversed(notes) if note["what"] == what), None)


def _size(count_bytes: int) -> str:
    return f"{count_bytes / 1_000_000:.1f} MB" if count_bytes < 10_000_000 else f"{count_bytes // 1_000_000} MB"


# -- 上传凭单 --------------------------------------------------------------------------------------------------------


def slip(house: House, exam_key: str) -> Json:
    """See `Face.slip`."""
    conn = house.store.read()
    stored = house.known(exam_key)
    listed = exams.shown(conn, exam_key)
    shown = _texts(coding.together(stored, house.views(stored)))
    instances = images.instances_of(conn, exam_key)
    own, receipts = jobs.of_exam(conn, exam_key), answers.receipts(conn, exam_key)
    notes = exams.timeline(house.store, exam_key)
    submitted = next((note for note in notes if note["what"] == "submitted"), None)
    where = submissions.destinations_of(conn, exam_key)
    return {
        "clinic": house.settings.clinic.name or shown.get("clinic_name", ""),
        "clinic_code": house.settings.clinic.fixmedins_code or house.settings.clinic.uscc,
        "patient": {
            "name": listed["patient_name"],
            "sex": shown.get("sex", ""),
            "age": shown.get("age", ""),
            "id_number": masked_id(shown.get("id_number", "")),
        },
        "exam": {
            "accession_number": listed["accession_number"],
            "modality": listed["modality"],
            "description": listed["description"],
            "exam_day": listed["exam_day"],
            "exam_key": exam_key,
        },
        "study_uids": [study.study_instance_uid for study in stored.studies],
        "submitted_at": submitted["at"] if submitted else None,
        "submitted_by": submitted["who"] if submitted else "",
        "image_count": len(instances),
        "digest": digest_of(instances),
        "destinations": [_slip_of(house, name, own, instances, receipts, notes) for name in where],
        "not_submitted": not where,
        "printed_at": kept(house.clock.now()),
    }


def _slip_of(
    house: House,
    name: str,
    own: Sequence[Job],
    instances: Sequence[Instance],
    receipts: Sequence[Json],
    notes: Sequence[dict[str, Any]],
) -> Json:
    conn, target = house.store.read(), house.targets.get(name)
    mine = [each for each in own if each.destination == name]
    row = submissions.one(conn, mine[0].exam_key, name) or {}
    state = JobState(row["state"])
    left = _left_out(target, mine, instances)
    whole = state in CONFIRMED and not left
    records = [each for each in jobs.newest(mine) if each.part in RECORDS]
    reconciled = state in CONFIRMED and bool(records) and all(each.state is JobState.RECONCILED for each in records)
    days = [note["at"] for note in notes if (note["what"], note["detail"]) == ("reconciled", name)]
    parts = sorted(jobs.newest(mine), key=lambda each: _ORDER.index(each.part))
    return {
        "title": target.title if target else name,
        "state": state.value,
        "state_words": JOB_WORDS[state],
        "verdict": "平台已接收" if whole else JOB_WORDS[state] if state is JobState.WITHDRAWN else _NOT_YET,
        "acknowledged": whole,
        "acknowledged_at": submissions.acknowledged_at(conn, mine[0].exam_key, name) or None if whole else None,
        "reconciled_at": days[-1] if reconciled and days else None,
        "can_reconcile": bool(target and target.can("reconcile")),
        "numbers": submissions.numbers(conn, mine[0].exam_key, name) if whole else [],
        "parts": [*(_slip_part(each, receipts) for each in parts), *([_slip_late(left)] if left else [])],
    }


def _left_out(target: Target | None, mine: Sequence[Job], instances: Sequence[Instance]) -> int:
    """How many images of the exam no submission to this destination carries: they came later, or wait for a person."""
    newest = next((each for each in jobs.newest(list(mine)) if refs_of(each) and not each.withdraws), None)
    if target is None or (newest is None and Part.IMAGES.value not in target.adapter.parts):
        return 0
    carried = {(ref["sop_instance_uid"], ref["sha256"]) for ref in refs_of(newest)} if newest else set()
    return sum((one.sop_instance_uid, one.data_set_sha256) not in carried for one in instances)


def _slip_late(count: int) -> Json:
    late = {"name": f"{PART_SHORT[Part.IMAGES]} · 晚到", "version": 1, "image_count": count}
    return late | {"acknowledged_at": None, "words": f"{_NOT_YET} · 还没有提交"}


def _slip_part(each: Job, receipts: Sequence[Json]) -> Json:
    found = [
        one
        for one in receipts
        if (one["destination"], one["part"], one["report_key"], one["version"], one["round"])
        == (each.destination, each.part.value, each.report_key, each.version, each.round)
    ]
    accepted = each.state in CONFIRMED and bool(found)
    name = ("撤回 · " if each.withdraws else "") + PART_SHORT[each.part]
    return {
        "name": name + (" · 补传" if each.late else ""),
        "version": each.version,
        "image_count": len(refs_of(each)) if each.part is Part.IMAGES else 0,
        "acknowledged_at": str(found[-1]["acknowledged_at"]) if accepted else None,
        "words": "平台已接收" if accepted else f"{_NOT_YET} · {job_words(each.state, each.trouble)}",
    }


def digest_of(instances: Sequence[Instance]) -> str:
    """SHA-256 over the sorted (SOP UID, SHA-256 of the data set) of the images: one value that names exactly these."""
    lines = sorted(f"{one.sop_instance_uid} {one.data_set_sha256}" for one in instances)
    return hashlib.sha256("\n".join(lines).encode("ascii")).hexdigest() if lines else ""
