"""Files in parallel: each is finished by itself, a refused one is named, and nothing answered is sent again."""

from __future__ import annotations

import hashlib
import threading
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from app.delivery.converse import Courier, Interrupted, NotAccepted
from app.domain.job import Event, Job, Part, Turn
from app.domain.verdict import Verdict
from app.errors import RetryLater
from app.regions.conversation import Batch, FormPart, HttpRequest, ImageFile, Outgoing, Stamp, Wired
from app.store import answers, jobs
from app.wire.http_client import HttpClient, HttpReply, Streamed
from tests.delivery.forms import Form, read_form
from tests.delivery.stage import Adapter, Conversation, Stage, an_http_reply, refs
from tests.store.samples import claimed, moved, put

REFUSED = {"code": 0, "message": "缺少手机号"}
BUSY = an_http_reply(b"", status=503)
CUT = RetryLater("断了", "再试")


@dataclass
class FileAdapter(Adapter):
    """Sends each image of an exam as a form of its own."""

    at_once: int = 4
    serial_series: str = "H52010300123"

    def upload(self, outgoing: Outgoing) -> Conversation:
        yield Batch(
            step="image",
            at_once=self.at_once,
            requests=tuple(
                HttpRequest(
                    step="image",
                    path="/image",
                    item=image.sop_instance_uid,
                    hold=(image.sop_instance_uid, image.sha256),
                    parts=(
                        FormPart(name="md5", value=ImageFile(image=image, encoding="md5_upper")),
                        FormPart(name="file", value=ImageFile(image=image), file_name=f"{image.sop_instance_uid}.dcm"),
                        FormPart(name="total", value=len(outgoing.images)),
                    ),
                )
                for image in outgoing.images
            ),
        )
        return {}

    def wrap(self, request: HttpRequest, body: bytes, stamp: Stamp) -> Wired:
        return Wired(headers={"serial": stamp.serial})


@dataclass
class FilePlatform:
    """Keeps each form that came whole; answers a file with what `says` has for it, else it accepts."""

    says: dict[str, Any] = field(default_factory=dict)
    forms: list[Form] = field(default_factory=list)
    serials: list[str] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    before_reply: Callable[[int], None] = lambda count: None

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str], body: Streamed, reply_limit: int = 0
    ) -> HttpReply:
        form = read_form(headers["Content-Type"], b"".join(iter(body.read, b"")))
        self.forms.append(form)
        self.serials.append(headers["serial"])
        self.threads.add(threading.current_thread().name)
        self.before_reply(len(self.forms))
        said = self.says.get(form["file"].uid, an_http_reply())
        if isinstance(said, BaseException):
            raise said
        return said if isinstance(said, HttpReply) else an_http_reply(said)

    @property
    def uids(self) -> list[str]:
        return sorted(form["file"].uid for form in self.forms)

    def forget(self) -> None:
        self.forms.clear()
        self.says.clear()
        self.before_reply = lambda count: None


@dataclass
class Clinic:
    """A destination that takes files, and one exam with images on the disk."""

    stage: Stage
    platform: FilePlatform
    adapter: FileAdapter

    def courier(self) -> Courier:
        return self.stage.courier()

    def exam(self, count: int, **columns: Any) -> Job:
        uids = [f"1.{number}" for number in range(1, count + 1)]
        for uid in uids:
            (self.stage.files.folder / uid).write_bytes(f"image {uid}\r\n--".encode())
        put(self.stage.store, Part.IMAGES, body={"images": refs(*uids)}, **columns)
        job = claimed(self.stage.store)
        assert job is not None
        return job

    def refusal_of(self, job: Job) -> Any:
        with pytest.raises(NotAccepted) as refusal:
            self.courier().deliver(job)
        return refusal.value.judged

    def held(self, job: Job) -> dict[str, str]:
        return answers.held(self.stage.store.read(), job.destination, job.exam_key, "images")

    def job(self, job: Job) -> Job:
        return jobs.job(self.stage.store.read(), job.id)


@pytest.fixture
def clinic(stage: Stage) -> Clinic:
    platform, adapter = FilePlatform(), FileAdapter()
    object.__setattr__(stage.target, "http", cast(HttpClient, platform))
    object.__setattr__(stage.target, "adapter", adapter)
    return Clinic(stage, platform, adapter)


