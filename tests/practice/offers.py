"""A small file server of a clinic: what it offers by path, how often that was fetched, when it misbehaves."""

from __future__ import annotations

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


class Offers:
    """Serves `files` by path from a free port of this machine. `missing` first requests of a path answer 404; a path
    in `cut` is sent by half, then the line is cut."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.missing: Counter[str] = Counter()
        self.cut: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def put(self, path: str, content: bytes) -> str:
        self.files[path] = content
        return self.address(path)

    def __enter__(self) -> Offers:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler_of(offers: Offers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            offers.asked[self.path] += 1
            content = offers.files.get(self.path)
            if content is None or offers.asked[self.path] <= offers.missing[self.path]:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            is_cut = offers.asked[self.path] <= offers.cut[self.path]
            self.wfile.write(content[: len(content) // 2] if is_cut else content)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler
