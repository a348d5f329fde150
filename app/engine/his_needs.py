"""What of HIS waits for a person: rows that may belong to several exams, and what keeps HIS from being read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.domain.job import Turn
from app.engine import his_shown
from app.engine.face import Json
from app.engine.house import House
from app.engine.standing import LONG_TROUBLE
from app.errors import AgentError, RetryLater
from app.intake.folders import source_of
from app.store import files, his
from app.store.times import kept


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why the database gave nothing. `waits`: the program tries again, a person only hears of it after a while."""

    title: str
    advice: str
    since: datetime
    waits: bool

    @property
    def sentence(self) -> str:
        return f"{self.title}，{self.advice}"


def failure(error: AgentError, before: Failure | None, now: datetime) -> Failure:
    """The same trouble keeps the time when it began."""
    since = before.since if before is not None and before.title == error.title else now
    return Failure(title=error.title, advice=error.advice, since=since, waits=isinstance(error, RetryLater))


def rows(house: House, failed: Failure | None, folder_trouble: str) -> list[Json]:
    """At most one row for what has to be chosen, and one for what is broken."""
    return [*_questions(house), *_broken(house, failed, folder_trouble)]


def _questions(house: House) -> list[Json]:
    conn = house.store.read()
    count = his.counts(conn)["questions"] if house.settings.his.mapped else 0
    if not count:
        return []
    first = his.ambiguous(conn)[0]
    why = f"{his_shown.who(first.facts)} · {first.why}"
    return [_row("his", "his", f"HIS 有 {count} 行要您选", why, his.asked_since(conn), state="his")]


def _broken(house: House, failed: Failure | None, folder_trouble: str) -> list[Json]:
    settings, conn, now = house.settings.his, house.store.read(), house.clock.now()
    if failed is not None and (not failed.waits or now - failed.since >= LONG_TROUBLE):
        return [_row("his_settings", "his", failed.title, failed.advice, kept(failed.since))]
    if folder_trouble:
        return [_row("his_settings", "his", "HIS 导出的文件夹读不了", folder_trouble, "")]
    unread = files.aside_of(conn, source_of(settings.folder)) if settings.folder else []
    last = his.last_import(conn)
    fresh = [one for one in unread if last is None or one["at"] > last["at"]]
    if not fresh:
        return []
    name = fresh[0]["path"].replace("\\", "/").rpartition("/")[2]
    why = f"{fresh[0]['title']} · {fresh[0]['advice']}"
    return [_row("his", f"his:{fresh[0]['path']}", f"{name} 没有读进去", why, fresh[0]["at"])]


def _row(action: str, uid: str, title: str, why: str, since: str, *, state: str = "his_broken") -> Json:
    return {
        "uid": uid,
        "exam_key": "",
        "state": state,
        "title": title,
        "who": title,
        "what": "",
        "why": why,
        "since": since or None,
        "since_is": "",
        "turn": Turn.TECHNICIAN.value,
        "action": action,
    }
