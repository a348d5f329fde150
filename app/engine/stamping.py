"""Stamping (电子签章): a report's PDF goes to the stamping client on this machine and comes back under the seal.

Each hand-off has an address of its own, for some minutes and for one stamped PDF. What comes back is checked; refused,
the report keeps the PDF that it has.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from app.catalogue.signed_text import has_signed_text
from app.delivery import record
from app.delivery.stamps import CLIENT, DEMANDED, stamped_values
from app.delivery.target import Target
from app.domain.exam import STAMP_WORDS, Report, StampState
from app.engine.face import Json
from app.engine.house import House
from app.errors import AgentError, NeedsOperator
from app.intake.apart import Apart
from app.intake.pdf import LIMIT_BYTES
from app.intake.reports import Reports
from app.intake.stamped import check_stamped
from app.store import Tx, exams, files
from app.store.times import kept

if TYPE_CHECKING:  # the server's library is loaded at the first hand-off
    from app.wire.hand_off import HandOffServer

log = logging.getLogger("app.engine")
MINUTES = 15
_MOST_TRIES = 5
_MOST_BYTES = LIMIT_BYTES + 8 * 1024 * 1024
"""A little more than a PDF may have: that one is too large is said in words."""
_PLAIN = ":/"
"""Stands in a query as it is (RFC 3986 3.4) and in the document: not every page decodes what it is told."""


@dataclass(kw_only=True)
class _HandOff:
    """`business_id` is what the client calls it; the token alone opens the address. `sha256` goes out, `current` is
    the report's PDF as long as none came back: a new stamp is made on what the last one was made on."""

    token: str
    business_id: str
    exam_key: str
    report_key: str
    sha256: str
    current: str
    until: float
    tries: int = 0
    is_taking: bool = False


