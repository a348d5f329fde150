"""The engine at work (运行): ports, watched folders, workers and clock of one house; start, stop, begin anew.

Decides nothing about exams: what a study at rest leads to is in `acts`, what people ask in `engine`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from random import Random

from app.delivery.converse import Courier
from app.delivery.gently import Gently
from app.delivery.reconcile import Reconciler, gently_of
from app.delivery.submission import resend as resend_exam
from app.delivery.worker import Workers
from app.domain.job import Event
from app.domain.settings import Settings
from app.domain.times import Clock
from app.engine import acts, arrange, audit
from app.engine.ahead import Ahead
from app.engine.arrivals import Arrivals
from app.engine.clockwork import Clockwork, paused_until
from app.engine.devices import Watch
from app.engine.downloading import Downloading
from app.engine.face import Json
from app.engine.gateway import Gateway
from app.engine.his import His
from app.engine.his_watch import HisWatch
from app.engine.house import House, open_house
from app.engine.rehearsing import Rehearsing
from app.engine.report_reading import ReportReading
from app.engine.retrieval import Lookups, Retrieval
from app.engine.settings import write_settings
from app.engine.signing import Signing
from app.errors import NeedsOperator, RetryLater
from app.store import Tx, exams, files, jobs
from app.system.paths import Home
from app.wire import libraries

_STOP_SECONDS = 3.0
_RELOAD_SECONDS = 65.0
"""New settings can wait for the answer to the longest request; the end of the program can't."""


