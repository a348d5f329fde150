"""Downloads of one destination (调阅): one image at a time, in the background, over cut lines and restarts.

What is on the disk is never asked for again; what can't be kept is asked for twice, named, and the rest goes on.
"""

from __future__ import annotations

import errno
import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from app.delivery.retrieve import NoSense, Retriever, Unanswered
from app.domain.retrieval import Download, DownloadState, Hitch, KeptImage, Offered, Wanted, WrongImage
from app.domain.settings import UploadSettings
from app.domain.times import Clock
from app.errors import AgentError, NeedsOperator, Rejected, RetryLater
from app.regions.conversation import FoundImage
from app.store import Store, Tx, retrievals

log = logging.getLogger("app.delivery")
MOST_REFUSALS = 2
"""So often an image is asked for when what comes can't be kept."""
_ENOUGH = 20
"""Refusals in a row, after which a person is asked: the platform may have dropped the whole exam."""
_MEASURED = 20
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


class Shelf(Protocol):
    """Where images are laid down. Each method raises OSError too."""

    def open(self, folder: Path) -> None: ...

    def lying(self, folder: Path, image: Offered) -> KeptImage | None: ...

    def put(self, folder: Path, image: Offered, content: bytes) -> KeptImage:
        """Raises `WrongImage`."""
        ...


