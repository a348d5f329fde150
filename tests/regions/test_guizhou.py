"""Guizhou's conversations, against the printed document (V1.4) with its slips repaired."""

from __future__ import annotations

import base64
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.load import load_region
from app.catalogue.payload import payload
from app.errors import NeedsOperator, RetryLater
from app.regions.conversation import (
    Batch,
    DicomSend,
    FileRef,
    FormPart,
    FoundExam,
    FoundImage,
    HttpRequest,
    ImageFile,
    PatientQuery,
    Stamp,
)
from app.regions.guizhou import Guizhou
from tests.regions.national_samples import INDEX, KEY, SAMPLE, an_image, an_outgoing, on_the_wire, only, pumped
from tests.regions.national_samples import an_adapter as national_adapter

STUDY = "1.3.6.1.4.1.44316.6.102.1.20250704114423696.61158672119535771932"
VALUES = {"accession_number": "114649960", "study_instance_uid": STUDY, "report_id": "056430"}
QUERY = PatientQuery(
    id_type="111",
    id_number="110101197804050041",
    name="John Doe",
    day_from=date(2022, 4, 4),
    day_to=date(2025, 4, 4),
)


def an_adapter(**options: Any) -> Guizhou:
    made = national_adapter("guizhou", **options)
    assert isinstance(made, Guizhou)
    return made


def told(reply: dict[str, Any] | list[Any] | str | None) -> dict[str, Any]:
    return {"code": 0, "type": "success", "message": "成功", "data": reply}


# -- what it offers -------------------------------------------------------------------------------------------------


def test_it_offers_what_the_document_has() -> None:
    adapter = an_adapter()
    assert adapter.parts == ("exam", "images", "report")
    assert adapter.waits_for == {"images": "exam", "report": "exam"}
    assert adapter.withdraws_whole
    told_apart = {"reconcile", "reconcile_apart", "reconcile_images"}
    assert adapter.capabilities == told_apart | {"withdraw", "images", "index_code", "history", "image_list", "image"}


@pytest.mark.parametrize(
    "option", ["image_mode", "same_index", "md5_case", "delete_input", "image_workers", "dicom_port"]
)
def test_an_option_that_no_document_knows_is_refused_by_name(option: str) -> None:
    with pytest.raises(NeedsOperator) as refused:
        an_adapter(**{option: "perhaps"})
    assert option in refused.value.title and refused.value.page == "destination"


# -- 2.1 the record -------------------------------------------------------------------------------------------------


def test_the_record_goes_as_one_of_a_list_and_its_index_is_the_receipt() -> None:
    requests, facts = pumped(an_adapter().upload(an_outgoing("exam", exam={"hiImgIndx": INDEX, "psnName": "李丽"})))
    (request,) = requests
    assert (request.path, request.reply) == ("/mie/api/mie/saveExamRptImgInfo", "records")
    assert request.body == {"input": [{"hiImgIndx": INDEX, "psnName": "李丽"}]}
    assert (request.first, request.fresh, facts) == ((), False, {"index_code": INDEX})


def test_an_index_that_must_not_stay_is_deleted_right_before_be_it_the_same() -> None:
    (deletion,) = only(an_adapter().upload(an_outgoing("exam", previous_index_codes=(INDEX,)))).first
    assert (deletion.step, deletion.body, deletion.reply) == ("delete", {"input": [INDEX]}, "deleted")


def test_an_old_index_goes_before_the_record_under_the_new_one() -> None:
    request = only(an_adapter().upload(an_outgoing("exam", previous_index_codes=("111-OLD", "111-OLDER"))))
    assert [before.body["input"] for before in request.first] == [["111-OLD"], ["111-OLDER"]]
    assert request.step == "exam"


# -- 2.2 images as files --------------------------------------------------------------------------------------------


