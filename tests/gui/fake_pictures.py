"""Invented images and report PDFs for the tests of the desktop: phantoms of a chest, a hand, a lumbar spine."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import NeedsOperator
from app.practice.report_pdf import make_report_pdf

Json = dict[str, Any]
PRESETS = {"CT": [("肺窗", -600.0, 1500.0), ("纵隔窗", 40.0, 350.0), ("骨窗", 450.0, 1500.0)]}
CANNOT_SHOW = NeedsOperator("这种压缩方式这里显示不了", "不影响上传")
OTHER = [("设备窗", 2048.0, 4096.0), ("自动", 1900.0, 3300.0)]


@cache
def a_chest(slice_: int) -> NDArray[np.int16]:
    """Hounsfield units of a slice through an invented chest, 512 x 512."""
    down, right = np.mgrid[-1:1:512j, -1:1:512j]

    def oval(x: float, y: float, wide: float, high: float) -> NDArray[np.bool_]:
        return ((right - x) / wide) ** 2 + ((down - y) / high) ** 2 < 1

    large = 0.75 + 0.25 * np.sin(slice_ / 100)
    image = np.where(oval(0, 0, 1, 1), -1000, -1350).astype(np.int16)
    for values, shape in (
        (-90, oval(0, 0.05, 0.88, 0.68)),
        (50, oval(0, 0.05, 0.80, 0.60)),
        (-820, oval(-0.40, 0, 0.30 * large, 0.42 * large)),
        (-820, oval(0.40, 0, 0.30 * large, 0.42 * large)),
        (60, oval(0.06, 0.02, 0.24, 0.26)),
        (700, oval(0, 0.45, 0.11, 0.10)),
        (150, oval(0, 0.45, 0.06, 0.055)),
        (-600, (np.abs(down - 0.86) < 0.02) & (np.abs(right) < 0.95)),
    ):
        image[shape] = values
    chance = np.random.default_rng(7)
    for x, y in chance.uniform(-0.62, 0.62, (70, 2)):
        vessel = oval(x, y * 0.6, 0.016, 0.016)
        image[vessel & (image == -820)] = -250
    for angle in np.linspace(0.4, 2 * np.pi + 0.4, 12, endpoint=False):
        image[oval(0.78 * np.cos(angle), 0.05 + 0.58 * np.sin(angle), 0.045, 0.03)] = 600
    return image


@cache
def a_radiograph(number: int) -> NDArray[np.int16]:
    """12-bit values of an invented frontal or lateral view, 900 x 740."""
    down, right = np.mgrid[-1:1:900j, -1:1:740j]
    body = 2600 * np.exp(-(((right) / 0.75) ** 4) - (down / 1.2) ** 6)
    lungs = 1500 * sum(np.exp(-(((right - x) / 0.26) ** 4) - ((down + 0.05) / 0.6) ** 4) for x in (-0.42, 0.42))
    ribs = 260 * (np.sin(22 * down + 5 * np.abs(right)) > 0.75) * (np.abs(right) < 0.72) * (np.abs(down) < 0.7)
    spine = 700 * np.exp(-((right / 0.09) ** 2))
    image = 500 + body - (lungs if number % 2 == 0 else 0.6 * lungs[:, ::-1]) + ribs + spine
    return np.clip(image, 0, 4095).astype(np.int16)


class FakePictures:
    """`series`, `frame` and `report_pdf` of the fake face. `broken`: images that cannot be shown, and why."""

    broken: dict[str, NeedsOperator]
    released: bool
    pdf: Path | None
    """What every report's PDF is; None: a small one is made."""

    def series(self, uid: str) -> Json:
        self._answer("series", uid)  # type: ignore[attr-defined]
        row = self._of(uid)  # type: ignore[attr-defined]
        count, ct = int(row["image_count"]), row["modality"] in ("CT", "MR")
        groups = [(1, 2), (2, count - 2)] if ct and count > 4 else [(number + 1, 1) for number in range(count)]
        return {
            "series": [self._series(row, number, images) for number, images in groups],
            "image_count": count,
            "other_count": 0,
            "released_count": count if getattr(self, "released", False) else 0,
        }

    @staticmethod
    def _series(row: Json, number: int, images: int) -> Json:
        return {
            "series_instance_uid": f"{row['uid']}.{number}",
            "number": str(number),
            "description": {1: "定位像", 2: "胸部 1.25 mm"}.get(number, "") if row["modality"] == "CT" else "",
            "modality": row["modality"],
            "source": "ae:CT-1",
            "size_bytes": images * 524_300,
            "images": [
                {"sop_instance_uid": f"{row['uid']}.{number}.{n}", "instance_number": str(n), "frames": 1}
                for n in range(1, images + 1)
            ],
        }

    def frame(
        self,
        sop_instance_uid: str,
        frame: int = 0,
        center: float | None = None,
        width: float | None = None,
        preset: str = "",
        side: int = 0,
    ) -> Json:
        self._answer("frame", sop_instance_uid, frame, center, width, preset, side)  # type: ignore[attr-defined]
        if sop_instance_uid in getattr(self, "broken", {}):
            raise self.broken[sop_instance_uid]
        uid, series, number = sop_instance_uid.rsplit(".", 2)
        modality = str(self._of(uid)["modality"])  # type: ignore[attr-defined]
        image = a_chest(int(number)) if modality in ("CT", "MR") else a_radiograph(int(series))
        offered = PRESETS.get(modality, OTHER)
        named = next((one for one in offered if one[0] == preset), None)
        if named is None and center is None:
            named = offered[0]
        name, middle, wide = named or ("", center or 0.0, width or 1.0)
        grey = np.clip((image - middle) / wide * 255 + 127.5, 0, 255).astype(np.uint8)
        step = max(1, max(image.shape) // side) if side else 1
        small = np.ascontiguousarray(grey[::step, ::step])
        return {
            "width": small.shape[1],
            "height": small.shape[0],
            "full_width": image.shape[1],
            "full_height": image.shape[0],
            "frames": 1,
            "grey": base64.b64encode(small.tobytes()).decode(),
            "center": middle,
            "window_width": wide,
            "preset": name,
            "presets": [{"name": one, "center": c, "width": w} for one, c, w in offered],
            "slice_mm": 1.25 if modality == "CT" else None,
            "pixel_aspect": 1.0,
            "modality": modality,
            "series_number": series,
            "series_description": "",
            "instance_number": number,
        }

    def report_pdf(self, uid: str, report: int = 0) -> Json:
        self._answer("report_pdf", uid, report)  # type: ignore[attr-defined]
        path = getattr(self, "pdf", None) or _a_report()
        return {
            "path": str(path),
            "name": "李桂芳_DR2611200018.pdf",
            "size_bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "shown": "",
        }


@cache
def _a_report() -> Path:
    return make_report_pdf(
        Path(tempfile.mkdtemp(prefix="report-")) / "report.pdf",
        patient="李桂芳",
        accession="DR2611200018",
        title="DR 检查报告单",
        findings="胸廓对称，两侧肺纹理增多、稍紊乱，右下肺野可见少许斑片状密度增高影，边缘模糊。两肺门影不大，纵隔居中。",
        conclusion="1. 右下肺少许炎症可能，建议复查；\n2. 主动脉硬化。",
    )
