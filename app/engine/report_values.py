"""What the words of a report mean for its exam: values in their saved form, and whether it is this person's report.

Pure. A value that its type cannot read stays away; nothing is guessed, and who is who is only compared.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from app.errors import NeedsOperator

Candidates = Mapping[str, Sequence[tuple[str, str]]]
"""Field -> (text, label), the best first."""
Parse = Callable[[str, str], str]
"""(field, text) -> saved text; raises NeedsOperator."""

COMPARED = ("patient_name", "sex", "age", "accession_number", "id_number")
"""Who it is: compared with the exam, never taken over."""
_DOCTORS = {
    "report_doctor_name": ("report_doctor_code", ("报告", "report", "书写")),
    "audit_doctor_name": ("audit_doctor_code", ("审核", "audit")),
    "last_audit_doctor_name": ("last_audit_doctor_code", ("终审", "审核", "audit")),
    "apply_doctor_name": ("apply_doctor_code", ("申请", "apply")),
}
_WORDS = {"patient_name": "姓名", "sex": "性别", "accession_number": "检查号", "id_number": "证件号"}
_TITLES = re.compile(r"(?:主任|副主任|主治|住院|执业)?(?:医师|医生|技师)$|[(（].*?[)）]$|签[名字章][:：]?$")
_NAME = re.compile(r"[\u3400-\u9fff]{2,6}|[\u3400-\u9fff·]{3,20}|[A-Za-z][A-Za-z .·-]{2,39}")
_HAN = re.compile(r"[\u3400-\u9fff]")
_NOTHING = frozenset({"", "无", "-", "--", "/", "—", "——", "未填", "空"})


@dataclass(frozen=True, kw_only=True)
class Person:
    """Whose exam it is; "" for what is not known. `numbers`: every number under which a device or a person knows it."""

    name: str = ""
    sex: str = ""
    id_number: str = ""
    numbers: frozenset[str] = frozenset()
    """Empty when the exam has no accession number but the program's own."""


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """`values`: field -> saved text. `labels`: the heading each was under. `doubts`: sentences for a person."""

    values: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()


def meaning(
    found: Candidates, keys: Sequence[str], parse: Parse, staff: Sequence[Mapping[str, str]], people: Sequence[Person]
) -> Meaning:
    """The values of `keys` that can be read. `people`: the exams that share the report; it must fit one of them."""
    values: dict[str, str] = {}
    labels: dict[str, str] = {}
    for key in keys:
        text, label = _value(key, found.get(key, ()), parse)
        if text:
            values[key], labels[key] = text, label
    for key, (code_key, roles) in _DOCTORS.items():
        code = staff_code(values.get(key, ""), roles, staff)
        if code:
            values[code_key], labels[code_key] = code, labels[key]
    return Meaning(values=values, labels=labels, doubts=doubts(found, people))


def _value(key: str, candidates: Sequence[tuple[str, str]], parse: Parse) -> tuple[str, str]:
    if key.endswith("_at"):
        candidates = [*candidates, *_day_and_time(candidates)]
    for text, label in candidates:
        text = doctor_name(text) if key in _DOCTORS else text.strip()
        if text in _NOTHING:
            continue
        try:
            saved = parse(key, text)
        except NeedsOperator:
            continue
        if saved:
            return saved, label
    return "", ""


def _day_and_time(candidates: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """报告日期 and 报告时间 as two fields are one moment."""
    return [(f"{day} {time}", label) for day, label in candidates for time, _ in candidates if day != time]


def doctor_name(text: str) -> str:
    """The name without title and brackets; "" for what is no single name."""
    plain = unicodedata.normalize("NFKC", text).replace("•", "·").strip()
    plain = re.sub(r"(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])", "", plain)
    for _ in range(3):
        plain = _TITLES.sub("", plain).strip()
    return plain if _NAME.fullmatch(plain) else ""


def staff_code(name: str, roles: Sequence[str], staff: Sequence[Mapping[str, str]]) -> str:
    """The code of the one person with this name; of several the one whose role it is; "" when that is not clear."""
    named = [one for one in staff if name and one.get("name", "").replace(" ", "") == name.replace(" ", "")]
    fitting = [one for one in named if any(role in one.get("role", "").lower() for role in roles)]
    for choice in (named, fitting):
        codes = {one.get("code", "") for one in choice} - {""}
        if len(codes) == 1:
            return codes.pop()
    return ""


# -- whose report it is -----------------------------------------------------------------------------------------------


def doubts(found: Candidates, people: Sequence[Person]) -> tuple[str, ...]:
    """Empty when the report fits one of these people, or says nothing that can be compared."""
    told = {key: found[key][0][0] for key in COMPARED if found.get(key)}
    differing = [_differing(told, person) for person in people]
    least = min(differing, key=len, default=[])
    if not least:
        return ()
    named = "、".join(_WORDS[key] for key in least)
    return (f"报告上的{named}和这例的不一样，请核对这份报告是不是这个人的",)


def _differing(told: Mapping[str, str], person: Person) -> list[str]:
    agrees = {
        "patient_name": _names_agree(told.get("patient_name", ""), person.name),
        "sex": _sexes_agree(told.get("sex", ""), person.sex),
        "accession_number": _numbers_agree(told.get("accession_number", ""), person.numbers),
        "id_number": _id_numbers_agree(told.get("id_number", ""), person.id_number),
    }
    return [key for key, agreed in agrees.items() if not agreed]


def _plain(text: str) -> str:
    return re.sub(r"[\s·•.]+", "", unicodedata.normalize("NFKC", text)).upper()


def _names_agree(told: str, known: str) -> bool:
    """Only two names in Chinese letters can differ; 李桂芳(女) is 李桂芳; 李*芳 is 李桂芳."""
    one, other = _plain(re.sub(r"[(（].*", "", told)), _plain(known)
    if not _HAN.search(one) or not _HAN.search(other):
        return True
    return _fits(one, other)


def _sexes_agree(told: str, known: str) -> bool:
    one = "1" if told.strip().startswith("男") else "2" if told.strip().startswith("女") else ""
    return not one or known not in ("1", "2") or one == known


def _numbers_agree(told: str, known: frozenset[str]) -> bool:
    return not _plain(told) or not known or _plain(told) in {_plain(number) for number in known}


def _id_numbers_agree(told: str, known: str) -> bool:
    one, other = _plain(told), _plain(known)
    return len(one) < 8 or not other or _fits(one, other)


def _fits(masked: str, whole: str) -> bool:
    """Equal, stars standing for any letter."""
    return len(masked) == len(whole) and all(a in (b, "*") for a, b in zip(masked, whole, strict=True))
