"""The fake face's outbox: submissions of the invented studies, to one platform or two. Part of `FakeFace`."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.index_code import short_number
from app.gui.steps import is_fetched
from tests.gui.fake_fetches import FakeFetches, moments_of

Json = dict[str, Any]
PILES = {
    "uploading": {"queued", "sending", "waiting"},
    "attention": {"held", "rejected", "to_sign"},
    "confirmed": {"acknowledged", "reconciled"},
    "ended": {"cancelled", "withdrawn"},
}
ORDER = ("rejected", "held", "to_sign", "sending", "waiting", "queued", "paused")
TITLES = {"shanxi": "山西省影像云", "index": "医保影像索引"}
OFFERED = {
    "queued": ["cancel", "hold", "first"],
    "sending": [],
    "waiting": ["cancel", "hold", "resend"],
    "held": ["cancel", "hold", "fill"],
    "rejected": ["cancel", "resend"],
    "paused": ["cancel", "release"],
    "acknowledged": ["withdraw", "resend"],
    "reconciled": ["withdraw", "resend"],
    "cancelled": ["resend"],
    "withdrawn": [],
}
NUMBER = "1409110013581220261120"


def at(hour: int, minute: int, day: int = 20) -> str:
    return (datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)).isoformat()


class FakeQueue(FakeFetches):
    """Every submitted study goes to `shanxi`, one of them to `index` too; `more` adds that many confirmed ones."""

    rows: list[Json]
    calls: list[tuple[str, tuple[Any, ...]]]
    more = 0
    exported: list[str]
    versioned = False

    def corrected(self) -> None:
        """Each study's record and report went more than once."""
        self.versioned = True

    def _answer(self, name: str, *arguments: Any) -> None: ...

    def _of(self, uid: str) -> Json: ...  # type: ignore[empty-body]

    def jobs(
        self, state: str = "", day: str = "", text: str = "", destination: str = "", limit: int = 100, offset: int = 0
    ) -> Json:
        self._answer("jobs", state, day, text, destination, offset)
        every = self._wanted("", day, text, destination)
        found = [row for row in every if not state or row["state"] in PILES[state]]
        counts = {name: sum(row["state"] in states for row in every) for name, states in PILES.items()}
        return {
            "total": len(found),
            "studies_total": len({row["exam_key"] for row in found}),
            "counts": {"all": len(every), **counts},
            "retryable": sum(row["state"] in ("waiting", "rejected") and not is_fetched(row) for row in every),
            "bytes_per_second": 7_800_000.0 if every else 0.0,
            "rows": copy.deepcopy(found[offset : offset + limit]),
        }

    def job_keys(self, state: str = "", day: str = "", text: str = "", destination: str = "") -> Json:
        self._answer("job_keys", state, day, text, destination)
        found = [r for r in self._wanted("", day, text, destination) if not state or r["state"] in PILES[state]]
        return {"keys": [[row["exam_key"], row["destination"], row["state"]] for row in found]}

    def job(self, uid: str, destination: str = "") -> Json:
        self._answer("job", uid, destination)
        study = self._of(uid)
        row = next(row for row in self._wanted("", "", "", destination) if row["exam_key"] == study["exam_key"])
        done = row["state"] in PILES["confirmed"]
        return {
            "row": row,
            "about": {"sex": "1", "age": "52", "age_unit": "Y"},
            "acts": OFFERED[row["state"]],
            "moments": self._moments(row, study),
            "acknowledged": [at(13, 31), at(13, 44)] if row["late_count"] else [row["acknowledged_at"]] if done else [],
            "log": {"count": 6, "last_at": at(14, 4)},
            "versions": the_versions() if self.versioned else [],
            "slip": done,
            "fetches": list(self.fetches) if done else [],
        }

    def act_many(
        self,
        act: str,
        keys: list[list[str]],
        dry: bool = False,
        failed: bool = False,
        day: str = "",
        destination: str = "",
    ) -> Json:
        self._answer("act_many", act, tuple(tuple(key) for key in keys), dry, failed, day, destination)
        by = {(row["exam_key"], row["destination"]): row for row in self._wanted("", "", "", "")}
        if failed:
            keys = [list(key) for key, row in by.items() if row["state"] in ("waiting", "rejected", "held")]
        done, skipped = [], []
        for key in keys:
            row = by[key[0], key[1]]
            why = ""
            if act == "resend" and row["state"] == "held":
                why = "要先改好证件号码才能重传"
            elif act == "resend" and row["state"] == "queued":
                why = "本来就在排队，不用重传"
            if why:
                names = {"exam_key": key[0], "uid": key[0], "destination": key[1], "patient_name": row["patient_name"]}
                skipped.append({**names, "why": why})
            else:
                done.append(key)
        says = "；".join(f"{one['patient_name']}{one['why']}" for one in skipped)
        return {
            "done": done,
            "skipped": skipped,
            "jobs": 0 if dry else len(done),
            "says": says + ("。" if says else ""),
        }

    def export_jobs(self, path: str, state: str = "", day: str = "", text: str = "", destination: str = "") -> Json:
        self._answer("export_jobs", path, state, day, text, destination)
        return {"path": path, "rows": len(self._wanted(state, day, text, destination))}

    def slip(self, uid: str) -> Json:
        self._answer("slip", uid)
        study = self._of(uid)
        row = next(row for row in self._wanted("", "", "", "") if row["exam_key"] == study["exam_key"])
        return a_slip(row)

    # -- what the rows are made of ----------------------------------------------------------------------------------

    def _wanted(self, state: str, day: str, text: str, destination: str) -> list[Json]:
        made = [self._submission(row, "shanxi") for row in self.rows if row["submitted_at"]]
        made += [self._submission(row, "index") for row in self.rows if row["accession_number"] == "CT2611200035"]
        made += [self._another(number) for number in range(self.more)]
        text = text.upper()
        found = [
            row
            for row in made
            if (not state or row["state"] in PILES[state])
            and (not day or row["exam_day"] == day)
            and (not destination or row["destination"] == destination)
            and (not text or any(text in part for part in (row["patient_name"], row["accession_number"], row["uid"])))
        ]
        rank = {state: place for place, state in enumerate(ORDER)}
        newest = sorted(found, key=lambda row: str(row["submitted_at"]), reverse=True)
        return sorted(newest, key=lambda row: rank.get(str(row["state"]), len(ORDER)))

    def _another(self, number: int) -> Json:
        when = datetime(2026, 11, 20, 1, tzinfo=UTC) - timedelta(minutes=number)
        row = {**self.rows[10], "uid": f"9.9.{number}", "exam_key": f"M{number:06}", "patient_name": "韩德胜"}
        row |= {"accession_number": f"CT{number:08}", "submitted_at": when.isoformat(), "state": "acknowledged"}
        return self._submission(row, "shanxi")

    def _submission(self, study: Json, destination: str) -> Json:
        state = str(study["state"])
        own = self._jobs(study) if not str(study["exam_key"]).startswith("M") else []
        trouble = next((job["trouble"] for job in own if job["trouble"]), None)
        done = state in PILES["confirmed"]
        steps = 1 if destination == "index" else 3
        late = 2 if study["late"] else 0
        moving = state in ("sending", "waiting")
        return {
            **{name: study[name] for name in ("exam_key", "uid", "patient_name", "accession_number", "modality")},
            **{name: study[name] for name in ("description", "exam_day", "submitted_at", "changed", "problems")},
            "destination": destination,
            "destination_title": TITLES[destination],
            "state": state,
            "state_words": study["state_words"],
            "changed_at": study["submitted_at"],
            "steps": steps,
            "steps_done": steps if done else 2 if moving else 0,
            "step_words": "" if done else "上传影像" if moving else "登记检查",
            "withdraws": False,
            "done": {"sending": 186, "waiting": 2}.get(state, 0),
            "total": study["image_count"] if moving else 0,
            "image_count": study["image_count"] + late,
            "late_count": late,
            "bytes_total": study["image_count"] * 524_300,
            "bytes_done": 186 * 524_300 if state == "sending" else None,
            "due_at": at(14, 10) if state == "waiting" else None,
            "attempts": 2 if state == "waiting" else 1,
            "place": 1 if state == "queued" else None,
            "trouble": trouble,
            "words": f"{trouble['code'] + ' · ' if len(trouble['code']) > 1 else ''}{trouble['words']}"
            if trouble
            else "",
            "acknowledged_at": study["submitted_at"] if done else None,
            "numbers": [NUMBER] if done and destination == "index" else [],
            "can_reconcile": destination == "shanxi",
            "reconciles_at": at(7, 30, 21),
            "checked_words": "",
        }

    def _jobs(self, row: Json) -> list[Json]: ...  # type: ignore[empty-body]

    def _moments(self, row: Json, study: Json) -> list[Json]:
        def one(kind: str, title: str, detail: str = "", when: str | None = None, state: str = "acknowledged") -> Json:
            return {
                "kind": kind,
                "title": title,
                "detail": detail,
                "at": when,
                "state": state,
                "again": False,
                "changes": [],
            }

        count = row["image_count"] - row["late_count"]
        found = [
            one("done", "接收", f"CT-1 · {count} 幅 · 31 MB", at(13, 24)),
            one("done", "收齐", "60 秒没有新图，自动收齐", at(13, 26)),
            one("done", "填报", "宋佳 提交上传 · 手填 1 项", at(13, 31)),
        ]
        found = sorted([*found, *(moments_of_versions() if self.versioned else [])], key=lambda one: str(one["at"]))
        state = str(row["state"])
        if state in PILES["confirmed"]:
            number = f" · 索引 {short_number(NUMBER)}" if row["numbers"] else ""
            found.append(one("done", "上传 3 / 3 步", "", row["acknowledged_at"]))
            found.append(one("done", "平台已接收", f"检查、报告、影像 {count} 幅{number}", row["acknowledged_at"]))
            if row["late_count"]:
                found.append(one("done", "晚到 2 幅，自动补传", "作为补传单发送", at(13, 43)))
                found.append(one("done", "补传的平台已接收", "影像 2 幅", at(13, 44)))
        else:
            said = {"waiting": "平台繁忙，自动重试，已试 2 次", "queued": "排队，轮到就传", "sending": "正在上传"}
            trouble = row["trouble"]["title"] if row["trouble"] else said.get(state, "")
            number = int(row["steps_done"]) + 1
            head = one("now", f"上传 · 第 {number} 步，共 3 步", said.get(state, trouble), None, state)
            found.append(head | ({"at": at(14, 10), "again": True} if state == "waiting" else {}))
            for place, title in enumerate(("登记检查", "上传报告", f"上传影像 {row['done']} / {row['total']}"), 1):
                kind = "step_done" if place < number else "step_now" if place == number else "step_todo"
                found.append(one(kind, title, "", at(13, 31) if kind == "step_done" else None, state))
            found.append(one("todo", "平台接收", "3 步都有应答才算"))
        found += moments_of(self.fetches) if state in PILES["confirmed"] else []
        if state == "reconciled":
            found.append(one("done", "对账", "平台已有这例检查", at(7, 30), "reconciled"))
        elif row["can_reconcile"]:
            found.append(one("todo", "对账", "问平台缺不缺这例检查", row["reconciles_at"]))
        return found


