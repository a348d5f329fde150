"""An exam at a platform that knows it by an index code: corrected, killed, refused or withdrawn, it is there once."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.job import JobState
from app.engine import bundle
from app.errors import AgentError, NeedsOperator, RetryLater
from app.store import images, indexes
from app.system.paths import Home
from tests.builders import a_pdf
from tests.engine.two import CITY, INDEX, OTHER_PERSON, Clinic, Killed, a_clinic

DELETE, RECORD, IMAGE, REPORT = "deleteExamRptImgIdxInfo", "saveExamRptImgInfo", "saveImgFile", "saveRptFile"
WHOLE = [RECORD, REPORT, IMAGE, IMAGE]
CHANGED = "换了医保影像云索引 · 证件或检查时间改过，全部内容用新索引再传一遍"
DELETED, LEFT = "旧索引已撤回", "旧索引还在平台上 · 平台没有删除接口，请告知平台"


@pytest.fixture
def clinic(home: Home, tmp_path: Path) -> Iterator[Clinic]:
    with a_clinic(home, tmp_path, CITY) as made:
        yield made


@pytest.fixture
def without_deletion(home: Home, tmp_path: Path) -> Iterator[Clinic]:
    with a_clinic(home, tmp_path, INDEX) as made:
        yield made


def codes(clinic: Clinic, name: str = CITY) -> list[str]:
    """The document numbers and times of what the platform has."""
    return ["-".join(code.split("-")[1:3]) for code in clinic.platforms[name].held]


def correct(clinic: Clinic, uid: str, id_number: str = OTHER_PERSON) -> None:
    clinic.desk.engine.fill(uid, {"id_number": id_number})


FIRST, SECOND = "140105198002142016-20260105093000", f"{OTHER_PERSON}-20260105093000"
OWN_NUMBER = FIRST.partition("-")[0]


# -- minted -----------------------------------------------------------------------------------------------------------


def test_two_exams_of_one_person_in_the_same_second_are_told_apart_and_that_is_said(clinic: Clinic) -> None:
    first, second = clinic.sent(), clinic.sent()
    assert codes(clinic) == [FIRST, FIRST[:-2] + "01"]
    said = "医保影像云索引 · 索引时间改为 2026-01-05 09:30:01，因为同一秒还有一例"
    assert said not in clinic.timeline(first) and clinic.timeline(second).count(said) == 1
    form = clinic.desk.engine.form(second)
    assert "2026-01-05 09:30:00" in {field["text"] for field in form["fields"] if field["key"] == "examined_at"}
    clinic.fill(second, findings="改过")
    clinic.submit(second)
    clinic.deliver()
    assert len(codes(clinic)) == 2 and clinic.timeline(second).count(said) == 1, "it keeps its own"


def test_a_submission_that_is_refused_mints_nothing(clinic: Clinic) -> None:
    uid = clinic.ready(exam_dept_name="")
    with pytest.raises(NeedsOperator):
        clinic.submit(uid)
    conn = clinic.desk.engine.house.store.read()
    assert indexes.current(conn, CITY, clinic.desk.key(uid)) is None


def test_the_index_stands_nowhere_in_the_timeline(clinic: Clinic) -> None:
    uid = clinic.sent()
    correct(clinic, uid)
    clinic.submit(uid)
    clinic.deliver()
    notes = str(clinic.desk.engine.study(uid)["timeline"])
    assert OWN_NUMBER not in notes and OTHER_PERSON not in notes


# -- corrected --------------------------------------------------------------------------------------------------------


def test_a_corrected_number_takes_the_old_index_back_and_sends_all_under_the_new(clinic: Clinic) -> None:
    uid = clinic.sent()
    correct(clinic, uid)
    assert clinic.state(uid) == "ready"
    assert clinic.submit(uid)["jobs"] == 3
    assert clinic.state(uid) == "queued"
    clinic.deliver()
    assert clinic.city.said == [*WHOLE, DELETE, *WHOLE]
    (held,) = clinic.city.held.values()
    assert codes(clinic) == [SECOND] and len(held.images) == 2 and len(held.pdfs) == 1
    told = clinic.timeline(uid)
    assert told.index(CHANGED) < told.index(DELETED) and clinic.state(uid) == "acknowledged"
    moments = [one["title"] for one in clinic.desk.engine.job(uid)["moments"]]
    order = [moments.index(title) for title in ("填报", "换了医保影像云索引", "平台已接收", DELETED)]
    assert order == sorted(order)


def test_after_a_correction_the_new_index_alone_is_shown_and_the_old_still_finds_the_exam(clinic: Clinic) -> None:
    uid = clinic.sent()
    (old,) = clinic.city.held
    correct(clinic, uid)
    clinic.submit(uid)
    clinic.deliver()
    (row,) = clinic.desk.engine.jobs(text=old)["rows"]
    assert row["numbers"] == clinic.desk.engine.slip(uid)["destinations"][0]["numbers"] == list(clinic.city.held)


def test_a_corrected_time_is_another_index_too(clinic: Clinic) -> None:
    uid = clinic.sent()
    clinic.desk.engine.fill(uid, {"examined_at": "2026-01-05 09:35:00"})
    clinic.submit(uid)
    clinic.deliver()
    assert codes(clinic) == [FIRST.replace("0930", "0935")]


def test_corrected_back_it_has_its_first_index_again(clinic: Clinic) -> None:
    uid = clinic.sent()
    for number in (OTHER_PERSON, OWN_NUMBER):
        correct(clinic, uid, number)
        clinic.submit(uid)
        clinic.deliver()
        (held,) = clinic.city.held.values()
        assert codes(clinic) == [f"{number}-20260105093000"] and len(held.images) == 2
    assert clinic.city.said == [*WHOLE, DELETE, *WHOLE, DELETE, *WHOLE]
    assert clinic.timeline(uid).count(DELETED) == 2 and clinic.state(uid) == "acknowledged"


def test_corrected_back_before_anything_went_nothing_is_deleted(clinic: Clinic) -> None:
    uid = clinic.sent()
    for number in (OTHER_PERSON, OWN_NUMBER):
        correct(clinic, uid, number)
        clinic.submit(uid)
    clinic.deliver()
    assert DELETE not in clinic.city.said and codes(clinic) == [FIRST]
    assert clinic.state(uid) == "acknowledged" and DELETED not in clinic.timeline(uid)


def test_what_was_refused_under_the_old_index_needs_no_deletion(clinic: Clinic) -> None:
    clinic.city.refuses = "证件号格式错误"
    uid = clinic.ready()
    clinic.submit(uid)
    clinic.deliver()
    assert clinic.state(uid) == "held"
    clinic.city.refuses = ""
    correct(clinic, uid)
    clinic.submit(uid)
    clinic.deliver()
    assert clinic.city.said == [RECORD, *WHOLE] and codes(clinic) == [SECOND]
    assert DELETED not in clinic.timeline(uid)


def test_what_may_have_arrived_under_the_old_index_is_deleted(clinic: Clinic) -> None:
    clinic.city.after = {0: RetryLater("平台没有应答", "正在自动重试")}
    uid = clinic.ready()
    clinic.submit(uid)
    clinic.deliver()
    assert (codes(clinic), clinic.state(uid)) == ([FIRST], "waiting")
    correct(clinic, uid)
    clinic.submit(uid)
    clinic.deliver()
    assert clinic.city.said == [RECORD, DELETE, *WHOLE] and codes(clinic) == [SECOND]


def test_a_second_correction_takes_back_whatever_may_be_there(clinic: Clinic) -> None:
    uid = clinic.sent()
    correct(clinic, uid)
    clinic.submit(uid)
    clinic.city.after = {5: RetryLater("平台没有应答", "正在自动重试")}
    clinic.deliver()
    assert codes(clinic) == [SECOND], "deleted, saved, and no answer came"
    clinic.desk.engine.fill(uid, {"examined_at": "2026-01-05 09:35:00"})
    clinic.submit(uid)
    clinic.deliver()
    assert codes(clinic) == [SECOND.replace("0930", "0935")] and clinic.state(uid) == "acknowledged"


def test_corrected_while_its_images_go_nothing_of_them_counts_for_the_new(clinic: Clinic) -> None:
    uid = clinic.ready()
    clinic.submit(uid)

    def corrected() -> None:
        correct(clinic, uid)
        clinic.submit(uid)

    clinic.city.script = {2: corrected}
    clinic.city.after = {3: RetryLater("平台没有应答", "正在自动重试")}
    clinic.deliver()
    (held,) = clinic.city.held.values()
    assert codes(clinic) == [SECOND] and len(held.images) == 2
    assert clinic.state(uid) == "acknowledged"
    clinic.deliver(pass_seconds=3600)
    assert codes(clinic) == [SECOND], "nothing follows under the old index"


def test_corrected_while_its_record_goes_the_old_is_taken_back_after_it(clinic: Clinic) -> None:
    uid = clinic.ready()
    clinic.submit(uid)

    def corrected() -> None:
        correct(clinic, uid)
        clinic.submit(uid)

    clinic.city.after = {0: corrected}
    clinic.deliver()
    assert clinic.city.said == [RECORD, DELETE, *WHOLE] and codes(clinic) == [SECOND]
    assert DELETED in clinic.timeline(uid)


@pytest.mark.parametrize("request_number", range(5))
def test_killed_anywhere_in_a_correction_it_ends_under_the_new_index_alone(clinic: Clinic, request_number: int) -> None:
    uid = clinic.sent()
    correct(clinic, uid)
    clinic.submit(uid)
    clinic.city.after = {4 + request_number: Killed()}
    clinic.killed(CITY)
    clinic.deliver()
    (held,) = clinic.city.held.values()
    assert codes(clinic) == [SECOND] and len(held.images) == 2 and held.pdfs
    assert clinic.state(uid) == "acknowledged" and DELETED in clinic.timeline(uid)


def test_a_correction_with_late_images_under_way_sends_them_too(clinic: Clinic) -> None:
    uid = clinic.sent()
    clinic.desk.more(uid)
    clinic.desk.engine.send_now(uid)
    correct(clinic, uid)
    clinic.submit(uid)
    clinic.deliver()
    (held,) = clinic.city.held.values()
    assert codes(clinic) == [SECOND] and set(held.images.values()) == {"3"} and len(held.images) == 3


def test_an_older_version_that_still_waits_under_the_old_index_never_goes(clinic: Clinic) -> None:
    uid = clinic.ready()
    clinic.submit(uid)

    def late() -> None:
        clinic.desk.more(uid)
        clinic.desk.engine.send_now(uid)

    clinic.city.script = {2: late, 3: RetryLater("断了", "再试")}
    assert clinic.workers(CITY).run_once() and clinic.workers(CITY).run_once() and clinic.workers(CITY).run_once()
    assert [job.state for job in clinic.jobs(uid, CITY) if job.part.value == "images"] == [
        JobState.WAITING,
        JobState.QUEUED,
    ]
    correct(clinic, uid)
    clinic.submit(uid)
    clinic.deliver(pass_seconds=3600)
    (held,) = clinic.city.held.values()
    assert codes(clinic) == [SECOND] and len(held.images) == 3 and clinic.state(uid) == "acknowledged"
    gone = clinic.city.said.index(DELETE)
    assert all(OTHER_PERSON in code for code in clinic.city.under[gone + 1 :])


# -- resent and updated -----------------------------------------------------------------------------------------------


def test_a_resend_stays_under_its_index(clinic: Clinic) -> None:
    uid = clinic.sent()
    clinic.desk.engine.resend(uid)
    clinic.deliver()
    assert clinic.city.said == [*WHOLE, *WHOLE] and codes(clinic) == [FIRST]


def test_where_an_update_is_a_deletion_first_images_and_report_go_again(home: Home, tmp_path: Path) -> None:
    with a_clinic(home, tmp_path, CITY, city={"same_index": "delete_first"}) as clinic:
        uid = clinic.sent()
        clinic.fill(uid, findings="改过")
        clinic.submit(uid)
        clinic.deliver()
        assert clinic.city.said == [*WHOLE, DELETE, *WHOLE]
        (held,) = clinic.city.held.values()
        assert held.record["imgDscr"] == "改过" and len(held.images) == 2 and len(held.pdfs) == 1
        assert "影像和报告再传一遍 · 平台要先删再存，删掉的影像和报告再传一遍" in clinic.timeline(uid)
        clinic.city.after = {len(clinic.city.said) + 1: RetryLater("平台没有应答", "正在自动重试")}
        clinic.desk.engine.resend(uid)
        clinic.deliver()
        clinic.deliver(pass_seconds=3600)
        (held,) = clinic.city.held.values()
        assert len(held.images) == 2 and len(held.pdfs) == 1 and clinic.state(uid) == "acknowledged"


# -- withdrawn --------------------------------------------------------------------------------------------------------


def test_one_withdrawal_takes_back_everything(clinic: Clinic) -> None:
    uid = clinic.sent()
    assert clinic.desk.engine.withdraw(uid)["jobs"] == 1
    clinic.deliver()
    assert (clinic.city.said, clinic.city.held) == ([*WHOLE, DELETE], {})
    assert clinic.state(uid) == "withdrawn"
    assert set(clinic.states(uid, CITY).values()) == {JobState.ACKNOWLEDGED, JobState.WITHDRAWN}
    assert clinic.desk.engine.resend(uid)["jobs"] == 0, "nothing is sent again of what was deleted"
    assert clinic.desk.engine.withdraw(uid)["jobs"] == 0, "nor deleted twice"
    clinic.deliver()
    assert clinic.city.held == {} and clinic.state(uid) == "withdrawn"


def test_images_on_their_way_do_not_follow_a_withdrawn_exam(clinic: Clinic) -> None:
    clinic.city.script = {number: RetryLater("断了", "再试") for number in (2, 3)}
    uid = clinic.ready()
    clinic.submit(uid)
    clinic.deliver()
    assert clinic.states(uid, CITY)["images"] is JobState.WAITING
    clinic.desk.engine.withdraw(uid)
    clinic.deliver(pass_seconds=3600)
    assert clinic.city.held == {} and clinic.states(uid, CITY)["images"] is JobState.CANCELLED
    assert clinic.state(uid) == "withdrawn"
    clinic.desk.engine.resend(uid)
    clinic.deliver()
    assert clinic.city.said[-1] == DELETE, "no image of a deleted exam"


def test_withdrawn_during_a_correction_nothing_stays_at_the_platform(clinic: Clinic) -> None:
    uid = clinic.sent()
    correct(clinic, uid)
    clinic.submit(uid)
    assert clinic.desk.engine.withdraw(uid)["jobs"] == 1
    clinic.deliver()
    assert clinic.city.held == {} and clinic.state(uid) == "withdrawn"
    clinic.submit(uid)
    clinic.deliver()
    assert codes(clinic) == [SECOND] and clinic.state(uid) == "acknowledged"


def test_withdrawn_after_an_answer_was_lost_it_is_deleted_all_the_same(clinic: Clinic) -> None:
    clinic.city.after = {0: RetryLater("平台没有应答", "正在自动重试")}
    uid = clinic.ready()
    clinic.submit(uid)
    clinic.deliver()
    key = clinic.desk.key(uid)
    assert clinic.desk.engine.act_many("withdraw", [[key, CITY]])["jobs"] == 1, "nobody knows whether it arrived"
    clinic.deliver()
    assert clinic.city.held == {}


def test_during_a_withdrawal_nothing_new_is_submitted(clinic: Clinic) -> None:
    uid = clinic.sent()
    clinic.desk.engine.withdraw(uid)
    correct(clinic, uid)
    with pytest.raises(NeedsOperator, match="正在撤回"):
        clinic.submit(uid)
    current = indexes.current(clinic.desk.engine.house.store.read(), CITY, clinic.desk.key(uid))
    assert current is not None and OWN_NUMBER in current.index_code, "and no index is minted"


def test_submitted_again_a_withdrawn_exam_goes_whole(clinic: Clinic) -> None:
    uid = clinic.sent()
    clinic.desk.engine.withdraw(uid)
    clinic.deliver()
    assert clinic.submit(uid)["jobs"] == 3
    clinic.deliver()
    assert clinic.city.said == [*WHOLE, DELETE, *WHOLE] and codes(clinic) == [FIRST]
    assert clinic.state(uid) == "acknowledged"


# -- a platform that can't delete -------------------------------------------------------------------------------------


def test_an_old_index_that_can_not_be_deleted_is_told_once(without_deletion: Clinic) -> None:
    clinic = without_deletion
    uid = clinic.sent()
    correct(clinic, uid)
    clinic.submit(uid)
    clinic.deliver()
    assert codes(clinic, INDEX) == [FIRST, SECOND]
    assert clinic.timeline(uid).count(LEFT) == 1 and DELETED not in clinic.timeline(uid)
    clinic.fill(uid, findings="再改", id_number=OTHER_PERSON)
    clinic.submit(uid)
    clinic.deliver()
    assert clinic.timeline(uid).count(LEFT) == 1 and clinic.state(uid) == "acknowledged"


def test_what_never_went_under_the_old_index_is_not_told(without_deletion: Clinic) -> None:
    clinic = without_deletion
    uid = clinic.ready()
    clinic.submit(uid)
    correct(clinic, uid)
    clinic.submit(uid)
    clinic.deliver()
    assert codes(clinic, INDEX) == [SECOND] and LEFT not in clinic.timeline(uid)


# -- any order --------------------------------------------------------------------------------------------------------


class Story:
    """One exam; whatever happens to it, in the end a submission sets it right."""

    def __init__(self, clinic: Clinic) -> None:
        self.clinic = clinic
        self.clinic.city.held.clear()
        self.uid = clinic.ready()
        self.numbers = [OWN_NUMBER, OTHER_PERSON]

    def happens(self, what: str) -> None:
        act: Callable[[], Any] = getattr(self, what)
        try:
            act()
        except AgentError:
            return

    def correct(self) -> None:
        self.numbers.reverse()
        correct(self.clinic, self.uid, self.numbers[0])

    def change(self) -> None:
        self.clinic.desk.engine.fill(self.uid, {"findings": f"改过 {len(self.clinic.city.said)}"})

    def submit(self) -> None:
        self.clinic.submit(self.uid)

    def deliver(self) -> None:
        self.clinic.deliver(pass_seconds=600)

    def lose_an_answer(self) -> None:
        self._next(RetryLater("平台没有应答", "正在自动重试"))

    def correct_under_way(self) -> None:
        def now() -> None:
            self.happens("correct")
            self.happens("submit")

        self._next(now)

    def be_killed(self) -> None:
        self.clinic.killed(CITY)

    def refuse(self) -> None:
        self.clinic.city.refuses = "证件号格式错误"
        self.clinic.deliver(pass_seconds=600)
        self.clinic.city.refuses = ""

    def late_image(self) -> None:
        self.clinic.desk.more(self.uid)
        self.clinic.desk.engine.send_now(self.uid)

    def resend(self) -> None:
        self.clinic.desk.engine.resend(self.uid)

    def withdraw(self) -> None:
        self.clinic.desk.engine.withdraw(self.uid)

    def cancel(self) -> None:
        self.clinic.desk.engine.cancel(self.uid)

    def is_there(self) -> None:
        """Once, under the number that was entered last, with every image and its report."""
        ((code, held),) = self.clinic.city.held.items()
        assert code.split("-")[1] == self.numbers[0] == held.record["certno"]
        count = len(self.clinic.desk.engine.study(self.uid)["instances"])
        assert len(held.images) == count and held.pdfs

    def _next(self, what: Any) -> None:
        self.clinic.city.after[len(self.clinic.city.said)] = what
        self.clinic.deliver(pass_seconds=600)
        self.clinic.city.after.clear()

    def end(self) -> None:
        """The withdrawal that may be open ends, everything that is there is submitted, and goes."""
        for _ in range(2):
            self.clinic.deliver(pass_seconds=3600)
            self.happens("submit")
        self.clinic.deliver(pass_seconds=3600)


EVENTS = (
    "correct", "correct", "change", "submit", "submit", "submit", "deliver", "deliver", "lose_an_answer",
    "correct_under_way", "be_killed", "refuse", "late_image", "resend", "withdraw", "cancel",
)  # fmt: skip


@pytest.fixture(scope="module", params=["update", "delete_first"])
def shared(request: pytest.FixtureRequest) -> Iterator[Clinic]:
    with TemporaryDirectory() as folder:
        home = Home(root=Path(folder) / "home").make()
        with a_clinic(home, Path(folder), CITY, city={"same_index": request.param}) as made:
            yield made


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(EVENTS), min_size=4, max_size=12))
def test_in_the_end_the_platform_has_it_once_and_whole(shared: Clinic, events: list[str]) -> None:
    story = Story(shared)
    for what in events:
        story.happens(what)
        if shared.state(story.uid) in ("acknowledged", "reconciled"):
            story.is_there()
        elif shared.state(story.uid) == "withdrawn":
            assert shared.city.held == {}
    for _ in range(2):
        story.end()
        assert shared.state(story.uid) == "acknowledged"
        story.is_there()
        story.change()


# -- several studies in one exam --------------------------------------------------------------------------------------


def joined(clinic: Clinic, *accessions: str) -> tuple[str, list[str]]:
    """The key of one exam with a study for each of these numbers, sent; and the studies."""
    studies = [clinic.desk.receive(accession=number) for number in accessions]
    key = clinic.desk.key(studies[0])
    for other in studies[1:]:
        clinic.desk.engine.join(key, other)
    clinic.fill(key)
    clinic.desk.engine.attach(key, str(a_pdf(clinic.desk.folder / "joined.pdf")))
    clinic.submit(key)
    clinic.deliver()
    return key, studies


@pytest.mark.parametrize(
    ("given", "record", "ties"),
    [
        (("A1", "A2"), "A1,A2", (("A1", "A1"), ("A2", "A2"))),
        (("", "A2"), "A2", (("A2", "A2"), ("A2", "A2"))),
        (("A1", ""), "A1", (("A1", "A1"), ("A1", "A1"))),
    ],
)
def test_each_image_goes_under_the_number_of_its_own_study(
    clinic: Clinic, given: tuple[str, ...], record: str, ties: tuple[tuple[str, str], ...]
) -> None:
    key, studies = joined(clinic, *given)
    (held,) = clinic.city.held.values()
    assert held.record["accessionNumber"] == record and held.record["studyUid"] == ",".join(studies)
    assert held.ties == {(study, *pair) for study, pair in zip(studies, ties, strict=True)}
    assert clinic.state(key) == "acknowledged"


def test_a_study_that_left_the_exam_leaves_the_platform_too(clinic: Clinic) -> None:
    key, (first, second) = joined(clinic, "A1", "A2")
    clinic.desk.engine.part(key, second)
    assert clinic.state(key) == "ready"
    said = len(clinic.city.said)
    clinic.submit(key)
    clinic.deliver()
    (held,) = clinic.city.held.values()
    assert clinic.city.said[said:] == [DELETE, *WHOLE]
    assert {study for study, _, _ in held.ties} == {first} == {held.record["studyUid"]}
    assert clinic.state(key) == "acknowledged" and len(held.pdfs) == 1
    clinic.fill(key, findings="改过")
    clinic.submit(key)
    clinic.deliver()
    assert clinic.city.said[-1] == RECORD and clinic.city.said.count(DELETE) == 1, "once is enough"


# -- what is not kept here any more -----------------------------------------------------------------------------------


def released(clinic: Clinic, uid: str) -> None:
    """The retention period of its images is over."""
    house = clinic.desk.engine.house
    gone = images.instances_of(house.store.read(), clinic.desk.key(uid))
    for one in gone:
        house.spool.path(one.path).unlink()
    house.store.write(lambda tx: images.mark_released(tx, gone))


def test_nothing_is_deleted_that_could_not_be_sent_again(clinic: Clinic) -> None:
    uid = clinic.sent()
    released(clinic, uid)
    correct(clinic, uid)
    with pytest.raises(NeedsOperator, match="2 幅影像") as refusal:
        clinic.submit(uid)
    assert "重发" in refusal.value.advice
    clinic.deliver()
    assert DELETE not in clinic.city.said and codes(clinic) == [FIRST] and clinic.state(uid) != "acknowledged"
    correct(clinic, uid, OWN_NUMBER)
    clinic.fill(uid, findings="改过")
    assert clinic.submit(uid)["jobs"] == 1, "what deletes nothing goes"
    clinic.deliver()
    assert clinic.state(uid) == "acknowledged" and DELETE not in clinic.city.said


def test_where_an_update_is_a_deletion_first_nothing_is_deleted_either(home: Home, tmp_path: Path) -> None:
    with a_clinic(home, tmp_path, CITY, city={"same_index": "delete_first"}) as clinic:
        uid = clinic.sent()
        released(clinic, uid)
        clinic.fill(uid, findings="改过")
        with pytest.raises(NeedsOperator, match="2 幅影像"):
            clinic.submit(uid)
        skipped = clinic.desk.engine.resend(uid)["skipped"]
        assert "影像" in str(skipped) and clinic.city.said == WHOLE


# -- what leaves the machine ------------------------------------------------------------------------------------------


def test_no_number_of_an_index_old_or_new_leaves_with_the_help_bundle(clinic: Clinic, tmp_path: Path) -> None:
    uid = clinic.sent(id_type="414", id_number="EK81265(9)03")
    clinic.desk.engine.fill(uid, {"id_number": "PX7740318"})
    clinic.city.refuses = "索引 111-EK81265903-20260105093000 有误"
    clinic.submit(uid)
    clinic.deliver()
    made = bundle.make(clinic.desk.engine.house, tmp_path, {}, {}, "1.0")
    with zipfile.ZipFile(made["path"]) as packed:
        inside = "\n".join(packed.read(name).decode() for name in packed.namelist())
    assert "EK81265" not in inside and "PX7740318" not in inside


def test_no_list_that_is_written_to_a_file_names_a_document(clinic: Clinic, tmp_path: Path) -> None:
    clinic.sent()
    engine = clinic.desk.engine
    engine.export_jobs(str(tmp_path / "a.csv"))
    engine.export_reconciliation(str(tmp_path / "b.csv"), "2026-01-05", "2026-01-05")
    for name in ("a.csv", "b.csv"):
        said = (tmp_path / name).read_text("utf-8-sig")
        assert OWN_NUMBER not in said and "111-1401****2016-20260105093000-" in said
