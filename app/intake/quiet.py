"""When a study is complete (quiet): no image for N seconds, and its sources hold no association open.

Counts on the monotonic clock only. A study is never closed for good: a late image starts the period afresh.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from app.domain.times import Clock
from app.store import Store, images
from app.store.sources import sources_of_study

JUMP_SECONDS = 5.0


def is_quiet(last_arrival_monotonic: float, now_monotonic: float, quiet_seconds: float, open_associations: int) -> bool:
    """The rule: nothing arrived for `quiet_seconds`, and nobody is connected who may still send."""
    return open_associations == 0 and now_monotonic - last_arrival_monotonic >= quiet_seconds


class QuietStudies:
    """Keeps when each study last got an image. What was incomplete at start-up starts its period afresh.

    `open_associations(source)` answers for a source as the index names it (`ae:CT1`, `folder:...`). `asleep_seconds`:
    so long a gap between two questions means that the machine slept (Windows counts that time on both clocks), and
    every period starts afresh; 0 leaves that out.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        open_associations: Callable[[str], int],
        *,
        quiet_seconds: float = 60.0,
        asleep_seconds: float = 0.0,
    ) -> None:
        self._store = store
        self._clock = clock
        self._open_associations = open_associations
        self.quiet_seconds = quiet_seconds
        self._asleep_seconds = asleep_seconds
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}
        self._asked_at: tuple[float, float] | None = None

    def on_event(self, event: dict[str, Any]) -> None:
        """For `store.subscribe`: remembers each arrival. Never waits."""
        if event["event"] == "image_received":
            with self._lock:
                self._last[event["study"]] = self._clock.monotonic()

    def due(self, now: float | None = None) -> list[str]:
        """UIDs of incomplete studies that are quiet at the monotonic time `now`, oldest arrival first."""
        now = self._clock.monotonic() if now is None else now
        waiting = images.incomplete(self._store)
        with self._lock:
            if self._time_is_out_of_joint(now):
                self._last.clear()
            uids = {uid for uid, _, _ in waiting}
            self._last = {uid: self._last.get(uid, now) for uid in sorted(uids, key=self._known_since)}
            resting = [uid for uid, at in self._last.items() if is_quiet(at, now, self.quiet_seconds, 0)]
        return [uid for uid in resting if self._nobody_sends(uid)]

    def _known_since(self, uid: str) -> float:
        return self._last.get(uid, float("inf"))

    def _nobody_sends(self, uid: str) -> bool:
        return not any(self._open_associations(source) for source in sources_of_study(self._store.read(), uid))

    def _time_is_out_of_joint(self, now: float) -> bool:
        """The wall clock moved otherwise than the monotonic one, or nobody asked for long: the machine slept."""
        wall = self._clock.now().timestamp()
        before, self._asked_at = self._asked_at, (wall, now)
        if before is None:
            return False
        wall_passed, passed = wall - before[0], now - before[1]
        slept = 0 < self._asleep_seconds < passed
        return slept or abs(wall_passed - passed) > JUMP_SECONDS
