"""Retrieval from the Guizhou platform (document V1.4, 2.6 to 2.8): a patient's indexes, the cache, an image.

The cache is what the province has at hand: an exam that the platform has need not be in it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from app.practice import national
from app.practice.faults import Fault
from app.practice.guizhou_fields import FILE_SN_RULES, FORMS, HISTORY_RULES, IMAGE_LIST_RULES, IMAGE_RULES, TABLES
from app.practice.guizhou_settings import GuizhouSettings
from app.practice.ledger import DELETED, KEPT, Ledger
from app.practice.reading import digest_of
from app.practice.region import FILE_CONTENT, Answer, Arrival
from app.practice.rules import Rule, is_blank, problems

SERVICES = {"queryImgCaheFileSn": "image_list", "queryImgCahe": "image_content"}
"""2.7 and 2.8 share a path and are told apart by serviceName."""
DOWNLOAD_PATH = "/mie/api/mie/queryImgCaheFIndex"
FAULTS = {
    "wrong_image": "获取图像：内容里的 SOPInstanceUID 不是要的那个",
    "cut_image": "获取图像：内容只有前一半",
    "not_dicom": "获取图像：内容是一页 HTML",
    "bad_base64": "获取图像：内容不是 Base64",
}


class Retrieval:
    """The three queries over the books of the platform."""

    def __init__(self, settings: GuizhouSettings, ledger: Ledger, folder: Path) -> None:
        self._settings = settings
        self._ledger = ledger
        self._folder = folder

    def history(self, arrival: Arrival, ordered: Fault | None) -> Answer:
        wanted = arrival.data
        found = self._problems(wanted, HISTORY_RULES) or _person_problems(wanted)
        if found:
            return _refused("参数校验失败：" + "；".join(found))
        exams = [one for one in self._ledger.all("exam") if one["state"] == KEPT and _is_wanted(one, wanted)]
        rows = [self._row(one, wanted[""]) for one in reversed(exams)]
        return Answer(kept=True, reason=f"查到 {len(rows)} 条", body=national.succeeded(rows))

    def _row(self, exam: Mapping[str, Any], base: str) -> dict[str, Any]:
        """2.6(6): masked, without diagnosis and counts; the download address only for what is in the cache."""
        fields, index = exam["fields"], exam["key"]
        shown = {name: fields.get(name, "") for name in ("psnName", "psnCertType", "examDate", "examPart")}
        page = f"{base}/practice/exam?key={quote(index)}"
        links = {"examRptLinkUrl": page, "imgInfoLinkUrl": page + "#images"} if self._settings.links else {}
        return {
            "hiImgIndx": index,
            **shown,
            "certno": masked(fields.get("certno", "")),
            "fixmedinsCode": fields.get("fixmedinsCode", ""),
            "fixmedinsName": fields.get("fixmedinsName", ""),
            **links,
            "imgDldLink": base + DOWNLOAD_PATH if self._is_cached(index) else "",
        }

    def no_such_service(self, arrival: Arrival, ordered: Fault | None) -> Answer:
        return _refused(f"serviceName(服务名称)应为 {' / '.join(SERVICES)}")

    def image_list(self, arrival: Arrival, ordered: Fault | None) -> Answer:
        found = self._problems(arrival.data, IMAGE_LIST_RULES)
        if found:
            return _refused("参数校验失败：" + "；".join(found))
        rows = [
            {"examUuid": one["study_uid"], "snUuid": one["link"]["series_uid"], "instUuid": one["key"]}
            for one in self._cached_images(arrival.data["hiImgIndx"])
        ]
        body = _cache_reply(arrival.data["hiImgIndx"], imgFileSnList=rows)
        return Answer(kept=True, reason=f"缓存里有 {len(rows)} 张", body=body)

    def image_content(self, arrival: Arrival, ordered: Fault | None) -> Answer:
        found = self._problems(arrival.data, IMAGE_RULES)
        names = arrival.data.get("imgFileSn")
        found += self._problems(names, FILE_SN_RULES, "imgFileSn.") if isinstance(names, dict) else []
        if found:
            return _refused("参数校验失败：" + "；".join(found))
        index, wanted = arrival.data["hiImgIndx"], tuple(names[rule.name] for rule in FILE_SN_RULES)
        image = next(
            (one for one in self._cached_images(index, wanted[2]) if _uids_of(one) == wanted),
            None,
        )
        if image is None:
            return _refused("影像不在缓存中")
        file = self._folder / image["file"]
        if ordered is not None and ordered.what in _SPOILT:
            content = _SPOILT[ordered.what](file.read_bytes(), wanted[2])
            return Answer(kept=True, reason="", body=_cache_reply(index, fileContent=content))
        return Answer(kept=True, reason="", body=_cache_reply(index, fileContent=FILE_CONTENT), file=file)

    def put_in_cache(self, wish: dict[str, Any]) -> dict[str, Any]:
        index, cached, without = wish.get("index"), wish.get("cached", True), wish.get("without", [])
        if not isinstance(index, str) or not isinstance(cached, bool) or not isinstance(without, list):
            raise ValueError('应为 {"index": 索引, "cached": true, "without": [SOPInstanceUID]}')
        if not self._has(index):
            raise LookupError(index)
        self._ledger.keep(
            at=self._settings.clock.stamp(),
            kind="cache",
            key=index,
            digest=digest_of({"without": without}),
            state=KEPT if cached else DELETED,
            link={"without": without},
        )
        return {"index": index, "images": len(self._cached_images(index))}

    def _is_cached(self, index: str) -> bool:
        row = self._ledger.one("cache", index)
        return row["state"] == KEPT if row is not None else self._settings.cache

    def _cached_images(self, index: str, sop: str = "") -> list[dict[str, Any]]:
        """What the cache has of an exam, or of one instance of it."""
        if not self._has(index) or not self._is_cached(index):
            return []
        row = self._ledger.one("cache", index)
        gone = row["link"].get("without", ()) if row is not None else ()
        one = self._ledger.one("image", sop) if sop else None
        images = ([one] if one else []) if sop else self._ledger.linked("image", "index", index)
        return [
            one for one in images if one["state"] == KEPT and one["link"]["index"] == index and one["key"] not in gone
        ]

    def _has(self, index: str) -> bool:
        row = self._ledger.one("exam", index)
        return row is not None and row["state"] == KEPT

    @staticmethod
    def _problems(record: Mapping[str, Any], rules: Sequence[Rule], prefix: str = "") -> list[str]:
        return problems(record, rules, tables=TABLES, forms=FORMS, signature=False, prefix=prefix)


def masked(number: str) -> str:
    """As 2.6 shows a number: the first six and the last four characters."""
    return number[:6] + "*" * (len(number) - 10) + number[-4:] if len(number) > 10 else "*" * len(number)


def _refused(reason: str) -> Answer:
    return Answer(kept=False, reason=reason, body=national.refused(reason))


def _cache_reply(index: str, **found: Any) -> dict[str, Any]:
    """2.7(7), 2.8(7): one shape for both services, the other's part is null."""
    nothing = {"areaCode": None, "imgDldLink": None, "hiImgIndx": index, "imgFileSnList": None, "fileContent": None}
    return national.succeeded({**nothing, **found})


