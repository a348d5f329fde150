"""The end of the day (收尾): how the day's exams stand, when a person is asked, and what was asked already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

from app.domain.exam import EXAM_WORDS, ExamState
from app.domain.times import CST
from app.engine import setting_kinds as kinds
from app.engine.face import Json
from app.engine.house import House
from app.engine.settings import read_settings, write_settings
from app.errors import NeedsOperator
from app.store import days, exams, files, jobs, tally
from app.store.times import kept, taken

SHOWN, REMIND = "closing-shown", "closing-remind"
"""Facts: the last day that was shown; `time|day` of a reminder that a person asked for."""
REMIND_AT = time(8)
_LOOK_BACK = 7
_MOST_GROUPS = 1
"""The sentence is the head of a dialog: one line."""
_CONFIRMED = ("acknowledged", "reconciled")
_GONE = ("withdrawn", "cancelled", "test")
_FILLS = ("check", "to_fill", "ready", "held", "to_sign")
_ORDER = ("rejected", "held", "check", "to_fill", "ready", "to_sign", "paused", "waiting", "sending", "queued")


def closing(house: House, day: date) -> Json:
    conn = house.store.read()
    found = [*days.exams_between(conn, day, day), *exams.registered_on(conn, day)]
    found = [row for row in found if row["state"] not in _GONE]
    rows = [row for row in found if not _is_bare(row)]
    bare = [row for row in found if _is_bare(row)]
    troubles = jobs.troubles(conn)
    left = sorted((row for row in rows if row["state"] not in _CONFIRMED), key=_turn)
    ranked = sorted([*left, *bare], key=_turn)
    open_ones = [_open(row, troubles.get(row["exam_key"], (None, None))[0]) for row in ranked]
    return {
        "day": day.isoformat(),
        "received": len(rows),
        "confirmed": len(rows) - len(left),
        "to_fill": sum(row["state"] in _FILLS for row in left),
        "open": open_ones,
        "sentence": sentence(len(rows), left, _day_words(day, house.clock.now()), registered=len(bare)),
        "may_shut_down_words": _may_shut_down(house, left),
        "closing_at": house.settings.ui.closing_at,
        "closing": house.settings.ui.closing,
    }


def _is_bare(row: Mapping[str, Any]) -> bool:
    """Registered, and no image has come."""
    return not row["image_count"] and row["state"] not in _CONFIRMED


def sentence(received: int, left: list[dict[str, Any]], day_words: str, *, registered: int = 0) -> str:
    """今天 37 例：36 例已确认，1 例缺证件号码，另 1 例登记了没有影像. Pure."""
    without = f"{registered} 例登记了没有影像" if registered else ""
    if not received:
        return f"{day_words} {without}" if without else f"{day_words}没有检查"
    return _of_received(received, left, day_words) + (f"，另 {without}" if without else "")


def _of_received(received: int, left: list[dict[str, Any]], day_words: str) -> str:
    if not left:
        return f"{day_words} {received} 例，平台全部确认"
    told = Counter(_group(row) for row in left)
    confirmed = received - len(left)
    named = list(told.items())[: _MOST_GROUPS if len(told) > _MOST_GROUPS + 1 else len(told)]
    rest = sum(told.values()) - sum(count for _, count in named)
    parts = [f"{confirmed} 例已确认" if confirmed else "", *(f"{count} 例{words}" for words, count in named)]
    parts.append(f"另 {rest} 例还没完" if rest else "")
    return f"{day_words} {received} 例：" + "，".join(part for part in parts if part)


def due(house: House, started_at: datetime) -> str:
    """The day that a person should be asked about now, "" for none: at the set time, at the next start, or reminded.

    A program that starts after the set time leaves the day for the next morning. A day that went by without being
    shown is asked about only while something of it is open that was here that night: a study of an earlier day that
    arrives now is no missed closing.
    """
    conn, now = house.store.read(), house.clock.now().astimezone(CST)
    reminded = reminder(files.fact(conn, REMIND))
    if reminded is not None and now >= reminded[0]:
        return reminded[1] if closing(house, date.fromisoformat(reminded[1]))["open"] else ""
    if not house.settings.ui.closing:
        return ""
    today = now.date()
    shown = _shown(house, today)
    for day in tally.days_with_exams(conn, today - timedelta(days=_LOOK_BACK), today):
        if day.isoformat() <= shown or (reminded is not None and day.isoformat() == reminded[1]):
            return ""
        if day < today:
            return day.isoformat() if _was_missed(house, day, datetime.combine(today, time(), CST)) else ""
        at = datetime.combine(today, time.fromisoformat(house.settings.ui.closing_at), CST)
        if started_at < at <= now:
            return day.isoformat()
    return ""


def _was_missed(house: House, day: date, midnight: datetime) -> bool:
    """Whether something open of that day was here before today began."""
    return any(one["received_at"] < kept(midnight) for one in closing(house, day)["open"])


def reminder(text: str) -> tuple[datetime, str] | None:
    """(when, the day) of a kept reminder."""
    at, _, day = text.partition("|")
    return (taken(at), day) if day else None


def _shown(house: House, today: date) -> str:
    """The last day that was shown, "" for none; one still to come was a wrong clock's."""
    day = files.fact(house.store.read(), SHOWN)
    return day if day <= today.isoformat() else ""


