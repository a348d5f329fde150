"""What the screen gets of a stored image: the right values from every compression, and a plain no for the rest."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_voi_lut

from app.intake import header
from app.intake.decoders import missing_decoders
from app.intake.pixels import CannotShow, Frame, frames_said, read_facts, read_frame, slice_place
from app.intake.windows import LINEAR, LINEAR_EXACT, SIGMOID, Voi, automatic, grey_of
from tests.builders import DEFLATED_LITTLE, EXPLICIT_LITTLE
from tests.intake.pictures import (
    BY_DCMTK,
    BY_PYDICOM,
    EXTENDED,
    J2K,
    J2K_LOSSLESS,
    JPEG,
    JPEG_LS_NEAR,
    NATIVE,
    PROGRESSIVE,
    RLE,
    SPECTRAL,
    a_jpeg,
    a_picture,
    a_picture_set,
    a_scene,
    with_streams,
    write,
)

LOSSY = {EXTENDED, SPECTRAL, PROGRESSIVE, JPEG_LS_NEAR, J2K}


def values_of(frame: Frame) -> NDArray[np.float64]:
    assert frame.real is not None
    return frame.real[frame.pixels]


@pytest.mark.parametrize("syntax", [*NATIVE, *BY_PYDICOM, *BY_DCMTK])
def test_every_transfer_syntax_gives_the_stored_values(tmp_path: Path, syntax: str) -> None:
    scene = a_scene()
    frame = read_frame(a_picture(tmp_path / "one.dcm", scene, syntax=syntax, RescaleIntercept=-1024, RescaleSlope=1))
    off = np.abs(values_of(frame) - (scene.astype(float) - 1024)).max()
    assert off <= (60 if syntax in LOSSY else 0)


def test_this_installation_has_every_usual_decoder() -> None:
    assert missing_decoders() == []


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, RLE, J2K_LOSSLESS])
def test_signed_values_stay_signed(tmp_path: Path, syntax: str) -> None:
    scene = (a_scene().astype(np.int32) - 2000).astype(np.int16)
    assert (values_of(read_frame(a_picture(tmp_path / "s.dcm", scene, syntax=syntax))) == scene).all()


def test_unused_high_bits_are_no_part_of_the_value(tmp_path: Path) -> None:
    scene = a_scene()
    dirty = scene | 0x6000  # overlays of old devices lived there
    frame = read_frame(a_picture(tmp_path / "d.dcm", dirty, BitsStored=12, HighBit=11))
    assert (values_of(frame) == scene).all()


def test_each_frame_of_many_is_its_own(tmp_path: Path) -> None:
    scenes = np.stack([a_scene(shift=n) for n in range(5)])
    for syntax in (EXPLICIT_LITTLE, DEFLATED_LITTLE, RLE, J2K_LOSSLESS):
        path = a_picture(tmp_path / f"{syntax}.dcm", scenes, syntax=syntax, modality="OT")
        for number in (0, 4, 2):
            frame = read_frame(path, number)
            assert frame.frames == 5
            assert (values_of(frame) == scenes[number]).all(), (syntax, number)


def test_a_frame_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotShow, match="没有这一帧"):
        read_frame(a_picture(tmp_path / "one.dcm", a_scene()), 1)


def test_a_frame_of_a_long_run_needs_the_memory_of_one(tmp_path: Path) -> None:
    path = a_picture(tmp_path / "run.dcm", np.zeros((64, 512, 512), np.uint16), modality="OT")
    read_frame(path, 3)
    tracemalloc.start()
    read_frame(path, 40)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8 * 512 * 512 * 2


def test_colour_comes_as_rgb(tmp_path: Path) -> None:
    scene = np.stack([a_scene(most=255, shift=n) for n in range(3)], axis=-1).astype(np.uint8)
    for syntax in (EXPLICIT_LITTLE, RLE, J2K_LOSSLESS):
        path = a_picture(tmp_path / f"{syntax}.dcm", scene, syntax=syntax, modality="OT")
        frame = read_frame(path)
        assert frame.real is None
        assert (frame.pixels == scene).all()


def test_colour_jpeg_of_an_ultrasound_comes_as_rgb(tmp_path: Path) -> None:
    scene = np.stack([a_scene(most=255, shift=n) for n in range(3)], axis=-1).astype(np.uint8)
    data_set = a_picture_set(scene, modality="US", PhotometricInterpretation="YBR_FULL_422")
    frame = read_frame(with_streams(tmp_path / "us.dcm", data_set, [a_jpeg(scene)], JPEG))
    assert np.abs(frame.pixels.astype(int) - scene).mean() < 4


def test_a_palette_is_applied(tmp_path: Path) -> None:
    scene = (a_scene(most=255)).astype(np.uint8)
    table = np.arange(256, dtype=np.uint16) << 8
    palette: dict[str, Any] = {}
    for name, values in (("Red", table), ("Green", table[::-1]), ("Blue", table * 0)):
        palette[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        palette[f"{name}PaletteColorLookupTableData"] = values.tobytes()
    path = a_picture(tmp_path / "p.dcm", scene, modality="US", PhotometricInterpretation="PALETTE COLOR", **palette)
    frame = read_frame(path)
    assert np.abs(frame.pixels[..., 0].astype(int) - scene).max() <= 1
    assert np.abs(frame.pixels[..., 1].astype(int) - (255 - scene.astype(int))).max() <= 1


def test_windows_names_facts_and_inversion_come_from_the_header(tmp_path: Path) -> None:
    path = a_picture(
        tmp_path / "x.dcm",
        a_scene(),
        modality="DX",
        PhotometricInterpretation="MONOCHROME1",
        WindowCenter=[2000, 300],
        WindowWidth=[4000, 500],
        WindowCenterWidthExplanation=["NORMAL", "HARD"],
        PixelPaddingValue=0,
        SeriesNumber=2,
        number=7,
        SliceThickness="1.25",
        PixelSpacing=[1, 0.5],
        SeriesDescription="CHEST",
        BodyPartExamined="CHEST",
    )
    frame = read_frame(path)
    assert frame.inverted
    assert frame.padding == 0
    assert [(voi.name, voi.center, voi.width) for voi in frame.vois] == [("NORMAL", 2000, 4000), ("HARD", 300, 500)]
    facts = frame.facts
    assert (facts.series_number, facts.instance_number, facts.slice_mm, facts.pixel_aspect) == ("2", "7", 1.25, 2.0)
    assert read_facts(path) == facts


def test_an_enhanced_image_has_its_facts_per_frame(tmp_path: Path) -> None:
    def group(center: float) -> Dataset:
        item, voi, rescale = Dataset(), Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = center, 100
        rescale.RescaleIntercept, rescale.RescaleSlope, rescale.RescaleType = -center, 2, "US"
        item.FrameVOILUTSequence, item.PixelValueTransformationSequence = [voi], [rescale]
        return item

    shared, measures = Dataset(), Dataset()
    measures.SliceThickness, measures.PixelSpacing = 3, [1, 1]
    shared.PixelMeasuresSequence = [measures]
    scenes = np.stack([a_scene(), a_scene(shift=1)])
    path = a_picture(
        tmp_path / "e.dcm",
        scenes,
        modality="MR",
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=[group(10), group(20)],
    )
    frame = read_frame(path, 1)
    assert frame.vois[0].center == 20
    assert (values_of(frame) == scenes[1].astype(float) * 2 - 20).all()
    assert frame.facts.slice_mm == 3


def test_a_table_in_place_of_a_window_is_applied(tmp_path: Path) -> None:
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [4096, 0, 12], (np.arange(4096)[::-1]).astype("<u2").tobytes()
    table["LUTDescriptor"].VR, table["LUTData"].VR = "US", "OW"
    scene = a_scene()
    frame = read_frame(a_picture(tmp_path / "t.dcm", scene, modality="DX", VOILUTSequence=[table]))
    assert frame.real is not None
    grey = grey_of(frame.real, frame.vois[0])[frame.pixels]
    assert np.abs(grey.astype(int) - np.rint((4095 - scene.astype(float)) / 4095 * 255)).max() <= 1


def test_slices_know_where_they_lie(tmp_path: Path) -> None:
    along = [1, 0, 0, 0, 1, 0]
    path = a_picture(tmp_path / "a.dcm", a_scene(), ImagePositionPatient=[5, 6, -42.5], ImageOrientationPatient=along)
    assert slice_place(path) == -42.5
    assert slice_place(a_picture(tmp_path / "b.dcm", a_scene())) is None


def test_pixels_of_32_bits_and_floats_are_shown_too(tmp_path: Path) -> None:
    wide = a_scene().astype(np.uint32) * 100_000
    shown = values_of(read_frame(a_picture(tmp_path / "w.dcm", wide, modality="OT")))
    assert np.abs(shown - wide).max() <= 100_000 * 4095 / 65535
    data_set = a_picture_set(a_scene(), modality="OT")
    real = np.linspace(-1, 1, 48 * 64, dtype=np.float32).reshape(48, 64)
    for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(data_set, keyword)
    data_set.BitsAllocated, data_set.FloatPixelData = 32, real.tobytes()
    assert np.abs(values_of(read_frame(write(tmp_path / "f.dcm", data_set, EXPLICIT_LITTLE))) - real).max() < 1e-4


# -- what cannot be shown --------------------------------------------------------------------------------------------


def refused(path: Path, words: str) -> CannotShow:
    tracemalloc.start()
    with pytest.raises(CannotShow, match=words) as raised:
        read_frame(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 64 * 1024 * 1024
    assert "不影响上传" in raised.value.advice
    return raised.value


def test_a_compression_without_a_decoder_is_said(tmp_path: Path) -> None:
    data_set = a_picture_set(a_scene())
    refused(with_streams(tmp_path / "z.dcm", data_set, [b"\1" * 64], "1.2.840.10008.1.2.4.52"), "这种压缩方式")


def test_a_film_is_called_a_film(tmp_path: Path) -> None:
    data_set = a_picture_set(a_scene())
    refused(with_streams(tmp_path / "v.dcm", data_set, [b"\1" * 64], "1.2.840.10008.1.2.4.102"), "视频")


def test_an_object_without_pixels_is_said(tmp_path: Path) -> None:
    data_set = a_picture_set(a_scene())
    del data_set.PixelData
    refused(write(tmp_path / "n.dcm", data_set, EXPLICIT_LITTLE), "没有图像")


def test_claims_beyond_the_file_cost_nothing(tmp_path: Path) -> None:
    data_set = a_picture_set(a_scene())
    data_set.Rows = data_set.Columns = 65535
    refused(write(tmp_path / "huge.dcm", data_set, EXPLICIT_LITTLE), "太大")
    data_set.Rows = data_set.Columns = 8000
    refused(write(tmp_path / "short.dcm", data_set, EXPLICIT_LITTLE), "读不出来")


def test_a_bomb_of_frames_is_counted_by_what_is_there(tmp_path: Path) -> None:
    data_set = a_picture_set(a_scene(), modality="OT")
    data_set.NumberOfFrames = 2_000_000_000
    path = write(tmp_path / "frames.dcm", data_set, EXPLICIT_LITTLE)
    assert read_frame(path).frames == 1
    assert frames_said(header.read_header(path)) == 100_000


def test_a_stream_that_claims_another_size_is_refused(tmp_path: Path) -> None:
    small = a_picture_set(a_scene(16, 16, most=255).astype(np.uint8))
    refused(with_streams(tmp_path / "j.dcm", small, [a_jpeg(a_scene(48, 64, most=255))], JPEG), "读不出来")
    siz = b"\xff\x4f\xff\x51" + struct.pack(">HH8I", 41, 0, 60000, 60000, 0, 0, 60000, 60000, 0, 0) + b"\0\1\7\1\1"
    refused(with_streams(tmp_path / "k.dcm", small, [siz], J2K_LOSSLESS), "读不出来")


def test_a_small_file_that_inflates_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = a_picture(tmp_path / "i.dcm", np.zeros((1024, 1024), np.uint16), syntax=DEFLATED_LITTLE)
    monkeypatch.setattr("app.intake.pixels.MOST_INFLATED", 100_000)
    refused(path, "太大")


def test_what_is_no_dicom_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "text.dcm"
    path.write_bytes(b"not an image" * 100)
    refused(path, "读不出来")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_anywhere_is_a_plain_no_or_a_picture(tmp_path: Path, data: st.DataObject) -> None:
    syntax = data.draw(st.sampled_from([EXPLICIT_LITTLE, DEFLATED_LITTLE, RLE]))  # the others: test_apart
    whole = tmp_path / f"{syntax}.dcm"
    if not whole.exists():
        a_picture(whole, a_scene(32, 32), syntax=syntax)
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(132, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(200, len(content))) :]
    damaged = tmp_path / "damaged.dcm"
    damaged.write_bytes(bytes(content))
    try:
        frame = read_frame(damaged)
    except CannotShow as error:
        assert error.title
    else:
        assert frame.pixels.size


# -- window arithmetic -----------------------------------------------------------------------------------------------

CENTERS, WIDTHS = st.integers(-3000, 4000), st.integers(1, 5000)


@given(center=CENTERS, width=WIDTHS, function=st.sampled_from([LINEAR, LINEAR_EXACT, SIGMOID]))
def test_windowing_agrees_with_pydicom(center: int, width: int, function: str) -> None:
    values = np.arange(-3000, 4000, 7, dtype=np.int16)
    data_set = Dataset()
    data_set.WindowCenter, data_set.WindowWidth, data_set.VOILUTFunction = center, width, function
    data_set.PhotometricInterpretation, data_set.BitsStored, data_set.PixelRepresentation = "MONOCHROME2", 16, 1
    with np.errstate(over="ignore"):  # pydicom's own, of narrow sigmoids
        theirs = apply_voi_lut(values, data_set)
    ours = grey_of(values.astype(np.float64), Voi(name="", center=center, width=width, function=function))
    assert np.abs(ours - np.rint((theirs + 32768) / 65535 * 255)).max() <= 1


@given(center=CENTERS, width=st.floats(allow_nan=False, allow_infinity=False), function=st.sampled_from(["", SIGMOID]))
def test_more_is_never_darker_whatever_the_header_says(center: int, width: float, function: str) -> None:
    values = np.arange(-4000, 5000, 3, dtype=np.float64)
    grey = grey_of(values, Voi(name="", center=center, width=width, function=function)).astype(int)
    assert (np.diff(grey) >= 0).all()


@given(st.lists(st.integers(0, 4095), min_size=1, max_size=300))
def test_an_automatic_window_spans_what_is_there(stored: list[int]) -> None:
    real = np.arange(65536, dtype=np.float64) - 1024
    center, width = automatic(real, np.bincount(stored, minlength=65536))
    assert width >= 1
    shown = grey_of(real, Voi(name="", center=center, width=width))
    few_outliers_are_cut = len(stored) >= 200
    if len(set(stored)) > 1 and not few_outliers_are_cut:
        assert (shown[min(stored)], shown[max(stored)]) == (0, 255)
