"""Retrieval (调阅): a download of another hospital's images, image by image, and where each stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class DownloadState(Enum):
    """RUNNING and WAITING go on by themselves, also after a restart; PAUSED and FAILED when somebody resumes them."""

    RUNNING = "running"
    PAUSED = "paused"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


ACTIVE = (DownloadState.RUNNING, DownloadState.WAITING)


class ImageState(Enum):
    """REFUSED: asked for twice and not kept. UNUSABLE: its UIDs are none, so it is never asked for."""

    OPEN = "open"
    KEPT = "kept"
    REFUSED = "refused"
    UNUSABLE = "unusable"


@dataclass(frozen=True, kw_only=True)
class Offered:
    """One image of the platform's list. `usable` is false for UIDs that are none."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    usable: bool = True


@dataclass(frozen=True, kw_only=True)
class KeptImage:
    """What the header of a downloaded file says, as far as looking at it needs it."""

    sop_class_uid: str
    transfer_syntax_uid: str
    modality: str
    series_number: str
    instance_number: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One image of a download. `had`: a file of that name lay there before the download began."""

    place: int
    offered: Offered
    had: bool
    refusals: int


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Whose exam a download is, as the look-up said it."""

    index_code: str
    patient_name: str
    body_part: str
    exam_date: str
    clinic_name: str


@dataclass(frozen=True, kw_only=True)
class Hitch:
    """Why a download stands still."""

    title: str
    advice: str
    details: str = ""


@dataclass(frozen=True, kw_only=True)
class Download:
    """`folder` is the exam's own; `kept`, `open`, `refused` count its images. `attempts` in a row failed."""

    id: int
    destination: str
    subject: Subject
    folder: str
    state: DownloadState
    attempts: int
    due_at: datetime | None
    hitch: Hitch | None
    started_at: datetime
    changed_at: datetime
    kept: int
    open: int
    refused: int

    @property
    def total(self) -> int:
        return self.kept + self.open + self.refused


class WrongImage(Exception):
    """What came is not the image that was asked for; the words say why, for a person."""
