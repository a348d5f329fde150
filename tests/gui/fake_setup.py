"""The set-up part of the fake face: the real questions, a document that is kept, doors that a test opens."""

from __future__ import annotations

import copy
from typing import Any

from app.catalogue.questions import load_setup
from app.engine import setup

Json = dict[str, Any]
AT = "2026-11-20T06:02:1{}+00:00"


def a_step(name: str, subject: str, state: str, title: str, advice: str = "", **more: Any) -> Json:
    turn = {"you": "technician", "engineer": "engineer", "automatic": "automatic"}.get(state, "")
    words = {"you": "您", "engineer": "工程师", "automatic": "自动"}.get(state, "")
    plain = {"details": "", "ms": 12, "page": "", "ok": state in ("ok", "unknown"), "turn": turn, "turn_words": words}
    return {"name": name, "subject": subject, "state": state, "title": title, "advice": advice, **plain, **more}


TRIAL = [
    a_step("http", "前置机地址", "ok", "能连上", details="http://192.0.2.80:8081"),
    a_step("clock", "电脑时间", "ok", "与平台相差 0 秒", ms=None),
    a_step("key", "机构编码与密钥", "ok", "平台读懂了测试请求，没有写入数据", ms=86),
    a_step("interfaces", "检查记录 · 检查报告 · 对账", "ok", "接口在，没有写入数据", ms=140),
    a_step(
        "dicom",
        "影像推送 DICOM",
        "you",
        "连上了，但平台拒绝我们的 AE 标题",
        "请把 AE 标题“HKMZB_IMG”告诉平台工程师，请他加入允许名单；或改成平台分配给您的名称",
        ms=31,
        page="dicom",
    ),
    a_step("reconcile", "对账", "unknown", "还没有要对的", "第一例上传后，第二天自己对", ms=None),
]
STUDY = "1.2.840.9"


def a_stored(**more: Any) -> Json:
    plain = {
        "id": f"stored {STUDY}",
        "at": AT.format(2),
        "kind": "stored",
        "title": "收到 1 幅影像，已存盘",
        "advice": "",
        "detail": "7.9 MB · JPEG 无损",
        "study": STUDY,
        "exam_key": "E9",
        "caller": "DRX_ROOM2",
        "count": 1,
        "instance": "",
        "patient_name": "李小雨",
        "description": "胸部正位",
        "modality": "DR",
        "accession_number": "DR2611200099",
        "raw_hex": "C0 EE D0 A1 D3 EA",
        "candidates": [["GB18030", "李小雨"], ["ISO_IR 100", "ÀîÐ¡Óê"]],
        "charset": "GB18030",
        "doubtful": True,
        "test": False,
    }
    return {**plain, **more}


CONNECTED = {
    "id": "connected DRX_ROOM2",
    "at": AT.format(1),
    "kind": "connected",
    "title": "设备连上来了",
    "advice": "",
    "detail": "DRX_ROOM2 · 192.0.2.32",
    "caller": "DRX_ROOM2",
    "address": "192.0.2.32",
    "called_ae": "CLINIC_AGENT",
}


