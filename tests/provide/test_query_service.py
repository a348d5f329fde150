"""What a platform hears when it asks the clinic: what it should have, as it was submitted, and of nobody else's."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.crypto.keys import parse_sm4_key
from app.crypto.sm4 import decrypt_ecb, encrypt_ecb
from app.domain.job import Event, Job, JobState
from app.engine.questions import faults, query_service
from app.engine.settings import apply_answers
from app.provide.query_service import QueryService
from app.store import answers as platform_answers
from app.store import jobs
from app.system.paths import Home
from app.wire.file_server import Asked, Refused, Served
from app.wire.http_client import HttpClient, HttpReply
from tests.engine.desk import Desk, a_desk, answers_of
from tests.wire.peers import free_port

Json = dict[str, Any]
MAIN, OTHER = "10.0.0.1", "10.0.0.2"
KEY = "2a77be8ebc9c90cd25ccd1d31dce7a77"
SQL = "'; DROP TABLE jobs; --"


@dataclass
class Clinic:
    """A home with the destinations `main` and `other`; each may ask from one address of its own."""

    desk: Desk
    service: QueryService

    def ask(self, path: str, *, who: str = MAIN, **parameters: Any) -> Json:
        return self.posted(path, json.dumps(parameters, ensure_ascii=False).encode(), who=who)

    def rows(self, path: str, *, who: str = MAIN, **parameters: Any) -> list[Json]:
        told = self.ask(path, who=who, **parameters)
        assert told["code"] == 1, told
        return list(told["content"])

    def posted(self, path: str, body: bytes, *, who: str = MAIN, method: str = "POST") -> Json:
        found = self.service.answer(
            Asked(path=path, method=method, query="" if method == "POST" else body.decode(), address=who,
                  body=lambda: body)
        )  # fmt: skip
        assert isinstance(found, Served) and isinstance(found.content, list)
        told: Json = json.loads(b"".join(found.content))
        return {**told, "status": found.status}

    def submitted(self, destination: str = "main", event: Event | None = Event.ACKNOWLEDGED, **values: str) -> str:
        """An exam of which all parts were submitted, and what its platform said."""
        uid = self.desk.ready()
        self.desk.fill(uid, **values)
        self.desk.engine.submit(uid, destination)
        if event is not None:
            self.desk.platform_says(uid, event)
        return uid

    def job(self, uid: str, part: str) -> Job:
        return next(job for job in jobs.newest(self.desk.jobs(uid)) if job.part.value == part)

    def again(self, uid: str, **values: str) -> None:
        """Corrected and submitted once more; nothing of it is acknowledged yet."""
        self.desk.fill(uid, **values)
        self.desk.engine.submit(uid, "main")

    def log(self) -> list[tuple[str, str]]:
        self.service.tell(all_of_it=True)
        self.desk.engine.house.store.write(lambda tx: None)
        rows = self.desk.engine.audit()["rows"]
        return [(row["words"], row["detail"]) for row in rows if row["what"].startswith("asked")]


@contextmanager
def a_clinic(home: Home, folder: Path, port: int = 0, **options: Any) -> Iterator[Clinic]:
    answers = answers_of("main", "other")
    for row, address in zip(answers["destination"], (MAIN, OTHER), strict=True):
        row["options"] |= {"query_service": True, "query_addresses": [address], **options}
    chosen = port or free_port()
    answers["files"] = {"public_base_url": f"http://127.0.0.1:{chosen}", "port": chosen, "bind": "127.0.0.1"}
    apply_answers(answers, home)
    with a_desk(home, folder) as desk:
        yield Clinic(desk, query_service(desk.engine.house))


@pytest.fixture
def clinic(home: Home, tmp_path: Path) -> Iterator[Clinic]:
    with a_clinic(home, tmp_path) as made:
        yield made


# -- what it should have -----------------------------------------------------------------------------------------------


def test_an_exam_comes_as_it_was_submitted(clinic: Clinic) -> None:
    uid = clinic.submitted()
    (row,) = clinic.rows("/exam/get")
    assert row == clinic.job(uid, "exam").payload["exam"]
    assert row["risStudyId"] == clinic.desk.key(uid) and row["setInfoList"][0]["setId"] == "0" * 20


def test_a_report_comes_with_its_pdf(clinic: Clinic) -> None:
    clinic.submitted()
    (row,) = clinic.rows("/report/get")
    assert base64.b64decode(row["reportPdfBase64"]).startswith(b"%PDF")
    assert row["findings"] == "双肺纹理清晰，未见实变。"


def test_the_values_typed_since_are_not_told(clinic: Clinic) -> None:
    uid = clinic.submitted(diagnosis_name="肺炎")
    clinic.desk.fill(uid, diagnosis_name="支气管炎")
    assert "支气管炎" not in json.dumps(clinic.rows("/exam/get"), ensure_ascii=False)


def test_what_was_never_submitted_is_not_told(clinic: Clinic) -> None:
    clinic.desk.ready()
    assert [clinic.rows(path) for path in ("/exam/get", "/report/get", "/series/get")] == [[], [], []]


def test_a_newer_version_on_its_way_is_what_the_platform_should_have(clinic: Clinic) -> None:
    uid = clinic.submitted(findings="一")
    clinic.again(uid, findings="二")
    assert [row["findings"] for row in clinic.rows("/report/get")] == ["二"]


def test_a_newer_version_that_was_refused_leaves_the_one_before(clinic: Clinic) -> None:
    uid = clinic.submitted(findings="一")
    clinic.again(uid, findings="二")
    clinic.desk.platform_says(uid, Event.REJECTED)
    assert [row["findings"] for row in clinic.rows("/report/get")] == ["一"]


def test_what_waits_for_a_signature_or_was_paused_or_cancelled_is_not_told(clinic: Clinic) -> None:
    for state in (JobState.TO_SIGN, JobState.PAUSED, JobState.CANCELLED, JobState.REJECTED):
        uid = clinic.submitted(event=None)
        clinic.desk.engine.house.store.write(
            lambda tx, uid=uid, state=state: tx.execute(  # type: ignore[misc]
                "UPDATE jobs SET state = ? WHERE exam_key = ?", (state.value, clinic.desk.key(uid))
            )
        )
    assert [clinic.rows(path) for path in ("/exam/get", "/report/get", "/series/get")] == [[], [], []]


def test_nothing_is_told_from_the_moment_of_a_withdrawal(clinic: Clinic) -> None:
    uid = clinic.submitted()
    clinic.desk.engine.withdraw(uid)
    assert [clinic.rows(path) for path in ("/exam/get", "/report/get", "/series/get")] == [[], [], []]
    clinic.desk.platform_says(uid, Event.ACKNOWLEDGED)
    assert clinic.rows("/exam/get") == []


def test_each_destination_hears_of_its_own_alone(clinic: Clinic) -> None:
    mine, theirs = clinic.submitted("main"), clinic.submitted("other")
    for path in ("/exam/get", "/report/get"):
        assert [row["risStudyId"] for row in clinic.rows(path)] == [clinic.desk.key(mine)]
        assert [row["risStudyId"] for row in clinic.rows(path, who=OTHER)] == [clinic.desk.key(theirs)]
    assert {row["STUDYIUID"] for row in clinic.rows("/series/get")} == {mine}
    assert clinic.rows("/series/get", studyInstanceUID=theirs) == []
    (exam,) = clinic.rows("/exam/get", who=OTHER)
    assert clinic.rows("/exam/get", applyId=exam["labNum"]) == []


def test_exam_and_report_in_one_message_are_told_apart(home: Home, tmp_path: Path) -> None:
    with a_clinic(home, tmp_path, upload_mode="merged") as clinic:
        uid = clinic.submitted()
        (exam,), (report,) = clinic.rows("/exam/get"), clinic.rows("/report/get")
        assert (exam["risStudyId"], report["risStudyId"]) == (clinic.desk.key(uid),) * 2
        assert "findings" in report and "findings" not in exam
        assert len(clinic.rows("/series/get")) >= 1


# -- times, numbers, pages ---------------------------------------------------------------------------------------------


def test_the_beginning_is_included_and_the_end_is_not(clinic: Clinic) -> None:
    clinic.submitted(examined_at="2026-01-05 09:00:00", audited_at="2026-01-05 10:20:00")
    for path, at, later in (
        ("/exam/get", "2026-01-05 09:00:00", "2026-01-05 09:00:01"),
        ("/series/get", "2026-01-05 09:00:00", "2026-01-05 09:00:01"),
        ("/report/get", "2026-01-05 10:20:00", "2026-01-05 10:20:01"),
    ):
        assert len(clinic.rows(path, startTime=at, endTime=later)) >= 1, path
        assert clinic.rows(path, startTime="2026-01-01", endTime=at) == [], path
        assert clinic.rows(path, startTime=later) == [], path
        assert clinic.rows(path, startTime="2026-01-05", endTime="2026-01-06"), path


def test_exams_are_found_by_their_numbers(clinic: Clinic) -> None:
    first = clinic.submitted(request_number="SQ-1")
    clinic.submitted(request_number="SQ-11")
    keys = [row["risStudyId"] for row in clinic.rows("/exam/get", applyId="SQ-1")]
    assert keys == [clinic.desk.key(first)]
    assert [row["labNum"] for row in clinic.rows("/report/get", applyId="SQ-11")] == ["SQ-11"]
    (exam,) = clinic.rows("/exam/get", applyId="SQ-1")
    assert exam in clinic.rows("/exam/get", patientId=exam["patientId"])
    report = clinic.rows("/report/get", applyId="SQ-1")[0]["recordNum"]
    assert [row["recordNum"] for row in clinic.rows("/report/get", reportId=report)] == [report]


def test_a_series_has_its_numbers_and_an_address_for_each_image(clinic: Clinic) -> None:
    uid = clinic.submitted(request_number="SQ-1")
    clinic.submitted()
    found = clinic.rows("/series/get", studyInstanceUID=uid)
    (record,) = clinic.rows("/exam/get", applyId="SQ-1")
    assert {row["STUDYIUID"] for row in found} == {uid}
    assert all(
        row["PATIENTNAME"] == record["patName"] and row["STUDYDATE"] == record["checkFinishTime"] for row in found
    )
    assert sum(len(row["FILEPATH"]) for row in found) == 2
    one = found[0]
    for name, value in (
        ("seriesInstanceUID", one["SERIESIUID"]),
        ("accessionNumber", f"NONE,{one['ACCESS_NO']}"),
        ("applyId", "SQ-1"),
    ):
        assert one in clinic.rows("/series/get", **{name: value}), name
    assert clinic.rows("/series/get", accessionNumber="NONE") == []


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(size=st.integers(min_value=1, max_value=8))
def test_the_pages_together_are_everything_once(seven: Clinic, size: int) -> None:
    for path in ("/exam/get", "/report/get", "/series/get"):
        whole = seven.rows(path, pageSize=500)
        pages = [seven.rows(path, pageNum=page, pageSize=size) for page in range(1, -(-len(whole) // size) + 2)]
        assert pages[-1] == [] and [row for page in pages for row in page] == whole
        assert all(len(page) <= size for page in pages)


@pytest.fixture
def seven(clinic: Clinic) -> Clinic:
    for number in range(7):
        clinic.submitted(examined_at=f"2026-01-05 09:{30 - number // 2}:00")
    return clinic


# -- who may ask -------------------------------------------------------------------------------------------------------


def test_a_stranger_is_refused_and_counted_in_one_line(clinic: Clinic, caplog: pytest.LogCaptureFixture) -> None:
    clinic.submitted()
    with caplog.at_level(logging.INFO):
        for _ in range(20):
            told = clinic.ask("/exam/get", who="10.0.0.9", patientId="SECRET-1")
    assert told == {"status": 403, "code": 0, "message": "这个地址没有被机构放行", "content": []}
    assert clinic.log() == [("没放行的地址来查，没有回答", "10.0.0.9 · 20 次")]
    assert "SECRET-1" not in caplog.text


def test_strangers_of_many_addresses_write_at_most_a_line_a_minute(clinic: Clinic) -> None:
    for number in range(200):
        clinic.ask("/exam/get", who=f"10.9.0.{number}")
    assert len(clinic.log()) == 2


def test_with_nobody_on_the_list_nobody_is_answered(home: Home, tmp_path: Path) -> None:
    with a_clinic(home, tmp_path, query_addresses=[]) as clinic:
        assert clinic.ask("/exam/get")["status"] == 403
        checks = {one["name"]: one for one in clinic.desk.engine.check_self()["checks"]}
        assert checks["questions-main"]["title"] == "打开了平台来查数据，还没有填谁可以来查，谁也查不了"


def test_two_destinations_with_one_address_are_told_of_by_the_self_check(home: Home, tmp_path: Path) -> None:
    with a_clinic(home, tmp_path, query_addresses=[MAIN]) as clinic:
        found = dict(faults(clinic.desk.engine.house))
        assert found["main"] == "" and "相同" in found["other"]


def test_a_service_that_is_off_has_no_such_path(home: Home, tmp_path: Path) -> None:
    with a_clinic(home, tmp_path, query_service=False) as clinic:
        assert clinic.service.answer(an_asked("/exam/get")) is None
        assert not list(faults(clinic.desk.engine.house))


def an_asked(path: str, method: str = "POST", query: str = "") -> Asked:
    return Asked(path=path, method=method, query=query, address=MAIN, body=lambda: b"{}")


def test_another_path_is_none_of_ours_and_only_get_and_post_ask(clinic: Clinic) -> None:
    for path in ("/exam/get/", "//exam/get", "/exam/../exam/get", "/EXAM/GET", "/exam/get\x00", ""):
        assert clinic.service.answer(an_asked(path)) is None, path
    for method in ("PUT", "HEAD", "DELETE"):
        assert clinic.service.answer(an_asked("/exam/get", method)) == Refused(status=405), method


# -- bad questions -----------------------------------------------------------------------------------------------------


BAD = [
    (b"", "请求应为 UTF-8 的 JSON"),
    (b"{", "请求应为 UTF-8 的 JSON"),
    (b"\xff\xfe", "请求应为 UTF-8 的 JSON"),
    (b"[" * 60_000, "请求应为 UTF-8 的 JSON"),
    (b"[]", "请求应为一个 JSON 对象"),
    (b'{"pageSize": 100000}', "pageSize 应为 1 到 500 的整数"),
    (b'{"pageSize": 1e400}', "pageSize 应为文字或整数"),
    (
        b'{"name": "1"}',
        "请求里有文档没有的参数，可以有的是 startTime、endTime、pageNum、pageSize、applyId、patientId",
    ),
]


def test_a_question_that_can_t_be_read_is_refused_in_plain_words(clinic: Clinic) -> None:
    for body, why in BAD:
        assert clinic.posted("/exam/get", body) == {"status": 200, "code": 0, "message": why, "content": []}
    counted = Counter(why for _, why in BAD)
    lines = {("平台来查的请求不对，没有回答", f"{why} · {title(clinic)} · {n} 次") for why, n in counted.items()}
    assert set(clinic.log()) == lines


def title(clinic: Clinic) -> str:
    return clinic.desk.engine.house.targets["main"].title


def test_parameters_may_stand_in_the_address(clinic: Clinic) -> None:
    uid = clinic.submitted(request_number="申请 1")
    query = urlencode({"applyId": "申请 1", "pageNum": 1}).encode()
    (row,) = clinic.posted("/exam/get", query, method="GET")["content"]
    assert row["risStudyId"] == clinic.desk.key(uid)
    assert clinic.posted("/exam/get", b"pageNum=1&pageNum=2", method="GET")["message"] == "有一个参数写了两次"
    assert clinic.posted("/exam/get", b"applyId=%ff", method="GET")["message"] == "地址里的参数读不懂"
    assert clinic.posted("/exam/get", b"&".join([b"a=1"] * 50), method="GET")["code"] == 0


_TEXTS = st.text(max_size=40) | st.sampled_from([SQL, "%", "*", "' OR '1'='1", '"', "\\", "../../agent.db", "1,2"])
_NAMES = st.sampled_from(
    ["startTime", "endTime", "applyId", "patientId", "reportId", "accessionNumber", "studyInstanceUID", "pageNum"]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    path=st.sampled_from(["/exam/get", "/report/get", "/series/get"]),
    parameters=st.dictionaries(_NAMES, _TEXTS | st.integers(), max_size=4),
)
def test_whatever_is_asked_nothing_is_found_that_was_not_named(one: Clinic, path: str, parameters: Json) -> None:
    told = one.ask(path, **parameters)
    named = {name for name, value in parameters.items() if str(value).strip() and not name.startswith("page")}
    assert told["code"] in (0, 1)
    if told["code"] == 1 and named - {"startTime", "endTime"}:
        assert told["content"] == []
    assert one.rows("/exam/get") != []


@pytest.fixture
def one(clinic: Clinic) -> Clinic:
    clinic.submitted(request_number="SQ-ONLY-ONE", patient_id="P-ONLY-ONE")
    return clinic


def test_a_page_that_is_too_large_is_refused_and_its_rows_can_be_had_one_by_one(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.provide.query_service._MOST_BYTES", 1000)
    clinic.submitted()
    clinic.submitted()
    assert clinic.ask("/report/get")["message"] == "这一页太大，请把每页的条数改小再问"
    assert len(clinic.rows("/report/get", pageSize=1)) == 1


@pytest.mark.warns
def test_a_report_whose_file_is_gone_is_told_of(clinic: Clinic) -> None:
    uid = clinic.submitted()
    sha256 = clinic.desk.engine.house.known(clinic.desk.key(uid)).record.reports[0][0].pdf_sha256
    clinic.desk.engine.house.path(sha256).unlink()
    told = clinic.ask("/report/get")
    assert (told["code"], told["message"]) == (0, "机构这边暂时答不了：报告 PDF 的文件找不到了")
    assert clinic.log()[0][0] == "平台来查，没有答出来"


# -- sealed ------------------------------------------------------------------------------------------------------------


def sealed_question(clinic: Clinic, *, after: float = 0.0, **parameters: Any) -> bytes:
    data = base64.b64encode(encrypt_ecb(parse_sm4_key(KEY), json.dumps(parameters).encode())).decode()
    at = str(int((clinic.desk.clock.now() + timedelta(seconds=after)).timestamp()))
    hospital = clinic.desk.engine.house.settings.clinic.uscc
    signature = hashlib.sha1(f"{data}{hospital}{at}".encode()).hexdigest().upper()
    return json.dumps({"hospitalCode": hospital, "data": data, "timestamp": at, "signature": signature}).encode()


@pytest.fixture
def sealed(home: Home, tmp_path: Path) -> Iterator[Clinic]:
    with a_clinic(home, tmp_path, query_envelope="sm4") as made:
        yield made


def test_a_sealed_question_gets_a_sealed_answer_once(sealed: Clinic) -> None:
    uid = sealed.submitted()
    question = sealed_question(sealed, pageSize=10)
    told = sealed.posted("/exam/get", question)
    rows = json.loads(decrypt_ecb(parse_sm4_key(KEY), base64.b64decode(told["content"])))
    assert [row["risStudyId"] for row in rows] == [sealed.desk.key(uid)]
    again = sealed.posted("/exam/get", question)
    assert again["message"] == "这个请求已经来过一次，请用现在的 timestamp 重新签名" and again["content"] == []


def test_a_replay_is_refused_after_a_restart_too(sealed: Clinic) -> None:
    question = sealed_question(sealed)
    assert sealed.posted("/exam/get", question)["code"] == 1
    anew = Clinic(sealed.desk, query_service(sealed.desk.engine.house))
    assert anew.posted("/exam/get", question)["code"] == 0


def test_a_stale_question_is_refused(sealed: Clinic) -> None:
    for after in (-301.0, 301.0):
        told = sealed.posted("/exam/get", sealed_question(sealed, after=after))
        assert (told["code"], told["message"]) == (0, "timestamp 和现在的时间相差超过 5 分钟")


def test_a_replay_stays_refused_until_it_is_stale(sealed: Clinic) -> None:
    question = sealed_question(sealed, after=290)
    assert sealed.posted("/exam/get", question)["code"] == 1
    for _ in range(13):
        sealed.desk.clock.pass_(60)
        sealed.posted("/exam/get", sealed_question(sealed))
        assert sealed.posted("/exam/get", question)["code"] == 0


def test_the_time_is_the_platform_s_as_far_as_we_know_it(sealed: Clinic) -> None:
    now = sealed.desk.clock.now()
    sealed.desk.engine.house.store.write(
        lambda tx: platform_answers.note_destination(tx, "main", now=now, ok=True, offset_seconds=3600)
    )
    assert sealed.posted("/exam/get", sealed_question(sealed, after=3600))["code"] == 1
    assert sealed.posted("/exam/get", sealed_question(sealed))["code"] == 0


def test_a_plain_question_is_refused_where_sealed_ones_were_agreed_on(sealed: Clinic) -> None:
    sealed.submitted()
    told = sealed.ask("/exam/get")
    assert (told["code"], told["content"]) == (0, [])


# -- the log -----------------------------------------------------------------------------------------------------------


def test_the_log_says_how_much_was_asked_in_one_line_an_hour(clinic: Clinic) -> None:
    for _ in range(2):
        clinic.submitted()
    for _ in range(6):
        clinic.ask("/exam/get")
    assert clinic.log() == [("平台来查了 12 例检查", f"{title(clinic)} · 6 次")]
    clinic.desk.clock.pass_(3600)
    clinic.ask("/exam/get", pageSize=1)
    clinic.ask("/report/get")
    assert sorted(clinic.log()[:2]) == [
        ("平台来查了 1 例检查", f"{title(clinic)} · 1 次"),
        ("平台来查了 2 份报告", f"{title(clinic)} · 1 次"),
    ]


def test_nothing_of_a_patient_is_in_the_program_s_own_log(clinic: Clinic, caplog: pytest.LogCaptureFixture) -> None:
    clinic.submitted(request_number="SQ-SECRET")
    with caplog.at_level(logging.DEBUG):
        (row,) = clinic.rows("/exam/get", applyId="SQ-SECRET")
        clinic.ask("/exam/get", applyId="SQ-SECRET", pageSize=-1)
    for secret in ("SQ-SECRET", row["patName"], row["idCard"], row["patientId"]):
        assert secret not in caplog.text


def test_the_letter_to_the_platform_s_engineer_names_the_addresses(clinic: Clinic) -> None:
    letter = clinic.desk.engine.try_destination({}, "main")["letter"]
    base = clinic.desk.engine.house.settings.files.public_base_url
    line = f"平台来查数据：{base} 下的 /exam/get、/report/get、/series/get · POST JSON · 明文 · 只答 {MAIN}"
    assert line in letter.splitlines()


# -- over the wire -----------------------------------------------------------------------------------------------------


@pytest.fixture
def door(home: Home, tmp_path: Path) -> Iterator[tuple[Clinic, str]]:
    """The service at the port of the file service, for callers on this PC."""
    port = free_port()
    with a_clinic(home, tmp_path, port, query_addresses=["127.0.0.1"]) as clinic:
        provider = clinic.desk.engine.house.provider
        provider.start(clinic.service.answer)
        try:
            yield clinic, f"http://127.0.0.1:{port}"
        finally:
            provider.stop()


def sent(url: str, body: bytes | None = None, method: str = "POST") -> HttpReply:
    client = HttpClient(read_seconds=10)
    try:
        return client.send(method, url, body=body or b"")
    finally:
        client.close()


def test_a_series_is_asked_for_and_its_images_are_fetched(door: tuple[Clinic, str]) -> None:
    clinic, base = door
    uid = clinic.submitted()
    told = json.loads(sent(f"{base}/series/get", b"{}").body)
    links = [link for row in told["content"] for link in row["FILEPATH"]]
    fetched = {hashlib.sha256(sent(link, method="GET").body).hexdigest() for link in links}
    house = clinic.desk.engine.house
    kept = files_of(clinic, uid)
    assert fetched == {hashlib.sha256(house.spool.path(path).read_bytes()).hexdigest() for path in kept}
    assert len(links) == 2


def files_of(clinic: Clinic, uid: str) -> list[str]:
    refs = clinic.job(uid, "images").payload["images"]
    assert isinstance(refs, list)
    return [ref["path"] for ref in refs]


def test_the_door_answers_as_json_and_refuses_what_is_no_question(door: tuple[Clinic, str]) -> None:
    clinic, base = door
    clinic.submitted()
    reply = sent(f"{base}/exam/get", b'{"pageNum": 1}')
    assert (reply.status, json.loads(reply.body)["code"]) == (200, 1)
    assert sent(f"{base}/exam/get?pageNum=1", method="GET").status == 200
    assert sent(f"{base}/exam/list", b"{}").status == 405
    assert sent(f"{base}/exam/list", method="GET").status == 404
    assert sent(f"{base}/exam/get/../../agent.db", method="GET").status == 404
    assert sent(f"{base}/exam/get%00", method="GET").status == 404
    assert sent(f"{base}/exam/get", b"{}", method="PUT").status == 405
    assert sent(f"{base}/exam/get", b" " * 100_000).status == 413


def test_an_address_that_a_query_named_makes_nobody_wait_for_a_fetch(clinic: Clinic) -> None:
    uid = clinic.submitted()
    clinic.rows("/series/get")
    assert clinic.desk.engine.study(uid)["fetches"] == []


def test_a_series_whose_files_are_gone_by_plan_is_not_offered(clinic: Clinic) -> None:
    uid = clinic.submitted()
    assert clinic.rows("/series/get")
    clinic.desk.engine.house.store.write(
        lambda tx: tx.execute("UPDATE instances SET released = 1 WHERE study_instance_uid = ?", (uid,))
    )
    assert clinic.rows("/series/get") == []
    assert len(clinic.rows("/exam/get")) == 1
