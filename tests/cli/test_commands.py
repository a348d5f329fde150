"""Every command against a face of known answers, served on a real socket as a running engine's would be."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.__main__ import main, passed_on_words
from app.cli.parser import build_parser
from app.engine.face import COMMANDS, Json
from app.engine.serve import FaceServer
from app.errors import NeedsOperator, Rejected
from app.system.paths import Home
from tests.cli.fake_face import BACKFILL, FORM, STATUS, FakeFace

Ran = tuple[int, str, str]


@pytest.fixture
def fake() -> FakeFace:
    return FakeFace()


@pytest.fixture
def run(
    fake: FakeFace, home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Ran]]:
    """(exit code, standard output, standard error) of a command on a home where `fake` runs."""
    monkeypatch.setattr("sys.excepthook", sys.excepthook)
    server = FaceServer(fake.face, home)
    server.start()

    def run(*words: str) -> Ran:
        try:
            code = main(["--home", str(home.root), *words])
        except SystemExit as end:
            code = int(str(end.code))
        said = capsys.readouterr()
        return code, said.out, said.err

    yield run
    server.stop()


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("status", ("status", {})),
        ("check", ("check_self", {})),
        (
            "studies --state fill --day 20260105 --text 张 --limit 5",
            ("studies", {"state": "fill", "day": "2026-01-05", "text": "张", "limit": 5, "offset": 0}),
        ),
        ("study A1", ("study", {"uid": "A1"})),
        ("fields --destination main", ("fields", {"destination": "main"})),
        (
            "fill A1 --set sex=1 --set note=a=b",
            ("fill", {"uid": "A1", "values": {"sex": "1", "note": "a=b"}, "settlements": None, "reports": None}),
        ),
        ("no-report A1", ("without_report", {"uid": "A1", "none": True})),
        ("no-report A1 --undo", ("without_report", {"uid": "A1", "none": False})),
        ("settle A1 --name 张三", ("settle", {"uid": "A1", "decision": "name", "detail": "张三"})),
        ("settle A1 --same", ("settle", {"uid": "A1", "decision": "same"})),
        ("settle A1 --split", ("settle", {"uid": "A1", "decision": "split"})),
        ("settle A1 --first", ("settle", {"uid": "A1", "decision": "first"})),
        ("settle A1 --second", ("settle", {"uid": "A1", "decision": "second"})),
        ("submit A1 --destination main", ("submit", {"uid": "A1", "destination": "main", "ready": False})),
        ("submit --ready", ("submit", {"uid": "", "destination": "", "ready": True})),
        ("resend A1", ("resend", {"uid": "A1", "failed": False, "day": "", "destination": ""})),
        ("resend --failed", ("resend", {"uid": "", "failed": True, "day": "", "destination": ""})),
        (
            "resend --day 2026-01-05 --destination main",
            ("resend", {"uid": "", "failed": False, "day": "2026-01-05", "destination": "main"}),
        ),
        ("withdraw A1", ("withdraw", {"uid": "A1", "destination": ""})),
        ("withdraw A1 --destination main", ("withdraw", {"uid": "A1", "destination": "main"})),
        ("hold A1", ("hold", {"uid": "A1", "destination": ""})),
        ("release A1", ("release", {"uid": "A1", "destination": ""})),
        ("cancel A1 --destination main", ("cancel", {"uid": "A1", "destination": "main"})),
        ("send-now A1", ("send_now", {"uid": "A1"})),
        ("pause", ("pause", {"minutes": 0})),
        ("pause --minutes 30", ("pause", {"minutes": 30})),
        ("resume", ("resume", {})),
        ("reconcile --day 2026-01-05", ("reconcile", {"day": "2026-01-05", "destination": ""})),
        ("days", ("reconciliation_days", {"limit": 21})),
        ("days --day 2026-01-05", ("reconciliation", {"day": "2026-01-05"})),
        (
            "backfill --from 2026-01-01 --source PACS1",
            ("backfill", {"day_from": "2026-01-01", "source": "PACS1", "stop": False}),
        ),
        ("his", ("his", {})),
        ("his ambiguous", ("his_ambiguous", {})),
        ("his choose 7 A1", ("his_choose", {"row": 7, "uid": "A1"})),
        ("his choose 7", ("his_choose", {"row": 7, "uid": ""})),
        ("his query", ("his_query", {})),
        ("his preview /x/his.csv", ("his_preview", {"path": "/x/his.csv"})),
        ("his import /x/his.csv", ("his_import", {"path": "/x/his.csv"})),
        (
            "his map settlement_id=结算号 match.accession=检查号 --code charge_type=职工=01 --folder /x",
            (
                "his_keep",
                {
                    "mapping": {
                        "columns": {"settlement_id": "结算号"},
                        "match": {"accession": "检查号"},
                        "codes": {"charge_type": {"职工": "01"}},
                        "folder": "/x",
                    }
                },
            ),
        ),
        ("backfill --stop", ("backfill", {"day_from": "", "source": "", "stop": True})),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_command_asks_the_face_and_says_what_came(
    run: Callable[..., Ran], fake: FakeFace, words: str, call: tuple[str, Json], as_json: bool
) -> None:
    code, said, wrong = run(*words.split(), *(["--json"] if as_json else []))
    assert (code, wrong) == (0, "")
    assert fake.calls == [call]
    expected = fake.answers.get(call[0], {"uid": "A1"} if "uid" in call[1] else {"uid": ""})
    if as_json:
        assert json.loads(said) == expected
    else:
        assert said.strip()
        assert "None" not in said


def test_paths_reach_the_engine_whole(
    run: Callable[..., Ran], fake: FakeFace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "图 像").mkdir()
    (tmp_path / "r.pdf").write_bytes(b"%PDF")
    monkeypatch.chdir(tmp_path)
    assert run("import", "图 像", "r.pdf")[0] == 0
    assert run("attach", "A1", "r.pdf", "--report", "2")[0] == 0
    assert fake.calls == [
        ("import_paths", {"paths": [str(tmp_path / "图 像"), str(tmp_path / "r.pdf")]}),
        ("attach", {"uid": "A1", "path": str(tmp_path / "r.pdf"), "report": 1}),
    ]
    assert run("import", "nowhere")[0] == 1


@pytest.mark.parametrize(
    ("written", "values", "settlements", "reports"),
    [
        ({"sex": "1", "age": 45, "note": None}, {"sex": "1", "age": "45", "note": "", "x": "y"}, None, None),
        (
            {"values": {"sex": "1"}, "reports": [{"conclusion": "正常"}], "settlements": []},
            {"sex": "1", "x": "y"},
            [],
            [{"conclusion": "正常"}],
        ),
        ({"settlements": [{"settlement_id": 7}]}, {"x": "y"}, [{"settlement_id": "7"}], None),
    ],
)
def test_values_can_come_from_a_file(
    run: Callable[..., Ran], fake: FakeFace, tmp_path: Path, written: Json, values: Json, settlements: Any, reports: Any
) -> None:
    file = tmp_path / "值.json"
    file.write_text(json.dumps(written, ensure_ascii=False), encoding="utf-8-sig")
    assert run("fill", "A1", "--from", str(file), "--set", "x=y")[0] == 0
    assert fake.calls == [("fill", {"uid": "A1", "values": values, "settlements": settlements, "reports": reports})]


@pytest.mark.parametrize(
    "written", ["[]", "{", '{"values": 3}', '{"sex": true}', '{"values": {}, "sex": "1"}', '{"reports": {}}']
)
def test_a_file_of_another_shape_is_refused(
    run: Callable[..., Ran], fake: FakeFace, tmp_path: Path, written: str
) -> None:
    file = tmp_path / "values.json"
    file.write_text(written, encoding="utf-8")
    code, said, wrong = run("fill", "A1", "--from", str(file))
    assert (code, said) == (1, "")
    assert wrong.startswith("文件 values.json")
    assert fake.calls == []


def test_a_place_that_can_not_delete_is_named_beside_those_that_can(run: Callable[..., Ran], fake: FakeFace) -> None:
    why = "市影像云：平台没有删除接口。已经传过去的，请打电话请平台删除"
    fake.answers["withdraw"] = {"exam_key": "A1", "jobs": 1, "skipped": [{"destination": "city", "why": why}]}
    assert run("withdraw", "A1") == (0, f"已请平台撤回\n没有撤回：{why}\n", "")


def test_an_error_is_one_plain_sentence(run: Callable[..., Ran], fake: FakeFace) -> None:
    fake.answers["withdraw"] = Rejected("平台退回", "请找工程师", code="7", words="重复", details="第 3 行")
    assert run("withdraw", "A1") == (1, "", "平台退回。请找工程师。\n")
    assert "第 3 行" in run("--verbose", "withdraw", "A1")[2]
    code, said, wrong = run("withdraw", "A1", "--json")
    assert (code, wrong) == (1, "平台退回。请找工程师。\n")
    assert json.loads(said) == {
        "error": {
            "kind": "Rejected",
            "title": "平台退回",
            "advice": "请找工程师",
            "details": "第 3 行",
            "code": "7",
            "words": "重复",
        }
    }


def test_one_study_that_is_not_submitted_is_a_failure_and_says_why(run: Callable[..., Ran], fake: FakeFace) -> None:
    fake.answers["submit"] = {"submitted": [], "skipped": [{"uid": "A1", "why": "姓名没有填"}], "jobs": 0}
    code, said, wrong = run("--json", "submit", "A1")
    assert code == 1
    assert "姓名没有填" in wrong
    assert json.loads(said)["skipped"] == [{"uid": "A1", "why": "姓名没有填"}]
    assert json.loads(said)["error"]["kind"] == "NeedsOperator"
    code, said, wrong = run("submit", "--ready")
    assert (code, wrong) == (0, "")
    assert "姓名没有填" in said


def test_a_self_check_that_fails_is_a_failure(run: Callable[..., Ran], fake: FakeFace) -> None:
    fake.answers["check_self"] = {
        "ok": False,
        "checks": [{"name": "disk", "ok": False, "title": "磁盘快满了", "advice": "请腾出空间", "details": ""}],
    }
    code, said, wrong = run("check")
    assert code == 1
    assert "磁盘快满了" in said
    assert "1 项" in wrong


@pytest.mark.parametrize(
    "words",
    [
        "submit",
        "submit A1 --ready",
        "resend",
        "resend A1 --day 2026-01-05",
        "reconcile",
        "reconcile --day 2026-13-01",
        "studies --state dreaming",
        "pause --minutes soon",
        "settle A1",
        "settle A1 --same --split",
        "fill A1 --set sex",
        "setup",
        "backfill",
        "import",
        "dance",
        "status --colour",
        "stat",
    ],
)
def test_wrong_words_end_with_two_and_say_what_is_wrong_in_chinese(
    run: Callable[..., Ran], fake: FakeFace, words: str
) -> None:
    code, said, wrong = run(*words.split())
    assert (code, said) == (2, "")
    assert wrong.startswith("用法：")
    assert not any(english in wrong for english in ("required", "invalid", "expected", "usage", "unrecognized"))
    assert fake.calls == []


def test_a_setup_warns_of_the_secrets_in_its_file(run: Callable[..., Ran], fake: FakeFace, tmp_path: Path) -> None:
    file = tmp_path / "answers.toml"
    file.write_text('[clinic]\nname = "甲"\n[intake]\nfolders = ["in", "/x"]\n', encoding="utf-8")
    code, said, wrong = run("setup", "--answers", str(file))
    assert code == 0
    assert "settings.toml" in said
    assert "密钥" in wrong
    assert file.exists()
    code, said, _ = run("setup", "--answers", str(file), "--delete-answers", "--json")
    assert json.loads(said)["answers_deleted"] is True
    assert not file.exists()
    whole = [str(tmp_path / "in"), str(tmp_path / "/x")]
    assert fake.calls == [("setup", {"answers": {"clinic": {"name": "甲"}, "intake": {"folders": whole}}})] * 2


def test_answers_are_kept_when_the_setup_is_refused(run: Callable[..., Ran], fake: FakeFace, tmp_path: Path) -> None:
    file = tmp_path / "answers.toml"
    file.write_text("[clinic]\n", encoding="utf-8")
    fake.answers["setup"] = NeedsOperator("设置项 dicom.port 不对", "应为端口", fields=("dicom.port",))
    assert run("setup", "--answers", str(file), "--delete-answers")[0] == 1
    assert file.exists()
    file.write_text("[clinic\n", encoding="utf-8")
    assert "第 1 行" in run("setup", "--answers", str(file))[2]
    assert run("setup", "--answers", str(tmp_path / "none.toml"))[0] == 1


def test_a_backfill_is_watched_until_it_is_done(run: Callable[..., Ran], fake: FakeFace) -> None:
    going = [{**BACKFILL, "running": True, "taken": 1}, {**BACKFILL, "undelivered": ["9.9"]}]
    fake.answers["backfill"] = going[0]
    fake.answers["backfill_status"] = lambda: going[1]
    code, said, _ = run("backfill", "--from", "2026-01-01", "--json")
    assert code == 0
    assert json.loads(said) == going[1]


def test_json_works_before_and_after_the_command(run: Callable[..., Ran]) -> None:
    assert json.loads(run("--json", "status")[1]) == json.loads(run("status", "--json")[1]) == STATUS


def test_a_console_without_chinese_still_gets_json(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert run("status", "--json")[0] == 0
    assert json.loads(raw.getvalue()) == STATUS
    assert run("status")[0] == 0


def test_a_program_without_streams_still_works(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stderr", None)
    assert run("status")[0] == 0


def test_every_command_of_the_face_can_be_reached_or_is_for_pages() -> None:
    parser = build_parser()
    named = next(action.choices for action in parser._actions if isinstance(action.choices, dict))
    assert named is not None
    for_pages = {
        "act_many",
        "addresses",
        "allow_caller",
        "add_report",
        "arrivals",
        "audit",
        "autostart",
        "check",
        "check_answers",
        "choose_decoding",
        "closing",
        "closing_shown",
        "devices",
        "drop_report",
        "download_frame",
        "download_series",
        "export_jobs",
        "export_reconciliation",
        "fill_many",
        "form",
        "frame",
        "free_port",
        "health",
        "id_number_said",
        "job",
        "job_keys",
        "jobs",
        "keep_defaults",
        "keep_setup_draft",
        "mark_test",
        "mute_device",
        "name_device",
        "name_repair",
        "postpone_signing",
        "recently_confirmed",
        "reconciled",
        "reconciliation",
        "reconciliation_days",
        "regions",
        "registration",
        "rehearsal_status",
        "rehearse",
        "repair_name",
        "report_pdf",
        "search_codes",
        "secret_places",
        "series",
        "set_asides",
        "set_autostart",
        "set_closing",
        "set_theme",
        "settings",
        "setup_draft",
        "shareable_reports",
        "shared_fields",
        "signature",
        "slip",
        "snooze",
        "stamping",
        "suggestions",
        "test_device",
        "try_destination",
        "unregister",
    }
    said = {name.replace("-", "_") for name in named}
    renamed = {"import": "import_paths", "check": "check_self", "report_map": "keep_report_template"}
    renamed |= {"no_report": "without_report"}
    reached = {renamed.get(name, name) for name in said} | {"backfill_status"}
    acts = next(action.choices for action in named["his"]._actions if isinstance(action.choices, dict))
    reached |= {f"his_{ {'map': 'keep'}.get(act, act) }" for act in acts}
    acts = next(action.choices for action in named["retrieve"]._actions if isinstance(action.choices, dict))
    renamed_acts = {"images": "images_offered", "download": "start_download", "record": "lookups"}
    reached |= {renamed_acts.get(act, act if act == "downloads" else f"{act}_download") for act in acts}
    reached |= {"look_up", "retrieve_places"}  # without an act
    reached |= {"write_papers"}  # papers --out
    reached |= {"add_trust", "remove_trust", "read_revocation_lists"}  # trust with its options
    reached |= {"signing", "sign_code", "renew_code"}  # sign, with and without a study
    reached |= {"import_signed", "import_all_signed"}  # sign --import
    assert COMMANDS - for_pages <= reached


@pytest.mark.parametrize(
    ("words", "passed"),
    [
        (["practice", "x", "--port", "1"], ("practice", ["x", "--port", "1"])),
        (["--home", "h", "practice", "--help"], ("practice", ["--help"])),
        (["--json", "--home=h", "demo", "fast"], ("demo", ["--home", "h", "fast"])),
        (["status", "practice"], None),
        ([], None),
        (["--odd", "practice"], None),
    ],
)
def test_practice_and_demo_read_their_own_words(words: list[str], passed: object) -> None:
    assert passed_on_words(words) == passed


def test_a_form_says_what_is_left_to_fill(run: Callable[..., Ran]) -> None:
    said = run("fill", "A1", "--set", "sex=1")[1]
    assert "张三" in said
    assert "请填写姓名" in said
    assert FORM["problem_count"] == 1
    assert "还有 1 处" in said


PAPERS = {
    "questions": [
        {
            "label": "签章",
            "answer": "own",
            "answers": [{"value": "none", "label": "没有"}, {"value": "own", "label": "有"}],
        }
    ],
    "text": "要交 1 样材料\n  附件 2",
    "phone_text": "1. 装上",
}


def test_the_papers_are_said_for_a_case_and_written_where_asked(run: Callable[..., Ran], fake: FakeFace) -> None:
    fake.answers |= {"papers": PAPERS, "write_papers": {"path": "/x/a.xlsx", "sheets": ["附件 3"], "doctors": 1}}
    code, said, _ = run("papers", "--case", "stamp=own")
    assert (code, fake.calls) == (0, [("papers", {"destination": "", "answers": {"stamp": "own"}})])
    assert [line for line in said.splitlines() if line] == ["签章  有", "要交 1 样材料", "  附件 2", "1. 装上"]
    value = json.loads(run("papers", "--out", "a.xlsx", "--json")[1])
    assert value["written"]["sheets"] == ["附件 3"]
    name, told = fake.calls[-1]
    assert name == "write_papers" and Path(told["path"]) == Path.cwd() / "a.xlsx" and told["answers"] == {}


def test_a_layout_of_report_is_taught_in_one_line(run: Callable[..., Ran], fake: FakeFace) -> None:
    code, said, _ = run("report-text", "A1")
    assert code == 0
    assert "双肺清晰" in said and "没有读到" in said and "费别" in said
    assert run("report-map", "A1", "findings=放射学表现", "conclusion=auto", "remark=")[0] == 0
    assert fake.calls[-1] == (
        "keep_report_template",
        {"uid": "A1", "report": 0, "mapping": {"findings": "放射学表现", "conclusion": None, "remark": ""}},
    )


def test_the_help_bundle_is_written_where_it_was_asked_for(
    run: Callable[..., Ran], fake: FakeFace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said, _ = run("bundle", "help.zip")
    assert code == 0 and "已生成" in said
    assert fake.calls == [("bundle", {"path": str(tmp_path / "help.zip")})]
