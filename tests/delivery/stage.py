"""A destination without a network: a scripted platform, a scripted adapter, and the store as it is."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from app.catalogue.codes import load_codes
from app.delivery import converse
from app.delivery.converse import Courier
from app.delivery.target import Target
from app.delivery.verdict import Judge
from app.regions.conversation import (
    DicomSend,
    HttpRequest,
    ImageRef,
    Missing,
    Ours,
    Outgoing,
    Reply,
    Request,
    Stamp,
    Wired,
)
from app.store import Store
from app.wire.dicom_association import Peer
from app.wire.dicom_send import StoreReply
from app.wire.http_client import HttpClient, HttpReply
from tests.catalogue.samples import REGION
from tests.intake.clinic import HandClock

ACCEPTED = {"code": 1, "message": "成功"}
Conversation = Generator[Request, Reply, dict[str, Any]]


def an_http_reply(
    body: object = ACCEPTED,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    date: datetime | None = None,
) -> HttpReply:
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return HttpReply(status=status, headers=dict(headers or {}), body=content, date=date, elapsed_seconds=0.0)


@dataclass
class Platform:
    """Answers each request with the next of `script` (a reply, a body, an error to raise); then it accepts."""

    script: list[Any] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    before_reply: Callable[[], None] = lambda: None

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        reply_limit: int = 0,
    ) -> HttpReply:
        self.received.append(json.loads(body))
        self.limits.append(reply_limit)
        self.before_reply()
        said = self.script.pop(0) if self.script else an_http_reply()
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, HttpReply) else an_http_reply(said)

    def close(self) -> None: ...


@dataclass
class Adapter:
    """Sends the payload's `steps` ({step: body}) one after the other, images by push, and asks about days."""

    parts: tuple[str, ...] = ("exam", "report", "images")
    waits_for: Mapping[str, str] = field(default_factory=lambda: {"report": "exam"})
    capabilities: frozenset[str] = frozenset({"withdraw", "reconcile", "images"})
    serial_series: str = ""
    withdraws_whole: bool = False
    fresh: tuple[str, ...] = ()
    wrapped_at: list[datetime] = field(default_factory=list)
    lacking: Callable[[Ours], Sequence[str]] = lambda ours: ()
    asked: list[Ours] = field(default_factory=list)
    host: str = "192.0.2.1"

    def upload(self, outgoing: Outgoing) -> Conversation:
        if outgoing.part == "images":
            yield self._push(outgoing.images)
            return {}
        steps = cast(dict[str, dict[str, Any]], outgoing.exam.get("steps", {outgoing.part: dict(outgoing.exam)}))
        number = ""
        for step, body in steps.items():
            reply = yield HttpRequest(step=step, path=f"/{step}", body=body, fresh=step in self.fresh)
            number = str(reply.data.get("number", number))
        return {"number": number}

    def withdraw(self, outgoing: Outgoing) -> Conversation:
        yield HttpRequest(step="withdraw", path="/withdraw", body=dict(outgoing.exam))
        return {}

    def reconcile(self, ours: Ours) -> Generator[Request, Reply, Missing]:
        self.asked.append(ours)
        reply = yield HttpRequest(step="reconcile", path="/day", body={}, reply="reconcile", fresh=True)
        assert reply.data["status"] == "0"
        return Missing(exam_keys=tuple(self.lacking(ours)))

    def wrap(self, request: HttpRequest, body: bytes, stamp: Stamp) -> Wired:
        self.wrapped_at.append(stamp.now)
        return Wired(headers={}, body=b'{"to": "%s", "body": %s}' % (request.path.encode(), body))

    def _push(self, images: tuple[ImageRef, ...]) -> DicomSend:
        return DicomSend(step="images", host=self.host, port=104, called_ae="CLOUD", calling_ae="CLINIC", images=images)