class FakeSetup:
    """Mixed into the fake face: `self._answer(name, …)` remembers a call or raises what the test wants."""

    def _answer(self, name: str, *arguments: Any) -> None:
        raise NotImplementedError

    def __init__(self) -> None:
        self.document: Json = {
            "clinic": {},
            "dicom": {"ae_title": "CLINIC_AGENT", "port": 11112, "allowed_callers": [], "allowed_addresses": []},
            "query": {"on": False, "callers": [], "addresses": [], "destinations": []},
            "intake": {"folders": [], "report_folder": "", "quiet_seconds": 60.0, "keep_days": 90},
            "upload": {"submit": "manual", "workers": 2, "retry_first_seconds": 5.0, "retry_longest_seconds": 1800.0}
            | {"reconcile_at": "02:00"},
            "files": {"public_base_url": "", "port": 8180, "allowed_addresses": []},
            "his": {"folder": "D:\\HIS 导出", "url": "", "user": "", "query": "", "refresh_minutes": 10},
            "secrets": {"store": "keyring"},
            "signing": {},
            "destination": [],
        }
        self.kept_secrets: Json = {}
        self.draft: Json = {}
        self.keyring = True
        self.starts = False
        self.arrived: list[Json] = []
        self.rehearsal: Json = {"region": "", "running": False, "ok": False, "steps": [], "trouble": None}

    def regions(self) -> Json:
        self._answer("regions")
        return setup.regions()

    def setup_draft(self) -> Json:
        self._answer("setup_draft")
        return {
            "answers": copy.deepcopy({**self.document, **self.draft.get("answers", {})}),
            "now": copy.deepcopy(self.document),
            "kept": copy.deepcopy(self.kept_secrets),
            "step": self.draft.get("step", ""),
            "at": "",
            "unfinished": bool(self.draft),
            "set_up": bool(self.document["destination"]),
        }

    def keep_setup_draft(self, answers: Json, step: str = "") -> Json:
        self._answer("keep_setup_draft", copy.deepcopy(answers), step)
        self.draft = {"answers": copy.deepcopy(answers), "step": step} if answers or step else {}
        return self.setup_draft()

    def check_answers(self, answers: Json) -> Json:
        """Missing what the regions need; wrong a code that is not 18 long."""
        self._answer("check_answers", copy.deepcopy(answers))
        problems = []
        clinic = answers.get("clinic", {})
        asked = {one["key"]: one for one in setup.regions()["sections"][0]["questions"]}
        for key, one in asked.items():
            if answers.get("destination") and not clinic.get(key):
                problems.append(self._asked_for(f"clinic.{key}", one["label"], one["help"], missing=True))
        code = str(clinic.get("uscc", ""))
        if code and len(code) != 18:
            words = f"少 {18 - len(code)} 位，应为 18 位"
            problems.append(self._asked_for("clinic.uscc", "统一社会信用代码", words, missing=False))
        for place, row in enumerate(answers.get("destination", [])):
            for one in load_setup(row["region"]).asked(row):
                where, _, name = one.key.rpartition(".")
                answered = row.get(where, {}).get(name) if where else row.get(name)
                kept = where == "secrets" and name in self.kept_secrets.get(row["name"], [])
                if one.needed and not answered and not kept:
                    key = f"destination[{place}].{one.key}"
                    problems.append(self._asked_for(key, one.label, one.help, missing=True))
        wanted = ["files"] if setup.fetches_from_here(answers) else []
        if wanted and not answers.get("files", {}).get("public_base_url"):
            example = "例：http://10.20.0.15:8180"
            problems.append(self._asked_for("files.public_base_url", "平台访问的地址", example, missing=True))
        proposed = {"files.public_base_url": "http://192.0.2.10:8180"} if wanted else {}
        return {"problems": problems, "wanted": wanted, "proposed": proposed}

    @staticmethod
    def _asked_for(key: str, label: str, advice: str, *, missing: bool) -> Json:
        return {"key": key, "label": label, "advice": advice, "missing": missing} | {
            "title": f"还没有填{label}" if missing else f"{label}要改"
        }

    def setup(self, answers: Json) -> Json:
        self._answer("setup", copy.deepcopy(answers))
        for name, table in answers.items():
            self.document[name] = copy.deepcopy(table)
        for row in self.document["destination"]:
            given = [name for name, value in row.pop("secrets", {}).items() if value]
            self.kept_secrets[row["name"]] = sorted({*self.kept_secrets.get(row["name"], []), *given})
        return {"written": ["settings.toml"], "secrets": []}

    def secret_places(self) -> Json:
        return {"keyring": self.keyring, "why": "", "store": self.document["secrets"]["store"]}

    def addresses(self) -> Json:
        return {"host": "FANGSHE-PC", "addresses": ["192.0.2.10"]}

    def free_port(self, port: int) -> Json:
        self._answer("free_port", port)
        taken = port == 104
        title = f"端口 {port} 被别的程序占着" if taken else "端口空闲"
        return {"port": port, "free": not taken, "title": title, "advice": "请换一个端口，例：11113" if taken else ""}

    def arrivals(self, since: str = "") -> Json:
        self._answer("arrivals", since)
        after = int(since or 0)
        return {"at": str(len(self.arrived)), "events": copy.deepcopy(self.arrived[after:])}

    def mark_test(self, uid: str, test: bool = True) -> Json:
        self._answer("mark_test", uid, test)
        return {"uid": uid, "exam_key": "E9", "test": test}

    def try_destination(self, answers: Json, name: str) -> Json:
        self._answer("try_destination", answers, name)
        return {"name": name, "title": name, "steps": copy.deepcopy(TRIAL), "letter": "给平台工程师"}

    def rehearse(self, region: str) -> Json:
        self._answer("rehearse", region)
        steps = [
            "演练设备 CT_1 传来 1 例、60 张（DICOM 端口 11112）",
            "演练平台的账本：检查 收到 1 存下 1，报告 收到 1 存下 1，影像 收到 60 存下 60",
        ]
        self.rehearsal = {"region": region, "running": False, "ok": True, "steps": steps, "trouble": None}
        return {**self.rehearsal, "running": True, "steps": steps[:1]}

    def rehearsal_status(self) -> Json:
        return dict(self.rehearsal)

    def autostart(self) -> Json:
        return {"enabled": self.starts}

    def set_autostart(self, enabled: bool) -> Json:
        self._answer("set_autostart", enabled)
        self.starts = enabled
        return self.autostart()
