"""Guizhou V1.4, chapters two and three, typed from the document alone: field rules, dictionaries, value shapes.

`required` is Y/N as printed. Names are spelt as the neighbouring rows and the samples support: the print has lost
letters (hiImgIdx, elech1CardNo, setIDate, setInfoList, feedetSn).
"""

from __future__ import annotations

import re

from app.practice import national
from app.practice.rules import DECIMAL, FILE, LIST, OBJECT, STRING, TEXT, Check, Rule, one_of, several_of, shaped

S, N, T = STRING, DECIMAL, TEXT
MUST, MAY = True, False


def _r(
    name: str, title: str, type_: str, length: int, required: bool, table: str = "", *, form: str = "", when: str = ""
) -> Rule:
    return Rule(
        name=name, title=title, type=type_, length=length, required=required, table=table, form=form, condition=when
    )


# 2.1(5) input
EXAM_RULES: tuple[Rule, ...] = (
    _r("hiImgIndx", "医保影像云索引编码", S, 100, MUST),
    _r("psnName", "人员姓名", S, 50, MUST),
    _r("psnCertType", "人员证件类型", S, 6, MUST, "id_type"),
    _r("certno", "证件号码", S, 50, MUST),
    _r("gend", "性别", S, 6, MUST, "gend"),
    _r("fixmedinsCode", "定点医药机构代码", S, 30, MUST),
    _r("fixmedinsName", "定点医药机构名称", S, 255, MAY),
    _r("examAdmdvs", "检查医保区划代码", S, 6, MUST),
    _r("imgExamType", "影像检查类型", S, 20, MUST, "img_exam_type"),
    _r("examItemCode", "检查项目代码", T, 0, MUST),
    _r("imgExamItem", "检查项目名称", T, 0, MUST),
    _r("examDate", "检查日期", S, 0, MUST, form="date"),
    _r("examPart", "检查部位代码", S, 500, MUST, "exam_part"),
    _r("examWay", "检查方式", S, 50, MAY, "exam_way"),
    _r("examDeptName", "检查科室", S, 50, MUST),
    _r("examDrCode", "检查医生代码", S, 50, MUST),
    _r("examDrName", "检查医生姓名", S, 50, MAY),
    _r("clncDiag", "临床诊断", T, 0, MAY),
    _r("appyNo", "申请单号", S, 50, MAY),
    _r("appyDeptName", "申请科室名称", S, 50, MAY),
    _r("appyDate", "申请日期", S, 0, MAY, form="datetime"),
    _r("bilgDrCode", "开单医师代码", S, 30, MUST),
    _r("bilgDrName", "开单医师姓名", S, 50, MAY),
    _r("disecode", "疾病编码", S, 50, MAY),
    _r("diagTime", "诊断时间", S, 0, MAY, form="date"),
    _r("brdy", "出生日期", S, 0, MAY, form="date"),
    _r("age", "年龄", N, 5, MAY, form="one_decimal"),
    _r("tel", "联系电话", S, 50, MAY),
    _r("fmAddr", "家庭住址", S, 500, MAY),
    _r("mrgStas", "婚姻状态", S, 3, MAY),
    _r("elecHlCardNo", "电子健康卡号", S, 40, MAY),
    _r("prfs", "职业", S, 6, MAY, "prfs"),
    _r("poscode", "邮政编码", S, 6, MAY),
    _r("optNo", "门诊号", S, 30, MAY),
    _r("iptNo", "住院号", S, 30, MAY),
    _r("wardareaCode", "病区编码", S, 40, MAY),
    _r("wardareaName", "病区名称", S, 50, MAY),
    _r("patnId", "患者 ID", S, 40, MAY),
    _r("illhis", "病史", T, 0, MAY),
    _r("chfcomp", "主诉", T, 0, MAY),
    _r("algs", "过敏史", T, 0, MAY),
    _r("sympBegndate", "症状开始日期", S, 0, MAY, form="datetime"),
    _r("sympEnddate", "症状终止日期", S, 0, MAY, form="datetime"),
    _r("sympDscr", "症状描述", S, 500, MAY),
    _r("studyUid", "检查唯一标识", S, 50, MUST),
    _r("chargeType", "费用类型", S, 50, MUST, "charge_type"),
    _r("examCharge", "检查费用", N, 8, MUST, form="two_decimals"),
    _r("examInseqi", "成像设备代码", S, 500, MUST, form="device"),
    _r("devRoom", "设备房间", S, 200, MAY),
    _r("devName", "设备名称", S, 200, MAY),
    _r("examDevType", "设备类型", S, 50, MAY),
    _r("examTecnName", "检查技师姓名", S, 50, MAY),
    _r("medTecnCode", "医疗技师代码", S, 20, MAY),
    _r("accessionNumber", "影像关联编号", S, 3000, MUST),
    _r("imgDscr", "影像描述", S, 3000, MAY),
    _r("diagRslt", "诊断结果", S, 3000, MAY),
    _r("rpotNo", "报告编号", S, 50, MUST),
    _r("rpotMedinsCode", "报告医疗机构代码", S, 30, MAY),
    _r("rpotDrCode", "报告医师代码", S, 50, MAY),
    _r("rpotDrName", "报告医师姓名", S, 50, MAY),
    _r("chkMedinsCode", "审核医疗机构代码", S, 30, MAY),
    _r("chkDrCode", "审核医师代码", S, 50, MAY),
    _r("chkDrName", "审核医师姓名", S, 50, MAY),
    _r("sdryChkMedinsCode", "二审医疗机构代码", S, 30, MAY),
    _r("sdryChkDrCode", "二审医师代码", S, 50, MAY),
    _r("sdryChkDrName", "二审医师姓名", S, 50, MAY),
    _r("rptDate", "报告日期", S, 0, MAY, form="datetime"),
    _r("chkDate", "审核日期", S, 0, MAY, form="datetime"),
    _r("sdryChkDate", "二审日期", S, 0, MUST, form="datetime"),
    _r("examRsltCode", "检查检验结果代码", S, 3, MAY, "exam_result"),
    _r("rpotAdv", "报告建议", S, 500, MAY),
    _r("rpotPubDate", "出具报告日期", S, 0, MAY, form="datetime"),
    _r("rpotCritVal", "报告临界值", S, 500, MAY),
    _r("hospLv", "检查医院等级", S, 6, MUST, "hosp_lv"),
    _r("setlDate", "结算时间", S, 0, MUST, form="datetime"),
    _r("setlInfoList", "结算信息", LIST, 0, MUST),
)

