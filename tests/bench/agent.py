"""The agent itself as a child process, headless, in a home of its own. Knows no peer."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.rounds import Children, free_port

AE_TITLE = "CLINIC_AGENT"
READY_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Agent:
    """A running agent. `ready_seconds`: from the start of the process until it said that it listens."""

    child: subprocess.Popen[bytes]
    port: int
    home: Path
    ready_seconds: float

    def image_count(self) -> int:
        """What its index holds, from a connection of our own."""
        with sqlite3.connect(f"file:{self.home / 'agent.db'}?mode=ro", uri=True) as conn:
            return int(conn.execute("SELECT count(*) FROM instances").fetchone()[0])


def start_agent(held: Children, home: Path, *, folders: tuple[Path, ...] = (), quiet_seconds: int = 60) -> Agent:
    """`python -m app --home H run --headless --json`. Raises TimeoutError when it does not get ready."""
    home.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), home.with_suffix(".log")
    log.unlink(missing_ok=True)
    watched = ", ".join(json.dumps(str(folder)) for folder in folders)
    (home / "settings.toml").write_text(
        f"[intake]\nfolders = [{watched}]\nquiet_seconds = {quiet_seconds}\n"
        f'[dicom]\nbind = "127.0.0.1"\nport = {port}\n',
        encoding="utf-8",
    )
    started = time.perf_counter()
    child = held.start(sys.executable, "-m", "app", "--home", home, "run", "--headless", "--json", log=log)
    while time.perf_counter() - started < READY_SECONDS:
        if log.exists() and b"engine_started" in log.read_bytes():
            return Agent(child=child, port=port, home=home, ready_seconds=time.perf_counter() - started)
        if child.poll() is not None:
            break
        time.sleep(0.005)
    raise TimeoutError(f"the agent did not get ready: {log.read_text(errors='replace')[-2000:]}")
