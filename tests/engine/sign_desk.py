"""A desk whose destination wants signatures: the practice signing service and the doctors' phones at the end of its
line, without a network, on the desk's own clock."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import pem

from app.domain.job import Job, Part
from app.engine.settings import apply_answers
from app.practice import settings as practice_settings
from app.practice import shanxi_verify
from app.practice.authority import CRL_PATH, Authority, mssp_id
from app.practice.faults import Fault
from app.practice.ledger import Ledger
from app.practice.region import Arrival
from app.practice.shanxi_ca import PATHS, SigningService, envelope_problem
from app.practice.shanxi_settings import PRACTICE_APP, PRACTICE_CODE, ShanxiSettings
from app.store import exams
from app.system.paths import Home
from app.wire.faults import LineCut
from app.wire.http_client import HttpReply
from tests.engine.desk import Desk, a_desk, answers_of
from tests.intake.clinic import HandClock

Json = dict[str, Any]
UPLOAD = "upload"
_PATHS = {**PATHS, **shanxi_verify.PATHS}
LIU, YANG = "刘慧", "刘洋"
STAFF = [
    {"name": LIU, "role": "审核", "code": "D001", "mssp_id": mssp_id(LIU)},
    {"name": YANG, "role": "审核", "code": "D002", "mssp_id": mssp_id(YANG)},
    {"name": "王新", "role": "审核", "code": "D003"},
]


_MADE: list[bytes] = []
"""The books of the test CA as they are new: a second of key making, once."""


class DeskClock(practice_settings.Clock):
    """The platform's, kept by hand."""

    def __init__(self, hand: HandClock) -> None:
        super().__init__()
        self._hand = hand

    def now(self) -> float:
        return self._hand.now().timestamp() + self.offset_seconds


@dataclass
class Wire:
    """Answers as the practice platform would. `dead`: raised instead; `fault`: the next answers are spoilt so.

    `instead`: what somebody on the line puts in the place of every result of a signature.
    """

    service: SigningService
    authority: Authority
    settings: ShanxiSettings
    verification: shanxi_verify.Verification
    asked: list[tuple[str, Json]] = field(default_factory=list)
    dead: Exception | None = None
    fault: Fault | None = None
    instead: bytes | None = None
    results: list[Json] = field(default_factory=list)

    def send(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"", **more: Any
    ) -> HttpReply:
        path = "/" + url.partition("://")[2].partition("/")[2]
        place, said = _PATHS.get(path, UPLOAD), json.loads(body)
        self.asked.append((place, said))
        if self.dead is not None:
            raise self.dead
        if place == UPLOAD:
            return HttpReply(status=200, headers={}, body=b'{"code": 1}', date=None, elapsed_seconds=0.0)
        arrival = Arrival(
            place=place, keys=(), text="", digest="", size=0, problem=envelope_problem(said, self.settings), data=said
        )
        asked = self.verification if path in shanxi_verify.PATHS else self.service
        answer = asked.keep(arrival, self.fault).body
        content = json.dumps(answer, ensure_ascii=False).encode()
        if place == "sign_result":
            self.results.append(answer)
            content = content if self.instead is None else self.instead
        return HttpReply(status=200, headers={}, body=content, date=None, elapsed_seconds=0.0)

    def spoil(self, what: str, value: str = "") -> None:
        self.fault = Fault(id=1, where="any", when="answer", what=what, value=value)

    def steps(self, *names: str) -> list[str]:
        return [place for place, _ in self.asked if not names or place in names]


