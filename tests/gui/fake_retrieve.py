"""A platform that lets look up exams, for the page 调阅: one patient with four, and three downloads of before."""

from __future__ import annotations

import copy
import re
import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

from app.catalogue.identity import id_card_birth_date, id_card_fault, id_card_sex
from app.errors import NeedsOperator

Json = dict[str, Any]
PATIENT = "520102196310024321"
"""Invented: 李桂芳, born 1963-10-02."""
NOBODY = "520102196308194321"
TODAY = date(2026, 11, 20)
IMAGES, SERIES = 286, 3
_CARD, _PASSPORT = "111", "414"
_CLINICS = {
    "H52010200318": "贵阳市河东中医院",
    "H52042300027": "晋安县人民医院",
    "H52010201146": "黔惠综合门诊部",
}
_EXAMS = (
    ("20261108094210", "BW23ZYZZZ", "胸部 CT 普通扫描", "H52010200318"),
    ("20260721152604", "BN00ZZZ11", "X 线头颅后前位", "H52042300027"),
    ("20260302101733", "BW2310ZZZ", "胸部 CT 平扫加增强", "H52010201146"),
    ("20251215083950", "BR39ZYZZZ", "腰椎 MRI 普通扫描", "H52042300027"),
)
OWN_EXAM = "E0010"
"""The exam of the fake's own list that the third one is."""
WHY = "收到的影像 UID 与清单不一样"


def a_place(name: str = "index", title: str = "贵州省医保影像云索引", **more: Any) -> Json:
    kinds = [{"code": _CARD, "label": "居民身份证"}, {"code": _PASSPORT, "label": "普通护照"}]
    reasons = ["本次就诊参考", "术前评估", "治疗后复查对比", "会诊", "患者要求"]
    return {"destination": name, "title": title, "id_types": kinds, "images": True, "reasons": reasons} | more


def an_exam(time: str, code: str, part: str, clinic: str) -> Json:
    index = f"111-{PATIENT}-{time}-0000000000000-000000000"
    own = clinic == "H52010201146"
    at = f"http://192.0.2.90/mie/{time}"
    return {
        "index_code": index,
        "index_shown": masked_index(index),
        "patient_name": "李桂芳",
        "id_number": masked(PATIENT),
        "exam_date": f"{time[:4]}-{time[4:6]}-{time[6:8]}",
        "body_part_code": code,
        "body_part": part,
        "clinic_code": clinic,
        "clinic_name": _CLINICS[clinic],
        "report_url": f"{at}/report",
        "image_url": f"{at}/images",
        "download_url": f"{at}/files",
        "exam_key": OWN_EXAM if own else "",
        "more": [],
    }


def a_download(number: int, exam: Json, state: str, done: int, **more: Any) -> Json:
    words = {"running": "正在下载", "paused": "已暂停", "waiting": "等待重试 · 14:10 再试", "done": "下载完成",
             "failed": "停下了，要您看一眼"}  # fmt: skip
    return {
        "id": number,
        "destination": "index",
        "title": "贵州省医保影像云索引",
        **{key: exam[key] for key in ("index_code", "index_shown", "patient_name", "body_part", "exam_date")},
        "clinic_name": exam["clinic_name"],
        "state": state,
        "state_words": words[state],
        "done": done,
        "total": IMAGES,
        "checked": done,
        "seconds_left": 15.0 if state == "running" else None,
        "folder": f"C:/ProgramData/影像云上传助手/retrieved/{exam['exam_date']}",
        "trouble": None,
        "refused": [],
        "started_at": "2026-11-20T06:05:08+00:00",
        "changed_at": "2026-11-20T06:05:40+00:00",
        **more,
    }


def masked(number: str) -> str:
    return f"{number[:6]}{'*' * (len(number) - 10)}{number[-4:]}" if len(number) >= 15 else "*" * len(number)


def masked_index(index: str) -> str:
    kind, number, *rest = index.split("-")
    return "-".join((kind, f"{number[:4]}****{number[-4:]}", *rest))


