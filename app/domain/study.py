"""Images as they arrived: instance, series and study (影像检查), and why one of them waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Doubt(Enum):
    """Why a study waits for a person before anything of it may be submitted."""

    NONE = ""
    NAME = "name"
    TWO_PATIENTS = "two_patients"
    ACCESSION_REUSED = "accession_reused"
    CONFLICT = "conflict"


DOUBT_WORDS = {
    Doubt.NONE: "",
    Doubt.NAME: "姓名怎么读，请您看一眼",
    Doubt.TWO_PATIENTS: "同一个检查里有两位患者的影像，请核对是谁的",
    Doubt.ACCESSION_REUSED: "这个检查号已经用在另一位患者身上，请核对",
    Doubt.CONFLICT: "同一张影像来了两次，内容不同，请看一眼用哪张",
}


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One stored SOP instance. `path` is relative to the spool; the file's data set is exactly what was sent."""

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    data_set_sha256: str
    """Of the data set after group 0002: what makes two arrivals the same image."""
    md5: str
    size_bytes: int
    path: str
    modality: str
    series_number: str
    instance_number: str
    source: str
    """`ae:CALLING` or `folder:PATH` or `import`."""
    received_at: datetime
    current: bool
    """False: kept beside another content that came first under the same UID, never sent by itself."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """What intake knows of one image when it asks the store to index it."""

    instance: Instance
    header: dict[str, str]
    """DICOM keyword -> decoded text, of the elements the index and the form need."""
    patient_name_raw: bytes
    charset: str
    name_candidates: tuple[tuple[str, str], ...]
    """(character set, reading) of a name that could not be read with certainty, best first; empty when certain."""
    guided_name: str = ""
    """The name as a person once said that this device's names are read; "" when that says nothing."""


@dataclass(frozen=True, kw_only=True)
class Accession:
    """The number under which the images of a study go. `lent`: its device gave none, it is one that the exam has."""

    number: str
    lent: bool


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study as the index has it."""

    study_instance_uid: str
    patient_id: str
    patient_name: str
    sex: str
    birth_date: str
    accession_number: str
    """The device's own, "" when it gave none (the minted one belongs to the exam)."""
    modality: str
    description: str
    study_at: str
    source: str
    image_count: int
    first_at: datetime
    last_at: datetime
    complete_at: datetime | None
    doubt: Doubt
    doubt_detail: str
    header: dict[str, str]
    name_candidates: tuple[tuple[str, str], ...]


def accessions(studies: Sequence[Study], minted: str) -> dict[str, Accession]:
    """By study UID, the number under which the images of each study of an exam go."""
    given = next((study.accession_number for study in studies if study.accession_number), "")
    return {
        study.study_instance_uid: Accession(
            number=study.accession_number or given or minted, lent=not study.accession_number
        )
        for study in studies
    }
