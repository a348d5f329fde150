"""盖章: a report goes to a stamping client on this machine and comes back under a seal, or stays as it is."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.engine.engine import Engine
from app.engine.settings import apply_answers
from app.errors import NeedsOperator
from app.intake.seals import seals_count
from app.practice.report_pdf import make_report_pdf
from app.practice.stamper import CannotStamp, Stamper
from app.system.paths import Home
from tests.builders import a_pdf, pdf_bytes
from tests.engine.desk import Desk, Json, a_desk, answers_of
from tests.intake.clinic import HandClock, wait_until
from tests.intake.sealed import sealed
from tests.wire.peers import free_port


class Client(Stamper):
    """The practice stamping client, its key at hand instead of at a platform."""

    def __init__(self) -> None:
        self.port = free_port()
        self.open()

    def open(self) -> None:
        super().__init__(self.port, platform="", upload="multipart", fault="")
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def viewer(self) -> str:
        return f"http://localhost:{self.port}/PDFClient/viewer.html"

    def _sealed(self, pdf: bytes) -> bytes:
        return sealed(pdf)

    def press(self, url: str) -> None:
        """What its button does on the page at `url`. Raises CannotStamp."""
        self.stamped_and_saved(dict(parse_qsl(urlsplit(url).query)))

    def close(self) -> None:
        self.shutdown()
        self.thread.join(5)
        self.server_close()


@dataclass
class Office:
    """A running program with one report to stamp."""

    desk: Desk
    uid: str
    client: Client

    @property
    def engine(self) -> Engine:
        return self.desk.engine

    def form(self) -> Json:
        return self.engine.form(self.uid)

    def stamp(self) -> Json:
        state = self.form()["reports"][0]["stamp"]
        assert isinstance(state, dict)
        return state

    def pdf(self) -> bytes:
        return Path(self.engine.report_pdf(self.uid)["path"]).read_bytes()

    def told(self, event: str) -> list[Json]:
        return [one for one in self.desk.events if one["event"] == event]

    def is_read_again(self) -> bool:
        """The report's own PDF, and the stamped one."""
        return [one["exam"] for one in self.told("report_read")].count(self.desk.key(self.uid)) == 2

    def words(self) -> list[str]:
        return [one["words"] for one in self.engine.study(self.uid)["timeline"]]

    def attach(self, text: str) -> None:
        self.engine.attach(self.uid, str(a_pdf(self.desk.folder / f"{text}.pdf", text=text)))

    def problems(self) -> list[tuple[str, str]]:
        return [(one["key"], one["title"]) for one in self.form()["problems"]]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Client]]:
    with running(tmp_path_factory.mktemp("clinic")) as made:
        yield made


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[tuple[Desk, Client]]:
    """A program at work and the client that its settings name."""
    client, home, clock = Client(), Home(root=folder / "home"), HandClock()
    answers = answers_of("main")
    answers["destination"][0]["options"] |= {"stamp_client_url": client.viewer, **options}
    apply_answers(answers | {"dicom": {"port": free_port(), "bind": "127.0.0.1"}}, home)
    clock.pass_(2 * 3600)
    engine = Engine(home, clock=clock)
    desk = Desk(engine, clock, folder)
    engine.subscribe(desk.events.append)
    engine.start()
    try:
        yield desk, client
    finally:
        engine.stop()
        client.close()


@pytest.fixture
def office(shared: tuple[Desk, Client]) -> Office:
    """A report of its own; the client without fault."""
    desk, client = shared
    client.fault, client.upload = "", "multipart"
    desk.events.clear()
    return Office(desk, desk.ready(), client)


