"""What every test gets: no real key ring, no real screen, a home of its own, and silence in the log."""

from __future__ import annotations

import faulthandler
import logging
import os
import socket
import sqlite3
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from hypothesis import HealthCheck, settings
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from app.store.schema import MIGRATIONS
from app.system.paths import Home

faulthandler.enable()

# A build machine tries the same examples each time, and a busy one is slow without being wrong.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
if os.environ.get("CI"):
    settings.load_profile("steady")

if sys.platform != "win32" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


class MemoryKeyring(KeyringBackend):
    """A key ring that forgets at the end of the test, with the Windows limit of 2560 bytes of UTF-16LE."""

    priority = 1  # type: ignore[assignment]
    limit_bytes = 2560

    def __init__(self) -> None:
        super().__init__()
        self.data: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.data.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password.encode("utf-16-le")) > self.limit_bytes:
            raise OSError(1783, "The stub received bad data")  # what CredWrite says on Windows
        self.data[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.data.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")


class _Unexpected(logging.Handler):
    """Keeps every record of WARNING and above that our own loggers write."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {record.name}: {record.getMessage()}")


@pytest.fixture(autouse=True)
def memory_keyring() -> Iterator[MemoryKeyring]:
    """The key ring of this test, empty at its beginning."""
    before = keyring.get_keyring()
    backend = MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture(autouse=True)
def quiet_log(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test in which a logger of `app` warned, unless it is marked `warns`."""
    handler = _Unexpected()
    logger = logging.getLogger("app")
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)
    if handler.lines and request.node.get_closest_marker("warns") is None:
        pytest.fail("unexpected in the log:\n" + "\n".join(handler.lines))


@pytest.fixture(scope="session", autouse=True)
def schema_made_once() -> Iterator[None]:
    """Each further empty database gets a copy of what the migrations made once.

    Older databases are migrated as ever, and so are those of the programs that journeys start.
    """
    real, lock = MIGRATIONS.apply, threading.Lock()
    made = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    real(made)

    def apply(conn: sqlite3.Connection, *, stop_before: str = "") -> None:
        if stop_before or conn.execute("SELECT 1 FROM sqlite_master").fetchone():
            real(conn, stop_before=stop_before)
            return
        with lock:
            made.backup(conn)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MIGRATIONS, "apply", apply)
        yield
    made.close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """One agent's home, its folders made, with a blank and Chinese characters in its path."""
    return Home(root=tmp_path / "影像 home").make()


@pytest.fixture
def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
