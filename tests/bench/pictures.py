"""Milliseconds for a new window over an image at hand, beside pydicom's own way of it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import pydicom
from pydicom.pixels import apply_modality_lut, apply_windowing

from app.intake.screen import Screen, Wanted
from tests.bench.rounds import interleaved, last_line, machine, scratch, table
from tests.intake.pictures import a_picture, a_scene

SIZES = {"CT 512x512": (512, 512, 0), "DX 3000x2400 at 768": (3000, 2400, 768)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    results = {}
    with scratch() as folder:
        about = machine(folder)
        for name, (rows, columns, side) in SIZES.items():
            path = a_picture(folder / f"{rows}.dcm", a_scene(rows, columns), RescaleIntercept=-1024, RescaleSlope=1)
            taken = interleaved({"agent": _ours(path, side), "pydicom": _theirs(path)}, rounds)
            results[name] = [round(1000 * taken.median(who), 2) for who in taken]
            shown = [
                [who, f"{1000 * taken.median(who):.1f}", f"{taken.times_faster(who, 'pydicom'):.2f}"] for who in taken
            ]
            print(f"\n{name}, {rounds} rounds")
            table(("variant", "ms", "x pydicom"), shown)
    last_line("pictures", about, results)


def _ours(path: Path, side: int) -> Callable[[], float]:
    screen, width = Screen(), [300.0]
    screen.shown(Wanted(path=path, side=side))

    def run() -> float:
        width[0] += 1  # another window each time: nothing is answered from an earlier one
        start = time.perf_counter()
        screen.shown(Wanted(path=path, side=side, center=40, width=width[0]))
        return time.perf_counter() - start

    return run


def _theirs(path: Path) -> Callable[[], float]:
    data_set = pydicom.dcmread(path)
    stored = data_set.pixel_array
    data_set.WindowCenter, data_set.WindowWidth = 40, 300

    def run() -> float:
        data_set.WindowWidth = float(data_set.WindowWidth) + 1
        start = time.perf_counter()
        apply_windowing(apply_modality_lut(stored, data_set), data_set)
        return time.perf_counter() - start

    return run


if __name__ == "__main__":
    main()
