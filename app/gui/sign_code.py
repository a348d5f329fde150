"""One report's code (电子签名): the steps of signing, the QR code, who must scan it and how long it is good for."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QWidget

from app.errors import AgentError
from app.gui import sign_words
from app.gui.dialogs import tone_of
from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Button, Mark, column, label, line, row
from app.gui.sign_qr import QrBox, Ring
from app.gui.sign_said import Said
from app.gui.told import Told

_STRIP, _CIRCLE, _BESIDE = 46, 20, 8
_SIDE_BY_SIDE = 252
"""How wide the buttons need it to stand beside each other."""


class Steps(QWidget):
    """扫码 › 手机上核对 › 签名 › 取时间戳 › 自动上传, one of them on; painted."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look, self.at = look, 0
        self.setFixedHeight(_STRIP)
        look.changed.connect(self.update)
        self.show_step(0)

    def show_step(self, at: int) -> None:
        """-1: none is on."""
        self.at = at
        self.setAccessibleName(f"第 {at + 1} 步 {sign_words.STEPS[at]}" if at >= 0 else "签名的步骤")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        widths = [self._width(place) for place in range(len(sign_words.STEPS))]
        inner = self.rect().adjusted(21, 0, -21, 0)
        gap = (inner.width() - sum(widths)) / (len(widths) - 1)
        left, middle = float(inner.x()), inner.center().y()
        for place, wide in enumerate(widths):
            self._paint_step(painter, round(left), middle, place)
            if place < len(widths) - 1:
                chevron = self._look.pixmap("chevron-right", "text3", 14, self.devicePixelRatioF())
                painter.drawPixmap(round(left + wide + gap / 2 - 7), middle - 6, chevron)
            left += wide + gap

    def _paint_step(self, painter: QPainter, left: int, middle: int, place: int) -> None:
        on, done = place == self.at, place < self.at
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._look.colour("accent" if on else "idleSoft"))
        circle = self.rect().adjusted(0, 0, 0, 0)
        circle.setRect(left, middle - _CIRCLE // 2 + 1, _CIRCLE, _CIRCLE)
        painter.drawEllipse(circle)
        if done:
            pixmap = self._look.pixmap("check", "text2", 12, self.devicePixelRatioF(), "idleSoft")
            painter.drawPixmap(circle.x() + 4, circle.y() + 4, pixmap)
        else:
            painter.setFont(self._look.font("caption"))
            painter.setPen(self._look.colour("onAccent" if on else "text2"))
            painter.drawText(circle, Qt.AlignmentFlag.AlignCenter, str(place + 1))
        painter.setFont(self._look.font("body", bold=on))
        painter.setPen(self._look.colour("accentText" if on else "text2"))
        where = self.rect().adjusted(left + _CIRCLE + _BESIDE - 2, 0, 0, 0)
        painter.drawText(where, Qt.AlignmentFlag.AlignVCenter, sign_words.STEPS[place])

    def _width(self, place: int) -> int:
        metrics = self._look.metrics("body", bold=place == self.at)
        return _CIRCLE + _BESIDE - 2 + metrics.horizontalAdvance(sign_words.STEPS[place])


class Validity(QWidget):
    """The ring, until when, how long still; how to sign; that nobody has to wait beside it."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.ring = Ring(look)
        self.until = label(look, bold=True, wrap=True)
        self.left = label(look, role="caption", tone="text2", wrap=True)
        self.limits = label(look, "有效期在设置里改，最长 3 天", role="caption", tone="text3", wrap=True)
        texts = column(gap=2)
        texts.addStretch(1)
        for one in (self.until, self.left, self.limits):
            texts.addWidget(one)
        texts.addStretch(1)
        top = row(gap=12)
        top.addWidget(self.ring)
        top.addLayout(texts, 1)
        box = column(self, gap=10)
        box.addLayout(top)
        lines = column(gap=4)
        lines.addLayout(_marked(look, "phone", "打开 CA 应用，扫码核对，输入证书口令", "text2"))
        lines.addLayout(_marked(look, "state-waiting", "等待签名，签好自动取回；关窗也不作废", "retry"))
        box.addLayout(lines)

    def show_left(self, code: Json, now: datetime) -> None:
        at = str(code["expires_at"])
        left = (datetime.fromisoformat(at) - now).total_seconds()
        self.ring.show_left(left / (60 * max(1, int(code["minutes"]))), sign_words.ring(at, now))
        self.until.setText(sign_words.until(at, now))
        self.left.setText(sign_words.left(at, now))


def _marked(look: Look, icon: str, text: str, tone: str) -> QBoxLayout:
    box = row(gap=8)
    box.addWidget(Mark(look, icon, tone, 16), 0, Qt.AlignmentFlag.AlignTop)
    box.addWidget(label(look, text, role="body_small", tone=tone, wrap=True), 1)
    return box


class CodeArea(QWidget):
    """`acted(name)`: renew, later, retry, settings, fill, stamp, submit, import.

    The code is shown, or the reason for none.
    """

    acted = Told()

    def __init__(self, look: Look, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._look, self._now = look, now
        self._code: Json | None = None
        self.has_papers = False
        """Whether the platform gives numbers after an application."""
        self.steps = Steps(look)
        self.qr = QrBox(look)
        self.asks = label(look, role="body_small", tone="text2", wrap=True)
        self.doctor = label(look, role="page_title", bold=True, wrap=True)
        self.about = label(look, role="body_small", tone="text2", wrap=True)
        self.validity = Validity(look)
        self.said = Said(look)
        self.done = label(look, role="body_small", tone="text2", wrap=True)
        self.buttons = {
            name: Button(look, text, icon=icon, slot=partial(self.acted.emit, name))
            for name, text, icon in (
                ("renew", "换新码", "resend"),
                ("retry", "再试", "resend"),
                ("settings", "去填签名平台编号", "page-settings"),
                ("fill", "去填审核医师", "page-fill"),
                ("submit", "去提交", "page-fill"),
                ("import", "导入", "attach"),
                ("papers", "申请材料", "document"),
                ("stamp", "去盖章", "page-fill"),
                ("later", "医生不在，稍后再签", ""),
            )
        }
        box = column(self)
        self._under = line()
        box.addWidget(self.steps)
        box.addWidget(self._under)
        inner = row(margins=(20, 18, 20, 18), gap=24)
        self._inner = inner
        inner.addWidget(self.qr, 0, Qt.AlignmentFlag.AlignTop)
        inner.addLayout(self._beside(), 1)
        box.addLayout(inner)

    def set_low(self, low: bool) -> None:
        self.qr.set_low(low)
        side, top = (16, 12) if low else (20, 18)
        self._inner.setContentsMargins(side, top, side, top)
        self._inner.setSpacing(16 if low else 24)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room = self.width() - self.qr.width() - self._inner.spacing() - 2 * self._inner.contentsMargins().left()
        beside = QBoxLayout.Direction.LeftToRight if room >= _SIDE_BY_SIDE else QBoxLayout.Direction.TopToBottom
        self._foot.setDirection(beside)

    # -- what is shown ----------------------------------------------------------------------------------------------

    def show_code(self, code: Json) -> None:
        """A code that waits to be scanned."""
        self._code = code
        self._show_who(code["row"])
        picture = base64.b64decode(code["qr_picture"])
        self.qr.show_code(code["modules"], picture)
        self.steps.show_step(0)
        self._swap(self.validity, "renew", "later")
        self.show_time()

    def show_time(self) -> None:
        """Once a minute: how long the code is still good for."""
        if self._code is not None:
            self.validity.show_left(self._code, self._now())

    def show_asking(self, report: Json) -> None:
        """The platform is asked for a code."""
        self._code = None
        self._show_who(report)
        self.qr.say("clock", "正在要码")
        self.steps.show_step(0)
        self._swap(None)

    def show_expired(self, report: Json) -> None:
        self._without_code(report, report["state_words"])
        self._say("idle", "码已过期", "点“换新码”，不用重新选报告。", "", "renew", "later")

    def show_postponed(self, report: Json) -> None:
        self._without_code(report, report["state_words"])
        self._say("idle", "医生不在，稍后再签", "医生来了点“换新码”；他也可以在手机“待办”里签。", "", "renew")

    def show_refused(self, report: Json) -> None:
        """What came back was not this doctor's signature, or is worth nothing."""
        trouble = report["trouble"] or {"title": "签名没有收下", "advice": "请换新码，再签一次。", "details": ""}
        self._without_code(report, report["state_words"])
        self._say("bad", trouble["title"], trouble["advice"], trouble.get("details", ""), "renew", "later")

    def show_timestamping(self, report: Json) -> None:
        self._without_code(report, "签名已取回，正在取时间戳")
        self.steps.show_step(sign_words.step_of(report))
        trouble = report["trouble"]
        if trouble is None:
            self._say("retry", "签名已取回，正在取时间戳", "取到就自动上传，不用您做什么。", "")
            return
        self._say("retry", trouble["title"], trouble["advice"], trouble["details"])
        self._swap(self.said, "renew")

    def show_changed(self, report: Json) -> None:
        """What was signed, or was going to be, says something else now."""
        trouble = report["trouble"]
        self._without_code(report, report["state_words"])
        self.asks.setText(f"签 {report['patient_name']} 的报告")
        self._say("you", trouble["title"], trouble["advice"], "", "submit")

    def show_import(self, report: Json) -> None:
        """The clinic's own system signs it."""
        self._without_code(report, report["state_words"], icon="attach")
        self._offer_steps(False)
        self.asks.setText(f"请审核医师签 {report['patient_name']} 的报告")
        self.about.setText("审核医师")
        trouble = report["trouble"]
        if trouble:
            self._say("bad", trouble["title"], trouble["advice"], trouble["details"], "import")
            return
        advice = "在机构的签名系统里签好以后导入：一个签名数据文件，或放着四个文件的文件夹。"
        self._say("you", "等机构的签名系统签好", advice, "", "import")

    def show_unknown(self, report: Json) -> None:
        """Nobody, or a doctor whom the signing platform cannot find."""
        self._without_code(report, "还没有码")
        if report["doctor"]["name"]:
            advice = "在医生名单里填上签名平台编号，码才能发给本人。"
            buttons = ("settings", "papers") if self.has_papers else ("settings",)
            self._say("you", f"还不知道 {report['doctor']['name']} 医生的签名平台编号", advice, "", *buttons)
        else:
            self._say("you", "这份报告还没有审核医师", "填上审核医师，才知道该由谁签。", "", "fill")

    def show_failed(self, report: Json, error: AgentError) -> None:
        """No code came."""
        self._without_code(report, "没有要到码")
        ways = ("stamp",) if "report_pdf" in getattr(error, "fields", ()) else ("retry", "later")
        ways = ("papers", "later") if getattr(error, "page", "") == "papers" else ways
        self._say(tone_of(error), error.title, error.advice, error.details, *ways)

    def show_done(self, words: str) -> None:
        """What was signed just now, above the code of the next."""
        self.done.setText(words)
        self._done.setVisible(bool(words))

    def _without_code(self, report: Json, word: str, *, icon: str = "state-sign") -> None:
        self._code = None
        self._show_who(report)
        self.qr.say(icon, word)
        self.steps.show_step(0)

    def _offer_steps(self, there: bool) -> None:
        """They are those of the phone."""
        self.steps.setVisible(there)
        self._under.setVisible(there)

    def _show_who(self, report: Json) -> None:
        self._offer_steps(True)
        doctor = report["doctor"]
        self.asks.setText(f"请审核医师扫码 · 签 {report['patient_name']} 的报告")
        self.doctor.setText(f"{doctor['name']} 医生" if doctor["name"] else "审核医师待填")
        self.about.setText("审核医师 · 已在 CA 登记" if doctor["known"] else "审核医师")

    def _say(self, tone: str, title: str, advice: str, details: str, *buttons: str) -> None:
        self.said.say(tone, title, advice, details)
        self._swap(self.said, *buttons, solid=bool(buttons))

    def _swap(self, shown: QWidget | None, *buttons: str, solid: bool = False) -> None:
        for widget in (self.validity, self.said):
            widget.setVisible(widget is shown)
        for name, button in self.buttons.items():
            button.setVisible(name in buttons)
            button.set_kind("primary" if solid and buttons and name == buttons[0] else "plain")

    def _beside(self) -> QBoxLayout:
        self._done = QWidget()
        done = row(self._done, margins=(0, 0, 0, 6), gap=8)
        done.addWidget(Mark(self._look, "check", "text2", 16), 0, Qt.AlignmentFlag.AlignTop)
        done.addWidget(self.done, 1)
        self._done.hide()
        who = column(gap=3)
        for widget in (self._done, self.asks, self.doctor, self.about):
            who.addWidget(widget)
        self._foot = row(gap=8)
        for button in self.buttons.values():
            self._foot.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        self._foot.addStretch(1)
        box = column(gap=12)
        box.addLayout(who)
        box.addWidget(self.validity)
        box.addWidget(self.said)
        box.addStretch(1)
        box.addLayout(self._foot)
        return box
