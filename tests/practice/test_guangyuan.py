"""The practised Guangyuan: records of clinics and of sharing centres, envelopes, faults."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import requests

from app.practice.guangyuan_fields import CENTRE_RULES, CLINIC_RULES

from .clinic import PracticeProcess
from .guangyuan_clinic import KEY, STORAGE, a_record, a_record_of_a_centre, an_envelope, post, sent, words


@pytest.mark.parametrize("place", ["exam", "centre"])
def test_a_complete_record_is_kept_and_answered_as_printed(guangyuan: PracticeProcess, place: str) -> None:
    record = a_record() if place == "exam" else a_record_of_a_centre()
    assert sent(guangyuan, record, place=place) == {
        "code": 0,
        "type": "success",
        "message": "成功",
        "data": [{"hiImgIndx": None, "succFlag": "1", "message": "保存数据成功"}],
    }
    kept = guangyuan.kept("exam", record["hiImgIndx"])
    assert (kept["state"], kept["version"], kept["sent_as"]) == ("kept", 1, place)
    assert kept["fields"] == record
    assert kept["day"] == "2026-11-05"


def test_the_same_index_again_is_an_update(guangyuan: PracticeProcess) -> None:
    record = a_record()
    for name in ("赵建国", "赵建国", "赵建军"):
        assert sent(guangyuan, {**record, "psnName": name})["data"][0]["succFlag"] == "1"
    kept = guangyuan.kept("exam", record["hiImgIndx"])
    assert (kept["version"], kept["received"], kept["fields"]["psnName"]) == (2, 3, "赵建军")


def test_the_index_is_answered_where_that_is_wished(guangyuan: PracticeProcess) -> None:
    guangyuan.control("options", echo_index=True)
    record = a_record()
    assert sent(guangyuan, record)["data"][0]["hiImgIndx"] == record["hiImgIndx"]


def test_of_several_records_the_bad_one_is_named_and_the_good_one_kept(guangyuan: PracticeProcess) -> None:
    good, bad = a_record(), a_record(psnName="")
    answer = sent(guangyuan, good, bad)
    assert [row["succFlag"] for row in answer["data"]] == ["1", "0"]
    assert "psnName(人员姓名)不能为空" in answer["data"][1]["message"]
    assert guangyuan.kept("exam", good["hiImgIndx"]) and not guangyuan.kept("exam", bad["hiImgIndx"])


@pytest.mark.parametrize("name", [rule.name for rule in CLINIC_RULES if rule.required])
def test_every_field_that_a_clinic_must_fill_is_missed(guangyuan: PracticeProcess, name: str) -> None:
    record = a_record()
    del record[name]
    assert f"{name}(" in words(sent(guangyuan, record))


@pytest.mark.parametrize("name", [rule.name for rule in CENTRE_RULES if rule.required])
def test_every_field_that_a_centre_must_fill_is_missed(guangyuan: PracticeProcess, name: str) -> None:
    record = a_record_of_a_centre()
    del record[name]
    assert f"{name}(" in words(sent(guangyuan, record, place="centre"))


@pytest.mark.parametrize("rule", [rule for rule in CLINIC_RULES if rule.length and rule.type == "string"], ids=str)
def test_nothing_is_longer_than_printed(guangyuan: PracticeProcess, rule: Any) -> None:
    said = words(sent(guangyuan, a_record(**{rule.name: "http://" + "1" * rule.length})))
    assert f"{rule.name}({rule.title})长度{rule.length + 7}超过最大长度{rule.length}" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gend": "3"}, "gend(性别)不在字典中，实际值：3"),
        ({"gend": 1}, "gend(性别)类型错误，应为字符串"),
        ({"hospLv": "15"}, "hospLv(检查医院等级)不在字典中"),
        ({"imgExamType": "2 3"}, "imgExamType(影像检查类型代码)不在字典中"),
        ({"imgExamType": "6"}, "imgExamType(影像检查类型代码)不在字典中"),
        ({"examWay": "1,2"}, "examWay(检查方式)不在字典中"),
        ({"examRsltCode": "Normal"}, "examRsltCode(检查结果代码)不在字典中"),
        ({"psnCertType": "01"}, "psnCertType(人员证件类型)不在字典中"),
        ({"examDate": "2026-11-05 09:30:00"}, "examDate(检查日期)格式错误，应为yyyy-MM-dd"),
        ({"rpotDate": "2026-11-05"}, "rpotDate(报告日期)格式错误，应为yyyy-MM-dd HH:mm:ss"),
        ({"age": "35"}, "age(年龄)类型错误，应为数字"),
        ({"age": 35.25}, "age(年龄)格式错误"),
        ({"examPart": "肺"}, "examPart(检查部位代码)不在字典中"),
        ({"imgInfoDcm": "UEsDBA=="}, "imgInfoDcm(影像资料)应为 http 地址"),
        ({"examRpotPdfI": "不是文件"}, "examRpotPdfI(检查报告pdf文件)不是地址，也不是正确的 Base64"),
        ({"hiImgIndx": "111-1"}, "hiImgIndx(医保影像云索引号)应为"),
        ({"certno": "510802196804121057"}, "hiImgIndx(医保影像云索引号)证件类型或证件号码与记录不一致"),
        ({"examDate": "2026-11-09"}, "hiImgIndx(医保影像云索引号)检查日期与记录不一致"),
    ],
)
def test_a_wrong_field_is_named(guangyuan: PracticeProcess, change: dict[str, Any], said: str) -> None:
    assert said in words(sent(guangyuan, a_record(**change)))


def test_what_the_tables_allow_is_taken(guangyuan: PracticeProcess) -> None:
    record = a_record(
        imgExamType="2|3", examWay="1|2", examPart="BW23ZYZZZ|BB04ZZZ1", examRsltCode="2", age=0.5, brdy="1968-04-12"
    )
    assert sent(guangyuan, record)["data"][0]["succFlag"] == "1"


def test_nine_characters_are_asked_of_body_parts_where_that_is_wished(guangyuan: PracticeProcess) -> None:
    guangyuan.control("options", exact_length=True)
    assert "examPart(检查部位代码)不在字典中" in words(sent(guangyuan, a_record(examPart="BB04ZZZ1")))


def test_names_that_only_the_samples_have_are_shown_as_unknown(guangyuan: PracticeProcess) -> None:
    record = a_record(hospitalCode="1", patientId="2")
    sent(guangyuan, record)
    assert guangyuan.kept("exam", record["hiImgIndx"])["unknown"] == ["hospitalCode", "patientId"]


def test_an_index_without_the_sixth_part_is_a_matter_of_the_option(guangyuan: PracticeProcess) -> None:
    record = a_record()
    short = {**record, "hiImgIndx": record["hiImgIndx"].rsplit("-", 1)[0]}
    assert "应有 6 段" in words(sent(guangyuan, short))
    guangyuan.control("options", six_parts=False)
    assert sent(guangyuan, short)["data"][0]["succFlag"] == "1"


def test_an_index_belongs_to_the_institution_that_sent_it_first(guangyuan: PracticeProcess) -> None:
    record = a_record()
    sent(guangyuan, record)
    assert "已由其他机构上传" in words(sent(guangyuan, {**record, "fixmedinsCode": "H51080200999"}))


def test_a_centre_must_be_registered_and_store_where_it_says(guangyuan: PracticeProcess) -> None:
    guangyuan.control("options", storage="91310106575864243X")
    assert "stogInsUscc" in words(sent(guangyuan, a_record_of_a_centre(), place="centre"))
    guangyuan.control("options", storage=STORAGE)
    assert sent(guangyuan, a_record_of_a_centre(), place="centre")["data"][0]["succFlag"] == "1"
    guangyuan.control("options", take_centre=False)
    assert "不是登记的共享中心" in words(sent(guangyuan, a_record_of_a_centre(), place="centre"))


# The envelope


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"infno": "saveExamRpotImgIdx"}, "infno(交易编号)应为 saveExamRpotImgInfo"),
        ({"msgid": ""}, "msgid(发送方报文 ID)不能为空"),
        ({"msgid": "1"}, "msgid(发送方报文 ID)格式错误"),
        ({"infTime": "2026-11-05T10:00:00"}, "infTime(交易时间)格式错误"),
        ({"infCode": ""}, "infCode(交易机构编号)不能为空"),
        ({"key": ""}, "key(密钥值)不能为空"),
        ({"key": "1" * 51}, "key(密钥值)长度51超过最大长度50"),
        ({"data": {}}, "data(交易输入)不能为空，且应为数组"),
        ({"data": []}, "data(交易输入)不能为空，且应为数组"),
        ({"data": ["111"]}, "data(交易输入)里应全是对象"),
    ],
)
def test_an_envelope_that_is_wrong_is_refused_as_a_whole(
    guangyuan: PracticeProcess, change: dict[str, Any], said: str
) -> None:
    answer = post(guangyuan, an_envelope(a_record(), **change)).json()
    assert answer["code"] == -1 and answer["data"] is None
    assert said in answer["message"]


def test_what_is_no_json_is_refused(guangyuan: PracticeProcess) -> None:
    assert "不是 UTF-8 编码的 JSON" in post(guangyuan, b'{"infno": ').json()["message"]
    assert "应为 JSON 对象" in post(guangyuan, b"[]").json()["message"]


def test_a_record_beyond_the_printed_length_of_the_whole_is_refused(guangyuan: PracticeProcess) -> None:
    answer = sent(guangyuan, a_record(clncDiag="病" * 40_000))
    assert answer["code"] == -1 and "超过最大长度40000" in answer["message"]


def test_a_wrong_key_and_an_institution_that_is_not_registered_are_refused(guangyuan: PracticeProcess) -> None:
    guangyuan.control("rekey", key="ANOTHER")
    assert "key(密钥值)不正确" in sent(guangyuan, a_record())["message"]
    guangyuan.control("rekey", key=KEY)
    guangyuan.control("options", institution="H51080299999")
    assert "未在平台登记" in sent(guangyuan, a_record())["message"]


def test_a_msgid_never_comes_twice(guangyuan: PracticeProcess) -> None:
    envelope = an_envelope(a_record())
    assert post(guangyuan, envelope).json()["code"] == 0
    again = post(guangyuan, copy.deepcopy(envelope)).json()
    assert again["code"] == -1 and "报文 ID 重复" in again["message"]


# Faults


def test_a_record_that_is_refused_in_words_is_not_kept(guangyuan: PracticeProcess) -> None:
    guangyuan.fault(where="exam", what="partial", message="索引格式不正确")
    record = a_record()
    assert words(sent(guangyuan, record)) == "索引格式不正确"
    assert guangyuan.kept("exam", record["hiImgIndx"]) is None


def test_a_part_is_refused_by_what_it_has_in_it(guangyuan: PracticeProcess) -> None:
    first, second = a_record(), a_record(psnName="孙玉梅")
    guangyuan.fault(where="exam", what="partial", match="孙玉梅", message="系统繁忙")
    rows = sent(guangyuan, first, second)["data"]
    assert [(row["succFlag"], row["message"]) for row in rows] == [("1", "保存数据成功"), ("0", "系统繁忙")]
    came = [one["verdict"] for one in guangyuan.received() if one["kind"] == "exam"]  # not what is fetched meanwhile
    assert came[-2:] == ["kept", "refused"]


@pytest.mark.parametrize(
    ("fault", "data"),
    [
        ({"what": "wrong_flag"}, [{"hiImgIndx": None, "succFlag": "0", "message": "保存数据成功"}]),
        ({"what": "wrong_flag", "value": "-1"}, [{"hiImgIndx": None, "succFlag": "-1", "message": "保存数据成功"}]),
        ({"what": "no_flag"}, [{"hiImgIndx": None, "message": "保存数据成功"}]),
        ({"what": "no_data"}, None),
    ],
)
def test_an_answer_that_says_another_thing_than_was_done(
    guangyuan: PracticeProcess, fault: dict[str, Any], data: Any
) -> None:
    guangyuan.fault(where="exam", **fault)
    record = a_record()
    answer = sent(guangyuan, record)
    assert (answer["code"], answer["data"]) == (0, data)
    assert guangyuan.kept("exam", record["hiImgIndx"])


@pytest.mark.parametrize(
    ("what", "status", "start"),
    [
        ("code0", 200, b'{"code": -1'),
        ("garbage", 200, b'{"code":\xff'),
        ("status500", 500, b"<html"),
        ("busy", 503, b"{"),
    ],
)
def test_a_failure_by_answer_keeps_nothing(guangyuan: PracticeProcess, what: str, status: int, start: bytes) -> None:
    guangyuan.fault(where="exam", what=what)
    record = a_record()
    answer = post(guangyuan, an_envelope(record))
    assert answer.status_code == status and answer.content.startswith(start)
    assert guangyuan.kept("exam", record["hiImgIndx"]) is None


@pytest.mark.parametrize("what", ["refuse", "drop", "cut_body", "truncate"])
def test_a_line_that_is_cut_is_no_answer(guangyuan: PracticeProcess, what: str) -> None:
    guangyuan.fault(where="exam", what=what)
    with pytest.raises(requests.RequestException):
        post(guangyuan, an_envelope(a_record())).json()


def test_an_answer_that_is_lost_after_keeping_leaves_the_record(guangyuan: PracticeProcess) -> None:
    guangyuan.fault(where="centre", when="after", what="drop")
    record = a_record_of_a_centre()
    with pytest.raises(requests.RequestException):
        post(guangyuan, an_envelope(record, place="centre"), "centre")
    assert guangyuan.kept("exam", record["hiImgIndx"])
