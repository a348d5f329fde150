"""An image is taken in once, byte for byte, and two contents under one UID are both kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from app.domain.study import Doubt
from app.intake.header import NotDicom
from app.intake.spool import NoRoom
from app.store import exams, images
from app.store.images import Outcome
from app.wire.receiving import Source, StoreRequest
from tests import builders
from tests.intake.clinic import Room


def a_request(path: Path, ae: str = "CT1") -> StoreRequest:
    """What the port hands over when this file is sent by C-STORE."""
    from app.intake.header import read_header

    header = read_header(path)
    return StoreRequest(
        sop_class_uid=header.sop_class_uid,
        sop_instance_uid=header.sop_instance_uid,
        transfer_syntax_uid=header.transfer_syntax_uid,
        source=Source(calling_ae=ae, address="127.0.0.1"),
        called_ae="CLINIC_AGENT",
        data_set=memoryview(path.read_bytes()[header.data_set_offset :]),
    )


def test_a_file_is_kept_byte_for_byte_and_stays_where_it_was(room: Room, tmp_path: Path) -> None:
    path = builders.a_dicom_file(tmp_path, name="李建国", accession="ACC1")
    data = path.read_bytes()
    taken = room.taker.take_file(path, "import")
    assert taken.outcome is Outcome.NEW
    assert taken.path.read_bytes() == path.read_bytes() == data
    (row,) = room.images()
    assert row["md5"] == hashlib.md5(data).hexdigest()
    assert row["source"] == "import"
    study = images.study(room.store, taken.study_instance_uid)
    assert study is not None
    assert (study.patient_name, study.accession_number, study.image_count) == ("李建国", "ACC1", 1)


def test_the_same_image_from_port_and_folder_is_one_image(room: Room, tmp_path: Path) -> None:
    path = builders.a_dicom_file(tmp_path)
    assert room.taker.take_request(a_request(path)).outcome is Outcome.NEW
    assert room.taker.take_file(path, "import").outcome is Outcome.AGAIN
    assert room.taker.take_request(a_request(path)).outcome is Outcome.AGAIN
    assert len(room.images()) == 1
    assert len(list(room.spool.files())) == 1
    assert len(room.told("image_received")) == 1


def test_the_md5_is_always_of_the_file_that_lies_there(room: Room, tmp_path: Path) -> None:
    """A device's file and what we write of a C-STORE have the same data set and another head."""
    path = builders.a_dicom_file(tmp_path)
    first = room.taker.take_file(path, "import").path
    before = room.images()[0]["md5"]
    assert room.taker.take_request(a_request(path)).outcome is Outcome.AGAIN
    assert room.images()[0]["md5"] == before == hashlib.md5(first.read_bytes()).hexdigest()
    first.unlink()
    again = room.taker.take_request(a_request(path)).path
    (row,) = room.images()
    assert again == first and row["md5"] == hashlib.md5(again.read_bytes()).hexdigest() != before
    assert row["size_bytes"] == again.stat().st_size


def test_another_content_under_the_same_uid_is_kept_beside_and_held(room: Room, tmp_path: Path) -> None:
    uid = builders.a_uid()
    first = builders.a_dicom_file(tmp_path / "a", study_uid="1.2.3", instance_uid=uid)
    other = builders.a_dicom_file(tmp_path / "b", study_uid="1.2.3", instance_uid=uid, StudyDescription="OTHER")
    room.taker.take_file(first, "import")
    assert room.taker.take_file(other, "import").outcome is Outcome.CONFLICT
    assert [row["current"] for row in room.images()] == [1, 0]
    assert len(list(room.spool.files())) == 2
    study = images.study(room.store, "1.2.3")
    assert study is not None
    assert study.doubt is Doubt.CONFLICT


def test_two_patients_in_one_study_are_held(room: Room, tmp_path: Path) -> None:
    for name in ("张三", "李四"):
        room.taker.take_file(builders.a_dicom_file(tmp_path, study_uid="1.2.3", name=name, patient_id=name), "import")
    study = images.study(room.store, "1.2.3")
    assert study is not None
    assert study.doubt is Doubt.TWO_PATIENTS


def test_a_study_without_an_accession_number_gets_one_minted(room: Room, tmp_path: Path) -> None:
    room.taker.take_file(builders.a_dicom_file(tmp_path, study_uid="1.2.3"), "import")
    exam = exams.exam(room.store.read(), room.exam_of("1.2.3"))
    assert exam is not None
    assert exam.minted_accession == "A2601050001"


def test_what_is_no_dicom_leaves_nothing_behind(room: Room, tmp_path: Path) -> None:
    path = tmp_path / "letter.dcm"
    path.write_bytes(b"Dear colleague" * 100)
    with pytest.raises(NotDicom):
        room.taker.take_file(path, "import")
    nameless = builders.a_dicom_file(tmp_path, StudyInstanceUID=None)
    with pytest.raises(NotDicom):
        room.taker.take_file(nameless, "import")
    assert room.images() == []
    assert list(room.spool.files()) == []
    assert list((room.spool.root.parent / "parts").iterdir()) == []


def test_a_full_disk_refuses_before_anything_is_damaged(room: Room, tmp_path: Path) -> None:
    path = builders.a_dicom_file(tmp_path)
    room.free[0] = 1100
    with pytest.raises(NoRoom):
        room.taker.take_file(path, "import")
    with pytest.raises(NoRoom):
        room.taker.take_request(a_request(path))
    assert room.images() == []
    room.free[0] = 1 << 40
    assert room.taker.take_file(path, "import").outcome is Outcome.NEW


@pytest.mark.parametrize(
    "syntax",
    [builders.IMPLICIT_LITTLE, builders.EXPLICIT_BIG, builders.DEFLATED_LITTLE, builders.JPEG_BASELINE],
)
def test_every_transfer_syntax_is_kept_as_it_came(room: Room, tmp_path: Path, syntax: str) -> None:
    path = builders.a_dicom_file(tmp_path, transfer_syntax_uid=syntax, study_uid="1.2.3")
    taken = room.taker.take_request(a_request(path))
    assert room.images("1.2.3")[0]["transfer_syntax_uid"] == syntax
    offset = path.read_bytes().index(bytes(a_request(path).data_set))
    assert taken.path.read_bytes().endswith(path.read_bytes()[offset:])
