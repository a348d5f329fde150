"""The program: without a command the window and the tray icon, else the command line. Decides only which of them."""

from __future__ import annotations

import multiprocessing
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING

from app.cli.parser import PASSED_ON, build_parser
from app.cli.streams import Nowhere, make_streams_safe
from app.engine.face import Face
from app.errors import AgentError, Bug, NeedsOperator
from app.system.paths import Home, home_at

if TYPE_CHECKING:
    from app.gui.first import Begun

_BEFORE_A_COMMAND = ("--json", "--verbose", "--hidden")
_ERROR_BOX = 0x10  # MB_ICONERROR
Hook = Callable[[type[BaseException], BaseException, TracebackType | None], None]


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 with a plain sentence on standard error, 2 wrong words."""
    multiprocessing.freeze_support()
    make_streams_safe()
    words = list(sys.argv[1:] if argv is None else argv)
    sys.excepthook = _unforeseen(as_json="--json" in words, verbose="--verbose" in words)
    passed_on = passed_on_words(words)
    if passed_on is not None:
        return _pass_on(*passed_on)
    parser = build_parser()
    said = parser.parse_args(words)
    home = home_at(said.home)
    if said.command is None or (said.command == "run" and not said.headless):
        return _tray(said, home)
    from app.cli.main import execute

    return execute(said, home, parser)


def passed_on_words(words: list[str]) -> tuple[str, list[str]] | None:
    """(command, its words) when the command is one that reads its own words; a home named before goes with it."""
    before: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "--home" and rest:
            before = ["--home", rest.pop(0)]
        elif option.startswith("--home="):
            before = ["--home", option.removeprefix("--home=")]
        elif option not in _BEFORE_A_COMMAND:
            return None
    if not rest or rest[0] not in PASSED_ON:
        return None
    command, *own = rest
    return command, own if command == "practice" else [*before, *own]


def _pass_on(command: str, words: list[str]) -> int:
    """The practice platform runs without the engine."""
    if command == "practice":
        from app.practice.__main__ import run as practice

        return practice(words)
    from app.cli.demo import run as demo

    return demo(words, lambda face, note, phone: _show(face, hidden=False, practice_note=note, phone=phone))


# -- the window -------------------------------------------------------------------------------------------------------


def _tray(said: Namespace, home: Home) -> int:
    """The window of the running process comes to the front; else this process is the one with the window."""
    from app.engine.reach import ask_to_show

    try:
        _need_a_screen()
        return 0 if ask_to_show(home) else _window_of(home, hidden=said.hidden)
    except AgentError as error:
        _say(error, as_json=said.json, verbose=said.verbose)
        return 1


def _window_of(home: Home, *, hidden: bool) -> int:
    """A window of the engine in this process; of the one that runs headless in another, if there is one."""
    from app.engine.reach import connect, hosted, resources_dir

    running = connect(home)
    if running is not None:
        return _show(running, hidden=False)
    from app.gui.first import begin

    begun = begin(resources_dir())  # the icon is there before the engine is loaded
    with ExitStack() as undo:
        undo.callback(begun.icon.hide)
        face = begun.meanwhile(lambda: undo.enter_context(hosted(home, window=True)))
        stop = face.stop  # type: ignore[attr-defined]
        return _show(face, hidden=hidden, on_session_end=stop, begun=begun)


def _show(
    face: Face,
    *,
    hidden: bool,
    practice_note: str = "",
    phone: str = "",
    on_session_end: Callable[[], None] = lambda: None,
    begun: Begun | None = None,
) -> int:
    from app.engine.reach import resources_dir
    from app.gui.run import run_gui

    return run_gui(
        face,
        resources=resources_dir(),
        show_window=not hidden,
        practice_note=practice_note,
        phone=phone,
        on_quit=lambda: None,
        on_session_end=on_session_end,
        begun=begun,
    )


def _need_a_screen() -> None:
    if sys.platform in ("win32", "darwin"):
        return
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        raise NeedsOperator("这里没有图形桌面，窗口打不开", "不要窗口时请用命令 run --headless")


# -- trouble ----------------------------------------------------------------------------------------------------------


def _unforeseen(*, as_json: bool, verbose: bool) -> Hook:
    """The last word of a program that ends by an error nobody foresaw; Python then exits with 1."""

    def last_word(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if verbose:
            sys.__excepthook__(kind, error, trace)
        _say(Bug(f"{kind.__name__}: {error}"), as_json=as_json, verbose=verbose)

    return last_word


def _say(error: AgentError, *, as_json: bool, verbose: bool) -> None:
    from app.cli.out import Out, sentence

    Out(as_json=as_json, verbose=verbose).trouble(error)
    if sys.platform == "win32" and isinstance(sys.stderr, Nowhere):
        import ctypes

        ctypes.windll.user32.MessageBoxW(None, sentence(error), "影像云上传助手", _ERROR_BOX)


if __name__ == "__main__":
    sys.exit(main())
