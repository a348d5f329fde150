"""The sections of the settings that are made of questions: 机构, 上传目标, 密钥, 收影像, 上传."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox

from app.gui.page import Json, Question
from app.gui.parts import Button, label
from app.gui.settings_section import Section
from app.gui.wizard_trial import TrialList


class ClinicSection(Section):
    title = "机构"
    note = "和平台登记的一字不差"
    said = "保存后，还没提交的检查会按新的机构信息再核对一遍"
    parts = ("clinic",)

    def fill(self) -> None:
        self.add_form(self.answers.asked("clinic", first=False))


class TargetsSection(Section):
    """Where to upload: address and options of each destination; a further region; the connection test."""

    title = "上传目标"
    note = "一例检查填一次，分别上传"
    said = "保存后，正在传的会传完；因为设置不对停下的，会自己再传"
    parts = ("destination",)

    def build(self) -> None:
        self.trial = TrialList(self.desk, self.answers, lambda page: self.desk.go("设置", page))
        self.trial.hide()
        self.card.box.insertWidget(2, self.trial, 1)

    def fill(self) -> None:
        present = self.answers.destinations()
        if not present:
            self.box.addWidget(
                label(self.look, "还没有上传目标。加上以后，填好的检查才能上传。", tone="text2", wrap=True)
            )
        for place, one in enumerate(present):
            self.add_title(self.answers.title(one), self.answers.region(one["region"])["document"])
            self.add_form(self.answers.keys(place, first=False, secret=False))
            slot = partial(self._ask_away, one)
            away = Button(self.look, "不再向这里上传", kind="link", small=True, slot=slot)
            self.box.addWidget(away, 0, Qt.AlignmentFlag.AlignLeft)
        for region in self.answers.regions:
            if not self.answers.has_region(region["name"]):
                words = f"{'再加一个' if present else '加上'}：{region['title']}"
                add = Button(self.look, words, slot=partial(self._add, region["name"]))
                self.box.addWidget(add, 0, Qt.AlignmentFlag.AlignLeft)
        again = Button(self.look, "测连接", icon="resend", slot=self.run)
        again.setEnabled(bool(self.answers.now.get("destination")))
        self.box.addWidget(again, 0, Qt.AlignmentFlag.AlignLeft)

    def enter(self) -> None:
        self.trial.hide()
        self.area.show()

    def run(self) -> None:
        self.trial.show()
        self.area.hide()
        self.trial.test()

    def _add(self, region: str) -> None:
        self.answers.choose(region, True)
        self.show_answers()

    def _ask_away(self, one: Json) -> None:
        title = self.answers.title(one)
        question = Question(
            title=f"不再向{title}上传？",
            text="已经上传的不受影响；排队等着传的不会再传。点“保存”后才生效。",
            yes="不再上传",
            no="留着",
        )
        self.desk.confirm(question, lambda: self._away(one))

    def _away(self, one: Json) -> None:
        rows = [row for row in self.answers.destinations() if row["name"] != one["name"]]
        self.answers.document["destination"] = rows
        self.answers.check()
        self.show_answers()


class KeysSection(Section):
    title = "密钥"
    note = "存进去的不再显示；要换就填新的"
    said = "保存后，因为密钥不对停下的任务会自己再传"
    parts = ("secrets", "destination")

    def fill(self) -> None:
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

    def _turn(self, on: bool) -> None:
        self.answers.put("secrets.store", "file" if on else "keyring")
        self.touched()


class ReceiveSection(Section):
    """The doors: DICOM port, folders, the file service."""

    title = "收影像"
    note = "设备、文件夹，和平台来取报告的地址"
    said = "保存后端口会重开，正在收的影像会收完"
    parts = ("dicom", "intake", "files")

    def fill(self) -> None:
        for name in self.parts:
            if name == "files" and not self._offers_files():
                continue
            section = self.answers.sections[name]
            self.add_title(section["title"])
            self.add_form(self.answers.asked(name, first=False))

    def show_problems(self) -> None:
        """A destination that is fetched from was added or taken away: the last form comes or goes."""
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
