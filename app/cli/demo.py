"""`demo`: the main job on the practice platform, in a window; without a display headless, printing what it does."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from app.engine.face import Face
from app.engine.reach import home_at, hosted
from app.engine.rehearsal import SEVERAL, Rehearsal, rehearsed_regions
from app.errors import AgentError

ShowWindow = Callable[[Face, str, str], int]


def run(argv: list[str], show_window: ShowWindow) -> int:
    """Exit code 0 when every step came to its end. `show_window(face, practice_note, phone)` runs until the person
    quits; `phone`: the address of the doctor's phone, "" for none."""
    words = _parser().parse_args(argv)
    headless = words.headless or not _has_display()
    with _home(words.home) as folder:
        try:
            return _rehearse(folder, words.region, headless=headless, show_window=show_window)
        except AgentError as error:
            print(f"{error.title}。{error.advice}", file=sys.stderr)
            return 1


def _rehearse(folder: Path, region: str, *, headless: bool, show_window: ShowWindow) -> int:
    home = home_at(folder).make()
    rehearsal = Rehearsal(home, region=region)
    with contextlib.closing(rehearsal):
        print(f"{rehearsal.note}。患者都是编的，数据在 {folder}", flush=True)
        rehearsal.open()
        with hosted(home, window=not headless) as face:
            if headless:
                for sentence in rehearsal.scenes(face):
                    print(f"· {sentence}", flush=True)
                print("演练完成：影像从设备到平台，平台已确认。", flush=True)
                return 0
            played = threading.Thread(target=_play, args=(rehearsal, face), name="rehearsal", daemon=True)
            played.start()
            return show_window(face, rehearsal.note, rehearsal.phone)


def _play(rehearsal: Rehearsal, face: Face) -> None:
    try:
        for sentence in rehearsal.scenes(face):
            print(f"· {sentence}", flush=True)
        print(f"{rehearsal.left}退出窗口就结束演练。", flush=True)
    except AgentError as error:
        print(f"{error.title}。{error.advice}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _home(named: str | None) -> Iterator[Path]:
    if named:
        yield Path(named)
        return
    with tempfile.TemporaryDirectory(prefix="imaging-agent-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _regions(text: str) -> str:
    """One region, or several with commas between them."""
    names, known = text.split(SEVERAL), rehearsed_regions()
    unknown = [name for name in names if name not in known]
    if unknown or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"可以用的有：{'、'.join(known)}")
    return text


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="imaging-agent demo", description="在自带的演练平台上走一遍")
    names = rehearsed_regions()
    parser.add_argument(
        "--region",
        type=_regions,
        default=names[0],
        metavar="REGION",
        help=f"地区：{'、'.join(names)}，不写时是 {names[0]}；两个之间用逗号，一例同时传到两个平台",
    )
    parser.add_argument("--headless", action="store_true", help="不开窗口")
    parser.add_argument("--home", default=None, metavar="DIR", help="数据文件夹；不写时用完就删")
    return parser
