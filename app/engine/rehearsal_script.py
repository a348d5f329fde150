"""What a rehearsal plays: `demo.toml` of a region, or of several told as one."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from app.catalogue.resources import resources_dir
from app.engine.face import Json

_LEFT = {"fill": "填完", "name": "核对姓名", "refused": "改好平台退回的那一例", "sign": "签一份报告"}
"""Ends of an exam that a person has to do something about -> what."""


def script_file(region: str) -> Path:
    return resources_dir() / "regions" / region / "demo.toml"


def script_of(region: str) -> Json:
    return tomllib.loads(script_file(region).read_text(encoding="utf-8"))


def told_of(scripts: list[Json]) -> Json:
    """The first script, with what HIS and a person must add for the others: taken from their exam of that patient.

    A patient whom one of the others does not know is left out.
    """
    first, *others = scripts
    told: Json = {**first, "exam": [dict(exam) for exam in first["exam"]]}
    for other in others:
        theirs = {exam["patient_name"]: exam for exam in other["exam"]}
        told["exam"] = [
            exam
            | {key: {**theirs[exam["patient_name"]].get(key, {}), **exam.get(key, {})} for key in ("his", "values")}
            for exam in told["exam"]
            if exam["patient_name"] in theirs
        ]
        told["staff"] = [{**one, **person} for person in told["staff"] for one in [_same(person, other["staff"])]]
        told["his"] = {
            key: {**other["his"][key], **told["his"][key]} if isinstance(value, dict) else value
            for key, value in told["his"].items()
        }
    return told


def id_number_of(script: Json, patient_name: str) -> str:
    """The invented number that HIS has of this patient."""
    column = script["his"]["columns"]["id_number"]
    return next(str(exam["his"][column]) for exam in script["exam"] if exam["patient_name"] == patient_name)


def _same(person: Json, staff: list[Json]) -> Json:
    """What another script says of this person."""
    return next((one for one in staff if one["name"] == person["name"]), {})


def left_words(script: Json, phone: str) -> str:
    """`phone`: where a browser shows the doctor's phone."""
    ends = {exam["ends"] for exam in script["exam"]}
    told = [f"窗口里给您留了几件事：{'、'.join(words for end, words in _LEFT.items() if end in ends)}。"]
    for one in script.get("elsewhere", ()):
        name: Any = one["patient_name"]
        told.append(f"{name}在别家医院也有检查，可以到“调阅”里查：证件号 {id_number_of(script, name)}。")
    if phone:
        told.append(f"签名不用真手机：打开“电子签名”，再点窗口上方的“医生的手机”（{phone}），看一遍，点“签名”。")
    return "".join(told)
