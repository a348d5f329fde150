"""Pictures of every page and state, light and dark, at both sizes, with invented data.

`python -m tests.gui.shots OUT [NAME…] [--beside FOLDER]`: OUT/NAME-100-light.png (1366x688) and OUT/NAME-150-light.png
(1280x640 at 150 %). With a folder of target pictures also OUT/beside/NAME….png: ours left, the target right.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

SIZES = {"100": (1366, 688), "150": (1280, 640)}
SMALL = (900, 500)
DEMO = ("演练 · 签名不用真手机", "http://127.0.0.1:8081/practice/phone")
THEMES = ("light", "dark")
TARGETS = {
    "1-today": "01-home",
    "2-fill-wrong": "02-fill",
    "2-fill-several": "02-fill-several",
    "3-queue": "03-queue",
    "3-queue-late": "03-queue",
    "3-queue-bulk": "03-queue-bulk",
    "3-queue-trouble": "10-error-banner",
    "3-queue-nothing": "10-empty-states",
    "4-reconcile": "04-reconcile",
    "4-reconcile-receipts": "04-reconcile-receipts-only",
    "5-sign": "05-sign",
    "6-devices": "06-devices",
    "6-name-repair": "06-name-repair",
    "7-wizard-1-region": "07-wizard-1-region",
    "7-wizard-4-devices-arrived": "07-wizard-2-devices",
    "7-wizard-5-trial": "07-wizard-3-connection",
    "8-closing": "09-closing",
    "8-quit": "09-closing",
    "8-tray-menu": "09-tray-menu-notification",
    "8-retrieve": "08-retrieve",
    "9-error": "10-error-detail",
}
"""Which target a picture is laid beside; the theme is added, light where there is no dark one."""


def draw(out: Path, theme: str, scale: str, names: list[str]) -> None:
    """The pictures of one theme and size; the scale factor must be set before Qt starts."""
    from PySide6.QtGui import QPainter, QPixmap
    from PySide6.QtWidgets import QApplication

    from app.errors import Rejected
    from app.gui import words
    from app.gui.closing import ClosingDialog, QuitDialog
    from app.gui.dialogs import ErrorDialog
    from app.gui.keys import show_keys
    from app.gui.run import dress
    from app.gui.tray import Tray, TrayActs
    from app.gui.viewer_window import ViewerWindow
    from app.gui.window import MainWindow
    from tests.gui.fake_devices import others_alike, two_patients
    from tests.gui.fake_face import NOW, FakeFace
    from tests.gui.fake_pictures import CANNOT_SHOW
    from tests.gui.fake_several import two_destinations
    from tests.gui.shots_arrange import arrange_plan
    from tests.gui.shots_retrieve import retrieve_plan
    from tests.gui.shots_settings import settings_plan
    from tests.gui.shots_sign import sign_plan
    from tests.gui.shots_stamp import stamp_plan
    from tests.gui.shots_trust import trust_plan
    from tests.gui.shots_wizard import draw_wizard

    app = QApplication([])
    folder = Path(__file__).parents[2] / "resources" / "gui"
    look = dress(app, folder)
    look.set_dark(theme == "dark")

    def rest(window: MainWindow) -> None:
        for _ in range(60):
            app.processEvents()
            if window.asker.idle():
                break
            app.thread().msleep(10)
        for _ in range(6):
            app.processEvents()

    def codes(window: MainWindow) -> None:
        page = window.pages[words.FILL]
        row = next(one for one in page.form.rows.values() if one.name[2] == "body_part_code")  # type: ignore[attr-defined]
        row.focus()
        row.editor.line.setFocus()
        row.editor.line.setText("xbct")
        row.editor.line.search()

    def picture(window: MainWindow) -> QPixmap:
        """The window, a dialog over it as on the screen."""
        shown, dialog = window.grab(), app.activeModalWidget()
        if hasattr(window, "tray"):
            window.tray.menu.ensurePolished()
            window.tray.menu.resize(window.tray.menu.sizeHint())
            return window.tray.menu.grab()
        large = next((one for one in app.topLevelWidgets() if isinstance(one, ViewerWindow) and one.isVisible()), None)
        if large is not None:
            return large.grab()
        if dialog is not None:
            place = window.rect().center() - dialog.rect().center()
            QPainter(shown).drawPixmap(place, dialog.grab())
            dialog.close()
        return shown

    def at(
        page: str,
        key: str = "",
        act: Callable[[MainWindow], None] = lambda window: None,
        before: Callable[[FakeFace], None] = lambda face: None,
    ) -> tuple[str, str, Callable[[MainWindow], None], Callable[[FakeFace], None]]:
        return page, key, act, before

    def small(window: MainWindow) -> None:
        window.resize(*SMALL)

    def closing(window: MainWindow) -> None:
        answer = window._face.closing("2026-11-20")
        dialog = ClosingDialog(look, answer, NOW, window)
        dialog.setModal(True)
        dialog.show()

    def leaving(window: MainWindow) -> None:
        QuitDialog(look, 2, 60.0, lambda: None, lambda: None, window).open()

    def error(window: MainWindow) -> None:
        words_of = {"title": "平台解不开我们加密的内容", "advice": "重试没有用。请找工程师核对 SM4 密钥。"}
        ErrorDialog(look, Rejected(**words_of, code="0", words="数据解密失败"), window).open()

    def failed(window: MainWindow) -> None:
        window.fail(
            Rejected(
                title="平台解不开我们加密的内容", advice="请找工程师核对 SM4 密钥。", code="0", words="数据解密失败"
            )
        )

    def keys(window: MainWindow) -> None:
        show_keys(look, window)

    def menu(window: MainWindow) -> None:
        """The menu as it opens from the tray; the desktop draws the messages itself."""
        nothing: Callable[..., None] = lambda *given: None  # noqa: E731
        acts = {name: nothing for name in TrayActs.__dataclass_fields__} | {"now": lambda: NOW}
        window.tray = Tray(look, TrayActs(**acts), dark_taskbar=lambda: look.dark)  # type: ignore[attr-defined]
        window.tray.show_status(window.status)  # type: ignore[attr-defined]

    def paused(face: FakeFace) -> None:
        face.paused_until, face.look, face.sentence = "2026-11-20T06:36:00+00:00", "paused", "已暂停到 14:36"

    def ticked(window: MainWindow) -> None:
        page = window.pages[words.QUEUE]
        for name in ("陈建国", "周海涛", "吴秀英"):
            row = next(one for one in page.table.rows_model.rows if one["patient_name"] == name)  # type: ignore[attr-defined]
            page.table.ticked.emit((row["exam_key"], row["destination"]))  # type: ignore[attr-defined]

    def slip(window: MainWindow) -> None:
        window.pages[words.QUEUE].act("slip")  # type: ignore[attr-defined]

    def trouble(window: MainWindow) -> None:
        window._face.trouble = "连接超时"  # type: ignore[attr-defined]
        window.ask_status()

    def map_report(window: MainWindow) -> None:
        from app.gui.report_map import open_report_map

        open_report_map(window._desk(), "1.2.3.0", 0, window, lambda _answer: None)

    def several(window: MainWindow) -> None:
        page = window.pages[words.FILL]
        page.list.switch()  # type: ignore[attr-defined]
        page.list.tick("1.2.3.3")  # type: ignore[attr-defined]
        rest(window)
        for key, text in (("apply_doctor_name", "张伟明"), ("patient_source", "3 住院")):
            editor = page.together.rows[key].editor  # type: ignore[attr-defined]
            editor.show_value(text)
        page.together.plan()  # type: ignore[attr-defined]

    def wrong(window: MainWindow) -> None:
        page = window.pages[words.FILL]
        row = page.form.rows["exam", 0, "id_number"]  # type: ignore[attr-defined]
        row.editor.show_value("1409281980051243X")
        row.focus()
        row._was_left()
        codes(window)

    def his(mapped: bool = False, path: str = "") -> Callable[[MainWindow], None]:
        def act(window: MainWindow) -> None:
            window._face.his_configured = mapped  # type: ignore[attr-defined]
            window.pages[words.FILL].import_his(path)  # type: ignore[attr-defined]

        return act

    def choose_name(window: MainWindow) -> None:
        window._face.other_names = others_alike()  # type: ignore[attr-defined]
        window.pages[words.FILL].exam.choose_name()  # type: ignore[attr-defined]

    def pdf(window: MainWindow) -> None:
        window.pages[words.FILL].facts.tabs[1].click()  # type: ignore[attr-defined]
        for _ in range(30):  # its pages are drawn by threads
            rest(window)
            app.thread().msleep(10)

    def large(window: MainWindow) -> None:
        window.pages[words.FILL].facts.viewer.opened.emit()  # type: ignore[attr-defined]

    def no_picture(window: MainWindow) -> None:
        window._face.broken = {"1.2.3.1.1.1": CANNOT_SHOW}  # type: ignore[attr-defined]
        window.go(words.FILL, "1.2.3.1")

    def two(window: MainWindow) -> None:
        window._face.forms["1.2.3.3"]["studies"][0].update(two_patients())  # type: ignore[attr-defined]
        window.go(words.FILL, "1.2.3.0")
        window.go(words.FILL, "1.2.3.3")

    plan = {
        "1-today": at(words.TODAY),
        "2-fill": at(words.FILL),
        "2-fill-codes": at(words.FILL, "1.2.3.0", codes),
        "2-fill-wrong": at(words.FILL, "1.2.3.0", wrong),
        "2-fill-several": at(words.FILL, "1.2.3.0", several),
        "2-fill-both": at(words.FILL, "1.2.3.0", before=two_destinations),
        "2-fill-both-asked": at(
            words.FILL, "1.2.3.0", lambda window: window.pages[words.FILL].form.jump(), two_destinations
        ),  # type: ignore[attr-defined]
        "2-fill-name": at(words.FILL, "1.2.3.2"),
        "2-fill-ready": at(words.FILL, "1.2.3.3"),
        "2-fill-dr": at(words.FILL, "1.2.3.1"),
        "2-fill-pdf": at(words.FILL, "1.2.3.1", pdf),
        "2-fill-large": at(words.FILL, "1.2.3.0", large),
        "2-fill-no-picture": at(words.FILL, "", no_picture),
        "2-fill-report": at(words.FILL, "1.2.3.0", map_report),
        "2-fill-his": at(words.FILL, "", his(mapped=True)),
        "2-fill-his-map": at(words.FILL, "", his(path="a.csv")),
        "2-fill-his-result": at(words.FILL, "", his(mapped=True, path="a.csv")),
        "3-queue": at(words.QUEUE, "1.2.3.6"),
        "3-queue-held": at(words.QUEUE, "1.2.3.4"),
        "3-queue-plain": at(words.QUEUE),
        "3-queue-late": at(words.QUEUE, "1.2.3.13"),
        "3-queue-bulk": at(words.QUEUE, "", ticked),
        "3-queue-nothing": at(words.QUEUE, "?赵明宣"),
        "3-queue-slip": at(words.QUEUE, "1.2.3.10", slip),
        "3-queue-versions": at(words.QUEUE, "1.2.3.10", before=FakeFace.corrected),
        "3-queue-fetched": at(words.QUEUE, "1.2.3.10", before=FakeFace.offers_files),
        "1-today-unfetched": at(words.TODAY, before=FakeFace.offers_files),
        "2-fill-held": at(words.FILL, "1.2.3.4"),
        "3-queue-trouble": at(words.QUEUE, "", trouble),
        "4-reconcile": at(words.RECONCILE),
        "4-reconcile-agreed": at(
            words.RECONCILE, "", lambda window: window.pages[words.RECONCILE].piles.choose("agreed")
        ),  # type: ignore[attr-defined]
        "4-reconcile-today": at(words.RECONCILE, "2026-11-20"),
        "4-reconcile-lists": at(words.RECONCILE, before=FakeFace.asks_for_lists),
        "4-reconcile-lists-agreed": at(
            words.RECONCILE,
            "",
            lambda window: window.pages[words.RECONCILE].piles.choose("agreed"),  # type: ignore[attr-defined]
            FakeFace.asks_for_lists,
        ),
        "4-reconcile-sunday": at(words.RECONCILE, "2026-11-15"),
        "4-reconcile-receipts": at(
            words.RECONCILE,
            "",
            lambda window: window.pages[words.RECONCILE].destination.setCurrentIndex(1),  # type: ignore[attr-defined]
        ),
        "2-fill-two-patients": at(words.FILL, "", two),
        "6-name-repair": at(words.FILL, "1.2.3.2", choose_name),
        "6-devices": at(words.DEVICES, "", lambda window: window.pages[words.DEVICES].test.again.emit()),  # type: ignore[attr-defined]
        "5-settings": at(words.SETTINGS, "", lambda window: window.pages[words.SETTINGS].check()),  # type: ignore[attr-defined]
        **{
            f"5-settings-{key}": at(words.SETTINGS, key)
            for key in ("clinic", "destination", "secrets", "dicom", "upload", "his", "signing", "ui")
        },
        "9-log": at(words.LOG),
        "9-log-bundle": at(words.LOG, "bundle"),
        **retrieve_plan(rest),
        **settings_plan(rest),
        **sign_plan(rest),
        **stamp_plan(rest),
        **trust_plan(rest),
        **arrange_plan(rest),
        "1-today-nothing": at(words.TODAY, before=FakeFace.empty),
        "1-today-paused": at(words.TODAY, before=paused),
        "2-fill-nothing": at(words.FILL, before=FakeFace.empty),
        "3-queue-empty": at(words.QUEUE, before=FakeFace.empty),
        "6-devices-nothing": at(words.DEVICES, before=FakeFace.empty),
        **{f"0-small-{n}": at(name, "", small) for n, name in enumerate((words.TODAY, words.FILL, words.QUEUE), 1)},
        "8-closing": at(words.TODAY, "", closing),
        "8-quit": at(words.TODAY, "", leaving),
        "8-tray-menu": at(words.TODAY, "", menu),
        "9-error": at(words.QUEUE, "", error),
        "9-error-banner": at(words.QUEUE, "", failed),
        "9-keys": at(words.FILL, "", keys),
    }
    width, height = SIZES[scale]
    for name in [one for one in names or plan if one in plan]:
        page, key, act, before = plan[name]
        face = FakeFace()
        before(face)
        note, phone = DEMO if name == "2-fill" else ("", "")
        window = MainWindow(
            face, look, practice_note=note, phone=phone, now=lambda: NOW, stays=lambda: False, leave=lambda: None
        )
        window.resize(width, height)
        window.show()
        window.activateWindow()
        rest(window)
        window.go(page, key)
        rest(window)
        act(window)
        rest(window)
        picture(window).save(str(out / f"{name}-{scale}-{theme}.png"))
        window.shut()
        window.hide()
        window.deleteLater()
    draw_wizard(app, look, out, theme, scale, names)


def lay_beside(out: Path, targets: Path) -> None:
    """Ours and the target on one page, the same height."""
    from PIL import Image

    (out / "beside").mkdir(exist_ok=True)
    for name, target in TARGETS.items():
        for ours in sorted(out.glob(f"{name}-1[05]0-*.png")):
            if ours.stem.rsplit("-", 2)[0] != name:
                continue
            _, scale, theme = ours.stem.rsplit("-", 2)
            size = "-150pct" if scale == "150" else ""
            files = (f"{target}{size}-{theme}", f"{target}-{theme}", f"{target}-light", target)
            found = next((one for file in files if (one := targets / f"{file}.png").is_file()), None)
            if found is None:
                continue
            left, right = Image.open(ours).convert("RGB"), Image.open(found).convert("RGB")
            sheet = Image.new("RGB", (left.width + right.width + 12, max(left.height, right.height)), "white")
            sheet.paste(left, (0, 0))
            sheet.paste(right, (left.width + 12, 0))
            sheet.save(out / "beside" / ours.name)


def main() -> None:
    asked = argparse.ArgumentParser(prog="tests.gui.shots")
    asked.add_argument("out", type=Path)
    asked.add_argument("names", nargs="*")
    asked.add_argument("--beside", type=Path)
    asked.add_argument("--only", nargs=2, metavar=("THEME", "SCALE"), help="one theme and size, in this process")
    told = asked.parse_args()
    told.out.mkdir(parents=True, exist_ok=True)
    if told.only:
        draw(told.out, *told.only, told.names)
        return
    for theme in THEMES:
        line = [sys.executable, "-m", "tests.gui.shots", str(told.out), *told.names, "--only", theme]
        made = []
        for scale in SIZES:
            factor = {"QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": "1.5" if scale == "150" else "1"}
            made.append(subprocess.Popen([*line, scale], env=os.environ | factor, stderr=subprocess.DEVNULL))
        if any([one.wait() for one in made]):
            sys.exit("a picture could not be drawn")
    if told.beside:
        lay_beside(told.out, told.beside)
    print(f"{len(list(told.out.glob('*.png')))} pictures")


if __name__ == "__main__":
    main()