def test_each_image_goes_as_a_file_with_its_own_md5_and_is_held(clinic: Clinic) -> None:
    job = clinic.exam(3)
    clinic.courier().deliver(job)
    assert clinic.platform.uids == ["1.1", "1.2", "1.3"]
    for form in clinic.platform.forms:
        content = form["file"].content
        assert content == f"image {form['file'].uid}\r\n--".encode()
        assert form["md5"].text == hashlib.md5(content).hexdigest().upper()
        assert form["total"].text == "3"
    assert clinic.held(job) == {"1.1": "1.1", "1.2": "1.2", "1.3": "1.3"}
    assert (clinic.job(job).step, clinic.job(job).done_count, clinic.job(job).total_count) == ("image", 3, 3)


def test_one_refused_of_five_hundred_is_named_and_only_it_goes_again_after_mending(clinic: Clinic) -> None:
    job = clinic.exam(500)
    clinic.platform.says["1.250"] = REFUSED
    judged = clinic.refusal_of(job)
    assert (judged.verdict, judged.trouble.items, judged.trouble.words) == (Verdict.FIX_FORM, ("1.250",), "缺少手机号")
    assert len(clinic.platform.forms) == 500 and len(clinic.held(job)) == 499
    assert clinic.job(job).done_count == 499
    moved(clinic.stage.store, job.id, Event.HELD, Event.MENDED)
    clinic.platform.forget()
    again = claimed(clinic.stage.store)
    assert again is not None
    clinic.courier().deliver(again)
    assert clinic.platform.uids == ["1.250"] and len(clinic.held(job)) == 500


def test_so_many_are_under_way_at_once_and_never_more(clinic: Clinic) -> None:
    together, most = threading.Barrier(4, timeout=20), []

    def meet(count: int) -> None:
        together.wait()
        most.append(threading.active_count())

    clinic.platform.before_reply = meet
    before = threading.active_count()
    clinic.courier().deliver(clinic.exam(8))
    assert clinic.platform.threads == {f"deliver-main-image-{number}" for number in range(4)}
    assert max(most) == before + 4 and threading.active_count() == before, "and all of them end with the batch"


def test_one_at_a_time_is_possible_too(clinic: Clinic) -> None:
    clinic.adapter.at_once = 1
    clinic.courier().deliver(clinic.exam(3))
    assert clinic.platform.threads == {"deliver-main-image-0"}


def test_a_stop_in_the_middle_repeats_nothing_answered(clinic: Clinic) -> None:
    job = clinic.exam(60)
    clinic.platform.before_reply = lambda count: clinic.stage.stopping.set() if count == 20 else None
    with pytest.raises(Interrupted):
        clinic.courier().deliver(job)
    first = clinic.platform.uids
    assert 20 <= len(first) < 24 and sorted(clinic.held(job)) == first, "what was under way was heard to its end"
    clinic.stage.stopping.clear()
    clinic.platform.forget()
    clinic.courier().deliver(job)
    assert sorted(first + clinic.platform.uids) == sorted(f"1.{number}" for number in range(1, 61))


def test_a_bug_ends_the_batch_and_is_not_swallowed(clinic: Clinic) -> None:
    job = clinic.exam(30)
    clinic.platform.says["1.10"] = ZeroDivisionError("as if the program had died there")
    with pytest.raises(ZeroDivisionError):
        clinic.courier().deliver(job)
    answered = set(clinic.platform.uids) - {"1.10"}
    assert set(clinic.held(job)) == answered and len(answered) < 29
    clinic.platform.forget()
    clinic.courier().deliver(job)
    assert set(clinic.platform.uids) == {f"1.{number}" for number in range(1, 31)} - answered


def test_one_cut_line_leaves_the_other_files_alone(clinic: Clinic) -> None:
    job = clinic.exam(40)
    clinic.platform.says["1.7"] = CUT
    judged = clinic.refusal_of(job)
    assert (judged.verdict, judged.trouble.items, judged.transport) == (Verdict.RETRY, ("1.7",), True)
    assert len(clinic.held(job)) == 39
    clinic.platform.forget()
    clinic.courier().deliver(job)
    assert clinic.platform.uids == ["1.7"]


def test_a_dead_line_is_not_tried_with_every_file(clinic: Clinic) -> None:
    job = clinic.exam(100)
    clinic.platform.says = {f"1.{number}": CUT for number in range(11, 101)}
    judged = clinic.refusal_of(job)
    assert judged.verdict is Verdict.RETRY and judged.trouble.turn is Turn.AUTOMATIC
    assert len(clinic.held(job)) == 10 and len(clinic.platform.forms) < 30
    clinic.platform.forget()
    clinic.courier().deliver(job)
    assert len(clinic.platform.forms) == 90, "and what was taken is not sent again"


