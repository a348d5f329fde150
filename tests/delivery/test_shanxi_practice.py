"""Signing, checks and images by address: the driver and the adapter together against the practice platform."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Flag
from typing import Any, TypeVar

import pytest

from app.catalogue.codes import load_codes
from app.catalogue.load import load_region
from app.delivery.converse import Courier, NotAccepted, NotFetched
from app.delivery.question import question_job
from app.delivery.target import Target
from app.delivery.verdict import Judge
from app.domain.job import Part
from app.domain.verdict import Verdict
from app.practice.report_pdf import make_report_pdf
from app.provide.provider import Provider
from app.regions.adapters import ADAPTERS
from app.regions.conversation import FileRef, ImageRef, Reply, Request, SignAnswer, SignedText, SignOrder, SignState
from app.store import answers
from app.wire.http_client import HttpClient
from tests.builders import a_study, a_uid
from tests.delivery.stage import Files
from tests.intake.clinic import Room, a_room, wait_until
from tests.practice.clinic import HOSPITAL, SAMPLE_KEY, PracticeProcess
from tests.practice.signer import APP, CODE, doctors, phone
from tests.provide.test_provider import open_provider
from tests.store.samples import claimed, put

R = TypeVar("R")
TEXT = "检查所见：双肺纹理清晰 & 走行自然。\n诊断：未见异常 a=b+c"


@dataclass
class Disk(Files):
    """The images of a room and one report; their addresses are the file service's."""

    room: Room | None = None
    provider: Provider | None = None
    pdf: bytes = b""

    def content(self, sha256: str) -> bytes:
        return self.pdf

    def image_link(self, destination: str, exam_key: str, ref: ImageRef) -> str:
        assert self.provider is not None
        return self.provider.image_link(destination, exam_key, ref.sop_instance_uid)

    def image(self, ref: ImageRef) -> AbstractContextManager[Path]:
        return nullcontext(self.folder / ref.path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeProcess]:
    process = PracticeProcess(tmp_path_factory.mktemp("practice"))
    process.control("options", fetch_pause_seconds=0, fetch_tries=1, demand_exam=False)
    yield process
    assert process.stop() == 0


@pytest.fixture
def platform(shared: PracticeProcess) -> Iterator[PracticeProcess]:
    yield shared
    shared.ask("DELETE", "/practice/fault")
    shared.control("clock", offset_seconds=0)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with a_room(tmp_path / "home") as made:
        made.clock.wall = datetime.now(UTC)
        yield made


def a_target(platform: PracticeProcess, secure_code: str = CODE, **options: Any) -> Target:
    region = load_region("shanxi")
    own = {"hospital_code": HOSPITAL, "ca_app_id": APP, "verify_at_platform": True, "ca_url": platform.line["base_url"]}
    chosen = {**region.options["options"], **own, **options}
    secrets = {"sm4_key": SAMPLE_KEY, "secure_code": secure_code}
    return Target(
        name="main",
        title="影像云",
        base_url=platform.line["base_url"],
        region=region,
        adapter=ADAPTERS["shanxi"](region, chosen, secrets),
        judge=Judge(load_codes("shanxi"), region.options["replies"]),
        http=HttpClient(name="影像云"),
        options=chosen,
    )


@dataclass
class Desk:
    """One clinic that asks the practice platform."""

    room: Room
    target: Target
    files: Disk

    @property
    def courier(self) -> Courier:
        return Courier(self.room.store, self.target, self.room.clock, self.files, Flag())

    @property
    def speaks(self) -> Any:
        return self.target.adapter

    def ask(self, conversation: Generator[Request, Reply, R]) -> R:
        return self.courier.drive(conversation, question_job("main", self.room.clock.now()))

    def refused(self, conversation: Generator[Request, Reply, Any]) -> tuple[Verdict, str]:
        with pytest.raises(NotAccepted) as caught:
            self.ask(conversation)
        return caught.value.judged.verdict, caught.value.judged.trouble.title

    def signed(self, platform: PracticeProcess, how: str = "sign") -> SignAnswer:
        job = self.ask(self.speaks.sign(an_order(platform)))
        assert phone(platform, qr=job.qr_text, how=how).status == 200
        return self.ask(self.speaks.signed(job.sign_data_id))