class Downloads:
    """One thread. Without `start` only what is given to `begin` is fetched: the command line, while nothing runs."""

    def __init__(
        self,
        store: Store,
        destination: str,
        retriever: Retriever,
        shelf: Shelf,
        clock: Clock,
        settings: UploadSettings,
        *,
        jitter: Callable[[], float],
        stopping: threading.Event,
    ) -> None:
        self._store, self._destination, self._retriever, self._shelf = store, destination, retriever, shelf
        self._clock, self._settings, self._jitter, self._stopping = clock, settings, jitter, stopping
        self._mine: set[int] | None = set()
        self._work = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._seconds: defaultdict[int, deque[float]] = defaultdict(lambda: deque(maxlen=_MEASURED))
        self._in_a_row: defaultdict[int, int] = defaultdict(int)
        self.placing = threading.Lock()
        """Held while an image goes from memory to disk and index, and by whoever takes a download away."""

    def start(self) -> None:
        """Everything of this destination that goes on by itself, from now on."""
        self._mine = None
        self._run()

    def begin(self, id: int) -> None:
        """This download has something to do."""
        if self._mine is not None:
            self._mine.add(id)
        self._in_a_row.pop(id, None)
        self._run()

    def _run(self) -> None:
        with self._starting:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._loop, name=f"download-{self._destination}", daemon=True)
                self._thread.start()
        self._work.set()

    def join(self, timeout_seconds: float) -> None:
        """After `stopping` is set. An image on its way is left to end with the process and fetched the next time."""
        self._work.set()
        if self._thread is not None:
            self._thread.join(timeout_seconds)

    def works_on(self, id: int) -> bool:
        """Whether anybody here takes it up."""
        return self._thread is not None and (self._mine is None or id in self._mine)

    def seconds_left(self, download: Download) -> float | None:
        measured = self._seconds.get(download.id)
        if download.state is not DownloadState.RUNNING or not measured:
            return None
        return round(sum(measured) / len(measured) * download.open, 1)

    def run_once(self) -> bool:
        """Fetch the next image whose turn it is; False when there is none now."""
        now = self._clock.now()
        for download in retrievals.active(self._store.read(), self._destination):
            is_mine = self._mine is None or download.id in self._mine
            if is_mine and not self._stopping.is_set() and (download.due_at is None or download.due_at <= now):
                self._take(download)
                return True
        return False

    def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                if not self.run_once():
                    self._work.wait(1.0)
                    self._work.clear()
            except AgentError as error:
                log.info("the downloads of %s have to wait: %s", self._destination, error.title)
                self._stopping.wait(2.0)
            except Exception:  # the thread's last resort: one odd image must not end all downloads
                if not self._stopping.is_set():
                    log.exception("the downloads of %s met a bug", self._destination)
                self._stopping.wait(2.0)

    def _take(self, download: Download) -> None:
        image = retrievals.next_image(self._store.read(), download.id)
        if image is None:
            self._keep(lambda tx: retrievals.went_on(tx, download.id, now=self._clock.now()))
            return
        try:
            self._fetch(download, image)
        except WrongImage as error:
            self._refuse(download, image, str(error))
        except (NoSense, Rejected) as error:
            self._refuse(download, image, _said(error))
        except NeedsOperator as error:
            hitch = Hitch(title=error.title, advice=error.advice, details=error.details)
            self._keep(lambda tx: retrievals.fail(tx, download.id, hitch, now=self._clock.now()))
        except RetryLater as error:
            if not self._stopping.is_set():
                self._postpone(download, error)
        except OSError as error:
            self._postpone(download, _disk_trouble(error))

    def _fetch(self, download: Download, image: Wanted) -> None:
        """One image on the disk and in the index; nothing when the download was taken away meanwhile."""
        folder = Path(download.folder)
        with self.placing:
            if self._is_gone(download.id):
                return
            self._shelf.open(folder)
            lying = self._shelf.lying(folder, image.offered)
            if lying is not None:
                self._kept(download, image, lying, had=image.had)
                return
        began = self._clock.monotonic()
        found = FoundImage(
            study_instance_uid=image.offered.study_instance_uid,
            series_instance_uid=image.offered.series_instance_uid,
            sop_instance_uid=image.offered.sop_instance_uid,
        )
        content = self._retriever.image(download.subject.index_code, found)
        with self.placing:
            if self._is_gone(download.id):
                return
            self._shelf.open(folder)
            self._kept(download, image, self._shelf.put(folder, image.offered, content), had=False)
        self._seconds[download.id].append(self._clock.monotonic() - began)

    def _is_gone(self, id: int) -> bool:
        return retrievals.download(self._store.read(), id) is None

    def _kept(self, download: Download, image: Wanted, kept: KeptImage, *, had: bool) -> None:
        self._in_a_row.pop(download.id, None)
        now = self._clock.now()
        self._keep(lambda tx: retrievals.keep_image(tx, download.id, image.place, kept, had=had, now=now))

    def _refuse(self, download: Download, image: Wanted, why: str) -> None:
        now = self._clock.now()
        self._in_a_row[download.id] += 1
        is_enough = self._in_a_row[download.id] >= _ENOUGH

        def change(tx: Tx) -> None:
            retrievals.refuse_image(tx, download.id, image.place, why, most=MOST_REFUSALS, now=now)
            if is_enough:
                retrievals.fail(tx, download.id, Hitch(title=_MANY.title, advice=_MANY.advice, details=why), now=now)

        log.info("an image of download %d was not kept", download.id)
        self._keep(change)

    def _postpone(self, download: Download, error: RetryLater) -> None:
        """Growing with each attempt, spread by jitter, never less than the platform asked for."""
        now = self._clock.now()
        grown = self._settings.retry_first_seconds * 2.0 ** min(download.attempts, 20)
        delay = max(error.after_seconds, min(grown, self._settings.retry_longest_seconds) * self._jitter())
        advice = "程序会自动接着下载，下好的都在" if isinstance(error, Unanswered) else error.advice
        hitch = Hitch(title=error.title, advice=advice, details=error.details)
        if download.attempts == 0:
            log.info("download %d has to wait: %s", download.id, error.title)
        self._keep(lambda tx: retrievals.postpone(tx, download.id, hitch, now + timedelta(seconds=delay), now=now))

    def _keep(self, change: Callable[[Tx], None]) -> None:
        self._store.write_surely(change, self._stopping)


def _disk_trouble(error: OSError) -> RetryLater:
    """A person may help; the program goes on by itself in any case."""
    details = f"{type(error).__name__} {error.errno}"
    if error.errno in _FULL:
        return RetryLater("磁盘满了", "请清理磁盘空间，程序会自动接着下载，下好的都在", details=details)
    return RetryLater(
        "下载文件夹写不进去", "请看看移动硬盘或网络盘是否连着；程序会自动再试，下好的都在", details=details
    )


def _said(error: AgentError) -> str:
    return f"{error.title}（{error.words}）" if isinstance(error, Rejected) and error.words else error.title


_MANY = Hitch(
    title=f"平台接连 {_ENOUGH} 次没有给出能用的影像",
    advice="可能已从平台的缓存里移走。可以过一会儿点“继续”，还没要过的先要",
)
