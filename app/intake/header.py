"""The few elements of a DICOM file that the index needs, as raw bytes.

A small top-level parser reads the usual file in a twentieth of a millisecond; whatever it is not sure of it
declines, and pydicom is the judge. Must never read pixel data, rewrite a file or guess a patient's name.
"""

from __future__ import annotations

import errno
import io
import logging
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from pathlib import Path
from typing import Any, BinaryIO

from app.errors import NeedsOperator
from app.intake import names

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED_LITTLE = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
ENCAPSULATED_DOCUMENTS = "1.2.840.10008.5.1.4.1.1.104."

WANTED: Mapping[int, str] = {
    0x00080005: "SpecificCharacterSet",
    0x00080016: "SOPClassUID",
    0x00080018: "SOPInstanceUID",
    0x00080020: "StudyDate",
    0x00080021: "SeriesDate",
    0x00080022: "AcquisitionDate",
    0x00080023: "ContentDate",
    0x00080030: "StudyTime",
    0x00080031: "SeriesTime",
    0x00080032: "AcquisitionTime",
    0x00080033: "ContentTime",
    0x00080050: "AccessionNumber",
    0x00080060: "Modality",
    0x00080070: "Manufacturer",
    0x00080080: "InstitutionName",
    0x00080090: "ReferringPhysicianName",
    0x00081010: "StationName",
    0x00081030: "StudyDescription",
    0x0008103E: "SeriesDescription",
    0x00081090: "ManufacturerModelName",
    0x00100010: "PatientName",
    0x00100020: "PatientID",
    0x00100030: "PatientBirthDate",
    0x00100040: "PatientSex",
    0x00101000: "OtherPatientIDs",
    0x00101010: "PatientAge",
    0x00180015: "BodyPartExamined",
    0x00181000: "DeviceSerialNumber",
    0x00181030: "ProtocolName",
    0x0020000D: "StudyInstanceUID",
    0x0020000E: "SeriesInstanceUID",
    0x00200010: "StudyID",
    0x00200011: "SeriesNumber",
    0x00200013: "InstanceNumber",
    0x00280008: "NumberOfFrames",
    0x00280010: "Rows",
    0x00280011: "Columns",
    0x00321060: "RequestedProcedureDescription",
    0x00420012: "MIMETypeOfEncapsulatedDocument",
}
UID_KEYWORDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
BINARY_NUMBERS = ("Rows", "Columns")

LAST_OF_AN_IMAGE = 0x00321060
LAST = 0x00420012
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
DEEPEST = 16
CUT_OFF, DOUBTFUL = -1, -2
FIRST_BYTES = 16 * 1024
WINDOW_BYTES = 64 * 1024
INFLATED_BYTES = 4 * 1024 * 1024

# What pydicom was seen to raise on damaged files (fuzzed), besides its own; OSError is handled apart.
_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
_EXPLICIT = re.compile(r"1\.2\.840\.10008\.1\.2\.(1|1\.99|4\.\d+|5)")
_UID = re.compile(r"[0-9.]{1,64}")
_TAG = struct.Struct("<HH")
_EXPLICIT_START = struct.Struct("<HH2sH")
_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")


class NotDicom(NeedsOperator):
    """The file is no DICOM object, or too damaged to say which object it is."""

    def __init__(self, details: str = "") -> None:
        super().__init__("不是 DICOM 影像", "请在设备上重新导出这份影像；其他文件请移出影像文件夹", details=details)


