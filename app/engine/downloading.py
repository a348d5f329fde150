"""Downloads of other hospitals' images (调阅) as the face offers them: begun, told, paused, gone on with, removed.

They lie in a folder of their own, never where images are taken in.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from pathlib import Path

from app.delivery.downloads import Downloads
from app.domain.retrieval import Download, DownloadState, ImageState, Offered, Subject
from app.domain.times import CST
from app.engine import retrieve_shown
from app.engine.face import Json
from app.engine.house import House
from app.engine.retrieval import Retrieval
from app.errors import NeedsOperator
from app.intake.retrieved import Shelf, file_of, is_uid
from app.regions.conversation import FoundImage
from app.store import Tx, retrievals
from app.system.disk import durable_folder, durable_replace, free_bytes

_LEAST_FREE_ELSEWHERE = 20 * 1024 * 1024
_MOST_LISTED = 500


class Downloading:
    """All downloads of one house; each destination has a worker that fetches one image at a time."""

    def __init__(self, house: House, retrieval: Retrieval, *, jitter: Callable[[], float]) -> None:
        self._house, self._retrieval = house, retrieval
        self._shelf = Shelf(
            durable_replace=durable_replace,
            durable_folder=durable_folder,
            free_bytes=free_bytes,
            least_free_bytes=self._least_free,
        )
        self._workers = {
            name: Downloads(
                house.store,
                name,
                retrieval.retriever(name),
                self._shelf,
                house.clock,
                house.settings.upload,
                jitter=jitter,
                stopping=house.stopping,
            )
            for name, target in house.targets.items()
            if target.can("image")
        }

    def start(self) -> None:
        """Downloads that an earlier end left go on."""
        for worker in self._workers.values():
            worker.start()

    def join(self, timeout_seconds: float) -> None:
        """After `house.stopping` is set."""
        for worker in self._workers.values():
            worker.join(timeout_seconds)

    def begin(self, lookup: str, index_code: str, folder: str) -> Json:
        """See `Face.start_download`."""
        known, place = self._retrieval.remembered.exam(lookup, index_code)
        target = self._retrieval.target(known.destination, "image")
        parent, about = self._parent(folder), known.shown[place]
        found = self._retrieval.images(known, place)
        offered = [_offered(one) for one in found]
        subject = Subject(
            index_code=about["index_code"],
            patient_name=about["patient_name"],
            body_part=about["body_part"] or about["body_part_code"],
            exam_date=about["exam_date"],
            clinic_name=about["clinic_name"] or about["clinic_code"],
        )
        own = parent / _folder_name(target.name, subject)
        had = [one.sop_instance_uid for one in offered if one.usable and file_of(own, one).exists()]
        record = self._retrieval.note(retrievals.DOWNLOADED, target, known.reason, known.id_masked)
        now = self._house.clock.now()

        def change(tx: Tx) -> int:
            retrievals.answered(tx, record, len(offered))
            return retrievals.begin(tx, target.name, subject, str(own), offered, had, now=now)

        id = self._house.store.write(change)
        self._workers[target.name].begin(id)
        return self.one(id)

    def listed(self, limit: int) -> Json:
        found = retrievals.downloads(self._house.store.read(), max(1, min(limit, _MOST_LISTED)))
        return {"downloads": [self._shown(one) for one in found]}

    def one(self, id: int) -> Json:
        return self._shown(self.known(id))

    def pause(self, id: int) -> Json:
        self.known(id)
        self._house.store.write(lambda tx: retrievals.pause(tx, id, now=self._house.clock.now()))
        return self.one(id)

    def resume(self, id: int) -> Json:
        """What a person took out of the folder meanwhile is fetched again."""
        one = self.known(id)
        worker = self._workers.get(one.destination)
        if worker is None:
            raise NeedsOperator("这个下载的平台现在用不了", "请在设置里看看这个上传目标，或移除这个下载")
        kept = retrievals.images(self._house.store.read(), id, ImageState.KEPT)
        lost = [row["place"] for row in kept if not file_of(Path(one.folder), _of_row(row)).is_file()]

        def change(tx: Tx) -> None:
            for place in lost:
                retrievals.lost(tx, id, place)
            retrievals.resume(tx, id, now=self._house.clock.now())

        self._house.store.write(change)
        worker.begin(id)
        return self.one(id)

    def remove(self, id: int) -> Json:
        one = self.known(id)
        worker = self._workers.get(one.destination)
        with worker.placing if worker else threading.Lock():
            rows = retrievals.images(self._house.store.read(), id)
            own = [_of_row(row) for row in rows if not row["had"] and row["state"] != ImageState.UNUSABLE.value]
            try:
                self._shelf.take_away(Path(one.folder), own)
            except OSError as error:
                raise NeedsOperator(
                    "有文件删不掉",
                    "可能正被别的程序打开，或移动硬盘没有连着；请处理好再移除",
                    details=f"{type(error).__name__} {error.errno}",
                ) from error
            self._house.store.write(lambda tx: retrievals.remove(tx, id))
        return {}

    def known(self, id: int) -> Download:
        found = retrievals.download(self._house.store.read(), id)
        if found is None:
            raise NeedsOperator("没有这个下载", "它可能已经移除了，请刷新列表")
        return found

    def _shown(self, one: Download) -> Json:
        worker, target = self._workers.get(one.destination), self._house.targets.get(one.destination)
        rows = retrievals.images(self._house.store.read(), one.id, ImageState.REFUSED, ImageState.UNUSABLE)
        return retrieve_shown.download(
            one,
            target.title if target else one.destination,
            rows,
            seconds_left=worker.seconds_left(one) if worker else None,
            state_words=self._state_words(one, worker),
        ) | {"started_at": one.started_at.isoformat(), "changed_at": one.changed_at.isoformat()}

    def _state_words(self, one: Download, worker: Downloads | None) -> str:
        words = retrieve_shown.STATE_WORDS[one.state]
        if one.state is DownloadState.DONE and one.refused:
            return f"{words} · {one.refused} 幅没有收下"
        if one.state is DownloadState.WAITING and one.due_at is not None:
            return f"{words} · {one.due_at.astimezone(CST):%H:%M} 再试"
        if one.state is DownloadState.RUNNING and (worker is None or not worker.works_on(one.id)):
            return "程序运行时接着下载"
        if one.state is DownloadState.RUNNING and self._is_behind(one):
            return "排在别的下载后面"
        return words

    def _is_behind(self, one: Download) -> bool:
        before = retrievals.active(self._house.store.read(), one.destination)
        return any(other.id < one.id and other.state is DownloadState.RUNNING for other in before)

    # -- where they lie -----------------------------------------------------------------------------------------------

    def _parent(self, folder: str) -> Path:
        """Never a place where images are taken in from: other hospitals' must not become ours."""
        if not folder.strip():
            return self._house.home.retrieved
        given = Path(folder.strip())
        if not given.is_absolute():
            raise NeedsOperator("下载文件夹要写完整的路径", "例：D:\\调阅影像", fields=("folder",))
        home, settings = self._house.home, self._house.settings
        taken_from = [*settings.intake.folders, settings.intake.report_folder, settings.his.folder]
        watched = [Path(each) for each in taken_from if each] + [home.spool, home.parts, home.aside]
        whole = given.resolve()
        if any(whole.is_relative_to(each.resolve()) for each in watched):
            raise NeedsOperator(
                "这个文件夹在收影像，不能放外院的影像", "请换一个文件夹，或用程序自己的", fields=("folder",)
            )
        return given

    def _least_free(self, folder: Path) -> int:
        """On the disk of our own images as much as intake needs; elsewhere a little."""
        same_disk = folder.stat().st_dev == self._house.home.root.stat().st_dev
        return self._house.settings.intake.least_free_mb * 1024 * 1024 if same_disk else _LEAST_FREE_ELSEWHERE


def _offered(image: FoundImage) -> Offered:
    uids = (image.study_instance_uid, image.series_instance_uid, image.sop_instance_uid)
    return Offered(
        study_instance_uid=uids[0],
        series_instance_uid=uids[1],
        sop_instance_uid=uids[2],
        usable=all(is_uid(uid) for uid in uids),
    )


def _of_row(row: dict[str, object]) -> Offered:
    return Offered(
        study_instance_uid=str(row["study_instance_uid"]),
        series_instance_uid=str(row["series_instance_uid"]),
        sop_instance_uid=str(row["sop_instance_uid"]),
    )


def _folder_name(destination: str, exam: Subject) -> str:
    """The same for the same exam; says nothing of the patient."""
    mark = hashlib.sha256(f"{destination}\n{exam.index_code}".encode()).hexdigest()[:12]
    day = re.sub(r"[^0-9]", "", exam.exam_date)[:8]
    return f"{day}-{mark}" if day else mark
