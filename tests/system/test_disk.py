"""Renames that survive a power cut."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.system import disk


def test_the_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    part, final = tmp_path / "影像.part", tmp_path / "影像.dcm"
    final.write_bytes(b"old")
    part.write_bytes(b"new")
    disk.durable_replace(part, final)
    assert final.read_bytes() == b"new"
    assert not part.exists()


def test_the_file_is_flushed_before_and_the_folder_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, final = tmp_path / "a.part", tmp_path / "a"
    part.write_bytes(b"x")
    seen: list[tuple[bool, bool]] = []
    flush = os.fsync

    def watched(handle: int) -> None:
        seen.append((part.exists(), final.exists()))
        flush(handle)

    monkeypatch.setattr(os, "fsync", watched)
    disk.durable_replace(part, final)
    assert seen[0] == (True, False)
    assert os.name == "nt" or seen[1:] == [(False, True)]


def test_a_failed_rename_keeps_the_part(tmp_path: Path) -> None:
    part = tmp_path / "a.part"
    part.write_bytes(b"x")
    with pytest.raises(OSError):
        disk.durable_replace(part, tmp_path / "missing" / "a")
    assert part.read_bytes() == b"x"


def test_free_space_is_counted_in_bytes(tmp_path: Path) -> None:
    assert disk.free_bytes(tmp_path) > 1_000_000


def test_a_new_folder_and_those_above_it_are_made_and_their_names_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr(disk, "sync_folder", flushed.append)
    wanted = tmp_path / "a" / "b"
    disk.durable_folder(wanted)
    assert wanted.is_dir()
    assert flushed == [tmp_path, tmp_path / "a"]
    disk.durable_folder(wanted)
    assert len(flushed) == 2
