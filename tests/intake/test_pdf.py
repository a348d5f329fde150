"""Reports: whole PDFs pass, others say what to do; names of files lead to exams.

The files in `encrypted/` were made with qpdf from `builders.pdf_bytes(pages=2)`; "empty" opens for everyone.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import NeedsOperator
from app.intake.pdf import check_pdf, check_pdf_bytes, encapsulated_pdf, names_in_file_name
from tests import builders

ENCRYPTED = Path(__file__).parent / "encrypted"


def test_a_whole_pdf_gives_its_facts(tmp_path: Path) -> None:
    path = builders.a_pdf(tmp_path / "report.pdf", pages=3)
    data = path.read_bytes()
    facts = check_pdf(path)
    assert (facts.size, facts.pages_hint) == (len(data), 3)
    assert facts.sha256 == hashlib.sha256(data).hexdigest()
    assert facts.md5 == hashlib.md5(data).hexdigest()


def test_pages_in_compressed_objects_are_counted() -> None:
    assert check_pdf(ENCRYPTED / "none-object-streams.pdf").pages_hint == 2


def test_bytes_before_the_header_and_behind_the_end_do_no_harm() -> None:
    assert check_pdf_bytes(b"\r\n\r\n" + builders.pdf_bytes() + b"\r\n\0\0\0").pages_hint == 1


@pytest.mark.parametrize(
    ("data", "title"),
    [
        (b"", "PDF 文件是空的"),
        (b"\xff\xd8\xff\xe0 a picture", "这不是 PDF 文件"),
        (b"<html>report</html>" * 100, "这不是 PDF 文件"),
        (b"x" * 2000 + builders.pdf_bytes(), "这不是 PDF 文件"),
        (builders.pdf_bytes()[:-60], "PDF 文件不完整"),
        (builders.pdf_bytes() + b" " * 2_000_000, "PDF 文件太大"),
    ],
)
def test_another_file_says_what_is_wrong_and_what_to_do(tmp_path: Path, data: bytes, title: str) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(data)
    with pytest.raises(NeedsOperator) as caught:
        check_pdf(path, limit_bytes=1_000_000)
    assert caught.value.title == title
    assert "导出" in caught.value.advice or "另存" in caught.value.advice


@pytest.mark.parametrize("kind", ["rc4-40", "rc4-128", "aes-128", "open-metadata", "aes-256-r5"])
def test_a_report_protected_only_against_changes_passes(kind: str) -> None:
    assert check_pdf(ENCRYPTED / f"empty-{kind}.pdf").size > 0


@pytest.mark.parametrize("kind", ["rc4-40", "rc4-128", "aes-128", "open-metadata", "aes-256-r5", "aes-256"])
def test_a_report_with_a_password_is_not_taken(kind: str) -> None:
    with pytest.raises(NeedsOperator, match="密码保护"):
        check_pdf(ENCRYPTED / f"secret-{kind}.pdf")


def test_where_nobody_can_tell_whether_a_password_is_needed_it_is_not_taken() -> None:
    with pytest.raises(NeedsOperator, match="密码保护"):
        check_pdf(ENCRYPTED / "empty-aes-256.pdf")


def test_the_word_encrypt_on_a_page_is_no_encryption() -> None:
    assert check_pdf_bytes(builders.pdf_bytes(text="/Encrypt 9 0 R")).pages_hint == 1


@given(data=st.data(), path=st.sampled_from(sorted(ENCRYPTED.glob("*.pdf"))))
@settings(max_examples=200, deadline=None)
def test_scratched_pdfs_end_in_facts_or_in_advice(data: st.DataObject, path: Path) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        check_pdf_bytes(bytes(content))
    except NeedsOperator as error:
        assert error.advice


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("CT20260105001", ("CT20260105001",)),
        ("张三_CT20260105001", ("张三_CT20260105001", "CT20260105001")),
        ("张三-US0012-20260105", ("张三-US0012-20260105", "US0012-20260105", "US0012", "20260105")),
        ("张三 A-77", ("张三 A-77", "A-77")),
        ("检查号：X123（复查）", ("检查号：X123（复查）", "X123")),
        ("张三DR0099报告", ("张三DR0099报告", "DR0099")),
        ("李四·MR.2026.15", ("李四·MR.2026.15", "MR.2026.15", "2026")),
        ("张三_1.2.826.0.1.3680043.10.1433.5", ("张三_1.2.826.0.1.3680043.10.1433.5", "1.2.826.0.1.3680043.10.1433.5")),
        ("张三", ("张三",)),
        ("  ", ()),
    ],
)
def test_a_file_name_gives_what_may_be_the_exams_number(stem: str, expected: tuple[str, ...]) -> None:
    assert names_in_file_name(stem) == expected


@given(stem=st.text(max_size=300))
def test_any_file_name_gives_each_guess_once(stem: str) -> None:
    found = names_in_file_name(stem)
    assert len(set(found)) == len(found) and "" not in found


@pytest.mark.parametrize("length_known", [True, False])
@pytest.mark.parametrize("text", ["REPORT", "REPORTS"])
def test_a_pdf_comes_out_of_its_dicom_object_byte_for_byte(tmp_path: Path, text: str, length_known: bool) -> None:
    pdf = builders.pdf_bytes(text=text)
    length = len(pdf) if length_known else None
    path = builders.an_encapsulated_pdf(tmp_path, pdf=pdf, EncapsulatedDocumentLength=length)
    assert encapsulated_pdf(path) == pdf
    assert check_pdf_bytes(pdf).pages_hint == 1


def test_an_image_holds_no_pdf(tmp_path: Path) -> None:
    assert encapsulated_pdf(builders.a_dicom_file(tmp_path)) is None
