"""登记一例 and the reports of an exam - several, none, one of another exam - for `tests.gui.shots`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.gui import words
from app.gui.register import RegisterDialog
from app.gui.report_tools import SHARE
from app.gui.window import MainWindow
from tests.gui.fake_arrange import FakeArrange
from tests.gui.fake_face import FakeFace

UID = "1.2.3.1"
Act = Callable[[MainWindow], Any]
Shot = tuple[str, str, Act, Callable[[FakeFace], Any]]


def arrange_plan(rest: Act) -> dict[str, Shot]:
    """name -> (page, key, act, before), as the plan of the other pages."""

    def register(window: MainWindow) -> None:
        window.pages[words.FILL].register.click()  # type: ignore[attr-defined]
        rest(window)

    def refused(window: MainWindow) -> None:
        register(window)
        dialog = next(one for one in window.findChildren(RegisterDialog))
        for key, text in (("patient_name", "王小满"), ("birth_date", "2999-01-01")):
            dialog.rows[key].editor.show_value(text)
        dialog.register()
        rest(window)

    def done(window: MainWindow) -> None:
        register(window)
        dialog = next(one for one in window.findChildren(RegisterDialog))
        dialog.rows["patient_name"].editor.show_value("赵明轩")
        dialog.register()
        rest(window)

    def open_report(window: MainWindow) -> None:
        form = window.pages[words.FILL].form  # type: ignore[attr-defined]
        for title, section in form._sections.items():
            if title.startswith("报告"):
                section.head.set_open(True)
        rest(window)
        form.verticalScrollBar().setValue(form.verticalScrollBar().maximum())

    def share(window: MainWindow) -> None:
        window.pages[words.FILL].exam.act_on_report(SHARE, 0)  # type: ignore[attr-defined]
        rest(window)
        rest(window)

    return {
        "2-register": (words.FILL, UID, register, FakeArrange.shares_report),
        "2-register-refused": (words.FILL, UID, refused, FakeArrange.shares_report),
        "2-register-done": (words.FILL, UID, done, FakeArrange.shares_report),
        "2-registered-waits": (words.FILL, UID, lambda window: None, FakeArrange.waits_for_images),
        "2-registered": (words.FILL, UID, lambda window: None, FakeArrange.came_registered),
        "2-report-none-yet": (words.FILL, UID, open_report, FakeArrange.began_no_report),
        "2-report-two": (words.FILL, UID, open_report, FakeArrange.has_two_reports),
        "2-report-shared": (words.FILL, UID, open_report, FakeArrange.shares_report),
        "2-report-no": (words.FILL, UID, open_report, FakeArrange.without_reports),
        "2-report-share": (words.FILL, UID, share, FakeArrange.began_no_report),
    }
