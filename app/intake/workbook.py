"""Workbooks that a person prints and goes on filling in (.xlsx): forms and lists, several sheets in one file.

Every cell is a text, the empty ones too: a number typed into one keeps all its digits, and nothing is worked out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.intake.sheets import plain_text, written_whole

_HEADING, _HEAD, _CELL = "heading", "head", "cell"
_NOT_IN_A_TITLE = dict.fromkeys(map(ord, "[]:*?/\\"))


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One sheet: its tab, the heading above, the header of the table (() for none) and the rows.

    `widths` in characters, one for each column.
    """

    tab: str
    heading: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[int]
    wide: bool = False
    """Printed across the page."""


def write_workbook(path: Path, leaves: Sequence[Leaf]) -> None:
    """Write the workbook whole. Raises `NeedsOperator` when it can't be kept."""
    import openpyxl  # at its first use: most days nobody needs it
    import openpyxl.styles

    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for style in _styles(openpyxl.styles):
        book.add_named_style(style)
    for leaf in leaves:
        _write_leaf(book.create_sheet(leaf.tab.translate(_NOT_IN_A_TITLE)[:31]), leaf)
    with written_whole(path) as part:
        book.save(part)


def _styles(look: Any) -> Iterator[Any]:
    thin = look.Side(style="thin")
    framed = look.Border(left=thin, right=thin, top=thin, bottom=thin)
    wrapped = look.Alignment(vertical="center", wrap_text=True)
    for name, font, border, alignment in (
        (_HEADING, look.Font(bold=True, size=14), look.Border(), look.Alignment(vertical="center")),
        (_HEAD, look.Font(bold=True), framed, wrapped),
        (_CELL, look.Font(), framed, wrapped),
    ):
        yield look.NamedStyle(name=name, font=font, border=border, alignment=alignment, number_format="@")


def _write_leaf(sheet: Any, leaf: Leaf) -> None:
    _put(sheet.cell(row=1, column=1), leaf.heading, _HEADING)
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=len(leaf.widths))
    lines = [(leaf.header, _HEAD)] if leaf.header else []
    for number, (row, style) in enumerate([*lines, *((row, _CELL) for row in leaf.rows)], start=3):
        for place, text in enumerate(row, start=1):
            _put(sheet.cell(row=number, column=place), text, style)
    if leaf.header:
        sheet.print_title_rows = "3:3"
    for place, width in enumerate(leaf.widths, start=1):
        sheet.column_dimensions[sheet.cell(row=3, column=place).column_letter].width = width
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.orientation = "landscape" if leaf.wide else "portrait"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


def _put(cell: Any, text: str, style: str) -> None:
    """A text that begins with = is no formula."""
    cell.style = style
    if kept := plain_text(text):
        cell.value = kept
        cell.data_type = "s"
