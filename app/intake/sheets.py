"""Sheets that other programs export (CSV, XLSX): read as texts, written for Excel. Formulas are never worked out.

A number cell that could not hold its digits is refused by row and column: a wrong ID number is worse than none.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.domain.sheet import (
    LOST_DIGITS,
    CellFault,
    DigitsLost,
    Sheet,
    SheetRow,
    lost_digits,
    named_columns,
    seen,
    without_marks,
)
from app.errors import NeedsOperator

SUFFIXES = (".csv", ".txt", ".tsv", ".xlsx", ".xlsm")
MOST_BYTES = 50_000_000
MOST_UNPACKED_BYTES = 400_000_000
MOST_ROWS = 50_000
MOST_COLUMNS = 300
_HEADER_WITHIN = 15
"""Titles and dates above the header are passed by; the header stands in one of the first rows."""
_DELIMITERS = ",;\t|"
_EXACT = 10**15
_ZEROS = re.compile(r"0{2,}")
_DECIMALS = re.compile(r"[#,]*0\.(0+)_?\)?")
_BROKEN_XLSX = (
    zipfile.BadZipFile,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    EOFError,
    SyntaxError,  # xml.etree's ParseError is one
    NotImplementedError,
)
Line = tuple[int, list[str]]


def read_sheet(path: Path) -> Sheet:
    """The sheet in a file. Raises `NeedsOperator` for what is no sheet, broken or too big; OSError (locked, gone)."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise NeedsOperator("这个文件太大", f"最多 {MOST_BYTES // 1_000_000} MB；请分几天导出，再试一次")
    content = path.read_bytes()
    faults: list[CellFault] = []
    if content.startswith(b"PK\x03\x04"):
        return _sheet(_workbook_lines(content, faults), faults)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise NeedsOperator("这是旧的 xls，或者加了密码", "请在 Excel 里另存为 xlsx 或 CSV，不设密码，再试一次")
    if re.match(rb"\s*(?:\xef\xbb\xbf)?\s*<", content):
        raise NeedsOperator("这是网页，不是表格", "请用 Excel 打开它，另存为 xlsx 或 CSV，再试一次")
    return _sheet(_text_lines(_decoded(content)), faults)


def write_sheet(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a sheet whole (`.xlsx`, else CSV with a byte order mark so that Excel reads Chinese).

    A text that Excel would work out (`=…`, `+…`, `-…`, `@…`) stays text. Raises `NeedsOperator` when it can't be kept.
    """
    with written_whole(path) as part:
        if path.suffix.lower() == ".xlsx":
            _write_workbook(part, header, rows)
        else:
            _write_text(part, header, rows)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Where to write instead, put in the place of `path` when it is whole. Raises `NeedsOperator` when it can't be."""
    part = path.with_name(path.name + ".part")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise NeedsOperator(
            f"{path.name} 存不下来", "请换一个文件夹，或关掉正在用它的程序，再试一次", details=type(error).__name__
        ) from error
    finally:
        part.unlink(missing_ok=True)


# -- text -------------------------------------------------------------------------------------------------------------


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decode(content, "utf-16")
    for charset in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(charset)
        except UnicodeDecodeError:
            continue
    raise _unreadable()


def _decode(content: bytes, charset: str) -> str:
    try:
        return content.decode(charset)
    except UnicodeDecodeError as error:
        raise _unreadable() from error


def _unreadable() -> NeedsOperator:
    return NeedsOperator("这个文件不是文字表格", "请在 HIS 里导出 CSV 或 Excel（xlsx），再试一次")


def _text_lines(text: str) -> Iterator[Line]:
    """Each record with the number of its first line."""
    if "\x00" in text:
        raise _unreadable()
    csv.field_size_limit(1_000_000)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    number = 1
    try:
        for cells in reader:
            yield number, [without_marks(cell) for cell in cells]
            number = reader.line_num + 1
    except csv.Error as error:
        raise NeedsOperator(
            f"表格第 {number} 行读不出来", "请重新导出这个文件，再试一次", details=str(error)
        ) from error


def _delimiter(text: str) -> str:
    """The one that parts the first lines into the most columns, and into equally many."""
    head = text[:20_000]

    def worth(delimiter: str) -> tuple[int, int]:
        try:
            widths = [len(cells) for cells in csv.reader(io.StringIO(head, newline=""), delimiter=delimiter) if cells]
        except csv.Error:
            return 0, 0
        usual = max(set(widths), key=lambda width: (widths.count(width), width), default=1)
        return (widths.count(usual) if usual > 1 else 0), usual

    return max(_DELIMITERS, key=worth)


# -- Excel ------------------------------------------------------------------------------------------------------------


def _workbook_lines(content: bytes, faults: list[CellFault]) -> Iterator[Line]:
    """The lines of the first sheet that holds something. Faults carry a column's number until the header is known."""
    import openpyxl  # at its first use, as below: most days nobody needs it
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(one.file_size for one in packed.infolist()) > MOST_UNPACKED_BYTES:
                raise NeedsOperator("这个文件太大", "请分几天导出，再试一次")
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        try:
            for sheet in book.worksheets:
                lines = [_cells(number, row, faults) for number, row in _filled_rows(sheet)]
                if lines:
                    return iter(lines)
        finally:
            book.close()
    except (*_BROKEN_XLSX, InvalidFileException) as error:
        raise NeedsOperator(
            "这个 Excel 文件打不开", "可能还在写，或者坏了；请重新导出，再试一次", details=type(error).__name__
        ) from error
    return iter(())


def _filled_rows(sheet: Any) -> Iterator[tuple[int, Sequence[Any]]]:
    sheet.reset_dimensions()  # what the file says of its own size is often wrong
    found = 0
    for number, row in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS), start=1):
        if any(cell.value not in (None, "") for cell in row):
            found += 1
            if found > MOST_ROWS + _HEADER_WITHIN:
                raise _too_many()
            yield number, row


