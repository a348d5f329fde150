"""The sections of the settings that are made of questions: 机构, 上传目标, 密钥, 收影像, 上传."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QCheckBox, QScrollArea, QWidget

from app.gui.page import Json, Question
from app.gui.parts import Button, column, label, line, row
from app.gui.settings_section import Section
from app.gui.wizard_trial import TrialList

_LABEL = 128


class ClinicSection(Section):
    title = "机构"
    note = "和平台登记的一字不差"
    said = "保存后，还没提交的检查会按新的机构信息再核对一遍"
    parts = ("clinic",)

    def fill(self) -> None:
        self.add_form(self.answers.asked("clinic", first=False))


class TargetsSection(Section):
    """Where to upload: address and options of each destination; a further region; the connection test.

    A destination that is not in force yet is asked for its keys here too, and for the address of the file service if it
    is the first that fetches.
    """

    title = "上传目标"
    note = "一例检查填一次，分别上传"
    said = "保存后，正在传的会传完；因为设置不对停下的，会自己再传"
    parts = ("destination", "files")

    def beside(self) -> tuple[QWidget, ...]:
        self.test = Button(self.look, "测连接", icon="resend", small=True, slot=self.run)
        self.papers = Button(self.look, "申请材料", icon="document", small=True, slot=self._open_papers)
        self.papers.setToolTip("接入电子签名、电子签章，要向平台交什么")
        return (self.papers, self.test)

    def build(self) -> None:
        self._opened: set[str] = set()
        self._asks_files = False
        self.list = TrialList(self.desk, self.answers, self._mend)
        back = Button(self.look, "回到上传目标", kind="link", icon="undo", small=True, slot=self.enter)
        inner = QWidget()
        inner.setObjectName("body")
        box = column(inner, margins=(16, 14, 16, 14), gap=8)
        box.addWidget(back, 0, Qt.AlignmentFlag.AlignLeft)
        box.addWidget(self.list, 1)
        self.trial = QScrollArea()
        self.trial.setWidgetResizable(True)
        self.trial.setWidget(inner)
        self.trial.hide()
        self.card.box.insertWidget(2, self.trial, 1)

    def fill(self) -> None:
        present = self.answers.destinations()
        if not present:
            self.box.addWidget(
                label(self.look, "还没有上传目标。加上以后，填好的检查才能上传。", tone="text2", wrap=True)
            )
        self._asks_files = self._must_ask_files()
        places = sorted(range(len(present)), key=lambda place: not self.answers.is_new(present[place]))
        for place in places:
            self._add_destination(place, present[place])
        if self._asks_files and not any(self.answers.is_new(one) for one in present):
            self._add_files()
        self.test.setEnabled(bool(present))
        self.papers.setVisible(any(self.answers.region(one["region"])["papers"] for one in present))
        left = [one for one in self.answers.regions if not self.answers.has_region(one["name"])]
        if left:
            self.box.addWidget(line())
            self.add_title("再加一个平台" if present else "加上平台")
        for region in left:
            add = Button(self.look, f"加上：{region['title']}", slot=partial(self._add, region["name"]))
            self.box.addWidget(add, 0, Qt.AlignmentFlag.AlignLeft)

    def enter(self) -> None:
        self.trial.hide()
        self.area.show()

    def point_at(self, key: str) -> None:
        """Also one that is folded away."""
        self._opened |= {one["name"] for one in self.answers.destinations()}
        self.show_answers()
        super().point_at(key)

    def run(self) -> None:
        self.trial.show()
        self.area.hide()
        self.list.test()

    def problems(self) -> list[Json]:
        """A destination that is not in force yet can't be saved without what it needs."""
        places = [place for place, one in enumerate(self.answers.destinations()) if self.answers.is_new(one)]
        new = tuple(f"destination[{place}]." for place in places) + (("files.",) if places else ())
        return [*super().problems(), *(one for one in self.answers.open_under(*new) if one["missing"])]

    def show_problems(self) -> None:
        """A destination that is fetched from was added or taken away: the last form comes or goes."""
        if self.forms and self._asks_files != self._must_ask_files():
            rows = [one for form in self.forms for one in form.rows]
            self._make_anew(next((one.key for one in rows if one.has_focus()), ""))
        super().show_problems()

    def _must_ask_files(self) -> bool:
        return "files" in self.answers.wanted and not self.answers.now.get("files", {}).get("public_base_url")

    def _add_files(self) -> None:
        section = self.answers.sections["files"]
        self.add_title(section["title"], section["note"])
        self.add_form(self.answers.asked("files", first=True), label_width=_LABEL)

    def _add_destination(self, place: int, one: Json) -> None:
        """A new one first asks for what it can't do without."""
        made = QWidget()  # a widget: a layout inside a list that is emptied would be freed twice
        head = row(made, gap=12)
        head.addWidget(label(self.look, self.answers.title(one), bold=True))
        head.addStretch(1)
        words = "不加了" if self.answers.is_new(one) else "不再向这里上传"
        head.addWidget(Button(self.look, words, kind="link", small=True, slot=partial(self._ask_away, one)))
        self.box.addWidget(made)
        document = self.answers.region(one["region"])["document"]
        self.box.addWidget(label(self.look, document, role="caption", tone="text3", wrap=True))
        first = self.answers.keys(place, first=True, secret=False)
        if self.answers.is_new(one):
            self.add_form([*first, *self.answers.keys(place, first=True, secret=True)], label_width=_LABEL)
            if self._asks_files:
                self._add_files()
            self.box.addWidget(line())
            return
        self.add_form(first, label_width=_LABEL)
        others = [each for each in self.answers.keys(place, first=False, secret=False) if not each["first"]]
        if others:
            self._add_others(one["name"], others)

    def _add_others(self, name: str, questions: list[Json]) -> None:
        """Seldom asked for: folded away until a person wants them."""
        turn = Button(self.look, "", kind="link", small=True)
        self.box.addWidget(turn, 0, Qt.AlignmentFlag.AlignLeft)
        self.add_form(questions, label_width=_LABEL)
        form = self.forms[-1]

        def show() -> None:
            is_open = name in self._opened or any(self.answers.problem(one["key"]) for one in questions)
            form.setVisible(is_open)
            turn.setText("收起" if is_open else f"其余 {len(questions)} 项，平台另有要求才改")

        def turned() -> None:
            self._opened ^= {name}
            show()

        turn.clicked.connect(lambda _on=False: turned())
        show()

    def _add(self, region: str) -> None:
        self.answers.choose(region, True)
        self.area.verticalScrollBar().setValue(0)
        place = next(place for place, one in enumerate(self.answers.destinations()) if one["region"] == region)
        self._make_anew(f"destination[{place}].base_url")

    def _make_anew(self, key: str) -> None:
        """The keyboard at this question; no scrolling: Qt scrolls to whatever follows a field that goes."""
        bar = self.area.verticalScrollBar()
        at = bar.value()
        self.show_answers()
        for one in (form.row_of(key) for form in self.forms):
            if one is not None:
                one.editor.focus()
        QTimer.singleShot(0, self, lambda: bar.setValue(at))

    def _ask_away(self, one: Json) -> None:
        if self.answers.is_new(one):
            self._away(one)
            return
        question = Question(
            title=f"不再向{self.answers.title(one)}上传？",
            text="已经上传的不受影响，凭单和记录都在；排着队的停下，以后再加回来会接着传。点“保存”后才生效。",
            yes="不再上传",
            no="留着",
        )
        self.desk.confirm(question, lambda: self._away(one))

    def _away(self, one: Json) -> None:
        self.answers.document["destination"] = [
            each for each in self.answers.destinations() if each["name"] != one["name"]
        ]
        self.answers.check()
        self.show_answers()

    def _open_papers(self) -> None:
        self.desk.go("设置", "papers")

    def _mend(self, page: str) -> None:
        if page in ("destination", "files"):
            self.enter()
        else:
            self.desk.go("设置", page)


