"""A DICOMDIR leads to its files, and never out of its folder."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from app.intake.dicomdir import MEDIA_STORAGE_DIRECTORY, is_dicomdir, listed_files
from app.intake.header import NotDicom, read_header
from tests import builders

BUNDLED = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests"


def a_dicomdir(folder: Path, *file_ids: str | list[str] | None) -> Path:
    """A directory with one record per file ID (None: a record without a file)."""
    data_set = Dataset()
    data_set.SOPClassUID, data_set.SOPInstanceUID = MEDIA_STORAGE_DIRECTORY, builders.a_uid()
    records = []
    for file_id in file_ids:
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        if file_id is not None:
            text = file_id if isinstance(file_id, str) else "\\".join(file_id)
            record[0x00041500] = RawDataElement(BaseTag(0x00041500), "CS", len(text), text.encode(), 0, False, True)
        records.append(record)
    data_set.DirectoryRecordSequence = Sequence(records)
    return builders.write_dicom(folder / "DICOMDIR", data_set)


def test_every_file_that_a_real_dicomdir_lists_is_found() -> None:
    found = listed_files(BUNDLED / "DICOMDIR")
    listed = sum(
        "ReferencedFileID" in record for record in pydicom.dcmread(BUNDLED / "DICOMDIR").DirectoryRecordSequence
    )
    assert len(found.files) == listed > 30
    assert (found.missing, found.refused) == ((), ())
    assert all(read_header(file).sop_instance_uid for file in found.files)


@pytest.mark.parametrize("name", ["DICOMDIR-implicit", "DICOMDIR-bigEnd", "DICOMDIR-nooffset", "DICOMDIR-reordered"])
def test_a_dicomdir_written_in_another_way_lists_the_same_files(name: str) -> None:
    assert listed_files(BUNDLED / name).files


def test_a_dicomdir_is_told_from_an_image(tmp_path: Path) -> None:
    assert is_dicomdir(read_header(a_dicomdir(tmp_path)))
    assert is_dicomdir(read_header(BUNDLED / "DICOMDIR"))
    assert not is_dicomdir(read_header(builders.a_dicom_file(tmp_path)))


def test_case_and_version_suffix_do_not_matter_and_a_lost_file_is_named(tmp_path: Path) -> None:
    for name in ("images/im0001", "images/IM0002;1", "images/im0003."):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    ids = [["IMAGES", f"IM000{n}"] for n in range(1, 5)]
    found = listed_files(a_dicomdir(tmp_path, None, *ids, ids[0]))
    assert [file.parent.name for file in found.files] == ["images"] * 3
    assert found.missing == ("IMAGES/IM0004",)


def test_components_parted_by_a_slash_are_understood(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "B").write_bytes(b"x")
    assert listed_files(a_dicomdir(tmp_path, "A/B")).files == (tmp_path / "A" / "B",)


@pytest.mark.parametrize(
    "file_id",
    [
        ["..", "outside"],
        ["A", "..", "..", "outside"],
        [".", "outside"],
        ["", "etc", "passwd"],
        "/etc/passwd",
        ["C:", "WINDOWS"],
        "C:outside",
        ["A", "B:stream"],
        ["", "", "server", "share"],
        ["NUL"],
        ["com1.dcm"],
        ["A", "B. "],
        ["A..."],
        ["A", "B\x01"],
        ["*"],
        ["A"] * 40,
    ],
)
def test_a_path_that_may_lead_elsewhere_is_refused(tmp_path: Path, file_id: str | list[str]) -> None:
    (tmp_path / "outside").write_bytes(b"secret")
    folder = tmp_path / "disc"
    folder.mkdir()
    found = listed_files(a_dicomdir(folder, file_id))
    assert found.files == ()
    assert len(found.refused) == 1


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"secret")
    folder = tmp_path / "disc"
    folder.mkdir()
    try:
        (folder / "LINK").symlink_to(tmp_path / "outside")
    except OSError:
        pytest.skip("this system makes no links")
    found = listed_files(a_dicomdir(folder, "LINK"))
    assert (found.files, found.refused) == ((), ("LINK",))


def test_an_image_is_no_directory(tmp_path: Path) -> None:
    with pytest.raises(NotDicom):
        listed_files(builders.a_dicom_file(tmp_path))
