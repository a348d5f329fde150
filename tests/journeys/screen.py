"""A real screen for journeys: Xvfb with a window manager and a tray, real mouse and keys, and the program upon it.

    with Screen(tmp_path / "screen") as screen, Program(screen, agent.home.root) as program:
        program.wait_for_window("影像云上传助手")
        program.click("待填报")                       # a button, row, field or entry, by its words
        program.wait(lambda: program.find("还差 3 项"))
        screen.shot("fill")

What is where comes from the program itself (`app/gui/tell.py`); what is done is done by xdotool. Use `why_no_screen()`
in a skip mark.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from app.gui.tell import VARIABLE

from . import hands
from .world import ROOT, T, _die_with_parent, kill_child, wait_for

Thing = dict[str, Any]
NEEDED = ("Xvfb", "openbox", "trayer", "xdotool", "import")
_START_SECONDS = 40.0
_SERVERS = 3
_REST_SECONDS = 0.4
"""So long a thing stays where it is before it is clicked: a window that has just come up is still being placed."""
_TRAY_LOOK = ("--edge", "bottom", "--align", "right", "--widthtype", "request", "--height", "28", "--expand", "true")


def why_no_screen() -> str:
    """Which program is missing here; "" when a screen can be made."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    return f"no {', '.join(missing)}" if missing or sys.platform == "win32" else ""


