"""What each key does, in one table: F1 shows it, tooltips quote it, a test presses every key of it."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QWidget

from app.gui import words
from app.gui.dialogs import Dialog
from app.gui.look import Look
from app.gui.parts import Button, column, frame, label, row


@dataclass(frozen=True, kw_only=True)
class Key:
    """`act` names it in code; `keys` as they stand on a keyboard, a blank between those that do the same."""

    act: str
    keys: str
    does: str


EVERYWHERE, IMAGES, NAME = "到处可用", "影像", "选姓名"
KEYS: dict[str, tuple[Key, ...]] = {
    EVERYWHERE: (
        Key(act="page", keys="Ctrl+1…7", does="换到左边的一页"),
        Key(act="settings", keys="Ctrl+8", does="设置"),
        Key(act="log", keys="Ctrl+9", does="日志"),
        Key(act="search", keys="Ctrl+F", does="搜索"),
        Key(act="pane", keys="F6", does="到下一块"),
        Key(act="refresh", keys="F5", does="重新读取"),
        Key(act="close", keys="Esc", does="关上面板、对话框、提示"),
        Key(act="help", keys="F1", does="这张表"),
    ),
    words.FILL: (
        Key(act="next", keys="Tab Enter", does="下一个要填的"),
        Key(act="take", keys="F2", does="采用建议"),
        Key(act="take_all", keys="Ctrl+F2", does="采用全部建议"),
        Key(act="list", keys="Alt+↓", does="打开选项"),
        Key(act="submit", keys="Ctrl+Enter", does="提交上传，接着下一例"),
        Key(act="keep", keys="Ctrl+S", does="先存着"),
        Key(act="other", keys="PgUp PgDn", does="换一例"),
    ),
    IMAGES: (
        Key(act="slice", keys="↑ ↓", does="翻层面，滚轮也行"),
        Key(act="window", keys="1 2 3", does="换窗"),
        Key(act="zoom", keys="+ −", does="缩放，Ctrl+滚轮也行"),
    ),
    words.QUEUE: (
        Key(act="tick", keys="空格", does="勾选"),
        Key(act="tick_all", keys="Ctrl+A", does="全部勾选"),
        Key(act="timeline", keys="Enter", does="看经过"),
        Key(act="resend", keys="Ctrl+R", does="重新上传、立即重试"),
        Key(act="cancel", keys="Del", does="取消上传，会先问您"),
        Key(act="copy", keys="Ctrl+C", does="复制检查号和平台的原话"),
        Key(act="slip", keys="Ctrl+P", does="上传凭单"),
    ),
    words.RECONCILE: (
        Key(act="day", keys="← →", does="换天"),
        Key(act="pile", keys="↑ ↓", does="换堆"),
        Key(act="row", keys="Enter", does="处理选中的"),
    ),
    words.SIGN: (
        Key(act="report", keys="↑ ↓", does="换一份报告"),
        Key(act="open", keys="Enter", does="看报告 PDF、看签名"),
        Key(act="renew", keys="Ctrl+R", does="换新码"),
        Key(act="copy", keys="Ctrl+C", does="复制全文摘要"),
    ),
    words.RETRIEVE: (
        Key(act="move", keys="↑ ↓ ← →", does="换一例检查、换链接"),
        Key(act="open", keys="Enter", does="打开链接、下载"),
        Key(act="copy", keys="Ctrl+C", does="复制索引"),
        Key(act="remove", keys="Del", does="移除下载，会先问您"),
    ),
    NAME: (
        Key(act="reading", keys="1 2 3 4", does="选一个读法"),
        Key(act="use", keys="Enter", does="用这个姓名"),
    ),
}
_LEFT = (EVERYWHERE, words.RECONCILE, words.SIGN, words.RETRIEVE)
_KEYS_WIDTH = 112


def tip(section: str, act: str, does: str = "") -> str:
    """采用建议 · F2; `does` says it in other words."""
    key = next(one for one in KEYS[section] if one.act == act)
    return f"{does or key.does} · {' '.join(key.keys.split())}"


class KeysDialog(Dialog):
    """按键: the whole table, two columns."""

    def __init__(self, look: Look, parent: QWidget | None) -> None:
        super().__init__(look, "按键", parent, width=720)
        sides = row(gap=32)
        for names in (_LEFT, tuple(name for name in KEYS if name not in _LEFT)):
            side = column(gap=10)
            for name in names:
                side.addLayout(self._section(name))
            side.addStretch(1)
            sides.addLayout(side, 1)
        self.body.addLayout(sides)
        self.foot.addStretch(1)
        self.foot.addWidget(Button(look, "关闭", slot=self.accept))

    def _section(self, name: str) -> QBoxLayout:
        box = column(gap=2)
        box.addWidget(label(self.look, name, role="body", bold=True))
        for key in KEYS[name]:
            box.addLayout(self._line(key))
        return box

    def _line(self, key: Key) -> QBoxLayout:
        caps = QWidget()
        caps.setFixedWidth(_KEYS_WIDTH)
        inside = row(caps, gap=4)
        for one in key.keys.split():
            cap = frame("key")
            text = label(self.look, one, role="caption", tone="text2")
            text.setAlignment(Qt.AlignmentFlag.AlignCenter)
            row(cap, margins=(6, 1, 6, 1)).addWidget(text)
            inside.addWidget(cap)
        inside.addStretch(1)
        box = row(gap=8)
        box.addWidget(caps)
        box.addWidget(label(self.look, key.does, role="body_small", tone="text2"), 1)
        return box


def show_keys(look: Look, parent: QWidget) -> KeysDialog:
    """Open the table without waiting; once is enough."""
    for open_one in parent.findChildren(KeysDialog):
        return open_one
    dialog = KeysDialog(look, parent)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()
    return dialog
