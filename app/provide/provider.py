"""The file service of one home: addresses for a platform, what stands behind them, and what the platform took.

An address lives as long as its exam is not withdrawn and its files are kept. Behind `/f/TOKEN.pdf` is a report, behind
`/z/TOKEN.zip` are all images that the exam has at that moment, behind `/i/TOKEN/UID.dcm` is one of them.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.domain.settings import FileService
from app.domain.study import Instance
from app.domain.times import Clock
from app.errors import AgentError, NeedsOperator, RetryLater
from app.provide.archive import Archive, Member, crc32_of
from app.provide.images import Carried, SingleImages
from app.store import Store, Tx, exams, files, images
from app.store.files import ZIP, Link, Measured
from app.wire.http_client import HttpClient

if TYPE_CHECKING:  # the server's library is loaded when the service opens
    from app.wire.file_server import Answer, FileServer, Refused, Sent, Served

log = logging.getLogger(__name__)
PAGE = "files"
PDF_WORDS, ZIP_WORDS, IMAGES_WORDS = "报告 PDF", "影像压缩包", "影像"
_GONE = "有影像文件找不到了，平台取不走影像"
_GONE_ADVICE = "请让设备把这一例重发一遍，再重新上传"
_PROBE_SECONDS = 5.0
_SUFFIXES = {"f": ".pdf", "z": ".zip"}


@dataclass(frozen=True, kw_only=True)
class _Pack:
    """The images of an exam as one archive, ready to be sent. `tag` names exactly this content."""

    archive: Archive
    tag: str
    is_empty: bool


class Provider:
    """`path_of(relative)` finds a stored file; `carries(destination)`: its images carry a minted accession number."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: FileService,
        *,
        path_of: Callable[[str], Path],
        carried: Carried,
        carries: Callable[[str], bool],
    ) -> None:
        self._store, self._clock, self._settings = store, clock, settings
        self._path_of, self._carried, self._carries = path_of, carried, carries
        self._single = SingleImages(store, clock, path_of=path_of, carried=carried, carries=carries, write=self._write)
        self._server: FileServer | None = None
        self._trouble = ""
        self._probe = secrets.token_urlsafe(32)

    # -- open and closed --------------------------------------------------------------------------------------------

    def start(self, answer: Answer | None = None) -> None:
        """Open the service when an address is set for it; one that can't open is a trouble in the status.

        `answer` is asked first: questions come in by the same port.
        """
        if not self._settings.public_base_url:
            return
        from app.wire.file_server import FileServer, FileServerSettings

        server = FileServer(
            FileServerSettings(
                port=self._settings.port,
                address=self._settings.bind,
                allowed_addresses=self._settings.allowed_addresses,
            ),
            self.resolve,
            answer,
        )
        try:
            server.start()
        except AgentError as error:
            self._trouble = f"{error.title}。{error.advice}"
            log.warning("the file service stays shut: %s", error.title)
            return
        self._server, self._trouble = server, ""

    def stop(self) -> None:
        """Within a few seconds; transfers under way end incomplete."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def status(self) -> dict[str, Any]:
        return {
            "listening": self._server is not None,
            "base_url": self._settings.public_base_url,
            "trouble": self._trouble,
        }

    def own_fetch(self) -> bool:
        """Fetch a word from the open service, by the loop of this PC and by the address that platforms get.

        False: our own address is not let in, so nobody can say from here. Raises AgentError for anything else that is
        wrong; LineCut also for an address that only leads in from outside.
        """
        http = HttpClient(name="文件服务", connect_seconds=_PROBE_SECONDS, read_seconds=_PROBE_SECONDS)
        try:
            own = f"http://{self._loopback()}:{self._server.port}" if self._server is not None else ""
            return all(self._fetched(http, base) for base in (own, self._settings.public_base_url) if base)
        finally:
            http.close()

    def _loopback(self) -> str:
        return "127.0.0.1" if self._settings.bind in ("0.0.0.0", "") else self._settings.bind

    def _fetched(self, http: HttpClient, base: str) -> bool:
        reply = http.send("GET", f"{base.rstrip('/')}/p/{self._probe}")
        if reply.status == 403:
            return False
        if reply.body != self._probe.encode("ascii"):
            details = f"{urlsplit(base).netloc} HTTP {reply.status}"
            raise NeedsOperator("这个地址打开的不是本机的文件服务", "请核对地址和端口", page=PAGE, details=details)
        return True

    # -- addresses --------------------------------------------------------------------------------------------------

    def link(self, destination: str, exam_key: str, sha256: str) -> str:
        """The address of a report PDF. Raises NeedsOperator while the service is off."""
        base = self._base()
        token = self._store.write(lambda tx: files.link(tx, destination, exam_key, sha256, now=self._clock.now()))
        return f"{base}/f/{token}.pdf"

    def zip_link(self, destination: str, exam_key: str) -> str:
        """The address of all images of the exam, the same one for every version of it.

        Raises NeedsOperator while the service is off or an image is gone, RetryLater while one can't be read.
        """
        base = self._base()
        try:
            pack = self._pack(destination, exam_key)
        except FileNotFoundError as error:
            raise NeedsOperator("有影像文件找不到了", _GONE_ADVICE, fields=("images",)) from error
        except OSError as error:
            raise RetryLater(
                "影像文件暂时读不了", "正在自动重试，您不用管", details=f"{type(error).__name__} {error.errno}"
            ) from error
        if pack.is_empty:
            raise NeedsOperator("这一例还没有影像", "影像到了再上传", fields=("images",))
        token = self._store.write(lambda tx: self._offer(tx, destination, exam_key, pack))
        return f"{base}/z/{token}.zip"

    def image_link(self, destination: str, exam_key: str, sop_instance_uid: str) -> str:
        """The address of one image of the exam. Raises NeedsOperator while the service is off."""
        return self._base() + self._single.place(destination, exam_key, sop_instance_uid)

    def _offer(self, tx: Tx, destination: str, exam_key: str, pack: _Pack) -> str:
        size = pack.archive.size
        return files.link(tx, destination, exam_key, ZIP, tag=pack.tag, size_bytes=size, now=self._clock.now())

    def _base(self) -> str:
        if not self._settings.public_base_url:
            raise NeedsOperator(
                "还没有填文件服务的地址",
                "平台要来本机取文件，请在设置的“收影像”里填平台访问的地址",
                page=PAGE,
            )
        if self._trouble:
            raise NeedsOperator(
                "文件服务没有打开，平台取不到文件", f"请在设置的“收影像”里看文件服务。{self._trouble}", page=PAGE
            )
        return self._settings.public_base_url.rstrip("/")

    # -- what stands behind an address ------------------------------------------------------------------------------

    def resolve(self, path: str, address: str) -> Served | Refused:
        """Only what a live token names; everything else is not there."""
        from app.wire.file_server import Refused, Served

        kind, _, name = path.removeprefix("/").partition("/")
        if kind == "p" and secrets.compare_digest(name.encode(), self._probe.encode()):
            return Served(content=[self._probe.encode("ascii")], size=len(self._probe), content_type="text/plain")
        token, _, image = name.partition("/") if kind == "i" else (name.removesuffix(_SUFFIXES.get(kind, "")), "", "")
        link = files.find_link(self._store.read(), token) if token else None
        if link is None or kind != ("i" if link.is_images else "z" if link.is_zip else "f"):
            return Refused(status=404)
        if link.withdrawn:
            return Refused(status=410)
        if link.is_images:
            return self._image(link, image)
        return self._zip(link) if link.is_zip else self._pdf(link)

    def _pdf(self, link: Link) -> Served | Refused:
        from app.wire.file_server import Refused, Served

        relative = files.path_of(self._store.read(), link.sha256)
        path = self._path_of(relative) if relative else None
        if path is None or not path.exists():
            self._is_broken(link, f"{PDF_WORDS}的文件找不到了，请重新附上再上传")
            return Refused(status=404)
        size = path.stat().st_size
        return Served(
            content=path,
            tag=link.sha256,
            content_type="application/pdf",
            on_done=lambda sent: self._took(link, sent, size, link.sha256),
        )

    def _image(self, link: Link, name: str) -> Served | Refused:
        from app.wire.file_server import Refused

        try:
            return self._single.served(link, name) or Refused(status=404)
        except (OSError, AgentError) as error:
            log.warning("an image can't be fetched: %s", type(error).__name__)
            self._is_broken(link, f"{_GONE}，{_GONE_ADVICE}")
            return Refused(status=404 if isinstance(error, FileNotFoundError) else 503)

    def _zip(self, link: Link) -> Served | Refused:
        from app.wire.file_server import Refused, Served

        try:
            pack = self._pack(link.destination, link.exam_key)
        except (OSError, AgentError) as error:
            log.warning("the images of an exam can't be fetched: %s", type(error).__name__)
            self._is_broken(link, f"{_GONE}，{_GONE_ADVICE}")
            return Refused(status=503)
        if pack.is_empty:
            return Refused(status=404)
        if pack.tag != link.tag:  # images came since: what the platform took before is not all any more
            self._write(lambda tx: self._offer(tx, link.destination, link.exam_key, pack))
        return Served(
            content=_Watched(pack.archive, lambda: self._is_broken(link, f"{_GONE}，{_GONE_ADVICE}")),
            tag=pack.tag,
            content_type="application/zip",
            download_name=f"{link.exam_key}.zip",
            on_done=lambda sent: self._took(link, sent, pack.archive.size, pack.tag),
        )

    def _took(self, link: Link, sent: Sent, size: int, tag: str) -> None:
        now = self._clock.now()

        def change(tx: Tx) -> None:
            is_new = files.sent(
                tx,
                link.token,
                first=sent.first,
                count=sent.count,
                complete=sent.complete,
                size_bytes=size,
                tag=tag,
                now=now,
            )
            if is_new:
                exams.note(tx, link.exam_key, "fetched", _detail(link), at=now)

        if sent.count:
            self._write(change)

    def _is_broken(self, link: Link, why: str) -> None:
        now = self._clock.now()

        def change(tx: Tx) -> None:
            if files.break_link(tx, link.token, why):
                exams.note(tx, link.exam_key, "fetch_broken", _detail(link), at=now)
                tx.tell("exam_changed", exam=link.exam_key)

        self._write(change)

    def _write(self, change: Callable[[Tx], object]) -> None:
        """Without waiting; a house that closes counts no more."""
        with suppress(RetryLater):
            self._store.submit(change)

    # -- the images of an exam --------------------------------------------------------------------------------------

    def _pack(self, destination: str, exam_key: str) -> _Pack:
        """Raises OSError for an image that can't be read (FileNotFoundError: it is gone)."""
        conn = self._store.read()
        instances = images.instances_of(conn, exam_key)
        exam = exams.exam(conn, exam_key)
        accession = exam.minted_accession if exam is not None and self._carries(destination) else ""
        known = files.measured(conn, exam_key, accession)
        fresh: list[Measured] = []
        members, digest = [], hashlib.sha256()
        for one, name in zip(instances, names(instances), strict=True):
            found = known.get((one.sop_instance_uid, one.data_set_sha256))
            if found is None:
                found = self._measured(one, accession)
                fresh.append(found)
            elif not self._path_of(one.path).exists():
                raise FileNotFoundError(one.sop_instance_uid)
            members.append(
                Member(name=name, size_bytes=found.size_bytes, crc32=found.crc32, open=self._opener(one, accession))
            )
            digest.update(f"{name} {found.size_bytes} {found.crc32:08x} {one.data_set_sha256}\n".encode())
        if fresh:
            self._store.write(lambda tx: files.keep_measured(tx, fresh))
        return _Pack(archive=Archive(members), tag=digest.hexdigest(), is_empty=not members)

    def _measured(self, one: Instance, accession: str) -> Measured:
        with self._opener(one, accession)() as path:
            size, crc32 = crc32_of(path)
        return Measured(
            sop_instance_uid=one.sop_instance_uid,
            sha256=one.data_set_sha256,
            accession_number=accession,
            size_bytes=size,
            crc32=crc32,
        )

    def _opener(self, one: Instance, accession: str) -> Callable[[], AbstractContextManager[Path]]:
        """The original, or a copy made for as long as it is read: never more than one on the disk at a time."""
        original = self._path_of(one.path)
        return (lambda: self._carried(original, accession)) if accession else (lambda: nullcontext(original))


