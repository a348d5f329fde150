"""One form, filled once, for destinations whose dictionaries differ: each gets its own codes, none a wrong one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.domain.form import Noun, Source, Value
from app.engine.settings import apply_answers, read_settings
from app.errors import NeedsOperator
from app.store import exams
from app.system.paths import Home
from tests.builders import a_pdf
from tests.engine.desk import Desk, a_desk, answers_of
from tests.engine.test_his import HEADER, MATCH, a_row, export
from tests.engine.test_report_reading import attached, li_guifang
from tests.intake.paper import FOOT, a_report
from tests.journeys.inside import EXAM_VALUES, REPORT_VALUES, SETTLEMENT

Json = dict[str, Any]
PROVINCE, INSURANCE = "山西省医疗数字影像云平台", "贵州省医保影像云"
ADDRESS = "http://127.0.0.1:9/"
OWN = {
    "insurance_item_code": "012302010010000",
    "insurance_item_name": "胸部CT平扫",
    "exam_charge": "120.50",
    "settled_at": "2026-01-05 09:00:00",
    "last_audited_at": "2026-01-05 10:30:00",
    "positive_mark": "阴性",
}


def a_destination(name: str, region: str) -> Json:
    return {"name": name, "region": region, "base_url": ADDRESS, "secrets": {"key": "PRACTICE"}}


@pytest.fixture
def both(home: Home, tmp_path: Path) -> Iterator[Desk]:
    """A clinic that sends to a province's platform and to the insurance's index."""
    answers = answers_of("province")
    answers["destination"].append(a_destination("insurance", "guizhou"))
    answers["his"] = {"columns": {"charge_type": "费别", "order_number": "医嘱号"}, "match": MATCH}
    apply_answers(answers, home)
    with a_desk(home, tmp_path) as made:
        yield made


@pytest.fixture
def insurance(home: Home, tmp_path: Path) -> Iterator[Desk]:
    """A clinic that sends to the insurance's index alone."""
    answers = answers_of() | {"destination": [a_destination("insurance", "guizhou")]}
    apply_answers(answers | {"his": {"columns": {"charge_type": "费别"}, "match": MATCH}}, home)
    with a_desk(home, tmp_path) as made:
        yield made


def fields(form: Json) -> dict[str, Json]:
    every = [*form["fields"], *(field for report in form["reports"] for field in report["fields"])]
    return {field["key"]: field for field in every}


def told(desk: Desk, uid: str, key: str) -> dict[str, str]:
    """What each destination gets of a field."""
    views = desk.engine.house.views(desk.engine.house.known(desk.key(uid)))
    return {
        view.target.name: {**view.exam, **view.reports[0].values}[key].text
        for view in views
        if key in view.exam or key in view.reports[0].values
    }


def kept(desk: Desk, uid: str, key: str) -> str:
    record = exams.record(desk.engine.house.store.read(), desk.key(uid))
    return {**record.exam, **record.reports[0][1]}[key].text


def add_destination(home: Home, desk: Desk, tmp_path: Path) -> Iterator[Desk]:
    desk.engine.house.close()
    answers = answers_of("province")
    apply_answers({"destination": [*answers["destination"], a_destination("insurance", "guizhou")]}, home)
    with a_desk(home, tmp_path) as made:
        yield made


# -- one form ----------------------------------------------------------------------------------------------------------


def test_every_field_stands_once_with_the_strictest_line_of_it(both: Desk) -> None:
    form = both.engine.form(both.receive())
    keys = [field["key"] for field in form["fields"]]
    assert len(keys) == len(set(keys))
    found = fields(form)
    assert found["charge_type"]["level"] == "must" and found["charge_type"]["only"] == ""
    assert found["id_number"]["max_length"] == 50
    assert found["patient_name"]["problem"] is None and found["patient_name"]["only"] == ""


