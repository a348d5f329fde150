"""The fake face's registrations and reports: an exam before its images, one report more, none, one of another exam."""

from __future__ import annotations

import copy
from typing import Any

from app.errors import NeedsOperator

Json = dict[str, Any]
ASKED = (
    ("patient_name", "姓名", "name", "", "填中文姓名，与证件一致"),
    ("id_number", "证件号", "id_number", "", "填了身份证号，性别和出生日期可以空着"),
    ("sex", "性别", "code", "sex", ""),
    ("birth_date", "出生日期", "date", "", "例：1980-01-31"),
    ("hospital_item_name", "院内检查项目名称", "text", "", "例：胸部平扫"),
    ("modality", "设备类型", "identifier", "", "DICOM 写法，例：CT、DX"),
    ("accession_number", "检查号", "identifier", "", "空着由程序编一个；在设备上输入它，影像一到就归到这例"),
)


def a_report(key: str, fields: list[Json], *, pdf: bool = True, begun: bool = True) -> Json:
    return {"report_key": key, "pdf": pdf, "begun": begun, "shared": [], "stamp": None, "fields": fields}


class FakeArrange:
    """Part of `FakeFace`. Uses its `forms`, `rows`, `_of`, `_answer`, `_judged`."""

    forms: dict[str, Json]
    rows: list[Json]

    def came_registered(self) -> None:
        """The open exam's patient was registered before."""
        words = "李桂芳 · 胸部正侧位 · 11-20 13:02 登记"
        self.forms["1.2.3.1"]["registered"] = [{"exam_key": "E9", "study": "1.2.3.1", "words": words}]

    def waits_for_images(self) -> None:
        """The open exam was only registered."""
        self.forms["1.2.3.1"]["studies"] = []
        self.forms["1.2.3.1"]["accession_number"] = "A2611200003"

    def began_no_report(self) -> None:
        report = self.forms["1.2.3.1"]["reports"][0]
        report.update(pdf=False, begun=False)
        for field in report["fields"]:
            field.update(text="", shown="", level="may")

    def shares_report(self) -> None:
        self.forms["1.2.3.1"]["reports"][0]["shared"] = ["CT2611200035"]

    def has_two_reports(self) -> None:
        reports = self.forms["1.2.3.1"]["reports"]
        second = copy.deepcopy(reports[0])
        for field in second["fields"]:
            field["row"] = 1
        reports.append({**second, "report_key": "R2"})

    def without_reports(self) -> None:
        self.forms["1.2.3.1"].update(no_report=True, reports=[])

    def registration(self) -> Json:
        self._answer("registration")  # type: ignore[attr-defined]
        return {"fields": [_asked(*one) for one in ASKED]}

    def register(self, values: Json) -> Json:
        self._answer("register", dict(values))  # type: ignore[attr-defined]
        if values.get("birth_date", "").startswith("2999"):
            raise NeedsOperator("出生日期：在将来", "请核对出生日期", fields=("birth_date",))
        form = copy.deepcopy(self.forms["1.2.3.1"])
        form |= {"patient_name": values["patient_name"], "accession_number": "A2611200003"}
        return self._judged(form)  # type: ignore[attr-defined, no-any-return]

    def unregister(self, uid: str) -> Json:
        self._answer("unregister", uid)  # type: ignore[attr-defined]
        self.rows = [row for row in self.rows if row["uid"] != uid]
        return {"exam_key": uid}

    def join(self, uid: str, study: str, take: bool = False) -> Json:
        self._answer("join", uid, study, take)  # type: ignore[attr-defined]
        return self._changed(study, registered=[])

    def add_report(self, uid: str) -> Json:
        self._answer("add_report", uid)  # type: ignore[attr-defined]
        form = self.forms[self._of(uid)["uid"]]  # type: ignore[attr-defined]
        fields = [{**one, "row": 1, "text": "", "shown": ""} for one in form["reports"][0]["fields"]]
        return self._changed(uid, reports=[*form["reports"], a_report("R2", fields, pdf=False, begun=False)])

    def drop_report(self, uid: str, report: int) -> Json:
        self._answer("drop_report", uid, report)  # type: ignore[attr-defined]
        reports = list(self.forms[self._of(uid)["uid"]]["reports"])  # type: ignore[attr-defined]
        del reports[report]
        return self._changed(uid, reports=reports)

    def without_report(self, uid: str, none: bool = True) -> Json:
        self._answer("without_report", uid, none)  # type: ignore[attr-defined]
        return self._changed(uid, no_report=none, reports=[])

    def shareable_reports(self, uid: str) -> Json:
        self._answer("shareable_reports", uid)  # type: ignore[attr-defined]
        names = ("uid", "report", "accession_number", "description", "exam_day", "conclusion", "pdf")
        found = [
            ("1.2.3.10", 0, "DR2611200019", "胸部正侧位 DR", "2026-11-20", "双肺纹理增多，请结合临床。", True),
            ("1.2.3.9", 0, "CT2611180007", "胸部 CT", "2026-11-18", "右肺上叶磨玻璃结节，建议三个月后复查。", True),
        ]
        return {"reports": [dict(zip(names, one, strict=True)) for one in found]}

    def share_report(self, uid: str, other: str, report: int = 0) -> Json:
        self._answer("share_report", uid, other, report)  # type: ignore[attr-defined]
        return self._changed(other)

    def _changed(self, uid: str, **changes: Any) -> Json:
        form = self.forms[self._of(uid)["uid"]]  # type: ignore[attr-defined]
        form.update(changes)
        return self._judged(form)  # type: ignore[attr-defined, no-any-return]


def _asked(key: str, label: str, kind: str, table: str, helped: str) -> Json:
    usual = "CT" if key == "modality" else ""
    return {
        "key": key,
        "label": label,
        "noun": "exam",
        "row": 0,
        "group": "患者",
        "type": kind,
        "table": table,
        "level": "must" if key == "patient_name" else "may",
        "required_when": "",
        "max_length": 0,
        "help": helped,
        "only": "",
        "doubt": "",
        "text": usual,
        "shown": usual,
        "source": "",
        "source_words": "",
        "value_doubt": "",
        "problem": None,
    }
