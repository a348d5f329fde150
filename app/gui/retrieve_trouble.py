"""What a download of 调阅 could not keep, and why: the trouble in full and the images by name, for the engineer too."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QWidget

from app.gui.dialogs import Dialog, Facts
from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Button, Mark, column, frame, label, row

_MOST = 200
_LIST_HIGH, _ROW = 180, 41


class DownloadTrouble(Dialog):
    """Title, what to do, folded the engineer's details; below them each image that was not kept."""

    def __init__(self, look: Look, download: Json, parent: QWidget | None) -> None:
        super().__init__(look, "这次下载的问题", parent)
        trouble, refused = download["trouble"], download["refused"]
        if trouble is not None:
            self.body.addLayout(_top(look, "state-waiting" if waits(download) else "state-held", trouble["title"]))
            self.body.addWidget(label(look, trouble["advice"], wrap=True))
        if refused:
            said = f"{len(refused)} 幅没有收下，其余的不受影响。点“继续”或“再要一次”，只要这几幅。"
            self.body.addWidget(label(look, said, wrap=True))
            self.body.addWidget(_images(look, refused[:_MOST]))
        if (trouble is not None and trouble["details"]) or refused:
            lines = "\n".join(f"{one['sop_instance_uid']} {one['why']}" for one in refused)
            facts = [("细节", trouble["details"] if trouble else ""), ("没有收下的", lines)]
            self.body.addWidget(Facts(look, "给工程师看的", facts[:1] if not refused else facts))
        self.foot.addStretch(1)
        done = Button(look, "知道了", kind="primary", slot=self.accept)
        self.foot.addWidget(done)
        done.setFocus()


def waits(download: Json) -> bool:
    """Whether it goes on by itself."""
    return bool(download["state"] == "waiting")


def _top(look: Look, icon: str, title: str) -> QHBoxLayout:
    box = row(gap=12)
    box.addWidget(Mark(look, icon, "retry" if icon == "state-waiting" else "you", 28))
    box.addWidget(label(look, title, role="section", bold=True, wrap=True), 1)
    return box


def _images(look: Look, refused: list[Json]) -> QScrollArea:
    """UID and reason of each, scrolling when they are many."""
    plate = frame("plate")
    lines = column(plate, margins=(12, 8, 12, 8), gap=6)
    for one in refused:
        texts = column(gap=0)
        uid = label(look, one["sop_instance_uid"], role="caption", tone="text2", wrap=True)
        uid.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        texts.addWidget(label(look, one["why"], role="body_small", wrap=True))
        texts.addWidget(uid)
        lines.addLayout(texts)
    lines.addStretch(1)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setWidget(plate)
    area.setFixedHeight(min(_LIST_HIGH, 16 + _ROW * len(refused)))
    return area
