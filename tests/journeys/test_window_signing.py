"""The demo demands signatures: a report is signed from the screen, another from the terminal; the platform has both."""

from __future__ import annotations

import urllib.request
from pathlib import Path

from app.engine.reach import connect
from app.system.paths import Home

from .phone import code_of, code_on, scan
from .screen import Program, Screen
from .world import kill_child, start_child, wait_for

PATIENT, ACCESSION = "孙玉梅", "DR20260001"
"""Whose report the demo leaves for a person to have signed."""
OTHER = "CT20260014"
MISSING = {"phone": "13800138005", "mutual_item_code": "CT020022506", "body_part_code": "BW23ZYZZZ"}
"""What the demo leaves for a person to fill in of it."""


def test_reports_of_the_demo_are_signed_from_the_screen_and_from_the_terminal(screen: Screen, tmp_path: Path) -> None:
    home = Home(root=tmp_path / "demo").make()
    with Program(screen, home.root, "demo") as program:
        said = lambda: program.output.read_text("utf-8", "replace")  # noqa: E731
        program.wait_for_window("影像云上传助手", seconds=60)
        program.wait(
            lambda: f"留给您签名：{PATIENT}" in said(), seconds=120, what="the part of the story with signatures"
        )
        assert program.find("演练 · 签名不用真手机") and program.find("医生的手机", kind="button")

        screen.key("ctrl+5")
        program.click(PATIENT, kind="row")
        code = program.wait(lambda: code_on(screen.shot("code")), what="a code that a phone can read from the screen")
        assert ACCESSION in scan(code)["text"], "the phone shows what goes to be signed"
        program.wait(
            lambda: [one for one in program.things(PATIENT, "row") if "平台已接收" in one["text"]],
            seconds=40,
            what="the report below 今天已签, taken by the platform",
        )

        face = connect(home)
        assert face is not None
        assert face.study(ACCESSION)["state"] == "acknowledged"
        assert all(check["ok"] for check in face.signature(ACCESSION)["checks"]), face.signature(ACCESSION)
        assert face.fill(OTHER, MISSING)["problem_count"] == 0
        with urllib.request.urlopen(urllib.request.Request(face.stamp(OTHER)["url"], b""), timeout=30) as page:
            assert "已盖章" in page.read().decode(), "the demo has a stamping client"
        assert face.stamping(OTHER)["state"] == "stamped"
        face.submit(OTHER)
        printed = tmp_path / "sign.out"
        terminal = start_child(["-m", "app", "--home", str(home.root), "sign", OTHER], output=printed)
        try:
            program.wait(lambda: "全文摘要" in printed.read_text("utf-8"), what="a code in the terminal")
            assert OTHER in scan(code_of(printed.read_text("utf-8").splitlines()))["text"]
            assert terminal.wait(40) == 0, printed.read_text("utf-8")
        finally:
            kill_child(terminal)
        assert "已签名" in printed.read_text("utf-8").partition("全文摘要")[2]
        wait_for(lambda: face.study(OTHER)["state"] == "acknowledged", what="the platform's receipt")