class FakeRetrieve:
    """The methods of 调阅. No place offers it until `offer_retrieval`."""

    def __init__(self) -> None:
        self.places: list[Json] = []
        self.exams = [an_exam(*one) for one in _EXAMS]
        self.kept_downloads: list[Json] = []
        self.lookup_rows: list[Json] = []
        self.offers = IMAGES
        """How many images the platform has of an exam."""
        self.lets_answer = threading.Event()
        """Cleared: the platform keeps its answer to a look-up back."""
        self.lets_answer.set()

    # -- help for tests ---------------------------------------------------------------------------------------------

    def offer_retrieval(self, *, images: bool = True, several: bool = True) -> None:
        """This clinic's platforms answer look-ups."""
        self.places = [a_place(images=images)]
        if several:
            self.places.append(a_place("city", "贵阳市影像云", images=False))

    def had_downloads(self) -> None:
        """A patient of this morning, two of before: one paused, one with a refused image."""
        other = an_exam("20260918101500", "BW23ZYZZZ", "胸部 CT 普通扫描", "H52042300027") | {"patient_name": "罗永昌"}
        third = an_exam("20260402083000", "BR39ZYZZZ", "腰椎 MRI 普通扫描", "H52010200318") | {"patient_name": "杨秀兰"}
        refused = [{"sop_instance_uid": f"1.2.840.113619.2.55.3.604688119.{n}", "why": WHY} for n in range(2)]
        self.kept_downloads += [
            a_download(12, other, "paused", 96),
            a_download(11, third, "done", IMAGES - 2, refused=refused, started_at="2026-11-18T02:10:00+00:00")
            | {"state_words": "下载完成 · 2 幅没有收下"},
        ]

    def download_of(self, number: int) -> Json:
        found = next((one for one in self.kept_downloads if one["id"] == number), None)
        if found is None:
            raise NeedsOperator("没有这个下载", "它可能已经移除了，请刷新列表")
        return found

    # -- the face ---------------------------------------------------------------------------------------------------

    def retrieve_places(self) -> Json:
        self._answer("retrieve_places")  # type: ignore[attr-defined]
        folder = "C:/ProgramData/影像云上传助手/retrieved"
        return {"places": copy.deepcopy(self.places), "today": len(self.lookup_rows), "folder": folder}

    def id_number_said(self, destination: str, id_type: str, id_number: str) -> Json:
        self._answer("id_number_said", destination, id_type, id_number)  # type: ignore[attr-defined]
        number = id_number.strip().upper()
        told: Json = {"wrong": None, "said": "", "masked": masked(number)}
        if id_type != _CARD:
            return told
        if fault := id_card_fault(number):
            return told | {"wrong": {"title": fault.title, "advice": fault.advice}}
        born = id_card_birth_date(number)
        assert born is not None
        age = TODAY.year - born.year - ((TODAY.month, TODAY.day) < (born.month, born.day))
        return told | {"said": f"{'男' if id_card_sex(number) == '1' else '女'} · {age} 岁 · 证件号码校验正确"}

    def look_up(
        self,
        destination: str,
        id_type: str,
        id_number: str,
        name: str = "",
        day_from: str = "",
        day_to: str = "",
        reason: str = "",
    ) -> Json:
        self._answer("look_up", destination, id_type, id_number, name, day_from, day_to, reason)  # type: ignore[attr-defined]
        assert self.lets_answer.wait(20)
        if not id_number.strip():
            raise NeedsOperator("还没有填证件号码", "请对照证件填写", fields=("id_number",))
        if not reason.strip():
            raise NeedsOperator("还没有写查询原因", "请选一个原因，它会记入日志", fields=("reason",))
        exams = copy.deepcopy(self.exams) if id_number == PATIENT else []
        title = next(one["title"] for one in self.places if one["destination"] == destination)
        row = {"at": "2026-11-20T06:05:00+00:00", "who": "宋佳", "destination": destination, "title": title}
        self.lookup_rows.insert(0, row | {"reason": reason, "id_masked": masked(id_number), "count": len(exams)})
        clinics = len({one["clinic_code"] for one in exams})
        return {
            "lookup": f"L{len(self.lookup_rows)}",
            "destination": destination,
            "title": title,
            "asked_at": "2026-11-20T06:05:00+00:00",
            "seconds": 1.2,
            "places_count": clinics,
            "day_from": day_from,
            "day_to": day_to,
            "exams": exams,
            "words": f"{len(exams)} 例检查，来自 {clinics} 家机构" if exams else "平台没有查到这位患者的检查",
        }

    def images_offered(self, lookup: str, index_code: str) -> Json:
        self._answer("images_offered", lookup, index_code)  # type: ignore[attr-defined]
        words = f"{self.offers} 幅 · {SERIES} 个序列" if self.offers else "平台现在没有这例的影像可下载"
        return {
            "count": self.offers,
            "series_count": SERIES if self.offers else 0,
            "asked_at": "2026-11-20T06:05:08+00:00",
            "words": words,
        }

    def start_download(self, lookup: str, index_code: str, folder: str = "") -> Json:
        self._answer("start_download", lookup, index_code, folder)  # type: ignore[attr-defined]
        exam = next(one for one in self.exams if one["index_code"] == index_code)
        made = a_download(20 + len(self.kept_downloads), exam, "running", 0, seconds_left=None)
        self.kept_downloads.insert(0, made | ({"folder": folder} if folder else {}))
        return copy.deepcopy(made)

    def downloads(self, limit: int = 50) -> Json:
        self._answer("downloads", limit)  # type: ignore[attr-defined]
        return {"downloads": copy.deepcopy(self.kept_downloads[:limit])}

    def pause_download(self, id: int) -> Json:
        self._answer("pause_download", id)  # type: ignore[attr-defined]
        self.download_of(id).update(state="paused", state_words="已暂停", seconds_left=None)
        return self.download_of(id)

    def resume_download(self, id: int) -> Json:
        self._answer("resume_download", id)  # type: ignore[attr-defined]
        self.download_of(id).update(state="running", state_words="正在下载", trouble=None)
        return self.download_of(id)

    def remove_download(self, id: int) -> Json:
        self._answer("remove_download", id)  # type: ignore[attr-defined]
        self.kept_downloads.remove(self.download_of(id))
        return {}

    def download_series(self, id: int) -> Json:
        self._answer("download_series", id)  # type: ignore[attr-defined]
        here = self.download_of(id)["checked"]
        row = {"uid": "1.2.3.0", "modality": "CT"}
        groups = [(1, 2), (2, IMAGES - 3), (3, 1)]
        made, left = [], int(here)
        for number, count in groups:
            if left > 0:
                made.append(self._series(row, number, min(count, left)))  # type: ignore[attr-defined]
                left -= count
        return {"series": made, "image_count": here, "other_count": 0, "released_count": 0}

    def download_frame(self, id: int, sop_instance_uid: str, frame: int = 0, **how: Any) -> Json:
        self._answer("download_frame", id, sop_instance_uid, frame)  # type: ignore[attr-defined]
        made: Json = self.frame(sop_instance_uid, frame, **how)  # type: ignore[attr-defined]
        return made

    def lookups(self, day: str = "") -> Json:
        self._answer("lookups", day)  # type: ignore[attr-defined]
        return {"lookups": copy.deepcopy(self.lookup_rows)}


def records(count: int) -> list[Json]:
    """Look-ups of an invented day, the newest first."""
    reasons = ("本次就诊参考", "治疗后复查对比", "术前评估", "会诊", "患者要求")
    at = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
    return [
        {
            "at": (at - timedelta(minutes=47 * n)).isoformat(),
            "who": "宋佳",
            "destination": "index",
            "title": "贵州省医保影像云索引",
            "reason": reasons[n % len(reasons)],
            "id_masked": re.sub(r"\d{2}$", f"{17 + n:02}", masked(PATIENT)),
            "count": (4, 0, None, 2, 7)[n % 5],
        }
        for n in range(count)
    ]
