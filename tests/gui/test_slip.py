"""上传凭单 read back from the PDF: it holds the facts, embeds its font, and says what is not acknowledged."""

from __future__ import annotations

from pathlib import Path

import pypdfium2
import pytest

from app.gui.look import Look
from app.gui.slip import save_slip
from tests.gui.fake_face import FakeFace
from tests.gui.fake_queue import a_slip

DONE, WAITING = "1.2.3.10", "1.2.3.6"


def text_of(path: Path) -> str:
    pdf = pypdfium2.PdfDocument(path)
    try:
        return "".join("".join(page.get_textpage().get_text_bounded().split()) for page in pdf)
    finally:
        pdf.close()


@pytest.mark.parametrize("size", ["A4", "A5"])
def test_a_slip_holds_what_the_platform_acknowledged(light: Look, tmp_path: Path, size: str) -> None:
    path = tmp_path / "凭单.pdf"
    save_slip(FakeFace().slip(DONE), path, light.families(), size)
    said = text_of(path)
    for fact in ("上传凭单", "惠康综合门诊部", "郑国强", "DR2611200019", "山西省影像云", "平台已接收2026-11-2014:02"):
        assert fact in said, fact
    assert "9f86d081884c7d659a2feaa0c55ad015" in said.replace("…", "")
    assert "140928198005124320" not in said and "140***********4320" in said
    assert "尚未" not in said
    assert b"/FontFile" in path.read_bytes()


def test_the_index_on_a_slip_hides_the_number_as_the_line_of_the_patient_does(light: Look, tmp_path: Path) -> None:
    path = tmp_path / "凭单.pdf"
    content = FakeFace().slip(DONE)
    index = "111-140928198005124320-20261120133821-0000000000000-000000000"
    first = {**content["destinations"][0], "numbers": [index]}
    save_slip({**content, "destinations": [first]}, path, light.families())
    said = text_of(path)
    assert "140928198005124320" not in said and "111-1409****4320-20261120133821" in said


def test_a_slip_of_what_is_not_acknowledged_says_so(light: Look, tmp_path: Path) -> None:
    path = tmp_path / "凭单.pdf"
    save_slip(FakeFace().slip(WAITING), path, light.families())
    said = text_of(path)
    assert "尚未被平台接收" in said
    assert "平台已接收" not in said
    assert "这不是平台的回执" in said


def test_a_slip_of_what_was_never_submitted_says_so(light: Look, tmp_path: Path) -> None:
    path = tmp_path / "凭单.pdf"
    content = {**FakeFace().slip(DONE), "destinations": [], "not_submitted": True, "submitted_at": None}
    save_slip(content, path, light.families())
    assert "这例还没有提交上传，尚未被平台接收。" in text_of(path)


def test_a_long_slip_goes_on_on_the_next_page_and_loses_nothing(light: Look, tmp_path: Path) -> None:
    path = tmp_path / "凭单.pdf"
    content = FakeFace().slip(DONE)
    uids = [f"1.2.840.113619.2.278.3.717616.5.20261120133821.{number:016d}" for number in range(60)]
    save_slip({**content, "study_uids": uids}, path, light.families(), "A5")
    pdf = pypdfium2.PdfDocument(path)
    assert len(pdf) > 1
    pdf.close()
    said = text_of(path)
    assert all(uid in said for uid in uids)


def test_the_slip_is_built_as_the_engine_builds_it() -> None:
    row = next(one for one in FakeFace().jobs()["rows"] if one["uid"] == DONE)
    assert set(a_slip(row)) == {
        *("clinic", "clinic_code", "patient", "exam", "study_uids", "submitted_at", "submitted_by", "image_count"),
        *("digest", "not_submitted", "destinations", "printed_at"),
    }