# 2.1(5) SetInfoDTO
SETTLEMENT_RULES: tuple[Rule, ...] = (
    _r("setlId", "结算 ID", S, 30, MUST),
    _r("medListCodg", "医疗目录编码", S, 50, MUST),
    _r("feedetlSn", "费用明细流水号", S, 30, MUST),
    _r("examPart", "检查部位代码", S, 500, MUST, "exam_part"),
)

_INDEX = _r("hiImgIndx", "医保影像云索引编码", S, 100, MUST)
_STUDY = _r("studyUid", "检查唯一标识", S, 512, MUST)
_ACCESSION = _r("accessionNumber", "影像关联编号", S, 256, MUST)
_MD5 = _r("fileMd5", "文件 Md5 值", S, 512, MUST, form="md5")
_TOTAL = _r("imageTotalNum", "影像总张数", N, 6, MUST, form="count")
# 2.2(4), 2.4(4): the request headers of both; 2.6(4), 2.7(4), 2.8(4): without a key
HEADER_RULES = national.ENVELOPE_RULES
QUERY_RULES = national.QUERY_RULES

# 2.2(5), the parts of the form
IMAGE_FILE_RULES: tuple[Rule, ...] = (
    _INDEX,
    _STUDY,
    _ACCESSION,
    _MD5,
    _r("dicom", "影像 dicom 文件", FILE, 0, MUST),
    _TOTAL,
)

# 2.3(4) input
IMAGE_INFO_RULES: tuple[Rule, ...] = (_INDEX, _STUDY, _ACCESSION, _TOTAL)