def fetched(address: str, data: bytes | None = None) -> int:
    """The status of the answer, 0 when nobody listens any more."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, data), timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


@pytest.mark.parametrize("upload", ["multipart", "raw"])
def test_a_report_is_stamped_in_the_client_and_comes_back(office: Office, upload: str) -> None:
    office.client.upload = upload
    assert office.stamp() == {"state": "none", "words": "还没有盖章", "demanded": False, "able": True, "outdated": ""}
    before = office.pdf()
    office.client.press(office.engine.stamp(office.uid)["url"])
    assert office.pdf().startswith(before) and len(office.pdf()) > len(before)
    assert office.stamp() == {"state": "stamped", "words": "已盖章", "demanded": False, "able": True, "outdated": ""}
    assert office.engine.report_pdf(office.uid)["name"] == "盖好章的报告.pdf"
    assert "换上盖好章的报告" in office.words()
    assert office.told("report_attached")[-1]["replaced"]


def test_the_address_says_all_that_the_client_needs(office: Office) -> None:
    answer = office.engine.stamp(office.uid)
    assert answer["url"].startswith(f"{office.client.viewer}?fileUrl=http://127.0.0.1:")
    said = dict(parse_qsl(urlsplit(answer["url"]).query))
    assert set(said) == {"fileUrl", "savePath", "saveType", "token"}
    assert said["saveType"] == "net"
    assert said["token"] not in said["savePath"] and said["token"] not in said["fileUrl"]
    assert answer["minutes"] == 15


@pytest.mark.warns
@pytest.mark.parametrize(
    ("fault", "title"),
    [
        ("unstamped", "送回来的报告没有盖章"),
        ("changed", "送回来的报告盖章后又改动过"),
        ("nonsense", "送回来的不能用：这不是 PDF 文件"),
        ("other", "送回来的不是这份报告"),
        ("empty", "送回来的不能用：PDF 文件是空的"),
    ],
)
def test_a_client_that_answers_nonsense_changes_nothing(
    office: Office, fault: str, title: str, caplog: pytest.LogCaptureFixture
) -> None:
    before, url = office.pdf(), office.engine.stamp(office.uid)["url"]
    office.client.fault = fault
    with pytest.raises(CannotStamp, match="422"):
        office.client.press(url)
    assert office.pdf() == before
    assert office.stamp()["state"] == "none"
    (event,) = office.told("stamp_refused")
    assert event["title"] == title and "原来的报告没有变" in event["advice"]
    assert "签章软件送回来的没有收" in office.words()
    assert "html" not in caplog.text
    assert office.engine.stamping(office.uid)["refused"]["title"] == title
    assert office.engine.stamping(office.uid)["open"]
    office.client.fault = ""
    office.client.press(url)  # a second try, as long as the address is open
    now = office.engine.stamping(office.uid)
    assert (now["state"], now["open"], now["refused"]) == ("stamped", False, None)


def test_a_report_that_is_stamped_anew_loses_the_seal_it_had(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    before = office.pdf()
    office.client.press(office.engine.stamp(office.uid)["url"])
    wait_until(office.is_read_again)
    first = office.pdf()
    office.engine.fill(office.uid, {"conclusion": "右肺上叶结节，建议复查。"})
    old = office.stamp()["outdated"]
    monkeypatch.setattr(office.client, "_sealed", sealed.__wrapped__)
    office.client.press(office.engine.stamp(office.uid)["url"])
    assert office.pdf().startswith(before) and office.pdf() != first and seals_count(office.pdf()) == 1
    assert old and office.stamp()["outdated"] == old, "the PDF says what it said"


def test_one_stamped_report_is_taken_and_no_second(office: Office) -> None:
    url = office.engine.stamp(office.uid)["url"]
    office.client.press(url)
    after, said = office.pdf(), dict(parse_qsl(urlsplit(url).query))
    assert fetched(said["savePath"], sealed(after)) in (0, 404)
    assert fetched(said["fileUrl"]) in (0, 404)
    assert office.pdf() == after


def test_an_address_ends_by_itself(office: Office) -> None:
    url = office.engine.stamp(office.uid)["url"]
    said = dict(parse_qsl(urlsplit(url).query))
    assert fetched(said["fileUrl"]) == 200
    office.desk.clock.pass_(15 * 60)
    assert fetched(said["fileUrl"]) == 404
    with pytest.raises(CannotStamp):
        office.client.press(url)
    assert office.stamp()["state"] == "none"


def test_a_second_hand_off_of_a_report_ends_the_first(office: Office) -> None:
    first, second = (office.engine.stamp(office.uid)["url"] for _ in range(2))
    with pytest.raises(CannotStamp):
        office.client.press(first)
    office.client.press(second)
    assert office.stamp()["state"] == "stamped"


@pytest.mark.warns
def test_a_client_that_sends_nonsense_for_ever_is_given_up(office: Office) -> None:
    url = office.engine.stamp(office.uid)["url"]
    said = dict(parse_qsl(urlsplit(url).query))
    assert [fetched(said["savePath"], b"<html>") for _ in range(7)] == [422] * 7
    assert len(office.told("stamp_refused")) == 5
    with pytest.raises(CannotStamp):
        office.client.press(url)
    assert office.stamp()["state"] == "none"


@pytest.mark.warns
def test_a_report_that_was_exchanged_meanwhile_is_not_overwritten(office: Office) -> None:
    url = office.engine.stamp(office.uid)["url"]
    office.attach("CORRECTED")
    with pytest.raises(CannotStamp):
        office.client.press(url)
    assert office.pdf() == pdf_bytes(text="CORRECTED")
    assert office.told("stamp_refused")[-1]["title"] == "盖章的时候报告 PDF 换过了"
    assert not office.engine.stamping(office.uid)["open"]


def test_a_changed_pdf_voids_the_stamp(office: Office) -> None:
    office.client.press(office.engine.stamp(office.uid)["url"])
    office.attach("CORRECTED")
    assert (office.stamp()["state"], office.stamp()["words"]) == ("void", "换过 PDF，章已作废")
    assert office.words()[-2:] == ["换了一份报告 PDF", "报告 PDF 换过，章已作废"]
    assert office.problems() == []  # nobody demands one


def test_a_value_that_is_corrected_after_the_stamp_makes_the_pdf_old(office: Office) -> None:
    office.client.press(office.engine.stamp(office.uid)["url"])
    wait_until(office.is_read_again)
    kept = office.form()["reports"][0]["fields"]
    was = next(one["text"] for one in kept if one["key"] == "conclusion")
    office.engine.fill(office.uid, {"conclusion": "右肺上叶结节，建议复查。"})
    said = "盖章后改过诊断结论，PDF 里还是原来的"
    assert (office.stamp()["outdated"], office.stamp()["state"]) == (said, "stamped")
    assert said in office.form()["ready_why_not"] and office.form()["can_submit"]
    office.engine.fill(office.uid, {"conclusion": was})
    assert office.stamp()["outdated"] == ""
    office.engine.fill(office.uid, {"conclusion": "右肺上叶结节，建议复查。"})
    office.attach("CORRECTED")
    assert office.stamp()["outdated"] == ""


def test_a_stamped_pdf_that_is_read_in_another_way_is_not_old(office: Office) -> None:
    office.uid, path = office.desk.receive(), office.desk.folder / "read.pdf"
    make_report_pdf(path, patient="张三", findings="双肺纹理清晰。", conclusion="未见异常。")
    path.write_bytes(sealed(path.read_bytes()))
    office.engine.attach(office.uid, str(path))
    office.engine.keep_report_template(office.uid, 0, {"conclusion": "影像所见"})
    fields = {one["key"]: one["text"] for one in office.form()["reports"][0]["fields"]}
    assert fields["conclusion"] == "双肺纹理清晰。"
    assert (office.stamp()["state"], office.stamp()["outdated"]) == ("stamped", "")
    office.engine.fill(office.uid, {"conclusion": "未见异常。"})
    assert office.stamp()["outdated"] == "盖章后改过诊断结论，PDF 里还是原来的"


def test_a_demanded_stamp_holds_the_report_until_it_is_there(tmp_path: Path) -> None:
    with running(tmp_path, demand_stamp=True) as (desk, client):
        held_until_stamped(Office(desk, desk.ready(), client))


def test_where_the_clinic_stamps_elsewhere_it_is_told_to_bring_the_stamped_file(home: Home, tmp_path: Path) -> None:
    answers = answers_of("main")
    answers["destination"][0]["options"] |= {"demand_stamp": True, "stamp_client_url": ""}
    apply_answers(answers, home)
    with a_desk(home, tmp_path) as desk:
        uid = desk.ready()
        form = desk.engine.form(uid)
        assert [one["advice"] for one in form["problems"]] == ["请换上盖好章的报告 PDF"]
        stamped = desk.folder / "stamped.pdf"
        stamped.write_bytes(sealed(Path(desk.engine.report_pdf(uid)["path"]).read_bytes()))
        assert desk.engine.attach(uid, str(stamped))["problems"] == []


def held_until_stamped(office: Office) -> None:
    assert office.problems() == [("report_pdf", "报告 PDF 还没有盖章")]
    (field,) = [one for one in office.form()["reports"][0]["fields"] if one["key"] == "report_pdf"]
    assert "盖章" in field["problem"]["advice"]
    assert not office.form()["ready"]
    assert office.stamp()["demanded"]
    with pytest.raises(NeedsOperator):
        office.engine.submit(office.uid)
    office.client.press(office.engine.stamp(office.uid)["url"])
    assert office.problems() == []
    assert office.engine.submit(office.uid)["jobs"] > 0
    office.attach("CORRECTED")
    assert office.problems() == [("report_pdf", "报告 PDF 换过，章已作废")]


def test_it_says_when_the_client_is_not_open(office: Office) -> None:
    office.client.close()
    try:
        with pytest.raises(NeedsOperator) as refused:
            office.engine.stamp(office.uid)
        assert refused.value.title == "签章软件没有打开"
    finally:
        office.client.open()
    office.client.press(office.engine.stamp(office.uid)["url"])


def test_what_cannot_be_stamped_says_why(office: Office) -> None:
    with pytest.raises(NeedsOperator, match="还没有报告 PDF"):
        office.engine.stamp(office.uid, 1)


def test_a_program_that_does_not_run_hands_nothing_out(desk: Desk) -> None:
    uid = desk.ready()
    assert desk.engine.form(uid)["reports"][0]["stamp"]["state"] == "none"
    with pytest.raises(NeedsOperator, match="程序没有在运行"):
        desk.engine.stamp(uid)
