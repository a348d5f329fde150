"""What happens by itself: completeness, due retries, nightly reconciliation, house-keeping. One thread, one tick."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from app.delivery.reconcile import open_days
from app.domain.study import Instance
from app.domain.times import CST
from app.engine.house import House
from app.errors import AgentError
from app.store import answers, days, files, images, jobs, sources
from app.store.times import taken

log = logging.getLogger("app.engine")
_TICK_SECONDS = 0.25
_FOLD_AFTER = timedelta(days=30)
_HOURS_KEPT = timedelta(days=100)
_HOUSE_KEEPING_EVERY = timedelta(hours=6)
_UNFETCHED_TIMES = 2
"""What a platform was to fetch and has not is kept so many times as long as what it has; then the timeline says so."""


class Clockwork:
    """Ticks until `house.stopping`. `complete_due()` and `wake()` belong to the engine; `ask(name, day)` reconciles."""

    def __init__(
        self,
        house: House,
        *,
        complete_due: Callable[[], None],
        wake: Callable[[], None],
        ask: Callable[[str, date], None],
        resume_if_due: Callable[[], None],
        watch: Callable[[datetime], None],
    ) -> None:
        self._house = house
        self._complete_due = complete_due
        self._wake = wake
        self._ask = ask
        self._resume_if_due = resume_if_due
        self._watch = watch
        self._kept_house_at: datetime | None = None
        self._clock = threading.Thread(target=self._loop, name="clock", daemon=True)
        self._asking = threading.Thread(target=self._ask_loop, name="reconcile", daemon=True)
        self._look = threading.Event()

    def start(self) -> None:
        self._clock.start()
        self._asking.start()

    def join(self, timeout_seconds: float) -> None:
        self._look.set()
        for thread in (self._clock, self._asking):
            if thread.ident is not None:
                thread.join(timeout_seconds)

    def _loop(self) -> None:
        while not self._house.stopping.wait(_TICK_SECONDS):
            try:
                self._tick(self._house.clock.now())
            except AgentError as error:
                log.warning("the clock has to wait: %s", error.title)
                self._house.stopping.wait(2.0)
            except Exception:  # the thread's last resort: a bug in one task must not stop the clock
                log.exception("the clock met a bug")
                self._house.stopping.wait(2.0)

    def _tick(self, now: datetime) -> None:
        self._complete_due()
        self._resume_if_due()
        self._watch(now)
        due = jobs.next_due(self._house.store.read())
        if due is not None and due <= now:
            self._wake()
        if self._kept_house_at is None or now - self._kept_house_at >= _HOUSE_KEEPING_EVERY:
            self._kept_house_at = now
            self._keep_house(now)
        self._look.set()

    def _keep_house(self, now: datetime) -> None:
        """Fold old answers, end old links, release images that every destination acknowledged long ago."""
        keep = timedelta(days=self._house.settings.intake.keep_days)
        self._house.store.write(lambda tx: answers.fold(tx, now - _FOLD_AFTER))
        there = [one.name for one in self._house.settings.destinations]
        never = self._house.store.write(
            lambda tx: files.expire_links(
                tx, fetched=now - keep, unfetched=now - _UNFETCHED_TIMES * keep, destinations=there, now=now
            )
        )
        if never:
            log.warning("%d addresses ended that the platform never fetched", len(never))
        self._house.store.write(lambda tx: sources.forget_old_hours(tx, now - _HOURS_KEPT))
        self._release(now - keep)

    def _release(self, before: datetime) -> None:
        """In portions: the clock has more to do. A file that another program holds open waits for the next time."""
        while not self._house.stopping.is_set():
            gone = [one for one in images.releasable(self._house.store, before) if self._is_unlinked(one)]
            if not gone:
                return
            self._house.store.write(lambda tx, gone=gone: images.mark_released(tx, gone))  # type: ignore[misc]

    def _is_unlinked(self, instance: Instance) -> bool:
        try:
            self._house.spool.path(instance.path).unlink(missing_ok=True)
        except OSError as error:
            log.info("an image could not be released: %s", type(error).__name__)
            return False
        return True

    def _ask_loop(self) -> None:
        while not self._house.stopping.is_set():
            self._look.wait(5.0)
            self._look.clear()
            try:
                self._ask_due(self._house.clock.now())
            except AgentError as error:
                log.info("reconciliation has to wait: %s", error.title)
                self._house.stopping.wait(5.0)
            except Exception:  # the thread's last resort: a bug in one day must not end reconciliation
                log.exception("reconciliation met a bug")
                self._house.stopping.wait(5.0)

    def _ask_due(self, now: datetime) -> None:
        """Second questions that are due, then every open day once a night - or at the first start after it.

        A night counts as done only when all of its days were asked: a power cut in the middle asks them again.
        """
        conn = self._house.store.read()
        due = days.due_again(conn, now)
        for name, day in due:
            if name in self._house.targets and not self._house.stopping.is_set():
                self._try(name, day)
        tonight = self.night_of(now)
        for name, target in self._house.targets.items():
            done = files.fact(conn, f"reconciled-night-{name}") == tonight.isoformat()
            if not done and target.can("reconcile"):
                self._ask_night(name, tonight, just_asked=due)

    def _ask_night(self, name: str, tonight: date, just_asked: list[tuple[str, date]]) -> None:
        target = self._house.targets[name]
        for day in open_days(self._house.store.read(), target, tonight - timedelta(days=1)):
            if (name, day) not in just_asked:
                self._try(name, day)
            if self._house.stopping.is_set():
                return
        self._house.store.write(lambda tx: files.set_fact(tx, f"reconciled-night-{name}", tonight.isoformat()))

    def _try(self, name: str, day: date) -> None:
        """One day that can't be asked never keeps the others from being asked."""
        try:
            self._ask(name, day)
        except AgentError as error:
            log.info("no answer about %s: %s", day.isoformat(), error.title)
            self._house.stopping.wait(1.0)
        except Exception:  # a bug in one day: the others are asked all the same
            log.exception("the question about %s met a bug", day.isoformat())
            self._house.stopping.wait(5.0)

    def night_of(self, now: datetime) -> date:
        """The calendar day whose night run is the latest that should have happened."""
        at = time.fromisoformat(self._house.settings.upload.reconcile_at)
        here = now.astimezone(CST)
        return here.date() if here.time() >= at else here.date() - timedelta(days=1)


def paused_until(house: House) -> tuple[bool, datetime | None]:
    """(paused now, until when; None: until somebody resumes)."""
    text = files.fact(house.store.read(), "paused")
    if not text:
        return False, None
    if text == "open":
        return True, None
    until = taken(text)
    return until > house.clock.now(), until
