"""Values for more than one exam: several exams filled at once (批量填写), values kept as the clinic's default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.catalogue.region import CODED
from app.catalogue.repeats import CLINIC, ITEM, Repeat, load_repeats
from app.catalogue.translate import is_foreign
from app.delivery.target import Target
from app.domain.exam import EXAM_WORDS, ExamState
from app.domain.settings import Settings
from app.engine import acts, coding, pages
from app.engine.face import Json
from app.engine.house import House
from app.engine.settings import document_of, settings_from
from app.errors import NeedsOperator

_OPEN = frozenset({ExamState.TO_FILL, ExamState.READY, ExamState.CHECK, ExamState.HELD, ExamState.REJECTED})
"""What may still be filled: nothing of it is on its way."""
_NOT_CHOSEN = frozenset({"rows", "pdf", "opaque", "uid"})


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The form of one of several exams."""

    uid: str
    form: Json

    @property
    def name(self) -> str:
        return str(self.form["patient_name"]) or str(self.form["accession_number"])

    @property
    def why_not(self) -> str:
        """Why nothing may be written into it, "" when it may."""
        state = ExamState(self.form["state"])
        return "" if state in _OPEN else f"这例{EXAM_WORDS[state]}，要改请单独打开"

    def field(self, key: str) -> Json | None:
        """The field of the exam, or of its first report."""
        reports = self.form["reports"]
        every = [*self.form["fields"], *(reports[0]["fields"] if reports else ())]
        return next((one for one in every if one["key"] == key), None)

    def every(self) -> list[Json]:
        reports = self.form["reports"]
        return [*self.form["fields"], *(reports[0]["fields"] if reports else ())]


# -- several at once --------------------------------------------------------------------------------------------------


def shared_fields(house: House, uids: Sequence[str]) -> Json:
    """Which fields these exams may be given together, what they hold now; those that still miss it first."""
    sheets = _sheets(house, uids)
    allowed = _allowed(house, sheets)
    fields = [_shared(sheets, one) for one in sheets[0].every() if one["key"] in allowed] if sheets else []
    fields.sort(key=lambda one: not one["missing"])
    return {
        "studies": [{"uid": one.uid, "patient_name": one.name, "why_not": one.why_not} for one in sheets],
        "fields": fields,
    }


def fill_many(house: House, uids: Sequence[str], values: Mapping[str, str], *, dry: bool) -> Json:
    """Write the same values into several exams, or (dry) say exactly what that would change."""
    sheets = _sheets(house, uids)
    allowed = _allowed(house, sheets)
    if foreign := [key for key in values if key not in allowed]:
        label = house.catalogue.fields[foreign[0]].label if foreign[0] in house.catalogue.fields else foreign[0]
        raise NeedsOperator(f"{label}不能几例一起填", "每例不一样的请逐例填写", fields=tuple(foreign))
    saved = {key: pages.parsed(house, key, text)[1] for key, text in values.items()}
    changes = [_changes(house, one, saved) for one in sheets]
    if not dry:
        for sheet, changed in zip(sheets, changes, strict=True):
            if changed:
                own = {one["key"]: one["new_text"] for one in changed}
                acts.fill(house, sheet.form["exam_key"], own, None, None)
    count = sum(len(changed) for changed in changes)
    return {
        "studies": [
            {"uid": one.uid, "patient_name": one.name, "changes": changed, "why_not": one.why_not}
            for one, changed in zip(sheets, changes, strict=True)
        ],
        "values": count,
        "written": 0 if dry else count,
    }


def _sheets(house: House, uids: Sequence[str]) -> list[Sheet]:
    return [Sheet(uid=uid, form=pages.form_of(house, house.exam_key(uid))) for uid in dict.fromkeys(uids)]


def _allowed(house: House, sheets: Sequence[Sheet]) -> set[str]:
    """What stays with the clinic; what stays with a kind of exam when all of them are of one kind. Never identity."""
    repeats = load_repeats()
    kinds = {_kind(sheet) for sheet in sheets}
    wanted = {CLINIC, ITEM} if len(kinds) == 1 else {CLINIC}
    return {
        key
        for key, one in repeats.items()
        if one.stays_with & wanted and all((field := sheet.field(key)) and _typed(field) for sheet in sheets)
    }


def _kind(sheet: Sheet) -> tuple[str, ...]:
    return tuple(str(study[key]) for study in sheet.form["studies"] for key in ("modality", "description"))