def the_files(**options: Any) -> tuple[Guizhou, Batch]:
    adapter = an_adapter(**options)
    outgoing = an_outgoing("images", images=(an_image(1, STUDY), an_image(2, "1.9")), values=VALUES)
    batch = only(adapter.upload(outgoing))
    assert isinstance(batch, Batch)
    return adapter, batch


def test_each_image_is_a_form_in_the_printed_order() -> None:
    _, batch = the_files()
    first, second = batch.requests
    image = an_image(1, STUDY)
    assert first.parts == (
        FormPart(name="hiImgIndx", value=INDEX),
        FormPart(name="studyUid", value=STUDY),
        FormPart(name="accessionNumber", value="114649960"),
        FormPart(name="fileMd5", value=ImageFile(image=image, encoding="md5_upper")),
        FormPart(
            name="dicom",
            value=ImageFile(image=image, encoding="bytes"),
            file_name=f"{STUDY}.1.dcm",
            content_type="application/dicom",
        ),
        FormPart(name="imageTotalNum", value="2"),
    )
    assert (first.path, first.reply, first.body) == ("/mie/api/mie/saveImgFile", "image", {})
    assert (first.item, first.hold) == (f"{STUDY}.1", (f"{STUDY}.1", f"sha-{STUDY}.1"))
    assert second.parts[1] == FormPart(name="studyUid", value="1.9"), "each of its own study"


def test_the_head_of_a_file_travels_as_http_headers() -> None:
    adapter, batch = the_files()
    wired = adapter.wrap(batch.requests[0], b"", SAMPLE)
    assert wired.body == b""
    assert wired.headers == {
        "infno": "saveImgFile",
        "msgid": "H11010202321202503010102030001",
        "infTime": "2025-03-03 01:00:00",
        "infCode": "H11010202321",
        "key": KEY,
    }


def test_the_case_of_the_md5_and_the_number_at_once_are_options() -> None:
    _, batch = the_files(md5_case="lower", image_workers=4)
    assert batch.at_once == 4
    assert {request.parts[3].value.encoding for request in batch.requests} == {"md5"}  # type: ignore[union-attr]
    assert the_files()[1].at_once == 2


def test_a_long_uid_is_never_cut() -> None:
    long = "1." + "2" * 62
    batch = only(an_adapter().upload(an_outgoing("images", images=(an_image(1, long),), values=VALUES)))
    assert batch.requests[0].parts[1].value == long


# -- 2.3 images by push ---------------------------------------------------------------------------------------------


def test_in_dicom_mode_each_study_is_announced_before_the_push() -> None:
    adapter = an_adapter(
        image_mode="dicom",
        dicom_host="192.0.2.7",
        dicom_port=11112,
        dicom_ae_title="CLOUD",
        calling_ae_title="CLINIC",
    )
    images = (an_image(1, STUDY), an_image(2, STUDY), an_image(1, "1.9"))
    requests, facts = pumped(adapter.upload(an_outgoing("images", images=images, values=VALUES)))
    first, second, push = requests
    assert on_the_wire(adapter, first) == {
        "infno": "saveImgInfo",
        "msgid": "H11010202321202503010102030001",
        "infTime": "2025-03-03 01:00:00",
        "infCode": "H11010202321",
        "key": KEY,
        "input": [
            {"hiImgIndx": INDEX, "studyUid": STUDY, "accessionNumber": "114649960", "imageTotalNum": 3},
        ],
    }
    assert (first.path, first.reply, first.item) == ("/mie/api/mie/saveImgInfo", "records", STUDY)
    assert (second.item, second.body["input"][0]["imageTotalNum"]) == ("1.9", 3), "the total is of the exam"
    assert push == DicomSend(
        step="images", host="192.0.2.7", port=11112, called_ae="CLOUD", calling_ae="CLINIC", images=images
    )
    assert facts == {"index_code": INDEX}


