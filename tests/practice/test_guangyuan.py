"""The Guangyuan platform: records of clinics and of sharing centres, and the files that it fetches for them."""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import itertools
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
import requests

from app.practice.guangyuan_fields import CENTRE_RULES, CLINIC_RULES
from tests.builders import a_data_set, a_uid, dicom_bytes

from .clinic import PracticeProcess
from .offers import Offers

PDF = b"%PDF-1.4 an invented report"
INSTITUTION = "H51080200123"
KEY = "PRACTICE-KEY-GUANGYUAN"
STORAGE = "52510802MJ0000034K"
PATHS = {
    "exam": ("/mie/api/mie/saveExamRpotImgInfo", "saveExamRpotImgInfo"),
    "centre": ("/mie/api/mie/saveExamRpotImgIndx", "saveExamRpotImgIndx"),
}
USUAL = {
    "institution": "",
    "refuse_by": "flag",
    "exact_length": False,
    "file_access": True,
    "fetch_after_seconds": 0,
    "fetch_tries": 3,
    "fetch_pause_seconds": 0,
    "six_parts": True,
    "echo_index": False,
    "take_base64": True,
    "fetch_first": False,
    "take_centre": True,
    "storage": "",
    "open_pages": False,
}
_numbers = itertools.count(1)
_seconds = itertools.count(0)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeProcess]:
    process = PracticeProcess(tmp_path_factory.mktemp("guangyuan"), region="guangyuan")
    yield process
    assert process.stop() == 0


@pytest.fixture
def platform(shared: PracticeProcess) -> Iterator[PracticeProcess]:
    shared.control("options", **USUAL)
    yield shared
    shared.ask("DELETE", "/practice/fault")
    shared.control("rekey", key=KEY)


@pytest.fixture(scope="module")
def offers() -> Iterator[Offers]:
    with Offers() as running:
        yield running


def an_index(number: str = "510802196804121056") -> str:
    second = next(_seconds)
    return f"111-{number}-202611050930{second % 60:02d}-{'0' * 13}-{'0' * 9}-{STORAGE}"


def a_record(**changes: Any) -> dict[str, Any]:
    """What must be there (Y), with addresses that nobody answers."""
    return {
        "hiImgIndx": an_index(),
        "psnName": "赵建国",
        "psnCertType": "111",
        "certno": "510802196804121056",
        "gend": "1",
        "fixmedinsCode": INSTITUTION,
        "examAdmdvs": "510802",
        "imgExamType": "2",
        "imgExamItem": "胸部平扫",
        "examDate": "2026-11-05",
        "examPart": "BW23ZYZZZ",
        "hospLv": "14",
        "examRpotPdfI": "http://127.0.0.1:9/report.pdf",
        "imgInfoDcm": "http://127.0.0.1:9/images.zip",
        **changes,
    }


def a_record_of_a_centre(**changes: Any) -> dict[str, Any]:
    record = a_record()
    link = record.pop("imgInfoDcm")
    del record["examRpotPdfI"]
    pages = {"examRpotLinkUrl": "http://127.0.0.1:9/report", "imgInfoLinkUrl": "http://127.0.0.1:9/image"}
    return {**record, **pages, "imgDldLink": link, "stogInsUscc": STORAGE, **changes}


def an_envelope(*records: Any, place: str = "exam", **changes: Any) -> dict[str, Any]:
    now = datetime.now()
    return {
        "infno": PATHS[place][1],
        "msgid": f"{INSTITUTION}{now:%Y%m%d%H%M%S}{next(_numbers):04d}",
        "infTime": f"{now:%Y-%m-%d %H:%M:%S}",
        "infCode": INSTITUTION,
        "key": KEY,
        "data": list(records),
        **changes,
    }


def post(platform: PracticeProcess, body: Any, place: str = "exam") -> requests.Response:
    address = f"http://{platform.host}:{platform.port}{PATHS[place][0]}"
    if isinstance(body, bytes):
        return requests.post(address, data=body, headers={"Content-Type": "application/json"}, timeout=10)
    return requests.post(address, json=body, timeout=10)


