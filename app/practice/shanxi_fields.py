"""Shanxi V2.1, chapters five and six, typed from the document alone: field rules, dictionaries, value shapes.

`required` is 是/否 as printed. Where the print slipped (rows 84-102 of the exam table by one line, their remarks too),
the row's own words decide.
"""

from __future__ import annotations

from app.practice.rules import LIST, NUMBER, STRING, TEXT, Check, Rule, one_of, reads_as, several_of, shaped

S, N, T = STRING, NUMBER, TEXT
MUST, KNOWN = True, False


def _r(
    name: str,
    title: str,
    type_: str,
    length: int,
    required: bool,
    table: str = "",
    *,
    when: str = "",
    form: str = "",
) -> Rule:
    return Rule(
        name=name, title=title, type=type_, length=length, required=required, table=table, condition=when, form=form
    )


EXAM_RULES: tuple[Rule, ...] = (
    _r("patName", "姓名", S, 255, MUST),
    _r("patSpellName", "姓名拼音", S, 255, KNOWN),
    _r("cardType", "证件类型", S, 255, MUST, "id_type"),
    _r("idCard", "证件号", S, 255, MUST),
    _r("magCardNum", "电子健康卡号", S, 255, KNOWN),
    _r("sex", "性别", S, 255, MUST, "sex"),
    _r("patBirthday", "生日", S, 255, KNOWN, form="date"),
    _r("patAge", "实足年龄", S, 10, KNOWN),
    _r("ageUnit", "年龄单位", S, 10, MUST, "age_unit"),
    _r("patTelephone", "手机号", S, 50, MUST),
    _r("currentDivisionCode", "居住地址区划编号", S, 255, KNOWN, "division"),
    _r("currentDetailAddr", "详细居住地址", S, 500, KNOWN),
    _r("currentPoscode", "居住地邮政编码", S, 255, KNOWN),
    _r("registeredDivisionCode", "户籍地址区划编号", S, 255, KNOWN, "division"),
    _r("registeredDetailAdr", "详细户籍地址", S, 500, KNOWN),
    _r("maritalStatus", "婚姻状况", S, 10, KNOWN, "marital"),
    _r("ethnic", "民族类别", S, 10, KNOWN, "ethnic"),
    _r("occupationCode", "职业类别", S, 10, KNOWN, "occupation"),
    _r("fixmedinsCode", "定点医药机构代码", S, 255, MUST),
    _r("fixmedinsName", "定点医药机构名称", S, 255, KNOWN),
    _r("examAdmndvs", "检查医保区划代码", S, 255, MUST),
    _r("hosplv", "检查医院级别", S, 10, MUST, "hospital_level"),
    _r("hospitalName", "检查医院统一社会信用名称", S, 255, MUST),
    _r("hospitalCode", "检查医院统一社会信用代码", S, 255, MUST),
    _r("applyNo", "医嘱编号", S, 255, KNOWN),
    _r("applyName", "申请单据名称", S, 255, KNOWN),
    _r("labNum", "申请单流水号", S, 255, MUST),
    _r("studyUid", "检查唯一标识(Study)", S, 255, MUST),
    _r("risStudyId", "检查唯一标识", S, 255, MUST),
    _r("isEmergency", "急诊标识", N, 10, KNOWN, "no_yes"),
    _r("diagnosticDeptName", "检查科室名称", S, 255, KNOWN),
    _r("diagnosticDeptCode", "检查科室代码", S, 255, KNOWN),
    _r("diagnosticDoctorCode", "检查医师工号", S, 255, KNOWN),
    _r("diagnosticDoctorIndustryCode", "检查医师行业贯标码", S, 255, KNOWN),
    _r("diagnosticDoctorType", "检查医生证件类型", S, 10, KNOWN, "id_type"),
    _r("diagnosticDoctorNo", "检查医生证件号", S, 255, KNOWN),
    _r("diagnosticDoctorName", "检查医生姓名", S, 255, KNOWN),
    _r("deptName", "申请科室名称", S, 255, KNOWN),
    _r("deptNum", "申请科室代码", S, 255, KNOWN),
    _r("applyDoctorCode", "申请医师工号", S, 255, KNOWN),
    _r("applyDoctorIndustryCode", "申请医师行业贯标码", S, 255, KNOWN),
    _r("applyDoctorIdType", "申请医生证件类型", S, 255, KNOWN, "id_type"),
    _r("applyDoctorIdNo", "申请医生证件号", S, 255, KNOWN),
    _r("applyDoctorName", "申请医生姓名", S, 255, KNOWN),
    _r("applyTime", "申请开单时间", S, 255, KNOWN, form="datetime"),
    _r("applyVerifyTime", "审核日期时间", S, 255, KNOWN, form="datetime"),
    _r("applyVerifyDoctorCode", "审核者工号", S, 255, KNOWN),
    _r("applyVerifyDoctorName", "审核者姓名", S, 255, KNOWN),
    _r("inhospExamItemCode", "院内检查项目代码", S, 255, MUST),
    _r("inhospExamItemName", "院内检查项目名称", S, 255, MUST),
    _r("examItemName", "互认项目名称", S, 255, MUST),
    _r("examItemCode", "互认项目代码", S, 255, MUST, "exam_item"),
    _r("examWay", "检查方式", S, 10, KNOWN, "exam_way"),
    _r("examMethodCode", "检查方法代码", S, 50, KNOWN),
    _r("examMethod", "检查方法名称", S, 255, KNOWN),
    _r("imgExamType", "影像检查类型代码", S, 20, MUST, "img_exam_type"),
    _r("modality", "检查类别代码", S, 20, MUST, form="modality"),
    _r("bodyCode", "检查部位编码", S, 255, MUST, "radiology"),
    _r("bodyPart", "检查部位名称", S, 255, KNOWN),
    _r("medicalRecordNumber", "就诊流水号", S, 255, KNOWN),
    _r("patientFrom", "患者来源", N, 10, KNOWN, "patient_type"),
    _r("hisPatientId", "患者编号", S, 255, KNOWN),
    _r("patientId", "影像号", S, 255, MUST),
    _r("outPatientId", "门诊号", S, 255, MUST, when="patientFrom=1"),
    _r("inPatientId", "住院号", S, 255, MUST, when="patientFrom=3"),
    _r("examPatientId", "体检号", S, 255, KNOWN),
    _r("ward", "病区", S, 255, KNOWN),
    _r("wardCode", "病区编号", S, 255, KNOWN),
    _r("wardRoom", "病房", S, 255, KNOWN),
    _r("bedNo", "床号", S, 255, KNOWN),
    _r("iptptCode", "住院科室代码", S, 255, KNOWN),
    _r("iptDepName", "住院科室名称", S, 255, KNOWN),
    _r("chiefComplaint", "主诉", T, 0, KNOWN),
    _r("illnessSummary", "症状描述", T, 0, KNOWN),
    _r("illnessHistory", "病情病史", T, 0, KNOWN),
    _r("clinicalDiagnosis", "患者临床诊断", T, 0, KNOWN),
    _r("diagnosisTime", "诊断时间", S, 255, KNOWN, form="datetime"),
    _r("diagnosisCategoryCode", "诊断类别代码", S, 50, MUST),
    _r("diagnosisCategoryName", "诊断类别名称", S, 255, MUST),
    _r("diagnosisCode", "疾病诊断代码", S, 50, MUST),
    _r("diagnosisName", "疾病诊断名称", S, 255, MUST),
    _r("algs", "过敏史", T, 0, KNOWN),
    _r("sympBegdate", "症状开始日期", S, 255, KNOWN),
    _r("sympEnddate", "症状终止日期", S, 255, KNOWN),
    _r("registerTime", "登记时间", S, 255, KNOWN, form="datetime"),
    _r("reserveTime", "预约时间", S, 255, KNOWN, form="interval"),
    _r("reserveStaffCode", "预约员工号", S, 255, KNOWN),
    _r("reserveStaffName", "预约员姓名", S, 255, KNOWN),
    _r("arrivalTime", "到检时间", S, 255, KNOWN, form="datetime"),
    _r("checkFinishTime", "检查时间", S, 255, MUST, form="datetime"),
    _r("examDeptCode", "检查执行科室代码", S, 255, KNOWN),
    _r("examDeptName", "检查执行科室名称", S, 255, MUST),
    _r("examDoctorCode", "检查执行医生工号", S, 255, KNOWN),
    _r("examDoctorIndustryCode", "检查执行医师行业贯标码", S, 255, MUST),
    _r("examDoctorIdType", "检查执行医生证件类型", S, 10, KNOWN, "id_type"),
    _r("examDoctorIdNo", "检查执行医生证件号", S, 255, KNOWN),
    _r("examDoctorName", "检查执行医生姓名", S, 255, KNOWN),
    _r("deviceCode", "检查设备编码", S, 20, KNOWN),
    _r("deviceRoom", "检查设备房间", S, 255, KNOWN),
    _r("device", "检查设备名称", S, 255, KNOWN),
    _r("deviceType", "检查设备类型", S, 20, KNOWN),
    _r("examStatus", "检查状态", N, 10, KNOWN, "exam_status"),
    _r("accessionNumber", "影像关联编号", S, 255, MUST),
    _r("lastChangeTime", "最后更新时间", S, 255, MUST, form="datetime"),
    _r("disableFlag", "删除标识", N, 10, MUST, "no_yes"),
    _r("efilmType", "胶片类型", N, 10, KNOWN, "film_type"),
    _r("chargeType", "费用类型", S, 50, KNOWN, "charge_type"),
    _r("examCharge", "检查费用", S, 255, KNOWN),
    _r("billgDrCode", "开单医师代码", S, 20, MUST),
    _r("billgDrName", "开单医师姓名", S, 50, KNOWN),
    _r("setInfoList", "结算信息", LIST, 0, MUST),
    _r("orderName", "检查医嘱ID", S, 50, MUST),
    _r("mtuRecMark", "是否互认标识", S, 2, MUST),
)

