"""The value types: what a person typed -> saved text -> shown, and saved -> sent. Every refusal says what to enter.

`parse` raises `NeedsOperator(title, advice)` and nothing else, and `parse(show(saved)) == saved`. "" is always allowed:
it means not known. Whether a field must be known is `check`'s business.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from app.catalogue import times
from app.catalogue.identity import Fault, length_fault, uscc_fault
from app.catalogue.tables import Table
from app.errors import NeedsOperator


@dataclass(frozen=True, kw_only=True)
class ValueType:
    """One kind of value. `measured` is false where a platform's length limit must not stop or cut the value."""

    name: str
    to_saved: Callable[[str, Table | None], str]
    to_shown: Callable[[str, Table | None], str]
    measured: bool = True

    def parse(self, text: str, table: Table | None = None) -> str:
        """Typed text -> saved text. Raises `NeedsOperator`."""
        return self.to_saved(text, table) if text.strip() else ""

    def show(self, saved: str, table: Table | None = None) -> str:
        return self.to_shown(saved, table) if saved else ""

    def encode(self, saved: str, table: Table | None = None) -> str:
        """Saved text -> what the row's converter sends. Raises `NeedsOperator` for text that was never parsed."""
        return self.parse(saved, table)


def _text(text: str, table: Table | None) -> str:
    return re.sub(r"[^\S ]+", " ", _printable(text)).strip()


def _long_text(text: str, table: Table | None) -> str:
    return _printable(text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _opaque(text: str, table: Table | None) -> str:
    return text.strip()


def _identifier(text: str, table: Table | None) -> str:
    return _text(_half(_printable(text)), table)


def _name(text: str, table: Table | None) -> str:
    name = re.sub(r"\s+", " ", _half(_text(text, table)).replace("•", "·").replace("・", "·")).strip()
    if re.search(r"[\ufffd?*^=<>|]", name):
        _refuse("姓名里有认不出的字符", "请按证件重新填写姓名")
    return re.sub(r"(?<=[\u3400-\u9fff·]) (?=[\u3400-\u9fff·])", "", name)


def _date(text: str, table: Table | None) -> str:
    return times.saved_date(_half(text).strip())


def _datetime(text: str, table: Table | None) -> str:
    return times.saved_datetime(_half(text).strip())


def _datetime_range(text: str, table: Table | None) -> str:
    return times.saved_range(_half(text).strip())


def _number(text: str, table: Table | None) -> str:
    digits = _half(text).strip()
    if not re.fullmatch(r"[0-9]{1,9}", digits):
        _refuse("不是整数", "只填数字，例：45")
    return str(int(digits))


def _amount(text: str, table: Table | None) -> str:
    amount = _half(text).strip().removesuffix("元").strip().lstrip("¥").replace(",", "").strip()
    found = re.fullmatch(r"([0-9]{1,9})(?:\.([0-9]{1,2}))?", amount)
    if not found:
        _refuse("不是金额", "只填数字，最多两位小数，例：120.50")
    whole, cents = str(int(found[1])), found[2]
    return f"{whole}.{cents.ljust(2, '0')}" if cents else whole


def _id_number(text: str, table: Table | None) -> str:
    number = re.sub(r"\s+", "", _half(text)).upper()
    if not re.fullmatch(r"[0-9A-Z()\-.\u4e00-\u9fff]+", number):
        _refuse("证件号里有不能用的字符", "证件号只有数字、字母和括号，请对照证件重新填写")
    return number


def _phone(text: str, table: Table | None) -> str:
    number = re.sub(r"[\s\-()]", "", _half(text)).removeprefix("+86")
    if not number.isascii() or not number.isdigit():
        _refuse("电话里有不是数字的字符", "只填数字，例：13800000000")
    if number.startswith("0") and 10 <= len(number) <= 12:
        return number
    _refuse_fault(length_fault(number, 11, "手机号"))
    if not re.fullmatch(r"1[3-9]\d{9}", number):
        _refuse("不是手机号", "手机号以 13 至 19 开头，座机请连区号一起填")
    return number


def _uscc(text: str, table: Table | None) -> str:
    number = re.sub(r"[\s\-]", "", _half(text)).upper()
    _refuse_fault(uscc_fault(number))
    return number


def _uid(text: str, table: Table | None) -> str:
    uid = re.sub(r"\s+", "", _half(text))
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)*(,[0-9]+(\.[0-9]+)*)*", uid):
        _refuse("不是影像的唯一号", "唯一号只有数字和点，由设备产生，请不要手工改")
    return uid


def _url(text: str, table: Table | None) -> str:
    url = _half(text).strip()
    if not re.fullmatch(r"(https?|ftp)://[^\s/]+\S*", url, re.IGNORECASE):
        _refuse("不是网络地址", "地址以 http:// 或 https:// 开头")
    return url


