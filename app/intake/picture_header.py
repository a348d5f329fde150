"""What a DICOM header says about its picture: words for beside it, the values its pixels stand for, its windows.

Reads elements of a data set that is already open; broken values are as good as none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.intake.header import Header
from app.intake.windows import LINEAR, Reals, Voi

ELEMENTS = (
    "SliceThickness",
    "SpacingBetweenSlices",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "PixelAspectRatio",
    "PixelPaddingValue",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "WindowCenter",
    "WindowWidth",
    "WindowCenterWidthExplanation",
    "VOILUTFunction",
    "VOILUTSequence",
    "PresentationLUTShape",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
    "SpecificCharacterSet",
    "ImagePositionPatient",
    "ImageOrientationPatient",
)
"""Keywords of what is read of a file before its pixels."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the header says beside the picture; "" and None for what it does not say."""

    modality: str
    series_number: str
    series_description: str
    instance_number: str
    study_description: str
    body_part: str
    slice_mm: float | None
    pixel_aspect: float
    """Height of a pixel over its width."""


def facts(about: Header, data_set: Any, frame: int) -> Facts:
    """Texts as the index reads them, with the charset that a device forgot."""
    measures = _group(data_set, frame, "PixelMeasuresSequence") or data_set
    spacing = _reals(measures.get("PixelSpacing")) or _reals(data_set.get("ImagerPixelSpacing"))
    aspect: list[float] = spacing if len(spacing) == 2 else _reals(data_set.get("PixelAspectRatio"))
    return Facts(
        modality=about.text("Modality"),
        series_number=about.text("SeriesNumber"),
        series_description=about.text("SeriesDescription"),
        instance_number=about.text("InstanceNumber"),
        study_description=about.text("StudyDescription"),
        body_part=about.text("BodyPartExamined"),
        slice_mm=_real(measures.get("SliceThickness")),
        pixel_aspect=_ratio(aspect),
    )


def rescaled(data_set: Any, values: Reals, frame: int) -> Reals:
    """The values after the modality's table or line (PS3.3 C.11.1)."""
    if table := _first(data_set.get("ModalityLUTSequence")):
        entries, first, _ = _lut(table)
        if len(entries):
            return np.asarray(entries[np.clip(values - first, 0, len(entries) - 1).astype(np.int64)], np.float64)
    source = _group(data_set, frame, "PixelValueTransformationSequence") or data_set
    slope, intercept = _real(source.get("RescaleSlope")), _real(source.get("RescaleIntercept"))
    return values * (slope or 1.0) + (intercept or 0.0)


def padding(data_set: Any, values: Reals) -> int | None:
    said = _real(data_set.get("PixelPaddingValue"))
    found = [] if said is None else np.flatnonzero(values == said).tolist()
    return int(found[0]) if found else None


def vois(data_set: Any, frame: int) -> tuple[Voi, ...]:
    """The device's windows; a table only where there is no window (PS3.3 C.11.2)."""
    source = _group(data_set, frame, "FrameVOILUTSequence") or data_set
    centers, widths = _reals(source.get("WindowCenter")), _reals(source.get("WindowWidth"))
    names = _texts(source.get("WindowCenterWidthExplanation"))
    function = str(source.get("VOILUTFunction") or LINEAR)
    windows = tuple(
        Voi(name=names[n] if n < len(names) else "", center=center, width=width, function=function)
        for n, (center, width) in enumerate(zip(centers, widths, strict=False))
        if width > 0
    )
    table = _first(source.get("VOILUTSequence"))
    return windows or (() if table is None else _voi_of_table(table))


def _voi_of_table(table: Any) -> tuple[Voi, ...]:
    entries, first, bits = _lut(table)
    if not len(entries):
        return ()
    width = float(len(entries))
    return (
        Voi(name="", center=first + width / 2, width=width, lut=entries / float((1 << bits) - 1), first=float(first)),
    )


def _lut(table: Any) -> tuple[Reals, int, int]:
    """(entries, first value mapped, bits of an entry) of a LUT item (PS3.3 C.11.1.1)."""
    descriptor = [int(number) for number in table.get("LUTDescriptor") or ()]
    data = table.get("LUTData")
    if len(descriptor) != 3 or data is None or not 1 <= descriptor[2] <= 16:
        return np.zeros(0), 0, 16
    entries = np.frombuffer(data, "<u2") if isinstance(data, bytes) else np.atleast_1d(np.array(data))
    count = descriptor[0] or 65536
    return entries[:count].astype(np.float64), descriptor[1], descriptor[2]


def _ratio(pair: list[float]) -> float:
    """Height over width; 1.0 for nonsense."""
    if len(pair) != 2 or min(pair) <= 0:
        return 1.0
    found = pair[0] / pair[1]
    return found if 0.05 < found < 20 else 1.0


def _group(data_set: Any, frame: int, name: str) -> Any:
    """The item of an enhanced image's functional group for this frame, None if there is none (PS3.3 C.7.6.16)."""
    own = data_set.get("PerFrameFunctionalGroupsSequence") or ()
    for groups in ([own[frame]] if frame < len(own) else []) + list(
        data_set.get("SharedFunctionalGroupsSequence") or ()
    ):
        if found := _first(groups.get(name)):
            return found
    return None


def _first(sequence: Any) -> Any:
    return sequence[0] if sequence else None


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip(" \0")


def _texts(value: Any) -> list[str]:
    return [_text(one) for one in _many(value)]


def _real(value: Any) -> float | None:
    return next(iter(_reals(value)), None)


def _reals(value: Any) -> list[float]:
    """The finite numbers of a value, [] if one of them is none."""
    numbers = [float(one) for one in _many(value) if isinstance(one, int | float)]
    return numbers if all(map(math.isfinite, numbers)) else []


def _many(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, list | tuple) or type(value).__name__ == "MultiValue" else [value]