def the_versions() -> list[Json]:
    """A record that went ahead step by step, a report that was corrected."""
    mobile = {"label": "手机号", "old": "13800138000", "new": "13900139000"}
    made = [
        {"label": "检查状态", "old": "已开单", "new": "已检查"},
        {"label": "检查时间", "old": "", "new": "2026-11-20 13:22:08"},
        {"label": "检查执行医师贯标码", "old": "", "new": "D140105000001"},
        {"label": "证件号", "old": "140***********2016", "new": "140***********2024"},
        {"label": "影像唯一号", "old": "", "new": "1.2.826.0.1.3680043.10.1433.3808.1795262812902.1"},
    ]
    old = "右肺上叶见磨玻璃结节，直径约 6 mm，边界清。"
    corrected = [
        {"label": "影像所见", "old": old, "new": f"{old}左肺下叶少许纤维条索，双侧胸腔未见积液，纵隔淋巴结未见肿大。"},
        {"label": "报告 PDF 文件", "old": "原来那份", "new": "新的一份"},
        {"label": "电子签名", "old": "原来的签名", "new": "重新签过"},
    ]
    return [
        _version("检查", 1, "已开单", at(13, 5), []),
        _version("检查", 2, "已检查", at(13, 29), made),
        _version("报告", 1, "已初审", at(13, 44), []),
        _version("检查", 3, "已检查", at(14, 2), [mobile], newest=True),
        _version("报告", 2, "已初审", at(14, 3), corrected, newest=True),
    ]


