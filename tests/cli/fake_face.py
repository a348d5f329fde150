"""A face that answers from a table and remembers what it was asked."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any, cast

from app.engine.face import COMMANDS, Face, Json
from app.errors import AgentError

FIELD: Json = {
    "key": "patient_name",
    "label": "姓名",
    "noun": "exam",
    "row": 0,
    "group": "患者",
    "type": "name",
    "table": "",
    "level": "must",
    "required_when": "",
    "max_length": 50,
    "help": "",
    "doubt": "",
    "text": "",
    "shown": "",
    "source": "",
    "source_words": "",
    "value_doubt": "",
    "problem": {"title": "没有填", "advice": "请填写姓名"},
}
PROBLEM: Json = {
    "key": "patient_name",
    "label": "姓名",
    "title": "没有填",
    "advice": "请填写姓名",
    "destination": "main",
    "noun": "exam",
    "row": 0,
}
FORM: Json = {
    "uid": "1.2.3",
    "exam_key": "E1",
    "patient_name": "张三",
    "state": "to_fill",
    "state_words": "待填写",
    "ready": False,
    "ready_why_not": ["姓名没有填"],
    "destinations": ["main"],
    "fields": [FIELD],
    "reports": [{"report_key": "R1", "pdf": True, "fields": []}],
    "settlements": [],
    "problems": [PROBLEM],
    "problem_count": 1,
    "studies": [],
}
REPORT_TEXT: Json = {
    "report_key": "R1",
    "trouble": None,
    "pairs": [{"label": "影像所见", "value": "双肺清晰", "page": 1}, {"label": "费别", "value": "自费", "page": 1}],
    "fields": [
        {"key": "findings", "label": "影像所见", "text": "双肺清晰", "from": "影像所见", "compared": False},
        {"key": "conclusion", "label": "诊断结论", "text": "", "from": "", "compared": False},
    ],
    "layout": "0123456789ab",
    "mapped": False,
    "doubts": [],
}
DAY: Json = {
    "day": "2026-01-05",
    "destinations": [
        {
            "name": "main",
            "title": "影像云",
            "can_answer": True,
            "can_answer_images": False,
            "says": "影像云只回答缺哪些检查",
            "says_more": "",
            "lacking": [],
            "unchecked": 0,
            "state": "differs",
            "state_words": "有差异",
            "sent": 3,
            "agreed": 2,
            "missing": [
                {
                    "uid": "1.2.3",
                    "exam_key": "E1",
                    "patient_name": "张三",
                    "accession_number": "A1",
                    "modality": "CT",
                    "first_seen_at": None,
                    "confirmed_at": None,
                    "resend_count": 0,
                    "solved_at": None,
                    "words": "平台说没有",
                }
            ],
            "unsent": [],
            "questions": [],
            "ask_again_at": None,
            "trouble": None,
        }
    ],
}
STATUS: Json = {
    "look": "confirmed",
    "sentence": "都已上传",
    "tooltip": "都已上传",
    "last_confirmed_at": "2026-01-05T01:30:00+00:00",
    "paused_until": None,
    "counts": {
        "to_fill": 0,
        "ready": 0,
        "uploading": 0,
        "attention": 0,
        "confirmed": 3,
        "receiving": 0,
        "all": 3,
    },
    "needs_you": [],
    "destinations": [
        {
            "name": "main",
            "title": "影像云",
            "region": "somewhere",
            "base_url": "http://127.0.0.1:1",
            "last_ok_at": None,
            "trouble": "",
            "trouble_since": None,
            "clock_offset_seconds": 0,
            "capabilities": ["reconcile"],
            "practice": False,
        }
    ],
    "dicom": {"ae_title": "CLINIC", "port": 11112, "listening": True, "trouble": ""},
    "folders": [{"path": "/pacs", "ok": True, "trouble": ""}],
    "files": {"listening": False, "base_url": "", "trouble": ""},
    "clinic": {"name": "演示诊所"},
    "set_up": True,
    "version": "0.1.0",
    "home": "/home",
}
STUDY: Json = {
    "uid": "1.2.3",
    "exam_key": "E1",
    "state": "to_fill",
    "state_words": "待填写",
    "patient_name": "张三",
    "accession_number": "A1",
    "modality": "CT",
    "description": "胸部平扫",
    "exam_day": "2026-01-05",
    "received_at": "2026-01-05T01:30:00+00:00",
    "image_count": 3,
    "report_count": 1,
    "problem_count": 1,
    "problems": ["姓名没有填"],
    "changed": False,
    "submitted_at": None,
    "late": False,
}
WHOLE: Json = {
    "uid": "1.2.3",
    "exam_key": "E1",
    "state": "held",
    "state_words": "待处理",
    "studies": [],
    "fields": [{**FIELD, "shown": "张三", "source_words": "设备"}],
    "reports": [{"report_key": "R1", "pdf": True, "fields": []}],
    "settlements": [],
    "problems": [PROBLEM],
    "instances": [],
    "fetches": [
        {
            "destination": "main",
            "destination_title": "影像云",
            "what": "pdf",
            "what_words": "报告 PDF",
            "words": "已取 1 次",
            "whole": True,
            "count": 1,
            "first_at": None,
            "last_at": None,
            "bytes": 9,
            "trouble": "",
        }
    ],
    "jobs": [
        {
            "id": 1,
            "destination": "main",
            "destination_title": "影像云",
            "part": "exam",
            "part_words": "检查记录",
            "report_key": "",
            "version": 1,
            "state": "held",
            "state_words": "待处理",
            "round": 1,
            "attempts": 1,
            "step": "exam",
            "done": 0,
            "total": 1,
            "due_at": None,
            "trouble": {
                "title": "平台不接受",
                "advice": "请改正姓名",
                "turn": "technician",
                "turn_words": "您",
                "code": "0",
                "words": "参数校验失败",
                "step": "exam",
                "items": [],
                "page": "",
            },
            "late": False,
            "withdraws": False,
            "submitted_at": None,
            "changed_at": None,
        }
    ],
    "receipts": [],
    "journal": [],
    "versions": [],
    "timeline": [
        {"at": "2026-01-05T01:30:00+00:00", "what": "received", "words": "收到影像", "detail": "3 张", "who": ""}
    ],
}
BACKFILL: Json = {
    "id": 1,
    "running": False,
    "source": "/old",
    "day_from": "2026-01-01",
    "found": 5,
    "taken": 5,
    "failed": 0,
    "undelivered": [],
}
HIS_WORD: Json = {
    "key": "charge_type", "label": "费用类型", "table": "charge_type", "words": "职工", "count": 2, "code": "",
    "code_label": "", "sure": False,
}  # fmt: skip
HIS_EXAM: Json = {
    "uid": "E1", "exam_key": "E1", "patient_name": "张三", "accession_number": "A1", "modality": "CT",
    "description": "胸部CT", "exam_day": "2026-01-05", "image_count": 3, "state": "to_fill", "state_words": "待填报",
}  # fmt: skip
HIS_STATE: Json = {
    "configured": True, "folder": "", "url": "", "user": "", "query": "", "refresh_minutes": 10,
    "has_password": False, "columns": {"settlement_id": "结算号"}, "match": {"accession": "检查号"},
    "last": {"at": "2026-01-05T01:30:00+00:00", "name": "his.csv", "source": "hand", "sentence": "对上 1 例"},
    "waiting": 1, "ambiguous": 1, "unknown": [HIS_WORD], "trouble": "",
}  # fmt: skip
HIS_FOUND: Json = {
    "rows": 3, "again": 0, "matched": 1, "exams": 1, "filled": 4, "waiting": 1, "ambiguous": 1, "questions": 1,
    "left": 0, "fault_count": 1, "unknown": [HIS_WORD], "sentence": "导入 3 行：对上 1 例，1 行要您选",
    "faults": [{"row": 4, "column": "证件号", "title": "长号码的末几位已经丢了", "advice": "请改成文本"}],
}  # fmt: skip
HIS_PREVIEW: Json = {
    "columns": [{"name": "结算号", "samples": ["S1"]}, {"name": "备注", "samples": []}], "rows": [["S1", ""]],
    "row_count": 1, "guess": {"columns": {"settlement_id": "结算号"}, "match": {}}, "missing": [], "fields": [],
    "matches": [], "why_not": "还要指明哪一列是检查号", "codes": [HIS_WORD], "faults": [],
    "would": [{"row": 2, "who": "张三", "state": "waiting", "words": "还没有来图", "exam": None, "values": [],
               "problems": []}],
}  # fmt: skip
DEFAULTS: Json = {
    "withdraw": {"exam_key": "A1", "jobs": 1, "skipped": []},
    "his": HIS_STATE,
    "his_keep": HIS_STATE,
    "his_preview": HIS_PREVIEW,
    "his_import": HIS_FOUND,
    "his_query": HIS_FOUND,
    "his_ambiguous": {
        "questions": [{"row": 7, "rows": 1, "why": "姓名不一样", "who": "张三", "candidates": [HIS_EXAM]}]
    },
    "his_choose": {"filled": 4, "questions": 0},
    "status": STATUS,
    "studies": {"total": 1, "studies": [STUDY]},
    "study": WHOLE,
    "form": FORM,
    "check": FORM,
    "fill": FORM,
    "attach": FORM,
    "report_text": REPORT_TEXT,
    "bundle": {"path": "/tmp/help.zip", "size_bytes": 1000, "files": ["version.json"]},
    "keep_report_template": REPORT_TEXT,
    "settle": FORM,
    "without_report": FORM,
    "search_codes": {"codes": []},
    "fields": {
        "fields": [
            {
                "key": "patient_name",
                "wire_name": "patName",
                "label": "姓名",
                "noun": "exam",
                "level": "must",
                "type": "name",
                "table": "",
                "doubt": "",
                "section": "五(一)/1",
            }
        ]
    },
    "set_asides": {"files": []},
    "submit": {"submitted": ["1.2.3"], "skipped": [], "jobs": 3},
    "resend": {"resent": ["1.2.3"], "skipped": [], "jobs": 1},
    "import_paths": {"images": 3, "again": 0, "reports": 1, "aside": 0, "studies": ["1.2.3"]},
    "reconcile": DAY,
    "reconciliation": DAY,
    "reconciliation_days": {"days": []},
    "backfill": BACKFILL,
    "backfill_status": BACKFILL,
    "check_self": {
        "ok": True,
        "checks": [{"name": "disk", "ok": True, "title": "磁盘有空间", "advice": "", "details": ""}],
    },
    "setup": {"written": ["/home/settings.toml"], "secrets": ["destination/main/sm4_key"]},
    "settings": {"clinic": {"name": "演示诊所"}, "secrets": {"main": ["sm4_key"]}},
}


class FakeFace:
    """Has every method of `Face`; `answers[name]` is what one returns or raises, `calls` what was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {**DEFAULTS, **answers}
        self.calls: list[tuple[str, Json]] = []
        self.changed = threading.Condition()
        self._callbacks: list[Callable[[Json], None]] = []

    @property
    def face(self) -> Face:
        return cast(Face, self)

    def emit(self, event: Json) -> None:
        for callback in list(self._callbacks):
            callback(event)

    def subscribe(self, callback: Callable[[Json], None]) -> Callable[[], None]:
        with self.changed:
            self._callbacks.append(callback)
            self.changed.notify_all()

        def unsubscribe() -> None:
            with self.changed:
                self._callbacks.remove(callback)
                self.changed.notify_all()

        return unsubscribe

    def wait_for_subscribers(self, count: int) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: len(self._callbacks) == count, 10)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in COMMANDS:
            raise AttributeError(name)
        signature = inspect.signature(getattr(Face, name))

        def method(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(self, *args, **kwargs).arguments
            bound.pop("self")
            self.calls.append((name, dict(bound)))
            answer = self.answers.get(name, {"uid": bound.get("uid", "")})
            if callable(answer):
                answer = answer(**bound)
            if isinstance(answer, AgentError | Exception):
                raise answer
            return answer

        return method