class Stamping:
    """The hand-offs of one house; no port is open while there is none. Safe to use from several threads."""

    def __init__(self, house: House, reports: Reports) -> None:
        self._house, self._reports = house, reports
        self._apart = Apart()
        self._lock = threading.Lock()
        self._open: dict[str, _HandOff] = {}
        self._refused: dict[str, Json] = {}
        """Report key -> why the last stamped PDF was not taken."""
        self._server: HandOffServer | None = None
        self._origin = ""
        self._timer: threading.Timer | None = None

    def begin(self, exam_key: str, number: int) -> Json:
        """As `Face.stamp`. Raises NeedsOperator: no PDF, no client, no destination whose reports are stamped."""
        from app.wire.hand_off import is_open

        client, report = client_of(self._house.targets), self._report(exam_key, number)
        if not client:
            raise NeedsOperator("没有设置签章软件", "要在这里盖章，请在上传目标里填签章软件的地址", page="destination")
        source = self._source(report)
        if not is_open(client):
            raise NeedsOperator(
                "签章软件没有打开", "请打开签章软件，插好单位的智能密码钥匙，再点“盖章”", details=client
            )
        one = _HandOff(
            token=secrets.token_urlsafe(32),
            business_id=secrets.token_hex(16),
            exam_key=exam_key,
            report_key=report.report_key,
            sha256=source,
            current=report.pdf_sha256,
            until=self._house.clock.monotonic() + MINUTES * 60,
        )
        server = self._serve(one, client)
        log.info("a report was handed to the stamping client")
        parts = {
            "fileUrl": server.address(one.token, "file.pdf"),
            "savePath": server.address(one.token, "stamped"),
            "saveType": "net",
            "token": one.business_id,
        }
        return {
            "url": f"{client}{'&' if '?' in client else '?'}{urlencode(parts, quote_via=quote, safe=_PLAIN)}",
            "expires_at": kept(self._house.clock.now() + timedelta(minutes=MINUTES)),
            "minutes": MINUTES,
        }

    def shown(self, exam_key: str, number: int) -> Json:
        """As `Face.stamping`."""
        report, now = self._report(exam_key, number), self._house.clock.monotonic()
        with self._lock:
            mine = [one for one in self._open.values() if one.report_key == report.report_key and now < one.until]
            refused = self._refused.get(report.report_key)
        return {
            "state": report.stamp.value,
            "words": STAMP_WORDS[report.stamp],
            "open": any(one.tries < _MOST_TRIES for one in mine),
            "refused": refused,
        }

    def close(self) -> None:
        """Every hand-off ends; what comes later is not taken."""
        with self._lock:
            self._open.clear()
        self._shut_if_idle()
        self._apart.close()

    # -- what the client asks (`Hands`) -----------------------------------------------------------------------------

    def business_id(self, token: str) -> str | None:
        one = self._find(token)
        return one.business_id if one else None

    def given(self, token: str) -> bytes | None:
        one = self._find(token)
        try:
            return self._house.content(one.sha256) if one else None
        except AgentError as error:
            log.warning("a report could not be handed to the stamping client: %s", error.title)
            return None

    def brought(self, token: str, data: bytes) -> str:
        one = self._claim(token)
        if one is None:
            return "这次盖章已经结束"
        try:
            check_stamped(self._apart, self._house.content(one.sha256), data)
            self._reports.take_stamped(one.exam_key, one.report_key, one.current, data, made_from=one.sha256)
        except AgentError as error:
            self._refuse(one, error)
            self._end_if_exchanged(one)
            return error.title
        finally:
            one.is_taking = False
        with self._lock:
            self._open.pop(token, None)
            self._refused.pop(one.report_key, None)
        log.info("a stamped report came back")
        return ""

    def unreadable(self, token: str, why: NeedsOperator) -> None:
        one = self._claim(token)
        if one is not None:
            self._refuse(one, why)
            one.is_taking = False

    # -- how it is done ---------------------------------------------------------------------------------------------

    def _report(self, exam_key: str, number: int) -> Report:
        own = exams.reports_of(self._house.store.read(), exam_key)
        if not 0 <= number < len(own) or not own[number].pdf_sha256:
            raise NeedsOperator("还没有报告 PDF", "请先附上报告 PDF，再盖章", fields=("report_pdf",))
        return own[number]

    def _source(self, report: Report) -> str:
        """What is to be stamped: without the seal that it has from here, as long as that PDF is kept."""
        before = files.path_of(self._house.store.read(), report.stamped_from) if report.stamped_from else None
        if before is not None and self._house.spool.path(before).exists():
            return report.stamped_from
        self._house.content(report.pdf_sha256)
        return report.pdf_sha256

    def _serve(self, one: _HandOff, client: str) -> HandOffServer:
        """The server of the hand-offs, with this one; an earlier one of the same report ends."""
        from app.wire.hand_off import HandOffServer

        split = urlsplit(client)
        origin = f"{split.scheme}://{split.netloc}".lower()
        with self._lock:
            self._refused.pop(one.report_key, None)
            for earlier in [each for each in self._open.values() if each.report_key == one.report_key]:
                del self._open[earlier.token]
            if self._server is None:
                self._server = HandOffServer(self, origin=origin, most_bytes=_MOST_BYTES)
            self._open[one.token] = one
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(MINUTES * 60 + 5, self._shut_if_idle)
            self._timer.daemon = True
            self._timer.start()
            return self._server

    def _find(self, token: str) -> _HandOff | None:
        with self._lock:
            one = self._open.get(token)
            if one is not None and self._house.clock.monotonic() >= one.until:
                del self._open[token]
                return None
            return one

    def _claim(self, token: str) -> _HandOff | None:
        """The hand-off, for one upload at a time and for a few in all."""
        one = self._find(token)
        with self._lock:
            if one is None or one.is_taking or one.tries >= _MOST_TRIES:
                return None
            one.is_taking = True
            one.tries += 1
            return one

    def _refuse(self, one: _HandOff, error: AgentError) -> None:
        log.warning("a stamped report was not taken: %s", error.title)
        now = self._house.clock.now()
        with self._lock:
            self._refused[one.report_key] = {"title": error.title, "advice": error.advice, "at": kept(now)}

        def change(tx: Tx) -> None:
            exams.note(tx, one.exam_key, "stamp_refused", error.title, at=now)
            tx.tell("stamp_refused", exam=one.exam_key, report=one.report_key, title=error.title, advice=error.advice)

        self._house.store.write(change)

    def _end_if_exchanged(self, one: _HandOff) -> None:
        """The report has another PDF by now: nothing that is made of this one can be taken any more."""
        own = exams.reports_of(self._house.store.read(), one.exam_key)
        if not any(each.report_key == one.report_key and each.pdf_sha256 == one.current for each in own):
            with self._lock:
                self._open.pop(one.token, None)

    def _shut_if_idle(self) -> None:
        with self._lock:
            if any(self._house.clock.monotonic() < one.until for one in self._open.values()):
                return
            self._open.clear()
            server, self._server = self._server, None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        if server is not None:
            server.stop()


def client_of(targets: Mapping[str, Target]) -> str:
    """The address of the stamping client, "" where no destination has one."""
    return next((url for target in targets.values() if (url := str(target.options.get(CLIENT) or ""))), "")


def keep_stamped_values(house: House, tx: Tx, exam_key: str, report_key: str, read: Collection[str]) -> None:
    """What a report says now that its PDF was read: compared with later, should the PDF be a stamped one.

    `read`: the fields that the PDF itself says, or said when it was read in another way: they count anew.
    """
    stored = record.known(tx.conn, exam_key)
    for view in house.views(stored) if stored is not None else ():
        mine = [one for one in view.reports if one.report.report_key == report_key]
        if mine and has_signed_text(view.target.region):
            now = stamped_values(view.target.region, record.said(view.target.region, view.exam, mine[0]))
            then = {key: digest for key, digest in mine[0].report.stamped_values.items() if key not in read}
            exams.set_stamped_values(tx, report_key, {**now, **then})
            return


def stamp_shown(house: House, report: Report, views: Sequence[record.View]) -> Json | None:
    """What the form says of a report's stamp; None where nobody has to do with stamps."""
    pdfs = (one.values.get("report_pdf") for view in views for one in view.reports if one.report == report)
    demanded = any(target.options.get(DEMANDED) for target in house.targets.values())
    able = bool(client_of(house.targets))
    if not able and not demanded:
        return None
    return {
        "state": report.stamp.value,
        "words": STAMP_WORDS[report.stamp],
        "demanded": demanded and report.stamp is not StampState.STAMPED,
        "able": able,
        "outdated": next((pdf.doubt for pdf in pdfs if pdf is not None and pdf.doubt), ""),
    }
