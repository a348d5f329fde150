"""The program as a process: who runs a home, how it stops, and what is left when it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.system.paths import Home

PROGRAM = [sys.executable, "-m", "app"]
ROOT = Path(__file__).resolve().parents[2]
ON_WINDOWS = sys.platform == "win32"


def environment(**more: str) -> dict[str, str]:
    quiet = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    quiet.pop("QT_QPA_PLATFORM", None)
    return quiet | {"PYTHONUTF8": "1"} | more


def ask(home: Home, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, "--home", str(home.root), *words],
        cwd=ROOT,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=90,
    )


class Running:
    """`run --headless --json` in a process of its own."""

    def __init__(self, home: Home) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, "--home", str(home.root), "run", "--headless", "--json"],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self.started = self.next_event()

    def next_event(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read() if self.process.stderr else ""
        return dict(json.loads(line))

    def ask_to_stop(self, kind: str) -> float:
        """Seconds it took."""
        began = time.monotonic()
        self.process.send_signal(getattr(signal, kind))
        self.process.wait(20)
        return time.monotonic() - began

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def settled(home: Home, tmp_path: Path, free_port: int) -> Home:
    """A home that was set up, with its own DICOM port."""
    file = tmp_path / "answers.toml"
    file.write_text(
        f'[clinic]\nname = "演示诊所"\n[dicom]\nbind = "127.0.0.1"\nport = {free_port}\n[secrets]\nstore = "file"\n',
        encoding="utf-8",
    )
    done = ask(home, "setup", "--answers", str(file), "--delete-answers")
    assert (done.returncode, file.exists()) == (0, False), done.stderr
    return home


@pytest.fixture
def running(settled: Home) -> Iterator[Running]:
    running = Running(settled)
    yield running
    running.close()


def test_a_command_opens_the_home_itself_when_nothing_runs(settled: Home) -> None:
    done = ask(settled, "status", "--json")
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert value["clinic"]["name"] == "演示诊所"
    assert value["dicom"]["listening"] is False
    assert ask(settled, "quit").returncode == 0


def test_a_command_asks_the_engine_that_runs(running: Running, settled: Home) -> None:
    assert running.started["event"] == "engine_started"
    value = json.loads(ask(settled, "status", "--json").stdout)
    assert value["dicom"]["listening"] is True
    assert ask(settled, "pause", "--minutes", "5").returncode == 0
    assert running.next_event()["event"] == "paused"


def test_a_second_engine_says_who_runs(running: Running, settled: Home) -> None:
    second = ask(settled, "run", "--headless")
    assert second.returncode == 1
    assert str(running.process.pid) in second.stderr
    assert "已经在运行" in second.stderr


def test_quit_waits_for_the_end(running: Running, settled: Home) -> None:
    done = ask(settled, "--json", "quit")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"was_running": True})
    assert running.process.wait(5) == 0
    assert running.next_event()["event"] == "engine_stopped"


@pytest.mark.skipif(ON_WINDOWS, reason="Windows: ctrl-break, below")
@pytest.mark.parametrize("kind", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_within_five_seconds(running: Running, kind: str) -> None:
    assert running.ask_to_stop(kind) < 5
    assert running.process.returncode == 0
    assert running.next_event()["event"] == "engine_stopped"


@pytest.mark.skipif(not ON_WINDOWS, reason="a Windows signal")
def test_ctrl_break_ends_it_within_five_seconds(running: Running) -> None:
    assert running.ask_to_stop("CTRL_BREAK_EVENT") < 5
    assert running.process.returncode == 0


def test_a_killed_engine_does_not_hinder_the_next(running: Running, settled: Home) -> None:
    running.process.kill()
    running.process.wait(10)
    assert ask(settled, "status").returncode == 0
    again = Running(settled)
    try:
        assert again.started["dicom_listening"] is True
        assert json.loads(ask(settled, "status", "--json").stdout)["dicom"]["listening"] is True
    finally:
        again.close()


def test_two_commands_at_once_wait_for_one_another(settled: Home) -> None:
    both = [
        subprocess.Popen(
            [*PROGRAM, "--home", str(settled.root), "status"], cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL
        )
        for _ in range(2)
    ]
    assert [each.wait(60) for each in both] == [0, 0]


def test_an_error_is_json_when_json_was_asked_for(settled: Home) -> None:
    done = ask(settled, "--json", "study", "nothing")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["title"]
    assert done.stderr.strip()


def test_a_broken_settings_file_is_named_not_overwritten(settled: Home) -> None:
    settled.settings_file.write_text('[dicom]\nport = "x"\n', encoding="utf-8")
    done = ask(settled, "status")
    assert done.returncode == 1
    assert "dicom.port" in done.stderr
    assert "x" in settled.settings_file.read_text(encoding="utf-8")


def test_a_console_that_knows_no_chinese_is_survived(settled: Home) -> None:
    done = ask(settled, "status", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "?" in done.stdout


@pytest.mark.skipif(ON_WINDOWS or sys.platform == "darwin", reason="there is always a screen")
def test_without_a_screen_the_window_says_what_to_do_instead(settled: Home) -> None:
    done = ask(settled)
    assert (done.returncode, done.stdout) == (1, "")
    assert "run --headless" in done.stderr


def test_practice_starts_without_the_engine() -> None:
    seen = (
        "import sys; from app.__main__ import main\n"
        "try: main(['practice', '--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name in ('app.engine.engine', 'app.store', 'app.gui')])"
    )
    done = subprocess.run([sys.executable, "-c", seen], cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_importing_the_program_starts_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import app.__main__, sys; print('PySide6' in sys.modules)"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.stdout == "False\n", done.stderr
