"""Where things come in and go out by themselves: DICOM port, watched folders, report PDFs, file service, backfill."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from app.engine.face import Json
from app.engine.house import House
from app.engine.stamping import Stamping
from app.engine.targets import fetches_as
from app.errors import AgentError, NeedsOperator
from app.intake.backfill import Backfill
from app.intake.folders import FolderWatch
from app.intake.imports import import_paths
from app.intake.incoming import Incoming
from app.intake.pdf import ENCAPSULATED_PDF
from app.intake.port import Port
from app.intake.quiet import QuietStudies
from app.intake.rebuild import drop_unkept, reindex
from app.intake.reports import Reports
from app.intake.take import Taken, source_of
from app.provide.query_retrieve import QueryRetrieve
from app.store import exams
from app.wire.receiving import AssociationChange, AssociationEvent, Receiver, ReceiverSettings

if TYPE_CHECKING:
    from app.provide.query_service import QueryService

log = logging.getLogger("app.engine")
_ASLEEP_SECONDS = 120.0
"""So long between two looks means that the PC slept: quiet periods start afresh."""


class Gateway:
    """Opens and closes all doors of one house. A door that can't open is a trouble in the status, not an end."""

    def __init__(self, house: House, called: Callable[[AssociationEvent], None] = lambda event: None) -> None:
        """`called(event)` hears of every caller, let in or not; it must not wait."""
        self._house = house
        self._called = called
        self._reports = Reports(house.store, house.spool, house.clock)
        self.stamping = Stamping(house, self._reports)
        self._incoming = Incoming(house.store, house.taker, self._reports, house.clock)
        self._port = Port(house.store, house.taker, house.clock, self._taken)
        self._folders: FolderWatch | None = None
        self._backfill = Backfill(
            house.store,
            self._incoming,
            house.clock,
            pacs=house.settings.dicom.pacs,
            our_ae=house.settings.dicom.ae_title,
        )
        self._receiver: Receiver | None = None
        self._callers: Counter[str] = Counter()
        self._callers_lock = threading.Lock()
        self._dicom_trouble = ""
        self._questions: QueryService | None = None
        self._quiet = QuietStudies(
            house.store,
            house.clock,
            quiet_seconds=house.settings.intake.quiet_seconds,
            open_associations=self._open_associations,
            asleep_seconds=_ASLEEP_SECONDS,
        )

    def reindex(self) -> None:
        """After a crash: what lies in the spool and not in the index is indexed, what only the index has is dropped."""
        drop_unkept(self._house.store, self._house.spool)
        count = reindex(
            self._house.store,
            self._house.spool,
            self._house.clock,
            self._house.stopping.is_set,
            on_taken=self._reports.of_object,
        )
        if count:
            log.info("%d images of the spool were indexed again", count)

    def start(self) -> None:
        self._start_receiver()
        self._questions = self._query_service()
        self._house.provider.start(self._questions.answer if self._questions else None)
        self._start_folders()
        self._backfill.resume()

    def stop(self) -> None:
        self.stamping.close()
        if self._receiver is not None:
            self._receiver.stop()
        self._backfill.close(3.0)
        if self._folders is not None:
            self._folders.stop(3.0)
        self._house.provider.stop()
        self.tell_questions(all_of_them=True)

    def heard(self, event: Json) -> None:
        """An event of the store; must not wait."""
        self._quiet.on_event(event)

    def quiet_studies(self) -> list[str]:
        return self._quiet.due()

    # -- the DICOM port ---------------------------------------------------------------------------------------------

    def _start_receiver(self) -> None:
        from app.wire.dicom_receive import PynetdicomReceiver  # pynetdicom: a command without ports need not wait

        house, settings, query = self._house, self._house.settings.dicom, self._house.settings.query
        receiver = PynetdicomReceiver(
            ReceiverSettings(
                port=settings.port,
                ae_title=settings.ae_title,
                address=settings.bind,
                called_aes=(settings.ae_title,),
                calling_aes=settings.allowed_callers,
                allowed_addresses=settings.allowed_addresses,
                query_callers=query.callers if query.on else (),
                query_addresses=query.addresses,
                commitment=settings.commitment,
            ),
            self._port.on_store,
            self._on_association,
            QueryRetrieve(
                house.store,
                house.clock,
                query,
                our_ae=settings.ae_title,
                path_of=house.spool.path,
                fetching=lambda ae_title: [
                    target.name for target in house.targets.values() if fetches_as(target, ae_title)
                ],
            ),
        )
        try:
            receiver.start()
        except AgentError as error:
            self._dicom_trouble = f"{error.title}。{error.advice}"
            log.warning("the DICOM port stays shut: %s", error.title)
            return
        self._receiver, self._dicom_trouble = receiver, ""

    def _on_association(self, event: AssociationEvent) -> None:
        """Who is connected right now, by the name the index uses for the source."""
        source = source_of(event.source)
        with self._callers_lock:
            if event.change is AssociationChange.OPENED:
                self._callers[source] += 1
            elif not event.refused:
                self._callers[source] = max(0, self._callers[source] - 1)
        self._port.on_association(event)
        self._called(event)

    def _open_associations(self, source: str) -> int:
        if self._receiver is None or self._receiver.open_associations() == 0:
            return 0
        with self._callers_lock:
            return self._callers[source]

    def dicom_status(self) -> Json:
        settings = self._house.settings.dicom
        return {
            "ae_title": settings.ae_title,
            "port": self._receiver.port if self._receiver else settings.port,
            "listening": self._receiver is not None,
            "trouble": self._dicom_trouble or self._port.trouble,
        }

    # -- the file service -------------------------------------------------------------------------------------------

    def files_status(self) -> Json:
        return self._house.provider.status()

    def _query_service(self) -> QueryService | None:
        """None while no destination may ask."""
        if not any(target.can("answers") for target in self._house.targets.values()):
            return None
        from app.engine.questions import query_service  # the server's library, which a house without it does not need

        return query_service(self._house)

    def tell_questions(self, *, all_of_them: bool = False) -> None:
        """Write down how often platforms asked since the last time."""
        if self._questions is not None:
            self._questions.tell(all_of_it=all_of_them)

    # -- folders, reports, backfill ---------------------------------------------------------------------------------

    def _start_folders(self) -> None:
        settings = self._house.settings.intake
        places = dict.fromkeys((*settings.folders, *((settings.report_folder,) if settings.report_folder else ())))
        if not places:
            return
        exports = [Path(self._house.settings.his.folder)] if self._house.settings.his.folder else []
        self._folders = FolderWatch(
            [Path(place) for place in places],
            self._incoming,
            self._house.store,
            self._house.clock,
            leave_out=[self._house.home.root, *exports],
        )
        self._folders.start()

    def folder_status(self) -> list[Json]:
        if self._folders is None:
            return [
                {"path": path, "ok": True, "trouble": "", "waiting": 0} for path in self._house.settings.intake.folders
            ]
        return [
            {"path": each.path, "ok": not each.trouble, "trouble": each.trouble, "waiting": each.waiting}
            for each in self._folders.status()
        ]

    def import_paths(self, paths: list[Path]) -> Json:
        found = import_paths(self._incoming, paths, self._house.stopping)
        return {
            "images": found.images,
            "again": found.again,
            "reports": found.reports,
            "aside": found.aside,
            "studies": list(found.studies),
        }

    def attach(self, exam_key: str, path: Path, report: int) -> None:
        self._reports.attach(exam_key, path, report)

    def attach_waiting(self) -> None:
        """Reports that came before their exam find it now."""
        for filed in self._reports.attach_waiting():
            self._house.refresh(filed.exam_key)

    def _taken(self, taken: Taken) -> None:
        """A report that came as a DICOM object is filed with its exam."""
        if taken.sop_class_uid == ENCAPSULATED_PDF:
            self._reports.of_object(taken)

    def backfill(self, day_from: date | None, source: str, stop: bool) -> Json:
        """Start, go on or stop; a PACS delivers to our port, so the program must be running for it."""
        if stop:
            self._backfill.stop()
            return self.backfill_status()
        if day_from is None:
            raise NeedsOperator("还没有写从哪一天开始", "请写成 --from 2026-08-21 这样")
        named = source or next((pacs.name for pacs in self._house.settings.dicom.pacs), "")
        if not named:
            raise NeedsOperator("还没有写从哪里取", "请在设置里填一台 PACS，或指定一个文件夹", page="dicom")
        if named in {pacs.name for pacs in self._house.settings.dicom.pacs} and self._receiver is None:
            raise NeedsOperator("收影像的端口没有打开", "从 PACS 取影像要先启动程序，再运行这个命令")
        self._backfill.start(named, day_from)
        return self.backfill_status()

    def backfill_status(self) -> Json:
        """Progress, and what of those days the platforms do not have yet."""
        status = self._backfill.status()
        return status | {
            "undelivered": exams.undelivered(self._house.store.read(), status["day_from"]),
            "not_taken": self._backfill.undelivered(),
        }
