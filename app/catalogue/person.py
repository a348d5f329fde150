"""A person's name and age as DICOM writes them and as the platforms want them. Pure functions of text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from app.catalogue.agree import age_in

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_AGE = re.compile(r"(\d{1,3})([DWMY])")

SURNAMES = {
    "单": "shan",
    "解": "xie",
    "曾": "zeng",
    "查": "zha",
    "仇": "qiu",
    "任": "ren",
    "区": "ou",
    "朴": "piao",
    "盖": "ge",
    "翟": "zhai",
    "尉迟": "yu chi",
    "万俟": "mo qi",
    "长孙": "zhang sun",
    "员": "yun",
    "缪": "miao",
    "华": "hua",
    "燕": "yan",
    "纪": "ji",
    "召": "shao",
    "乐": "yue",
    "黑": "he",
    "折": "she",
    "种": "chong",
    "郇": "xun",
    "逄": "pang",
    "繁": "po",
    "秘": "bi",
    "冼": "xian",
    "洗": "xian",
    "覃": "qin",
    "宓": "mi",
    "隗": "wei",
    "褚": "chu",
    "臧": "zang",
    "卜": "bu",
    "晟": "cheng",
}
"""Surnames that are read differently from the same character elsewhere."""


@dataclass(frozen=True, kw_only=True)
class DicomName:
    """The parts of a PN value (PS3.5 6.2.1.1): the Chinese name and the Latin one, "" for what is not there."""

    chinese: str
    latin: str


def dicom_name(value: str) -> DicomName:
    """Groups are parted by `=`, components by `^`. The group that holds Chinese characters is the Chinese name."""
    groups = [_joined(group) for group in value.split("=")]
    chinese = next((group.replace(" ", "") for group in groups if _CHINESE.search(group)), "")
    latin = next((group.upper() for group in groups if group and group.isascii()), "")
    return DicomName(chinese=chinese, latin=latin)


def pinyin_name(name: str) -> str:
    """`ZHANG SAN` of a Chinese name: surname, a blank, the given name in one word; "" for a name without Chinese."""
    if not _CHINESE.search(name):
        return ""
    surname = next((one for one in sorted(SURNAMES, key=len, reverse=True) if name.startswith(one)), name[:1])
    from pypinyin import lazy_pinyin  # its tables take a second to load: not at every start of every command

    first = SURNAMES.get(surname) or "".join(lazy_pinyin(surname))
    given = "".join(lazy_pinyin(name[len(surname) :]))
    return re.sub(r"\s+", " ", f"{first.replace(' ', '')} {given}").strip().upper()


def age_of(birth: date, on: date) -> tuple[str, str]:
    """Age and unit by the Chinese convention: under a day in hours, a month in days, a year in months, then years."""
    if on == birth:
        return "", "H"
    if age_in("M", birth, on) < 1:
        return str(age_in("D", birth, on)), "D"
    if age_in("Y", birth, on) < 1:
        return str(age_in("M", birth, on)), "M"
    return str(age_in("Y", birth, on)), "Y"


def dicom_age(value: str) -> tuple[str, str] | None:
    """Number and unit of an AS value such as `045Y`; weeks become days. None for anything else."""
    found = _AGE.fullmatch(value.strip().upper())
    if not found:
        return None
    number, unit = int(found[1]), found[2]
    return (str(number * 7), "D") if unit == "W" else (str(number), unit)


def _joined(group: str) -> str:
    return re.sub(r"\s+", " ", group.replace("^", " ")).strip()
