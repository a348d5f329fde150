"""Whether a value is one that a key of a query asks for (PS3.4 section C.2.2.2). Pure, and quick for any pattern.

Lenient where it harms nobody: letters match in either case, a name matches however its parts are divided.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from app.wire.identifiers import Unanswerable

Matches = Callable[[Iterable[str]], bool]
"""Whether one of these values is asked for."""

_DATE = re.compile(r"(\d{8})")
_TIME = re.compile(r"(\d{2}(?:\d{2}(?:\d{2})?)?)(?:\.\d{0,6})?")
_OF_NAMES = str.maketrans("", "", "^ \u3000")


def matcher(vr: str, asked: str) -> Matches | None:
    """None: every value is. Raises Unanswerable for a date or time that is none."""
    if asked.strip("* ") == "":
        return None
    if vr == "DA":
        return _within(asked, _DATE, _day)
    if vr == "TM":
        return _within(asked, _TIME, _clock)
    if vr == "UI":
        uids = frozenset(one.strip() for one in asked.split("\\"))
        return lambda values: any(value in uids for value in values)
    if vr == "PN":
        return _name(asked)
    patterns = [one.strip().upper() for one in asked.split("\\")]
    return lambda values: any(is_like(pattern, value.strip().upper()) for value in values for pattern in patterns)


def day_range(asked: str) -> tuple[str, str]:
    """(from, to) of a date or a range of dates, "" for an open end. Raises Unanswerable."""
    return _range(asked, _DATE)


def is_like(pattern: str, value: str) -> bool:
    """Wildcard matching: `*` any text, `?` one character. Goes back to the last star only: no pattern is slow."""
    at, place, star, kept = 0, 0, -1, 0
    while at < len(value):
        if place < len(pattern) and pattern[place] == "*":
            star, kept = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", value[at]):
            at, place = at + 1, place + 1
        elif star >= 0:
            kept += 1
            at, place = kept, star + 1
        else:
            return False
    return pattern[place:].strip("*") == ""


def _name(asked: str) -> Matches:
    groups = [plain for group in asked.split("=") if (plain := _plain(group)).strip("*")]

    def matches(values: Iterable[str]) -> bool:
        written = {_plain(group) for value in values for group in (value, *value.split("="))}
        return any(is_like(group, one) for group in groups for one in written)

    return matches


def _plain(name: str) -> str:
    return name.translate(_OF_NAMES).upper()


def _within(asked: str, shape: re.Pattern[str], whole: Callable[[str, str], str]) -> Matches:
    first, last = _range(asked, shape)
    low, high = whole(first, "0") if first else "", whole(last, "9") if last else ""

    def matches(values: Iterable[str]) -> bool:
        found = [whole(value.replace(".", "") if shape is _DATE else value.replace(":", ""), "0") for value in values]
        return any(value and low <= value and (not high or value <= high) for value in found)

    return matches


def _range(asked: str, shape: re.Pattern[str]) -> tuple[str, str]:
    first, dash, last = (part.strip() for part in asked.partition("-"))
    parts = [shape.fullmatch(part) for part in (first, last)]
    if any(part and not match for part, match in zip((first, last), parts, strict=True)) or not (first or last):
        raise Unanswerable("not a date or time, or a range of them")
    low, high = (match[1] if match else "" for match in parts)
    return low, high if dash else low


def _day(text: str, filler: str) -> str:
    return text[:8]


def _clock(text: str, filler: str) -> str:
    """Six digits; what is not said is filled up."""
    return text[:6].ljust(6, filler) if text else ""
