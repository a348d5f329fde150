"""Before a signed report goes its signature is looked at once more: what does not hold any more is never sent."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.crypto import sm2
from app.delivery.converse import Courier
from app.delivery.worker import Workers
from app.domain.job import Event, Job, Part
from app.domain.settings import UploadSettings
from app.errors import Rejected
from app.practice import pkcs7
from app.store import exams, jobs
from app.store.database import Tx
from app.system.paths import Home
from tests.engine.sign_desk import LIU, UPLOAD, SignDesk, a_sign_desk, cut, wanting_signatures
from tests.engine.test_signing import SIGNED_FIELDS
from tests.engine.test_signing_import import signed as imported
from tests.journeys.inside import EXAM_VALUES, SETTLEMENT

Json = dict[str, Any]
_SETTINGS = UploadSettings(retry_first_seconds=5, retry_longest_seconds=300, workers=1)


@pytest.fixture
def desk(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignDesk]:
    with a_sign_desk(home, tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def checking(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignDesk]:
    """The platform is asked about every signature, too."""
    with a_sign_desk(home, tmp_path, monkeypatch, verify_at_platform=True) as made:
        yield made


@pytest.fixture
def undemanding(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignDesk]:
    """The platform takes reports without a signature, still."""
    with a_sign_desk(home, tmp_path, monkeypatch, demand_signature=False) as made:
        yield made


def demand(desk: SignDesk) -> None:
    """From now on the platform wants signatures."""
    (main,) = wanting_signatures()["destination"]
    desk.set_up({"destination": [main]})


class Killed(BaseException):
    """The power failed."""


def _killed(*_: object) -> None:
    raise Killed


def signed(desk: SignDesk, **changes: str) -> str:
    """Submitted and signed; its exam is at the platform, its report may go."""
    uid = desk.submitted(**changes)
    desk.signs(uid)
    desk.platform_says(uid, Event.ACKNOWLEDGED, "exam", "images")
    assert desk.report_job(uid).state.value == "queued"
    return uid


def deliver(desk: SignDesk, uid: str) -> tuple[Job, list[str]]:
    """What a worker does now, and what it sent of reports."""
    house = desk.engine.house
    target = house.targets["main"]
    before = len(desk.wire.asked)
    workers = Workers(
        house.store,
        target,
        Courier(house.store, target, desk.clock, house, house.stopping),
        desk.clock,
        _SETTINGS,
        paused=lambda: False,
        after=house.follow,
        may_go=desk.engine._life.signing.before_sending("main"),
        jitter=lambda: 1.0,
        stopping=house.stopping,
    )
    while workers.run_once():
        pass
    return desk.report_job(uid), [place for place, _ in desk.wire.asked[before:] if place == UPLOAD]


def on_the_wire(desk: SignDesk) -> Job:
    """A worker has begun to send the report."""
    house = desk.engine.house
    waits_for = house.targets["main"].adapter.waits_for
    job = house.store.write(lambda tx: jobs.claim(tx, "main", waits_for, now=desk.clock.now()))
    assert job is not None and job.part is Part.REPORT
    return job


def cut_off(desk: SignDesk, job: Job) -> None:
    """Nobody knows what came of it."""
    desk.engine.house.store.write(lambda tx: jobs.move(tx, job.id, Event.INTERRUPTED, now=desk.clock.now()))


def damage(desk: SignDesk, uid: str, **fields: str) -> None:
    """What rests in the database is not what was signed."""
    job = desk.report_job(uid)
    report: Json = dict(job.payload["report"])  # type: ignore[call-overload]
    payload = json.dumps(job.payload | {"report": report | fields}, ensure_ascii=False)

    def change(tx: Tx) -> None:
        tx.execute("UPDATE jobs SET payload = ? WHERE id = ?", (payload, job.id))

    desk.engine.house.store.write(change)


def test_a_doctor_whose_certificate_was_revoked_meanwhile_has_to_sign_again(desk: SignDesk, tmp_path: Path) -> None:
    desk.trust(tmp_path, lists=True)
    uid = signed(desk)
    desk.wire.authority.revoke(LIU)
    desk.trust(tmp_path, lists=True)
    job, sent = deliver(desk, uid)
    assert (job.state.value, job.unsigned, sent) == ("to_sign", True, [])
    assert job.trouble is not None and job.trouble.title == "医师证书已被吊销"
    assert not set(SIGNED_FIELDS) & set(job.payload["report"])  # type: ignore[call-overload]
    row = desk.row(uid)
    assert (row["state"], row["trouble"]["title"]) == ("refused", "医师证书已被吊销")
    assert "signature_refused" in desk.notes(uid) and desk.needs()[0]["why"].startswith("医师证书已被吊销")
    desk.wire.authority.renew(LIU, 400)
    desk.signs(uid)
    assert deliver(desk, uid)[0].state.value == "acknowledged"


def test_what_the_platform_took_under_a_signature_stays_good_after_the_certificate_ended(
    desk: SignDesk, tmp_path: Path
) -> None:
    """A doctor who has left can't sign again; the timestamp says that it was signed before."""
    desk.trust(tmp_path, lists=True)
    uid = signed(desk)
    deliver(desk, uid)
    desk.clock.pass_(3600)
    desk.wire.authority.revoke(LIU)
    desk.trust(tmp_path, lists=True)
    desk.engine.resend(uid)
    desk.platform_says(uid, Event.ACKNOWLEDGED, "exam", "images")
    assert deliver(desk, uid)[0].state.value == "acknowledged"


