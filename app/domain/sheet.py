"""A sheet of rows as a person sees it (表格): a header and texts, whatever file or database it came from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

_EXACT_DIGITS = 15
"""A number cell keeps so many digits (IEEE double); a longer whole number in one has lost its last ones."""
_SHORT_FORM = re.compile(r"\d(?:\.\d+)?[Ee]\+?(\d{2})")

LOST_DIGITS = ("长号码的末几位已经丢了", "表格把它当数字存了；请把这一列的格式改成“文本”，重新导出")


@dataclass(frozen=True, kw_only=True)
class CellFault:
    """One cell that was refused; its value is "" in the sheet. `row` as the person counts it in the file, from 1."""

    row: int
    column: str
    title: str
    advice: str


@dataclass(frozen=True, kw_only=True)
class SheetRow:
    """`cells` in the order of the header; `number` as the person counts it in the file, from 1."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Column names are unique and never empty."""

    header: tuple[str, ...]
    rows: tuple[SheetRow, ...]
    faults: tuple[CellFault, ...] = ()


class DigitsLost(ValueError):
    """A long number that its cell could not hold."""


def seen(value: object) -> str:
    """A value of a cell or of a database as a person sees it; "" for nothing. Raises `DigitsLost`."""
    match value:
        case None:
            return ""
        case bool():
            return "是" if value else "否"
        case int():
            return str(value)
        case float():
            return _number(value)
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case date():
            return value.isoformat()
        case time():
            return value.strftime("%H:%M:%S")
        case bytes():
            return _decoded(value)
    return without_marks(str(value))


def without_marks(text: str) -> str:
    """Without what exports put around a text so that a spreadsheet leaves it alone: `="001"`, a leading `'`, tabs."""
    shown = text.replace("\u3000", " ").replace("\xa0", " ").strip().strip("\x00")
    if found := re.fullmatch(r'="([^"]*)"', shown):
        return found[1].strip()
    return shown[1:] if re.match(r"'[=+\-@\d]", shown) else shown


def lost_digits(text: str) -> bool:
    """Whether a text is a long number that a spreadsheet has shortened: `1.40105E+17`."""
    found = _SHORT_FORM.fullmatch(text)
    return found is not None and int(found[1]) >= 9


def named_columns(cells: list[str]) -> tuple[str, ...]:
    """Unique names for the cells of a header: nameless ones by their place, doubled ones with a number."""
    names: list[str] = []
    for place, cell in enumerate(cells, start=1):
        wanted = " ".join(cell.split()) or f"第 {place} 列"
        name, again = wanted, 1
        while name in names:
            again += 1
            name = f"{wanted} ({again})"
        names.append(name)
    return tuple(names)


def _number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return ""
    if abs(value) >= 10**_EXACT_DIGITS:
        raise DigitsLost(LOST_DIGITS[0])
    if value == int(value):
        return str(int(value))
    return f"{Decimal(f'{value:.15g}'):f}"


def _decoded(content: bytes) -> str:
    for charset in ("utf-8", "gb18030"):
        try:
            return without_marks(content.decode(charset))
        except UnicodeDecodeError:
            continue
    return ""
