"""The national envelope, as Guizhou V1.4 and Guangyuan 2025 print it alike: what is around a request and its answer.

A request carries infno, msgid, infTime, the institution's code and, for uploads, a key; then its records. An answer is
{code, type, message, data: [{hiImgIndx, succFlag, message}]}.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.practice.faults import Fault
from app.practice.reading import Unreadable, word
from app.practice.region import Answer, Arrival
from app.practice.rules import STRING, Check, Rule, problems, reads_as, shaped
from app.practice.settings import Settings, option

SUCCESS, PART_FAILED, ALL_FAILED = "1", "0", "-1"
"""succFlag."""
LIMIT_OF_INPUT = 40_000
FAULTS = {
    "partial": "只退回含有 match 的那几条记录（match 不写：最后一条），其余收下；话是 message",
    "wrong_flag": "照办，但 succFlag 都写成 value（不写：0）",
    "no_data": "照办，但回答的 data 是 null",
}
"""About records and their answers; `no_data` is the region's own to do."""


def _row(name: str, title: str, length: int, form: str = "") -> Rule:
    return Rule(name=name, title=title, type=STRING, length=length, required=True, form=form)


_HEAD = (
    _row("infno", "交易编号", 50),
    _row("msgid", "发送方报文 ID", 50, "msgid"),
    _row("infTime", "交易时间", 0, "datetime"),
)
ENVELOPE_RULES = (*_HEAD, _row("infCode", "交易机构编号", 30), _row("key", "密钥值", 50))
"""Of an upload and a deletion; in a form these five are HTTP headers."""
QUERY_RULES = (*_HEAD, _row("fixmedinsCode", "医疗机构编号", 30))
"""Of a query (Guizhou 2.6 to 2.8)."""


def _is_msgid(text: str) -> bool:
    """Institution code (12), moment (14), sequence (4)."""
    return re.fullmatch(r"[0-9A-Za-z]{12}\d{18}", text) is not None and reads_as("%Y%m%d%H%M%S")(text[12:26])


FORMS: dict[str, tuple[Check, str]] = {
    "msgid": (_is_msgid, "机构编号（12 位）+ yyyyMMddHHmmss + 顺序号（4 位）"),
    "date": (reads_as("%Y-%m-%d"), "yyyy-MM-dd"),
    "datetime": (reads_as("%Y-%m-%d %H:%M:%S"), "yyyy-MM-dd HH:mm:ss"),
    "digits": (shaped(r"\d+"), "数字"),
}


@dataclass(kw_only=True)
class NationalSettings(Settings):
    """What both platforms can be told to demand."""

    institution: str = option("", "只接收这个机构编号；不填则都接收")
    key: str = option("", "密钥值；不填则不核对", secret=True, pattern=".{0,50}")
    refuse_by: str = option("flag", "一条不合格时：code 0 而 succFlag 不为 1，或 code 不为 0", choices=("flag", "code"))
    exact_length: bool = option(False, "studyUid 超过印着的长度也退回（真的会超过）")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one record. `problem` empty: kept; `said` is what the platform says then."""

    index: str | None
    problem: str = ""
    said: str = "保存数据成功"


def envelope_problem(said: Mapping[str, Any], rules: Sequence[Rule], infno: str, settings: NationalSettings) -> str:
    """Why the envelope alone is reason enough to refuse; empty when it is in order. Whether the msgid came before is
    the server's to say (`Arrival.serial`)."""
    found = problems(said, rules, tables={}, forms=FORMS, signature=False)
    if found:
        return "报文头校验失败：" + "；".join(found)
    name = rules[3].name
    code, msgid = said[name], said["msgid"]
    if said["infno"] != infno:
        return f"infno(交易编号)应为 {infno}，实际值：{said['infno'][:50]}"
    if settings.institution and code != settings.institution:
        return f"{name}({rules[3].title})未在平台登记"
    if len(code) == 12 and not msgid.startswith(code):
        return f"msgid(发送方报文 ID)应以 {name} 开头"
    if "key" in {rule.name for rule in rules} and settings.key and said["key"] != settings.key:
        return "key(密钥值)不正确"
    return ""


def serial_of(said: Mapping[str, Any]) -> str:
    """The msgid, which must never come twice."""
    msgid = said.get("msgid")
    return msgid if isinstance(msgid, str) else ""