def moments_of_versions() -> list[Json]:
    return [
        {
            "kind": "done",
            "title": f"{one['part_words']} 第 {one['version']} 版",
            "detail": f"{one['status_words']} · {one['state_words']}",
            "at": one["acknowledged_at"],
            "state": one["state"],
            "again": False,
            "changes": one["changes"],
        }
        for one in the_versions()
    ]


def _version(part: str, version: int, status: str, when: str, changes: list[Json], *, newest: bool = False) -> Json:
    return {
        "destination": "shanxi",
        "destination_title": TITLES["shanxi"],
        "part": "exam" if part == "检查" else "report",
        "part_words": part,
        "report_key": "" if part == "检查" else "R1",
        "version": version,
        "withdraws": False,
        "late": False,
        "status_words": status,
        "state": "acknowledged",
        "state_words": "已上传" if newest else "平台已接收",
        "is_newest": newest,
        "submitted_at": when,
        "acknowledged_at": when,
        "answer": "",
        "changes": changes,
    }


def a_slip(row: Json) -> Json:
    """What the engine says of a slip for a row."""
    done = row["state"] in PILES["confirmed"]
    words = "平台已接收" if done else f"尚未被平台接收 · {row['state_words']}"
    return {
        "clinic": "惠康综合门诊部",
        "clinic_code": "H14010000001",
        "patient": {"name": row["patient_name"], "sex": "1", "age": "52", "id_number": "140***********4320"},
        "exam": {
            **{name: row[name] for name in ("accession_number", "modality", "description", "exam_day", "exam_key")},
        },
        "study_uids": [row["uid"]],
        "submitted_at": row["submitted_at"],
        "submitted_by": "宋佳",
        "image_count": row["image_count"],
        "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "not_submitted": False,
        "destinations": [
            {
                "title": row["destination_title"],
                "state": row["state"],
                "state_words": row["state_words"],
                "verdict": "平台已接收" if done else "尚未被平台接收",
                "acknowledged": done,
                "acknowledged_at": row["acknowledged_at"],
                "reconciled_at": None,
                "can_reconcile": row["can_reconcile"],
                "numbers": row["numbers"],
                "parts": [
                    {
                        "name": "检查",
                        "version": 1,
                        "image_count": 0,
                        "acknowledged_at": row["acknowledged_at"],
                        "words": words,
                    },
                    {
                        "name": "影像",
                        "version": 2 if row["late_count"] else 1,
                        "image_count": row["image_count"],
                        "acknowledged_at": row["acknowledged_at"],
                        "words": words,
                    },
                ],
            }
        ],
        "printed_at": at(14, 6),
    }
