"""What the page of reconciliation (对账) sees: days, piles, questions - only as far as the platform can answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.domain.exam import EXAM_WORDS, ExamState
from app.domain.reconciliation import DAY_WORDS, DayState, Discrepancy
from app.engine.face import Json
from app.engine.house import House
from app.store import days, exams
from app.store.times import kept


def reconciliation(house: House, day: date) -> Json:
    return {"day": day.isoformat(), "destinations": [_day(house, name, day) for name in house.targets]}


def _day(house: House, name: str, day: date) -> Json:
    conn, target = house.store.read(), house.targets[name]
    answered = target.can("reconcile")
    row = days.day(conn, name, day)
    sent = days.acknowledged_on(conn, name, day)
    found = [each for each in days.discrepancies(conn, name, day) if each.confirmed_at is not None]
    unsolved = {each.exam_key for each in found if each.solved_at is None}
    state = DayState(row["state"]) if row else DayState.OPEN
    return {
        "name": name,
        "title": target.title,
        "can_answer": answered,
        "says": f"{target.title}只回答缺哪些检查" if answered else "平台无对账接口 · 以回执为准",
        "state": state.value,
        "state_words": DAY_WORDS[state],
        "sent": len(sent),
        "agreed": days.reconciled_count(conn, name, day) if answered else 0,
        "missing": [_missing(house, each) for each in found],
        "unsolved": len(unsolved),
        "unsent": [_unsent(exam) for exam in days.unsent(conn, name, day)],
        "questions": days.questions(conn, name, day),
        "ask_again_at": row["ask_again_at"] if row else None,
        "trouble": row["trouble"] if row else "",
    }


def _unsent(row: Mapping[str, Any]) -> Json:
    return {
        "uid": row["exam_key"],
        "patient_name": row["patient_name"],
        "accession_number": row["accession_number"],
        "modality": row["modality"],
        "description": row["description"],
        "state": row["state"],
        "state_words": EXAM_WORDS[ExamState(row["state"])],
    }


def _missing(house: House, each: Discrepancy) -> Json:
    row = exams.shown(house.store.read(), each.exam_key)
    if each.solved_at is not None:
        words = "已自动补传"
    elif each.resend_count >= 2 and row.get("state") == ExamState.REJECTED.value:
        words = "已自动补传 2 次，平台仍查不到，需要工程师"
    else:
        words = f"正在自动补传 · 第 {max(1, each.resend_count)} 次"
    return {
        "uid": each.exam_key,
        "exam_key": each.exam_key,
        "patient_name": row.get("patient_name", ""),
        "accession_number": row.get("accession_number", ""),
        "modality": row.get("modality", ""),
        "first_seen_at": kept(each.first_seen_at),
        "confirmed_at": kept(each.confirmed_at) if each.confirmed_at else None,
        "resend_count": each.resend_count,
        "solved_at": kept(each.solved_at) if each.solved_at else None,
        "words": words,
    }


def reconciliation_days(house: House, limit: int) -> Json:
    return {
        "days": [
            {
                "day": row["day"],
                "destination": row["destination"],
                "state": row["state"],
                "state_words": DAY_WORDS[DayState(row["state"])],
                "sent": row["sent_count"],
                "missing": row["missing_count"],
            }
            for row in days.recent(house.store.read(), min(limit, 400))
        ]
    }