def test_a_field_that_one_alone_asks_for_says_which(both: Desk) -> None:
    found = fields(both.engine.form(both.receive()))
    assert found["mutual_item_code"]["only"] == f"只有 {PROVINCE} 要"
    assert found["settled_at"]["only"] == f"只有 {INSURANCE} 要"
    shared = {one["key"]: one for one in both.engine.shared_fields([both.receive()])["fields"]}
    assert shared["apply_dept_name"]["only"] == ""
    assert shared["recognition_mark"]["only"] == f"只有 {PROVINCE} 要"


def test_with_one_destination_nothing_names_it(desk: Desk) -> None:
    form = desk.engine.form(desk.receive())
    assert {field["only"] for field in fields(form).values()} == {""}
    assert not any("（" in problem["title"] for problem in form["problems"])


def test_a_problem_says_who_has_it_unless_all_have(both: Desk) -> None:
    form = both.engine.form(both.receive())
    titles = {problem["key"]: problem["title"] for problem in form["problems"]}
    assert titles["id_number"] == "还没有证件号"
    assert titles["settled_at"] == f"还没有结算时间（{INSURANCE}）"
    assert titles["charge_type"] == f"还没有费用类型（{INSURANCE}）"
    assert titles["recognition_mark"] == f"还没有互认标识（{PROVINCE}）"
    assert fields(form)["charge_type"]["problem"]["title"] == titles["charge_type"]
    by = {problem["key"]: problem["destination"] for problem in form["problems"]}
    assert by["settled_at"] == "insurance" and by["recognition_mark"] == "province"


def test_what_is_missing_is_counted_once_in_list_and_form(both: Desk) -> None:
    uid = both.receive()
    form = both.engine.form(uid)
    assert form["problem_count"] == len({(one["noun"], one["row"], one["key"]) for one in form["problems"]})
    assert f"还差 {form['problem_count']} 项" in form["ready_why_not"]


def test_one_filling_satisfies_both(both: Desk) -> None:
    uid = both.receive()
    form = both.engine.fill(uid, EXAM_VALUES | REPORT_VALUES | OWN, [SETTLEMENT])
    assert {problem["key"] for problem in form["problems"]} == {"report_pdf"}
    assert told(both, uid, "charge_type") == {"province": "07", "insurance": "01"}
    assert told(both, uid, "positive_mark") == {"province": "2", "insurance": "1"}
    assert told(both, uid, "id_type") == {"province": "01", "insurance": "111"}


# -- code lists --------------------------------------------------------------------------------------------------------


def labels(desk: Desk, table: str) -> dict[str, str]:
    return {one["code"]: one["label"] for one in desk.engine.search_codes(table, "")["codes"]}


def test_one_destination_offers_its_own_list_and_two_the_shared_one(both: Desk, desk: Desk) -> None:
    assert labels(desk, "positive_mark") == {"0": "未知", "1": "阳性", "2": "阴性"}
    assert labels(both, "positive_mark") == {"N": "阴性", "P": "阳性", "U": "不确定"}
    assert "111" in labels(both, "id_type") and "01" in labels(desk, "id_type")
    assert labels(both, "mutual_item")  # one of them has it


def test_what_is_shown_is_what_is_searched_and_typed(both: Desk) -> None:
    uid = both.receive()
    for table, key in (("id_type", "id_type"), ("charge_type", "charge_type"), ("positive_mark", "positive_mark")):
        for code, label in labels(both, table).items():
            field = fields(both.engine.fill(uid, {key: code}))[key]
            assert (field["text"], field["shown"]) == (code, f"{code} {label}")
            again = fields(both.engine.fill(uid, {key: field["shown"]}))[key]
            assert again["text"] == code and kept(both, uid, key) == code


def test_every_code_that_one_destination_offers_is_typed_and_shown_alike(insurance: Desk) -> None:
    uid = insurance.receive()
    for table, key in (("charge_type", "charge_type"), ("exam_way", "exam_way"), ("positive_mark", "positive_mark")):
        for code, label in labels(insurance, table).items():
            for typed in (code, label, f"{code} {label}"):
                field = fields(insurance.engine.fill(uid, {key: typed}))[key]
                assert (field["text"], field["shown"]) == (code, f"{code} {label}"), typed
            assert told(insurance, uid, key) == {"insurance": code}


