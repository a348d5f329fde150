"""信任的证书: what is put in place, what is refused, what a person reads while something can't be checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import pem

from app.crypto.certificates import parse_certificate
from app.engine import revocation_lists
from app.errors import NeedsOperator, RetryLater
from app.practice.authority import CRL_PATH
from app.system.paths import Home
from tests.engine.sign_desk import LIU, SignDesk, a_sign_desk

Json = dict[str, Any]
ADDRESS = "http://127.0.0.1:9/ca/practice.crl"
"""What the invented doctors' certificates name."""


@pytest.fixture
def desk(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignDesk]:
    with a_sign_desk(home, tmp_path, monkeypatch) as made:
        yield made


def refused(act: Callable[[], object]) -> NeedsOperator:
    with pytest.raises(NeedsOperator) as raised:
        act()
    assert raised.value.page == "trust"
    return raised.value


def roots_file(desk: SignDesk, folder: Path) -> Path:
    file = folder / "CA 证书.pem"
    file.write_text(desk.wire.authority.pem_chain())
    return file


def list_file(desk: SignDesk, folder: Path) -> Path:
    found = desk.wire.authority.offered(CRL_PATH)
    assert found is not None
    (folder / "practice.crl").write_bytes(found[0])
    return folder / "practice.crl"


def test_chosen_files_are_copied_and_shown_with_what_they_are(desk: SignDesk, tmp_path: Path) -> None:
    assert desk.engine.trust() == {"wanted": True, "roots": [], "lists": [], "doctors": []}
    stick = roots_file(desk, tmp_path), list_file(desk, tmp_path)
    told = desk.add_trust(*stick)
    for file in stick:
        file.unlink()
    (root,), (crl,) = told["roots"], told["lists"]
    assert [(one["subject"], one["kind"], one["root"]) for one in root["certificates"]] == [
        ("演练根 CA", "SM2", True), ("演练医师 CA", "SM2", False)]  # fmt: skip
    assert (root["name"], crl["name"], crl["address"], crl["trouble"]) == ("CA 证书.pem", "practice.crl", False, "")
    assert crl["read_at"] and not crl["overdue"]
    assert desk.engine.trust() == told, "the stick is gone, the copies are here"
    assert desk.add_trust(root["place"]) == told, "twice is once"
    assert desk.remove_trust(root["place"])["roots"] == []
    assert not Path(root["place"]).exists()
    assert "没有这一项" in refused(lambda: desk.engine.remove_trust(root["place"])).title


def test_what_is_no_certificate_is_refused_in_words_and_nothing_is_added(desk: SignDesk, tmp_path: Path) -> None:
    (tmp_path / "说明.pdf").write_bytes(b"%PDF-1.7")
    doctor = desk.wire.authority.doctor(LIU).holder.certificate
    (tmp_path / "doctor.cer").write_bytes(pem.armor("CERTIFICATE", doctor))
    good = roots_file(desk, tmp_path)
    for chosen, words in (
        (tmp_path / "说明.pdf", "“说明.pdf”不是证书文件"),
        (tmp_path / "doctor.cer", "“doctor.cer”是个人的证书，不是 CA 的证书"),
        (tmp_path / "none.cer", "文件打不开：none.cer"),
        ("root.cer", "路径不完整：root.cer"),
        (" ", "没有选文件"),
    ):
        error = refused(lambda chosen=chosen: desk.engine.add_trust([str(good), str(chosen)]))  # type: ignore[misc]
        assert error.title == words and error.advice
    assert desk.engine.trust()["roots"] == []


def test_answers_of_a_setup_are_taken_in_like_chosen_files(desk: SignDesk, tmp_path: Path) -> None:
    file, crl = roots_file(desk, tmp_path), list_file(desk, tmp_path)
    signing = desk.engine.settings()["signing"]
    desk.set_up({"signing": signing | {"roots": [str(file)], "revocation_lists": [str(crl), ADDRESS]}})
    kept = desk.engine.settings()["signing"]
    assert all(Path(one).parent == desk.engine.home.trust for one in (kept["roots"][0], kept["revocation_lists"][0]))
    assert kept["revocation_lists"][1] == ADDRESS and kept["staff"] == signing["staff"]
    wrong = {"signing": signing | {"revocation_lists": [str(file)]}}
    assert "不是吊销列表" in refused(lambda: desk.engine.setup(wrong)).title