SETTLEMENT_RULES: tuple[Rule, ...] = (
    _r("setId", "结算ID", S, 30, MUST),
    _r("medListCode", "医疗目录编码", S, 50, MUST),
    _r("feeDetailSn", "费用明细流水号", S, 30, MUST),
    _r("examPart", "检查部位代码", S, 500, MUST, "radiology"),
)

REPORT_RULES: tuple[Rule, ...] = (
    _r("hospitalName", "报告医院统一社会信用名称", S, 255, MUST),
    _r("hospitalCode", "报告医院统一社会信用代码", S, 255, MUST),
    _r("patId", "患者编号", S, 255, MUST),
    _r("patType", "病人类型", N, 20, MUST, "patient_type"),
    _r("xno", "影像号", S, 255, MUST),
    _r("labNum", "申请单流水号", S, 255, MUST),
    _r("risStudyId", "检查唯一标识", S, 255, MUST),
    _r("checkPositionCode", "检查部位代码", S, 50, KNOWN),
    _r("categoryName", "检查部位", S, 255, MUST),
    _r("itemName", "检查项目", S, 255, MUST),
    _r("itemNum", "检查项目代码", S, 50, KNOWN),
    _r("itemNumSbh", "检查项目代码(医保)", S, 50, KNOWN),
    _r("checkType", "检查方式", S, 20, KNOWN, "exam_way"),
    _r("dep", "影像检查类型", N, 10, MUST, "dep"),
    _r("instra", "检查设备", S, 50, MUST),
    _r("registerDate", "登记时间", S, 255, KNOWN, form="datetime"),
    _r("appointDate", "预约时间", S, 255, KNOWN, form="datetime"),
    _r("checkDate", "检查时间", S, 255, MUST, form="datetime"),
    _r("radioDepCode", "检查科室编码", S, 255, KNOWN),
    _r("radioDepName", "检查科室名称", S, 255, MUST),
    _r("radioDoctorCode", "检查医生工号", S, 255, KNOWN),
    _r("radioDoctorName", "检查医生姓名", S, 255, KNOWN, when="checkStatus=2|3|4"),
    _r("recordNum", "报告唯一标识", S, 255, MUST),
    _r("ACCESS_NO", "图像访问号", S, 255, MUST),
    _r("reportStatus", "报告状态", N, 10, MUST, "report_status"),
    _r("modality", "检查类型", S, 50, MUST, form="modality"),
    _r("reportMedinsCode", "报告医疗机构代码", S, 255, KNOWN),
    _r("reportDoctorCode", "报告医生工号", S, 255, KNOWN),
    _r("reportDoctorIdType", "报告医生证件类型", S, 10, KNOWN, "id_type"),
    _r("reportDoctorIdNo", "报告医生证件号", S, 255, KNOWN),
    _r("reportDoctorName", "报告医生姓名", S, 255, MUST),
    _r("reportDate", "报告书写时间", S, 255, MUST, form="datetime"),
    _r("reportDeptCode", "报告科室代码", S, 255, KNOWN),
    _r("reportDeptName", "报告科室名称", S, 255, KNOWN),
    _r("auditMedinsCode", "审核医疗机构代码", S, 255, KNOWN),
    _r("confirmDoctorCode", "审核医生工号", S, 255, KNOWN),
    _r("auditDoctorIdType", "审核医生证件类型", S, 20, KNOWN, "id_type"),
    _r("auditDoctorIdNo", "审核医生证件号", S, 255, KNOWN),
    _r("confirmDoctorName", "审核医生姓名", S, 255, MUST),
    _r("confirmDate", "报告审核时间", S, 255, MUST, form="datetime"),
    _r("auditDeptCode", "报告审核科室代码", S, 255, KNOWN),
    _r("auditDeptName", "报告审核科室名称", S, 255, KNOWN),
    _r("findings", "影像所见", T, 0, MUST),
    _r("inspectExamResult", "诊断结论", T, 0, MUST),
    _r("isLastAudit", "是否终审", N, 10, MUST, "no_yes"),
    _r("lastAuditMedinsCode", "终审医疗机构代码", S, 255, KNOWN),
    _r("lastAuditDoctorCode", "终审医生工号", S, 255, KNOWN),
    _r("lastAuditDoctorIdType", "终审医生证件类型", S, 10, KNOWN, "id_type"),
    _r("lastAuditDoctorNo", "终审医生证件号", S, 255, KNOWN),
    _r("lastAuditDoctor", "终审医生姓名", S, 255, MUST, when="isLastAudit=1"),
    _r("lastAuditTime", "终审时间", S, 255, KNOWN, form="datetime"),
    _r("lastAuditDeptCode", "报告终审科室代码", S, 255, KNOWN),
    _r("lastAuditDeptName", "报告终审科室名称", S, 255, KNOWN),
    _r("pdf_path", "报告pdf地址", S, 1000, MUST, when="either:pdf_path,reportPdfBase64"),
    _r("reportPdfBase64", "报告pdf文件内容", T, 0, KNOWN),
    _r("reportAdv", "报告建议", T, 0, KNOWN),
    _r("reportPubDate", "报告发布日期", S, 255, KNOWN),
    _r("checkPositiveMark", "阴阳性", N, 10, MUST, "positive_mark"),
    _r("criticalValues", "危机值", S, 255, KNOWN),
    _r("remark", "备注信息", T, 0, KNOWN),
    _r("printStatus", "打印状态", N, 10, KNOWN, "print_status"),
    _r("checkStatus", "检查状态", N, 10, MUST, "check_status"),
    _r("lastChangeTime", "最后更新时间", S, 255, MUST, form="datetime"),
    _r("digfilmPayStatus", "云胶片收费状态", N, 10, KNOWN, "no_yes"),
    _r("disableFlag", "删除标识", N, 10, MUST, "no_yes"),
    _r("CAData", "签名原文", S, 5000, MUST, when="signature"),
    _r("ClientCert", "医师数字证书", S, 1000, MUST, when="signature"),
    _r("SignType", "签名格式", N, 10, MUST, "sign_type", when="signature"),
    _r("SignValue", "CA签名值", S, 1000, MUST, when="signature"),
    _r("Timestampvalue", "CA时间戳值", S, 1000, MUST, when="signature"),
)

