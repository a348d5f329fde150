"""A report's PDF that comes back from the stamping client: is it this report, whole, under a seal.

Refuses in words what is not; never mends, never guesses. The pages are read in a child process.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from app.errors import NeedsOperator, RetryLater
from app.intake.apart import Apart, ChildDied, ChildSlow
from app.intake.pdf import check_pdf_bytes
from app.intake.seals import Seal, seal_of, seals_count

_MOST_PAGES = 200
_MOST_PIXELS = 2000
_POINTS = 1.5
"""Rewriting a file may round the size of a page."""
_DARK, _LIGHT = 150, 220
_LOST_IN_DRAWING, _LOST_UNDER_A_SEAL = 0.02, 0.3
"""How much ink may be gone: of a file that was written anew, and of one that begins with the report byte for byte."""
_KEPT = "原来的报告没有变"
_AGAIN = f"{_KEPT}。请回到签章软件，重新盖一次"
UNSTAMPED = ("送回来的报告没有盖章", _AGAIN)
CHANGED = ("送回来的报告盖章后又改动过", _AGAIN)
OTHER = ("送回来的不是这份报告", _AGAIN)
UNREADABLE = ("送回来的 PDF 打不开", _AGAIN)

Image = Any
"""A numpy array: the library is loaded in the child alone."""


@dataclass(frozen=True, kw_only=True)
class _Page:
    width: float
    height: float
    letters: Counter[str]
    ink: Image
    """Its greys, 72 to the inch; of a very large page fewer."""


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
    if not _is_same_apart(apart, before, after):
        raise NeedsOperator(*OTHER)


def _is_same_apart(apart: Apart, before: bytes, after: bytes) -> bool:
    try:
        same: bool | None = apart.run(_is_same_report, before, after)
    except ChildSlow as error:
        raise RetryLater("这台电脑太忙，盖好章的报告没有核对完", _AGAIN) from error
    except ChildDied as error:
        raise NeedsOperator(*UNREADABLE) from error
    if same is None:
        raise NeedsOperator(*UNREADABLE)
    return same


def _is_same_report(before: bytes, after: bytes) -> bool | None:
    """In the child: as many pages, as large, with every letter and the ink. None for what PDFium can't open."""
    import pypdfium2

    most_lost = _LOST_UNDER_A_SEAL if after.startswith(before) else _LOST_IN_DRAWING
    try:
        with pypdfium2.PdfDocument(before) as old, pypdfium2.PdfDocument(after) as new:
            if not len(new):
                return None
            pages = range(min(len(old), _MOST_PAGES))
            return len(old) == len(new) and all(_is_kept(_page(old[one]), _page(new[one]), most_lost) for one in pages)
    except pypdfium2.PdfiumError:
        return None


def _is_kept(old: _Page, new: _Page, most_lost: float) -> bool:
    """A seal may bring letters and ink; it takes no letter away, and little ink."""
    same_size = abs(old.width - new.width) < _POINTS and abs(old.height - new.height) < _POINTS
    return same_size and old.letters <= new.letters and _lost(old.ink, new.ink) <= most_lost


def _lost(old: Image, new: Image) -> float:
    """The part of the old page's ink that the new one does not have, 0 to 1."""
    height, width = (min(*both) for both in zip(old.shape, new.shape, strict=True))
    before, after = old[:height, :width], new[:height, :width]
    dark = before < _DARK
    return float((dark & (after > _LIGHT)).sum() / max(1, dark.sum()))


def _page(page: object) -> _Page:
    """What lies on top, as a seal in its own field does, is not drawn."""
    width, height = page.get_size()  # type: ignore[attr-defined]
    text = page.get_textpage().get_text_bounded()  # type: ignore[attr-defined]
    scale = min(1.0, _MOST_PIXELS / max(width, height, 1.0))
    drawn = page.render(scale=scale, grayscale=True, draw_annots=False, may_draw_forms=False)  # type: ignore[attr-defined]
    ink = drawn.to_numpy().reshape(drawn.height, -1)
    return _Page(width=width, height=height, letters=Counter("".join(text.split())), ink=ink)
