"""How far an exam and its report have come (检查状态、报告状态): the facts are ours, the codes the region's. Pure.

`[stages.<stage>]` of `region.toml` says which codes stand for a stage; a region without it knows no stages.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.catalogue.region import Region
from app.domain.form import Noun

Texts = Mapping[str, str]

EXAM_STAGES = ("ordered", "booked", "arrived", "examined")
"""已开单, 已预约, 已到检, 已检查: in their order, an exam goes forward only."""
REPORT_STAGES = ("not_examined", "unwritten", "written", "audited", "last_audited")
"""Its exam is still to be made, nothing is written, not audited, audited, audited once more (终审)."""
_BY_TIME = (("arrived", "arrived_at"), ("booked", "reserve_time"))


def exam_stage(exam: Texts, *, has_images: bool, reached: str = "") -> str:
    """From what is known. `reached`: as far as a platform was told already; it is not told less by itself."""
    known = next((stage for stage, key in _BY_TIME if exam.get(key)), EXAM_STAGES[0])
    now = EXAM_STAGES[-1] if has_images or exam.get("examined_at") else known
    return max(now, reached or now, key=EXAM_STAGES.index)


def is_further(stage: str, than: str) -> bool:
    """`than` "": than never having been told anything."""
    return not than or EXAM_STAGES.index(stage) > EXAM_STAGES.index(than)


def report_stage(report: Texts, *, is_begun: bool, is_examined: bool) -> str:
    if not is_begun:
        return "unwritten" if is_examined else "not_examined"
    if not report.get("audit_doctor_name") or not report.get("audited_at"):
        return "written"
    last = report.get("is_last_audit") == "1" and bool(report.get("last_audit_doctor_name"))
    return "last_audited" if last else "audited"


def codes_of(region: Region, stage: str, noun: Noun) -> dict[str, str]:
    """Field key -> code that says so, of the fields of an exam or of a report."""
    given: Mapping[str, str] = region.options.get("stages", {}).get(stage, {})
    return {key: code for key, code in given.items() if region.fields[key].noun is noun}
