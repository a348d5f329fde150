"""Forms (multipart/form-data, RFC 7578) whose one file is read from the disk while it is sent."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from app.delivery.body import ref_text
from app.delivery.target import FileSource
from app.domain.job import Job
from app.errors import Bug
from app.regions.conversation import FileRef, FormPart, ImageFile
from app.wire.http_client import Streamed

_QUOTED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


@contextmanager
def form(parts: Sequence[FormPart], job: Job, files: FileSource) -> Iterator[tuple[str, Streamed]]:
    """(Content-Type, body). Raises `FileNotFoundError` for an image that is gone, `OSError` for one that can't be read.

    The boundary is 128 random bits, drawn when the content is already there: it can't stand in it but by a miracle.
    """
    boundary = f"agent-{secrets.token_hex(16)}"
    prologue, epilogue = bytearray(), bytearray()
    with ExitStack() as opened:
        sources = _Sources(job, files, opened)
        text, file = prologue, None
        for part in parts:
            text += _head(boundary, part)
            if getattr(part.value, "encoding", "") != "bytes":
                text += sources.text(part.value).encode("utf-8")
            elif file is None:
                text, file = epilogue, opened.enter_context(sources.path(part.value).open("rb"))
            else:
                raise Bug("a form with two files")
            text += b"\r\n"
        text += f"--{boundary}--\r\n".encode("ascii")
        body = Streamed(bytes(prologue), file or io.BytesIO(), _size(file), bytes(epilogue))
        yield f"multipart/form-data; boundary={boundary}", body


class _Sources:
    """The files of one form: an image is prepared once, so that its bytes and its MD5 are of the same copy."""

    def __init__(self, job: Job, files: FileSource, opened: ExitStack) -> None:
        self._job = job
        self._files = files
        self._opened = opened
        self._images: dict[str, Path] = {}

    def path(self, value: object) -> Path:
        if isinstance(value, FileRef):
            return self._files.path(value.sha256)
        if not isinstance(value, ImageFile):
            raise Bug(f"a {type(value).__name__} in the place of a file")
        uid = value.image.sop_instance_uid
        if uid not in self._images:
            self._images[uid] = self._opened.enter_context(self._files.image(value.image))
        return self._images[uid]

    def text(self, value: str | int | FileRef | ImageFile) -> str:
        if isinstance(value, str | int):
            return str(value)
        if isinstance(value, FileRef):
            return ref_text(value, self._job, self._files)
        md5 = self._files.image_md5(value.image) or _md5_of(self.path(value))
        return md5.upper() if value.encoding == "md5_upper" else md5


def _head(boundary: str, part: FormPart) -> bytes:
    """Names are quoted as browsers do it; a plain field says no type, which means text."""
    lines = [f"--{boundary}", f'Content-Disposition: form-data; name="{part.name.translate(_QUOTED)}"']
    if part.file_name:
        lines[1] += f'; filename="{part.file_name.translate(_QUOTED)}"'
    if part.content_type:
        lines.append(f"Content-Type: {part.content_type}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8")


def _md5_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _size(file: BinaryIO | None) -> int:
    return 0 if file is None else os.fstat(file.fileno()).st_size