def _cells(number: int, row: Sequence[Any], faults: list[CellFault]) -> Line:
    cells: list[str] = []
    for place, cell in enumerate(row):
        try:
            cells.append(_cell(cell))
        except DigitsLost:
            cells.append("")
            faults.append(CellFault(row=number, column=str(place), title=LOST_DIGITS[0], advice=LOST_DIGITS[1]))
    return number, cells


def _cell(cell: Any) -> str:
    """The cell as Excel shows it. Raises `DigitsLost`."""
    value = cell.value
    if cell.data_type == "e":
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _shown_number(value, str(getattr(cell, "number_format", "") or "General"))
    text = seen(value)
    if cell.data_type == "d" and text.endswith(" 00:00:00"):
        return text.removesuffix(" 00:00:00")
    return text


def _shown_number(value: float, number_format: str) -> str:
    if abs(value) >= _EXACT:
        raise DigitsLost(LOST_DIGITS[0])
    if value == int(value) and _ZEROS.fullmatch(number_format):
        return str(int(value)).zfill(len(number_format))
    if found := _DECIMALS.fullmatch(number_format.partition(";")[0]):
        return f"{value:.{len(found[1])}f}"
    return seen(value)


# -- lines -> sheet ---------------------------------------------------------------------------------------------------


def _sheet(lines: Iterator[Line], faults: list[CellFault]) -> Sheet:
    kept: list[Line] = []
    for number, cells in lines:
        if any(cells):
            kept.append((number, cells[:MOST_COLUMNS]))
        if len(kept) > MOST_ROWS + _HEADER_WITHIN:
            raise _too_many()
    if not kept:
        raise NeedsOperator("这个文件是空的", "请在 HIS 里选好日期，重新导出")
    at = _header_place([cells for _, cells in kept])
    width = max(len(cells) for _, cells in kept[at:])
    header = named_columns([*kept[at][1], *([""] * (width - len(kept[at][1])))])
    used = [
        place for place, name in enumerate(header) if not name.startswith("第 ") or any(
            place < len(cells) and cells[place] for _, cells in kept[at:]
        )
    ]  # fmt: skip
    rows: list[SheetRow] = []
    told = [_told(fault, header) for fault in faults if fault.row > kept[at][0] and int(fault.column) < len(header)]
    for number, cells in kept[at + 1 :]:
        whole = [*cells, *([""] * (width - len(cells)))]
        for place, cell in enumerate(whole):
            if lost_digits(cell):
                whole[place] = ""
                told.append(CellFault(row=number, column=header[place], title=LOST_DIGITS[0], advice=LOST_DIGITS[1]))
        rows.append(SheetRow(number=number, cells=tuple(whole[place] for place in used)))
    if len(rows) > MOST_ROWS:
        raise _too_many()
    return Sheet(header=tuple(header[place] for place in used), rows=tuple(rows), faults=tuple(told))


def _header_place(lines: Sequence[Sequence[str]]) -> int:
    """The first line that is nearly as wide as the widest: above it stand the clinic's name and the days."""
    first = [sum(1 for cell in cells if cell) for cells in lines[: _HEADER_WITHIN + 5]]
    widest = max(first)
    return next(place for place, count in enumerate(first) if count * 10 >= widest * 6)


def _told(fault: CellFault, header: Sequence[str]) -> CellFault:
    return CellFault(row=fault.row, column=header[int(fault.column)], title=fault.title, advice=fault.advice)


def _too_many() -> NeedsOperator:
    return NeedsOperator(f"这个文件超过 {MOST_ROWS} 行", "请分几天导出，再试一次")


# -- writing ----------------------------------------------------------------------------------------------------------


def _write_text(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([_harmless(cell) for cell in header])
        writer.writerows([_harmless(cell) for cell in row] for row in rows)


def _write_workbook(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Every cell is a text, so that Excel neither works anything out nor rounds a long number."""
    import openpyxl
    from openpyxl.cell import WriteOnlyCell

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    for row in (header, *rows):
        line = []
        for value in row:
            cell = WriteOnlyCell(sheet, value=plain_text(value))
            cell.data_type = "s"
            line.append(cell)
        sheet.append(line)
    book.save(path)


def _harmless(value: object) -> str:
    """A text that a spreadsheet would take for a formula gets an apostrophe in front; numbers are left alone."""
    text = plain_text(value)
    is_formula = text.lstrip().startswith(("=", "+", "-", "@")) and not re.fullmatch(r"[+-]?\d+(?:\.\d+)?", text)
    return f"'{text}" if is_formula else text


def plain_text(value: object) -> str:
    """Without the characters that XML and spreadsheets cannot hold."""
    text = "" if value is None else str(value)
    return "".join(one for one in text if one in "\n\t" or (ord(one) >= 32 and not 0xD800 <= ord(one) <= 0xDFFF
                   and ord(one) not in (0xFFFE, 0xFFFF)))  # fmt: skip
