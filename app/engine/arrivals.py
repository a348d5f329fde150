"""Who comes to our doors, as it happens (现在从设备发一张测试影像): callers let in or turned away, images stored.

Kept in memory only, the newest few hundred; what became of the images is the store's. Never a patient's name here:
names are looked up when somebody asks.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from app.domain.study import Doubt, Instance, Study
from app.domain.times import Clock
from app.engine.face import Json
from app.engine.house import House
from app.errors import NeedsOperator
from app.intake.names import decode
from app.store import Tx, exams, images, test_marks
from app.store.times import kept
from app.wire.receiving import AssociationChange, AssociationEvent

_MOST = 300
_REFUSALS: dict[AssociationChange, tuple[str, str]] = {
    AssociationChange.REFUSED_CALLED_AE: (
        "rename",
        "请在设备上把目的 AE 标题改成“{ours}”；或点“改用 {called}”，换我们的",
    ),
    AssociationChange.REFUSED_CALLING_AE: ("allow_caller", "是您的设备就点“允许这台设备”，再到设备上重发一次"),
    AssociationChange.REFUSED_ADDRESS: ("allow_address", "是您的设备就点“允许这个地址”，再到设备上重发一次"),
    AssociationChange.REFUSED_TOO_MANY: ("", "等一会儿再从设备重发，影像不会丢"),
}
_SYNTAXES = {
    "1.2.840.10008.1.2": "未压缩",
    "1.2.840.10008.1.2.1": "未压缩",
    "1.2.840.10008.1.2.1.99": "未压缩",
    "1.2.840.10008.1.2.2": "未压缩",
    "1.2.840.10008.1.2.4.50": "JPEG",
    "1.2.840.10008.1.2.4.51": "JPEG",
    "1.2.840.10008.1.2.4.57": "JPEG 无损",
    "1.2.840.10008.1.2.4.70": "JPEG 无损",
    "1.2.840.10008.1.2.4.80": "JPEG-LS 无损",
    "1.2.840.10008.1.2.4.81": "JPEG-LS",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 无损",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.5": "RLE 无损",
}


class Arrivals:
    """Hears callers on the port's threads and events on the writer's; both must not wait, so it only notes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._number = 0
        self._events: OrderedDict[str, Json] = OrderedDict()

    def called(self, event: AssociationEvent) -> None:
        """A caller came, went or was turned away."""
        if event.change is AssociationChange.RELEASED:
            return
        caller, address = event.source.calling_ae, event.source.address
        kind = "refused" if event.refused else "connected" if event.change is AssociationChange.OPENED else "cut"
        key = f"{kind} {caller} {address} {event.called_ae}"
        facts = {"kind": kind, "caller": caller, "address": address, "called_ae": event.called_ae}
        self._note(key, facts | {"change": event.change.name})

    def heard(self, event: Json) -> None:
        """An event of the store."""
        if event["event"] == "image_received":
            study = str(event["study"])
            self._note(f"stored {study}", {"kind": "stored", "study": study})

    def since(self, house: House, since: str) -> Json:
        """What happened after `since` (an earlier "at", "": all that is remembered), oldest first."""
        after = int(since) if since.isdecimal() else 0
        with self._lock:
            at = str(self._number)
            found = [dict(event) for event in self._events.values() if event["number"] > after]
        return {"at": at, "events": [told for event in found if (told := _told(house, event)) is not None]}

    def _note(self, key: str, facts: dict[str, Any]) -> None:
        """The same thing again moves to the end of the list instead of standing there many times."""
        with self._lock:
            self._number += 1
            self._events.pop(key, None)
            self._events[key] = facts | {"id": key, "number": self._number, "at": kept(self._clock.now())}
            while len(self._events) > _MOST:
                self._events.popitem(last=False)


def _told(house: House, event: Json) -> Json | None:
    plain = {"id": event["id"], "at": event["at"], "kind": event["kind"]}
    if event["kind"] == "stored":
        study = images.study(house.store, event["study"])
        return None if study is None else plain | _stored(house, study)
    caller = event["caller"] or event["address"]
    where = {key: event[key] for key in ("caller", "address", "called_ae")}
    if event["kind"] == "connected":
        return plain | where | {"title": "设备连上来了", "advice": "", "detail": f"{caller} · {event['address']}"}
    if event["kind"] == "cut":
        return plain | where | {"title": "设备中途断开了", "advice": "请从设备重发一次", "detail": caller}
    change = AssociationChange[event["change"]]
    act, advice = _REFUSALS[change]
    words = advice.format(ours=house.settings.dicom.ae_title, called=event["called_ae"])
    title = f"{caller} 连过来，没有收：{change.value}"
    detail = f"{event['address']} · 要找 {event['called_ae']}"
    return plain | where | {"title": title, "advice": words, "detail": detail, "act": act}


def _stored(house: House, study: Study) -> Json:
    conn = house.store.read()
    uid = study.study_instance_uid
    key = next(iter(exams.of_study(conn, uid)), "")
    mine = [one for one in images.instances_of(conn, key) if one.study_instance_uid == uid]
    raw = images.raw_name(conn, uid)
    return {
        "title": f"收到 {study.image_count} 幅影像，已存盘",
        "advice": "",
        "detail": _size(mine),
        "study": uid,
        "exam_key": key,
        "caller": study.source.partition(":")[2],
        "count": study.image_count,
        "instance": mine[-1].sop_instance_uid if mine else "",
        "patient_name": study.patient_name,
        "description": study.description,
        "modality": study.modality,
        "accession_number": study.accession_number,
        "raw_hex": raw.hex(" ").upper(),
        "candidates": [list(each) for each in study.name_candidates],
        "charset": study.name_candidates[0][0] if study.name_candidates else decode(raw, "").charset_used,
        "doubtful": study.doubt is Doubt.NAME,
        "test": test_marks.is_test(conn, key, len(images.instances_of(conn, key))),
    }


def _size(mine: list[Instance]) -> str:
    """The bytes of all and the syntax of the newest."""
    if not mine:
        return ""
    size = sum(one.size_bytes for one in mine)
    told = f"{size / 1_000_000:.1f} MB" if size >= 1_000_000 else f"{max(1, size // 1000)} KB"
    uid = mine[-1].transfer_syntax_uid
    return f"{told} · {_SYNTAXES.get(uid, uid)}"


def mark_test(house: House, uid: str, test: bool) -> Json:
    """The images that are here now are a test (测试影像), not to be filled or uploaded - or are real after all.

    One more image of the study and it is a real exam by itself. Raises NeedsOperator for an exam already submitted.
    """
    key = house.exam_key(uid)

    def change(tx: Tx) -> None:
        if test and exams.was_submitted(tx, key):
            raise NeedsOperator("这例已经提交上传，不能当作测试影像", "要撤回请在“上传队列”里点“撤回”")
        test_marks.mark(tx, key, len(images.instances_of(tx.conn, key)) if test else 0)
        house.refresh_in(tx, key)

    house.store.write(change)
    return {"uid": uid, "exam_key": key, "test": test}
