"""The platform as a process: its first line, its end, its restart, its ports."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pynetdicom import AE

from .clinic import ROOT, PracticeProcess, an_exam


def test_the_first_line_names_both_ports_and_the_title(platform: PracticeProcess) -> None:
    assert set(platform.line) == {"practice", "base_url", "dicom_port", "ae_title"}
    assert (platform.line["practice"], platform.line["ae_title"]) == ("shanxi", "SXCLOUD")
    assert json.dumps(platform.line).startswith('{"practice"')


def test_a_restart_keeps_the_ledger(tmp_path: Path) -> None:
    first = PracticeProcess(tmp_path)
    first.exam(an_exam("KEEP"))
    first.exam(an_exam("KEEP", sex="8"))
    first.control("lose", exam="KEEP")
    before = first.ledger()
    assert first.stop() == 0
    second = PracticeProcess(tmp_path)
    after = second.ledger()
    assert {**before, "clock": ""} == {**after, "clock": ""}
    assert len(second.received()) == 2
    assert second.stop() == 0


def test_a_killed_platform_has_what_it_said_it_kept(tmp_path: Path) -> None:
    first = PracticeProcess(tmp_path)
    assert first.exam(an_exam("KILL"))["code"] == 1
    first.process.kill()
    first.process.wait(20)
    for stream in (first.process.stdin, first.process.stdout):
        assert stream is not None
        stream.close()
    second = PracticeProcess(tmp_path)
    assert second.kept("exam", "KILL")["version"] == 1
    assert second.stop() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="a signal cannot be sent to one process there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly_with_work_in_hand(tmp_path: Path, number: int) -> None:
    platform = PracticeProcess(tmp_path)
    platform.fault(where="exam", what="hang", seconds=60)
    waiting = http.client.HTTPConnection(platform.host, int(platform.port), timeout=20)
    waiting.request("POST", "/exam-sync", b"{}", {"Content-Type": "application/json"})
    entity = AE()
    entity.add_requested_context("1.2.840.10008.1.1")
    association = entity.associate(platform.host, platform.dicom_port)
    assert association.is_established
    started = time.monotonic()
    platform.process.send_signal(number)
    assert platform.process.wait(20) == 0
    assert time.monotonic() - started < 10
    waiting.close()
    association.abort()
    assert platform.stop() == 0


@pytest.mark.parametrize("option", ["--port", "--dicom-port"])
def test_a_port_in_use_ends_it_with_a_sentence(tmp_path: Path, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = {"--port": "0", "--dicom-port": "0", option: str(taken.getsockname()[1])}
        arguments = [one for pair in ports.items() for one in pair]
        command = [sys.executable, "-m", "app.practice", "shanxi", "--state", str(tmp_path), *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert "请换一个端口" in done.stderr.decode()


def test_the_command_line_sets_the_demands(tmp_path: Path) -> None:
    options = ["--no-signature", "--no-file-access", "--hospital-code", "H1", "--ae-title", "FRONT", "--strict-ae"]
    platform = PracticeProcess(tmp_path, *options, "--sm4-key", "00" * 16)
    shown = platform.ask("GET", "/practice/options").json
    assert platform.line["ae_title"] == "FRONT"
    assert "sm4_key" not in shown
    assert (shown["demand_signature"], shown["file_access"], shown["strict_ae"]) == (False, False, True)
    assert platform.exam(an_exam("OPTIONS"), key="00" * 16, hospital="H1")["code"] == 1
    assert platform.stop() == 0