def test_without_a_root_nobody_is_stopped_and_the_page_says_what_to_do(desk: SignDesk, tmp_path: Path) -> None:
    uid = desk.submitted()
    (notice,) = desk.engine.signing()["notices"]
    assert notice["page"] == "trust" and "没有核对" in notice["title"] and "根证书" in notice["advice"]
    desk.signs(uid)
    assert desk.report_job(uid).state.value == "queued"
    checks = {one["title"]: one for one in desk.engine.signature(uid)["checks"]}
    assert checks["证书链"]["ok"] is None and "没有核对" in checks["证书链"]["words"]
    desk.trust(tmp_path, lists=True)
    assert desk.engine.signing()["notices"] == []


def test_an_address_that_does_not_answer_says_so_and_is_left_alone_for_a_while(
    desk: SignDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(place: str) -> bytes:
        asked.append(place)
        raise RetryLater("连不上吊销列表", "程序会自己再读")

    monkeypatch.setattr(revocation_lists, "_fetched", answer)
    desk.trust(tmp_path)
    first, second = desk.submitted(), desk.submitted()
    desk.signs(first)
    desk.signs(second)
    assert asked == [ADDRESS], "a dead address holds no report up"
    assert desk.report_job(second).state.value == "queued"
    (crl,) = desk.engine.trust()["lists"]
    assert (crl["named"], crl["trouble"], crl["read_at"]) == (True, "连不上吊销列表", None)
    (notice,) = desk.engine.signing()["notices"]
    assert notice["tone"] == "retry" and "吊销列表读不到" in notice["title"]
    content = list_file(desk, tmp_path).read_bytes()
    monkeypatch.setattr(revocation_lists, "_fetched", lambda place: content)
    (crl,) = desk.engine.read_revocation_lists()["lists"]
    assert crl["read_at"] and crl["trouble"] == "" and desk.engine.signing()["notices"] == []
    monkeypatch.setattr(revocation_lists, "_fetched", lambda place: b"<html>")
    (crl,) = desk.engine.read_revocation_lists()["lists"]
    assert crl["trouble"] == "吊销列表的地址给的不是吊销列表" and crl["read_at"], "the copy from before still counts"
    desk.clock.pass_(8 * 86_400)
    assert desk.engine.trust()["lists"] == [], "no certificate led to it for a week"


# -- certificates near their end -------------------------------------------------------------------------------------


def expiring(desk: SignDesk) -> list[str]:
    return [row["what"] for row in desk.engine.status()["needs_you"] if row["state"] == "expiring"]


def test_a_certificate_is_announced_from_a_month_before_its_last_day_until_the_next_one_signs(desk: SignDesk) -> None:
    desk.wire.authority.renew(LIU, 60)
    desk.signs(desk.submitted())
    end = parse_certificate(desk.wire.authority.doctor(LIU).holder.certificate).not_after
    on = f"{end:%Y-%m-%d}"

    def days_before(days: int, hours: float = 0) -> None:
        desk.clock.pass_((end - desk.clock.now()).total_seconds() - days * 86_400 - hours * 3600)

    days_before(32)
    assert expiring(desk) == [] and desk.engine.trust()["doctors"] == []
    days_before(31)
    assert expiring(desk) == [f"证书 {on} 到期，还有 31 天"]
    assert any(LIU in one["title"] for one in desk.engine.signing()["notices"])
    (told,) = desk.engine.trust()["doctors"]
    assert (told["doctor"], told["days"]) == (LIU, 31)
    days_before(1)
    assert expiring(desk) == [f"证书 {on} 到期，还有 1 天"]
    days_before(0)
    assert expiring(desk) == [f"证书 {on} 到期，就是今天"]
    days_before(0, -1 / 3600)
    assert expiring(desk) == [f"证书 {on} 已到期"]
    desk.wire.authority.renew(LIU, 400)
    uid = desk.submitted()
    desk.signs(uid)
    assert desk.report_job(uid).state.value == "queued" and expiring(desk) == []
    staff = [one for one in desk.engine.settings()["signing"]["staff"] if one["name"] != LIU]
    days_before(-369)
    assert expiring(desk)
    desk.set_up({"signing": {"staff": staff}})
    assert expiring(desk) == [], "who has left is no longer waited for"
