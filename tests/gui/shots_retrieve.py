"""The states of 调阅 for `tests.gui.shots`: what to do to a window before its picture is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtTest import QTest

from app.errors import RetryLater
from app.gui import words
from app.gui.window import MainWindow
from tests.gui.fake_face import FakeFace
from tests.gui.fake_retrieve import NOBODY, PATIENT, WHY, a_download, records

Act = Callable[[MainWindow], None]
Shot = tuple[str, str, Act, Callable[[FakeFace], None]]


def retrieve_plan(rest: Act) -> dict[str, Shot]:
    """name -> (page, key, act, before), as the plan of the other pages."""

    def page_of(window: MainWindow) -> Any:
        return window.pages[words.RETRIEVE]

    def offered(face: FakeFace) -> None:
        face.offer_retrieval()
        face.lookup_rows = records(4)

    def with_downloads(face: FakeFace) -> None:
        offered(face)
        face.had_downloads()

    def running(face: FakeFace) -> None:
        offered(face)
        face.kept_downloads.append(a_download(20, face.exams[0], "running", 172))

    def troubled(face: FakeFace) -> None:
        offered(face)
        trouble = {
            "title": "平台连不上，正在自动重试",
            "advice": "不用您做什么，连上后从下一幅接着下。",
            "details": "timed out",
        }
        refused = [{"sop_instance_uid": "1.2.840.113619.2.55.3.604688119.969", "why": WHY}]
        face.kept_downloads.append(
            a_download(20, face.exams[0], "waiting", 172, trouble=trouble, refused=refused, seconds_left=None)
        )

    def refused(face: FakeFace) -> None:
        offered(face)
        lost = [{"sop_instance_uid": f"1.2.840.113619.2.55.3.604688119.{n}", "why": WHY} for n in range(3)]
        face.kept_downloads.append(a_download(20, face.exams[0], "done", 283, refused=lost))

    def done(face: FakeFace) -> None:
        offered(face)
        face.kept_downloads.append(a_download(20, face.exams[0], "done", 286))

    def without_images(face: FakeFace) -> None:
        offered(face)
        face.offers = 0

    def dead(face: FakeFace) -> None:
        offered(face)
        advice = "请过一会儿再试。一直这样时，请检查网络和医保专线，再联系平台工程师"
        face.fail["look_up"] = RetryLater("平台没有应答", advice, details="connect timed out")

    def typed(number: str) -> Act:
        def act(window: MainWindow) -> None:
            box = page_of(window).search
            QTest.keyClicks(box, number)
            rest(window)

        return act

    def asked(number: str = PATIENT, row: int = 1, *more: str) -> Act:
        def act(window: MainWindow) -> None:
            typed(number)(window)
            page_of(window).question.asked.emit()
            for _ in range(3):
                rest(window)
            page_of(window).answer.table.choose(str(row))
            rest(window)
            for name in more:
                page_of(window).fetch.act(name)
                rest(window)

        return act

    def asking(window: MainWindow) -> None:
        typed(PATIENT)(window)
        page = page_of(window)
        page.question.show_asking(True)
        page.question.show_person("", "女 · 63 岁 · 证件号码校验正确")
        page.answer.show_asking("贵州省医保影像云索引")

    def fetching(window: MainWindow) -> None:
        asked(PATIENT, 1, "download")(window)
        window._face.kept_downloads[0].update(done=172, checked=172, seconds_left=15.0)  # type: ignore[attr-defined]
        page_of(window).refresh()
        for _ in range(3):
            rest(window)

    def days(window: MainWindow) -> None:
        page_of(window).question.period.setCurrentIndex(4)

    def wrong(window: MainWindow) -> None:
        typed(PATIENT[:-1])(window)
        page_of(window).question.left.emit()

    def at(act: Act = lambda window: None, before: Callable[[FakeFace], None] = offered) -> Shot:
        return words.RETRIEVE, "", act, before

    return {
        "8-retrieve": at(fetching),
        "8-retrieve-empty": at(),
        "8-retrieve-before": at(before=with_downloads),
        "8-retrieve-opened": at(lambda window: page_of(window).fetch.list.opened.emit("12"), with_downloads),
        "8-retrieve-days": at(days),
        "8-retrieve-wrong": at(wrong),
        "8-retrieve-asking": at(asking),
        "8-retrieve-none": at(asked(NOBODY)),
        "8-retrieve-dead": at(asked(), dead),
        "8-retrieve-row": at(asked(), with_downloads),
        "8-retrieve-own": at(asked(PATIENT, 3)),
        "8-retrieve-no-images": at(asked(PATIENT, 2, "download"), without_images),
        "8-retrieve-done": at(asked(), done),
        "8-retrieve-waits": at(asked(), troubled),
        "8-retrieve-refused": at(asked(), refused),
        "8-retrieve-refused-which": at(asked(PATIENT, 1, "trouble"), refused),
        "8-retrieve-list": at(asked(PATIENT, 1, "list"), with_downloads),
        "8-retrieve-records": at(lambda window: page_of(window).records.click()),
        "8-retrieve-large": at(asked(PATIENT, 1, "viewer"), done),
        "0-small-retrieve": at(lambda window: (asked()(window), window.resize(900, 500)), running),  # type: ignore[func-returns-value]
    }
