"""Guizhou's retrieval: a patient's indexes, the cache, images; exams of other hospitals that a tester seeds."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from pydicom import dcmread

from .clinic import ROOT
from .guizhou_clinic import Clinic, a_clinic, an_index, image_parts, sop_of

PERSON = "52010319680412103X"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with a_clinic(tmp_path_factory.mktemp("guizhou")) as clinic:
        yield clinic


@pytest.fixture
def clinic(shared: Clinic) -> Iterator[Clinic]:
    yield shared
    shared.platform.ask("DELETE", "/practice/fault")
    shared.platform.control("options", cache=False, links=True)


def _history(clinic: Clinic, **changes: Any) -> Any:
    wish = {"psnCertType": "111", "certno": PERSON, "begntime": "2000-01-01", "endtime": "2099-01-01", **changes}
    return clinic.query("queryExamRptImgIdxListFHospital", wish)


def _list(clinic: Clinic, index: str) -> list[dict[str, str]]:
    said = clinic.query("queryImgCaheFIndex", {"hiImgIndx": index, "serviceName": "queryImgCaheFileSn"})
    assert (said["code"], said["data"]["hiImgIndx"], said["data"]["fileContent"]) == (0, index, None)
    rows: list[dict[str, str]] = said["data"]["imgFileSnList"]
    return rows


def _content(clinic: Clinic, index: str, names: dict[str, str]) -> Any:
    wish = {"hiImgIndx": index, "serviceName": "queryImgCahe", "imgFileSn": names}
    return clinic.query("queryImgCaheFIndex", wish)


def _uploaded(clinic: Clinic, folder: Path, images: int = 2) -> tuple[str, list[Path]]:
    index, paths = clinic.an_exam_with_images(folder, images=images)
    for path in paths:
        assert clinic.image(index, path)["code"] == 0
    return index, paths


def test_seeded_exams_of_other_hospitals_are_listed_masked_and_bare(clinic: Clinic) -> None:
    made = clinic.platform.control("seed", id_number=PERSON, name="赵建国", exams=3, images=2, size=32)["exams"]
    assert [one["cached"] for one in made] == [True, True, False]
    rows = _history(clinic)["data"]
    assert {row["hiImgIndx"] for row in rows} == {one["index"] for one in made}
    row = next(row for row in rows if row["hiImgIndx"] == made[0]["index"])
    assert (row["psnName"], row["certno"]) == ("赵建国", "520103********103X")
    assert (row["fixmedinsName"], row["psnCertType"]) == ("贵阳演练人民医院", "111")
    assert row["imgDldLink"] == clinic.base + "/mie/api/mie/queryImgCaheFIndex"
    assert [row["imgDldLink"] for row in rows].count("") == 1
    assert not {"diagRslt", "clncDiag", "imageTotalNum", "studyUid"} & set(row)
    assert clinic.platform.received()[-1]["key"] == "520103********103X"


def test_seeding_again_changes_nothing(clinic: Clinic) -> None:
    wish = {"id_number": "520103197509232049", "exams": 1, "images": 1, "size": 32}
    first, second = (clinic.platform.control("seed", **wish)["exams"] for _ in range(2))
    assert first == second
    assert clinic.platform.kept("exam", first[0]["index"])["version"] == 1
    reply = clinic.platform.ask("POST", "/practice/seed", {"id_number": PERSON, "exams": 0})
    assert (reply.status, "exams" in reply.json["error"]) == (400, True)


def test_the_links_open_in_a_browser_and_can_be_left_out(clinic: Clinic) -> None:
    clinic.platform.control("seed", id_number=PERSON, exams=3, images=2, size=32)
    row = _history(clinic)["data"][0]
    for name in ("examRptLinkUrl", "imgInfoLinkUrl"):
        answer = requests.get(row[name], timeout=10)
        assert (answer.status_code, "text/html" in answer.headers["Content-Type"]) == (200, True)
        assert row["hiImgIndx"] in answer.text
        assert "/practice/report?record=" in answer.text
    clinic.platform.control("options", links=False)
    assert not {"examRptLinkUrl", "imgInfoLinkUrl"} & set(_history(clinic)["data"][0])


def test_name_and_days_narrow_the_list(clinic: Clinic, tmp_path: Path) -> None:
    index, _ = _uploaded(clinic, tmp_path)
    person = {"certno": "110101197804050038"}
    assert index in {row["hiImgIndx"] for row in _history(clinic, **person, psnName="李丽")["data"]}
    assert _history(clinic, **person, psnName="别人")["data"] == []
    assert _history(clinic, **person, endtime="2024-11-21")["data"] == []
    assert _history(clinic, **person, begntime="2024-11-22", endtime="2024-11-22")["data"] != []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"certno": "52010319681312103X"}, "不是有效的居民身份证号"),
        ({"certno": "123"}, "不是有效的居民身份证号"),
        ({"certno": ""}, "certno(证件号码)不能为空"),
        ({"psnCertType": "1"}, "psnCertType(人员证件类型)不在字典中"),
        ({"begntime": "2026-02-02", "endtime": "2026-02-01"}, "早于 begntime"),
        ({"begntime": "20260202"}, "begntime(检查开始时间)格式错误"),
    ],
)
def test_a_wrong_question_is_refused_in_words(clinic: Clinic, change: dict[str, str], said: str) -> None:
    reply = _history(clinic, **change)
    assert (reply["code"], reply["data"], said in reply["message"]) == (-1, None, True)


def test_nobody_known_is_an_empty_list_and_a_query_has_no_key(clinic: Clinic) -> None:
    assert _history(clinic, certno="520103200101010011") == {
        "code": 0,
        "type": "success",
        "message": "成功",
        "data": [],
    }
    wish = {"psnCertType": "111", "certno": PERSON}
    said = clinic.post("queryExamRptImgIdxListFHospital", wish)
    assert "fixmedinsCode(医疗机构编号)不能为空" in said["message"]


def test_only_what_is_cached_can_be_listed(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = _uploaded(clinic, tmp_path)
    assert _list(clinic, index) == []
    assert clinic.platform.control("cache", index=index) == {"index": index, "images": 2}
    assert {row["instUuid"] for row in _list(clinic, index)} == {sop_of(path) for path in paths}
    clinic.platform.control("cache", index=index, without=[sop_of(paths[0])])
    assert [row["instUuid"] for row in _list(clinic, index)] == [sop_of(paths[1])]
    clinic.platform.control("options", cache=True)
    other, _ = _uploaded(clinic, tmp_path / "other", images=1)
    assert len(_list(clinic, other)) == 1
    clinic.platform.control("cache", index=other, cached=False)
    assert _list(clinic, other) == []
    assert _list(clinic, an_index()) == []
    assert clinic.platform.ask("POST", "/practice/cache", {"index": an_index()}).status == 404


def test_an_image_comes_back_byte_for_byte(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = _uploaded(clinic, tmp_path)
    clinic.platform.control("cache", index=index)
    by_sop = {sop_of(path): path for path in paths}
    for names in _list(clinic, index):
        parts = image_parts(index, by_sop[names["instUuid"]])
        assert names["examUuid"] == parts["studyUid"]
        said = _content(clinic, index, names)
        assert set(said["data"]) == {"areaCode", "imgDldLink", "hiImgIndx", "imgFileSnList", "fileContent"}
        assert base64.b64decode(said["data"]["fileContent"]) == by_sop[names["instUuid"]].read_bytes()
    assert clinic.platform.received()[-1]["key"] == names["instUuid"]


def test_what_the_cache_lacks_is_not_given(clinic: Clinic, tmp_path: Path) -> None:
    index, _ = _uploaded(clinic, tmp_path, images=1)
    clinic.platform.control("cache", index=index)
    (names,) = _list(clinic, index)
    assert _content(clinic, index, {**names, "instUuid": "1.2.3"})["message"] == "影像不在缓存中"
    assert _content(clinic, index, {**names, "snUuid": "1.2.3"})["message"] == "影像不在缓存中"
    assert "imgFileSn.examUuid(检查 UID)不能为空" in _content(clinic, index, {"snUuid": "1"})["message"]
    clinic.platform.control("cache", index=index, cached=False)
    assert _content(clinic, index, names)["message"] == "影像不在缓存中"
    said = clinic.query("queryImgCaheFIndex", {"hiImgIndx": index, "serviceName": "queryImg"})
    assert "serviceName(服务名称)应为" in said["message"]


def test_an_images_content_can_be_spoilt(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = _uploaded(clinic, tmp_path, images=1)
    clinic.platform.control("cache", index=index)
    (names,) = _list(clinic, index)

    def spoilt(what: str) -> str:
        clinic.platform.fault(where="image_content", what=what)
        return str(_content(clinic, index, names)["data"]["fileContent"])

    other = dcmread(io.BytesIO(base64.b64decode(spoilt("wrong_image"))))
    assert str(other.SOPInstanceUID) != names["instUuid"]
    assert paths[0].read_bytes().startswith(base64.b64decode(spoilt("cut_image")))
    assert base64.b64decode(spoilt("not_dicom")).startswith(b"<html>")
    with pytest.raises(ValueError):
        base64.b64decode(spoilt("bad_base64"), validate=True)


def test_a_line_cut_in_a_reply_leaves_the_next_one_whole(clinic: Clinic, tmp_path: Path) -> None:
    index, paths = _uploaded(clinic, tmp_path, images=1)
    clinic.platform.control("cache", index=index)
    (names,) = _list(clinic, index)
    clinic.platform.fault(where="image_content", when="after", what="truncate")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        _content(clinic, index, names)
    assert base64.b64decode(_content(clinic, index, names)["data"]["fileContent"]) == paths[0].read_bytes()


def test_a_fault_of_the_shared_path_hits_the_service_that_is_named(clinic: Clinic, tmp_path: Path) -> None:
    index, _ = _uploaded(clinic, tmp_path, images=1)
    clinic.platform.fault(where="image_content", what="code0", times=0, message="繁忙")
    clinic.platform.control("cache", index=index)
    (names,) = _list(clinic, index)
    assert _content(clinic, index, names)["message"] == "繁忙"
    clinic.platform.fault(where="cache", what="code0", message="维护")
    said = clinic.query("queryImgCaheFIndex", {"hiImgIndx": index, "serviceName": "queryImgCaheFileSn"})
    assert said["message"] == "维护"


def _order(clinic: Clinic, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.practice", *words, "--at", clinic.base]
    return subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60, check=False)


def test_the_command_line_seeds_caches_and_forgets(clinic: Clinic) -> None:
    done = _order(clinic, "seed", "--id-number", "520103199901010028", "--exams", "1", "--images", "1", "--size", "32")
    assert done.returncode == 0, done.stderr
    (exam,) = json.loads(done.stdout)["exams"]
    assert len(_list(clinic, exam["index"])) == 1
    assert _order(clinic, "cache", exam["index"], "--forget").returncode == 0
    assert _list(clinic, exam["index"]) == []
    missing = _order(clinic, "cache", "111-1")
    assert (missing.returncode, missing.stderr.strip()) == (1, "平台没有这一份")
