"""Pictures of every page, light and dark, at both sizes: `python -m tests.gui.shots OUT`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

SIZES = {"100": (1366, 688), "150": (1280, 640)}


def main(out: Path) -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtGui import QPainter, QPixmap
    from PySide6.QtWidgets import QApplication

    from app.gui import words
    from app.gui.run import dress
    from app.gui.viewer_window import ViewerWindow
    from app.gui.window import MainWindow
    from tests.gui.fake_devices import others_alike, two_patients
    from tests.gui.fake_face import NOW, FakeFace
    from tests.gui.fake_pictures import CANNOT_SHOW

    out.mkdir(parents=True, exist_ok=True)
    app = QApplication([])
    folder = Path(__file__).parents[2] / "resources" / "gui"
    look = dress(app, folder)

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
        large = next((one for one in app.topLevelWidgets() if isinstance(one, ViewerWindow) and one.isVisible()), None)
        if large is not None:
            return large.grab()
        if dialog is not None:
            place = window.rect().center() - dialog.rect().center()
            QPainter(shown).drawPixmap(place, dialog.grab())
            dialog.close()
        return shown

    def at(
        page: str, key: str = "", act: Callable[[MainWindow], None] = lambda window: None
    ) -> tuple[str, str, Callable]:
        return page, key, act

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
        "2-fill-held": at(words.FILL, "1.2.3.4"),
        "3-queue-trouble": at(words.QUEUE, "", trouble),
        "4-reconcile": at(words.RECONCILE),
        "4-reconcile-agreed": at(
            words.RECONCILE, "", lambda window: window.pages[words.RECONCILE].piles.choose("agreed")
        ),  # type: ignore[attr-defined]
        "4-reconcile-today": at(words.RECONCILE, "2026-11-20"),
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
    }
    only = sys.argv[2:] or list(plan)
    for theme in ("light", "dark"):
        look.set_dark(theme == "dark")
        for scale, (width, height) in SIZES.items():
            for name in only:
                page, key, act = plan[name]
                face = FakeFace()
                window = MainWindow(
                    face,
                    look,
                    practice_note="演练平台 · 未要求电子签名" if name == "2-fill" else "",
                    now=lambda: NOW,
                    stays=lambda: False,
                    leave=lambda: None,
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
    print(f"{len(list(out.glob('*.png')))} pictures")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