@pytest.fixture
def desk(room: Room, platform: PracticeProcess, tmp_path: Path) -> Desk:
    return Desk(room, a_target(platform), Disk(tmp_path, room=room))


def an_order(platform: PracticeProcess, **more: Any) -> SignOrder:
    given: dict[str, Any] = {
        "text": TEXT.encode(),
        "title": "胸部 CT 报告",
        "description": "请核对后签名",
        "signer_id": doctors(platform)["刘慧"]["mssp_id"],
        "minutes": 10,
        "notes": "R1",
    }
    return SignOrder(**given | more)


# -- signing ----------------------------------------------------------------------------------------------------------


def test_a_report_is_signed_dated_and_checked(desk: Desk, platform: PracticeProcess) -> None:
    doctor = doctors(platform)["刘慧"]
    job = desk.ask(desk.speaks.sign(an_order(platform)))
    assert set(json.loads(job.qr_text)) == {"id", "sUrl", "o", "cv"}
    assert desk.ask(desk.speaks.signed(job.sign_data_id)) == SignAnswer(state=SignState.UNSIGNED)
    assert phone(platform, qr=job.qr_text).json["text"] == TEXT
    answer = desk.ask(desk.speaks.signed(job.sign_data_id))
    assert (answer.state, answer.signer_id) == (SignState.FINISHED, doctor["mssp_id"])
    assert answer.certificate == doctor["certificate"] and len(answer.signed_at_text) == 14
    token = desk.ask(desk.speaks.timestamp(TEXT.encode()))
    signed = SignedText(
        text=TEXT.encode(),
        sign_type="1",
        sign_value=answer.sign_value,
        certificate=answer.certificate,
        tsa_token=token,
    )
    desk.ask(desk.speaks.verify(signed))
    desk.ask(desk.speaks.verify_timestamp(signed))
    other = SignedText(**{**vars(signed), "text": signed.text + b"?"})
    assert desk.refused(desk.speaks.verify(other)) == (Verdict.FIX_FORM, "平台验签没有通过")
    assert desk.refused(desk.speaks.verify_timestamp(other)) == (Verdict.FIX_FORM, "平台说时间戳盖的不是这份报告")


@pytest.mark.parametrize("options", [{"qr_content": "short"}, {"sign_algo": "HmacSHA256"}])
def test_other_ways_of_the_document_are_understood_too(
    room: Room, platform: PracticeProcess, tmp_path: Path, options: dict[str, str]
) -> None:
    desk = Desk(room, a_target(platform, **options), Disk(tmp_path))
    assert desk.signed(platform).state is SignState.FINISHED


def test_the_code_comes_as_a_picture_when_asked_for(room: Room, platform: PracticeProcess, tmp_path: Path) -> None:
    desk = Desk(room, a_target(platform, qr_code="picture"), Disk(tmp_path))
    job = desk.ask(desk.speaks.sign(an_order(platform)))
    assert job.qr_picture.startswith(b"\x89PNG") and not job.qr_text


def test_a_doctor_may_refuse_and_a_code_runs_out(desk: Desk, platform: PracticeProcess) -> None:
    assert desk.signed(platform, how="refuse") == SignAnswer(state=SignState.FAILED)
    job = desk.ask(desk.speaks.sign(an_order(platform, minutes=1)))
    platform.control("clock", offset_seconds=61)
    assert desk.ask(desk.speaks.signed(job.sign_data_id)).state is SignState.EXPIRED


def test_a_result_with_a_wrong_hmac_is_not_believed(desk: Desk, platform: PracticeProcess) -> None:
    job = desk.ask(desk.speaks.sign(an_order(platform)))
    phone(platform, qr=job.qr_text)
    platform.fault(what="wrong_hmac")
    assert desk.refused(desk.speaks.signed(job.sign_data_id)) == (Verdict.REJECT, "签名结果不是签名服务给的")