def test_kept_values_that_were_damaged_are_not_sent(desk: SignDesk) -> None:
    damages = (
        ({"CAData": "别的报告"}, "时间戳盖的不是这份报告"),
        ({"ClientCert": "nonsense"}, "医师证书读不出来"),
        ({"Timestampvalue": ""}, "时间戳读不出来"),
    )
    uid = signed(desk)
    for fields, words in damages:
        damage(desk, uid, **fields)
        job, sent = deliver(desk, uid)
        assert (job.state.value, sent, desk.row(uid)["trouble"]["title"]) == ("to_sign", [], words)
        desk.signs(uid)
    assert deliver(desk, uid)[0].state.value == "acknowledged"


def test_an_earlier_signature_that_does_not_hold_gives_way_to_the_one_that_counts(desk: SignDesk) -> None:
    uid = signed(desk)
    newer = imported(desk)
    desk.engine.import_signed(uid, 0, newer)
    damage(desk, uid, SignValue="MEUCIQ==")
    job, sent = deliver(desk, uid)
    report: Any = job.payload["report"]
    assert (job.state.value, sent, report["SignValue"]) == ("acknowledged", [UPLOAD], newer["sign_value"])
    assert desk.engine.signature(uid)["source"] == "import" and "signature_refused" not in desk.notes(uid)


def test_an_earlier_signature_gives_way_when_the_report_is_submitted_again(desk: SignDesk) -> None:
    uid = signed(desk)
    newer = imported(desk)
    desk.engine.import_signed(uid, 0, newer)
    damage(desk, uid, SignValue="MEUCIQ==")
    assert desk.engine.submit(uid)["jobs"] == 1
    report: Any = desk.report_job(uid).payload["report"]
    assert report["SignValue"] == newer["sign_value"] and desk.engine.submit(uid)["jobs"] == 0


def test_a_root_that_was_taken_away_is_for_the_engineer_and_goes_by_itself_when_it_is_back(
    desk: SignDesk, tmp_path: Path
) -> None:
    desk.trust(tmp_path)
    uid = signed(desk)
    (all_of_them,) = desk.engine.trust()["roots"]
    file = desk.wire.authority.offered("/ca/tsa-root.cer")
    assert file is not None
    (tmp_path / "timestamps.cer").write_bytes(file[0])
    desk.add_trust(tmp_path / "timestamps.cer")
    desk.remove_trust(all_of_them["place"])
    job, sent = deliver(desk, uid)
    assert (job.state.value, sent) == ("rejected", [])
    assert job.trouble is not None and "CA 根证书" in job.trouble.advice
    assert desk.engine.signature(uid)["state"] == "finished", "the signature is not at fault"
    desk.add_trust(tmp_path / "ca.pem")
    assert deliver(desk, uid)[0].state.value == "acknowledged"