def _typed(field: Json) -> bool:
    return field["type"] not in _NOT_CHOSEN


def _shared(sheets: Sequence[Sheet], first: Json) -> Json:
    held = [(sheet, sheet.field(first["key"]) or first) for sheet in sheets]
    texts = {str(field["text"]) for _, field in held}
    same = len(texts) == 1
    return {
        **{
            name: first[name]
            for name in ("key", "label", "noun", "row", "group", "type", "table", "help", "only", "max_length")
        },
        "text": first["text"] if same else "",
        "shown": first["shown"] if same else "",
        "same": same,
        "missing": any(field["problem"] is not None for _, field in held),
        "now": [{"uid": sheet.uid, "patient_name": sheet.name, "shown": field["shown"]} for sheet, field in held],
        "now_words": _now_words(held, same=same),
    }


def _now_words(held: Sequence[tuple[Sheet, Json]], *, same: bool) -> str:
    if same and not held[0][1]["text"]:
        return f"{len(held)} 例原来都为空"
    if same:
        return f"{len(held)} 例现在都是 {held[0][1]['shown']}"
    return " · ".join(f"{sheet.name}：{field['shown'] or '空'}" for sheet, field in held)


def _changes(house: House, sheet: Sheet, saved: Mapping[str, str]) -> list[Json]:
    if sheet.why_not:
        return []
    return [
        {
            "key": key,
            "label": field["label"],
            "old_shown": field["shown"],
            "new_shown": coding.shown(house, key, text),
            "new_text": coding.text_of(house, key, text),
            "overwrites": bool(field["text"]),
        }
        for key, text in saved.items()
        if (field := sheet.field(key)) and field["text"] != coding.text_of(house, key, text)
    ]


# -- the clinic's defaults --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The settings with new defaults, and what to say about them."""

    settings: Settings
    told: Json


def with_defaults(house: House, values: Mapping[str, str], destination: str) -> Kept:
    """The settings with these (typed) values as defaults of the destination, or of all that have such fields.

    A destination's defaults are written in its region's codes, as everything of a destination in the settings. What
    belongs to one exam or patient is left, with the reason; the settings' own checks apply to the rest.
    """
    targets = _targets(house, destination)
    repeats, fields = load_repeats(), house.catalogue.fields
    kept: list[Json] = []
    left: list[Json] = []
    new: dict[str, dict[str, str]] = {target.name: {} for target in targets}
    for key, text in values.items():
        noun, saved = pages.parsed(house, key, text)
        asking = [target for target in targets if key in target.region.entered]
        taking = {one.name: one.region.own(key, saved) for one in asking}
        foreign = [one for one in asking if fields[key].type in CODED and is_foreign(taking[one.name])]
        if why := _why_no_default(repeats.get(key), saved, asking):
            left.append({"key": key, "label": fields[key].label, "why": why})
            continue
        for one in foreign:
            left.append({"key": key, "label": fields[key].label, "why": f"{one.title}没有这个代码"})
        changed = [one for one in asking if one not in foreign and one.defaults.get(key) != taking[one.name]]
        for target in changed:
            new[target.name][key] = taking[target.name]
        if changed:
            kept.append(
                {"key": key, "label": fields[key].label, "shown": coding.shown(house, key, saved), "noun": noun.value}
            )
    return Kept(settings=_checked(house.settings, new), told={"kept": kept, "left": left})


def _targets(house: House, destination: str) -> list[Target]:
    if destination and destination not in house.targets:
        raise NeedsOperator("没有这个上传目标", "请核对名称：" + "、".join(house.targets), page="destination")
    return [target for name, target in house.targets.items() if destination in ("", name)]


def _why_no_default(repeat: Repeat | None, saved: str, taking: Iterable[Target]) -> str:
    if repeat is None or CLINIC not in repeat.stays_with:
        return "每例不一样，不存为默认"
    if not saved:
        return "是空的"
    return "" if any(True for _ in taking) else "上传目标没有这一项"


def _checked(settings: Settings, new: Mapping[str, Mapping[str, str]]) -> Settings:
    """Through the same door as a setup: a value that the settings refuse is refused by its name."""
    document: dict[str, Any] = document_of(settings)
    for row in document["destination"]:
        row["defaults"] = {**row["defaults"], **new.get(row["name"], {})}
    return settings_from(document)
