"""One running practice platform: both ports over one state folder. Opens, goes down for a while, closes."""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path
from typing import Any

from app.practice.control import Control
from app.practice.faults import FaultBook
from app.practice.ledger import Ledger
from app.practice.region import FrontEnd, Region
from app.practice.server import HttpPort
from app.practice.settings import Settings
from app.practice.storage import StoragePort

RETRY_SECONDS = 0.2


class Platform:
    """`open` returns when both ports listen; `close` may be called from any thread, once."""

    def __init__(self, name: str, front_end: FrontEnd[Any], settings: Settings, folder: Path, bind: str) -> None:
        self._bind = bind
        self._settings = settings
        self._front_end = front_end
        self._incoming = _emptied(folder / "incoming")
        self._ledger = Ledger(folder)
        self._faults = FaultBook(front_end.places, front_end.faults)
        self._region: Region = front_end.build(settings, self._ledger, folder)
        self._storage = StoragePort(settings, self._region, self._ledger, self._faults, folder)
        self._control = Control(
            practice=name,
            region=self._region,
            ledger=self._ledger,
            faults=self._faults,
            settings=settings,
            folder=folder,
            go_down=self.go_down,
        )
        self._lock = threading.Lock()
        self._http: HttpPort | None = None
        self.port = 0
        self.dicom_port = 0

    @property
    def base_url(self) -> str:
        """Where a sender on this machine finds it; meant after `open`."""
        host = "127.0.0.1" if self._bind in ("0.0.0.0", "::", "") else self._bind
        return f"http://{host}:{self.port}"

    def open(self, port: int, dicom_port: int) -> None:
        """Listen on both ports; 0 is a free one, kept for reopening. A region without an AE has no DICOM port."""
        with self._lock:
            self._open(port, dicom_port)

    def go_down(self, seconds: float) -> None:
        """Refuse every connection for `seconds`, then listen again on the same ports."""
        with self._lock:
            self._shut()
            if self._settings.stopping.wait(seconds):
                return
            while not self._settings.stopping.is_set():
                try:
                    self._open(self.port, self.dicom_port)
                except OSError as error:
                    print(f"演练平台：端口还不能用，继续等待（{error}）", file=sys.stderr, flush=True)
                    self._shut()
                    self._settings.stopping.wait(RETRY_SECONDS)
                else:
                    return

    def close(self) -> None:
        self._settings.stopping.set()
        with self._lock:
            self._shut()
            self._ledger.close()

    def _open(self, port: int, dicom_port: int) -> None:
        self._http = HttpPort(
            (self._bind, port),
            front_end=self._front_end,
            region=self._region,
            ledger=self._ledger,
            faults=self._faults,
            settings=self._settings,
            control=self._control,
            incoming=self._incoming,
        )
        self.port = int(self._http.server_address[1])
        self._region.opened(self.base_url)
        if self._settings.ae_title:
            self.dicom_port = self._storage.open((self._bind, dicom_port))
        self._http.start()

    def _shut(self) -> None:
        if self._http is not None:
            http, self._http = self._http, None
            http.stop()
        self._storage.close()


def _emptied(folder: Path) -> Path:
    """Where files lie while they come in: empty at the start."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
