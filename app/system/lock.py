"""One engine per home: a lock of the operating system, gone by itself when its process dies. Never waits for it."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import IO

from app.errors import NeedsOperator
from app.system.paths import Home


class AlreadyRunning(NeedsOperator):
    """Another process holds this home's lock."""


class HomeLock:
    """The lock of one home, held from `hold_home` until `release` or the end of a `with`."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def release(self) -> None:
        """Lets another process have the home; safe to repeat."""
        if not self._stream.closed:
            _unlock(self._stream)
            self._stream.close()

    def __enter__(self) -> HomeLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def hold_home(home: Home) -> HomeLock:
    """Takes the home's lock at once, or raises AlreadyRunning. The home must be made."""
    stream = home.lock_file.open("ab+")
    try:
        _lock(stream)
    except OSError as error:
        stream.close()
        raise AlreadyRunning(
            "影像云上传助手已经在运行", "请点任务栏右下角的图标打开它，不用再启动一次", details=str(home.root)
        ) from error
    return HomeLock(stream)


def _lock(stream: IO[bytes]) -> None:
    """Exclusive and without waiting; OSError when another handle has it."""
    if sys.platform == "win32":
        import msvcrt

        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _unlock(stream: IO[bytes]) -> None:
    """Before closing: Windows frees the locks of a closed file only when it finds the time."""
    if sys.platform == "win32":
        import msvcrt

        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)
