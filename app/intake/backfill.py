"""Backfill (历史影像补采): take in what was made before we came, from a folder or from a PACS, study by study.

What is done is remembered, so that a stopped one goes on at the next study and a failed study is tried again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from app.domain.settings import Pacs
from app.domain.times import CST, Clock
from app.errors import AgentError, NeedsOperator, RetryLater
from app.intake.dicomdir import is_dicomdir
from app.intake.folders import AT_ONCE
from app.intake.header import Header, NotDicom, read_header
from app.intake.incoming import Became, Incoming
from app.intake.scan import files_below
from app.store import Store, Tx, backfills, images
from app.store.backfills import Run, RunState, StudyState
from app.wire.dicom_association import Peer
from app.wire.dicom_query import MoveProgress, find_studies, move_study

T = TypeVar("T")
log = logging.getLogger("app.intake")
DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
_TRIES = 3
_LOST_DAY = "day:"  # stands among the studies for a day that the PACS could not be asked about


class Find(Protocol):
    def __call__(self, pacs: Peer, day_from: date, day_to: date) -> Iterator[dict[str, str]]: ...


class Move(Protocol):
    def __call__(self, pacs: Peer, study_uid: str, destination_ae: str) -> Iterator[MoveProgress]: ...


class Stopped(Exception):
    """A person, or the end of the program, stopped the backfill."""


class Backfill:
    """One at a time, on a thread of its own. `our_ae` is the AE title under which the PACS knows our port.

    `arrival_seconds`: so long after the last image a study that is still short counts as failed.
    """

    def __init__(
        self,
        store: Store,
        incoming: Incoming,
        clock: Clock,
        *,
        pacs: Iterable[Pacs] = (),
        our_ae: str = "",
        find: Find = find_studies,
        move: Move = move_study,
        retry_seconds: float = 10.0,
        arrival_seconds: float = 30.0,
    ) -> None:
        self._store = store
        self._incoming = incoming
        self._clock = clock
        self._pacs = {each.name: each for each in pacs}
        self._our_ae = our_ae
        self._find = find
        self._move = move
        self._retry_seconds = retry_seconds
        self._arrival_seconds = arrival_seconds
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._run: Run | None = None
        self._trouble = ""
        self._lock = threading.Lock()

    # -- what a person asks -----------------------------------------------------------------------------------------

    def start(self, source: str, day_from: date) -> str:
        """Begin, or go on where the same one (folder or PACS name, first day) stopped. Returns its id at once.

        Raises NeedsOperator when another one runs or `source` is neither a PACS of the settings nor a folder.
        """
        if source not in self._pacs and not Path(source).is_dir():
            raise NeedsOperator("找不到补采来源", "请填设置里的 PACS 名称，或一个打得开的文件夹", page="dicom")
        with self._lock:
            run_id = backfills.id_of(source, day_from)
            if self._is_running() and self._run is not None:
                if self._run.id == run_id:
                    return run_id
                raise NeedsOperator("另一个补采正在进行", "请等它结束，或先停止它")
            self._stopping.clear()
            now, self._trouble = self._clock.now(), ""
            self._store.write(lambda tx: backfills.begin(tx, source, day_from, now=now))
            self._run = Run(id=run_id, source=source, day_from=day_from, state=RunState.RUNNING)
            self._thread = threading.Thread(target=self._work, args=(self._run,), name="backfill", daemon=True)
            self._thread.start()
            return run_id

    def resume(self) -> str:
        """At start-up: go on with the one that the last end of the program interrupted; "" when there is none."""
        found = backfills.newest(self._store.read())
        if found is None or found.state is not RunState.RUNNING:
            return ""
        try:
            return self.start(found.source, found.day_from)
        except NeedsOperator as error:
            log.warning("a backfill could not go on: %s", error.title)
            self._trouble = f"{error.title}，{error.advice}"
            return ""

    def stop(self, within_seconds: float = 10.0) -> None:
        """A person stops it: it stays stopped until started again."""
        self.close(within_seconds)
        found = self._run or backfills.newest(self._store.read())
        if found is not None and not self._is_running():
            state = backfills.run(self._store.read(), found.id)
            if state is not None and state.state is RunState.RUNNING:
                self._end(found, RunState.STOPPED)

    def close(self, within_seconds: float = 10.0) -> None:
        """The program ends: `resume` goes on at the next start."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(within_seconds)

    def status(self) -> dict[str, Any]:
        """{"id", "running", "source", "day_from", "found", "taken", "failed", "trouble"}, of the last one if none runs.

        `found` counts every study, the taken and failed ones among them.
        """
        found = self._run or backfills.newest(self._store.read())
        if found is None:
            return dict(id="", running=False, source="", day_from="", found=0, taken=0, failed=0, trouble=self._trouble)
        counts = backfills.counts(self._store.read(), found.id)
        return {
            "id": found.id,
            "running": self._is_running(),
            "source": found.source,
            "day_from": found.day_from.isoformat(),
            "found": sum(counts.values()),
            "taken": counts.get(StudyState.TAKEN, 0),
            "failed": counts.get(StudyState.FAILED, 0),
            "trouble": self._trouble,
        }

    def undelivered(self) -> list[str]:
        """Study UIDs that failed; `day:2026-01-05` stands for a day about which the PACS gave no answer."""
        found = self._run or backfills.newest(self._store.read())
        states = backfills.states(self._store.read(), found.id) if found else {}
        return [study for study, state in states.items() if state is StudyState.FAILED]

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    # -- the thread -------------------------------------------------------------------------------------------------

    def _work(self, run: Run) -> None:
        log.info("a backfill begins")
        try:
            if run.source in self._pacs:
                self._from_pacs(run, self._peer(self._pacs[run.source]))
            else:
                self._from_folder(run, Path(run.source))
            self._end(run, RunState.DONE)
            log.info("a backfill is done")
        except Stopped:
            log.info("a backfill was stopped")
        except AgentError as error:
            self._trouble = f"{error.title}，{error.advice}"
            log.warning("a backfill ended: %s", error.title)
            if not isinstance(error, RetryLater):  # the store refuses: as after a crash, it goes on at the next start
                self._end(run, RunState.STOPPED)

    def _end(self, run: Run, state: RunState) -> None:
        now = self._clock.now()
        self._store.write(lambda tx: backfills.end(tx, run.id, state, now=now))

    def _mark(self, run: Run, study: str, state: StudyState) -> None:
        now = self._clock.now()
        self._store.write(lambda tx: backfills.mark(tx, run, study, state, now=now))

    def _mark_found(self, run: Run, studies: list[str]) -> None:
        now = self._clock.now()

        def change(tx: Tx) -> None:
            for study in studies:
                backfills.mark(tx, run, study, StudyState.FOUND, now=now)

        self._store.write(change)

    def _check(self) -> None:
        if self._stopping.is_set():
            raise Stopped

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise Stopped

    # -- from a folder ----------------------------------------------------------------------------------------------

    def _from_folder(self, run: Run, folder: Path) -> None:
        studies = self._studies_in(folder, run.day_from)
        states = backfills.states(self._store.read(), run.id)
        self._mark_found(run, [study for study in studies if study not in states])
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="backfill") as pool:
            for study, paths in studies.items():
                if states.get(study) is not StudyState.TAKEN:
                    took = list(pool.map(lambda path: self._took(path, f"folder:{folder}"), paths))
                    self._mark(run, study, StudyState.TAKEN if all(took) else StudyState.FAILED)

    def _studies_in(self, folder: Path, day_from: date) -> dict[str, list[Path]]:
        """study UID -> files, of the studies not older than `day_from`; what is no image is passed over."""
        studies: dict[str, list[Path]] = {}
        try:
            for found in files_below(str(folder), []):
                self._check()
                header = _header(Path(found.path))
                if header is not None and is_recent(header, day_from):
                    studies.setdefault(header.study_instance_uid, []).append(Path(found.path))
        except OSError as error:
            raise NeedsOperator(
                "补采的文件夹打不开", "请检查网络或移动硬盘，再点开始，会接着做", details=str(error)
            ) from error
        return studies

    def _took(self, path: Path, source: str) -> bool:
        """One file; waits as long as the disk has no room. What can't be taken is named."""
        while True:
            self._check()
            try:
                found = self._incoming.take(path, source)
                if found.became is Became.UNFINISHED:
                    found = self._incoming.give_up(found, source)
                self._trouble = ""
                return found.became is not Became.ASIDE
            except OSError:
                return False
            except RetryLater as error:
                self._trouble = f"{error.title}，{error.advice}"
                self._wait(self._retry_seconds)

    # -- from a PACS ------------------------------------------------------------------------------------------------

    def _peer(self, pacs: Pacs) -> Peer:
        return Peer(host=pacs.host, port=pacs.port, called_ae=pacs.ae_title, calling_ae=self._our_ae, name=pacs.name)

    def _from_pacs(self, run: Run, peer: Peer) -> None:
        states = backfills.states(self._store.read(), run.id)
        for day in _days(run.day_from, self._clock.now().astimezone(CST).date()):
            found = self._asked(run, peer, day)
            wanted = {uid: _count(each) for each in found if (uid := each.get("StudyInstanceUID", "").strip())}
            self._mark_found(run, [study for study in wanted if study not in states])
            for study, count in wanted.items():
                if states.get(study) is not StudyState.TAKEN:
                    self._check()
                    states[study] = self._fetched(peer, study, count)
                    self._mark(run, study, states[study])

    def _asked(self, run: Run, peer: Peer, day: date) -> list[dict[str, str]]:
        """The studies of one day; a day without an answer is remembered as failed."""
        lost = f"{_LOST_DAY}{day}"
        found = self._patiently(lambda: list(self._find(peer, day, day)))
        if found is None:
            self._mark(run, lost, StudyState.FAILED)
            return []
        self._store.write(lambda tx: backfills.forget(tx, run, lost))
        return found

    def _fetched(self, peer: Peer, study: str, count: int) -> StudyState:
        """Have one study sent and wait until all of it arrived; one that we have whole is not asked for."""
        if self._has_whole(study, count):
            return StudyState.TAKEN
        last = self._patiently(lambda: self._moved(peer, study))
        if last is None:
            return StudyState.FAILED
        arrived = self._arrived(study, max(count, last.completed + last.warning))
        return StudyState.TAKEN if arrived and last.done and not last.failed else StudyState.FAILED

    def _moved(self, peer: Peer, study: str) -> MoveProgress | None:
        """The last word of the PACS; leaving early ends the association, and the PACS stops."""
        last = None
        for progress in self._move(peer, study, self._our_ae):
            self._check()
            last = progress
        return last

    def _has_whole(self, study: str, count: int) -> bool:
        known = images.study(self._store, study)
        complete = known is not None and known.complete_at is not None
        return complete and 0 < count == backfills.image_count(self._store.read(), study)

    def _arrived(self, study: str, count: int) -> bool:
        """Wait for the images; True when there are as many as expected, and at least one."""
        before, since = -1, time.monotonic()
        while (now := backfills.image_count(self._store.read(), study)) < max(1, count):
            if now != before:
                before, since = now, time.monotonic()
            if time.monotonic() - since >= self._arrival_seconds:
                return False
            self._wait(min(0.2, self._arrival_seconds))
        return True

    def _patiently(self, ask: Callable[[], T]) -> T | None:
        """The answer, asked for up to three times; None when it fails. Raises NeedsOperator (settings), Stopped."""
        for left in reversed(range(_TRIES)):
            self._check()
            try:
                answer = ask()
                self._trouble = ""
                return answer
            except NeedsOperator:
                raise
            except AgentError as error:
                self._trouble = f"{error.title}，{error.advice}"
                if not left or not isinstance(error, RetryLater):
                    return None
            self._wait(self._retry_seconds)
        return None


def is_recent(header: Header, day_from: date) -> bool:
    """Made on that day or later, by the first date that the object gives; one without any date counts as recent."""
    texts = (header.text(keyword) for keyword in DATES)
    day = next((text for text in texts if len(text) == 8 and text.isdecimal()), "")
    return not day or day >= f"{day_from:%Y%m%d}"


def _header(path: Path) -> Header | None:
    try:
        header = read_header(path)
    except (NotDicom, OSError):
        return None
    return None if is_dicomdir(header) or not header.study_instance_uid else header


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _count(study: dict[str, str]) -> int:
    text = study.get("NumberOfStudyRelatedInstances", "").strip()
    return int(text) if text.isdecimal() else 0