# 2.4(5), the parts of the form
REPORT_FILE_RULES: tuple[Rule, ...] = (
    _INDEX,
    _STUDY,
    _r("rpotNo", "报告编号", S, 50, MUST),
    _MD5,
    _r("examRpotPdf1", "检查报告 pdf 文件", FILE, 0, MAY),
)

# 2.5(5) input
DELETE_RULES: tuple[Rule, ...] = (_INDEX,)

# 2.6(5) input
HISTORY_RULES: tuple[Rule, ...] = (
    _r("psnName", "人员姓名", S, 50, MAY),
    _r("psnCertType", "人员证件类型", S, 6, MUST, "id_type"),
    _r("certno", "证件号码", S, 600, MUST),
    _r("begntime", "检查开始时间", S, 0, MAY, form="date"),
    _r("endtime", "检查结束时间", S, 0, MAY, form="date"),
)

# 2.6(6) ResDTO: what comes back, in the order of the table
HISTORY_ANSWER = (
    *("hiImgIndx", "psnName", "psnCertType", "certno", "fixmedinsCode", "fixmedinsName", "examDate", "examPart"),
    *("examRptLinkUrl", "imgInfoLinkUrl", "imgDldLink"),
)

# 2.7(5), 2.8(5) input
_SERVICE = _r("serviceName", "服务名称", S, 100, MUST)
IMAGE_LIST_RULES: tuple[Rule, ...] = (_INDEX, _SERVICE)
IMAGE_RULES: tuple[Rule, ...] = (_INDEX, _r("imgFileSn", "影像文件序列号", OBJECT, 0, MUST), _SERVICE)

# 2.7(6), 2.8(5) FileSnDTO
FILE_SN_RULES: tuple[Rule, ...] = (
    _r("examUuid", "检查 UID", S, 100, MUST),
    _r("snUuid", "序列 UID", S, 100, MUST),
    _r("instUuid", "实例 UID", S, 100, MUST),
)

# Study Instance UIDs have up to 64 characters; 50 are printed, and the sample has 64.
LONGER_THAN_PRINTED = frozenset({"studyUid"})

SAMPLE_SPELLING = {
    "rptNo": "rpotNo",
    "rptMedinsCode": "rpotMedinsCode",
    "rptDrCode": "rpotDrCode",
    "rptDrName": "rpotDrName",
    "rptAdv": "rpotAdv",
    "rptPubDate": "rpotPubDate",
    "rptCritVal": "rpotCritVal",
}
"""The report's names as the sample of 2.1(7) spells them, to the table's."""