def test_who_is_not_known_there_is_told_in_the_right_words(
    desk: Desk, room: Room, platform: PracticeProcess, tmp_path: Path
) -> None:
    nobody = an_order(platform, signer_id="nobody")
    assert desk.refused(desk.speaks.sign(nobody)) == (Verdict.FIX_FORM, "签名服务找不到这位审核医师")
    assert desk.refused(desk.speaks.signed("SD_nothing")) == (Verdict.REJECT, "签名服务找不到这次签名")
    other = Desk(room, a_target(platform, secure_code="wrong"), Disk(tmp_path))
    assert other.refused(other.speaks.sign(an_order(platform)))[0] is Verdict.FIX_SETTINGS
    stranger = Desk(room, a_target(platform, ca_app_id="APP_OTHER"), Disk(tmp_path))
    assert stranger.refused(stranger.speaks.sign(an_order(platform)))[1] == "签名服务不认我们的应用 ID"


@pytest.mark.parametrize("value", ["tampered", "text", "untrusted", "expired"])
def test_a_bad_timestamp_is_found_out_by_the_platform(desk: Desk, platform: PracticeProcess, value: str) -> None:
    platform.fault(what="bad_token", value=value)
    token = desk.ask(desk.speaks.timestamp(TEXT.encode()))
    signed = SignedText(text=TEXT.encode(), sign_type="1", sign_value="", certificate="", tsa_token=token)
    assert desk.refused(desk.speaks.verify_timestamp(signed))[0] in (Verdict.FIX_FORM, Verdict.FIX_SETTINGS)


# -- stamps -----------------------------------------------------------------------------------------------------------


def test_a_stamped_report_holds_and_a_bare_one_does_not(desk: Desk, platform: PracticeProcess, tmp_path: Path) -> None:
    bare = make_report_pdf(tmp_path / "r.pdf", patient="张伟", findings="清晰。", conclusion="未见异常。").read_bytes()
    desk.files.pdf = base64.b64decode(platform.control("seal", pdf=base64.b64encode(bare).decode())["pdf"])
    ref = FileRef(sha256="0" * 64)
    (found,) = desk.ask(desk.speaks.check_stamp(ref, "报告.pdf"))
    assert (found.page, found.words, found.algorithm) == ("1", "成功", "SM3WithSM2") and found.certificate
    desk.files.pdf = bare
    assert desk.refused(desk.speaks.check_stamp(ref, "报告.pdf"))[1] == "平台在 PDF 里没有找到电子签章"


# -- images by address ------------------------------------------------------------------------------------------------


def series_of(platform: PracticeProcess) -> list[Any]:
    return list(platform.ask("GET", "/practice/series").json["series"])


def test_a_platform_fetches_every_image_and_then_it_is_done(
    room: Room, platform: PracticeProcess, tmp_path: Path
) -> None:
    study = a_uid()
    for path in a_study(tmp_path / "ct", images=5, series=2, study_uid=study, accession="ACC1"):
        room.taker.take_file(path, "folder:/in")
    key = room.exam_of(study)
    refs = [
        {
            **dict.fromkeys(("sop_class_uid", "transfer_syntax_uid", "accession_number"), ""),
            "sop_instance_uid": one.sop_instance_uid,
            "sha256": one.data_set_sha256,
            "path": one.path,
            "size_bytes": one.size_bytes,
            "study_instance_uid": study,
            "study_accession": "ACC1",
            "series_instance_uid": one.series_instance_uid,
            "series_number": one.series_number,
            "modality": one.modality,
        }
        for one in room.image(key)
    ]
    about = {"patient_id": "P1", "patient_name": "张伟", "sex": "1", "age": "46", "examined_at": "2026-11-20 10:11:12"}
    put(room.store, Part.IMAGES, exam=key, body={"images": refs, "values": about})
    job = claimed(room.store)
    assert job is not None
    with open_provider(room) as provider:
        desk = Desk(room, a_target(platform, image_mode="list"), Disk(tmp_path, room=room, provider=provider))
        with pytest.raises(NotFetched):
            desk.courier.deliver(job)
        wait_until(lambda: len(answers.held(room.store.read(), "main", key, "images")) == 5, 20)
        assert desk.courier.deliver(job) == {}
        wait_until(lambda: sum(one["fetched"] for one in series_of(platform)) == 5, 20)
    listed = {one["series_uid"]: one for one in series_of(platform)}
    assert sorted(one["words"] for one in listed.values()) == ["已取 2/2", "已取 3/3"]
    assert {one["version"] for one in listed.values()} == {1}, "nothing was listed twice"
    assert {one["accession"] for one in listed.values()} == {"ACC1"}
