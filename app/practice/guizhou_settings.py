"""What the Guizhou practice platform demands, and which reading of a document that contradicts itself it follows."""

from __future__ import annotations

from dataclasses import dataclass

from app.practice.national import NationalSettings
from app.practice.settings import option

PRACTICE_KEY = "PRACTICE-KEY-GUIZHOU"


@dataclass(kw_only=True)
class GuizhouSettings(NationalSettings):
    """What this platform demands, and which reading of the document it follows."""

    ae_title: str = option("GZCLOUD", "本平台的 AE")
    key: str = option(PRACTICE_KEY, "密钥值；空则不核对", secret=True, pattern=".{0,50}")
    same_index: str = option("update", "同一索引再来：更新，或退回", choices=("update", "refuse"))
    index_parts: int = option(0, "索引的段数：5、6 或 0（都收）")
    report_names: str = option("table", "报告字段按字段表（rpot）还是示例（rpt）拼写", choices=("table", "sample"))
    report_part: str = option("examRpotPdf1", "报告文件的名字", choices=("examRpotPdf1", "examRpotPdfI"))
    md5_case: str = option("upper", "fileMd5 只收大写，或大小写都收", choices=("upper", "any"))
    check_ties: bool = option(True, "不核对影像与检查记录的 studyUid、accessionNumber")
    untied: str = option("refuse", "没有 saveImgInfo 的 DICOM 影像：退回，或收下", choices=("refuse", "keep"))
    delete_input: str = option("either", "删除的 input", choices=("either", "strings", "objects"))
    cache: bool = option(False, "收到的检查都在缓存里，可以调阅")
    links: bool = option(True, "索引列表里没有报告和影像的访问链接（文档的示例没有）")
