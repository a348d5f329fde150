"""Watched folders: what a modality or a person lays down there is taken in once it rests and is whole.

File events are hints; looking through the folder is the truth. Nothing there is ever moved, changed or deleted.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from app.domain.times import Clock
from app.errors import AgentError
from app.intake.incoming import Became, Found
from app.intake.scan import Lying, files_below, lying
from app.intake.writing import is_being_written
from app.store import Store, Tx, files
from app.store.reports import no_longer_aside

log = logging.getLogger("app.intake")
Signature = tuple[int, int]
CHANGES = frozenset({"created", "modified", "moved", "closed"})  # reading a file tells events of its own
LOCKED = ("文件被别的程序占用，或没有读取权限", "请关闭正在使用它的程序，或让工程师给本程序读取权限；之后会自动再试")
UNFORESEEN = ("这个文件程序没能处理", "请把诊断包发给工程师，原文件没有动")
AT_ONCE = 4  # waits for the disk overlap, and one commit serves several files
_NO_ANSWER_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class FolderStatus:
    """One watched folder; `trouble` is a sentence for a person, "" when all is well. `waiting`: files not yet taken."""

    path: str
    trouble: str
    waiting: int


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Seconds. A file rests so long before it is taken; one that stays cut off or locked is named after `patience`."""

    rest: float = 2.0
    patience: float = 300.0
    hinted: float = 1.0
    idle: float = 15.0
    again: float = 5.0


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    """A file that is not taken yet: since when it is unchanged, and when to try it (again); monotonic seconds."""

    signature: Signature
    since: float
    try_at: float
    named: bool = False


class Takes(Protocol):
    """What becomes of a file that was laid down; as `Incoming` does it for images and reports."""

    def take(self, path: Path, source: str) -> Found: ...

    def give_up(self, found: Found, source: str) -> Found: ...


