"""Guizhou's uploads: records, images by HTTP and by DICOM, report files, deletion; what is refused, in which words."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from app.practice.guizhou_fields import EXAM_RULES, IMAGE_FILE_RULES, SETTLEMENT_RULES
from app.practice.modality import make_study, send

from .guizhou_clinic import (
    NUMBER,
    PDF,
    Clinic,
    a_clinic,
    a_msgid,
    a_record,
    an_index,
    image_parts,
    md5,
    sop_of,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with a_clinic(tmp_path_factory.mktemp("guizhou")) as clinic:
        yield clinic


@pytest.fixture(scope="module")
def usual(shared: Clinic) -> dict[str, Any]:
    options: dict[str, Any] = shared.platform.ask("GET", "/practice/options").json
    return {name: value for name, value in options.items() if name != "offset_seconds"}


@pytest.fixture
def clinic(shared: Clinic, usual: dict[str, Any]) -> Iterator[Clinic]:
    yield shared
    shared.platform.ask("DELETE", "/practice/fault")
    shared.platform.control("options", **usual)


# -- 2.1 --------------------------------------------------------------------------------------------------------------


def test_the_tables_have_as_many_rows_as_the_document() -> None:
    assert (len(EXAM_RULES), len(SETTLEMENT_RULES), len(IMAGE_FILE_RULES)) == (76, 4, 6)
    assert len({rule.name for rule in EXAM_RULES}) == 76


def test_the_documents_sample_as_repaired_is_kept(clinic: Clinic) -> None:
    index = an_index()
    said = clinic.post("saveExamRptImgInfo", [a_record(index)])
    row = {"hiImgIndx": index, "succFlag": "1", "message": "保存数据成功"}
    assert said == {"code": 0, "type": "success", "message": "成功", "data": [row]}
    kept = clinic.platform.kept("exam", index)
    assert (kept["state"], kept["version"], kept["received"], kept["unknown"]) == ("kept", 1, 1, [])


def test_the_same_index_again_is_an_update_unless_the_platform_does_not_take_it(clinic: Clinic) -> None:
    index = an_index()
    clinic.exam(index)
    assert clinic.exam(index, psnName="李莉")["succFlag"] == "1"
    assert clinic.platform.kept("exam", index)["version"] == 2
    clinic.platform.control("options", same_index="refuse")
    row = clinic.exam(index)
    assert (row["succFlag"], "已存在" in row["message"]) == ("-1", True)


def test_an_index_of_another_exam_is_not_overwritten(clinic: Clinic) -> None:
    index = an_index()
    clinic.exam(index)
    row = clinic.exam(index, studyUid="1.2.3", accessionNumber="OTHER", rpotNo="OTHER")
    assert "另一例检查" in row["message"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"psnName": ""}, "psnName(人员姓名)不能为空"),
        ({"gend": "3"}, "gend(性别)不在字典中"),
        ({"sdryChkDate": ""}, "sdryChkDate(二审日期)不能为空"),
        ({"imgExamType": "2,3"}, "imgExamType(影像检查类型)不在字典中"),
        ({"imgExamType": "9"}, "imgExamType(影像检查类型)不在字典中"),
        ({"chargeType": "07"}, "chargeType(费用类型)不在字典中"),
        ({"examDate": "20241122"}, "examDate(检查日期)格式错误"),
        ({"setlDate": "2023-04-01"}, "setlDate(结算时间)格式错误"),
        ({"age": 35.25}, "age(年龄)格式错误"),
        ({"age": "三十五"}, "age(年龄)类型错误，应为数字"),
        ({"examCharge": "1234567.00"}, "examCharge(检查费用)长度9超过最大长度8"),
        ({"fixmedinsCode": "H" * 31}, "长度31超过最大长度30"),
        ({"examInseqi": "CT-1"}, "examInseqi(成像设备代码)格式错误"),
        ({"setlInfoList": []}, "setlInfoList(结算信息)不能为空"),
        ({"setlInfoList": [{"setlId": "1"}]}, "setlInfoList[0].medListCodg(医疗目录编码)不能为空"),
        ({"certno": "110101197804050041"}, "证件类型或证件号码与记录不一致"),
        ({"examDate": "2024-11-20"}, "检查日期与记录不一致"),
        ({"rpotNo": None, "rptNo": "R1"}, "rpotNo(报告编号)不能为空"),
    ],
)
def test_a_wrong_field_is_named(clinic: Clinic, change: dict[str, Any], said: str) -> None:
    index = an_index()
    row = clinic.exam(index, **change)
    assert (row["hiImgIndx"], row["succFlag"]) == (index, "-1")
    assert said in row["message"]
    assert clinic.platform.kept("exam", index) is None
    last = clinic.platform.received()[-1]
    assert (last["key"], last["verdict"]) == (index, "refused")


@pytest.mark.parametrize(
    "change",
    [
        {"imgExamType": "2|3"},
        {"examWay": "1|2"},
        {"examPart": "BP3F50ZZZ"},
        {"examCharge": 240},
        {"age": 0.5},
        {"studyUid": "1." + "2" * 62},
        {"rpotNo": "R1,R2", "accessionNumber": "A1,A2"},
    ],
)
def test_what_the_document_allows_is_taken(clinic: Clinic, change: dict[str, Any]) -> None:
    assert clinic.exam(an_index(), **change)["succFlag"] == "1"


@pytest.mark.parametrize(
    "index",
    [
        f"111-{NUMBER}-20241122143055-{'0' * 14}-{'0' * 10}",
        f"111-{NUMBER}-20241322143055-{'0' * 13}-{'0' * 9}",
        f"111-{NUMBER.lower()}x-20241122143055-{'0' * 13}-{'0' * 9}",
    ],
)
def test_a_malformed_index_is_refused(clinic: Clinic, index: str) -> None:
    assert "hiImgIndx(医保影像云索引编码)应为" in clinic.exam(index)["message"]


def test_the_sixth_part_of_the_samples_is_a_matter_of_an_option(clinic: Clinic) -> None:
    long = an_index() + "-123502004266007980"
    assert clinic.exam(long)["succFlag"] == "1"
    clinic.platform.control("options", index_parts=5)
    assert "应有 5 段" in clinic.exam(long)["message"]


def test_names_that_only_the_sample_has_are_noted(clinic: Clinic) -> None:
    index = an_index()
    clinic.exam(index, hospitalCode="12100000400010558Y", patientId="056430")
    assert clinic.platform.kept("exam", index)["unknown"] == ["hospitalCode", "patientId"]


def test_the_reports_names_can_be_the_samples(clinic: Clinic) -> None:
    clinic.platform.control("options", report_names="sample")
    assert "rpotNo(报告编号)不能为空" in clinic.exam(an_index())["message"]
    assert clinic.exam(an_index(), rptNo="R1")["succFlag"] == "1"


def test_of_several_records_each_has_its_own_outcome(clinic: Clinic) -> None:
    good, bad = an_index(), an_index()
    said = clinic.post("saveExamRptImgInfo", [a_record(good), a_record(bad, gend="7")])
    assert [row["succFlag"] for row in said["data"]] == ["1", "0"]
    assert [(row["key"], row["verdict"]) for row in clinic.platform.received()[-2:]] == [
        (good, "kept"),
        (bad, "refused"),
    ]
    clinic.platform.control("options", refuse_by="code")
    said = clinic.post("saveExamRptImgInfo", [a_record(an_index(), gend="7")])
    assert (said["code"], said["data"]) == (-1, None)


# -- the envelope -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": "WRONG"}, "key(密钥值)不正确"),
        ({"key": None}, "key(密钥值)不能为空"),
        ({"infCode": ""}, "infCode(交易机构编号)不能为空"),
        ({"infno": "saveImgFile"}, "infno(交易编号)应为 saveExamRptImgInfo"),
        ({"infTime": "2025-03-03T01:00:00"}, "infTime(交易时间)格式错误"),
        ({"msgid": "123"}, "msgid(发送方报文 ID)格式错误"),
        ({"msgid": "H52030200193202503010102030001"}, "应以 infCode 开头"),
    ],
)
def test_each_fault_of_the_envelope_is_named(clinic: Clinic, change: dict[str, Any], said: str) -> None:
    infno = "saveExamRptImgInfo"
    body = {**clinic.envelope(infno, **change), "input": [a_record(an_index())]}
    reply = clinic.platform.ask("POST", "/mie/api/mie/" + infno, body).json
    assert (reply["code"], reply["type"], reply["data"]) == (-1, "error", None)
    assert said in reply["message"]


def test_a_msgid_is_taken_once_whatever_became_of_it(clinic: Clinic) -> None:
    first, second = a_msgid(), a_msgid()
    clinic.post("saveExamRptImgInfo", [a_record(an_index())], msgid=first)
    clinic.platform.fault(where="exam", what="drop")
    with pytest.raises(requests.ConnectionError):
        clinic.post("saveExamRptImgInfo", [a_record(an_index())], msgid=second)
    for used in (first, second):
        said = clinic.post("saveExamRptImgInfo", [a_record(an_index())], msgid=used)
        assert said["message"] == f"报文 ID 重复：{used}"
        assert "报文 ID 重复" in clinic.platform.received()[-1]["reason"]
    serials = clinic.platform.ask("GET", "/practice/serials").json["serials"]
    assert {one["serial"]: one["times"] for one in serials}.items() >= {(first, 2), (second, 2)}


def test_the_key_can_be_changed_and_only_one_institution_be_registered(clinic: Clinic) -> None:
    clinic.platform.control("rekey", key="ANOTHER")
    assert "key" in clinic.post("saveExamRptImgInfo", [a_record(an_index())])["message"]
    clinic.platform.control("rekey", key="PRACTICE-KEY-GUIZHOU")
    clinic.platform.control("options", institution="H52030200193")
    assert "未在平台登记" in clinic.post("saveExamRptImgInfo", [a_record(an_index())])["message"]


def test_an_input_that_is_no_array_or_too_long_is_refused(clinic: Clinic) -> None:
    assert "应为数组" in clinic.post("saveExamRptImgInfo", a_record(an_index()))["message"]
    assert "应全是对象" in clinic.post("saveExamRptImgInfo", ["x"])["message"]
    long = a_record(an_index(), illhis="史" * 40_000)
    assert "超过最大长度40000" in clinic.post("saveExamRptImgInfo", [long])["message"]


# -- 2.2 --------------------------------------------------------------------------------------------------------------


def test_an_image_file_is_kept_byte_for_byte_once_and_counted(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path)
    for path in [*paths, paths[0]]:
        assert clinic.image(index, path) == {"code": 0, "hiImgIndx": index, "message": "成功"}
    kept = clinic.platform.kept("image", sop_of(paths[0]))
    assert (kept["received"], kept["version"], kept["index"], kept["total"]) == (2, 1, index, 2)
    assert kept["md5"] == md5(paths[0].read_bytes())
    assert clinic.platform.ask("GET", f"/practice/image?sop={sop_of(paths[0])}").body == paths[0].read_bytes()
    exam = clinic.platform.kept("exam", index)
    assert (exam["images"], exam["declared"]) == (2, 2)


def test_late_images_carry_the_new_total(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path, images=3)
    clinic.image(index, paths[0], imageTotalNum="1")
    clinic.image(index, paths[1], imageTotalNum="3")
    assert clinic.platform.kept("exam", index)["declared"] == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hiImgIndx": an_index(at="20200101000000")}, "hiImgIndx(医保影像云索引编码)不存在"),
        ({"fileMd5": "0" * 32}, "fileMd5(文件 Md5 值)校验失败"),
        ({"fileMd5": "xyz"}, "fileMd5(文件 Md5 值)格式错误"),
        ({"studyUid": "1.2.3"}, "studyUid(检查唯一标识)与检查数据不一致"),
        ({"accessionNumber": "WHO"}, "accessionNumber(影像关联编号)与检查数据不一致"),
        ({"imageTotalNum": ""}, "imageTotalNum(影像总张数)不能为空"),
        ({"imageTotalNum": "0"}, "imageTotalNum(影像总张数)格式错误"),
        ({"imageTotalNum": "1000000"}, "imageTotalNum(影像总张数)长度7超过最大长度6"),
        ({"dicom": ("a.dcm", b"not an image", "application/dicom"), "fileMd5": md5(b"not an image")}, "DICOM 文件"),
    ],
)
def test_what_is_wrong_with_an_image_file_is_named(
    clinic: Clinic, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path, images=1)
    reply = clinic.image(index, paths[0], **change)
    assert reply["code"] == -1
    assert said in reply["message"]
    assert clinic.platform.kept("image", sop_of(paths[0])) is None


def test_a_file_of_another_study_or_accession_number_is_refused(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path / "a", images=1)
    parts = image_parts(index, paths[0])
    stranger = make_study(tmp_path / "b", images=1, size=32, accession="STRANGE")[0]
    content = stranger.read_bytes()
    mixed = {**parts, "fileMd5": md5(content), "dicom": ("x.dcm", content, "application/dicom")}
    said = clinic.form("saveImgFile", mixed).json()["message"]
    assert "StudyInstanceUID 与 studyUid 不一致" in said
    assert "AccessionNumber 与 accessionNumber 不一致" in said
    clinic.platform.control("options", check_ties=False)
    assert clinic.form("saveImgFile", mixed).json()["code"] == 0


def test_the_case_of_the_md5_can_be_left_open(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path, images=1)
    lower = md5(paths[0].read_bytes()).lower()
    assert "校验失败" in clinic.image(index, paths[0], fileMd5=lower)["message"]
    clinic.platform.control("options", md5_case="any")
    assert clinic.image(index, paths[0], fileMd5=lower)["code"] == 0


def test_the_five_fields_are_headers(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path, images=1)
    for name in ("infno", "infTime", "infCode", "msgid", "key"):
        reply = clinic.form("saveImgFile", image_parts(index, paths[0]), **{name: None}).json()
        assert (reply["code"], reply["hiImgIndx"]) == (-1, None)
        assert f"{name}(" in reply["message"]


def test_an_image_has_one_file_per_request_and_must_be_a_form(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path, images=1)
    twice = [("dicom", ("1.dcm", b"1")), ("dicom", ("2.dcm", b"2"))]
    headers = clinic.envelope("saveImgFile")
    url = clinic.base + "/mie/api/mie/saveImgFile"
    answer = requests.post(url, files=twice, headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["message"]) == (415, "dicom 只能有一个")
    answer = requests.post(url, json={}, headers=clinic.envelope("saveImgFile"), timeout=10)
    assert answer.status_code == 415
    assert clinic.image(index, paths[0])["code"] == 0


def test_one_image_is_refused_until_it_is_mended_and_the_others_are_kept(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path, images=3)
    bad = sop_of(paths[1])
    clinic.platform.fault(where="image", what="code0", match=bad, times=0, message="影像无法识别")
    said = [clinic.image(index, path) for path in paths]
    assert [one["code"] for one in said] == [0, -1, 0]
    assert said[1]["message"] == "影像无法识别"
    assert clinic.platform.kept("image", bad) is None
    clinic.platform.ask("DELETE", "/practice/fault")
    assert clinic.image(index, paths[1])["code"] == 0


def test_a_line_cut_in_a_body_or_in_a_reply_shows_once_more_in_the_ledger(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path, images=1)
    key = sop_of(paths[0])
    clinic.platform.fault(where="image", what="cut_body", match=key)
    clinic.platform.fault(where="image", when="after", what="truncate", match=key)
    with pytest.raises(requests.ConnectionError):
        clinic.image(index, paths[0])
    assert clinic.platform.kept("image", key) is None
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        clinic.image(index, paths[0])
    assert clinic.platform.kept("image", key)["received"] == 1
    assert clinic.image(index, paths[0])["code"] == 0
    kept = clinic.platform.kept("image", key)
    assert (kept["received"], kept["version"]) == (2, 1)


def test_a_sender_that_goes_away_in_the_middle_leaves_nothing(clinic: Clinic, tmp_path: Path) -> None:
    connection = http.client.HTTPConnection(clinic.platform.host, int(clinic.platform.port), timeout=10)
    connection.putrequest("POST", "/mie/api/mie/saveImgFile")
    connection.putheader("Content-Type", "multipart/form-data; boundary=b")
    connection.putheader("Content-Length", "100000")
    connection.endheaders()
    connection.send(b'--b\r\nContent-Disposition: form-data; name="dicom"; filename="x"\r\n\r\n' + b"x" * 5000)
    before = len(clinic.platform.received())
    connection.close()
    while len(rows := clinic.platform.received()) == before:
        pass
    assert (rows[-1]["verdict"], "没有传完" in rows[-1]["reason"]) == ("refused", True)


def test_status_500_and_busy_words_come_as_ordered(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path, images=1)
    for what, status in (("status500", 500), ("busy", 503)):
        clinic.platform.fault(where="image", what=what, seconds=1)
        assert clinic.form("saveImgFile", image_parts(index, paths[0])).status_code == status
    clinic.platform.fault(where="image", when="after", what="html")
    with pytest.raises(requests.JSONDecodeError):
        clinic.image(index, paths[0])


# -- 2.3 --------------------------------------------------------------------------------------------------------------


def _info(index: str, path: Path, **changes: Any) -> list[dict[str, Any]]:
    parts = image_parts(index, path)
    names = ("hiImgIndx", "studyUid", "accessionNumber")
    return [{**{name: parts[name] for name in names}, "imageTotalNum": 2, **changes}]


def test_by_dicom_the_metadata_comes_first_and_ties_the_images(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path)
    platform = clinic.platform
    early = send(paths, platform.host, platform.dicom_port, "GZCLOUD", "CT01")
    assert [status for _, status in early.failed] == [0xC000, 0xC000]
    assert platform.received()[-1]["reason"] == "这个检查没有 saveImgInfo"
    said = clinic.post("saveImgInfo", _info(index, paths[0]))
    assert said["data"] == [{"hiImgIndx": index, "succFlag": "1", "message": "保存数据成功"}]
    assert len(send(paths, platform.host, platform.dicom_port, "GZCLOUD", "CT01").stored) == 2
    kept = platform.kept("image", sop_of(paths[0]))
    assert (kept["index"], kept["total"], kept["by"], kept["received"]) == (index, 2, "dicom", 2)
    assert platform.kept("exam", index)["images"] == 2


def test_by_dicom_the_accession_number_must_be_the_announced_one(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path, images=1)
    clinic.post("saveImgInfo", _info(index, paths[0]))
    study = image_parts(index, paths[0])["studyUid"]
    strangers = make_study(tmp_path / "other", images=1, size=32, study_uid=study, accession="OTHER", first_number=9)
    platform = clinic.platform
    assert send(strangers, platform.host, platform.dicom_port, "GZCLOUD", "CT01").stored == ()
    platform.control("options", untied="keep")
    assert len(send(strangers, platform.host, platform.dicom_port, "GZCLOUD", "CT01").stored) == 1
    assert platform.kept("image", sop_of(strangers[0]))["index"] == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [({"imageTotalNum": None}, "imageTotalNum(影像总张数)不能为空"), ({"studyUid": "9"}, "与检查数据不一致")],
)
def test_wrong_metadata_is_refused(clinic: Clinic, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path, images=1)
    (row,) = clinic.post("saveImgInfo", _info(index, paths[0], **change))["data"]
    assert (row["succFlag"], said in row["message"]) == ("-1", True)


def test_metadata_that_is_split_in_two_objects_as_printed_is_refused(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path, images=1)
    (whole,) = _info(index, paths[0])
    split = [{"hiImgIndx": whole.pop("hiImgIndx")}, whole]
    assert [row["succFlag"] for row in clinic.post("saveImgInfo", split)["data"]] == ["-1", "-1"]


# -- 2.4 --------------------------------------------------------------------------------------------------------------


def test_a_report_file_is_kept_byte_for_byte(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path, images=1, rpotNo="REP-1,REP-2")
    study = image_parts(index, paths[0])["studyUid"]
    assert clinic.report(index, study, rpotNo="REP-2") == {"code": 0, "hiImgIndx": index, "message": "成功"}
    assert clinic.platform.kept("report", "REP-2")["pdf_sha256"] == hashlib.sha256(PDF).hexdigest()
    assert clinic.platform.ask("GET", "/practice/report?record=REP-2").body == PDF
    assert clinic.platform.kept("exam", index)["reports"] == ["REP-2"]
    assert "rpotNo(报告编号)与检查数据不一致" in clinic.report(index, study, rpotNo="REP-3")["message"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fileMd5": md5(b"other")}, "fileMd5(文件 Md5 值)校验失败"),
        ({"examRpotPdf1": ("r.pdf", b"<html>"), "fileMd5": md5(b"<html>")}, "不是 PDF 文件"),
        ({"rpotNo": ""}, "rpotNo(报告编号)不能为空"),
        ({"hiImgIndx": an_index(at="20200101000001")}, "不存在"),
    ],
)
def test_what_is_wrong_with_a_report_file_is_named(
    clinic: Clinic, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path, images=1)
    reply = clinic.report(index, image_parts(index, paths[0])["studyUid"], **change)
    assert (reply["code"], said in reply["message"]) == (-1, True)


def test_the_doubtful_name_of_the_report_file_is_an_option(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path, images=1, rpotNo="REP-I")
    study = image_parts(index, paths[0])["studyUid"]
    clinic.platform.control("options", report_part="examRpotPdfI")
    parts = {"examRpotPdfI": ("r.pdf", PDF), "rpotNo": "REP-I"}
    assert clinic.report(index, study, **parts)["code"] == 0
    assert clinic.platform.kept("report", "REP-I")["size"] == len(PDF)


# -- 2.5 --------------------------------------------------------------------------------------------------------------


def test_deletion_takes_record_images_and_report_with_it(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = clinic.an_exam_with_images(tmp_path, images=2, rpotNo="REP-D")
    for path in paths:
        clinic.image(index, path)
    clinic.report(index, image_parts(index, paths[0])["studyUid"], rpotNo="REP-D")
    said = clinic.post("deleteExamRptImgIdxInfo", [index])
    assert said["data"] == [{"hiImgIndx": None, "succFlag": "1", "message": "删除数据成功"}]
    assert clinic.platform.kept("exam", index)["state"] == "deleted"
    assert clinic.platform.kept("image", sop_of(paths[0]))["state"] == "deleted"
    assert clinic.platform.kept("report", "REP-D")["state"] == "deleted"
    assert "不存在" in clinic.image(index, paths[0])["message"]
    study, accession = (image_parts(index, paths[0])[name] for name in ("studyUid", "accessionNumber"))
    other = an_index()
    clinic.exam(other, studyUid=study, accessionNumber=accession)
    assert clinic.image(other, paths[0])["code"] == 0
    kept = clinic.platform.kept("image", sop_of(paths[0]))
    assert (kept["state"], kept["index"]) == ("kept", other)


def test_a_deletion_fails_in_part_and_takes_strings_or_objects(clinic: Clinic) -> None:
    first, second, unknown = an_index(), an_index(), an_index()
    clinic.exam(first)
    clinic.exam(second)
    said = clinic.post("deleteExamRptImgIdxInfo", [first, unknown])
    assert [(row["hiImgIndx"], row["succFlag"]) for row in said["data"]] == [(None, "1"), (unknown, "0")]
    assert clinic.post("deleteExamRptImgIdxInfo", [{"hiImgIndx": second}])["data"][0]["succFlag"] == "1"
    clinic.platform.control("options", delete_input="objects")
    assert clinic.post("deleteExamRptImgIdxInfo", [second])["code"] == -1


# -- faults of its own ------------------------------------------------------------------------------------------------


def test_part_of_a_request_can_fail_by_order(clinic: Clinic) -> None:
    first, second = an_index(), an_index()
    clinic.platform.fault(where="exam", what="partial", match=first, message="库忙")
    said = clinic.post("saveExamRptImgInfo", [a_record(first), a_record(second)])
    assert [(row["succFlag"], row["message"]) for row in said["data"]] == [("0", "库忙"), ("1", "保存数据成功")]
    assert clinic.platform.kept("exam", first) is None
    assert clinic.platform.kept("exam", second) is not None


def test_a_flag_can_lie_and_data_be_null(clinic: Clinic) -> None:
    index = an_index()
    clinic.platform.fault(where="exam", what="wrong_flag", value="-1")
    assert clinic.exam(index)["succFlag"] == "-1"
    assert clinic.platform.kept("exam", index)["received"] == 1
    clinic.platform.fault(where="exam", what="no_data")
    assert clinic.post("saveExamRptImgInfo", [a_record(index)])["data"] is None
    reply = clinic.platform.ask("POST", "/practice/fault", {"what": "partial", "when": "after"})
    assert (reply.status, "before" in reply.json["error"]) == (400, True)


def test_a_lost_exam_can_be_sent_again(clinic: Clinic) -> None:
    index = an_index()
    clinic.exam(index)
    clinic.platform.control("lose", exam=index)
    assert clinic.platform.kept("exam", index)["state"] == "lost"
    assert clinic.exam(index)["succFlag"] == "1"
    assert clinic.platform.kept("exam", index)["state"] == "kept"


def test_the_page_shows_what_came_and_the_options_hide_the_key(clinic: Clinic) -> None:
    index = an_index()
    clinic.exam(index, psnName="<王芳>")
    clinic.exam(an_index(), gend="7")
    text = clinic.platform.ask("GET", "/").body.decode()
    assert "演练平台 · 贵州" in text
    assert "&lt;王芳&gt;" in text
    assert "gend(性别)不在字典中" in text
    assert "key" not in clinic.platform.ask("GET", "/practice/options").json
