"""A ZIP of an exam's images: whole or not, images or not, counted and digested without growing in memory."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from app.practice.archive import Image, NotWhole, images_in
from tests.builders import a_data_set, a_uid, dicom_bytes


def an_archive(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def a_slice(study: str = "1.2.3", **more: object) -> bytes:
    return dicom_bytes(a_data_set(study_uid=study, **more))  # type: ignore[arg-type]


def found(path: Path, folder: Path) -> list[Image]:
    return list(images_in(path, folder))


def test_every_image_is_named_with_its_uids_and_the_digest_of_its_data_set(tmp_path: Path) -> None:
    uid = a_uid()
    one = a_slice(instance_uid=uid, accession="A1")
    [image] = found(an_archive(tmp_path / "a.zip", {"1.2.3/1.dcm": one}), tmp_path)
    start = 144 + int.from_bytes(one[140:144], "little")
    assert (image.study_uid, image.sop_uid, image.accession, image.modality) == ("1.2.3", uid, "A1", "CT")
    assert (image.sha256, image.size) == (hashlib.sha256(one[start:]).hexdigest(), len(one) - start)


def test_the_same_data_set_has_the_same_digest_whatever_stands_before_it(tmp_path: Path) -> None:
    data_set = a_data_set(study_uid="1.2.3")
    plain = dicom_bytes(data_set)
    other = b"other preamble".ljust(128, b"\0") + plain[128:]
    [first] = found(an_archive(tmp_path / "a.zip", {"1": plain}), tmp_path)
    [second] = found(an_archive(tmp_path / "b.zip", {"1": other}), tmp_path)
    assert first.sha256 == second.sha256


def test_folders_inside_are_no_images_and_no_copy_is_left(tmp_path: Path) -> None:
    path = an_archive(tmp_path / "a.zip", {"1.2.3/": b"", "1.2.3/a": a_slice(), "1.2.3/b": a_slice()})
    assert len(found(path, tmp_path)) == 2
    assert [one.name for one in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({}, "压缩包里没有影像"),
        ({"a": b"no image"}, "压缩包里 a 不是 DICOM 文件"),
        ({"a": a_slice(), "b.txt": b"a note"}, "压缩包里 b.txt 不是 DICOM 文件"),
        (
            {"a": a_slice(instance_uid="1.9"), "b": a_slice(instance_uid="1.9")},
            "压缩包里 b 的 SOPInstanceUID 重复：1.9",
        ),
        ({"a": a_slice(StudyInstanceUID=None)}, "压缩包里 a 没有 StudyInstanceUID"),
    ],
)
def test_what_is_wrong_with_an_archive_is_said(tmp_path: Path, entries: dict[str, bytes], said: str) -> None:
    with pytest.raises(NotWhole, match=said):
        found(an_archive(tmp_path / "a.zip", entries), tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.99])
def test_an_archive_that_was_cut_is_not_whole(tmp_path: Path, kept: float) -> None:
    path = an_archive(tmp_path / "a.zip", {f"{number}": a_slice() for number in range(3)})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else int(kept)])
    with pytest.raises(NotWhole, match="压缩包打不开或不完整"):
        found(path, tmp_path)


def test_a_bit_turned_on_the_way_is_found(tmp_path: Path) -> None:
    path = an_archive(tmp_path / "a.zip", {"a": a_slice()})
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(NotWhole):
        found(path, tmp_path)


def test_memory_does_not_grow_with_the_archive(tmp_path: Path) -> None:
    big = a_slice() + b"\0" * 30_000_000
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", big)
    del big
    tracemalloc.start()
    try:
        found(path, tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


def test_a_stored_archive_with_data_descriptors_is_read(tmp_path: Path) -> None:
    """As one that is made while it is sent: sizes and check sums come after each entry."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.content = b""

        def writable(self) -> bool:
            return True

        def write(self, block: object) -> int:
            self.content += bytes(block)  # type: ignore[call-overload]
            return len(bytes(block))  # type: ignore[call-overload]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:  # type: ignore[call-overload]
        archive.writestr("a", a_slice())
    (tmp_path / "a.zip").write_bytes(pipe.content)
    assert len(found(tmp_path / "a.zip", tmp_path)) == 1
