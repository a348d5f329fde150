"""What the engine gives to look at: series in order, windowed frames, report PDFs; and a plain no."""

from __future__ import annotations

import base64
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from numpy.typing import NDArray

from app.engine.line import packed
from app.errors import NeedsOperator
from app.intake.screen import Screen, Wanted
from app.store import images
from tests.builders import EXPLICIT_LITTLE, a_data_set, a_pdf, a_uid, pdf_bytes
from tests.engine.desk import Desk
from tests.intake.pictures import JPEG_LS, LOSSLESS_SV1, RLE, a_picture, a_scene, write
from tests.intake.sealed import sealed

Json = dict[str, Any]


def taken(desk: Desk, *pictures: Path) -> None:
    desk.engine.import_paths([str(path) for path in pictures])


def a_chest_ct(desk: Desk, study: str, *, images: int = 3, **elements: Any) -> list[Path]:
    series_uid = a_uid()
    return [
        a_picture(
            desk.folder / f"{a_uid()}.dcm",
            a_scene(shift=number),
            study_uid=study,
            number=number,
            **{"series_uid": series_uid, "BodyPartExamined": "CHEST", "RescaleIntercept": -1024} | elements,
        )
        for number in range(images, 0, -1)
    ]


def grey(answer: Json) -> NDArray[np.uint8]:
    return np.frombuffer(base64.b64decode(answer["grey"]), np.uint8).reshape(answer["height"], answer["width"])


def first_image(desk: Desk, study: str) -> str:
    return str(desk.engine.series(study)["series"][0]["images"][0]["sop_instance_uid"])


def test_series_and_images_come_in_the_order_of_their_numbers(desk: Desk) -> None:
    study = a_uid()
    taken(desk, *a_chest_ct(desk, study, SeriesNumber=10, SeriesDescription="肺窗 1.25"))
    taken(desk, *a_chest_ct(desk, study, images=12, SeriesNumber=2))
    found = desk.engine.series(study)
    assert [one["number"] for one in found["series"]] == ["2", "10"]
    assert [one["instance_number"] for one in found["series"][0]["images"]] == [str(n) for n in range(1, 13)]
    assert (found["image_count"], found["other_count"], found["released_count"]) == (15, 0, 0)
    assert found["series"][1]["description"] == "肺窗 1.25"
    assert found["series"][1]["modality"] == "CT"
    packed(found)


def test_slices_that_a_device_numbered_alike_come_in_the_order_of_their_place(desk: Desk) -> None:
    study, along = a_uid(), [1, 0, 0, 0, 1, 0]
    series_uid, uids = a_uid(), {}
    for place in (30, -10, 5):
        uids[place] = a_uid()
        taken(
            desk,
            a_picture(
                desk.folder / f"{place}.dcm",
                a_scene(),
                study_uid=study,
                series_uid=series_uid,
                instance_uid=uids[place],
                number=1,
                ImagePositionPatient=[0, 0, place],
                ImageOrientationPatient=along,
            ),
        )
    found = [one["sop_instance_uid"] for one in desk.engine.series(study)["series"][0]["images"]]
    assert found == [uids[-10], uids[5], uids[30]]


def test_frames_are_counted_and_objects_without_a_picture_left_out(desk: Desk) -> None:
    study = a_uid()
    film = np.stack([a_scene(most=255, shift=n).astype(np.uint8) for n in range(4)])
    taken(desk, a_picture(desk.folder / "us.dcm", film, modality="US", study_uid=study))
    dose = a_data_set(study_uid=study, sop_class_uid="1.2.840.10008.5.1.4.1.1.88.67", PixelData=None)
    del dose.Rows, dose.Columns
    taken(desk, write(desk.folder / "dose.dcm", dose, EXPLICIT_LITTLE))
    found = desk.engine.series(study)
    assert [one["images"][0]["frames"] for one in found["series"]] == [4]
    assert (found["image_count"], found["other_count"]) == (1, 1)
    uid = first_image(desk, study)
    assert not (grey(desk.engine.frame(uid, 0)) == grey(desk.engine.frame(uid, 3))).all()