class Screen:
    """An X server of our own with openbox and (unless told not to) trayer. Ends with the `with`."""

    def __init__(self, folder: Path, *, width: int = 1400, height: int = 900, tray: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._size, self._with_tray = f"{width}x{height}x24", tray
        self._children: list[subprocess.Popen[Any]] = []
        self.display = ""

    def __enter__(self) -> Screen:
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for child in reversed(self._children):
            kill_child(child)

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to come up here. Without a session bus Qt takes the tray of the X server."""
        kept = {name: value for name, value in os.environ.items() if name != "DBUS_SESSION_BUS_ADDRESS"}
        ours = {"DISPLAY": self.display, "QT_QPA_PLATFORM": "xcb", "LC_ALL": "C.UTF-8"}
        return {**kept, **ours, "XDG_RUNTIME_DIR": str(self.folder), "QT_SCALE_FACTOR": "1"}

    def child(self, *command: str, **more: Any) -> subprocess.Popen[Any]:
        """A process on this screen that ends with it."""
        with (self.folder / f"{Path(command[0]).name}.log").open("ab") as out:
            made = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=more.pop("stdout", out),
                stderr=out,
                env=self.environment,
                preexec_fn=_die_with_parent,
                start_new_session=True,
                **more,
            )
        self._children.append(made)
        return made

    def start_tray(self) -> None:
        """The place for tray icons, at the lower right."""
        self.child("trayer", *_TRAY_LOOK, "--SetDockType", "true")

    # -- hands and eyes

    def xdotool(self, *words: str | int) -> str:
        said = subprocess.run(
            ["xdotool", *(str(word) for word in words)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return said.stdout.strip()

    def click(self, x: int, y: int, *, button: int = 1, times: int = 1) -> None:
        self.xdotool("mousemove", x, y, "click", "--repeat", times, "--delay", 60, button)

    def key(self, *keys: str) -> None:
        """As xdotool names them: "Return", "ctrl+4", "Escape"."""
        self.xdotool("key", "--delay", 40, *keys)

    def type(self, text: str) -> None:
        self.xdotool("type", "--delay", 15, "--", text)

    def copy(self, text: str) -> None:
        """Put text into the clipboard, as a person copies it from another program."""
        self._hands("copy", text)[1].close()

    def drag_file(self, path: Path, x: int, y: int) -> None:
        """Take a file of another window, drag it to (x, y) and let it go."""
        _, said = self._hands("drag", str(path))
        half = hands.SIDE // 2
        self.xdotool("mousemove", half, half, "mousedown", 1)
        for step in range(1, 21):  # a drag is a way, not a leap
            self.xdotool("mousemove", half + (x - half) * step // 20, half + (y - half) * step // 20)
        with said:
            wanted = next((line for line in said if line == "CopyAction\n"), "")
        assert wanted, f"nothing at {x}, {y} wants a file"
        self.xdotool("mouseup", 1)

    def _hands(self, *words: str) -> tuple[subprocess.Popen[Any], IO[str]]:
        """A further program on this screen, ready when this returns, and what more it says."""
        reading, writing = os.pipe()
        made = self.child(sys.executable, "-m", "tests.journeys.hands", *words, stdout=writing, cwd=ROOT)
        os.close(writing)
        said = os.fdopen(reading)
        assert said.readline() == "ready\n", (self.folder / f"{Path(sys.executable).name}.log").read_text()
        return made, said

    def shot(self, name: str) -> Path:
        """A picture of the whole screen."""
        path = self.folder / f"{name}.png"
        subprocess.run(["import", "-window", "root", str(path)], env=self.environment, timeout=20, check=True)
        return path

    def windows(self, title: str) -> list[str]:
        """Ids of the visible windows whose title holds `title`."""
        return self.xdotool("search", "--onlyvisible", "--name", title).split()

    def front(self) -> str:
        """The title of the window in front."""
        return self.xdotool("getactivewindow", "getwindowname")

    def _open(self) -> None:
        """A display number may be taken by another server that ends just now: then another one."""
        for _ in range(_SERVERS - 1):
            with suppress(AssertionError):
                return self._open_one()
        return self._open_one()

    def _open_one(self) -> None:
        reading, writing = os.pipe()
        words = ["-screen", "0", self._size, "-nolisten", "tcp"]
        self.child("Xvfb", "-displayfd", str(writing), *words, pass_fds=(writing,))
        os.close(writing)
        with os.fdopen(reading) as said:
            self.display = f":{said.readline().strip()}"
        assert self.display != ":", (self.folder / "Xvfb.log").read_text()
        manager = self.child("openbox", "--sm-disable")
        wait_for(lambda: self.xdotool("get_num_desktops"), what="the window manager")
        if self._with_tray:
            self.start_tray()
            wait_for(lambda: self.xdotool("search", "--class", "trayer"), what="the tray")
        assert manager.poll() is None, "the window manager ended"


class Program:
    """The real program on a screen. `home` is set up beforehand (or not: then it starts as at the first time)."""

    def __init__(self, screen: Screen, home: Path, *words: str) -> None:
        self.screen, self._home, self._words = screen, home, words
        self.output = screen.folder / "program.out"
        self.child: subprocess.Popen[Any] | None = None
        self._read, self._rest, self._seen = 0, b"", Thing()

    def __enter__(self) -> Program:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it tells what it shows."""
        self._read = self.output.stat().st_size if self.output.exists() else 0
        self._seen = Thing()
        self.child = self._run(*self._words)
        self.wait(self.seen, seconds=_START_SECONDS, what="the program to come up")

    def start_again(self) -> int:
        """A second start on the same home; its exit code."""
        return self._run(*self._words).wait(_START_SECONDS)

    def kill(self) -> None:
        if self.child is not None:
            kill_child(self.child)

    def ended(self, seconds: float = 20.0) -> int:
        """Wait for its end; the exit code."""
        assert self.child is not None
        return self.child.wait(seconds)

    @property
    def runs(self) -> bool:
        return self.child is not None and self.child.poll() is None

    # -- what it shows

    def seen(self) -> Thing:
        """The newest of what it told: {"tray", "windows", "things"}."""
        with self.output.open("rb") as told:
            told.seek(self._read)
            news = told.read()
        self._read += len(news)
        *lines, self._rest = (self._rest + news).split(b"\n")
        for line in lines:
            if line.startswith(b'{"tray"'):
                self._seen = json.loads(line)
        return self._seen

    @property
    def tray(self) -> Thing:
        return dict(self.seen().get("tray", {}))

    def things(self, text: str = "", kind: str = "", name: str = "") -> list[Thing]:
        """What is visible and holds `text`; first what says exactly that, of several the topmost window's last."""
        found = [
            one
            for one in self.seen().get("things", [])
            if text in one["text"] and kind in ("", one["kind"]) and name in ("", one["name"])
        ]
        return sorted(found, key=lambda one: one["text"] != text)

    def find(self, text: str = "", kind: str = "", name: str = "") -> Thing | None:
        return next(iter(self.things(text, kind, name)), None)

    def texts(self, kind: str = "") -> list[str]:
        return [one["text"] for one in self.things(kind=kind)]

    def focused(self) -> str:
        """The label of the field, or the words of the button, that has the keyboard."""
        found = next((one for one in self.seen().get("things", []) if one["focus"] and one["kind"] != "row"), None)
        return "" if found is None else str(found["text"] if found["kind"] == "button" else found["name"])

    def window(self, title: str) -> Thing | None:
        return next((one for one in self.seen().get("windows", []) if title in one["title"]), None)

    # -- what a person does

    def wait(self, condition: Callable[[], T], *, seconds: float = 20.0, what: str = "") -> T:
        """As `wait_for`; in vain it says what was on the screen, and it fails at once when the program ended."""

        def checked() -> T:
            value = condition()
            assert value or self.runs, f"the program ended: {self._last_words()}"
            return value

        try:
            return wait_for(checked, seconds=seconds, what=what, every=0.1)
        except AssertionError as error:
            shot = self.screen.shot("in-vain")
            raise AssertionError(f"{error}\npicture: {shot}\non it: {self.texts()}\n{self._last_words()}") from None

    def wait_for_window(self, title: str, seconds: float = 20.0) -> Thing:
        found = self.wait(lambda: self.window(title), seconds=seconds, what=f"the window {title}")
        assert found is not None
        return found

    def wait_for_text(self, text: str, kind: str = "", seconds: float = 20.0) -> Thing:
        found = self.wait(lambda: self.find(text, kind), seconds=seconds, what=f"“{text}”")
        assert found is not None
        return found

    def at_rest(self, text: str = "", kind: str = "", name: str = "") -> Thing:
        """What says `text`, as soon as it is enabled and stays where it is."""
        last, since = None, time.monotonic()

        def there() -> Thing | None:
            nonlocal last, since
            one = next((one for one in self.things(text, kind, name) if one["enabled"]), None)
            if one != last:
                last, since = one, time.monotonic()
            return one if time.monotonic() - since > _REST_SECONDS else None

        found = self.wait(there, what=f"“{text or name}” to be at rest")
        assert found is not None
        return found

    def focus_at_rest(self) -> str:
        """What has the keyboard, as soon as it keeps it: a window that comes up takes it from another."""
        last, since = "", time.monotonic()

        def there() -> str:
            nonlocal last, since
            now = self.focused()
            if now != last:
                last, since = now, time.monotonic()
            return now if time.monotonic() - since > _REST_SECONDS else ""

        return self.wait(there, what="something that keeps the keyboard")

    def click(self, text: str = "", kind: str = "", name: str = "", *, button: int = 1, times: int = 1) -> Thing:
        """Click on what says `text` as soon as it is there, enabled and at rest."""
        found = self.at_rest(text, kind, name)
        side = min(found["w"] // 2, 40)
        self.screen.click(found["x"] + side, found["y"] + found["h"] // 2, button=button, times=times)
        return found

    def enter(self, label: str, text: str, *, pick: str = "") -> None:
        """Type into the field that has the keyboard, and go on; what Latin keys cannot type is pasted.

        `pick`: what the open list says first once the letters are typed.
        """
        self.wait(lambda: self.focused() == label, what=f"the keyboard in “{label}”")
        if text.isascii():
            self.screen.type(text)
        else:
            self.screen.copy(text)
            self.screen.key("ctrl+v")
        self.wait(lambda: self.find(text, "field", label), what=f"“{text}” in “{label}”")
        if pick:
            first = lambda: next(iter(self.things(kind="row", name="codes")), {"text": ""})  # noqa: E731
            self.wait(lambda: pick in first()["text"], what=f"“{pick}” first in the open list")
            self.screen.key("Return")
            self.wait(
                lambda: self.find(pick) and not self.things(kind="row", name="codes"), what=f"“{pick}” to be taken"
            )
        if self.focused() == label:
            self.screen.key("Return")
        self.wait(lambda: self.focused() != label, what=f"the keyboard behind “{label}”")

    def click_tray(self, button: int = 1) -> None:
        """Click on the icon."""
        icon = self.wait(lambda: self.tray if self.tray.get("w") else None, what="the tray icon")
        assert icon is not None
        self.screen.click(icon["x"] + icon["w"] // 2, icon["y"] + icon["h"] // 2, button=button)

    def open_tray_menu(self) -> list[Thing]:
        """Right click on the icon; the entries of the menu that opens."""

        def opened() -> list[Thing]:
            self.click_tray(3)
            try:
                return wait_for(lambda: self.things(kind="entry"), seconds=2.0)
            except AssertionError:
                return []

        return self.wait(opened, what="the tray's menu")

    def pick(self, *texts: str) -> None:
        """Open the tray's menu and click an entry; further texts are entries of the sub-menus."""
        self.open_tray_menu()
        for text in texts:
            self.click(text, kind="entry")
        wait_for(lambda: not self.runs or not self.things(kind="entry"), what="the menu to close")

    def _run(self, *words: str) -> subprocess.Popen[Any]:
        environment = {**self.screen.environment, VARIABLE: "1", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
        with self.output.open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "app", "--home", str(self._home), *words],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
                preexec_fn=_die_with_parent,
                start_new_session=True,
            )

    def _last_words(self) -> str:
        lines: Iterable[str] = self.output.read_text("utf-8", "replace").splitlines()
        return "\n".join([line for line in lines if not line.startswith('{"tray"')][-20:])
