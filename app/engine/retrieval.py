"""Retrieval (调阅): look-ups on record, what the platform offers, and the downloads - as the face offers them.

What a look-up found is kept in memory only: patients of other hospitals are not ours to keep.
"""

from __future__ import annotations

import getpass
import hashlib
import logging
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TypeVar

from app.delivery.converse import Courier
from app.delivery.downloads import Downloads
from app.delivery.retrieve import NoSense, Retriever, Unanswered
from app.delivery.target import Target
from app.domain.retrieval import Download, DownloadState, ImageState, Offered, Subject
from app.domain.times import CST, cst_day
from app.engine import retrieve_query, retrieve_shown
from app.engine.face import Json
from app.engine.house import House
from app.errors import NeedsOperator, Rejected, RetryLater
from app.intake.retrieved import Shelf, file_of, is_uid
from app.regions.conversation import FoundExam, FoundImage
from app.store import Tx, retrievals
from app.system.disk import durable_folder, durable_replace, free_bytes

log = logging.getLogger("app.engine")
_KEPT_LOOKUPS = 50
_LIST_HOLDS = timedelta(minutes=10)
_LEAST_FREE_ELSEWHERE = 20 * 1024 * 1024
_MOST_LISTED = 500
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

    def __init__(
        self,
        house: House,
        lookups: Lookups,
        courier: Callable[[str], Courier],
        *,
        jitter: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self._house, self._lookups, self._courier, self._jitter = house, lookups, courier, jitter
        self._shelf = Shelf(
            durable_replace=durable_replace,
            durable_folder=durable_folder,
            free_bytes=free_bytes,
            least_free_bytes=self._least_free,
        )
        self._workers = {
            name: Downloads(
                house.store,
                name,
                self._retriever(name),
                self._shelf,
                house.clock,
                house.settings.upload,
                jitter=jitter,
                stopping=house.stopping,
            )
            for name, target in house.targets.items()
            if target.can("image")
        }

    def start(self) -> None:
        """Downloads that an earlier end left go on."""
        for worker in self._workers.values():
            worker.start()

    def join(self, timeout_seconds: float) -> None:
        """After `house.stopping` is set."""
        for worker in self._workers.values():
            worker.join(timeout_seconds)

    # -- look-ups -----------------------------------------------------------------------------------------------------

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
        target = self._target(destination, "history")
        query = retrieve_query.query(
            target.region, id_type, id_number, name, day_from, day_to, today=self._today()
        )  # fmt: skip
        why = retrieve_query.reason(reason)
        id_masked = retrieve_query.masked_number(query.id_number)
        record = self._note(retrievals.LOOKED_UP, target, why, id_masked)
        asked_at, began = self._house.clock.now(), self._house.clock.monotonic()
        found = _answer(lambda: self._retriever(destination).history(query), "id_number")
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
        self._lookups.keep(lookup)
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
        return retrieve_query.said(self._target(destination, "history").region, id_type, id_number, self._today())

    def images_offered(self, lookup: str, index_code: str) -> Json:
        known, place = self._lookups.exam(lookup, index_code)
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

    def _list(self, known: Lookup, place: int) -> tuple[tuple[FoundImage, ...], datetime]:
        """Asked now, and remembered for a while."""
        target = self._target(known.destination, "image_list")
        index_code = _index(known, place)
        record = self._note(retrievals.OPENED, target, known.reason, known.id_masked)
        now = self._house.clock.now()
        found = _answer(lambda: self._retriever(known.destination).image_list(index_code), "")
        found = tuple(dict.fromkeys(found))
        self._house.store.write(lambda tx: retrievals.answered(tx, record, len(found)))
        known.lists[index_code] = (now, found)
        return found, now

    def _note(self, what: str, target: Target, reason: str, id_masked: str) -> int:
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

    def _target(self, destination: str, capability: str) -> Target:
        target = self._house.targets.get(destination)
        if target is None:
            raise NeedsOperator("没有这个上传目标", "请核对名称：" + "、".join(self._house.targets), page="destination")
        if not target.can(capability):
            raise NeedsOperator(f"{target.title}没有这个调阅接口", "请到平台的网页上看")
        return target

    def _retriever(self, destination: str) -> Retriever:
        return Retriever(self._house.targets[destination], self._courier(destination), self._house.clock)

    def _today(self) -> date:
        return date.fromisoformat(cst_day(self._house.clock.now()))

    # -- downloads ----------------------------------------------------------------------------------------------------

    def start_download(self, lookup: str, index_code: str, folder: str) -> Json:
        known, place = self._lookups.exam(lookup, index_code)
        target = self._target(known.destination, "image")
        index, about = _index(known, place), known.shown[place]
        parent = self._parent(folder)
        listed_at, found = known.lists.get(index, (None, ()))
        now = self._house.clock.now()
        if not found or listed_at is None or now - listed_at > _LIST_HOLDS:
            found, _ = self._list(known, place)
        if not found:
            raise NeedsOperator(retrieve_shown.NO_IMAGES, "可以点“影像”在平台的网页上看，或过一会儿再试")
        own = parent / _folder_name(known.destination, index, about["exam_date"])
        offered = [_offered(one) for one in dict.fromkeys(found)]
        had = [one.sop_instance_uid for one in offered if one.usable and file_of(own, one).exists()]
        subject = Subject(
            index_code=index,
            patient_name=about["patient_name"],
            body_part=about["body_part"] or about["body_part_code"],
            exam_date=about["exam_date"],
            clinic_name=about["clinic_name"] or about["clinic_code"],
        )
        record = self._note(retrievals.DOWNLOADED, target, known.reason, known.id_masked)

        def change(tx: Tx) -> int:
            retrievals.answered(tx, record, len(offered))
            return retrievals.begin(tx, known.destination, subject, str(own), offered, had, now=now)

        id = self._house.store.write(change)
        self._workers[known.destination].begin(id)
        return self.download(id)

    def downloads(self, limit: int) -> Json:
        found = retrievals.downloads(self._house.store.read(), max(1, min(limit, _MOST_LISTED)))
        return {"downloads": [self._shown(one) for one in found]}

    def download(self, id: int) -> Json:
        return self._shown(self.known(id))

    def pause(self, id: int) -> Json:
        self.known(id)
        self._house.store.write(lambda tx: retrievals.pause(tx, id, now=self._house.clock.now()))
        return self.download(id)

    def resume(self, id: int) -> Json:
        """What a person took out of the folder meanwhile is fetched again."""
        one = self.known(id)
        worker = self._workers.get(one.destination)
        if worker is None:
            raise NeedsOperator("这个下载的上传目标已经不在设置里了", "请在设置里加回它，或移除这个下载")
        kept = retrievals.images(self._house.store.read(), id, ImageState.KEPT)
        lost = [row["place"] for row in kept if not file_of(Path(one.folder), _of_row(row)).is_file()]

        def change(tx: Tx) -> None:
            for place in lost:
                retrievals.lost(tx, id, place)
            retrievals.resume(tx, id, now=self._house.clock.now())

        self._house.store.write(change)
        worker.begin(id)
        return self.download(id)

    def remove(self, id: int) -> Json:
        one = self.known(id)
        worker = self._workers.get(one.destination)
        with worker.placing if worker else threading.Lock():
            rows = retrievals.images(self._house.store.read(), id)
            own = [_of_row(row) for row in rows if not row["had"] and row["state"] != ImageState.UNUSABLE.value]
            try:
                self._shelf.take_away(Path(one.folder), own)
            except OSError as error:
                raise NeedsOperator(
                    "有文件删不掉",
                    "可能正被别的程序打开，或移动硬盘没有连着；请处理好再移除",
                    details=f"{type(error).__name__} {error.errno}",
                ) from error
            self._house.store.write(lambda tx: retrievals.remove(tx, id))
        return {}

    def known(self, id: int) -> Download:
        found = retrievals.download(self._house.store.read(), id)
        if found is None:
            raise NeedsOperator("没有这个下载", "它可能已经移除了，请刷新列表")
        return found

    def _shown(self, one: Download) -> Json:
        worker, target = self._workers.get(one.destination), self._house.targets.get(one.destination)
        rows = retrievals.images(self._house.store.read(), one.id, ImageState.REFUSED, ImageState.UNUSABLE)
        return retrieve_shown.download(
            one,
            target.title if target else one.destination,
            rows,
            seconds_left=worker.seconds_left(one) if worker else None,
            state_words=self._state_words(one, worker),
        ) | {"started_at": one.started_at.isoformat(), "changed_at": one.changed_at.isoformat()}

    def _state_words(self, one: Download, worker: Downloads | None) -> str:
        words = retrieve_shown.STATE_WORDS[one.state]
        if one.state is DownloadState.DONE and one.refused:
            return f"{words} · {one.refused} 幅没有收下"
        if one.state is DownloadState.WAITING and one.due_at is not None:
            return f"{words} · {one.due_at.astimezone(CST):%H:%M} 再试"
        if one.state is DownloadState.RUNNING and (worker is None or not worker.works_on(one.id)):
            return "程序运行时接着下载"
        if one.state is DownloadState.RUNNING and self._is_behind(one):
            return "排在别的下载后面"
        return words

    def _is_behind(self, one: Download) -> bool:
        before = retrievals.active(self._house.store.read(), one.destination)
        return any(other.id < one.id and other.state is DownloadState.RUNNING for other in before)

    # -- where they lie -----------------------------------------------------------------------------------------------

    def _parent(self, folder: str) -> Path:
        """Never a place where images are taken in from: other hospitals' must not become ours."""
        if not folder.strip():
            return self._house.home.retrieved
        given = Path(folder.strip())
        if not given.is_absolute():
            raise NeedsOperator("下载文件夹要写完整的路径", "例：D:\\调阅影像", fields=("folder",))
        home, settings = self._house.home, self._house.settings
        taken_from = [*settings.intake.folders, settings.intake.report_folder, settings.his.folder]
        watched = [Path(each) for each in taken_from if each] + [home.spool, home.parts, home.aside]
        whole = given.resolve()
        if any(whole.is_relative_to(each.resolve()) for each in watched):
            raise NeedsOperator(
                "这个文件夹在收影像，不能放外院的影像", "请换一个文件夹，或用程序自己的", fields=("folder",)
            )
        return given

    def _least_free(self, folder: Path) -> int:
        """On the disk of our own images as much as intake needs; elsewhere a little."""
        same_disk = folder.stat().st_dev == self._house.home.root.stat().st_dev
        return self._house.settings.intake.least_free_mb * 1024 * 1024 if same_disk else _LEAST_FREE_ELSEWHERE


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


def _offered(image: FoundImage) -> Offered:
    uids = (image.study_instance_uid, image.series_instance_uid, image.sop_instance_uid)
    return Offered(
        study_instance_uid=uids[0],
        series_instance_uid=uids[1],
        sop_instance_uid=uids[2],
        usable=all(is_uid(uid) for uid in uids),
    )


def _of_row(row: dict[str, object]) -> Offered:
    return Offered(
        study_instance_uid=str(row["study_instance_uid"]),
        series_instance_uid=str(row["series_instance_uid"]),
        sop_instance_uid=str(row["sop_instance_uid"]),
    )


def _folder_name(destination: str, index_code: str, exam_date: str) -> str:
    """The same for the same exam; says nothing of the patient."""
    mark = hashlib.sha256(f"{destination}\n{index_code}".encode()).hexdigest()[:12]
    day = re.sub(r"[^0-9]", "", exam_date)[:8]
    return f"{day}-{mark}" if day else mark


def _span(day: date) -> tuple[datetime, datetime]:
    since = datetime.combine(day, time(), CST)
    return since, since + timedelta(days=1)
