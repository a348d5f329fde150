"""`retrieve` on the terminal: what it asks, what it says, and how it ends."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.__main__ import main
from app.engine.serve import FaceServer
from app.errors import NeedsOperator
from app.system.paths import Home
from tests.cli.fake_face import FakeFace

Ran = tuple[int, str, str]
NUMBER = "520102196310024321"
PLACE = {
    "destination": "main",
    "title": "影像云索引",
    "id_types": [{"code": "111", "label": "居民身份证"}, {"code": "414", "label": "普通护照"}],
    "images": True,
    "reasons": ["本次就诊参考"],
}
EXAM = {
    "index_code": f"111-{NUMBER}-20261108094210-0000000000000-000000000",
    "index_shown": "111-5201****4321-20261108094210-0000000000000-000000000",
    "patient_name": "李*芳",
    "id_number": "520102********4321",
    "exam_date": "2026-11-08",
    "body_part_code": "BW23ZYZZZ",
    "body_part": "胸部 CT 普通扫描",
    "clinic_code": "H52010200318",
    "clinic_name": "河东中医院",
    "report_url": "http://192.0.2.9/report",
    "image_url": "",
    "download_url": "",
    "exam_key": "",
    "more": [],
}
FOUND = {
    "lookup": "a1b2",
    "destination": "main",
    "title": "影像云索引",
    "asked_at": "2026-11-20T06:05:00+00:00",
    "seconds": 1.2,
    "places_count": 1,
    "day_from": "2024-11-20",
    "day_to": "2026-11-20",
    "exams": [EXAM],
    "words": "1 例检查，来自 1 家机构",
}


def a_download(state: str = "done", **more: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "title": "影像云索引",
        "index_shown": EXAM["index_shown"],
        "patient_name": "李*芳",
        "body_part": "胸部 CT 普通扫描",
        "exam_date": "2026-11-08",
        "clinic_name": "河东中医院",
        "state": state,
        "state_words": "下载完成" if state == "done" else "正在下载",
        "done": 286,
        "total": 286,
        "checked": 286,
        "seconds_left": None,
        "folder": "/x/20261108-ab",
        "trouble": None,
        "refused": [],
    } | more


@pytest.fixture
def fake() -> FakeFace:
    return FakeFace(
        retrieve_places={"places": [PLACE], "today": 0, "folder": "/x"},
        look_up=FOUND,
        images_offered={"count": 286, "series_count": 3, "asked_at": "", "words": "286 幅 · 3 个序列"},
        start_download=a_download("running", done=3),
        downloads={"downloads": [a_download()]},
        resume_download=a_download("running", done=3),
        pause_download=a_download("paused", done=3, state_words="已暂停"),
        remove_download={},
        lookups={"lookups": []},
    )


@pytest.fixture
def run(
    fake: FakeFace, home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Ran]]:
    monkeypatch.setattr("sys.excepthook", sys.excepthook)
    server = FaceServer(fake.face, home)
    server.start()

    def run(*words: str, typed: str = "") -> Ran:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        try:
            code = main(["--home", str(home.root), "retrieve", *words])
        except SystemExit as end:
            code = int(str(end.code))
        said = capsys.readouterr()
        return code, said.out, said.err

    yield run
    server.stop()


def test_a_patient_is_looked_up_and_shown_without_the_number(run: Callable[..., Ran], fake: FakeFace) -> None:
    code, said, wrong = run("--id-number", NUMBER, "--reason", "会诊", "--from", "2025-01-01", "--name", "李桂芳")
    assert (code, wrong) == (0, "")
    asked = {"id_type": "111", "id_number": NUMBER, "name": "李桂芳", "day_from": "2025-01-01", "day_to": ""}
    assert fake.calls == [("retrieve_places", {}), ("look_up", {"destination": "main", **asked, "reason": "会诊"})]
    assert "1 例检查，来自 1 家机构" in said
    assert "胸部 CT 普通扫描" in said
    assert NUMBER not in said


def test_the_number_can_come_from_where_nobody_sees_it(run: Callable[..., Ran], fake: FakeFace) -> None:
    assert run("--id-number", "-", "--reason", "会诊", "--id-type", "414", typed=" G1234 \n")[0] == 0
    asked = fake.calls[-1][1]
    assert (asked["id_type"], asked["id_number"]) == ("414", "G1234")
    code, _, wrong = run("--id-number", "-", "--reason", "会诊")
    assert (code, wrong) == (1, "标准输入里没有证件号码。请从标准输入给一行。\n")


def test_json_has_the_exact_index(run: Callable[..., Ran]) -> None:
    code, said, _ = run("--id-number", NUMBER, "--reason", "会诊", "--json")
    assert code == 0
    assert json.loads(said) == FOUND


def test_without_a_number_the_words_are_wrong(run: Callable[..., Ran], fake: FakeFace) -> None:
    code, said, wrong = run()
    assert (code, said) == (2, "")
    assert "retrieve 缺少 --id-number" in wrong
    assert run("images")[0] == run("pause", "x")[0] == run("--id-number", NUMBER, "--from", "2026")[0] == 2
    assert fake.calls == []


def test_one_of_several_platforms_must_be_named(run: Callable[..., Ran], fake: FakeFace) -> None:
    fake.answers["retrieve_places"] = {"places": [PLACE, {**PLACE, "destination": "other"}]}
    code, _, wrong = run("--id-number", NUMBER, "--reason", "会诊")
    assert (code, wrong) == (1, "要写在哪个平台查。请用 --destination：main、other。\n")
    assert run("--id-number", NUMBER, "--reason", "会诊", "--destination", "other")[0] == 0
    assert fake.calls[-1][1]["destination"] == "other"
    fake.answers["retrieve_places"] = {"places": []}
    assert "没有能调阅的平台" in run("--id-number", NUMBER, "--reason", "会诊")[2]


def test_nothing_found_is_an_answer_and_a_wrong_number_is_not(run: Callable[..., Ran], fake: FakeFace) -> None:
    nothing = "平台没有查到这位患者的检查"
    fake.answers["look_up"] = {**FOUND, "exams": [], "words": nothing}
    assert run("--id-number", NUMBER, "--reason", "会诊") == (0, f"{nothing}\n", "")
    fake.answers["look_up"] = NeedsOperator(
        "少 1 位：身份证号应为 18 位，现在 17 位", "请对照证件改好再查", fields=("id_number",)
    )
    code, _, wrong = run("--id-number", NUMBER[1:], "--reason", "会诊")
    assert (code, wrong) == (1, "少 1 位：身份证号应为 18 位，现在 17 位。请对照证件改好再查。\n")


def test_images_are_those_of_the_last_look_up_or_of_one_made_now(run: Callable[..., Ran], fake: FakeFace) -> None:
    assert run("images", "2") == (0, "286 幅 · 3 个序列\n", "")
    assert fake.calls == [("images_offered", {"lookup": "", "index_code": "2"})]
    assert run("images", "-", typed=f"{EXAM['index_code']}\n")[0] == 0
    assert fake.calls[-1][1]["index_code"] == EXAM["index_code"]
    assert run("--reason", "会诊", "images", "1", "--id-number", "-", typed=f"{NUMBER}\n")[0] == 0
    assert [name for name, _ in fake.calls[-3:]] == ["retrieve_places", "look_up", "images_offered"]
    assert fake.calls[-2][1]["reason"] == "会诊"
    assert fake.calls[-1][1] == {"lookup": "a1b2", "index_code": "1"}


def test_a_download_is_watched_until_it_is_done(run: Callable[..., Ran], fake: FakeFace) -> None:
    code, said, wrong = run("download", "1", "--folder", "/x")
    assert (code, wrong) == (0, "")
    assert fake.calls[0] == ("start_download", {"lookup": "", "index_code": "1", "folder": "/x"})
    assert "286/286 幅，286 幅可打开、UID 一致" in said
    assert run("resume", "7", "--json")[0] == 0
    assert ("resume_download", {"id": 7}) in fake.calls


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (
            {"refused": [{"sop_instance_uid": "1.2.3", "why": "内容不完整"}], "done": 285},
            "1 幅没有收下，其余 285 幅都在 /x/20261108-ab。要再要一次：retrieve resume 7。\n",
        ),
        (
            {"state": "failed", "trouble": {"title": "平台不认我们的机构", "advice": "请找工程师", "details": ""}},
            "平台不认我们的机构。请找工程师。\n",
        ),
        ({"state": "paused"}, "下载已停下，下好的都在。要接着下载：retrieve resume 7。\n"),
    ],
)
def test_a_download_that_is_not_whole_ends_with_one_and_says_why(
    run: Callable[..., Ran], fake: FakeFace, how: dict[str, Any], words: str
) -> None:
    fake.answers["downloads"] = {"downloads": [a_download(**how)]}
    assert run("download", "1")[::2] == (1, words)
    code, said, _ = run("download", "1", "--json")
    assert code == 1
    assert json.loads(said)["error"]["title"] in words


def test_a_download_that_somebody_removes_ends_the_watching(run: Callable[..., Ran], fake: FakeFace) -> None:
    fake.answers["downloads"] = {"downloads": []}
    assert run("download", "1")[2] == "这个下载被移除了。要再下载，请从查询开始。\n"


def test_downloads_are_listed_paused_and_removed(run: Callable[..., Ran], fake: FakeFace) -> None:
    trouble = {"title": "影像云连不上", "advice": "程序会自动接着下载，下好的都在", "details": ""}
    waiting = a_download("waiting", done=172, state_words="等待重试 · 14:10 再试", trouble=trouble)
    fake.answers["downloads"] = {"downloads": [waiting]}
    said = run("downloads")[1]
    assert "172/286" in said
    assert "影像云连不上，程序会自动接着下载" in said
    assert run("pause", "7")[0] == run("remove", "7")[0] == run("record", "--day", "今天")[0] == 0
    assert [name for name, _ in fake.calls] == ["downloads", "pause_download", "remove_download", "lookups"]
    fake.answers["downloads"] = {"downloads": []}
    assert run("downloads")[1] == "还没有下载过\n"
