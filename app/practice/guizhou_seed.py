"""Exams of other hospitals, invented: what a patient's index list shows beside our own. Kept as if they had come."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from app.practice.ledger import Ledger
from app.practice.modality import Patient, make_study
from app.practice.reading import data_set_digest, digest_of, filed_image, filed_pdf, header_of
from app.practice.report_pdf import make_report_pdf
from app.practice.settings import Clock

CHINA = timezone(timedelta(hours=8))
LIMIT = 2000
PutInCache = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class _Visit:
    """What was done elsewhere, `days` ago."""

    days: int
    hospital: str
    code: str
    kind: str
    exam_type: str
    part: str
    item: str
    conclusion: str


VISITS = (
    _Visit(
        days=12,
        hospital="贵阳演练人民医院",
        code="H52010000901",
        kind="ct",
        exam_type="2",
        part="BB24ZYZZZ",
        item="肺部 CT 普通扫描",
        conclusion="右肺上叶小结节，建议三个月后复查。",
    ),
    _Visit(
        days=95,
        hospital="遵义演练中医院",
        code="H52030000902",
        kind="dr",
        exam_type="1",
        part="BB04ZZZ21",
        item="X 线胸部侧卧后前位",
        conclusion="心肺未见明显异常。",
    ),
    _Visit(
        days=400,
        hospital="安顺演练社区卫生服务中心",
        code="H52040000903",
        kind="mr",
        exam_type="3",
        part="B930ZYZZZ",
        item="耳部 MRI 普通扫描",
        conclusion="双侧内听道未见异常。",
    ),
)


def seed(
    wish: Mapping[str, Any], ledger: Ledger, folder: Path, clock: Clock, put_in_cache: PutInCache
) -> dict[str, Any]:
    """{"exams": [{"index", "hospital", "images", "cached"}]}, newest first. The same wish on the same day changes
    nothing. Raises ValueError."""
    person = {
        name: wish.get(name, usual) for name, usual in (("id_type", "111"), ("id_number", ""), ("name", "赵建国"))
    }
    if not all(isinstance(value, str) and value for value in person.values()):
        raise ValueError('应为 {"id_number": 证件号, "name": 姓名, "exams": 3, "images": 4, "cached": 2}')
    exams, images, size = (_count(wish, name, usual) for name, usual in (("exams", 3), ("images", 4), ("size", 128)))
    cached = wish.get("cached", -1)
    if not isinstance(cached, int):
        raise ValueError("cached 应为数字，-1 为除最早一例外都在缓存里")
    in_cache = cached if cached >= 0 else max(1, exams - 1)
    today = datetime.fromtimestamp(clock.now(), CHINA)
    made = []
    for number in range(exams):
        visit = VISITS[number % len(VISITS)]
        at = (today - timedelta(days=visit.days + 500 * (number // len(VISITS)))).replace(
            hour=9, minute=10 + number % 50, second=0, microsecond=0
        )
        index = _keep(ledger, folder, clock, visit, person, at, images, size)
        put_in_cache({"index": index, "cached": number < in_cache})
        made.append({"index": index, "hospital": visit.hospital, "images": images, "cached": number < in_cache})
    return {"exams": made}


def _count(wish: Mapping[str, Any], name: str, usual: int) -> int:
    value = wish.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LIMIT:
        raise ValueError(f"{name} 应为 1 到 {LIMIT} 的整数")
    return value


def _keep(
    ledger: Ledger,
    folder: Path,
    clock: Clock,
    visit: _Visit,
    person: Mapping[str, str],
    at: datetime,
    images: int,
    size: int,
) -> str:
    """One exam with its images and its report file, kept under a new index."""
    index = f"{person['id_type']}-{person['id_number']}-{at:%Y%m%d%H%M%S}-{'0' * 13}-{'0' * 9}"
    study = "2.25." + str(int.from_bytes(hashlib.sha256(index.encode()).digest()[:15], "big"))
    accession, report_number = f"S{at:%y%m%d%H%M}", f"SR{at:%y%m%d%H%M}{person['id_number'][-4:]}"
    fields = {
        "hiImgIndx": index,
        "psnName": person["name"],
        "psnCertType": person["id_type"],
        "certno": person["id_number"],
        "fixmedinsCode": visit.code,
        "fixmedinsName": visit.hospital,
        "imgExamType": visit.exam_type,
        "imgExamItem": visit.item,
        "examDate": f"{at:%Y-%m-%d}",
        "examPart": visit.part,
        "studyUid": study,
        "accessionNumber": accession,
        "rpotNo": report_number,
        "diagRslt": visit.conclusion,
    }
    link = {"index": index, "studies": [study], "accession": accession, "accessions": [accession]}
    ledger.keep(
        at=clock.stamp(),
        kind="exam",
        key=index,
        digest=digest_of(fields),
        size=len(fields),
        study_uid=study,
        day=fields["examDate"],
        link={**link, "report_numbers": [report_number], "seeded": True},
        fields=fields,
    )
    with tempfile.TemporaryDirectory() as scratch:
        for path in make_study(
            Path(scratch),
            kind=visit.kind,
            patient=_patient(person),
            images=images,
            accession=accession,
            study_uid=study,
            when=at,
            size=size,
        ):
            _keep_image(ledger, folder, clock, index, images, path)
        _keep_report(ledger, folder, clock, index, visit, fields, at, Path(scratch) / "report.pdf")
    return index


def _patient(person: Mapping[str, str]) -> Patient:
    number = person["id_number"]
    if person["id_type"] != "111" or len(number) != 18:
        return Patient(name=person["name"], id="P9001")
    return Patient(name=person["name"], id="P9001", birth=number[6:14], sex="M" if int(number[16]) % 2 else "F")


def _keep_image(ledger: Ledger, folder: Path, clock: Clock, index: str, total: int, path: Path) -> None:
    header = header_of(path)
    digest, size = data_set_digest(path)
    ledger.keep(
        at=clock.stamp(),
        kind="image",
        key=header["SOPInstanceUID"],
        digest=digest,
        size=size,
        study_uid=header["StudyInstanceUID"],
        link={
            "index": index,
            "series_uid": header["SeriesInstanceUID"],
            "accession": header["AccessionNumber"],
            "modality": header["Modality"],
            "sop_class": header["SOPClassUID"],
            "total": total,
            "by": "seed",
        },
        file=filed_image(path, folder, header["SOPInstanceUID"], digest),
    )


def _keep_report(
    ledger: Ledger,
    folder: Path,
    clock: Clock,
    index: str,
    visit: _Visit,
    fields: Mapping[str, str],
    at: datetime,
    path: Path,
) -> None:
    make_report_pdf(
        path,
        patient=fields["psnName"],
        accession=fields["accessionNumber"],
        findings=visit.item,
        conclusion=visit.conclusion,
        title=visit.hospital,
        when=at,
    )
    size = path.stat().st_size
    pdf = filed_pdf(path, folder / "reports")
    ledger.keep(
        at=clock.stamp(),
        kind="report",
        key=fields["rpotNo"],
        digest=pdf.stem,
        size=size,
        link={"index": index, "exams": [index], "pdf_sha256": pdf.stem},
        fields={"hiImgIndx": index, "rpotNo": fields["rpotNo"]},
        file=pdf.name,
    )
