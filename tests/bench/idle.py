"""What the headless agent costs while nothing happens, and how soon it is ready; beside storescp and Orthanc."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from app.wire.dicom_association import Association, Peer
from tests.bench.agent import AE_TITLE, Agent, start_agent
from tests.bench.receive import Node, start_orthanc, start_storescp
from tests.bench.rounds import (
    Missing,
    children,
    cpu_seconds,
    last_line,
    machine,
    memory_mb,
    run_together,
    scratch,
    table,
)

CT = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1")
SETTLING_SECONDS = 3.0


def main() -> None:
    options = _options()
    with scratch() as folder, children() as held:
        about = machine(folder)
        ready = _ready(folder, options.rounds)
        watched = folder / "watched"
        for number in range(20):
            (watched / str(number)).mkdir(parents=True)
        agent = start_agent(held, folder / "home", folders=(watched,))
        nodes = {"agent": Node(port=agent.port, pid=agent.child.pid, called_ae=AE_TITLE, count=agent.image_count)}
        for name, start in (("storescp", start_storescp), ("orthanc", start_orthanc)):
            try:
                nodes[name] = start(held, folder / name)
            except Missing as error:
                print(error)
        results: dict[str, object] = {"ready_s": ready}
        rows = []
        for associations in (0, options.associations):
            for name, (cpu, memory) in _idle(nodes, associations, options.rounds, options.seconds).items():
                results[f"{name} x{associations}"] = {"cpu_percent": cpu, "memory_mb": memory}
                rows.append([name, str(associations), f"{cpu:.2f}", f"{memory:.0f}"])
        print(f"\nidle for {options.seconds} s, folder watch on, {options.rounds} rounds (own process only)")
        table(("process", "open associations", "% of a core", "resident MB"), rows)
        last_line("idle", about, results)


def _idle(nodes: dict[str, Node], associations: int, rounds: int, seconds: float) -> dict[str, tuple[float, float]]:
    """(percent of a core, resident MB) of each, all watched over the same seconds; medians."""
    with ExitStack() as opened:
        for node in nodes.values():
            peer = Peer(host="127.0.0.1", port=node.port, called_ae=node.called_ae, calling_ae="IDLE")
            for _ in range(associations):
                opened.enter_context(Association(peer, [CT]))
        time.sleep(SETTLING_SECONDS)
        shares: dict[str, list[float]] = {name: [] for name in nodes}
        for _ in range(rounds):
            before = {name: cpu_seconds(node.pid) for name, node in nodes.items()}
            started = time.perf_counter()
            time.sleep(seconds)
            took = time.perf_counter() - started
            for name, node in nodes.items():
                shares[name].append(100 * (cpu_seconds(node.pid) - before[name]) / took)
        return {
            name: (round(statistics.median(shares[name]), 2), round(memory_mb(node.pid), 1))
            for name, node in nodes.items()
        }


def _ready(folder: Path, rounds: int) -> dict[str, float]:
    """Seconds from the start of the process until the port listens; the first start of a home makes its database."""
    first, later, bare = [], [], []
    for number in range(rounds):
        home = folder / f"start-{number}"
        first.append(_start(home).ready_seconds)
        later.append(_start(home).ready_seconds)
        bare.append(run_together([[sys.executable, "-c", "import pydicom, pynetdicom, requests"]]))
    found = {
        "first start": statistics.median(first),
        "later start": statistics.median(later),
        "python with its libraries alone": statistics.median(bare),
    }
    table(("until ready", "seconds"), [[name, f"{seconds:.2f}"] for name, seconds in found.items()])
    return {name: round(seconds, 3) for name, seconds in found.items()}


def _start(home: Path) -> Agent:
    with children() as held:
        return start_agent(held, home)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--associations", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