def was_shown(house: House, day: date, remind: bool) -> Json:
    """It was shown; with `remind` it comes once more at 8 the next morning."""
    now = house.clock.now().astimezone(CST)
    at = datetime.combine(now.date() + timedelta(days=1), REMIND_AT, CST) if remind else None
    known = max(_shown(house, now.date()), day.isoformat())

    def change(tx: Any) -> None:
        files.set_fact(tx, SHOWN, known)
        files.set_fact(tx, REMIND, f"{kept(at)}|{day.isoformat()}" if at else "")

    house.store.write(change)
    return {"day": day.isoformat(), "remind_at": kept(at) if at else None}


def with_closing(house: House, on: bool, at: str) -> House:
    """The house with the closing switched on or off, kept in its settings. Nothing that runs has to begin anew."""
    ui = replace(house.settings.ui, closing=on, **({"closing_at": time_of_day(at)} if at else {}))
    write_settings(house.home, replace(read_settings(house.home), ui=ui))
    return replace(house, settings=replace(house.settings, ui=ui))


def time_of_day(text: str) -> str:
    try:
        return str(kinds.time_of_day(text))
    except kinds.Unfit as error:
        raise NeedsOperator("收尾的时间不对", str(error), fields=("ui.closing_at",)) from error


def _open(row: Mapping[str, Any], trouble: Any) -> Json:
    state = str(row["state"])
    return {
        "uid": row["uid"] or row["exam_key"],
        "exam_key": row["exam_key"],
        "state": state,
        "patient_name": row["patient_name"],
        "what": " ".join(part for part in (row["description"] or row["modality"],) if part),
        "received_at": row["sort_at"],
        "why": trouble.title if trouble else _why(row),
        "action": "fill" if state in _FILLS else "open",
    }


def _why(row: Mapping[str, Any]) -> str:
    if not row["image_count"]:
        return "登记了，影像还没有到"
    if row["state"] == "to_fill" and row["problems"]:
        named = list(dict.fromkeys(row["problems"]))
        return f"缺{'、'.join(named[:3])}" + (f" 等 {row['problem_count']} 项" if len(named) > 3 else "")
    return _WHY.get(row["state"], EXAM_WORDS[ExamState(row["state"])])


_WHY = {
    "check": "请先核对患者，再提交",
    "ready": "都填好了，还没有提交上传",
    "receiving": "影像还在接收",
    "waiting": "平台没有收下，正在自动重试",
    "queued": "正在排队，轮到就传",
    "sending": "正在上传",
    "paused": "由人暂停，恢复后才传",
}


def _group(row: Mapping[str, Any]) -> str:
    """How the sentence names what is open: the one thing that is missing, else the state."""
    named = list(dict.fromkeys(row["problems"])) if row["state"] == "to_fill" else []
    return f"缺{named[0]}" if len(named) == 1 else EXAM_WORDS[ExamState(row["state"])]


def _turn(row: Mapping[str, Any]) -> tuple[int, str]:
    """What is graver first, then what came earlier."""
    state = row["state"]
    return _ORDER.index(state) if state in _ORDER else len(_ORDER), row["sort_at"]


def _may_shut_down(house: House, left: list[dict[str, Any]]) -> str:
    receiving = sum(row["state"] == "receiving" for row in left)
    if receiving:
        return f"还有 {receiving} 例正在接收，收齐了再关机"
    asks = any(target.can("reconcile") for target in house.targets.values())
    after = "，再对今天的账" if asks else ""
    if any(row["state"] in ("queued", "sending", "waiting") for row in left):
        return f"可以关机：影像和任务都已存盘，下次开机自动接着传{after}"
    return f"可以关机：影像和任务都已存盘，下次开机接着来{after}"


def _day_words(day: date, now: datetime) -> str:
    ago = (now.astimezone(CST).date() - day).days
    return ("今天", "昨天")[ago] if ago in (0, 1) else f"{day.month} 月 {day.day} 日"