def test_several_codes_are_told_to_each_in_its_own(both: Desk) -> None:
    uid = both.receive()
    field = fields(both.engine.fill(uid, {"exam_way": "平扫增强\nCTA"}))["exam_way"]
    assert field["shown"] == "10 平扫增强；3 CTA" and field["text"] == "10,3"
    assert told(both, uid, "exam_way") == {"province": "10,3", "insurance": "1,2,3"}


def test_a_default_of_a_region_shows_as_the_shared_code(both: Desk) -> None:
    field = fields(both.engine.form(both.receive()))["id_type"]
    assert (field["shown"], field["source"]) == ("111 居民身份证", "default")


def test_a_code_that_no_list_has_is_refused_by_the_name_of_the_field(both: Desk) -> None:
    with pytest.raises(NeedsOperator) as refused:
        both.engine.fill(both.receive(), {"charge_type": "白条"})
    assert refused.value.title == "费用类型：不在字典里" and refused.value.fields == ("charge_type",)


@pytest.mark.parametrize("key", ["index_code", "image_count", "history_from"])
def test_what_only_a_request_knows_can_not_be_entered(both: Desk, key: str) -> None:
    uid = both.receive()
    for entered in (both.engine.fill, both.engine.check):
        with pytest.raises(NeedsOperator) as refused:
            entered(uid, {key: "1"})
        assert "由程序填写" in refused.value.title
    assert key not in fields(both.engine.form(uid))
    listed = {one["key"]: one["typed"] for one in both.engine.fields("insurance")["fields"]}
    assert listed[key] is False and listed["id_number"] is True


# -- a second destination comes later ----------------------------------------------------------------------------------


def test_a_choice_too_coarse_for_the_new_destination_is_asked_again(
    insurance: Desk, home: Home, tmp_path: Path
) -> None:
    uid = insurance.receive()
    insurance.engine.fill(uid, {"charge_type": "医保"})
    assert kept(insurance, uid, "charge_type") == "guizhou:02"
    for both in add_destination(home, insurance, tmp_path):
        field = fields(both.engine.form(uid))["charge_type"]
        assert field["shown"] == "02 医保"
        assert field["problem"] == {"title": f"费用类型：{PROVINCE}没有这个代码", "advice": "请换一个"}
        both.engine.fill(uid, {"phone": "13800138000"})
        assert told(both, uid, "charge_type")["insurance"] == "02"
        found = fields(both.engine.fill(uid, {"charge_type": "城镇职工基本医疗保险"}))["charge_type"]
        assert found["problem"] is None
        assert told(both, uid, "charge_type") == {"province": "01", "insurance": "02"}


def test_an_old_mark_stands_where_it_was_entered_and_is_never_read_as_its_opposite(
    desk: Desk, home: Home, tmp_path: Path
) -> None:
    uid = desk.receive()
    desk.engine.fill(uid, {"findings": "双肺清晰"})
    house = desk.engine.house
    report = exams.reports_of(house.store.read(), desk.key(uid))[0].report_key
    old = Value(text="1", source=Source.TECHNICIAN)  # as it was kept before the lists were shared: positive
    house.store.write(
        lambda tx: exams.set_value(tx, report, Noun.REPORT, 0, "positive_mark", old, now=house.clock.now())
    )
    field = fields(desk.engine.form(uid))["positive_mark"]
    assert field["shown"] == "1 阳性" and field["problem"] is None
    for both in add_destination(home, desk, tmp_path):
        field = fields(both.engine.form(uid))["positive_mark"]
        assert field["shown"] == "1 阳性"
        assert field["problem"]["title"] == f"阴阳性：{INSURANCE}没有这个代码"
        assert told(both, uid, "positive_mark")["province"] == "1"
        again = fields(both.engine.fill(uid, {"positive_mark": field["shown"]}))["positive_mark"]
        assert again["shown"] == "P 阳性" and again["problem"] is None
        assert told(both, uid, "positive_mark") == {"province": "1", "insurance": "2"}


