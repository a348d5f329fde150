"""Guangyuan's one conversation, against the printed document (2025-09-26) with its slips repaired."""

from __future__ import annotations

from typing import Any

import pytest

from app.catalogue.load import load_region
from app.errors import NeedsOperator, Rejected
from app.regions.conversation import FileRef, HttpRequest, StudyZip
from app.regions.guangyuan import Guangyuan
from tests.regions.national_samples import INDEX, KEY, an_outgoing, on_the_wire, only, pumped
from tests.regions.national_samples import an_adapter as national_adapter

PAGES = {"report_page_base": "http://192.0.2.1/r/", "image_page_base": "http://192.0.2.1/i/"}


def an_adapter(**options: Any) -> Guangyuan:
    made = national_adapter("guangyuan", **options)
    assert isinstance(made, Guangyuan)
    return made


def test_it_offers_what_the_document_has_and_no_more() -> None:
    adapter = an_adapter()
    assert (adapter.parts, adapter.waits_for, adapter.withdraws_whole) == (("exam",), {}, False)
    assert adapter.capabilities == {"index_code"}, "nothing is deleted, nothing is asked"


def test_report_and_images_travel_inside_the_record_as_they_were_frozen() -> None:
    record = {
        "hiImgIndx": INDEX,
        "examRpotPdfI": FileRef(sha256="ab", encoding="link"),
        "imgInfoDcm": StudyZip(exam_key="E1"),
    }
    requests, facts = pumped(an_adapter().upload(an_outgoing("exam", exam=record)))
    (request,) = requests
    assert isinstance(request, HttpRequest)
    assert request.body == {"data": [record]}
    assert (request.path, request.reply) == ("/mie/api/mie/saveExamRpotImgInfo", "records")
    assert facts == {"index_code": INDEX}


def test_the_same_index_again_is_an_update_and_an_old_one_stays() -> None:
    request = only(an_adapter().upload(an_outgoing("exam", previous_index_codes=("111-OLD",))))
    assert request.first == ()


def test_a_sharing_centre_sends_the_other_table_to_the_other_address() -> None:
    adapter = an_adapter(sent_as="centre", **PAGES)
    request = only(adapter.upload(an_outgoing("exam", exam={"hiImgIndx": INDEX})))
    assert request.path == "/mie/api/mie/saveExamRpotImgIndx"
    assert on_the_wire(adapter, request) == {
        "infno": "saveExamRpotImgIndx",
        "msgid": "H11010202321202503010102030001",
        "infTime": "2025-03-03 01:00:00",
        "infCode": "H11010202321",
        "key": KEY,
        "data": [{"hiImgIndx": INDEX}],
    }


@pytest.mark.parametrize("lacking", list(PAGES))
def test_a_sharing_centre_needs_the_addresses_of_its_pages(lacking: str) -> None:
    with pytest.raises(NeedsOperator) as asked:
        an_adapter(sent_as="centre", **{**PAGES, lacking: ""})
    assert asked.value.page == "destination"


@pytest.mark.parametrize("option", ["sent_as", "pdf_mode"])
def test_an_option_that_no_document_knows_is_refused_by_name(option: str) -> None:
    with pytest.raises(NeedsOperator) as refused:
        an_adapter(**{option: "perhaps"})
    assert option in refused.value.title


def test_a_deletion_is_a_call_to_the_platform_s_people() -> None:
    with pytest.raises(Rejected) as refused:
        pumped(an_adapter().withdraw(an_outgoing("exam")))
    assert refused.value.advice


def test_the_centre_s_table_stands_in_for_the_clinic_s() -> None:
    plain = load_region("guangyuan")
    assert len(plain.with_options({"sent_as": "clinic"}).rows_of("exam")) == 71
    assert len(plain.with_options({"sent_as": "centre"}).rows_of("exam")) == 73
