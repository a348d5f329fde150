"""Guangyuan 2025, both tables and the dictionaries, typed from the document alone.

`required` is Y/N as printed. A type of TEXT has no length, nor have dates. Where a row's remark lists codes although
its dictionary column says N (examWay, examRsltCode) the row has a table all the same and is missing in DICTIONARIES.
"""

from __future__ import annotations

from app.practice.rules import NUMBER, STRING, TEXT, Check, Rule, one_of, reads_as, several_of, shaped

S, N, T = STRING, NUMBER, TEXT
MUST, KNOWN = True, False


def _r(name: str, title: str, type_: str, length: int, required: bool, table: str = "", *, form: str = "") -> Rule:
    return Rule(name=name, title=title, type=type_, length=length, required=required, table=table, form=form)


# 二(五): what a clinic sends to the sharing centre.
CLINIC_RULES: tuple[Rule, ...] = (
    _r("hiImgIndx", "医保影像云索引号", S, 100, MUST),
    _r("psnName", "人员姓名", S, 50, MUST),
    _r("psnCertType", "人员证件类型", S, 6, MUST, "id_type"),
    _r("certno", "证件号码", S, 50, MUST),
    _r("gend", "性别", S, 6, MUST, "gend"),
    _r("fixmedinsCode", "定点医药机构代码", S, 30, MUST),
    _r("fixmedinsName", "定点医药机构名称", S, 255, KNOWN),
    _r("examAdmdvs", "检查医保区划代码", S, 6, MUST),
    _r("imgExamType", "影像检查类型代码", S, 20, MUST, "img_exam_type"),
    _r("examItemCode", "检查项目代码", S, 30, KNOWN),
    _r("imgExamItem", "检查项目名称", S, 100, MUST),
    _r("examDate", "检查日期", S, 0, MUST, form="date"),
    _r("examPart", "检查部位代码", S, 500, MUST, "radiology"),
    _r("examWay", "检查方式", S, 50, KNOWN, "exam_way"),
    _r("examDeptName", "检查科室", S, 50, KNOWN),
    _r("examDrCode", "检查医生代码", S, 50, KNOWN),
    _r("examDrName", "检查医生姓名", S, 50, KNOWN),
    _r("clncDiag", "临床诊断", T, 0, KNOWN),
    _r("appyNo", "申请单号", S, 50, KNOWN),
    _r("appyDeptName", "申请科室名称", S, 50, KNOWN),
    _r("appyDate", "申请日期", S, 0, KNOWN, form="datetime"),
    _r("bilgDrCode", "开单医师代码", S, 50, KNOWN),
    _r("bilgDrName", "开单医师姓名", S, 50, KNOWN),
    _r("disecode", "疾病编码", S, 50, KNOWN),
    _r("diagTime", "诊断时间", S, 0, KNOWN, form="datetime"),
    _r("brdy", "出生日期", S, 0, KNOWN, form="date"),
    _r("age", "年龄", N, 5, KNOWN, form="one_decimal"),
    _r("tel", "联系电话", S, 50, KNOWN),
    _r("fmAddr", "家庭住址", S, 500, KNOWN),
    _r("mrgStas", "婚姻状态", S, 3, KNOWN),
    _r("elecHlCardNo", "电子健康卡号", S, 40, KNOWN),
    _r("prfs", "职业", S, 6, KNOWN),
    # Printed postcode; the other table and both samples say poscode.
    _r("poscode", "邮政编码", S, 6, KNOWN),
    _r("iptNo", "住院号", S, 30, KNOWN),
    _r("wardareaCode", "病区编码", S, 40, KNOWN),
    _r("wardareaName", "病区名称", S, 50, KNOWN),
    _r("patnId", "病人ID", S, 64, KNOWN),
    _r("illhis", "病史", T, 0, KNOWN),
    _r("chfcomp", "主诉", T, 0, KNOWN),
    _r("algs", "过敏史", T, 0, KNOWN),
    _r("sympBegndate", "症状开始日期", S, 0, KNOWN, form="datetime"),
    _r("sympEnddate", "症状终止日期", S, 0, KNOWN, form="datetime"),
    _r("sympDscr", "症状描述", S, 500, KNOWN),
    _r("examInseqi", "成像设备代码", S, 500, KNOWN),
    _r("devRoom", "设备房间", S, 200, KNOWN),
    _r("devName", "设备名称", S, 200, KNOWN),
    _r("examDevType", "设备类型", S, 50, KNOWN),
    _r("examTecnName", "检查技师姓名", S, 50, KNOWN),
    _r("examTecnIdcard", "检查技师身份证号", S, 50, KNOWN),
    _r("imgDscr", "影像描述", S, 3000, KNOWN),
    _r("diagRslt", "诊断结果", S, 3000, KNOWN),
    _r("rpotNo", "报告编号", S, 50, KNOWN),
    _r("rpotMedinsCode", "报告医疗机构代码", S, 30, KNOWN),
    _r("rpotDrIdcard", "报告医师身份证号", S, 50, KNOWN),
    _r("rpotDrName", "报告医师姓名", S, 50, KNOWN),
    _r("chkMedinsCode", "审核医疗机构代码", S, 30, KNOWN),
    _r("chkDrIdcard", "审核医师身份证号", S, 50, KNOWN),
    _r("chkDrName", "审核医师姓名", S, 50, KNOWN),
    _r("sdryChkMedinsCode", "二审医疗机构代码", S, 30, KNOWN),
    _r("sdryChkDrIdcard", "二审医师身份证号", S, 50, KNOWN),
    _r("sdryChkDrName", "二审医师姓名", S, 50, KNOWN),
    _r("rpotDate", "报告日期", S, 0, KNOWN, form="datetime"),
    _r("chkDate", "审核日期", S, 0, KNOWN, form="datetime"),
    _r("sdryChkDate", "二审日期", S, 0, KNOWN, form="datetime"),
    _r("examRsltCode", "检查结果代码", S, 50, KNOWN, "exam_result"),
    _r("rpotAdv", "报告建议", S, 500, KNOWN),
    _r("rpotPubDate", "出具报告日期", S, 0, KNOWN, form="datetime"),
    _r("rpotCritVal", "报告临界值", S, 500, KNOWN),
    _r("hospLv", "检查医院等级", S, 6, MUST, "hosp_lv"),
    _r("examRpotPdfI", "检查报告pdf文件", S, 500, MUST),
    _r("imgInfoDcm", "影像资料", S, 500, MUST),
)

