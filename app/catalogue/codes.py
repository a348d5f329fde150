"""How replies are judged, as data: the rows of `codes.csv`, a region's own before the shared ones."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from app.catalogue.resources import resources_dir
from app.domain.job import Turn
from app.domain.verdict import Verdict
from app.errors import NeedsOperator

_COLUMNS = ["reply", "code", "words", "verdict", "title", "advice", "turn", "section"]


@dataclass(frozen=True, kw_only=True)
class CodeRow:
    """One rule: a reply of such a kind whose code and words match (whole code; words anywhere) gets this verdict."""

    replies: tuple[str, ...]
    code: re.Pattern[str]
    words: re.Pattern[str] | None
    verdict: Verdict
    title: str
    advice: str
    turn: Turn
    section: str

    def fits(self, reply: str, code: str, words: str) -> bool:
        return (
            reply in self.replies
            and self.code.fullmatch(code) is not None
            and (self.words is None or self.words.search(words) is not None)
        )

    def has_flags(self, reply: str, code: str) -> bool:
        """True for a row about this very code together with the flag of a record, "code/flag"."""
        return reply in self.replies and self.code.pattern.startswith(f"{code}/")


def load_codes(region: str) -> tuple[CodeRow, ...]:
    """The region's rows, then the shared ones, in the order of the files. Raises `NeedsOperator` for an odd row."""
    root = resources_dir()
    return (*_rows(root / "regions" / region / "codes.csv"), *_rows(root / "codes.csv"))


def _rows(path: Path) -> list[CodeRow]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        if reader.fieldnames != _COLUMNS:
            raise _odd(path, 1, "列名")
        return [_row(path, number, row) for number, row in enumerate(reader, start=2)]


def _row(path: Path, number: int, row: dict[str, str]) -> CodeRow:
    if any(value is None for value in row.values()) or None in row:
        raise _odd(path, number, "列数")
    try:
        return CodeRow(
            replies=tuple(row["reply"].split("|")),
            code=re.compile(row["code"]),
            words=re.compile(row["words"]) if row["words"] else None,
            verdict=Verdict(row["verdict"]),
            title=row["title"],
            advice=row["advice"],
            turn=Turn(row["turn"]),
            section=row["section"],
        )
    except (ValueError, re.error) as error:
        raise _odd(path, number, str(error)) from error


def _odd(path: Path, number: int, what: str) -> NeedsOperator:
    return NeedsOperator(
        "程序自带的判定表读不了", "请重新安装程序，数据没有丢", details=f"{path.name} line {number}: {what}"
    )
