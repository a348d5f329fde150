"""The facts that an act left behind, as a person reads them: names for keys, words for answers, no UIDs."""

from __future__ import annotations

from collections.abc import Mapping

from app.domain.job import PART_WORDS, Part
from app.engine.house import House

STEP_WORDS: Mapping[str, str] = {part.value: words for part, words in PART_WORDS.items()} | {
    "image": "影像",
    "delete": "撤回",
    "exam_of_centre": "检查记录",
    "reconcile": "对账",
    "check_stamp": "请平台验电子签章",
}
_DECISIONS = {
    "name": "改好了姓名",
    "same": "是同一位患者",
    "split": "分成两位患者",
    "first": "留下先收到的",
    "second": "留下后收到的",
}
_UNREADABLE = frozenset({"joined", "parted", "report_shared"})
"""Their detail is a UID or a key: it is for programs."""


_LINKS = {"pdf": "报告 PDF", "zip": "影像", "images": "影像"}
OF_INDEX = {
    "index_moved": "索引时间改为 {}，因为同一秒还有一例",
    "index_changed": "证件或检查时间改过，全部内容用新索引再传一遍",
    "index_withdrawn": "",
    "index_left": "平台没有删除接口，请告知平台",
    "rest_resent": "平台要先删再存，删掉的影像和报告再传一遍",
}


def told(house: House, what: str, detail: str) -> str:
    """The detail of one line of a timeline, in words; of several destinations the line says which."""
    if what in _UNREADABLE:
        return ""
    if what == "pulled":
        ae_title, _, count = detail.rpartition("/")
        return f"{count} 张 · {ae_title}"
    if what == "settled":
        return _DECISIONS.get(detail, detail)
    if what == "his":
        return f"{detail} 项" if detail.isdecimal() else detail
    name, _, rest = detail.partition("/")
    target, places = house.targets.get(name), [one.name for one in house.settings.destinations]
    if what in OF_INDEX:
        said = OF_INDEX[what].format(rest)
    elif not rest:
        return target.title if target else detail
    elif target is None and not _is_of_job(rest):
        return detail
    else:
        said = _LINKS.get(rest) or _of_job(rest)
    place = (target.title if target else name) if len(places) > 1 or name not in places else ""
    return " · ".join(part for part in (place, said) if part)


def step(name: str) -> str:
    """A step of a conversation with a platform, in words."""
    return STEP_WORDS.get(name, name)


def _is_of_job(rest: str) -> bool:
    part, _, number = rest.partition(":")[0].partition("/")
    return part in {one.value for one in Part} and bool(number)


def _of_job(rest: str) -> str:
    """`part/number:title`: the part and, when something went wrong, what."""
    if not _is_of_job(rest):
        return rest
    place, _, title = rest.partition(":")
    part, _, number = place.partition("/")
    what = PART_WORDS[Part(part)]
    if number.startswith("v"):
        what += f" · 第 {number[1:]} 版" if number != "v1" else ""
    elif part == Part.IMAGES.value:
        what += f" {number} 张"
    return f"{what} · {title}" if title else what
