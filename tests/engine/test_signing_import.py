"""What the clinic's own signature system signed is taken for a report, when it holds, and only then."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import pem

from app.domain.job import Event, Part
from app.engine.engine import Engine
from app.errors import AgentError, NeedsOperator
from app.practice import gm, pkcs7, tokens
from app.store import signings
from app.system.paths import Home
from tests.engine.sign_desk import LIU, STAFF, YANG, SignDesk, a_sign_desk, wanting_signatures

Json = dict[str, Any]
WRONG = base64.b64encode(b"0" * 64).decode()
ZHANG = "张三"
ORIGINAL = "检查报告\n姓名：张三\n诊断：胸部CT平扫未见明显异常。\n审核医师：刘慧"


@pytest.fixture
def desk(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignDesk]:
    with a_sign_desk(home, tmp_path, monkeypatch, sign_by="import") as made:
        yield made


@pytest.fixture
def phones(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignDesk]:
    """A clinic whose doctors sign on the phone, and whose own system may do it too."""
    with a_sign_desk(home, tmp_path, monkeypatch) as made:
        yield made


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def signed(desk: SignDesk, doctor: str = LIU, original: str = ORIGINAL, **changes: Any) -> Json:
    """As the clinic's own system would hand it over."""
    holder, text = desk.wire.authority.doctor(doctor).holder, original.encode()
    token = tokens.token(desk.wire.authority.timestamper("SM2"), text, desk.wire.authority.now())
    return {
        "ca_data": original,
        "client_cert": holder.base64,
        "sign_type": "1",
        "sign_value": b64(gm.sign(holder.key, text)),
        "tsa_token": b64(token),
    } | changes


def fault(act: Callable[[], object]) -> AgentError:
    with pytest.raises(AgentError) as raised:
        act()
    return raised.value


def test_a_report_waits_for_the_import_and_then_goes_by_itself(desk: SignDesk) -> None:
    uid = desk.submitted()
    assert {job.part.value: job.state.value for job in desk.jobs(uid)} == {
        "exam": "queued", "report": "to_sign", "images": "queued"}  # fmt: skip
    row = desk.row(uid)
    assert (row["way"], row["doctor"]["name"], row["state_words"]) == ("import", LIU, "待签名")
    (need,) = desk.needs()
    assert "导入" in need["why"]
    assert "自己的签名系统" in fault(lambda: desk.engine.sign_code(row["session"])).title
    assert "对不上" in fault(lambda: desk.engine.import_signed(uid, 0, signed(desk, sign_value=WRONG))).title
    assert desk.report_job(uid).state.value == "to_sign"
    desk.engine.import_signed(uid, 0, signed(desk))
    assert desk.report_job(uid).state.value == "queued" and desk.rows() == [] and desk.needs() == []
    assert desk.signed_rows()[0]["way"] == "import"


def test_a_report_signed_before_it_is_submitted_goes_at_once(desk: SignDesk) -> None:
    uid, values = desk.ready(), signed(desk)
    row = desk.engine.import_signed(uid, 0, values)
    assert (row["state"], row["timestamp_words"], row["doctor"]["name"]) == ("finished", "时间戳有效", LIU)
    desk.engine.submit(uid)
    job = desk.report_job(uid)
    sent: Any = job.payload["report"]
    assert job.state.value == "queued" and sent["SignValue"] == values["sign_value"]
    assert (sent["CAData"], sent["Timestampvalue"]) == (ORIGINAL, values["tsa_token"])
    shown = desk.engine.signature(uid)
    assert (shown["source"], shown["text"]) == ("import", ORIGINAL)
    assert {one["title"]: one["ok"] for one in shown["checks"]}["签名原文"] is True


def test_a_changed_report_needs_another_import(desk: SignDesk) -> None:
    uid = desk.submitted()
    desk.engine.import_signed(uid, 0, signed(desk))
    desk.fill(uid, conclusion="右肺上叶结节。")
    desk.engine.submit(uid)
    assert desk.report_job(uid).state.value == "to_sign"
    assert "没有这份报告的诊断结论" in fault(lambda: desk.engine.import_signed(uid, 0, signed(desk))).title
    desk.engine.import_signed(uid, 0, signed(desk, original=f"{ZHANG}。诊断：右肺上叶结节"))
    job = desk.report_job(uid)
    assert job.state.value == "queued" and job.payload["report"]["CAData"] == f"{ZHANG}。诊断：右肺上叶结节"  # type: ignore[index,call-overload]


def test_a_report_that_waits_for_the_phone_may_go_after_an_import(phones: SignDesk) -> None:
    uid = phones.submitted()
    code = phones.code(uid)
    phones.engine.import_signed(uid, 0, signed(phones))
    assert phones.report_job(uid).state.value == "queued" and phones.rows() == []
    assert "不用签了" in fault(lambda: phones.engine.sign_code(code["session"])).title
    assert phones.engine.submit(uid)["jobs"] == 0


