"""What every bench shares: interleaved rounds, children that always end, a table, one JSON line. Measures nothing."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

Seconds = float
Run = Callable[[], Seconds]
NO_NAGLE = {**os.environ, "TCP_NODELAY": "1"}  # DCMTK leaves Nagle on: without this one measures a 40 ms timer
CHILD_SECONDS = 120.0


class Missing(Exception):
    """A peer is not installed; the row is left out and said so."""


def program(name: str, *places: str) -> str:
    """The path of a peer's program. Raises Missing."""
    found = shutil.which(name) or next((place for place in places if Path(place).exists()), None)
    if found is None:
        raise Missing(f"{name} is not installed")
    return found


def interleaved(variants: Mapping[str, Run], rounds: int, before_each: Callable[[], None] = lambda: None) -> Rounds:
    """Each variant once a round, the order rotating, so that a disturbance meets all of them."""
    names, taken = list(variants), Rounds()
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            before_each()
            taken.setdefault(name, []).append(variants[name]())
    return taken


class Rounds(dict[str, list[Seconds]]):
    """Variant -> seconds of each round."""

    def median(self, name: str) -> Seconds:
        return statistics.median(self[name])

    def times_faster(self, name: str, peer: str) -> float:
        """Median over the rounds of (peer's seconds / ours): above 1 we are faster."""
        return statistics.median(theirs / ours for ours, theirs in zip(self[name], self[peer], strict=True))


class Children:
    """Child processes in groups of their own, all killed at the end."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str | Path, log: Path | None = None) -> subprocess.Popen[bytes]:
        """Start in the background; what it says goes to `log` or nowhere."""
        with (log or Path(os.devnull)).open("ab") as sink:
            child = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=NO_NAGLE,
                start_new_session=True,
            )
        self._running.append(child)
        return child

    def end(self) -> None:
        for child in self._running:
            end_child(child)
        self._running.clear()


@contextmanager
def children() -> Iterator[Children]:
    held = Children()
    try:
        yield held
    finally:
        held.end()


def end_child(child: subprocess.Popen[bytes], patience_seconds: float = 5.0) -> None:
    """Ask it, then kill its whole group."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            child.kill()
    if os.name == "posix":
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # what it forked
    child.wait(patience_seconds)


def run_together(commands: Sequence[Sequence[str | Path]], seconds: float = CHILD_SECONDS) -> Seconds:
    """Run the commands at the same time to their end; the wall time. A command that fails ends the bench."""
    with tempfile.TemporaryFile() as said, children() as running:
        started = time.perf_counter()
        processes = [
            subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=NO_NAGLE,
                start_new_session=True,
            )
            for command in commands
        ]
        running._running.extend(processes)
        codes = [process.wait(seconds) for process in processes]
        took = time.perf_counter() - started
        if any(codes):
            said.seek(0)
            raise SystemExit(f"{commands[0][0]} ended with {codes}: {said.read()[-2000:].decode(errors='replace')}")
    return took


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_port(port: int, seconds: float = 20.0) -> None:
    """Until somebody listens there. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


def settle() -> None:
    """What earlier runs left in the page cache goes to the disk before the next one is timed."""
    if hasattr(os, "sync"):
        os.sync()


def fsync_ms(folder: Path, size_bytes: int = 512 * 1024, times: int = 15) -> float:
    """Median milliseconds of write + fsync of one file."""
    data, taken = os.urandom(size_bytes), []
    for number in range(times):
        path = folder / f"sync-{number}"
        started = time.perf_counter()
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        taken.append((time.perf_counter() - started) * 1000)
        path.unlink()
    return statistics.median(taken)


def machine(folder: Path) -> dict[str, Any]:
    return {
        "system": platform.system(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "fsync_ms": round(fsync_ms(folder), 2),
        "load_1m": load(),
    }


def load() -> float:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, without its children's; Linux only, else 0."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """Resident memory (or "VmHWM", its peak); Linux only, else 0."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{what}:")), 0.0)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """As Markdown, so that it can be quoted as it is."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")


def last_line(name: str, about: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    print(json.dumps({"bench": name, **about, "load_1m_after": load(), "results": results}, ensure_ascii=False))
    sys.stdout.flush()