def test_only_the_content_that_counts_is_shown(desk: Desk) -> None:
    study, instance = a_uid(), a_uid()
    common = {"study_uid": study, "instance_uid": instance, "series_uid": a_uid()}
    taken(desk, a_picture(desk.folder / "a.dcm", a_scene(), **common))
    taken(desk, a_picture(desk.folder / "b.dcm", a_scene(shift=2), **common))
    assert desk.engine.series(study)["image_count"] == 1
    first = grey(desk.engine.frame(instance))
    desk.engine.settle(study, "second")
    assert not (grey(desk.engine.frame(instance)) == first).all()


def test_a_chest_ct_offers_the_usual_windows_and_says_its_facts(desk: Desk) -> None:
    study = a_uid()
    taken(desk, *a_chest_ct(desk, study, WindowCenter=-600, WindowWidth=1500, SliceThickness="1.25", SeriesNumber=2))
    shown = desk.engine.frame(first_image(desk, study))
    assert [one["name"] for one in shown["presets"]] == ["肺窗", "纵隔窗", "骨窗"]
    assert (shown["preset"], shown["center"], shown["window_width"]) == ("肺窗", -600, 1500)
    assert (shown["slice_mm"], shown["series_number"], shown["instance_number"]) == (1.25, "2", "1")
    assert (shown["width"], shown["height"], shown["frames"]) == (64, 48, 1)
    packed(shown)


def test_a_preset_a_free_window_and_a_smaller_side_are_kept_to(desk: Desk) -> None:
    study = a_uid()
    taken(desk, *a_chest_ct(desk, study))
    uid = first_image(desk, study)
    stored = a_scene(shift=1).astype(float) - 1024
    bone = desk.engine.frame(uid, preset="骨窗")
    assert (bone["center"], bone["window_width"], bone["preset"]) == (450, 1500, "骨窗")
    free = desk.engine.frame(uid, center=0, width=2)
    assert (free["preset"], free["center"], free["window_width"]) == ("", 0, 2)
    assert ((grey(free) == 255) == (stored > -0.5)).mean() > 0.99
    small = desk.engine.frame(uid, side=32)
    assert (small["width"], small["height"], small["full_width"], small["full_height"]) == (32, 24, 64, 48)
    assert abs(float(grey(small).mean()) - float(grey(desk.engine.frame(uid)).mean())) < 3


