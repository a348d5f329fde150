"""The fields of a form as a list: all of them, in which order they are asked, what is said of one. No widgets."""

from __future__ import annotations

from app.gui.editors import Field
from app.gui.fields import name_of, saved
from app.gui.page import Json


def all_fields(form: Json) -> list[Field]:
    """Every field of a form, with `row` naming the report or settlement it belongs to."""
    found = list(form["fields"])
    for number, report in enumerate(form["reports"]):
        found += [{**field, "row": number} for field in report["fields"]]
    for number, fields in enumerate(form["settlements"]):
        found += [{**field, "row": number} for field in fields]
    return found


def pdf_first(fields: list[Field]) -> list[Field]:
    """The file of a report before its fields: most of them are read from it."""
    owners = list(dict.fromkeys(name_of(field)[:2] for field in fields))
    return sorted(fields, key=lambda field: (owners.index(name_of(field)[:2]), field["type"] != "pdf"))


def empty(field: Field) -> Json | None:
    """What a new row lacks before anything was typed."""
    return {"title": f"还没有{field['label']}", "advice": ""} if field["level"] == "must" else None


def follows(form: Json, field: Field) -> str:
    """What the program read out of an identity card's number, to compare with the person."""
    if field["key"] != "id_number" or field["problem"] is not None:
        return ""
    derived = {one["key"]: saved(one) for one in form["fields"] if one["source"] == "derived"}
    parts = (derived.get("birth_date", ""), derived.get("sex", "").partition(" ")[2])
    return f"证件上是 {' · '.join(part for part in parts if part)}" if any(parts) else ""