class MoreNeeded(Exception):
    """The bytes at hand end before the header does: store the object and call `read_header` with its path."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the index needs of one DICOM object.

    `raw` holds keyword -> value as stored (padding included); an absent element is absent, an empty one is b"".
    `Rows` and `Columns` are always little endian there; it stays out of the repr, for it names the patient.
    `data_set_offset` counts bytes up to the first element after group 0002. A UID that the object does not carry
    is "". The transfer syntax of an object without group 0002 is a guess and then stands among `odd_uids`.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    modality: str
    data_set_offset: int
    odd_uids: tuple[str, ...] = ()
    raw: Mapping[str, bytes] = field(default_factory=dict, hash=False, repr=False)

    def decoded(self, keyword: str) -> names.Decoded:
        """The value with the charset it was read in, whether that is certain, and the other readings."""
        return names.decode(self.raw.get(keyword, b"").rstrip(b" \0"), self.charset)

    def text(self, keyword: str) -> str:
        """The value as text without padding, "" when absent; several values stay parted by a backslash."""
        if keyword in BINARY_NUMBERS:
            number = self.number(keyword)
            return "" if number is None else str(number)
        return self.decoded(keyword).text.strip()

    def number(self, keyword: str) -> int | None:
        """The first value as a whole number, None when absent or not a number."""
        value = self.raw.get(keyword, b"")
        if keyword in BINARY_NUMBERS:
            return int(_U16.unpack_from(value)[0]) if len(value) >= 2 else None
        try:
            return int(value.split(b"\\")[0].strip(b" \0").decode("ascii"))
        except ValueError:
            return None

    @property
    def charset(self) -> str:
        """Specific Character Set as declared (PS3.3 C.12.1.1.2), several values parted by a backslash."""
        return _plain(self.raw.get("SpecificCharacterSet", b""))


def read_header(source: Path | bytes | memoryview, *, whole: bool = False) -> Header:
    """The header of a file, or of its first bytes (`whole`: these bytes are all there is).

    Reading ends behind the last wanted tag: what stands out of order after it is not found.
    Raises NotDicom; MoreNeeded (only for bytes that are not `whole`); OSError when the file can't be read.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            return _of_stream(file, whole=True)
    return _of_stream(io.BytesIO(source), whole=whole)


def header_from_data_set(
    data: bytes | memoryview, transfer_syntax_uid: str, *, sop_class_uid: str = "", whole: bool = False
) -> Header:
    """The header of a data set without preamble and group 0002, as it comes over the network.

    `data` may be the first bytes only; offsets count from its start. Raises NotDicom, MoreNeeded.
    """
    meta = _Meta(transfer_syntax_uid=transfer_syntax_uid, sop_class_uid=sop_class_uid, offset=0)
    return _of_data_set(io.BytesIO(data), meta, whole=whole)


@contextmanager
def judged_by_pydicom() -> Iterator[None]:
    """Around every use of pydicom: its messages (they may quote values) are kept quiet, its failures are NotDicom."""
    import pydicom

    try:
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            before, _LOG.disabled = _LOG.disabled, True
            try:
                yield
            finally:
                _LOG.disabled = before
    except (pydicom.errors.InvalidDicomError, pydicom.errors.BytesLengthException, *_FAILURES) as error:
        raise NotDicom(type(error).__name__) from error
    except OSError as error:
        if error.errno in (None, errno.EINVAL):  # pydicom's own, or a seek that damaged lengths asked for
            raise NotDicom("OSError") from error
        raise


_LOG = logging.getLogger("pydicom")
_QUIET = threading.RLock()  # catch_warnings is not thread safe by itself


@dataclass(frozen=True, kw_only=True)
class _Meta:
    transfer_syntax_uid: str
    sop_class_uid: str
    offset: int
    sop_instance_uid: str = ""
    marked: bool = True  # "DICM" stands at byte 128, or the network said so
    guessed: bool = False


class _Outcome(Enum):
    DONE = auto()
    MORE = auto()  # the window ends first
    DOUBT = auto()


def _of_stream(file: BinaryIO, *, whole: bool) -> Header:
    start = file.read(FIRST_BYTES)
    if not whole and len(start) < 144:
        raise MoreNeeded
    if start[128:132] != b"DICM" and start[:2] not in (b"\x02\0", b"\x08\0", b"\0\x08"):
        raise NotDicom("no DICM mark")
    meta = _read_meta(start)
    if meta is not None and meta.transfer_syntax_uid:
        return _of_data_set(file, meta, whole=whole, window=start)
    return _judge_file(file, whole=whole)


