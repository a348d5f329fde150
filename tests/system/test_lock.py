"""One engine per home, also across processes and after a crash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.system.lock import AlreadyRunning, hold_home
from app.system.paths import Home

HOLDER = """
import sys, pathlib
from app.system.lock import hold_home
from app.system.paths import Home
lock = hold_home(Home(root=pathlib.Path(sys.argv[1])))
print("held", flush=True)
sys.stdin.read()
"""


def test_the_second_engine_of_a_home_is_turned_away_until_the_first_lets_go(home: Home) -> None:
    with hold_home(home), pytest.raises(AlreadyRunning, match="已经在运行"):
        hold_home(home)
    hold_home(home).release()


def test_another_home_is_free(home: Home, tmp_path: Path) -> None:
    with hold_home(home), hold_home(Home(root=tmp_path / "other").make()):
        pass


def test_a_killed_engine_leaves_no_lock(home: Home) -> None:
    command = [sys.executable, "-c", HOLDER, str(home.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        with pytest.raises(AlreadyRunning):
            hold_home(home)
        holder.kill()
        holder.wait(30)
    hold_home(home).release()