def sent(platform: PracticeProcess, *records: Any, place: str = "exam") -> Any:
    answer = post(platform, an_envelope(*records, place=place), place)
    assert answer.status_code == 200
    return answer.json()


def words(answer: Any) -> str:
    assert answer["code"] == 0
    [row] = answer["data"]
    assert row["succFlag"] == "-1"
    return str(row["message"])


def row_of(platform: PracticeProcess, index: str, field: str) -> dict[str, Any] | None:
    rows = platform.ledger()["fetched"]
    return next((one for one in rows if (one["exam"], one["field"]) == (index, field)), None)


def until(look: Callable[[], Any]) -> Any:
    """What `look` finds, as soon as it finds something."""
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError("never came")


def fetched(platform: PracticeProcess, index: str, field: str, state: str = "fetched") -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        row = row_of(platform, index, field)
        return row if row and row["state"] == state else None

    found: dict[str, Any] = until(look)
    return found


def a_zip(*files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number, content in enumerate(files):
            archive.writestr(f"{number}.dcm", content)
    return made.getvalue()


def slices(count: int, study: str | None = None) -> list[bytes]:
    study, series = study or a_uid(), a_uid()
    return [dicom_bytes(a_data_set(study_uid=study, series_uid=series, number=one + 1)) for one in range(count)]


def digest_of_data_set(file: bytes) -> str:
    return hashlib.sha256(file[144 + int.from_bytes(file[140:144], "little") :]).hexdigest()


# Records


@pytest.mark.parametrize("place", ["exam", "centre"])
def test_a_complete_record_is_kept_and_answered_as_printed(platform: PracticeProcess, place: str) -> None:
    record = a_record() if place == "exam" else a_record_of_a_centre()
    assert sent(platform, record, place=place) == {
        "code": 0,
        "type": "success",
        "message": "成功",
        "data": [{"hiImgIndx": None, "succFlag": "1", "message": "保存数据成功"}],
    }
    kept = platform.kept("exam", record["hiImgIndx"])
    assert (kept["state"], kept["version"], kept["sent_as"]) == ("kept", 1, place)
    assert kept["fields"] == record
    assert kept["day"] == "2026-11-05"


def test_the_same_index_again_is_an_update(platform: PracticeProcess) -> None:
    record = a_record()
    for name in ("赵建国", "赵建国", "赵建军"):
        assert sent(platform, {**record, "psnName": name})["data"][0]["succFlag"] == "1"
    kept = platform.kept("exam", record["hiImgIndx"])
    assert (kept["version"], kept["received"], kept["fields"]["psnName"]) == (2, 3, "赵建军")


def test_the_index_is_answered_where_that_is_wished(platform: PracticeProcess) -> None:
    platform.control("options", echo_index=True)
    record = a_record()
    assert sent(platform, record)["data"][0]["hiImgIndx"] == record["hiImgIndx"]


def test_of_several_records_the_bad_one_is_named_and_the_good_one_kept(platform: PracticeProcess) -> None:
    good, bad = a_record(), a_record(psnName="")
    answer = sent(platform, good, bad)
    assert [row["succFlag"] for row in answer["data"]] == ["1", "0"]
    assert "psnName(人员姓名)不能为空" in answer["data"][1]["message"]
    assert platform.kept("exam", good["hiImgIndx"]) and not platform.kept("exam", bad["hiImgIndx"])


@pytest.mark.parametrize("name", [rule.name for rule in CLINIC_RULES if rule.required])
def test_every_field_that_a_clinic_must_fill_is_missed(platform: PracticeProcess, name: str) -> None:
    record = a_record()
    del record[name]
    assert f"{name}(" in words(sent(platform, record))


@pytest.mark.parametrize("name", [rule.name for rule in CENTRE_RULES if rule.required])
def test_every_field_that_a_centre_must_fill_is_missed(platform: PracticeProcess, name: str) -> None:
    record = a_record_of_a_centre()
    del record[name]
    assert f"{name}(" in words(sent(platform, record, place="centre"))


@pytest.mark.parametrize("rule", [rule for rule in CLINIC_RULES if rule.length and rule.type == "string"], ids=str)
def test_nothing_is_longer_than_printed(platform: PracticeProcess, rule: Any) -> None:
    said = words(sent(platform, a_record(**{rule.name: "http://" + "1" * rule.length})))
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
def test_a_wrong_field_is_named(platform: PracticeProcess, change: dict[str, Any], said: str) -> None:
    assert said in words(sent(platform, a_record(**change)))


def test_what_the_tables_allow_is_taken(platform: PracticeProcess) -> None:
    record = a_record(
        imgExamType="2|3", examWay="1|2", examPart="BW23ZYZZZ|BB04ZZZ1", examRsltCode="2", age=0.5, brdy="1968-04-12"
    )
    assert sent(platform, record)["data"][0]["succFlag"] == "1"


def test_nine_characters_are_asked_of_body_parts_where_that_is_wished(platform: PracticeProcess) -> None:
    platform.control("options", exact_length=True)
    assert "examPart(检查部位代码)不在字典中" in words(sent(platform, a_record(examPart="BB04ZZZ1")))


def test_names_that_only_the_samples_have_are_shown_as_unknown(platform: PracticeProcess) -> None:
    record = a_record(hospitalCode="1", patientId="2")
    sent(platform, record)
    assert platform.kept("exam", record["hiImgIndx"])["unknown"] == ["hospitalCode", "patientId"]


def test_an_index_without_the_sixth_part_is_a_matter_of_the_option(platform: PracticeProcess) -> None:
    record = a_record()
    short = {**record, "hiImgIndx": record["hiImgIndx"].rsplit("-", 1)[0]}
    assert "应有 6 段" in words(sent(platform, short))
    platform.control("options", six_parts=False)
    assert sent(platform, short)["data"][0]["succFlag"] == "1"


def test_an_index_belongs_to_the_institution_that_sent_it_first(platform: PracticeProcess) -> None:
    record = a_record()
    sent(platform, record)
    assert "已由其他机构上传" in words(sent(platform, {**record, "fixmedinsCode": "H51080200999"}))


def test_a_centre_must_be_registered_and_store_where_it_says(platform: PracticeProcess) -> None:
    platform.control("options", storage="91310106575864243X")
    assert "stogInsUscc" in words(sent(platform, a_record_of_a_centre(), place="centre"))
    platform.control("options", storage=STORAGE)
    assert sent(platform, a_record_of_a_centre(), place="centre")["data"][0]["succFlag"] == "1"
    platform.control("options", take_centre=False)
    assert "不是登记的共享中心" in words(sent(platform, a_record_of_a_centre(), place="centre"))


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
    platform: PracticeProcess, change: dict[str, Any], said: str
) -> None:
    answer = post(platform, an_envelope(a_record(), **change)).json()
    assert answer["code"] == -1 and answer["data"] is None
    assert said in answer["message"]


