"""首次设置 2 and 3: who the clinic is; what the platform gave it, and where its keys rest."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QCheckBox, QWidget

from app.gui.answers import Fail
from app.gui.page import Json
from app.gui.parts import Mark, clear, column, label, row
from app.gui.questions import QuestionForm
from app.gui.wizard_step import Step

_FORM_WIDTH = 620


class ClinicStep(Step):
    """The codes of the clinic, checked as typed."""

    name = "机构信息"
    title = "您的机构怎么登记的？"
    note = "和平台、医保局登记的一字不差；边填边检查。"

    def build(self) -> None:
        self.form: QuestionForm | None = None
        self.answers.changed.connect(self._changed)

    def show_answers(self) -> None:
        clear(self.body)
        self.form = QuestionForm(self.look, self.answers, self.answers.asked("clinic", first=True))
        self.form.setMaximumWidth(_FORM_WIDTH)
        self.body.addWidget(self.form)
        self.body.addStretch(1)

    def open_problems(self) -> list[Json]:
        return self.answers.open_under("clinic.")

    def focus_first(self) -> None:
        if self.form is not None and not self.form.focus_open():
            self.form.rows[0].editor.focus()

    def _changed(self) -> None:
        if self.form is not None:
            self.form.show_problems()


class KeysStep(Step):
    """Address and keys of each destination. What is answered so far is put into force when the step is taken."""

    name = "密钥"
    title = "平台给了您什么地址和密钥？"
    note = "照平台工程师给的抄；密钥不写进设置文件。"

    def build(self) -> None:
        self.forms: list[QuestionForm] = []
        self.file_box = QCheckBox("存成这台电脑上的加密文件")
        self.file_box.clicked.connect(self._agree)
        self.place = QWidget(self)
        self.place.hide()
        texts = column(gap=2)
        self._place_title = label(self.look, role="body_small", wrap=True)
        texts.addWidget(self._place_title)
        texts.addWidget(self.file_box)
        self._means = label(
            self.look,
            "别人拷走程序的文件夹也解不开；但登录了您这个 Windows 账户的人能用。有系统密码库的电脑更稳妥。",
            role="caption",
            tone="text2",
            wrap=True,
        )
        texts.addWidget(self._means)
        box = row(self.place, gap=10)
        box.addWidget(Mark(self.look, "key", "text2", 18))
        box.addLayout(texts, 1)
        self._has_ring: bool | None = None
        self.answers.changed.connect(self._changed)

    def show_answers(self) -> None:
        face = self.desk.face
        self.desk.asker.ask(face.secret_places, self._show_place, self.desk.fail)

    def enter(self) -> None:
        """The destinations may be others now."""
        while self.body.count():
            item = self.body.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None and widget is not self.place:
                widget.deleteLater()
        self.forms = []
        for place, one in enumerate(self.answers.destinations()):
            asked = [*self.answers.keys(place, first=True, secret=False)]
            asked += self.answers.keys(place, first=True, secret=True)
            self.body.addWidget(label(self.look, self.answers.title(one), role="section", bold=True))
            form = QuestionForm(self.look, self.answers, asked, label_width=160)
            form.setMaximumWidth(_FORM_WIDTH + 60)
            self.forms.append(form)
            self.body.addWidget(form)
        self._add_files()
        self.body.addWidget(self.place)
        self.place.show()
        self.body.addStretch(1)

    def _add_files(self) -> None:
        """The address under which the platform reaches this PC, where it fetches from here."""
        if "files" not in self.answers.wanted:
            return
        section = self.answers.sections["files"]
        self.body.addWidget(label(self.look, section["title"], role="section", bold=True))
        self.body.addWidget(label(self.look, section["note"], role="body_small", tone="text2", wrap=True))
        form = QuestionForm(self.look, self.answers, self.answers.asked("files", first=True), label_width=160)
        form.setMaximumWidth(_FORM_WIDTH + 60)
        self.forms.append(form)
        self.body.addWidget(form)

    def open_problems(self) -> list[Json]:
        return self.answers.open_under("destination", "secrets", "files")

    def open_words(self) -> str:
        words = super().open_words()
        return words or ("先选密钥存在哪里" if self._needs_place() else "")

    def stops(self) -> bool:
        return super().stops() or self._needs_place()

    def take(self, then: Callable[[], None], fail: Fail) -> None:
        self.answers.apply(("clinic", "secrets", "files", "destination"), then, fail)

    def focus_first(self) -> None:
        if not any(form.focus_open() for form in self.forms) and self.forms:
            self.forms[0].rows[0].editor.focus()

    def focus_open(self) -> None:
        if not any(form.focus_open() for form in self.forms) and self._needs_place():
            self.file_box.setFocus()

    def _needs_place(self) -> bool:
        return self._has_ring is None or (not self._has_ring and not self.file_box.isChecked())

    def _show_place(self, answer: Json) -> None:
        self._has_ring = bool(answer["keyring"])
        self.file_box.setVisible(not self._has_ring)
        self._means.setVisible(not self._has_ring)
        stays = self.answers.value("secrets.store") == "file" and bool(self.answers.now.get("destination"))
        self.file_box.setChecked(not self._has_ring and stays)
        words = "密钥存进这台电脑的系统密码库，不写进设置文件，也不显示出来。"
        self._place_title.setText(words if self._has_ring else "这台电脑没有可用的系统密码库，请您选：")
        if self._has_ring and not stays:
            self.answers.put("secrets.store", "keyring")
        self.changed.emit()

    def _agree(self, on: bool) -> None:
        self.answers.put("secrets.store", "file" if on else "keyring")
        self.changed.emit()

    def _changed(self) -> None:
        asked = any(one.key.startswith("files.") for form in self.forms for one in form.rows)
        if self.forms and asked != ("files" in self.answers.wanted):
            self.enter()
        for form in self.forms:
            form.show_problems()