# 3.6: codes are nine characters by the text; these are printed with another length.
_PRINTED_ODDLY = """
    B02010ZZ B020ZYZZ B02910ZZ B029ZYZZ B02C10ZZ B02CZYZZ B03050ZZ B0305FZZ B030ZGZZ B030ZHZZ B030ZJZZ B030ZYZZ
    B03950ZZ B039ZYZZ B03BZYZZ B03C50ZZ B03CZYZZ B03D50ZZ B03DZYZZ B206ZZZ1 B206ZZZ6 B206ZZZ7 B2261XZZ B226ZYZZ
    B42M1WZZ B42P1WZZ B50B0ZZZ B50C0ZZZ B50D0ZZZ B531Z B8020ZZZ B835ZYZZ BB04ZZZ1 BB04ZZZ6 BB04ZZZ7 BB0GZZZ0 BDO BF2
    BF34 BG350ZZZ BG3ZYZZZ BH00ZZZG BH01ZZZG BH02ZZZG BP06ZZZA BP07ZZZA BP08ZZVZ BP08ZZZD BP2EZUZZ BP2FZUZZ BP2JZUZZ
    BP2KZUZZ BP2NZUZZ BP3850ZZ BP38ZYZZ BP3E50ZZ BP3EZYZZ BP3G50ZZ BP3GZYZZ BP3J50ZZ BP3JZYZZ BP3L50ZZ BP3LZYZZ
    BP3MZYZZ BP3N50ZZ BP3NZYZZ BP3P50ZZ BP3PZYZZ BPOKZZZ1 BPOKZZZ2 BPOKZZZ7 BPOKZZZA BPOLZZZ2 BPOLZZZ7 BPONZZZ1
    BPONZZZ6 BPONZZZ7 BPONZZZA BPOPZZZ1 BPOPZZZ6 BPOPZZZ7 BPOPZZZA BPOWZZ80 BPOWZZ81 BPOWZZ86 BPOWZZ87 BQ07ZZ00
    BQ07ZZZA BQ08ZZ00 BQ08ZZA BQ08ZZZA BQ0BZZ00 BQ0BZZZA BQ0CZZ00 BQ0CZZZA BQ0GZZ00 BQ0GZZZA BQ0HZZ00 BQ0HZZZA
    BQ0VZZ11 BQ0VZZZ2 BQ0VZZZA BQ0WZZ11 BQ0WZZZ2 BQ0WZZZA BQ3050ZZ BQ30ZYZZ BQ3150ZZ BQ31ZYZZ BQ3750ZZ BQ37ZYZZ
    BQ3850ZZ BQ38ZYZZ BQ3D50ZZ BQ3DZYZZ BQ3F50ZZ BQ3FZYZZ BQ3XZYZZ BQ3Y50ZZ BQ3YZYZZ BR00ZZZ0 BR00ZZZ2 BR07ZZZ0
    BR09ZZZ0 BR22ZYZZ BR23ZYZZ BR29ZYZZ BR2CZUZZ BR2CZYZZ BR2DZYZZ BR2FZYZZ BR30ZYZZ BR31ZYZZ BR32ZYZZ BR33ZYZZ
    BR37ZYZZ BR39ZYZZ BR3DZYZZ BR3FZYZZ BROCZZZ0 BROFZZZ0 BROLZZZ0 BT00ZZZZ BT05ZZZZ BT20ZYZZ BT23ZYZZ BT28ZYZZ
    BT33ZYZZ BT39ZHZZ BT39ZYZZ BU080ZZZ BU090ZZZ BU3DZYZZ BV29ZYZZ BV39ZYZZ BW21ZYZZ BW23ZYZZ BW25ZYZZ BW2GZYZZ
    BW2HZYZZ BW3350ZZ BW33ZYZZ BW3GZYZZ BW3MZYZZ"""
_ODD_CODES = frozenset(
    form for code in _PRINTED_ODDLY.split() for form in (code, re.sub(r"^(B[A-Z])O", r"\g<1>0", code))
)
"""Both readings of a round third character, which the print does not tell apart."""
_nine = shaped(r"B[A-Z0-9]{8}|0{9}")

TABLES: dict[str, Check] = {
    "id_type": shaped(r"\d{3}"),  # GA/T 2000.156, not printed
    "gend": one_of("0 1 2 9"),
    "hosp_lv": one_of("01 02 03 04 05 06 07 08 09 10 11 12 13 14"),
    "img_exam_type": several_of(one_of("1 2 3 4 5"), "|"),
    "prfs": one_of("11 13 17 21 24 27 31 37 51 54 70 80 90"),
    "charge_type": one_of("01 02 03"),
    "exam_part": several_of(lambda text: _nine(text) or text in _ODD_CODES, "|"),
    "exam_way": several_of(one_of("1 2 3 4 5 6 7 8 9"), "|"),
    "exam_result": one_of("1 2 3"),
}

FORMS: dict[str, tuple[Check, str]] = {
    **national.FORMS,
    "one_decimal": (shaped(r"\d+(\.\d)?"), "最多 1 位小数"),
    "two_decimals": (shaped(r"\d{1,6}(\.\d{1,2})?"), "最多 6 位整数、2 位小数"),
    "device": (shaped(r"[0-9A-Z]{13}"), "13 位代码，现阶段为 13 个 0"),
    "md5": (shaped(r"[0-9A-Fa-f]{32}"), "32 位十六进制"),
    "count": (shaped(r"[1-9]\d*"), "大于 0 的整数"),
}