def test_a_trust_that_cant_be_read_sends_nothing_and_says_which_file(desk: SignDesk, tmp_path: Path) -> None:
    desk.trust(tmp_path)
    uid = signed(desk)
    (kept,) = desk.engine.trust()["roots"]
    Path(kept["place"]).write_text("nonsense")
    job, sent = deliver(desk, uid)
    assert (job.state.value, sent) == ("rejected", [])
    assert job.trouble is not None and "ca.pem" in job.trouble.title
    (notice,) = desk.engine.signing()["notices"]
    assert (notice["page"], notice["title"]) == ("trust", job.trouble.title)


def test_an_exam_and_a_withdrawal_need_no_signature(desk: SignDesk, tmp_path: Path) -> None:
    desk.trust(tmp_path, lists=True)
    uid = signed(desk)
    deliver(desk, uid)
    desk.wire.authority.revoke(LIU)
    desk.trust(tmp_path, lists=True)
    damage(desk, uid, SignValue="nonsense", ClientCert="nonsense")
    desk.engine.withdraw(uid)
    job, sent = deliver(desk, uid)
    assert job.withdraws and job.state.value == "acknowledged" and len(sent) == 2, "the report and the exam"


@pytest.mark.parametrize("change", [{"conclusion": "右肺上叶结节。"}, {"audit_doctor_code": "D009"}])
def test_what_was_corrected_while_its_line_was_cut_never_goes_under_its_void_signature(
    desk: SignDesk, change: dict[str, str]
) -> None:
    uid = signed(desk)
    old = on_the_wire(desk)
    desk.fill(uid, **change)
    desk.engine.submit(uid)
    cut_off(desk, old)
    job, sent = deliver(desk, uid)
    assert (job.version, job.state.value, sent) == (2, "to_sign", [])
    assert [one.state.value for one in desk.jobs(uid) if one.id == old.id] == ["cancelled"]
    desk.signs(uid)
    job, sent = deliver(desk, uid)
    assert (job.version, job.state.value, sent) == (2, "acknowledged", [UPLOAD])


def test_a_signature_that_holds_no_more_is_taken_out_of_every_version_that_waits_with_it(
    desk: SignDesk, tmp_path: Path
) -> None:
    desk.trust(tmp_path, lists=True)
    uid = signed(desk)
    old = on_the_wire(desk)
    desk.fill(uid, remark="复印一份")
    desk.engine.submit(uid)
    assert desk.report_job(uid).version == 2 and not desk.report_job(uid).unsigned
    cut_off(desk, old)
    desk.wire.authority.revoke(LIU)
    desk.trust(tmp_path, lists=True)
    job, sent = deliver(desk, uid)
    assert (job.version, job.state.value, job.unsigned, sent) == (2, "to_sign", True, [])
    desk.wire.authority.renew(LIU, 400)
    desk.signs(uid)
    job, sent = deliver(desk, uid)
    assert (job.version, job.state.value, sent) == (2, "acknowledged", [UPLOAD, UPLOAD])


