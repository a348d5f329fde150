"""`sign` on the terminal: who is waited for, the code in the terminal, and how waiting ends."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.__main__ import main
from app.cli import main as cli_main
from app.engine.serve import FaceServer
from app.errors import NeedsOperator
from app.system.paths import Home
from tests.cli.fake_face import FakeFace

Ran = tuple[int, str, str]
DOCTOR = {"name": "刘慧", "signer_id": "M1", "known": True}


def a_row(state: str = "waiting", **more: Any) -> dict[str, Any]:
    return {
        "session": 3,
        "uid": "1.2.3",
        "exam_key": "E1",
        "report_key": "R1",
        "report": 0,
        "destination": "main",
        "way": "qr",
        "doctor": DOCTOR,
        "patient_name": "石秀兰",
        "what": "胸部正侧位 DR",
        "accession_number": "DR1",
        "state": state,
        "state_words": {"finished": "已签名"}.get(state, "待签名"),
        "since": "2026-11-20T05:30:00+00:00",
        "expires_at": "2026-11-21T05:30:00+00:00",
        "signed_at": "2026-11-20T06:06:00+00:00" if state == "finished" else None,
        "trouble": None,
        "timestamp_words": "时间戳有效" if state == "finished" else "",
        "job_state": "queued" if state == "finished" else "to_sign",
        "job_words": "待上传" if state == "finished" else "待签名",
        **more,
    }


def a_list(*waiting: dict[str, Any], signed: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    groups = [{"doctor": DOCTOR, "reports": list(waiting)}] if waiting else []
    return {"able": True, "waiting": groups, "signed": list(signed), "minutes": 1440, "notices": []}


def a_code() -> dict[str, Any]:
    return {
        "session": 3,
        "row": a_row(),
        "qr_text": "Q1",
        "qr_picture": "",
        "modules": ["10", "01"],
        "blocks": ["█▀▄ ", "▄ ▀█"],
        "expires_at": "2026-11-21T05:30:00+00:00",
        "seconds_left": 84240.0,
        "minutes": 1440,
        "doctor": DOCTOR,
        "place": "第 1 份，共 2 份",
        "patient_name": "石秀兰",
        "patient": "女 · 63 岁 · 胸部正侧位 DR",
        "text": "姓名：石秀兰\n诊断结论：右下肺少许炎症",
        "lines": [],
        "digest": "9f" * 32,
    }


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeFace:
    monkeypatch.setattr(cli_main, "_ASK_SECONDS", 0.01)
    face = FakeFace(sign_code=a_code(), renew_code=a_code(), import_signed=a_row("finished"))
    answers = iter([a_list(a_row()), a_list(a_row()), a_list(a_row("timestamping"))])
    face.answers["signing"] = lambda **_: next(answers, a_list(signed=(a_row("finished"),)))
    return face


@pytest.fixture
def run(fake: FakeFace, home: Home, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Ran]]:
    home.make()
    server = FaceServer(fake.face, home)
    server.start()

    def run(*words: str, command: str = "sign") -> Ran:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.StringIO(""))
            code = main(["--home", str(home.root), command, *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    yield run
    server.stop()


def test_who_is_waited_for_is_listed(run: Callable[..., Ran], fake: FakeFace) -> None:
    fake.answers["signing"] = a_list(a_row(), signed=(a_row("finished"),))
    code, said, _ = run()
    assert code == 0 and said.startswith("1 份报告等审核医师签名")
    assert "刘慧" in said and "时间戳有效" in said
    notice = {"title": "还没有 CA 的根证书", "advice": "签名照常收下"}
    fake.answers["signing"] = a_list(a_row(way="import")) | {"notices": [notice]}
    _, said, _ = run()
    assert "等导入" in said and said.endswith("注意：还没有 CA 的根证书。签名照常收下\n")


def test_the_code_stands_in_the_terminal_until_it_is_signed(run: Callable[..., Ran], fake: FakeFace) -> None:
    code, said, _ = run("1.2.3")
    assert code == 0
    assert said.count("▄ ▀█") == 1 and "请 刘慧 医生用手机扫码签名" in said and "诊断结论：右下肺少许炎症" in said
    assert said.index("▄ ▀█") < said.index("已签名") and "时间戳有效" in said


def test_json_tells_the_code_and_then_how_it_ended(run: Callable[..., Ran]) -> None:
    code, said, _ = run("DR1", "--json")
    first, last = (json.loads(line) for line in said.splitlines())
    assert (code, first["code"]["qr_text"], last["state"]) == (0, "Q1", "finished")


def test_what_was_refused_ends_it_with_the_reason(run: Callable[..., Ran], fake: FakeFace) -> None:
    trouble = {"title": "签名的不是刘慧医生", "advice": "没有采用", "details": ""}
    answers = iter([a_list(a_row())])
    fake.answers["signing"] = lambda **_: next(answers, a_list(a_row("refused", trouble=trouble)))
    code, _, wrong = run("1.2.3")
    assert (code, wrong) == (1, "签名的不是刘慧医生。没有采用。\n")


def test_a_report_that_does_not_wait_is_said(run: Callable[..., Ran], fake: FakeFace) -> None:
    fake.answers["signing"] = a_list()
    assert run("1.2.3")[0] == 1
    fake.answers["signing"] = a_list(a_row(), a_row(session=4, report=1))
    code, _, wrong = run("1.2.3")
    assert code == 1 and "--report" in wrong


def test_what_another_system_signed_is_taken(run: Callable[..., Ran], fake: FakeFace) -> None:
    code, said, _ = run("1.2.3", "--import", "/x/signed.json", "--report", "2")
    assert code == 0 and "签名已收下" in said
    assert fake.calls[-1] == ("import_signed", {"uid": "1.2.3", "report": 1, "path": "/x/signed.json"})
    fake.answers["import_signed"] = NeedsOperator("签名数据里没有时间戳", "要有四样")
    assert run("1.2.3", "--import", "/x/signed.json")[::2] == (1, "签名数据里没有时间戳。要有四样。\n")


def test_a_folder_of_many_is_taken_without_a_study(run: Callable[..., Ran], fake: FakeFace) -> None:
    left = [{"name": "b.json", "title": "认不出是哪份报告的签名", "advice": "没有收下"}]
    fake.answers["import_all_signed"] = {"taken": [a_row("finished")], "left": left}
    code, said, _ = run("--import", "/x/signed")
    assert code == 0 and said.startswith("收下 1 份，没有收下 1 份") and "b.json：认不出是哪份报告的签名" in said
    assert fake.calls[-1] == ("import_all_signed", {"path": "/x/signed"})


def test_words_without_a_study_are_wrong(run: Callable[..., Ran]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--new")
    assert ended.value.code == 2


def test_whom_the_clinic_trusts_is_listed_added_and_taken_away(run: Callable[..., Ran], fake: FakeFace) -> None:
    nothing = {"wanted": True, "roots": [], "lists": [], "doctors": []}
    fake.answers |= dict.fromkeys(("trust", "add_trust", "remove_trust", "read_revocation_lists"), a_trust())
    fake.answers["trust"] = nothing
    assert "--add" in run(command="trust")[1]
    code, said, _ = run("--add", "/usb/ca.cer", "http://crl.example.cn/a.crl", command="trust")
    assert code == 0 and fake.calls[-1] == ("add_trust", {"places": ["/usb/ca.cer", "http://crl.example.cn/a.crl"]})
    assert "2041-05-01" in said and "连不上吊销列表" in said and "刘慧 医生的证书 2026-12-08 到期" in said
    assert run("--remove", "/trust/ca.cer", command="trust")[0] == 0
    assert fake.calls[-1] == ("remove_trust", {"place": "/trust/ca.cer"})
    assert run("--read", command="trust")[0] == 0 and fake.calls[-1][0] == "read_revocation_lists"


def a_trust() -> dict[str, Any]:
    certificate = {"subject": "CA", "issuer": "CA", "kind": "SM2", "root": True, "to": "2041-05-01", "ended": False}
    one = {"place": "http://crl.example.cn/a.crl", "read_at": None, "trouble": "连不上吊销列表", "overdue": False}
    return {
        "wanted": True,
        "roots": [{"place": "/trust/ca.cer", "name": "ca.cer", "certificates": [certificate], "trouble": ""}],
        "lists": [one],
        "doctors": [{"doctor": "刘慧", "words": "证书 2026-12-08 到期，还有 18 天"}],
    }
