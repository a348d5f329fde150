"""The README's pictures, from the demo's real window: `python -m tests.journeys.tour resources/pictures`."""

from __future__ import annotations

import sys
import tempfile
import tomllib
from pathlib import Path

from PIL import Image, ImageStat

from app.catalogue.resources import resources_dir
from app.engine.reach import connect
from app.engine.rehearsal_script import id_number_of
from app.system.paths import Home

from .screen import Program, Screen, why_no_screen
from .world import wait_for

SIZE = (1366, 768)
"""A clinic's screen: the window's title strip and the window."""
TITLE_STRIP = 20
ROOM = (1440, 860)
PAGES = {"today": "ctrl+1", "fill": "ctrl+2", "queue": "ctrl+3", "reconcile": "ctrl+4", "sign": "ctrl+5"}
PAGES |= {"devices": "ctrl+6", "settings": "ctrl+8", "log": "ctrl+9"}
ALL_THERE = {"sign": "有效期至"}
"""Page to words that stand on it once it is whole: a code is asked for first."""
OVER = "退出窗口就结束演练"
ELSEWHERE = "guizhou"
"""A region whose platform knows the patients' exams in other hospitals."""
HOSPITAL = "贵阳演练人民医院"
"""The first of them; the demo has fetched its images."""
RECEIPTS_ONLY = "guangyuan"
"""A region whose platform can't be asked what it has."""


def main(out: Path) -> None:
    """Each page of the demo when its story is told, one of them dark as well; then the wizard of an empty home."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with Screen(folder / "screen", width=ROOM[0], height=ROOM[1], tray=False) as screen:
            demo(screen, folder / "demo", out)
            retrieval(screen, folder / "elsewhere", out)
            receipts(screen, folder / "receipts", out)
            wizard(screen, folder / "empty", out)


def demo(screen: Screen, home: Path, out: Path) -> None:
    home.mkdir()
    with Program(screen, home, "demo") as program:
        whole(program)
        story_told(program)
        for name, key in PAGES.items():
            screen.key(key)
            program.wait_for_text(ALL_THERE.get(name, ""))
            picture(program, out / f"{name}.png")
        face = connect(Home(root=home))
        assert face is not None
        face.set_theme("dark")
        screen.key(PAGES["fill"])
        program.wait(lambda: is_dark(screen.shot("dark")), what="the dark look")
        picture(program, out / "fill-dark.png")


def is_dark(shot: Path) -> bool:
    with Image.open(shot) as picture:
        return ImageStat.Stat(picture.convert("L")).mean[0] < 100


def retrieval(screen: Screen, home: Path, out: Path) -> None:
    """A patient of the demo looked up, the newest exam of another hospital downloaded."""
    home.mkdir()
    with Program(screen, home, "demo", "--region", ELSEWHERE) as program:
        whole(program)
        story_told(program)
        program.click("调阅", kind="button")
        program.wait_for_text("查患者在其他医院的检查")
        program.enter("证件号码", looked_up(ELSEWHERE))
        program.wait_for_text("家机构")
        program.click(HOSPITAL, kind="row")
        program.wait_for_text("幅可打开 · UID 一致", seconds=60)
        picture(program, out / "retrieve.png")


def looked_up(region: str) -> str:
    """The ID number of the demo's patient whom other hospitals know."""
    script = tomllib.loads((resources_dir() / "regions" / region / "demo.toml").read_text(encoding="utf-8"))
    return id_number_of(script, script["elsewhere"][0]["patient_name"])


def receipts(screen: Screen, home: Path, out: Path) -> None:
    home.mkdir()
    with Program(screen, home, "demo", "--region", RECEIPTS_ONLY) as program:
        whole(program)
        story_told(program)
        screen.key(PAGES["reconcile"])
        program.wait_for_text("以回执为准")
        screen.key("Right")
        screen.key("Up")
        picture(program, out / "receipts.png")


def story_told(program: Program) -> None:
    """Wait for the end of this demo's story; the screen's programs write into one file."""
    begun = program.output.read_text("utf-8", "replace").rfind("演练平台已打开")
    program.wait(lambda: program.output.read_text("utf-8", "replace").rfind(OVER) > begun, seconds=180)


def wizard(screen: Screen, home: Path, out: Path) -> None:
    home.mkdir()
    with Program(screen, home) as program:
        program.wait_for_window("首次设置")
        whole(program)
        place = main_window(program)
        for window in screen.windows("首次设置"):
            screen.xdotool("windowmove", "--sync", window, place["x"] + 183, place["y"] + 50)
        picture(program, out / "wizard.png")


def main_window(program: Program) -> dict[str, int]:
    """Where the main window is, without its title strip."""
    windows = [one for one in program.seen().get("windows", []) if "首次设置" not in one["title"]]
    return dict(max(windows, key=lambda one: int(one["w"])))


def whole(program: Program) -> None:
    """The main window takes a clinic's screen."""
    program.wait_for_window("影像云上传助手", seconds=90)
    size = (SIZE[0], SIZE[1] - TITLE_STRIP)
    for window in program.screen.windows("影像云上传助手"):
        name = program.screen.xdotool("getwindowname", window)
        if "首次设置" not in name:
            program.screen.xdotool("windowsize", "--sync", window, *size)
    program.wait(lambda: (main_window(program)["w"], main_window(program)["h"]) == size, what="the window's size")


def picture(program: Program, path: Path) -> None:
    """What the window shows once it stands still, in 256 colours."""
    shots: list[bytes] = []

    def rests() -> bool:
        shots.append(program.screen.shot("tour").read_bytes())
        return len(shots) > 3 and shots[-1] == shots[-2]

    wait_for(rests, seconds=30, what="a picture that stands still", every=0.4)
    place = main_window(program)
    left, top = place["x"], place["y"] - TITLE_STRIP
    with Image.open(program.screen.folder / "tour.png") as shot:
        page = shot.convert("RGB").crop((left, top, left + SIZE[0], top + SIZE[1]))
    few = page.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


if __name__ == "__main__":
    if why_no_screen():
        sys.exit(why_no_screen())
    main(Path(sys.argv[1]))