def test_what_is_no_json_is_refused(platform: PracticeProcess) -> None:
    assert "不是 UTF-8 编码的 JSON" in post(platform, b'{"infno": ').json()["message"]
    assert "应为 JSON 对象" in post(platform, b"[]").json()["message"]


def test_a_record_beyond_the_printed_length_of_the_whole_is_refused(platform: PracticeProcess) -> None:
    answer = sent(platform, a_record(clncDiag="病" * 40_000))
    assert answer["code"] == -1 and "超过最大长度40000" in answer["message"]


def test_a_wrong_key_and_an_institution_that_is_not_registered_are_refused(platform: PracticeProcess) -> None:
    platform.control("rekey", key="ANOTHER")
    assert "key(密钥值)不正确" in sent(platform, a_record())["message"]
    platform.control("rekey", key=KEY)
    platform.control("options", institution="H51080299999")
    assert "未在平台登记" in sent(platform, a_record())["message"]


def test_a_msgid_never_comes_twice(platform: PracticeProcess) -> None:
    envelope = an_envelope(a_record())
    assert post(platform, envelope).json()["code"] == 0
    again = post(platform, copy.deepcopy(envelope)).json()
    assert again["code"] == -1 and "报文 ID 重复" in again["message"]


# Faults


def test_a_record_that_is_refused_in_words_is_not_kept(platform: PracticeProcess) -> None:
    platform.fault(where="exam", what="partial", message="索引格式不正确")
    record = a_record()
    assert words(sent(platform, record)) == "索引格式不正确"
    assert platform.kept("exam", record["hiImgIndx"]) is None


