"""电子签名: whose signatures are believed (信任的证书), and which certificates their CA took back (吊销列表).

Each act takes effect at once; the engine says of every file what it is.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLineEdit, QWidget

from app.errors import AgentError
from app.gui import words
from app.gui.dialogs import tone_of
from app.gui.page import Json, Question
from app.gui.parts import Button, Mark, clear, column, label, line, row, set_tone
from app.gui.settings_section import Section

_FILES = "CA 证书、吊销列表 (*.cer *.crt *.pem *.p7b *.der *.crl);;所有文件 (*)"
_ROOTS_NOTE = "医师证书的根和时间戳的根都要放。没有根证书，签名照常收下，证书是谁发的不核对。"
_LISTS_NOTE = "CA 收回的证书在这里。读不到时签名照常收下，会说没有核对；列表里有的，签名不收。"
_ADDRESS_HINT = "吊销列表的地址，http:// 开头"


class TrustSection(Section):
    """Read anew whenever it is opened."""

    title = "电子签名"
    note = "信任哪家 CA 的证书，到哪里查吊销"

    def beside(self) -> tuple[QWidget, ...]:
        self.add = Button(
            self.look, "添加文件", kind="primary", icon="attach", small=True, tip="可以一次选几个", slot=self._choose
        )
        return (self.add,)

    def build(self) -> None:
        self.answer: Json | None = None
        self._mark = Mark(self.look, "state-held", "you", 16)
        self.told = label(self.look, wrap=True)
        self._said = QWidget()
        inner = row(self._said, margins=(16, 10, 16, 0), gap=8)
        inner.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        inner.addWidget(self.told, 1)
        self._said.hide()
        self.card.box.insertWidget(1, self._said)

    def offered(self) -> bool:
        """A platform of this clinic's can ask for signatures."""
        regions = {one["region"] for one in self.answers.now.get("destination", ())}
        asked = (one["questions"] for one in self.answers.regions if one["name"] in regions)
        return any(each["key"] == "options.demand_signature" for questions in asked for each in questions)

    def enter(self) -> None:
        self._said.hide()
        self.desk.asker.ask(self.desk.face.trust, self._show, self._failed, key="trust")

    # -- acting -----------------------------------------------------------------------------------------------------

    def take(self, places: list[str]) -> None:
        """Trust these files and addresses; what is wrong with one is said here, and none is added."""
        face = self.desk.face
        self._busy(True)
        self.desk.asker.ask(lambda: face.add_trust(places), self._added, self._failed)

    def read_lists(self) -> None:
        self._busy(True)
        self.desk.asker.ask(self.desk.face.read_revocation_lists, self._show, self._failed)

    def _choose(self) -> None:
        dialog = QFileDialog(self, "添加 CA 证书、吊销列表", "", _FILES)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(lambda chosen: self.take([str(one) for one in chosen]))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _take_address(self) -> None:
        if place := self.address.text().strip():
            self.take([place])

    def _ask_away(self, one: Json) -> None:
        face, place = self.desk.face, one["place"]
        question = Question(
            title=f"不再信任“{one['name']}”？",
            text="由它核对的签名，还没有上传的先停下，放回来会接着传；已经上传的不受影响。",
            yes="不再信任",
            no="留着",
        )
        self.desk.confirm(
            question, lambda: self.desk.asker.ask(lambda: face.remove_trust(place), self._changed, self._failed)
        )

    def _list_away(self, place: str) -> None:
        face = self.desk.face
        self.desk.asker.ask(lambda: face.remove_trust(place), self._changed, self._failed)

    # -- showing ----------------------------------------------------------------------------------------------------

    def _added(self, answer: Json) -> None:
        self._changed(answer)
        self.address.clear()

    def _changed(self, answer: Json) -> None:
        """What the other sections know of the settings follows: they write the doctors beside it."""
        self._show(answer)
        self.answers.renew(self._follow)

    def _follow(self) -> None:
        now, own = self.answers.now.get("signing", {}), self.answers.document.setdefault("signing", {})
        for key in ("roots", "revocation_lists"):
            own.pop(key, None)
            if key in now:
                own[key] = now[key]

    def _failed(self, error: AgentError) -> None:
        self._busy(False)
        self._say(tone_of(error), f"{error.title}。{error.advice}")

    def _say(self, tone: str, text: str) -> None:
        self._mark.show_mark("state-held" if tone == "you" else "state-rejected", tone)
        self.told.setText(text)
        set_tone(self.told, tone)
        self._said.show()

    def _busy(self, busy: bool) -> None:
        self.add.setEnabled(not busy)
        self.add.setText("正在核对" if busy else "添加文件")

    def _show(self, answer: Json) -> None:
        """The scroll bar stays where it was."""
        bar = self.area.verticalScrollBar()
        at, typed = bar.value(), self.address.text() if self.answer is not None else ""
        self.answer = answer
        self._busy(False)
        self._said.hide()
        clear(self.box)
        if not answer["wanted"]:
            self.box.addWidget(label(self.look, "现在的平台都不要电子签名，这里可以空着。", tone="text2", wrap=True))
        self.add_title("信任的证书", _ROOTS_NOTE)
        for one in answer["roots"]:
            self._add_file(one)
        if not answer["roots"]:
            self._add_line("state-held", "you", "还没有。向 CA 机构要根证书文件，点“添加文件”放进来", "")
        self.box.addWidget(line(hair=True))
        self.add_title("吊销列表", _LISTS_NOTE)
        for one in answer["lists"]:
            self._add_list(one)
        self._add_address(typed, bool(answer["lists"]))
        if answer["doctors"]:
            self.box.addWidget(line(hair=True))
            self.add_title("快到期的医师证书", "请医师联系 CA 机构换新证书，用新证书签一份，这里就没有了。")
            for one in answer["doctors"]:
                tone = "bad" if one["days"] < 0 else "you"
                self._add_line("state-held", tone, f"{one['doctor']} 医生", one["words"])
        self.box.addStretch(1)
        bar.setValue(at)

    def _add_file(self, one: Json) -> None:
        """A file with its certificates under it."""
        away = Button(self.look, "去掉", kind="link", small=True, slot=partial(self._ask_away, one))
        bad = bool(one["trouble"]) or any(each["ended"] for each in one["certificates"])
        self._add_line("state-held" if bad else "check", "you" if bad else "text2", one["name"], one["trouble"], away)
        for each in one["certificates"]:
            self._add_certificate(each)

    def _add_certificate(self, each: Json) -> None:
        what = "根证书" if each["root"] else f"{each['issuer']} 签发"
        until = f"{each['to']} 已过期" if each["ended"] else f"有效期至 {each['to']}"
        made = QWidget()
        box = row(made, margins=(24, 0, 0, 0), gap=10)
        box.addWidget(label(self.look, each["subject"], role="body_small"))
        facts = " · ".join(part for part in (each["kind"], what, until) if part)
        box.addWidget(
            label(self.look, facts, role="body_small", tone="you" if each["ended"] else "text2", wrap=True), 1
        )
        self.box.addWidget(made)

    def _add_list(self, one: Json) -> None:
        facts = [f"{words.clock(one['read_at'], self.desk.now(), always_day=True)} 读到" if one["read_at"] else ""]
        facts += ["证书里写的地址" if one["named"] else "", "过期了，CA 该出新的了" if one["overdue"] else ""]
        if one["trouble"]:
            facts.insert(0, one["trouble"])
        bad = bool(one["trouble"]) or one["overdue"]
        away = Button(self.look, "去掉", kind="link", small=True, slot=partial(self._list_away, one["place"]))
        buttons = () if one["named"] else (away,)
        said = " · ".join(part for part in facts if part)
        self._add_line("state-held" if bad else "check", "you" if bad else "text2", one["name"], said, *buttons)

    def _add_address(self, typed: str, any_lists: bool) -> None:
        made = QWidget()
        made.setMaximumWidth(640)
        box = row(made, gap=8)
        self.address = QLineEdit(typed)
        self.address.setPlaceholderText(_ADDRESS_HINT)
        self.address.setAccessibleName("吊销列表的地址")
        self.address.setAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled, False)
        self.address.returnPressed.connect(self._take_address)
        box.addWidget(self.address, 1)
        box.addWidget(Button(self.look, "添加地址", slot=self._take_address))
        self.read = Button(self.look, "现在读一遍", icon="resend", slot=self.read_lists)
        self.read.setVisible(any_lists)
        box.addWidget(self.read)
        self.box.addWidget(made)

    def _add_line(self, icon: str, tone: str, title: str, said: str, *buttons: QWidget) -> None:
        made = QWidget()
        box = row(made, gap=8)
        beside = Qt.AlignmentFlag.AlignTop if said else Qt.AlignmentFlag.AlignVCenter
        box.addWidget(Mark(self.look, icon, tone, 16), 0, beside)
        texts = column(gap=2)
        texts.addWidget(label(self.look, title, wrap=True))
        if said:
            quiet = "text2" if tone == "text2" else tone
            texts.addWidget(label(self.look, said, role="body_small", tone=quiet, wrap=True))
        box.addLayout(texts, 1)
        box.setAlignment(texts, beside)
        for button in buttons:
            box.addWidget(button, 0, beside)
        self.box.addWidget(made)
