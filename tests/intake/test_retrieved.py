"""Downloaded images of other hospitals: laid down whole or not at all, taken away alone, never taken in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.retrieval import Offered, WrongImage
from app.intake.incoming import Became
from app.intake.retrieved import MARK, NoRoomToDownload, Shelf, file_of, is_retrieved, is_uid
from app.system.disk import durable_folder, durable_replace
from tests.builders import a_data_set, a_dicom_file, a_uid, dicom_bytes
from tests.intake.clinic import Room

FREE = 10_000


def a_shelf(free: int = FREE) -> Shelf:
    return Shelf(
        durable_replace=durable_replace,
        durable_folder=durable_folder,
        free_bytes=lambda folder: free,
        least_free_bytes=lambda folder: FREE,
    )


def an_offer() -> tuple[Offered, bytes]:
    one = Offered(study_instance_uid=a_uid(), series_instance_uid=a_uid(), sop_instance_uid=a_uid())
    data_set = a_data_set(
        study_uid=one.study_instance_uid, series_uid=one.series_instance_uid, instance_uid=one.sop_instance_uid
    )
    return one, dicom_bytes(data_set)


@given(text=st.text(max_size=70) | st.text(alphabet="0123456789.", max_size=70))
def test_what_is_taken_for_a_uid_is_always_a_plain_name(text: str) -> None:
    one = Offered(study_instance_uid="1", series_instance_uid=text, sop_instance_uid=text)
    if not is_uid(text):
        with pytest.raises(ValueError, match="no UID"):
            file_of(Path("/x"), one)
        return
    assert text.isascii()
    assert len(text) <= 64
    path = file_of(Path("/x"), one)
    assert path.parent.parent == Path("/x")
    assert ".." not in path.parts
    assert path.name == f"{text}.dcm"


def test_an_image_is_laid_down_as_it_came_and_found_again(tmp_path: Path) -> None:
    shelf, folder = a_shelf(), tmp_path / "调阅" / "a"
    one, content = an_offer()
    shelf.open(folder)
    assert shelf.lying(folder, one) is None
    kept = shelf.put(folder, one, content)
    assert file_of(folder, one).read_bytes() == content
    assert (kept.size_bytes, kept.modality) == (len(content), "CT")
    assert shelf.lying(folder, one) == kept
    assert "不会上传" in (folder / MARK).read_text(encoding="utf-8-sig")


def test_what_is_no_such_image_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    shelf = a_shelf()
    one, content = an_offer()
    other, foreign = an_offer()
    shelf.open(tmp_path)
    shelf.put(tmp_path, one, content)
    for wrong in (foreign, content[:-3], b"", b"%PDF-1.4"):
        with pytest.raises(WrongImage):
            shelf.put(tmp_path, one, wrong)
    assert file_of(tmp_path, one).read_bytes() == content
    assert len(list(tmp_path.rglob("*"))) == 3
    assert shelf.lying(tmp_path, other) is None


def test_the_disk_keeps_room_for_our_own_images(tmp_path: Path) -> None:
    a_shelf(FREE).open(tmp_path)
    with pytest.raises(NoRoomToDownload, match="磁盘快满了"):
        a_shelf(FREE - 1).open(tmp_path)


def test_a_link_in_the_place_of_a_series_leads_nobody_astray(tmp_path: Path) -> None:
    shelf, folder, elsewhere = a_shelf(), tmp_path / "a", tmp_path / "elsewhere"
    one, content = an_offer()
    shelf.open(folder)
    elsewhere.mkdir()
    precious = elsewhere / f"{one.sop_instance_uid}.dcm"
    precious.write_bytes(content)
    (folder / one.series_instance_uid).symlink_to(elsewhere)
    shelf.take_away(folder, [one])
    assert precious.read_bytes() == content


def test_what_lies_in_a_folder_of_downloads_is_not_taken_in(room: Room, tmp_path: Path) -> None:
    shelf, folder = a_shelf(), tmp_path / "watched" / "a"
    one, content = an_offer()
    shelf.open(folder)
    shelf.put(folder, one, content)
    path = file_of(folder, one)
    assert is_retrieved(path)
    assert room.incoming.take(path, "folder:x").became is Became.NOTED
    report = folder / "r.pdf"
    report.write_bytes(b"%PDF-1.4")
    assert room.incoming.take(report, "folder:x").became is Became.NOTED
    ours = a_dicom_file(tmp_path / "watched")
    assert not is_retrieved(ours)
    assert room.incoming.take(ours, "folder:x").became is Became.NEW
    assert len(room.images()) == 1
