"""The outbox as a page of submissions (上传队列): what is where, what may be done with it, what will not happen.

A row is one exam on its way to one destination. Which act fits which state is the table `_FITS`, nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from app.delivery import submission
from app.delivery.target import Target
from app.domain.index_code import masked_index
from app.domain.job import CONFIRMED, FETCHED_THERE, Event, JobState, Part, job_words
from app.domain.reconciliation import ImageState
from app.domain.submission import PILES, STEP_WORDS, Pile
from app.domain.times import CST, cst_day, cst_text
from app.engine.acts import withdraw_in
from app.engine.face import Json
from app.engine.house import House
from app.engine.pages import trouble_shown
from app.engine.versions import masked_text
from app.errors import AgentError, NeedsOperator
from app.intake.sheets import write_sheet
from app.store import Reader, Tx, image_lists, submissions
from app.store.jobs import trouble_of, waiting_for_settings
from app.store.submissions import Wanted
from app.store.times import kept, taken

_MOST_ROWS, _MOST_KEYS, _MOST_EXPORTED = 500, 5000, 100_000
_SPEED_SECONDS = 15.0
_SHOWN_WORDS = 300
_AHEAD = "已先传"
"""What a platform has before anybody submitted the exam: there is more to come."""
Key = tuple[str, str]


def page(house: House, wanted: Wanted, limit: int, offset: int) -> Json:
    """See `Face.jobs`."""
    conn = house.store.read()
    found = submissions.page(conn, wanted, limit=max(1, min(limit, _MOST_ROWS)), offset=max(0, offset))
    counted = submissions.counts(conn, wanted)
    piles = {pile.value: sum(n for s, n in counted.items() if PILES[JobState(s)] is pile) for pile in Pile}
    every = sum(counted.values())
    total = piles[wanted.pile] if wanted.pile else every
    return {
        "total": total,
        "studies_total": total if submissions.is_one_place(conn, wanted) else submissions.exam_count(conn, wanted),
        "counts": {"all": every} | {pile.value: piles[pile.value] for pile in Pile if pile is not Pile.RESTING},
        "retryable": _retryable(conn, wanted, counted),
        "bytes_per_second": _speed(house),
        "rows": _rows(house, found),
    }


def _retryable(conn: Reader, wanted: Wanted, counted: dict[str, int]) -> int:
    waiting = counted.get("waiting", 0)
    return counted.get("rejected", 0) + waiting - (submissions.fetched_count(conn, wanted) if waiting else 0)


def wanted(house: House, state: str, day: str, text: str, destination: str) -> Wanted:
    """Raises `NeedsOperator` for a pile or a day that there is not."""
    if state and state not in {pile.value for pile in Pile}:
        raise NeedsOperator("没有这个状态", "可以用：" + "、".join(pile.value for pile in Pile))
    if day:
        try:
            date.fromisoformat(day)
        except ValueError as error:
            raise NeedsOperator("日期写错了", "请写成 2026-11-21 这样") from error
    today = cst_day(house.clock.now())
    return Wanted(pile=state, day=day, with_open=day == today, destination=destination, text=text)


def keys(house: House, want: Wanted) -> Json:
    found = submissions.keys(house.store.read(), want, limit=_MOST_KEYS)
    return {"keys": [[row["exam_key"], row["destination"], row["state"]] for row in found]}


def row_of(house: House, exam_key: str, destination: str) -> Json:
    """One row of the page. Raises `NeedsOperator` for an exam that was never submitted there."""
    found = submissions.page_row(house.store.read(), exam_key, destination)
    if found is None:
        raise NeedsOperator("这例还没有提交过", "请先提交上传")
    return _rows(house, [found])[0]


def _rows(house: House, found: Sequence[dict[str, Any]]) -> list[Json]:
    conn = house.store.read()
    queued = {row["destination"] for row in found if row["state"] == JobState.QUEUED.value}
    lines = {name: submissions.waiting_before(conn, name) for name in queued}
    confirmed = [(row["exam_key"], row["destination"]) for row in found if row["parts_done"]]
    taken_at = submissions.acknowledgements(conn, confirmed)
    return [_row(house, row, lines, taken_at) for row in found]


def _row(house: House, row: dict[str, Any], lines: dict[str, list[str]], taken_at: dict[Key, str]) -> Json:
    key = (row["exam_key"], row["destination"])
    target = house.targets.get(row["destination"])
    state = JobState(row["state"])
    trouble = trouble_of(row["trouble"])
    line = lines.get(row["destination"], [])
    numbers = submissions.numbers(house.store.read(), *key) if taken_at.get(key) else []
    sending = state is JobState.SENDING
    return {
        "exam_key": row["exam_key"],
        "destination": row["destination"],
        "destination_title": target.title if target else row["destination"],
        "uid": row["uid"] or row["exam_key"],
        "state": state.value,
        "state_words": _AHEAD if row["ahead"] and state in CONFIRMED else job_words(state, trouble),
        "patient_name": row["patient_name"],
        "accession_number": row["accession_number"],
        "modality": row["modality"],
        "description": row["description"],
        "exam_day": row["exam_day"],
        "submitted_at": row["submitted_at"],
        "changed_at": row["changed_at"],
        "steps": row["parts"],
        "steps_done": row["parts_done"],
        "step_words": STEP_WORDS[Part(row["part"])] if row["part"] else "",
        "withdraws": bool(row["withdraws"]),
        "done": row["done_count"] or 0,
        "total": (row["total_count"] or 0) if row["part"] == Part.IMAGES.value else 0,
        "image_count": row["image_count"],
        "late_count": row["late_count"],
        "bytes_total": row["bytes_total"],
        "bytes_done": submissions.bytes_held(house.store.read(), *key) if sending else None,
        "due_at": row["due_at"],
        "attempts": row["attempts"] or 0,
        "place": line.index(row["exam_key"]) + 1 if row["exam_key"] in line else None,
        "trouble": trouble_shown(trouble),
        "words": _platform_words(trouble.code, trouble.words) if trouble and trouble != FETCHED_THERE else "",
        "acknowledged_at": taken_at.get(key),
        "numbers": numbers,
        "can_reconcile": bool(target and target.can("reconcile")),
        "reconciles_at": kept(reconciles_at(house)),
        "checked_words": _checked(house, target, state, *key),
        "changed": bool(row["changed"]),
        "problems": json.loads(row["problems"]),
    }


def _checked(house: House, target: Target | None, state: JobState, exam_key: str, destination: str) -> str:
    """What asking about the images of an acknowledged exam came to, "" where that is still to come."""
    if state is not JobState.ACKNOWLEDGED or target is None or not target.can("reconcile_images"):
        return ""
    found = image_lists.standing(house.store.read(), destination, exam_key)
    if found is None:
        return ""
    return {ImageState.UNKNOWN: "影像无法核对", ImageState.LACKING: f"缺影像 {len(found.lacking)} 幅"}.get(
        found.state, ""
    )


def _platform_words(code: str, words: str) -> str:
    """A700 · Out of Resources; a code of one digit or of code and flag says yes or no, as the state does already."""
    shown = "" if len(code.lstrip("-")) < 2 or "/" in code else code
    return masked_text(" · ".join(part for part in (shown, words) if part))[:_SHOWN_WORDS]


def reconciles_at(house: House) -> datetime:
    """When the platform is asked next: every night at a set time, or at the first start after it."""
    at = time.fromisoformat(house.settings.upload.reconcile_at)
    here = house.clock.now().astimezone(CST)
    tonight = datetime.combine(here.date(), at, CST)
    return tonight if tonight > here else tonight + timedelta(days=1)


def _speed(house: House) -> float:
    """Bytes a second that platforms took in the last moments, all destinations together; 0.0 while nothing goes."""
    conn, since = house.store.read(), kept(house.clock.now() - timedelta(seconds=_SPEED_SECONDS))
    moved = submissions.moved_since(conn, since)
    return sum(submissions.bytes_held(conn, *key, since=since) for key in moved) / _SPEED_SECONDS


# -- acts ---------------------------------------------------------------------------------------------------------

_S = JobState
_FITS: dict[str, frozenset[JobState]] = {
    "resend": frozenset({_S.WAITING, _S.REJECTED, _S.ACKNOWLEDGED, _S.RECONCILED, _S.CANCELLED}),
    "hold": frozenset({_S.QUEUED, _S.WAITING, _S.HELD, _S.TO_SIGN}),
    "release": frozenset({_S.PAUSED}),
    "cancel": frozenset({_S.QUEUED, _S.WAITING, _S.HELD, _S.REJECTED, _S.PAUSED, _S.TO_SIGN}),
    "first": frozenset({_S.QUEUED, _S.WAITING}),
    "withdraw": frozenset({_S.ACKNOWLEDGED, _S.RECONCILED, _S.HELD, _S.REJECTED, _S.WAITING, _S.PAUSED}),
}
_OFFERED: dict[JobState, tuple[str, ...]] = {
    _S.TO_SIGN: ("cancel", "hold"),
    _S.QUEUED: ("cancel", "hold", "first"),
    _S.SENDING: (),
    _S.WAITING: ("cancel", "hold", "resend"),
    _S.HELD: ("cancel", "hold", "fill"),
    _S.REJECTED: ("cancel", "resend"),
    _S.PAUSED: ("cancel", "release"),
    _S.ACKNOWLEDGED: ("withdraw", "resend"),
    _S.RECONCILED: ("withdraw", "resend"),
    _S.CANCELLED: ("resend",),
    _S.WITHDRAWN: (),
}
"""What the panel offers, the likeliest last."""
_WHY_NOT: dict[str, dict[JobState, str]] = {
    "resend": {
        _S.QUEUED: "本来就在排队，不用重传",
        _S.SENDING: "正在上传，不用重传",
        _S.TO_SIGN: "在等审核医师签名，签好后自动上传",
        _S.PAUSED: "暂缓着，恢复后才会传",
        _S.WITHDRAWN: "已经撤回，要再传请重新提交上传",
    },
    "hold": {_S.SENDING: "正在上传，等它传完", _S.PAUSED: "已经暂缓", _S.REJECTED: "已被退回，本来就不会再传"},
    "cancel": {_S.SENDING: "正在上传，取消不了，等它传完"},
    "first": {_S.SENDING: "正在上传", _S.HELD: "要先改好才会传", _S.PAUSED: "暂缓着，恢复后才会传"},
}
_WHY_NOT_ELSE = {
    "resend": "现在不能重传",
    "hold": "已经了结，没有要暂缓的",
    "release": "没有暂缓",
    "cancel": "已经了结，没有要取消的",
    "first": "不在排队，不用优先",
    "withdraw": "平台还没有接收，不用撤回",
}
_FAILED = (_S.WAITING, _S.REJECTED, _S.HELD)


def offered(house: House, row: Json) -> list[str]:
    """The acts that the panel of a row offers; "fill" leads to the form, "keys" and "settings" to the settings."""
    state = JobState(row["state"])
    if state is _S.REJECTED and row["exam_key"] in {key for _, key in waiting_for_settings(house.store.read())}:
        about_keys = "密钥" in str((row["trouble"] or {}).get("advice", ""))
        return ["resend", "keys" if about_keys else "settings"]
    target = house.targets.get(row["destination"])
    return [act for act in _OFFERED[state] if act != "withdraw" or (target is not None and target.can("withdraw"))]


def act_many(house: House, act: str, pairs: Sequence[Sequence[str]], *, dry: bool, named: bool = True) -> Json:
    """See `Face.act_many`. Each submission by itself: one that can't is told by name and holds up no other.

    `named`: a person chose each of them.
    """
    if act not in _FITS:
        raise NeedsOperator("没有这个操作", "可以用：" + "、".join(_FITS))
    conn = house.store.read()
    able: list[Key] = []
    skipped: list[Json] = []
    for exam_key, destination in dict.fromkeys((str(pair[0]), str(pair[1])) for pair in pairs[:_MOST_KEYS]):
        row = submissions.one(conn, exam_key, destination)
        why = why_not(house, act, row) if row else "没有这个任务"
        if why:
            skipped.append(_skip(exam_key, destination, row, why))
        else:
            able.append((exam_key, destination))
    done, count = (able, 0) if dry else _acted(house, act, able, skipped, named)
    return {
        "done": [list(key) for key in done],
        "skipped": skipped,
        "jobs": count,
        "says": sentence(skipped),
    }


def found_keys(house: House, want: Wanted, *, failed: bool) -> list[Key]:
    """Everything wanted, or of it what failed and can go again: not what the platform fetches by itself."""
    found = submissions.keys(house.store.read(), want, limit=_MOST_KEYS)
    if failed:
        found = [row for row in found if JobState(row["state"]) in _FAILED and not row["is_fetched"]]
    return [(row["exam_key"], row["destination"]) for row in found]


def why_not(house: House, act: str, row: dict[str, Any]) -> str:
    """Why an act changes nothing about a submission; "" when it does."""
    state = JobState(row["state"])
    target = house.targets.get(row["destination"])
    if act == "resend" and state is JobState.HELD:
        labels = "、".join(json.loads(row["problems"])[:3])
        return f"要先改好{labels or '平台指出的内容'}才能重传"
    if act == "withdraw" and (target is None or not target.can("withdraw")):
        return "的平台不提供撤回"
    if act == "withdraw" and not (row["parts_done"] or _may_be_there(house, row)):
        return _WHY_NOT_ELSE["withdraw"]
    if state in _FITS[act]:
        return ""
    return _WHY_NOT.get(act, {}).get(state, _WHY_NOT_ELSE[act])


def _may_be_there(house: House, row: dict[str, Any]) -> bool:
    return submission.has_gone(house.store.read(), row["exam_key"], row["destination"])


def sentence(skipped: Sequence[Json]) -> str:
    """What will not happen, in one line: 陈建国要先改好证件号码才能重传；吴秀英等 3 例本来就在排队，不用重传。"""
    by_why: dict[str, list[str]] = {}
    for one in skipped:
        by_why.setdefault(one["why"], []).append(one["patient_name"] or "姓名待填")
    parts = []
    for why, names in by_why.items():
        people = list(dict.fromkeys(names))
        who = (
            people[0] if len(names) == 1 else "和".join(people) if len(names) == 2 else f"{people[0]}等 {len(names)} 个"
        )
        parts.append(f"{who}{why}")
    return "；".join(parts) + ("。" if parts else "")


def _skip(exam_key: str, destination: str, row: dict[str, Any] | None, why: str) -> Json:
    name = row["patient_name"] if row else ""
    return {"uid": exam_key, "exam_key": exam_key, "destination": destination, "patient_name": name, "why": why}


def _acted(house: House, act: str, able: Sequence[Key], skipped: list[Json], named: bool) -> tuple[list[Key], int]:
    """All changes are handed to the writer at once, which puts many into one transaction."""
    done: list[Key] = []
    count = 0
    asked: list[tuple[Key, Future[int]]] = [
        (key, house.store.submit(_change(house, act, *key, named=named))) for key in able
    ]
    for key, answer in asked:
        try:
            changed = answer.result()
        except AgentError as error:
            row = submissions.one(house.store.read(), *key)
            skipped.append(_skip(*key, row, f"没有办成：{error.title}"))
            continue
        count += changed
        if changed:
            done.append(key)
    return done, count


def _change(house: House, act: str, exam_key: str, destination: str, *, named: bool) -> Callable[[Tx], int]:
    now = house.clock.now()
    events = {"hold": Event.PAUSED, "release": Event.RELEASED, "cancel": Event.CANCELLED}

    def change(tx: Tx) -> int:
        if act == "resend":
            row = submissions.one(tx.conn, exam_key, destination)
            failed = row is not None and JobState(row["state"]) in _FAILED  # then what was taken of it stays in peace
            count = submission.resend(tx, exam_key, destination, event=Event.RESENT, now=now, only_failed=failed)
            if named and not count:
                count = submission.announce_again(tx, exam_key, destination, now=now)
        elif act == "first":
            count = submission.send_first(tx, exam_key, destination)
        elif act == "withdraw":
            count = withdraw_in(house, house.targets[destination], tx, exam_key, now)
        else:
            count = submission.act(tx, exam_key, events[act], now=now, destination=destination)
        house.refresh_in(tx, exam_key)
        return count

    return change


# -- the list as a sheet --------------------------------------------------------------------------------------------

_HEADER = (
    *("提交时间", "状态", "姓名", "检查", "检查号", "检查日期", "上传目标", "步骤", "影像数", "下次尝试", "平台已接收"),
    *("平台返回的号码", "平台的原话"),
)


def export(house: House, path: Path, want: Wanted) -> Json:
    """The list as CSV or XLSX, read in portions while it is written."""
    count = 0

    def rows() -> Iterator[list[str]]:
        nonlocal count
        while count < _MOST_EXPORTED:
            found = submissions.page(house.store.read(), want, limit=_MOST_ROWS, offset=count)
            yield from (_cells(one) for one in _rows(house, found))
            count += len(found)
            if len(found) < _MOST_ROWS:
                return

    write_sheet(path, _HEADER, rows())
    return {"path": str(path), "rows": count}


def _cells(row: Json) -> list[str]:
    return [
        _time(row["submitted_at"]),
        row["state_words"],
        row["patient_name"],
        " ".join(part for part in (row["description"], row["modality"]) if part),
        row["accession_number"],
        row["exam_day"],
        row["destination_title"],
        f"{row['steps_done']}/{row['steps']} {row['step_words']}".strip(),
        str(row["image_count"]),
        _time(row["due_at"]),
        _time(row["acknowledged_at"]),
        "、".join(masked_index(number) for number in row["numbers"]),
        row["words"],
    ]


def _time(at: str | None) -> str:
    return cst_text(taken(at)) if at else ""