class _Watched:
    """An archive that tells when it had to break off."""

    def __init__(self, archive: Archive, broke: Callable[[], None]) -> None:
        self._archive, self._broke = archive, broke

    @property
    def size(self) -> int:
        return self._archive.size

    def blocks(self, first: int, length: int) -> Iterator[bytes]:
        with self._telling():
            yield from self._archive.blocks(first, length)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        from app.wire.file_server import ContentBroken

        try:
            yield
        except ContentBroken:
            self._broke()
            raise


def names(instances: Sequence[Instance]) -> list[str]:
    """0001_<SOP instance UID>.dcm, in the order of the series; one folder for each study when there are several."""
    studies = list(dict.fromkeys(one.study_instance_uid for one in instances))
    counts = dict.fromkeys(studies, 0)
    found = []
    for one in instances:
        counts[one.study_instance_uid] += 1
        folder = f"{_plain(one.study_instance_uid)}/" if len(studies) > 1 else ""
        found.append(f"{folder}{counts[one.study_instance_uid]:04d}_{_plain(one.sop_instance_uid)}.dcm")
    return found


def _plain(uid: str) -> str:
    """A UID as part of a path: one with anything but digits and dots is replaced by its digest."""
    if uid.strip(".0123456789") == "" and uid.strip(".") == uid and ".." not in uid and 0 < len(uid) <= 64:
        return uid
    return "x" + hashlib.sha256(uid.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _detail(link: Link) -> str:
    return f"{link.destination}/{'images' if link.is_images else 'zip' if link.is_zip else 'pdf'}"
