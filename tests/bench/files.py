"""500 CT images by multipart beside curl, to the same sink: here with serial number, journal and holdings.

Two sinks: one that costs nothing, and one that thinks as long as a platform may. Both senders have their MD5s ready, as
images have theirs from when they came in.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

from app.catalogue.codes import load_codes
from app.catalogue.load import load_region
from app.delivery.converse import Courier
from app.delivery.target import Target
from app.delivery.verdict import Judge
from app.domain.job import JobState, Part
from app.practice.modality import make_study
from app.regions.adapters import ADAPTERS
from app.regions.conversation import ImageRef
from app.store import Store, jobs
from app.store.database import opened
from app.wire.http_client import HttpClient
from tests.bench.rounds import (
    Rounds,
    Run,
    children,
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
from tests.delivery.stage import Files
from tests.intake.clinic import HandClock

REGION, PATH = "guizhou", "/mie/api/mie/saveImgFile"
AT_ONCE = (1, 2, 4)


def main() -> None:
    options = _options()
    results: dict[str, float] = {}
    with scratch() as folder:
        paths = make_study(folder / "images", images=options.images)
        for milliseconds in (0, options.thinks):
            results |= _against(folder, paths, milliseconds, options.rounds)
        last_line("files", machine(folder), results)


def _against(folder: Path, paths: list[Path], milliseconds: int, rounds: int) -> dict[str, float]:
    cpu: defaultdict[str, list[float]] = defaultdict(list)
    md5s = {path: hashlib.md5(path.read_bytes()).hexdigest() for path in paths}
    with children() as held, opened(folder / f"agent-{milliseconds}.db") as store:
        port = free_port()
        held.start(sys.executable, "-m", "tests.bench.upload", "--sink", str(port), str(milliseconds / 1000))
        wait_for_port(port)
        url = f"http://127.0.0.1:{port}"
        config = _curl_config(folder / "curl.txt", url + PATH, md5s)
        runs: dict[str, Run] = {}
        for n in AT_ONCE:
            runs[f"agent x{n}"] = lambda n=n: _agent(store, url, md5s, n)  # type: ignore[misc]
            runs[f"curl x{n}"] = lambda n=n: _curl(config, n)  # type: ignore[misc]
        before = memory_mb(os.getpid())
        taken = interleaved({name: _counted(run, cpu[name]) for name, run in runs.items()}, rounds, settle)
        grown = memory_mb(os.getpid()) - before
    thinks = f"a platform that thinks {milliseconds} ms" if milliseconds else "a platform that costs nothing"
    print(f"\n{len(paths)} CT images of {paths[0].stat().st_size / 1e6:.1f} MB to {thinks}, {rounds} rounds")
    table(
        ("sender, at once", "files/s", "x curl", "ms of CPU a file"), [_row(name, taken, cpu, paths) for name in taken]
    )
    print(f"memory after {rounds * len(AT_ONCE) * len(paths)} files: {grown:+.0f} MB")
    return {f"{name}, {milliseconds} ms": round(len(paths) / taken.median(name), 1) for name in taken}


def _row(name: str, taken: Rounds, cpu: dict[str, list[float]], paths: list[Path]) -> list[str]:
    ratio = taken.times_faster(name, "curl " + name[-2:])
    each = statistics.median(cpu[name]) / len(paths) * 1000
    return [name, f"{len(paths) / taken.median(name):.0f}", f"{ratio:.2f}", f"{each:.2f}"]


def _counted(run: Run, cpu: list[float]) -> Run:
    """Its own CPU seconds and those of the children that it waited for; the sink is not among them."""

    def counted() -> float:
        before = sum(os.times()[:4])
        took = run()
        cpu.append(sum(os.times()[:4]) - before)
        return took

    return counted


class Disk(Files):
    """Images at their own paths, their MD5s known from when they came in."""

    def __init__(self, md5s: Mapping[str, str]) -> None:
        super().__init__(Path())
        self.known_md5 = dict(md5s)

    def image(self, ref: ImageRef) -> Any:
        return nullcontext(Path(ref.path))


def a_target(url: str, at_once: int) -> Target:
    region = load_region(REGION)
    options = {**region.options["options"], "institution_code": "H52010300123", "image_workers": at_once}
    return Target(
        name="main",
        title="影像云",
        base_url=url,
        region=region,
        adapter=ADAPTERS[REGION](region, options, {"key": "BENCH"}),
        judge=Judge(load_codes(REGION), region.options["replies"]),
        http=HttpClient(),
        options=options,
    )


def _agent(store: Store, url: str, md5s: Mapping[Path, str], at_once: int) -> float:
    """From the claimed job to the last image held: serial numbers, forms, journal and holdings on the disk."""
    target = a_target(url, at_once)
    exam = f"E{time.monotonic_ns()}"
    now = datetime.now(UTC)
    refs = [asdict(_ref(path)) for path in md5s]
    job_id = store.write(
        lambda tx: jobs.insert(
            tx,
            destination="main",
            exam_key=exam,
            report_key="",
            part=Part.IMAGES,
            payload={"images": refs, "index_code": exam},
            digest=exam,
            exam_day="2026-11-05",
            total_count=len(refs),
            state=JobState.QUEUED,
            now=now,
        )
    )
    job = jobs.job(store.read(), job_id)
    courier = Courier(store, target, HandClock(), Disk({path.stem: md5 for path, md5 in md5s.items()}), Event())
    started = time.perf_counter()
    courier.deliver(job)
    took = time.perf_counter() - started
    target.http.close()
    return took


def _ref(path: Path) -> ImageRef:
    return ImageRef(
        sop_instance_uid=path.stem,
        sop_class_uid="",
        transfer_syntax_uid="",
        sha256=path.stem,
        path=str(path),
        size_bytes=path.stat().st_size,
        study_instance_uid="1.2.3",
    )


def _curl_config(config: Path, url: str, md5s: Mapping[Path, str]) -> Path:
    """The same forms for curl, the MD5 ready. `Expect:` off, else it would wait for a 100 before each body."""

    def one(path: Path) -> str:
        fields = {"hiImgIndx": "E1", "studyUid": "1.2.3", "accessionNumber": "A1", "fileMd5": md5s[path].upper()}
        forms = [f'form = "{name}={value}"' for name, value in fields.items()]
        file = f'form = "dicom=@{path};type=application/dicom"'
        head = [f'url = "{url}"', 'header = "Expect:"', "silent", "fail", 'output = "/dev/null"']
        return "\n".join([*head, *forms, file, f'form = "imageTotalNum={len(md5s)}"'])

    config.write_text("\nnext\n".join(one(path) for path in md5s), encoding="utf-8")
    return config


def _curl(config: Path, at_once: int) -> float:
    parallel = ["--parallel", "--parallel-immediate", "--parallel-max", str(at_once)] if at_once > 1 else []
    return run_together([[program("curl"), *parallel, "--config", config]])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--thinks", type=int, default=20, help="milliseconds of the slower platform for each file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
