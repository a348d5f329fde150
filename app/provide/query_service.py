"""The query services of one home (数据查询): platforms ask which exams, reports and images they should have.

Who may ask is a list of addresses for each destination, and nobody hears of another destination's. What was submitted
goes out as it was submitted; what is refused says why and repeats nothing, here and in the log.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import parse_qsl

from app.catalogue.region import Region
from app.domain.job import Job
from app.domain.times import Clock
from app.errors import AgentError, RetryLater
from app.regions.conversation import About, Answers, OfferedSeries, Question, Unanswerable
from app.store import Store, answers, audit, exams, jobs, submitted
from app.store.submitted import OfSeries, Sought, SubmittedSeries
from app.wire.file_server import Asked, Refused, Served
from app.wire.listening import Networks, is_allowed
from app.wire.seldom import Seldom

log = logging.getLogger(__name__)
WINDOW = timedelta(minutes=5)
"""A sealed question is answered so long after, or before, the platform's time."""
_TELL_AFTER = timedelta(minutes=1)
_MOST_AT_ONCE, _PATIENT_SECONDS = 2, 5.0
_MOST_BYTES = 64 * 1024 * 1024
_JSON = "application/json;charset=UTF-8"
_DAY_IS_KEPT = "examined_at"
_OWN = ("accession_number", "study_instance_uid", "series_instance_uid")
"""What of a series is not in the record of its exam, or not in it for each series."""


class Filled(Protocol):
    def __call__(self, job: Job, message: str) -> bytes:
        """The record as it was sent: compact JSON, its files filled in. Raises AgentError."""


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A destination that may ask, from these addresses; none: nobody."""

    name: str
    adapter: Answers
    region: Region
    addresses: Networks


class QueryService:
    """`image_link(destination, exam key, SOP instance UID)` is an address of the file service. Safe to use from
    several threads."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        platforms: Sequence[Platform],
        *,
        filled: Filled,
        image_link: Callable[[str, str, str], str],
    ) -> None:
        self._store, self._clock, self._platforms = store, clock, platforms
        self._filled, self._image_link = filled, image_link
        self._at_work = threading.BoundedSemaphore(_MOST_AT_ONCE)
        self._tally = _Tally(store, clock)
        self._seldom = Seldom(log)

    def tell(self, *, all_of_it: bool = False) -> None:
        """Write down what was counted meanwhile; the clock calls it."""
        self._tally.tell(all_of_it=all_of_it)

    def answer(self, asked: Asked) -> Served | Refused | None:
        """None for a path that is no question of anybody's."""
        here = [(one, about) for one in self._platforms if (about := one.adapter.asks_about(asked.path))]
        if not here:
            return None
        known = [(one, about) for one, about in here if one.addresses and is_allowed(asked.address, one.addresses)]
        if not known:
            self._seldom.info(f"a question from {asked.address} was refused: not on the list")
            self._tally.add("asked_by_stranger", asked.address, 1)
            return _told(here[0][0].adapter.refusal("这个地址没有被机构放行"), status=403)
        if asked.method not in ("GET", "POST"):
            return Refused(status=405)
        platform, about = known[0]
        try:
            content, count = self._found(platform, self._question(platform, about, asked))
        except Unanswerable as refusal:
            log.info("a question of %s was refused: %s", platform.name, refusal)
            self._tally.add("asked_wrongly", f"{platform.name}/{refusal}", 1)
            return _told(platform.adapter.refusal(str(refusal)))
        except AgentError as error:
            log.warning("a question of %s could not be answered: %s", platform.name, error.title)
            self._tally.add("asked_in_vain", f"{platform.name}/{error.title}", 1)
            return _told(platform.adapter.refusal(f"机构这边暂时答不了：{error.title}"))
        log.info("%s asked about %s: %d rows", platform.name, about.value, count)
        self._tally.add("asked", f"{platform.name}/{about.value}", count, 1)
        return _told(platform.adapter.answer(content))

    # -- the question -----------------------------------------------------------------------------------------------

    def _question(self, platform: Platform, about: About, asked: Asked) -> Question:
        given = _from_query(asked.query) if asked.method == "GET" else _from_json(asked.body())
        question = platform.adapter.question(about, given)
        if question.asked_at is not None:
            self._must_be_fresh(platform, question, question.asked_at)
        return question

    def _must_be_fresh(self, platform: Platform, question: Question, asked_at: datetime) -> None:
        known = answers.destinations(self._store.read()).get(platform.name, {})
        now = self._clock.now() + timedelta(seconds=float(known.get("clock_offset_seconds") or 0.0))
        if abs(now - asked_at) > WINDOW:
            raise Unanswerable(f"timestamp 和现在的时间相差超过 {WINDOW.seconds // 60} 分钟")
        mark, forget = question.mark, now - 3 * WINDOW
        if not self._store.write(lambda tx: submitted.is_new(tx, platform.name, mark, now=now, forget_before=forget)):
            raise Unanswerable("这个请求已经来过一次，请用现在的 timestamp 重新签名")

    # -- the answer -------------------------------------------------------------------------------------------------

    def _found(self, platform: Platform, question: Question) -> tuple[bytes, int]:
        """(JSON array, how many rows)."""
        if not self._at_work.acquire(timeout=_PATIENT_SECONDS):
            raise Unanswerable("正在答别的查询，请稍后再问")
        try:
            rows: list[bytes] = []
            size = 0
            for row in self._rows(platform, question):
                rows.append(row)
                size += len(row)
                if size > _MOST_BYTES and len(rows) > 1:
                    raise Unanswerable("这一页太大，请把每页的条数改小再问")
            return b"[" + b",".join(rows) + b"]", len(rows)
        finally:
            self._at_work.release()

    def _rows(self, platform: Platform, question: Question) -> Iterator[bytes]:
        conn, offset = self._store.read(), (question.page - 1) * question.size
        if question.about is About.SERIES:
            sought, wanted = self._sought(platform, question, "exam"), _of_series(question)
            for one in submitted.series(conn, sought, wanted, limit=question.size, offset=offset):
                row = platform.adapter.series(self._offered(platform, one))
                yield json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
            return
        message = question.about.value
        for job_id in submitted.records(
            conn, self._sought(platform, question, message), limit=question.size, offset=offset
        ):
            yield self._filled(jobs.job(conn, job_id), message)

    def _sought(self, platform: Platform, question: Question, message: str) -> Sought:
        of_series = _OWN if question.about is About.SERIES else ()
        return Sought(
            destination=platform.name,
            message=message,
            time_path=_path(platform.region, message, question.time),
            since=question.since,
            until=question.until,
            has_day=question.time == _DAY_IS_KEPT,
            matching={
                _path(platform.region, message, key): texts
                for key, texts in question.matching.items()
                if key not in of_series
            },
        )

    def _offered(self, platform: Platform, one: SubmittedSeries) -> OfferedSeries:
        conn = self._store.read()
        record = jobs.job(conn, one.record_job).payload["exam"]
        exam = exams.exam(conn, one.exam_key)
        said = {row.key: _text_at(record, row.path) for row in platform.region.rows_of("exam")}
        own = {
            "accession_number": one.accession_number or (exam.minted_accession if exam else ""),
            "study_instance_uid": one.study_instance_uid,
            "series_instance_uid": one.series_instance_uid,
            "series_number": one.series_number,
            "modality": one.modality,
        }
        links = (self._image_link(platform.name, one.exam_key, uid) for uid in one.sop_instance_uids)
        return OfferedSeries(values={**said, **own}, addresses=tuple(links))