def test_a_part_is_refused_by_what_it_has_in_it(platform: PracticeProcess) -> None:
    first, second = a_record(), a_record(psnName="孙玉梅")
    platform.fault(where="exam", what="partial", match="孙玉梅", message="系统繁忙")
    rows = sent(platform, first, second)["data"]
    assert [(row["succFlag"], row["message"]) for row in rows] == [("1", "保存数据成功"), ("0", "系统繁忙")]
    assert [one["verdict"] for one in platform.received()[-2:]] == ["kept", "refused"]


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
    platform: PracticeProcess, fault: dict[str, Any], data: Any
) -> None:
    platform.fault(where="exam", **fault)
    record = a_record()
    answer = sent(platform, record)
    assert (answer["code"], answer["data"]) == (0, data)
    assert platform.kept("exam", record["hiImgIndx"])


@pytest.mark.parametrize(
    ("what", "status", "start"),
    [
        ("code0", 200, b'{"code": -1'),
        ("garbage", 200, b'{"code":\xff'),
        ("status500", 500, b"<html"),
        ("busy", 503, b"{"),
    ],
)
def test_a_failure_by_the_answer_keeps_nothing(platform: PracticeProcess, what: str, status: int, start: bytes) -> None:
    platform.fault(where="exam", what=what)
    record = a_record()
    answer = post(platform, an_envelope(record))
    assert answer.status_code == status and answer.content.startswith(start)
    assert platform.kept("exam", record["hiImgIndx"]) is None


@pytest.mark.parametrize("what", ["refuse", "drop", "cut_body", "truncate"])
def test_a_line_that_is_cut_is_no_answer(platform: PracticeProcess, what: str) -> None:
    platform.fault(where="exam", what=what)
    with pytest.raises(requests.RequestException):
        post(platform, an_envelope(a_record())).json()


def test_an_answer_that_is_lost_after_keeping_leaves_the_record(platform: PracticeProcess) -> None:
    platform.fault(where="centre", when="after", what="drop")
    record = a_record_of_a_centre()
    with pytest.raises(requests.RequestException):
        post(platform, an_envelope(record, place="centre"), "centre")
    assert platform.kept("exam", record["hiImgIndx"])


# Files


def test_the_report_and_the_images_are_fetched_and_said_in_the_ledger(
    platform: PracticeProcess, offers: Offers
) -> None:
    study, files = a_uid(), []
    files = slices(3, study)
    archive = a_zip(*files)
    record = a_record(examRpotPdfI=offers.put("/a.pdf", PDF), imgInfoDcm=offers.put("/a.zip", archive))
    index = record["hiImgIndx"]
    assert sent(platform, record)["data"][0]["succFlag"] == "1"

    images = fetched(platform, index, "imgInfoDcm")
    assert (images["bytes"], images["images"], images["series"]) == (len(archive), 3, 1)
    assert images["sha256"] == hashlib.sha256(archive).hexdigest()
    assert (images["studies"], images["times"], images["received"]) == ([study], 1, 1)
    report = fetched(platform, index, "examRpotPdfI")
    assert (report["bytes"], report["sha256"]) == (len(PDF), hashlib.sha256(PDF).hexdigest())

    ledger = platform.ledger()
    kept = {one["sha256"] for one in ledger["images"] if one.get("index") == index}
    assert kept == {digest_of_data_set(one) for one in files}
    assert platform.kept("exam", index)["images"] == 3
    assert platform.kept("exam", index)["reports"] == [index]
    assert platform.ask("GET", f"/practice/report?record={index}").body == PDF


