"""A platform's answers about other hospitals' exams, as pages and terminals show them. Reads only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.catalogue.region import Region
from app.domain.retrieval import Download, DownloadState, Hitch
from app.engine.face import Json
from app.engine.retrieve_query import masked_number
from app.regions.conversation import FoundExam

NOTHING = "平台没有查到这位患者的检查"
NO_IMAGES = "平台现在没有这例的影像可下载"
STATE_WORDS = {
    DownloadState.RUNNING: "正在下载",
    DownloadState.PAUSED: "已暂停",
    DownloadState.WAITING: "等待重试",
    DownloadState.DONE: "下载完成",
    DownloadState.FAILED: "停下了，要您看一眼",
}
_LINKS = {"report_page_url": "report_url", "image_page_url": "image_url", "image_download_url": "download_url"}
_SHOWN = frozenset({"patient_name", "id_number", "exam_date", "body_part_code", "fixmedins_code", "fixmedins_name"})
_ID_LIKE = re.compile(r"\d{17}[\dXx]")


def exam(region: Region, found: FoundExam, exam_key: str) -> Json:
    """See `Face.look_up`."""
    values = found.values
    links = {name: _link(values.get(key, "")) for key, name in _LINKS.items()}
    rest = [key for key in values if key not in _SHOWN and not (key in _LINKS and links[_LINKS[key]])]
    return {
        "index_code": found.index_code,
        "index_shown": index_shown(found.index_code),
        "patient_name": values.get("patient_name", ""),
        "id_number": masked_number(values.get("id_number", "")),
        "exam_date": values.get("exam_date", "")[:10],
        "body_part_code": values.get("body_part_code", ""),
        "body_part": _body_part(region, values.get("body_part_code", "")),
        "clinic_code": values.get("fixmedins_code", ""),
        "clinic_name": values.get("fixmedins_name", ""),
        **links,
        "exam_key": exam_key,
        "more": [_more(region, key, values[key]) for key in rest if values[key]],
    }


def found_words(exams: Sequence[Json]) -> str:
    if not exams:
        return NOTHING
    clinics = places(exams)
    return f"{len(exams)} 例检查，来自 {clinics} 家机构" if clinics else f"{len(exams)} 例检查"


def places(exams: Sequence[Json]) -> int:
    return len({one["clinic_code"] or one["clinic_name"] for one in exams} - {""})


def index_shown(index_code: str) -> str:
    """An index code with the middle of the number in it hidden."""
    parts = index_code.split("-")
    if len(parts) > 1:
        number = parts[1]
        parts[1] = f"{number[:4]}****{number[-4:]}" if len(number) >= 12 else masked_number(number)
    return _ID_LIKE.sub(lambda found: f"{found[0][:4]}****{found[0][-4:]}", "-".join(parts))


def download(
    one: Download, title: str, refused: Sequence[Mapping[str, Any]], *, seconds_left: float | None, state_words: str
) -> Json:
    """See `Face.downloads`."""
    about = one.subject
    return {
        "id": one.id,
        "destination": one.destination,
        "title": title,
        "index_code": about.index_code,
        "index_shown": index_shown(about.index_code),
        "patient_name": about.patient_name,
        "body_part": about.body_part,
        "exam_date": about.exam_date,
        "clinic_name": about.clinic_name,
        "state": one.state.value,
        "state_words": state_words,
        "done": one.kept,
        "total": one.total,
        "checked": one.kept,
        "seconds_left": seconds_left,
        "folder": one.folder,
        "trouble": _trouble(one.hitch),
        "refused": [
            {"sop_instance_uid": row["sop_instance_uid"][:64], "why": row["why"]}
            for row in refused
        ],
    }  # fmt: skip


def _trouble(hitch: Hitch | None) -> Json | None:
    return {"title": hitch.title, "advice": hitch.advice, "details": hitch.details} if hitch else None


def _link(text: str) -> str:
    """Only what a browser opens over the network; anything else is shown, never opened."""
    return text if re.fullmatch(r"https?://[!-~\u0080-\U0010ffff]+", text, re.IGNORECASE) else ""


def _body_part(region: Region, codes: str) -> str:
    labels = (region.label_of("body_part_code", code) for code in re.split(r"[,|;，；]\s*", codes))
    return "、".join(label for label in labels if label)


def _more(region: Region, key: str, text: str) -> Json:
    field = region.fields.get(key)
    shown = _ID_LIKE.sub(lambda found: masked_number(found[0]), region.label_of(key, text) or text)
    return {"label": field.label if field else key, "text": shown}
