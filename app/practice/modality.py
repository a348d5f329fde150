"""A practice modality (演练设备): makes invented studies as files and sends them by C-STORE.

Every patient is invented. Files are Explicit VR Little Endian, one image each; nothing is held in memory but one image.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE

from app.practice.phantom import pixels
from app.practice.report_pdf import make_report_pdf

__all__ = ["CHARSETS", "KINDS", "Patient", "SendResult", "make_report_pdf", "make_study", "run", "send"]


NO_ANSWER = -1


@dataclass(frozen=True, kw_only=True)
class Patient:
    """An invented person. `sex` M/F/O, `birth` yyyymmdd."""

    name: str = "张伟"
    id: str = "P0001"
    sex: str = "M"
    birth: str = "19800102"
    age: str = "046Y"
    latin: str = "ZHANG^WEI"
    """The alphabetic component group, written only beside ideographs in ISO 2022 IR 58 (PS3.5 K.3)."""


@dataclass(frozen=True, kw_only=True)
class SendResult:
    """`stored` SOP Instance UIDs answered with success or a warning; `failed` the others with their status
    (-1: no answer); `rejected` why the association did not come about."""

    stored: tuple[str, ...]
    failed: tuple[tuple[str, int], ...]
    rejected: str = ""


@dataclass(frozen=True, kw_only=True)
class _Kind:
    modality: str
    sop_class: str
    description: str
    body_part: str
    size: int


KINDS: dict[str, _Kind] = {
    "dr": _Kind(
        modality="DX",
        sop_class="1.2.840.10008.5.1.4.1.1.1.1",
        description="CHEST PA LAT",
        body_part="CHEST",
        size=1024,
    ),
    "ct": _Kind(
        modality="CT", sop_class="1.2.840.10008.5.1.4.1.1.2", description="CHEST CT", body_part="CHEST", size=512
    ),
    "mr": _Kind(
        modality="MR", sop_class="1.2.840.10008.5.1.4.1.1.4", description="BRAIN MR", body_part="HEAD", size=256
    ),
}

CHARSETS: dict[str, tuple[str | list[str] | None, str]] = {
    "gb18030": ("GB18030", ""),
    "gbk-undeclared": (None, "gbk"),
    "iso2022-58": (["", "ISO 2022 IR 58"], "gb2312"),
    "utf8": ("ISO_IR 192", ""),
    "ascii": (None, ""),
}
"""Name to SpecificCharacterSet (None: absent) and the encoding of text whose bytes we make ourselves."""


def make_study(
    folder: Path,
    *,
    kind: str = "ct",
    patient: Patient | None = None,
    images: int = 2,
    charset: str = "gb18030",
    accession: str | None = "ACC0001",
    study_uid: str = "",
    when: datetime | None = None,
    size: int = 0,
    second_patient: Patient | None = None,
    first_number: int = 1,
) -> list[Path]:
    """Write one study and return its files in order of instance number.

    `accession` None leaves the element out; `size` is rows and columns (0: usual for the kind); `second_patient` owns
    the second half of the images under the same StudyInstanceUID; `first_number` adds late images to a known study.
    UIDs come from `study_uid` (or a new one) and the instance number, so the same call with it makes the same UIDs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    study = study_uid or str(generate_uid(prefix="1.2.826.0.1.3680043.8.498."))
    moment = when or datetime.now()
    first = patient or Patient()
    paths = []
    for number in range(first_number, first_number + images):
        is_second = second_patient is not None and number - first_number >= images - images // 2
        owner = second_patient if is_second and second_patient is not None else first
        dataset = _instance(KINDS[kind], owner, charset, accession, study, moment, number)
        _draw(dataset, kind, size or KINDS[kind].size, number, accession or "NO-ACC")
        path = folder / f"{KINDS[kind].modality}{number:05d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def send(paths: Iterable[Path], host: str, port: int, called: str = "ANY-SCP", calling: str = "MODALITY") -> SendResult:
    """Send files over one association, one after the other; stops at the first missing answer."""
    files = list(paths)
    entity = AE(ae_title=calling)
    entity.maximum_pdu_size = 131072
    for sop_class in sorted({_sop_class(path) for path in files}):
        entity.add_requested_context(sop_class, ExplicitVRLittleEndian)
    association = entity.associate(host, port, ae_title=called, max_pdu=131072)
    if not association.is_established:
        return SendResult(stored=(), failed=(), rejected=_rejection(association))
    stored: list[str] = []
    failed: list[tuple[str, int]] = []
    for path in files:
        key, status = _send_one(association, path)
        if status == 0x0000 or status & 0xF000 == 0xB000:
            stored.append(key)
        else:
            failed.append((key, status))
        if status == NO_ANSWER:
            break
    if association.is_established:
        association.release()
    return SendResult(stored=tuple(stored), failed=tuple(failed))


