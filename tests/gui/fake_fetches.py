"""The fake face's files that a platform came for: nothing offered, until a test says so. Part of `FakeFace`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


class FakeFetches:
    fetches: tuple[Json, ...] = ()
    unfetched = ""

    def offers_files(self) -> None:
        """A report that was fetched once, images that nobody came for, and exams that wait since yesterday."""
        fetched_at = datetime(2026, 11, 20, 6, 3, tzinfo=UTC).isoformat()
        self.fetches = (
            a_fetch("pdf", "报告 PDF", "已取 1 次", whole=True, count=1, at=fetched_at, size=182_000),
            a_fetch("zip", "影像压缩包", "还没有来取"),
        )
        self.unfetched = "3 例的文件平台还没有来取，本机留着"


def a_fetch(
    what: str,
    title: str,
    words: str,
    *,
    whole: bool = False,
    count: int = 0,
    at: str | None = None,
    size: int = 0,
    trouble: str = "",
) -> Json:
    return {
        "destination": "index",
        "destination_title": "医保影像索引",
        "what": what,
        "what_words": title,
        "words": words,
        "whole": whole,
        "count": count,
        "first_at": at,
        "last_at": at,
        "bytes": size,
        "trouble": trouble,
    }


def moments_of(fetches: tuple[Json, ...]) -> list[Json]:
    """As the engine tells them on the timeline of a submission."""
    return [
        {
            "kind": "step_fact" if one["count"] else "step_todo",
            "title": f"平台取走了{one['what_words']}" if one["count"] else f"平台{one['words']}{one['what_words']}",
            "detail": one["trouble"],
            "at": one["last_at"],
            "state": "acknowledged",
            "again": False,
            "changes": [],
        }
        for one in fetches
    ]