@pytest.mark.parametrize("way", ["json", "wire names", "folder"])
def test_it_comes_as_a_file_or_as_a_folder_of_four(desk: SignDesk, tmp_path: Path, way: str) -> None:
    uid, values = desk.ready(), signed(desk)
    place = tmp_path / "signed"
    place.mkdir()
    if way == "json":
        place = place / "report.json"
        place.write_text(json.dumps(values), encoding="utf-8")
    elif way == "wire names":
        names = dict(zip(values, ("CAData", "ClientCert", "SignType", "SignValue", "TimestampValue"), strict=True))
        place = place / "report.json"
        place.write_text(json.dumps({names[key]: value for key, value in values.items()}), encoding="gb18030")
    else:
        (place / "原文.txt").write_text(values["ca_data"], encoding="gb18030")
        (place / "签名.txt").write_text(values["sign_value"] + "\n", encoding="utf-8")
        certificate = base64.b64decode(values["client_cert"])
        (place / "证书.cer").write_bytes(pem.armor("CERTIFICATE", certificate))
        (place / "时间戳.tsr").write_bytes(base64.b64decode(values["tsa_token"]))
    assert desk.engine.import_signed(uid, 0, str(place))["state"] == "finished"


@pytest.mark.parametrize("attached", [True, False])
def test_pkcs7_is_taken_too(desk: SignDesk, attached: bool) -> None:
    uid = desk.ready()
    holder = desk.wire.authority.doctor(LIU).holder
    message = b64(pkcs7.signed(holder, ORIGINAL.encode(), attached=attached))
    desk.engine.import_signed(uid, 0, signed(desk, sign_value=message, sign_type=""))
    assert desk.engine.signature(uid)["sign_type_words"] == "PKCS7"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ca_data": ORIGINAL + "。"}, "时间戳盖的不是这份报告"),
        ({"sign_value": b64(b"0" * 64)}, "签名和签名原文对不上"),
        ({"sign_value": "!!!"}, "签名读不出来"),
        ({"client_cert": "nonsense"}, "医师证书读不出来"),
        ({"tsa_token": b64(b"0" * 40)}, "时间戳读不出来"),
        ({"tsa_token": ""}, "签名数据里没有时间戳"),
        ({"sign_type": "PKCS9"}, "签名格式不认识"),
    ],
)
def test_what_does_not_hold_is_not_taken(desk: SignDesk, changes: Json, words: str) -> None:
    uid = desk.ready()
    assert fault(lambda: desk.engine.import_signed(uid, 0, signed(desk, **changes))).title == words
    assert "没有电子签名" in fault(lambda: desk.engine.signature(uid)).title


def test_another_doctor_than_the_auditing_one_is_refused(desk: SignDesk) -> None:
    uid = desk.ready()
    assert fault(lambda: desk.engine.import_signed(uid, 0, signed(desk, YANG))).title == f"签名的不是审核医师{LIU}"


def test_the_revoked_and_the_expired_are_refused(desk: SignDesk, tmp_path: Path) -> None:
    uid = desk.ready()
    desk.fill(uid, audit_doctor_name="赵敏")
    assert fault(lambda: desk.engine.import_signed(uid, 0, signed(desk, "赵敏"))).title == "医师证书已过有效期"
    desk.trust(tmp_path, lists=True)
    desk.fill(uid, audit_doctor_name="陈静")
    assert fault(lambda: desk.engine.import_signed(uid, 0, signed(desk, "陈静"))).title == "医师证书已被吊销"


def test_an_original_of_another_report_is_refused_and_a_mere_digest_pointed_out(desk: SignDesk) -> None:
    uid = desk.ready()
    other = fault(lambda: desk.engine.import_signed(uid, 0, signed(desk, original="另一份报告")))
    assert other.title == "签名原文里没有这份报告的诊断结论"
    desk.engine.import_signed(uid, 0, signed(desk, original="9f2c04ab7d1e5580"))
    check = next(one for one in desk.engine.signature(uid)["checks"] if one["title"] == "签名原文")
    assert check["ok"] is None and "请核对" in check["words"]


def test_an_original_of_another_patient_is_refused(desk: SignDesk) -> None:
    uid = desk.ready()
    other = signed(desk, original=ORIGINAL.replace(ZHANG, "李四"))
    assert fault(lambda: desk.engine.import_signed(uid, 0, other)).title == "签名原文里没有这份报告的患者姓名"


def test_a_signature_is_taken_for_one_report_only(desk: SignDesk) -> None:
    first, second, values = desk.ready(), desk.ready(), signed(desk)
    desk.engine.import_signed(first, 0, values)
    assert fault(lambda: desk.engine.import_signed(second, 0, values)).title == "这个签名已经是另一份报告的了"
    desk.engine.import_signed(first, 0, values)
    assert "没有电子签名" in fault(lambda: desk.engine.signature(second)).title


def sign_value(desk: SignDesk, uid: str) -> object:
    sent: Any = desk.report_job(uid).payload["report"]
    return sent.get("SignValue")


