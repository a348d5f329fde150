"""Retrieval (调阅): look-ups on record, and what a platform offers of an exam - as the face offers them.

What a look-up found is kept in memory only: patients of other hospitals are not ours to keep.
"""

from __future__ import annotations

import getpass
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from app.delivery.converse import Courier
from app.delivery.retrieve import NoSense, Retriever, Unanswered
from app.delivery.target import Target
from app.domain.times import CST, cst_day
from app.engine import retrieve_query, retrieve_shown
from app.engine.face import Json
from app.engine.house import House
from app.errors import NeedsOperator, Rejected, RetryLater
from app.regions.conversation import FoundExam, FoundImage
from app.store import Tx, retrievals

_KEPT_LOOKUPS = 50
_LIST_HOLDS = timedelta(minutes=10)
T = TypeVar("T")


@dataclass(kw_only=True)
class Lookup:
    """One answer, in memory."""

    id: str
    destination: str
    reason: str
    id_masked: str
    found: tuple[FoundExam, ...]
    shown: list[Json]
    lists: dict[str, tuple[datetime, tuple[FoundImage, ...]]] = field(default_factory=dict)

    def place_of(self, index_code: str) -> int | None:
        """By the index code, or by its place from "1"."""
        for place, one in enumerate(self.found):
            if one.index_code and one.index_code == index_code:
                return place
        if re.fullmatch(r"[1-9]\d{0,3}", index_code) and int(index_code) <= len(self.found):
            return int(index_code) - 1
        return None


class Lookups:
    """The last look-ups of this program. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Lookup] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, lookup: Lookup) -> None:
        with self._lock:
            self._kept[lookup.id] = lookup
            while len(self._kept) > _KEPT_LOOKUPS:
                self._kept.popitem(last=False)

    def exam(self, id: str, index_code: str) -> tuple[Lookup, int]:
        """The look-up (without `id` the newest that has it) and the exam's place in it. Raises NeedsOperator."""
        with self._lock:
            asked = [self._kept[id]] if id in self._kept else [] if id else list(reversed(self._kept.values()))
        for lookup in asked:
            place = lookup.place_of(index_code)
            if place is not None:
                return lookup, place
        raise NeedsOperator("这次查询的结果已经不在了", "外院患者的信息不留在本机；请按证件号码再查一次")