def test_other_devices_offer_their_own_window_and_an_automatic_one(desk: Desk) -> None:
    study = a_uid()
    inverted = {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": 2000, "WindowWidth": 4000}
    taken(desk, a_picture(desk.folder / "dx.dcm", a_scene(), modality="DX", study_uid=study, **inverted))
    shown = desk.engine.frame(first_image(desk, study))
    assert [one["name"] for one in shown["presets"]] == ["设备窗", "自动"]
    assert shown["preset"] == "设备窗"
    assert grey(shown)[a_scene().argmax() // 64, a_scene().argmax() % 64] < 10  # dense is white, air is black


def test_colour_has_no_windows(desk: Desk) -> None:
    study = a_uid()
    scene = np.stack([a_scene(most=255, shift=n) for n in range(3)], axis=-1).astype(np.uint8)
    taken(desk, a_picture(desk.folder / "us.dcm", scene, modality="US", study_uid=study))
    shown = desk.engine.frame(first_image(desk, study))
    assert base64.b64decode(shown["rgb"]) == scene.tobytes()
    assert (shown["presets"], shown["center"], shown["window_width"], shown["preset"]) == ([], None, None, "")


@pytest.mark.parametrize("syntax", [RLE, JPEG_LS, LOSSLESS_SV1])
def test_compressed_images_are_shown_like_plain_ones(desk: Desk, syntax: str) -> None:
    study = a_uid()
    plain = a_picture(desk.folder / "plain.dcm", a_scene(), study_uid=study, number=1)
    packed_ = a_picture(desk.folder / "packed.dcm", a_scene(), study_uid=study, number=2, syntax=syntax)
    taken(desk, plain, packed_)
    uids = [one["images"][0]["sop_instance_uid"] for one in desk.engine.series(study)["series"]]
    try:
        assert (desk.engine._screen._apart._pool is not None) == (syntax != RLE)  # it starts while one is reading
        assert (grey(desk.engine.frame(uids[0])) == grey(desk.engine.frame(uids[1]))).all()
    finally:
        desk.engine._screen.close()


def test_released_images_say_so(desk: Desk) -> None:
    study = a_uid()
    taken(desk, *a_chest_ct(desk, study, images=1))
    uid = first_image(desk, study)
    house = desk.engine.house
    own = images.instances_of(house.store.read(), desk.key(study))
    house.store.write(lambda tx: images.mark_released(tx, own))
    house.spool.path(own[0].path).unlink()
    assert desk.engine.series(study)["released_count"] == 1
    with pytest.raises(NeedsOperator, match="保留期"):
        desk.engine.frame(uid)


def test_a_file_that_went_away_and_an_unknown_image_are_said(desk: Desk) -> None:
    study = a_uid()
    taken(desk, *a_chest_ct(desk, study, images=1))
    house = desk.engine.house
    house.spool.path(images.instances_of(house.store.read(), desk.key(study))[0].path).unlink()
    with pytest.raises(NeedsOperator, match="不在本机"):
        desk.engine.frame(first_image(desk, study))
    with pytest.raises(NeedsOperator, match="没有这幅影像"):
        desk.engine.frame("1.2.3")


def test_the_report_pdf_is_found_by_its_place(desk: Desk) -> None:
    study = desk.receive()
    with pytest.raises(NeedsOperator, match="还没有 PDF"):
        desk.engine.report_pdf(study)
    desk.engine.attach(study, str(a_pdf(desk.folder / "one.pdf", text="ONE")))
    desk.engine.attach(study, str(a_pdf(desk.folder / "two.pdf", text="TWO")), report=1)
    for number, text in ((0, b"ONE"), (1, b"TWO")):
        found = desk.engine.report_pdf(study, number)
        content = Path(found["path"]).read_bytes()
        assert text in content
        assert found["size_bytes"] == len(content) and found["shown"] == ""
    with pytest.raises(NeedsOperator, match="还没有 PDF"):
        desk.engine.report_pdf(study, 2)


def test_a_seal_in_a_field_is_drawn_for_the_eye(desk: Desk) -> None:
    study, stamped = desk.receive(), desk.folder / "stamped.pdf"
    stamped.write_bytes(sealed(pdf_bytes(text="CHEST PA")))
    desk.engine.attach(study, str(stamped))
    found = desk.engine.report_pdf(study)
    assert Path(found["path"]).read_bytes() == stamped.read_bytes()
    with pypdfium2.PdfDocument(base64.b64decode(found["shown"])) as document:
        red = document[0].render(may_draw_forms=False).to_pil().convert("RGB").getcolors(1 << 20)
    assert any(r > 200 and g < 100 for _, (r, g, _b) in red)


def test_the_frames_at_hand_stay_within_their_bytes(tmp_path: Path) -> None:
    paths = [a_picture(tmp_path / f"{n}.dcm", a_scene(shift=n)) for n in range(6)]
    screen = Screen(cache_bytes=3 * 48 * 64 * 2)
    for path in paths:
        screen.shown(Wanted(path=path))
    assert len(screen._plates) == 3
    for path in paths[:3]:
        path.unlink()
    assert screen.shown(Wanted(path=paths[5])).width == 64
    with pytest.raises(OSError, match=r"0\.dcm"):
        screen.shown(Wanted(path=paths[0]))


def test_what_is_no_image_stays_black_when_made_smaller(tmp_path: Path) -> None:
    scene = a_scene(256, 256)
    scene[:128] = 4000
    path = a_picture(tmp_path / "pad.dcm", scene, modality="DX", PixelPaddingValue=4000)
    shown = Screen().shown(Wanted(path=path, side=64))
    top = np.frombuffer(shown.data, np.uint8).reshape(64, 64)[:30]
    assert top.max() == 0


def test_several_threads_get_the_same_picture(tmp_path: Path) -> None:
    path, screen = a_picture(tmp_path / "a.dcm", a_scene()), Screen()
    answers: list[bytes] = []
    threads = [threading.Thread(target=lambda: answers.append(screen.shown(Wanted(path=path)).data)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1
