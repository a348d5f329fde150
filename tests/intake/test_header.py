"""The small parser against pydicom: the same values or none of its own, on good, odd and damaged files."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pydicom
import pydicom.filereader
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from app.intake import header
from app.intake.header import WANTED, Header, MoreNeeded, NotDicom, header_from_data_set, read_header
from tests import builders

BUNDLED = sorted(
    path
    for path in (Path(pydicom.__file__).parent / "data").rglob("*")
    if (path.is_file() and "test_files" in path.parts) or path.parent.name == "charset_files"
    if path.suffix not in (".py", ".pyc", ".json", ".txt", ".dump", ".gz", ".icc", ".md")
)
SYNTAXES = [
    builders.EXPLICIT_LITTLE,
    builders.IMPLICIT_LITTLE,
    builders.EXPLICIT_BIG,
    builders.DEFLATED_LITTLE,
    builders.JPEG_BASELINE,
]


def by_pydicom(path: Path | io.BytesIO) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, stop_before_pixels=True, force=True)


def raw_of(data_set: Dataset) -> dict[str, bytes]:
    """What pydicom holds undecoded, in the shape of `Header.raw`."""
    found = {}
    for tag, keyword in WANTED.items():
        if tag in data_set:
            element: Any = data_set.get_item(tag)
            value = element.value if isinstance(element.value, bytes) else b""
            swapped = keyword in header.BINARY_NUMBERS and not getattr(element, "is_little_endian", True)
            found[keyword] = value[1::-1] + value[2:] if swapped else value
            if keyword == "SpecificCharacterSet" and element.value and not isinstance(element.value, bytes):
                terms = [element.value] if isinstance(element.value, str) else element.value
                found[keyword] = "\\".join(terms).encode("latin-1")
    if not found.get("SOPClassUID", b"").startswith(header.ENCAPSULATED_DOCUMENTS.encode()):
        found.pop("MIMETypeOfEncapsulatedDocument", None)
    return found


def unpadded(raw: Mapping[str, bytes]) -> dict[str, bytes]:
    """pydicom has always decoded the charset already, so its padding is gone."""
    bare = {key: value for key, value in raw.items() if key != "SpecificCharacterSet"}
    return {**bare, "charset": b"\\".join(x.strip(b" \0") for x in raw.get("SpecificCharacterSet", b"").split(b"\\"))}


@pytest.fixture
def no_judge(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and pydicom may not be asked any more."""

    def forbid(*_: object, **__: object) -> None:
        raise AssertionError("pydicom was asked")

    def install() -> None:
        monkeypatch.setattr(pydicom.filereader, "read_dataset", forbid)
        monkeypatch.setattr(pydicom.filereader, "read_partial", forbid)

    return install


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.name)
def test_a_file_that_comes_with_pydicom_gives_the_same_values(path: Path) -> None:
    try:
        ours = read_header(path)
    except NotDicom:
        data_set = by_pydicom(path)
        known = [keyword for keyword in header.UID_KEYWORDS if data_set.get(keyword)]
        assert not known or (path.read_bytes()[128:132] != b"DICM" and len(known) < 2)
        return
    theirs = by_pydicom(path)
    assert unpadded(ours.raw) == unpadded(raw_of(theirs))
    syntax = str(theirs.file_meta.get("TransferSyntaxUID", ""))
    assert ours.transfer_syntax_uid == syntax or (not syntax and "TransferSyntaxUID" in ours.odd_uids)


def test_there_are_bundled_files_to_compare_with() -> None:
    assert len(BUNDLED) > 100


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_transfer_syntax_is_read(tmp_path: Path, syntax: str) -> None:
    path = builders.a_dicom_file(
        tmp_path, transfer_syntax_uid=syntax, name="王小东", accession="A7", rows=16, StudyDescription="胸部平扫"
    )
    found = read_header(path)
    assert (found.text("PatientName"), found.text("AccessionNumber")) == ("王小东", "A7")
    assert (found.number("Rows"), found.text("Columns"), found.modality) == (16, "8", "CT")
    assert found.text("StudyDescription") == "胸部平扫"
    assert (found.transfer_syntax_uid, found.odd_uids) == (syntax, ())


@pytest.mark.parametrize("syntax", [builders.EXPLICIT_LITTLE, builders.IMPLICIT_LITTLE, builders.JPEG_BASELINE])
def test_the_usual_file_is_read_without_pydicom(tmp_path: Path, no_judge: Callable[[], None], syntax: str) -> None:
    path = builders.a_dicom_file(tmp_path, transfer_syntax_uid=syntax, accession="A7")
    no_judge()
    assert read_header(path).text("AccessionNumber") == "A7"


