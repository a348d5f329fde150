"""The clinic's world as processes: the agent, a practice platform and a modality; and a technician's filled form.

Every child dies with this process and is killed at the end of its fixture. Patients are invented.
"""

from __future__ import annotations

import ctypes
import hashlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import tomli_w
from pydicom import dcmread

from app.domain.times import CST
from app.engine.face import Face, Json
from app.engine.reach import connect, home_at
from app.errors import AgentError
from app.practice import modality
from app.practice.modality import Patient, SendResult

ROOT = Path(__file__).parents[2]
SM4_KEY = "2a77be8ebc9c90cd25ccd1d31dce7a77"
AE_TITLE = "CLINIC_AGENT"
IN_FLIGHT = ("queued", "sending", "waiting")
_CHILD_ENDS_SECONDS = 15.0
T = TypeVar("T")


# -- children ---------------------------------------------------------------------------------------------------------


def _die_with_parent() -> None:
    """Linux only: a child of a test run that was itself killed does not stay behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def start_child(
    words: Iterable[str], *, output: Path, prefix: Iterable[str] = (), **more: Any
) -> subprocess.Popen[Any]:
    """A Python child in a process group of its own, its words in `output`, without our standard input."""
    if sys.platform == "linux":
        more |= {"preexec_fn": _die_with_parent, "start_new_session": True}
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    with output.open("ab") as out:
        return subprocess.Popen(
            [*prefix, sys.executable, *words],
            cwd=ROOT,
            stdin=more.pop("stdin", subprocess.DEVNULL),
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            **more,
        )


def kill_child(child: subprocess.Popen[Any]) -> None:
    """kill -9 of the child and its group; waits until it is gone."""
    if child.poll() is None:
        if sys.platform == "win32":
            child.kill()
        else:
            os.killpg(child.pid, signal.SIGKILL)
    child.wait(_CHILD_ENDS_SECONDS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], T], *, seconds: float = 20.0, what: str = "", every: float = 0.05) -> T:
    """The condition's value as soon as it is true; AssertionError with `what` when that takes too long."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < until, f"waited {seconds} s in vain for {what or condition}; last: {value!r}"
        time.sleep(every)


def _first_line(child: subprocess.Popen[Any], output: Path, key: str, from_byte: int = 0) -> Json:
    """The first JSON line with that key which the child wrote."""

    def found() -> Json | None:
        for line in output.read_bytes()[from_byte:].decode("utf-8", "replace").splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n") and f'"{key}"' in line:
                said: Json = json.loads(line)
                return said
        assert child.poll() is None, f"ended with {child.returncode}: {output.read_text('utf-8', 'replace')[-2000:]}"
        return None

    said = wait_for(found, seconds=40.0, what=f"the line with {key}")
    assert said is not None
    return said


# -- the practice platform --------------------------------------------------------------------------------------------


