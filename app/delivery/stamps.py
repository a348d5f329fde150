"""The clinic's seal on a report's PDF (电子签章): is it asked for, and does the PDF still say what the report says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.catalogue.region import Region
from app.catalogue.signed_text import signed_values
from app.delivery import body
from app.domain.exam import Report, StampState
from app.domain.form import Noun, Problem

DEMANDED, CLIENT = "demand_stamp", "stamp_client_url"
_MOST_NAMED = 3
_WORDS = {
    StampState.NONE: ("报告 PDF 还没有盖章", "请点“盖章”，在签章软件里盖好，盖好的会自己回来"),
    StampState.VOID: ("报告 PDF 换过，章已作废", "请点“盖章”重新盖，盖好的会自己回来"),
}
_STAMPED_ELSEWHERE = "请换上盖好章的报告 PDF"


def stamp_problems(options: Mapping[str, Any], report: Report, row: int) -> tuple[Problem, ...]:
    """A report that has its PDF and not the seal that is asked for."""
    if not options.get(DEMANDED) or not report.pdf_sha256 or report.stamp not in _WORDS:
        return ()
    title, advice = _WORDS[report.stamp]
    if not options.get(CLIENT):
        advice = _STAMPED_ELSEWHERE
    return (Problem(key="report_pdf", label="电子签章", title=title, advice=advice, noun=Noun.REPORT, row=row),)


def needs_stamp(options: Mapping[str, Any], report: Report) -> bool:
    """Whether the PDF has to be stamped before its report can be signed or sent."""
    return bool(stamp_problems(options, report, 0))


def stamped_values(region: Region, values: Mapping[str, object]) -> dict[str, str]:
    """What a report says now, field by field, as digests: kept when its stamped PDF came."""
    return {key: body.digest(shown)[:16] for key, shown in signed_values(region, values).items()}


def outdated(region: Region, report: Report, values: Mapping[str, object]) -> str:
    """What was corrected since the stamp, so that the PDF says something else; "" for nothing."""
    if report.stamp is not StampState.STAMPED or not report.stamped_values:
        return ""
    now = stamped_values(region, values)
    changed = [key for key, then in report.stamped_values.items() if now.get(key) != then and key in region.fields]
    labels = "、".join(region.fields[key].label for key in changed[:_MOST_NAMED])
    return f"盖章后改过{labels}{'等' if len(changed) > _MOST_NAMED else ''}，PDF 里还是原来的" if changed else ""
