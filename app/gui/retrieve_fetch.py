"""The lower part of 调阅: the selected exam with its image list and download, or what was downloaded before."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QDialog, QFileDialog, QStackedWidget

from app.errors import AgentError
from app.gui import words
from app.gui.page import Desk, Json, Question
from app.gui.retrieve_downloads import DownloadsCard
from app.gui.retrieve_panel import HIGH, LOW, ExamPanel, second_of
from app.gui.retrieve_trouble import DownloadTrouble
from app.gui.told import Told
from app.gui.viewer_window import ViewerWindow

_LATER = "过一会儿再试，或在网页上看"
_ASKING = "正在问平台有哪些影像"
_NOT_ASKED = "点“下载影像”时问平台要"
_NO_IMAGES = "这个平台不提供影像下载，请在网页上看"


class FetchArea(QStackedWidget):
    """Shows one row of an answer or one download of before. `own(exam_key)`: that one is at home here."""

    own = Told()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.downloads: list[Json] = []
        self._row: Json | None = None
        self._lookup, self._destination, self._images = "", "", False
        self._offered: dict[str, str] = {}
        """Key of a row -> what is said of its image list."""
        self._started: dict[str, int] = {}
        """Key of a row -> its download."""
        self._opened = 0
        """The download of before that is shown in place of the row."""
        self._listing = False
        self._viewer: ViewerWindow | None = None
        self.panel = ExamPanel(desk)
        self.panel.acted.connect(self.act)
        self.list = DownloadsCard(desk.look, desk.now)
        self.list.opened.connect(self._open)
        self.list.closed.connect(self.step_back)
        self.list.removed.connect(lambda: self._of_download("remove", self.list.table.row()))
        self.addWidget(self.panel)
        self.addWidget(self.list)
        self.setFixedHeight(HIGH)

    def set_low(self, low: bool) -> None:
        self.setFixedHeight(LOW if low else HIGH)
        self.panel.set_low(low)
        self._show()

    # -- showing ----------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        face = self._desk.face
        self._desk.asker.ask(lambda: face.downloads(), self._came, key="downloads")

    def show_answer(self, answer: Json | None, *, images: bool) -> None:
        """Another answer, or none: nothing of the one before is said of it."""
        self._offered.clear()
        self._started.clear()
        self._lookup = str(answer["lookup"]) if answer else ""
        self._destination = str(answer["destination"]) if answer else ""
        self._images = images
        self.show_row(None)

    def show_row(self, row: Json | None) -> None:
        self._row, self._opened, self._listing = row, 0, False
        self._show()

    def _came(self, answer: Json) -> None:
        self.downloads = answer["downloads"]
        if self._opened and self.download() is None:
            self._opened = 0
        self._show()

    def download(self) -> Json | None:
        """The download that is shown: the opened one, else the one of the row."""
        wanted = self._opened or self._started.get(str(self._row["key"]) if self._row else "", 0)
        if wanted:
            return next((one for one in self.downloads if one["id"] == wanted), None)
        if self._row is None or not self._row["index_code"]:
            return None
        same = (self._destination, self._row["index_code"])
        return next((one for one in self.downloads if (one["destination"], one["index_code"]) == same), None)

    def _show(self) -> None:
        row, download = self._row, self.download()
        others = [one for one in self.downloads if download is None or one["id"] != download["id"]]
        self.panel.show_list_link(
            len(self.downloads) if others else 0, sum(one["state"] == "running" for one in others)
        )
        if self._opened and download is not None:
            self.panel.show_download(download)
        elif row is not None:
            self.panel.show_exam(row, download, self._said_of_images(row, download), may_download=self._images)
        self.list.show_downloads(self.downloads, may_go_back=row is not None)
        listed = self._listing or (row is None and not self._opened)
        self.setCurrentWidget(self.list if listed else self.panel)
        self.setVisible(bool(self.downloads) if listed else True)

    def _said_of_images(self, row: Json, download: Json | None) -> str:
        if said := self._offered.get(str(row["key"])):
            return said
        if download is not None:
            at = words.clock(download["started_at"], self._desk.now())
            return f"{download['total']} 幅\n{at} 开始下载"
        return _NOT_ASKED if self._images else _NO_IMAGES

    def _open(self, key: str) -> None:
        self._opened, self._listing = int(key or 0), False
        self._show()

    def step_back(self) -> bool:
        """Esc: from a download of before to the list, from the list to the row. False: there is nothing to leave."""
        if self._opened:
            self._opened, self._listing = 0, True
        elif self._listing and self._row is not None:
            self._listing = False
        else:
            return False
        self._show()
        return True

    def can_step_back(self) -> bool:
        return bool(self._opened) or (self._listing and self._row is not None)

    def close_viewer(self) -> None:
        if self._viewer is not None:
            self._viewer.close()
            self._viewer.deleteLater()
            self._viewer = None

    # -- acting -----------------------------------------------------------------------------------------------------

    def act(self, name: str) -> None:
        """One of the panel's buttons, or a link of the row."""
        row = self._row
        if name == "list":
            self._opened, self._listing = 0, True
            self._show()
            self.list.table.setFocus(Qt.FocusReason.TabFocusReason)
        elif name == "copy":
            self.copy_index()
        elif name == "own" and row is not None:
            self.own.emit(str(row["exam_key"]))
        elif name == "download" and row is not None:
            self._fetch(row, "")
        elif name == "elsewhere" and row is not None:
            self._choose_folder(row)
        else:
            self._of_download(name, self.download())

    def copy_index(self) -> None:
        shown = self.download() if self._opened else self._row
        if shown is not None and shown["index_code"]:
            QGuiApplication.clipboard().setText(str(shown["index_code"]))

    def _of_download(self, name: str, download: Json | None) -> None:
        if download is None:
            return
        face, which = self._desk.face, int(download["id"])
        if name in ("pause", "resume"):
            call = face.pause_download if name == "pause" else face.resume_download
            self._desk.asker.ask(lambda: call(which), lambda _answer: self.refresh())
        elif name == "viewer" and download["checked"]:
            self._desk.asker.ask(lambda: face.download_series(which), lambda answer: self._look_at(download, answer))
        elif name == "folder":
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(download["folder"])))
        elif name == "trouble":
            show_dialog(DownloadTrouble(self._desk.look, download, self.window()))
        elif name == "remove":
            self._desk.confirm(_before_removal(download), lambda: self._remove(which))

    def _remove(self, which: int) -> None:
        face = self._desk.face
        self.close_viewer()
        self._started = {key: one for key, one in self._started.items() if one != which}
        self._desk.asker.ask(lambda: face.remove_download(which), lambda _answer: self.refresh())

    def _fetch(self, row: Json, folder: str) -> None:
        """First what there is, then the download of it. One of before goes on with what it lacks."""
        if (before := self.download()) is not None:
            if before["state"] != "running":
                self._of_download("resume", before)
            return
        face, lookup, key = self._desk.face, self._lookup, str(row["key"])
        which = str(row["index_code"]) or key
        self._say_of_images(lookup, key, _ASKING)

        def offered(answer: Json) -> None:
            count = int(answer["count"])
            at = f"{count} 幅 · {answer['series_count']} 个序列\n{second_of(answer['asked_at'])} 平台给出"
            self._say_of_images(lookup, key, at if count else f"{answer['words']}\n{_LATER}")
            if count:
                self._desk.asker.ask(lambda: face.start_download(lookup, which, folder), started)

        def started(download: Json) -> None:
            if lookup == self._lookup:
                self._started[key] = int(download["id"])
            self.refresh()

        def failed(error: AgentError) -> None:
            self._say_of_images(lookup, key, "")
            self._desk.fail(error)

        self._desk.asker.ask(lambda: face.images_offered(lookup, which), offered, failed)

    def _say_of_images(self, lookup: str, key: str, said: str) -> None:
        """While the answer is shown that it belongs to; "": nothing is known."""
        if lookup == self._lookup:
            self._offered[key] = said
            self._show()

    def _choose_folder(self, row: Json) -> None:
        dialog = QFileDialog(self.window(), "影像存到哪个文件夹")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda path: self._fetch(row, path))
        show_dialog(dialog)

    def _look_at(self, download: Json, answer: Json) -> None:
        """Our own viewer over the images that are there."""
        face, which = self._desk.face, int(download["id"])

        def frame_of(uid: str, **how: object) -> Json:
            return face.download_frame(which, uid, **how)  # type: ignore[arg-type]

        self.close_viewer()
        self._viewer = ViewerWindow(self._desk.look, self._desk.asker, frame_of, self.window())
        person = tuple(str(part) for part in (download["patient_name"], download["body_part"]) if part)
        self._viewer.open(answer["series"], person, " · ".join((*person, str(download["exam_date"]))), 0)
        self._viewer.viewer.go_series(longest(answer["series"]))


def longest(series: list[Json]) -> int:
    """The number of the longest series."""
    return max(range(len(series)), key=lambda number: len(series[number]["images"]), default=0)


def show_dialog(dialog: QDialog) -> None:
    """Open it without waiting; it goes when it is closed."""
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()


def _before_removal(download: Json) -> Question:
    who = " ".join(str(part) for part in (download["patient_name"], download["body_part"]) if part)
    return Question(
        title=f"移除 {who} 的下载？",
        text=f"下载到本机的 {download['done']} 幅影像会删掉，平台上的不受影响，以后还可以再下载。",
        yes="移除",
        no="不移除",
    )
