"""Scripts of a rehearsal: several told as one, what is left for a person, what the window says of itself."""

from __future__ import annotations

import pytest

from app.engine import rehearsal
from app.engine.face import Json
from app.engine.rehearsal import Rehearsal
from app.engine.rehearsal_script import left_words, script_of, told_of
from app.practice.stamper import VIEWER
from app.system.paths import Home

PHONE = "http://127.0.0.1:8081/practice/phone"


def test_a_doctor_keeps_the_number_for_signing_whichever_script_is_told_first() -> None:
    signing, other = script_of("shanxi"), script_of("guizhou")
    wanted = {one["name"]: one.get("mssp_id", "") for one in signing["staff"]}
    for told, codes in ((told_of([signing, other]), signing), (told_of([other, signing]), other)):
        assert {one["name"]: one.get("mssp_id", "") for one in told["staff"]} == wanted
        assert [one["code"] for one in told["staff"]] == [one["code"] for one in codes["staff"]]


def test_what_is_left_says_how_to_sign_without_a_phone() -> None:
    said = left_words(script_of("shanxi"), PHONE)
    assert "签一份报告" in said and "“电子签名”" in said and "“医生的手机”" in said and PHONE in said
    assert "签名" not in left_words(script_of("guizhou"), "")


def test_the_stamping_client_of_the_rehearsal_is_the_practice_one() -> None:
    assert script_of("shanxi")["signing"]["stamper"] == VIEWER


@pytest.mark.parametrize(
    ("region", "options", "note"),
    [
        ("shanxi", {}, "演练 · 签名不用真手机"),
        ("shanxi", {"demand_signature": False}, "演练 · 未要求电子签名"),
        ("guizhou", {}, "演练"),
    ],
)
def test_the_window_says_whether_signatures_are_demanded(
    home: Home, monkeypatch: pytest.MonkeyPatch, region: str, options: Json, note: str
) -> None:
    script = script_of(region)
    monkeypatch.setattr(rehearsal, "script_of", lambda _name: {**script, "options": {**script["options"], **options}})
    assert Rehearsal(home, region=region).note == note