class WatchedFolder:
    """One folder without threads or events: `look()` does one round. `seen` is path -> signature, shared."""

    def __init__(
        self,
        root: Path,
        incoming: Takes,
        store: Store,
        clock: Clock,
        seen: dict[str, Signature],
        on_result: Callable[[Found], None],
        *,
        pace: Pace,
        leave_out: Collection[Path] = (),
    ) -> None:
        self.root = str(root)
        self.source = source_of(root)
        self.trouble = ""
        self.is_there = True
        self.looking_since: float | None = None
        self.looked_seconds = 0.0
        self._incoming = incoming
        self._store = store
        self._clock = clock
        self._seen = seen
        self._on_result = on_result
        self._pace = pace
        self._leave_out = frozenset(os.path.normcase(path) for path in leave_out)
        self._waiting: dict[str, _Waiting] = {}
        self._unwritten: deque[tuple[str, Signature, Became]] = deque()

    @property
    def waiting_count(self) -> int:
        return len(self._waiting)

    @property
    def next_try_seconds(self) -> float:
        """How long until a waiting file is to be tried; the idle pace when none waits."""
        first = min((waiting.try_at for waiting in self._waiting.values()), default=float("inf"))
        return min(self._pace.idle, max(0.0, first - self._clock.monotonic()))

    def look(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """See what lies there now and take what has rested. Sets `trouble`; raises nothing that a file can cause.

        With much to take it ends after a second or two, so that new files are seen and begin to rest meanwhile.
        """
        troubles = [self._see()]
        now = self._clock.monotonic()
        due = deque(path for path, waiting in self._waiting.items() if waiting.try_at <= now)

        def is_over() -> bool:
            return stopping() or self._clock.monotonic() > now + self._pace.hinted

        helpers = [
            threading.Thread(target=self._work, args=(due, troubles, is_over), name="folder-helper", daemon=True)
            for _ in range(min(AT_ONCE, len(due)) - 1)
        ]
        for helper in helpers:
            helper.start()
        self._work(due, troubles, is_over)
        for helper in helpers:
            helper.join()
        self._write_down()
        self._say(next(filter(None, troubles), ""))

    def _work(self, due: deque[str], troubles: list[str], is_over: Callable[[], bool]) -> None:
        """Several at once, so that one wait for the disk serves several files."""
        while not is_over():
            try:
                path = due.popleft()
            except IndexError:
                return
            try:
                troubles.append(self._try(path))
            except Exception:
                log.exception("a watched file could not be dealt with")
                troubles.append(self._try(path, unforeseen=True))

    def _see(self) -> str:
        """Bring the list of waiting files up to date; the trouble, or ""."""
        troubles: list[OSError] = []
        self.looking_since = self._clock.monotonic()
        try:
            here = {each.path for each in files_below(self.root, troubles, self._leave_out) if self._is_news(each)}
        except OSError as error:
            self.is_there = False
            return _folder_trouble(error)
        finally:
            self.looked_seconds = self._clock.monotonic() - self.looking_since
            self.looking_since = None
        self.is_there = True
        if troubles:
            return "有子文件夹打不开，里面的影像收不到，请让工程师给本程序读取权限"
        self._waiting = {path: waiting for path, waiting in self._waiting.items() if path in here}
        return ""

    def _is_news(self, found: Lying) -> bool:
        """Not dealt with in this size and time. Whatever changed rests anew."""
        signature = (found.size_bytes, found.modified_ns)
        if self._seen.get(found.path) == signature:
            return False
        waiting = self._waiting.get(found.path)
        if waiting is None or waiting.signature != signature:
            self._rest(found.path, signature)
        return True

    def _rest(self, path: str, signature: Signature) -> None:
        now = self._clock.monotonic()
        self._waiting[path] = _Waiting(signature=signature, since=now, try_at=now + self._pace.rest)

    def _try(self, path: str, *, unforeseen: bool = False) -> str:
        """Take the file, let it wait, or name it; the trouble that concerns the whole folder, or ""."""
        try:
            if unforeseen:
                self._name(path, _found(path, Became.ASIDE, UNFORESEEN))
            else:
                self._deal_with(path)
        except FileNotFoundError:
            del self._waiting[path]
        except AgentError as error:
            self._try_later(path)
            return f"{error.title}，{error.advice}"
        return ""

    def _deal_with(self, path: str) -> None:
        waiting = self._waiting[path]
        try:
            signature = _signature(lying(path))
            if signature != waiting.signature:  # the listing was old
                self._rest(path, signature)
                return
            if is_being_written(path):
                raise PermissionError(path)
            found = self._incoming.take(Path(path), self.source)
        except FileNotFoundError:
            raise
        except OSError:
            self._wait_or_name(path, _found(path, Became.UNFINISHED, LOCKED), keep_trying=True)
            return
        if found.became is Became.UNFINISHED:
            self._wait_or_name(path, found, keep_trying=False)
            return
        self._remember(path, waiting.signature, found.became)
        self._on_result(found)

    def _wait_or_name(self, path: str, found: Found, *, keep_trying: bool) -> None:
        """Not whole or locked: wait, and when it rested for too long name it (once)."""
        waiting = self._waiting[path]
        if self._clock.monotonic() - waiting.since < self._pace.patience or waiting.named:
            self._try_later(path)
            return
        if keep_trying:
            self._on_result(self._incoming.give_up(found, self.source))
            self._waiting[path] = replace(waiting, named=True)
            self._try_later(path)
        else:
            self._name(path, found)

    def _name(self, path: str, found: Found) -> None:
        """For a person, and passed by from now on."""
        aside = self._incoming.give_up(found, self.source)
        if path in self._waiting:
            self._remember(path, self._waiting[path].signature, Became.ASIDE)
        self._on_result(aside)

    def _try_later(self, path: str) -> None:
        waiting = self._waiting[path]
        pause = self._pace.idle if waiting.named else self._pace.again
        self._waiting[path] = replace(waiting, try_at=self._clock.monotonic() + pause)

    def _remember(self, path: str, signature: Signature, became: Became) -> None:
        self._waiting.pop(path, None)
        self._seen[path] = signature
        self._unwritten.append((path, signature, became))

    def _write_down(self) -> None:
        """Not waited for: what is lost in a crash is looked at again, and is the same image again."""
        dealt_with = [self._unwritten.popleft() for _ in range(len(self._unwritten))]

        def change(tx: Tx) -> None:
            for path, signature, became in dealt_with:
                files.saw(tx, path, *signature, became.value)
                if became is not Became.ASIDE:
                    no_longer_aside(tx, path)

        if dealt_with:
            self._store.submit(change)

    def _say(self, trouble: str) -> None:
        if trouble and not self.trouble:
            log.warning("a watched folder is in trouble: %s", trouble)
        elif self.trouble and not trouble:
            log.info("a watched folder is well again")
        self.trouble = trouble


class FolderWatch:
    """Watches several folders, one thread each: a network share that hangs delays no other.

    `on_result(Found)` is called on those threads for every file dealt with. `leave_out`: folders never to enter (our
    own home). A folder inside another watched one is its own source.
    """

    def __init__(
        self,
        folders: Iterable[Path],
        incoming: Takes,
        store: Store,
        clock: Clock,
        on_result: Callable[[Found], None] = lambda found: None,
        *,
        pace: Pace | None = None,
        leave_out: Collection[Path] = (),
    ) -> None:
        from watchdog.observers import Observer

        self._clock = clock
        self._store = store
        self._pace = pace or Pace()
        self._seen: dict[str, Signature] = {}
        self._stopping = threading.Event()
        self._observer = Observer()
        roots = list(dict.fromkeys(Path(os.path.abspath(folder)) for folder in folders))  # noqa: PTH100 - links stay
        self._runs = [
            _Run(
                WatchedFolder(
                    root,
                    incoming,
                    store,
                    clock,
                    self._seen,
                    on_result,
                    pace=self._pace,
                    leave_out=[*leave_out, *(other for other in roots if other != root)],
                ),
                self._pace,
                self._stopping,
                self._observer,
            )
            for root in roots
        ]

    def start(self) -> None:
        """Begin to watch; returns at once."""
        self._seen.update(files.seen(self._store.read()))
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)  # one per new folder, hundreds of KB
        try:
            self._observer.start()
        except (OSError, RuntimeError) as error:
            log.info("no file events on this machine, folders are looked through instead: %s", error)
        for run in self._runs:
            run.start()

    def stop(self, within_seconds: float = 5.0) -> None:
        """Finish the file in hand and end. A thread that a dead network share holds is left behind."""
        self._stopping.set()
        deadline = time.monotonic() + within_seconds
        for run in self._runs:
            run.wake()
        for run in self._runs:
            run.join(max(0.1, deadline - time.monotonic()))
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join(max(0.1, deadline - time.monotonic()))

    def status(self) -> list[FolderStatus]:
        """One entry for each folder, in the order of the settings. Never waits."""
        return [_status(run.folder, self._clock.monotonic()) for run in self._runs]


