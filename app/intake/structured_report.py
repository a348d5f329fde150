"""The text of a structured report (DICOM SR, PS3.3 A.35): findings, conclusion, who wrote and verified it, and when.

Reads the content tree (PS3.3 C.17.3) of the four general report classes. Measurements, dose and CAD are no report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.catalogue.report_labels import ReportLabels, normal_label
from app.domain.times import CST
from app.intake import header
from app.intake.names import person_name

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

REPORT_CLASSES = frozenset(
    f"1.2.840.10008.5.1.4.1.1.88.{number}" for number in ("11", "22", "33", "34")
)  # Basic Text, Enhanced, Comprehensive, Comprehensive 3D
_CONCEPTS: Mapping[tuple[str, str], str] = {  # PS3.16 CID 7001 headings and what stands below them
    ("DCM", "121070"): "findings",
    ("DCM", "121071"): "findings",
    ("DCM", "121072"): "conclusion",
    ("DCM", "121073"): "conclusion",
    ("DCM", "121076"): "conclusion",
    ("DCM", "121077"): "conclusion",
    ("DCM", "121074"): "report_advice",
    ("DCM", "121075"): "report_advice",
    ("DCM", "121060"): "illness_history",
    ("LN", "59776-5"): "findings",
    ("LN", "18782-3"): "findings",
    ("LN", "19005-8"): "conclusion",
    ("LN", "18783-1"): "report_advice",
    ("LN", "11329-0"): "illness_history",
}
_OBSERVER = ("DCM", "121008")
_NOT_A_REPORT = frozenset({("DCM", "113701"), ("DCM", "113500")})  # radiation dose
_LONGEST_TEXT = 20_000
_DEEPEST = 12
_MOST_ITEMS = 2_000
_DATE_TIME = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{2})?(\d{2})?(\d{2})?(?:\.\d+)?([+-]\d{4})?")


@dataclass(frozen=True, kw_only=True)
class StructuredReport:
    """`fields`: key -> (text, the heading it stood under). Empty for what is no report."""

    sop_instance_uid: str
    verified: bool
    fields: Mapping[str, tuple[str, str]]


def read_structured_report(path: Path, known: ReportLabels) -> StructuredReport:
    """Raises NotDicom, OSError."""
    import pydicom

    with header.judged_by_pydicom(), path.open("rb") as file:
        data_set = pydicom.dcmread(file, force=True)
        return _read(data_set, known)


def _read(data_set: Dataset, known: ReportLabels) -> StructuredReport:
    texts: dict[str, list[str]] = {}
    headings: dict[str, str] = {}
    observers: list[str] = []
    title = _code(data_set, "ConceptNameCodeSequence")
    items = () if title in _NOT_A_REPORT else _items(data_set, "", known, _DEEPEST, [_MOST_ITEMS])
    for key, heading, item in items:
        if item.get("ValueType") == "PNAME" and _code(item, "ConceptNameCodeSequence") == _OBSERVER:
            observers.append(person_name(str(item.get("PersonName", "")))[0])
        elif key and item.get("ValueType") == "TEXT":
            texts.setdefault(key, []).append(str(item.get("TextValue", "")).strip())
            headings.setdefault(key, heading)
    fields = {
        key: (text, headings[key])
        for key, parts in texts.items()
        if (text := "\n".join(dict.fromkeys(part for part in parts if part)).strip()[:_LONGEST_TEXT])
    }
    if fields:
        fields |= {key: value for key, value in _people(data_set, observers).items() if value[0]}
    return StructuredReport(
        sop_instance_uid=str(data_set.get("SOPInstanceUID", "")),
        verified=data_set.get("VerificationFlag", "") == "VERIFIED",
        fields=fields,
    )


def _items(
    parent: Dataset, key: str, known: ReportLabels, depth: int, left: list[int]
) -> Iterator[tuple[str, str, Dataset]]:
    """(field, heading, item) in the order of the document; an item without a meaning has that of what holds it."""
    for item in parent.get("ContentSequence", ()) or ():
        left[0] -= 1
        if depth == 0 or left[0] < 0:
            return
        own = _key(item, known) or key
        yield own, _meaning(item), item
        yield from _items(item, own, known, depth - 1, left)


def _key(item: Dataset, known: ReportLabels) -> str:
    code = _code(item, "ConceptNameCodeSequence")
    return _CONCEPTS.get(code, "") or known.keys.get(normal_label(_meaning(item)), "")


def _people(data_set: Dataset, observers: list[str]) -> dict[str, tuple[str, str]]:
    """Who wrote it and when, who verified it and when (PS3.3 C.17.2)."""
    authors = [name for name in observers if name]
    for who in data_set.get("AuthorObserverSequence", ()) or ():
        authors.append(person_name(str(who.get("PersonName", "")))[0])
    verifier = _first(data_set, "VerifyingObserverSequence")
    written = f"{data_set.get('ContentDate', '')}{data_set.get('ContentTime', '')}"
    return {
        "report_doctor_name": (next((name for name in authors if name), ""), "Observer"),
        "audit_doctor_name": (person_name(str(verifier.get("VerifyingObserverName", "")))[0], "Verifying Observer"),
        "reported_at": (_saved(written), "Content Date"),
        "audited_at": (_saved(str(verifier.get("VerificationDateTime", ""))), "Verification DateTime"),
    }


def _saved(text: str) -> str:
    """`yyyy-MM-dd HH:mm:ss` in China of a DICOM date-time (PS3.5 6.2, DT); "" without an hour."""
    found = _DATE_TIME.fullmatch(text.strip())
    if not found or found[4] is None:
        return ""
    parts = [int(found[place] or 0) for place in range(1, 7)]
    try:
        at = datetime(*parts, tzinfo=datetime.strptime(found[7], "%z").tzinfo if found[7] else CST)  # type: ignore[arg-type,misc]
    except ValueError:
        return ""
    return at.astimezone(CST).strftime("%Y-%m-%d %H:%M:%S")


def _code(item: Dataset, sequence: str) -> tuple[str, str]:
    concept = _first(item, sequence)
    return str(concept.get("CodingSchemeDesignator", "")), str(concept.get("CodeValue", ""))


def _meaning(item: Dataset) -> str:
    concept = _first(item, "ConceptNameCodeSequence")
    return str(concept.get("CodeMeaning", ""))


def _first(item: Dataset, sequence: str) -> Any:
    """The first item of a sequence; one that says nothing when there is none."""
    return next(iter(item.get(sequence, ()) or ()), {})
