"""What travels the other way: the ZIP that a platform fetches, and the images that a clinic gets back (调阅).

The ZIP beside `zip -0` into a pipe and a ready file from Python's own server, all taken by curl; the images beside
curl, which keeps the answers as they are: no Base64 read, no UIDs compared, nothing synced.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import socket
import sys
import threading
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from app.delivery.converse import Courier
from app.delivery.downloads import Downloads
from app.delivery.retrieve import Retriever
from app.domain.retrieval import Offered, Subject
from app.domain.settings import UploadSettings
from app.intake.header import read_header
from app.intake.retrieved import Shelf
from app.practice.modality import make_study
from app.store import Store, retrievals
from app.store.database import opened
from app.system.disk import durable_folder, durable_replace
from tests.bench.files import Disk, a_target
from tests.bench.rounds import (
    Rounds,
    children,
    free_port,
    interleaved,
    last_line,
    machine,
    program,
    run_together,
    scratch,
    settle,
    table,
    wait_for_port,
)
from tests.intake.clinic import HandClock, a_room
from tests.provide.test_provider import MAIN, open_provider

PATH = "/mie/api/mie/queryImgCaheFIndex"
_INSTANCE = re.compile(rb'"instUuid":"([0-9.]+)"')


def main() -> None:
    if sys.argv[1:2] == ["--cloud"]:
        _cloud(int(sys.argv[2]), Path(sys.argv[3]))
        return
    options = _options()
    with scratch() as folder:
        paths = make_study(folder / "images", images=options.images)
        results = _zip(folder, paths, options.rounds) | _retrieved(folder, paths, options.rounds)
        last_line("fetch", machine(folder), results)


# -- the ZIP ----------------------------------------------------------------------------------------------------------


def _zip(folder: Path, paths: list[Path], rounds: int) -> dict[str, float]:
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    ready = folder / "served" / "study.zip"
    ready.parent.mkdir()
    with zipfile.ZipFile(ready, "w") as made:
        for path in paths:
            made.write(path, path.name)
    port = free_port()
    with children() as held, a_room(folder / "home") as room, open_provider(room) as provider:
        held.start(sys.executable, "-m", "http.server", "--directory", ready.parent, str(port))
        wait_for_port(port)
        for path in paths:
            taken_in = room.taker.take_file(path, "import")
        started = time.perf_counter()
        address = provider.zip_link(MAIN, room.exam_of(taken_in.study_instance_uid))
        print(f"\nfirst address of the ZIP, each file read once for its CRC: {time.perf_counter() - started:.2f} s")
        taken = interleaved(
            {
                "agent, made while it is sent": lambda: _fetched(address),
                "http.server, ready file": lambda: _fetched(f"http://127.0.0.1:{port}/{ready.name}"),
                "zip -0 into a pipe": lambda: _piped(paths[0].parent),
            },
            rounds,
            settle,
        )
    print(f"\nZIP of {len(paths)} CT images, {megabytes:.0f} MB, {rounds} rounds")
    return _shown(taken, megabytes, "MB/s")


def _fetched(url: str) -> float:
    return run_together([[program("curl"), "-sf", "-o", "/dev/null", url]])


def _piped(folder: Path) -> float:
    return run_together([["sh", "-c", '"$0" -0 -q -r - "$1" | cat > /dev/null', program("zip"), folder]])


# -- images that come back --------------------------------------------------------------------------------------------


def _retrieved(folder: Path, paths: list[Path], rounds: int) -> dict[str, float]:
    offered = [_offered(path) for path in paths]
    asked = [folder / f"question-{number}.json" for number in range(len(offered))]
    for one, question in zip(offered, asked, strict=True):
        question.write_text(json.dumps({"input": {"instUuid": one.sop_instance_uid}}, separators=(",", ":")))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    config = folder / "curl.txt"
    config.write_text(
        "\nnext\n".join(
            f'url = "{url}{PATH}"\nsilent\nfail\nheader = "Expect:"\ndata-binary = "@{question}"\n'
            f'output = "{folder / "answer.json"}-{number}"'
            for number, question in enumerate(asked)
        )
    )
    with children() as held, opened(folder / "retrieval.db") as store:
        held.start(sys.executable, "-m", "tests.bench.fetch", "--cloud", str(port), paths[0].parent)
        wait_for_port(port)
        taken = interleaved(
            {
                "agent, each image checked and synced": lambda: _downloaded(store, url, folder, offered),
                "curl": lambda: run_together([[program("curl"), "--config", config]]),
            },
            rounds,
            settle,
        )
    print(f"\n{len(paths)} CT images back, one after the other, {rounds} rounds")
    return _shown(taken, len(paths), "images/s")


def _downloaded(store: Store, url: str, folder: Path, offered: list[Offered]) -> float:
    target, clock, stopping = a_target(url, at_once=1), HandClock(), threading.Event()
    courier = Courier(store, target, clock, Disk({}), stopping)
    shelf = Shelf(
        durable_replace=durable_replace,
        durable_folder=durable_folder,
        free_bytes=lambda _: 1 << 40,
        least_free_bytes=lambda _: 1,
    )
    downloads = Downloads(
        store,
        target.name,
        Retriever(target, courier, clock),
        shelf,
        clock,
        UploadSettings(),
        jitter=lambda: 1.0,
        stopping=stopping,
    )
    subject = Subject(index_code="111-1-2", patient_name="李*芳", body_part="胸部", exam_date="", clinic_name="")
    place, now = folder / f"back-{time.monotonic_ns()}", datetime.now(UTC)
    started = time.perf_counter()
    id = store.write(lambda tx: retrievals.begin(tx, target.name, subject, str(place), offered, (), now=now))
    downloads._mine = {id}
    while downloads.run_once():
        pass
    took = time.perf_counter() - started
    target.http.close()
    found = retrievals.download(store.read(), id)
    if found is None or found.open or len([path for path in place.rglob("*") if path.is_file()]) < len(offered):
        raise SystemExit("not every image came back")
    return took


def _offered(path: Path) -> Offered:
    header = read_header(path)
    return Offered(
        study_instance_uid=header.study_instance_uid,
        series_instance_uid=header.series_instance_uid,
        sop_instance_uid=header.sop_instance_uid,
    )


def _cloud(port: int, folder: Path) -> None:
    """Answers each question with its image in Base64, ready in memory."""
    answers = {}
    for path in folder.iterdir():
        data = [{"fileContent": base64.b64encode(path.read_bytes()).decode("ascii")}]
        body = json.dumps({"code": 0, "message": "", "data": data}).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        answers[read_header(path).sop_instance_uid.encode()] = head + body
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            line, _ = listener.accept()
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_answer, args=(line, answers), daemon=True).start()


def _answer(line: socket.socket, answers: dict[bytes, bytes]) -> None:
    data = b""
    with line:
        while piece := line.recv(65536):
            data += piece
            asked = _INSTANCE.search(data)
            if asked and data.rstrip().endswith(b"}"):
                line.sendall(answers[asked[1]])
                data = b""


def _shown(taken: Rounds, count: float, unit: str) -> dict[str, float]:
    """The first is ours."""
    ours = next(iter(taken))
    rows = [[name, f"{count / taken.median(name):.0f}", f"{taken.times_faster(ours, name):.2f}"] for name in taken]
    table(("who", unit, "agent x this"), rows)
    return {name: round(count / taken.median(name), 1) for name in taken}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=500)
    return parser.parse_args()


if __name__ == "__main__":
    main()
