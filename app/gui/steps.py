"""Where a submission stands, in words: steps, amounts, the next attempt. Pure functions of the engine's values."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.domain.index_code import short_number
from app.gui import words

Json = dict[str, Any]
_DONE = ("acknowledged", "reconciled")
_STOPPED = ("waiting", "held", "rejected", "paused")


def step_line(row: Json) -> str:
    """3/3 上传影像 186 / 312, 停在 1/3 登记检查, 共 3 步 · 186 幅, 3/3 完成 · 4 幅 · 补传 2."""
    state, steps = row["state"], int(row["steps"])
    if state in _DONE:
        return " · ".join(part for part in (f"{row['steps_done']}/{steps} 完成", *_images(row)) if part)
    if state == "queued" and not row["steps_done"] and not row["withdraws"]:
        return " · ".join(part for part in (f"共 {steps} 步", *_images(row)) if part)
    if state in ("cancelled", "withdrawn"):
        return f"{row['steps_done']}/{steps} 步" if state == "cancelled" else words.NOTHING
    number = min(steps, int(row["steps_done"]) + 1)
    amount = f" {row['done']} / {row['total']}" if row["total"] and row["done"] is not None else ""
    if is_fetched(row):
        return f"{number}/{steps} 平台来取影像{amount}"
    stopped = "停在 " if state in _STOPPED else ""
    what = f"撤回 · {row['step_words']}" if row["withdraws"] else row["step_words"]
    return f"{stopped}{number}/{steps} {what}{amount}".rstrip()


def _images(row: Json) -> tuple[str, str]:
    late = int(row["late_count"])
    count = int(row["image_count"]) - late
    return (f"{count} 幅" if count > 0 else "", f"补传 {late}" if late else "")


def part_done(row: Json) -> float | None:
    """0.0 to 1.0 of what is on its way, None where nothing is counted."""
    if row["state"] not in ("sending", "waiting") or not row["total"]:
        return None
    return min(1.0, float(row["done"]) / float(row["total"]))


def bytes_line(row: Json) -> str:
    """97 / 163 MB of what is being sent; "" where it is not known."""
    if row["bytes_done"] is None or not row["bytes_total"]:
        return ""
    return f"{words.size(int(row['bytes_done']))} / {words.size(int(row['bytes_total']))}"


def next_lines(row: Json, now: datetime) -> tuple[str, ...]:
    """14:10 and 第 3 次, 排第 1, 改好后, 明早对账, 回执为准."""
    state = row["state"]
    if is_fetched(row):
        return (f"已取 {row['done']}/{row['total']}",)
    if state == "waiting":
        return (words.clock(row["due_at"], now) or "马上", f"第 {int(row['attempts']) + 1} 次")
    if state == "queued":
        return (f"排第 {row['place']}" if row["place"] else "排队",)
    if state == "acknowledged":
        return (row["checked_words"] or ("明早对账" if row["can_reconcile"] else "回执为准"),)
    said = {
        "held": "改好后",
        "rejected": "找工程师",
        "to_sign": "签名后",
        "paused": "恢复后",
        "reconciled": "已对账",
    }
    return (said.get(state, words.NOTHING),)


def is_fetched(row: Json) -> bool:
    """Nothing is left to send: the platform fetches the images by itself."""
    return bool(row["state"] == "waiting" and row["trouble"] and row["trouble"]["code"] == "PICKUP")


def said_line(row: Json, now: datetime) -> str:
    """The platform's own words; after its acknowledgement when that was."""
    if row["changed"]:
        return "提交后改过，再点“提交上传”才会更新到平台"
    if row["words"] and row["state"] not in _DONE:
        return str(row["words"])
    if row["state"] in _DONE and row["acknowledged_at"]:
        number = f" · 索引 {short_number(row['numbers'][0])}" if row["numbers"] else ""
        return f"平台已接收 {words.clock(row['acknowledged_at'], now)}{number}"
    trouble = row["trouble"]
    return str(trouble["title"]) if trouble and row["state"] in _STOPPED else words.NOTHING


def speed(bytes_per_second: float) -> str:
    """速度 7.8 MB/s, "" while nothing goes."""
    if bytes_per_second < 1000:
        return ""
    if bytes_per_second < 1_000_000:
        return f"速度 {bytes_per_second / 1000:.0f} KB/s"
    return f"速度 {bytes_per_second / 1_000_000:.1f} MB/s"


def states_line(states: list[str], words_of: dict[str, str]) -> str:
    """待处理 1 · 等待重试 1 · 待上传 1, in the order of a list."""
    order = ("rejected", "held", "to_sign", "waiting", "sending", "queued", "paused", *_DONE, "cancelled", "withdrawn")
    return " · ".join(f"{words_of[state]} {states.count(state)}" for state in order if state in states)


def newest(jobs: list[Json]) -> list[Json]:
    """Of every part, report and destination the newest version: what the exam's state is made of."""
    found: dict[tuple[str, str, str], Json] = {}
    for job in jobs:
        key = (job["destination"], job["part"], job["report_key"])
        if key not in found or found[key]["version"] < job["version"]:
            found[key] = job
    return list(found.values())
