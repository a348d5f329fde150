"""Images fetched by DICOM (document 四(二)2(2)): C-FIND a study at the clinic's PACS, C-MOVE it here, count both.

One thread, one study after the other. What became of a pull is a kept row of the ledger (kind `pull`).
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Mapping
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, _config
from pynetdicom.sop_class import (  # type: ignore[attr-defined, unused-ignore]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)

from app.practice.ledger import Ledger
from app.practice.shanxi_settings import ShanxiSettings

WAITING, DONE, FAILED = "waiting", "done", "failed"
_PENDING = (0xFF00, 0xFF01)


class Failed(Exception):
    """This try did not bring the study; the text is a Chinese sentence."""


class Puller:
    """`want` notes an accession number; it is fetched when the options name a PACS."""

    def __init__(self, settings: ShanxiSettings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._waiting: queue.Queue[str] = queue.Queue()
        for row in ledger.all("pull"):
            if row["link"]["state"] == WAITING:
                self._waiting.put(row["key"])
        threading.Thread(target=self._run, name="puller", daemon=True).start()

    def want(self, accession: str) -> None:
        """Fetch every study of this accession number soon."""
        self._write(accession, {"state": WAITING, "reason": "", "tries": 0, "studies": []})
        self._waiting.put(accession)

    def shown(self) -> list[dict[str, Any]]:
        """Every pull: accession, state, tries, reason, and per study `instances` (the PACS's), `completed`, `here`."""
        return [{"accession": one["key"], **self._with_images(one["link"])} for one in self._ledger.all("pull")]

    def _with_images(self, link: Mapping[str, Any]) -> dict[str, Any]:
        studies = [{**one, "here": len(self._ledger.of_study("image", one["study_uid"]))} for one in link["studies"]]
        return {**link, "studies": studies}

    def _run(self) -> None:
        while not self._settings.stopping.is_set():
            try:
                accession = self._waiting.get(timeout=0.2)
            except queue.Empty:
                continue
            self._try(accession)

    def _try(self, accession: str) -> None:
        tries, studies, reason = 0, [], ""
        while tries < max(1, self._settings.fetch_tries):
            tries += 1
            try:
                studies = self._pulled(accession)
                reason = ""
                break
            except Failed as error:
                reason = str(error)
            if self._settings.stopping.wait(self._settings.fetch_pause_seconds):
                return
        state = FAILED if reason else DONE
        self._write(accession, {"state": state, "reason": reason, "tries": tries, "studies": studies})
        verdict = "refused" if reason else "kept"
        at = self._settings.clock.stamp()
        self._ledger.receive(at=at, place="pull", kind="pull", key=accession, verdict=verdict, reason=reason)

    def _pulled(self, accession: str) -> list[dict[str, Any]]:
        """Raises Failed."""
        _config.LOG_HANDLER_LEVEL = "none"
        entity = AE(ae_title=self._settings.ae_title)
        entity.add_requested_context(StudyRootQueryRetrieveInformationModelFind)
        entity.add_requested_context(StudyRootQueryRetrieveInformationModelMove)
        entity.acse_timeout = entity.connection_timeout = 10
        entity.dimse_timeout = entity.network_timeout = 60
        peer = (self._settings.pull_host, self._settings.pull_port)
        association = entity.associate(*peer, ae_title=self._settings.pull_ae or "ANY-SCP")
        if not association.is_established:
            raise Failed("机构 PACS 不接受关联" if association.is_rejected else "机构 PACS 连不上")
        try:
            found = self._found(association, accession)
            return [self._moved(association, one) for one in found]
        finally:
            association.release()

    def _found(self, association: Any, accession: str) -> list[Dataset]:
        wanted = Dataset()
        wanted.QueryRetrieveLevel = "STUDY"
        wanted.AccessionNumber = accession
        for name in ("StudyInstanceUID", "PatientID", "StudyDate", "NumberOfStudyRelatedInstances"):
            setattr(wanted, name, None)
        found = []
        for status, data in association.send_c_find(wanted, StudyRootQueryRetrieveInformationModelFind):
            if "Status" not in status:
                raise Failed("C-FIND 没有应答")
            if status.Status in _PENDING and data is not None:
                found.append(data)
            elif status.Status not in (0x0000, *_PENDING):
                raise Failed(f"C-FIND 应答 {status.Status:04X}")
        if not found:
            raise Failed("PACS 里没有这个检查号")
        return found

    def _moved(self, association: Any, found: Dataset) -> dict[str, Any]:
        wanted = Dataset()
        wanted.QueryRetrieveLevel = "STUDY"
        wanted.StudyInstanceUID = found.StudyInstanceUID
        last = Dataset()
        model = StudyRootQueryRetrieveInformationModelMove
        for status, _ in association.send_c_move(wanted, self._settings.ae_title, model):
            if "Status" not in status:
                raise Failed("C-MOVE 没有应答")
            last = status
        if last.get("Status") != 0x0000:
            raise Failed(f"C-MOVE 应答 {int(last.get('Status', 0)):04X}")
        said = found.get("NumberOfStudyRelatedInstances")
        return {
            "study_uid": str(found.StudyInstanceUID),
            "instances": int(said) if said not in (None, "") else None,
            "completed": int(last.get("NumberOfCompletedSuboperations") or 0),
        }

    def _write(self, accession: str, link: Mapping[str, Any]) -> None:
        digest = hashlib.sha256(repr(sorted(link.items())).encode()).hexdigest()
        self._ledger.keep(at=self._settings.clock.stamp(), kind="pull", key=accession, digest=digest, link=link)
