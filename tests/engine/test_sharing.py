"""Several exams filled at once, and values kept as the clinic's default."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.job import Event
from app.engine.settings import read_settings
from app.errors import NeedsOperator
from app.system.paths import Home
from tests.engine.desk import Desk

Json = dict[str, Any]


def two(desk: Desk) -> list[str]:
    named = ({"patient_id": f"P{n}", "name": name, "accession": f"A{n}"} for n, name in enumerate(("赵明轩", "李桂芳")))
    return [desk.receive(StudyDescription="胸部", **one) for one in named]


def value(desk: Desk, uid: str, key: str) -> str:
    return str(next(field["text"] for field in desk.engine.form(uid)["fields"] if field["key"] == key))


def shared(desk: Desk, uids: list[str]) -> dict[str, Json]:
    return {field["key"]: field for field in desk.engine.shared_fields(uids)["fields"]}


# -- several at once --------------------------------------------------------------------------------------------------


def test_each_field_says_what_the_exams_hold_now(desk: Desk) -> None:
    uids = two(desk)
    desk.engine.fill(uids[0], {"exam_dept_name": "放射科", "audit_doctor_name": "刘慧"})
    fields = shared(desk, uids)
    assert fields["apply_dept_name"]["now_words"] == "2 例原来都为空"
    assert fields["exam_dept_name"]["now_words"] == "赵明轩：放射科 · 李桂芳：空"
    assert fields["id_type"]["now_words"] == "2 例现在都是 01 居民身份证"
    assert fields["audit_doctor_name"]["noun"] == "report"


def test_what_one_of_them_still_misses_stands_first(desk: Desk) -> None:
    missing = [field["missing"] for field in desk.engine.shared_fields(two(desk))["fields"]]
    assert missing == sorted(missing, reverse=True)
    assert any(missing)


def test_names_numbers_and_findings_are_never_shared(desk: Desk) -> None:
    fields = shared(desk, two(desk))
    assert not fields.keys() & {"patient_name", "id_number", "phone", "accession_number", "findings", "diagnosis_code"}


def test_what_belongs_to_a_kind_of_exam_is_shared_among_exams_of_one_kind(desk: Desk) -> None:
    uids = two(desk)
    assert "mutual_item_code" in shared(desk, uids)
    other = desk.receive(StudyDescription="头颅", patient_id="P9", name="周海涛", accession="A9")
    assert "mutual_item_code" not in shared(desk, [*uids, other])


def test_a_dry_run_says_exactly_what_would_change_and_writes_nothing(desk: Desk) -> None:
    uids = two(desk)
    desk.engine.fill(uids[1], {"patient_source": "3"})
    plan = desk.engine.fill_many(uids, {"patient_source": "门诊", "exam_dept_name": "放射科"})
    assert (plan["values"], plan["written"]) == (4, 0)
    changes = {(one["patient_name"], change["key"]): change for one in plan["studies"] for change in one["changes"]}
    lost = changes["李桂芳", "patient_source"]
    assert (lost["overwrites"], lost["old_shown"], lost["new_shown"]) == (True, "3 住院", "1 门诊")
    assert not changes["赵明轩", "patient_source"]["overwrites"]
    assert value(desk, uids[0], "exam_dept_name") == ""


def test_writing_writes_what_the_dry_run_said(desk: Desk) -> None:
    uids = two(desk)
    values = {"exam_dept_name": "放射科", "audit_doctor_name": "刘慧"}
    plan = desk.engine.fill_many(uids, values)
    done = desk.engine.fill_many(uids, values, dry=False)
    assert (done["studies"], done["written"]) == (plan["studies"], plan["values"])
    assert [value(desk, uid, "exam_dept_name") for uid in uids] == ["放射科", "放射科"]
    assert desk.engine.fill_many(uids, values)["values"] == 0


def test_an_exam_on_its_way_is_left_out_with_the_reason(desk: Desk) -> None:
    sent, fresh = desk.ready(), desk.receive(patient_id="P2", name="李桂芳", accession="A2")
    desk.engine.submit(sent)
    done = desk.engine.fill_many([sent, fresh], {"apply_dept_name": "内科"}, dry=False)
    by_uid = {one["uid"]: one for one in done["studies"]}
    assert by_uid[sent]["why_not"] == "这例待上传，要改请单独打开"
    assert by_uid[sent]["changes"] == []
    assert done["written"] == 1


@pytest.mark.parametrize("key", ["patient_name", "id_number", "findings", "no_such_field"])
def test_a_field_of_one_patient_is_refused_for_several(desk: Desk, key: str) -> None:
    uids = two(desk)
    with pytest.raises(NeedsOperator) as refusal:
        desk.engine.fill_many(uids, {key: "1", "exam_dept_name": "放射科"}, dry=False)
    assert refusal.value.fields == (key,)
    assert value(desk, uids[0], "exam_dept_name") == ""


def test_a_value_outside_the_table_is_refused_by_its_field(desk: Desk) -> None:
    with pytest.raises(NeedsOperator) as refusal:
        desk.engine.fill_many(two(desk), {"patient_source": "不知道"})
    assert refusal.value.fields == ("patient_source",)


# -- the clinic's defaults --------------------------------------------------------------------------------------------


def test_a_default_holds_for_open_and_for_new_exams_at_once(desk: Desk, home: Home) -> None:
    before = desk.receive(patient_id="P1", name="赵明轩", accession="A1")
    count = desk.engine.form(before)["problem_count"]
    kept = desk.engine.keep_defaults({"exam_dept_name": "放射科"})
    assert kept["kept"][0] == {"key": "exam_dept_name", "label": "检查执行科室", "shown": "放射科", "noun": "exam"}
    after = desk.receive(patient_id="P2", name="李桂芳", accession="A2")
    for uid in (before, after):
        field = next(one for one in desk.engine.form(uid)["fields"] if one["key"] == "exam_dept_name")
        assert (field["text"], field["source"]) == ("放射科", "default")
    assert desk.engine.form(before)["problem_count"] < count
    assert desk.engine.studies(text="A1")["studies"][0]["problem_count"] == count - 1
    assert read_settings(home).destinations[0].defaults["exam_dept_name"] == "放射科"
    assert desk.engine.settings()["destination"][0]["defaults"]["exam_dept_name"] == "放射科"


def test_what_belongs_to_one_exam_is_left_with_the_reason(desk: Desk, home: Home) -> None:
    told = desk.engine.keep_defaults(
        {"id_number": "140105198002142016", "findings": "x", "mutual_item_code": "CT030012506"}
    )
    assert told["kept"] == []
    assert {one["key"] for one in told["left"]} == {"id_number", "findings", "mutual_item_code"}
    assert read_settings(home).destinations[0].defaults == {}


def test_a_dry_run_keeps_nothing_and_what_is_default_already_is_not_told(desk: Desk, home: Home) -> None:
    values = {"exam_dept_name": "放射科"}
    assert len(desk.engine.keep_defaults(values, dry=True)["kept"]) == 1
    assert read_settings(home).destinations[0].defaults == {}
    desk.engine.keep_defaults(values)
    assert desk.engine.keep_defaults(values)["kept"] == []


def test_a_default_does_not_touch_what_a_person_entered_or_what_was_sent(desk: Desk) -> None:
    sent = desk.ready()
    desk.engine.submit(sent)
    desk.platform_says(sent, Event.ACKNOWLEDGED)
    typed = desk.receive(patient_id="P2", name="李桂芳", accession="A2")
    desk.engine.fill(typed, {"exam_dept_name": "影像科"})
    desk.engine.keep_defaults({"exam_dept_name": "放射科", "film_type": "1"})
    assert value(desk, typed, "exam_dept_name") == "影像科"
    assert desk.state(sent) == "acknowledged"


def test_an_unknown_destination_is_named(desk: Desk) -> None:
    with pytest.raises(NeedsOperator):
        desk.engine.keep_defaults({"exam_dept_name": "放射科"}, destination="nowhere")
