"""Files that records name by address, fetched in the background: when they are due, again after a failure, counted.

Every try is a received row of the ledger (place `fetch`); what is known of an address now is its kept row.
"""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.practice.fetch import Unreachable, fetch
from app.practice.ledger import KEPT, Ledger
from app.practice.settings import Settings, option

LIMIT_BYTES = 8_000_000_000
_LOOK_SECONDS = 0.1
WAITING, FETCHED, FAILED = "waiting", "fetched", "failed"


@dataclass(kw_only=True)
class FetchSettings(Settings):
    """How a platform fetches."""

    file_access: bool = option(True, "访问不到机构提供的文件地址")
    fetch_after_seconds: int = option(0, "收下记录后过几秒来取文件，-1 为一直不取")
    fetch_tries: int = option(3, "取不到时一共试几次")
    fetch_pause_seconds: int = option(1, "两次之间隔几秒")


class Unfit(Exception):
    """What was fetched is not what the field promises; the text is a Chinese sentence."""


@dataclass(frozen=True, kw_only=True)
class Errand:
    """One address of one record. `since` is when it was given or last tried, in seconds that only run forwards;
    `out_of_reach`: a fault was ordered, every try fails."""

    index: str
    name: str
    address: str
    tries: int = 0
    since: float = 0.0
    out_of_reach: bool = False

    @property
    def key(self) -> str:
        return f"{self.index} {self.name}"


class Collector:
    """`take` looks at a fetched file, keeps what it is and says what it found; it raises Unfit for another thing."""

    def __init__(
        self,
        settings: FetchSettings,
        ledger: Ledger,
        folder: Path,
        take: Callable[[Errand, Path], Mapping[str, Any]],
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._folder = folder
        self._take = take
        self._lock = threading.Lock()
        self._waiting: dict[str, Errand] = {}
        for row in ledger.all("fetch"):
            if row["link"]["state"] == WAITING:
                self._put(Errand(index=row["link"]["exam"], name=row["link"]["field"], address=row["link"]["address"]))
        threading.Thread(target=self._run, name="collector", daemon=True).start()

    def want(self, errand: Errand) -> None:
        """Fetch this when it is due; it takes the place of what still waits for the same field of the same record."""
        self._write(errand, WAITING, "", {})
        self._put(errand)

    def fetch_now(self, errand: Errand, *, is_last: bool = True) -> str:
        """Fetch this at once, on this thread, and return why it failed (empty: it did not)."""
        file = self._folder / f"{uuid.uuid4().hex}.part"
        found: Mapping[str, Any] = {}
        reason = ""
        try:
            if errand.out_of_reach or not self._settings.file_access:
                raise Unreachable("前置机不能访问该地址")
            fetch(errand.address, file, stopping=self._settings.stopping, tries=1, limit_bytes=LIMIT_BYTES)
            found = {"bytes": file.stat().st_size, "sha256": _sha256(file)}
            found = {**found, **self._take(errand, file)}
        except (Unreachable, Unfit) as error:
            reason = f"{errand.name} {error}"
        finally:
            file.unlink(missing_ok=True)
        if self._settings.stopping.is_set():
            return reason
        self._ledger.receive(
            at=self._settings.clock.stamp(),
            place="fetch",
            kind="fetch",
            key=errand.key,
            verdict="refused" if reason else KEPT,
            digest=str(found.get("sha256", "")),
            size=int(found.get("bytes", 0)),
            reason=reason,
        )
        state = FETCHED if not reason else FAILED if is_last else WAITING
        self._write(replace(errand, tries=errand.tries + 1), state, reason, found)
        return reason

    def _run(self) -> None:
        while not self._settings.stopping.wait(_LOOK_SECONDS):
            while (errand := self._due()) and not self._settings.stopping.is_set():
                self._try(errand)

    def _due(self) -> Errand | None:
        """The next address whose time has come, taken from the waiting ones. A negative delay is never."""
        after, pause, now = self._settings.fetch_after_seconds, self._settings.fetch_pause_seconds, time.monotonic()
        if after < 0:
            return None
        with self._lock:
            for errand in self._waiting.values():
                if now >= errand.since + (pause if errand.tries else after):
                    return self._waiting.pop(errand.key)
        return None

    def _try(self, errand: Errand) -> None:
        """Fetch; after a failure that is not the last it waits again, unless something newer waits in its place."""
        tries = errand.tries + 1
        is_last = tries >= self._settings.fetch_tries
        if self.fetch_now(errand, is_last=is_last) and not is_last:
            with self._lock:
                self._waiting.setdefault(errand.key, replace(errand, tries=tries, since=time.monotonic()))

    def _put(self, errand: Errand) -> None:
        with self._lock:
            self._waiting[errand.key] = replace(errand, since=time.monotonic())

    def _write(self, errand: Errand, state: str, reason: str, found: Mapping[str, Any]) -> None:
        """`times`: how often it was had; what was found stays written until something else is."""
        row = self._ledger.one("fetch", errand.key)
        before = dict(row["link"]) if row else {"times": 0}
        now = {"exam": errand.index, "field": errand.name, "address": errand.address}
        told = {"state": state, "tries": errand.tries, "reason": reason}
        times = before["times"] + (state == FETCHED)
        self._ledger.keep(
            at=self._settings.clock.stamp(),
            kind="fetch",
            key=errand.key,
            digest=str(found.get("sha256", row["digest"] if row else "")),
            size=int(found.get("bytes", row["size"] if row else 0)),
            link={**before, **found, **now, **told, "times": times},
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
