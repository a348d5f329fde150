"""The piles of a day (对账), as far as the platform can answer: what each says, its mark and tone. Pure."""

from __future__ import annotations

from app.gui.page import Json
from app.gui.reconcile_rows import AGREED, LACKING, MISSING, UNSENT
from app.gui.rows import Cell, Text


def pile_rows(one: Json | None) -> list[Json]:
    """The piles of one destination's day; what it cannot answer is no pile."""
    if one is None:
        return []
    lacking = [row for row in one["missing"] if not row["solved_at"]]
    solved = len(one["missing"]) - len(lacking)
    unsent = list(dict.fromkeys(str(row["state_words"]) for row in one["unsent"]))
    asked = one["can_answer"] and bool(one["agreed"])
    note = f"自动补传 {solved} 例后" if solved else "平台不缺" if asked else "还没对账，明早自动对"
    if asked and one["unchecked"]:
        note = f"{one['unchecked']} 例影像平台没有缓存 · 无法核对"
    agreed = {
        "key": AGREED,
        "title": "已齐" if asked else "平台已接收",
        "count": int(one["agreed"]) + int(one["received"]),
        "note": note if one["can_answer"] else "每例都有回执" if int(one["received"]) else "还没有上传过",
        "mark": agreed_mark(one),
    }
    missing = {
        "key": MISSING,
        "title": "平台缺检查",
        "count": len(lacking),
        "note": one["state_words"] if lacking else "没有缺的",
        "mark": ("state-rejected", "bad") if one["state"] == "engineer" else ("state-waiting", "retry"),
    }
    left = {
        "key": UNSENT,
        "title": "本地没有上传完",
        "count": len(one["unsent"]),
        "note": "、".join(unsent[:3]) if unsent else "都上传完了",
        "mark": ("page-queue", "you"),
    }
    images = {
        "key": LACKING,
        "title": "缺影像",
        "count": len(one["lacking"]),
        "note": "回执都齐 · 平台的清单不全" if one["lacking"] else "清单里没有少的",
        "mark": ("state-held", "you"),
    }
    if not one["can_answer"]:
        return [agreed, left]
    return [agreed, missing, images, left] if one["can_answer_images"] else [agreed, missing, left]


def agreed_mark(one: Json) -> tuple[str, str]:
    """Solid only where the platform was asked about all and agreed, hollow where receipts speak, grey for nothing."""
    if not int(one["agreed"]) + int(one["received"]):
        return "state-queued", "idle"
    return ("state-acknowledged", "ok") if int(one["received"]) else ("state-reconciled", "ok")


def is_bare(one: Json | None, pile: str) -> bool:
    """Whether a pile shows no row, so that looking at another loses nothing."""
    if one is None:
        return True
    counts = {
        AGREED: int(one["agreed"]) + int(one["received"]),
        MISSING: len(one["missing"]),
        LACKING: len(one["lacking"]),
    }
    return not counts.get(pile, len(one["unsent"]))


def pile_cell(pile: Json) -> Cell:
    icon, tone = pile["mark"]
    tone = tone if pile["count"] else "idle"
    return Cell(
        mark=icon,
        mark_tone=tone,
        mark_size=18,
        lines=(Text(text=pile["title"]), Text(text=pile["note"], role="caption", tone="text2")),
        right=(Text(text=str(pile["count"]), role="section", bold=True, tone=tone),),
    )
