"""A report's PDF that comes back from the stamping client: is it this report, whole, under a seal.

Refuses in words what is not; never mends, never guesses. The pages are read in a child process.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from app.errors import NeedsOperator, RetryLater
from app.intake.apart import Apart, ChildDied, ChildSlow
from app.intake.pdf import check_pdf_bytes
from app.intake.seals import Seal, seal_of, seals_count

_MOST_PAGES = 200
_POINTS = 1.5
"""Rewriting a file may round the size of a page."""
_KEPT = "原来的报告没有变"
_AGAIN = f"{_KEPT}。请回到签章软件，重新盖一次"
UNSTAMPED = ("送回来的报告没有盖章", _AGAIN)
CHANGED = ("送回来的报告盖章后又改动过", _AGAIN)
OTHER = ("送回来的不是这份报告", _AGAIN)
UNREADABLE = ("送回来的 PDF 打不开", _AGAIN)


@dataclass(frozen=True, kw_only=True)
class _Page:
    width: float
    height: float
    letters: Counter[str]


def check_stamped(apart: Apart, before: bytes, after: bytes) -> None:
    """`after` is `before` with one more seal over all of it. Raises NeedsOperator, and RetryLater on a slow machine."""
    try:
        check_pdf_bytes(after)
    except NeedsOperator as error:
        raise NeedsOperator(f"送回来的不能用：{error.title}", _AGAIN) from error
    if seals_count(after) <= seals_count(before):
        raise NeedsOperator(*UNSTAMPED)
    if seal_of(after) is not Seal.WHOLE:
        raise NeedsOperator(*CHANGED)
    if not _same_pages(_pages_apart(apart, before), _pages_apart(apart, after)):
        raise NeedsOperator(*OTHER)


def _same_pages(before: tuple[_Page, ...], after: tuple[_Page, ...]) -> bool:
    """As many pages, as large, and every letter is still there; a seal may bring more."""
    return len(before) == len(after) and all(_is_kept(*pair) for pair in zip(before, after, strict=True))


def _is_kept(old: _Page, new: _Page) -> bool:
    same_size = abs(old.width - new.width) < _POINTS and abs(old.height - new.height) < _POINTS
    return same_size and old.letters <= new.letters


def _pages_apart(apart: Apart, pdf: bytes) -> tuple[_Page, ...]:
    try:
        found: tuple[_Page, ...] | None = apart.run(_pages, pdf)
    except ChildSlow as error:
        raise RetryLater("这台电脑太忙，盖好章的报告没有核对完", _AGAIN) from error
    except ChildDied as error:
        raise NeedsOperator(*UNREADABLE) from error
    if not found:
        raise NeedsOperator(*UNREADABLE)
    return found


def _pages(pdf: bytes) -> tuple[_Page, ...] | None:
    """In the child. None for what PDFium can't open."""
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(pdf) as document:
            return tuple(_page(document[number]) for number in range(min(len(document), _MOST_PAGES)))
    except pypdfium2.PdfiumError:
        return None


def _page(page: object) -> _Page:
    width, height = page.get_size()  # type: ignore[attr-defined]
    text = page.get_textpage().get_text_bounded()  # type: ignore[attr-defined]
    return _Page(width=width, height=height, letters=Counter("".join(text.split())))
