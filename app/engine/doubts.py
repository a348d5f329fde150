"""The two sides of a doubt, side by side: whose images, whose accession number, which of two contents."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.study import Doubt, Study
from app.domain.times import CST
from app.engine.face import Json
from app.engine.house import House
from app.store import images
from app.store.times import taken

_HEADER = (
    ("PatientID", "患者编号"),
    ("PatientSex", "性别"),
    ("PatientBirthDate", "出生日期"),
    ("AccessionNumber", "检查号"),
    ("StudyDescription", "检查"),
)
_SEX = {"M": "男", "F": "女", "O": "其他"}
Side = list[tuple[str, str]]


def compared(house: House, study: Study) -> Json | None:
    """{"heads": [two], "rows": [{"label", "values": [two], "differs"}]}; None where there is nothing to compare."""
    conn = house.store.read()
    if study.doubt is Doubt.TWO_PATIENTS and (other := images.other_patient(conn, study.study_instance_uid)):
        return _table(("先到的影像", "后到的影像"), _patient(study.patient_name, study.header), _patient(*other))
    if study.doubt is Doubt.ACCESSION_REUSED and (earlier := images.with_the_same_accession(conn, study)):
        heads = ("这一例", "先用这个检查号的")
        return _table(heads, _patient(study.patient_name, study.header), _patient(earlier.patient_name, earlier.header))
    if study.doubt is Doubt.CONFLICT:
        contents = images.contents(conn, study.study_instance_uid)
        return (
            _table(("先到的", "后到的"), _content(contents[0]), _content(contents[-1])) if len(contents) > 1 else None
        )
    return None


def _patient(name: str, header: dict[str, str]) -> Side:
    return [("姓名", name), *((label, _shown(keyword, header.get(keyword, ""))) for keyword, label in _HEADER)]


def _shown(keyword: str, text: str) -> str:
    text = text.strip()
    if keyword == "PatientSex":
        return _SEX.get(text.upper(), text)
    if keyword == "PatientBirthDate" and len(text) == 8 and text.isdigit():
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return text


def _content(row: Json) -> Side:
    at = taken(row["received_at"]).astimezone(CST)
    return [("收到", f"{at.month} 月 {at.day} 日 {at:%H:%M:%S}"), ("大小", f"{row['size_bytes']:,} 字节")]


def _table(heads: Sequence[str], one: Side, other: Side) -> Json:
    rows = [
        {"label": label, "values": [first, second], "differs": first != second}
        for (label, first), (_, second) in zip(one, other, strict=True)
        if first or second
    ]
    return {"heads": list(heads), "rows": rows}
