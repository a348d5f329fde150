"""The faults a tester orders: which, where, before or after storing, how often. A book of orders; acts nowhere."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

MOMENTS = ("before", "after")
HTTP_WORDS = {
    "refuse": "复位连接（RST），不回答",
    "drop": "断开连接（FIN），不回答",
    "cut_body": "请求体收到一半时断开连接；match 只能写请求头和请求体开头里有的字",
    "hang": "等 seconds 秒，不回答，断开",
    "slow": "等 seconds 秒再办",
    "truncate": "回答说到一半断开连接",
    "garbage": "回答不是 UTF-8，也不是 JSON",
    "html": "回答 200 和一页网关错误 HTML",
    "status500": "回答 HTTP 500",
    "busy": "回答 HTTP 503 和 Retry-After: seconds",
    "code0": "按接口的格式回答失败，话是 message",
    "wrong_type": "回答里每个值都换一种 JSON 类型",
    "clock_skew": "平台的钟对这一个请求快 seconds 秒",
}
DICOM_WORDS = {
    "reject_transient": "暂时拒绝关联",
    "reject_permanent": "永久拒绝关联",
    "unknown_ae": "被叫 AE 不认识",
    "out_of_resources": "A700 资源不足",
    "cannot_understand": "C000 无法理解",
    "warning": "B000 警告",
    "abort": "中止关联",
    "hang": "等 seconds 秒，不应答，断开",
    "slow": "等 seconds 秒再应答",
    "drop": "断开连接",
}
HTTP_FAULTS = frozenset(HTTP_WORDS)
DICOM_FAULTS = frozenset(DICOM_WORDS)
ASSOCIATION_FAULTS = frozenset(["reject_transient", "reject_permanent", "unknown_ae"])
ON_THE_WAY = frozenset(["cut_body"])
"""Come while the request is still coming in."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One order. `times` 0 means until withdrawn; `at` n: from the n-th matching request on; `seconds` of hang, slow
    and clock_skew; `value` is for the region's own faults; `match` is text that must occur in the decrypted request or
    among an instance's UIDs."""

    id: int
    where: str
    when: str
    what: str
    times: int = 1
    message: str = ""
    seconds: float = 30.0
    match: str = ""
    value: str = ""
    at: int = 1


class FaultBook:
    """Thread-safe; every order is used up by the requests that it hits. `places` and `own` are the region's words."""

    def __init__(self, places: Collection[str] = (), own: Collection[str] = ()) -> None:
        self._places = (*places, "dicom", "any")
        self.own = frozenset(own)
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._faults: dict[int, Fault] = {}
        self._seen: dict[int, int] = {}
        self._hits: dict[int, int] = {}

    def order(self, wish: dict[str, Any]) -> Fault:
        """Write down one order. Raises ValueError with a Chinese sentence if it cannot be meant."""
        with self._lock:
            fault = self._fault_of(wish, next(self._ids))
            self._faults[fault.id] = fault
            self._seen[fault.id] = self._hits[fault.id] = 0
        return fault

    def withdraw_all(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, where: Collection[str], when: str, text: str, among: frozenset[str]) -> Fault | None:
        """The first order that hits this request, used up by one. `where`: what the place of the request is called."""
        with self._lock:
            for fault in self._faults.values():
                if fault.where not in (*where, "any") or fault.when != when or fault.what not in among:
                    continue
                if fault.match not in text or (fault.times and self._hits[fault.id] >= fault.times):
                    continue
                self._seen[fault.id] += 1
                if self._seen[fault.id] >= fault.at:
                    self._hits[fault.id] += 1
                    return fault
        return None

    def shown(self) -> list[dict[str, Any]]:
        """Every order with `hits` and `remaining` (null: until withdrawn)."""
        with self._lock:
            return [
                {**asdict(fault), "hits": hits, "remaining": max(0, fault.times - hits) if fault.times else None}
                for fault in self._faults.values()
                for hits in [self._hits[fault.id]]
            ]

    def _fault_of(self, wish: dict[str, Any], number: int) -> Fault:
        unknown = set(wish) - set(Fault.__dataclass_fields__)
        if unknown or "id" in wish:
            raise ValueError(f"不认识的参数：{'、'.join(sorted(unknown)) or 'id'}")
        where, when = wish.get("where", "any"), wish.get("when", "before")
        what = wish.get("what", "")
        if where not in self._places:
            raise ValueError(f"where 应为 {' / '.join(self._places)}")
        if when not in MOMENTS:
            raise ValueError("when 应为 before（入库前）或 after（入库后）")
        known = DICOM_FAULTS if where == "dicom" else HTTP_FAULTS | self.own
        if what not in known:
            raise ValueError(f"what 应为 {' / '.join(sorted(known))}")
        if what in ASSOCIATION_FAULTS | ON_THE_WAY | self.own and when != "before":
            raise ValueError(f"{what} 只能写 before")
        return Fault(
            id=number,
            where=where,
            when=when,
            what=what,
            times=_number(wish, "times", 1),
            message=str(wish.get("message", "")),
            seconds=float(_number(wish, "seconds", 600 if what == "clock_skew" else 30)),
            match=str(wish.get("match", "")),
            value=str(wish.get("value", "")),
            at=_number(wish, "at", 1),
        )


def _number(wish: dict[str, Any], name: str, default: int) -> Any:
    value = wish.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or (value < 0 and name != "seconds"):
        raise ValueError(f"{name} 应为不小于 0 的数字")
    return value
