"""What an engine would suggest, share and keep for the invented studies."""

from __future__ import annotations

import copy
from typing import Any

Json = dict[str, Any]
SUGGESTED = {
    "id_number": ("140928198005124320", "140928198005124320", "上次检查 2026-10-02", []),
    "apply_doctor_name": (
        "张伟明",
        "张伟明",
        "本机构胸部 CT 常填",
        [{"key": "apply_doctor_code", "text": "1024", "shown": "1024"}],
    ),
}
SHARED = ("apply_doctor_name", "patient_source", "id_type", "body_part_code", "audit_doctor_name")
DEFAULTS = frozenset({"apply_doctor_name", "patient_source", "id_type"})


class FakeFill:
    """Part of `FakeFace`: filling. Uses its `forms`, `_of`, `_answer`, `_judged`, `_entered`."""

    suggested: Json = SUGGESTED
    forms: dict[str, Json]

    def suggestions(self, uid: str, values: Json | None = None) -> Json:
        self._answer("suggestions", uid, values)  # type: ignore[attr-defined]
        form = self._judged(self.forms[self._of(uid)["uid"]])  # type: ignore[attr-defined]
        asked = {field["key"] for field in form["fields"] if field["problem"] and field["key"] not in (values or {})}
        return {
            "suggestions": [
                {
                    "noun": "exam",
                    "row": 0,
                    "key": key,
                    "text": text,
                    "shown": shown,
                    "why": why,
                    "told": f"{why}：{shown}",
                    "also": also,
                }
                for key, (text, shown, why, also) in self.suggested.items()
                if key in asked
            ]
        }

    def shared_fields(self, uids: list[str]) -> Json:
        self._answer("shared_fields", tuple(uids))  # type: ignore[attr-defined]
        forms = [self._judged(self.forms[self._of(uid)["uid"]]) for uid in uids]  # type: ignore[attr-defined]
        fields = [self._shared(forms, key) for key in SHARED]
        return {
            "studies": [{"uid": one["uid"], "patient_name": one["patient_name"], "why_not": ""} for one in forms],
            "fields": sorted(fields, key=lambda one: not one["missing"]),
        }

    def fill_many(self, uids: list[str], values: Json, dry: bool = True) -> Json:
        self._answer("fill_many", tuple(uids), dict(values), dry)  # type: ignore[attr-defined]
        studies = []
        for uid in uids:
            form = self.forms[self._of(uid)["uid"]]  # type: ignore[attr-defined]
            fields = {field["key"]: field for field in every(form)}
            changes = [
                {
                    "key": key,
                    "label": fields[key]["label"],
                    "old_shown": fields[key]["shown"],
                    "new_shown": text,
                    "new_text": text,
                    "overwrites": bool(fields[key]["text"]),
                }
                for key, text in values.items()
                if fields[key]["shown"] != text
            ]
            if not dry:
                self.forms[form["uid"]] = self._entered(form, values)  # type: ignore[attr-defined]
            studies.append({"uid": uid, "patient_name": form["patient_name"], "changes": changes, "why_not": ""})
        count = sum(len(one["changes"]) for one in studies)
        return {"studies": studies, "values": count, "written": 0 if dry else count}

    def keep_defaults(self, values: Json, destination: str = "", dry: bool = False) -> Json:
        self._answer("keep_defaults", dict(values), dry)  # type: ignore[attr-defined]
        kept = [{"key": key, "label": key, "shown": text, "noun": "exam"} for key, text in values.items()]
        return {"kept": [one for one in kept if one["key"] in DEFAULTS], "left": []}

    @staticmethod
    def _shared(forms: list[Json], key: str) -> Json:
        held = [next(field for field in every(form) if field["key"] == key) for form in forms]
        first, texts = copy.deepcopy(held[0]), {field["text"] for field in held}
        same = len(texts) == 1
        now = [
            {"uid": form["uid"], "patient_name": form["patient_name"], "shown": field["shown"]}
            for form, field in zip(forms, held, strict=True)
        ]
        told = " · ".join(f"{one['patient_name']}：{one['shown'] or '空'}" for one in now)
        alike = f"{len(held)} 例现在都是 {first['shown']}" if first["text"] else f"{len(held)} 例原来都为空"
        names = ("key", "label", "noun", "row", "group", "type", "table", "help", "only", "max_length")
        return {
            **{name: first[name] for name in names},
            "text": first["text"] if same else "",
            "shown": first["shown"] if same else "",
            "same": same,
            "missing": any(field["problem"] for field in held),
            "now": now,
            "now_words": alike if same else told,
        }


def every(form: Json) -> list[Json]:
    return [*form["fields"], *(field for report in form["reports"][:1] for field in report["fields"])]
