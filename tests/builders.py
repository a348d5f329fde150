"""Invented DICOM objects and reports for the whole suite: small, no network, no real patients."""

from __future__ import annotations

import io
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite

SOP_CLASSES = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "MG": "1.2.840.10008.5.1.4.1.1.1.2",
    "OT": "1.2.840.10008.5.1.4.1.1.7",
}
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED_LITTLE = "1.2.840.10008.1.2.1.99"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
PYTHON_CODECS = {
    "": "gb18030",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "ISO_IR 192": "utf-8",
    "ISO_IR 100": "gb18030",  # the usual false declaration: Chinese bytes under the Latin name
}
_ROOT = f"1.2.826.0.1.3680043.10.1433.{os.getpid()}.{time.time_ns() // 1_000_000}"
_NUMBERS: Iterator[int] = itertools.count(1)


def a_uid() -> str:
    """A UID that no other call gives, also in another process."""
    return f"{_ROOT}.{next(_NUMBERS)}"


def a_data_set(
    *,
    name: str = "张三",
    accession: str = "",
    study_uid: str | None = None,
    series_uid: str | None = None,
    instance_uid: str | None = None,
    charset: str = "GB18030",
    modality: str = "CT",
    sop_class_uid: str | None = None,
    patient_id: str = "P0001",
    study_date: str = "20260105",
    study_time: str = "093000",
    number: int = 1,
    rows: int = 8,
    columns: int = 8,
    frames: int | None = None,
    **elements: Any,
) -> Dataset:
    """One image as a pydicom data set; `elements` are further DICOM keywords, None leaves one out."""
    data_set = Dataset()
    values: dict[str, Any] = {
        "SOPClassUID": sop_class_uid or SOP_CLASSES[modality],
        "SOPInstanceUID": instance_uid or a_uid(),
        "StudyDate": study_date,
        "SeriesDate": study_date,
        "AcquisitionDate": study_date,
        "ContentDate": study_date,
        "StudyTime": study_time,
        "SeriesTime": study_time,
        "AcquisitionTime": study_time,
        "ContentTime": study_time,
        "AccessionNumber": accession,
        "Modality": modality,
        "Manufacturer": "INVENTED",
        "PatientID": patient_id,
        "PatientBirthDate": "19800214",
        "PatientSex": "M",
        "PatientAge": "045Y",
        "StudyInstanceUID": study_uid or a_uid(),
        "SeriesInstanceUID": series_uid or a_uid(),
        "StudyID": "1",
        "SeriesNumber": 1,
        "InstanceNumber": number,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": rows,
        "Columns": columns,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "PixelData": grey_pixels(rows, columns, frames or 1),
        **elements,
    }
    if frames is not None:
        values["NumberOfFrames"] = frames
    if charset:
        data_set.add_new("SpecificCharacterSet", "CS", charset.split("\\"))
    for keyword, value in values.items():
        if value is not None:
            setattr(data_set, keyword, value)
    data_set.add_new("PatientName", "PN", name.encode(PYTHON_CODECS.get(charset, "gb18030")))
    return data_set


def grey_pixels(rows: int, columns: int, frames: int = 1) -> bytes:
    """A 12-bit ramp, two bytes a pixel."""
    line = b"".join((4095 * x // max(1, columns - 1)).to_bytes(2, "little") for x in range(columns))
    return line * rows * frames


def dicom_bytes(data_set: Dataset, *, transfer_syntax_uid: str = EXPLICIT_LITTLE) -> bytes:
    """The data set as a DICOM file with preamble and group 0002; JPEG gets frames of invented bytes, not pictures."""
    if transfer_syntax_uid == JPEG_BASELINE and "PixelData" in data_set:
        frames = int(data_set.get("NumberOfFrames", 1))
        data_set.PixelData = encapsulate([b"\xff\xd8 an invented frame \xff\xd9"] * frames)
        data_set["PixelData"].VR = "OB"
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = transfer_syntax_uid
    data_set.file_meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    data_set.file_meta.ImplementationClassUID = f"{_ROOT}.0"
    file = io.BytesIO()
    dcmwrite(file, data_set, enforce_file_format=True)
    return file.getvalue()


def a_dicom_file(
    folder: Path, *, file_name: str = "", transfer_syntax_uid: str = EXPLICIT_LITTLE, **elements: Any
) -> Path:
    """Write `a_data_set(**elements)` into the folder; the file is called after its instance unless named."""
    data_set = a_data_set(**elements)
    path = folder / (file_name or f"{data_set.SOPInstanceUID}.dcm")
    return write_dicom(path, data_set, transfer_syntax_uid=transfer_syntax_uid)


def write_dicom(path: Path, data_set: Dataset, *, transfer_syntax_uid: str = EXPLICIT_LITTLE) -> Path:
    """Write this data set under this very path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dicom_bytes(data_set, transfer_syntax_uid=transfer_syntax_uid))
    return path


def a_study(
    folder: Path, *, images: int = 3, series: int = 1, study_uid: str | None = None, **elements: Any
) -> list[Path]:
    """`images` files of one study, dealt out over `series` series, in the order of their instance numbers."""
    study_uid = study_uid or a_uid()
    series_uids = [a_uid() for _ in range(series)]
    return [
        a_dicom_file(
            folder,
            study_uid=study_uid,
            series_uid=series_uids[index % series],
            SeriesNumber=index % series + 1,
            number=index // series + 1,
            **elements,
        )
        for index in range(images)
    ]


def pdf_bytes(*, pages: int = 1, text: str = "REPORT") -> bytes:
    """A small PDF that any viewer opens, with a right cross-reference table."""
    kids = " ".join(f"{3 + 2 * page} 0 R" for page in range(pages))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode()]
    for page in range(pages):
        content = f"BT /F1 18 Tf 40 700 Td ({text} {page + 1}) Tj ET".encode()
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 << /Type /Font"
            b" /Subtype /Type1 /BaseFont /Helvetica >> >> >> /Contents %d 0 R >>" % (4 + 2 * page)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    data = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(data))
    return data + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer


def a_pdf(path: Path, *, pages: int = 1, text: str = "REPORT") -> Path:
    """Write a small PDF under this very path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pdf_bytes(pages=pages, text=text))
    return path


def an_encapsulated_pdf(folder: Path, *, pdf: bytes | None = None, file_name: str = "", **elements: Any) -> Path:
    """A report PDF wrapped as DICOM (Encapsulated PDF Storage); an odd length gets its padding byte."""
    pdf = pdf_bytes() if pdf is None else pdf
    image_only = dict.fromkeys(
        ("SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
         "PixelRepresentation", "PixelData")
    )  # fmt: skip
    document = {
        "EncapsulatedDocument": pdf + b"\0" * (len(pdf) % 2),
        "EncapsulatedDocumentLength": len(pdf),
        "MIMETypeOfEncapsulatedDocument": "application/pdf",
        "Modality": "DOC",
    }
    image_only.pop("Rows"), image_only.pop("Columns")
    data_set = a_data_set(
        modality="OT", sop_class_uid="1.2.840.10008.5.1.4.1.1.104.1", **{**image_only, **document, **elements}
    )
    del data_set.Rows, data_set.Columns
    return write_dicom(folder / (file_name or f"{data_set.SOPInstanceUID}.dcm"), data_set)
