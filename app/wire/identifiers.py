"""Identifiers of Query/Retrieve as text: bytes -> keyword and text, and back in the character set that was asked for.

PS3.4 annex C.2.2, PS3.5 section 6.1. Knows the keys that an archive like ours can answer; any other is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.wire.dicom_query import decode_text
from app.wire.dimse import decode_elements, encode_elements

KEYS: Mapping[str, tuple[int, str]] = {
    "SOPClassUID": (0x00080016, "UI"),
    "SOPInstanceUID": (0x00080018, "UI"),
    "StudyDate": (0x00080020, "DA"),
    "StudyTime": (0x00080030, "TM"),
    "AccessionNumber": (0x00080050, "SH"),
    "QueryRetrieveLevel": (0x00080052, "CS"),
    "RetrieveAETitle": (0x00080054, "AE"),
    "InstanceAvailability": (0x00080056, "CS"),
    "Modality": (0x00080060, "CS"),
    "ModalitiesInStudy": (0x00080061, "CS"),
    "SOPClassesInStudy": (0x00080062, "UI"),
    "InstitutionName": (0x00080080, "LO"),
    "ReferringPhysicianName": (0x00080090, "PN"),
    "StudyDescription": (0x00081030, "LO"),
    "PatientName": (0x00100010, "PN"),
    "PatientID": (0x00100020, "LO"),
    "PatientBirthDate": (0x00100030, "DA"),
    "PatientSex": (0x00100040, "CS"),
    "PatientAge": (0x00101010, "AS"),
    "StudyInstanceUID": (0x0020000D, "UI"),
    "SeriesInstanceUID": (0x0020000E, "UI"),
    "StudyID": (0x00200010, "SH"),
    "SeriesNumber": (0x00200011, "IS"),
    "InstanceNumber": (0x00200013, "IS"),
    "NumberOfPatientRelatedStudies": (0x00201200, "IS"),
    "NumberOfPatientRelatedSeries": (0x00201202, "IS"),
    "NumberOfPatientRelatedInstances": (0x00201204, "IS"),
    "NumberOfStudyRelatedSeries": (0x00201206, "IS"),
    "NumberOfStudyRelatedInstances": (0x00201208, "IS"),
    "NumberOfSeriesRelatedInstances": (0x00201209, "IS"),
}
"""Keyword -> (tag, value representation)."""
VALUE_REPRESENTATIONS: Mapping[str, str] = {keyword: vr for keyword, (_, vr) in KEYS.items()}

_KEYWORDS = {tag: keyword for keyword, (tag, _) in KEYS.items()}
_CHARACTER_SET = 0x00080005
_LONGEST = 1024
UTF_8, GB18030, GBK, GB_2312 = "ISO_IR 192", "GB18030", "GBK", "\\ISO 2022 IR 58"
_TO_GB_2312 = b"\x1b$)A"
_PARTS_OF_NAME = re.compile(r"([\^=\\])")


class Unanswerable(Exception):
    """The identifier is not one that this service answers; `comment` says why, in ASCII of at most 64 characters."""

    def __init__(self, comment: str) -> None:
        super().__init__(comment)
        self.comment = comment


@dataclass(frozen=True, kw_only=True)
class Identifier:
    """What is asked for: keyword -> text, "" for what is only to be returned. `charset` as declared, None: nothing."""

    level: str
    values: Mapping[str, str]
    charset: str | None

    def values_of(self, keyword: str) -> tuple[str, ...]:
        """The values of a list of UIDs, none for an empty or absent one."""
        return tuple(dict.fromkeys(one.strip() for one in self.values.get(keyword, "").split("\\") if one.strip()))


def decode_identifier(data: bytes) -> Identifier:
    """Raises Unanswerable for bytes that are no identifier, or one without a level."""
    try:
        elements = decode_elements(data)
    except ValueError as error:
        raise Unanswerable("unreadable identifier") from error
    declared = elements.get(_CHARACTER_SET)
    charset = None if declared is None else declared.decode("ascii", "replace").strip("\0 ")
    values = {
        keyword: decode_text(raw, charset or "")
        for tag, raw in elements.items()
        if (keyword := _KEYWORDS.get(tag)) is not None
    }
    if any(len(text) > _LONGEST and VALUE_REPRESENTATIONS[keyword] != "UI" for keyword, text in values.items()):
        raise Unanswerable("a key is too long")
    level = values.pop("QueryRetrieveLevel", "").upper()
    if not level:
        raise Unanswerable("QueryRetrieveLevel is missing")
    return Identifier(level=level, values=values, charset=charset)


def encode_identifier(values: Mapping[str, str], declared: str | None) -> bytes:
    """In UTF-8 or GB 2312 where the request declared them, else in GB18030; `declared` None: it declared nothing."""
    term, encode = _charset(declared, "".join(values.values()))
    elements = {KEYS[keyword][0]: _padded(encode(text), KEYS[keyword][1]) for keyword, text in values.items()}
    if declared is not None or any(not text.isascii() for text in values.values()):
        elements[_CHARACTER_SET] = _padded(term.encode("ascii"), "CS")
    return encode_elements(elements)


def _charset(declared: str | None, text: str) -> tuple[str, Callable[[str], bytes]]:
    terms = {one.strip() for one in (declared or "").split("\\")}
    if UTF_8 in terms:
        return UTF_8, lambda value: value.encode("utf-8", "replace")
    if "ISO 2022 IR 58" in terms and _fits(text, "gb2312"):
        return GB_2312, _escaped
    if GBK in terms and _fits(text, "gbk"):
        return GBK, lambda value: value.encode("gbk")
    return GB18030, lambda value: value.encode("gb18030", "replace")


def _fits(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def _escaped(value: str) -> bytes:
    """ISO 2022 (PS3.5 section 6.1.2.5.3): each delimiter ends what an escape sequence began."""
    parts = _PARTS_OF_NAME.split(value)
    return b"".join((b"" if part.isascii() else _TO_GB_2312) + part.encode("gb2312") for part in parts)


def _padded(raw: bytes, vr: str) -> bytes:
    return raw + (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)
