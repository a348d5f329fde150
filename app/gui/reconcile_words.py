"""What the page 对账 says: its first line, the titles and notes of its piles, what a bare pile says. Pure."""

from __future__ import annotations

from datetime import date, datetime

from app.gui import words
from app.gui.page import Json
from app.gui.reconcile_rows import AGREED, LACKING, MISSING, UNSENT

TITLES = {AGREED: "平台已接收", MISSING: "平台缺检查", LACKING: "缺影像", UNSENT: "本地没有上传完", "": "这一天"}
NOTES = {
    MISSING: "问两次都缺才算；先自动补传，两次仍缺才找工程师",
    LACKING: "清单两次都少同样的才算；不会自动重传，由您决定",
    UNSENT: "没做完的不算平台缺",
}


def sentence(mine: list[Json], span: str, now: datetime) -> str:
    """The answer to the page's question, about the three weeks in sight."""
    if not mine:
        return "还没有可以对的账"
    if not all(one["can_answer"] for one in mine):
        unsent = sum(int(one["unsent"]) for one in mine)
        rest = f"{span}还有 {unsent} 例没有上传完" if unsent else f"{span}全部已接收"
        return f"平台无对账接口 · 以回执为准 · {rest}"
    given_up = [one for one in mine if one["state"] == "engineer"]
    if given_up:
        return f"截至昨天，{span}只有{_days(given_up, now)}还缺 {sum(int(one['missing']) for one in given_up)} 例"
    missing = sum(int(one["missing"]) for one in mine)
    if missing:
        return f"{span}缺 {missing} 例，正在自动补传"
    partial = [one for one in mine if int(one["lacking"])]
    if partial:
        return f"截至昨天，{span}检查都在，{_days(partial, now)} {sum(int(one['lacking']) for one in partial)} 例缺影像"
    return f"截至昨天，{span}没有缺的"


def bare(pile: str, one: Json | None, day: date) -> tuple[str, str, str]:
    """Icon, title and line of a pile without a row."""
    if one is None or not int(one["all"]):
        return "calendar", "这一天没有检查", f"{day.month} 月 {day.day} 日没有收到影像，没有要问平台的。"
    if pile == AGREED:
        return "clock", "平台还没有接收过", "上传好、平台答复后会出现在这里。"
    said = {
        MISSING: "缺的先自动补传，不用您做什么。",
        LACKING: "平台有缓存的都逐张对过；没有缓存的无法核对，不算缺。",
    }
    return "check", "没有", said.get(pile, "提交的都上传完了。")


def _days(found: list[Json], now: datetime) -> str:
    more = f" 等 {len(found)} 天" if len(found) > 2 else ""
    return "、".join(words.short_day(words.day_of(one["day"]), now) for one in found[:2]) + more
