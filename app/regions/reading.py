"""Reading what a platform answered: names in any letter case, and nothing taken for granted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.errors import RetryLater


def found(entry: Mapping[str, Any], spellings: Sequence[str]) -> object:
    """What stands under the first of these names, in any letter case; dots lead inside. None for nothing."""
    return next((value for name in spellings if (value := _at(entry, name)) is not None), None)


def text(entry: Mapping[str, Any], spellings: Sequence[str]) -> str:
    """The same as a text without blanks around it; a truth value as `true` or `false`, nothing as ""."""
    value = found(entry, spellings)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value).strip()


def joined(entry: Mapping[str, Any], spellings: Sequence[str]) -> str:
    """Base64 as one piece: some write it in lines."""
    return "".join(text(entry, spellings).split())


def objects(data: object) -> list[Mapping[str, Any]]:
    """What can't be read is no answer: nobody may take it for an empty one."""
    if data is None:
        return []
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        raise unreadable(f"no list of objects but {type(data).__name__}")
    return data


def unreadable(details: str) -> RetryLater:
    return RetryLater("平台的回答看不懂", "请过一会儿再试；一直这样时请工程师看看", details=details)


def _at(entry: object, name: str) -> object:
    for step in name.split("."):
        if not isinstance(entry, Mapping):
            return None
        entry = next((value for key, value in entry.items() if str(key).casefold() == step.casefold()), None)
    return entry
