"""What one setting may be: each kind takes a value as TOML gives it and returns it checked, or says what is right.

A kind raises `Unfit` with a Chinese phrase (应为…); it never knows which setting it judges, and never guesses.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.domain.settings import Node

Kind = Callable[[Any], Any]
_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")
_NAME = re.compile(r"[\w.-]{1,40}")
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")


class Unfit(ValueError):
    """A value that a kind refuses; the message says what is right."""


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unfit("应为文字，请加上引号")
    if any(not one.isprintable() for one in value):
        raise Unfit("里面有看不见的字符，请重新填写")
    return value.strip()


def matching(pattern: str, right: str) -> Kind:
    """A text that is empty or wholly fits `pattern`; `right` says what fits."""
    compiled = re.compile(pattern)

    def checked(value: Any) -> str:
        fitting = text(value)
        if fitting and not compiled.fullmatch(fitting):
            raise Unfit(right)
        return fitting

    return checked


def some_text(value: Any) -> str:
    filled = text(value)
    if not filled:
        raise Unfit("不能为空")
    return filled


def whole(least: int, most: int) -> Kind:
    def checked(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Unfit(f"应为 {least} 到 {most} 的整数{_no_quotes(value)}")
        return value

    return checked


def seconds(least: float, most: float) -> Kind:
    def checked(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise Unfit(f"应为 {least:g} 到 {most:g} 秒的数字{_no_quotes(value)}")
        return float(value)

    return checked


def _no_quotes(value: Any) -> str:
    """Only for whoever wrote a number as a text: in TOML the quotes are the fault."""
    return "，不加引号" if isinstance(value, str) and value.strip().isdecimal() else ""


def one_of(choices: Collection[str]) -> Kind:
    def checked(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise Unfit("只能是 " + " 或 ".join(f'"{choice}"' for choice in sorted(choices)))
        return value

    return checked


def yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unfit("只能是 true 或 false，不加引号")
    return value


def list_of(kind: Kind) -> Kind:
    def checked(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise Unfit('应为列表，例：["甲", "乙"]')
        return tuple(kind(one) for one in value)

    return checked


def port(value: Any) -> int:
    return int(whole(1, 65535)(value))


def folder(value: Any) -> str:
    path = some_text(value)
    if not Path(path).is_absolute():
        raise Unfit(r"应为完整的文件夹路径，例：D:\PACS")
    return path


def folder_or_none(value: Any) -> str:
    return folder(value) if text(value) else ""


def ae_title(value: Any) -> str:
    """PS3.5 table 6.2-1, AE: 1 to 16 printable ASCII characters without a backslash."""
    title = some_text(value)
    if not _AE_TITLE.fullmatch(title):
        raise Unfit("应为 1 到 16 个英文字母、数字或符号，没有反斜杠")
    return title


def ae_title_or_none(value: Any) -> str:
    return ae_title(value) if text(value) else ""


def node(value: Any) -> str:
    """A DICOM node that takes images, as `AE_TITLE@host:port`; blanks around its parts are forgiven."""
    try:
        found = Node.parse(some_text(value))
        ae_title(found.ae_title)
        port(found.port)
    except ValueError as error:
        raise Unfit("应写成 AE标题@地址:端口，例：FRONT_END@192.168.1.20:104") from error
    if not re.fullmatch(r"[\w.:\[\]-]+", found.host):
        raise Unfit("地址应为 IP 地址或电脑名，例：FRONT_END@192.168.1.20:104")
    return f"{found.ae_title}@{found.host}:{found.port}"


def address(value: Any) -> str:
    """An address of this machine to listen on."""
    found = some_text(value)
    try:
        ipaddress.ip_address(found)
    except ValueError as error:
        raise Unfit("应为本机的 IP 地址，例：0.0.0.0（所有网卡）或 127.0.0.1（只本机）") from error
    return found


def network(value: Any) -> str:
    found = some_text(value)
    try:
        ipaddress.ip_network(found, strict=False)
    except ValueError as error:
        raise Unfit("应为 IP 地址或网段，例：192.168.1.5 或 192.168.1.0/24") from error
    return found


def url(value: Any) -> str:
    """http or https with a host, no user and no query; without the closing slash."""
    found = some_text(value)
    try:
        parts = urlsplit(found)
        usable = bool(parts.hostname) and parts.port != 0 and not parts.username
    except ValueError:
        usable = False
    if not usable or parts.scheme not in ("http", "https") or parts.query or parts.fragment or " " in found:
        raise Unfit("应为 http:// 或 https:// 开头的地址，例：http://10.1.2.3:8080/api")
    return found.rstrip("/")


def url_or_none(value: Any) -> str:
    return url(value) if text(value) else ""


def name(value: Any) -> str:
    """A name that can stand in a command and in the name of a secret."""
    found = some_text(value)
    if not _NAME.fullmatch(found):
        raise Unfit("只能有文字、数字、点、横线和下划线，最多 40 个字")
    return found


def time_of_day(value: Any) -> str:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise Unfit('应为 24 小时制的时间，例："02:00"')
    return value


def like(example: object) -> Kind:
    """The kind of a region's option, from its default in the region's own file."""
    if isinstance(example, bool):
        return yes_or_no
    if isinstance(example, int):
        return whole(0, 1_000_000)
    if isinstance(example, float):
        return seconds(0, 1_000_000)
    return text