# 三(五): what a sharing centre passes on to the index module.
CENTRE_RULES: tuple[Rule, ...] = (
    _r("hiImgIndx", "医保影像云索引号", S, 100, MUST),
    _r("psnName", "人员姓名", S, 50, MUST),
    _r("psnCertType", "人员证件类型", S, 6, MUST, "id_type"),
    _r("certno", "证件号码", S, 50, MUST),
    _r("gend", "性别", S, 6, MUST, "gend"),
    _r("fixmedinsCode", "定点医药机构代码", S, 30, MUST),
    _r("fixmedinsName", "定点医药机构名称", S, 255, KNOWN),
    _r("examAdmdvs", "检查医保区划代码", S, 6, MUST),
    _r("imgExamType", "影像检查类型代码", S, 20, MUST, "img_exam_type"),
    _r("examItemCode", "检查项目代码", S, 30, KNOWN),
    _r("imgExamItem", "检查项目名称", S, 100, MUST),
    _r("examDate", "检查日期", S, 0, MUST, form="date"),
    _r("examPart", "检查部位代码", S, 500, MUST, "radiology"),
    _r("examWay", "检查方式", S, 50, KNOWN, "exam_way"),
    _r("examDeptName", "检查科室", S, 50, KNOWN),
    _r("examDrCode", "检查医生代码", S, 50, KNOWN),
    _r("examDrName", "检查医生姓名", S, 50, KNOWN),
    _r("clncDiag", "临床诊断", T, 0, KNOWN),
    _r("appyNo", "申请单号", S, 50, KNOWN),
    _r("appyDeptName", "申请科室名称", S, 50, KNOWN),
    _r("appyDate", "申请日期", S, 0, KNOWN, form="datetime"),
    _r("bilgDrCode", "开单医师代码", S, 50, KNOWN),
    _r("bilgDrName", "开单医师姓名", S, 50, KNOWN),
    _r("disecode", "疾病编码", S, 50, KNOWN),
    _r("diagTime", "诊断时间", S, 0, KNOWN, form="datetime"),
    _r("brdy", "出生日期", S, 0, KNOWN, form="date"),
    # Printed 4,1: three digits, the point, one digit.
    _r("age", "年龄", N, 5, KNOWN, form="one_decimal"),
    _r("tel", "联系电话", S, 50, KNOWN),
    _r("fmAddr", "家庭住址", S, 500, KNOWN),
    _r("mrgStas", "婚姻状态", S, 3, KNOWN),
    _r("elecHlCardNo", "电子健康卡号", S, 40, KNOWN),
    _r("prfs", "职业", S, 6, KNOWN),
    _r("poscode", "邮政编码", S, 6, KNOWN),
    _r("iptNo", "住院号", S, 30, KNOWN),
    _r("wardareaCode", "病区编码", S, 40, KNOWN),
    _r("wardareaName", "病区名称", S, 50, KNOWN),
    _r("patnId", "病人ID", S, 64, KNOWN),
    _r("illhis", "病史", T, 0, KNOWN),
    _r("chfcomp", "主诉", T, 0, KNOWN),
    _r("algs", "过敏史", T, 0, KNOWN),
    _r("sympBegndate", "症状开始日期", S, 0, KNOWN, form="datetime"),
    _r("sympEnddate", "症状终止日期", S, 0, KNOWN, form="datetime"),
    _r("sympDscr", "症状描述", S, 500, KNOWN),
    _r("examInseqi", "成像设备代码", S, 500, KNOWN),
    _r("devRoom", "设备房间", S, 200, KNOWN),
    _r("devName", "设备名称", S, 200, KNOWN),
    _r("examDevType", "设备类型", S, 50, KNOWN),
    _r("examTecnName", "检查技师姓名", S, 50, KNOWN),
    _r("examTecnIdcard", "检查技师身份证号", S, 50, KNOWN),
    _r("imgDscr", "影像描述", S, 3000, KNOWN),
    _r("diagRslt", "诊断结果", S, 3000, KNOWN),
    _r("rpotNo", "报告编号", S, 50, KNOWN),
    _r("rpotMedinsCode", "报告医疗机构代码", S, 30, KNOWN),
    _r("rpotDrIdcard", "报告医师身份证号", S, 50, KNOWN),
    _r("rpotDrName", "报告医师姓名", S, 50, KNOWN),
    _r("chkMedinsCode", "审核医疗机构代码", S, 30, KNOWN),
    _r("chkDrIdcard", "审核医师身份证号", S, 50, KNOWN),
    _r("chkDrName", "审核医师姓名", S, 50, KNOWN),
    _r("sdryChkMedinsCode", "二审医疗机构代码", S, 30, KNOWN),
    _r("sdryChkDrIdcard", "二审医师身份证号", S, 50, KNOWN),
    _r("sdryChkDrName", "二审医师姓名", S, 50, KNOWN),
    _r("rpotDate", "报告日期", S, 0, KNOWN, form="datetime"),
    _r("chkDate", "审核日期", S, 0, KNOWN, form="datetime"),
    _r("sdryChkDate", "二审日期", S, 0, KNOWN, form="datetime"),
    _r("examRsltCode", "检查结果代码", S, 50, KNOWN, "exam_result"),
    _r("rpotAdv", "报告建议", S, 500, KNOWN),
    _r("rpotPubDate", "出具报告日期", S, 0, KNOWN, form="datetime"),
    _r("rpotCritVal", "报告临界值", S, 500, KNOWN),
    _r("stogInsUscc", "存储机构统一社会信用代码", S, 50, MUST),
    _r("hospLv", "检查医院等级", S, 6, MUST, "hosp_lv"),
    _r("examRpotLinkUrl", "检查报告访问链接", S, 500, MUST, form="address"),
    _r("imgInfoLinkUrl", "影像资料访问链接", S, 500, MUST, form="address"),
    _r("imgDldLink", "影像图片下载服务地址", S, 500, MUST, form="address"),
)

