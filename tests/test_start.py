"""What a start loads: every library waits for its first use, and a command for the terminal needs no window."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.store import Store

HEAVY = ("PySide6", "numpy", "openpyxl", "sqlalchemy", "PIL", "gdcm", "pypdfium2", "pydicom", "pynetdicom", "requests")


def loaded_by(*words: str) -> set[str]:
    """Which of the heavy libraries a command has loaded when it is done."""
    code = (
        "import sys; from app.__main__ import main; code = main(sys.argv[1:]);"
        f"print('loaded', *[name for name in {HEAVY!r} if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("command", ["status", "studies"])
def test_a_command_that_only_reads_loads_no_heavy_library(tmp_path: Path, command: str) -> None:
    home = tmp_path / "home"
    Store(home / "agent.db").close()  # making the tables needs numpy, through sqlite-utils
    assert loaded_by("--home", str(home), command) == set()


def test_a_database_that_lacks_nothing_needs_no_migrations(tmp_path: Path) -> None:
    Store(tmp_path / "agent.db").close()
    code = f"import sys; from app.store import Store; Store(__import__('pathlib').Path({str(tmp_path / 'agent.db')!r}))"
    end = ".close(); print('sqlite_utils' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code + end], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr
