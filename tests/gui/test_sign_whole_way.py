"""电子签名 over the real engine: the doctor's phone reads the code from the screen, nothing else tells it anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel

from app.gui.look import Look
from app.gui.settings import SettingsPage
from app.gui.settings_trust import TrustSection
from app.system.paths import Home
from tests.engine.sign_desk import LIU, SignDesk, a_sign_desk
from tests.gui.sign_place import Place, bury_page, seen
from tests.gui.test_look import cut


@pytest.fixture
def desk(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignDesk]:
    with a_sign_desk(home, tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def place(desk: SignDesk, light: Look) -> Iterator[Place]:
    made = Place(desk.engine, light, desk.clock.now)
    yield made
    bury_page(made)


def scan(desk: SignDesk, place: Place, how: str = "sign") -> None:
    """A phone is held before the screen."""
    (text,) = seen(place.page)
    desk.wire.service.phone({"qr": text, "how": how, "doctor": ""})
    desk.polls()
    place.page.refresh()
    place.settle()


def test_two_reports_are_signed_from_the_screen_one_after_the_other(desk: SignDesk, place: Place) -> None:
    first, second = desk.submitted(), desk.submitted()
    page = place.open()
    assert page.area.doctor.text() == f"{LIU} 医生" and page.text.place.text() == "第 1 份，共 2 份"
    assert page.code is not None and page.code["row"]["uid"] == first
    scan(desk, place)
    assert desk.report_job(first).state.value == "queued" and desk.report_job(second).state.value == "to_sign"
    assert page.code is not None and page.code["row"]["uid"] == second
    assert "签好了 · 时间戳有效 · 待上传" in page.area.done.text()
    scan(desk, place)
    assert desk.report_job(second).state.value == "queued"
    assert page.list.empty.isVisible() and len(page.list.signed.rows_model.rows) == 2
    assert place.failed == []


def test_a_stranger_who_scans_is_refused_on_the_screen_and_a_new_code_helps(desk: SignDesk, place: Place) -> None:
    uid = desk.submitted()
    page = place.open()
    scan(desk, place, "other")
    assert page.area.said.isVisible() and page.area.buttons["renew"].isVisible()
    assert desk.report_job(uid).state.value == "to_sign"
    page.act("renew")
    place.settle()
    scan(desk, place)
    assert desk.report_job(uid).state.value == "queued"


def test_a_code_that_ran_out_before_the_eyes_is_renewed_and_can_be_signed(desk: SignDesk, place: Place) -> None:
    uid = desk.submitted()
    page = place.open()
    (before,) = seen(page)
    desk.clock.pass_(timedelta(days=1, minutes=5).total_seconds())
    page._tick()
    place.settle()
    (after,) = seen(page)
    assert after != before
    scan(desk, place)
    assert desk.report_job(uid).state.value == "queued"


def test_a_doctor_without_a_number_is_led_to_the_settings(desk: SignDesk, place: Place) -> None:
    desk.submitted(audit_doctor_name="王新")
    page = place.open()
    assert page.area.said.title.text() == "还不知道 王新 医生的签名平台编号" and seen(page) == []
    assert page.text.lines.shown, "what is to be signed can be read without a code"


def test_a_root_put_in_place_in_the_settings_ends_the_notice_and_a_changed_report_says_what_to_do(
    desk: SignDesk, place: Place, tmp_path: Path
) -> None:
    uid = desk.submitted()
    page = place.open()
    assert page.list.notice.isVisible() and "根证书" in page.list.notice.title.text()
    page.list.notice.lead.click()
    assert place.went[-1] == ("设置", "trust")
    settings = SettingsPage(page.desk)
    settings.resize(1194, 632)
    settings.show()
    settings.refresh()
    settings.open_at("trust")
    place.settle()
    section = settings.section()
    assert isinstance(section, TrustSection) and section.answer is not None
    for name, content in (("ca.pem", desk.wire.authority.pem_chain()), ("说明.txt", "没有证书")):
        (tmp_path / name).write_text(content, encoding="utf-8")
    section.take([str(tmp_path / "说明.txt")])
    place.settle()
    assert "“说明.txt”不是证书文件" in section.told.text()
    section.take([str(tmp_path / "ca.pem")])
    place.settle()
    assert "演练根 CA" in "\n".join(one.text() for one in section.findChildren(QLabel)) and cut(section) == []
    settings.close()
    settings.deleteLater()
    desk._at_the_wire()
    page.refresh()
    place.settle()
    assert not page.list.notice.isVisible()
    desk.fill(uid, conclusion="右肺上叶结节。")
    page.refresh()
    place.settle()
    assert page.area.said.title.text() == "报告改过了，还没有提交" and page.area.buttons["submit"].isVisible()
    assert place.failed == []
