"""A 10 MB report by HTTP beside curl, and 200 CT images by C-STORE beside storescu, each to the same receiver."""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from app.practice.modality import make_study
from app.wire.dicom_association import Peer
from app.wire.dicom_send import DicomSender
from app.wire.http_client import HttpClient
from app.wire.part10 import read_file_head
from tests.bench.envelope import a_report, wrapper
from tests.bench.receive import Node, start_storescp
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

PARTS = 4


def main() -> None:
    if sys.argv[1:2] == ["--sink"]:
        sink(int(sys.argv[2]), pause_seconds=float((sys.argv[3:4] or ["0"])[0]))
        return
    options = _options()
    with scratch() as folder:
        about = machine(folder)
        results = {
            "http": _http(folder, options.megabytes * 1_000_000, options.times, options.rounds),
            "dicom": _dicom(folder, options.images, options.rounds),
        }
        last_line("upload", about, results)


# -- HTTP -------------------------------------------------------------------------------------------------------------


def _http(folder: Path, size: int, times: int, rounds: int) -> dict[str, float]:
    body, wrap = a_report(size), wrapper()
    plain, envelope = folder / "plain.json", folder / "envelope.json"
    plain.write_bytes(body)
    envelope.write_bytes(wrap(body))
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with children() as held:
        held.start(sys.executable, "-m", "tests.bench.upload", "--sink", str(port))
        wait_for_port(port)
        client = HttpClient()
        taken = interleaved(
            {
                "agent": lambda: _post(client, url, times, lambda: body),
                "curl": lambda: _curl(url, plain, times),
                "agent, wrapped anew": lambda: _post(client, url, times, lambda: wrap(body)),
                "curl, envelope ready": lambda: _curl(url, envelope, times),
            },
            rounds,
            settle,
        )
        client.close()
    print(f"\nPOST of {size / 1e6:.0f} MB of JSON, {times} times on one connection, {rounds} rounds")
    peers = {"agent": "curl", "curl": "curl", "agent, wrapped anew": "curl, envelope ready"}
    rows = []
    for name in taken:
        ratio = taken.times_faster(name, peers.get(name, name))
        rows.append([name, f"{taken.median(name) / times * 1000:.1f}", f"{ratio:.2f}"])
    table(("client", "ms each", "x curl"), rows)
    return {name: round(taken.median(name) / times * 1000, 2) for name in taken}


def _post(client: HttpClient, url: str, times: int, body: Callable[[], bytes]) -> float:
    started = time.perf_counter()
    for _ in range(times):
        reply = client.send("POST", url, headers={"Content-Type": "application/json"}, body=body())
        if reply.status != 200 or json.loads(reply.body)["code"] != 0:
            raise SystemExit("the sink refused")
    return time.perf_counter() - started


def _curl(url: str, body: Path, times: int) -> float:
    """`Expect:` off, else curl would wait for a 100 before each body."""
    head = ["-sf", "-H", "Expect:", "-H", "Content-Type: application/json", "--data-binary", f"@{body}"]
    return run_together([[program("curl"), *head, *[url] * times]])


def sink(port: int, pause_seconds: float = 0.0) -> None:
    """An HTTP server that throws bodies away and thinks a while, a thread for each connection."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            line, _ = listener.accept()
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_swallow, args=(line, pause_seconds), daemon=True).start()


def _swallow(line: socket.socket, pause_seconds: float) -> None:
    buffer, data = bytearray(1 << 20), b""
    with line:
        while True:
            while b"\r\n\r\n" not in data:
                piece = line.recv(65536)
                if not piece:
                    return
                data += piece
            head, _, data = data.partition(b"\r\n\r\n")
            rows = [row.partition(b":") for row in head.lower().split(b"\r\n")]
            left = next(int(value) for name, _, value in rows if name == b"content-length") - len(data)
            data = b""
            while left > 0:
                got = line.recv_into(buffer, min(left, len(buffer)))
                if not got:
                    return
                left -= got
            time.sleep(pause_seconds)
            line.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"code":0}')


# -- C-STORE ----------------------------------------------------------------------------------------------------------


def _dicom(folder: Path, images: int, rounds: int) -> dict[str, float]:
    parts = [folder / "ct" / str(number) for number in range(PARTS)]
    for part in parts:
        make_study(part, kind="ct", images=images // PARTS)
    with children() as held:
        node = start_storescp(held, folder / "received")
        taken = interleaved(
            {
                "agent x1": lambda: _store(node, [parts]),
                "storescu x1": lambda: _storescu(node, [parts]),
                "agent x4": lambda: _store(node, [[part] for part in parts]),
                "storescu x4": lambda: _storescu(node, [[part] for part in parts]),
            },
            rounds,
            settle,
        )
    print(f"\nC-STORE of {images} CT images of 0.5 MB, {rounds} rounds (storescu: whole processes)")
    rows = [
        [name, f"{images / taken.median(name):.0f}", f"{taken.times_faster(name, 'storescu ' + name[-2:]):.2f}"]
        for name in taken
    ]
    table(("sender, associations", "images/s", "x storescu"), rows)
    return {name: _rate(taken, name, images) for name in taken}


def _rate(taken: Rounds, name: str, images: int) -> float:
    return round(images / taken.median(name), 1)


def _store(node: Node, groups: list[list[Path]]) -> float:
    """One association and one thread for each group, as an upload with several associations does it."""
    stored: list[int] = []

    def send(folders: list[Path]) -> None:
        paths = [path for folder in folders for path in sorted(folder.iterdir())]
        peer = Peer(host="127.0.0.1", port=node.port, called_ae=node.called_ae, calling_ae="CLINIC")
        with paths[0].open("rb") as file:
            head = read_file_head(file)
        with DicomSender(peer) as sender:
            sender.associate([(head.sop_class_uid, head.transfer_syntax_uid)])
            stored.extend(sender.store(path, message_id=number).status or 0 for number, path in enumerate(paths, 1))

    threads = [Thread(target=send, args=(group,)) for group in groups]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - started
    if any(stored) or len(stored) != sum(1 for group in groups for folder in group for _ in folder.iterdir()):
        raise SystemExit("not every image was stored")
    return took


def _storescu(node: Node, groups: list[list[Path]]) -> float:
    head = [program("storescu"), "-aet", "CLINIC", "-aec", node.called_ae, "+sd", "127.0.0.1", str(node.port)]
    return run_together([[*head, *group] for group in groups])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=10)
    parser.add_argument("--times", type=int, default=10, help="requests in one run")
    parser.add_argument("--images", type=int, default=200)
    return parser.parse_args()


if __name__ == "__main__":
    main()