DICTIONARIES = frozenset({"psnCertType", "gend", "imgExamType", "examPart", "hospLv"})
"""Rows of which both tables print 是否数据字典 Y."""

TABLES: dict[str, Check] = {
    "id_type": shaped(r"\d{3}"),
    "gend": one_of("0 1 2 9"),
    "hosp_lv": one_of("01 02 03 04 05 06 07 08 09 10 11 12 13 14"),
    "img_exam_type": several_of(one_of("1 2 3 4 5 9"), "|"),
    "radiology": several_of(shaped(r"[A-Z0-9]{3,9}"), "|,"),
    "exam_way": several_of(one_of("1 2 9"), "|"),
    "exam_result": one_of("1 2 3"),
}

EXACT_TABLES = {**TABLES, "radiology": several_of(shaped(r"[A-Z0-9]{9}"), "|,")}
"""The text says nine characters; the lists that other documents print of the same standard have shorter codes too."""


FORMS: dict[str, tuple[Check, str]] = {
    "date": (reads_as("%Y-%m-%d"), "yyyy-MM-dd"),
    "datetime": (reads_as("%Y-%m-%d %H:%M:%S"), "yyyy-MM-dd HH:mm:ss"),
    "one_decimal": (shaped(r"\d{1,3}(\.\d)?"), "最多三位整数和一位小数"),
    "address": (shaped(r"https?://\S+"), "http 地址"),
}
