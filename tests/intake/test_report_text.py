"""What a report says is found by its labels, however they are written, and what it does not say stays empty."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.report_labels import load_report_labels, normal_label
from app.domain.report_text import Template
from app.errors import NeedsOperator, RetryLater
from app.intake.apart import Apart
from app.intake.pdf_text import pdf_lines, pdf_lines_apart
from app.intake.report_text import Reading, best_template, find_labels, read_report
from app.practice.report_pdf import make_report_pdf
from tests import builders
from tests.intake.paper import FINDINGS, FOOT, HEAD, a_page, a_report, pages

KNOWN = load_report_labels()
WHOLE = "".join(FINDINGS)


def read(data: bytes, template: Template | None = None) -> Reading:
    return read_report(pdf_lines(data), KNOWN, template)


def texts(data: bytes, template: Template | None = None) -> dict[str, str]:
    return {key: value for key, (value, _) in read(data, template).fields.items()}


def test_a_usual_report_is_read_without_any_mapping() -> None:
    assert texts(a_report()) == {
        "patient_name": "李桂芳",
        "sex": "女",
        "age": "63 岁",
        "accession_number": "DR2611200018",
        "findings": WHOLE,
        "conclusion": "1. 右下肺少许炎症可能，建议复查；\n2. 主动脉硬化。",
        "report_doctor_name": "张伟明",
        "audit_doctor_name": "刘慧",
        "reported_at": "2026-11-20 14:03",
        "audited_at": "2026年11月20日 14:30:05",
    }


@pytest.mark.parametrize(
    ("findings", "conclusion"),
    [
        ("影 像 所 见 :", "诊 断 意 见:"),
        ("影像所见", "诊断意见"),
        ("【影像所见】", "【诊断意见】"),
        ("一、检查所见：", "二、影像诊断："),
        ("CT表现：", "印象："),
        ("ＣＴ所见：", "诊断结论："),
    ],
)
def test_headings_are_known_in_their_many_writings(findings: str, conclusion: str) -> None:
    found = texts(a_report(findings_label=findings, conclusion_label=conclusion))
    assert found["findings"] == WHOLE
    assert found["conclusion"].startswith("1. 右下肺")


def test_what_the_report_does_not_say_stays_empty() -> None:
    foot = [[(60, "报告医师："), (330, "审核医师：")], [(60, "本报告仅供临床参考")]]
    found = read(a_report(foot=foot))
    assert not {"report_doctor_name", "audit_doctor_name", "reported_at", "audited_at"} & found.fields.keys()
    assert "report_advice" not in found.fields


def test_a_head_in_columns_without_colons_is_read() -> None:
    head = [[(60, "姓名"), (130, "李桂芳"), (260, "性别"), (330, "女")], [(60, "检查号"), (130, "DR1")]]
    found = texts(a_report(head=head))
    assert (found["patient_name"], found["sex"], found["accession_number"]) == ("李桂芳", "女", "DR1")


def test_labels_of_the_text_itself_and_times_do_not_end_it() -> None:
    rows = [[(60, "影像所见：")], [(60, "左肺：清晰。")], [(60, "14:03 时复查，比例 1:2。")], [(60, "诊断意见：正常")]]
    assert texts(a_page(rows))["findings"] == "左肺：清晰。\n14:03 时复查，比例 1:2。"


def test_a_report_over_two_pages_goes_on_without_its_repeated_head_and_foot() -> None:
    gap: list[list[tuple[int, str]]] = [[] for _ in range(24)]
    first = a_page([*HEAD, [(60, "影像所见：")], [(60, FINDINGS[0])], *gap, FOOT[0], [(280, "第 1 页 共 2 页")]])
    second = a_page([*HEAD, [(60, FINDINGS[1])], [(60, "诊断意见：正常")], *gap, FOOT[0], [(280, "第 2 页 共 2 页")]])
    found = texts(pages(first, second))
    assert found["findings"] == WHOLE
    assert (found["conclusion"], found["audit_doctor_name"]) == ("正常", "刘慧")


def test_the_practice_report_is_read_whole(tmp_path) -> None:  # type: ignore[no-untyped-def]
    findings = "双肺纹理清晰，走行自然，未见实变及结节影。纵隔居中，心影不大。双侧胸腔未见积液。"
    path = make_report_pdf(
        tmp_path / "r.pdf", patient="赵建国", accession="CT1", findings=findings, conclusion="未见异常。"
    )
    assert texts(path.read_bytes()) == {
        "patient_name": "赵建国",
        "accession_number": "CT1",
        "findings": findings,
        "conclusion": "未见异常。",
    }


# -- templates --------------------------------------------------------------------------------------------------------

STRANGE = [*HEAD, [(60, "放射学描写：")], [(60, FINDINGS[0])], [(60, FINDINGS[1])], [(60, "小结：")], [(60, "正常")]]
STRANGE_FOOT = [[(60, "医师甲：张伟明"), (330, "医师乙：刘慧")], [(60, "出具时间：2026-11-20 14:03")]]


def a_template(**mapping: str) -> Template:
    labels = read(a_page([*STRANGE, *STRANGE_FOOT])).labels
    return Template(layout="x", labels=labels, mapping={key: normal_label(one) for key, one in mapping.items()})


def test_an_unknown_layout_is_read_once_a_person_has_mapped_it() -> None:
    paper = a_page([*STRANGE, *STRANGE_FOOT])
    assert not {"findings", "conclusion", "report_doctor_name"} & texts(paper).keys()
    template = a_template(
        findings="放射学描写",
        conclusion="小结",
        report_doctor_name="医师甲",
        audit_doctor_name="医师乙",
        audited_at="出具时间",
    )
    found = texts(paper, template)
    assert (found["findings"], found["conclusion"]) == (WHOLE, "正常")
    assert (found["report_doctor_name"], found["audit_doctor_name"]) == ("张伟明", "刘慧")
    assert found["audited_at"] == "2026-11-20 14:03"


def test_a_field_that_a_person_took_away_is_not_read() -> None:
    template = Template(layout="x", labels=read(a_report()).labels, mapping={"accession_number": "", "conclusion": ""})
    assert not {"accession_number", "conclusion"} & texts(a_report(), template).keys()


def test_a_layout_is_known_again_without_one_of_its_labels_and_no_other_is() -> None:
    template = a_template(findings="放射学描写")
    without_doctor = a_page([*STRANGE, [(60, "医师甲：王强")], [(60, "出具时间：2026-12-01 08:00")]])
    assert best_template([template], read(without_doctor).labels) is template
    assert best_template([template], read(a_report()).labels) is None


# -- papers without words ---------------------------------------------------------------------------------------------


def test_a_scanned_report_says_so() -> None:
    with pytest.raises(NeedsOperator) as refused:
        pdf_lines(a_page([]))
    assert "扫描" in refused.value.title


def test_a_broken_or_locked_pdf_says_so(tmp_path: Path) -> None:
    for data in (b"%PDF-1.4 nothing %%EOF", b"", builders.a_pdf(tmp_path / "a.pdf").read_bytes()[:200]):
        with pytest.raises(NeedsOperator):
            pdf_lines(data)


def test_a_pdf_is_read_in_a_child_process_all_the_same(tmp_path: Path) -> None:
    apart = Apart()
    try:
        assert pdf_lines_apart(apart, a_report()) == pdf_lines(a_report())
        with pytest.raises(NeedsOperator) as refused:
            pdf_lines_apart(apart, a_page([]))
        assert "扫描" in refused.value.title and refused.value.advice
    finally:
        apart.close()


def test_a_pdf_that_kills_its_reader_is_a_plain_no() -> None:
    class Dying(Apart):
        def run(self, function: Any, *arguments: Any) -> Any:
            return super().run(os._exit, 139)

    apart = Dying()
    try:
        with pytest.raises(NeedsOperator) as refused:
            pdf_lines_apart(apart, a_report())
        assert refused.value.title == "这份报告的文字读不出来"
    finally:
        apart.close()


def test_a_reading_that_takes_too_long_says_nothing_about_the_pdf() -> None:
    class Slow(Apart):
        def run(self, function: Any, *arguments: Any) -> Any:
            return super().run(time.sleep, 60)

    apart = Slow(patience_seconds=0.5)
    try:
        with pytest.raises(RetryLater):
            pdf_lines_apart(apart, a_report())
    finally:
        apart.close()


# -- properties -------------------------------------------------------------------------------------------------------

HAN = st.text(alphabet="肺心肝胆脾胰肾骨左右上下清晰增大正常影密度", min_size=1, max_size=12)
ONE_LINE = ["姓名", "性别", "检查号", "科室", "报告医师", "审核医师", "申请科室"]


@given(st.lists(st.tuples(st.sampled_from(ONE_LINE), HAN), min_size=1, max_size=4, unique_by=lambda one: one[0]))
@pytest.mark.parametrize("colon", ["：", ":"])
@pytest.mark.parametrize("gap", ["  ", " "])
def test_labels_of_one_line_never_take_each_others_value(colon: str, gap: str, pairs: list[tuple[str, str]]) -> None:
    line = gap.join(f"{label}{colon}{value}" for label, value in pairs)
    found = find_labels(line, KNOWN.keys, KNOWN.alone)
    ends = [*(one.start for one in found[1:]), len(line)]
    assert [(one.label, line[one.end : end].strip()) for one, end in zip(found, ends, strict=True)] == pairs


@given(HAN, st.sampled_from(["影像所见", "姓名", "审核时间"]))
def test_blanks_within_a_label_change_nothing(value: str, label: str) -> None:
    spaced = " ".join(label)
    (found,) = find_labels(f"{spaced}：{value}", KNOWN.keys, KNOWN.alone)
    assert found.label == label


@given(st.text(max_size=60))
def test_no_line_breaks_the_reader(text: str) -> None:
    for one in find_labels(text, KNOWN.keys, KNOWN.alone):
        assert 0 <= one.start <= one.end <= len(text)


@given(st.lists(st.lists(st.tuples(st.integers(40, 400), HAN), max_size=2), min_size=1, max_size=6))
def test_a_paper_without_labels_gives_nothing(rows: list[list[tuple[int, str]]]) -> None:
    data = a_page([*rows, [(60, "没有任何标题的一页文字")]])
    assert read(data).fields == {}
