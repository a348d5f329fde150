"""What an ID card and a credit code say of themselves: faults in Chinese, birth date, sex. Never logs a number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from stdnum.cn import ric, uscc

MALE, FEMALE = "1", "2"
"""GB/T 2261.1."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with a number and what to enter."""

    title: str
    advice: str


def id_card_fault(number: str) -> Fault | None:
    """GB 11643: 17 digits and a check character, birth date at 7-14. Region codes are not judged: they change."""
    if fault := length_fault(number, 18, "身份证号"):
        return fault
    if not _digits(number[:17]) or number[17] not in "0123456789X":
        return Fault(title="有不能用的字符", advice="身份证号前 17 位是数字，末位是数字或 X")
    if id_card_birth_date(number) is None:
        return Fault(title="出生日期不对", advice="请核对身份证号第 7 至 14 位，应为年月日")
    if number[17] != ric.calc_check_digit(number):
        return Fault(title="校验位不符", advice="有一位填错了，请对照证件逐位核对身份证号")
    return None


def id_card_birth_date(number: str) -> date | None:
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def id_card_sex(number: str) -> str:
    """Code of GB/T 2261.1 from the 17th digit: odd is male."""
    return MALE if int(number[16]) % 2 else FEMALE


def uscc_fault(number: str) -> Fault | None:
    """GB 32100-2015: 2 characters, 6 digits, 9 of the organisation, 1 check character; no I O S V Z."""
    if fault := length_fault(number, 18, "统一社会信用代码"):
        return fault
    if not _digits(number[2:8]) or any(char not in uscc._alphabet for char in number):
        return Fault(title="有不能用的字符", advice="统一社会信用代码由数字和大写字母组成，没有 I、O、S、V、Z")
    if number[17] != uscc.calc_check_digit(number):
        return Fault(title="校验位不符", advice="有一位填错了，请对照证照逐位核对统一社会信用代码")
    return None


def length_fault(number: str, wanted: int, name: str) -> Fault | None:
    """`少 1 位` / `多 2 位`, None when the length is right."""
    length = len(number)
    if length == wanted:
        return None
    word = "少" if length < wanted else "多"
    return Fault(title=f"{word} {abs(wanted - length)} 位", advice=f"{name}应为 {wanted} 位，现在 {length} 位")


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
