"""Reads a multipart/form-data with a library of others that forgives nothing."""

from __future__ import annotations

import io
from dataclasses import dataclass

from multipart import MultipartParser, parse_options_header


@dataclass(frozen=True, kw_only=True)
class Part:
    content: bytes
    file_name: str
    content_type: str

    @property
    def text(self) -> str:
        return self.content.decode("utf-8")

    @property
    def uid(self) -> str:
        return self.file_name.removesuffix(".dcm")


class Form(dict[str, Part]):
    """By name, in the order in which they came."""


def read_form(content_type: str, body: bytes) -> Form:
    kind, options = parse_options_header(content_type)
    assert kind == "multipart/form-data"
    parser = MultipartParser(io.BytesIO(body), options["boundary"], content_length=len(body), strict=True)
    form = Form()
    for part in parser:
        assert part.name not in form
        kind = part.content_type or "" if part.filename or "Content-Type" in dict(part.headerlist) else ""
        form[part.name] = Part(content=part.raw, file_name=part.filename or "", content_type=kind)
        part.close()
    return form
