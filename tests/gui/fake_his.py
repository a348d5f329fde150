"""HIS of the invented clinic: an export of ten rows, its columns, what comes of it."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
COLUMNS = {
    "检查号": ["CT2611200037", "DR2611200018", "CT2611200036"],
    "患者姓名": ["赵明轩", "李桂芳", "孙玉梅"],
    "身份证号": ["140928********4320", "140928********002X"],
    "结算日期": ["2026-11-20"],
    "医保结算流水号": ["140100D202611200001", "140100D202611200002"],
    "费用明细流水号": ["2026112000010001", "2026112000010002"],
    "国家医保编码": ["002101000010000"],
    "医嘱号": ["Y20261120037"],
    "费别": ["职工", "居民", "自费"],
    "开单医生": ["张伟明", "刘慧"],
    "收费员": ["王芳"],
    "打印次数": ["1"],
}
FIELDS = (
    ("phone", "手机号", "患者", "exam", "sjh"),
    ("patient_name", "姓名", "患者", "exam", "xm"),
    ("id_number", "证件号", "患者", "exam", "zjh"),
    ("order_number", "医嘱编号", "申请", "exam", "yzbh"),
    ("apply_doctor_name", "申请医师姓名", "申请", "exam", "sqysxm"),
    ("apply_doctor_code", "申请医师工号", "申请", "exam", "sqysgh"),
    ("charge_type", "费用类型", "费用", "exam", "fylx"),
    ("settlement_id", "结算号", "费用", "settlement", "jsh"),
    ("fee_detail_number", "费用明细流水号", "费用", "settlement", "fymxlsh"),
    ("catalogue_code", "医疗目录编码", "费用", "settlement", "ylmlbm"),
)
GUESS = {
    "columns": {
        "id_number": "身份证号",
        "patient_name": "患者姓名",
        "fee_detail_number": "费用明细流水号",
        "catalogue_code": "国家医保编码",
        "order_number": "医嘱号",
        "charge_type": "费别",
        "apply_doctor_name": "开单医生",
    },
    "match": {"accession": "检查号", "id_number": "身份证号", "name": "患者姓名", "day": "结算日期"},
}
WORD = {
    "key": "charge_type", "label": "费用类型", "table": "yes_no", "words": "职工", "count": 21, "code": "",
    "code_label": "", "sure": False,
}  # fmt: skip


def an_exam(number: int, name: str, what: str, accession: str) -> Json:
    return {
        "uid": f"1.2.3.{number}",
        "exam_key": f"E{number}",
        "patient_name": name,
        "accession_number": accession,
        "modality": what[:2],
        "description": what,
        "exam_day": "2026-11-20",
        "image_count": 2,
        "state": "to_fill",
        "state_words": "待填报",
    }


class FakeHis:
    """Mixed into the fake face. `his_configured`: the columns were mapped once."""

    his_configured = False
    his_words: tuple[Json, ...] = (WORD,)
    his_left = 2
    his_password = False
    more_needs: tuple[Json, ...] = ()

    def his(self) -> Json:
        last = {
            "at": "2026-11-20T05:40:00+00:00", "name": "收费明细 11-20 上午.csv", "source": "hand",
            "rows": 21, "sentence": "导入 21 行：对上 19 例，2 行还没有来图",
        }  # fmt: skip
        return {
            "configured": self.his_configured,
            **self.document["his"],  # type: ignore[attr-defined]
            "has_password": self.his_password,
            "columns": GUESS["columns"] if self.his_configured else {},
            "match": GUESS["match"] if self.his_configured else {},
            "last": last if self.his_configured else None,
            "waiting": 3,
            "ambiguous": self.his_left if self.his_configured else 0,
            "unknown": [],
            "trouble": "",
        }

    def his_preview(
        self, path: str = "", query: str = "", url: str = "", user: str = "", password: str = "", mapping: Any = None
    ) -> Json:
        self._answer("his_preview", path, mapping)  # type: ignore[attr-defined]
        told = mapping or GUESS
        labels = {key: label for key, label, *_ in FIELDS}
        given = {name: texts[0] for name, texts in COLUMNS.items()}
        values = [
            {"key": key, "label": labels[key], "text": given[column],
             "problem": "HIS 的这个写法还没有对应" if key == "charge_type" else ""}
            for key, column in told["columns"].items()
        ]  # fmt: skip
        knows = bool(told["match"].get("accession") or told["match"].get("id_number"))
        would = [
            {"row": 2, "who": "赵明轩 · CT2611200037 · 140928********4320", "state": "matched", "words": "对上了",
             "exam": an_exam(0, "赵明轩", "胸部 CT 平扫", "CT2611200037"), "values": values, "problems": []},
            {"row": 3, "who": "李桂芳 · 2026-11-20", "state": "ambiguous", "words": "当天有 2 例同名的检查",
             "exam": None, "values": values, "problems": []},
        ]  # fmt: skip
        return {
            "columns": [{"name": name, "samples": samples} for name, samples in COLUMNS.items()],
            "rows": [],
            "row_count": 36,
            "guess": told,
            "missing": [],
            "fields": [dict(zip(("key", "label", "group", "noun", "pinyin"), one, strict=True)) for one in FIELDS],
            "matches": [
                {"key": "accession", "label": "检查号", "pinyin": "jch"},
                {"key": "id_number", "label": "证件号", "pinyin": "zjh"},
                {"key": "name", "label": "姓名", "pinyin": "xm"},
                {"key": "day", "label": "检查日期", "pinyin": "jcrq"},
            ],
            "why_not": "" if knows else "还要指明哪一列是检查号、证件号，或者姓名和检查日期",
            "codes": [one for one in self.his_words if "charge_type" in told["columns"]],
            "would": would if knows else [],
            "faults": [],
        }

    def his_keep(self, mapping: Json) -> Json:
        self._answer("his_keep", mapping)  # type: ignore[attr-defined]
        self.his_configured = self.his_configured or bool(mapping.get("columns"))
        plain = ("folder", "url", "user", "query", "refresh_minutes")
        self.document["his"] |= {key: mapping[key] for key in plain if key in mapping}  # type: ignore[attr-defined]
        self.his_password = self.his_password or bool(mapping.get("password"))
        return self.his()

    def his_import(self, path: str) -> Json:
        self._answer("his_import", path)  # type: ignore[attr-defined]
        return {
            "rows": 36, "again": 19, "matched": 31, "exams": 31, "filled": 118, "waiting": 3, "ambiguous": 2,
            "questions": self.his_left, "left": 0, "fault_count": 1, "unknown": [],
            "faults": [{"row": 24, "column": "身份证号", "title": "长号码的末几位已经丢了",
                        "advice": "表格把它当数字存了；请把这一列的格式改成“文本”，重新导出"}],
            "sentence": "导入 36 行：对上 31 例，2 行要您选，3 行还没有来图，1 处没有用上",
        }  # fmt: skip

    def his_query(self) -> Json:
        return self.his_import("")

    def his_ambiguous(self) -> Json:
        values = [{"key": "settlement_id", "label": "结算号", "text": "140100D202611200002", "problem": ""},
                  {"key": "order_number", "label": "医嘱编号", "text": "Y20261120018", "problem": ""}]  # fmt: skip
        asked = [
            {"row": 7, "rows": 1, "why": "当天有 2 例同名的检查", "who": "李桂芳 · 2026-11-20",
             "patient_name": "李桂芳", "id_number": "", "accession_number": "", "day": "2026-11-20", "values": values,
             "candidates": [an_exam(1, "李桂芳", "胸部正侧位 DR", "DR2611200018"),
                            an_exam(5, "李桂芳", "左腕 DR", "DR2611200021")]},
            {"row": 9, "rows": 2, "why": "检查号对得上，姓名不一样", "who": "孙玉海 · CT2611200036",
             "patient_name": "孙玉海", "id_number": "", "accession_number": "CT2611200036", "day": "2026-11-20",
             "values": values,
             "candidates": [an_exam(3, "孙玉梅", "头颅 CT 平扫", "CT2611200036")]},
        ]  # fmt: skip
        return {"questions": asked[: self.his_left]}

    def his_choose(self, row: int, uid: str = "") -> Json:
        self._answer("his_choose", row, uid)  # type: ignore[attr-defined]
        self.his_left -= 1
        return {"filled": 4, "questions": self.his_left}
