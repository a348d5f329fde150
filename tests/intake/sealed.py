"""PDFs under a practice seal: made by the practice stamping tool's own hand."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from app.practice.authority import Authority
from app.practice.certificates import Holder
from app.practice.seal import stamped
from app.practice.settings import Clock

AT = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)


@cache
def _holder() -> Holder:
    with TemporaryDirectory() as folder:
        return Authority(Path(folder) / "ca.json", Clock(), lambda: "http://127.0.0.1:9").holder("seal")


@cache
def sealed(pdf: bytes) -> bytes:
    """The PDF with one more seal over all of it."""
    return stamped(pdf, _holder(), AT)
