"""A cut file is told from a whole one without reading its pixels."""

from __future__ import annotations

import struct
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.intake.header import NotDicom, read_header
from app.intake.whole import is_whole
from tests import builders

TEST_FILES = Path(pydicom.__file__).parent / "data" / "test_files"
SYNTAXES = [
    builders.EXPLICIT_LITTLE,
    builders.IMPLICIT_LITTLE,
    builders.EXPLICIT_BIG,
    builders.DEFLATED_LITTLE,
    builders.JPEG_BASELINE,
]
CUT = {"MR_truncated.dcm", "rtplan_truncated.dcm"}
PIXELS_TAKEN_OUT = {"UN_sequence.dcm", "no_meta_group_length.dcm", "priv_SQ.dcm"}


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_complete_file_is_whole_and_the_same_file_cut_anywhere_is_not(tmp_path: Path, syntax: str) -> None:
    path = builders.a_dicom_file(tmp_path, transfer_syntax_uid=syntax, frames=3)
    data = path.read_bytes()
    assert is_whole(path)
    offset = read_header(path).data_set_offset
    for length in range(offset + 200, len(data), 7):
        path.write_bytes(data[:length])
        assert not said_to_be_whole(path), length


def said_to_be_whole(path: Path) -> bool:
    try:
        return is_whole(path)
    except NotDicom:
        return False


def test_a_file_that_ends_before_its_pixels_is_not_whole(tmp_path: Path) -> None:
    path = builders.a_dicom_file(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(struct.pack("<HH", 0x7FE0, 0x0010))])
    assert not is_whole(path)


def test_zeros_behind_the_last_element_do_no_harm_but_other_bytes_do(tmp_path: Path) -> None:
    path = builders.a_dicom_file(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data + b"\0" * 300)
    assert is_whole(path)
    path.write_bytes(data + b"\0" * 300 + b"rest of another file")
    assert not is_whole(path)


def test_a_document_without_pixels_is_whole(tmp_path: Path) -> None:
    assert is_whole(builders.an_encapsulated_pdf(tmp_path))


@pytest.mark.parametrize(
    "path", sorted(p for p in TEST_FILES.glob("*.dcm") if p.stat().st_size < 400_000), ids=lambda path: path.name
)
def test_the_files_that_come_with_pydicom_are_whole_unless_cut_or_robbed_of_their_pixels(path: Path) -> None:
    try:
        found = read_header(path)
    except NotDicom:
        return
    assert is_whole(path) == (path.name not in CUT | PIXELS_TAKEN_OUT), found.transfer_syntax_uid


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_scratched_files_end_in_an_answer(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    syntax = data.draw(st.sampled_from(SYNTAXES))
    path = tmp_path_factory.getbasetemp() / "scratched.dcm"
    data_set = builders.a_data_set(instance_uid="1.2.3", study_uid="1.2", series_uid="1.2.4")
    builders.write_dicom(path, data_set, transfer_syntax_uid=syntax)
    content = bytearray(path.read_bytes())[: data.draw(st.integers(400, 500))]
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(132, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    assert said_to_be_whole(path) in (True, False)
