"""A day's exams sorted into piles (对账): agreed, received but not asked yet, missing, lacking images, unsent. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.exam import ExamState
from app.domain.job import CONFIRMED, JobState, Part

AGREED, RECEIVED, MISSING, UNSENT, GONE = "agreed", "received", "missing", "unsent", "gone"
LACKING = "lacking"
"""The record is there; the platform lists some of its images only."""
_RECORDS = (Part.EXAM.value, Part.MERGED.value)
_CONFIRMED = frozenset(state.value for state in CONFIRMED)
_GONE = (ExamState.WITHDRAWN.value, ExamState.CANCELLED.value, ExamState.TEST.value)
_LOCAL = (ExamState.RECEIVING.value, ExamState.CHECK.value, ExamState.TO_FILL.value, ExamState.READY.value)


@dataclass(frozen=True, kw_only=True)
class Placed:
    """One exam with its newest jobs at the destination, and the pile it lies on."""

    exam: Mapping[str, Any]
    jobs: tuple[Mapping[str, Any], ...]
    day: str
    pile: str


@dataclass(kw_only=True)
class _Found:
    day: str
    jobs: list[Mapping[str, Any]] = field(default_factory=list)


def placed(
    exams: Iterable[Mapping[str, Any]],
    jobs: Iterable[Mapping[str, Any]],
    missing: set[tuple[str, str]],
    lacking: Collection[str] = (),
) -> list[Placed]:
    """Every exam once. `jobs`: the newest of each part at one destination; `missing`: (day, exam key).

    `lacking`: exam keys of which the platform lists some images only.
    """
    found: dict[str, _Found] = {}
    for job in jobs:
        found.setdefault(str(job["exam_key"]), _Found(day=str(job["exam_day"]))).jobs.append(job)
    made = []
    for exam in exams:
        own = found.get(str(exam["exam_key"]), _Found(day=str(exam["exam_day"])))
        is_missing = (own.day, str(exam["exam_key"])) in missing
        pile = MISSING if is_missing else _pile(str(exam["state"]), own.jobs)
        if pile in (AGREED, RECEIVED) and exam["exam_key"] in lacking:
            pile = LACKING
        made.append(Placed(exam=exam, jobs=tuple(own.jobs), day=own.day, pile=pile))
    return made


def _pile(state: str, jobs: list[Mapping[str, Any]]) -> str:
    """What is acknowledged in part only lies with what was not sent to the end."""
    records = [job for job in jobs if job["part"] in _RECORDS]
    if state in _GONE or any(job["withdraws"] or job["state"] == JobState.WITHDRAWN.value for job in records):
        return GONE
    if not records or state in _LOCAL or any(job["state"] not in _CONFIRMED for job in jobs):
        return UNSENT
    return AGREED if all(job["state"] == JobState.RECONCILED.value for job in records) else RECEIVED
