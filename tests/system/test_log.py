"""The log file keeps facts and loses people."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.system.log import masked, open_log
from app.system.paths import Home

LOGGER = logging.getLogger("app.system.test")
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "line, secret",
    [
        ("病人 11010519491231002X 的检查", "11010519491231002X"),
        ("old card 110105491231002.", "110105491231002"),
        ("index 01-110105194912310021-20261121-0", "110105194912310021"),
        ("call 13800138000 now", "13800138000"),
        ("ring 0351-1234567", "0351-1234567"),
        ("name=张三 age=40", "张三"),
        ('{"patientName": "李 四", "x": 1}', "李 四"),
        ("姓名：王小满，女", "王小满"),
        ("PatientName ZHANG^SAN=张^三", "张^三"),
        ("psn_name='WANG WU'", "WANG WU"),
        ("idCardNo=E12345678", "E12345678"),
        ("password: hunter2", "hunter2"),
        ("secureCode=abc&x=1", "abc"),
        ("Authorization: Bearer abc.def", "abc.def"),
        ('"sm4_key": "2a77be8ebc9c90cd25ccd1d31dce7a77"', "2a77be8ebc9c90cd25ccd1d31dce7a77"),
        ("密钥 2a77be8ebc9c90cd25ccd1d31dce7a77", "2a77be8ebc9c90cd25ccd1d31dce7a77"),
        ("data " + "Ab1/" * 30 + "==", "Ab1/" * 10),
        ("cert " + "Ab1/" * 16, "Ab1/" * 10),
    ],
)
def test_what_tells_a_person_or_a_key_is_masked(line: str, secret: str) -> None:
    assert secret not in masked(line)


@pytest.mark.parametrize(
    "line",
    [
        "study 1.2.840.113619.2.55.3.604688119.969.123456789012345 complete",
        "uid 1.2.826.0.1.3680043.8.498.13800138000.110105194912310021",
        "job 17 queued -> sending, 3 of 500 images, 2026-11-21 02:15:03",
        "sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "filename=report.pdf hostname=pacs-1",
        "accession CT20261121001 code 2013",
    ],
)
def test_what_an_engineer_needs_is_kept(line: str) -> None:
    assert masked(line) == line


def test_the_file_is_utf_8_masked_and_names_the_thread(home: Home) -> None:
    close = open_log(home)
    LOGGER.info("影像收到 patientName=%s", "张三")
    close()
    written = (home.logs / "agent.log").read_text(encoding="utf-8")
    assert "影像收到 patientName=***" in written
    assert "MainThread app.system.test" in written


@pytest.mark.warns
def test_a_traceback_is_masked_too(home: Home) -> None:
    close = open_log(home)
    try:
        raise ValueError("bad card 11010519491231002X")
    except ValueError:
        LOGGER.exception("cannot read")
    close()
    written = (home.logs / "agent.log").read_text(encoding="utf-8")
    assert "ValueError: bad card <证件号>" in written


def test_a_windowed_program_without_standard_error_logs_to_its_file(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    close = open_log(home, name="window", to_screen=True)
    LOGGER.info("started")
    close()
    assert "started" in (home.logs / "window.log").read_text(encoding="utf-8")


def test_a_full_file_is_put_aside_and_a_new_one_begun(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.system.log.FILE_BYTES", 300)
    close = open_log(home)
    for number in range(20):
        LOGGER.info("line %d", number)
    close()
    files = sorted(path.name for path in Path(home.logs).iterdir())
    assert "agent.log" in files
    assert "agent.log.1" in files
    assert "line 19" in (home.logs / "agent.log").read_text(encoding="utf-8")


def test_a_closed_log_leaves_nothing_behind(home: Home) -> None:
    before = list(logging.getLogger().handlers)
    open_log(home)()
    assert logging.getLogger().handlers == before


def test_a_long_line_is_masked_in_no_time() -> None:
    assert len(masked("a_" * 20_000)) < 100
    assert masked("字" * 20_000) == "字" * 20_000


def test_a_fault_below_python_leaves_where_every_thread_was(home: Home) -> None:
    words = "from pathlib import Path; from app.system.paths import Home; from app.system.log import keep_crashes; "
    words += "import faulthandler, sys; keep_crashes(Home(root=Path(sys.argv[1]))); faulthandler._sigsegv()"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONFAULTHANDLER"}
    died = subprocess.run([sys.executable, "-c", words, str(home.root)], env=environment, cwd=ROOT, check=False)
    assert died.returncode != 0
    told = (home.logs / "crash.log").read_text("utf-8")
    assert "Fatal Python error" in told or "Windows fatal exception" in told
    assert 'File "<string>", line 1 in <module>' in told
