"""A stand-in for the stamping client (document V2.1, 四(二)4(6)): its page, its button, where the stamped file goes.

    http://localhost:21051/PDFClient/viewer.html?fileUrl=&savePath=&saveType=net|local&token=

The seal itself lies with a practice platform (`--at`), as the real one lies in a USB key.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import signal
import sys
import tempfile
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from app.practice.fetch import Unreachable, fetch

PORT = 21051
VIEWER, STAMP = "/PDFClient/viewer.html", "/PDFClient/stamp"
UPLOADS = ("multipart", "raw")
FAULTS = {
    "unstamped": "原样传回，没有盖章",
    "changed": "盖章之后又改动文件",
    "nonsense": "传回一页 HTML",
    "other": "传回另一份盖了章的 PDF",
    "empty": "传回空文件",
    "never": "说盖好了，什么也不传",
}
LIMIT_BYTES = 50_000_000
_STYLE = """body{font:16px/1.6 "Microsoft YaHei","PingFang SC","Noto Sans CJK SC",sans-serif;margin:0;color:#222}
header{display:flex;gap:1em;align-items:center;padding:.7em 1.2em;background:#f2f5f8;border-bottom:1px solid #ccc}
button{font:inherit;padding:.3em 1.6em;background:#b3261e;color:#fff;border:0;border-radius:4px}
iframe{border:0;width:100%;height:calc(100vh - 4.5em)}p{padding:0 1.2em}.no{color:#b3261e}"""


class CannotStamp(Exception):
    """The file was not stamped or not delivered; the text is a Chinese sentence."""


class Stamper(ThreadingHTTPServer):
    """Listens after construction on the loopback address."""

    daemon_threads = True

    def __init__(self, port: int, *, platform: str, upload: str, fault: str) -> None:
        self.platform = platform
        self.upload = upload
        self.fault = fault
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", port), _Handler)

    def stamped_and_saved(self, said: Mapping[str, str]) -> str:
        """Do what the button says; where the file went. Raises CannotStamp."""
        source, target = said.get("fileUrl", ""), said.get("savePath", "")
        is_local = said.get("saveType", "net") == "local"
        pdf = self._read(source, is_local)
        made = self._spoilt(pdf)
        if made is None:
            return target
        if is_local:
            try:
                Path(target).write_bytes(made)
            except OSError as error:
                raise CannotStamp(f"不能写到 savePath（{type(error).__name__}）") from error
        else:
            _send(target, made, said, said.get("upload") or self.upload)
        return target

    def _read(self, source: str, is_local: bool) -> bytes:
        part = Path(tempfile.gettempdir()) / f"stamper-{uuid.uuid4().hex}.pdf"
        try:
            if is_local:
                return Path(source).read_bytes()
            fetch(source, part, stopping=self.stopping, tries=1, limit_bytes=LIMIT_BYTES)
            return part.read_bytes()
        except (OSError, Unreachable) as error:
            raise CannotStamp(f"fileUrl 打不开：{error}") from error
        finally:
            part.unlink(missing_ok=True)

    def _spoilt(self, pdf: bytes) -> bytes | None:
        """The stamped file, or what the fault makes of it; None: nothing is to be sent."""
        if self.fault == "unstamped":
            return pdf
        if self.fault == "nonsense":
            return b"<html><body>login</body></html>"
        if self.fault == "empty":
            return b""
        if self.fault == "never":
            return None
        made = self._sealed(_OTHER_PDF if self.fault == "other" else pdf)
        return made + b"\n% changed\n" if self.fault == "changed" else made

    def _sealed(self, pdf: bytes) -> bytes:
        wish = json.dumps({"pdf": base64.b64encode(pdf).decode()}).encode()
        request = urllib.request.Request(f"{self.platform}/practice/seal", wish, {"Content-Type": "application/json"})
        try:
            with _opener().open(request, timeout=60) as answer:
                return base64.b64decode(json.load(answer)["pdf"])
        except urllib.error.HTTPError as error:
            with error:
                raise CannotStamp(str(json.load(error).get("error", error.code))) from None
        except OSError:
            raise CannotStamp(f"没有插入智能密码钥匙（演练平台 {self.platform} 没有回答）") from None


class _Handler(BaseHTTPRequestHandler):
    server: Stamper
    server_version = "PDFClient"
    sys_version = ""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is written down."""

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        if split.path != VIEWER:
            self._say(404, _page("<p class='no'>没有这一页</p>"))
        else:
            self._say(200, _viewer(dict(parse_qsl(split.query))))

    def do_POST(self) -> None:
        split = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        form = dict(parse_qsl(self.rfile.read(min(length, 1 << 16)).decode("utf-8", "replace")))
        if split.path not in (STAMP, VIEWER):
            self._say(404, _page("<p class='no'>没有这一页</p>"))
            return
        try:
            target = self.server.stamped_and_saved({**dict(parse_qsl(split.query)), **form})
        except CannotStamp as error:
            self._say(502, _page(f"<p class='no'>没有盖成：{escape(str(error))}</p>"))
        else:
            self._say(200, _page(f"<p>已盖章，已保存到 {escape(target)}。可以关闭本页。</p>"))

    def _say(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def run(argv: list[str]) -> int:
    """Exit codes: 0 stopped as asked, 1 the port cannot be had, 2 wrong arguments. Prints one line of JSON."""
    said = _parser().parse_args(argv)
    try:
        stamper = Stamper(said.port, platform=said.at.rstrip("/"), upload=said.upload, fault=said.fault)
    except OSError as error:
        print(f"签章工具不能启动：端口 {said.port} 被占用或不可用（{error}）。请换一个端口。", file=sys.stderr)
        return 1
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    if said.until_stdin_closes:
        threading.Thread(target=_wait_for_end_of_input, args=(stop,), name="stdin", daemon=True).start()
    threading.Thread(target=stamper.serve_forever, kwargs={"poll_interval": 0.1}, name="http", daemon=True).start()
    port = stamper.server_address[1]
    print(json.dumps({"practice": "stamper", "viewer": f"http://localhost:{port}{VIEWER}"}), flush=True)
    while not stop.wait(0.5):
        pass
    stamper.stopping.set()
    stamper.shutdown()
    stamper.server_close()
    return 0


def _wait_for_end_of_input(stop: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    stop.set()


def _send(target: str, pdf: bytes, said: Mapping[str, str], upload: str) -> None:
    """POST to savePath: a form with `file` and `token`, or the bare bytes. Raises CannotStamp."""
    if urlsplit(target).scheme not in ("http", "https"):
        raise CannotStamp("savePath 应为 http 地址")
    content_type, body = "application/pdf", pdf
    if upload == "multipart":
        content_type, body = _form(pdf, said.get("token", ""))
    try:
        with _opener().open(urllib.request.Request(target, body, {"Content-Type": content_type}), timeout=60):
            return
    except urllib.error.HTTPError as error:
        error.close()
        raise CannotStamp(f"savePath 不收：HTTP {error.code}") from None
    except OSError as error:
        raise CannotStamp(f"savePath 传不上去（{type(error).__name__}）") from None


def _form(pdf: bytes, token: str) -> tuple[str, bytes]:
    """Content-Type and body of multipart/form-data (RFC 7578)."""
    boundary = uuid.uuid4().hex
    file = 'Content-Disposition: form-data; name="file"; filename="stamped.pdf"\r\nContent-Type: application/pdf'
    start = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token}\r\n--{boundary}\r\n{file}\r\n\r\n'
    )
    return f"multipart/form-data; boundary={boundary}", start.encode() + pdf + f"\r\n--{boundary}--\r\n".encode()


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _viewer(said: Mapping[str, str]) -> str:
    hidden = "".join(
        f"<input type='hidden' name='{escape(name)}' value='{escape(value, quote=True)}'>"
        for name, value in said.items()
    )
    shown = said.get("fileUrl", "") if said.get("saveType", "net") == "net" else ""
    frame = f"<iframe src='{escape(shown, quote=True)}'></iframe>" if shown.startswith(("http://", "https://")) else ""
    form = f"<form method='post' action='{STAMP}'>{hidden}<button>盖章</button></form>"
    return _page(f"<header><b>演练签章工具</b>{form}</header>{frame}")


def _page(inside: str) -> str:
    head = f"<meta charset='utf-8'><title>演练签章工具</title><style>{_STYLE}</style>"
    return f"<!doctype html><html lang='zh-CN'><head>{head}</head><body>{inside}</body></html>"


_OTHER_PDF = (
    b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
    b"2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n"
    b"3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>\nendobj\n"
    b"xref\n0 4\n0000000000 65535 f \n0000000009 00000 n \n0000000058 00000 n \n0000000115 00000 n \n"
    b"trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n186\n%%EOF\n"
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="practice stamper", description="演练签章工具：扮演本机的签章组件")
    parser.add_argument("--port", type=int, default=PORT, help="HTTP 端口，0 为任意空闲端口")
    parser.add_argument("--at", default="http://127.0.0.1:8081", metavar="URL", help="山西演练平台的地址，章在那里")
    parser.add_argument(
        "--upload", choices=UPLOADS, default=UPLOADS[0], help="传回 savePath 用表单（file）还是直接传内容"
    )
    parser.add_argument(
        "--fault", choices=tuple(FAULTS), default="", help="；".join(f"{k} {v}" for k, v in FAULTS.items())
    )
    parser.add_argument("--until-stdin-closes", action="store_true", help="标准输入关闭时停止（作为子进程时用）")
    return parser
