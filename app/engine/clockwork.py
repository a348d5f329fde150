"""What happens by itself: completeness, due retries, nightly reconciliation, house-keeping. One thread, one tick."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from app.domain.times import CST
from app.engine.house import House
from app.errors import AgentError
from app.store import answers, days, files, images, jobs
from app.store.times import taken

log = logging.getLogger("app.engine")
_TICK_SECONDS = 0.25
_FOLD_AFTER = timedelta(days=30)
_HOUSE_KEEPING_EVERY = timedelta(hours=6)


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
    ) -> None:
        self._house = house
        self._complete_due = complete_due
        self._wake = wake
        self._ask = ask
        self._resume_if_due = resume_if_due
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
        self._house.store.write(lambda tx: files.expire_links(tx, now - keep, now=now))
        for instance in images.releasable(self._house.store, now - keep):
            self._house.spool.path(instance.path).unlink(missing_ok=True)
            self._house.store.write(lambda tx, one=instance: images.mark_released(tx, one))  # type: ignore[misc]

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
        """Second questions that are due, then every open day once a night - or at the first start after it."""
        conn = self._house.store.read()
        wanted = days.due_again(conn, now)
        tonight = self.night_of(now)
        for name, target in self._house.targets.items():
            done = files.fact(conn, f"reconciled-night-{name}")
            if not target.can("reconcile") or done >= tonight.isoformat():
                continue
            yesterday = tonight - timedelta(days=1)
            wanted += [(name, day) for day in days.open_days(conn, name, yesterday)]
            self._house.store.write(
                lambda tx, name=name: files.set_fact(tx, f"reconciled-night-{name}", tonight.isoformat())  # type: ignore[misc]
            )
        for name, day in dict.fromkeys(wanted):
            if self._house.stopping.is_set():
                return
            if name in self._house.targets:
                self._try(name, day)

    def _try(self, name: str, day: date) -> None:
        try:
            self._ask(name, day)
        except AgentError as error:
            log.info("no answer about %s: %s", day.isoformat(), error.title)

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
