"""Exports of other programs: whatever the encoding and the cells, the texts that a person sees - or a refusal."""

from __future__ import annotations

import csv
import io
import string
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import NeedsOperator, RetryLater
from app.intake.sheets import MOST_ROWS, read_sheet, write_sheet

HEADER = ["检查号", "姓名", "证件号", "金额"]
ROWS = [["CT001", "赵明轩", "140928198005124320", "120.00"], ["CT002", "李桂芳", "14092819620314002X", "80"]]


def a_csv(path: Path, *, encoding: str = "utf-8", delimiter: str = ",", lines: list[list[str]] | None = None) -> Path:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows(lines or [HEADER, *ROWS])
    path.write_bytes(out.getvalue().encode(encoding))
    return path


def a_workbook(path: Path, lines: list[list[Any]], formats: dict[str, str] | None = None) -> Path:
    book = openpyxl.Workbook()
    for line in lines:
        book.active.append(line)
    for place, number_format in (formats or {}).items():
        book.active[place].number_format = number_format
    book.save(path)
    return path


def texts(path: Path) -> list[list[str]]:
    return [list(row.cells) for row in read_sheet(path).rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_usual_encoding_and_delimiter_reads_the_same(tmp_path: Path, encoding: str, delimiter: str) -> None:
    sheet = read_sheet(a_csv(tmp_path / "his.csv", encoding=encoding, delimiter=delimiter))
    assert sheet.header == tuple(HEADER)
    assert [list(row.cells) for row in sheet.rows] == ROWS
    assert [row.number for row in sheet.rows] == [2, 3]


def test_a_quoted_line_break_stays_in_its_cell_and_rows_keep_their_line(tmp_path: Path) -> None:
    lines = [HEADER, ["CT001", "赵明轩", "诊断：\n肺炎", "1,200"], ROWS[1]]
    sheet = read_sheet(a_csv(tmp_path / "his.csv", encoding="gbk", lines=lines))
    assert sheet.rows[0].cells[2:] == ("诊断：\n肺炎", "1,200")
    assert sheet.rows[1].number == 4


def test_a_title_above_the_header_and_blank_lines_are_passed_by(tmp_path: Path) -> None:
    path = tmp_path / "his.csv"
    path.write_bytes("惠康综合门诊部收费明细\r\n\r\n检查号,姓名,证件号\r\nCT001,赵明轩,1\r\n\r\n".encode("gbk"))
    assert read_sheet(path).header == ("检查号", "姓名", "证件号")
    assert texts(path) == [["CT001", "赵明轩", "1"]]


def test_what_exports_put_around_a_number_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "his.csv"
    path.write_text('检查号,医嘱号,流水号\n="00123",\'0456,\t0789\n', encoding="utf-8")
    assert texts(path) == [["00123", "0456", "0789"]]


def test_doubled_and_nameless_columns_get_names_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "his.csv"
    path.write_text("编号,编号,,空\n1,2,3,\n", encoding="utf-8")
    assert read_sheet(path).header == ("编号", "编号 (2)", "第 3 列", "空")


def test_a_number_that_a_spreadsheet_shortened_is_refused_by_row_and_column(tmp_path: Path) -> None:
    path = tmp_path / "his.csv"
    path.write_text("检查号,证件号\nCT001,1.40928E+17\nCT002,140928198005124320\n", encoding="utf-8")
    sheet = read_sheet(path)
    assert [(one.row, one.column) for one in sheet.faults] == [(2, "证件号")]
    assert [row.cells[1] for row in sheet.rows] == ["", "140928198005124320"]


def test_excel_cells_come_as_a_person_sees_them(tmp_path: Path) -> None:
    day, moment = date(2026, 11, 20), datetime(2026, 11, 20, 9, 30)
    line = ["140928198005124320", 202611200037, 37, 120.5, 80, day, moment, None, True, 0.1 + 0.2]
    path = a_workbook(tmp_path / "his.xlsx", [[f"列{n}" for n in range(10)], line], {"C2": "000000", "E2": "0.00"})
    assert texts(path) == [
        ["140928198005124320", "202611200037", "000037", "120.5", "80.00", "2026-11-20", "2026-11-20 09:30:00", "",
         "是", "0.3"]
    ]  # fmt: skip


@pytest.mark.parametrize("number", [140928198005124320, 1.4092819800512432e17, 10**15])
def test_a_long_number_in_an_excel_number_cell_is_refused_not_guessed(tmp_path: Path, number: float) -> None:
    path = a_workbook(tmp_path / "his.xlsx", [["惠康"], ["检查号", "证件号"], ["CT001", number], ["CT002", "1"]])
    sheet = read_sheet(path)
    assert [(one.row, one.column) for one in sheet.faults] == [(3, "证件号")]
    assert "丢" in sheet.faults[0].title and "文本" in sheet.faults[0].advice
    assert sheet.rows[0].cells == ("CT001", "")


def test_a_formula_is_not_worked_out(tmp_path: Path) -> None:
    path = a_workbook(tmp_path / "his.xlsx", [["检查号", "金额"], ["CT001", "=1+1"]])
    assert texts(path) == [["CT001", ""]]


def test_the_first_sheet_with_content_is_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.create_sheet("明细").append(["检查号", "姓名"])
    book["明细"].append(["CT001", "赵明轩"])
    book.save(tmp_path / "his.xlsx")
    assert texts(tmp_path / "his.xlsx") == [["CT001", "赵明轩"]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "空"),
        (b"\r\n\r\n", "空"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "xls"),
        (b"<html><table>", "网页"),
        (b"PK\x03\x04 half a file", "打不开"),
        (b"\x00\x01\x02\x03" * 9, "不是文字表格"),
        (b"\xff\xff\xff\xff\xfe", "不是文字表格"),
    ],
)
def test_what_is_no_sheet_says_so(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "his.xls"
    path.write_bytes(content)
    with pytest.raises(NeedsOperator) as caught:
        read_sheet(path)
    assert says in caught.value.title
    assert caught.value.advice


def test_a_workbook_cut_in_the_middle_says_so(tmp_path: Path) -> None:
    whole = a_workbook(tmp_path / "his.xlsx", [HEADER, *ROWS]).read_bytes()
    for size in range(4, len(whole), max(1, len(whole) // 40)):
        (tmp_path / "cut.xlsx").write_bytes(whole[:size])
        with pytest.raises(NeedsOperator):
            read_sheet(tmp_path / "cut.xlsx")


def test_too_many_rows_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "his.csv"
    path.write_text("检查号,姓名\n" + "CT,赵\n" * (MOST_ROWS + 1), encoding="utf-8")
    with pytest.raises(NeedsOperator, match=str(MOST_ROWS)):
        read_sheet(path)


def test_a_zip_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.intake.sheets.MOST_UNPACKED_BYTES", 1000)
    with pytest.raises(NeedsOperator, match="太大"):
        read_sheet(a_workbook(tmp_path / "his.xlsx", [HEADER, *ROWS]))


# -- writing ----------------------------------------------------------------------------------------------------------


def test_a_written_csv_opens_in_excel_as_chinese_and_works_nothing_out(tmp_path: Path) -> None:
    path = tmp_path / "对账.csv"
    write_sheet(path, ["姓名", "差额"], [["=1+1", "-12.50"], ["@cmd", None], ["+86 138", "-x"]])
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.decode("utf-8-sig").splitlines() == ["姓名,差额", "'=1+1,-12.50", "'@cmd,", "'+86 138,'-x"]


def test_a_written_workbook_holds_texts_only(tmp_path: Path) -> None:
    path = tmp_path / "对账.xlsx"
    write_sheet(path, ["姓名", "证件号"], [["=1+1", "140928198005124320"]])
    cells = list(openpyxl.load_workbook(path).active[2])
    assert [(cell.data_type, cell.value) for cell in cells] == [("s", "=1+1"), ("s", "140928198005124320")]


def test_a_file_that_cannot_be_kept_says_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(NeedsOperator, match="存不下来"):
        write_sheet(tmp_path / "folder.csv", ["a"], [])
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


@pytest.mark.parametrize("name", ["一天.csv", "一天.xlsx"])
def test_rows_that_break_off_leave_no_half_list_of_patients(tmp_path: Path, name: str) -> None:
    def rows() -> Iterator[list[str]]:
        yield ["张三"]
        raise RetryLater("程序正在退出", "下次启动接着做，数据没有丢")

    with pytest.raises(RetryLater):
        write_sheet(tmp_path / name, ["姓名"], rows())
    assert list(tmp_path.iterdir()) == []


TEXT = st.text(st.sampled_from(string.ascii_letters + string.digits + "赵明轩·,;|\"\n =+-@'.龘"), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(TEXT, min_size=3, max_size=3), min_size=1, max_size=5),
    suffix=st.sampled_from(["csv", "xlsx"]),
)
def test_what_was_written_is_read_back(tmp_path: Path, rows: list[list[str]], suffix: str) -> None:
    """Up to blanks around a text and the marks that keep a spreadsheet from working it out."""
    path = tmp_path / f"a.{suffix}"
    write_sheet(path, ["检查号", "姓名", "备注"], rows)
    kept = [[_bare(cell) for cell in row] for row in rows if any(_bare(cell) for cell in row)]
    assert [[_bare(cell) for cell in row.cells] for row in read_sheet(path).rows] == kept


def _bare(text: str) -> str:
    """Without marks and blanks in front and behind, any number of them."""
    return text.strip().strip("'=\" \n\t")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_a_sheet_or_a_refusal(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(content)
    try:
        sheet = read_sheet(path)
    except NeedsOperator:
        return
    assert len(set(sheet.header)) == len(sheet.header)
    assert all(sheet.header)
    assert all(len(row.cells) == len(sheet.header) for row in sheet.rows)