@dataclass
class Files:
    """Stored files by their SHA-256; every image lies in `folder`."""

    folder: Path
    gone: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)
    prepared: list[str] = field(default_factory=list)
    known_md5: dict[str, str] = field(default_factory=dict)

    def content(self, sha256: str) -> bytes:
        return sha256.encode()

    def link(self, destination: str, exam_key: str, sha256: str) -> str:
        return f"https://clinic.example/f/{destination}-{sha256}.pdf"

    def path(self, sha256: str) -> Path:
        return self.folder / sha256

    def md5(self, sha256: str) -> str:
        return hashlib.md5(self.path(sha256).read_bytes()).hexdigest()

    def zip_link(self, destination: str, exam_key: str) -> str:
        return f"https://clinic.example/z/{destination}-{exam_key}.zip"

    def image_link(self, destination: str, exam_key: str, ref: ImageRef) -> str:
        return f"https://clinic.example/i/{destination}-{exam_key}/{ref.sop_instance_uid}.dcm"

    def image_md5(self, ref: ImageRef) -> str:
        return self.known_md5.get(ref.sop_instance_uid, "")

    @contextmanager
    def image(self, ref: ImageRef) -> Iterator[Path]:
        if ref.sop_instance_uid in self.gone:
            raise FileNotFoundError(ref.path)
        if ref.sop_instance_uid in self.locked:
            raise PermissionError(13, "in use")
        self.prepared.append(ref.sop_instance_uid)
        yield self.folder / ref.sop_instance_uid

    def is_here(self, path: str) -> bool:
        return path not in self.gone


@dataclass
class Ae:
    """The platform's AE: gives `statuses` by SOP instance UID, else success; `before(uid)` runs at each image."""

    statuses: dict[str, Any] = field(default_factory=dict)
    received: list[str] = field(default_factory=list)
    associations: int = 0
    before: Callable[[str], None] = lambda uid: None

    def sender(self, peer: Peer) -> Any:
        return _Sender(self)


class _Sender:
    def __init__(self, ae: Ae) -> None:
        self._ae = ae

    def __enter__(self) -> _Sender:
        return self

    def __exit__(self, *_: object) -> None: ...

    def associate(self, contexts: Sequence[tuple[str, str]]) -> None:
        assert contexts
        self._ae.associations += 1

    def store(self, path: Path, *, message_id: int) -> StoreReply:
        assert 1 <= message_id <= 65535
        uid = path.name
        self._ae.before(uid)
        said = self._ae.statuses.get(uid, 0x0000)
        if isinstance(said, Exception):
            raise said
        self._ae.received.append(uid)
        return StoreReply(status=said, words="")


@dataclass
class Stage:
    store: Store
    clock: HandClock
    platform: Platform
    adapter: Adapter
    ae: Ae
    files: Files
    target: Target
    stopping: threading.Event

    def courier(self) -> Courier:
        """A fresh one, as after a restart."""
        return Courier(self.store, self.target, self.clock, self.files, self.stopping)

    def sent_to(self) -> list[str]:
        return [request["to"] for request in self.platform.received]


def a_stage(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    platform, adapter, ae = Platform(), Adapter(), Ae()
    monkeypatch.setattr(converse, "DicomSender", ae.sender)
    target = Target(
        name="main",
        title="影像云",
        base_url="http://192.0.2.1/",
        region=REGION,
        adapter=adapter,
        judge=Judge(load_codes(REGION.name), REGION.options["replies"]),
        http=cast(HttpClient, platform),
    )
    return Stage(store, HandClock(), platform, adapter, ae, Files(folder), target, threading.Event())


def refs(*uids: str, content: str = "") -> list[dict[str, Any]]:
    """The images of a payload as the store keeps them."""
    return [
        {
            "sop_instance_uid": uid,
            "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
            "transfer_syntax_uid": "1.2.840.10008.1.2.1",
            "sha256": f"{uid}{content}",
            "path": f"{uid}.dcm",
            "size_bytes": 10,
            "accession_number": "",
        }
        for uid in uids
    ]
