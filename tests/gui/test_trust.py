"""设置 › 电子签名: trusted files are shown for what they are, taken, refused in words, taken away after a question."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton

from app.gui import words
from app.gui.settings import SettingsPage
from app.gui.settings_trust import TrustSection
from app.gui.window import MainWindow
from tests.gui.fake_face import FakeFace
from tests.gui.fake_trust import CA
from tests.gui.test_settings import page as settings_page
from tests.gui.test_wizard import cut_off, letters, until

page = settings_page


@pytest.fixture
def section(page: SettingsPage, window: MainWindow, face: FakeFace) -> TrustSection:
    face.offer_trust()
    window.go(words.SETTINGS, "trust")
    found = page.section()
    assert isinstance(found, TrustSection)
    until(lambda: found.answer is not None, window)
    return found


def shown(section: TrustSection) -> str:
    return "\n".join(one.text() for one in section.findChildren(QLabel) if one.isVisible())


def press(section: TrustSection, text: str, place: int = 0) -> None:
    found = [one for one in section.findChildren(QPushButton) if one.isVisible() and one.text() == text]
    found[place].click()


def test_every_certificate_says_who_gave_it_until_when_and_of_what_kind(
    section: TrustSection, window: MainWindow
) -> None:
    said = shown(section)
    assert CA in said and "SM2 · 国家根 CA 签发 · 有效期至 2031-05-01" in said
    assert "RSA · 根证书 · 2026-06-30 已过期" in said
    assert "连不上吊销列表 · 今天 09:02 读到 · 证书里写的地址" in said
    assert "刘慧 医生" in said and "还有 18 天" in said
    for width, height in ((1366, 688), (1280, 640)):
        window.resize(width, height)
        until(lambda width=width: window.width() == width, window)  # type: ignore[misc]
        assert cut_off(section) == []


def test_what_is_no_certificate_is_refused_where_it_was_chosen_and_a_good_one_is_there_at_once(
    section: TrustSection, window: MainWindow, face: FakeFace
) -> None:
    section.take(["/usb/说明.pdf"])
    until(section.told.isVisible, window)
    assert "“说明.pdf”不是证书文件" in section.told.text() and len(face.trusted["roots"]) == 2
    section.take(["/usb/新根.cer"])
    until(lambda: "新根.cer" in shown(section), window)
    assert not section.told.isVisible()


def test_an_address_is_added_with_enter_and_lists_are_read_on_demand(
    section: TrustSection, window: MainWindow, face: FakeFace
) -> None:
    letters(section.address, "http://crl.example.cn/new.crl")
    QTest.keyClick(section.address, Qt.Key.Key_Return)
    until(lambda: "http://crl.example.cn/new.crl" in shown(section), window)
    assert section.address.text() == ""
    section.read.click()
    until(lambda: "连不上" not in shown(section), window)


def test_a_file_is_taken_away_after_a_question_and_the_doctors_saved_later_do_not_bring_it_back(
    section: TrustSection, page: SettingsPage, window: MainWindow, face: FakeFace
) -> None:
    page.answers.document["signing"] = {"roots": ["/trust/ca.p7b", "/trust/tsa.cer"], "staff": []}
    face.document["signing"] = {"roots": ["/trust/tsa.cer"], "staff": []}
    asked: list[str] = []
    section.desk.__dict__["confirm"] = lambda question, then: (asked.append(question.title), then())
    press(section, "去掉")
    until(lambda: bool(face.called("remove_trust")), window)
    assert asked == ["不再信任“山西医疗CA证书链.p7b”？"]
    until(lambda: page.answers.document["signing"]["roots"] == ["/trust/tsa.cer"], window)
    until(lambda: "山西医疗CA证书链" not in shown(section), window)


def test_without_any_the_next_step_is_said(page: SettingsPage, window: MainWindow, face: FakeFace) -> None:
    face.offer_trust(whole=False)
    window.go(words.SETTINGS, "trust")
    section = page.section()
    until(lambda: "还没有。向 CA 机构要根证书文件" in shown(section), window)  # type: ignore[arg-type]
