"""The acts of an invented afternoon, and a help bundle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]
ACTS = (
    ("平台", "acknowledged", "平台已接收", "周海涛", "DR2611200021", "影像 4 张"),
    (
        "程序",
        "report_read",
        "读出报告里的内容",
        "李桂芳",
        "DR2611200018",
        "影像所见、诊断结论、报告医师姓名、审核医师姓名",
    ),
    (
        "平台",
        "fix_form",
        "平台退回，要改填报",
        "陈建国",
        "CT2611200031",
        "登记检查 · 代码 0 · 检查登记失败：证件号码与姓名不匹配",
    ),
    ("操作员", "submitted", "提交上传", "陈建国", "CT2611200031", "检查记录"),
    ("操作员", "submitted", "提交上传", "陈建国", "CT2611200031", "影像 186 张"),
    ("程序", "aside", "放在一边：影像文件不完整", "", "", "D:\\PACS\\out\\DR-2\\IMG00017.dcm"),
    ("程序", "completed", "影像收齐", "赵明轩", "CT2611200037", ""),
    ("程序", "found_missing", "对账发现平台缺这例，自动补传", "高文涛", "CT2611190012", "山西省影像云"),
    ("操作员", "settings", "改了设置", "", "", "文件夹、上传"),
    ("程序", "resumed", "继续上传", "", "", ""),
    ("操作员", "paused", "暂停上传", "", "", ""),
    ("程序", "received", "收到第一张影像", "孙玉梅", "CT2611200033", ""),
    ("程序", "started", "程序启动", "", "", ""),
)


class FakeLog:
    """Mixed into the fake face."""

    acts_count = 268

    def audit(self, limit: int = 100, offset: int = 0, text: str = "", day: str = "") -> Json:
        self.calls.append(("audit", (limit, offset, text, day)))  # type: ignore[attr-defined]
        rows = [self._audit_row(number) for number in range(self.acts_count)]
        found = [
            one
            for one in rows
            if (not text or any(text in one[key] for key in ("words", "detail", "patient_name", "accession_number")))
            and (not day or one["at"].startswith(day))
        ]
        return {"total": len(found), "rows": found[offset : offset + limit]}

    def bundle(self, path: str) -> Json:
        self.calls.append(("bundle", (path,)))  # type: ignore[attr-defined]
        if "bundle" in self.fail:  # type: ignore[attr-defined]
            raise self.fail["bundle"]  # type: ignore[attr-defined]
        return {"path": f"{path}/诊断包-20261120-140600.zip", "size_bytes": 184_000, "files": ["version.json"]}

    @staticmethod
    def _audit_row(number: int) -> Json:
        who, what, words, name, accession, detail = ACTS[number % len(ACTS)]
        at = datetime(2026, 11, 20, 6, 4, 12, tzinfo=UTC) - timedelta(minutes=7 * number)
        uid = f"E{accession}" if accession else ""
        return {
            "at": at.isoformat(),
            "who": who,
            "what": what,
            "words": words,
            "uid": uid,
            "patient_name": name,
            "accession_number": accession,
            "detail": detail,
        }