# -- what comes from elsewhere -----------------------------------------------------------------------------------------


def test_his_fills_both_with_one_word(both: Desk) -> None:
    uid = both.receive(accession="CT001")
    both.engine.his_import(export(both, a_row(charge="城镇职工基本医疗保险"), header=HEADER))
    assert fields(both.engine.form(uid))["charge_type"]["shown"] == "01 城镇职工基本医疗保险"
    assert told(both, uid, "charge_type") == {"province": "01", "insurance": "02"}


def test_a_word_of_his_answered_once_is_kept_for_all(both: Desk) -> None:
    uid = both.receive(accession="CT001")
    both.engine.his_import(export(both, a_row(charge="职工")))
    (asked,) = both.engine.his()["unknown"]
    assert asked["table"] == "charge_type" and asked["words"] == "职工"
    both.engine.his_keep({"codes": {"charge_type": {"职工": "01"}}})
    assert both.engine.his()["unknown"] == []
    assert told(both, uid, "charge_type") == {"province": "01", "insurance": "02"}
    preview = both.engine.his_preview(export(both, a_row(charge="职工"), name="next.csv"))
    assert [(one["code"], one["code_label"]) for one in preview["codes"]] == [("01", "城镇职工基本医疗保险")]


def test_a_word_that_only_the_shared_list_has_is_told_to_the_one_destination(insurance: Desk) -> None:
    uid = insurance.receive(accession="CT001")
    insurance.engine.his_import(export(insurance, a_row(charge="城镇职工基本医疗保险")))
    assert kept(insurance, uid, "charge_type") == "01"
    assert fields(insurance.engine.form(uid))["charge_type"]["shown"] == "02 医保"


def test_a_report_says_positive_to_each_in_its_own_code(both: Desk) -> None:
    uid = li_guifang(both)
    form = attached(both, uid, a_report(foot=[[(60, "阴阳性：阳性")], *FOOT]))
    assert fields(form)["positive_mark"]["shown"] == "P 阳性"
    assert told(both, uid, "positive_mark") == {"province": "1", "insurance": "2"}
    said = {one["key"]: one["text"] for one in both.engine.report_text(uid)["fields"]}
    assert said["positive_mark"] == "P 阳性" and "last_audited_at" in said


# -- several exams, defaults, suggestions ------------------------------------------------------------------------------


def test_several_exams_get_a_code_for_both(both: Desk) -> None:
    uids = [both.receive(patient_id=f"P{n}", accession=f"A{n}") for n in (1, 2)]
    wish = {"exam_way": "平扫增强", "patient_source": "1", "charge_type": "全自费"}
    dry = both.engine.fill_many(uids, wish)
    assert dry["values"] == 6 and dry["written"] == 0
    assert both.engine.fill_many(uids, wish, dry=False)["written"] == 6
    for uid in uids:
        assert told(both, uid, "charge_type") == {"province": "07", "insurance": "01"}
        assert told(both, uid, "exam_way") == {"province": "10", "insurance": "1,2"}
    assert both.engine.fill_many(uids, wish)["values"] == 0


def test_several_exams_of_one_destination_are_given_its_own_codes_once(insurance: Desk) -> None:
    uids = [insurance.receive(patient_id=f"P{n}", accession=f"A{n}") for n in (1, 2)]
    assert insurance.engine.fill_many(uids, {"charge_type": "医保"}, dry=False)["written"] == 2
    assert insurance.engine.fill_many(uids, {"charge_type": "02"})["values"] == 0


