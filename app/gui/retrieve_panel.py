"""The panel of one exam of another hospital (调阅): its index, its image list, its download and what may be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from app.domain.times import CST
from app.gui.page import Desk, Json
from app.gui.parts import Bar, Button, Card, Mark, column, label, row, set_tone
from app.gui.retrieve_downloads import mark_of
from app.gui.retrieve_picture import DownloadPicture
from app.gui.told import Told

HIGH, LOW = 241, 206
_CAPTION, _LINE, _MOST_WIDE = 68, 25, 380
_ACTS = (
    ("download", "下载影像", "export"),
    ("elsewhere", "存到别处", "folder"),
    ("viewer", "用自带阅片打开", "image"),
    ("folder", "打开文件夹", "folder"),
    ("own", "在本机打开", "open"),
    ("remove", "移除", ""),
)
_REPORT = "在平台的网页上看，不下载到本机"
_OWN = "这例是本机构自己的检查，报告和影像都在本机"
_CHECKED_ALL = "每幅都打开检查过，UID 与清单逐个核对"
_CHECKED_EACH = "每幅下载后打开检查，UID 与清单逐个核对；断线会接着下"
_GOES_ON = {"running": ("暂停", "pause"), "paused": ("继续", "resume"), "waiting": ("立即再试", "resume"),
            "failed": ("继续", "resume")}  # fmt: skip
_BARS = {"waiting": "retry", "paused": "idle", "failed": "idle"}


class ExamPanel(Card):
    """`acted(name)`: one of `_ACTS`, or "pause", "resume", "trouble", "copy", "list"."""

    acted = Told()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._look = desk.look
        self.buttons: dict[str, Button] = {}
        self.go_on = Button(self._look, "暂停", kind="link", icon="pause", small=True)
        self.bar = Bar(self._look, height=self._look.height("progress"))
        self._low = False
        self.picture = DownloadPicture(desk)
        self.picture.opened.connect(lambda: self.acted.emit("viewer"))
        right = column(margins=(18, 12, 20, 14), gap=4)
        right.addLayout(self._head())
        right.addLayout(self._facts())
        right.addStretch(1)
        right.addWidget(self._progress())
        right.addSpacing(4)
        right.addLayout(self._foot())
        inside = row()
        inside.addWidget(self.picture)
        inside.addLayout(right, 1)
        self.box.addLayout(inside)

    # -- showing ----------------------------------------------------------------------------------------------------

    def show_exam(self, exam: Json, download: Json | None, images: str, *, may_download: bool) -> None:
        """A row of the answer; `images`: what is said of its image list, two parts with a line break between."""
        own = bool(exam["exam_key"])
        self._show_about(exam["body_part"], (exam["exam_date"], exam["clinic_name"]), exam["index_shown"])
        first, _, second = images.partition("\n")
        self._images.setText(first)
        self._images_at.setText(second)
        self._report.setText(_OWN if own else _REPORT if exam["report_url"] else "平台没有给报告的链接")
        self._say(self._more, " · ".join(f"{one['label']} {one['text']}" for one in exam["more"]))
        self._show_download(download)
        offered = {"own"} if own else {"download", "elsewhere"} if download is None and may_download else set()
        self._offer(offered, download)
        crowded = download is not None and (self._low or bool(download["trouble"] or download["refused"]))
        self._lines["图像清单"].setVisible(not own)
        self._lines["报告"].setVisible(not crowded)
        self._lines["另外"].setVisible(bool(exam["more"]) and download is None)

    def show_download(self, download: Json) -> None:
        """A download of before, whose answer is gone."""
        about = (download["patient_name"], download["exam_date"], download["clinic_name"])
        self._show_about(download["body_part"], about, download["index_shown"])
        self._images.setText(f"{download['total']} 幅" if download["total"] else "还没有")
        self._images_at.setText("")
        self._show_download(download)
        self._offer(set(), download)
        for name, line in self._lines.items():
            line.setVisible(name in ("索引", "图像清单"))

    def show_list_link(self, count: int, running: int) -> None:
        """The way to the earlier downloads."""
        self.list.setText(f"正在下载 {running} 例" if running else f"下载过的 {count} 例")
        self.list.setVisible(bool(count))

    def set_low(self, low: bool) -> None:
        self._low = low

    def _show_about(self, what: str, about: tuple[str, ...], index: str) -> None:
        self._say(self._title, what or "这例检查")
        self._say(self._about, " · ".join(part for part in about if part))
        self._index.setText(index or "平台没有给")
        self.copy.setVisible(bool(index))

    @staticmethod
    def _say(where: QLabel, text: str) -> None:
        """What a platform calls things may be long: the whole of it stands in the tooltip."""
        where.setText(where.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, _MOST_WIDE))
        where.setToolTip(text if where.text() != text else "")

    def _show_download(self, download: Json | None) -> None:
        self.picture.setVisible(download is not None)
        self.picture.follow(download)
        self._progress_box.setVisible(download is not None)
        self._show_notice(download)
        if download is None:
            return
        done, total, checked = (int(download[key]) for key in ("done", "total", "checked"))
        self._done.setText(f"下载图像 {done} / {total} 幅" if total else "下载图像")
        self._checked.setText(f"{checked} 幅可打开 · UID 一致")
        for widget in (self._checked, self._checked_mark):
            widget.setVisible(bool(checked))
        state, (_, tone) = str(download["state"]), mark_of(download)
        left = seconds_words(download["seconds_left"]) if state == "running" else ""
        self._left.setText(left or download["state_words"])
        set_tone(self._left, "text2" if state in ("running", "done") else tone)
        self.bar.show_part(done / total if total else 0.0, _BARS.get(state, "accent"))
        text, self._go_on_act = _GOES_ON.get(state) or (("再要一次", "resume") if download["refused"] else ("", ""))
        self.go_on.setVisible(bool(text))
        if text:
            self.go_on.setText(text)
            self.go_on.set_drawing(self._go_on_act)

    def _show_notice(self, download: Json | None) -> None:
        """What went wrong, in one line; all of it behind 看详情."""
        trouble, refused = (download["trouble"], download["refused"]) if download else (None, [])
        self._notice.setVisible(bool(trouble or refused))
        if download is None or not (trouble or refused):
            return
        icon, tone = mark_of(download) if trouble else ("state-held", "you")
        tone = "you" if tone in ("ok", "work", "idle") else tone
        self._notice_mark.show_mark(icon if tone != "you" else "state-held", tone)
        set_tone(self._notice_title, tone)
        self._notice_title.setText(trouble["title"] if trouble else f"{len(refused)} 幅没有收下")
        self._notice_advice.setText(trouble["advice"] if trouble else refused[0]["why"])

    def _offer(self, names: set[str], download: Json | None) -> None:
        if download is not None:
            names = names | {"viewer", "folder", "remove"}
            self.buttons["viewer"].setEnabled(bool(download["checked"]))
            self.buttons["viewer"].setToolTip("" if download["checked"] else "下载好一幅就能打开")
            self.buttons["folder"].setToolTip(str(download["folder"]))
        for name, button in self.buttons.items():
            button.setVisible(name in names)
        whole = download is not None and download["state"] == "done"
        self._hint.setText(_CHECKED_ALL if whole else _CHECKED_EACH if names & {"download", "viewer"} else "")

    # -- building ---------------------------------------------------------------------------------------------------

    def _head(self) -> QHBoxLayout:
        self._title = label(self._look, role="section", bold=True)
        self._about = label(self._look, role="caption", tone="text2")
        self.list = Button(self._look, "", kind="link", small=True, tip="今天和以前下载的", slot=self._act("list"))
        box = row(gap=10)
        box.addWidget(self._title)
        box.addWidget(self._about)
        box.addStretch(1)
        box.addWidget(self.list)
        return box

    def _facts(self) -> QHBoxLayout:
        lines = column()
        self._lines: dict[str, QWidget] = {}
        self._index, self._images = label(self._look), label(self._look)
        self._images_at = label(self._look, role="caption", tone="text2")
        self._report, self._more = label(self._look), label(self._look, tone="text2")
        self.copy = Button(
            self._look, kind="icon", icon="copy", tip="复制完整的索引，里面有证件号码 · Ctrl+C", slot=self._act("copy")
        )
        self.copy.setAccessibleName("复制索引")
        self.copy.setProperty("fit", "line")
        for name, *widgets in (
            ("索引", self._index, self.copy),
            ("图像清单", self._images, self._images_at),
            ("报告", self._report),
            ("另外", self._more),
        ):
            self._lines[name] = self._fact(name, widgets)
            lines.addWidget(self._lines[name])
        lines.addWidget(self._build_notice())
        box = row()
        box.addLayout(lines, 1)
        return box

    def _fact(self, name: str, widgets: Sequence[QWidget]) -> QWidget:
        box = QWidget()
        line = row(box, gap=10)
        caption = label(self._look, name, role="caption", tone="text3")
        caption.setFixedWidth(_CAPTION)
        box.setFixedHeight(_LINE)
        line.addWidget(caption)
        for widget in widgets:
            line.addWidget(widget)
        line.addStretch(1)
        return box

    def _build_notice(self) -> QWidget:
        self._notice = QWidget()
        self._notice_mark = Mark(self._look, "state-held", "you", 16)
        self._notice_title = label(self._look, tone="you", bold=True)
        self._notice_advice = label(self._look, role="body_small", tone="text2", wrap=True)
        self.trouble = Button(self._look, "看详情", kind="link", small=True, slot=self._act("trouble"))
        box = row(self._notice, gap=8)
        box.addWidget(self._notice_mark)
        box.addWidget(self._notice_title)
        box.addWidget(self._notice_advice, 1)
        box.addWidget(self.trouble)
        return self._notice

    def _progress(self) -> QWidget:
        self._progress_box = QWidget()
        self._done = label(self._look, bold=True)
        self._done.setMinimumHeight(self._look.height("button_small"))
        self._checked_mark = Mark(self._look, "state-acknowledged", "ok", 16)
        self._checked: QLabel = label(self._look, tone="ok")
        self._left = label(self._look, role="body_small", tone="text2")
        self._go_on_act = "pause"
        self.go_on.clicked.connect(lambda _on=False: self.acted.emit(self._go_on_act))
        top = row(gap=8)
        top.addWidget(self._done)
        top.addSpacing(6)
        top.addWidget(self._checked_mark)
        top.addWidget(self._checked)
        top.addStretch(1)
        top.addWidget(self._left)
        top.addSpacing(8)
        top.addWidget(self.go_on)
        box = column(self._progress_box, gap=5)
        box.addLayout(top)
        box.addWidget(self.bar)
        return self._progress_box

    def _foot(self) -> QHBoxLayout:
        box = row(gap=8)
        for name, text, icon in _ACTS:
            kind = "link" if name == "remove" else "plain"
            self.buttons[name] = Button(self._look, text, kind=kind, icon=icon, slot=self._act(name))
            box.addWidget(self.buttons[name])
        self._hint = label(self._look, role="caption", tone="text2", wrap=True)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        box.addWidget(self._hint, 1)
        return box

    def _act(self, name: str) -> Callable[[], None]:
        return lambda: self.acted.emit(name)


def seconds_words(seconds: float | None) -> str:
    """约剩 15 秒, 约剩 4 分钟, 约剩 2 小时; "" for what nobody knows."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"约剩 {max(1, round(seconds))} 秒"
    return f"约剩 {round(seconds / 60)} 分钟" if seconds < 3600 else f"约剩 {round(seconds / 3600)} 小时"


def second_of(at: str) -> str:
    """14:05:08"""
    return datetime.fromisoformat(at).astimezone(CST).strftime("%H:%M:%S")
