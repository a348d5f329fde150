"""The practised Guangyuan: the reports and images that it fetches for a record."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from tests.builders import a_uid

from .clinic import PracticeProcess
from .guangyuan_clinic import (
    PDF,
    a_record,
    a_record_of_a_centre,
    a_zip,
    digest_of_data_set,
    fetched,
    row_of,
    sent,
    slices,
    until,
    words,
)
from .offers import Offers


def test_the_report_and_the_images_are_fetched_and_said_in_the_ledger(
    guangyuan: PracticeProcess, offers: Offers
) -> None:
    study = a_uid()
    files = slices(3, study)
    archive = a_zip(*files)
    record = a_record(examRpotPdfI=offers.put("/a.pdf", PDF), imgInfoDcm=offers.put("/a.zip", archive))
    index = record["hiImgIndx"]
    assert sent(guangyuan, record)["data"][0]["succFlag"] == "1"

    images = fetched(guangyuan, index, "imgInfoDcm")
    assert (images["bytes"], images["images"], images["series"]) == (len(archive), 3, 1)
    assert images["sha256"] == hashlib.sha256(archive).hexdigest()
    assert (images["studies"], images["times"], images["received"]) == ([study], 1, 1)
    report = fetched(guangyuan, index, "examRpotPdfI")
    assert (report["bytes"], report["sha256"]) == (len(PDF), hashlib.sha256(PDF).hexdigest())

    ledger = guangyuan.ledger()
    kept = {one["sha256"] for one in ledger["images"] if one.get("index") == index}
    assert kept == {digest_of_data_set(one) for one in files}
    assert guangyuan.kept("exam", index)["images"] == 3
    assert guangyuan.kept("exam", index)["reports"] == [index]
    assert guangyuan.ask("GET", f"/practice/report?record={index}").body == PDF


def test_a_stored_image_is_the_very_file_that_was_offered(guangyuan: PracticeProcess, offers: Offers) -> None:
    [file] = slices(1)
    record = a_record(imgInfoDcm=offers.put("/b.zip", a_zip(file)))
    sent(guangyuan, record)
    fetched(guangyuan, record["hiImgIndx"], "imgInfoDcm")
    [image] = [one for one in guangyuan.ledger()["images"] if one.get("index") == record["hiImgIndx"]]
    assert guangyuan.ask("GET", f"/practice/image?sop={image['key']}").body == file


def test_a_sharing_centre_is_asked_for_the_images_and_for_the_pages_where_wished(
    guangyuan: PracticeProcess, offers: Offers
) -> None:
    guangyuan.control("options", open_pages=True)
    record = a_record_of_a_centre(
        imgDldLink=offers.put("/c.zip", a_zip(*slices(2))),
        examRpotLinkUrl=offers.put("/c/report", b"<html>"),
        imgInfoLinkUrl=offers.put("/c/image", b"<html>"),
    )
    sent(guangyuan, record, place="centre")
    assert fetched(guangyuan, record["hiImgIndx"], "imgDldLink")["images"] == 2
    for field in ("examRpotLinkUrl", "imgInfoLinkUrl"):
        assert fetched(guangyuan, record["hiImgIndx"], field)["bytes"] == 6


def test_late_images_under_the_same_address_are_fetched_with_the_next_record(
    guangyuan: PracticeProcess, offers: Offers
) -> None:
    study = a_uid()
    files = slices(3, study)
    record = a_record(imgInfoDcm=offers.put("/d.zip", a_zip(*files[:2])))
    index = record["hiImgIndx"]
    sent(guangyuan, record)
    assert fetched(guangyuan, index, "imgInfoDcm")["images"] == 2
    offers.put("/d.zip", a_zip(*files[1:]))
    sent(guangyuan, record)
    until(lambda: (row_of(guangyuan, index, "imgInfoDcm") or {})["times"] == 2)
    states = {one["sha256"]: one["state"] for one in guangyuan.ledger()["images"] if one.get("index") == index}
    assert states == {
        digest_of_data_set(files[0]): "deleted",
        digest_of_data_set(files[1]): "kept",
        digest_of_data_set(files[2]): "kept",
    }


@pytest.mark.parametrize("trouble", ["missing", "cut"])
def test_a_fetch_that_fails_is_tried_again_and_told(guangyuan: PracticeProcess, offers: Offers, trouble: str) -> None:
    path = f"/e-{trouble}.zip"
    getattr(offers, trouble)[path] = 2
    record = a_record(imgInfoDcm=offers.put(path, a_zip(*slices(1))))
    sent(guangyuan, record)
    row = fetched(guangyuan, record["hiImgIndx"], "imgInfoDcm")
    assert (row["tries"], row["received"], row["times"], offers.asked[path]) == (3, 3, 1, 3)
    tries = [one for one in guangyuan.received() if one["key"] == f"{record['hiImgIndx']} imgInfoDcm"]
    assert [one["verdict"] for one in tries] == ["refused", "refused", "kept"]


def test_a_fetch_gives_up_after_its_tries_and_says_why(guangyuan: PracticeProcess) -> None:
    record = a_record()
    sent(guangyuan, record)
    row = fetched(guangyuan, record["hiImgIndx"], "imgInfoDcm", "failed")
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
    guangyuan: PracticeProcess, offers: Offers, field: str, content: bytes, said: str
) -> None:
    record = a_record(**{field: offers.put("/f", content)})
    sent(guangyuan, record)
    assert said in fetched(guangyuan, record["hiImgIndx"], field, "failed")["reason"]
    assert guangyuan.kept("exam", record["hiImgIndx"])["images"] == 0


def test_a_platform_that_never_fetches_waits_until_it_may(guangyuan: PracticeProcess, offers: Offers) -> None:
    guangyuan.control("options", fetch_after_seconds=-1)
    record = a_record(imgInfoDcm=offers.put("/g.zip", a_zip(*slices(1))))
    sent(guangyuan, record)
    other = a_record()
    sent(guangyuan, other)
    assert (row_of(guangyuan, record["hiImgIndx"], "imgInfoDcm") or {})["state"] == "waiting"
    assert offers.asked["/g.zip"] == 0
    guangyuan.control("options", fetch_after_seconds=0)
    assert fetched(guangyuan, record["hiImgIndx"], "imgInfoDcm")["images"] == 1


def test_a_platform_that_can_not_reach_the_clinic_says_so(guangyuan: PracticeProcess, offers: Offers) -> None:
    guangyuan.control("options", file_access=False)
    record = a_record(imgInfoDcm=offers.put("/h.zip", a_zip(*slices(1))))
    sent(guangyuan, record)
    assert "不能访问该地址" in fetched(guangyuan, record["hiImgIndx"], "imgInfoDcm", "failed")["reason"]


def test_one_record_can_be_out_of_reach_by_order(guangyuan: PracticeProcess, offers: Offers) -> None:
    guangyuan.fault(where="exam", what="unreachable")
    record = a_record(imgInfoDcm=offers.put("/i.zip", a_zip(*slices(1))))
    sent(guangyuan, record)
    assert fetched(guangyuan, record["hiImgIndx"], "imgInfoDcm", "failed")["tries"] == 3
    sent(guangyuan, record)
    assert fetched(guangyuan, record["hiImgIndx"], "imgInfoDcm")["images"] == 1


def test_who_fetches_first_refuses_what_can_not_be_fetched(guangyuan: PracticeProcess, offers: Offers) -> None:
    guangyuan.control("options", fetch_first=True)
    record = a_record(examRpotPdfI=offers.put("/j.pdf", PDF))
    assert "imgInfoDcm 前置机访问失败" in words(sent(guangyuan, record))
    assert guangyuan.kept("exam", record["hiImgIndx"]) is None
    record["imgInfoDcm"] = offers.put("/j.zip", a_zip(*slices(2)))
    assert sent(guangyuan, record)["data"][0]["succFlag"] == "1"
    assert guangyuan.kept("exam", record["hiImgIndx"])["images"] == 2


def test_a_report_inside_the_record_is_kept_whatever_its_length(guangyuan: PracticeProcess) -> None:
    pdf = PDF + b"\0" * 60_000
    record = a_record(examRpotPdfI=base64.b64encode(pdf).decode())
    assert sent(guangyuan, record)["data"][0]["succFlag"] == "1"
    assert guangyuan.ask("GET", f"/practice/report?record={record['hiImgIndx']}").body == pdf
    assert guangyuan.kept("exam", record["hiImgIndx"])["fields"]["examRpotPdfI"].startswith("（Base64")
    guangyuan.control("options", take_base64=False)
    small = a_record(examRpotPdfI=base64.b64encode(PDF).decode())
    assert "应为 http 地址" in words(sent(guangyuan, small))


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


def test_the_page_shows_the_record_and_what_was_fetched(guangyuan: PracticeProcess, offers: Offers) -> None:
    record = a_record(examRpotPdfI=offers.put("/l.pdf", PDF), rpotNo="R7", diagRslt="未见异常")
    sent(guangyuan, record)
    fetched(guangyuan, record["hiImgIndx"], "examRpotPdfI")
    page = guangyuan.ask("GET", "/").body.decode()
    for word in ("广元", record["hiImgIndx"], "赵建国", "R7", "未见异常", "取文件"):
        assert word in page
