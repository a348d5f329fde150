"""Images per second into the agent's DICOM port, durable and indexed before the answer, beside storescp and Orthanc."""

from __future__ import annotations

import argparse
import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.practice.modality import make_study
from tests.bench.agent import AE_TITLE, start_agent
from tests.bench.rounds import (
    Children,
    Missing,
    Rounds,
    children,
    cpu_seconds,
    free_port,
    interleaved,
    last_line,
    machine,
    memory_mb,
    program,
    run_together,
    scratch,
    settle,
    table,
    wait_for_port,
)

PARTS = 4  # so many associations at once in the second kind of run
AGENT, STORESCP, ORTHANC = "agent", "storescp", "orthanc"


@dataclass(frozen=True, kw_only=True)
class Node:
    """One receiver. `count` says how many images it holds."""

    port: int
    pid: int
    called_ae: str
    count: Callable[[], int]
    http_port: int = 0


def main() -> None:
    options = _options()
    with scratch() as folder, children() as held:
        about = machine(folder)
        nodes = _nodes(held, folder)
        results = {}
        for kind, images in (("ct", options.ct), ("mr", options.mr)):
            files = _studies(folder / kind, kind, images)
            for associations in (1, PARTS):
                name = f"{kind} x{associations}"
                results[name] = _measure(name, nodes, files, associations, images, options.rounds)
        for name, node in nodes.items():
            print(f"{name}: peak memory {memory_mb(node.pid, 'VmHWM'):.0f} MB")
        last_line("receive", about, results)


def _measure(
    name: str, nodes: dict[str, Node], parts: list[Path], associations: int, images: int, rounds: int
) -> dict[str, object]:
    before = {key: (node.count(), cpu_seconds(node.pid)) for key, node in nodes.items()}
    runs = {key: lambda node=node: _send(node, parts, associations) for key, node in nodes.items()}
    taken = interleaved(runs, rounds, settle)
    for key, node in nodes.items():
        kept = node.count() - before[key][0]
        if kept != images * rounds:
            raise SystemExit(f"{key} keeps {kept} of {images * rounds} images")
    rows = []
    for key, node in nodes.items():
        cpu_ms = 1000 * (cpu_seconds(node.pid) - before[key][1]) / (images * rounds)
        rows.append([key, f"{images / taken.median(key):.0f}", *_ratios(taken, key), f"{cpu_ms:.2f}" if cpu_ms else ""])
    print(f"\n{name} ({images} images a run, {rounds} rounds)")
    table(("receiver", "images/s", "x storescp", "x Orthanc", "cpu ms/image (own process)"), rows)
    return {key: {"images_s": round(images / taken.median(key), 1), "x": _ratios(taken, key)} for key in nodes}


def _ratios(taken: Rounds, key: str) -> list[str]:
    return [f"{taken.times_faster(key, peer):.2f}" if peer in taken else "" for peer in (STORESCP, ORTHANC)]


def _send(node: Node, parts: list[Path], associations: int) -> float:
    """Every part in an association of its own at the same time, or all in one; new UIDs each time."""
    storescu = [
        program("storescu"),
        "+II",
        "-aet",
        "MODALITY",
        "-aec",
        node.called_ae,
        "+sd",
        "127.0.0.1",
        str(node.port),
    ]
    if associations == 1:
        return run_together([[*storescu, *parts]])
    return run_together([[*storescu, part] for part in parts])


def _studies(folder: Path, kind: str, images: int) -> list[Path]:
    parts = [folder / str(number) for number in range(PARTS)]
    for part in parts:
        make_study(part, kind=kind, images=images // PARTS)
    return parts


def _nodes(held: Children, folder: Path) -> dict[str, Node]:
    agent = start_agent(held, folder / "home")
    nodes = {AGENT: Node(port=agent.port, pid=agent.child.pid, called_ae=AE_TITLE, count=agent.image_count)}
    for name, start in ((STORESCP, start_storescp), (ORTHANC, start_orthanc)):
        try:
            nodes[name] = start(held, folder / name)
        except Missing as error:
            print(error)
    return nodes


def start_storescp(held: Children, folder: Path) -> Node:
    """It keeps nothing durably and indexes nothing: the ceiling of a plain receiver."""
    folder.mkdir()
    port = free_port()
    child = held.start(program("storescp"), "--fork", "+xa", "-pdu", "131072", "-aet", "PEER", "-od", folder, str(port))
    wait_for_port(port)
    return Node(port=port, pid=child.pid, called_ae="PEER", count=lambda: sum(1 for _ in folder.iterdir()))


def start_orthanc(held: Children, folder: Path) -> Node:
    """Its defaults: file synced, row committed (WAL, NORMAL) before the answer. The fair peer."""
    folder.mkdir()
    port, http = free_port(), free_port()
    config = folder / "orthanc.json"
    places = {"StorageDirectory": str(folder / "store"), "IndexDirectory": str(folder / "store"), "Plugins": []}
    config.write_text(json.dumps({**places, "DicomPort": port, "HttpPort": http, "RemoteAccessAllowed": False}))
    child = held.start(program("Orthanc", "/usr/sbin/Orthanc"), config, log=folder / "log")
    wait_for_port(port)
    wait_for_port(http)

    def count() -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{http}/statistics", timeout=10) as reply:
            return int(json.load(reply)["CountInstances"])

    return Node(port=port, pid=child.pid, called_ae="ORTHANC", count=count, http_port=http)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ct", type=int, default=120, help="images of 0.5 MB in a run")
    parser.add_argument("--mr", type=int, default=240, help="images of 130 KB in a run")
    return parser.parse_args()


if __name__ == "__main__":
    main()
