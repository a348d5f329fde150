"""The log page (日志): what people, the program and the platforms did, in plain words, newest first."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from app.domain.times import CST
from app.engine import questions
from app.engine.face import Json
from app.engine.house import House
from app.engine.pages import TIMELINE_WORDS
from app.engine.timeline_words import step, told
from app.errors import RetryLater
from app.store import Tx, audit

ACT_WORDS = {
    "started": "程序启动",
    "stopped": "程序停止",
    "settings": "改了设置",
    "paused": "暂停上传",
    "resumed": "继续上传",
    "report_template": "教会一种报告版式",
    "bundle": "生成诊断包",
    **questions.WORDS,
}
ANSWER_WORDS = {
    "login": "平台要求重新登录",
    "retry": "平台没有应答，自动重试",
    "slow_down": "平台请慢一点，稍后再传",
    "fix_form": "平台退回，要改填报",
    "fix_settings": "平台退回，要改设置",
    "reject": "平台退回",
}
RETRIEVAL_WORDS = {
    "looked_up": "调阅查询",
    "list_opened": "查看外院影像清单",
    "download_begun": "下载外院影像",
}
PERSON, PROGRAM, PLATFORM = "操作员", "程序", "平台"
_OF_PEOPLE = frozenset({"submitted", "resent", "paused", "released", "cancelled", "settled"}) | frozenset(
    {"joined", "parted", "report_shared", "registered", "no_report", "report_wanted"}
)
_OF_PLATFORMS = frozenset(
    {"index_withdrawn", "acknowledged", "withdrawn", "held", "rejected", "reconciled", "found_missing", "fetched"}
)
_ACTS_OF_PEOPLE = frozenset({"settings", "report_template", "bundle"})
_MOST = 500
SECTION_WORDS = {
    "clinic": "机构",
    "intake": "文件夹",
    "dicom": "DICOM",
    "files": "文件服务",
    "upload": "上传",
    "secrets": "密钥",
    "signing": "签名",
    "his": "HIS",
    "destination": "上传目标",
    "ui": "界面",
}


def page(house: House, limit: int, offset: int, text: str = "", day: date | None = None) -> Json:
    """As `audit` of the face."""
    since = datetime.combine(day, time(), CST) if day else None
    kinds = {
        "timeline": [what for what, words in TIMELINE_WORDS.items() if text and text in words],
        "answer": [what for what, words in ANSWER_WORDS.items() if text and text in words],
        "act": [what for what, words in ACT_WORDS.items() if text and text in words],
        "retrieval": [what for what, words in RETRIEVAL_WORDS.items() if text and text in words],
    }
    conn = house.store.read()
    rows, total = audit.page(
        conn,
        limit=max(1, min(limit, _MOST)),
        offset=max(0, offset),
        text=text.strip(),
        kinds=kinds,
        since=since,
        until=since + timedelta(days=1) if since else None,
    )
    shown = audit.exams_shown(conn, (row["exam_key"] for row in rows if row["exam_key"]))
    return {"total": total, "rows": [_row(house, row, shown.get(row["exam_key"], {})) for row in rows]}


def _row(house: House, row: Mapping[str, Any], exam: Mapping[str, Any]) -> Json:
    who, words, detail = _READ[row["kind"]](house, row)
    return {
        "at": row["at"],
        "who": row["who"] or who,
        "what": row["what"] if row["kind"] != "aside" else "aside",
        "words": words,
        "uid": row["exam_key"],
        "patient_name": exam.get("patient_name") or "",
        "accession_number": exam.get("accession_number") or "",
        "detail": detail,
    }


def _of_exam(house: House, row: Mapping[str, Any]) -> tuple[str, str, str]:
    what = row["what"]
    who = PERSON if what in _OF_PEOPLE else PLATFORM if what in _OF_PLATFORMS else PROGRAM
    return who, TIMELINE_WORDS.get(what, what), told(house, what, row["detail"])


def _of_answer(_house: House, row: Mapping[str, Any]) -> tuple[str, str, str]:
    name, code, said = row["detail"].split("\t", 2)
    number = f"平台代码 {code}" if code not in ("", "0") else ""
    detail = " · ".join(part for part in (step(name), said, number) if part)
    return PLATFORM, ANSWER_WORDS.get(row["what"], row["what"]), detail


def _of_file(_house: House, row: Mapping[str, Any]) -> tuple[str, str, str]:
    return PROGRAM, f"放在一边：{row['what']}", row["detail"]


def _of_program(house: House, row: Mapping[str, Any]) -> tuple[str, str, str]:
    what = row["what"]
    if what in questions.WORDS:
        return PLATFORM, *questions.told(house, what, row["detail"])
    return PERSON if what in _ACTS_OF_PEOPLE else PROGRAM, ACT_WORDS.get(what, what), row["detail"]


def _of_retrieval(_house: House, row: Mapping[str, Any]) -> tuple[str, str, str]:
    title, reason, id_masked, count = row["detail"].split("\t", 3)
    unit = "例" if row["what"] == "looked_up" else "幅"
    answer = f"{count} {unit}" if count else "平台没有回答"
    return PERSON, RETRIEVAL_WORDS.get(row["what"], row["what"]), " · ".join((id_masked, answer, reason, title))


_READ = {
    "timeline": _of_exam,
    "answer": _of_answer,
    "aside": _of_file,
    "act": _of_program,
    "retrieval": _of_retrieval,
}


def note(house: House, what: str, detail: str = "") -> None:
    """Keep one act on the program itself."""
    now = house.clock.now()
    house.store.write(lambda tx: audit.note_act(tx, what, detail, at=now))


def heard(house: House, event: Json) -> None:
    """Pauses and their end, whoever asked for them; on the writer thread, so only handed in."""
    if event["event"] in ("paused", "resumed"):
        now, what = house.clock.now(), str(event["event"])

        def change(tx: Tx) -> None:
            audit.note_act(tx, what, "", at=now)

        with contextlib.suppress(RetryLater):  # the house is closing
            house.store.submit(change)


def sections(answers: Mapping[str, Any]) -> str:
    """Which settings were given, in words."""
    return "、".join(SECTION_WORDS.get(key, key) for key in answers)
