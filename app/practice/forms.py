"""multipart/form-data (RFC 7578) as it comes in: values in memory, files on disk, never a whole file in memory."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

LIMIT_OF_A_VALUE = 1 << 16


class BadForm(Exception):
    """This is no such form; the text is a Chinese sentence for the answer."""


@dataclass(frozen=True, kw_only=True)
class FormFile:
    """One file of a form: where it lies, what the sender called it, upper-case hex MD5 of its bytes."""

    path: Path
    name: str
    size: int
    md5: str


@dataclass(kw_only=True)
class Form:
    """What has come so far."""

    values: dict[str, str] = field(default_factory=dict)
    files: dict[str, FormFile] = field(default_factory=dict)

    def throw_away(self) -> None:
        """Delete the files that nobody moved."""
        for file in self.files.values():
            file.path.unlink(missing_ok=True)


def read_form(content_type: str, blocks: Iterable[bytes], folder: Path) -> Form:
    """Read it; the files go into `folder`. Raises BadForm, and whatever `blocks` raises, and leaves no file then.

    After BadForm the stream has been read to its end, so that the line stays usable.
    """
    kind, options = parse_options_header(content_type)
    form = Form()
    stream = iter(blocks)
    try:
        if kind != "multipart/form-data" or not options.get("boundary"):
            raise BadForm("Content-Type 应为 multipart/form-data，并写明 boundary")
        _fill(form, PushMultipartParser(options["boundary"]), stream, folder)
    except MultipartError:
        form.throw_away()
        _read_out(stream)
        raise BadForm("请求体不是完整的 multipart/form-data") from None
    except BadForm:
        form.throw_away()
        _read_out(stream)
        raise
    except BaseException:
        form.throw_away()
        raise
    return form


def _fill(form: Form, parser: PushMultipartParser, stream: Iterable[bytes], folder: Path) -> None:
    part: _Part | None = None
    try:
        with parser:
            for block in stream:
                for event in parser.parse(block):
                    if isinstance(event, MultipartSegment):
                        part = _opened(form, event, folder)
                    elif event is not None and part is not None:
                        part.take(event)
                    elif part is not None:
                        part.finish(form)
                        part = None
    finally:
        if part is not None:
            part.drop()


def _opened(form: Form, segment: Any, folder: Path) -> _Part:
    if segment.name in form.values or segment.name in form.files:
        raise BadForm(f"{segment.name} 只能有一个")
    return _File(segment, folder) if segment.filename is not None else _Value(segment)


class _Part:
    """The part that is just coming in."""

    def take(self, block: bytearray) -> None: ...

    def finish(self, form: Form) -> None: ...

    def drop(self) -> None: ...


class _Value(_Part):
    def __init__(self, segment: Any) -> None:
        self._name = segment.name
        self._text = bytearray()

    def take(self, block: bytearray) -> None:
        self._text += block
        if len(self._text) > LIMIT_OF_A_VALUE:
            raise BadForm(f"{self._name} 太长")

    def finish(self, form: Form) -> None:
        try:
            form.values[self._name] = self._text.decode("utf-8")
        except UnicodeDecodeError:
            raise BadForm(f"{self._name} 不是 UTF-8 文本") from None


class _File(_Part):
    def __init__(self, segment: Any, folder: Path) -> None:
        self._name = segment.name
        self._called = segment.filename
        self._path = folder / f"{uuid.uuid4().hex}.part"
        self._out = self._path.open("wb")
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._size = 0

    def take(self, block: bytearray) -> None:
        self._out.write(block)
        self._md5.update(block)
        self._size += len(block)

    def finish(self, form: Form) -> None:
        self._out.close()
        form.files[self._name] = FormFile(
            path=self._path, name=self._called, size=self._size, md5=self._md5.hexdigest().upper()
        )

    def drop(self) -> None:
        self._out.close()
        self._path.unlink(missing_ok=True)


def _read_out(stream: Iterable[bytes]) -> None:
    for _ in stream:
        continue