class Life:
    """`tell(event)` hears every fact after its commit. `house` and `gateway` are new ones after each `reload`."""

    def __init__(
        self,
        home: Home,
        clock: Clock,
        jitter: Callable[[], float] | None,
        tell: Callable[[Json], None],
    ) -> None:
        self._home, self._clock, self._told = home, clock, tell
        self._random = Random()
        self._jitter = jitter or (lambda: self._random.uniform(0.8, 1.2))
        self.alone = threading.RLock()
        """Held by whoever changes the settings, from reading the old ones to the house that works with the new."""
        self.house: House = open_house(home, clock)
        self.house.store.subscribe(self._tell)
        self.arrivals = Arrivals(clock)
        self.rehearsing = Rehearsing()
        self.gateway = Gateway(self.house, self.arrivals.called)
        self.reports = ReportReading(self.house)
        self.his = His(self.house)
        self.his_watch = HisWatch(self.house, self.his)
        self.running = False
        self._couriers: dict[str, Courier] = {}
        self._gently: dict[str, Gently] = {}
        self._lookups = Lookups()
        self.retrieval = Retrieval(self.house, self._lookups, self._courier)
        self.downloading = Downloading(self.house, self.retrieval, jitter=self._jitter)
        self.signing = Signing(self.house, self._courier)
        self.ahead = Ahead(self.house)
        self._workers: dict[str, Workers] = {}
        self._clockwork: Clockwork | None = None

    def start(self) -> None:
        """Take up work: mend what an earlier end left, then open ports, folders and workers."""
        with self.alone:
            house, now = self.house, self._clock.now()
            libraries.load()
            house.spool.sweep()
            house.store.write(lambda tx: self._take_up(tx, now))
            self.gateway.reindex()
            self.running = True
            self._start_delivery()
            self.reports.start()
            self.gateway.start()
            self.his_watch.start()
            self.downloading.start()
            self.signing.start()
            self.ahead.begin()
            self._clockwork = Clockwork(
                house,
                complete_due=self._complete_due,
                wake=self._wake,
                ask=self._ask,
                resume_if_due=self.resume_if_due,
                watch=Watch(house).look,
            )
            self._clockwork.start()

    def _take_up(self, tx: Tx, now: datetime) -> None:
        """What was being sent at the earlier end goes again."""
        for key in jobs.interrupted(tx, now=now):
            self.house.follow(tx, key)

    def stop(self) -> None:
        """End within a few seconds; what is being sent goes on at the next start. Safe to call twice."""
        with self.alone:
            self.reports.close(_STOP_SECONDS)
            self._stop_work()
            self._tell({"event": "engine_stopped"})
            self.house.close()

    def _stop_work(self, within_seconds: float = _STOP_SECONDS) -> None:
        """A request in flight is waited for so long; one that takes longer goes again at the next start."""
        self.house.stopping.set()
        self.gateway.stop()
        self.his_watch.stop()
        for workers in self._workers.values():
            workers.join(within_seconds)
        self.downloading.join(within_seconds)
        self.signing.join(within_seconds)
        if self._clockwork is not None:
            self._clockwork.join(3.0)
        self.running = False

    def _courier(self, name: str) -> Courier:
        """The one at work, else one for the moment."""
        found = self._couriers.get(name)
        return found or Courier(
            self.house.store, self.house.targets[name], self._clock, self.house, self.house.stopping
        )

    def _start_delivery(self) -> None:
        house = self.house
        self._couriers = {
            name: Courier(house.store, target, self._clock, house, house.stopping)
            for name, target in house.targets.items()
        }
        self._workers = {
            name: Workers(
                house.store,
                target,
                self._couriers[name],
                self._clock,
                house.settings.upload,
                paused=lambda: paused_until(house)[0],
                after=house.follow,
                may_go=self.signing.before_sending(name),
                jitter=self._jitter,
                stopping=house.stopping,
            )
            for name, target in house.targets.items()
        }
        for workers in self._workers.values():
            workers.start()

    def reload(self) -> None:
        """New settings: everything that depends on them starts anew; jobs that waited for the settings go again.

        What can't be opened leaves the house as it is, at work with the settings it had, and raises NeedsOperator.
        """
        with self.alone:
            anew = open_house(self._home, self._clock)
            was_running = self.running
            if was_running:
                self._stop_work(_RELOAD_SECONDS)
            self.reports.close(_STOP_SECONDS)
            self.house.close()
            self.house = anew
            self.house.store.subscribe(self._tell)
            self.gateway = Gateway(self.house, self.arrivals.called)
            self.reports = ReportReading(self.house)
            self.his = His(self.house)
            self.his_watch = HisWatch(self.house, self.his)
            self._couriers = {}
            self.retrieval = Retrieval(self.house, self._lookups, self._courier)
            self.downloading = Downloading(self.house, self.retrieval, jitter=self._jitter)
            self.signing = Signing(self.house, self._courier)
            self.ahead = Ahead(self.house)
            if was_running:
                self.start()
            self._mend_settings()

    def adopt(self, settings: Settings) -> None:
        """Write settings that differ in the destinations' defaults alone; ports and workers go on as they are."""
        with self.alone:
            write_settings(self._home, settings)
            self.house = replace(self.house, settings=settings)
            for one in settings.destinations:
                if one.name in self.house.targets:
                    self.house.targets[one.name] = replace(self.house.targets[one.name], defaults=one.defaults)
            self._refresh_unsent()

    def _mend_settings(self) -> None:
        """Jobs that were rejected because of the settings are tried again after a change of the settings."""
        now = self._clock.now()
        for job_id, exam_key in jobs.waiting_for_settings(self.house.store.read()):
            self.house.store.write(lambda tx, id=job_id: jobs.move(tx, id, Event.MENDED, now=now))  # type: ignore[misc]
            self.house.refresh(exam_key)
        self._refresh_unsent()

    def _refresh_unsent(self) -> None:
        """What still waits for a person may need more or less of it under other settings."""
        for state in ("to_fill", "ready", "check"):
            for exam in exams.listed(self.house.store.read(), states=(state,), limit=1000)[0]:
                self.house.refresh(exam["exam_key"])

    def _tell(self, event: Json) -> None:
        if event["event"] in ("job_changed", "resumed"):
            self._wake()
        self.gateway.heard(event)
        self.his.heard(event)
        self.reports.heard(event)
        self.ahead.heard(event)
        audit.heard(self.house, event)
        self.arrivals.heard(event)
        if event["event"] == "report_attached":
            self._refresh_soon(event["exam"])
        self._told(event)

    def _refresh_soon(self, exam_key: str) -> None:
        """Events come on the writer thread, which must not wait for itself."""
        with contextlib.suppress(RetryLater):  # the house is closing: reading the report at the next start does it
            self.house.store.submit(lambda tx: self.house.refresh_in(tx, exam_key))

    def _wake(self) -> None:
        for workers in self._workers.values():
            workers.wake()

    def _complete_due(self) -> None:
        self.gateway.tell_questions()
        for study_uid in self.gateway.quiet_studies():
            self.complete(study_uid)
        self.ahead.run()

    def complete(self, study_uid: str) -> list[str]:
        """A study has come to rest; returns the keys of its exams."""
        ready = [arrange.join_registered(self.house, key) for key in acts.complete(self.house, study_uid)]
        self.gateway.attach_waiting()
        self.his.look_again(ready)
        self.ahead.look_at(ready)
        if self.house.settings.upload.submit == "auto":
            acts.submit_ready(self.house, ready, "")
        return ready

    def _ask(self, name: str, day: date) -> None:
        self.reconciler(name).ask(day)

    def reconciler(self, name: str) -> Reconciler:
        target = self.house.targets.get(name)
        if target is None:
            raise NeedsOperator("没有这个上传目标", "请核对名称：" + "、".join(self.house.targets), page="destination")
        if not target.can("reconcile"):
            raise NeedsOperator("平台无对账接口", "以回执为准，不用对账")
        courier = self._courier(name)

        def again(tx: Tx, exam_key: str) -> None:
            resend_exam(tx, exam_key, name, event=Event.FOUND_MISSING, now=self._clock.now())

        gently = self._gently.setdefault(name, gently_of(target, self._clock))
        return Reconciler(
            self.house.store, target, courier, self._clock, self.house.settings.upload, again, self.house.follow, gently
        )

    def resume(self) -> None:
        def change(tx: Tx) -> None:
            files.set_fact(tx, "paused", "")
            tx.tell("resumed")

        self.house.store.write(change)

    def resume_if_due(self) -> None:
        if files.fact(self.house.store.read(), "paused") and not paused_until(self.house)[0]:
            self.resume()