@dataclass
class SignDesk(Desk):
    wire: Wire = field(kw_only=True)

    def submitted(self, **changes: str) -> str:
        """A study with its report, submitted: the report waits for its doctor."""
        uid = self.ready()
        if changes:
            self.fill(uid, **changes)
        self.engine.submit(uid)
        return uid

    def rows(self) -> list[Json]:
        return [row for group in self.engine.signing()["waiting"] for row in group["reports"]]

    def row(self, uid: str) -> Json:
        return next(row for row in self.rows() if row["uid"] == uid)

    def signed_rows(self) -> list[Json]:
        rows: list[Json] = self.engine.signing()["signed"]
        return rows

    def code(self, uid: str) -> Json:
        return self.engine.sign_code(self.row(uid)["session"])

    def phone(self, code: Json | None = None, how: str = "sign", doctor: str = "") -> Json:
        """What the doctor does: scan the code, or take the oldest under 待办."""
        return self.wire.service.phone({"qr": code["qr_text"] if code else "", "how": how, "doctor": doctor})

    def polls(self, seconds: float = 3.0) -> None:
        """Time passes, and the engine asks about what is due."""
        self.clock.pass_(seconds)
        self.engine._life.signing.run_once()

    def signs(self, uid: str, how: str = "sign") -> None:
        self.phone(self.code(uid), how)
        self.polls()

    def report_job(self, uid: str) -> Job:
        return [job for job in self.jobs(uid) if job.part is Part.REPORT][-1]

    def notes(self, uid: str) -> list[str]:
        return [line["what"] for line in exams.timeline(self.engine.house.store, self.key(uid))]

    def needs(self) -> list[Json]:
        return [row for row in self.engine.status()["needs_you"] if row["state"] in ("to_sign", "expiring")]

    def trust(self, folder: Path, *, lists: bool = False) -> None:
        """The clinic puts the certificates of its CA in place, and the revocation list as a file."""
        file = folder / "ca.pem"
        rsa_root = self.wire.authority.offered("/ca/tsa-root.cer")
        assert rsa_root is not None
        file.write_text(self.wire.authority.pem_chain() + pem.armor("CERTIFICATE", rsa_root[0]).decode())
        signing: Json = {"staff": STAFF, "roots": [str(file)]}
        if lists:
            found = self.wire.authority.offered(CRL_PATH)
            assert found is not None
            (folder / "ca.crl").write_bytes(found[0])
            signing["revocation_lists"] = [str(folder / "ca.crl")]
        self.set_up({"signing": signing})

    def add_trust(self, *places: Path | str) -> Json:
        told = self.engine.add_trust([str(place) for place in places])
        self._at_the_wire()
        return told

    def remove_trust(self, place: str) -> Json:
        told = self.engine.remove_trust(place)
        self._at_the_wire()
        return told

    def set_up(self, answers: Json) -> None:
        self.engine.setup(answers)
        self._at_the_wire()

    def _at_the_wire(self) -> None:
        """A house with new settings speaks to the same platform."""
        self.engine.house.targets["main"].http.send = self.wire.send  # type: ignore[method-assign,assignment]


def wanting_signatures(**options: Any) -> Json:
    answers = answers_of("main")
    (main,) = answers["destination"]
    main["options"] |= {"demand_signature": True, "sign_by": "qr", "ca_app_id": PRACTICE_APP} | options
    main["secrets"]["secure_code"] = PRACTICE_CODE
    return answers | {"signing": {"staff": STAFF}}


@contextmanager
def a_sign_desk(home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Iterator[SignDesk]:
    apply_answers(wanting_signatures(**options), home)
    with a_desk(home, folder) as plain:
        settings = ShanxiSettings(clock=DeskClock(plain.clock))
        ledger = Ledger(folder / "platform")
        if _MADE:
            (folder / "ca.json").write_bytes(_MADE[0])
        authority = Authority(folder / "ca.json", settings.clock, lambda: "http://127.0.0.1:9")
        authority.doctors()
        _MADE[:] = _MADE or [(folder / "ca.json").read_bytes()]
        service = SigningService(settings, ledger, authority, lambda: "http://127.0.0.1:9")
        wire = Wire(service, authority, settings, shanxi_verify.Verification(settings, authority, folder))
        monkeypatch.setattr(plain.engine.house.targets["main"].http, "send", wire.send)
        yield SignDesk(plain.engine, plain.clock, plain.folder, plain.events, wire=wire)
        ledger.close()


def cut() -> LineCut:
    return LineCut("连不上平台", "正在自动重试", maybe_received=False)
