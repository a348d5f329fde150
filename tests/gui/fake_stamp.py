"""A stamping client beside the fake face: what stamping a report comes to."""

from __future__ import annotations

from typing import Any

from app.errors import NeedsOperator

Json = dict[str, Any]
NONE = {"state": "none", "words": "还没有盖章", "demanded": False, "able": True, "outdated": ""}
STAMPED = NONE | {"state": "stamped", "words": "已盖章"}
VOID = NONE | {"state": "void", "words": "换过 PDF，章已作废"}
OUTDATED = STAMPED | {"outdated": "盖章后改过诊断结论，PDF 里还是原来的"}
CLIENT = "http://localhost:21051/PDFClient/viewer.html"
URL = f"{CLIENT}?fileUrl=http://127.0.0.1:50123/aToken/file.pdf&saveType=net&token=b%201"
REFUSED = {
    "title": "送回来的报告没有盖章",
    "advice": "原来的报告没有变。请回到签章软件，重新盖一次",
    "at": "2026-11-20T06:06:00+00:00",
}


class FakeStamp:
    """Mixed into the fake face. `comes_back`: None still waits, "stamped", "refused", "late"."""

    client_open = True
    comes_back: str | None = None

    def stamp(self, uid: str, report: int = 0) -> Json:
        self.calls.append(("stamp", (uid, report)))  # type: ignore[attr-defined]
        if not self.client_open:
            raise NeedsOperator("签章软件没有打开", "请打开签章软件，插好单位的智能密码钥匙，再点“盖章”")
        return {"url": URL, "expires_at": "2026-11-20T06:21:00+00:00", "minutes": 15}

    def stamping(self, uid: str, report: int = 0) -> Json:
        self.calls.append(("stamping", (uid, report)))  # type: ignore[attr-defined]
        one = self.forms[self._of(uid)["uid"]]["reports"][report]  # type: ignore[attr-defined]
        if self.comes_back == "stamped":
            one["stamp"] = STAMPED
        state = one["stamp"] or NONE
        return {
            "state": state["state"],
            "words": state["words"],
            "open": self.comes_back in (None, "refused"),
            "refused": REFUSED if self.comes_back == "refused" else None,
        }


def stamps(face: Any, uid: str, stamp: Json, *, demanded: bool = False) -> None:
    """The exam's first report stands like this."""
    from tests.gui.fake_face import a_field

    report = face.forms[uid]["reports"][0]
    report["stamp"] = stamp | {"demanded": demanded and stamp["state"] != "stamped"}
    report["fields"] = [one for one in report["fields"] if one["key"] != "report_pdf"]
    text = stamp["state"] if demanded else ""
    field = a_field("report_pdf", "报告 PDF", "报告", type="pdf", noun="report", text=text)
    report["fields"].append(field | {"value_doubt": stamp["outdated"]})


def stamp_problem(field: Json) -> Json | None:
    """Of the field of a PDF, whose text here says how it stands."""
    words = {"none": "报告 PDF 还没有盖章", "void": "报告 PDF 换过，章已作废"}.get(str(field["text"]))
    return {"title": words, "advice": "请点“盖章”，在签章软件里盖好，盖好的会自己回来"} if words else None
