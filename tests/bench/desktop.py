"""How long the window ever stands still with 100,000 studies while 2,000 images arrive; start and memory. Beside peers.

Peers: the same rows in a bare QTableView over QStandardItemModel, and the smallest tray program of the same toolkit.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.many import fill_home
from tests.bench.rounds import children, free_port, last_line, load, machine, memory_mb, scratch, table

_PEER = """
import sys, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QStyle
app = QApplication([])
tray = QSystemTrayIcon(app.style().standardIcon(QStyle.StandardPixmap.SP_ComputerIcon))
tray.show()
app.processEvents()
print("icon", time.time() - float(sys.argv[1]), time.process_time(), flush=True)
print("ready", time.time() - float(sys.argv[1]), time.process_time(), flush=True)
app.exec()
"""
READY_SECONDS = 60.0
ROUNDS = 3
IDLE_SECONDS = 5.0
_LOOK_MS = 20


def main() -> None:
    options = _options()
    with scratch() as folder:
        about = machine(folder)
        home = folder / "home"
        home.mkdir()
        started = time.perf_counter()
        fill_home(home / "agent.db", options.studies, ("main",), images=1)
        settings = f'[dicom]\nbind = "127.0.0.1"\nport = {free_port()}\n'
        (home / "settings.toml").write_text(settings, encoding="utf-8")
        print(f"{options.studies} studies made in {time.perf_counter() - started:.0f} s")
        results = {
            "ours": _child("--window", str(home), "--images", str(options.images)),
            "bare table": _child("--bare", "--studies", str(options.studies)),
        }
        ours, bare = results["ours"], results["bare table"]
        phases = [name[4:] for name in ours if name.startswith("cpu ")]
        rows = [[name, f"{ours[f'cpu {name}']:.0f}", f"{ours[f'wall {name}']:.0f}"] for name in phases]
        rows.append(["(bare QTableView: filling)", f"{bare['cpu filling']:.0f}", f"{bare['wall filling']:.0f}"])
        table(("longest block of the main thread", "ms of its CPU", "ms by the clock"), rows)
        worst = max(ours[f"cpu {name}"] for name in phases)
        print(f"ratio {bare['cpu filling'] / max(worst, 0.1):.1f} (longest block of the peer / ours)")
        print(f"status() {ours['status_ms']:.1f} ms of CPU; load {load()}")
        results["start and memory"] = _start_and_memory(home, folder / "bytecode")
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
    """Longest time between two turns of the event loop, per phase: the main thread's own CPU, and by the clock.

    A timer of 1 ms looks. The clock also counts what others do on the machine, the thread's CPU does not.
    """

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self.longest: dict[str, tuple[float, float]] = {}
        self.phase = ""
        self._last = self._now()
        self._timer = QTimer(interval=1, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    def begin(self, phase: str) -> None:
        self.phase, self._last = phase, self._now()

    def _now(self) -> tuple[float, float]:
        return time.thread_time() * 1000, time.perf_counter() * 1000

    def _look(self) -> None:
        now = self._now()
        if self.phase:
            was = self.longest.get(self.phase, (0.0, 0.0))
            self.longest[self.phase] = max(was[0], now[0] - self._last[0]), max(was[1], now[1] - self._last[1])
        self._last = self._now()

    def found(self) -> dict[str, float]:
        cpu = {f"cpu {phase}": round(cpu, 1) for phase, (cpu, _) in self.longest.items()}
        return cpu | {f"wall {phase}": round(wall, 1) for phase, (_, wall) in self.longest.items()}


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

    blocks.begin("window opened")
    shown.show()
    turn(lambda: shown.status is not None and shown.asker.idle())

    blocks.begin("queue opened")
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
    began = time.thread_time()
    for _ in range(20):
        engine.status()
    status_ms = (time.thread_time() - began) * 50
    print(json.dumps(blocks.found() | {"rows": total, "images": images, "status_ms": round(status_ms, 1)}))
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
    print(json.dumps(blocks.found()))
    sys.stdout.flush()
    os._exit(0)


def _start_and_memory(home: Path, bytecode: Path) -> dict[str, float]:
    """Until the icon and until the first status, and memory while nothing is shown; beside an empty tray, in turns.

    Both have their bytecode, as an installed program has: a first round makes it and is not counted.
    """
    ours = (sys.executable, "-m", "tests.bench.desktop", "--start", str(home), "--since")
    commands = {"ours": ours, "empty tray": (sys.executable, "-c", _PEER)}
    taken: dict[str, list[float]] = {}
    for number in range(ROUNDS + 1):
        for name, command in commands.items():
            for what, value in _started(command, bytecode).items():
                if number:
                    taken.setdefault(f"{name} {what}", []).append(value)
    found = {name: round(statistics.median(values), 2) for name, values in taken.items()}
    facts = ("icon cpu_s", "icon wall_s", "ready cpu_s", "ready wall_s", "memory_mb")
    table(("process", *facts), [[name, *(f"{found[f'{name} {fact}']:.2f}" for fact in facts)] for name in commands])
    ratios = {
        fact: found[f"ours {fact}"] / max(found[f"empty tray {fact}"], 0.01) for fact in ("icon cpu_s", "memory_mb")
    }
    print(f"ratio {ratios['icon cpu_s']:.1f} (icon, CPU), {ratios['memory_mb']:.1f} (memory) of the empty tray")
    return found


def _started(command: Sequence[str], bytecode: Path) -> dict[str, float]:
    """One start: what it says of itself, and its memory a while later."""
    wanted = {"QT_QPA_PLATFORM": "offscreen", "PYTHONPYCACHEPREFIX": str(bytecode), "PYTHONDONTWRITEBYTECODE": ""}
    with children() as held, scratch() as folder:
        log, began = folder / "log", time.monotonic()
        child = held.start(
            "env", *(f"{name}={value}" for name, value in wanted.items()), *command, str(time.time()), log=log
        )
        while b"ready" not in (log.read_bytes() if log.exists() else b""):
            if time.monotonic() - began > READY_SECONDS or child.poll() is not None:
                raise SystemExit(f"{command[2]} did not get ready: {log.read_text()[-2000:]}")
            time.sleep(0.01)
        found: dict[str, float] = {}
        for line in log.read_text().splitlines():
            if line.startswith(("icon ", "ready ")):
                what, wall, cpu = line.split()
                found |= {f"{what} wall_s": float(wall), f"{what} cpu_s": float(cpu)}
        time.sleep(IDLE_SECONDS)
        return found | {"memory_mb": memory_mb(child.pid)}


def start(home: Path, since: float) -> None:
    """The program as it starts at login, hidden; says when its icon is there and when it shows the first status."""
    from PySide6.QtCore import QTimer

    from app.__main__ import main as program
    from app.gui import first

    begin = first.begin

    def say(what: str) -> None:
        print(what, time.time() - since, time.process_time(), flush=True)

    def told(resources: Path) -> first.Begun:
        begun = begin(resources)
        begun.app.processEvents()
        say("icon")
        timer = QTimer(begun.app, interval=_LOOK_MS)

        def look() -> None:
            if first.STARTING not in begun.icon.toolTip():
                timer.stop()
                say("ready")

        timer.timeout.connect(look)
        timer.start()
        return begun

    first.begin = told
    raise SystemExit(program(["--home", str(home), "--hidden"]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=100_000)
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--window", type=Path)
    parser.add_argument("--start", type=Path)
    parser.add_argument("--since", type=float, default=0.0)
    parser.add_argument("--bare", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    chosen = _options()
    if chosen.window:
        window(chosen.window, chosen.images)
    elif chosen.start:
        start(chosen.start, chosen.since)
    elif chosen.bare:
        bare(chosen.studies)
    else:
        main()
