"""The copy carries the accession number, and every other byte of the data set is as it was."""

from __future__ import annotations

import struct
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import NeedsOperator
from app.intake.carry import with_accession
from app.intake.header import DEFLATED_LITTLE, read_header
from app.intake.whole import is_whole
from tests import builders

SYNTAXES = [
    builders.EXPLICIT_LITTLE,
    builders.IMPLICIT_LITTLE,
    builders.EXPLICIT_BIG,
    builders.DEFLATED_LITTLE,
    builders.JPEG_BASELINE,
]
REAL_FILES = sorted((Path(pydicom.__file__).parent / "data" / "test_files").glob("*.dcm"))


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("before", ["", "OLD1", "LONGER0123456789", None])
def test_only_the_accession_number_differs(tmp_path: Path, syntax: str, before: str | None) -> None:
    path = builders.a_dicom_file(tmp_path, transfer_syntax_uid=syntax, AccessionNumber=before, frames=2)
    original = path.read_bytes()
    with with_accession(path, "A2601050001", tmp_path) as copy:
        assert read_header(copy).text("AccessionNumber") == "A2601050001"
        assert is_whole(copy)
        assert elements_of(copy) == elements_of(path)
        assert meta_of(copy) == meta_of(path)
        if syntax != DEFLATED_LITTLE:
            assert pixels(copy) == pixels(path)
    assert not copy.exists()
    assert path.read_bytes() == original


def elements_of(path: Path) -> dict[str, object]:
    data_set = pydicom.dcmread(path)
    data_set.pop("AccessionNumber", None)
    return {str(element.tag): (element.VR, element.value) for element in data_set}


def meta_of(path: Path) -> bytes:
    return path.read_bytes()[: read_header(path).data_set_offset]


def pixels(path: Path) -> bytes:
    """The last element as it stands in the file: it ends where the file ends."""
    return path.read_bytes()[-64:]


@pytest.mark.filterwarnings("ignore:Expected explicit VR:UserWarning")
@pytest.mark.parametrize("path", REAL_FILES, ids=lambda path: path.name)
def test_real_files_differ_in_that_element_alone(tmp_path: Path, path: Path) -> None:
    try:
        found = read_header(path)
    except NeedsOperator:
        pytest.skip("no image")
    if found.transfer_syntax_uid == DEFLATED_LITTLE or not found.sop_instance_uid:
        pytest.skip("not to be compared byte for byte")
    with with_accession(path, "AB", tmp_path) as copy:
        carried, original = copy.read_bytes(), path.read_bytes()
        assert read_header(copy).text("AccessionNumber") == "AB"
    pairs = enumerate(zip(carried, original, strict=False))
    start = next((at for at, (new, old) in pairs if new != old), len(original))
    if 0x00080000 in pydicom.dcmread(path, force=True):
        return  # its group length was mended too
    tail = max(0, len(carried) - start - 12)
    assert original.endswith(carried[len(carried) - tail :])


def test_a_group_length_before_it_is_made_right(tmp_path: Path) -> None:
    path = builders.a_dicom_file(tmp_path, accession="OLD1")
    data, offset = path.read_bytes(), read_header(path).data_set_offset
    path.write_bytes(data[:offset] + b"\x08\0\0\0UL\4\0" + struct.pack("<I", 500) + data[offset:])
    with with_accession(path, "A12345", tmp_path) as copy:
        assert struct.unpack("<I", copy.read_bytes()[offset + 8 : offset + 12])[0] == 502
        assert elements_of(copy).keys() == elements_of(path).keys()


def test_a_sequence_before_the_place_is_stepped_over(tmp_path: Path) -> None:
    inner = pydicom.Dataset()
    inner.add_new(0x00080050, "SH", "INNER")
    inner.add_new(0x00080100, "SH", "zh-CN")
    inner.is_undefined_length_sequence_item = True
    data_set = builders.a_data_set(accession="OLD")
    data_set.add_new(0x00080006, "SQ", [inner])
    data_set[0x00080006].is_undefined_length = True
    path = tmp_path / "with a sequence"
    path.write_bytes(builders.dicom_bytes(data_set))
    with with_accession(path, "NEW", tmp_path) as copy:
        read = pydicom.dcmread(copy)
    assert read.AccessionNumber == "NEW"
    assert read[0x00080006].value[0].AccessionNumber == "INNER"


@settings(max_examples=60)
@given(accession=st.text(max_size=20))
def test_a_number_is_carried_as_given_or_refused(tmp_path_factory: pytest.TempPathFactory, accession: str) -> None:
    folder = tmp_path_factory.mktemp("carry")
    path = builders.a_dicom_file(folder)
    try:
        with with_accession(path, accession, folder) as copy:
            assert read_header(copy).text("AccessionNumber") == accession.strip()
    except NeedsOperator as error:
        assert error.fields == ("accession_number",)
        assert (
            not accession.isascii()
            or not 0 < len(accession.strip()) <= 16
            or not accession.isprintable()
            or ("\\" in accession)
        )
    assert list(folder.iterdir()) == [path]


def test_the_copy_goes_also_when_sending_it_failed(tmp_path: Path) -> None:
    path = builders.a_dicom_file(tmp_path)
    with pytest.raises(RuntimeError), with_accession(path, "A1", tmp_path):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == [path]
