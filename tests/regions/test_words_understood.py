"""What a practice platform says when it refuses: whose turn it is then, by the rows of `codes.csv`."""

from __future__ import annotations

import pytest

from app.catalogue.codes import load_codes
from app.catalogue.load import load_region
from app.delivery.verdict import Judge
from app.domain.job import Turn
from app.domain.verdict import Verdict
from tests.delivery.stage import an_http_reply

HEAD = [
    ("报文头校验失败：infno(交易编号)不能为空", Verdict.FIX_SETTINGS, Turn.ENGINEER),
    ("infCode(交易机构编号)未在平台登记", Verdict.FIX_SETTINGS, Turn.ENGINEER),
    ("msgid(发送方报文 ID)应以 infCode 开头", Verdict.FIX_SETTINGS, Turn.ENGINEER),
    ("key(密钥值)不正确", Verdict.FIX_SETTINGS, Turn.ENGINEER),
    ("报文 ID 重复：H510802001232026110510300001", Verdict.RETRY, Turn.AUTOMATIC),
    ("系统异常，请稍后重试", Verdict.SLOW_DOWN, Turn.AUTOMATIC),
    ("请求体不是 UTF-8 编码的 JSON", Verdict.FIX_SETTINGS, Turn.ENGINEER),
]
"""Of the request as a whole: the code is not 0, there are no records."""
RECORD = [
    ("参数校验失败：psnName(人员姓名)不能为空", Verdict.FIX_FORM, Turn.TECHNICIAN),
    ("参数校验失败：gend(性别)不在字典中，实际值：7", Verdict.FIX_FORM, Turn.TECHNICIAN),
    ("参数校验失败：hiImgIndx(医保影像云索引号)应有 6 段", Verdict.FIX_SETTINGS, Turn.ENGINEER),
    ("参数校验失败：hiImgIndx(医保影像云索引号)已由其他机构上传", Verdict.FIX_SETTINGS, Turn.ENGINEER),
]
ADDRESSES = [
    ("参数校验失败：stogInsUscc(存储机构统一社会信用代码)未在平台登记", Verdict.FIX_SETTINGS, Turn.ENGINEER),
    ("参数校验失败：imgInfoDcm(影像资料)应为 http 地址", Verdict.FIX_SETTINGS, Turn.ENGINEER),
    ("imgInfoDcm 前置机访问失败（HTTP 404，已试 1 次）", Verdict.FIX_SETTINGS, Turn.ENGINEER),
    ("examRpotPdfI 不是 PDF 文件（开头应为 %PDF-）", Verdict.FIX_SETTINGS, Turn.ENGINEER),
]
"""Only where the files travel by address."""
FILES = [
    ("image", "影像文件解析失败，请核对后重新上传", Verdict.REJECT, Turn.ENGINEER),
    ("image", "dicom(影像 dicom 文件)不是可读的 DICOM 文件", Verdict.REJECT, Turn.ENGINEER),
    ("image", "fileMd5(文件 Md5 值)校验失败，收到的文件是 0123", Verdict.RETRY, Turn.AUTOMATIC),
    ("image", "报文解析失败", Verdict.FIX_SETTINGS, Turn.ENGINEER),
    ("image", "key(密钥值)不正确", Verdict.FIX_SETTINGS, Turn.ENGINEER),
    ("default", "PDF 解析失败", Verdict.FIX_FORM, Turn.TECHNICIAN),
    ("default", "报文解析失败", Verdict.FIX_SETTINGS, Turn.ENGINEER),
]
"""Of one file among many: what is wrong with it alone is no question of the settings, which would stop all others."""
CASES = [("guizhou", *one) for one in RECORD] + [("guangyuan", *one) for one in RECORD + ADDRESSES]


def judged(region: str, body: object, reply: str = "records") -> tuple[Verdict, Turn]:
    judge = Judge(load_codes(region), load_region(region).options["replies"])
    found, _ = judge.http(an_http_reply(body), reply, "exam")
    assert found.trouble is not None
    return found.verdict, found.trouble.turn


@pytest.mark.parametrize("region", ["guizhou", "guangyuan"])
@pytest.mark.parametrize(("words", "verdict", "turn"), HEAD)
def test_a_request_that_is_refused_as_a_whole(region: str, words: str, verdict: Verdict, turn: Turn) -> None:
    body = {"code": -1, "type": "error", "message": words, "data": None}
    assert judged(region, body) == (verdict, turn)


@pytest.mark.parametrize(("region", "words", "verdict", "turn"), CASES)
def test_a_record_that_is_refused(region: str, words: str, verdict: Verdict, turn: Turn) -> None:
    row = {"hiImgIndx": None, "succFlag": "-1", "message": words}
    body = {"code": 0, "type": "success", "message": "成功", "data": [row]}
    assert judged(region, body) == (verdict, turn)


@pytest.mark.parametrize(("reply", "words", "verdict", "turn"), FILES)
def test_a_file_that_is_refused(reply: str, words: str, verdict: Verdict, turn: Turn) -> None:
    body = {"code": -1, "hiImgIndx": None, "message": words}
    assert judged("guizhou", body, reply) == (verdict, turn)
