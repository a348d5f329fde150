"""One command from a clone to a running program, here with a small project in place of ours."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from installer import bootstrap

# A project that needs nothing from any index: its build backend is a file beside it.
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "small"
version = "1"
dependencies = []
"""
BACKEND = """
import zipfile, pathlib
def build_editable(folder, config_settings=None, metadata_directory=None):
    name, info = "small-1-py3-none-any.whl", "small-1.dist-info/"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        wheel.writestr("small.py", "import sys\\ndef main():\\n    print('agent', sys.argv[1:])\\n    return 7\\n")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: small\\nVersion: 1\\nProvides-Extra: test\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "entry_points.txt", "[console_scripts]\\nimaging-agent = small:main\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "影像 云"
    (folder / "installer").mkdir(parents=True)
    shutil.copy(bootstrap.__file__, folder / "installer" / "bootstrap.py")
    (folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (folder / "backend.py").write_text(BACKEND, encoding="utf-8")
    return folder


def run_bootstrap(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """From another folder and, on Linux, without any right to install packages."""
    # without the bin folders of PATH there is no apt-get, whoever runs this test
    path = os.pathsep.join(folder for folder in os.environ["PATH"].split(os.pathsep) if "bin" not in folder)
    return subprocess.run(
        [sys.executable, str(clone / "installer" / "bootstrap.py"), *words],
        cwd=clone.parent,
        env={**os.environ, "PATH": path, "PIP_NO_INDEX": "1", "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )


@pytest.fixture
def no_apt(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Collects the commands that would have run, and answers each with success."""
    seen: list[tuple[str, ...]] = []

    def record(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        seen.append(tuple(command))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(bootstrap.subprocess, "run", record)
    return seen


def test_the_words_and_the_exit_code_pass_through_and_the_second_run_installs_nothing(clone: Path) -> None:
    first = run_bootstrap(clone, "demo", "--home", "a b")
    assert "agent ['demo', '--home', 'a b']" in first.stdout
    assert first.returncode == 7
    started = time.monotonic()
    second = run_bootstrap(clone)
    assert "正在安装本程序" in first.stdout
    assert "正在安装本程序" not in second.stdout
    assert second.stdout.endswith("agent []\n")
    assert time.monotonic() - started < 10

    with (clone / "pyproject.toml").open("a", encoding="utf-8") as pyproject:
        pyproject.write("# changed\n")
    assert "正在安装本程序" in run_bootstrap(clone).stdout

    moved = clone.rename(clone.with_name("搬家 后"))
    assert "agent ['status']" in run_bootstrap(moved, "status").stdout


def test_a_failed_installation_says_what_to_do_and_is_tried_again(clone: Path) -> None:
    backend = clone / "backend.py"
    working = backend.read_text(encoding="utf-8")
    backend.write_text("raise SystemExit(1)", encoding="utf-8")
    broken = run_bootstrap(clone, "demo")
    assert broken.returncode == 1
    assert "通了再运行一次" in broken.stdout
    backend.write_text(working, encoding="utf-8")
    assert "agent ['demo']" in run_bootstrap(clone, "demo").stdout


def test_an_old_python_is_told_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 10, 1))
    assert bootstrap.main(["demo"]) == 1
    assert "3.11" in capsys.readouterr().out


def test_without_root_the_exact_line_is_printed_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], no_apt: list[tuple[str, ...]]
) -> None:
    monkeypatch.setattr(bootstrap, "can_install", lambda: False)
    bootstrap.install_packages(["libegl1", "fonts-wqy-microhei"])
    assert "sudo apt-get install -y --no-install-recommends libegl1 fonts-wqy-microhei" in capsys.readouterr().out
    assert no_apt == []


def test_root_installs_only_what_is_missing_and_starts_no_service(
    monkeypatch: pytest.MonkeyPatch, no_apt: list[tuple[str, ...]]
) -> None:
    monkeypatch.setattr(bootstrap, "can_install", lambda: True)
    monkeypatch.setattr(bootstrap, "library_loads", lambda name: name != "libEGL.so.1")
    monkeypatch.setattr(bootstrap, "has_chinese_font", lambda: True)
    lacking = ("Orthanc", "mariadbd", "/usr/lib/postgresql/*/bin/postgres")
    monkeypatch.setattr(bootstrap, "has_program", lambda name: name not in lacking)
    held: list[bool] = []
    monkeypatch.setattr(bootstrap, "services_held_back", lambda: _Noted(held))
    missing = bootstrap.missing_packages(testing=True)
    bootstrap.install_packages(missing)
    assert missing == ["libegl1", "orthanc", "mariadb-server", "postgresql"]
    assert no_apt[0][0] == "apt-get"
    assert no_apt[0][-4:] == tuple(missing)
    switched_off = {word for line in no_apt[1:] if "disable" in line for word in line}
    assert {"orthanc", "mariadb", "postgresql"} <= switched_off
    assert held == [True]


def test_a_program_in_a_folder_named_by_its_version_is_found(tmp_path: Path) -> None:
    program = tmp_path / "15" / "bin" / "postgres"
    pattern = str(tmp_path / "*" / "bin" / "postgres")
    assert not bootstrap.has_program(pattern)
    program.parent.mkdir(parents=True)
    program.touch()
    assert bootstrap.has_program(pattern)


class _Noted:
    """A context manager that notes that it was used."""

    def __init__(self, held: list[bool]) -> None:
        self.held = held

    def __enter__(self) -> None:
        self.held.append(True)

    def __exit__(self, *_: object) -> None:
        return


def test_a_run_without_tests_asks_for_no_test_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "library_loads", lambda name: True)
    monkeypatch.setattr(bootstrap, "has_chinese_font", lambda: False)
    monkeypatch.setattr(bootstrap, "has_program", lambda name: False)
    assert bootstrap.missing_packages(testing=False) == ["fonts-wqy-microhei"]


def test_a_python_without_venv_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "venv_works", lambda: False)
    monkeypatch.setattr(bootstrap, "has_venv_module", lambda: False)
    monkeypatch.setattr(bootstrap, "can_install", lambda: False)
    with pytest.raises(bootstrap.CannotGoOn, match=r"apt-get install .*python3-venv"):
        bootstrap.make_venv()


def test_every_check_runs_and_one_failure_fails_the_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        seen.append(command[2])
        return subprocess.CompletedProcess(command, int(command[2] == "mypy"))

    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    assert bootstrap.run_tests(["-k", "x"]) == 1
    assert seen == ["ruff", "ruff", "mypy", "compileall", "pytest"]
    assert "没有通过：类型检查" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("first", "alone", "ends_with", "runs"), [(0, 9, 0, 1), (1, 0, 0, 2), (1, 1, 1, 2), (2, 0, 2, 1)]
)
def test_what_failed_beside_others_is_run_once_more_alone(
    monkeypatch: pytest.MonkeyPatch, first: int, alone: int, ends_with: int, runs: int
) -> None:
    seen: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        if command[2] == "pytest":
            seen.append(command[3:])
        codes = [0, first, alone]
        return subprocess.CompletedProcess(command, codes[len(seen)] if command[2] == "pytest" else 0)

    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    assert bootstrap.run_tests([]) == ends_with
    assert seen == [list(bootstrap.SIDE_BY_SIDE), list(bootstrap.ONCE_MORE)][:runs]


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_the_build_machines_script_runs_the_readmes_command() -> None:
    script = bootstrap.ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert "python3 installer/bootstrap.py test" in script.read_text(encoding="utf-8")
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