class Practice:
    """A practice platform as a child process; `lines()` are its addresses. It can be killed and started again."""

    def __init__(self, folder: Path, region: str = "shanxi", *options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.region = region
        self.state = folder / "state"
        self._output = folder / "practice.out"
        self._options = options
        self.port = self.dicom_port = 0
        self._child: subprocess.Popen[Any] | None = None
        self.start()

    def start(self) -> None:
        """On the ports of before, if it ran before."""
        ports = ["--port", str(self.port), "--dicom-port", str(self.dicom_port), "--until-stdin-closes"]
        place = self._output.stat().st_size if self._output.exists() else 0
        self._child = start_child(
            ["-m", "app.practice", self.region, "--state", str(self.state), *ports, *self._options],
            output=self._output,
            stdin=subprocess.PIPE,
        )
        line = _first_line(self._child, self._output, "base_url", place)
        self.base_url: str = line["base_url"]
        self.host = urlsplit(self.base_url).hostname or ""
        self.port = urlsplit(self.base_url).port or 0
        self.dicom_port = int(line["dicom_port"])
        self.ae_title: str = line["ae_title"]

    def kill(self) -> None:
        if self._child is not None:
            kill_child(self._child)
            if self._child.stdin is not None:
                self._child.stdin.close()

    @property
    def runs(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def ask(self, method: str, path: str, body: Any = None) -> bytes:
        """One request to the control interface under /practice/."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, f"/practice/{path}", None if body is None else json.dumps(body).encode())
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == 200, content.decode("utf-8", "replace")
            return content
        finally:
            connection.close()

    def ledger(self, *, fields: bool = True) -> Json:
        """{"counts": {kind: {"received", "kept", ...}}, "exams": [...], "reports": [...], "images": [...]}."""
        said: Json = json.loads(self.ask("GET", f"ledger?fields={int(fields)}"))
        return said

    def received(self, since: int = 0, limit: int = 5000) -> list[Json]:
        said: list[Json] = json.loads(self.ask("GET", f"received?since={since}&limit={limit}"))["received"]
        return said

    def image(self, sop_instance_uid: str) -> bytes:
        return self.ask("GET", f"image?sop={sop_instance_uid}")

    def report_pdf(self, record: str) -> bytes:
        return self.ask("GET", f"report?record={quote(record)}")

    def fault(self, **wish: Any) -> None:
        self.ask("POST", "fault", wish)

    def no_faults(self) -> None:
        self.ask("DELETE", "fault")

    def lose(self, **what: str) -> None:
        """`exam=`, `report=` or `image=` the key the platform forgets."""
        self.ask("POST", "lose", what)

    def miss_falsely(self, exam: str, times: int = 1) -> None:
        self.ask("POST", "false-miss", {"exam": exam, "times": times})

    def options(self, **wish: Any) -> Json:
        said: Json = json.loads(self.ask("POST", "options", wish) if wish else self.ask("GET", "options"))
        return said

    def down(self, seconds: float) -> None:
        self.ask("POST", "down", {"seconds": seconds})

    def clock(self, offset_seconds: float) -> None:
        self.ask("POST", "clock", {"offset_seconds": offset_seconds})

    def rekey(self, sm4_key: str) -> None:
        self.ask("POST", "rekey", {"sm4_key": sm4_key})


# -- the agent --------------------------------------------------------------------------------------------------------


def answers(practice: Practice | None, *, port: int, **sections: Any) -> Json:
    """A clinic's setup: fast where it waits. `sections` (intake=, upload=, destination=[...], ...) are laid over it."""
    document: Json = {
        "clinic": {
            "name": "太原市小店区平安诊所",
            "uscc": "52140000MJ00000075",
            "fixmedins_code": "H14010500123",
            "fixmedins_name": "太原市小店区平安诊所",
            "admdvs": "140105",
            "level": "14",
        },
        "intake": {"quiet_seconds": 1.0, "least_free_mb": 1},
        "dicom": {"port": port, "bind": "127.0.0.1"},
        "secrets": {"store": "file"},
        "upload": {"retry_first_seconds": 0.3, "retry_longest_seconds": 2.0, "reconcile_again_seconds": 1.0},
        "destination": [a_destination(practice)] if practice is not None else [],
    }
    for name, values in sections.items():
        document[name] = {**document.get(name, {}), **values} if isinstance(values, dict) else values
    return document


def a_destination(practice: Practice, name: str = "main") -> Json:
    return {
        "name": name,
        "region": practice.region,
        "base_url": practice.base_url,
        "options": {
            "dicom_host": "127.0.0.1",
            "dicom_port": practice.dicom_port,
            "dicom_ae_title": practice.ae_title,
            "demand_signature": False,
        },
        "secrets": {"sm4_key": SM4_KEY},
        "defaults": {},
    }


@dataclass(frozen=True, kw_only=True)
class Said:
    """One finished command: exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Agent:
    """One agent's home and its engine as a real child process (`run --headless`)."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.home = home_at(folder / "影像 home")
        self.home.make()
        self.port = free_port()
        self.output = folder / "agent.out"
        self.program: tuple[str, ...] = ("-m", "app")
        self._answers_file = folder / "answers.toml"
        self._child: subprocess.Popen[Any] | None = None

    # -- life

    def set_up(self, document: Json) -> Said:
        """`setup --answers`; the port of `document` is remembered."""
        self.port = int(document["dicom"]["port"])
        self._answers_file.write_text(tomli_w.dumps(document), encoding="utf-8")
        return self.cli("setup", "--answers", str(self._answers_file))

    def start(self, *, prefix: Iterable[str] = ()) -> Json:
        """Starts the engine and waits until it says that it works; its first line. `prefix` as `strace -f`."""
        assert self._child is None or self._child.poll() is not None, "it runs already"
        place = self.output.stat().st_size if self.output.exists() else 0
        words = [*self.program, "--home", str(self.home.root), "run", "--headless", "--json"]
        self._child = start_child(words, output=self.output, prefix=prefix)
        return _first_line(self._child, self.output, "engine_started", place)

    def kill(self) -> None:
        """kill -9: no code of ours runs any more."""
        if self._child is not None:
            kill_child(self._child)

    def restart(self) -> Json:
        self.kill()
        return self.start()

    def quit(self) -> None:
        """A proper end."""
        self.cli("quit")
        assert self._child is not None
        assert self._child.wait(_CHILD_ENDS_SECONDS) == 0

    def sleep(self) -> None:
        """The PC goes to sleep (POSIX only)."""
        assert self._child is not None and sys.platform != "win32"
        os.killpg(self._child.pid, signal.SIGSTOP)

    def wake(self) -> None:
        assert self._child is not None and sys.platform != "win32"
        os.killpg(self._child.pid, signal.SIGCONT)

    @property
    def runs(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    # -- asking

    def cli(self, *words: str, check: bool = True, seconds: float = 60.0) -> Said:
        """One command of the real command line with --json. With `check` it must end with 0."""
        said = subprocess.run(
            [sys.executable, "-m", "app", "--home", str(self.home.root), "--json", *words],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        found = Said(code=said.returncode, out=said.stdout.decode("utf-8"), err=said.stderr.decode("utf-8"))
        assert not check or found.code == 0, f"{words} ended with {found.code}: {found.err}{found.out}"
        return found

    @property
    def face(self) -> Face:
        """The running engine's face, much faster than `cli`."""
        face = connect(self.home)
        assert face is not None, "no engine runs: " + self.output.read_text("utf-8", "replace")[-2000:]
        return face

    def studies(self, **wish: Any) -> list[Json]:
        listed: list[Json] = self.face.studies(**wish)["studies"]
        return listed

    def study(self, uid: str) -> Json:
        return self.face.study(uid)

    def one_study(self) -> Json:
        """The only exam there is."""
        listed = self.studies()
        assert len(listed) == 1, [row["uid"] for row in listed]
        return listed[0]

    def wait_for(self, condition: Callable[[], T], *, seconds: float = 20.0, what: str = "", every: float = 0.05) -> T:
        """As `wait_for`; an engine that is away for the moment is asked again."""

        def patient() -> T | None:
            try:
                return condition()
            except AgentError:
                return None

        found = wait_for(patient, seconds=seconds, what=what, every=every)
        assert found is not None
        return found

    def wait_for_state(self, uid: str, *states: str, seconds: float = 30.0) -> Json:
        """The study once its state is one of `states`."""

        def there() -> Json | None:
            found = self.study(uid)
            return found if found["state"] in states else None

        try:
            found = self.wait_for(there, seconds=seconds, what=f"{uid} to be {states}")
        except AssertionError as error:
            jobs = [(job["part"], job["state"], job["trouble"]) for job in self.study(uid)["jobs"]]
            raise AssertionError(f"{error}; jobs {jobs}; problems {self.study(uid)['problems']}") from None
        assert found is not None
        return found

    def wait_until_complete(self, uid: str, seconds: float = 30.0) -> Json:
        return self.wait_for_state(uid, "to_fill", "ready", "check", seconds=seconds)

    def fill_and_submit(self, uid: str, filled: Json, pdf: Path | None) -> Json:
        """What the technician does with one complete study, over the quick face. Returns the submit's answer."""
        face = self.face
        form = face.fill(uid, filled["values"], filled["settlements"])
        if pdf is not None:
            form = face.attach(uid, str(pdf))
        assert form["ready"], (form["ready_why_not"], form["problems"])
        return face.submit(uid)

    def spool_files(self) -> list[Path]:
        return sorted(path for path in self.home.spool.rglob("*") if path.is_file())

    def parts(self) -> list[Path]:
        return sorted(self.home.parts.glob("*.part"))

    def log_text(self) -> str:
        """Everything that the engine has logged so far."""
        return "".join(path.read_text("utf-8", "replace") for path in sorted(self.home.logs.glob("*.log*")))


# -- the modality -----------------------------------------------------------------------------------------------------


class Modality:
    """Sends files to a port as a machine in the clinic does: DCMTK's `storescu` when it is here, else our own."""

    def __init__(self, port: int, called: str = AE_TITLE) -> None:
        self.port = port
        self._called = called
        self.program = shutil.which("storescu") or ""

    def send_folder(self, folder: Path, seconds: float = 120.0) -> None:
        """Everything in the folder over one association; every image must be answered with success."""
        paths = sorted(folder.rglob("*.dcm"))
        result = self.send(paths, seconds=seconds)
        assert len(result.stored) == len(paths), (len(result.stored), result.failed[:3], result.rejected)

    def send(self, paths: Iterable[Path], *, seconds: float = 120.0) -> SendResult:
        """One after the other until an answer is missing, by a process of its own; says which were acknowledged."""
        files = list(paths)
        if not self.program:
            return self._send_by_our_own(files, seconds)
        said = subprocess.run(
            [self.program, "-v", "-aec", self._called, "-aet", "MODALITY", "127.0.0.1", str(self.port)]
            + [str(file) for file in files],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
        )  # fmt: skip
        return _answers_of_storescu(files, said.stdout.decode("utf-8", "replace"))

    def _send_by_our_own(self, files: list[Path], seconds: float) -> SendResult:
        said = subprocess.run(
            [sys.executable, "-c", _OUR_OWN, str(self.port), self._called],
            cwd=ROOT,
            input=json.dumps([str(file) for file in files]),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=True,
        )
        found = json.loads(said.stdout)
        failed = tuple((key, status) for key, status in found["failed"])
        return SendResult(stored=tuple(found["stored"]), failed=failed, rejected=found["rejected"])

    def send_here(self, paths: Iterable[Path], calling: str = "MODALITY") -> SendResult:
        """By our own modality in this process; the engine must not go away meanwhile. Statuses are numbers."""
        return modality.send(paths, "127.0.0.1", self.port, called=self._called, calling=calling)


_OUR_OWN = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from app.practice.modality import send
paths = [Path(one) for one in json.load(sys.stdin)]
print(json.dumps(asdict(send(paths, "127.0.0.1", int(sys.argv[1]), called=sys.argv[2]))))
"""
_ANSWER = re.compile(r"^I: (?:Sending file: (?P<file>.*)|Received Store Response \((?P<status>.*)\))$", re.MULTILINE)


def _answers_of_storescu(files: list[Path], words: str) -> SendResult:
    """`-v` names each file before it is sent and each answer after it."""
    keys = {str(file): file for file in files}
    stored: list[str] = []
    failed: list[tuple[str, int]] = []
    file: Path | None = None
    for line in _ANSWER.finditer(words):
        if line["file"] is not None:
            file = keys[line["file"]]
        elif file is not None and line["status"].startswith(("Success", "Warning")):
            stored.append(sop_uid(file))
        elif file is not None:
            failed.append((sop_uid(file), modality.NO_ANSWER))
    return SendResult(stored=tuple(stored), failed=tuple(failed), rejected="" if file else words[-300:])


@cache
def sop_uid(path: Path) -> str:
    return str(dcmread(path, stop_before_pixels=True, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)


def study_uid(path: Path) -> str:
    return str(dcmread(path, stop_before_pixels=True, specific_tags=["StudyInstanceUID"]).StudyInstanceUID)


def data_set_sha256(file: bytes) -> str:
    """SHA-256 of a DICOM file after its group 0002 (PS3.10 7.1: (0002,0000) UL holds the group's length)."""
    assert file[128:132] == b"DICM" and file[132:136] == b"\x02\x00\x00\x00", "not a DICOM file"
    return hashlib.sha256(file[144 + int.from_bytes(file[140:144], "little") :]).hexdigest()


# -- what a technician enters -----------------------------------------------------------------------------------------

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ITEMS: dict[str, dict[str, str]] = {
    "ct": {"hospital_item_code": "CT001", "hospital_item_name": "胸部CT平扫", "mutual_item_code": "CT020072506"},
    "dr": {"hospital_item_code": "DR001", "hospital_item_name": "胸部正侧位", "mutual_item_code": "DR020062506"},
}


def an_id_number(patient: Patient, sequence: int = 1) -> str:
    """An invented resident number that agrees with the patient's birth date and sex (GB 11643)."""
    odd = sequence * 2 + (1 if patient.sex == "M" else 0)
    digits = f"140105{patient.birth}{odd:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True))
    return digits + "10X98765432"[total % 11]


def complete_fill(patient: Patient | None = None, *, kind: str = "ct", **changes: str) -> Json:
    """{"values", "settlements"}: all that DICOM does not say, so that the form is ready once it has a report PDF."""
    person = patient or Patient()
    now = datetime.now(CST).replace(microsecond=0)
    values = {
        "id_number": an_id_number(person),
        "phone": "13800138000",
        **_ITEMS[kind],
        "body_part_code": "BW23ZYZZZ",
        "diagnosis_category_code": "J18",
        "diagnosis_category_name": "肺炎",
        "diagnosis_code": "J18.900",
        "diagnosis_name": "肺炎",
        "exam_dept_name": "放射科",
        "exam_doctor_industry_code": "D140105000001",
        "exam_doctor_name": "王强",
        "apply_doctor_industry_code": "D140105000002",
        "recognition_mark": "晋HR",
        "charge_type": "07",
        "patient_source": "1",
        "outpatient_number": "M0001",
        "findings": "双肺纹理清晰，未见实变。",
        "conclusion": "未见明显异常。",
        "positive_mark": "2",
        "report_doctor_name": "李明",
        "audit_doctor_name": "刘慧",
        "reported_at": f"{now - timedelta(seconds=2):%Y-%m-%d %H:%M:%S}",
        "audited_at": f"{now - timedelta(seconds=1):%Y-%m-%d %H:%M:%S}",
        **changes,
    }
    settlement = {"settlement_id": "0" * 20, "fee_detail_number": "0" * 18, "catalogue_code": "002101000010000"}
    return {"values": values, "settlements": [settlement]}


def examined(minutes_ago: int = 30) -> datetime:
    """When the modality says that it made the images: China time without a zone, as DICOM has it."""
    return (datetime.now(CST) - timedelta(minutes=minutes_ago)).replace(tzinfo=None, microsecond=0)


def a_study(folder: Path, *, images: int = 3, size: int = 64, **more: Any) -> list[Path]:
    """Small invented images of one study, made half an hour ago."""
    return modality.make_study(folder, images=images, size=size, **{"when": examined(), **more})


def a_pdf(path: Path, patient: Patient | None = None) -> Path:
    """A report PDF of the practice kind."""
    return modality.make_report_pdf(
        path, patient=(patient or Patient()).name, findings="双肺纹理清晰，未见实变。", conclusion="未见明显异常。"
    )


def seeded(seed: int) -> random.Random:
    return random.Random(seed)