class Retrieval:
    """One house's retrieval; `courier(name)` talks to a destination. `lookups` outlives new settings."""

    def __init__(self, house: House, lookups: Lookups, courier: Callable[[str], Courier]) -> None:
        self._house, self.remembered, self._courier = house, lookups, courier

    def places(self) -> Json:
        since, until = _span(self._today())
        return {
            "places": [
                {
                    "destination": name,
                    "title": target.title,
                    "id_types": _id_types(target),
                    "images": target.can("image_list") and target.can("image"),
                    "reasons": list(retrieve_query.REASONS),
                }
                for name, target in self._house.targets.items()
                if target.can("history")
            ],
            "today": retrievals.lookup_count(self._house.store.read(), since, until),
            "folder": str(self._house.home.retrieved),
        }

    def look_up(
        self, destination: str, id_type: str, id_number: str, name: str, day_from: str, day_to: str, reason: str
    ) -> Json:
        target = self.target(destination, "history")
        query = retrieve_query.query(
            target.region, id_type, id_number, name, day_from, day_to, today=self._today()
        )  # fmt: skip
        why = retrieve_query.reason(reason)
        id_masked = retrieve_query.masked_number(query.id_number)
        record = self.note(retrievals.LOOKED_UP, target, why, id_masked)
        asked_at, began = self._house.clock.now(), self._house.clock.monotonic()
        found = _answer(lambda: self.retriever(destination).history(query), "id_number")
        seconds = self._house.clock.monotonic() - began
        found = tuple(sorted(found, key=lambda one: one.values.get("exam_date", ""), reverse=True))
        self._house.store.write(lambda tx: retrievals.answered(tx, record, len(found)))
        lookup = Lookup(
            id=secrets.token_hex(6),
            destination=destination,
            reason=why,
            id_masked=id_masked,
            found=found,
            shown=[retrieve_shown.exam(target.region, one, self._own(one.index_code)) for one in found],
        )
        self.remembered.keep(lookup)
        return {
            "lookup": lookup.id,
            "destination": destination,
            "title": target.title,
            "asked_at": asked_at.isoformat(),
            "seconds": round(seconds, 2),
            "places_count": retrieve_shown.places(lookup.shown),
            "day_from": query.day_from.isoformat(),
            "day_to": query.day_to.isoformat(),
            "exams": lookup.shown,
            "words": retrieve_shown.found_words(lookup.shown),
        }

    def number_said(self, destination: str, id_type: str, id_number: str) -> Json:
        return retrieve_query.said(self.target(destination, "history").region, id_type, id_number, self._today())

    def images_offered(self, lookup: str, index_code: str) -> Json:
        known, place = self.remembered.exam(lookup, index_code)
        found, asked_at = self._list(known, place)
        series = len({one.series_instance_uid for one in found})
        return {
            "count": len(found),
            "series_count": series,
            "asked_at": asked_at.isoformat(),
            "words": f"{len(found)} 幅 · {series} 个序列" if found else retrieve_shown.NO_IMAGES,
        }

    def lookups(self, day: date | None) -> Json:
        since, until = _span(day or self._today())
        return {"lookups": retrievals.lookups(self._house.store.read(), since, until)}

    def images(self, known: Lookup, place: int) -> tuple[FoundImage, ...]:
        """What was offered a moment ago, else what is offered now. Raises NeedsOperator when that is nothing."""
        asked_at, found = known.lists.get(_index(known, place), (None, ()))
        if not found or asked_at is None or self._house.clock.now() - asked_at > _LIST_HOLDS:
            found, _ = self._list(known, place)
        if not found:
            raise NeedsOperator(retrieve_shown.NO_IMAGES, "可以点“影像”在平台的网页上看，或过一会儿再试")
        return found

    def _list(self, known: Lookup, place: int) -> tuple[tuple[FoundImage, ...], datetime]:
        """Asked now, and remembered for a while."""
        target = self.target(known.destination, "image_list")
        index_code = _index(known, place)
        record = self.note(retrievals.OPENED, target, known.reason, known.id_masked)
        now = self._house.clock.now()
        found = _answer(lambda: self.retriever(known.destination).image_list(index_code), "")
        found = tuple(dict.fromkeys(found))
        self._house.store.write(lambda tx: retrievals.answered(tx, record, len(found)))
        known.lists[index_code] = (now, found)
        return found, now

    def note(self, what: str, target: Target, reason: str, id_masked: str) -> int:
        """On record before anything goes out."""
        now = self._house.clock.now()

        def change(tx: Tx) -> int:
            return retrievals.note(
                tx,
                what,
                who=_operator(),
                destination=target.name,
                title=target.title,
                reason=reason,
                id_masked=id_masked,
                at=now,
            )

        return self._house.store.write(change)

    def _own(self, index_code: str) -> str:
        """Our own exam with this index, "" for another hospital's."""
        return retrievals.own_exam(self._house.store.read(), index_code) if index_code else ""

    def target(self, destination: str, capability: str) -> Target:
        target = self._house.targets.get(destination)
        if target is None:
            raise NeedsOperator("没有这个上传目标", "请核对名称：" + "、".join(self._house.targets), page="destination")
        if not target.can(capability):
            raise NeedsOperator(f"{target.title}没有这个调阅接口", "请到平台的网页上看")
        return target

    def retriever(self, destination: str) -> Retriever:
        return Retriever(self._house.targets[destination], self._courier(destination), self._house.clock)

    def _today(self) -> date:
        return date.fromisoformat(cst_day(self._house.clock.now()))


def _answer(ask: Callable[[], T], field: str) -> T:
    """For somebody who waits: nobody asks again by itself, so the advice is another one than of an upload."""
    try:
        return ask()
    except Unanswered as error:
        raise RetryLater(
            error.title,
            "请过一会儿再试。一直这样时，请检查网络和医保专线，再联系平台工程师",
            details=error.details,
            after_seconds=error.after_seconds,
        ) from error
    except NoSense as error:
        raise Rejected(error.title, "请再试一次；还是这样时，请复制给工程师", details=error.details) from error
    except Rejected as error:
        if not field:
            raise
        advice = f"平台说：{error.words}。请核对证件类型和证件号码" if error.words else error.advice
        raise NeedsOperator(error.title, advice, details=error.details, fields=(field,)) from error


def _operator() -> str:
    """Who sits here, as the machine knows: the program has no log-in of its own."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "操作员"


def _id_types(target: Target) -> list[Json]:
    table = target.region.table_of("id_type")
    usual = target.region.defaults.get("id_type", "")
    codes = sorted(table or (), key=lambda one: one.code != usual)
    return [{"code": one.code, "label": one.label} for one in codes]


def _index(known: Lookup, place: int) -> str:
    index_code = known.found[place].index_code
    if not index_code:
        raise NeedsOperator("平台没有给这例的索引", "没有索引就取不到影像，请到平台的网页上看")
    return index_code


def _span(day: date) -> tuple[datetime, datetime]:
    since = datetime.combine(day, time(), CST)
    return since, since + timedelta(days=1)
