"""What must agree with what in a region that asks for other things: never more than its document says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.catalogue.check import exam_problems, report_problems
from app.catalogue.form import build_form
from app.catalogue.his_columns import mappable
from app.catalogue.load import load_region, region_names
from app.catalogue.region import Region
from app.catalogue.report_labels import load_report_labels
from app.domain.form import Noun
from tests.catalogue.samples import CATALOGUE, NOW, REGION, id_card, values

REGIONS = {
    name: (region := load_region(name, CATALOGUE)).with_options(region.options["options"]) for name in region_names()
}
NATIONAL = REGIONS["guangyuan"]
WRONG = id_card()[:-1] + ("0" if id_card()[-1] != "0" else "1")


def of_exam(region: Region, **texts: str) -> dict[str, str]:
    found = exam_problems(region, values(texts), [], now=NOW)
    return {one.key: one.title for one in found if one.key in texts}


def of_report(region: Region, **texts: str) -> dict[str, str]:
    found = report_problems(region, values({}), values(texts), now=NOW)
    return {one.key: one.title for one in found if one.key in texts}


@pytest.mark.parametrize("key", ["report_doctor_id_number", "audit_doctor_id_number", "last_audit_doctor_id_number"])
def test_a_doctor_s_number_without_a_kind_of_document_is_a_citizen_number(key: str) -> None:
    assert of_report(NATIONAL, **{key: id_card()}) == {}
    assert "校验" in of_report(NATIONAL, **{key: WRONG})[key]
    assert set(of_report(NATIONAL, **{key: "E12345678"})) == {key}


def test_a_doctor_whose_document_is_known_to_be_another_is_left_alone() -> None:
    """A clinic with a second destination says the kind: a passport there is no wrong citizen number here."""
    assert of_report(NATIONAL, report_doctor_id_type="414", report_doctor_id_number="E12345678") == {}
    assert set(of_report(NATIONAL, report_doctor_id_type="111", report_doctor_id_number=WRONG)) == {
        "report_doctor_id_number"
    }


def test_where_the_document_asks_for_the_kind_only_a_citizen_s_is_checked() -> None:
    assert of_report(REGION, report_doctor_id_number=WRONG) == {}
    assert of_report(REGION, report_doctor_id_type="03", report_doctor_id_number="E12345678") == {}
    assert set(of_report(REGION, report_doctor_id_type="01", report_doctor_id_number=WRONG)) == {
        "report_doctor_id_number"
    }


def test_a_technician_s_number_is_a_citizen_number_where_it_is_asked_for() -> None:
    assert set(of_exam(NATIONAL, technician_id_number=WRONG)) == {"technician_id_number"}
    assert of_exam(NATIONAL, technician_id_number=id_card()) == {}
    assert of_exam(REGIONS["guizhou"], technician_id_number=WRONG) == {}


def test_a_bill_is_not_settled_in_the_future_where_the_time_is_asked_for() -> None:
    soon, later = ((NOW + timedelta(minutes=m)).strftime("%Y-%m-%d %H:%M:%S") for m in (4, 6))
    assert of_exam(REGIONS["guizhou"], settled_at=soon) == {}
    assert of_exam(REGIONS["guizhou"], settled_at=later) == {"settled_at": "结算时间在将来"}
    assert of_exam(REGION, settled_at=later) == {}


@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
def test_a_region_finds_no_fault_with_what_it_does_not_ask_for(region: Region) -> None:
    later = "2099-01-01 00:00:00"
    texts = {key: later for key in CATALOGUE.fields if key.endswith("_at")}
    texts |= {key: WRONG for key in CATALOGUE.fields if key.endswith("_id_number")}
    found = {
        *exam_problems(region, values(texts), [], now=NOW),
        *report_problems(region, values({}), values(texts), now=NOW),
    }
    assert {one.key for one in found} <= set(region.entered)


@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
def test_what_only_a_request_knows_is_in_no_form(region: Region) -> None:
    form = build_form(CATALOGUE, region, values({}), [values({})], [values({})], now=NOW)
    lines = [*form.exam, *form.reports[0], *form.settlements[0]]
    assert {line.noun for line in lines} <= {Noun.EXAM, Noun.REPORT, Noun.SETTLEMENT}
    keys = [line.key for line in lines]
    assert len(keys) == len(set(keys)) and set(keys) == set(region.entered)
    assert {one.key for one in form.problems} <= set(keys)


def test_what_a_query_asks_for_makes_no_line_of_the_form_stricter() -> None:
    form = build_form(CATALOGUE, REGIONS["guizhou"], values({}), [], [], now=NOW)
    lines = {line.key: line for line in form.exam}
    assert lines["id_number"].max_length == 50 and lines["study_instance_uid"].max_length == 50


def test_what_only_a_request_knows_is_no_column_of_his_and_no_heading_of_a_report() -> None:
    requests = {key for key, field in CATALOGUE.fields.items() if field.noun is Noun.REQUEST}
    assert {"index_code", "image_count", "history_from"} <= requests
    assert not requests & {field.key for field in mappable(CATALOGUE)}
    assert not requests & set(load_report_labels().keys.values())
