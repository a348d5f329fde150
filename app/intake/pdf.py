"""Report files: is it a whole, readable PDF; which exam may its name mean; the PDF inside a DICOM object.

Looks at the file's frame only. Must never change a report, or decide alone which exam it belongs to.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.errors import NeedsOperator
from app.intake import header
from app.intake.pdf_password import opens_without_password

ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
LIMIT_BYTES = 50 * 1024 * 1024
_FRAME_BYTES = 1024  # the header stands in the first, the end mark in the last 1024 bytes (as viewers take it)
_INFLATED_BYTES = 8 * 1024 * 1024
_PAGE_TREE = re.compile(rb"<<[^<>]*/Type\s*/Pages\b[^<>]*>>")
_COUNT = re.compile(rb"/Count\s+(\d{1,6})\b")
_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_OBJECT_STREAM = re.compile(rb"/Type\s*/ObjStm\b[^>]*>>\s*stream\r?\n")
_UID = re.compile(r"(?<![\d.])[0-2](?:\.(?:0|[1-9]\d*)){5,}(?![\d.])")
_COARSE = re.compile(r"[\s_·•,;，。、；：:（）()【】\[\]{}《》“”\"'+=#@&~～—|]+")
_FINE = re.compile(r"[-.]+")
_RUN = re.compile(r"[0-9A-Za-z.-]+")
_CODE = re.compile(r"(?=.*[0-9])[0-9A-Za-z.-]{3,64}")


@dataclass(frozen=True, kw_only=True)
class PdfFacts:
    """A whole PDF that opens without a password: size in bytes, lower-case hex digests, pages when countable."""

    size: int
    sha256: str
    md5: str
    pages_hint: int | None


def check_pdf(path: Path, *, limit_bytes: int = LIMIT_BYTES) -> PdfFacts:
    """The facts of the PDF at `path`; NeedsOperator says what is wrong with it. Raises OSError when unreadable."""
    _check_size(path.stat().st_size, limit_bytes)
    return check_pdf_bytes(path.read_bytes(), limit_bytes=limit_bytes)


def check_pdf_bytes(data: bytes, *, limit_bytes: int = LIMIT_BYTES) -> PdfFacts:
    """As `check_pdf`, for a PDF in memory (out of a DICOM object or an export)."""
    _check_size(len(data), limit_bytes)
    if b"%PDF-" not in data[:_FRAME_BYTES]:
        raise NeedsOperator("这不是 PDF 文件", "请在报告系统里把报告另存或打印为 PDF，再重新选择")
    if b"%%EOF" not in data.rstrip(b"\0 \t\r\n")[-_FRAME_BYTES:]:
        raise NeedsOperator("PDF 文件不完整", "文件可能还没有导出完或在复制时中断，请重新导出这份报告")
    if not opens_without_password(data):
        raise NeedsOperator("PDF 文件有密码保护", "平台打不开加密的报告，请导出一份不加密的 PDF 再重新选择")
    return PdfFacts(
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
        pages_hint=_pages(data),
    )


def names_in_file_name(stem: str) -> tuple[str, ...]:
    """What in a report's file name (without `.pdf`) may be an accession number or a UID, likeliest first.

    The whole name, UIDs, then its parts: cut at blanks, `_`, `·` and punctuation, and those again at `-` and `.`.
    A part counts when it has a digit and only ASCII letters, digits, `-`, `.`; a date may be among them.
    """
    stem = stem.strip()
    uids = _UID.findall(stem)
    coarse = _COARSE.split(_UID.sub(" ", stem))
    runs = [run for part in coarse for run in _RUN.findall(part)]  # 张三DR0099报告
    fine = [piece for run in runs for piece in _FINE.split(run)]
    codes = [code.strip("-.") for code in (*coarse, *runs, *fine)]
    found = [stem, *uids, *(code for code in codes if _CODE.fullmatch(code))]
    return tuple(dict.fromkeys(name for name in found if name))


def encapsulated_pdf(path: Path) -> bytes | None:
    """The PDF inside an Encapsulated PDF object (PS3.3 A.45.1) without its padding byte, None for other objects.

    Raises NotDicom, OSError. What comes back is unchecked: give it to `check_pdf_bytes`.
    """
    if header.read_header(path).sop_class_uid != ENCAPSULATED_PDF:
        return None
    import pydicom

    with header.judged_by_pydicom(), path.open("rb") as file:
        data_set = pydicom.dcmread(file, force=True)
        document = getattr(data_set.get_item(0x00420011), "value", None)
        length = data_set[0x00420015].value if 0x00420015 in data_set else None
    if not isinstance(document, bytes) or not document:
        return None
    if isinstance(length, int) and len(document) - 1 <= length <= len(document):
        return document[:length]
    return document.removesuffix(b"\0")


def _check_size(size: int, limit_bytes: int) -> None:
    if size == 0:
        raise NeedsOperator("PDF 文件是空的", "请重新导出这份报告")
    if size > limit_bytes:
        limit = limit_bytes / 1024 / 1024
        raise NeedsOperator("PDF 文件太大", f"报告不能超过 {limit:g} MB，请用较低的图像质量重新导出")


def _pages(data: bytes) -> int | None:
    """From the page tree, else by counting page objects; None when they can't be seen (encrypted streams)."""
    parts = [data, *_object_streams(data)]
    counts = [int(n) for part in parts for tree in _PAGE_TREE.findall(part) for n in _COUNT.findall(tree)]
    return max(counts, default=0) or sum(len(_PAGE.findall(part)) for part in parts) or None


def _object_streams(data: bytes) -> Iterator[bytes]:
    """Newer PDFs keep their objects compressed (ISO 32000-1 7.5.7)."""
    left = _INFLATED_BYTES
    for found in _OBJECT_STREAM.finditer(data):
        try:
            inflated = zlib.decompressobj().decompress(data[found.end() :], max(1, left))
        except zlib.error:
            continue
        left -= len(inflated)
        yield inflated
        if left <= 0:
            return
