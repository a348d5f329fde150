"""The two national adapters made for tests, and conversations pumped by hand."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from app.catalogue.load import load_region
from app.domain.times import CST
from app.regions.adapters import ADAPTERS
from app.regions.conversation import HttpRequest, ImageRef, Outgoing, Reply, Request, Stamp
from app.regions.national import National

NATIONAL = ("guizhou", "guangyuan")
INSTITUTION = "H11010202321"
KEY = "DFDK045DSF1DSF55DS"
STORAGE = "123502004266007980"
INDEX = "111-110101197804050038-20241122143000-0000000000000-000000000"
SAMPLE = Stamp(now=datetime(2025, 3, 3, 1, 0, tzinfo=CST), serial="202503010102030001")
"""The moment of the printed samples: infTime 2025-03-03 01:00:00, msgid H11010202321202503010102030001."""
R = TypeVar("R")


a_region = cache(load_region)


def an_adapter(name: str, **options: Any) -> Any:
    region = a_region(name)
    given = {"institution_code": INSTITUTION, "storage_uscc": STORAGE, **options}
    chosen = {**region.options["options"], **given}
    return ADAPTERS[name](region.with_options(chosen), chosen, {"key": KEY})


def an_outgoing(part: str, **more: Any) -> Outgoing:
    given: dict[str, Any] = {"exam": {}, "report": {}, "images": (), "report_key": "", "version": 1}
    return Outgoing(part=part, exam_key="E1", **{**given, "index_code": INDEX, **more})


def an_image(number: int, study: str = "1.2.3", accession: str = "") -> ImageRef:
    return ImageRef(
        sop_instance_uid=f"{study}.{number}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        sha256=f"sha-{study}.{number}",
        path=f"{number}.dcm",
        size_bytes=100,
        accession_number=accession,
        study_instance_uid=study,
    )


def pumped(conversation: Generator[Request, Reply, R], *replies: Mapping[str, Any]) -> tuple[list[Any], R]:
    """Every request of a conversation, each answered with the next reply (then with a success), and what it returns."""
    requests: list[Any] = []
    left = list(replies)
    try:
        request = next(conversation)
        while True:
            requests.append(request)
            request = conversation.send(Reply(data=left.pop(0) if left else {"code": 0, "message": "成功"}))
    except StopIteration as end:
        return requests, end.value


def only(conversation: Generator[Request, Reply, Any]) -> Any:
    """The one request of a conversation."""
    requests, _ = pumped(conversation)
    assert len(requests) == 1
    return requests[0]


def on_the_wire(adapter: National, request: HttpRequest, stamp: Stamp = SAMPLE) -> Any:
    """The JSON that goes out."""
    content = json.dumps(request.body, ensure_ascii=False, separators=(",", ":")).encode()
    wired = adapter.wrap(request, content, stamp)
    assert wired.headers == {"Content-Type": "application/json;charset=UTF-8"}
    return json.loads(wired.body)
