"""HIS by itself: files dropped into its folder, and its database asked every few minutes."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from pathlib import Path

from app.engine.his import His
from app.engine.his_needs import failure
from app.engine.house import House
from app.errors import AgentError, NeedsOperator, RetryLater
from app.intake.folders import FolderWatch, Pace
from app.intake.incoming import Became, Found
from app.intake.sheets import SUFFIXES
from app.store import files

log = logging.getLogger("app.engine")
_KEEP_HOUSE_SECONDS = 6 * 3600.0


class HisDrop:
    """What becomes of a file in the folder: an import, or a reason why not. Nothing there is moved or deleted."""

    def __init__(self, house: House, his: His) -> None:
        self._house, self._his = house, his

    def take(self, path: Path, source: str) -> Found:
        if path.suffix.lower() not in SUFFIXES or path.name.startswith(("~$", ".")):
            return Found(path=path, became=Became.NOTED)
        try:
            found = self._his.import_file(path, "folder")
        except NeedsOperator as error:
            return Found(path=path, became=Became.UNFINISHED, title=error.title, advice=error.advice)
        return Found(path=path, became=Became.AGAIN if found["again"] == found["rows"] else Became.NEW)

    def give_up(self, found: Found, source: str) -> Found:
        """It rested and is still no sheet of ours: named for a person."""
        now = self._house.clock.now()
        self._house.store.write(
            lambda tx: files.set_aside(tx, str(found.path), 0, found.title, found.advice, source, now=now)
        )
        return Found(path=found.path, became=Became.ASIDE, title=found.title, advice=found.advice)


class HisWatch:
    """Takes in once the columns are mapped; until then the files wait where they lie. Old rows go in any case."""

    def __init__(self, house: House, his: His, *, pace: Pace | None = None) -> None:
        self._house, self._his, self._pace = house, his, pace
        self._folder: FolderWatch | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        settings = self._his.settings
        if settings.mapped and settings.folder:
            self._folder = FolderWatch(
                [Path(settings.folder)],
                HisDrop(self._house, self._his),
                self._house.store,
                self._house.clock,
                pace=self._pace,
                leave_out=[self._house.home.root],
            )
            self._folder.start()
        self._thread = threading.Thread(target=self._loop, name="his", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """After `house.stopping` is set. A question in flight is left behind: its answer is asked for again."""
        if self._folder is not None:
            self._folder.stop(3.0)
        if self._thread is not None:
            self._thread.join(3.0)

    @property
    def trouble(self) -> str:
        """What keeps the folder from being read, "" for nothing."""
        return self._folder.status()[0].trouble if self._folder is not None else ""

    def _fail(self, error: AgentError) -> None:
        self._his.failed = failure(error, self._his.failed, self._house.clock.now())
        with contextlib.suppress(RetryLater):  # the house is closing
            self._house.store.submit(lambda tx: tx.tell("his_imported", rows=0))

    def _loop(self) -> None:
        settings, stopping = self._his.settings, self._house.stopping
        asks = bool(settings.mapped and settings.url and settings.query and settings.refresh_minutes)
        pause = settings.refresh_minutes * 60.0 if asks else _KEEP_HOUSE_SECONDS
        kept_house_at = float("-inf")
        while not stopping.is_set():
            try:
                if time.monotonic() - kept_house_at >= _KEEP_HOUSE_SECONDS:
                    kept_house_at = time.monotonic()
                    self._his.keep_house()
                if asks:
                    self._his.query()
            except AgentError as error:
                log.info("HIS has to wait: %s", error.title)
                self._fail(error)
            except Exception:  # the thread's last resort: a bug in one answer must not end the asking
                log.exception("HIS met a bug")
            stopping.wait(pause)
