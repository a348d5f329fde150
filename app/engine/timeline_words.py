"""The facts that an act left behind, as a person reads them: names for keys, words for answers, no UIDs."""

from __future__ import annotations

from collections.abc import Mapping

from app.domain.job import PART_WORDS, Part
from app.engine.house import House

STEP_WORDS: Mapping[str, str] = {part.value: words for part, words in PART_WORDS.items()} | {"reconcile": "对账"}
_DECISIONS = {
    "name": "改好了姓名",
    "same": "是同一位患者",
    "split": "分成两位患者",
    "first": "留下先收到的",
    "second": "留下后收到的",
}
_UNREADABLE = frozenset({"joined", "parted", "report_shared"})
"""Their detail is a UID or a key: it is for programs."""


def told(house: House, what: str, detail: str) -> str:
    """The detail of one line of a timeline, in words."""
    if what in _UNREADABLE:
        return ""
    if what == "settled":
        return _DECISIONS.get(detail, detail)
    if what == "his":
        return f"{detail} 项" if detail.isdecimal() else detail
    target = house.targets.get(detail)
    return target.title if target else _of_job(detail)


def step(name: str) -> str:
    """A step of a conversation with a platform, in words."""
    return STEP_WORDS.get(name, name)


def _of_job(detail: str) -> str:
    """`destination/part/number:title`: the part and, when something went wrong, what."""
    place, _, title = detail.partition(":")
    parts = place.split("/")
    if len(parts) != 3 or parts[1] not in {part.value for part in Part}:
        return detail
    what, number = PART_WORDS[Part(parts[1])], parts[2]
    if number.startswith("v"):
        what += f" · 第 {number[1:]} 版" if number != "v1" else ""
    elif parts[1] == Part.IMAGES.value:
        what += f" {number} 张"
    return f"{what} · {title}" if title else what