def records_of(said: Mapping[str, Any], name: str, *, of: type | tuple[type, ...] = dict) -> list[Any]:
    """The records of an upload, an array that is not empty. Raises Unreadable."""
    records = said.get(name)
    if not isinstance(records, list) or not records:
        raise Unreadable(f"{name}(交易输入)不能为空，且应为数组")
    if not all(isinstance(one, of) for one in records):
        raise Unreadable(f"{name}(交易输入)里应全是对象")
    _measure(records, name)
    return records


def object_of(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The one object of a query. Raises Unreadable."""
    found = said.get(name)
    if not isinstance(found, dict):
        raise Unreadable(f"{name}(交易输入)不能为空，且应为对象")
    _measure(found, name)
    return found


def _measure(input_: Any, name: str) -> None:
    length = len(json.dumps(input_, ensure_ascii=False, separators=(",", ":")))
    if length > LIMIT_OF_INPUT:
        raise Unreadable(f"{name}(交易输入)长度{length}超过最大长度{LIMIT_OF_INPUT}")


def answered(results: Sequence[Result], settings: NationalSettings, *, flag: str = "") -> dict[str, Any]:
    """The answer about records: -1 for each when all failed, 0 for those of a part. `flag`: a fault's own for all."""
    failed = [one for one in results if one.problem]
    if failed and settings.refuse_by == "code":
        return refused("；".join(one.problem for one in failed))
    bad = ALL_FAILED if len(failed) == len(results) else PART_FAILED
    rows = [
        {
            "hiImgIndx": one.index,
            "succFlag": flag or (bad if one.problem else SUCCESS),
            "message": one.problem or one.said,
        }
        for one in results
    ]
    return succeeded(rows)


def each_answered(
    arrival: Arrival, act: Callable[[dict[str, Any]], Result], ordered: Fault | None, settings: NationalSettings
) -> Answer:
    """The records of an upload one by one, each with its own outcome; of `FAULTS` those about records."""
    spared = _refused_by(ordered, arrival.data)
    results = [
        Result(index=word(record.get("hiImgIndx")) or None, problem=spared[number]) if number in spared else act(record)
        for number, record in enumerate(arrival.data)
    ]
    reasons = {key: one.problem for (_, key), one in zip(arrival.keys, results, strict=True) if one.problem}
    flag = (ordered.value or PART_FAILED) if ordered and ordered.what == "wrong_flag" else ""
    return Answer(
        kept=len(reasons) < len(results),
        reason="；".join(reasons.values()),
        body=answered(results, settings, flag=flag),
        reasons=reasons,
    )


def _refused_by(ordered: Fault | None, records: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Which of the records the fault `partial` refuses, and in which words."""
    if ordered is None or ordered.what != "partial":
        return {}
    words = ordered.message or "系统繁忙，请稍后重试"
    if not ordered.match:
        return {len(records) - 1: words}
    texts = [json.dumps(record, ensure_ascii=False) for record in records]
    return {number: words for number, text in enumerate(texts) if ordered.match in text}


def succeeded(data: Any) -> dict[str, Any]:
    return {"code": 0, "type": "success", "message": "成功", "data": data}


def refused(message: str) -> dict[str, Any]:
    """The document prints no failure: `code` 其它, and the words."""
    return {"code": -1, "type": "error", "message": message, "data": None}


def moment_of(text: str) -> datetime | None:
    """yyyyMMddHHmmss, None if it is none."""
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S")
    except ValueError:
        return None


def index_problem(index: str, *, cert_type: str = "", cert_number: str = "", day: str = "", parts: int = 0) -> str:
    """What is wrong with a 医保影像云索引 (Guizhou 1.2), and whether it fits its record. `parts`: 5, 6 (with the
    credit code of the storing institution) or 0 (either)."""
    found = re.fullmatch(r"([0-9A-Z]{1,6})-([0-9A-Z]{1,34})-(\d{14})-0{13}-0{9}(-[0-9A-Z]{18})?", index)
    at = moment_of(found[3]) if found else None
    if found is None or at is None:
        return "应为 证件类型-证件号码-yyyyMMddHHmmss-13 个 0-9 个 0（大写）"
    if parts and parts != (6 if found[4] else 5):
        return f"应有 {parts} 段"
    if (cert_type and found[1] != cert_type) or (
        cert_number and found[2] != re.sub("[^0-9A-Z]", "", cert_number.upper())
    ):
        return "证件类型或证件号码与记录不一致"
    if day and abs((at - datetime.strptime(day, "%Y-%m-%d")).days) > 1:
        return "检查日期与记录不一致"
    return ""