def test_a_stored_image_is_the_very_file_that_was_offered(platform: PracticeProcess, offers: Offers) -> None:
    [file] = slices(1)
    record = a_record(imgInfoDcm=offers.put("/b.zip", a_zip(file)))
    sent(platform, record)
    fetched(platform, record["hiImgIndx"], "imgInfoDcm")
    [image] = [one for one in platform.ledger()["images"] if one.get("index") == record["hiImgIndx"]]
    assert platform.ask("GET", f"/practice/image?sop={image['key']}").body == file


def test_a_sharing_centre_is_asked_for_the_images_and_for_the_pages_where_wished(
    platform: PracticeProcess, offers: Offers
) -> None:
    platform.control("options", open_pages=True)
    record = a_record_of_a_centre(
        imgDldLink=offers.put("/c.zip", a_zip(*slices(2))),
        examRpotLinkUrl=offers.put("/c/report", b"<html>"),
        imgInfoLinkUrl=offers.put("/c/image", b"<html>"),
    )
    sent(platform, record, place="centre")
    assert fetched(platform, record["hiImgIndx"], "imgDldLink")["images"] == 2
    for field in ("examRpotLinkUrl", "imgInfoLinkUrl"):
        assert fetched(platform, record["hiImgIndx"], field)["bytes"] == 6


def test_late_images_under_the_same_address_are_fetched_with_the_next_record(
    platform: PracticeProcess, offers: Offers
) -> None:
    study = a_uid()
    files = slices(3, study)
    record = a_record(imgInfoDcm=offers.put("/d.zip", a_zip(*files[:2])))
    index = record["hiImgIndx"]
    sent(platform, record)
    assert fetched(platform, index, "imgInfoDcm")["images"] == 2
    offers.put("/d.zip", a_zip(*files[1:]))
    sent(platform, record)
    until(lambda: (row_of(platform, index, "imgInfoDcm") or {})["times"] == 2)
    states = {one["sha256"]: one["state"] for one in platform.ledger()["images"] if one.get("index") == index}
    assert states == {
        digest_of_data_set(files[0]): "deleted",
        digest_of_data_set(files[1]): "kept",
        digest_of_data_set(files[2]): "kept",
    }


@pytest.mark.parametrize("trouble", ["missing", "cut"])
def test_a_fetch_that_fails_is_tried_again_and_counted(platform: PracticeProcess, offers: Offers, trouble: str) -> None:
    path = f"/e-{trouble}.zip"
    getattr(offers, trouble)[path] = 2
    record = a_record(imgInfoDcm=offers.put(path, a_zip(*slices(1))))
    sent(platform, record)
    row = fetched(platform, record["hiImgIndx"], "imgInfoDcm")
    assert (row["tries"], row["received"], row["times"], offers.asked[path]) == (3, 3, 1, 3)
    tries = [one for one in platform.received() if one["key"] == f"{record['hiImgIndx']} imgInfoDcm"]
    assert [one["verdict"] for one in tries] == ["refused", "refused", "kept"]


def test_a_fetch_gives_up_after_its_tries_and_says_why(platform: PracticeProcess) -> None:
    record = a_record()
    sent(platform, record)
    row = fetched(platform, record["hiImgIndx"], "imgInfoDcm", "failed")
    assert row["tries"] == 3 and row["reason"].startswith("imgInfoDcm 前置机访问失败")


@pytest.mark.parametrize(
    ("field", "content", "said"),
    [
        ("examRpotPdfI", b"<html>login</html>", "不是 PDF 文件"),
        ("imgInfoDcm", b"<html>login</html>", "压缩包打不开或不完整"),
        ("imgInfoDcm", a_zip(), "压缩包里没有影像"),
        ("imgInfoDcm", a_zip(b"no image"), "0.dcm 不是 DICOM 文件"),
    ],
)
def test_a_file_that_is_something_else_is_not_taken(
    platform: PracticeProcess, offers: Offers, field: str, content: bytes, said: str
) -> None:
    record = a_record(**{field: offers.put("/f", content)})
    sent(platform, record)
    assert said in fetched(platform, record["hiImgIndx"], field, "failed")["reason"]
    assert platform.kept("exam", record["hiImgIndx"])["images"] == 0


