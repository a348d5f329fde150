"""Ask a PACS which studies it has (C-FIND) and have it send one (C-MOVE); PS3.4 annex C, Study Root.

Returns text as the PACS keeps it; what to do with it is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from app.errors import AgentError, NeedsOperator, Rejected, RetryLater
from app.wire.dicom_association import PAGE, Association, Context, Message, Peer
from app.wire.dimse import IMPLICIT_LITTLE_ENDIAN, Command, Tag, decode_elements, encode_elements, number, text
from app.wire.faults import WAIT, LineCut

FIND: Context = ("1.2.840.10008.5.1.4.1.2.2.1", IMPLICIT_LITTLE_ENDIAN)
MOVE: Context = ("1.2.840.10008.5.1.4.1.2.2.2", IMPLICIT_LITTLE_ENDIAN)

KEYS = {
    "SpecificCharacterSet": 0x00080005,
    "StudyDate": 0x00080020,
    "StudyTime": 0x00080030,
    "AccessionNumber": 0x00080050,
    "QueryRetrieveLevel": 0x00080052,
    "ModalitiesInStudy": 0x00080061,
    "StudyDescription": 0x00081030,
    "PatientName": 0x00100010,
    "PatientID": 0x00100020,
    "PatientBirthDate": 0x00100030,
    "PatientSex": 0x00100040,
    "StudyInstanceUID": 0x0020000D,
    "StudyID": 0x00200010,
    "NumberOfStudyRelatedSeries": 0x00201206,
    "NumberOfStudyRelatedInstances": 0x00201208,
}
_PENDING, _MOVE_DONE_WITH_FAILURES, _UNKNOWN_DESTINATION = (0xFF00, 0xFF01), 0xB000, 0xA801


@dataclass(frozen=True, kw_only=True)
class MoveProgress:
    """Counts of images; `done` marks the last one, whose `failed` the PACS will not send by itself."""

    remaining: int
    completed: int
    failed: int
    warning: int
    done: bool


def find_studies(
    pacs: Peer, day_from: date, day_to: date, *, modality: str = "", patient_id: str = "", accession_number: str = ""
) -> Iterator[dict[str, str]]:
    """Studies of these days (both included), each a dict keyword -> text of KEYS, as the PACS answers them.

    Raises LineCut, RetryLater, NeedsOperator, Rejected (the PACS's own status and comment).
    """
    wanted = {
        "QueryRetrieveLevel": "STUDY",
        "StudyDate": f"{day_from:%Y%m%d}-{day_to:%Y%m%d}",
        "ModalitiesInStudy": modality,
        "PatientID": patient_id,
        "AccessionNumber": accession_number,
    }
    identifier = encode_elements(
        {tag: _padded(wanted.get(keyword, "")) for keyword, tag in KEYS.items() if keyword != "SpecificCharacterSet"}
    )
    for answer in _answers(pacs, FIND, {Tag.COMMAND: Command.C_FIND}, identifier):
        if answer.status in _PENDING:
            yield _as_text(pacs, answer)
        elif answer.status:
            raise _refusal(pacs, answer)


def move_study(pacs: Peer, study_uid: str, destination_ae: str) -> Iterator[MoveProgress]:
    """Have the PACS send one study to the AE title it knows us by; ends with the progress marked `done`.

    Raises LineCut, RetryLater, NeedsOperator (the PACS does not know that AE title), Rejected.
    """
    command: dict[Tag, int | str] = {Tag.COMMAND: Command.C_MOVE, Tag.MOVE_DESTINATION: destination_ae}
    identifier = encode_elements(
        {KEYS["QueryRetrieveLevel"]: _padded("STUDY"), KEYS["StudyInstanceUID"]: _padded(study_uid, b"\0")}
    )
    for answer in _answers(pacs, MOVE, command, identifier):
        if answer.status == _UNKNOWN_DESTINATION:
            raise NeedsOperator(
                f"{pacs.name}不认识我们的 AE 标题",
                f"请把 {destination_ae}、本机地址和端口告诉{pacs.name}工程师",
                details="C-MOVE A801",
                page=PAGE,
            )
        if answer.status not in (0, _MOVE_DONE_WITH_FAILURES, *_PENDING):
            raise _refusal(pacs, answer)
        yield _progress(answer)


def _answers(pacs: Peer, context: Context, command: dict[Tag, int | str], identifier: bytes) -> Iterator[Message]:
    """Every answer, the final one included. Left early, the association is aborted: the PACS stops."""
    with Association(pacs, (context,)) as association:
        if not association.accepts(context):
            raise NeedsOperator(
                f"{pacs.name}不提供查询", f"请让{pacs.name}工程师对我们开放查询和提取", details=context[0], page=PAGE
            )
        whole = {Tag.SOP_CLASS_UID: context[0], Tag.MESSAGE_ID: 1, Tag.PRIORITY: 0, **command}
        association.request(context, whole, (identifier,), len(identifier))
        while True:
            answer = association.answer()
            yield answer
            if answer.status not in _PENDING:
                return


def _as_text(pacs: Peer, answer: Message) -> dict[str, str]:
    try:
        values = decode_elements(answer.data)
    except ValueError as error:
        raise LineCut(
            f"{pacs.name}的回答读不懂", "请把诊断包发给工程师", maybe_received=True, details=str(error)
        ) from error
    charset = values.get(KEYS["SpecificCharacterSet"], b"").decode("ascii", "replace")
    return {keyword: decode_text(values.get(tag, b""), charset) for keyword, tag in KEYS.items()}


def decode_text(raw: bytes, charset: str) -> str:
    """PS3.3 section C.12.1.1.2, and what devices really send: the declared set, then UTF-8, then GB 18030.

    Escape sequences of ISO 2022 IR 58 (GB 2312) are taken out; other ISO 2022 sets are not decoded.
    """
    value = raw.strip(b"\0 ")
    if b"\x1b$)A" in value:
        return value.replace(b"\x1b$)A", b"").replace(b"\x1b(B", b"").decode("gb18030", "replace")
    declared = [_CODECS[part.strip()] for part in charset.strip("\0 ").split("\\") if part.strip() in _CODECS]
    for codec in (*declared, "ascii", "utf-8", "gb18030"):
        try:
            return value.decode(codec)
        except UnicodeDecodeError:
            continue
    return value.decode("gb18030", "replace")


_CODECS = {"ISO_IR 192": "utf-8", "GB18030": "gb18030", "GBK": "gbk"}


def _padded(value: str, padding: bytes = b" ") -> bytes:
    raw = value.encode("ascii", "replace")
    return raw + padding * (len(raw) % 2)


def _progress(answer: Message) -> MoveProgress:
    command = answer.command
    return MoveProgress(
        remaining=number(command, Tag.REMAINING) or 0,
        completed=number(command, Tag.COMPLETED) or 0,
        failed=number(command, Tag.FAILED) or 0,
        warning=number(command, Tag.WARNING) or 0,
        done=answer.status not in _PENDING,
    )


def _refusal(pacs: Peer, answer: Message) -> AgentError:
    words, code = text(answer.command, Tag.ERROR_COMMENT), f"{answer.status:04X}"
    if answer.status >> 8 == 0xA7 or answer.status == 0xFE00:
        return RetryLater(f"{pacs.name}正忙，没有答完", WAIT, details=f"{code} {words}".strip())
    return Rejected(
        f"{pacs.name}没有答应这次查询", f"请把下面的原话告诉{pacs.name}工程师", code=code, words=words, details=code
    )