BEFORE_THE_EXAM = (1, 2, 3)
"""六(十): 已开单, 已预约, 已到检."""
KNOWN_AFTER_THE_EXAM = ("studyUid", "checkFinishTime", "examDoctorIndustryCode")

# Real certificates, PKCS7 values and timestamps are longer than the 1000 characters printed for them.
LONGER_THAN_PRINTED = frozenset({"mtuRecMark", "ClientCert", "SignValue", "Timestampvalue"})

RECONCILE_RULES: tuple[Rule, ...] = (
    _r("hospitalCode", "医院编码", S, 0, MUST),
    _r("date", "日期", S, 0, MUST, form="date"),
    _r("examInfo", "检查信息", LIST, 0, MUST),
)
RECONCILE_ROW_RULES: tuple[Rule, ...] = (
    _r("imgExamType", "影像检查类型代码", S, 0, MUST),
    _r("pushExamNum", "推送检查单数", N, 0, MUST),
    _r("pushImageNum", "推送影像数", N, 0, KNOWN),
    _r("pushReportNum", "推送报告单数", N, 0, KNOWN),
    _r("detail", "预留字段", S, 0, KNOWN),
)

# 四(二)2(3): names in capitals, no lengths printed. STUDYDATE is a Date: with the time or without.
IMAGE_LIST_RULES: tuple[Rule, ...] = (
    _r("PATIENT_ID", "病人 ID", S, 0, MUST),
    _r("MODALITY", "检查设备", S, 0, MUST, form="modality"),
    _r("PATIENTSEX", "性别", S, 0, KNOWN),
    _r("ACCESS_NO", "访问号", S, 0, MUST),
    _r("PATIENTNAME", "病人姓名", S, 0, MUST),
    _r("PATIENTAGE", "年龄", S, 0, MUST),
    _r("STUDYIUID", "studyIuid", S, 0, MUST, form="uid"),
    _r("STUDYDATE", "检查时间", S, 0, MUST, form="day_or_datetime"),
    _r("SERIESIUID", "系列 uid", S, 0, MUST, form="uid"),
    _r("SERIESNO", "系列号", S, 0, MUST),
    _r("FILEPATH", "图像存放路径", LIST, 0, MUST),
)