def test_a_platform_that_never_fetches_waits_until_it_may(platform: PracticeProcess, offers: Offers) -> None:
    platform.control("options", fetch_after_seconds=-1)
    record = a_record(imgInfoDcm=offers.put("/g.zip", a_zip(*slices(1))))
    sent(platform, record)
    other = a_record()
    sent(platform, other)
    assert (row_of(platform, record["hiImgIndx"], "imgInfoDcm") or {})["state"] == "waiting"
    assert offers.asked["/g.zip"] == 0
    platform.control("options", fetch_after_seconds=0)
    assert fetched(platform, record["hiImgIndx"], "imgInfoDcm")["images"] == 1


def test_a_platform_that_can_not_reach_the_clinic_says_so(platform: PracticeProcess, offers: Offers) -> None:
    platform.control("options", file_access=False)
    record = a_record(imgInfoDcm=offers.put("/h.zip", a_zip(*slices(1))))
    sent(platform, record)
    assert "不能访问该地址" in fetched(platform, record["hiImgIndx"], "imgInfoDcm", "failed")["reason"]


def test_one_record_can_be_out_of_reach_by_order(platform: PracticeProcess, offers: Offers) -> None:
    platform.fault(where="exam", what="unreachable")
    record = a_record(imgInfoDcm=offers.put("/i.zip", a_zip(*slices(1))))
    sent(platform, record)
    assert fetched(platform, record["hiImgIndx"], "imgInfoDcm", "failed")["tries"] == 3
    sent(platform, record)
    assert fetched(platform, record["hiImgIndx"], "imgInfoDcm")["images"] == 1


def test_a_platform_that_fetches_first_refuses_what_it_can_not_fetch(platform: PracticeProcess, offers: Offers) -> None:
    platform.control("options", fetch_first=True)
    record = a_record(examRpotPdfI=offers.put("/j.pdf", PDF))
    assert "imgInfoDcm 前置机访问失败" in words(sent(platform, record))
    assert platform.kept("exam", record["hiImgIndx"]) is None
    record["imgInfoDcm"] = offers.put("/j.zip", a_zip(*slices(2)))
    assert sent(platform, record)["data"][0]["succFlag"] == "1"
    assert platform.kept("exam", record["hiImgIndx"])["images"] == 2


def test_a_report_inside_the_record_is_kept_whatever_its_length(platform: PracticeProcess) -> None:
    pdf = PDF + b"\0" * 60_000
    record = a_record(examRpotPdfI=base64.b64encode(pdf).decode())
    assert sent(platform, record)["data"][0]["succFlag"] == "1"
    assert platform.ask("GET", f"/practice/report?record={record['hiImgIndx']}").body == pdf
    assert platform.kept("exam", record["hiImgIndx"])["fields"]["examRpotPdfI"].startswith("（Base64")
    platform.control("options", take_base64=False)
    small = a_record(examRpotPdfI=base64.b64encode(PDF).decode())
    assert "应为 http 地址" in words(sent(platform, small))


def test_what_waits_is_fetched_after_a_restart(tmp_path: Any, offers: Offers) -> None:
    record = a_record(imgInfoDcm=offers.put("/k.zip", a_zip(*slices(1))))
    first = PracticeProcess(tmp_path, "--fetch-after-seconds", "-1", region="guangyuan")
    try:
        sent(first, record)
    finally:
        assert first.stop() == 0
    second = PracticeProcess(tmp_path, region="guangyuan")
    try:
        assert fetched(second, record["hiImgIndx"], "imgInfoDcm")["images"] == 1
    finally:
        assert second.stop() == 0


def test_the_page_shows_the_record_and_what_was_fetched(platform: PracticeProcess, offers: Offers) -> None:
    record = a_record(examRpotPdfI=offers.put("/l.pdf", PDF), rpotNo="R7", diagRslt="未见异常")
    sent(platform, record)
    fetched(platform, record["hiImgIndx"], "examRpotPdfI")
    page = platform.ask("GET", "/").body.decode()
    for word in ("广元", record["hiImgIndx"], "赵建国", "R7", "未见异常", "取文件"):
        assert word in page
