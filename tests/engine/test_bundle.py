"""The log and the help bundle: everything of use is in it, and nobody's name, number or key in any form."""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.job import Event, Trouble, Turn
from app.engine.masking import Masker
from app.errors import NeedsOperator
from app.store import answers, exams, files, jobs
from tests.engine.desk import Desk
from tests.intake.clinic import wait_until

KEY = "2a77be8ebc9c90cd25ccd1d31dce7a77"
NAME, PHONE, CARD, DOCTOR = "欧阳若曦", "13812345678", "140105196804121031", "司马长风"
PATIENT_ID = "ZX90417"


def forms(text: str) -> Iterator[str]:
    """The text as it may stand in a log, a payload or an address."""
    for codec in ("utf-8", "gb18030", "utf-16-le"):
        data = text.encode(codec)
        yield base64.b64encode(data).decode()
        yield base64.urlsafe_b64encode(data).decode().rstrip("=")
        yield data.hex()
        yield data.hex().upper()
        yield data.hex(" ")
    yield text
    yield quote(text) if not text.isascii() else text
    yield quote_plus(text, encoding="gb18030") if not text.isascii() else text
    yield text.encode("unicode_escape").decode() if not text.isascii() else text


def secrets_in_all_forms() -> list[str]:
    key = bytes.fromhex(KEY)
    more = [KEY, KEY.upper(), base64.b64encode(key).decode(), base64.b64encode(KEY.encode()).decode()]
    return [*more, *(form for one in (NAME, PHONE, CARD, DOCTOR, PATIENT_ID) for form in forms(one))]


def everything_in(path: Path) -> str:
    with zipfile.ZipFile(path) as bundle:
        return "\n".join(f"{name}\n{bundle.read(name).decode()}" for name in bundle.namelist())


def a_busy_home(desk: Desk) -> str:
    """One exam refused by the platform, whose words, log lines and file names say everything that must not leave."""
    uid = desk.receive(name=NAME, patient_id=PATIENT_ID)
    desk.fill(uid, patient_name=NAME, phone=PHONE, id_number=CARD, audit_doctor_name=DOCTOR)
    desk.engine.attach(uid, str(_a_pdf(desk)))
    desk.engine.submit(uid)
    house, now = desk.engine.house, desk.clock.now()
    said = " ".join(secrets_in_all_forms())
    job = desk.jobs(uid)[0]

    def change(tx) -> None:  # type: ignore[no-untyped-def]
        jobs.move(tx, job.id, Event.CLAIMED, now=now)
        answers.record(
            tx, job, "upload", "exam", "d", {"message": said, "data": {"patName": NAME, "text": said}}, now=now
        )
        jobs.note_attempt(tx, job, "upload", "reject", "0", said, now=now)
        trouble = Trouble(title="平台退回", advice="请核对", turn=Turn.ENGINEER, code="0", words=said, step="upload")
        jobs.move(tx, job.id, Event.REJECTED, now=now, trouble=trouble)
        files.set_aside(tx, f"/in/{NAME}_{CARD}.dcm", 10, "不是影像", "请核对", f"folder:/in/{NAME}", now=now)
        files.let_wait(tx, "a" * 64, f"{NAME}-{PHONE}.pdf", now=now)
        house.follow(tx, job.exam_key)

    house.store.write(change)
    (desk.engine.home.logs).mkdir(exist_ok=True)
    (desk.engine.home.logs / "agent.log").write_text(f"2026-01-05 INFO app: {said}\n", encoding="utf-8")
    return uid


def _a_pdf(desk: Desk) -> Path:
    from tests.builders import a_pdf

    return a_pdf(desk.folder / "r.pdf")


def test_nothing_of_a_person_and_no_key_is_in_the_bundle_in_any_form(desk: Desk, tmp_path: Path) -> None:
    a_busy_home(desk)
    made = desk.engine.bundle(str(tmp_path / "help.zip"))
    text = everything_in(Path(made["path"]))
    assert [form for form in secrets_in_all_forms() if form.lower() in text.lower()] == []
    assert str(tmp_path) not in text