def _of_data_set(file: BinaryIO, meta: _Meta, *, whole: bool, window: bytes = b"") -> Header:
    if meta.transfer_syntax_uid == DEFLATED_LITTLE:
        file = _inflated(file, meta)
        inner, window = replace(meta, offset=0), b""
    else:
        inner = meta
    values = None
    if _EXPLICIT.fullmatch(meta.transfer_syntax_uid):
        values = _scan_file(file, inner, explicit=True, whole=whole, window=window)
    elif meta.transfer_syntax_uid == IMPLICIT_LITTLE:
        values = _scan_file(file, inner, explicit=False, whole=whole, window=window)
    if values is None:
        values = _judge_data_set(file, inner, whole=whole)
    return _header(values, meta)


def _inflated(file: BinaryIO, meta: _Meta) -> BinaryIO:
    """A bounded piece only: a small file may hide gigabytes (PS3.5 A.5)."""
    file.seek(meta.offset)
    try:
        return io.BytesIO(zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(INFLATED_BYTES), INFLATED_BYTES))
    except zlib.error as error:
        raise NotDicom("deflate") from error


def _read_meta(window: bytes) -> _Meta | None:
    """Group 0002 (PS3.10 7.1), read to its end whatever its group length says; None when doubtful."""
    marked = window[128:132] == b"DICM"
    at = 132 if marked else 0
    values: dict[int, bytes] = {}
    while window[at : at + 2] == b"\x02\0":
        if at + 12 > len(window):
            return None
        _, length, value = _element(window, at, explicit=True)
        if length < 0 or value + length > len(window):
            return None
        values[_U16.unpack_from(window, at + 2)[0]] = window[value : value + length]
        at = value + length
    if not values:
        return None
    return _Meta(
        transfer_syntax_uid=_plain(values.get(0x0010, b"")),
        sop_class_uid=_plain(values.get(0x0002, b"")),
        sop_instance_uid=_plain(values.get(0x0003, b"")),
        offset=at,
        marked=marked,
    )


def _scan_file(
    file: BinaryIO, meta: _Meta, *, explicit: bool, whole: bool, window: bytes = b""
) -> dict[str, bytes] | None:
    """The wanted values, window after window so that a long private element is stepped over; None when doubtful."""
    scan = _Scan(explicit, encapsulated=meta.sop_class_uid.startswith(ENCAPSULATED_DOCUMENTS))
    size = file.seek(0, io.SEEK_END)
    base, at = 0, meta.offset
    while True:
        if window or base:
            outcome, after = scan.run(window, at - base)
            if outcome is not _Outcome.MORE:
                return scan.found if outcome is _Outcome.DONE else None
            if after == 0:
                return None  # one element is longer than a whole window, or the last bytes are no element
            at = base + after
        if at >= size:
            return scan.found if whole and at == size else None
        base = file.seek(at)
        window = file.read(WINDOW_BYTES)


class _Scan:
    """Walks top-level elements in little endian; stands still at anything it is not sure of."""

    def __init__(self, explicit: bool, *, encapsulated: bool) -> None:
        self.explicit = explicit
        self.encapsulated = encapsulated
        self.found: dict[str, bytes] = {}
        self.previous = 0x0007FFFF

    def run(self, window: bytes, at: int) -> tuple[_Outcome, int]:
        """Until the last wanted tag, the end of the window (with where to go on) or a doubt."""
        end, explicit, previous = len(window), self.explicit, self.previous
        while at + 12 <= end:
            group, number, vr, length = _EXPLICIT_START.unpack_from(window, at)
            tag = group << 16 | number
            if tag <= previous:
                return _Outcome.DOUBT, at
            if tag > LAST_OF_AN_IMAGE and (tag > LAST or not self.encapsulated):
                return _Outcome.DONE, at
            if explicit and vr in SHORT_VRS:  # most elements; a call saved
                sequence, value = False, at + 8
            else:
                sequence, length, value = _element(window, at, explicit)
            if length < 0:
                return _Outcome.DOUBT, at
            keyword = WANTED.get(tag)
            if length == UNDEFINED:
                after = _after_items(window, value, explicit, DEEPEST) if sequence and not keyword else DOUBTFUL
                if after < 0:
                    return (_Outcome.MORE if after == CUT_OFF else _Outcome.DOUBT), at
            else:
                after = value + length
            if keyword is not None:
                if after > end:
                    return _Outcome.MORE, at
                self.found[keyword] = window[value:after]
                if tag == 0x00080016:
                    self.encapsulated = self.found[keyword].startswith(ENCAPSULATED_DOCUMENTS.encode())
            previous = self.previous = tag
            at = after
        return _Outcome.MORE, at


