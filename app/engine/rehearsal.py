"""The rehearsal (演练): a practice platform, practice devices, HIS and reports beside a throw-away home.

Everything is real but the platform and the patients: the images come over the DICOM port, the platform is a process of
its own. What happens then is told in `rehearsal_story.py`.
"""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator

from app.catalogue.load import load_region
from app.delivery.stamps import CLIENT
from app.engine.face import Face, Json
from app.engine.rehearsal_platform import trusted
from app.engine.rehearsal_script import left_words, script_file, script_of, told_of
from app.engine.rehearsal_story import NO_WINDOW, Story, code_folder, program
from app.engine.settings import apply_answers
from app.errors import NeedsOperator
from app.regions.adapters import ADAPTERS
from app.system.paths import Home

SEVERAL = ","
"""Between the regions of a rehearsal of several destinations, as they are written in a command."""
_NOTE, _UNSIGNED, _PHONE = "演练", "演练 · 未要求电子签名", "演练 · 签名不用真手机"


class Rehearsal:
    """Opens in `home` (made anew); `scenes` plays the story on a running face and says what it does."""

    def __init__(self, home: Home, *, region: str = "", only_one: bool = False) -> None:
        """`region`: several with commas, then every exam goes to all of them, and the first one's story is told.
        `only_one`: the first exam of the script instead of all of them."""
        self._home = home
        self._regions = (region or rehearsed_regions()[0]).split(SEVERAL)
        self._scripts = [script_of(name) for name in self._regions]
        self._script = told_of(self._scripts)
        if only_one:
            del self._script["exam"][1:]
            self._script.pop("elsewhere", None)
        self._children: list[subprocess.Popen[str]] = []
        self._platforms: list[Json] = []

    @property
    def note(self) -> str:
        """What a window says of itself all the time."""
        if any(script["options"].get("demand_signature") is False for script in self._scripts):
            return _UNSIGNED
        return _PHONE if any("signing" in script for script in self._scripts) else _NOTE

    @property
    def phone(self) -> str:
        """Where a browser shows the doctor's phone once the platforms are open, "" when nobody signs here."""
        return next((str(at["phone"]) for at in self._platforms if at["phone"]), "")

    @property
    def left(self) -> str:
        """What the story leaves for a person."""
        return left_words(self._script, self.phone)

    def open(self) -> str:
        """Start the practice platforms and write the settings; returns the address of the first one's page."""
        for region, script in zip(self._regions, self._scripts, strict=True):
            self._platforms.append(self._start(region, script))
        self._script["folders"] = {"his": self._folder("HIS 导出"), "reports": self._folder("报告 PDF")}
        apply_answers(self._answers(), self._home)
        return str(self._platforms[0]["base_url"])

    def _start(self, region: str, script: Json) -> Json:
        """Where the platform of this region listens."""
        ports, state = ("--port", "0", "--dicom-port", "0"), self._home.root / "practice" / region
        child = self._child(region, *ports, *script.get("practice", ()), "--state", str(state))
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line:
            raise NeedsOperator("演练平台没有启动", "请再试一次；仍不行请重新安装程序")
        at: Json = json.loads(line)
        name = region if len(self._regions) > 1 else "main"
        phone = at["base_url"] + script["signing"]["phone"] if "signing" in script else ""
        return {**at, "name": name, "region": region, "title": load_region(region).title, "phone": phone}

    def _child(self, *words: str) -> subprocess.Popen[str]:
        """A practice program, which ends with us."""
        child = subprocess.Popen(
            [*program(), "practice", *words, "--until-stdin-closes"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=code_folder(),
            creationflags=NO_WINDOW,
        )
        self._children.append(child)
        return child

    def _stamper(self, at: Json, script: Json) -> Json:
        """Where the stamping client of the clinic's PC is found; nobody waits until it has started."""
        if not script.get("signing", {}).get("stamper"):
            return {}
        port = free_port()
        self._child("stamper", "--port", str(port), "--at", str(at["base_url"]))
        return {CLIENT: f"http://localhost:{port}{script['signing']['stamper']}"}

    def close(self) -> None:
        children, self._children = self._children, []
        for child in children:
            if child.stdin is not None:
                child.stdin.close()
        for child in children:
            try:
                child.wait(5.0)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            if child.stdout is not None:
                child.stdout.close()

    def scenes(self, face: Face) -> Iterator[str]:
        """The story on a running face, one sentence per step. Raises `NeedsOperator` when a step has no end."""
        return Story(face, self._script, self._platforms, self._home.root / "practice").scenes()

    def _roots(self) -> list[str]:
        """Files with the certificates of the platforms' test CAs."""
        return [
            trusted(at, script["signing"]["certificates"], self._home.root / "CA 证书" / f"{at['title']} 演练 CA.pem")
            for at, script in zip(self._platforms, self._scripts, strict=True)
            if "signing" in script
        ]

    def _folder(self, named: str) -> str:
        """A folder of the clinic's, beside what the program keeps."""
        folder = self._home.root / named
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)

    def _answers(self) -> Json:
        port = free_port()
        return {
            "clinic": self._script["clinic"],
            "intake": {"quiet_seconds": 2.0, "report_folder": self._script["folders"]["reports"]},
            "dicom": {"ae_title": "CLINIC_AGENT", "port": free_port(), "bind": "127.0.0.1"},
            "files": {"public_base_url": f"http://127.0.0.1:{port}", "bind": "127.0.0.1", "port": port},
            "secrets": {"store": "file"},
            "upload": {"reconcile_again_seconds": 2.0},
            "signing": {"staff": self._script["staff"], "roots": self._roots()},
            "his": {
                "folder": self._script["folders"]["his"],
                "columns": self._script["his"]["columns"],
                "match": self._script["his"]["match"],
            },
            "destination": [
                {
                    "name": at["name"],
                    "region": at["region"],
                    "base_url": at["base_url"],
                    "options": {**_dicom(at), "practice": True, **script["options"], **self._stamper(at, script)},
                    "secrets": script["secrets"],
                    "defaults": script["defaults"],
                }
                for at, script in zip(self._platforms, self._scripts, strict=True)
            ],
        }


def _dicom(at: Json) -> Json:
    """Where images are pushed to; a platform that fetches them has no DICOM port."""
    if not at["ae_title"]:
        return {}
    return {"dicom_host": "127.0.0.1", "dicom_port": at["dicom_port"], "dicom_ae_title": at["ae_title"]}


def can_rehearse(region: str) -> bool:
    return script_file(region).is_file()


def rehearsed_regions() -> list[str]:
    """The regions that have a rehearsal, in the order of the table of regions."""
    return [name for name in ADAPTERS if can_rehearse(name)]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
