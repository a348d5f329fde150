"""Who runs a home: run it in this process, talk to the process that does, or open it for one command.

Takes and gives back the home's lock; never decides what is asked of the face.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

from app.catalogue.resources import resources_dir as resources_dir
from app.engine.face import Face, Json
from app.engine.line import read_door
from app.engine.remote import ask_to_show as ask_to_show
from app.engine.remote import connect as connect
from app.engine.serve import FaceServer
from app.errors import NeedsOperator
from app.system.lock import AlreadyRunning, HomeLock, hold_home
from app.system.log import keep_crashes, open_log
from app.system.paths import Home as Home
from app.system.paths import home_at as home_at

QUIT_ASKED = "quit_asked"
SHOW_WINDOW = "show_window"
_COMMAND_SECONDS = 20.0
_LOOK_SECONDS = 0.1


@contextmanager
def hosted(home: Home, *, window: bool = False) -> Iterator[Face]:
    """This process runs the home's engine and serves its face until the end of the `with`.

    With `window` a second start of the program sends the event `show_window` to the subscribers. Raises
    AlreadyRunning, and NeedsOperator for a home that cannot be opened.
    """
    from app.engine.engine import Engine  # a second here, that a client of a running engine need not wait

    home.make()
    with ExitStack() as undo:
        undo.callback(_hold(home).release)
        undo.callback(open_log(home))
        undo.callback(keep_crashes(home))
        engine = Engine(home)
        undo.callback(engine.stop)
        face = _WindowFace(cast(Face, engine))
        server = FaceServer(cast(Face, face), home, on_show=face.ask_for_window if window else None)
        engine.start()
        undo.callback(server.stop)
        server.start()
        yield cast(Face, face)


@contextmanager
def reached(home: Home) -> Iterator[Face]:
    """The face of the home for one command: of the running engine, else opened here without ports and workers.

    Waits a little for another command that has the home open. Raises AlreadyRunning when that takes too long.
    """
    running, lock = _running_or_lock(home)
    if running is not None:
        yield running
        return
    assert lock is not None
    with lock, ExitStack() as undo:
        from app.engine.engine import offline

        undo.callback(open_log(home, name="command"))
        yield cast(Face, undo.enter_context(offline(home)))


def quit_running(home: Home, wait_seconds: float = 30.0) -> bool:
    """Ends the engine that runs on the home and waits for its end; False when none runs."""
    running = connect(home)
    if running is None:
        return False
    running.quit()
    until = time.monotonic() + wait_seconds
    while time.monotonic() < until:
        try:
            hold_home(home).release()
            return True
        except AlreadyRunning:
            time.sleep(_LOOK_SECONDS)
    raise NeedsOperator("程序还没有停下来", "它可能还在收尾，请过一会儿再看；仍不停时重新启动电脑")


class _WindowFace:
    """The engine's face, and one more event for the process that has a window."""

    def __init__(self, engine: Face) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[Json], None]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def subscribe(self, callback: Callable[[Json], None]) -> Callable[[], None]:
        unsubscribe = self._engine.subscribe(callback)
        with self._lock:
            self._callbacks.append(callback)

        def leave() -> None:
            unsubscribe()
            with self._lock:
                self._callbacks.remove(callback)

        return leave

    def ask_for_window(self) -> None:
        with self._lock:
            callbacks = tuple(self._callbacks)
        for callback in callbacks:
            callback({"event": SHOW_WINDOW})


def _hold(home: Home) -> HomeLock:
    """The lock for an engine; a command that has the home for a moment is waited for, an engine is not."""
    running, lock = _running_or_lock(home)
    if lock is not None:
        return lock
    assert running is not None
    door = read_door(home)
    raise AlreadyRunning(
        f"影像云上传助手已经在运行（进程 {door.pid if door else '不明'}）",
        "请点任务栏右下角的图标打开它；要换这一个来运行，请先用命令 quit 让它停止",
        details=str(home.root),
    )


def _running_or_lock(home: Home) -> tuple[Face | None, HomeLock | None]:
    """One of the two, as soon as it can be had. Raises AlreadyRunning."""
    home.make()
    until = time.monotonic() + _COMMAND_SECONDS
    while True:
        running = connect(home)
        if running is not None:
            return running, None
        try:
            return None, hold_home(home)
        except AlreadyRunning:
            if time.monotonic() > until:
                raise
            time.sleep(_LOOK_SECONDS)