@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("syntax", [builders.EXPLICIT_LITTLE, builders.IMPLICIT_LITTLE])
def test_sequences_on_the_way_are_stepped_over(
    tmp_path: Path, no_judge: Callable[[], None], syntax: str, undefined: bool
) -> None:
    path = builders.a_dicom_file(
        tmp_path, transfer_syntax_uid=syntax, ReferencedImageSequence=nested(3, undefined), accession="A7"
    )
    no_judge()
    assert read_header(path).text("StudyInstanceUID")


def nested(depth: int, undefined: bool) -> Sequence:
    item = Dataset()
    item.ReferencedSOPInstanceUID = builders.a_uid()
    item.PatientName = "not^the^patient"
    if depth:
        item.ReferencedImageSequence = nested(depth - 1, undefined)
        item["ReferencedImageSequence"].is_undefined_length = undefined
    item.is_undefined_length_sequence_item = undefined
    return Sequence([item, item])


def test_a_long_private_element_is_stepped_over_in_the_file(tmp_path: Path, no_judge: Callable[[], None]) -> None:
    data_set = builders.a_data_set(RequestedProcedureDescription="胸部CT")
    data_set.add_new(0x00290010, "LO", "INVENTED")
    data_set.add_new(0x00291010, "OB", b"\0" * 300_000)
    path = tmp_path / "a.dcm"
    path.write_bytes(builders.dicom_bytes(data_set))
    no_judge()
    assert read_header(path).text("RequestedProcedureDescription") == "胸部CT"


def test_the_first_bytes_are_enough_or_say_that_they_are_not(tmp_path: Path) -> None:
    path = builders.a_dicom_file(tmp_path, rows=256, columns=256, accession="A7")
    data = path.read_bytes()
    assert read_header(data[:16384]) == read_header(path)
    with pytest.raises(MoreNeeded):
        read_header(data[:500])


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_data_set_from_the_network_gives_what_the_file_gives(tmp_path: Path, syntax: str) -> None:
    path = builders.a_dicom_file(tmp_path, transfer_syntax_uid=syntax, accession="A7")
    file = read_header(path)
    wire = header_from_data_set(path.read_bytes()[file.data_set_offset :], syntax, whole=True)
    assert (wire.raw, wire.sop_instance_uid, wire.data_set_offset) == (file.raw, file.sop_instance_uid, 0)


@given(cut=st.integers(0, 1200), syntax=st.sampled_from(SYNTAXES))
@settings(max_examples=150, deadline=None)
def test_a_prefix_never_gives_other_values_than_the_whole(cut: int, syntax: str) -> None:
    data_set = builders.a_data_set(
        accession="A7",
        instance_uid="1.2.3",
        study_uid="1.2",
        series_uid="1.2.4",
        ReferencedImageSequence=nested(1, True),
    )
    data = builders.dicom_bytes(data_set, transfer_syntax_uid=syntax if syntax != SYNTAXES[-1] else SYNTAXES[0])
    whole = read_header(data, whole=True)
    try:
        part = read_header(data[:cut])
    except (MoreNeeded, NotDicom):
        return
    assert part == whole


