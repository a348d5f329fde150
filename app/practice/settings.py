"""What a tester can change while a practice platform runs: its demands and the clock. Each region adds its own options.

An option is a field of the region's settings made by `option`: it is shown and set under /practice/options and is a
flag of the command line. A secret is never shown; /practice/rekey changes it.
"""

from __future__ import annotations

import argparse
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any


class Clock:
    """The platform's clock: the machine's, moved by `offset_seconds`."""

    def __init__(self) -> None:
        self.offset_seconds = 0.0

    def now(self) -> float:
        """Unix seconds."""
        return time.time() + self.offset_seconds

    def stamp(self) -> str:
        """The moment for the ledger, UTC, ISO 8601."""
        return datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="milliseconds")


def option(
    default: Any, title: str, *, flag: str = "", choices: Sequence[str] = (), secret: bool = False, pattern: str = ""
) -> Any:
    """A field of the settings. `flag` is by default the name; that of a demand which is on by default turns it off.
    `pattern` is the shape of a secret, `title` what `--help` says."""
    metadata = {"title": title, "flag": flag, "choices": tuple(choices), "secret": secret, "pattern": pattern}
    return field(default=default, repr=not secret, metadata=metadata)


@dataclass(kw_only=True)
class Settings:
    """What every platform has. Without an `ae_title` a platform opens no DICOM port."""

    ae_title: str = option("", "本平台的 AE")
    strict_ae: bool = option(False, "被叫 AE 不符时拒绝关联")
    clock: Clock = field(default_factory=Clock, repr=False)
    stopping: threading.Event = field(default_factory=threading.Event, repr=False)


def shown(settings: Settings) -> dict[str, Any]:
    """The options and their values, without the secrets."""
    return {one.name: getattr(settings, one.name) for one in _options(settings) if not one.metadata["secret"]}


def change(settings: Settings, wish: Mapping[str, Any]) -> None:
    """Set options; all or none. Raises ValueError with a Chinese sentence."""
    present = shown(settings)
    choices = {one.name: one.metadata["choices"] for one in _options(settings)}
    for name, value in wish.items():
        if name not in present:
            raise ValueError(f"没有这个选项：{name}")
        if type(value) is not type(present[name]):
            raise ValueError(f"{name} 的类型不对，现在是 {present[name]!r}")
        if choices[name] and value not in choices[name]:
            raise ValueError(f"{name} 应为 {' / '.join(choices[name])}")
    for name, value in wish.items():
        setattr(settings, name, value)


def rekey(settings: Settings, wish: Mapping[str, Any]) -> None:
    """Set secrets; all or none. Raises ValueError with a Chinese sentence."""
    patterns = {one.name: one.metadata["pattern"] for one in _options(settings) if one.metadata["secret"]}
    if not wish or set(wish) - set(patterns):
        raise ValueError(f"应为 {'、'.join(patterns) or '（这个平台没有密钥）'}")
    for name, value in wish.items():
        if not isinstance(value, str) or not _fits(value, patterns[name]):
            raise ValueError(f"{name} 的格式不对")
    for name, value in wish.items():
        setattr(settings, name, value)


def add_arguments(parser: argparse.ArgumentParser, kind: type[Settings]) -> None:
    """One flag per option of these settings."""
    for one in _options(kind):
        _add_argument(parser, one)


def from_arguments(said: argparse.Namespace, kind: type[Settings]) -> dict[str, Any]:
    """What the flags said, by option."""
    return {one.name: getattr(said, one.name) for one in _options(kind)}


def _options(settings: Settings | type[Settings]) -> Iterator[Field[Any]]:
    return (one for one in fields(settings) if "title" in one.metadata)


def _add_argument(parser: argparse.ArgumentParser, one: Field[Any]) -> None:
    words = one.metadata
    flag = words["flag"] or ("--no-" if one.default is True else "--") + one.name.replace("_", "-")
    named = {"dest": one.name, "default": one.default, "help": words["title"]}
    if isinstance(one.default, bool):
        parser.add_argument(flag, action="store_const", const=not one.default, **named)
    elif words["choices"]:
        parser.add_argument(flag, choices=words["choices"], **named)
    else:
        parser.add_argument(flag, type=_shaped(words["pattern"], type(one.default)), metavar="值", **named)


def _shaped(pattern: str, kind: type) -> Any:
    def value(text: str) -> Any:
        if not _fits(text, pattern):
            raise ValueError
        return kind(text)

    return value


def _fits(text: str, pattern: str) -> bool:
    return not pattern or re.fullmatch(pattern, text) is not None
