"""When a row of a platform's document applies: tested conditions by name. Pure functions of values and labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Texts = Mapping[str, str]
"""Saved values by field key; a missing key is an empty value."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """`holds(values, label)`: `label(key)` is the label of that field's code. `because` completes "因为……".

    `shown_at` names the field that shows the problem when it is not the field itself.
    """

    holds: Callable[[Texts, Callable[[str], str]], bool]
    because: str
    shown_at: str = ""


def _source(word: str) -> Callable[[Texts, Callable[[str], str]], bool]:
    return lambda values, label: word in label("patient_source")


def _known(key: str) -> Callable[[Texts, Callable[[str], str]], bool]:
    return lambda values, label: bool(values.get(key))


def _unknown(key: str) -> Callable[[Texts, Callable[[str], str]], bool]:
    return lambda values, label: not values.get(key)


CONDITIONS: Mapping[str, Condition] = {
    "outpatient": Condition(holds=_source("门诊"), because="患者来源是门诊"),
    "inpatient": Condition(holds=_source("住院"), because="患者来源是住院"),
    "health_check": Condition(holds=_source("体检"), because="患者来源是体检"),
    "examined": Condition(holds=_known("examined_at"), because="检查已经完成"),
    "imaged": Condition(holds=_known("study_instance_uid"), because="影像到了"),
    "last_audited": Condition(holds=lambda values, label: values.get("is_last_audit") == "1", because="这份报告有终审"),
    "without_pdf": Condition(
        holds=_unknown("report_pdf"), because="报告 PDF 文件和地址要有一个", shown_at="report_pdf"
    ),
    "without_pdf_url": Condition(holds=_unknown("report_pdf_url"), because="报告 PDF 文件和地址要有一个"),
    "by_program": Condition(holds=lambda values, label: False, because="由程序填写"),
    "signed": Condition(holds=_known("sign_value"), because="报告已经签名"),
}
"""`by_program`: the platform demands it, the program gives it when it sends; nobody is asked for it."""
