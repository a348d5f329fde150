"""What the columns of the queue say of a row. Decides nothing: words come from `steps`, marks from the look."""

from __future__ import annotations

from collections.abc import Callable, Container
from datetime import datetime

from app.gui import words
from app.gui.look import Look
from app.gui.page import Json
from app.gui.queue_table import Key, key_of
from app.gui.rows import Cell, Column, Text
from app.gui.steps import next_lines, part_done, said_line, step_line

DESTINATION = 4
"""The column that is hidden while the panel stands beside the table."""


class Cells:
    """`ticked`: the keys of the ticked rows, as they change."""

    def __init__(self, look: Look, now: Callable[[], datetime], ticked: Container[Key]) -> None:
        self._look, self._now, self._ticked = look, now, ticked
        self.tells_destination = False
        """Whether the steps say where to: the column is hidden, and there are several."""

    def columns(self) -> tuple[Column, ...]:
        return (
            Column(title="", cell=self._tick_cell, least=46),
            Column(title="提交时间", cell=self._time_cell, least=70),
            Column(title="状态", cell=self._state_cell, least=96),
            Column(title="患者 · 检查", cell=self._who_cell, least=150, most=230),
            Column(title="上传目标", cell=self._where_cell),
            Column(title="步骤与进度", cell=self._step_cell, least=150),
            Column(title="下次尝试", cell=self._next_cell, least=76),
            Column(title="平台的原话", cell=self._said_cell),
        )

    def _cell(self, one: Json, *lines: Text, **more: object) -> Cell:
        return Cell(lines=lines, tinted=key_of(one) in self._ticked, **more)  # type: ignore[arg-type]

    def _tick_cell(self, one: Json) -> Cell:
        return self._cell(one, ticked=key_of(one) in self._ticked)

    def _time_cell(self, one: Json) -> Cell:
        return self._cell(one, Text(text=words.clock(one["submitted_at"], self._now()), tone="text2"))

    def _state_cell(self, one: Json) -> Cell:
        mark = self._look.state(one["state"])
        return self._cell(one, Text(text=one["state_words"], tone=mark.tone), mark=mark.icon, mark_tone=mark.tone)

    def _who_cell(self, one: Json) -> Cell:
        return self._cell(
            one, Text(text=words.name(one)), Text(text=words.exam_line(one), role="caption", tone="text2")
        )

    def _where_cell(self, one: Json) -> Cell:
        return self._cell(one, Text(text=one["destination_title"], tone="text2"))

    def _step_cell(self, one: Json) -> Cell:
        part = part_done(one)
        said = step_line(one)
        tone = "accent" if one["state"] == "sending" else "retry"
        lines = [Text(text=said, role="body_small", tone="text2")]
        if self.tells_destination and part is None:
            lines.append(Text(text=one["destination_title"], role="caption", tone="text2"))
        return self._cell(one, *lines, progress=part, progress_tone=tone)

    def _next_cell(self, one: Json) -> Cell:
        first, *more = next_lines(one, self._now())
        tone = "retry" if one["state"] == "waiting" else "text2"
        rest = [Text(text=each, role="caption", tone="text2") for each in more]
        return self._cell(one, Text(text=first, role="body_small", tone=tone), *rest)

    def _said_cell(self, one: Json) -> Cell:
        loud = one["state"] in ("waiting", "held", "rejected") or one["changed"]
        tone = "you" if one["changed"] else self._look.state(one["state"]).tone if loud else "text2"
        return self._cell(one, Text(text=said_line(one, self._now()), role="body_small", tone=tone), wrap=True)
