"""Takes one DICOM object in, from the port or from a file: spool it, index it, say what it was.

When `take_*` returns, the image survives a power cut. The original is never changed and never deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.domain.study import Arrival, Instance
from app.domain.times import Clock
from app.intake import spool as layout
from app.intake.header import Header, MoreNeeded, NotDicom, header_from_data_set, read_header
from app.intake.names import person_name
from app.intake.readings import guided
from app.intake.spool import Spool, Stored
from app.store import Store, images, sources
from app.store.images import Indexed, Outcome
from app.wire.receiving import Source, StoreRequest

_HEAD_BYTES = 64 * 1024
_PIECE_BYTES = 1024 * 1024
HEADER_KEYWORDS = (
    "PatientID",
    "PatientSex",
    "PatientBirthDate",
    "PatientAge",
    "AccessionNumber",
    "StudyDate",
    "StudyTime",
    "SeriesDate",
    "SeriesTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "ContentDate",
    "ContentTime",
    "StudyDescription",
    "SeriesDescription",
    "ProtocolName",
    "BodyPartExamined",
    "InstitutionName",
    "Manufacturer",
    "ManufacturerModelName",
    "StationName",
    "DeviceSerialNumber",
    "ReferringPhysicianName",
    "RequestedProcedureDescription",
    "StudyID",
    "Modality",
)


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What became of one object."""

    outcome: Outcome
    study_instance_uid: str
    sop_class_uid: str
    path: Path


class NoIdentity(NotDicom):
    """DICOM, but without the UIDs that say which image of which study it is."""

    def __init__(self, details: str) -> None:
        super().__init__(details)
        self.title = "这张影像没有影像号"
        self.advice = "请联系设备厂家：影像里要有 StudyInstanceUID 和 SOPInstanceUID"


class Taker:
    """Puts objects into one spool and its index. Safe to use from several threads."""

    def __init__(self, store: Store, spool: Spool, clock: Clock) -> None:
        self._store = store
        self._spool = spool
        self._clock = clock

    def take_request(self, request: StoreRequest) -> Taken:
        """One C-STORE. Raises `NotDicom` (unusable data set), `NoRoom`, RetryLater."""
        self._spool.check_room(len(request.data_set))
        head = request.head()
        header = _header_of(request)
        part, stored = self._spool.write_part([head, request.data_set], len(head))
        return self._index(part, stored, header, source_of(request.source))

    def take_file(self, path: Path, source: str) -> Taken:
        """One file from a folder or an import; the original stays where it is. Raises as `take_request`, OSError."""
        header = read_header(path)
        size = path.stat().st_size
        self._spool.check_room(size)
        offset = header.data_set_offset
        part, stored = self._spool.write_part(_pieces(path), offset)
        return self._index(part, stored, header, source)

    def _index(self, part: Path, stored: Stored, header: Header, source: str) -> Taken:
        _check_usable(part, header)
        relative = layout.image_path(header.study_instance_uid, header.sop_instance_uid, stored.sha256)
        now = self._clock.now()
        chosen = sources.decoding(self._store.read(), source)
        arrival = arrival_of(header, stored, relative, source, now, chosen)
        name, _ = person_name(header.text("PatientName"))
        is_here = self._is_here(header.sop_instance_uid, stored, relative)
        if is_here:
            part.unlink()
        else:
            self._spool.place(part, relative)
        row = self._store.submit(lambda tx: images.index(tx, arrival, name, now=now, placed=not is_here))
        if not is_here:
            self._spool.settle(relative)  # beside the commit: the disk takes both at once
        indexed: Indexed = row.result()
        return Taken(
            outcome=indexed.outcome,
            study_instance_uid=header.study_instance_uid,
            sop_class_uid=header.sop_class_uid,
            path=self._spool.path(indexed.path),
        )

    def _is_here(self, sop_instance_uid: str, stored: Stored, relative: str) -> bool:
        """The same data set is kept already: the earlier file stays as it is."""
        known = images.is_known(self._store.read(), sop_instance_uid, stored.sha256)
        return known and self._spool.path(relative).exists()


def _header_of(request: StoreRequest) -> Header:
    try:
        return header_from_data_set(
            request.data_set[:_HEAD_BYTES], request.transfer_syntax_uid, sop_class_uid=request.sop_class_uid
        )
    except MoreNeeded:
        return header_from_data_set(
            request.data_set, request.transfer_syntax_uid, sop_class_uid=request.sop_class_uid, whole=True
        )


def _check_usable(part: Path, header: Header) -> None:
    if header.study_instance_uid and header.sop_instance_uid:
        return
    part.unlink(missing_ok=True)
    raise NoIdentity("no StudyInstanceUID or SOPInstanceUID")


def arrival_of(header: Header, stored: Stored, relative: str, source: str, now: datetime, chosen: str = "") -> Arrival:
    """`chosen`: the character set that a person said this source's names are written in, "" for none."""
    plain = header.decoded("PatientName")
    name = guided(header.raw.get("PatientName", b"").rstrip(b" \0"), header.charset, chosen) if chosen else plain
    return Arrival(
        instance=Instance(
            sop_instance_uid=header.sop_instance_uid,
            sop_class_uid=header.sop_class_uid,
            study_instance_uid=header.study_instance_uid,
            series_instance_uid=header.series_instance_uid,
            transfer_syntax_uid=header.transfer_syntax_uid,
            data_set_sha256=stored.sha256,
            md5=stored.md5,
            size_bytes=stored.size_bytes,
            path=relative,
            modality=header.modality,
            series_number=header.text("SeriesNumber"),
            instance_number=header.text("InstanceNumber"),
            source=source,
            received_at=now,
            current=True,
        ),
        header={keyword: text for keyword in HEADER_KEYWORDS if (text := header.text(keyword))},
        patient_name_raw=header.raw.get("PatientName", b""),
        charset=header.charset,
        name_candidates=()
        if name.certain
        else tuple((candidate.charset, person_name(candidate.text)[0]) for candidate in name.candidates),
        guided_name=person_name(name.text)[0] if name.certain and not plain.certain else "",
    )


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def source_of(caller: Source) -> str:
    """How the index names a device: by its AE title, by its address when it says none."""
    return f"ae:{caller.calling_ae or caller.address}"
