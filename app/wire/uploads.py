"""The one file in the body of a request: the bare bytes, or a part of a form (multipart/form-data, RFC 7578).

Names in it are read and never used: nothing is written anywhere.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

from multipart import MultipartError, MultipartParser, parse_options_header

from app.errors import NeedsOperator

_MOST_PARTS = 16
_FIELD_BYTES = 4096
_BARE = ("", "application/pdf", "application/octet-stream")
_NOT_READ = ("送回来的不是一个文件", "原来的报告没有变。请回到签章软件，重新盖一次")


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """`fields`: the short texts that came beside the file."""

    data: bytes
    fields: Mapping[str, str] = field(default_factory=dict)


def uploaded(content_type: str, body: bytes) -> Uploaded:
    """The file of a body of this Content-Type. Raises NeedsOperator for none, several and what can't be read."""
    try:
        kind, options = parse_options_header(content_type.strip())
    except (ValueError, IndexError, KeyError) as error:
        raise NeedsOperator(*_NOT_READ, details=type(error).__name__) from error
    if kind.lower() in _BARE:
        return Uploaded(data=body)
    boundary = str(options.get("boundary", ""))
    if kind.lower() != "multipart/form-data" or not boundary:
        raise NeedsOperator(*_NOT_READ, details="no form")
    return _of_form(boundary, body)


def _of_form(boundary: str, body: bytes) -> Uploaded:
    files: list[bytes] = []
    fields: dict[str, str] = {}
    try:
        parser = MultipartParser(
            io.BytesIO(body),
            boundary,
            part_limit=_MOST_PARTS,
            spool_limit=len(body) + 1,  # held in memory: it is there already
            memory_limit=len(body) + _FIELD_BYTES,
        )
        for part in parser:
            if part.filename is not None or part.content_type != "text/plain":
                files.append(part.raw)
            elif part.size <= _FIELD_BYTES:
                fields[part.name] = part.raw.decode("utf-8", "replace")
            part.close()
    except (MultipartError, ValueError, LookupError) as error:
        raise NeedsOperator(*_NOT_READ, details=type(error).__name__) from error
    if len(files) != 1:
        raise NeedsOperator(*_NOT_READ, details=f"{len(files)} files")
    return Uploaded(data=files[0], fields=fields)