# 六(十三): codes are nine characters by the text; these are printed with another length.
_PRINTED_ODDLY = """
    B2063ZZZ5Z B206ZZZ1 B206ZZZ4Z B206ZZZ6 B206ZZZ7 B33HWZZZ B33RZWWZZZ B43MZWWZZZ B50B0ZZZ B50C0ZZZ B50D0ZZZ B531Z
    B8020ZZZ BB04ZZZ1 BB04ZZZ6 BB04ZZZ7 BB04ZZZS BB0GZZZ0 BD0 BF2 BF34 BG350ZZZ BG3ZYZZZ BP09ZZVZ BP0PZZZ6 BP0PZZZ7
    BP0PZZZA BQ08ZZZA BQ0JZZZ2 BQ0KZZZ2 BQ0LZZZ0 BR0FZZ0Z BT00ZZZZ BT05ZZZZ BTO0ZZZZ BU3DZZYZZZ"""
_ODD_CODES = frozenset(_PRINTED_ODDLY.split())
_nine = shaped(r"B[A-Z0-9]{8}")

TABLES: dict[str, Check] = {
    "sex": one_of("0 1 2 9"),
    "patient_type": one_of("1 2 3 9"),
    "marital": one_of("10 20 21 22 23 30 40 90"),
    "occupation": one_of("11 13 17 21 24 27 31 37 51 54 70 80 90"),
    "id_type": one_of("01 02 03 04 05 06 07 08 09 10 11 12 99"),
    "division": shaped(r"\d{6}"),
    "ethnic": shaped(r"0[1-9]|[1-4]\d|5[0-6]"),
    "charge_type": one_of("01 02 03 04 05 06 07 08 09 99"),
    "exam_status": one_of("1 2 3 4 5"),
    "report_status": one_of("0 1 2 3 4 5 6"),
    "img_exam_type": several_of(one_of("1 2 3 4 5 9"), "|"),
    "radiology": several_of(lambda text: _nine(text) or text in _ODD_CODES, "|,，"),
    "hospital_level": one_of("01 02 03 04 05 06 07 08 09 10 11 12 13 14"),
    "exam_item": several_of(shaped(r"(DR|CT|MR)\d{9}"), "|,，"),
    "exam_way": several_of(one_of("1 2 3 4 5 6 7 8 9 10"), ",，"),
    "age_unit": one_of("Y M D H"),
    "no_yes": one_of("0 1"),
    "film_type": one_of("1 2 3"),
    "dep": one_of("1 2 3 4 5 6 7 8 9 10 99"),
    "positive_mark": one_of("0 1 2"),
    "print_status": one_of("0 1 2"),
    "check_status": one_of("1 2 3 4 5"),
    "sign_type": one_of("1 2"),
}