def run(argv: list[str]) -> int:
    """The command `practice modality`. Exit codes: 0 all stored, 1 not all, 2 wrong arguments."""
    options = _parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    stored = [_sent_whole(options, one) for one in _studies(options)]
    return 0 if all(stored) else 1


def _studies(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The studies of the worklist; without one the single study that the words describe."""
    if options.worklist:
        rows: list[dict[str, Any]] = json.loads(Path(options.worklist).read_text(encoding="utf-8"))
        return rows
    named = ("kind", "images", "size", "charset", "patient_name", "patient_id", "birth", "sex", "study_uid")
    accession = None if options.no_accession else options.accession
    return [{name: getattr(options, name) for name in named} | {"accession": accession}]


def _sent_whole(options: argparse.Namespace, study: dict[str, Any]) -> bool:
    """Make one study, send it over an association of its own, print its report where the worklist says."""
    host, _, port = options.to.rpartition(":")
    when = datetime.fromisoformat(study["when"]) if study.get("when") else datetime.now()
    patient = Patient(
        name=study["patient_name"],
        id=study["patient_id"],
        sex=study["sex"],
        birth=study["birth"],
        age=_age(study["birth"], when),
    )
    second = (
        Patient(name="李娜", id="P0002", sex="F", birth="19900304", age="036Y", latin="LI^NA")
        if options.two_patients
        else None
    )
    with tempfile.TemporaryDirectory() as scratch:
        paths = make_study(
            Path(options.keep or scratch),
            kind=study["kind"],
            patient=patient,
            images=study.get("images") or {"dr": 2}.get(study["kind"], 20),
            charset=study["charset"],
            accession=study["accession"],
            study_uid=study.get("study_uid", ""),
            when=when,
            size=study.get("size", 0),
            second_patient=second,
        )
        study_uid = str(dcmread(paths[0], stop_before_pixels=True).StudyInstanceUID)
        result = send(paths, host or "127.0.0.1", int(port), options.aet, options.calling)
    if study.get("report"):
        _print_report(study, when)
    print(f"检查 {study_uid}：共 {len(paths)} 张，对方已接收 {len(result.stored)} 张。", flush=True)
    if result.rejected:
        print(f"对方没有接受连接：{result.rejected}。请核对地址、端口和 AE。", file=sys.stderr)
    for key, status in result.failed:
        print(f"没有接收：{key}（{'无应答' if status == NO_ANSWER else f'{status:04X}'}）", file=sys.stderr)
    return len(result.stored) == len(paths)


def _print_report(study: dict[str, Any], when: datetime) -> None:
    """As a RIS prints it: written under another name and renamed when it is whole."""
    report = study["report"]
    path = Path(report["path"])
    part = make_report_pdf(
        path.with_name(path.name + ".part"),
        patient=study["patient_name"],
        accession=study["accession"] or "",
        findings=report["findings"],
        conclusion=report["conclusion"],
        doctors=(report["doctor"], report["auditor"]),
        when=when,
    )
    part.replace(path)


def _age(birth: str, when: datetime) -> str:
    """In years (PS3.5 6.2, AS)."""
    had_birthday = when.strftime("%m%d") >= birth[4:]
    return f"{when.year - int(birth[:4]) - (0 if had_birthday else 1):03}Y"


def _instance(
    kind: _Kind, patient: Patient, charset: str, accession: str | None, study: str, moment: datetime, number: int
) -> Dataset:
    declared, _ = CHARSETS[charset]
    dataset = Dataset()
    if declared is not None:
        dataset.SpecificCharacterSet = declared
    dataset.SOPClassUID = kind.sop_class
    dataset.SOPInstanceUID = _derived_uid(study, f"image {number}")
    dataset.StudyInstanceUID = study
    dataset.SeriesInstanceUID = _derived_uid(study, "series 1")
    dataset.StudyID = "1"
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = number
    dataset.Modality = kind.modality
    dataset.Manufacturer = "PRACTICE"
    dataset.StudyDescription = kind.description
    dataset.BodyPartExamined = kind.body_part
    latin = f"{patient.latin}=" if charset == "iso2022-58" else ""
    dataset.PatientName = latin + _as_written(patient.name, charset)
    dataset.PatientID = patient.id
    dataset.PatientSex = patient.sex
    dataset.PatientBirthDate = patient.birth
    dataset.PatientAge = patient.age
    dataset.InstitutionName = _as_written("演练诊所" if charset != "ascii" else "CLINIC", charset)
    dataset.ReferringPhysicianName = ""
    if accession is not None:
        dataset.AccessionNumber = accession
    for name in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{name}Date", moment.strftime("%Y%m%d"))
        setattr(dataset, f"{name}Time", moment.strftime("%H%M%S"))
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def _as_written(text: str, charset: str) -> str:
    """Text whose default-repertoire bytes are the wanted ones; ISO 2022 IR 58 needs its escape sequence per component,
    which pydicom leaves out (PS3.5 K.3)."""
    declared, encoding = CHARSETS[charset]
    if not encoding:
        return text
    escape = "" if declared is None else "\x1b$)A"
    return "^".join(escape + part.encode(encoding).decode("latin-1") for part in text.split("^"))


def _draw(dataset: Dataset, kind: str, size: int, number: int, accession: str) -> None:
    dataset.Rows = dataset.Columns = size
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 16
    dataset.BitsStored = 12
    dataset.HighBit = 11
    dataset.PixelRepresentation = 0
    dataset.WindowCenter, dataset.WindowWidth = {"ct": (40, 1500), "mr": (800, 1600), "dr": (1800, 3600)}[kind]
    if kind == "ct":
        dataset.RescaleIntercept, dataset.RescaleSlope = -1024, 1
        dataset.SliceThickness = 1
        dataset.ImagePositionPatient = [-200, -200, -float(number)]
    if kind == "ct" or kind == "mr":
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.PixelSpacing = [0.7, 0.7]
    dataset.PixelData = pixels(kind, size, size, number=number, text=f"{accession} {number}")
    dataset["PixelData"].VR = "OW"


def _derived_uid(study: str, what: str) -> str:
    """A UID that follows from the study's and a word (PS3.5 B.2: 2.25 and a decimal number of 128 bits)."""
    return "2.25." + str(int.from_bytes(hashlib.sha256(f"{study} {what}".encode()).digest()[:15], "big"))


def _sop_class(path: Path) -> str:
    return str(dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"]).SOPClassUID)


def _send_one(association: Any, path: Path) -> tuple[str, int]:
    dataset = dcmread(path)
    status = association.send_c_store(dataset)
    return str(dataset.SOPInstanceUID), int(status.Status) if "Status" in status else NO_ANSWER


def _rejection(association: Any) -> str:
    if not association.is_rejected:
        return "连接不上"
    answer = association.acceptor.primitive
    return f"被拒绝 {answer.result}/{answer.result_source}/{answer.diagnostic}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="practice modality", description="演练设备：发送虚构的检查影像")
    parser.add_argument("--to", required=True, metavar="HOST:PORT", help="接收方的地址和 DICOM 端口")
    parser.add_argument("--aet", default="ANY-SCP", help="被叫 AE")
    parser.add_argument("--calling", default="MODALITY", help="本设备的 AE")
    parser.add_argument("--kind", choices=sorted(KINDS), default="ct")
    parser.add_argument("--images", type=int, default=0, help="张数，不填时 DR 2 张、其他 20 张")
    parser.add_argument("--size", type=int, default=0, help="行列数")
    parser.add_argument("--charset", choices=sorted(CHARSETS), default="gb18030")
    parser.add_argument("--accession", default="ACC0001", help="检查号")
    parser.add_argument("--no-accession", action="store_true", help="不写检查号")
    parser.add_argument("--patient-name", default="张伟")
    parser.add_argument("--patient-id", default="P0001")
    parser.add_argument("--birth", default="19800102", help="出生日期 yyyyMMdd")
    parser.add_argument("--sex", choices=["M", "F", "O"], default="M")
    parser.add_argument("--two-patients", action="store_true", help="同一个检查里有两位患者")
    parser.add_argument("--study-uid", default="", help="StudyInstanceUID，不填则新建")
    parser.add_argument("--keep", default="", help="把文件留在这个文件夹")
    parser.add_argument("--worklist", default="", metavar="FILE", help="依次发送这个 JSON 清单里的检查，并打印报告")
    return parser
