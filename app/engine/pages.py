"""What pages and terminals see, as plain values: forms, studies, jobs, reconciliation. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from app.catalogue.check import HERE
from app.catalogue.form import build_form
from app.catalogue.region import CODED
from app.delivery import record
from app.delivery.record import Known, View
from app.delivery.target import Target
from app.domain.exam import EXAM_WORDS, ExamState
from app.domain.form import SOURCE_WORDS, Form, FormField, Level, Noun, Problem, Source, Value
from app.domain.job import PART_WORDS, TURN_WORDS, Job, Trouble, Turn, job_words
from app.domain.study import DOUBT_WORDS, Doubt, Study
from app.domain.times import CST
from app.engine import coding, days_that_lack, devices, doubts, fetches, registered, versions
from app.engine.face import Json
from app.engine.house import House
from app.engine.stamping import stamp_shown
from app.engine.timeline_words import step, told
from app.errors import NeedsOperator
from app.store import answers, days, exams, files, images, jobs
from app.store.times import kept, taken

UMBRELLAS = {
    "fill": ("to_fill", "ready", "check"),
    "uploading": ("queued", "sending", "waiting"),
    "attention": ("held", "rejected"),
    "confirmed": ("acknowledged", "reconciled"),
}
TIMELINE_WORDS = {
    "received": "收到第一张影像",
    "registered": "登记检查",
    "completed": "影像收齐",
    "submitted": "提交上传",
    "sent_ahead": "没等提交，先上传",
    "late_images": "补传影像",
    "acknowledged": "平台已接收",
    "held": "待处理",
    "rejected": "已退回",
    "reconciled": "已对账",
    "images_reconciled": "影像逐张对过，平台都有",
    "found_missing": "对账发现平台缺这例，自动补传",
    "resent": "重新上传",
    "paused": "已暂停",
    "released": "继续上传",
    "cancelled": "已取消",
    "withdrawn": "已撤回",
    "index_moved": "医保影像云索引",
    "index_changed": "换了医保影像云索引",
    "index_withdrawn": "旧索引已撤回",
    "index_left": "旧索引还在平台上",
    "rest_resent": "影像和报告再传一遍",
    "signed": "审核医师已签名",
    "signature_voided": "改了签过的内容，签名和时间戳作废，要重新签",
    "signature_refused": "上传前核对签名，不能用，没有上传",
    "settled": "已核对",
    "joined": "并入一组影像",
    "parted": "分出一组影像",
    "report_shared": "和另一例共用一份报告",
    "no_report": "这例不出报告",
    "report_wanted": "还是要报告",
    "report_attached": "附上报告 PDF",
    "report_replaced": "换了一份报告 PDF",
    "his": "从 HIS 填入",
    "report_stamped": "换上盖好章的报告",
    "stamp_refused": "签章软件送回来的没有收",
    "stamp_voided": "报告 PDF 换过，章已作废",
    "report_read": "读出报告里的内容",
    "fetched": "平台来取走了",
    "pulled": "平台取走了影像",
    "fetch_broken": "平台来取，文件找不到了",
    "never_fetched": "一直没有来取，保留期已过",
}


def studies(house: House, state: str, day: str, text: str, limit: int, offset: int) -> Json:
    wanted = UMBRELLAS.get(state, (state,) if state else ())
    known = {each.value for each in ExamState}
    if any(each not in known for each in wanted):
        raise NeedsOperator("没有这个状态", "可以用：" + "、".join([*UMBRELLAS, *sorted(known)]))
    rows, total = exams.listed(
        house.store.read(), states=wanted, day=day, text=text, limit=min(limit, 1000), offset=offset
    )
    return {"total": total, "studies": [_listed(row) for row in rows]}


def _listed(row: Mapping[str, Any]) -> Json:
    return {
        "uid": row["uid"] or row["exam_key"],
        "exam_key": row["exam_key"],
        "state": row["state"],
        "state_words": EXAM_WORDS[ExamState(row["state"])],
        "patient_name": row["patient_name"],
        "accession_number": row["accession_number"],
        "modality": row["modality"],
        "description": row["description"],
        "exam_day": row["exam_day"],
        "received_at": row["sort_at"],
        "image_count": row["image_count"],
        "report_count": row["report_count"],
        "problem_count": row["problem_count"],
        "problems": row["problems"],
        "changed": bool(row["changed"]),
        "submitted_at": row["submitted_at"],
        "late": bool(row["late"]),
    }


def study(house: House, exam_key: str) -> Json:
    stored = house.known(exam_key)
    shown = form(house, stored, house.views(stored))
    conn = house.store.read()
    return {
        "uid": shown["uid"],
        "exam_key": exam_key,
        "state": shown["state"],
        "state_words": shown["state_words"],
        "patient_name": shown["patient_name"],
        "accession_number": stored.accession_number,
        "studies": shown["studies"],
        "fields": shown["fields"],
        "reports": shown["reports"],
        "settlements": shown["settlements"],
        "problems": shown["problems"],
        "ready": shown["ready"],
        "ready_why_not": shown["ready_why_not"],
        "instances": [_instance(one) for one in images.instances_of(conn, exam_key, current_only=False)],
        "jobs": [job_shown(house, job) for job in jobs.of_exam(conn, exam_key)],
        "receipts": answers.receipts(conn, exam_key),
        "versions": versions.of_exam(house, exam_key),
        "fetches": fetches.of_exam(house, exam_key),
        "journal": jobs.attempts(conn, exam_key),
        "timeline": [_line(house, row) for row in exams.timeline(house.store, exam_key)],
    }


def _instance(one: Any) -> Json:
    names = ("sop_instance_uid", "series_instance_uid", "study_instance_uid", "modality", "series_number")
    more = ("instance_number", "transfer_syntax_uid", "size_bytes", "data_set_sha256", "path", "current")
    return {name: getattr(one, name) for name in (*names, *more, "source")}


def _line(house: House, row: Mapping[str, Any]) -> Json:
    what = row["what"]
    return dict(row) | {"words": TIMELINE_WORDS.get(what, what), "detail": told(house, what, row["detail"])}


def job_shown(house: House, job: Job) -> Json:
    target = house.targets.get(job.destination)
    return {
        "id": job.id,
        "destination": job.destination,
        "destination_title": target.title if target else job.destination,
        "part": job.part.value,
        "part_words": ("撤回" if job.withdraws else "补传" if job.late else "") + PART_WORDS[job.part],
        "report_key": job.report_key,
        "version": job.version,
        "state": job.state.value,
        "state_words": job_words(job.state, job.trouble),
        "round": job.round,
        "attempts": job.attempts,
        "step": job.step,
        "done": job.done_count,
        "total": job.total_count,
        "due_at": kept(job.due_at) if job.due_at else None,
        "trouble": trouble_shown(job.trouble),
        "late": job.late,
        "withdraws": job.withdraws,
        "submitted_at": kept(job.submitted_at),
        "changed_at": kept(job.changed_at),
    }


def trouble_shown(trouble: Trouble | None) -> Json | None:
    if trouble is None:
        return None
    return {
        "title": trouble.title,
        "advice": trouble.advice,
        "turn": trouble.turn.value,
        "turn_words": TURN_WORDS[trouble.turn],
        "code": trouble.code,
        "words": trouble.words,
        "step": step(trouble.step),
        "items": list(trouble.items),
        "page": trouble.page,
    }


def form_of(house: House, exam_key: str) -> Json:
    stored = house.known(exam_key)
    return form(house, stored, house.views(stored))


def form(house: House, stored: Known, views: list[View]) -> Json:
    """The form of one exam for all its destinations: every field once, with the first problem any of them has.

    What only some of them ask for says which.
    """
    own_jobs = jobs.newest(jobs.of_exam(house.store.read(), stored.exam.exam_key))
    built = [
        _with_problems(
            view,
            build_form(
                house.catalogue,
                view.target.region,
                view.exam,
                [report.values for report in view.reports],
                list(view.settlements),
                now=house.clock.now(),
            ),
        )
        for view in views
    ]
    problems = _problems(views)
    reasons = record.why_not_ready(stored, views)
    reports, rows = stored.record.reports, stored.record.settlements
    asking = [view.target for view in views]
    return {
        "uid": stored.studies[0].study_instance_uid if stored.studies else stored.exam.exam_key,
        "exam_key": stored.exam.exam_key,
        "patient_name": _name(stored, views),
        "accession_number": stored.accession_number,
        "state": stored.exam.state.value,
        "state_words": EXAM_WORDS[stored.exam.state],
        "ready": not reasons,
        "ready_why_not": list(reasons),
        "can_submit": not stored.doubts and any(not view.blocking and not view.lacks_report for view in views),
        "destinations": [view.target.name for view in views],
        "ahead_words": versions.ahead_words(house, own_jobs) if stored.exam.submitted_at is None else "",
        "no_report": stored.needs_no_report,
        "registered": registered.shown(house, stored),
        "fields": _merged(house, list(zip(asking, (form.exam for form in built), strict=True)), 0, stored.record.exam),
        "reports": [
            {
                "report_key": report.report_key,
                "pdf": bool(report.pdf_sha256),
                "begun": any(view.reports[row].touched for view in views),
                "shared": [one.accession_number for one in stored.shared.get(report.report_key, ())],
                "stamp": stamp_shown(house, report, views),
                "fields": _merged(
                    house, list(zip(asking, (form.reports[row] for form in built), strict=True)), row, values
                ),
            }
            for row, (report, values) in enumerate(reports)
        ],
        "settlements": [
            _merged(
                house,
                [
                    (target, form.settlements[row])
                    for target, form in zip(asking, built, strict=True)
                    if row < len(form.settlements)
                ],
                row,
                rows[row] if row < len(rows) else {},
            )
            for row in range(max((len(form.settlements) for form in built), default=0))
        ],
        "problems": [problem_shown(problem) for problem in problems],
        "problem_count": len(record.to_fill(views)),
        "studies": [_study(house, one) for one in stored.studies],
        "troubles": [trouble_shown(job.trouble) for job in own_jobs if job.trouble],
    }


def _with_problems(view: View, built: Form) -> Form:
    """Beside what a value lacks: what the destination finds missing in a report around it, such as its stamp."""
    found = [{problem.key: problem for problem in reversed(each)} for each in view.report_problems]
    return replace(
        built,
        reports=tuple(
            tuple(replace(line, problem=line.problem or own.get(line.key)) for line in lines)
            for lines, own in zip(built.reports, found, strict=True)
        ),
    )


def _name(stored: Known, views: list[View]) -> str:
    told = (view.exam["patient_name"].text for view in views if "patient_name" in view.exam)
    return next(told, stored.studies[0].patient_name if stored.studies else "")


def _study(house: House, one: Study) -> Json:
    conn = house.store.read()
    return {
        "uid": one.study_instance_uid,
        "patient_name": one.patient_name,
        "patient_id": one.patient_id,
        "accession_number": one.accession_number,
        "modality": one.modality,
        "description": one.description,
        "study_at": one.study_at,
        "source": one.source,
        "image_count": one.image_count,
        "first_at": kept(one.first_at),
        "last_at": kept(one.last_at),
        "complete": one.complete_at is not None,
        "doubt": one.doubt.value,
        "doubt_words": DOUBT_WORDS[one.doubt],
        "candidates": [list(each) for each in one.name_candidates],
        "raw_hex": images.raw_name(conn, one.study_instance_uid).hex(" ") if one.doubt is Doubt.NAME else "",
        "compared": doubts.compared(house, one),
        "contents": images.contents(conn, one.study_instance_uid) if one.doubt is Doubt.CONFLICT else [],
    }


def _problems(views: list[View]) -> list[Problem]:
    """The problems of every destination, the same words once; what not all of them say names who says it."""
    found: dict[tuple[Noun, int, str, str], list[tuple[Target, Problem]]] = {}
    for view in views:
        for one in view.problems:
            found.setdefault((one.noun, one.row, one.key, one.title), []).append((view.target, one))
    every = [_by_all(said, len(views)) for said in found.values()]
    return sorted(every, key=lambda one: (_NOUNS.index(one.noun), one.row))


_NOUNS = (Noun.EXAM, Noun.SETTLEMENT, Noun.REPORT)


def _by_all(said: list[tuple[Target, Problem]], count: int) -> Problem:
    target, problem = said[0]
    named = replace(problem, destination=target.name)
    if len(said) == count:
        return named
    who = "、".join(one.title for one, _ in said)
    told = problem.title.replace(HERE, who) if HERE in problem.title else f"{problem.title}（{who}）"
    return replace(named, title=told)


def problem_shown(problem: Problem) -> Json:
    return {
        "key": problem.key,
        "label": problem.label,
        "title": problem.title,
        "advice": problem.advice,
        "destination": problem.destination,
        "noun": problem.noun.value,
        "row": problem.row,
    }


def _merged(
    house: House, forms: list[tuple[Target, tuple[FormField, ...]]], row: int, entered: Mapping[str, Value]
) -> list[Json]:
    """The fields of several destinations as one list, in the order of the catalogue: each key once."""
    found: dict[str, list[tuple[Target, FormField]]] = {}
    for target, lines in forms:
        for line in lines:
            found.setdefault(line.key, []).append((target, line))
    return [
        _field(house, found[key], row, entered, all_ask=len(found[key]) == len(house.targets))
        for key in house.catalogue.fields
        if key in found
    ]


_ORDER = (Level.MAY, Level.IF_KNOWN, Level.MUST)


def _field(
    house: House, lines: list[tuple[Target, FormField]], row: int, entered: Mapping[str, Value], *, all_ask: bool
) -> Json:
    """One field for those who ask for it: the strictest of each, and the value of the one that is not content."""
    strictest = max((line for _, line in lines), key=lambda line: _ORDER.index(line.level))
    target, line = next(((target, line) for target, line in lines if line.problem), lines[0])
    kept = coding.kept_text(target.region, line.key, line.value, entered)
    is_coded = line.type in CODED
    return {
        "key": line.key,
        "label": line.label,
        "noun": line.noun.value,
        "row": row,
        "group": line.group,
        "type": line.type,
        "table": line.table,
        "level": strictest.level.value,
        "required_when": strictest.required_when,
        "max_length": min((one.max_length for _, one in lines if one.max_length), default=0),
        "help": line.help,
        "only": "" if all_ask else f"只有 {'、'.join(one.title for one, _ in lines)} 要",
        "doubt": "；".join(dict.fromkeys(one.doubt for _, one in lines if one.doubt)),
        "text": coding.text_of(house, line.key, kept) if is_coded else kept,
        "shown": coding.shown(house, line.key, kept) if is_coded else line.shown,
        "source": line.value.source.value if line.value else "",
        "source_words": SOURCE_WORDS[line.value.source] if line.value else "",
        "value_doubt": line.value.doubt if line.value else "",
        "problem": _problem(lines, len(house.targets)),
    }


def _problem(lines: list[tuple[Target, FormField]], count: int) -> Json | None:
    """The first problem that somebody has with the field, and who has it when not all do."""
    said = [(target, line.problem) for target, line in lines if line.problem]
    if not said:
        return None
    first = said[0][1]
    told = _by_all([(target, one) for target, one in said if one.title == first.title], count)
    return {"title": told.title, "advice": told.advice}


def with_values(house: House, stored: Known, values: Mapping[str, str]) -> Known:
    """The exam as if `values` (as typed) had been entered. Raises `NeedsOperator` for a text its type refuses."""
    own, first = dict(stored.record.exam), dict(stored.record.reports[0][1]) if stored.record.reports else {}
    for key, text in values.items():
        noun, saved = parsed(house, key, text)
        (first if noun is Noun.REPORT else own)[key] = Value(text=saved, source=Source.TECHNICIAN)
    reports = tuple((report, first if n == 0 else kept_) for n, (report, kept_) in enumerate(stored.record.reports))
    return replace(stored, record=replace(stored.record, exam=own, reports=reports))


def parsed(house: House, key: str, text: str) -> tuple[Noun, str]:
    """(where the field is kept, the saved form of what was typed). Raises `NeedsOperator` naming the field."""
    field = house.catalogue.fields.get(key)
    if field is None:
        raise NeedsOperator(f"没有 {key} 这个字段", "用 fields 命令可以列出所有字段", fields=(key,))
    if field.noun is Noun.REQUEST:
        raise NeedsOperator(f"{field.label}由程序填写", "这一项不用填", fields=(key,))
    if not text.strip():
        return field.noun, ""
    try:
        return field.noun, coding.typed(house, key, text)
    except NeedsOperator as error:
        raise NeedsOperator(f"{field.label}：{error.title}", error.advice, fields=(key,)) from error


def fields_of(house: House, destination: str) -> Json:
    target = house.targets.get(destination)
    if target is None:
        fault = house.faults.get(destination)
        if fault is not None:
            raise fault
        raise NeedsOperator("没有这个上传目标", "请核对名称：" + "、".join(house.targets), page="destination")
    region = target.region
    return {
        "fields": [
            {
                "key": row.key,
                "message": message,
                "wire_name": row.path,
                "label": row.field.label,
                "noun": row.field.noun.value,
                "typed": row.field.noun is not Noun.REQUEST,
                "level": row.level.value,
                "required_when": row.required_when,
                "type": row.field.type,
                "table": row.table or row.field.table,
                "max_length": row.max_length,
                "doubt": row.doubt,
                "section": row.section,
            }
            for message, rows in region.rows.items()
            for row in rows
        ]
    }


def search_codes(house: House, table: str, text: str, limit: int) -> Json:
    found = coding.list_named(house, table)
    if found is None:
        raise NeedsOperator("没有这个字典", f"请核对字典名：{table[:64]}")
    return {
        "codes": [
            {
                "code": hit.code.code,
                "label": hit.code.label,
                "spans": [list(span) for span in hit.label_spans],
                "doubt": hit.code.doubt,
            }
            for hit in found.search(text, min(limit, 500))
        ]
    }


def set_asides(house: House) -> Json:
    conn = house.store.read()
    waiting = [
        {
            "path": row["name"],
            "title": "报告还没有对上检查",
            "advice": "影像到了会自动对上；也可以在检查里手工附上",
            "at": row["at"],
            "source": "report",
        }
        for row in files.waiting(conn)
    ]
    return {"files": [*files.aside(conn), *waiting]}


def needs_you(house: House, more: list[Json]) -> list[Json]:
    """One row per thing that waits for a person, the gravest first, with `more` from elsewhere."""
    conn, now = house.store.read(), house.clock.now()
    rows: list[Json] = []
    troubles = jobs.troubles(conn)
    listed, _ = exams.listed(conn, states=("rejected", "held", "check", "to_fill", "ready"), limit=200)
    missing = days.for_engineer(conn)
    on_days = {each.exam_key for each in missing}
    for row in listed:
        trouble, since = troubles.get(row["exam_key"], (None, None))
        if row["exam_key"] in on_days and trouble is not None and trouble.step == "reconcile":
            continue  # counted with its day
        rows.append(_need(row, trouble, since, now))
    rows += [*days_that_lack.of_exams(house, missing), *days_that_lack.of_images(house)]
    rows += [*devices.quiet_rows(house), *more]
    rows.sort(key=lambda row: (_NEED_ORDER.get(row["state"], 9), row["since"] or ""))
    return rows


_NEED_ORDER = {
    "rejected": 0,
    "held": 1,
    "missing": 2,
    "his": 3,
    "check": 4,
    "to_fill": 4,
    "ready": 5,
    "to_sign": 6,
    "lacking": 7,
    "expiring": 8,
}
"""Refused, missing after two resends, HIS (it saves typing), to fill (oldest first), to submit, to sign, lacking images
that somebody may send again."""


def _need(row: Mapping[str, Any], trouble: Trouble | None, since: datetime | None, now: datetime) -> Json:
    who = " ".join(part for part in (row["patient_name"], row["description"] or row["modality"]) if part)
    if trouble is not None:
        why, turn = f"{trouble.title} · {trouble.advice}", trouble.turn
    elif row["state"] == "check":
        why, turn = "请先核对患者，再提交", Turn.TECHNICIAN
    elif row["state"] == "ready":
        why, turn = "都填好了，可以提交上传", Turn.TECHNICIAN
    else:
        named = "、".join(list(dict.fromkeys(row["problems"]))[:3])
        why, turn = f"还差 {row['problem_count']} 项：{named}", Turn.TECHNICIAN
    return {
        "uid": row["uid"] or row["exam_key"],
        "exam_key": row["exam_key"],
        "state": row["state"],
        "title": who,
        "who": row["patient_name"] or "姓名待填",
        "what": _examined(row, now, by_time=trouble is not None),
        "why": why,
        "since": kept(since) if since else row["sort_at"],
        "since_is": "trouble" if since else "received",
        "turn": turn.value,
        "action": "open" if row["state"] in ("rejected",) else "fill",
    }


def _examined(row: Mapping[str, Any], now: datetime, *, by_time: bool) -> str:
    """胸部 CT · 312 幅; of an exam that was sent before, when it was received: 腹部 CT · 13:20."""
    description, modality = str(row["description"]), str(row["modality"])
    exam = description if modality in description else f"{description} {modality}".strip()
    received = taken(row["sort_at"]).astimezone(CST)
    today = received.date() == now.astimezone(CST).date()
    time = f"{received:%H:%M}" if today else _day_words(received.date())
    images = f"{row['image_count']} 幅" if row["image_count"] else "还没有影像"
    return " · ".join(part for part in (exam, time if by_time else images) if part)


def _day_words(day: date) -> str:
    return f"{day.month} 月 {day.day} 日"


def counts(found: Mapping[str, int]) -> dict[str, int]:
    """The umbrella counts of exams by state."""
    by = {name: sum(found.get(state, 0) for state in states) for name, states in UMBRELLAS.items()}
    return {
        "to_fill": found.get("to_fill", 0) + found.get("check", 0),
        "ready": found.get("ready", 0),
        "uploading": by["uploading"],
        "attention": by["attention"],
        "confirmed": by["confirmed"],
        "receiving": found.get("receiving", 0),
        "paused": found.get("paused", 0),
        "all": sum(found.values()),
    }


def at_text(at: datetime | None) -> str | None:
    return kept(at) if at else None
