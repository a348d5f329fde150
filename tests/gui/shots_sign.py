"""The states of 电子签名 for `tests.gui.shots`: what to do to a window before its picture is taken."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from app.errors import NeedsOperator, RetryLater
from app.gui import words
from app.gui.sign_import import ImportDialog
from app.gui.window import MainWindow
from tests.gui.fake_face import FakeFace
from tests.gui.fake_sign import LIU, NO_ANSWER, OTHER_DOCTOR, a_doctor, a_long_text, a_real_text

Act = Callable[[MainWindow], None]
Shot = tuple[str, str, Act, Callable[[FakeFace], None]]


def sign_plan(rest: Act) -> dict[str, Shot]:
    """name -> (page, key, act, before), as the plan of the other pages."""

    def page_of(window: MainWindow) -> Any:
        return window.pages[words.SIGN]

    def nothing(window: MainWindow) -> None:
        """As the page opens."""

    def at(act: Act = nothing, before: Callable[[FakeFace], None] = FakeFace.offer_signing) -> Shot:
        return words.SIGN, "", act, before

    def with_state(session: int, state: str, **more: Any) -> Callable[[FakeFace], None]:
        def before(face: FakeFace) -> None:
            face.offer_signing()
            face.put_state(session, state, **more)

        return before

    def chosen(session: int) -> Act:
        def act(window: MainWindow) -> None:
            page_of(window).list.waiting.choose(str(session))
            rest(window)

        return act

    def unknown(face: FakeFace) -> None:
        face.offer_signing()
        for one in face.sign_rows:
            if one["doctor"]["name"] == LIU:
                one["doctor"] = a_doctor(LIU, known=False)
        face.lacking = ["每位审核医师的编号 MSSPID"]

    def lacking(face: FakeFace) -> None:
        face.offer_signing(waiting=False)
        face.lacking = ["签名应用 ID", "安全码 secureCode", "每位审核医师的编号 MSSPID"]

    def not_yet(face: FakeFace) -> None:
        face.offer_signing()
        face.lacking = ["签名应用 ID", "安全码 secureCode"]
        face.fail["sign_code"] = NeedsOperator("签名还没有备齐", "设置里还缺签名应用 ID 或安全码", page="papers")

    def nobody(face: FakeFace) -> None:
        face.offer_signing()
        face.row_of(102)["doctor"] = a_doctor("")

    def dead(face: FakeFace) -> None:
        face.offer_signing()
        advice = "正在自动重试。一直这样时，请检查网络，再联系签名平台。"
        face.fail["sign_code"] = RetryLater(NO_ANSWER, advice, details="connect timed out: ca.example.cn:8443")

    def empty(face: FakeFace) -> None:
        face.offer_signing(waiting=False)

    def fresh(face: FakeFace) -> None:
        face.offer_signing(waiting=False)
        face.signed_rows = []

    def long(face: FakeFace) -> None:
        face.offer_signing()
        face.sign_text = a_long_text

    def real(face: FakeFace) -> None:
        face.offer_signing()
        face.sign_text = a_real_text

    def unstamped(face: FakeFace) -> None:
        face.offer_signing()
        advice = "这份报告的 PDF 换过，还没有盖章。盖好章、提交上传以后，再请医生签"
        face.fail["sign_code"] = NeedsOperator("先盖章，再签名", advice, fields=("report_pdf",))

    def dense(face: FakeFace) -> None:
        face.offer_signing()
        face.code_version = 12

    def signed(window: MainWindow) -> None:
        window._face.doctor_signs(101)  # type: ignore[attr-defined]
        page_of(window).refresh()
        for _ in range(3):
            rest(window)

    def searched(window: MainWindow) -> None:
        page_of(window).search.setText("雷")
        page_of(window).search.searched.emit("雷")

    def unfolded(window: MainWindow) -> None:
        chosen(101)(window)
        page_of(window).area.said.facts.head.set_open(True)

    def all_signed(window: MainWindow) -> None:
        page_of(window).list.more.click()
        rest(window)

    def signature(window: MainWindow) -> None:
        page_of(window).list.signed.choose_first()
        page_of(window).list.signed.activated_row.emit("200")
        rest(window)

    def pdf(window: MainWindow) -> None:
        page_of(window).text.open_pdf.click()
        for _ in range(30):  # its pages are drawn by threads
            rest(window)
            time.sleep(0.01)

    def import_one(window: MainWindow) -> None:
        page_of(window).bring.click()

    def import_refused(window: MainWindow) -> None:
        import_one(window)
        trouble = NeedsOperator("签名数据里没有时间戳", "要有签名原文、签名值、证书、时间戳四样", details="signed.json")
        window._face.fail["import_signed"] = trouble  # type: ignore[attr-defined]
        window.findChildren(ImportDialog)[-1].take("signed.json")

    def postpone(window: MainWindow) -> None:
        page_of(window).act("later")
        for _ in range(3):
            rest(window)

    return {
        "5-sign": at(),
        "5-sign-done": at(signed),
        "5-sign-expired": at(chosen(103)),
        "5-sign-refused": at(unfolded, with_state(101, "refused", trouble=OTHER_DOCTOR)),
        "5-sign-timestamping": at(chosen(101), with_state(101, "timestamping", expires_at=None)),
        "5-sign-unknown": at(chosen(101), unknown),
        "5-sign-lacking": at(nothing, lacking),
        "5-sign-not-yet": at(nothing, not_yet),
        "5-sign-nobody": at(chosen(102), nobody),
        "5-sign-dead": at(nothing, dead),
        "5-sign-nothing": at(nothing, empty),
        "5-sign-fresh": at(nothing, fresh),
        "5-sign-long": at(nothing, long),
        "5-sign-dense": at(nothing, dense),
        "5-sign-real": at(nothing, real),
        "5-sign-unstamped": at(nothing, unstamped),
        "5-sign-search": at(searched),
        "5-sign-all": at(all_signed),
        "5-sign-signature": at(signature),
        "5-sign-pdf": at(pdf),
        "5-sign-import": at(import_one),
        "5-sign-import-refused": at(import_refused),
        "5-sign-import-any": at(import_one, empty),
        "5-sign-postponed": at(postpone),
        "0-small-sign": at(lambda window: window.resize(900, 500)),
        "0-narrow-sign": at(lambda window: window.resize(1093, 560)),
    }