class _Run:
    """The thread of one folder, and the hints for it."""

    def __init__(self, folder: WatchedFolder, pace: Pace, stopping: threading.Event, observer: Any) -> None:
        self.folder = folder
        self._pace = pace
        self._stopping = stopping
        self._observer = observer
        self._hint = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=f"folder-{Path(folder.root).name}", daemon=True)
        self._events: Any = None

    def dispatch(self, event: Any) -> None:
        """What watchdog calls, on a thread of its own."""
        if event.event_type in CHANGES:
            self._hint.set()

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._hint.set()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._watch()
                self._hint.clear()
                self.folder.look(self._stopping.is_set)
            except Exception:
                log.exception("a watched folder could not be looked through")
            # a slow share is not looked through all the time
            pause = min(self._pace.idle, max(self._pace.hinted, 5 * self.folder.looked_seconds))
            self._stopping.wait(max(0.0, began + pause - time.monotonic()))
            self._hint.wait(self.folder.next_try_seconds)

    def _watch(self) -> None:
        """Ask for events, again when the folder had gone and came back."""
        if self._events is not None and not self.folder.is_there:
            self._observer.unschedule(self._events)
            self._events = None
        if self._events is None and self._observer.is_alive():
            try:
                self._events = self._observer.schedule(self, self.folder.root, recursive=True)
            except (OSError, RuntimeError) as error:
                log.debug("no file events for a folder: %s", error)


def _status(folder: WatchedFolder, now: float) -> FolderStatus:
    since = folder.looking_since
    hangs = since is not None and now - since > _NO_ANSWER_SECONDS
    trouble = "文件夹没有回应，请检查网络和共享电脑是否开机" if hangs else folder.trouble
    return FolderStatus(path=folder.root, trouble=trouble, waiting=folder.waiting_count)


def _found(path: str, became: Became, words: tuple[str, str]) -> Found:
    return Found(path=Path(path), became=became, title=words[0], advice=words[1])


def _signature(found: Lying) -> Signature:
    return found.size_bytes, found.modified_ns


def source_of(root: Path | str) -> str:
    """The source that everything of a watched folder names."""
    return f"folder:{root}"


def _folder_trouble(error: OSError) -> str:
    if isinstance(error, NotADirectoryError):
        return "这不是文件夹，请在设置里重新选择"
    if isinstance(error, FileNotFoundError):
        return "找不到这个文件夹，请检查网络、移动硬盘，或在设置里重新选择；恢复后会自动接着收"
    if isinstance(error, PermissionError):
        return "没有权限打开这个文件夹，请让工程师给本程序读取权限"
    return "打不开这个文件夹，请检查网络和共享电脑是否开机；恢复后会自动接着收"
