"""From a clone to a running program, or to its tests, in one command. Standard library only; names no download host.

python3 installer/bootstrap.py demo          演练：不连真实平台，看一遍全过程
python3 installer/bootstrap.py               托盘程序
python3 installer/bootstrap.py test          全部检查
python3 installer/bootstrap.py 其他命令 …     原样交给 imaging-agent
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "bootstrap-stamp.txt"
WINDOWS = sys.platform == "win32"
LINUX = sys.platform.startswith("linux")
OLDEST_PYTHON = (3, 11)

# What Qt loads on Linux, by the file that it looks for.
QT_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
}
CHINESE_FONT = "fonts-wqy-microhei"
CHINESE_FONT_FILES = ("*wqy*", "*CJK*", "*uming*", "*ukai*", "*DroidSansFallback*", "*SourceHan*")

# What only the tests use, by the program that they call; a path with a * is looked for as it stands.
TEST_TOOLS = {
    "storescu": "dcmtk",
    "Orthanc": "orthanc",
    "Xvfb": "xvfb",
    "openbox": "openbox",
    "trayer": "trayer",
    "xdotool": "xdotool",
    "import": "imagemagick",
    "pdftoppm": "poppler-utils",
    "curl": "curl",
    "strace": "strace",
    "mariadbd": "mariadb-server",
    "/usr/lib/postgresql/*/bin/postgres": "postgresql",
}
SERVICES = {"orthanc": "orthanc", "mariadb-server": "mariadb", "postgresql": "postgresql"}
CHECKS = (
    ("代码格式", ("-m", "ruff", "format", "--check", ".")),
    ("代码检查", ("-m", "ruff", "check", ".")),
    ("类型检查", ("-m", "mypy")),
)
SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile")
"""All tests, two files at a time: most of them wait for processes, disks and clocks."""
SOME_FAILED = 1
ONCE_MORE = ("--last-failed", "--last-failed-no-failures", "none", "--exitfirst")
"""What failed beside others, alone: a fault fails again, a deadline missed on a busy machine does not."""


class CannotGoOn(Exception):
    """What is missing and what the person does about it."""


def main(words: list[str]) -> int:
    """Prepares the machine once, then runs what `words` ask for; returns its exit code."""
    if sys.version_info < OLDEST_PYTHON:
        say(f"需要 Python 3.11 或更新的版本，现在是 {sys.version.split()[0]}。请先安装新版 Python，再运行一次")
        return 1
    testing = words[:1] == ["test"]
    try:
        prepare(testing=testing)
    except CannotGoOn as error:
        say(str(error))
        return 1
    if testing:
        return run_tests(words[1:])
    return run_agent(words)


def prepare(*, testing: bool) -> None:
    """System libraries, `.venv` and the project in it; seconds when everything is there."""
    if LINUX:
        install_packages(missing_packages(testing=testing))
    make_venv()
    install_project(extra="[test]" if testing else "")


def missing_packages(*, testing: bool) -> list[str]:
    """Debian's names of what this machine lacks."""
    missing = [package for library, package in QT_LIBRARIES.items() if not library_loads(library)]
    if not has_chinese_font():
        missing.append(CHINESE_FONT)
    if testing:
        missing += [package for program, package in TEST_TOOLS.items() if not has_program(program)]
    return missing


def install_packages(packages: list[str]) -> None:
    """Installs by apt-get as root; otherwise says the exact line and goes on without."""
    if not packages:
        return
    if not can_install():
        say("这台电脑还缺下面这些系统软件，窗口或部分测试可能用不了。请让管理员运行这一行，再运行一次：")
        say(f"    {apt_line(packages)}")
        return
    say(f"正在安装系统软件：{' '.join(packages)}")
    with services_held_back():
        installed = apt_install(packages)
    for package in packages:
        if package in SERVICES:
            switch_off(SERVICES[package])
    if not installed:
        say(f"系统软件没有装全，先接着往下走。以后可以自己运行：{apt_line(packages)}")


def apt_install(packages: list[str]) -> bool:
    """Whether apt-get installed them; the package lists are fetched only when the first attempt fails."""

    def run(*words: str) -> bool:
        command = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0", *words]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode == 0

    install = ("install", "-y", "--no-install-recommends", *packages)
    if run(*install):
        return True
    run("update")
    return run(*install)


@contextlib.contextmanager
def services_held_back() -> Iterator[None]:
    """No package starts a service while it is being installed (Debian's policy-rc.d); one that is there is kept."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def switch_off(service: str) -> None:
    """The package's own service would start at the next boot and hold its ports; the tests start their own."""
    command = ["update-rc.d", service, "disable"]
    if Path("/run/systemd/system").exists():
        command = ["systemctl", "disable", "--now", service]
    if has_program(command[0]):
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def make_venv() -> None:
    """`.venv` with a Python that runs; a broken one (the clone was moved, Python was removed) is made anew."""
    if venv_works():
        return
    if not has_venv_module():
        need_venv_package()
    say(f"正在建立运行环境：{VENV}")
    STAMP.unlink(missing_ok=True)
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=False).returncode:
        raise CannotGoOn(f"运行环境没有建成。请删除文件夹 {VENV}，再运行一次")


