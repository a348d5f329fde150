"""Days of which a platform lacks something that waits for a person (今天): one row each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from app.domain.job import Turn
from app.domain.reconciliation import Discrepancy, ImageAnswer
from app.domain.times import CST
from app.engine.face import Json
from app.engine.house import House
from app.store import exams, image_lists
from app.store.times import kept


def of_exams(house: House, missing: Iterable[Discrepancy]) -> list[Json]:
    """The platform still lacks these exams after two resends: the engineer's turn."""
    days: dict[date, list[Discrepancy]] = defaultdict(list)
    for each in missing:
        days[each.day].append(each)
    rows = []
    for day, here in sorted(days.items()):
        who = _who(house, here[0].exam_key) + (f"等 {len(here)} 例" if len(here) > 1 else "")
        row = _row(house, day, "missing", f"对账缺 {len(here)} 例", Turn.ENGINEER)
        row["why"] = f"{who} 已自动补传 2 次，平台仍查不到，需要工程师".strip()
        row["since"] = kept(min(each.confirmed_at or each.first_seen_at for each in here))
        rows.append(row)
    return rows


def of_images(house: House) -> list[Json]:
    """The platform lists some images of these exams only; whether they are sent again a person decides."""
    days: dict[date, list[tuple[str, ImageAnswer]]] = defaultdict(list)
    for day, key, answer in image_lists.lacking(house.store.read()):
        days[day].append((key, answer))
    rows = []
    for day, here in sorted(days.items()):
        key, answer = here[0]
        much = f"等 {len(here)} 例不全" if len(here) > 1 else f" 少 {len(answer.lacking)} 幅"
        row = _row(house, day, "lacking", f" {len(here)} 例缺影像", Turn.TECHNICIAN)
        row["why"] = f"平台的影像清单里 {_who(house, key)}{much}；回执都齐，可以重新上传"
        row["since"] = kept(min(one.confirmed_at or one.asked_at for _, one in here))
        rows.append(row)
    return rows


def _row(house: House, day: date, state: str, title: str, turn: Turn) -> Json:
    ago = (house.clock.now().astimezone(CST).date() - day).days
    words = f"{day.month} 月 {day.day} 日"
    title = ({0: "今天", 1: "昨天"}.get(ago) or words) + title
    return {
        "uid": day.isoformat(),
        "exam_key": "",
        "day": day.isoformat(),
        "state": state,
        "title": title,
        "who": title,
        "what": words if ago in (0, 1) else "",
        "why": "",
        "since": "",
        "since_is": "",
        "turn": turn.value,
        "action": "reconcile",
    }


def _who(house: House, exam_key: str) -> str:
    shown = exams.shown(house.store.read(), exam_key)
    return " ".join(part for part in (shown.get("patient_name"), shown.get("description")) if part)