_datetime = reads_as("%Y-%m-%d %H:%M:%S")


def _interval(text: str) -> bool:
    start, slash, end = text.partition("/")
    return slash == "/" and _datetime(start.strip()) and _datetime(end.strip())


_day = reads_as("%Y-%m-%d")
FORMS: dict[str, tuple[Check, str]] = {
    "date": (_day, "yyyy-MM-dd"),
    "day_or_datetime": (lambda text: _day(text) or _datetime(text), "yyyy-MM-dd 或 yyyy-MM-dd HH:mm:ss"),
    "uid": (shaped(r"[0-9.]{1,64}"), "DICOM UID"),
    "datetime": (_datetime, "yyyy-MM-dd HH:mm:ss"),
    "interval": (_interval, "yyyy-MM-dd HH:mm:ss/yyyy-MM-dd HH:mm:ss"),
    "modality": (shaped(r"[A-Z]{2,6}([,|\\/][A-Z]{2,6})*"), "DICOM 检查类别，如 CT、DX"),
}

# 四(二)5 speaks of CT/MR, 六(十二) of 1-9: which DICOM modalities belong to a code.
MODALITIES_OF_TYPE: dict[str, frozenset[str]] = {
    "1": frozenset(["DX", "CR", "DR", "MG", "RF", "XA", "RG", "PX", "IO", "XR", "XRAY", "BMD"]),
    "2": frozenset(["CT"]),
    "3": frozenset(["MR", "MRI"]),
    "4": frozenset(["US"]),
    "5": frozenset(["NM", "ECT", "PT"]),
    "9": frozenset(["OT", "ES", "ECG"]),
}
