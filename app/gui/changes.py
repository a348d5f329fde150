"""What changed in a version of a record: 检查状态：已开单 → 已检查, a line each; many of them folded."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.gui.look import Look
from app.gui.page import Json
from app.gui.parts import Button, column, label

_SHOWN = 3
_LONGEST = 60


class Changes(QWidget):
    """The first few lines; 还有 N 项 opens the others."""

    def __init__(self, look: Look, changes: list[Json]) -> None:
        super().__init__()
        box = column(self, gap=1)
        shown = changes if len(changes) <= _SHOWN + 1 else changes[:_SHOWN]
        for one in shown:
            box.addWidget(_line(look, one))
        self.more: Button | None = None
        if rest := changes[len(shown) :]:
            self._rest = QWidget()
            inner = column(self._rest, gap=1)
            for one in rest:
                inner.addWidget(_line(look, one))
            self._rest.hide()
            self.more = Button(look, f"还有 {len(rest)} 项", kind="link", small=True, slot=self._open)
            box.addWidget(self._rest)
            box.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)

    def _open(self) -> None:
        self._rest.show()
        if self.more is not None:
            self.more.hide()


def change_words(change: Json) -> str:
    """手机号：138… → 139…; what stood empty was filled in, what was emptied was taken out."""
    old, new = (_short(str(change[name])) for name in ("old", "new"))
    said = f"{old} → {new}" if old and new else f"填上 {new}" if new else f"去掉 {old}"
    return f"{change['label']}：{said}"


def _line(look: Look, change: Json) -> QWidget:
    made = label(look, _breakable(change_words(change)), role="caption", tone="text2", wrap=True)
    whole = "\n".join(str(change[name]) for name in ("old", "new") if change[name])
    if any(len(str(change[name])) > _LONGEST for name in ("old", "new")):
        made.setToolTip(whole)
    return made


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _breakable(text: str) -> str:
    """A long number may go on in the next line."""
    return re.sub(r"([.*_/-])(?=[\w*])", "\\1\u200b", text)
