"""设备: which device has sent what, which one is missed, and what can be known about it from here."""

from __future__ import annotations

import time

from PySide6.QtCore import QTimer

from app.gui import device_cells, news, words
from app.gui.device_dialogs import AddDialog, ChangeDialog, TestImageDialog
from app.gui.device_panels import QuietBanner, SetupCard, TestCard, setup_facts
from app.gui.page import Desk, Json, Page
from app.gui.parts import Button, Card, Empty, row
from app.gui.rows import RowsView

_LOOK_MS = 1500
_LOWER, _LOWER_LOW = 202, 178


class DevicesPage(Page):
    """Table above; below what a test found and how the selected device is set up."""

    name = words.DEVICES
    kinds = frozenset({news.STUDIES, news.DEVICES})

    def __init__(self, desk: Desk) -> None:
        self.test_image = Button(desk.look, "发送测试影像", icon="image", slot=self._explain_test_image)
        self.add = Button(desk.look, "添加设备或文件夹", icon="folder", slot=self._add)
        super().__init__(desk, self.test_image, self.add)
        self.answer: Json | None = None
        self._wanted = ""
        self._tests: dict[str, tuple[Json, float]] = {}
        self._live: TestImageDialog | None = None
        self.quiet = QuietBanner(self.look)
        self.quiet.asked.connect(self._act)
        self.body.addWidget(self.quiet)
        self.body.addWidget(self._table_card(), 1)
        self._lower = row(gap=12)
        self.test = TestCard(self.look)
        self.test.again.connect(lambda: self._test(self.table.key()))
        self.setup = SetupCard(self.look)
        self.setup.changed.connect(self._change)
        self.setup.allowed.connect(lambda: self._act("allow", self.table.key()))
        self._lower.addWidget(self.test, 12)
        self._lower.addWidget(self.setup, 7)
        self.body.addLayout(self._lower)
        self.set_low(self.low)
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self.refresh)

    def _table_card(self) -> Card:
        card = Card()
        columns = device_cells.columns(self.desk.now, lambda: self.low)
        self.table = RowsView(self.look, columns, key="source", row_height=self.look.height("row_device"))
        self.table.chosen.connect(lambda _key: self._show_chosen())
        self.table.activated_row.connect(lambda _key: self._change())
        add = Button(self.look, "添加设备或文件夹", icon="folder", slot=self._add)
        text = "在设备里填好这台电脑的地址，发来第一幅影像后，它会自己出现在这里。"
        self.empty = Empty(self.look, "page-device", "还没有设备发来影像", text, add)
        card.box.addWidget(self.table, 1)
        card.box.addWidget(self.empty, 1)
        return card

    def refresh(self) -> None:
        self.desk.asker.ask(self.desk.face.devices, self._show, key="devices")

    def open_at(self, key: str) -> None:
        self._wanted = key
        if self.answer is not None and self.table.choose(key):
            self._wanted = ""

    def set_low(self, low: bool) -> None:
        self.low = low
        for card in (self.test, self.setup):
            card.setFixedHeight(_LOWER_LOW if low else _LOWER)

    # -- showing ----------------------------------------------------------------------------------------------------

    def _show(self, answer: Json) -> None:
        self.answer = answer
        refused = [device_cells.refused_row(one) for one in answer["refused"]]
        rows = [*answer["devices"], *refused]
        self.table.put(rows)
        self.table.setVisible(bool(rows))
        self.empty.setVisible(not rows)
        for card in (self.test, self.setup):
            card.setVisible(bool(rows))
        missed = [one for one in answer["devices"] if one["quiet"]]
        self.header.note.setText(_count_words(len(answer["devices"]), len(missed) + len(refused)))
        self._show_banner(missed, [one for one in refused if one["can_allow"]])
        if not (self._wanted and self.table.choose(self._wanted)) and not self.table.key():
            self.table.choose_first()
        self._wanted = ""
        self._show_chosen()
        if self._live is not None:
            self._live.show_arrivals(answer)

    def _show_banner(self, missed: list[Json], refused: list[Json]) -> None:
        """One at a time: a device that is missed, else a caller that could be let in."""
        if missed:
            self.quiet.show_quiet(missed[0])
        elif refused:
            self.quiet.show_refused(refused[0])
        else:
            self.quiet.hide()

    def _show_chosen(self) -> None:
        device = self.table.row()
        if device is None or self.answer is None:
            self.test.show_none("")
            self.setup.show_device(None, [])
            return
        self.setup.show_device(device, setup_facts(device, self.answer, self.desk.now))
        found = self._tests.get(device["source"])
        if found is None:
            self.test.show_none("" if device["state"] == "refused" else device["name"])
        else:
            self.test.show_answer(*found, self.desk.now())

    # -- acting -----------------------------------------------------------------------------------------------------

    def _act(self, act: str, source: str) -> None:
        face = self.desk.face
        if act == "test":
            self.table.choose(source)
            self._test(source)
        elif act == "mute":
            self.desk.asker.ask(lambda: face.mute_device(source), self._show)
        elif act == "allow":
            self.desk.asker.ask(lambda: face.allow_caller(source), self._allowed)

    def _allowed(self, answer: Json) -> None:
        self._show(answer)
        self.desk.tell("work", "已经允许", "请在设备上再发一次，影像会出现在这里。")

    def _test(self, source: str) -> None:
        if not source:
            return
        self.test.show_busy()
        started, face = time.monotonic(), self.desk.face

        def then(answer: Json) -> None:
            self._tests[answer["source"]] = (answer, time.monotonic() - started)
            self._show_chosen()

        self.desk.asker.ask(lambda: face.test_device(source), then)

    def _change(self) -> None:
        device = self.table.row()
        if device is None or self.answer is None or device["state"] == "refused":
            return
        dialog = ChangeDialog(self.look, device, self.answer["decodings"], self.window())
        dialog.saved.connect(lambda name, charset: self._save(device, name, charset))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _save(self, device: Json, name: str, charset: str) -> None:
        face, source = self.desk.face, str(device["source"])

        def save() -> Json:
            face.name_device(source, "" if name == source.partition(":")[2] else name)
            return face.choose_decoding(source, charset)

        self.desk.asker.ask(save, self._show)

    def _add(self) -> None:
        if self.answer is None:
            return
        dialog = AddDialog(self.look, self.answer["listening"], self.window())
        dialog.chose.connect(self._watch)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _watch(self, path: str) -> None:
        face = self.desk.face

        def add() -> Json:
            intake = dict(face.settings().get("intake", {}))
            intake["folders"] = list(dict.fromkeys([*intake.get("folders", []), path]))
            face.setup({"intake": intake})
            return face.devices()

        self.desk.asker.ask(add, self._show)

    def _explain_test_image(self) -> None:
        if self.answer is None:
            return
        self._live = TestImageDialog(self.look, self.answer, self.desk.now, self.window())
        self._live.finished.connect(self._test_image_done)
        self._live.open()
        self._timer.start()

    def _test_image_done(self) -> None:
        self._timer.stop()
        if self._live is not None:
            self._live.deleteLater()
        self._live = None


def _count_words(count: int, to_see: int) -> str:
    if not count and not to_see:
        return ""
    return f"{count} 台，{to_see} 台要看一下" if to_see else f"{count} 台，都正常来图"
