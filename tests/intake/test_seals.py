"""Whether a PDF bears a seal over all of it, and whether what the stamping client brings back is the report."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from app.domain.exam import StampState
from app.errors import NeedsOperator
from app.intake.apart import Apart
from app.intake.seals import Seal, seal_of, seals_count
from app.intake.stamped import check_stamped
from app.store import exams
from tests.builders import a_pdf, pdf_bytes
from tests.intake.clinic import Room
from tests.intake.sealed import sealed
from tests.intake.test_reports import an_exam, pdf_of

PLAIN = pdf_bytes(text="CHEST PA")
LOCKED = Path(__file__).parent / "encrypted" / "secret-aes-128.pdf"


@pytest.fixture(scope="module")
def apart() -> Iterator[Apart]:
    made = Apart()
    yield made
    made.close()


def test_a_seal_covers_the_file_until_something_is_added() -> None:
    assert seal_of(PLAIN) is Seal.NONE
    stamped = sealed(PLAIN)
    assert (seal_of(stamped), seals_count(stamped)) == (Seal.WHOLE, 1)
    assert seal_of(stamped + b"\n\n") is Seal.WHOLE
    assert seal_of(stamped + b"% changed\n") is Seal.BROKEN
    twice = sealed(stamped)
    assert (seal_of(twice), seals_count(twice)) == (Seal.WHOLE, 2)


def test_a_timestamp_of_the_document_is_no_seal_but_may_cover_one() -> None:
    assert (seal_of(dated(PLAIN)), seals_count(dated(PLAIN))) == (Seal.NONE, 0)
    both = dated(sealed(PLAIN))
    assert (seal_of(both), seals_count(both)) == (Seal.WHOLE, 1)
    assert seal_of(both + b"% changed\n") is Seal.BROKEN


def test_a_seal_without_a_value_covers_nothing() -> None:
    stamped = sealed(PLAIN)
    start = stamped.index(b"/Contents <") + len(b"/Contents <")
    end = stamped.index(b">", start)
    assert seal_of(stamped[:start] + b"0" * (end - start) + stamped[end:]) is Seal.BROKEN


def test_a_range_that_leaves_out_more_than_the_value_covers_nothing() -> None:
    stamped = sealed(PLAIN)
    start = stamped.index(b"/ByteRange [") + len(b"/ByteRange [")
    numbers = stamped[start : stamped.index(b"]", start)].split()
    wider = b" ".join([numbers[0], b"%010d" % (int(numbers[1]) - 40), *numbers[2:]])
    assert seal_of(stamped[:start] + wider + stamped[start + len(wider) :]) is Seal.BROKEN


def test_words_about_byte_ranges_are_no_seal() -> None:
    assert seal_of(PLAIN + b"1 0 obj << /ByteRange [0 10 20 30] >> endobj") is Seal.NONE


@settings(max_examples=150, deadline=timedelta(seconds=2))
@given(st.binary(max_size=300), st.integers(0, 6000), st.integers(0, 200))
def test_no_bytes_break_the_look_for_seals(noise: bytes, place: int, cut: int) -> None:
    stamped = sealed(PLAIN)
    place %= len(stamped)
    changed = stamped[:place] + noise + stamped[place + cut :]
    assert seal_of(noise) in (Seal.NONE, Seal.BROKEN)
    if len(changed) != len(stamped):
        assert seal_of(changed.rstrip()) is not Seal.WHOLE or changed.rstrip() == stamped.rstrip()


def test_a_stamped_report_is_taken(apart: Apart) -> None:
    check_stamped(apart, PLAIN, sealed(PLAIN))
    check_stamped(apart, sealed(PLAIN), sealed(sealed(PLAIN)))


def test_a_rewritten_and_stamped_report_is_taken(apart: Apart) -> None:
    """A client may write the file anew before it stamps it."""
    check_stamped(apart, PLAIN + b"% a comment\n%%EOF\n", sealed(PLAIN))


def a_scan(*lines: str) -> bytes:
    """A report as some systems print it: one picture, and not a letter of text."""
    page, out = Image.new("L", (595, 842), 255), io.BytesIO()
    for number, line in enumerate(("RADIOLOGY REPORT", *lines, "Heart and lungs: no finding", "Dr. Liu")):
        ImageDraw.Draw(page).text((60, 60 + 40 * number), line, fill=0, font_size=20)
    page.save(out, "PDF")
    return out.getvalue()


SCAN = a_scan("Name: LI Guifang", "No: DR2611200018")


def test_a_report_without_a_letter_is_known_by_its_ink(apart: Apart) -> None:
    check_stamped(apart, SCAN, sealed(SCAN))
    check_stamped(apart, SCAN + b"% a comment\n%%EOF\n", sealed(SCAN))
    with pytest.raises(NeedsOperator, match="送回来的不是这份报告"):
        check_stamped(apart, SCAN, sealed(a_scan("Name: ZHAO Ming", "No: DR2611200019")))


def another_text_inside(pdf: bytes, text: bytes) -> bytes:
    """The bytes of a PDF, and an update behind them that puts another text on its page."""
    content = b"BT /F1 18 Tf 40 700 Td (%s) Tj ET" % text
    place, table = len(pdf), pdf.rindex(b"xref\n0 ")
    update = b"4 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\n" % (len(content), content)
    end = b"trailer\n<< /Size 5 /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (table, place + len(update))
    return pdf + update + b"xref\n4 1\n%010d 00000 n \n" % place + end


def dated(pdf: bytes) -> bytes:
    """The PDF with a document timestamp over all of it, by the hand that makes seals."""
    name = b"/SubFilter /adbe.pkcs7.detached"
    return pdf + sealed(pdf)[len(pdf) :].replace(name, b"/SubFilter /ETSI.RFC3161".ljust(len(name)))


REFUSED = {
    "unstamped": (PLAIN, "送回来的报告没有盖章"),
    "empty": (b"", "送回来的不能用：PDF 文件是空的"),
    "a page": (b"<html>login</html>", "送回来的不能用：这不是 PDF 文件"),
    "cut": (sealed(PLAIN)[:-400], "送回来的不能用：PDF 文件不完整"),
    "changed": (sealed(PLAIN) + b"% changed\n", "送回来的报告盖章后又改动过"),
    "another": (sealed(pdf_bytes(text="SKULL")), "送回来的不是这份报告"),
    "one page more": (sealed(pdf_bytes(text="CHEST PA", pages=2)), "送回来的不是这份报告"),
    "changed before the seal": (sealed(another_text_inside(PLAIN, b"SKULL")), "送回来的不是这份报告"),
    "dated only": (dated(PLAIN), "送回来的报告没有盖章"),
    "locked": (LOCKED.read_bytes(), "送回来的不能用：PDF 文件有密码保护"),
    "shifted": (b"%PDF-1.4\n" + sealed(PLAIN)[300:], "送回来的报告盖章后又改动过"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_the_stamped_report_is_refused(apart: Apart, what: str) -> None:
    after, title = REFUSED[what]
    with pytest.raises(NeedsOperator) as refused:
        check_stamped(apart, PLAIN, after)
    assert refused.value.title == title
    assert "原来的报告没有变" in refused.value.advice


def test_a_seal_around_no_document_is_refused(apart: Apart) -> None:
    """Its frame is right, and PDFium finds no page in it."""
    head = b"%%PDF-1.4\n1 0 obj << /Type /Sig /SubFilter /x /ByteRange [0000 %04d %04d %04d] /Contents "
    size = len(head % (0, 0, 0))
    tail = b" >> endobj\n%%EOF\n"
    with pytest.raises(NeedsOperator) as refused:
        check_stamped(apart, PLAIN, head % (size, size + 6, len(tail)) + b"<abcd>" + tail)
    assert refused.value.title == "送回来的 PDF 打不开"


# -- of a report ------------------------------------------------------------------------------------------------------


def stamp_of(room: Room, exam_key: str) -> StampState:
    return exams.reports_of(room.store.read(), exam_key)[0].stamp


def test_a_stamped_pdf_replaces_the_one_it_was_made_from(room: Room, tmp_path: Path) -> None:
    exam_key = an_exam(room, tmp_path)
    old = room.reports.attach(exam_key, a_pdf(tmp_path / "a.pdf", text="CHEST PA"))
    assert stamp_of(room, exam_key) is StampState.NONE
    room.reports.take_stamped(exam_key, old.report_key, old.sha256, sealed(PLAIN))
    assert pdf_of(room, exam_key) == sealed(PLAIN)
    assert stamp_of(room, exam_key) is StampState.STAMPED
    assert [line["what"] for line in exams.timeline(room.store, exam_key)][-1] == "report_stamped"


def test_a_changed_pdf_voids_the_stamp(room: Room, tmp_path: Path) -> None:
    exam_key = an_exam(room, tmp_path)
    stamped = tmp_path / "stamped.pdf"
    stamped.write_bytes(sealed(PLAIN))
    room.reports.attach(exam_key, stamped)
    assert stamp_of(room, exam_key) is StampState.STAMPED  # the clinic's own client stamped it elsewhere
    room.reports.attach(exam_key, a_pdf(tmp_path / "b.pdf", text="CORRECTED"))
    assert stamp_of(room, exam_key) is StampState.VOID
    room.reports.attach(exam_key, stamped)
    assert stamp_of(room, exam_key) is StampState.STAMPED


def test_a_pdf_that_was_changed_under_its_seal_has_none(room: Room, tmp_path: Path) -> None:
    exam_key = an_exam(room, tmp_path)
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(sealed(PLAIN) + b"1 0 obj null endobj\n%%EOF\n")
    room.reports.attach(exam_key, broken)
    assert stamp_of(room, exam_key) is StampState.VOID


def test_the_stamp_of_an_older_pdf_is_not_taken(room: Room, tmp_path: Path) -> None:
    exam_key = an_exam(room, tmp_path)
    old = room.reports.attach(exam_key, a_pdf(tmp_path / "a.pdf", text="CHEST PA"))
    newer = a_pdf(tmp_path / "b.pdf", text="CORRECTED")
    room.reports.attach(exam_key, newer)
    with pytest.raises(NeedsOperator, match="盖章的时候报告 PDF 换过了"):
        room.reports.take_stamped(exam_key, old.report_key, old.sha256, sealed(PLAIN))
    assert pdf_of(room, exam_key) == newer.read_bytes()
