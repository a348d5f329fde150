"""A batch under kill -9: what was recorded never goes again, and only so much goes twice."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from app.catalogue.codes import load_codes
from app.delivery.converse import Courier
from app.delivery.target import Target
from app.delivery.verdict import Judge
from app.domain.job import Part
from app.store import answers, jobs
from app.store.database import opened
from app.wire.http_client import HttpClient
from tests.catalogue.samples import REGION
from tests.delivery.forms import read_form
from tests.delivery.stage import Files, refs
from tests.delivery.test_batch import FileAdapter
from tests.intake.clinic import HandClock
from tests.store.samples import NOW, claimed, put

FILES, AT_ONCE, KILLED_AT = 240, 4, (60, 140)


class Platform(ThreadingHTTPServer):
    """Takes every file and remembers each reception; `reached` is set once there are `wanted` of them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[str] = []
        self.wanted, self.reached = 0, threading.Event()

    def until(self, wanted: int) -> None:
        self.reached.clear()
        self.wanted = wanted
        assert self.reached.wait(30)


class Handler(BaseHTTPRequestHandler):
    server: Platform
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(read_form(self.headers["Content-Type"], body)["file"].uid)
        if 0 < self.server.wanted <= len(self.server.received):
            self.server.reached.set()
        self.send_response(200)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b'{"code":1}')

    def log_message(self, format: str, *args: object) -> None: ...

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, ValueError, KeyError):
            self.close_connection = True  # the other side was killed in the middle of its form


@contextmanager
def a_platform() -> Iterator[Platform]:
    with Platform() as platform:
        thread = threading.Thread(target=platform.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield platform
        finally:
            platform.shutdown()
            thread.join()


def deliver(folder: Path, url: str) -> None:
    """As the program does it after a start."""
    with opened(folder / "agent.db") as store:
        store.write(lambda tx: jobs.interrupted(tx, now=NOW))
        target = Target(
            name="main",
            title="影像云",
            base_url=url,
            region=REGION,
            adapter=FileAdapter(at_once=AT_ONCE),
            judge=Judge(load_codes(REGION.name), REGION.options["replies"]),
            http=HttpClient(),
        )
        job = claimed(store)
        assert job is not None
        Courier(store, target, HandClock(), Files(folder), threading.Event()).deliver(job)
        target.http.close()


def held(folder: Path) -> set[str]:
    with opened(folder / "agent.db") as store:
        return set(answers.held(store.read(), "main", "E1", "images"))


def test_a_killed_batch_goes_on_without_what_was_recorded(tmp_path: Path) -> None:
    uids = [f"1.{number}" for number in range(FILES)]
    for uid in uids:
        (tmp_path / uid).write_bytes(uid.encode() * 3000)
    with opened(tmp_path / "agent.db") as store:
        put(store, Part.IMAGES, body={"images": refs(*uids)})
    recorded: list[tuple[set[str], int]] = []
    with a_platform() as platform:
        url = f"http://127.0.0.1:{platform.server_port}"
        for killed_at in KILLED_AT:
            child = subprocess.Popen([sys.executable, "-m", __name__, str(tmp_path), url])
            platform.until(killed_at)
            child.kill()
            assert child.wait(10) == -signal.SIGKILL, "killed too late"
            recorded.append((held(tmp_path), len(platform.received)))
            assert len(set(platform.received) - recorded[-1][0]) <= 2 * AT_ONCE, "in flight, or answered right before"
        deliver(tmp_path, url)
        assert not any(kept & set(platform.received[before:]) for kept, before in recorded)
        twice = {uid: count for uid, count in Counter(platform.received).items() if count > 1}
        assert set(platform.received) == held(tmp_path) == set(uids)
        assert sum(twice.values()) - len(twice) <= len(KILLED_AT) * 2 * AT_ONCE


if __name__ == "__main__":
    deliver(Path(sys.argv[1]), sys.argv[2])