def _division(text: str, table: Table | None) -> str:
    typed = _half(text).strip()
    named = table.named(typed) if table else None
    code = named.code if named else typed.split(" ")[0]
    if not re.fullmatch(r"[0-9]{6}", code):
        _refuse("不是行政区划代码", "请填 6 位数字的行政区划代码，例：110105")
    if table and code[:2] + "0000" not in table:
        _refuse(f"没有以 {code[:2]} 开头的行政区划", "请核对行政区划代码的前两位")
    return code


def _show_division(saved: str, table: Table | None) -> str:
    label = table.label(saved[:2] + "0000") if table else ""
    return f"{saved} {label}" if label else saved


def _code(text: str, table: Table | None) -> str:
    typed = _half(text).strip()
    if table is None:
        return typed
    found = _member(typed, table)
    if not found:
        _refuse("不在字典里", f"“{typed}”不是可选的代码，请从列表里选一个")
    return found


def _member(typed: str, table: Table) -> str:
    """The code of a code, of a label, or of `code label`; "" if there is none or several."""
    code, _, label = typed.partition(" ")
    for candidate in (typed, typed.upper()):
        if candidate in table:
            return candidate
    if code in table and _half(table.label(code)) == label.strip():
        return code
    named = table.named(typed)
    return named.code if named else ""


def _show_code(saved: str, table: Table | None) -> str:
    label = table.label(saved) if table else ""
    return f"{saved} {label}" if label and label != saved else saved


def _codes(text: str, table: Table | None) -> str:
    """Codes in the order typed, each once, parted by commas."""
    lines = [line.strip() for line in re.split(r"[\n;]", _half(text)) if line.strip()]
    return ",".join(dict.fromkeys(code for line in lines for code in _codes_of_line(line, table)))


def _codes_of_line(line: str, table: Table | None) -> list[str]:
    """A label may hold a comma itself, so the whole line may be one."""
    parts = [part.strip() for part in re.split(r"[,|、]", line) if part.strip()]
    if table and not all(_member(part, table) for part in parts) and (whole := _member(line, table)):
        return [whole]
    return [_code(part, table) for part in parts]


def _show_codes(saved: str, table: Table | None) -> str:
    return "；".join(_show_code(code, table) for code in saved.split(","))


def _pdf(text: str, table: Table | None) -> str:
    digest = text.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        _refuse("不是已存的 PDF 文件", "请用“选择文件”选一份 PDF")
    return digest


def _rows(text: str, table: Table | None) -> str:
    _refuse("不能直接填写", "请在下面逐行填写")


def _plain(saved: str, table: Table | None) -> str:
    return saved


def _half(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _printable(text: str) -> str:
    """Without control, format and surrogate characters (they break JSON readers and hide in pasted text)."""
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char)[0] != "C")


def _refuse(title: str, advice: str) -> NoReturn:
    raise NeedsOperator(title, advice)


def _refuse_fault(fault: Fault | None) -> None:
    if fault:
        _refuse(fault.title, fault.advice)


TYPES: Mapping[str, ValueType] = {
    kind.name: kind
    for kind in (
        ValueType(name="text", to_saved=_text, to_shown=_plain),
        ValueType(name="long_text", to_saved=_long_text, to_shown=_plain),
        ValueType(name="identifier", to_saved=_identifier, to_shown=_plain),
        ValueType(name="name", to_saved=_name, to_shown=_plain),
        ValueType(name="code", to_saved=_code, to_shown=_show_code),
        ValueType(name="codes", to_saved=_codes, to_shown=_show_codes),
        ValueType(name="division", to_saved=_division, to_shown=_show_division),
        ValueType(name="date", to_saved=_date, to_shown=_plain),
        ValueType(name="datetime", to_saved=_datetime, to_shown=_plain),
        ValueType(name="datetime_range", to_saved=_datetime_range, to_shown=_plain),
        ValueType(name="number", to_saved=_number, to_shown=_plain),
        ValueType(name="amount", to_saved=_amount, to_shown=_plain),
        ValueType(name="id_number", to_saved=_id_number, to_shown=_plain),
        ValueType(name="phone", to_saved=_phone, to_shown=_plain),
        ValueType(name="uscc", to_saved=_uscc, to_shown=_plain),
        ValueType(name="url", to_saved=_url, to_shown=_plain),
        ValueType(name="uid", to_saved=_uid, to_shown=_plain, measured=False),
        ValueType(name="opaque", to_saved=_opaque, to_shown=_plain, measured=False),
        ValueType(name="pdf", to_saved=_pdf, to_shown=_plain, measured=False),
        ValueType(name="rows", to_saved=_rows, to_shown=_plain, measured=False),
    )
}
"""`uid` and `opaque` (certificate, signature, timestamp) are never cut or refused for length. `pdf` is the SHA-256 of a
stored file. `codes` are kept parted by commas; what parts them on the wire is the row's converter."""
