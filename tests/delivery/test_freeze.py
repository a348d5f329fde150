"""What each part carries when it is frozen, and what makes it another content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from app.catalogue.load import load_region
from app.delivery.freeze import Frozen, freeze, freeze_late
from app.delivery.record import ReportView, View
from app.domain.exam import Report
from app.domain.job import Part
from app.domain.study import Accession, Instance
from app.errors import NeedsOperator
from app.store import jobs
from tests.catalogue.samples import EXAM as EXAM_TEXTS
from tests.catalogue.samples import REPORT, SETTLEMENT, values
from tests.delivery.stage import Stage
from tests.store.samples import EXAM, NOW, an_arrival, put

LENT = {"1.2.3": Accession(number="A1", lent=True)}


def a_view(stage: Stage, **exam: str) -> View:
    report = ReportView(
        report=Report(report_key="R1", pdf_sha256="ab" * 32, created_at=NOW), values=values(REPORT), touched=True
    )
    untouched = replace(report, report=replace(report.report, report_key="R2"), touched=False)
    return View(
        target=stage.target,
        exam=values(EXAM_TEXTS, **exam),
        settlements=(values(SETTLEMENT),),
        reports=(report, untouched),
        exam_problems=(),
        report_problems=((), ()),
    )


def instances(count: int = 2) -> list[Instance]:
    return [an_arrival(number + 1).instance for number in range(count)]


def frozen_parts(
    view: View, count: int = 2, accessions: Mapping[str, Accession] | None = None
) -> dict[tuple[Part, str], Frozen]:
    return {(each.part, each.report_key): each for each in freeze(view, EXAM, instances(count), accessions or {})}


def test_every_part_is_frozen_and_a_report_that_nobody_began_is_left_out(stage: Stage) -> None:
    parts = frozen_parts(a_view(stage))
    assert set(parts) == {(Part.EXAM, ""), (Part.REPORT, "R1"), (Part.IMAGES, "")}
    assert {each.exam_day for each in parts.values()} == {"2026-11-20"}
    assert set(frozen_parts(a_view(stage), count=0)) == {(Part.EXAM, ""), (Part.REPORT, "R1")}
    stage.adapter.parts = ("merged", "images")
    assert set(frozen_parts(a_view(stage))) == {(Part.MERGED, "R1"), (Part.IMAGES, "")}


@pytest.mark.parametrize("parts", [("exam", "report", "images"), ("merged", "images")])
def test_the_time_of_the_last_change_is_sent_but_changes_nothing(stage: Stage, parts: tuple[str, ...]) -> None:
    stage.adapter.parts = parts
    early = frozen_parts(a_view(stage, last_changed_at="2026-11-20 10:20:00"))
    late = frozen_parts(a_view(stage, last_changed_at="2026-11-21 08:00:00"))
    assert {key: each.digest for key, each in early.items()} == {key: each.digest for key, each in late.items()}
    assert "2026-11-21 08:00:00" in str([each.payload for each in late.values()])
    assert "2026-11-20 10:20:00" not in str([each.payload for each in late.values()])


def test_every_other_value_changes_the_digest_of_its_own_part_alone(stage: Stage) -> None:
    before, after = frozen_parts(a_view(stage)), frozen_parts(a_view(stage, phone="13900000000"))
    assert [key for key in before if before[key].digest != after[key].digest] == [(Part.EXAM, "")]


def test_images_are_told_apart_by_content_not_by_order_or_minted_number(stage: Stage) -> None:
    view = a_view(stage)
    one = freeze(view, EXAM, instances(), {})[-1]
    assert freeze(view, EXAM, instances()[::-1], LENT)[-1].digest == one.digest
    assert freeze(view, EXAM, instances(3), {})[-1].digest != one.digest


def test_the_minted_number_travels_only_where_the_settings_want_it(stage: Stage) -> None:
    def carried(*, lent: bool = True) -> set[tuple[str, str]]:
        numbers = {"1.2.3": Accession(number="A1", lent=lent)}
        images = frozen_parts(a_view(stage), accessions=numbers)[Part.IMAGES, ""].payload["images"]
        return {(ref["accession_number"], ref["study_accession"]) for ref in images}

    assert carried() == {("", "A1")}
    stage.target = replace(stage.target, options={"carry_minted_accession": True})
    assert carried() == {("A1", "A1")}
    assert carried(lent=False) == {("", "A1")}, "what the device gave stands in its files"


def test_a_list_of_images_says_whose_they_are_and_changes_with_it(stage: Stage) -> None:
    """Pushed images say it themselves."""

    def images(**exam: str) -> Frozen:
        return freeze(a_view(stage, **exam), EXAM, instances(), {})[-1]

    assert images().digest == images(patient_name="张玮").digest and "values" not in images().payload
    stage.target = replace(stage.target, options={"image_mode": "list"})
    told, ref = images().payload["values"], images().payload["images"][0]
    assert told["patient_name"] == EXAM_TEXTS["patient_name"] and told["examined_at"] == EXAM_TEXTS["examined_at"]
    assert "phone" not in told
    assert (ref["series_instance_uid"], ref["series_number"], ref["modality"]) == ("1.2.3.0", "1", "CT")
    assert images().digest != images(patient_name="张玮").digest
    assert images().digest == images(phone="13900000000").digest


def test_late_images_are_listed_under_the_name_that_was_submitted(stage: Stage) -> None:
    stage.target = replace(stage.target, options={"image_mode": "list"})
    first = freeze(a_view(stage), EXAM, instances(), {})[-1]
    put(stage.store, Part.IMAGES, body=first.payload)
    job = jobs.of_exam(stage.store.read(), EXAM)[0]
    (late,) = freeze_late(a_view(stage, patient_name="张玮"), instances(3), {}, [job])
    assert late.payload["values"] == first.payload["values"] and len(late.payload["images"]) == 3
    assert late.digest != first.digest


# -- regions whose record carries its reports and says where its images are --------------------------------------------

CODE = "111-X-20261120100000-0-0"


def national(stage: Stage, name: str = "guangyuan", **options: object) -> View:
    """Of a region with an index code; two reports are begun."""
    region = load_region(name)
    parts = ("exam",) if name == "guangyuan" else ("exam", "images", "report")
    stage.adapter.parts = parts
    chosen = {**region.options["options"], **options}
    view = a_view(stage, id_type="111", exam_way="1", img_exam_type="2", charge_type="", marital_status="")
    target = replace(stage.target, region=region.with_options(chosen), options=chosen, adapter=stage.adapter)
    first, second = (a_report(view.reports[0], number) for number in (1, 2))
    return replace(view, target=target, reports=(first, second))


def a_report(sample: ReportView, number: int) -> ReportView:
    told = {"report_id": f"R{number}", "findings": f"第 {number} 份", "reported_at": f"2026-11-20 1{number}:00:00"}
    report = replace(sample.report, report_key=f"R{number}", pdf_sha256=f"{number}" * 64)
    return replace(sample, report=report, values=values(REPORT, positive_mark="1", **told))


def record_of(view: View, count: int = 2) -> Frozen:
    return next(each for each in freeze(view, EXAM, instances(count), {}, CODE) if each.part is Part.EXAM)


def test_a_record_says_what_its_newest_report_says_and_numbers_all(stage: Stage) -> None:
    found = record_of(national(stage))
    record = found.payload["exam"]
    assert (record["rpotNo"], record["imgDscr"]) == ("R1,R2", "第 2 份")
    assert record["examRpotPdfI"] == {"$file": "2" * 64, "encoding": "link"}
    assert record["imgInfoDcm"] == {"$zip": EXAM, "encoding": "link"}
    assert (record["hiImgIndx"], found.index_code, found.payload["index_code"]) == (CODE, CODE, CODE)
    assert found.payload["report_keys"] == ["R1", "R2"]


def test_an_image_or_a_report_more_makes_it_another_record(stage: Stage) -> None:
    view = national(stage)
    one = record_of(view)
    assert record_of(view).digest == one.digest
    assert record_of(view, 3).digest != one.digest
    assert record_of(view, 3).payload["exam"] == one.payload["exam"], "behind the same address"
    assert record_of(replace(view, reports=view.reports[:1])).digest != one.digest


def test_late_images_keep_the_record_as_it_was_submitted(stage: Stage) -> None:
    view = national(stage)
    one = record_of(view)
    job_id = put(stage.store, Part.EXAM, body=one.payload)
    job = replace(jobs.job(stage.store.read(), job_id), index_code=CODE)
    edited = replace(view, exam=view.exam | values({}, phone="13900000000"))
    (late,) = freeze_late(edited, instances(3), {}, [job])
    assert late.late and late.payload["exam"] == one.payload["exam"] and late.index_code == CODE
    assert late.digest == record_of(view, 3).digest != record_of(edited, 3).digest


def test_pages_that_are_not_set_are_for_a_person(stage: Stage) -> None:
    with pytest.raises(NeedsOperator, match="报告页面的地址") as refusal:
        record_of(national(stage, sent_as="centre"))
    assert refusal.value.page == "destination"


def test_an_exam_without_images_has_no_address_to_give(stage: Stage) -> None:
    with pytest.raises(NeedsOperator, match="还没有影像"):
        record_of(national(stage), 0)


def test_a_report_goes_as_a_file_of_its_own_only_when_it_is_one(stage: Stage) -> None:
    view = national(stage, "guizhou")
    first, second = view.reports
    view = replace(view, reports=(first, replace(second, report=replace(second.report, pdf_sha256=""))))
    frozen = freeze(view, EXAM, instances(), LENT, CODE)
    assert [(each.part, each.report_key) for each in frozen] == [
        (Part.EXAM, ""),
        (Part.IMAGES, ""),
        (Part.REPORT, "R1"),
    ]
    report = frozen[2].payload
    assert report["report"]["fileMd5"] == {"$file": "1" * 64, "encoding": "md5"}
    assert report["values"]["report_id"] == "R1" and set(frozen[1].payload["values"]) <= set(report["values"])
    images = frozen[1].payload
    assert {ref["study_instance_uid"] for ref in images["images"]} == {"1.2.3"}
    assert {ref["accession_number"] for ref in images["images"]} == {"A1"}


def test_the_same_images_under_another_index_are_sent_again(stage: Stage) -> None:
    view = national(stage, "guizhou")
    digests = {freeze(view, EXAM, instances(), {}, code)[1].digest for code in ("", CODE, CODE + "1")}
    assert len(digests) == 3


def test_before_there_is_a_report_its_number_goes_and_nothing_else_of_it(stage: Stage) -> None:
    view = national(stage, "guizhou", exam_waits_for_report=False)
    view = replace(view, reports=tuple(replace(each, touched=False) for each in view.reports))
    found = record_of(view).payload
    assert found["exam"]["rpotNo"] == "R1" and "imgDscr" not in found["exam"] and found["report_keys"] == []
