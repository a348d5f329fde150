"""The control interface under /practice/: what a tester may see, order, lose and change. JSON in, JSON out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.practice.faults import FaultBook
from app.practice.ledger import Ledger
from app.practice.page import count_by_owner, exam_page, image_count
from app.practice.region import Region
from app.practice.settings import Settings, change, rekey, shown

Query = Mapping[str, str]
_HTML = "text/html; charset=utf-8"


class Refusal(Exception):
    """A wish that cannot be fulfilled: HTTP status and a Chinese sentence."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Reply:
    """JSON `body`, or a `file`, or a `text` of its own type; `afterwards` is done when the answer has gone out."""

    body: Any = None
    file: Path | None = None
    text: str = ""
    content_type: str = ""
    afterwards: Callable[[], None] | None = None


class Control:
    """Routes by method and path; `go_down` is the platform's own way of not listening for some seconds."""

    def __init__(
        self,
        *,
        practice: str,
        region: Region,
        ledger: Ledger,
        faults: FaultBook,
        settings: Settings,
        folder: Path,
        go_down: Callable[[float], None],
    ) -> None:
        self._practice = practice
        self._region = region
        self._ledger = ledger
        self._faults = faults
        self._settings = settings
        self._folder = folder
        self._go_down = go_down
        self._gets: dict[str, Callable[[Query], Reply]] = {
            "/practice/ledger": self._books,
            "/practice/received": self._arrivals,
            "/practice/versions": self._versions,
            "/practice/serials": lambda query: Reply(body={"serials": self._ledger.serials()}),
            "/practice/exam": self._exam,
            "/practice/image": self._image,
            "/practice/report": self._report,
            "/practice/fault": lambda query: Reply(body={"faults": self._faults.shown()}),
            "/practice/options": lambda query: Reply(body=self._options()),
        }
        self._posts: dict[str, Callable[[dict[str, Any]], Reply]] = {
            "/practice/fault": self._order,
            "/practice/lose": self._lose,
            "/practice/rekey": self._rekey,
            "/practice/down": self._down,
            "/practice/clock": self._move_clock,
            "/practice/options": self._change,
        }

    def answer(self, method: str, path: str, query: Query, body: bytes) -> Reply:
        """Raises Refusal."""
        if method == "DELETE" and path == "/practice/fault":
            self._faults.withdraw_all()
            return Reply(body={"faults": []})
        if method == "GET" and path in self._gets:
            return self._gets[path](query)
        if method == "POST" and path in self._posts:
            return self._posts[path](_wish(body))
        shown = self._region.pages().get(path.removeprefix("/practice/"))
        if method == "GET" and shown is not None:
            return Reply(text=shown(), content_type=_HTML)
        view = self._region.views().get(path.removeprefix("/practice/"))
        if method == "GET" and view is not None:
            return Reply(body=view())
        own = self._region.wishes().get(path.removeprefix("/practice/"))
        if method == "POST" and own is not None:
            return self._granted(own, _wish(body))
        raise Refusal(f"没有这个入口：{method} {path}", 404)

    @staticmethod
    def _granted(own: Callable[[dict[str, Any]], dict[str, Any]], wish: dict[str, Any]) -> Reply:
        try:
            return Reply(body=own(wish))
        except ValueError as error:
            raise Refusal(str(error)) from error
        except LookupError:
            raise Refusal("平台没有这一份", 404) from None

    def _books(self, query: Query) -> Reply:
        exams, reports, images = (self._ledger.all(kind) for kind in ("exam", "report", "image"))
        with_fields = query.get("fields", "1") != "0"
        counts = count_by_owner(images)
        declared = _declared([*self._ledger.all("image_info"), *images])
        body = {
            "practice": self._practice,
            "clock": self._settings.clock.stamp(),
            "counts": self._ledger.counts(),
            "exams": [
                {
                    **_shown(exam, with_fields),
                    "images": image_count(exam, counts),
                    "declared": declared.get(exam["key"]),
                }
                | {"reports": [one["key"] for one in reports if exam["key"] in one["link"].get("exams", ())]}
                for exam in exams
            ],
            "reports": [_shown(report, with_fields) for report in reports],
            "images": [_shown(image, False) for image in images],
            "fetched": [_shown(one, False) for one in self._ledger.all("fetch")],
            "totals": self._ledger.totals(),
        }
        return Reply(body=body)

    def _arrivals(self, query: Query) -> Reply:
        since, limit = (_natural(query, name, default) for name, default in (("since", 0), ("limit", 500)))
        return Reply(body={"received": self._ledger.arrivals(since=since, limit=limit)})

    def _versions(self, query: Query) -> Reply:
        kind, key = query.get("kind", "exam"), query.get("key", "")
        return Reply(body={"versions": self._ledger.versions(kind, key)})

    def _exam(self, query: Query) -> Reply:
        """What a link to an exam's report or images opens in a browser."""
        text = exam_page(self._ledger, query.get("key", ""))
        if text is None:
            raise Refusal("平台没有这一份", 404)
        return Reply(text=text, content_type=_HTML)

    def _image(self, query: Query) -> Reply:
        return Reply(file=self._file("image", query.get("sop", ""), self._folder), content_type="application/dicom")

    def _report(self, query: Query) -> Reply:
        file = self._file("report", query.get("record", ""), self._folder / "reports")
        return Reply(file=file, content_type="application/pdf")

    def _file(self, kind: str, key: str, folder: Path) -> Path:
        row = self._ledger.one(kind, key)
        if row is None or not row["file"]:
            raise Refusal("平台没有这一份", 404)
        return folder / str(row["file"])

    def _order(self, wish: dict[str, Any]) -> Reply:
        try:
            return Reply(body=asdict(self._faults.order(wish)))
        except ValueError as error:
            raise Refusal(str(error)) from error

    def _lose(self, wish: dict[str, Any]) -> Reply:
        found = [(kind, wish[kind]) for kind in ("exam", "report", "image") if kind in wish]
        if len(found) != 1:
            raise Refusal('应为 {"exam": 检查}、{"report": 报告} 或 {"image": SOPInstanceUID}，写平台登记的标识')
        if not self._ledger.lose(*found[0]):
            raise Refusal("平台没有这一份", 404)
        return Reply(body={"lost": found[0][1]})

    def _rekey(self, wish: dict[str, Any]) -> Reply:
        try:
            rekey(self._settings, wish)
        except ValueError as error:
            raise Refusal(str(error)) from error
        return Reply(body={"rekeyed": True})

    def _down(self, wish: dict[str, Any]) -> Reply:
        seconds = wish.get("seconds", 0)
        if not isinstance(seconds, int | float) or not 0 < seconds <= 3600:
            raise Refusal("seconds 应为 0 到 3600 之间的数字")
        return Reply(body={"down_seconds": seconds}, afterwards=lambda: self._go_down(seconds))

    def _move_clock(self, wish: dict[str, Any]) -> Reply:
        seconds = wish.get("offset_seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise Refusal("offset_seconds 应为数字")
        self._settings.clock.offset_seconds = float(seconds)
        return Reply(body={"offset_seconds": seconds})

    def _options(self) -> dict[str, Any]:
        return {**shown(self._settings), "offset_seconds": self._settings.clock.offset_seconds}

    def _change(self, wish: dict[str, Any]) -> Reply:
        try:
            change(self._settings, wish)
        except ValueError as error:
            raise Refusal(str(error)) from error
        return Reply(body=self._options())


def _wish(body: bytes) -> dict[str, Any]:
    try:
        wish = json.loads(body or b"{}")
    except ValueError as error:
        raise Refusal("请求体不是 JSON") from error
    if not isinstance(wish, dict):
        raise Refusal("请求体应为 JSON 对象")
    return wish


def _declared(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """How many images the clinic said an exam has, when it last said so."""
    said = sorted((row for row in rows if "total" in row["link"]), key=lambda row: str(row["last_at"]))
    return {row["link"].get("index", ""): row["link"]["total"] for row in said}


def _natural(query: Query, name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal():
        raise Refusal(f"{name} 应为数字")
    return int(text)


def _shown(row: dict[str, Any], with_fields: bool) -> dict[str, Any]:
    """One kept thing as the ledger shows it: its links beside its own columns."""
    own = {name: row[name] for name in ("key", "state", "version", "received", "digest", "size", "day")}
    times = {"first_at": row["first_at"], "last_at": row["last_at"]}
    more = {"fields": row["fields"]} if with_fields else {}
    sha256 = {"sha256": row["digest"]} if row["kind"] == "image" else {}
    return {**own, "study_uid": row["study_uid"], **row["link"], **sha256, **times, **more}
