"""One form for two destinations: what only one of them asks for, and who finds fault with what."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
PROVINCE, INDEX = "山西省影像云", "医保影像索引"
ONLY = {"body_part_code": PROVINCE, "applied_at": PROVINCE, "exam_doctor_id_type": PROVINCE, "device_code": INDEX}
FOREIGN = {"title": f"费用类型：{PROVINCE}没有这个代码", "advice": "请换一个"}


def two_destinations(face: Any) -> None:
    """The first exam goes to both; a payment chosen for the index alone is too coarse for the province."""
    form = face.forms["1.2.3.0"]
    form["destinations"] = ["shanxi", "index"]
    group = {"group": "费用", "noun": "exam", "row": 0, "help": "", "doubt": "", "required_when": "", "max_length": 50}
    nothing = {"text": "", "shown": "", "source": "", "source_words": "", "value_doubt": "", "problem": None}
    form["fields"] += [
        {
            **{**group, **nothing, "key": "charge_type", "label": "费用类型", "type": "code", "table": "charge_type"},
            **{"level": "must", "only": "", "text": "02", "shown": "02 医保", "source": "technician"},
            **{"source_words": "手工", "said": FOREIGN},
        },
        {
            **{**group, **nothing, "key": "settled_at", "label": "结算时间", "type": "datetime", "table": ""},
            **{"level": "must", "only": f"只有 {INDEX} 要", "help": "例：2026-11-05 11:30:00"},
        },
    ]
    for field in form["fields"]:
        if field["key"] in ONLY:
            field["only"] = f"只有 {ONLY[field['key']]} 要"


def said_by(field: Json) -> Json | None:
    """What a destination of two says of this field, which the usual rule of the fake face does not know."""
    if field.get("said") and field["text"] == "02":
        return dict(field["said"])
    if field["only"] and field["level"] == "must" and not field["text"]:
        who = field["only"].removeprefix("只有 ").removesuffix(" 要")
        return {"title": f"还没有{field['label']}（{who}）", "advice": field["help"] or "请填写"}
    return None