# -- 2.4 the PDF ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("case", "encoding"), [("upper", "md5_upper"), ("lower", "md5")])
def test_a_report_is_its_pdf_with_the_md5(case: str, encoding: str) -> None:
    given = {"index_code": INDEX, **VALUES, "report_pdf": FileRef(sha256="ab")}
    frozen = payload(load_region("guizhou"), "report", given)
    outgoing = an_outgoing("report", report=frozen, report_key="RK", values=VALUES)
    request = only(an_adapter(md5_case=case).upload(outgoing))
    assert request.parts == (
        FormPart(name="hiImgIndx", value=INDEX),
        FormPart(name="studyUid", value=STUDY),
        FormPart(name="rpotNo", value="056430"),
        FormPart(name="fileMd5", value=FileRef(sha256="ab", encoding=encoding)),
        FormPart(
            name="examRpotPdf1",
            value=FileRef(sha256="ab", encoding="bytes"),
            file_name="056430.pdf",
            content_type="application/pdf",
        ),
    )
    assert (request.path, request.reply, request.item, request.hold) == (
        "/mie/api/mie/saveRptFile",
        "default",
        "RK",
        None,
    )


# -- 2.5 deletion ---------------------------------------------------------------------------------------------------


def test_a_withdrawal_is_one_index_in_a_list_of_plain_texts() -> None:
    adapter = an_adapter()
    request = only(adapter.withdraw(an_outgoing("exam")))
    sent = on_the_wire(adapter, request)
    assert (sent["infno"], sent["input"]) == ("deleteExamRptImgIdxInfo", [INDEX])
    assert (request.path, request.reply) == ("/mie/api/mie/deleteExamRptImgIdxInfo", "deleted")


def test_a_platform_that_wants_objects_gets_objects() -> None:
    request = only(an_adapter(delete_input="objects").withdraw(an_outgoing("exam")))
    assert request.body == {"input": [{"hiImgIndx": INDEX}]}


def test_a_withdrawal_takes_back_an_old_index_too() -> None:
    requests, _ = pumped(an_adapter().withdraw(an_outgoing("exam", previous_index_codes=("111-OLD",))))
    assert [request.body["input"] for request in requests] == [["111-OLD"], [INDEX]]


# -- 2.6 to 2.8 looking up ------------------------------------------------------------------------------------------

FOUND = {
    "hiImgIdx": "111-110101197804050041-20241122143000-1100000000001-00100011-123502004266009982",
    "psnName": "John Doe",
    "psnCertType": "111",
    "certno": "110101*****0041",
    "examDate": "2025-04-02",
    "examPart": "B02910ZZZ",
    "fixmedinsCode": "H371464507",
    "fixmedinsName": "德州市 XXXXX 卫生院",
    "imgDldLink": "http://192.0.2.1:1234/mie/api/mie/queryImgCaheFIndex",
}


def test_a_history_is_asked_as_printed() -> None:
    adapter = an_adapter(institution_code="123456789012")
    request = only(adapter.history(QUERY))
    stamp = Stamp(now=SAMPLE.now.replace(year=2025, month=9, day=23, hour=0), serial="202509230000000001")
    assert on_the_wire(adapter, request, stamp) == {
        "infno": "queryExamRptImgIdxListFHospital",
        "msgid": "123456789012202509230000000001",
        "infTime": "2025-09-23 00:00:00",
        "fixmedinsCode": "123456789012",
        "input": {
            "psnName": "John Doe",
            "psnCertType": "111",
            "certno": "110101197804050041",
            "begntime": "2022-04-04",
            "endtime": "2025-04-04",
        },
    }
    assert (request.reply, request.fresh) == ("query", True)


def test_a_history_without_a_name_leaves_it_out() -> None:
    query = PatientQuery(**{**QUERY.__dict__, "name": ""})
    assert "psnName" not in only(an_adapter().history(query)).body["input"]


