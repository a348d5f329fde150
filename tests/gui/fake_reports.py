"""Reports of the invented studies: what their PDFs say, and what a person taught."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
FINDINGS = (
    "胸廓对称，两侧肺纹理增多、稍紊乱，右下肺野可见少许斑片状密度增高影，边缘模糊。两肺门影不大，纵隔居中。"
    "心影大小形态正常，主动脉结可见弧形钙化。双侧膈面光整，肋膈角锐利。"
)
PAIRS = (
    ("姓名", "李桂芳"),
    ("性别", "女"),
    ("年龄", "63 岁"),
    ("检查号", "DR2611200018"),
    ("科室", "内科"),
    ("日期", "2026-11-20"),
    ("检查部位", "胸部正侧位"),
    ("影像所见", FINDINGS),
    ("诊断意见", "1. 右下肺少许炎症可能，建议复查；\n2. 主动脉硬化。"),
    ("报告医师", "张伟明"),
    ("审核医师", "刘慧"),
    ("出具时间", "2026-11-20 13:58"),
)
FIELDS = (
    ("findings", "影像所见", "影像所见"),
    ("conclusion", "诊断结论", "诊断意见"),
    ("report_advice", "报告建议", ""),
    ("report_doctor_name", "报告医师姓名", "报告医师"),
    ("reported_at", "报告时间", ""),
    ("audit_doctor_name", "审核医师姓名", "审核医师"),
    ("audited_at", "审核时间", ""),
    ("body_part", "检查部位", "检查部位"),
    ("patient_name", "姓名", "姓名"),
    ("sex", "性别", "性别"),
    ("accession_number", "检查号", "检查号"),
)
COMPARED = {"patient_name", "sex", "accession_number"}


class FakeReports:
    """Mixed into the fake face."""

    report_doubts: tuple[str, ...] = ()
    report_trouble: Json | None = None

    def report_text(self, uid: str, report: int = 0, mapping: Json | None = None) -> Json:
        self.calls.append(("report_text", (uid, report, mapping)))  # type: ignore[attr-defined]
        said, values = mapping or {}, dict(PAIRS)
        fields = [
            {
                "key": key,
                "label": label,
                "text": values.get(said.get(key, usual), ""),
                "from": said.get(key, usual) if said.get(key, usual) in values else "",
                "compared": key in COMPARED,
            }
            for key, label, usual in FIELDS
        ]
        pairs = [{"label": label, "value": value, "page": 1} for label, value in PAIRS]
        plain = {"report_key": "R1", "layout": "0123456789ab", "mapped": bool(said), "trouble": self.report_trouble}
        return plain | {"pairs": pairs, "fields": fields, "doubts": list(self.report_doubts)}

    def keep_report_template(self, uid: str, report: int, mapping: Json) -> Json:
        answer = self.report_text(uid, report, mapping)
        self.calls.append(("keep_report_template", (uid, report, mapping)))  # type: ignore[attr-defined]
        return answer
