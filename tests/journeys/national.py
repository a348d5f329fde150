"""The clinics of regions that speak the national naming: their destinations, a filled form, what a platform keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from app.domain.times import CST
from app.engine.face import Json

from .world import (
    Agent,
    Modality,
    Patient,
    Practice,
    a_study,
    an_id_number,
    answers,
    complete_fill,
    data_set_sha256,
    examined,
    free_port,
    sop_uid,
    study_uid,
)

GUIZHOU, GUANGYUAN = "guizhou", "guangyuan"
PATIENT = Patient()
ID_NUMBER = an_id_number(PATIENT)
OTHER_ID_NUMBER = an_id_number(PATIENT, 7)
"""What stands on the card, when somebody mistyped it at first."""
DEFAULTS = {"exam_dept_name": "放射科", "technician_name": "陈亮"}
UPLOADED = ("acknowledged", "reconciled")
IMAGES = 6
World = tuple[Agent, Practice]


def a_place(practice: Practice, name: str = "main", **options: object) -> Json:
    """One destination of the answers."""
    return {
        "name": name,
        "region": practice.region,
        "base_url": practice.base_url,
        "options": options,
        "secrets": {"key": f"PRACTICE-KEY-{practice.region.upper()}"},
        "defaults": DEFAULTS,
    }


def by_dicom(practice: Practice) -> Json:
    """The options of a destination that gets its images by C-STORE."""
    return {
        "image_mode": "dicom",
        "dicom_host": "127.0.0.1",
        "dicom_port": practice.dicom_port,
        "dicom_ae_title": practice.ae_title,
    }


def files_offered() -> Json:
    """The section of a file service on a free port of this PC."""
    port = free_port()
    return {"public_base_url": f"http://127.0.0.1:{port}", "bind": "127.0.0.1", "port": port}


def national_fill(patient: Patient | None = None, **changes: str) -> Json:
    """{"values", "settlements"}: all that the devices do not say, for every region at once."""
    now = datetime.now(CST).replace(microsecond=0)
    own = {
        "insurance_item_code": "012302010010000",
        "insurance_item_name": "计算机体层成像（CT）平扫",
        "exam_charge": "240.00",
        "exam_way": "1",
        "charge_type": "07",
        "settled_at": f"{examined(60):%Y-%m-%d %H:%M:%S}",
        "positive_mark": "N",
        "last_audited_at": f"{now - timedelta(seconds=1):%Y-%m-%d %H:%M:%S}",
    }
    return complete_fill(patient or PATIENT, **own | changes)


def from_the_device(agent: Agent, folder: Path, images: int = IMAGES, **more: object) -> tuple[str, list[Path]]:
    """A CT comes by C-STORE and is complete: its UID and its files."""
    paths = a_study(folder, images=images, **more)
    Modality(agent.port).send_folder(folder)
    uid = study_uid(paths[0])
    agent.wait_until_complete(uid)
    return uid, paths


def sent(agent: Agent, uid: str, pdf: Path, *, seconds: float = 60.0, **changes: str) -> Json:
    """Filled, submitted and acknowledged; the exam."""
    agent.fill_and_submit(uid, national_fill(**changes), pdf)
    return until(agent, uid, *UPLOADED, seconds=seconds)


def until(agent: Agent, uid: str, *states: str, seconds: float = 60.0) -> Json:
    """The exam in one of these states. Asks for its row only: a study of 500 images is long to tell."""
    agent.wait_for(lambda: row_of(agent, uid)["state"] in states, seconds=seconds, what=f"{states}", every=0.2)
    return agent.study(uid)


def row_of(agent: Agent, uid: str) -> Json:
    return next(row for row in agent.studies(text=uid) if row["uid"] == uid)


@contextmanager
def a_running_clinic(
    folder: Path, region: str, *words: str, options: Callable[[Practice], Json] = lambda _: {}, **sections: Any
) -> Iterator[tuple[Agent, Practice]]:
    """A practice platform and an agent that is set up for it, for all tests of a file. `words` are the platform's."""
    with ExitStack() as stack:
        practice = Practice(folder / "practice", region, *words)
        stack.callback(practice.kill)
        agent = Agent(folder / "agent")
        stack.callback(agent.kill)
        destination = {"destination": [a_place(practice, **options(practice))]}
        agent.set_up(answers(None, port=free_port(), **destination | sections))
        agent.start()
        yield agent, practice


def kept(practice: Practice, kind: str, index: str = "") -> list[Json]:
    """What the platform has now (of one exam): not what it deleted, and not what came how often."""
    return [one for one in everything(practice, kind, index) if one["state"] == "kept"]


def everything(practice: Practice, kind: str, index: str = "") -> list[Json]:
    """What the platform ever had of it."""
    return [one for one in practice.ledger()[kind] if index in ("", one.get("index", one["key"]))]


def index_of(agent: Agent, uid: str, destination: str = "main") -> str:
    """医保影像云索引, as the newest receipt of the exam tells it."""
    codes = [one["facts"]["index_code"] for one in agent.study(uid)["receipts"] if one["destination"] == destination]
    return str(codes[-1])


def words_of(study: Json, what: str) -> list[str]:
    """The timeline's lines of one kind, as they are read: "平台已接收 · 影像"."""
    lines = [line for line in study["timeline"] if line["what"] == what]
    return [" · ".join(part for part in (line["words"], line["detail"]) if part) for line in lines]


def places_asked(practice: Practice) -> list[str]:
    """Which interfaces were called, in order; images that came over DICOM as "dicom"."""
    return [str(one["place"]) for one in practice.received() if one["kind"] != "association"]


def numbers_came_once(practice: Practice) -> bool:
    """No message number (msgid) was ever used for two requests."""
    used = json.loads(practice.ask("GET", "serials"))["serials"]
    return bool(used) and all(one["times"] == 1 for one in used)


def as_made(paths: Iterable[Path]) -> dict[str, str]:
    """SOP instance UID -> SHA-256 of the data set, of these files."""
    return {sop_uid(path): data_set_sha256(path.read_bytes()) for path in paths}


def as_kept(practice: Practice, index: str = "") -> dict[str, str]:
    """The same of what the platform has (of one exam)."""
    return {one["key"]: one["sha256"] for one in kept(practice, "images", index)}
