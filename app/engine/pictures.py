"""What the technician looks at: an exam's series, one frame of an image, its report PDFs. Reads only."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from app.domain.study import Instance
from app.engine.face import Json
from app.engine.house import House
from app.errors import AgentError, NeedsOperator
from app.intake.header import Header, NotDicom, read_header
from app.intake.pdf_drawn import MOST_BYTES, has_fields
from app.intake.reports import STAMPED
from app.store import exams, files, images
from app.store.reports import pdf_sources

if TYPE_CHECKING:  # reading pixels waits for the first picture that is looked at
    from app.intake.screen import Screen, Shown

_ONE_FRAME = frozenset(
    f"1.2.840.10008.5.1.4.1.1.{number}" for number in ("1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1", "2", "4")
)
"""CR, DX, MG, IO, CT, MR: one frame each, so their files need not be opened to count."""
_NO_PICTURE = tuple(
    f"1.2.840.10008.5.1.4.1.1.{number}"
    for number in ("11.", "88.", "104.", "9.", "66", "67", "481.3", "481.4", "481.5", "481.6", "481.8", "481.9")
)
"""Presentation states, structured reports, documents, curves, registrations, plans."""
_NAMES = {"dicom": "设备送来的报告.pdf", STAMPED: "盖好章的报告.pdf"}
_ORDERED_BY_PLACE_MOST = 2000
_LEAST_SIDE = 16
PathOf = Callable[[str], Path]
"""Where a file lies, by the path that an instance names."""


def series(house: House, screen: Screen, exam_key: str) -> Json:
    """See the face."""
    conn = house.store.read()
    own = images.instances_of(conn, exam_key)
    gone = images.released_of(conn, exam_key)
    pictures = [one for one in own if is_picture(one)]
    return shown_series(screen, own, house.spool.path) | {
        "released_count": sum(one.sop_instance_uid in gone for one in pictures)
    }


def shown_series(screen: Screen, own: Sequence[Instance], path_of: PathOf) -> Json:
    """Files that lie anywhere, in the order in which one scrolls."""
    pictures = [one for one in own if is_picture(one)]
    screen.warm({one.transfer_syntax_uid for one in pictures})
    return {
        "series": [_series(path_of, list(each)) for _, each in groupby(pictures, lambda one: one.series_instance_uid)],
        "image_count": len(pictures),
        "other_count": len(own) - len(pictures),
        "released_count": 0,
    }


def is_picture(one: Instance) -> bool:
    return not one.sop_class_uid.startswith(_NO_PICTURE)


def _series(path_of: PathOf, own: list[Instance]) -> Json:
    first = own[0]
    about = _header(path_of(first.path))
    return {
        "series_instance_uid": first.series_instance_uid,
        "number": first.series_number,
        "description": about.text("SeriesDescription") if about else "",
        "modality": first.modality,
        "source": first.source,
        "size_bytes": sum(one.size_bytes for one in own),
        "images": [
            {
                "sop_instance_uid": one.sop_instance_uid,
                "instance_number": one.instance_number,
                "frames": _frames(path_of, one),
            }
            for one in _in_order(path_of, own)
        ],
    }


def _frames(path_of: PathOf, one: Instance) -> int:
    from app.intake.pixels import frames_said

    about = None if one.sop_class_uid in _ONE_FRAME else _header(path_of(one.path))
    return frames_said(about) if about else 1


def _header(path: Path) -> Header | None:
    try:
        return read_header(path)
    except (NotDicom, OSError):
        return None


def _in_order(path_of: PathOf, own: list[Instance]) -> Iterable[Instance]:
    """By instance number; where a device numbers several alike, by where the slices lie."""
    if len({one.instance_number for one in own}) == len(own) or len(own) > _ORDERED_BY_PLACE_MOST:
        return own
    places = {one.sop_instance_uid: _place(path_of(one.path)) for one in own}
    if any(place is None for place in places.values()):
        return own
    return sorted(own, key=lambda one: places[one.sop_instance_uid] or 0.0)


def _place(path: Path) -> float | None:
    from app.intake.pixels import slice_place

    try:
        return slice_place(path)
    except (AgentError, OSError):
        return None


def frame(
    house: House,
    screen: Screen,
    sop_instance_uid: str,
    frame: int = 0,
    center: float | None = None,
    width: float | None = None,
    preset: str = "",
    side: int = 0,
) -> Json:
    """See the face."""
    found = images.current(house.store.read(), sop_instance_uid)
    if found is None:
        raise NeedsOperator("没有这幅影像", "请在列表里重新选择这例检查")
    instance, released = found
    path, gone = house.spool.path(instance.path), _released() if released else _not_here()
    return shown_frame(screen, path, gone, frame, center, width, preset, side)


def shown_frame(
    screen: Screen,
    path: Path,
    gone: NeedsOperator,
    frame: int,
    center: float | None,
    width: float | None,
    preset: str,
    side: int,
) -> Json:
    """One frame of a file that lies anywhere; `gone` is raised when it lies there no longer."""
    from app.intake.screen import Wanted

    sane = [number for number in (center, width) if number is not None and math.isfinite(number)]
    wanted = Wanted(
        path=path,
        frame=frame,
        center=sane[0] if len(sane) == 2 else None,
        width=sane[1] if len(sane) == 2 else None,
        preset=preset,
        side=max(_LEAST_SIDE, side) if side > 0 else 0,
    )
    try:
        return _shown(screen.shown(wanted))
    except FileNotFoundError as error:
        raise gone from error
    except OSError as error:
        raise NeedsOperator(
            "这幅影像的文件打不开", "可能正被别的程序占用，稍后再看", details=type(error).__name__
        ) from error


def _not_here() -> NeedsOperator:
    return NeedsOperator("这幅影像的文件不在本机了", "不在影像暂存区里；需要时请在设备上重新发送", details="no file")


def _released() -> NeedsOperator:
    return NeedsOperator("这幅影像已过保留期", "平台都已接收，本机不再保存原图；要看请到平台调阅")


def _shown(shown: Shown) -> Json:
    facts = shown.facts
    return {
        "width": shown.width,
        "height": shown.height,
        "full_width": shown.full_width,
        "full_height": shown.full_height,
        "frames": shown.frames,
        "rgb" if shown.colour else "grey": base64.b64encode(shown.data).decode("ascii"),
        "center": shown.window.center if shown.window else None,
        "window_width": shown.window.width if shown.window else None,
        "preset": shown.window.name if shown.window else "",
        "presets": [{"name": voi.name, "center": voi.center, "width": voi.width} for voi in shown.offered],
        "slice_mm": facts.slice_mm,
        "pixel_aspect": facts.pixel_aspect,
        "modality": facts.modality,
        "series_number": facts.series_number,
        "series_description": facts.series_description,
        "instance_number": facts.instance_number,
    }


def report_pdf(house: House, exam_key: str, report: int, drawn: Callable[[str, bytes], bytes]) -> Json:
    """See the face. `drawn`: the copy for the eye of a PDF, by digest and content; b"" where there is none."""
    conn = house.store.read()
    own = exams.reports_of(conn, exam_key)
    if not 0 <= report < len(own) or not own[report].pdf_sha256:
        raise NeedsOperator("这份报告还没有 PDF", "把 PDF 拖到这里，或点“附上 PDF”选择文件")
    path = files.path_of(conn, own[report].pdf_sha256)
    whole = house.spool.path(path) if path else None
    if whole is None or not whole.is_file():
        raise NeedsOperator("报告 PDF 不在本机了", "请重新附上这份报告的 PDF", details="no file")
    return {
        "path": str(whole),
        "name": _name(pdf_sources(conn, exam_key).get(own[report].report_key, "")),
        "size_bytes": whole.stat().st_size,
        "sha256": own[report].pdf_sha256,
        "shown": base64.b64encode(_shown_copy(whole, own[report].pdf_sha256, drawn)).decode("ascii"),
    }


def _shown_copy(path: Path, sha256: str, drawn: Callable[[str, bytes], bytes]) -> bytes:
    """Of a PDF with fields alone: a viewer would leave the seal out."""
    try:
        content = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
    except OSError as error:
        raise NeedsOperator("报告 PDF 打不开", "请重新附上这份报告的 PDF", details=type(error).__name__) from error
    return drawn(sha256, content) if has_fields(content) else b""


def _name(origin: str) -> str:
    """The file's name as it came; what a person attached, a device sent or came back stamped has none of its own."""
    kind, _, name = origin.partition(":")
    return name if kind == "file" and name else _NAMES.get(kind, "检查报告.pdf")
