"""Field rules of a platform's document and the check of a record against them. Knows no region and stores nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

STRING = "string"
NUMBER = "number"
TEXT = "text"
DECIMAL = "decimal"
"""A number, or text of one: `length` counts its digits."""
FILE = "file"
"""A part of a form; in the record stands its file name."""
LIST = "list"
OBJECT = "object"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One row of a document's table.

    `required` is the printed 是/否. `condition`, where not empty, replaces it: `field=1|2` (required when that field
    has one of these values), `either:a,b` (one of the two must be there), `signature` (required while the platform
    demands electronic signatures). `length` 0: none printed; `table` names a dictionary, `form` a shape.
    """

    name: str
    title: str
    type: str
    length: int
    required: bool
    table: str = ""
    condition: str = ""
    form: str = ""


Check = Callable[[str], bool]
_TYPE_WORDS = {
    STRING: "字符串",
    TEXT: "字符串",
    FILE: "文件",
    NUMBER: "数字",
    DECIMAL: "数字",
    LIST: "数组",
    OBJECT: "对象",
}


def problems(
    record: Mapping[str, Any],
    rules: Sequence[Rule],
    *,
    tables: Mapping[str, Check],
    forms: Mapping[str, tuple[Check, str]],
    signature: bool,
    prefix: str = "",
    any_length: frozenset[str] = frozenset(),
) -> list[str]:
    """What is wrong with `record`, one Chinese phrase per finding, in the order of the document's table."""
    found: list[str] = []
    for rule in rules:
        word = f"{prefix}{rule.name}({rule.title})"
        value = record.get(rule.name)
        if is_blank(value):
            if _is_required(rule, record, signature):
                found.append(f"{word}不能为空")
            elif value is not None and rule.type == NUMBER:
                found.append(f"{word}类型错误，应为{_TYPE_WORDS[rule.type]}")
            continue
        found += [f"{word}{what}" for what in _faults_of(value, rule, tables, forms, rule.name in any_length)]
    return found


def unknown_names(record: Mapping[str, Any], rules: Sequence[Rule]) -> list[str]:
    """Names that the document's table does not have: a platform ignores them, a technician should know."""
    known = {rule.name for rule in rules}
    return sorted(name for name in record if name not in known)


def is_blank(value: Any) -> bool:
    """True for nothing, an empty list and text of blanks."""
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def _is_required(rule: Rule, record: Mapping[str, Any], signature: bool) -> bool:
    if not rule.condition:
        return rule.required
    if rule.condition == "signature":
        return signature
    if rule.condition.startswith("either:"):
        return all(is_blank(record.get(name)) for name in rule.condition.removeprefix("either:").split(","))
    field, _, values = rule.condition.partition("=")
    return str(record.get(field)) in values.split("|")


def _faults_of(
    value: Any, rule: Rule, tables: Mapping[str, Check], forms: Mapping[str, tuple[Check, str]], any_length: bool
) -> list[str]:
    if not _has_type(value, rule.type):
        return [f"类型错误，应为{_TYPE_WORDS[rule.type]}"]
    if rule.type in (LIST, OBJECT):
        return []
    text = str(value)
    found = []
    length = sum(one.isdigit() for one in text) if rule.type == DECIMAL else len(text)
    if rule.length and length > rule.length and not any_length:
        found.append(f"长度{length}超过最大长度{rule.length}")
    if rule.table and not tables[rule.table](text):
        found.append(f"不在字典中，实际值：{text[:40]}")
    if rule.form:
        fits, wanted = forms[rule.form]
        if not fits(text):
            found.append(f"格式错误，应为{wanted}，实际值：{text[:40]}")
    return found


def _has_type(value: Any, type_: str) -> bool:
    if type_ == DECIMAL and isinstance(value, str):
        return re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
    if type_ in (NUMBER, DECIMAL):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if type_ == LIST:
        return isinstance(value, list)
    if type_ == OBJECT:
        return isinstance(value, dict)
    return isinstance(value, str)


def one_of(codes: str) -> Check:
    """A dictionary of few codes, separated by blanks."""
    known = frozenset(codes.split())
    return lambda text: text in known


def several_of(check: Check, separators: str) -> Check:
    """Several codes in one value, separated by any of `separators`."""
    return lambda text: all(check(part.strip()) for part in re.split(f"[{re.escape(separators)}]", text))


def shaped(pattern: str) -> Check:
    """A dictionary too large to type: the shape of its codes."""
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def reads_as(pattern: str) -> Check:
    """A date or time that is written exactly as `pattern` of strftime."""

    def check(text: str) -> bool:
        try:
            return datetime.strptime(text, pattern).strftime(pattern) == text
        except ValueError:
            return False

    return check
