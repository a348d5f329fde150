"""A report's PDF as a person is to see it: what stands in fields on the pages - a seal - becomes part of the pages.

Viewers that know no forms leave fields out (ISO 32000-1 12.7). A copy for the eye alone: never sent, never kept.
"""

from __future__ import annotations

import io

from app.intake.apart import Apart, ChildDied
from app.intake.seals import seals_count

MOST_BYTES = 20 * 1024 * 1024
_FIELDS = b"/AcroForm"


def has_fields(pdf: bytes) -> bool:
    """Whether a viewer without forms would leave something out; of a compressed catalogue only seals are known."""
    return _FIELDS in pdf or seals_count(pdf) > 0


def drawn_apart(apart: Apart, pdf: bytes) -> bytes:
    """The copy, made in a child process; b"" where PDFium can't make one."""
    try:
        made: bytes = apart.run(_drawn, pdf)
    except ChildDied:
        return b""
    return made


def _drawn(pdf: bytes) -> bytes:
    import pypdfium2

    out = io.BytesIO()
    try:
        with pypdfium2.PdfDocument(pdf) as document:
            document.init_forms()
            for number in range(len(document)):
                document[number].flatten()
            document.save(out)
    except pypdfium2.PdfiumError:
        return b""
    return out.getvalue()
