"""What the page of reconciliation (对账) sees: days, piles, questions - only as far as the platform can answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from app.delivery.target import Target
from app.domain.exam import EXAM_WORDS, ExamState
from app.domain.index_code import masked_index
from app.domain.job import CONFIRMED, PART_WORDS, JobState, Part
from app.domain.reconciliation import DAY_WORDS, DayState, Discrepancy, ImageAnswer, ImageState
from app.domain.times import CST, cst_text
from app.engine.face import Json
from app.engine.house import House
from app.engine.piles import AGREED, GONE, LACKING, MISSING, RECEIVED, UNSENT, Placed, placed
from app.errors import NeedsOperator
from app.intake.sheets import write_sheet
from app.store import days, exams, image_lists, tally
from app.store.times import kept, taken

_MOST_DAYS = 400
_CONFIRMED = {state.value for state in CONFIRMED}
_FILLS = ("check", "to_fill", "ready", "held")
_NO_ANSWER = "平台无对账接口 · 以回执为准"
_BY_RECEIPT = "以回执为准"
NOT_AT_HAND = "平台没有缓存这例的影像 · 无法核对"


def reconciliation(house: House, day: date) -> Json:
    return {"day": day.isoformat(), "destinations": [_day(house, name, day) for name in house.targets]}


def _day(house: House, name: str, day: date) -> Json:
    conn, target = house.store.read(), house.targets[name]
    answered = target.can("reconcile")
    row = days.day(conn, name, day)
    here = _placed(house, name, day, day)
    count = Counter(one.pile for one in here)
    found = [each for each in days.discrepancies(conn, name, day) if each.confirmed_at is not None]
    questions = days.questions(conn, name, day)
    state = DayState(row["state"]) if row else DayState.OPEN
    agreed = [one for one in here if one.pile == AGREED]
    return {
        "name": name,
        "title": target.title,
        "can_answer": answered,
        **_how(target),
        "state": state.value,
        "state_words": DAY_WORDS[state] if answered else _BY_RECEIPT,
        "all": len(here) - count[GONE],
        "sent": len(days.acknowledged_on(conn, name, day)),
        "agreed": count[AGREED],
        "received": count[RECEIVED],
        "missing": [_missing(house, name, each, questions) for each in found],
        "lacking": _lacking(house, name, [one for one in here if one.pile == LACKING]),
        "unchecked": sum(one.images is not None and one.images.state is ImageState.UNKNOWN for one in agreed),
        "unsolved": sum(each.solved_at is None for each in found),
        "unsent": [_unsent(one) for one in here if one.pile == UNSENT],
        "questions": questions,
        "ask_again_at": row["ask_again_at"] if row else None,
        "trouble": row["trouble"] if row else "",
    }


def _how(target: Target) -> Json:
    """What this platform can say, in two lines, and whether it can speak of images."""
    if not target.can("reconcile"):
        said = _NO_ANSWER, "平台收下每一例时都给了回执；它不能事后再问一遍，所以这些天停在空心勾，不会变成实心勾"
    elif target.can("reconcile_images"):
        said = "按患者查索引，再查影像清单", "平台没有缓存的影像无法核对，不算缺；慢慢问，一秒一次"
    else:
        said = f"{target.title}只回答缺哪些检查", "影像幅数、报告它不回答，不分堆"
    return {"says": said[0], "says_more": said[1], "can_answer_images": target.can("reconcile_images")}


def reconciled(house: House, day: date, destination: str, limit: int, offset: int) -> Json:
    """What the platform has of a day, as it said or as its receipts say."""
    _check(house, destination)
    here = [one for one in _placed(house, destination, day, day) if one.pile in (AGREED, RECEIVED)]
    page = here[offset : offset + min(limit, 1000)]
    keys = [str(one.exam["exam_key"]) for one in page]
    receipts = tally.last_receipts(house.store.read(), keys, destination)
    return {"total": len(here), "rows": [_received(one, receipts.get(one.exam["exam_key"], {})) for one in page]}


def reconciliation_days(house: House, limit: int, until: str = "") -> Json:
    """One row for each destination and day on which there was something."""
    last = date.fromisoformat(until) if until else house.clock.now().astimezone(CST).date()
    first = last - timedelta(days=min(max(limit, 1), _MOST_DAYS) - 1)
    asked = days.rows_between(house.store.read(), first, last)
    rows = [row for name in house.targets for row in _days(house, name, first, last, asked)]
    return {"days": sorted(rows, key=lambda row: (row["day"], row["destination"]), reverse=True)}


def _days(
    house: House, name: str, first: date, last: date, asked: Mapping[tuple[str, str], Mapping[str, Any]]
) -> list[Json]:
    counts: dict[str, Counter[str]] = {}
    for one in _placed(house, name, first, last):
        counts.setdefault(one.day, Counter())[one.pile] += one.pile != GONE
    known = {day for destination, day in asked if destination == name}
    return [
        _day_row(house, name, day, counts.get(day, Counter()), asked.get((name, day)))
        for day in sorted({*counts, *known})
        if day
    ]


def _day_row(house: House, name: str, day: str, count: Counter[str], row: Mapping[str, Any] | None) -> Json:
    state, target = DayState(row["state"]) if row else DayState.OPEN, house.targets[name]
    return {
        "day": day,
        "destination": name,
        "can_answer": target.can("reconcile"),
        "can_answer_images": target.can("reconcile_images"),
        "state": state.value,
        "state_words": DAY_WORDS[state] if target.can("reconcile") else _BY_RECEIPT,
        "sent": count[AGREED] + count[RECEIVED] + count[MISSING] + count[LACKING],
        "agreed": count[AGREED],
        "received": count[RECEIVED],
        "missing": count[MISSING],
        "unsent": count[UNSENT],
        "lacking": count[LACKING],
    }


# -- rows -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Here(Placed):
    """With what the platform said of its images, None when all is well or it was not asked."""

    images: ImageAnswer | None


def _placed(house: House, name: str, first: date, last: date) -> list[Here]:
    conn = house.store.read()
    found = image_lists.between(conn, name, first, last)
    here = placed(
        days.exams_between(conn, first, last),
        days.jobs_between(conn, name, first, last),
        days.missing_between(conn, name, first, last),
        {key for key, answer in found.items() if answer.state is ImageState.LACKING},
    )
    return [
        Here(exam=one.exam, jobs=one.jobs, day=one.day, pile=one.pile, images=found.get(str(one.exam["exam_key"])))
        for one in here
        if first.isoformat() <= one.day <= last.isoformat()
    ]


def _shown(exam: Mapping[str, Any]) -> Json:
    names = ("exam_key", "patient_name", "accession_number", "modality", "description")
    return {"uid": exam.get("uid") or exam.get("exam_key", "")} | {name: exam.get(name, "") for name in names}


def _received(one: Here, receipt: Mapping[str, Any]) -> Json:
    whole = one.pile == AGREED and all(job["state"] == JobState.RECONCILED.value for job in one.jobs)
    facts = receipt.get("facts", {})
    return _shown(one.exam) | {
        "state": (JobState.RECONCILED if whole else JobState.ACKNOWLEDGED).value,
        "parts_words": _parts(one.jobs),
        "acknowledged_at": receipt.get("acknowledged_at"),
        "index_code": str(facts.get("index_code") or ""),
        "images_words": images_words(one.images),
    }


def images_words(answer: ImageAnswer | None) -> str:
    """What the platform said of the images of an exam; "" when that is all of them, or nothing yet."""
    if answer is None:
        return ""
    if answer.state is ImageState.UNKNOWN:
        return NOT_AT_HAND
    if answer.state is ImageState.SUSPECTED:
        return "影像清单不全，稍后再问一次"
    total = answer.listed_count + len(answer.lacking)
    return f"平台列出 {answer.listed_count} 幅，少 {len(answer.lacking)} 幅（共 {total} 幅）"


def _lacking(house: House, name: str, here: list[Here]) -> list[Json]:
    """Exams of which the platform lists some images only: every image has a receipt, a person decides."""
    receipts = tally.last_receipts(house.store.read(), [str(one.exam["exam_key"]) for one in here], name)
    return [
        _shown(one.exam)
        | {
            "parts_words": _parts(one.jobs),
            "acknowledged_at": receipts.get(one.exam["exam_key"], {}).get("acknowledged_at"),
            "listed": one.images.listed_count,
            "lacking": len(one.images.lacking),
            "lacking_uids": list(one.images.lacking),
            "since": kept(one.images.suspected_at or one.images.asked_at),
            "asked_count": one.images.asked_count,
            "resent": one.images.round > 1,
        }
        for one in here
        if one.images is not None
    ]


def _unsent(one: Placed) -> Json:
    state = ExamState(one.exam["state"])
    done = [job for job in one.jobs if job["state"] in _CONFIRMED]
    left = [job for job in one.jobs if job["state"] not in _CONFIRMED]
    named = "、".join(list(dict.fromkeys(one.exam["problems"]))[:2])
    return _shown(one.exam) | {
        "state": state.value,
        "state_words": EXAM_WORDS[state],
        "done_words": f"{_parts(done)}已接收" if done else "还没有上传",
        "left_words": f"{_parts(left)}还没有上传" if left else f"缺{named}" if named else "",
        "action": "fill" if state.value in _FILLS else "open",
    }


def _parts(jobs: Any) -> str:
    """检查、报告、影像 312 幅"""
    words = []
    for job in jobs:
        text = PART_WORDS[Part(job["part"])].removeprefix("检查") or PART_WORDS[Part(job["part"])]
        words.append(f"{text} {job['total_count']} 幅" if job["part"] == Part.IMAGES.value else text)
    return "、".join(dict.fromkeys(words))


def _missing(house: House, name: str, each: Discrepancy, questions: list[dict[str, Any]]) -> Json:
    conn = house.store.read()
    exam = exams.shown(conn, each.exam_key)
    receipt = tally.last_receipts(conn, [each.exam_key], name).get(each.exam_key, {})
    if each.solved_at is not None:
        words = "已自动补传"
    elif each.resend_count >= 2 and exam.get("state") == ExamState.REJECTED.value:
        words = "已自动补传 2 次，平台仍查不到，需要工程师"
    else:
        words = f"正在自动补传 · 第 {max(1, each.resend_count)} 次"
    mine = [job for job in days.jobs_between(conn, name, each.day, each.day) if job["exam_key"] == each.exam_key]
    return _shown({"exam_key": each.exam_key} | exam) | {
        "first_seen_at": kept(each.first_seen_at),
        "confirmed_at": kept(each.confirmed_at) if each.confirmed_at else None,
        "resend_count": each.resend_count,
        "solved_at": kept(each.solved_at) if each.solved_at else None,
        "asked_count": sum(each.exam_key in question["missing"] for question in questions),
        "parts_words": _parts(mine),
        "acknowledged_at": receipt.get("acknowledged_at"),
        "words": words,
    }


# -- the day's sheet --------------------------------------------------------------------------------------------------

HEADER = ("日期", "上传目标", "患者", "检查号", "检查", "设备类型", "结果", "平台最近接收", "索引", "说明")
_RESULTS = {
    AGREED: "已齐",
    RECEIVED: "平台已接收",
    MISSING: "平台缺检查",
    LACKING: "缺影像",
    UNSENT: "本地没有上传完",
}


def sheet_rows(house: House, first: date, last: date) -> list[tuple[str, ...]]:
    """One line for each exam and destination of those days, as `HEADER` names the columns."""
    if last < first:
        raise NeedsOperator("日期的先后不对", "开始的日期要在前面", fields=("day_from",))
    lines = []
    for name, target in house.targets.items():
        here = [one for one in _placed(house, name, first, last) if one.pile != GONE]
        receipts = tally.last_receipts(house.store.read(), [str(one.exam["exam_key"]) for one in here], name)
        lines += [_line(one, target.title, receipts.get(one.exam["exam_key"], {})) for one in here]
    return sorted(lines)


def export(house: House, path: Path, first: date, last: date) -> Json:
    rows = sheet_rows(house, first, last)
    write_sheet(path, HEADER, rows)
    return {"path": str(path), "rows": len(rows)}


def _line(one: Here, title: str, receipt: Mapping[str, Any]) -> tuple[str, ...]:
    shown = _received(one, receipt)
    at = shown["acknowledged_at"]
    note = " · ".join(part for part in (EXAM_WORDS[ExamState(one.exam["state"])], shown["images_words"]) if part)
    exam = [str(shown[name]) for name in ("patient_name", "accession_number", "description", "modality")]
    local = _local(at) if at else ""
    return (one.day, title, *exam, _RESULTS[one.pile], local, masked_index(shown["index_code"]), note)


def _local(at: str) -> str:
    return cst_text(taken(at))


def _check(house: House, destination: str) -> None:
    if destination not in house.targets:
        raise NeedsOperator("没有这个上传目标", "请核对名称：" + "、".join(house.targets), page="destination")
