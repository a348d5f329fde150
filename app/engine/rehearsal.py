"""The rehearsal (演练): a practice platform, practice devices, HIS and reports beside a throw-away home.

Everything is real but the platform and the patients: the images come over the DICOM port, the platform is a process of
its own. What happens then is told in `rehearsal_story.py`.
"""

from __future__ import annotations

import json
import socket
import subprocess
import tomllib
from collections.abc import Iterator
from typing import Any

from app.catalogue.resources import resources_dir
from app.engine.face import Face, Json
from app.engine.rehearsal_story import NO_WINDOW, Story, code_folder, program
from app.engine.settings import apply_answers
from app.errors import NeedsOperator
from app.regions.adapters import ADAPTERS
from app.system.paths import Home

NOTE = "演练 · 未要求电子签名"


class Rehearsal:
    """Opens in `home` (made anew); `scenes` plays the story on a running face and says what it does."""

    def __init__(self, home: Home, *, region: str = "", only_one: bool = False) -> None:
        """`only_one`: the first exam of the script instead of all of them."""
        self._home = home
        self._region = region or rehearsed_regions()[0]
        folder = resources_dir() / "regions" / self._region / "demo.toml"
        self._script: dict[str, Any] = tomllib.loads(folder.read_text(encoding="utf-8"))
        if only_one:
            del self._script["exam"][1:]
        self._platform: subprocess.Popen[str] | None = None
        self._at: Json = {}

    def open(self) -> str:
        """Start the practice platform and write the settings; returns the address of its page."""
        self._platform = subprocess.Popen(
            [
                *program(),
                "practice",
                self._region,
                *("--port", "0", "--dicom-port", "0", "--until-stdin-closes", *self._script.get("practice", ())),
                *("--state", str(self._home.root / "practice")),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=code_folder(),
            creationflags=NO_WINDOW,
        )
        assert self._platform.stdout is not None
        line = self._platform.stdout.readline()
        if not line:
            raise NeedsOperator("演练平台没有启动", "请再试一次；仍不行请重新安装程序")
        self._at = json.loads(line)
        self._script["folders"] = {"his": self._folder("HIS 导出"), "reports": self._folder("报告 PDF")}
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

    def scenes(self, face: Face) -> Iterator[str]:
        """The story on a running face, one sentence per step. Raises `NeedsOperator` when a step has no end."""
        return Story(face, self._script, self._at, self._home.root / "practice").scenes()

    def _folder(self, named: str) -> str:
        """A folder of the clinic's, beside what the program keeps."""
        folder = self._home.root / named
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)

    def _dicom(self) -> Json:
        """Where images are pushed to; a platform that fetches them has no DICOM port."""
        if not self._at["ae_title"]:
            return {}
        at = {"dicom_port": self._at["dicom_port"], "dicom_ae_title": self._at["ae_title"]}
        return {"dicom_host": "127.0.0.1", **at}

    def _answers(self) -> Json:
        port = _free_port()
        return {
            "clinic": self._script["clinic"],
            "intake": {"quiet_seconds": 2.0, "report_folder": self._script["folders"]["reports"]},
            "dicom": {"ae_title": "CLINIC_AGENT", "port": _free_port(), "bind": "127.0.0.1"},
            "files": {"public_base_url": f"http://127.0.0.1:{port}", "bind": "127.0.0.1", "port": port},
            "secrets": {"store": "file"},
            "upload": {"reconcile_again_seconds": 2.0},
            "signing": {"staff": self._script["staff"]},
            "his": {
                "folder": self._script["folders"]["his"],
                "columns": self._script["his"]["columns"],
                "match": self._script["his"]["match"],
            },
            "destination": [
                {
                    "name": "main",
                    "region": self._region,
                    "base_url": self._at["base_url"],
                    "options": {
                        **self._dicom(),
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


def rehearsed_regions() -> list[str]:
    """The regions that have a rehearsal, in the order of the table of regions."""
    return [name for name in ADAPTERS if can_rehearse(name)]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