def need_venv_package() -> None:
    """Debian keeps venv in a package of its own."""
    if can_install() and apt_install(["python3-venv"]):
        return
    raise CannotGoOn(
        f"这台电脑的 Python 不能建立运行环境。请让管理员运行这一行，再运行一次：\n    {apt_line(['python3-venv'])}"
    )


def install_project(*, extra: str) -> None:
    """`pip install -e .` with this machine's pip settings, unless the stamp says that nothing changed."""
    wanted = stamp()
    known = STAMP.read_text(encoding="utf-8").split() if STAMP.exists() else []
    if known[:1] == [wanted] and (not extra or extra in known):
        return
    say("正在安装本程序和它用到的库，第一次要几分钟")
    STAMP.unlink(missing_ok=True)
    command = [str(venv_program("python")), "-m", "pip", "install", "--quiet", "-e", f".{extra}"]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise CannotGoOn("库没有装成。请看上面 pip 的最后几行；多半是网络或 pip 的源不通，通了再运行一次")
    STAMP.write_text(f"{wanted} {extra}\n", encoding="utf-8")


def run_tests(words: list[str]) -> int:
    """Format, lint, types, then pytest with `words`; 0 when all passed. pytest's closing line comes last."""
    python = str(venv_program("python"))
    failed = []
    for name, command in CHECKS:
        say(f"{name}：{' '.join(command[1:])}")
        if subprocess.run([python, *command], cwd=ROOT, check=False).returncode:
            failed.append(name)
    # once, instead of in each process that a test starts: Python may be told to keep nothing of what it compiles
    compiled = [python, "-m", "compileall", "-q", "app", "tests"]
    subprocess.run(compiled, cwd=ROOT, check=False)
    pytest = ["pytest", *(words or SIDE_BY_SIDE)]
    say(f"测试：{' '.join(pytest)}")
    sys.stdout.flush()
    tests = subprocess.run([python, "-m", *pytest], cwd=ROOT, check=False).returncode
    if tests == SOME_FAILED and not words:
        say("没有通过的再单独跑一次：两个文件同时跑，慢的机器会误了时限。两次的结果都在这里")
        sys.stdout.flush()
        tests = subprocess.run([python, "-m", "pytest", *ONCE_MORE], cwd=ROOT, check=False).returncode
    if failed:
        say(f"没有通过：{'、'.join(failed)}")
    return tests or len(failed)


def run_agent(words: list[str]) -> int:
    """Becomes `imaging-agent WORDS`; on Windows, which cannot replace a process, waits for it."""
    command = [str(venv_program("imaging-agent")), *words]
    sys.stdout.flush()
    if not WINDOWS:
        os.execv(command[0], command)
    with subprocess.Popen(command) as agent:
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # the agent gets Ctrl+C as well and ends by itself
                return agent.wait()


def stamp() -> str:
    """Changes with the list of dependencies, the place of the clone and the Python."""
    parts = ((ROOT / "pyproject.toml").read_bytes(), str(ROOT).encode(), sys.version.encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def venv_program(name: str) -> Path:
    """The path of a program inside `.venv`."""
    return VENV / "Scripts" / f"{name}.exe" if WINDOWS else VENV / "bin" / name


def venv_works() -> bool:
    """Whether `.venv` has a new enough Python with pip, at the place where it was made."""
    probe = f"import pip, sys; sys.exit(sys.version_info < {OLDEST_PYTHON})"
    try:
        command = [str(venv_program("python")), "-c", probe]
        return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def has_venv_module() -> bool:
    """Whether this Python can make an environment with pip in it."""
    return all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))


def library_loads(name: str) -> bool:
    """Whether the loader finds the shared library `name`."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def has_chinese_font() -> bool:
    """Whether any font with Chinese characters lies where fontconfig looks."""
    folders = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts")
    return any(next(folder.rglob(pattern), None) for folder in folders for pattern in CHINESE_FONT_FILES)


def has_program(name: str) -> bool:
    """Whether the program is installed, also where only root looks, or where its pattern of a path says."""
    if "*" in name:
        return next(Path("/").glob(name.lstrip("/")), None) is not None
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    return shutil.which(name, path=places) is not None


def can_install() -> bool:
    """Whether we are root on a machine with apt-get."""
    if sys.platform == "win32":
        return False
    return os.geteuid() == 0 and has_program("apt-get")


def apt_line(packages: list[str]) -> str:
    """The line a person can paste."""
    return f"sudo apt-get install -y --no-install-recommends {' '.join(packages)}"


def say(line: str) -> None:
    """One line for the person, whatever the console's encoding."""
    print(line, flush=True)


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
