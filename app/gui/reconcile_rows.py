"""What the rows of a day say (对账): who, what, our record, the platform's answer, what happens. Cells only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from app.gui import words
from app.gui.look import Look
from app.gui.page import Json
from app.gui.rows import Cell, Column, Text

AGREED, MISSING, LACKING, UNSENT = "agreed", "missing", "lacking", "unsent"
_SENT_ONCE_TWICE = 2


class DayCells:
    """The columns of both tables of a day; `now()` words the times."""

    def __init__(self, look: Look, now: Callable[[], datetime]) -> None:
        self._look, self._now = look, now

    def open_columns(self) -> tuple[Column, ...]:
        """Of what is missing, solved or not sent to the end."""
        return (
            Column(title="患者", cell=self.who, least=90),
            Column(title="检查", cell=self.exam, least=130, most=200),
            Column(title="我们的记录", cell=self.ours, least=150, most=230),
            Column(title="平台的回答", cell=self.answer, least=120, most=180),
            Column(title="处理", cell=self.deal),
        )

    def agreed_columns(self) -> tuple[Column, ...]:
        """Of what the platform has."""
        return (
            Column(title="患者", cell=self.who, least=90),
            Column(title="检查", cell=self.exam, least=150, most=240),
            Column(title="回执", cell=self.receipt, least=150),
            Column(title="平台返回的", cell=self.returned),
        )

    def who(self, one: Json) -> Cell:
        if one.get("heading"):
            note = Text(text=one["note"], role="caption", tone="text2")
            return Cell(lines=(Text(text=one["heading"], bold=True),), right=(note,), heading=True)
        return Cell(lines=(Text(text=words.name(one), bold=True),))

    def exam(self, one: Json) -> Cell:
        if one.get("heading"):
            return Cell(heading=True)
        below = Text(text=str(one.get("accession_number") or ""), role="caption", tone="text2")
        return Cell(lines=(Text(text=words.what(one) or words.NOTHING), below))

    def ours(self, one: Json) -> Cell:
        if one.get("heading"):
            return Cell(heading=True)
        if one["pile"] == UNSENT:
            return _two(str(one["done_words"]), str(one["left_words"]))
        at = words.clock(one["acknowledged_at"], self._now())
        return _two(f"平台已接收 {at}".strip(), str(one["parts_words"]))

    def answer(self, one: Json) -> Cell:
        if one.get("heading"):
            return Cell(heading=True)
        if one["pile"] == UNSENT:
            return _two("没有问它", "没做完的不算平台缺", tone="text2")
        if one["pile"] == LACKING:
            return _two(f"影像清单少 {one['lacking']} 幅", f"列出 {one['listed']} 幅，问两次都少", tone="you")
        first = words.clock(one["first_seen_at"], self._now())
        if one["solved_at"]:
            return _two("不缺了", f"{first} 缺，{words.clock(one['solved_at'], self._now())} 有")
        return _two("缺这例检查", f"问了 {one['asked_count']} 次都缺", tone="bad")

    def deal(self, one: Json) -> Cell:
        if one.get("heading"):
            return Cell(heading=True)
        if one["pile"] == UNSENT:
            mark = self._look.state(one["state"])
            return Cell(mark=mark.icon, mark_tone=mark.tone, lines=(Text(text=one["state_words"], tone=mark.tone),))
        if one["pile"] == LACKING:
            said = (
                ("重新上传过，仍少", "请复制给工程师")
                if one["resent"]
                else ("可以重新上传", "回执都齐，也可能是平台缓存不全")
            )
            lines = (Text(text=said[0], tone="you"), Text(text=said[1], role="caption", tone="text2"))
            return Cell(mark="state-held", mark_tone="you", lines=lines)
        if one["solved_at"]:
            below = Text(text=f"{words.clock(one['solved_at'], self._now())} 平台有了", role="caption", tone="text2")
            return Cell(mark="state-reconciled", mark_tone="ok", lines=(Text(text="已自动补传", tone="ok"), below))
        below = Text(text=f"已自动补传 {one['resend_count']} 次", role="caption", tone="text2")
        if needs_engineer(one):
            return Cell(mark="state-rejected", mark_tone="bad", lines=(Text(text="需要工程师", tone="bad"), below))
        return Cell(mark="state-waiting", mark_tone="retry", lines=(Text(text="正在自动补传", tone="retry"), below))

    def receipt(self, one: Json) -> Cell:
        mark = self._look.state(one["state"])
        at = words.clock(one["acknowledged_at"], self._now())
        lines = (Text(text="平台已接收", tone="ok"), Text(text=at, role="caption", tone="text2"))
        return Cell(mark=mark.icon, mark_tone=mark.tone, lines=lines)

    def returned(self, one: Json) -> Cell:
        """The number if there is one, its ID part masked; else what reconciliation says."""
        head, tail = words.index_lines(str(one["index_code"]))
        below = str(one["images_words"]) or (tail if one["state"] == "acknowledged" else "") or str(one["parts_words"])
        if head:
            return _two(head, below)
        said = "对过账，平台不缺这例" if one["state"] == "reconciled" else "收下了，没有返回号码"
        return _two(said, below)


def needs_engineer(one: Json) -> bool:
    return not one["solved_at"] and int(one["resend_count"]) >= _SENT_ONCE_TWICE and "工程师" in one["words"]


def open_rows(one: Json, pile: str) -> list[Json]:
    """The rows of a pile: what is missing first, then under a heading of its own what was sent again and is there."""
    if pile == UNSENT:
        return [{**row, "pile": UNSENT, "key": f"{UNSENT}/{row['uid']}"} for row in one["unsent"]]
    if pile == LACKING:
        return [{**row, "pile": LACKING, "key": f"{LACKING}/{row['uid']}"} for row in one["lacking"]]
    missing = [{**row, "pile": MISSING, "key": f"{MISSING}/{row['uid']}"} for row in one["missing"]]
    lacking = [row for row in missing if not row["solved_at"]]
    solved = [row for row in missing if row["solved_at"]]
    if not solved:
        return lacking
    heading = {"heading": "已自动补传，已齐", "note": f"{len(solved)} 例 · 不用您做什么", "key": "", "pile": MISSING}
    return [*lacking, heading, *solved]


def for_the_engineer(row: Json, day: Json, which: str) -> str:
    """What an engineer wants to know of a missing exam, without the patient's name."""
    asked = [f"{one['asked_at']} 问 {one['asked_count']} 例，缺 {len(one['missing'])} 例" for one in day["questions"]]
    if row["pile"] == LACKING:
        found = [
            f"{day['title']} {which} 的影像清单列出 {row['listed']} 幅，少这 {row['lacking']} 幅：",
            *row["lacking_uids"],
        ]
    else:
        found = [f"{day['title']} {which} 对账缺这例检查，已自动补传 {row['resend_count']} 次"]
    lines = [
        *found,
        f"检查号 {row['accession_number']}",
        f"检查唯一标识 {row['exam_key']}",
        f"影像号 {row['uid']}",
        f"平台最近接收 {row['acknowledged_at'] or '没有'}",
        *asked,
    ]
    return "\n".join(lines)


def _two(first: str, second: str, *, tone: str = "text") -> Cell:
    return Cell(lines=(Text(text=first, tone=tone), Text(text=second, role="caption", tone="text2")))
