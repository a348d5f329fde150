"""Retrieval (调阅) through the face: looked up and on record, downloaded to the last byte, kept out of our own."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
import pytest

from app.engine.bundle import masker_of
from app.engine.engine import Engine
from app.errors import AgentError, NeedsOperator, Rejected, RetryLater
from app.intake.retrieved import MARK
from app.system.paths import Home
from app.wire.faults import LineCut
from tests.engine.cloud import INDEX, PATIENT, Cloud, an_engine, an_exam, set_up
from tests.intake.clinic import HandClock

Json = dict[str, Any]


@dataclass
class Room:
    """The engine of a home, and the platform at the other end of its line."""

    home: Home
    cloud: Cloud
    clock: HandClock
    monkeypatch: pytest.MonkeyPatch
    folder: Path
    engine: Engine

    def look_up(self, number: str = PATIENT, reason: str = "本次就诊参考", **more: str) -> Json:
        return self.engine.look_up("main", "111", number, reason=reason, **more)

    def download(self, **more: str) -> Json:
        found = self.look_up()
        return self.engine.start_download(found["lookup"], found["exams"][0]["index_code"], **more)

    def shown(self, id: int) -> Json:
        return next(one for one in self.engine.downloads()["downloads"] if one["id"] == id)

    def wait(self, id: int, until: Callable[[Json], bool] = lambda one: one["state"] == "done") -> Json:
        """By the events that the page hears."""
        news = threading.Event()
        unsubscribe = self.engine.subscribe(lambda event: news.set())
        try:
            for _ in range(200):
                if until(shown := self.shown(id)):
                    return shown
                assert news.wait(15), shown
                news.clear()
        finally:
            unsubscribe()
        raise AssertionError(shown)

    def start_again(self, *, kill: bool = False) -> None:
        """`kill`: nothing of the old process has a chance to write any more."""
        if kill:
            self.engine.house.stopping.set()
        self.engine.stop()
        self.engine = an_engine(self.home, self.cloud, self.clock, self.monkeypatch)


@pytest.fixture
def room(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    set_up(home)
    cloud, clock = Cloud(), HandClock()
    made = Room(home, cloud, clock, monkeypatch, tmp_path, an_engine(home, cloud, clock, monkeypatch))
    yield made
    if cloud.gate is not None:
        cloud.gate.release(1000)
    made.engine.stop()


def fault(act: Callable[[], object]) -> AgentError:
    with pytest.raises(AgentError) as raised:
        act()
    return raised.value


# -- looking up -------------------------------------------------------------------------------------------------------


def test_places_say_where_and_what_can_be_asked(room: Room) -> None:
    told = room.engine.retrieve_places()
    (place,) = told["places"]
    assert (place["destination"], place["images"]) == ("main", True)
    assert place["id_types"][0] == {"code": "111", "label": "居民身份证"}
    assert place["reasons"][0] == "本次就诊参考"
    assert (told["today"], told["folder"]) == (0, str(room.home.retrieved))


def test_a_patients_exams_come_back_with_what_the_platform_gave_the_newest_first(room: Room) -> None:
    other = an_exam(INDEX.replace("20251108", "20260101"), examDate="2026-01-01", fixmedinsName="县医院",
                    fixmedinsCode="H52042300027", examRptLinkUrl="javascript:alert(1)", certno=PATIENT)  # fmt: skip
    del other["imgInfoLinkUrl"]
    room.cloud.exams = [an_exam(), other]
    found = room.look_up(name="李桂芳")
    assert found["words"] == "2 例检查，来自 2 家机构"
    newest, older = found["exams"]
    assert (newest["exam_date"], older["exam_date"]) == ("2026-01-01", "2025-11-08")
    assert older["index_code"] == INDEX
    assert older["index_shown"] == "111-5201****4321-20251108094210-0000000000000-000000000"
    assert older["body_part_code"] == "BW23ZYZZZ"
    assert older["body_part"]
    assert older["report_url"] == "http://192.0.2.9/report/1"
    assert older["image_url"] == "https://192.0.2.9/images/1"
    assert {one["label"]: one["text"] for one in older["more"]} == {"证件类型": "居民身份证"}
    assert newest["id_number"] == "520102********4321"  # the platform had not masked it
    assert (newest["report_url"], newest["image_url"]) == ("", "")
    assert "javascript:alert(1)" in [one["text"] for one in newest["more"]]
    (asked,) = room.cloud.asked
    assert asked["input"] == {
        "psnName": "李桂芳", "psnCertType": "111", "certno": PATIENT, "begntime": "2024-01-05", "endtime": "2026-01-05"
    }  # fmt: skip


def test_an_exam_of_our_own_is_known_by_its_index(room: Room) -> None:
    room.cloud.exams = [an_exam()]

    def acknowledged(tx: Any) -> None:
        tx.execute("INSERT INTO receipt_numbers (number, exam_key, destination) VALUES (?, 'E7', 'main')", (INDEX,))

    room.engine.house.store.write(acknowledged)
    assert room.look_up()["exams"][0]["exam_key"] == "E7"


def test_no_result_is_an_answer(room: Room) -> None:
    found = room.look_up()
    assert (found["exams"], found["places_count"]) == ([], 0)
    assert found["words"] == "平台没有查到这位患者的检查"
    assert room.engine.lookups()["lookups"][0]["count"] == 0


WRONG_NUMBERS = {
    PATIENT[:-1]: "少 1 位：身份证号应为 18 位，现在 17 位",
    PATIENT + "00": "多 2 位：身份证号应为 18 位，现在 20 位",
    PATIENT[:-1] + "2": "校验位不符：有一位填错了，请对照证件逐位核对身份证号",
    "520102196313024321": "出生日期不对：请核对身份证号第 7 至 14 位，应为年月日",
    "520102209901024315": "出生日期还没有到：请核对身份证号第 7 至 14 位",
    "5201O2196310024321": "有不能用的字符：身份证号前 17 位是数字，末位是数字或 X",
    " ": "还没有填：请对照证件填写证件号码",
}


def test_a_wrong_number_is_said_in_plain_words_and_asked_of_nobody(room: Room) -> None:
    for number, title in WRONG_NUMBERS.items():
        wrong = fault(lambda number=number: room.look_up(number))  # type: ignore[misc]
        assert isinstance(wrong, NeedsOperator)
        assert (wrong.title, wrong.fields) == (title, ("id_number",))
        said = room.engine.id_number_said("main", "111", number)
        assert f"{said['wrong']['title']}：{said['wrong']['advice']}" == title
    assert room.cloud.asked == []
    assert room.engine.lookups()["lookups"] == []


def test_a_right_number_says_whose_it_may_be(room: Room) -> None:
    assert room.engine.id_number_said("main", "111", f" {PATIENT} ") == {
        "wrong": None,
        "masked": "520102********4321",
        "said": "女 · 62 岁 · 证件号码校验正确",
    }
    passport = room.engine.id_number_said("main", "414", "g1234567")
    assert passport == {"wrong": None, "masked": "G1****67", "said": ""}


def test_full_width_digits_and_a_small_x_are_taken(room: Room) -> None:
    room.look_up("５２０１０２１９６３１００２４３２１")
    assert room.cloud.asked[0]["input"]["certno"] == PATIENT


def test_what_else_must_be_said_is_named(room: Room) -> None:
    assert fault(lambda: room.look_up(reason="  ")).title == "还没有写查询原因"
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: room.look_up(reason=""), "reason"),
        (lambda: room.look_up(reason="长" * 101), "reason"),
        (lambda: room.look_up(day_from="2026-02-01", day_to="2026-01-01"), "day_from"),
        (lambda: room.look_up(day_to="昨天"), "day_to"),
        (lambda: room.look_up(name="李?"), "name"),
        (lambda: room.engine.look_up("main", "999", PATIENT, reason="会诊"), "id_type"),
        (lambda: room.engine.look_up("main", "414", " ", reason="会诊"), "id_number"),
    ]
    for act, field in cases:
        wrong = fault(act)
        assert isinstance(wrong, NeedsOperator)
        assert wrong.fields == (field,), field
    assert room.cloud.asked == []
    room.look_up(day_from="2020-01-01", day_to="2020-12-31")
    assert room.cloud.asked[0]["input"]["begntime"] == "2020-01-01"


def test_a_dead_platform_reads_well_and_the_attempt_is_on_record(room: Room) -> None:
    room.cloud.dead = LineCut("贵影云连不上，对方没有开门", "正在自动重试，您不用管", maybe_received=False)
    dead = fault(room.look_up)
    assert isinstance(dead, RetryLater)
    assert dead.title == "贵影云连不上，对方没有开门"
    assert dead.advice == "请过一会儿再试。一直这样时，请检查网络和医保专线，再联系平台工程师"
    (line,) = room.engine.lookups()["lookups"]
    assert line["count"] is None


def test_nonsense_is_said_to_be_nonsense(room: Room) -> None:
    for data in ("不是列表", 7, [3], {"hiImgIdx": []}, [[]]):
        room.cloud.says = {"code": 0, "data": data}
        try:
            found = room.look_up()
        except Rejected as error:
            assert (error.title, error.advice) == ("平台的回答看不懂", "请再试一次；还是这样时，请复制给工程师")
        else:
            assert data == {"hiImgIdx": []}  # an object where a list is expected is one exam, whatever it says
            assert len(found["exams"]) == 1


def test_a_platform_that_refuses_the_question_is_quoted(room: Room) -> None:
    room.cloud.says = {"code": 1, "message": "参保人不在本统筹区"}
    refused = fault(room.look_up)
    assert isinstance(refused, NeedsOperator)
    assert refused.fields == ("id_number",)
    assert "参保人不在本统筹区" in refused.advice


# -- on record --------------------------------------------------------------------------------------------------------


def test_each_look_up_list_and_download_is_on_record_and_no_whole_number_anywhere(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    room.cloud.offer(room.folder / "other")
    found = room.look_up(reason=f"会诊 {PATIENT}")
    room.engine.images_offered(found["lookup"], INDEX)
    room.wait(room.engine.start_download(found["lookup"], INDEX)["id"])
    room.look_up()
    (last, first) = room.engine.lookups()["lookups"]
    assert set(last) == {"at", "who", "destination", "title", "reason", "id_masked", "count"}
    assert (first["id_masked"], first["count"]) == ("520102********4321", 1)
    assert first["reason"] == "会诊 520102********4321"
    assert first["who"]
    assert room.engine.retrieve_places()["today"] == 2
    assert room.engine.lookups("2026-01-04")["lookups"] == []
    log = room.engine.audit()["rows"]
    assert [row["words"] for row in log if row["what"] in ("looked_up", "list_opened", "download_begun")] == [
        "调阅查询", "下载外院影像", "查看外院影像清单", "调阅查询"
    ]  # fmt: skip
    assert "4 幅 · 会诊" in next(row["detail"] for row in log if row["what"] == "download_begun")
    assert len(room.engine.audit(text="会诊")["rows"]) == 3
    record = json.dumps([log, room.engine.lookups()], ensure_ascii=False)
    assert PATIENT not in record
    assert PATIENT not in caplog.text
    rows = room.engine.house.store.rows("SELECT * FROM retrievals")
    assert PATIENT not in json.dumps([dict(row) for row in rows])


def test_what_was_found_dies_with_the_program(room: Room) -> None:
    room.cloud.offer(room.folder / "other")
    found = room.look_up()
    room.start_again()
    gone = fault(lambda: room.engine.images_offered(found["lookup"], INDEX))
    assert gone.title == "这次查询的结果已经不在了"
    everything = "".join(str([tuple(row) for row in room.engine.house.store.rows(f"SELECT * FROM {table}")])
                         for table in ("retrievals", "downloads", "facts", "serials"))  # fmt: skip
    assert "李*芳" not in everything
    assert INDEX not in everything


def test_the_help_bundle_names_nobody_whose_images_were_downloaded(room: Room) -> None:
    room.cloud.offer(room.folder / "other", images=1)
    index = "414-G1234567-20251108094210-0000000000000-000000000"
    room.cloud.exams = [an_exam(index, psnName="欧阳某芳")]
    found = room.look_up()
    room.wait(room.engine.start_download(found["lookup"], index)["id"])
    told = masker_of(room.engine.house).text(f"{index} 欧阳某芳 G1234567")
    assert "G1234567" not in told
    assert "欧阳某芳" not in told


# -- the platform's list ----------------------------------------------------------------------------------------------


def test_the_list_is_counted_and_an_empty_one_is_never_called_missing(room: Room) -> None:
    room.cloud.offer(room.folder / "other", images=5, series=2)
    found = room.look_up()
    told = room.engine.images_offered(found["lookup"], INDEX)
    assert (told["count"], told["series_count"], told["words"]) == (5, 2, "5 幅 · 2 个序列")
    assert room.engine.images_offered("", "1")["count"] == 5
    room.cloud.listed = []
    told = room.engine.images_offered("", INDEX)
    assert (told["count"], told["words"]) == (0, "平台现在没有这例的影像可下载")
    assert fault(lambda: room.engine.images_offered("", "2")).title == "这次查询的结果已经不在了"
    room.clock.pass_(3600)
    empty = fault(lambda: room.engine.start_download(found["lookup"], INDEX))
    assert empty.title == "平台现在没有这例的影像可下载"


def test_an_exam_without_an_index_has_no_images_to_ask_for(room: Room) -> None:
    room.cloud.exams = [an_exam("")]
    room.look_up()
    assert fault(lambda: room.engine.images_offered("", "1")).title == "平台没有给这例的索引"


# -- downloads --------------------------------------------------------------------------------------------------------


def test_a_download_ends_with_the_very_data_sets_that_were_sent(room: Room) -> None:
    room.cloud.offer(room.folder / "other", images=5)
    done = room.wait(room.download()["id"])
    assert (done["done"], done["total"], done["checked"], done["refused"]) == (5, 5, 5, [])
    assert (done["state_words"], done["trouble"], done["seconds_left"]) == ("下载完成", None, None)
    assert done["patient_name"] == "李*芳"
    folder = Path(done["folder"])
    assert folder.parent == room.home.retrieved
    assert "2025" in folder.name
    assert PATIENT not in done["folder"]
    assert (folder / MARK).is_file()
    sent = [pydicom.dcmread(io.BytesIO(content)) for content in room.cloud.files]
    for data_set in sent:
        lies = folder / data_set.SeriesInstanceUID / f"{data_set.SOPInstanceUID}.dcm"
        assert pydicom.dcmread(lies) == data_set
    assert len(room.cloud.images_asked()) == 5


def test_downloaded_images_are_looked_at_like_our_own(room: Room) -> None:
    room.cloud.offer(room.folder / "other", images=4, series=2)
    done = room.wait(room.download()["id"])
    shown = room.engine.download_series(done["id"])
    assert (shown["image_count"], shown["other_count"], shown["released_count"]) == (4, 0, 0)
    first = shown["series"][0]
    assert len(shown["series"]) == 2
    assert set(first) >= {"series_instance_uid", "number", "description", "modality", "size_bytes", "images"}
    uid = first["images"][0]["sop_instance_uid"]
    frame = room.engine.download_frame(done["id"], uid, side=16)
    assert (frame["frames"], bool(frame["grey"])) == (1, True)
    assert fault(lambda: room.engine.download_frame(done["id"], "1.2.3")).title == "这幅影像还没有下载"
    for path in Path(done["folder"]).rglob(f"{uid}.dcm"):
        path.unlink()
    other = first["images"][1]["sop_instance_uid"]
    assert room.engine.download_frame(done["id"], other)["frames"] == 1
    # what a person took away comes again
    room.engine.resume_download(done["id"])
    room.wait(done["id"])
    assert room.engine.download_frame(done["id"], uid)["frames"] == 1
    assert len(room.cloud.images_asked()) == 5


def test_a_kill_in_the_middle_goes_on_at_the_next_image(room: Room) -> None:
    room.cloud.offer(room.folder / "other", images=5)
    room.cloud.gate = threading.Semaphore(2)
    id = room.download()["id"]
    room.wait(id, lambda one: one["done"] == 2)
    cut, room.cloud.gate = room.cloud.gate, threading.Semaphore(100)
    room.engine.house.stopping.set()
    cut.release(100)
    room.start_again(kill=True)
    before = room.shown(id)
    assert before["state"] == "running"
    assert before["state_words"] == "程序运行时接着下载"
    assert 2 <= before["done"] < 5
    room.engine._life.downloading.start()
    done = room.wait(id)
    assert done["done"] == 5
    asked = room.cloud.images_asked()
    assert len(set(asked)) == 5
    assert all(asked.count(uid) == 1 for uid in asked[:2])


def test_a_cut_line_is_waited_for_and_the_download_goes_on_by_itself(room: Room) -> None:
    room.cloud.offer(room.folder / "other", images=3)
    room.cloud.gate = threading.Semaphore(1)
    id = room.download()["id"]
    room.wait(id, lambda one: one["done"] == 1)
    room.cloud.dead = LineCut("和贵影云的连接中途断了", "正在自动重试，您不用管", maybe_received=True)
    room.cloud.gate.release(100)
    waiting = room.wait(id, lambda one: one["state"] == "waiting")
    assert waiting["trouble"]["title"] == "和贵影云的连接中途断了"
    assert waiting["trouble"]["advice"] == "程序会自动接着下载，下好的都在"
    assert waiting["state_words"] == "等待重试 · 09:30 再试"
    room.cloud.dead = None
    room.clock.pass_(3600)
    done = room.wait(id)
    assert (done["done"], done["trouble"]) == (3, None)
    assert room.cloud.images_asked().count(room.cloud.listed[0]["instUuid"]) == 1


def test_a_wrong_image_is_named_and_the_rest_is_kept(room: Room) -> None:
    room.cloud.offer(room.folder / "other", images=4)
    room.cloud.files[1] = room.cloud.files[2]
    done = room.wait(room.download()["id"])
    assert (done["done"], done["total"]) == (3, 4)
    assert done["state_words"] == "下载完成 · 1 幅没有收下"
    uid = room.cloud.listed[1]["instUuid"]
    assert done["refused"] == [{"sop_instance_uid": uid, "why": "影像 UID 与平台的清单不一致"}] or (
        done["refused"][0]["why"] == "序列 UID 与平台的清单不一致"
    )
    assert room.cloud.images_asked().count(uid) == 2


TRICKS = ("../../../evil", "..", "/etc/passwd", "1.2\\3", "C:", "1" * 65, "", "1.2.3.", "1..2", "１.2")


def test_a_uid_that_is_none_never_names_a_file(room: Room) -> None:
    room.cloud.offer(room.folder / "other", images=2, series=1)
    good = dict(room.cloud.listed[0])
    for number, trick in enumerate(TRICKS):
        room.cloud.listed += [{**good, "instUuid": trick}, {**good, "snUuid": trick, "instUuid": f"1.2.{number}"}]
    before = sorted(path for path in room.folder.rglob("*") if "影像 home" not in path.parts)
    done = room.wait(room.download()["id"])
    assert (done["done"], done["total"], len(done["refused"])) == (2, 2 + 2 * len(TRICKS), 2 * len(TRICKS))
    assert {one["why"] for one in done["refused"]} == {"平台给的影像号不合规矩，没有去取"}
    assert sorted(path for path in room.folder.rglob("*") if "影像 home" not in path.parts) == before
    assert len(list(room.home.retrieved.rglob("*.dcm"))) == 2
    assert len(room.cloud.images_asked()) == 2
    assert room.engine.remove_download(done["id"]) == {}
    assert not room.home.retrieved.exists() or not any(room.home.retrieved.iterdir())


def test_paused_stays_paused_over_a_restart(room: Room) -> None:
    room.cloud.offer(room.folder / "other", images=3)
    room.cloud.gate = threading.Semaphore(1)
    id = room.download()["id"]
    room.wait(id, lambda one: one["done"] == 1)
    assert room.engine.pause_download(id)["state"] == "paused"
    room.cloud.gate.release(100)  # the one on its way is not thrown away
    room.wait(id, lambda one: one["done"] == 2)
    room.start_again()
    room.engine._life.downloading.start()
    assert room.shown(id)["state_words"] == "已暂停"
    assert room.engine.resume_download(id)["state"] == "running"
    assert room.wait(id)["done"] == 3


def test_removing_takes_away_its_own_files_and_nothing_else(room: Room) -> None:
    room.cloud.offer(room.folder / "other", images=3)
    chosen = room.folder / "chosen"
    done = room.wait(room.download(folder=str(chosen))["id"])
    folder = Path(done["folder"])
    assert folder.parent == chosen
    (chosen / "mine.txt").write_text("mine")
    note = folder / room.cloud.listed[0]["snUuid"] / "note.txt"
    note.write_text("mine too")
    assert room.engine.remove_download(done["id"]) == {}
    left = sorted(path.relative_to(chosen).as_posix() for path in chosen.rglob("*") if path.is_file())
    assert left == sorted(
        ["mine.txt", note.relative_to(chosen).as_posix(), (folder / MARK).relative_to(chosen).as_posix()]
    )
    assert room.engine.downloads() == {"downloads": []}
    assert fault(lambda: room.engine.remove_download(done["id"])).title == "没有这个下载"


def test_removing_leaves_what_a_person_had_there_before(room: Room) -> None:
    room.cloud.offer(room.folder / "other", images=2, series=1)
    chosen = room.folder / "chosen"
    first = room.wait(room.download(folder=str(chosen))["id"])
    room.engine.house.store.write(lambda tx: tx.execute("DELETE FROM downloads") and None)
    room.engine.house.store.write(lambda tx: tx.execute("DELETE FROM download_images") and None)
    lost = next(Path(first["folder"]).rglob("*.dcm"))
    lost.unlink()
    asked = len(room.cloud.images_asked())
    again = room.wait(room.download(folder=str(chosen))["id"])
    assert again["done"] == 2
    assert len(room.cloud.images_asked()) == asked + 1  # the other was there, opened and compared
    room.engine.remove_download(again["id"])
    assert len(list(chosen.rglob("*.dcm"))) == 1
    assert not lost.exists()


def test_the_same_exam_into_the_same_folder_is_one_download_with_what_came_since(room: Room) -> None:
    room.cloud.offer(room.folder / "other", images=2)
    first = room.wait(room.download()["id"])
    room.cloud.offer(room.folder / "more", images=1)
    again = room.wait(room.download()["id"], lambda one: one["done"] == 3)
    assert again["id"] == first["id"]
    assert len(room.cloud.images_asked()) == 3
    assert len(room.engine.downloads()["downloads"]) == 1


def test_a_download_never_lies_where_images_are_taken_in(room: Room) -> None:
    room.cloud.offer(room.folder / "other", images=1)
    watched = room.folder / "watched"
    watched.mkdir()
    room.engine.setup({"intake": {"folders": [str(watched)]}})
    room.monkeypatch.setattr(room.engine.house.targets["main"].http, "send", room.cloud.send)
    for folder in (watched / "deep", room.home.spool, room.home.parts):
        wrong = fault(lambda folder=folder: room.download(folder=str(folder)))  # type: ignore[misc]
        assert wrong.title == "这个文件夹在收影像，不能放外院的影像"
    assert fault(lambda: room.download(folder="relative")).title == "下载文件夹要写完整的路径"


def test_other_hospitals_images_never_become_ours(room: Room) -> None:
    room.cloud.offer(room.folder / "other", images=3)
    done = room.wait(room.download(folder=str(room.folder / "chosen"))["id"])
    taken = room.engine.import_paths([done["folder"], str(next(Path(done["folder"]).rglob("*.dcm")))])
    assert (taken["images"], taken["aside"], taken["studies"]) == (0, 0, [])
    copied = room.folder / "copied"
    copied.mkdir()
    for number, path in enumerate(Path(done["folder"]).rglob("*.dcm")):
        (copied / f"IMG{number}").write_bytes(path.read_bytes())
    taken = room.engine.import_paths([str(copied)])
    assert (taken["images"], taken["aside"], taken["studies"]) == (0, 3, [])
    assert room.engine.set_asides()["files"][0]["title"] == "这是从平台调阅下载的外院影像"
    assert room.engine.studies()["total"] == 0
    assert list(room.home.spool.rglob("*.dcm")) == []


def test_look_ups_outlive_new_settings(room: Room) -> None:
    room.cloud.offer(room.folder / "other", images=1)
    found = room.look_up()
    room.engine.setup({"upload": {"workers": 1}})
    room.monkeypatch.setattr(room.engine.house.targets["main"].http, "send", room.cloud.send)
    assert room.engine.images_offered(found["lookup"], INDEX)["count"] == 1


def test_a_download_whose_platform_left_the_settings_can_still_be_removed(room: Room) -> None:
    room.cloud.offer(room.folder / "other", images=1)
    id = room.wait(room.download()["id"])["id"]
    room.engine._life.downloading._workers.clear()
    assert fault(lambda: room.engine.resume_download(id)).title == "这个下载的平台现在用不了"
    assert room.engine.remove_download(id) == {}
    assert list(room.home.retrieved.rglob("*.dcm")) == []