def test_a_found_exam_is_told_exactly_as_it_came_back() -> None:
    _, found = pumped(an_adapter().history(QUERY), told([FOUND]))
    assert found == (
        FoundExam(
            index_code=FOUND["hiImgIdx"],
            values={
                "patient_name": "John Doe",
                "id_type": "111",
                "id_number": "110101*****0041",
                "fixmedins_code": "H371464507",
                "fixmedins_name": "德州市 XXXXX 卫生院",
                "exam_date": "2025-04-02",
                "body_part_code": "B02910ZZZ",
                "image_download_url": FOUND["imgDldLink"],
            },
        ),
    )


@pytest.mark.parametrize("name", ["hiImgIndx", "hiImgIdx", "hilmgIdx", "HIIMGINDX"])
def test_every_printed_spelling_counts_in_an_answer(name: str) -> None:
    _, found = pumped(an_adapter().history(QUERY), told([{name: INDEX, "ExamRptLinkUrl": "http://a/1"}]))
    assert found[0].index_code == INDEX and found[0].values == {"report_page_url": "http://a/1"}


def test_one_exam_may_come_without_its_list_and_none_as_nothing() -> None:
    adapter = an_adapter()
    assert len(pumped(adapter.history(QUERY), told(FOUND))[1]) == 1  # type: ignore[arg-type]
    for nothing in (None, []):
        assert pumped(adapter.history(QUERY), told(nothing))[1] == ()


@pytest.mark.parametrize("data", ["none", 7, ["a"], [None], [[FOUND]]])
def test_an_answer_that_can_not_be_read_is_none(data: Any) -> None:
    with pytest.raises(RetryLater):
        pumped(an_adapter().history(QUERY), told(data))


CACHED = {"examUuid": "111", "snUuid": "222", "instUuid": "333"}
IMAGE = FoundImage(study_instance_uid="111", series_instance_uid="222", sop_instance_uid="333")


def test_the_two_services_of_one_address_are_told_apart_by_name() -> None:
    adapter = an_adapter()
    listed, fetched = only(adapter.image_list(INDEX)), next(adapter.image(INDEX, IMAGE))
    assert isinstance(fetched, HttpRequest)
    assert listed.path == fetched.path == "/mie/api/mie/queryImgCaheFIndex"
    assert listed.body == {"input": {"hiImgIndx": INDEX, "serviceName": "queryImgCaheFileSn"}}
    assert fetched.body == {"input": {"hiImgIndx": INDEX, "imgFileSn": CACHED, "serviceName": "queryImgCahe"}}
    assert listed.fresh and fetched.fresh and fetched.reply_bytes > 100 * 1024 * 1024
    assert on_the_wire(adapter, fetched)["infno"] == "queryImgCaheFIndex"


@pytest.mark.parametrize("listed", [None, []])
def test_an_empty_cache_is_an_empty_list(listed: Any) -> None:
    assert pumped(an_adapter().image_list(INDEX), told({"imgFileSnList": listed}))[1] == ()


def test_a_cache_names_its_images_by_their_uids() -> None:
    answer = {"areaCode": None, "hiImgIndx": INDEX, "imgFileSnList": [CACHED, {**CACHED, "instUuid": " 334 "}]}
    for data in (answer, [answer]):
        _, found = pumped(an_adapter().image_list(INDEX), told(data))
        assert [image.sop_instance_uid for image in found] == ["333", "334"] and found[0] == IMAGE


@given(st.binary(min_size=1, max_size=300), st.integers(1, 80))
def test_an_image_comes_out_of_its_base64_also_in_lines(content: bytes, width: int) -> None:
    text = base64.b64encode(content).decode()
    lines = "\r\n".join(text[at : at + width] for at in range(0, len(text), width))
    assert pumped(an_adapter().image(INDEX, IMAGE), told({"fileContent": lines}))[1] == content


@pytest.mark.parametrize(
    "data", [None, [], {}, {"fileContent": None}, {"fileContent": ""}, {"fileContent": "X" * 21}, {"fileContent": "影"}]
)
def test_an_answer_without_an_image_is_asked_again_later(data: Any) -> None:
    with pytest.raises(RetryLater):
        pumped(an_adapter().image(INDEX, IMAGE), told(data))