@pytest.mark.parametrize("state", ["queued", "held", "paused", "waiting", "rejected"])
def test_the_newer_import_is_what_goes(desk: SignDesk, state: str) -> None:
    uid = desk.submitted()
    desk.engine.import_signed(uid, 0, signed(desk))
    if state == "paused":
        desk.engine.hold(uid)
    elif state != "queued":
        event = {"held": Event.HELD, "waiting": Event.POSTPONED, "rejected": Event.REJECTED}[state]
        desk.platform_says(uid, event, "report")
    assert desk.report_job(uid).state.value == state
    newer = signed(desk)
    desk.engine.import_signed(uid, 0, newer)
    assert (desk.report_job(uid).state.value, sign_value(desk, uid)) == (state, newer["sign_value"])


def test_what_went_under_its_signature_takes_no_other(desk: SignDesk) -> None:
    uid, first = desk.submitted(), signed(desk)
    desk.engine.import_signed(uid, 0, first)
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    assert fault(lambda: desk.engine.import_signed(uid, 0, signed(desk))).title == "这份报告已经连同签名上传了"
    assert desk.engine.submit(uid)["jobs"] == 0 and sign_value(desk, uid) == first["sign_value"]
    shown = desk.engine.signature(uid)
    assert shown["state"] == "finished"
    desk.fill(uid, conclusion="右肺上叶结节。")
    newer = signed(desk, original=f"{ZHANG} 右肺上叶结节。")
    desk.engine.import_signed(uid, 0, newer)
    desk.engine.submit(uid)
    assert (desk.report_job(uid).version, sign_value(desk, uid)) == (2, newer["sign_value"])


def test_an_import_for_two_destinations_is_taken_by_both_or_by_none(desk: SignDesk) -> None:
    answers = wanting_signatures(sign_by="import")
    (main,) = answers["destination"]
    desk.set_up(answers | {"destination": [main, main | {"name": "second"}]})
    store, now = desk.engine.house.store, desk.clock.now()
    signer, others = STAFF[0]["mssp_id"], desk.wire.authority.doctor(YANG).holder.base64
    store.write(lambda tx: signings.know_signer(tx, "second", signer, others, now=now))
    uid = desk.submitted()
    given = signed(desk)
    assert "原来的那张" in fault(lambda: desk.engine.import_signed(uid, 0, given)).title
    reports = [job for job in desk.jobs(uid) if job.part is Part.REPORT]
    assert [(job.destination, job.state.value) for job in reports] == [("main", "to_sign"), ("second", "to_sign")]
    assert desk.signed_rows() == [] and signings.known_signers(store.read(), "main") == {}
    own = given["client_cert"]
    store.write(lambda tx: signings.know_signer(tx, "second", signer, own, now=now))
    desk.engine.import_signed(uid, 0, given)
    assert {job.state.value for job in desk.jobs(uid) if job.part is Part.REPORT} == {"queued"}


def test_a_folder_of_many_finds_the_report_of_each(desk: SignDesk, tmp_path: Path) -> None:
    first, second = desk.submitted(), desk.submitted(conclusion="右肺上叶结节。")
    name = desk.row(first)["patient_name"]
    many = tmp_path / "signed"
    many.mkdir()
    (many / "a.json").write_text(json.dumps(signed(desk, original=f"{name} 诊断：右肺上叶结节。")), encoding="utf-8")
    (many / "b.json").write_text(json.dumps(signed(desk, original=f"{name} 诊断：左肺。")), encoding="utf-8")
    text = desk.engine.signature(first)["text"]
    (many / "c.json").write_text(json.dumps(signed(desk, original=text)), encoding="utf-8")
    (many / "d.json").write_text("{}", encoding="utf-8")
    told = desk.engine.import_all_signed(str(many))
    assert {row["uid"] for row in told["taken"]} == {first, second}
    assert [(one["name"], one["title"]) for one in told["left"]] == [
        ("b.json", "认不出是哪份报告的签名"), ("d.json", "认不出是哪份报告的签名")]  # fmt: skip
    assert [desk.report_job(uid).state.value for uid in (first, second)] == ["queued"] * 2
    for nothing in ("", str(tmp_path / "none"), str(many / "a.json"), str(many / "e")):
        assert isinstance(fault(lambda nothing=nothing: desk.engine.import_all_signed(nothing)), NeedsOperator)  # type: ignore[misc]


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe\x00", b'{"ca_data": 1}', b"{" * 3000, b"x" * 5_000_000])
def test_a_file_that_is_none_is_refused_in_words(desk: SignDesk, tmp_path: Path, content: bytes) -> None:
    uid = desk.ready()
    (tmp_path / "f.json").write_bytes(content)
    assert isinstance(fault(lambda: desk.engine.import_signed(uid, 0, str(tmp_path / "f.json"))), NeedsOperator)
    for nothing in ("", str(tmp_path / "none.json"), str(tmp_path / "f.json") + "\0"):
        assert isinstance(fault(lambda nothing=nothing: desk.engine.import_signed(uid, 0, nothing)), NeedsOperator)  # type: ignore[misc]


def test_a_platform_that_wants_no_signature_takes_no_import(home: Home, tmp_path: Path) -> None:
    from tests.engine.desk import a_desk

    with a_desk(home, tmp_path, "main") as desk:
        engine: Engine = desk.engine
        uid = desk.ready()
        assert "不要电子签名" in fault(lambda: engine.import_signed(uid, 0, {"ca_data": "x"})).title