def test_a_file_without_preamble_and_group_0002_is_read_and_its_syntax_called_a_guess(tmp_path: Path) -> None:
    path = builders.a_dicom_file(tmp_path, accession="A7")
    offset = read_header(path).data_set_offset
    bare = tmp_path / "bare"
    bare.write_bytes(path.read_bytes()[offset:])
    found = read_header(bare)
    assert (found.text("AccessionNumber"), found.data_set_offset) == ("A7", 0)
    assert found.odd_uids == ("TransferSyntaxUID",)


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7 hello", b"\0" * 4096, b"\x08\0" * 3000, b"\x89PNG" + b"x" * 9000])
def test_another_file_is_no_dicom_and_the_person_reads_what_to_do(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(data)
    with pytest.raises(NotDicom) as caught:
        read_header(path)
    assert caught.value.title == "不是 DICOM 影像"
    assert "重新导出" in caught.value.advice


def test_odd_uids_are_reported_and_the_file_stays_usable(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = builders.a_dicom_file(tmp_path, study_uid="1.2.ABC", series_uid="1." * 40 + "1", file_name="a.dcm")
    found = read_header(path)
    assert found.odd_uids == ("StudyInstanceUID", "SeriesInstanceUID")
    assert found.study_instance_uid == "1.2.ABC"


def test_numbers_and_absent_values_are_plain(tmp_path: Path) -> None:
    found = read_header(builders.a_dicom_file(tmp_path, frames=3, number=12, PatientAge=None, accession=""))
    assert (found.number("NumberOfFrames"), found.number("InstanceNumber")) == (3, 12)
    assert (found.number("PatientAge"), found.text("PatientAge")) == (None, "")
    assert "PatientAge" not in found.raw and found.raw["AccessionNumber"] == b""
    assert "张三" not in repr(found) and "raw" not in repr(found)


element = st.tuples(
    st.sampled_from(sorted(set(WANTED) | {0x00081140, 0x00091001, 0x00181050, 0x00290010, 0x00291010, 0x00400275})),
    st.sampled_from([b"LO", b"PN", b"UI", b"US", b"OB", b"UN", b"SQ", b"IS", b"UT", b"ZZ", b"\x04\0"]),
    st.binary(max_size=40),
    st.sampled_from([0, 0, 0, 0, 0, 1, -1, 70000]),
)


@given(elements=st.lists(element, max_size=12), ordered=st.booleans(), explicit=st.booleans(), undefined=st.booleans())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_invented_data_sets_give_pydicoms_values_or_none(
    elements: list[tuple[int, bytes, bytes, int]],
    ordered: bool,
    explicit: bool,
    undefined: bool,
) -> None:
    if ordered:
        elements = sorted({one[0]: one for one in elements}.values())
    else:  # what follows the last wanted tag is never read
        elements = [one for one in elements if one[0] <= header.LAST_OF_AN_IMAGE]
    data = b"".join(written(*one, explicit=explicit, undefined=undefined) for one in elements)
    syntax = builders.EXPLICIT_LITTLE if explicit else builders.IMPLICIT_LITTLE
    file = a_meta(syntax) + data
    try:
        ours = read_header(file, whole=True)
    except NotDicom:
        return
    mine, theirs = unpadded(ours.raw), unpadded(raw_of(by_pydicom(io.BytesIO(file))))
    if not ordered:  # a length that lies: pydicom's two ways of reading disagree about the charset themselves
        mine["charset"] = theirs["charset"] = b""
    assert mine == theirs


def written(tag: int, vr: bytes, value: bytes, lie: int, *, explicit: bool, undefined: bool) -> bytes:
    if tag == 0x00080005:
        vr, value, lie = b"CS", b"ISO_IR 192", 0  # pydicom reads this one at once, and fails on a bad one
    length = max(0, len(value) + lie)
    if vr == b"SQ" and undefined:
        length, value = 0xFFFFFFFF, struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    start = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if not explicit:
        return start + struct.pack("<I", length) + value
    if vr in header.LONG_VRS:
        return start + vr + b"\0\0" + struct.pack("<I", length) + value
    return start + vr + struct.pack("<H", length & 0xFFFF) + value


def a_meta(syntax: str) -> bytes:
    body = b"".join(
        struct.pack("<HH2sH", 2, number, b"UI", len(value)) + value
        for number, value in ((2, b"1.2.840.10008.5.1.4.1.1.2\0"), (3, b"1.2.3\0"), (0x10, syntax.encode()))
        for value in [value + b"\0" * (len(value) % 2)]
    )
    return b"\0" * 128 + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(body)) + body


@given(data=st.binary(max_size=600), start=st.sampled_from(["", "mark", "meta", "deflated", "big", "bare"]))
@settings(max_examples=400, deadline=None)
def test_random_bytes_end_in_a_header_or_a_documented_error(data: bytes, start: str) -> None:
    starts = {
        "mark": b"\0" * 128 + b"DICM",
        "meta": a_meta(builders.EXPLICIT_LITTLE),
        "deflated": a_meta(builders.DEFLATED_LITTLE),
        "big": a_meta(builders.EXPLICIT_BIG),
        "bare": b"\x08\0\x16\0UI\x04\x001.2\0\x08\0\x18\0UI\x04\x001.2\0",
    }
    ends_as_documented(starts.get(start, b"") + data)


@given(path=st.sampled_from(BUNDLED), data=st.data())
@settings(max_examples=300, deadline=None)
def test_bundled_files_cut_and_scratched_end_in_a_header_or_a_documented_error(path: Path, data: st.DataObject) -> None:
    content = bytearray(path.read_bytes()[:6000])
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    ends_as_documented(bytes(content[: data.draw(st.integers(0, len(content)))]))


def ends_as_documented(data: bytes) -> None:
    for whole in (True, False):
        try:
            found: Header | None = read_header(data, whole=whole)
        except NotDicom:
            continue
        except MoreNeeded:
            assert not whole
            continue
        assert isinstance(found, Header)
        for keyword in WANTED.values():
            found.text(keyword)