def _uids_of(image: Mapping[str, Any]) -> tuple[str, str, str]:
    return image["study_uid"], image["link"]["series_uid"], image["key"]


def _person_problems(wanted: Mapping[str, Any]) -> list[str]:
    number = wanted["certno"]
    if wanted["psnCertType"] == "111":
        birth = national.moment_of(number[6:14] + "000000")
        if birth is None or not re.fullmatch(r"\d{17}[\dX]", number):
            return ["certno(证件号码)不是有效的居民身份证号"]
    if not is_blank(wanted.get("begntime")) and not is_blank(wanted.get("endtime")):
        return ["endtime(检查结束时间)早于 begntime"] if wanted["endtime"] < wanted["begntime"] else []
    return []


def _is_wanted(exam: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    fields = exam["fields"]
    if any(fields.get(name) != wanted[name] for name in ("psnCertType", "certno")):
        return False
    if not is_blank(wanted.get("psnName")) and fields.get("psnName") != wanted["psnName"]:
        return False
    first, last = wanted.get("begntime") or "", wanted.get("endtime") or "9999"
    return bool(first <= exam["day"] <= last)


def _with_another_uid(content: bytes, sop: str) -> str:
    other = sop[:-1] + ("1" if sop[-1] != "1" else "2")
    return base64.b64encode(content.replace(sop.encode(), other.encode())).decode()


_SPOILT: dict[str, Callable[[bytes, str], str]] = {
    "wrong_image": _with_another_uid,
    "cut_image": lambda content, sop: base64.b64encode(content[: len(content) // 2]).decode(),
    "not_dicom": lambda content, sop: base64.b64encode(b"<html><body>404</body></html>").decode(),
    "bad_base64": lambda content, sop: "＊" + base64.b64encode(content).decode(),
}
