"""Images of other hospitals (调阅): checked against the platform's list, kept in a folder of their own for looking at.

They never enter the spool: a note lies in each such folder, and intake passes by whatever lies under it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from app.domain.retrieval import KeptImage, Offered, WrongImage
from app.errors import RetryLater
from app.intake.header import NotDicom, read_header
from app.intake.whole import is_whole

MARK = "外院影像，只供查看.txt"
_NOTE = """这里是从影像云平台调阅下载的影像，供本次就诊参考。
影像云上传助手不会把这里的文件收进来，也不会上传。请不要挪到监视的文件夹里；这份说明也请留着。
"""
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_LONGEST_UID = 64


class NoRoomToDownload(RetryLater):
    """The disk must keep room for the clinic's own images."""

    def __init__(self, details: str = "") -> None:
        super().__init__(
            "磁盘快满了，先不下载", "请清理磁盘空间，程序会自动接着下载；收影像也要用这些空间", details=details
        )


def is_uid(text: str) -> bool:
    """PS3.5 9.1: at most 64 digits and dots; so it can name a file and never leads anywhere else."""
    return len(text) <= _LONGEST_UID and bool(_UID.fullmatch(text))


def is_retrieved(path: Path) -> bool:
    """Whether the file lies in a folder of downloads, as it was laid down or with its series' folder left out."""
    return any((folder / MARK).is_file() for folder in (*path.parents[:2],))


def file_of(folder: Path, image: Offered) -> Path:
    """Raises ValueError for UIDs that are none."""
    if not (is_uid(image.series_instance_uid) and is_uid(image.sop_instance_uid)):
        raise ValueError("no UID")
    return folder / image.series_instance_uid / f"{image.sop_instance_uid}.dcm"


class Shelf:
    """Lays images down durably and takes them away. `free_bytes`, `durable_*` are the machine's.

    `least_free_bytes(folder)`: what must stay free on the disk of that folder.
    """

    def __init__(
        self,
        *,
        durable_replace: Callable[[Path, Path], None],
        durable_folder: Callable[[Path], None],
        free_bytes: Callable[[Path], int],
        least_free_bytes: Callable[[Path], int],
    ) -> None:
        self._replace, self._make_folder = durable_replace, durable_folder
        self._free, self._least_free = free_bytes, least_free_bytes

    def open(self, folder: Path) -> None:
        """The folder with its note. Raises `NoRoomToDownload`, OSError."""
        self._make_folder(folder)
        note = folder / MARK
        if not note.is_file():
            note.write_text(_NOTE, encoding="utf-8-sig", newline="\r\n")
        free = self._free(folder)
        if free < self._least_free(folder):
            raise NoRoomToDownload(f"{free} bytes free")

    def lying(self, folder: Path, image: Offered) -> KeptImage | None:
        """The image, if it lies there already, whole and with these UIDs. Raises OSError."""
        path = file_of(folder, image)
        if not path.is_file():
            return None
        try:
            return _checked(path, image)
        except WrongImage:
            return None

    def put(self, folder: Path, image: Offered, content: bytes) -> KeptImage:
        """Keep it under its final name, or leave nothing behind. Raises `WrongImage`, OSError."""
        path = file_of(folder, image)
        self._make_folder(path.parent)
        part = path.with_suffix(".part")
        try:
            part.write_bytes(content)
            kept = _checked(part, image)
            self._replace(part, path)
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        return kept

    def take_away(self, folder: Path, own: Iterable[Offered]) -> None:
        """These images, and the folders that are empty then; whatever else lies there stays. Raises OSError."""
        root = folder.resolve()
        series = set()
        for image in own:
            path = file_of(folder, image)
            if path.parent.resolve().parent != root:  # somebody has put a link in its place
                continue
            path.with_suffix(".part").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            series.add(path.parent)
        for each in series:
            _drop_if_empty(each)
        left = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
        if left == {MARK}:
            (folder / MARK).unlink()
            _drop_if_empty(folder)


def _drop_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _checked(path: Path, image: Offered) -> KeptImage:
    """Opened, whole, and the very image. Raises `WrongImage`, OSError."""
    try:
        about = read_header(path)
        whole = is_whole(path)
    except NotDicom as error:
        raise WrongImage("打不开，不是完整的 DICOM 影像") from error
    if not whole:
        raise WrongImage("内容不完整")
    for name, said, asked in (
        ("检查", about.study_instance_uid, image.study_instance_uid),
        ("序列", about.series_instance_uid, image.series_instance_uid),
        ("影像", about.sop_instance_uid, image.sop_instance_uid),
    ):
        if said != asked:
            raise WrongImage(f"{name} UID 与平台的清单不一致")
    return KeptImage(
        sop_class_uid=about.sop_class_uid,
        transfer_syntax_uid=about.transfer_syntax_uid,
        modality=about.modality,
        series_number=about.text("SeriesNumber"),
        instance_number=about.text("InstanceNumber"),
        size_bytes=path.stat().st_size,
    )
