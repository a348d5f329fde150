"""From stored values to 8-bit grey (VOI, PS3.3 C.11.2): arithmetic on arrays, no files, no DICOM objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Reals = NDArray[np.float64]
LINEAR, LINEAR_EXACT, SIGMOID = "LINEAR", "LINEAR_EXACT", "SIGMOID"
_LEAST_SHARE, _MOST_SHARE = 0.005, 0.995
"""What an automatic window leaves out at either end."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Voi:
    """A window (窗), and how it is applied; `lut` (0 to 1 per whole value from `first`) replaces the straight line."""

    name: str
    center: float
    width: float
    function: str = LINEAR
    lut: Reals | None = None
    first: float = 0.0


def grey_of(real: Reals, voi: Voi) -> Grey:
    """0 to 255 for every value of `real`; never raises, whatever the header asked for."""
    if voi.lut is not None:
        places = np.clip(real - voi.first, 0, len(voi.lut) - 1).astype(np.int64)
        return _bytes(voi.lut[places])
    return _bytes(_share(real, voi.center, voi.width, voi.function))


def _share(real: Reals, center: float, width: float, function: str) -> Reals:
    """How far up the window each value stands, 0 to 1 within it (PS3.3 C.11.2.1.2.1 and C.11.2.1.3)."""
    if function == SIGMOID:
        return 1.0 / (1.0 + np.exp(np.clip(-4.0 * (real - center) / max(width, 1e-6), -700.0, 700.0)))
    if function == LINEAR_EXACT:
        return (real - center) / max(width, 1e-6) + 0.5
    if width <= 1.0:
        return (real > center - 0.5).astype(np.float64)
    return (real - (center - 0.5)) / (width - 1.0) + 0.5


def _bytes(share: Reals) -> Grey:
    return np.rint(np.clip(share, 0.0, 1.0) * 255.0).astype(np.uint8)


def automatic(real: Reals, counts: NDArray[np.int64]) -> tuple[float, float]:
    """(center, width) that shows nearly all of an image: `counts[i]` pixels have the value `real[i]`."""
    used = np.flatnonzero(counts)
    if not len(used):
        return 0.5, 1.0
    used = used[np.argsort(real[used], kind="stable")]
    sums = np.cumsum(counts[used])
    low, high = (real[used[np.searchsorted(sums, share * sums[-1])]] for share in (_LEAST_SHARE, _MOST_SHARE))
    return float(low + high + 1) / 2, float(max(1.0, high - low + 1))


def scaled_to_bytes(colour: NDArray[Any], bits: int) -> Grey:
    """Colour samples of any depth as 8 bits."""
    if colour.dtype == np.uint8 and bits <= 8:
        return np.asarray(colour, np.uint8)
    most = (1 << bits) - 1
    return np.asarray(np.clip(colour, 0, most).astype(np.uint32) * 255 // most, np.uint8)
