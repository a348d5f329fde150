"""The text of a DICOM structured report: sections by their codes, who wrote and verified it, times in China."""

from __future__ import annotations

from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from app.catalogue.report_labels import load_report_labels
from app.intake.structured_report import StructuredReport, read_structured_report
from tests.builders import a_uid

KNOWN = load_report_labels()
BASIC_TEXT = "1.2.840.10008.5.1.4.1.1.88.11"


def a_code(value: str, scheme: str, meaning: str) -> Sequence:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return Sequence([code])


def an_item(kind: str, code: tuple[str, str, str], **more: object) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", kind
    item.ConceptNameCodeSequence = a_code(*code)
    for name, value in more.items():
        setattr(item, name, value)
    return item


def a_section(code: tuple[str, str, str], *texts: str, inner: tuple[str, str, str] | None = None) -> Dataset:
    items = [an_item("TEXT", inner or code, TextValue=text) for text in texts]
    return an_item("CONTAINER", code, ContentSequence=Sequence(items))


FINDINGS = ("121070", "DCM", "Findings")
FINDING = ("121071", "DCM", "Finding")
IMPRESSIONS = ("121072", "DCM", "Impressions")


def a_structured_report(path: Path, *items: Dataset, study_uid: str = "", sop_uid: str = "", **more: object) -> Path:
    sop = sop_uid or a_uid()
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = BASIC_TEXT, sop
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    made.SpecificCharacterSet = "GB18030"
    made.SOPClassUID, made.SOPInstanceUID = BASIC_TEXT, sop
    made.StudyInstanceUID, made.SeriesInstanceUID = study_uid or a_uid(), a_uid()
    made.Modality, made.PatientName, made.PatientID, made.AccessionNumber = "SR", "张三", "张三", "ACC100"
    made.StudyDate, made.ContentDate, made.ContentTime = "20260105", "20260105", "101500"
    made.ValueType, made.VerificationFlag, made.CompletionFlag = "CONTAINER", "VERIFIED", "COMPLETE"
    made.ConceptNameCodeSequence = a_code("18748-4", "LN", "Diagnostic imaging report")
    made.ContentSequence = Sequence(list(items))
    for name, value in more.items():
        setattr(made, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)
    return path


def verified(name: str, at: str) -> Sequence:
    observer = Dataset()
    observer.VerifyingObserverName, observer.VerificationDateTime = name, at
    observer.VerifyingOrganization = "门诊部"
    return Sequence([observer])


def read(path: Path) -> StructuredReport:
    return read_structured_report(path, KNOWN)


def test_sections_observer_and_verifier_are_read(tmp_path: Path) -> None:
    path = a_structured_report(
        tmp_path / "sr.dcm",
        an_item("PNAME", ("121008", "DCM", "Person Observer Name"), PersonName="张^伟明"),
        a_section(FINDINGS, "双肺纹理清晰。", "心影不大。", inner=FINDING),
        a_section(IMPRESSIONS, "未见异常。"),
        VerifyingObserverSequence=verified("刘慧", "20260105104500"),
    )
    found = {key: text for key, (text, _) in read(path).fields.items()}
    assert found == {
        "findings": "双肺纹理清晰。\n心影不大。",
        "conclusion": "未见异常。",
        "report_doctor_name": "张伟明",
        "audit_doctor_name": "刘慧",
        "reported_at": "2026-01-05 10:15:00",
        "audited_at": "2026-01-05 10:45:00",
    }


def test_headings_in_chinese_are_known_by_their_words(tmp_path: Path) -> None:
    path = a_structured_report(
        tmp_path / "sr.dcm",
        a_section(("1", "99CLINIC", "影像所见"), "正常"),
        a_section(("2", "99CLINIC", "诊断意见"), "未见异常"),
    )
    fields = read(path).fields
    assert fields["findings"] == ("正常", "影像所见")
    assert fields["conclusion"] == ("未见异常", "诊断意见")


def test_a_time_with_an_offset_is_told_in_china(tmp_path: Path) -> None:
    path = a_structured_report(
        tmp_path / "sr.dcm",
        a_section(FINDINGS, "正常"),
        VerifyingObserverSequence=verified("刘慧", "20260105030000+0000"),
    )
    assert read(path).fields["audited_at"][0] == "2026-01-05 11:00:00"


def test_a_day_without_an_hour_is_no_time(tmp_path: Path) -> None:
    path = a_structured_report(tmp_path / "sr.dcm", a_section(FINDINGS, "正常"), ContentTime="")
    assert "reported_at" not in read(path).fields


def test_a_dose_report_and_measurements_say_nothing(tmp_path: Path) -> None:
    dose = a_code("113701", "DCM", "X-Ray Radiation Dose Report")
    path = a_structured_report(tmp_path / "dose.dcm", a_section(FINDINGS, "CTDI 12"), ConceptNameCodeSequence=dose)
    assert read(path).fields == {}
    measure = an_item("TEXT", ("1", "99X", "Heart rate"), TextValue="72")
    assert read(a_structured_report(tmp_path / "m.dcm", measure)).fields == {}


def test_a_tree_without_end_is_left(tmp_path: Path) -> None:
    inner = an_item("TEXT", FINDING, TextValue="深处")
    for _ in range(30):
        inner = an_item("CONTAINER", FINDINGS, ContentSequence=Sequence([inner]))
    assert read(a_structured_report(tmp_path / "deep.dcm", inner)).fields == {}
