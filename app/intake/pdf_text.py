"""The words of a PDF with their places on the page, in reading order. Bounded in pages, letters and time.

Knows nothing of reports. PDFium is one per process and takes one caller at a time (its `fpdfview.h`), hence the lock.
"""

from __future__ import annotations

import ctypes
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from app.errors import AgentError, NeedsOperator, RetryLater
from app.intake.apart import Apart, ChildDied, ChildSlow

if TYPE_CHECKING:
    import pypdfium2

MOST_PAGES = 20
MOST_LETTERS = 40_000
MOST_SECONDS = 8.0
_ONE_AT_A_TIME = threading.Lock()
_LETTERS_OF_TEXT = 10
_WORD_GAP = 0.35  # of the letter's height: a blank that nobody wrote
_BLANK_GAP = 0.1  # a blank that stands there; PDFium makes up others
_CELL_GAP = 1.1  # wider than a letter: another column
SCANNED = ("这份报告是扫描的图片，里面没有文字", "请让报告系统直接导出 PDF，或照着报告填写")
UNREADABLE = ("这份报告的文字读不出来", "请照着报告填写；报告 PDF 本身照常上传")
LOCKED = ("这份报告有密码，文字读不出来", "请导出一份不加密的 PDF，再重新附上")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a page: `text` has two blanks where another column begins. Lengths in points, `top` from above."""

    text: str
    page: int
    top: float
    left: float
    right: float
    height: float
    page_height: float


@dataclass(frozen=True, kw_only=True)
class _Letter:
    text: str
    left: float
    right: float
    top: float
    bottom: float
    after_blank: bool
    """The PDF itself has a blank before it."""

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        return max(1.0, self.bottom - self.top)


def pdf_lines(data: bytes, *, seconds: float = MOST_SECONDS) -> tuple[Line, ...]:
    """Lines of the first pages. Raises NeedsOperator (scanned, locked, broken) and RetryLater (PDFium is busy)."""
    until = time.monotonic() + seconds
    if not _ONE_AT_A_TIME.acquire(timeout=seconds):
        raise RetryLater("正在读另一份报告", "请稍后再看，或照着报告填写")
    try:
        with _opened(data) as document:
            letters = list(_pages(document, until))
    finally:
        _ONE_AT_A_TIME.release()
    _check_text([letter for _, _, page in letters for letter in page])
    return tuple(line for number, height, page in letters for line in _lines(page, number, height))


def pdf_lines_apart(apart: Apart, data: bytes) -> tuple[Line, ...]:
    """As `pdf_lines`, in a child process: a PDF that PDFium falls over is a plain no and takes nothing along.

    Raises `RetryLater` when the machine was too slow: that says nothing about the PDF.
    """
    try:
        found: tuple[Line, ...] | _No = apart.run(_lines_or_no, data)
    except ChildSlow as error:
        raise RetryLater("报告 PDF 读得太慢", "下次启动会再读；也可以照着报告填", details=str(error)) from error
    except ChildDied as error:
        raise NeedsOperator(*UNREADABLE, details=f"PDFium: {error}") from error
    if isinstance(found, _No):
        raise NeedsOperator(found.title, found.advice, details=found.details)
    return found


@dataclass(frozen=True, kw_only=True)
class _No:
    """A refusal on its way out of the child: errors with fields of their own do not travel."""

    title: str
    advice: str
    details: str


def _lines_or_no(data: bytes) -> tuple[Line, ...] | _No:
    try:
        return pdf_lines(data)
    except AgentError as error:
        return _No(title=error.title, advice=error.advice, details=error.details)


@contextmanager
def _opened(data: bytes) -> Iterator[pypdfium2.PdfDocument]:
    import pypdfium2
    from pypdfium2 import raw

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        locked = error.err_code == raw.FPDF_ERR_PASSWORD
        raise NeedsOperator(*(LOCKED if locked else UNREADABLE), details=str(error)) from error
    try:
        yield document
    finally:
        document.close()


def _pages(document: pypdfium2.PdfDocument, until: float) -> Iterator[tuple[int, float, list[_Letter]]]:
    import pypdfium2

    left = MOST_LETTERS
    for number in range(min(len(document), MOST_PAGES)):
        if left <= 0 or time.monotonic() > until:
            return
        try:
            page = document[number]
            height = page.get_height()
            letters = _letters(page, left, height)
        except pypdfium2.PdfiumError as error:
            raise NeedsOperator(*UNREADABLE, details=str(error)) from error
        left -= len(letters)
        yield number, height, letters


def _letters(page: pypdfium2.PdfPage, most: int, page_height: float) -> list[_Letter]:
    """Every visible letter once; a letter that is drawn twice to look bold is one."""
    from pypdfium2 import raw

    text = page.get_textpage()
    found: dict[tuple[str, int, int], _Letter] = {}
    box, blank = raw.FS_RECTF(), False
    for place in range(min(text.count_chars(), most)):
        letter = _plain(raw.FPDFText_GetUnicode(text.raw, place))
        if letter.isspace():
            blank = True
        if not letter.strip() or not raw.FPDFText_GetLooseCharBox(text.raw, place, ctypes.byref(box)):
            continue
        found.setdefault(
            (letter, round(box.left / 2), round(box.top / 2)),
            _Letter(
                text=letter,
                left=box.left,
                right=box.right,
                top=page_height - box.top,
                bottom=page_height - box.bottom,
                after_blank=blank,
            ),
        )
        blank = False
    return list(found.values())


def _plain(code: int) -> str:
    """The letter of a code; Kangxi radicals and other doubles of Chinese letters (PDF fonts) as the letter meant."""
    if code in (9, 10, 13):
        return " "
    if code < 32 or code > 0x10FFFF or 0xD800 <= code < 0xE000:
        return ""
    letter = chr(code)
    doubled = 0x2E80 <= code <= 0x2FDF or 0xF900 <= code <= 0xFAFF
    return unicodedata.normalize("NFKC", letter) if doubled else letter


def _check_text(letters: list[_Letter]) -> None:
    if len(letters) < _LETTERS_OF_TEXT:
        raise NeedsOperator(*SCANNED)
    unknown = sum(letter.text == "\ufffd" or unicodedata.category(letter.text[0]) in ("Co", "Cn") for letter in letters)
    if unknown * 2 > len(letters):
        raise NeedsOperator(*UNREADABLE, details="the font has no table of its letters")


def _lines(letters: list[_Letter], number: int, page_height: float) -> Iterator[Line]:
    for row in _rows(letters):
        yield Line(
            text=_text(row),
            page=number,
            top=min(letter.top for letter in row),
            left=row[0].left,
            right=row[-1].right,
            height=median(letter.height for letter in row),
            page_height=page_height,
        )


def _rows(letters: list[_Letter]) -> Iterator[list[_Letter]]:
    """Letters of one height on the page, from left to right; commas and hyphens hang a little lower or higher."""
    usual = median(letter.height for letter in letters) if letters else 1.0
    rows: list[list[_Letter]] = []
    for letter in sorted(letters, key=lambda one: one.middle):
        row = rows[-1] if rows else []
        if row and letter.middle - median(one.middle for one in row[-8:]) < usual * 0.6:
            row.append(letter)
        else:
            rows.append([letter])
    for row in rows:
        yield sorted(row, key=lambda one: one.left)


def _text(row: list[_Letter]) -> str:
    size = median(letter.height for letter in row)
    parts = [row[0].text]
    for before, letter in pairwise(row):
        gap = (letter.left - before.right) / size
        least = _BLANK_GAP if letter.after_blank else _WORD_GAP
        parts.append("  " if gap > _CELL_GAP else " " if gap > least else "")
        parts.append(letter.text)
    return "".join(parts)
