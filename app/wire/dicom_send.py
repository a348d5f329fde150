"""Send stored DICOM files by C-STORE (PS3.4 annex B): the bytes after the file meta travel as they lie on disk.

Never transcodes and never changes an element: a peer that refuses the file's own transfer syntax is reported.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from app.errors import Bug, RetryLater
from app.wire.dicom_association import CONTEXTS_PER_ASSOCIATION, Association, Context, Message, Peer
from app.wire.dimse import IMPLICIT_LITTLE_ENDIAN, Command, Tag, text
from app.wire.part10 import FileHead, read_file_head

VERIFICATION = "1.2.840.10008.1.1"
_MEDIUM_PRIORITY = 0


@dataclass(frozen=True, kw_only=True)
class StoreReply:
    """`status` as PS3.7 annex C has it, None when the peer's negotiation left no way to send this file."""

    status: int | None
    words: str

    @property
    def accepted(self) -> bool:
        """Success, or a warning: stored all the same (PS3.4 table B.2-1, PS3.7 annex C.4)."""
        return self.status is not None and (self.status in (0x0000, 0x0001, 0x0107, 0x0116) or self.status >> 12 == 0xB)


@dataclass(frozen=True, kw_only=True)
class EchoReply:
    status: int
    elapsed_seconds: float


class DicomSender:
    """One association at a time with one peer, for one thread. After an error the next store() associates again."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._groups: list[tuple[Context, ...]] = []
        self._association: Association | None = None
        self._group: tuple[Context, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def associate(self, contexts: Sequence[Context]) -> None:
        """Propose every (SOP class, transfer syntax); beyond 128 further associations follow when store() needs them.

        Raises LineCut, RetryLater (the peer is busy), NeedsOperator (page "dicom": AE titles).
        """
        self.close()
        wanted = list(dict.fromkeys(contexts))
        if not wanted:
            raise Bug("an association without presentation contexts")
        size = CONTEXTS_PER_ASSOCIATION
        self._groups = [tuple(wanted[start : start + size]) for start in range(0, len(wanted), size)]
        self._open(self._groups[0])

    def store(self, path: Path, *, message_id: int, originator: tuple[str, int] | None = None) -> StoreReply:
        """Send one file and wait for its answer. `message_id` is 1..65535 and counts within the association.

        `originator`: AE title and message ID of the C-MOVE that asked for it.
        """
        with path.open("rb") as file:
            head = read_file_head(file)
            context = (head.sop_class_uid, head.transfer_syntax_uid)
            association = self._association_for(context)
            if not association.accepts(context):
                return StoreReply(status=None, words=_no_way(self._peer, head))
            return self._store(association, context, head, file, message_id, originator)

    def close(self) -> None:
        """Release the association, if one is open."""
        association, self._association = self._association, None
        if association is not None:
            association.release()

    def _store(
        self,
        association: Association,
        context: Context,
        head: FileHead,
        file: BinaryIO,
        message_id: int,
        originator: tuple[str, int] | None,
    ) -> StoreReply:
        size = file.seek(0, 2) - head.data_set_offset
        if size <= 0:
            raise Bug("the file to send has no data set")
        file.seek(head.data_set_offset)
        command: dict[Tag, int | str] = {
            Tag.SOP_CLASS_UID: head.sop_class_uid,
            Tag.COMMAND: Command.C_STORE,
            Tag.MESSAGE_ID: message_id,
            Tag.PRIORITY: _MEDIUM_PRIORITY,
            Tag.SOP_INSTANCE_UID: head.sop_instance_uid,
        }
        if originator is not None:
            command |= {Tag.ORIGINATOR_AE: originator[0], Tag.ORIGINATOR_MESSAGE_ID: originator[1]}
        try:
            association.request(context, command, _readable_blocks(file, association.fragment_bytes), size)
            answer = association.answer()
        except BaseException:
            self._association = None
            association.abort()
            raise
        return StoreReply(status=answer.status, words=_words(self._peer, answer))

    def _association_for(self, context: Context) -> Association:
        if self._association is not None and context in self._group:
            return self._association
        for group in self._groups:
            if context in group:
                self.close()
                return self._open(group)
        raise Bug(f"store() of a context that associate() was not told: {context}")

    def _open(self, group: tuple[Context, ...]) -> Association:
        self._association = Association(self._peer, group)
        self._group = group
        return self._association


def echo(peer: Peer) -> EchoReply:
    """C-ECHO (PS3.4 annex A) in an association of its own. Raises as DicomSender.associate() does."""
    started = time.monotonic()
    context = (VERIFICATION, IMPLICIT_LITTLE_ENDIAN)
    with Association(peer, (context,)) as association:
        if not association.accepts(context):
            raise RetryLater(f"{peer.name}连上了，但不回答测试", "影像也许照样能传，请传一例试试", details="C-ECHO")
        association.request(context, {Tag.SOP_CLASS_UID: VERIFICATION, Tag.COMMAND: Command.C_ECHO, Tag.MESSAGE_ID: 1})
        status = association.answer().status
    return EchoReply(status=status, elapsed_seconds=time.monotonic() - started)


def _readable_blocks(file: BinaryIO, size: int) -> Iterator[bytes]:
    """A disk that fails is not a line that fails."""
    while True:
        try:
            block = file.read(size)
        except OSError as error:
            raise RetryLater(
                "要上传的影像读不出来", "正在自动重试。一直不行时，请检查硬盘，再联系工程师", details=str(error.errno)
            ) from error
        if not block:
            return
        yield block


def _no_way(peer: Peer, head: FileHead) -> str:
    return (
        f"{peer.name}不收这种影像（SOP 类 {head.sop_class_uid}，传输语法 {head.transfer_syntax_uid}）。"
        f"请把这句话告诉{peer.name}工程师"
    )


def _words(peer: Peer, answer: Message) -> str:
    """The status in words, with the peer's own comment behind it."""
    status = answer.status
    words = next((words for match, words in _STATUS_WORDS if status in match), f"{peer.name}没有收下这幅影像")
    comment = text(answer.command, Tag.ERROR_COMMENT)
    return "，".join(
        part for part in (words.format(name=peer.name), f"{status:04X}" if status else "", comment) if part
    )


_STATUS_WORDS: tuple[tuple[range, str], ...] = (
    (range(0x0000, 0x0001), "{name}已收下"),
    (range(0xB000, 0xC000), "{name}已收下，但有提醒"),
    (range(0xA700, 0xA800), "{name}的存储空间不够"),
    (range(0xA900, 0xAA00), "{name}说影像和它的类别对不上"),
    (range(0xC000, 0xD000), "{name}读不懂这幅影像"),
    (range(0x0110, 0x0111), "{name}处理这幅影像时出错"),
    (range(0x0111, 0x0112), "{name}说这幅影像已经有了"),
    (range(0x0122, 0x0123), "{name}不收这种影像"),
    (range(0x0124, 0x0125), "{name}不让我们传影像"),
)
