"""Looking at downloaded images of other hospitals: the viewer's series and frames, straight from their folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.domain.retrieval import Download, ImageState, Offered
from app.domain.study import Instance
from app.engine.face import Json
from app.engine.house import House
from app.engine.pictures import shown_frame, shown_series
from app.errors import NeedsOperator
from app.intake.retrieved import file_of
from app.store import retrievals

if TYPE_CHECKING:
    from app.intake.screen import Screen


def series(house: House, screen: Screen, download: Download) -> Json:
    """See `Face.series`."""
    rows = retrievals.images(house.store.read(), download.id, ImageState.KEPT)
    own = sorted((_instance(download, row) for row in rows), key=_turn)
    return shown_series(screen, own, Path)


def frame(
    house: House,
    screen: Screen,
    download: Download,
    sop_instance_uid: str,
    frame: int,
    center: float | None,
    width: float | None,
    preset: str,
    side: int,
) -> Json:
    """See `Face.frame`."""
    found = retrievals.kept_image(house.store.read(), download.id, sop_instance_uid)
    if found is None:
        raise NeedsOperator("这幅影像还没有下载", "下载到这一幅就能看")
    gone = NeedsOperator("这幅影像不在下载文件夹里了", "点“下载影像”会重新下载缺的", details="no file")
    return shown_frame(screen, _path(download, found), gone, frame, center, width, preset, side)


def _path(download: Download, row: Mapping[str, Any]) -> Path:
    return file_of(
        Path(download.folder),
        Offered(
            study_instance_uid=row["study_instance_uid"],
            series_instance_uid=row["series_instance_uid"],
            sop_instance_uid=row["sop_instance_uid"],
        ),
    )


def _instance(download: Download, row: Mapping[str, Any]) -> Instance:
    facts = ("sop_class_uid", "transfer_syntax_uid", "modality", "series_number", "instance_number", "size_bytes")
    uids = ("study_instance_uid", "series_instance_uid", "sop_instance_uid")
    return Instance(
        **{name: row[name] for name in (*uids, *facts)},
        data_set_sha256="",
        md5="",
        path=str(_path(download, row)),
        source="retrieved",
        received_at=download.started_at,
        current=True,
    )


def _turn(one: Instance) -> tuple[int, str, int, str]:
    """As images of our own are listed: by series and instance number, what has none last."""
    return _number(one.series_number), one.series_instance_uid, _number(one.instance_number), one.sop_instance_uid


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 1 << 31
