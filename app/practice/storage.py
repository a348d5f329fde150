"""The DICOM port of a practice platform: takes every storage class and transfer syntax, keeps data sets as received.

Runs only in the practice platform's own process: it sets pynetdicom's process-wide switches.
"""

from __future__ import annotations

import logging
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pynetdicom import AE, _config, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined, unused-ignore]

from app.practice.faults import ASSOCIATION_FAULTS, DICOM_FAULTS, Fault, FaultBook
from app.practice.ledger import Ledger
from app.practice.reading import data_set_digest, filed_image, header_of
from app.practice.region import Refused, Region
from app.practice.settings import Settings

MAXIMUM_PDU = 131072
_REJECTIONS = {
    "reject_transient": (2, 3, 1),
    "reject_permanent": (1, 1, 1),
    "unknown_ae": (1, 1, 7),
}
"""Result, source, diagnostic (PS3.8 9.3.4)."""
_STATUSES = {"out_of_resources": 0xA700, "cannot_understand": 0xC000, "warning": 0xB000}
_WORDS = {
    "reject_transient": "演练：暂时拒绝关联",
    "reject_permanent": "演练：永久拒绝关联",
    "unknown_ae": "演练：被叫 AE 不认识",
    "out_of_resources": "演练：A700 资源不足",
    "cannot_understand": "演练：C000 无法理解",
    "warning": "演练：B000 警告",
    "abort": "演练：中止关联",
    "drop": "演练：断开连接",
    "hang": "演练：不应答",
    "slow": "演练：应答慢",
}
_CANNOT_UNDERSTAND = 0xC000


class StoragePort:
    """Listens after `open`, until `close`; may be opened again on the same port."""

    def __init__(self, settings: Settings, region: Region, ledger: Ledger, faults: FaultBook, folder: Path) -> None:
        self._settings = settings
        self._region = region
        self._ledger = ledger
        self._faults = faults
        self._folder = folder
        self._server: Any = None
        tempfile.tempdir = str(folder / "incoming")
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
        _config.LOG_HANDLER_LEVEL = "none"
        _config.UNRESTRICTED_STORAGE_SERVICE = True
        _config.STORE_RECV_CHUNKED_DATASET = True

    def open(self, address: tuple[str, int]) -> int:
        """Listen; returns the port (0 in `address`: a free one)."""
        entity = AE(ae_title=self._settings.ae_title)
        entity.maximum_pdu_size = MAXIMUM_PDU
        entity.maximum_associations = 50
        entity.network_timeout = 120
        entity.add_supported_context(Verification)
        self._server = entity.start_server(
            address,
            block=False,
            evt_handlers=[
                (evt.EVT_CONN_OPEN, _without_delay),
                (evt.EVT_REQUESTED, self._on_requested),
                (evt.EVT_ACCEPTED, self._on_accepted),
                (evt.EVT_C_ECHO, self._on_echo),
                (evt.EVT_C_STORE, self._on_store),
            ],
        )
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening and cut what is open."""
        if self._server is not None:
            server, self._server = self._server, None
            open_now = server.active_associations
            server.shutdown()
            for association in open_now:
                _cut(association)

    def _on_requested(self, event: Any) -> None:
        request = event.assoc.requestor.primitive
        called, calling = str(request.called_ae_title).strip(), str(request.calling_ae_title).strip()
        fault = self._faults.take(("dicom",), "before", f"{called} {calling}", ASSOCIATION_FAULTS)
        if fault is not None:
            self._reject(event, fault.what, _WORDS[fault.what], called, f"before:{fault.what}")
        elif self._settings.strict_ae and called != self._settings.ae_title:
            self._reject(event, "unknown_ae", f"被叫 AE {called} 不是 {self._settings.ae_title}", called, "")

    def _reject(self, event: Any, what: str, reason: str, called: str, fault: str) -> None:
        self._write("association", called, "faulted" if fault else "refused", reason=reason, fault=fault)
        event.assoc.acse.send_reject(*_REJECTIONS[what])
        event.assoc.kill()

    def _on_accepted(self, event: Any) -> None:
        self._write("association", str(event.assoc.acceptor.primitive.called_ae_title).strip(), "kept")

    def _on_echo(self, event: Any) -> int:
        self._write("echo", str(event.assoc.requestor.ae_title).strip(), "kept")
        return 0x0000

    def _on_store(self, event: Any) -> int:
        event.request._dataset_file.close()
        path = Path(event.dataset_path)
        key = str(event.request.AffectedSOPInstanceUID)
        digest, size = data_set_digest(path)
        header = header_of(path)
        known = " ".join([key, str(event.request.AffectedSOPClassUID), *header.values()])
        instance = DICOM_FAULTS - ASSOCIATION_FAULTS
        before = self._faults.take(("dicom",), "before", known, instance)
        if before is not None and before.what != "slow":
            words = before.message or _WORDS[before.what]
            self._write("image", key, "faulted", digest=digest, size=size, reason=words, fault=f"before:{before.what}")
            path.unlink(missing_ok=True)
            return self._act(event, before)
        if before is not None:
            self._settings.stopping.wait(before.seconds)
        try:
            claimed = self._region.claim(header)
        except Refused as error:
            self._write("image", key, "refused", digest=digest, size=size, reason=str(error))
            path.unlink(missing_ok=True)
            return _CANNOT_UNDERSTAND
        self._keep(event, path, key, digest, size, header, claimed)
        after = self._faults.take(("dicom",), "after", known, instance)
        told = f"after:{after.what}" if after else f"before:{before.what}" if before else ""
        self._write("image", key, "kept", digest=digest, size=size, fault=told)
        return self._act(event, after) if after else 0x0000

    def _act(self, event: Any, fault: Fault) -> int:
        """Do what the order says and return the status for the answer, if one still goes out."""
        if fault.what in ("hang", "slow"):
            self._settings.stopping.wait(fault.seconds)
        if fault.what == "abort":
            event.assoc.abort()
        elif fault.what in ("hang", "drop"):
            _cut(event.assoc)
            event.assoc.kill()
        return _STATUSES.get(fault.what, 0x0000)

    def _keep(
        self,
        event: Any,
        path: Path,
        key: str,
        digest: str,
        size: int,
        header: Mapping[str, str],
        claimed: Mapping[str, Any],
    ) -> None:
        self._ledger.keep(
            at=self._settings.clock.stamp(),
            kind="image",
            key=key,
            digest=digest,
            size=size,
            study_uid=header["StudyInstanceUID"],
            link={
                "series_uid": header["SeriesInstanceUID"],
                "accession": header["AccessionNumber"],
                "modality": header["Modality"],
                "sop_class": str(event.request.AffectedSOPClassUID),
                "transfer_syntax": str(event.context.transfer_syntax),
                "calling_ae": str(event.assoc.requestor.ae_title).strip(),
                **claimed,
            },
            file=filed_image(path, self._folder, key, digest),
        )

    def _write(self, kind: str, key: str, verdict: str, **more: Any) -> None:
        at = self._settings.clock.stamp()
        self._ledger.receive(at=at, place="dicom", kind=kind, key=key, verdict=verdict, **more)


def _socket_of(association: Any) -> socket.socket | None:
    held = association.dul.socket
    return held.socket if held is not None else None


def _without_delay(event: Any) -> None:
    opened = _socket_of(event.assoc)
    if opened is not None:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _cut(association: Any) -> None:
    opened = _socket_of(association)
    if opened is not None:
        try:
            opened.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
