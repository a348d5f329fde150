"""Whether a destination wants the report's PDF under the clinic's seal (电子签章) before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.domain.exam import Report, StampState
from app.domain.form import Noun, Problem

DEMANDED = "demand_stamp"
_WORDS = {
    StampState.NONE: ("报告 PDF 还没有盖章", "请点“盖章”，在签章软件里盖好，盖好的会自己回来"),
    StampState.VOID: ("报告 PDF 换过，章已作废", "请点“盖章”重新盖，盖好的会自己回来"),
}


def stamp_problems(options: Mapping[str, Any], report: Report, row: int) -> tuple[Problem, ...]:
    """A report that has its PDF and not the seal that is asked for."""
    if not options.get(DEMANDED) or not report.pdf_sha256 or report.stamp not in _WORDS:
        return ()
    title, advice = _WORDS[report.stamp]
    return (Problem(key="report_pdf", label="报告 PDF", title=title, advice=advice, noun=Noun.REPORT, row=row),)
