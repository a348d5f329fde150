"""How long the window ever stands still with 100,000 studies while 2,000 images arrive; start and memory. Beside peers.

Peers: the same rows in a bare QTableView over QStandardItemModel, and the smallest tray program of the same toolkit.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.many import fill_home
from tests.bench.rounds import children, last_line, machine, memory_mb, scratch, table

_TRAY = """
import sys, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QStyle
app = QApplication([])
tray = QSystemTrayIcon(app.style().standardIcon(QStyle.StandardPixmap.SP_ComputerIcon))
tray.show()
QTimer.singleShot(0, lambda: print("ready", flush=True))
app.exec()
"""
READY_SECONDS = 60.0


def main() -> None:
    options = _options()
    with scratch() as folder:
        about = machine(folder)
        home = folder / "home"
        home.mkdir()
        started = time.perf_counter()
        fill_home(home / "agent.db", options.studies, ("main",))
        print(f"{options.studies} studies made in {time.perf_counter() - started:.0f} s")
        results = {
            "ours": _child("--window", str(home), "--images", str(options.images)),
            "bare table": _child("--bare", "--studies", str(options.studies)),
        }
        ours, bare = results["ours"], results["bare table"]
        phases = [name for name in ours if name.startswith("block ")]
        table(("longest block of the main thread", "ms"), [[name[6:], f"{ours[name]:.0f}"] for name in phases])
        worst = max(ours[name] for name in phases)
        print(f"bare QTableView, {options.studies} rows: {bare['block filling']:.0f} ms while it is filled")
        print(f"ratio {bare['block filling'] / max(worst, 0.1):.1f} (longest block of the peer / ours)")
        results["start and memory"] = _start_and_memory(home)
        last_line("desktop", about, results | {"worst_block_ms": worst})


def _child(*arguments: str) -> dict[str, float]:
    """This module in a process of its own; what it prints last is its answer."""
    command = [sys.executable, "-m", "tests.bench.desktop", *arguments]
    environment = {**os.environ, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


class Blocks:
    """Longest time between two turns of the event loop, per phase: a timer of 1 ms that looks at the clock."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self.longest: dict[str, float] = {}
        self.phase = ""
        self._last = time.perf_counter()
        self._timer = QTimer(interval=1, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    def begin(self, phase: str) -> None:
        self.phase, self._last = phase, time.perf_counter()

    def _look(self) -> None:
        now = time.perf_counter()
        took = (now - self._last) * 1000
        if self.phase:
            self.longest[self.phase] = max(took, self.longest.get(self.phase, 0.0))
        self._last = now


def window(home: Path, images: int) -> None:
    """The real window over a real engine: the queue, images arriving, scrolled from end to end, searched, ticked."""
    from PySide6.QtWidgets import QApplication

    from app.engine.engine import Engine
    from app.gui import words
    from app.gui.queue import QueuePage
    from app.gui.run import dress
    from app.gui.window import MainWindow
    from app.store import images as stored
    from app.system.clock import Clock
    from app.system.paths import Home
    from tests.store.samples import an_arrival

    app = QApplication([])
    look = dress(app, Path(__file__).parents[2] / "resources" / "gui")
    engine, clock, blocks = Engine(Home(root=home)), Clock(), Blocks()
    shown = MainWindow(engine, look, now=clock.now, stays=lambda: False, leave=lambda: None)
    shown.resize(1366, 688)

    def turn(until: Callable[[], bool], seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not until() and time.monotonic() < end:
            app.processEvents()
            time.sleep(0.0005)

    blocks.begin("first page")
    shown.show()
    shown.go(words.QUEUE, "confirmed")
    page = shown.pages[words.QUEUE]
    assert isinstance(page, QueuePage)
    turn(lambda: page.table.rows_model.total > 0 and shown.asker.idle())
    total = page.table.rows_model.total

    blocks.begin("images arriving")
    store, now = engine.house.store, clock.now()
    waiting = [
        store.submit(
            lambda tx, n=n: stored.index(tx, an_arrival(n, study=f"9.9.{n // 100}", name=f"P{n // 100}"), "P", now=now)
        )
        for n in range(images)
    ]
    turn(lambda: all(one.done() for one in waiting) and shown.asker.idle())
    turn(lambda: False, 2.0)

    blocks.begin("scrolling")
    bar = page.table.verticalScrollBar()
    for step in range(120):
        bar.setValue(bar.maximum() * step // 119)
        turn(lambda: False, 0.02)
    turn(shown.asker.idle)

    blocks.begin("searching")
    page.search.setText("王")
    turn(lambda: False, 0.5)
    turn(shown.asker.idle)

    blocks.begin("all ticked")
    page.search.clear()
    page._tick_all()
    turn(lambda: False, 0.5)
    turn(shown.asker.idle)
    blocks.begin("")
    began = time.perf_counter()
    for _ in range(20):
        engine.status()
    status_ms = (time.perf_counter() - began) * 50
    answers = {f"block {phase}": round(ms, 1) for phase, ms in blocks.longest.items() if phase}
    print(json.dumps(answers | {"rows": total, "images": images, "status_ms": round(status_ms, 1)}))
    sys.stdout.flush()
    os._exit(0)


def bare(count: int) -> None:
    """What most programs do: every row as items of a QStandardItemModel, all made on the main thread."""
    from PySide6.QtGui import QStandardItem, QStandardItemModel
    from PySide6.QtWidgets import QApplication, QTableView

    from app.gui.constants import keep_constants

    app = QApplication([])
    keep_constants()
    blocks = Blocks()
    view = QTableView()
    view.resize(1366, 688)
    view.show()
    app.processEvents()
    blocks.begin("filling")
    model = QStandardItemModel()
    for number in range(count):
        model.appendRow([QStandardItem(f"{number} {column}") for column in range(7)])
    view.setModel(model)
    end = time.monotonic() + 1
    while time.monotonic() < end:
        app.processEvents()
    print(json.dumps({"block filling": round(blocks.longest["filling"], 1)}))
    sys.stdout.flush()
    os._exit(0)


def _start_and_memory(home: Path) -> dict[str, float]:
    """Seconds until the window's process is ready, and its memory while nothing is shown; beside an empty tray."""
    found: dict[str, float] = {}
    ours = (sys.executable, "-m", "tests.bench.desktop", "--idle", str(home))
    for name, command in (("ours", ours), ("empty tray", (sys.executable, "-c", _TRAY))):
        with children() as held, scratch() as folder:
            log = folder / "log"
            started = time.perf_counter()
            child = held.start("env", "QT_QPA_PLATFORM=offscreen", *command, log=log)
            while not (log.exists() and b"ready" in log.read_bytes()):
                if time.perf_counter() - started > READY_SECONDS or child.poll() is not None:
                    raise SystemExit(f"{name} did not get ready: {log.read_text()[-2000:]}")
                time.sleep(0.005)
            found[f"{name} ready_s"] = round(time.perf_counter() - started, 2)
            time.sleep(5.0)
            found[f"{name} memory_mb"] = round(memory_mb(child.pid), 1)
    rows = [
        [name, f"{found[f'{name} ready_s']:.2f}", f"{found[f'{name} memory_mb']:.0f}"]
        for name in ("ours", "empty tray")
    ]
    table(("process", "seconds until ready", "MB idle, nothing shown"), rows)
    print(
        f"ratio {found['ours ready_s'] / found['empty tray ready_s']:.1f} (start), "
        f"{found['ours memory_mb'] / found['empty tray memory_mb']:.1f} (memory) of the empty tray"
    )
    return found


def idle(home: Path) -> None:
    """The whole program with its engine at work and its window made, but hidden: as it stands all day."""
    from PySide6.QtWidgets import QApplication

    from app.engine.engine import Engine
    from app.gui.run import dress
    from app.gui.window import MainWindow
    from app.system.clock import Clock
    from app.system.paths import Home

    app = QApplication([])
    look = dress(app, Path(__file__).parents[2] / "resources" / "gui")
    engine, clock = Engine(Home(root=home)), Clock()
    shown = MainWindow(engine, look, now=clock.now, stays=lambda: True, leave=lambda: None)
    shown.status_listeners.append(lambda _status: print("ready", flush=True))
    app.exec()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=100_000)
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--window", type=Path)
    parser.add_argument("--idle", type=Path)
    parser.add_argument("--bare", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    chosen = _options()
    if chosen.window:
        window(chosen.window, chosen.images)
    elif chosen.idle:
        idle(chosen.idle)
    elif chosen.bare:
        bare(chosen.studies)
    else:
        main()