def test_what_was_answered_before_the_power_failed_is_neither_signed_nor_sent_again(
    desk: SignDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.trust(tmp_path, lists=True)
    uid = signed(desk)
    with monkeypatch.context() as killed:
        killed.setattr(Workers, "_keep", _killed)
        with pytest.raises(Killed):
            deliver(desk, uid)
    assert desk.wire.steps()[-1:] == [UPLOAD] and desk.report_job(uid).state.value == "sending"
    cut_off(desk, desk.report_job(uid))
    desk.wire.authority.revoke(LIU)
    desk.trust(tmp_path, lists=True)
    job, sent = deliver(desk, uid)
    assert (job.state.value, sent) == ("acknowledged", [])


def test_what_was_answered_says_nothing_of_what_was_damaged_since(
    desk: SignDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = signed(desk)
    with monkeypatch.context() as killed:
        killed.setattr(Workers, "_keep", _killed)
        with pytest.raises(Killed):
            deliver(desk, uid)
    cut_off(desk, desk.report_job(uid))
    damage(desk, uid, CAData="别的报告")
    job, sent = deliver(desk, uid)
    assert (job.state.value, sent) == ("to_sign", [])


def test_a_clock_that_went_back_costs_no_signature(desk: SignDesk, tmp_path: Path) -> None:
    desk.trust(tmp_path, lists=True)
    uid = signed(desk)
    desk.clock.pass_(0, wall=-3600)
    job, sent = deliver(desk, uid)
    assert (job.state.value, sent) == ("acknowledged", [UPLOAD])


def test_a_report_that_waits_since_before_signatures_were_wanted_never_goes_without_one(undemanding: SignDesk) -> None:
    desk = undemanding
    uid = desk.submitted()
    desk.platform_says(uid, Event.ACKNOWLEDGED, "exam", "images")
    demand(desk)
    job, sent = deliver(desk, uid)
    assert (job.state.value, sent) == ("held", [])
    assert job.trouble is not None and "签名" in job.trouble.title and "提交上传" in job.trouble.advice
    desk.engine.submit(uid)
    assert desk.report_job(uid).state.value == "to_sign"
    desk.signs(uid)
    job, sent = deliver(desk, uid)
    assert (job.state.value, sent) == ("acknowledged", [UPLOAD])


def test_what_the_platform_took_without_a_signature_goes_again_as_it_was(undemanding: SignDesk) -> None:
    desk = undemanding
    uid = desk.submitted()
    desk.platform_says(uid, Event.ACKNOWLEDGED, "exam", "images")
    assert deliver(desk, uid)[0].state.value == "acknowledged"
    demand(desk)
    desk.engine.resend(uid)
    desk.platform_says(uid, Event.ACKNOWLEDGED, "exam", "images")
    job, sent = deliver(desk, uid)
    assert (job.state.value, sent) == ("acknowledged", [UPLOAD])


@pytest.fixture
def checked_on(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The thread of each SM2 signature that is checked."""
    found: list[str] = []
    verify = sm2.verify

    def noted(*given: Any, **more: Any) -> bool:
        found.append(threading.current_thread().name)
        return verify(*given, **more)

    monkeypatch.setattr(sm2, "verify", noted)
    return found


def test_the_thread_that_writes_never_checks_a_signature(desk: SignDesk, tmp_path: Path, checked_on: list[str]) -> None:
    desk.trust(tmp_path, lists=True)
    uid = signed(desk)
    checks = len(checked_on)
    for look in (desk.engine.signing, desk.engine.status, desk.engine.trust, lambda: desk.engine.signature(uid)):
        look()
    assert len(checked_on) == checks, "nor does looking at a page check one"
    deliver(desk, uid)
    desk.fill(uid, conclusion="右肺上叶结节。")
    desk.engine.submit(uid)
    desk.engine.import_signed(uid, 0, imported(desk, original="张三 诊断：右肺上叶结节。"))
    deliver(desk, uid)
    assert set(checked_on) == {threading.current_thread().name}


def test_a_signature_is_worked_out_once_and_its_certificate_looked_up_each_time(
    desk: SignDesk, tmp_path: Path, checked_on: list[str]
) -> None:
    desk.trust(tmp_path, lists=True)
    first, second = signed(desk), signed(desk)
    desk.engine.hold(second)
    checked_on.clear()
    assert deliver(desk, first)[0].state.value == "acknowledged" and checked_on == []
    desk.wire.authority.revoke(LIU)
    desk.trust(tmp_path, lists=True)
    desk.engine.release(second)
    assert deliver(desk, second)[0].state.value == "to_sign" and len(checked_on) == 1, "the new list alone"


# -- what the platform says of it ------------------------------------------------------------------------------------


def test_the_platform_is_asked_again_before_it_is_sent(checking: SignDesk) -> None:
    uid = signed(checking)
    asked = len(checking.wire.steps("verify_pkcs1", "verify_timestamp"))
    job, sent = deliver(checking, uid)
    assert (job.state.value, sent) == ("acknowledged", [UPLOAD])
    assert checking.wire.steps()[-3:] == ["verify_pkcs1", "verify_timestamp", UPLOAD] and asked == 2


def test_a_message_of_the_clinics_own_system_is_shown_to_the_platform_too(checking: SignDesk) -> None:
    uid = checking.submitted()
    holder, original = checking.wire.authority.doctor(LIU).holder, "张三 诊断：胸部CT平扫未见明显异常。"
    message = base64.b64encode(pkcs7.signed(holder, original.encode(), attached=False)).decode()
    given = imported(checking, original=original, sign_value=message, sign_type="")
    checking.wire.spoil("says_no")
    with pytest.raises(Rejected) as refused:
        checking.engine.import_signed(uid, 0, given)
    assert refused.value.title == "平台验签没有通过" and checking.report_job(uid).state.value == "to_sign"
    checking.wire.fault = None
    checking.engine.import_signed(uid, 0, given)
    checking.platform_says(uid, Event.ACKNOWLEDGED, "exam", "images")
    assert deliver(checking, uid)[1] == [UPLOAD]
    assert checking.wire.steps()[-3:] == ["verify_pkcs7", "verify_timestamp", UPLOAD]


def test_what_the_platform_does_not_take_for_a_signature_is_signed_again(checking: SignDesk) -> None:
    uid = signed(checking)
    checking.wire.spoil("says_no")
    job, sent = deliver(checking, uid)
    row = checking.row(uid)
    assert (job.state.value, sent, row["state"]) == ("to_sign", [], "refused")
    assert row["trouble"]["title"] == "平台验签没有通过"
    assert "200/false" in row["trouble"]["details"], "what it said itself is in the fold"
    checking.wire.fault = None
    checking.signs(uid)
    assert deliver(checking, uid)[0].state.value == "acknowledged"


def test_while_the_platform_does_not_answer_about_it_the_report_waits(checking: SignDesk) -> None:
    uid = signed(checking)
    checking.wire.dead = cut()
    job, sent = deliver(checking, uid)
    assert (job.state.value, sent) == ("waiting", [])
    checking.wire.dead = None
    checking.clock.pass_(60)
    assert deliver(checking, uid)[0].state.value == "acknowledged"


def test_a_report_of_two_exams_is_signed_again_when_the_other_exam_says_something_else(desk: SignDesk) -> None:
    first, second = desk.ready(), desk.receive()
    desk.engine.fill(second, EXAM_VALUES, [SETTLEMENT])
    desk.engine.share_report(first, second, 0)
    for uid in (second, first):
        desk.engine.submit(uid)
    desk.signs(first)
    for uid in (first, second):
        desk.platform_says(uid, Event.ACKNOWLEDGED, "exam", "images")
    assert desk.report_job(first).state.value == "queued"
    desk.engine.fill(second, {"hospital_item_name": "头颅MR平扫"})
    job = desk.report_job(first)
    assert job.state.value == "to_sign" and not set(SIGNED_FIELDS) & set(job.payload["report"])  # type: ignore[call-overload]
    assert exams.shown(desk.engine.house.store.read(), desk.key(first))["changed"]
    desk.engine.submit(second)
    desk.platform_says(second, Event.ACKNOWLEDGED, "exam", "images")
    assert deliver(desk, first)[1] == [] and desk.state(first) != "acknowledged"
    desk.engine.submit(first)
    desk.platform_says(first, Event.ACKNOWLEDGED, "exam", "images")
    desk.signs(first)
    job, sent = deliver(desk, first)
    assert (job.state.value, sent) == ("acknowledged", [UPLOAD]) and "头颅MR平扫" in str(job.payload["report"])
