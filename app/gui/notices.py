"""What is worth a notification (提醒): problems and outages, new ones only, one for each kind. Shows nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.gui import words

Json = dict[str, Any]
_OUTAGE_AFTER = timedelta(minutes=1)
_KINDS = {"rejected": "refused", "held": "refused", "missing": "missing", "quiet": "device"}
_GO = {"fill": "点这里去修改", "open": "点这里看详情", "reconcile": "点这里看对账", "device": "点这里看检测结果"}


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One message; a click on it opens `page` at `key`."""

    title: str
    text: str
    page: str
    key: str
    look: str = "needs-you"


class Notices:
    """Remembers what was there already: nothing is told twice, and nothing that was there at the start."""

    def __init__(self) -> None:
        self._known: set[str] | None = None
        self._outages: set[str] = set()

    def news(self, status: Json, now: datetime) -> list[Notice]:
        """What this status brings. While a person snoozes it is remembered and not told."""
        needs = {_name(need): need for need in status["needs_you"] if _kind(need)}
        fresh = [need for name, need in needs.items() if self._known is not None and name not in self._known]
        self._known = set(needs)
        outages = {str(one["name"]): one for one in status["destinations"] if _is_out(one, now)}
        broken = [one for name, one in outages.items() if name not in self._outages]
        self._outages = set(outages)
        if status.get("snoozed_until"):
            return []
        kinds = dict.fromkeys(_kind(need) for need in fresh)
        merged = [_merged([need for need in fresh if _kind(need) == kind]) for kind in kinds]
        return merged + [_outage(one, status) for one in broken]


def _kind(need: Json) -> str:
    """ "" for what waits quietly: an exam to fill is no problem."""
    return "device" if need["action"] == "device" else _KINDS.get(str(need.get("state", "")), "")


def _name(need: Json) -> str:
    return f"{need['action']}/{need['uid']}/{need.get('state', '')}"


def _merged(needs: list[Json]) -> Notice:
    first = needs[0]
    page, key = words.PLACES.get(first["action"], words.TODAY), str(first["uid"])
    if len(needs) == 1:
        return Notice(title=first["title"], text=f"{first['why']}\n{_GO[first['action']]}", page=page, key=key)
    title = {"refused": f"{len(needs)} 例平台没有收下", "device": f"{len(needs)} 台设备很久没有来图"}.get(
        _kind(first), f"{len(needs)} 天对账有缺"
    )
    names = "、".join(str(need["title"]) for need in needs[:2])
    return Notice(title=title, text=f"{names}{' 等' if len(needs) > 2 else ''}\n点这里看今天", page=words.TODAY, key="")


def _is_out(one: Json, now: datetime) -> bool:
    since = one["trouble_since"]
    return bool(one["trouble"]) and bool(since) and now - datetime.fromisoformat(since) >= _OUTAGE_AFTER


def _outage(one: Json, status: Json) -> Notice:
    waiting = int(status["counts"]["uploading"])
    text = (
        f"{waiting} 例在排队，一个不会丢。恢复后自动上传\n点这里看详情" if waiting else "恢复后自动接着传\n点这里看详情"
    )
    return Notice(title=f"{one['title']}连不上，正在自动重试", text=text, page=words.QUEUE, key="", look="trouble")


def of_closing(closing: Json) -> Notice:
    """The end of a day that left nothing open."""
    return Notice(
        title=closing["sentence"], text="每一例平台都已接收\n点这里看今天", page=words.TODAY, key="", look="confirmed"
    )