def test_the_bundle_holds_what_an_engineer_asks_for(desk: Desk, tmp_path: Path) -> None:
    uid = a_busy_home(desk)
    made = desk.engine.bundle(str(tmp_path))
    assert made["path"].startswith(str(tmp_path)) and made["size_bytes"] > 1000
    assert {"version.json", "status.json", "check.json", "settings.json", "queue.json", "requests.json"} <= set(
        made["files"]
    )
    assert "logs/agent.log" in made["files"]
    with zipfile.ZipFile(made["path"]) as bundle:
        requests = json.loads(bundle.read("requests.json"))
        settings = json.loads(bundle.read("settings.json"))
    exam = next(one for one in requests if one["request"].get("exam"))
    assert exam["exam_key"] == desk.key(uid)
    marks = {value for value in _strings(exam["request"]) if value.startswith("<姓名")}
    assert len(marks) >= 2  # patient and doctor can be told apart
    assert settings["destination"][0]["secret_names"] == ["sm4_key"]
    assert desk.engine.audit(text="生成诊断包")["total"] == 1


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, str):
        yield value


def test_a_bundle_that_cannot_be_written_leaves_nothing(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(NeedsOperator) as refused:
        desk.engine.bundle(str(tmp_path / "nowhere" / "help.zip"))
    assert "换一个文件夹" in refused.value.advice
    assert list(tmp_path.glob("**/*.part")) == []


# -- the masker -------------------------------------------------------------------------------------------------------


def a_masker(*, names: tuple[str, ...] = (NAME,), numbers: tuple[str, ...] = (CARD,)) -> Masker:
    return Masker(names=names, numbers=numbers, secrets=[KEY], places=[], salt=b"one bundle")


def test_the_same_person_has_the_same_mark_and_others_another() -> None:
    masker = a_masker(names=("张三", "李四"))
    assert masker.text("张三 张三") == " ".join([masker.mark("姓名", "张三")] * 2)
    assert masker.mark("姓名", "张三") != masker.mark("姓名", "李四")
    other = Masker(names=["张三"], numbers=[], secrets=[], places=[], salt=b"another")
    assert other.mark("姓名", "张三") != masker.mark("姓名", "张三")


@pytest.mark.parametrize("text", ["ZHANG^SAN", "Zhang San", "zhang  san", "x ZHANG=SAN y"])
def test_a_latin_name_is_known_however_it_is_written(text: str) -> None:
    assert "zhang" not in a_masker(names=("ZHANG SAN",)).text(text).lower()


def test_ordinary_words_numbers_and_uids_stay() -> None:
    text = (
        "上传影像 300 张到 1.2.840.113619.2.55.3，检查号 CT2611200031，代码 0，用时 1.25 秒 "
        "[deliver-main] DEADBEEF attempts acknowledged recognitionMark quiet_seconds"
    )
    assert a_masker().text(text) == text


@given(
    st.sampled_from([NAME, CARD, PHONE, DOCTOR]),
    st.integers(0, 17),
    st.text(alphabet="，。 ：/\"'{}[]()=&?\n", max_size=3),
    st.text(alphabet="，。 ：/\"'{}[]()=&?\n", max_size=3),
)
def test_no_form_of_a_known_secret_comes_through(secret: str, form: int, before: str, after: str) -> None:
    masker = a_masker(names=(NAME, DOCTOR), numbers=(CARD, PHONE))
    found = list(forms(secret))
    shown = found[form % len(found)]
    assert shown.lower() not in masker.text(f"{before}{shown}{after}").lower()


# -- the log ----------------------------------------------------------------------------------------------------------


def test_the_log_tells_acts_newest_first_and_page_by_page(desk: Desk) -> None:
    uid = desk.sent()
    desk.clock.pass_(60)
    desk.engine.pause(30)
    desk.clock.pass_(60)
    desk.engine.resume()
    wait_until(lambda: desk.engine.audit(text="继续上传")["total"] == 1)
    found = desk.engine.audit(limit=3)
    assert [row["what"] for row in found["rows"]][:2] == ["resumed", "paused"]
    assert found["total"] > 5
    everything = [row for offset in range(0, found["total"], 4) for row in desk.engine.audit(4, offset)["rows"]]
    assert len(everything) == found["total"]
    assert [row["at"] for row in everything] == sorted((row["at"] for row in everything), reverse=True)
    submitted = next(row for row in everything if row["what"] == "submitted")
    assert (submitted["who"], submitted["uid"], submitted["words"]) == ("操作员", desk.key(uid), "提交上传")


def test_the_log_is_searched_by_name_number_words_and_day(desk: Desk) -> None:
    desk.receive(name="孙玉梅", accession="A1001")
    desk.receive(name="吴秀英", accession="A1002")
    assert {row["accession_number"] for row in desk.engine.audit(text="孙玉梅")["rows"]} == {"A1001"}
    assert {row["patient_name"] for row in desk.engine.audit(text="A1002")["rows"]} == {"吴秀英"}
    assert {row["what"] for row in desk.engine.audit(text="影像收齐")["rows"]} == {"completed"}
    assert desk.engine.audit(day="2026-01-05")["total"] == desk.engine.audit()["total"]
    assert desk.engine.audit(day="2026-01-04") == {"total": 0, "rows": []}
    with pytest.raises(NeedsOperator):
        desk.engine.audit(day="gestern")


def test_a_refusal_stands_in_the_log_with_the_platforms_words(desk: Desk) -> None:
    uid = desk.ready()
    desk.engine.submit(uid)
    job, now = desk.jobs(uid)[0], desk.clock.now()
    desk.engine.house.store.write(
        lambda tx: jobs.note_attempt(tx, job, "exam", "fix_form", "2013", "证件号码与姓名不匹配", now=now)
    )
    row = desk.engine.audit(text="不匹配")["rows"][0]
    assert (row["who"], row["words"]) == ("平台", "平台退回，要改填报")
    assert row["detail"] == "检查记录 · 证件号码与姓名不匹配 · 平台代码 2013"


@pytest.mark.parametrize(
    ("what", "detail", "words"),
    [
        ("settled", "name", "改好了姓名"),
        ("settled", "split", "分成两位患者"),
        ("his", "4", "4 项"),
        ("joined", "1.2.840.99.7", ""),
        ("report_shared", "r-1", ""),
    ],
)
def test_the_log_tells_details_in_words(desk: Desk, what: str, detail: str, words: str) -> None:
    key = desk.key(desk.ready())
    now = desk.clock.now() + timedelta(minutes=1)
    desk.engine.house.store.write(lambda tx: exams.note(tx, key, what, detail, at=now))
    row = desk.engine.audit(limit=1)["rows"][0]
    assert (row["what"], row["detail"]) == (what, words)


def test_the_log_names_a_destination_by_its_title(desk: Desk) -> None:
    uid = desk.ready()
    name, target = next(iter(desk.engine.house.targets.items()))
    now = desk.clock.now() + timedelta(minutes=1)
    desk.engine.house.store.write(lambda tx: exams.note(tx, desk.key(uid), "reconciled", name, at=now))
    assert desk.engine.audit(limit=1)["rows"][0]["detail"] == target.title != name


def test_a_change_of_the_settings_names_the_sections_and_no_values(desk: Desk) -> None:
    desk.engine.setup({"intake": {"quiet_seconds": 30.0}})
    row = desk.engine.audit()["rows"][0]
    assert (row["what"], row["who"], row["detail"]) == ("settings", "操作员", "文件夹")