def _path(region: Region, message: str, key: str) -> str:
    found = next((row.path for row in region.rows_of(message) if row.key == key), "")
    if not found:
        raise Unanswerable("机构没有按这一项查的号")
    return found


def _text_at(record: object, path: str) -> str:
    for name in path.split("."):
        record = record.get(name) if isinstance(record, Mapping) else None
    return str(record) if isinstance(record, str | int) else ""


def _of_series(question: Question) -> OfSeries:
    numbers, studies, series = (question.matching.get(key) for key in _OWN)
    return OfSeries(accession_numbers=numbers, studies=studies, series=series)


def _from_query(query: str) -> Mapping[str, Any]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise Unanswerable("地址里的参数读不懂") from None
    if len(dict(pairs)) < len(pairs):
        raise Unanswerable("有一个参数写了两次")
    return dict(pairs)


def _from_json(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Unanswerable("请求应为 UTF-8 的 JSON") from None
    if not isinstance(found, dict):
        raise Unanswerable("请求应为一个 JSON 对象")
    return found


def _told(body: bytes, *, status: int = 200) -> Served:
    return Served(content=[body], size=len(body), content_type=_JSON, status=status)


@dataclass
class _Kept:
    """Counts that wait to be written down."""

    subject: str
    counts: list[int]


@dataclass
class _Tally:
    """What was asked, for the log (日志): at once, then what comes within a minute together."""

    store: Store
    clock: Clock
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _written_at: dict[str, datetime] = field(default_factory=dict)
    _kept: dict[str, _Kept] = field(default_factory=dict)

    def add(self, what: str, subject: str, *counts: int) -> None:
        """Of strangers, who may be many, the last one is told."""
        key = what if what == "asked_by_stranger" else f"{what}\t{subject}"
        with self._lock:
            earlier = self._kept.get(key)
            summed = [a + b for a, b in zip(earlier.counts, counts, strict=True)] if earlier else list(counts)
            self._kept[key] = _Kept(subject=subject, counts=summed)
        self.tell()

    def tell(self, *, all_of_it: bool = False) -> None:
        now = self.clock.now()
        with self._lock:
            due = [
                key
                for key in self._kept
                if all_of_it or key not in self._written_at or abs(now - self._written_at[key]) >= _TELL_AFTER
            ]
            written = [(key.partition("\t")[0], self._kept.pop(key)) for key in due]
            self._written_at |= dict.fromkeys(due, now)
        for what, one in written:
            with suppress(RetryLater):  # the house is closing
                self.store.submit(
                    lambda tx, what=what, one=one: audit.count_act(tx, what, one.subject, one.counts, at=now)  # type: ignore[misc]
                )
