"""Where a job stands, in words: steps, amounts, the next attempt. Pure functions of the engine's values."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.gui import words

Json = dict[str, Any]
_DONE = ("acknowledged", "reconciled")
_SHOWN = ("sending", "waiting", "held", "rejected")


def job_words(job: Json, now: datetime) -> str:
    """上传影像 186 / 312 · 14:10 再试 · 已试 2 次"""
    state = job["state"]
    parts = [step_words(job)] if state in _SHOWN else []
    if state == "waiting":
        parts += [f"{words.clock(job['due_at'], now)} 再试" if job["due_at"] else "", f"已试 {job['attempts']} 次"]
    if state in _DONE:
        parts.append(f"平台已接收 {words.clock(job['changed_at'], now)}" if state == "acknowledged" else "平台已接收")
    if job["round"] > 1:
        parts.append(f"第 {job['round']} 轮")
    return " · ".join(part for part in parts if part)


def step_words(job: Json) -> str:
    """停在 上传影像 2 / 4, or without 停在 while it is being sent."""
    if not job["step"]:
        return ""
    amount = f" {job['done']} / {job['total']}" if job["total"] else ""
    return f"{'停在 ' if job['state'] != 'sending' else ''}{job['step']}{amount}"


def part_done(job: Json) -> float | None:
    """0.0 to 1.0 of a job that is on its way, None where nothing is counted."""
    return job["done"] / job["total"] if job["total"] and job["state"] in ("sending", "waiting") else None


def newest(jobs: list[Json]) -> list[Json]:
    """Of every part, report and destination the newest version: what the exam's state is made of."""
    found: dict[tuple[str, str, str], Json] = {}
    for job in jobs:
        key = (job["destination"], job["part"], job["report_key"])
        if key not in found or found[key]["version"] < job["version"]:
            found[key] = job
    return list(found.values())


def current_job(jobs: list[Json]) -> Json | None:
    """The job that a list shows for the exam: the one being sent, else the first that is not done."""
    open_jobs = [job for job in jobs if job["state"] not in _DONE]
    return next((job for job in open_jobs if job["state"] == "sending"), open_jobs[0] if open_jobs else None)


def exam_words(jobs: list[Json], now: datetime) -> str:
    """3/3 上传影像 186 / 312 · 14:10 再试: which of the destination's steps is current, and how far it is."""
    job = current_job(jobs)
    if job is None:
        return ""
    mine = [one for one in jobs if one["destination"] == job["destination"]]
    done = sum(one["state"] in _DONE for one in mine)
    parts = [f"{done + 1}/{len(mine)} {step_words(job)}".rstrip()]
    if job["state"] == "waiting" and job["due_at"]:
        parts.append(f"{words.clock(job['due_at'], now)} 再试")
    return " · ".join(parts)