def test_a_default_is_written_in_each_region_s_own_code(both: Desk, home: Home) -> None:
    told_ = both.engine.keep_defaults({"charge_type": "全自费", "recognition_mark": "晋HR"})
    assert {one["key"]: one["shown"] for one in told_["kept"]} == {
        "charge_type": "07 全自费",
        "recognition_mark": "晋HR",
    }
    defaults = {one.name: dict(one.defaults) for one in read_settings(home).destinations}
    assert defaults == {
        "province": {"charge_type": "07", "recognition_mark": "晋HR"},
        "insurance": {"charge_type": "01"},
    }
    uid = both.receive(patient_id="P3", accession="A3")
    assert told(both, uid, "charge_type") == {"province": "07", "insurance": "01"}
    assert fields(both.engine.form(uid))["charge_type"]["shown"] == "07 全自费"
    assert both.engine.keep_defaults({"charge_type": "07"}, dry=True)["kept"] == []


def a_sent(desk: Desk, number: int, **changes: str) -> str:
    uid = desk.receive(patient_id=f"P{number}", accession=f"A{number}", StudyDescription="胸部")
    desk.fill(uid, **{**OWN, **changes})
    desk.engine.attach(uid, str(a_pdf(desk.folder / f"{uid}.pdf")))
    assert desk.engine.submit(uid)["jobs"]
    return uid


def test_a_habit_is_suggested_in_the_codes_on_offer(both: Desk) -> None:
    for number in range(3):
        a_sent(both, number, exam_way="平扫增强")
    uid = both.receive(patient_id="P9", accession="A9", StudyDescription="胸部")
    found = {one["key"]: one for one in both.engine.suggestions(uid)["suggestions"]}
    assert (found["body_part_code"]["text"], found["recognition_mark"]["text"]) == ("BW23ZYZZZ", "晋HR")
    assert found["patient_source"]["told"].endswith("：1 门诊")
    form = both.engine.fill(uid, {key: one["shown"] for key, one in found.items()})
    assert not {one["key"] for one in form["problems"]} & found.keys()


def test_the_patient_s_last_exam_is_suggested_in_the_codes_on_offer(both: Desk) -> None:
    a_sent(both, 1, charge_type="城镇居民基本医疗保险")
    uid = both.receive(patient_id="P1", accession="A9")
    both.engine.fill(uid, {"id_number": EXAM_VALUES["id_number"]})
    found = {one["key"]: one for one in both.engine.suggestions(uid)["suggestions"]}
    assert (found["charge_type"]["text"], found["charge_type"]["shown"]) == ("02", "02 城镇居民基本医疗保险")


def test_slip_and_timeline_tell_who_it_is_alike_for_every_destination(both: Desk) -> None:
    uid = both.receive(PatientSex="F")
    assert both.engine.slip(uid)["patient"]["sex"] == "2"
    assert both.engine.form(uid)["patient_name"] == both.engine.slip(uid)["patient"]["name"]


# -- all regions at once ----------------------------------------------------------------------------------------------


@pytest.fixture
def all_three(home: Home, tmp_path: Path) -> Iterator[Desk]:
    answers = answers_of("province")
    answers["destination"] += [a_destination("insurance", "guizhou"), a_destination("city", "guangyuan")]
    apply_answers(answers, home)
    with a_desk(home, tmp_path) as made:
        yield made


def test_every_code_on_offer_reaches_each_destination_or_is_refused_in_its_name(all_three: Desk) -> None:
    uid, engine = all_three.receive(), all_three.engine
    coded = [field for field in fields(engine.form(uid)).values() if field["type"] in ("code", "codes")]
    assert len({field["table"] for field in coded}) > 15
    lists = {field["table"]: engine.search_codes(field["table"], "", limit=8)["codes"] for field in coded}
    for place in range(8):
        wish = {f["key"]: lists[f["table"]][place]["code"] for f in coded if place < len(lists[f["table"]])}
        found = fields(engine.check(uid, wish))
        for key, code in wish.items():
            assert found[key]["text"] == code and found[key]["shown"].startswith(code), key
            if problem := found[key]["problem"]:
                named = next(title for title in TITLES if title in problem["title"])
                assert "没有这个代码" in problem["title"] or "不在字典里" in problem["title"], (key, named)


TITLES = (PROVINCE, INSURANCE, "广元市医保影像云")
