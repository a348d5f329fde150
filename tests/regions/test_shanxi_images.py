"""Shanxi's three ways for images, against the printed document (四(二)2 of V2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from app.catalogue.load import load_region
from app.delivery.body import request_digest
from app.errors import NeedsOperator
from app.provide.wanted import wants_files
from app.regions.adapters import ADAPTERS
from app.regions.conversation import DicomSend, HttpRequest, ImageFile, ImageRef, Outgoing, Pickup, Reply

ABOUT = {
    "patient_id": "P1",
    "patient_name": "张伟",
    "sex": "1",
    "age": "46",
    "examined_at": "2026-11-20 10:11:12",
    "accession_number": "ACC1,ACC2",
}


def an_adapter(**options: Any) -> Any:
    return ADAPTERS["shanxi"](load_region("shanxi"), {"hospital_code": "1" * 18, **options}, {"sm4_key": "0" * 32})


def an_image(number: int, series: str = "1.2.1", **more: Any) -> ImageRef:
    given: dict[str, Any] = {
        "sop_instance_uid": f"{series}.{number}",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "sha256": f"{number:064d}",
        "path": f"{number}.dcm",
        "size_bytes": 1,
        "study_instance_uid": "1.2",
        "study_accession": "ACC1",
        "series_instance_uid": series,
        "series_number": "1",
        "modality": "CT",
    }
    return ImageRef(**given | more)


def requests(images: Sequence[ImageRef], values: dict[str, str] | None = None, **options: Any) -> list[Any]:
    """What is asked for, every request answered with an acceptance."""
    outgoing = Outgoing(
        part="images",
        exam_key="E1",
        report_key="",
        version=1,
        exam={},
        report={},
        images=tuple(images),
        values=ABOUT if values is None else values,
    )
    conversation, found = an_adapter(**options).upload(outgoing), []
    try:
        found.append(next(conversation))
        while True:
            found.append(conversation.send(Reply(data={"code": 1})))
    except StopIteration as end:
        assert end.value == {}
    return found


def test_pushed_images_go_to_the_platform_s_ae() -> None:
    (push,) = requests([an_image(1)], dicom_host="192.0.2.1", dicom_port=104, dicom_ae_title="CLOUD")
    assert isinstance(push, DicomSend) and (push.host, push.called_ae) == ("192.0.2.1", "CLOUD")


def test_listed_images_are_one_request_for_each_series_and_then_waited_for() -> None:
    images = [
        an_image(1),
        an_image(2),
        an_image(3, "1.2.2", series_number="2", modality="SR", study_instance_uid="1.9", study_accession="ACC2"),
    ]
    first, second, wait = requests(images, image_mode="list")
    assert isinstance(first, HttpRequest) and (first.path, first.item, first.fresh) == ("/images/list", "1.2.1", False)
    assert first.body == {
        "PATIENT_ID": "P1",
        "MODALITY": "CT",
        "PATIENTSEX": "1",
        "ACCESS_NO": "ACC1",
        "PATIENTNAME": "张伟",
        "PATIENTAGE": "46",
        "STUDYIUID": "1.2",
        "STUDYDATE": "2026-11-20 10:11:12",
        "SERIESIUID": "1.2.1",
        "SERIESNO": "1",
        "FILEPATH": [ImageFile(image=image, encoding="link") for image in images[:2]],
    }
    assert [second.body[name] for name in ("ACCESS_NO", "STUDYIUID", "SERIESNO", "MODALITY")] == [
        "ACC2", "1.9", "2", "SR",
    ]  # fmt: skip
    assert wait == Pickup(step="images", images=tuple(images))


def test_a_list_goes_again_when_what_it_says_changed_and_only_then() -> None:
    def digest(images: list[ImageRef], **about: str) -> str:
        return request_digest(requests(images, ABOUT | about, image_mode="list")[0])

    usual = digest([an_image(1)])
    assert digest([an_image(1)]) == usual
    assert usual not in {
        digest([an_image(1), an_image(2)]),
        digest([an_image(1, sha256="f" * 64)]),
        digest([an_image(1)], patient_name="张玮"),
        digest([an_image(1, study_accession="ACC3")]),
        digest([an_image(1, accession_number="ACC1")]),
    }


def test_what_a_platform_finds_by_itself_is_only_waited_for() -> None:
    images = (an_image(1), an_image(2))
    let_in = {"retrieve_ae_title": "FRONT_END", "image_takers": ("FRONT_END",)}
    assert requests(images, image_mode="retrieve", **let_in) == [Pickup(step="images", images=images)]


def test_nobody_can_find_what_is_not_offered() -> None:
    for takers, title in [((), "FRONT_END"), (("ARCHIVE",), "FRONT_END"), (("ARCHIVE",), "")]:
        with pytest.raises(NeedsOperator) as caught:
            requests([an_image(1)], image_mode="retrieve", image_takers=takers, retrieve_ae_title=title)
        assert caught.value.page == "query" and "收影像" in caught.value.advice


@pytest.mark.parametrize(("mode", "wanted"), [("push", False), ("retrieve", False), ("list", True)])
def test_only_listed_images_need_the_file_service(mode: str, wanted: bool) -> None:
    region = load_region("shanxi")
    assert wants_files(region, {**region.options["options"], "image_mode": mode}) is wanted
