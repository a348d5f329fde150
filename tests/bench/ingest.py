"""Files per second out of a watched folder into spool and index, beside dcmdump (headers only) and Orthanc's REST."""

from __future__ import annotations

import argparse
import http.client
import time
from collections import deque
from pathlib import Path
from threading import Thread

from app.intake.folders import Pace, WatchedFolder
from app.intake.header import read_header
from app.intake.incoming import Incoming
from app.intake.reports import Reports
from app.intake.scan import Lying, files_below
from app.intake.spool import Spool
from app.intake.take import Taker
from app.store import Store, Tx, files
from app.system.clock import Clock
from app.system.disk import free_bytes, sync_folder, synced_replace
from tests.bench.receive import start_orthanc
from tests.bench.rounds import (
    Missing,
    Run,
    children,
    interleaved,
    last_line,
    machine,
    program,
    run_together,
    scratch,
    settle,
    table,
)
from tests.builders import a_study

ROWS = 70  # 70 x 70 pixels of two bytes make a file of about 10 KB
A_STUDY = 100
TAGS = ("0008,0018", "0010,0010", "0010,0020", "0020,000d", "0020,000e")
AGENT, HEADERS, DCMDUMP, REST, REST_4 = "agent", "agent, headers only", "dcmdump", "orthanc rest", "orthanc rest x4"


def main() -> None:
    options = _options()
    with scratch() as folder:
        about = machine(folder)
        taken_in = _ingest(folder, options.files, options.rounds)
        rescan = _rescan(folder, options.unchanged, options.rounds)
        last_line("ingest", about, {"files_s": taken_in, "rescan": rescan})


# -- new files --------------------------------------------------------------------------------------------------------


def _ingest(folder: Path, count: int, rounds: int) -> dict[str, float]:
    lying = folder / "lying"
    paths = [
        path
        for number in range(count // A_STUDY)
        for path in a_study(lying / f"{number}", images=A_STUDY, rows=ROWS, columns=ROWS)
    ]
    fresh = iter(range(1_000_000))
    runs: dict[str, Run] = {
        AGENT: lambda: _agent(folder / f"home-{next(fresh)}", lying, len(paths)),
        HEADERS: lambda: _headers(lying),
    }
    try:
        dump = [program("dcmdump"), "-q", "+sd", "+r", *(word for tag in TAGS for word in ("+P", tag)), str(lying)]
        runs[DCMDUMP] = lambda: run_together([dump])
        program("Orthanc", "/usr/sbin/Orthanc")
        runs[REST] = lambda: _orthanc(folder / f"orthanc-{next(fresh)}", paths, 1)
        runs[REST_4] = lambda: _orthanc(folder / f"orthanc-{next(fresh)}", paths, 4)
    except Missing as error:
        print(error)
    taken = interleaved(runs, rounds, settle)
    print(f"\n{len(paths)} files of {paths[0].stat().st_size} bytes, {rounds} rounds")
    peers = [name for name in (DCMDUMP, REST, REST_4) if name in taken]
    rows = [
        [name, f"{len(paths) / taken.median(name):.0f}", *(f"{taken.times_faster(name, peer):.2f}" for peer in peers)]
        for name in taken
    ]
    table(("variant", "files/s", *(f"x {peer}" for peer in peers)), rows)
    return {name: round(len(paths) / taken.median(name), 1) for name in taken}


def _agent(home: Path, lying: Path, count: int) -> float:
    """As the engine does it: copied into the spool, hashed, synced, renamed, row committed - then the next."""
    store, clock = Store(home / "agent.db"), Clock()
    spool = Spool(
        home / "spool",
        home / "parts",
        synced_replace=synced_replace,
        sync_folder=sync_folder,
        free_bytes=free_bytes,
        least_free_bytes=0,
    )
    incoming = Incoming(store, Taker(store, spool, clock), Reports(store, spool, clock), clock)
    watched = WatchedFolder(lying, incoming, store, clock, {}, lambda found: None, pace=Pace(rest=0.0))
    started = time.perf_counter()
    watched.look()
    while watched.waiting_count:
        watched.look()
    took = time.perf_counter() - started
    kept = store.rows("SELECT count(*) AS count FROM instances")[0]["count"]
    store.close()
    if kept != count:
        raise SystemExit(f"the index holds {kept} of {count} images")
    return took


def _headers(lying: Path) -> float:
    """What dcmdump does: look through the folder and read each header, nothing else."""
    started = time.perf_counter()
    for found in files_below(str(lying), []):
        if not read_header(Path(found.path)).sop_instance_uid:
            raise SystemExit(f"no header: {found.path}")
    return time.perf_counter() - started


def _orthanc(folder: Path, paths: list[Path], workers: int) -> float:
    """A fresh Orthanc each time: one that knows the images already would only say so. Its start is not counted."""
    with children() as held:
        node = start_orthanc(held, folder)
        waiting, troubles = deque(paths), list[Exception]()
        threads = [Thread(target=_post, args=(node.http_port, waiting, troubles)) for _ in range(workers)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - started
        if troubles or node.count() != len(paths):
            raise SystemExit(f"Orthanc holds {node.count()} of {len(paths)} images {troubles}")
    return took


def _post(port: int, waiting: deque[Path], troubles: list[Exception]) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        while True:
            line.request("POST", "/instances", waiting.popleft().read_bytes())
            line.getresponse().read()
    except IndexError:
        line.close()
    except (OSError, http.client.HTTPException) as error:
        troubles.append(error)


# -- files seen before ------------------------------------------------------------------------------------------------


def _rescan(folder: Path, count: int, rounds: int) -> dict[str, float]:
    """How long a look at files takes of which none is new: only names, sizes and times are read."""
    lying = folder / "unchanged"
    for number in range(count):
        path = lying / f"{number // 200:04d}" / f"{number:06d}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"unchanged")
    store, clock = Store(folder / "rescan" / "agent.db"), Clock()
    found = list(files_below(str(lying), []))
    store.write(lambda tx: _note(tx, found))
    spool = Spool(
        folder / "rescan" / "spool",
        folder / "rescan" / "parts",
        synced_replace=synced_replace,
        sync_folder=sync_folder,
        free_bytes=free_bytes,
        least_free_bytes=0,
    )
    incoming = Incoming(store, Taker(store, spool, clock), Reports(store, spool, clock), clock)
    seen = files.seen(store.read())
    watched = WatchedFolder(lying, incoming, store, clock, seen, lambda found: None, pace=Pace())

    def look() -> float:
        started = time.perf_counter()
        watched.look()
        return time.perf_counter() - started

    def find() -> float:
        return run_together([[program("find"), lying, "-type", "f", "-printf", "%s %T@ %p\\n"]])

    taken = interleaved({"agent": look, "find": find}, rounds)
    store.close()
    if watched.waiting_count or len(seen) != count:
        raise SystemExit("the files were not taken for known ones")
    print(f"\nrescan of {count} unchanged files, {rounds} rounds")
    rows = [[name, f"{taken.median(name):.3f}", f"{taken.times_faster(name, 'find'):.2f}"] for name in taken]
    table(("variant", "seconds", "x find"), rows)
    return {name: round(taken.median(name), 4) for name in taken}


def _note(tx: Tx, found: list[Lying]) -> None:
    for each in found:
        files.saw(tx, each.path, each.size_bytes, each.modified_ns, "new")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--unchanged", type=int, default=20000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