class KeysSection(Section):
    title = "密钥"
    note = "存进去的不再显示；要换就填新的"
    said = "保存后，因为密钥不对停下的任务会自己再传"
    parts = ("secrets", "destination")

    def build(self) -> None:
        self._names: list[str] | None = None

    def fill(self) -> None:
        self._names = self._named()
        for place, one in enumerate(self.answers.destinations()):
            self.add_title(self.answers.title(one))
            self.add_form(self.answers.keys(place, first=False, secret=True), label_width=160)
        if not self.answers.destinations():
            self.box.addWidget(label(self.look, "还没有上传目标，先到“上传目标”里加一个", tone="text2"))
        self.add_title("存在哪里")
        self.file_box = QCheckBox("存成这台电脑上的加密文件，不用系统密码库")
        self.file_box.setChecked(self.answers.value("secrets.store") == "file")
        self.file_box.clicked.connect(self._turn)
        self.box.addWidget(self.file_box)
        self.box.addWidget(
            label(
                self.look,
                "系统密码库更稳妥。加密文件：别人拷走程序的文件夹也解不开，但登录了您这个账户的人能用。",
                role="caption",
                tone="text3",
                wrap=True,
            )
        )

    def show_problems(self) -> None:
        """A destination was added or taken away in its own section."""
        if self._names is not None and self._names != self._named():
            self.show_answers()
        super().show_problems()

    def _named(self) -> list[str]:
        return [one["name"] for one in self.answers.destinations()]

    def _turn(self, on: bool) -> None:
        self.answers.put("secrets.store", "file" if on else "keyring")
        self.touched()


class ReceiveSection(Section):
    """The doors: DICOM port, folders, what a platform fetches from here."""

    title = "收影像"
    note = "设备、文件夹，和平台来取影像、报告的地址"
    said = "保存后端口会重开，正在收的影像会收完"
    parts = ("dicom", "intake", "query", "files")

    def fill(self) -> None:
        for name in self.parts:
            if name == "files" and not self._offers_files():
                continue
            section, asked = self.answers.sections[name], self.answers.asked(name, first=False)
            self.add_title(section["title"], section["note"] if name == "query" else "")
            if name == "query":  # who, from where and to where only once it is on
                self.add_form(asked[:1])
                asked = asked[1:]
            self.add_form(asked)

    def show_problems(self) -> None:
        """Forms come and go: the details of what is on, the file service with a destination that is fetched from."""
        for form in self.forms:
            if any(one.key == "query.callers" for one in form.rows):
                form.setVisible(bool(self.answers.value("query.on")))
        shown = any(one.key.startswith("files.") for form in self.forms for one in form.rows)
        if self.forms and shown != self._offers_files():
            self.show_answers()
        super().show_problems()

    def _offers_files(self) -> bool:
        return "files" in self.answers.wanted or bool(self.answers.now.get("files", {}).get("public_base_url"))


class UploadSection(Section):
    title = "上传"
    note = "什么时候传，断了隔多久再试"
    said = "保存后，正在传的会传完，下一例起照新的做"
    parts = ("upload",)

    def fill(self) -> None:
        self.add_form(self.answers.asked("upload", first=False))
