"""The rehearsal (演练): a practice platform and a practice device beside a throw-away home, and the main job on them.

Everything is real but the platform and the patients: the images come over the DICOM port, the platform is a process of
its own.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from app.catalogue.resources import resources_dir
from app.domain.times import cst_text
from app.engine.face import Face, Json
from app.engine.settings import apply_answers
from app.errors import NeedsOperator
from app.system.autostart import own_command
from app.system.paths import Home
from app.wire.http_client import HttpClient

NOTE = "演练 · 未要求电子签名"
_WAIT_SECONDS = 60.0
_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)
_MOVING = ("receiving", "queued", "sending", "waiting")


class Rehearsal:
    """Opens in `home` (made anew); `scenes` does the main job on a running face and says what it does."""

    def __init__(self, home: Home, *, region: str = "", only_one: bool = False) -> None:
        """`only_one`: the first exam of the script instead of all of them."""
        self._home = home
        self._only_one = only_one
        self._region = region or _first_region()
        folder = resources_dir() / "regions" / self._region / "demo.toml"
        self._script: dict[str, Any] = tomllib.loads(folder.read_text(encoding="utf-8"))
        self._platform: subprocess.Popen[str] | None = None
        self._at: Json = {}

    def open(self) -> str:
        """Start the practice platform and write the settings; returns the address of its page."""
        self._platform = subprocess.Popen(
            [
                *_program(),
                "practice",
                self._region,
                *("--port", "0", "--dicom-port", "0", "--no-signature", "--until-stdin-closes"),
                *("--state", str(self._home.root / "practice")),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_code_folder(),
            creationflags=_NO_WINDOW,
        )
        assert self._platform.stdout is not None
        line = self._platform.stdout.readline()
        if not line:
            raise NeedsOperator("演练平台没有启动", "请再试一次；仍不行请重新安装程序")
        self._at = json.loads(line)
        apply_answers(self._answers(), self._home)
        return str(self._at["base_url"])

    def close(self) -> None:
        platform, self._platform = self._platform, None
        if platform is None:
            return
        if platform.stdin is not None:
            platform.stdin.close()
        try:
            platform.wait(5.0)
        except subprocess.TimeoutExpired:
            platform.kill()
            platform.wait()
        if platform.stdout is not None:
            platform.stdout.close()

    def scenes(self, face: Face, *, leave_one: bool) -> Iterator[str]:
        """The main job, one sentence per step. `leave_one`: the last exam is left for the person to finish.

        Raises `NeedsOperator` when a step does not come to its end.
        """
        yield f"演练平台已打开：{self._at['base_url']}（DICOM 端口 {self._at['dicom_port']}）"
        done: list[str] = []
        for exam in self._script["exam"][: 1 if self._only_one else None]:
            if not exam["done"] and not leave_one:
                continue
            uid = yield from self._receive(face, exam)
            yield from self._fill(face, uid, exam)
            if exam["done"]:
                yield from self._deliver(face, uid, exam)
                done.append(uid)
        yield from self._reconcile(face, done)
        yield self._ledger()

    def _receive(self, face: Face, exam: Json) -> Generator[str, None, str]:
        before = {row["exam_key"] for row in face.studies(limit=1000)["studies"]}
        status = face.status()["dicom"]
        sent = subprocess.run(
            [*_program(), "practice", "modality", *self._modality_words(exam, status)],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_WAIT_SECONDS,
            cwd=_code_folder(),
            creationflags=_NO_WINDOW,
        )
        if sent.returncode != 0:
            raise NeedsOperator("演练设备没有把影像传过来", "请再试一次", details=sent.stderr[-500:])
        yield f"演练设备传来 {exam['images']} 张 {exam['kind'].upper()}（DICOM 端口 {status['port']}）"
        new = _until(lambda: [row for row in face.studies(limit=1000)["studies"] if row["exam_key"] not in before])
        uid = str(new[0]["exam_key"])
        _until(lambda: face.form(uid)["state"] not in _MOVING)
        yield f"影像收齐，检查号 {face.form(uid)['accession_number']}"
        return uid

    def _modality_words(self, exam: Json, status: Json) -> list[str]:
        words = ["--to", f"127.0.0.1:{status['port']}", "--aet", status["ae_title"], "--kind", exam["kind"]]
        words += ["--images", str(exam["images"]), "--patient-name", exam["patient_name"], "--sex", exam["sex"]]
        words += ["--patient-id", exam["patient_id"], "--birth", exam["birth"], "--charset", exam["charset"]]
        return words + (["--accession", exam["accession"]] if exam["accession"] else ["--no-accession"])

    def _fill(self, face: Face, uid: str, exam: Json) -> Iterator[str]:
        missing = face.form(uid)["problem_count"]
        settlements = exam.get("settlements", [])
        now = cst_text(datetime.now().astimezone())
        times = {"reported_at": now, "audited_at": now}
        form = face.fill(uid, {**exam["values"], **times}, settlements=settlements)
        face.attach(uid, str(resources_dir() / "demo" / exam["pdf"]))
        left = face.form(uid)["problem_count"]
        yield f"填报：原来缺 {missing} 项，填好并附上报告 PDF 后还缺 {left} 项"
        if exam["done"] and left:
            named = "、".join(problem["label"] for problem in form["problems"])
            raise NeedsOperator("演练的检查没有填齐", f"还缺：{named}")

    def _deliver(self, face: Face, uid: str, exam: Json) -> Iterator[str]:
        jobs = face.submit(uid)["jobs"]
        yield f"提交上传：{jobs} 个任务（检查记录、检查报告、影像）"
        _until(lambda: face.form(uid)["state"] not in _MOVING)
        study = face.study(uid)
        if study["state"] != "acknowledged":
            raise NeedsOperator("演练平台没有全部接收", f"现在是：{study['state_words']}")
        images = sum(job["done"] for job in study["jobs"] if job["part"] == "images")
        yield f"平台已接收：记录和报告各 1 份，影像 {images} 张"

    def _reconcile(self, face: Face, uids: list[str]) -> Iterator[str]:
        rows = face.studies(limit=1000)["studies"]
        days = sorted({row["exam_day"] for row in rows if row["exam_key"] in uids})
        for day in days:
            for destination in face.reconcile(day)["destinations"]:
                yield f"对账 {day}：{destination['state_words']}，{destination['agreed']} 例双方一致"

    def _ledger(self) -> str:
        reply = HttpClient(name="演练平台").send("GET", f"{self._at['base_url']}/practice/ledger?fields=0")
        counts = json.loads(reply.body)["counts"]
        kinds = (("exam", "检查"), ("report", "报告"), ("image", "影像"))
        told = "，".join(
            f"{words} 收到 {counts.get(kind, {}).get('received', 0)} 存下 {counts.get(kind, {}).get('kept', 0)}"
            for kind, words in kinds
        )
        return f"演练平台的账本：{told}"

    def _answers(self) -> Json:
        return {
            "clinic": self._script["clinic"],
            "intake": {"quiet_seconds": 2.0},
            "dicom": {"ae_title": "CLINIC_AGENT", "port": _free_port(), "bind": "127.0.0.1"},
            "secrets": {"store": "file"},
            "upload": {"reconcile_again_seconds": 5.0},
            "destination": [
                {
                    "name": "main",
                    "region": self._region,
                    "base_url": self._at["base_url"],
                    "options": {
                        "dicom_host": "127.0.0.1",
                        "dicom_port": self._at["dicom_port"],
                        "dicom_ae_title": self._at["ae_title"],
                        "practice": True,
                        **self._script["options"],
                    },
                    "secrets": self._script["secrets"],
                    "defaults": self._script["defaults"],
                }
            ],
        }


def can_rehearse(region: str) -> bool:
    return (resources_dir() / "regions" / region / "demo.toml").is_file()


def _program() -> tuple[str, ...]:
    """The program with a console to speak to: a frozen one has it under a name of its own, beside the windowed one."""
    if getattr(sys, "frozen", False):
        console = Path(sys.executable).with_name("imaging-agent-cli" + Path(sys.executable).suffix)
        return (str(console),) if console.exists() else own_command()
    return (sys.executable, "-m", "app")


def _first_region() -> str:
    """The first region that has a rehearsal."""
    found = sorted(path.parent.name for path in (resources_dir() / "regions").glob("*/demo.toml"))
    return found[0]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _code_folder() -> Path | None:
    """Where `-m app` finds the program; a frozen one needs no folder."""
    return None if getattr(sys, "frozen", False) else Path(__file__).resolve().parents[2]


def _until(done: Callable[[], Any]) -> Any:
    """Look again until there is something; raises `NeedsOperator` after a minute."""
    end = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < end:
        found = done()
        if found:
            return found
        time.sleep(0.2)
    raise NeedsOperator("演练停在半路了", "请再试一次；仍不行请把日志发给工程师")
