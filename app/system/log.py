"""The log: rotating UTF-8 files in the home, every line masked before it is written.

Masking is the second fence. The first is that nobody logs names or payloads: a bare Chinese name in a sentence
cannot be recognised here.
"""

from __future__ import annotations

import faulthandler
import logging
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler

from app.system.clock import to_cst
from app.system.paths import Home

FILE_BYTES = 5_000_000
FILE_COUNT = 8
LINE = "%(asctime)s %(levelname)-7s %(threadName)s %(name)s: %(message)s"

_NAMES = r"(?:[a-z_]*(?<!file)(?<!host)(?<!thread)name|姓名|患者)"
_PERSONAL = (
    r"(?:[a-z_]*(?:id_?no|id_?card(?:_?no)?|cert_?no|phone|mobile|tel|address|addr|birth\w*)"
    r"|证件号码?|身份证号?|电话|手机号?|住址)"
)
_SECRET = r"(?:[a-z_-]*(?:key|secret|password|passwd|pwd|token|authorization|signature|secure_?code)|密钥|密码|口令)"
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;，；。)}\]&]+)"""
_LABELLED = re.compile(
    rf"""(?i)(?<![a-z])(?:{_NAMES}|{_PERSONAL}|{_SECRET})["']?\s*[=:：]\s*(?:Bearer\s+)?({_VALUE})"""
)
_SPOKEN_KEY = re.compile(rf"(?i){_SECRET}\W{{0,3}}([0-9a-f]{{32,}})")
_PERSON_NAME = re.compile(r"""[^\s,;="'()<>\[\]]{0,64}\w\^[^\s,;"'()<>\[\]]*""")
_NOT_IN_UID = r"(?<!\d)(?<!\d\.)"
_ID_NUMBER = re.compile(rf"{_NOT_IN_UID}(?:\d{{17}}[\dXx]|\d{{15}})(?!\d|\.\d)")
_PHONE = re.compile(rf"{_NOT_IN_UID}(?:1[3-9]\d{{9}}|0\d{{2,3}}-\d{{7,8}})(?!\d|\.\d)")
_SHA256 = r"[0-9A-Fa-f]{64}(?![A-Za-z0-9+/_-])"
_BASE64 = re.compile(rf"(?<![A-Za-z0-9+/_-])(?!{_SHA256})(?:[A-Za-z0-9+/]{{64,}}={{0,2}}|[A-Za-z0-9_-]{{64,}}={{0,2}})")


def masked(text: str) -> str:
    """`text` without ID numbers, phone numbers, labelled names and secrets, DICOM person names and long Base64."""
    text = _BASE64.sub(lambda match: f"<{len(match[0])} 个字符>", text)
    text = _LABELLED.sub(_without_value, text)
    text = _SPOKEN_KEY.sub(_without_value, text)
    text = _PERSON_NAME.sub("<姓名>", text)
    text = _ID_NUMBER.sub("<证件号>", text)
    return _PHONE.sub("<电话>", text)


def open_log(home: Home, *, name: str = "agent", to_screen: bool = False) -> Callable[[], None]:
    """Writes INFO of ours and WARNING of everybody to `logs/<name>.log`; returns what closes it again.

    One process per name: Windows cannot rotate a file that another has open. `to_screen` adds standard error where
    there is one (a windowed program has none).
    """
    handlers: list[logging.Handler] = [_file_handler(home, name)]
    if to_screen and sys.stderr is not None:
        handlers.append(logging.StreamHandler(sys.stderr))
    root, ours = logging.getLogger(), logging.getLogger("app")
    before = ours.level
    ours.setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(MaskingFormatter(LINE))
        root.addHandler(handler)

    def close() -> None:
        ours.setLevel(before)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()

    return close


def keep_crashes(home: Home) -> Callable[[], None]:
    """Keeps in `logs/crash.log` where each thread was when a library's C code brought the process down.

    Files, lines and functions only, no values. Returns what ends it; does nothing where somebody keeps them already.
    """
    if faulthandler.is_enabled():
        return lambda: None
    path = home.logs / "crash.log"
    is_long = path.exists() and path.stat().st_size > FILE_BYTES
    file = path.open("wb" if is_long else "ab")
    faulthandler.enable(file)

    def close() -> None:
        faulthandler.disable()
        file.close()

    return close


class MaskingFormatter(logging.Formatter):
    """Masks the finished line, so tracebacks and other libraries' words are masked too; times in China."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return to_cst(datetime.fromtimestamp(record.created, UTC)).strftime("%Y-%m-%d %H:%M:%S")


def _file_handler(home: Home, name: str) -> RotatingFileHandler:
    return RotatingFileHandler(
        home.logs / f"{name}.log", maxBytes=FILE_BYTES, backupCount=FILE_COUNT, encoding="utf-8", delay=True
    )


def _without_value(match: re.Match[str]) -> str:
    start, end = match.span(1)
    return match[0][: start - match.start()] + "***" + match[0][end - match.start() :]
