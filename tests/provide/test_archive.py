"""The ZIP that is made while it is sent: read by strict readers, from any byte on, broken off rather than wrong."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
import tracemalloc
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.provide.archive import Archive, Member, crc32_of
from app.wire.file_server import ContentBroken

GIB = 1024**3
STRICT = """
import java.io.*; import java.util.zip.*;
public class Strict {
    public static void main(String[] args) throws Exception {
        try (ZipInputStream in = new ZipInputStream(new BufferedInputStream(new FileInputStream(args[0])))) {
            for (ZipEntry one; (one = in.getNextEntry()) != null; ) {
                CRC32 crc = new CRC32(); byte[] block = new byte[65536]; long size = 0;
                for (int n; (n = in.read(block)) > 0; ) { crc.update(block, 0, n); size += n; }
                System.out.println(one.getName() + " " + size + " " + Long.toHexString(crc.getValue()));
            }
        }
    }
}
"""


def a_member(folder: Path, name: str, content: bytes) -> Member:
    path = folder / name.replace("/", "-")
    path.write_bytes(content)
    size, crc32 = crc32_of(path)
    return Member(name=name, size_bytes=size, crc32=crc32, open=lambda: nullcontext(path))


def some(folder: Path, sizes: Sequence[int] = (0, 1, 70_000, 200_000)) -> list[Member]:
    source = random.Random(7)
    return [a_member(folder, f"{n:04d}_1.2.{n}.dcm", source.randbytes(size)) for n, size in enumerate(sizes, 1)]


def whole(archive: Archive) -> bytes:
    return b"".join(archive.blocks(0, archive.size))


def test_the_size_is_known_and_the_bytes_are_the_same_each_time(tmp_path: Path) -> None:
    archive = Archive(some(tmp_path))
    assert len(whole(archive)) == archive.size
    assert whole(Archive(some(tmp_path))) == whole(archive)


def test_python_reads_every_file_as_it_was(tmp_path: Path) -> None:
    members = some(tmp_path)
    with zipfile.ZipFile(io.BytesIO(whole(Archive(members)))) as read:
        assert read.testzip() is None
        assert read.namelist() == [one.name for one in members]
        assert all(info.compress_type == zipfile.ZIP_STORED and not info.flag_bits for info in read.infolist())
        assert [zlib.crc32(read.read(one.name)) for one in members] == [one.crc32 for one in members]


@pytest.mark.skipif(shutil.which("unzip") is None, reason="no unzip here")
def test_unzip_finds_nothing_wrong(tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_bytes(whole(Archive(some(tmp_path))))
    tested = subprocess.run(["unzip", "-t", "all.zip"], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert tested.returncode == 0 and "No errors detected" in tested.stdout


@pytest.mark.skipif(shutil.which("javac") is None, reason="no Java compiler here")
def test_a_reader_that_takes_the_stream_as_it_comes_gets_every_file(tmp_path: Path) -> None:
    members = some(tmp_path)
    (tmp_path / "all.zip").write_bytes(whole(Archive(members)))
    (tmp_path / "Strict.java").write_text(STRICT)
    done = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "Strict.java", "all.zip"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == [f"{one.name} {one.size_bytes} {one.crc32:x}" for one in members]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_stretch_is_the_same_as_of_the_whole(tmp_path: Path, data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(0, 300), max_size=5))
    archive = Archive(some(tmp_path, sizes))
    every = whole(archive)
    first = data.draw(st.integers(0, archive.size))
    length = data.draw(st.integers(0, archive.size - first))
    assert b"".join(archive.blocks(first, length)) == every[first : first + length]


class Reading(io.RawIOBase):
    """An archive of many gigabytes as a file, of which only what is read is made."""

    def __init__(self, archive: Archive) -> None:
        self._archive, self._at = archive, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._archive.size)[whence]
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        got = b"".join(self._archive.blocks(self._at, len(buffer)))
        buffer[: len(got)] = got
        self._at += len(got)
        return len(got)


def test_files_and_places_beyond_four_gigabytes_are_written_as_zip64(tmp_path: Path) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(5 * GIB)
    first, last = some(tmp_path, (10, 20))
    members = [first, Member(name="big.dcm", size_bytes=5 * GIB, crc32=0x1234, open=lambda: nullcontext(big)), last]
    archive = Archive(members)
    with zipfile.ZipFile(io.BufferedReader(Reading(archive))) as read:
        assert [(one.filename, one.file_size, one.CRC) for one in read.infolist()] == [
            (one.name, one.size_bytes, one.crc32) for one in members
        ]
        assert read.infolist()[2].header_offset > 5 * GIB
        assert zlib.crc32(read.read(last.name)) == last.crc32
        with read.open("big.dcm") as file:
            assert file.read(1000) == bytes(1000)


def test_more_files_than_a_plain_zip_can_count_are_read(tmp_path: Path) -> None:
    (one,) = some(tmp_path, (1,))
    count = 66_000
    members = [Member(name=f"{n:06d}.dcm", size_bytes=1, crc32=one.crc32, open=one.open) for n in range(count)]
    with zipfile.ZipFile(io.BufferedReader(Reading(Archive(members)), 1 << 20)) as read:
        assert len(read.infolist()) == count
        assert zlib.crc32(read.read("065999.dcm")) == one.crc32


@pytest.mark.parametrize("content", [b"", b"short", b"another content of same len", b"longer " * 10])
def test_a_file_that_changed_breaks_the_archive_off(tmp_path: Path, content: bytes) -> None:
    members = [
        a_member(tmp_path, "0001_1.dcm", b"first"),
        a_member(tmp_path, "0002_2.dcm", b"these are the right bytes!!"),
    ]
    archive = Archive(members)
    (tmp_path / "0002_2.dcm").write_bytes(content)
    got = bytearray()
    with pytest.raises(ContentBroken, match="file 2 of 2"):
        for block in archive.blocks(0, archive.size):
            got += block
    assert b"first" in got and len(got) < archive.size - 60


def test_a_file_that_is_gone_breaks_the_archive_off_without_naming_a_path(tmp_path: Path) -> None:
    archive = Archive(some(tmp_path))
    (tmp_path / "0003_1.2.3.dcm").unlink()
    with pytest.raises(ContentBroken) as broken:
        whole(archive)
    assert str(broken.value) == "file 3 of 4: FileNotFoundError" and broken.value.__cause__ is None


def test_five_hundred_images_take_no_more_memory_than_five(tmp_path: Path) -> None:
    path = tmp_path / "image.dcm"
    path.write_bytes(bytes(512 * 1024))
    size, crc32 = crc32_of(path)

    def peak(count: int) -> int:
        members = [
            Member(name=f"{n:04d}_1.2.{n}.dcm", size_bytes=size, crc32=crc32, open=lambda: nullcontext(path))
            for n in range(count)
        ]
        archive = Archive(members)
        tracemalloc.start()
        sent = sum(len(block) for block in archive.blocks(0, archive.size))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert sent == archive.size > count * size
        return found

    assert peak(500) < peak(5) + 200_000 < 1_000_000


def test_an_exam_without_images_is_an_empty_zip() -> None:
    with zipfile.ZipFile(io.BytesIO(whole(Archive([])))) as read:
        assert read.namelist() == []