def _element(window: bytes, at: int, explicit: bool) -> tuple[bool, int, int]:
    """(may be a sequence, length or DOUBTFUL, where the value begins) of the element at `at` (PS3.5 7.1)."""
    vr = window[at + 4 : at + 6]
    if not explicit:
        if vr.isalpha() and vr.isupper():  # explicit after all, or longer than any value we know
            return False, DOUBTFUL, at
        return True, _U32.unpack_from(window, at + 4)[0], at + 8
    if vr in SHORT_VRS:
        return False, _U16.unpack_from(window, at + 6)[0], at + 8
    if vr in LONG_VRS and window[at + 6 : at + 8] == b"\0\0":
        return vr == b"SQ", _U32.unpack_from(window, at + 8)[0], at + 12
    return False, DOUBTFUL, at


def _after_items(window: bytes, at: int, explicit: bool, depth: int) -> int:
    """Where a sequence of undefined length ends (PS3.5 7.5), or CUT_OFF, or DOUBTFUL."""
    while at + 8 <= len(window) and depth:
        tag, length = _tag(window, at), _U32.unpack_from(window, at + 4)[0]
        at += 8
        if tag == SEQUENCE_END:
            return at if length == 0 else DOUBTFUL
        if tag != ITEM:
            return DOUBTFUL
        if length == UNDEFINED:
            at = _after_item(window, at, explicit, depth)
            if at < 0:
                return at
        else:
            at += length
    return CUT_OFF if depth else DOUBTFUL


def _after_item(window: bytes, at: int, explicit: bool, depth: int) -> int:
    """Where an item of undefined length ends, or CUT_OFF, or DOUBTFUL."""
    while at + 12 <= len(window):
        if _tag(window, at) == ITEM_END:
            return at + 8 if _U32.unpack_from(window, at + 4)[0] == 0 else DOUBTFUL
        sequence, length, value = _element(window, at, explicit)
        if length < 0 or (length == UNDEFINED and not sequence):
            return DOUBTFUL
        at = _after_items(window, value, explicit, depth - 1) if length == UNDEFINED else value + length
        if at < 0:
            return at
    return CUT_OFF


def _tag(window: bytes, at: int) -> int:
    group, number = _TAG.unpack_from(window, at)
    return int(group << 16 | number)


def _judge_data_set(file: BinaryIO, meta: _Meta, *, whole: bool) -> dict[str, bytes]:
    """pydicom reads what the small parser declined; the transfer syntax is known."""
    import pydicom  # at its first use, as below: with all it brings it takes half a second

    stop = _Stop(whole=whole)
    with judged_by_pydicom():
        file.seek(meta.offset)
        implicit, little = meta.transfer_syntax_uid == IMPLICIT_LITTLE, meta.transfer_syntax_uid != EXPLICIT_BIG
        data_set = pydicom.filereader.read_dataset(file, implicit, little, stop_when=stop, defer_size=WINDOW_BYTES)
        return stop.values(data_set)