@pytest.mark.parametrize(
    ("said", "verdict"), [(BUSY, Verdict.SLOW_DOWN), (an_http_reply(b"", status=401), Verdict.FIX_SETTINGS)]
)
def test_a_platform_that_refuses_us_altogether_gets_no_more(clinic: Clinic, said: HttpReply, verdict: Verdict) -> None:
    job = clinic.exam(50)
    clinic.platform.says = {f"1.{number}": said for number in range(5, 51)}
    assert clinic.refusal_of(job).verdict is verdict
    assert len(clinic.held(job)) == 4 and len(clinic.platform.forms) <= 4 + 4


def test_a_file_that_vanished_is_named_and_the_others_are_sent(clinic: Clinic) -> None:
    job = clinic.exam(5)
    clinic.stage.files.gone = {"1.3"}
    judged = clinic.refusal_of(job)
    assert (judged.verdict, judged.trouble.items, judged.trouble.code) == (Verdict.REJECT, ("1.3",), "gone")
    assert sorted(clinic.held(job)) == ["1.1", "1.2", "1.4", "1.5"]


def test_a_file_that_another_program_holds_is_tried_later(clinic: Clinic) -> None:
    job = clinic.exam(5)
    clinic.stage.files.locked = {"1.3"}
    judged = clinic.refusal_of(job)
    assert (judged.verdict, judged.trouble.items) == (Verdict.RETRY, ("1.3",))
    assert len(clinic.held(job)) == 4


def test_late_images_go_alone_and_tell_the_new_total(clinic: Clinic) -> None:
    first = clinic.exam(3)
    clinic.courier().deliver(first)
    moved(clinic.stage.store, first.id, Event.ACKNOWLEDGED)
    clinic.platform.forget()
    clinic.courier().deliver(clinic.exam(5))
    assert clinic.platform.uids == ["1.4", "1.5"]
    assert {form["total"].text for form in clinic.platform.forms} == {"5"}


def test_another_content_under_the_same_uid_is_no_longer_held_while_it_is_on_its_way(clinic: Clinic) -> None:
    first = clinic.exam(2)
    clinic.courier().deliver(first)
    moved(clinic.stage.store, first.id, Event.ACKNOWLEDGED)
    put(clinic.stage.store, Part.IMAGES, body={"images": [*refs("1.1", content="new"), *refs("1.2")]})
    job = claimed(clinic.stage.store)
    assert job is not None
    clinic.platform.says["1.1"] = CUT
    clinic.refusal_of(job)
    assert clinic.held(job) == {"1.2": "1.2"}


def test_the_progress_only_ever_rises(clinic: Clinic) -> None:
    told: list[int] = []
    job = clinic.exam(40)
    clinic.stage.store.subscribe(
        lambda event: told.append(event["done"]) if event["event"] == "job_progressed" else None
    )
    clinic.courier().deliver(job)
    clinic.stage.store.write(lambda tx: None)
    assert told == list(range(1, 41))


def test_every_sending_has_a_serial_number_of_its_own_also_a_repeated_one(clinic: Clinic) -> None:
    job = clinic.exam(20)
    clinic.platform.says["1.5"] = CUT
    clinic.refusal_of(job)
    clinic.platform.forget()
    clinic.stage.clock.pass_(-3600)
    clinic.courier().deliver(job)
    serials = clinic.platform.serials
    assert len(serials) == len(set(serials)) == 21
    assert serials[-1] == max(serials) and all(len(serial) == 18 for serial in serials)


def test_nothing_to_send_is_accepted_without_a_request(clinic: Clinic) -> None:
    job = clinic.exam(2)
    clinic.courier().deliver(job)
    clinic.platform.forget()
    clinic.courier().deliver(job)
    assert clinic.platform.forms == []


class Sink:
    """A platform that reads and forgets."""

    received = 0

    def send(self, method: str, url: str, *, body: Streamed, **_: Any) -> HttpReply:
        while block := body.read():
            self.received += len(block)
        return an_http_reply()


def test_a_large_file_never_stands_in_memory(clinic: Clinic, tmp_path: Path) -> None:
    size, sink = 96 * 1024 * 1024, Sink()
    object.__setattr__(clinic.stage.target, "http", sink)
    job = clinic.exam(1)
    with (clinic.stage.files.folder / "1.1").open("wb") as large:
        large.truncate(size)
    courier = clinic.courier()
    tracemalloc.start()
    courier.deliver(job)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sink.received > size and peak < 4 * 1024 * 1024
