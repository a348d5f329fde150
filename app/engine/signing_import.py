"""Reads what a clinic's own signature system hands over: one report's original, signature, certificate, timestamp.

A JSON file (or such values) with the five names of our fields or of the platform's document, or a folder with one file
for each, told apart by their names.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.catalogue.region import Region
from app.crypto.der import der_of
from app.crypto.refusals import SignatureRefused
from app.crypto.signed_data import read_signed_data
from app.domain.signing import (
    CA_DATA,
    CERTIFICATE,
    PKCS1,
    PKCS7,
    SIGN_TYPE,
    SIGN_VALUE,
    SIGNATURE_KEYS,
    TSA_TOKEN,
    Signature,
)
from app.errors import NeedsOperator

_MOST_AT_ONCE = 500
_LARGEST_BYTES = 4 * 1024 * 1024
_NAMES: Mapping[str, tuple[str, ...]] = {
    CA_DATA: ("original", "ca_data", "cadata", "原文"),
    CERTIFICATE: ("cert", "证书"),
    TSA_TOKEN: ("timestamp", "tsa", "tsr", "时间戳"),
    SIGN_VALUE: ("sign", "签名"),
}
"""What stands in a file's name; the first that fits, in this order."""
_ADVICE = "要有签名原文、签名值、证书、时间戳四样：一个 JSON 文件，或一个文件夹里的四个文件"


def signature_from(region: Region, given: object) -> Signature:
    """`given`: values by name, or the path of a file or folder. Raises NeedsOperator."""
    said = dict(given) if isinstance(given, Mapping) else _from_path(str(given or ""))
    values = _by_key(region, said)
    missing = [key for key in SIGNATURE_KEYS if key != SIGN_TYPE and not values.get(key)]
    if missing:
        labels = "、".join(region.fields[key].label for key in missing)
        raise NeedsOperator(f"签名数据里没有{labels}", _ADVICE)
    return Signature(
        original=values[CA_DATA],
        certificate=_base64(values[CERTIFICATE]),
        sign_type=_sign_type(region, values.get(SIGN_TYPE, ""), values[SIGN_VALUE]),
        sign_value=_base64(values[SIGN_VALUE]),
        tsa_token=_base64(values[TSA_TOKEN]),
    )


def several(path: str) -> list[Path]:
    """What lies in a folder of many: a data file or a folder for each report. Raises NeedsOperator."""
    try:
        inside = sorted(Path(path.strip()).iterdir()) if path.strip() else []
        found = [one for one in inside if one.is_dir() or one.suffix.lower() == ".json"]
    except (OSError, ValueError) as error:  # a path may hold what no path can
        raise NeedsOperator("这个文件夹打不开", "请核对文件夹还在不在", details=type(error).__name__) from error
    if not found:
        raise NeedsOperator("这个文件夹里没有签名数据", "一份报告一个数据文件，或一份报告一个文件夹，放在一起再选")
    return found[:_MOST_AT_ONCE]


def _from_path(path: str) -> dict[str, Any]:
    if not path.strip():
        raise NeedsOperator("没有选文件", _ADVICE)
    place = Path(path.strip())
    try:
        if place.is_dir():
            files = sorted(one for one in place.iterdir() if one.is_file())
            whole = [one for one in files if one.suffix.lower() == ".json"]
            return _json(_read(whole[0])) if len(whole) == 1 else _from_files(files)
        return _json(_read(place))
    except (OSError, ValueError) as error:  # a path may hold what no path can
        raise NeedsOperator("这个文件打不开", "请核对文件还在不在", details=type(error).__name__) from error


def _from_files(files: list[Path]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in files:
        name = path.stem.lower()
        key = next((key for key, words in _NAMES.items() if any(word in name for word in words)), "")
        if key in found:
            raise NeedsOperator("这个文件夹里不止一份报告的签名", "请一份报告放一个文件夹")
        if key == CA_DATA:
            found[key] = _text(_read(path))
        elif key:
            found[key] = _text_or_base64(_read(path))
    return found


def _read(path: Path) -> bytes:
    if path.stat().st_size > _LARGEST_BYTES:
        raise NeedsOperator("文件太大，不是签名数据", _ADVICE)
    return path.read_bytes()


def _json(content: bytes) -> dict[str, Any]:
    try:
        said = json.loads(_text(content))
    except (ValueError, RecursionError) as error:
        raise NeedsOperator("这个文件不是签名数据", _ADVICE, details=type(error).__name__) from error
    if not isinstance(said, dict):
        raise NeedsOperator("这个文件不是签名数据", _ADVICE)
    return said


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            return content.decode("gb18030")
        except UnicodeDecodeError as error:
            raise NeedsOperator("签名原文读不出来", "请存成 UTF-8 的文本") from error


def _text_or_base64(content: bytes) -> str:
    return base64.b64encode(content).decode() if content.startswith(b"\x30") else _text(content)


def _by_key(region: Region, said: Mapping[str, Any]) -> dict[str, str]:
    """Names in any letter case: ours, and those of the platform's document."""
    keys = {key.casefold(): key for key in SIGNATURE_KEYS}
    for row in region.rows_of("report"):
        if row.key in SIGNATURE_KEYS:
            keys |= {name.casefold(): row.key for name in (row.path, *row.other_paths)}
    named = ((keys.get(str(name).casefold()), value) for name, value in said.items())
    return {key: str(value) for key, value in named if key and isinstance(value, str | int)}


def _base64(text: str) -> str:
    """PEM as the Base64 it holds; what can't be read is refused where it is checked."""
    try:
        return base64.b64encode(der_of(text)).decode()
    except SignatureRefused:
        return "".join(text.split())


def _sign_type(region: Region, told: str, sign_value: str) -> str:
    table = region.table_of(SIGN_TYPE)
    if told and (table is None or told in table):
        return told
    label = told.upper() or (PKCS7 if _is_message(sign_value) else PKCS1)
    found = table.named(label) if table else None
    if found is None:
        raise NeedsOperator("签名格式不认识", f"应为 {PKCS1} 或 {PKCS7}")
    return found.code


def _is_message(sign_value: str) -> bool:
    try:
        read_signed_data(der_of(sign_value))
    except SignatureRefused:
        return False
    return True