def _judge_file(file: BinaryIO, *, whole: bool) -> Header:
    """pydicom reads a file without (readable) group 0002, and finds out how it is written."""
    import pydicom

    stop = _Stop(whole=whole)
    with judged_by_pydicom():
        file.seek(0)
        marked = pydicom.filereader.read_preamble(file, force=True) is not None
        group = pydicom.filereader.read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
        meta = _Meta(
            transfer_syntax_uid=_plain(_raw_value(group, 0x00020010)),
            sop_class_uid=_plain(_raw_value(group, 0x00020002)),
            sop_instance_uid=_plain(_raw_value(group, 0x00020003)),
            offset=file.tell(),
            marked=marked,
        )
        if not meta.transfer_syntax_uid:
            file.seek(0)
            data_set = pydicom.filereader.read_partial(file, stop_when=stop, defer_size=WINDOW_BYTES, force=True)
            return _header(stop.values(data_set), replace(meta, transfer_syntax_uid=_guess(data_set), guessed=True))
    return _of_data_set(file, meta, whole=whole)


class _Stop:
    """Tells pydicom where to stop, and whether the bytes reached that far."""

    def __init__(self, *, whole: bool) -> None:
        self.whole = whole
        self.reached = whole

    def __call__(self, tag: int, vr: str | None, length: int) -> bool:
        over = tag >> 16 >= 0x7FE0 if self.whole else tag > LAST
        self.reached = self.reached or over
        return over

    def values(self, data_set: Any) -> dict[str, bytes]:
        """The wanted values that pydicom found; raises MoreNeeded when the bytes ended first."""
        if not self.reached:
            raise MoreNeeded
        return {keyword: _raw_value(data_set, tag) for tag, keyword in WANTED.items() if tag in data_set}


def _raw_value(data_set: Any, tag: int) -> bytes:
    """As stored, but numbers in little endian; b"" for what is absent, a sequence or too long to be meant."""
    element = data_set.get_item(tag)
    value = getattr(element, "value", None)
    if tag == 0x00080005 and value and not isinstance(value, bytes):  # pydicom reads this one at once
        return ("\\".join([value] if isinstance(value, str) else value)).encode("latin-1", "replace")
    if not isinstance(value, bytes):
        return b""
    if WANTED.get(tag) in BINARY_NUMBERS and not getattr(element, "is_little_endian", True):
        return value[:2][::-1] + value[2:]
    return value


def _guess(data_set: Any) -> str:
    implicit, little = data_set.original_encoding
    if implicit:
        return IMPLICIT_LITTLE
    return EXPLICIT_LITTLE if little else EXPLICIT_BIG


def _header(values: dict[str, bytes], meta: _Meta) -> Header:
    uids = {keyword: _plain(values.get(keyword, b"")) for keyword in UID_KEYWORDS}
    uids["SOPClassUID"] = uids["SOPClassUID"] or meta.sop_class_uid
    uids["SOPInstanceUID"] = uids["SOPInstanceUID"] or meta.sop_instance_uid
    odd = [keyword for keyword, uid in uids.items() if not _UID.fullmatch(uid)]
    if not any(uids.values()) or (not meta.marked and ("SOPClassUID" in odd or "SOPInstanceUID" in odd)):
        raise NotDicom("no SOP class and instance")
    if meta.guessed or not _UID.fullmatch(meta.transfer_syntax_uid):
        odd.append("TransferSyntaxUID")
    if not uids["SOPClassUID"].startswith(ENCAPSULATED_DOCUMENTS):
        values.pop("MIMETypeOfEncapsulatedDocument", None)
    return Header(
        sop_class_uid=uids["SOPClassUID"],
        sop_instance_uid=uids["SOPInstanceUID"],
        study_instance_uid=uids["StudyInstanceUID"],
        series_instance_uid=uids["SeriesInstanceUID"],
        transfer_syntax_uid=meta.transfer_syntax_uid,
        modality=_plain(values.get("Modality", b"")),
        data_set_offset=meta.offset,
        odd_uids=tuple(odd),
        raw=values,
    )


def _plain(value: bytes) -> str:
    """Text of a UID or code: latin-1 so that nothing odd is lost, without padding."""
    return value.decode("latin-1").strip(" \0")
