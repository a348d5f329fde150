"""The text of a report that the auditing doctor signs (签名原文): which values, in which order, is the region's data.

One text for one set of values, and another for any other: it can be made again years later, and a signature over it
holds for exactly these values. Lines `标签：值` with the values as the report shows them; a value that is not known has
no line; the second and further lines of a value begin with an ideographic space.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.catalogue.region import CODED, Region
from app.catalogue.types import TYPES
from app.domain.form import Value

_FURTHER_LINE = "\n\u3000"


def has_signed_text(region: Region) -> bool:
    return bool(_keys(region))


def signed_text(region: Region, values: Mapping[str, object]) -> str:
    """`values`: of the exam and its report together, as `Value` or saved text."""
    return "\n".join(f"{region.fields[key].label}：{shown}" for key, shown in signed_values(region, values).items())


def signed_values(region: Region, values: Mapping[str, object]) -> dict[str, str]:
    """What the text says of each field that is known, in its order."""
    given = ((key, values.get(key, "")) for key in _keys(region))
    saved = ((key, one.text if isinstance(one, Value) else str(one)) for key, one in given)
    return {key: _shown(region, key, text) for key, text in saved if text}


def _keys(region: Region) -> tuple[str, ...]:
    return tuple(region.options.get("signature", {}).get("text", ()))


def _shown(region: Region, key: str, saved: str) -> str:
    if region.fields[key].type in CODED:
        return "、".join(_label(region, key, code) for code in saved.split(","))
    shown = TYPES[region.fields[key].type].show(saved, region.table_of(key))
    return shown.replace("\n", _FURTHER_LINE)


def _label(region: Region, key: str, code: str) -> str:
    """The label alone where it is that code's alone; a code without one stands for itself."""
    table = region.table_of(key)
    label = table.label(code) if table else ""
    if not label:
        return code
    alone = sum(one.label == label for one in table or ()) == 1 and label not in (table or ())
    return label if alone and "、" not in label else f"{label}（{code}）"
