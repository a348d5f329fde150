"""A file lands in the spool whole and under its final name, or leaves nothing behind."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.intake import spool as layout
from app.intake.spool import NoRoom, Spool
from app.system.disk import sync_folder, synced_replace


def a_spool(root: Path, *, free: int = 1 << 40) -> Spool:
    return Spool(
        root / "spool",
        root / "parts",
        synced_replace=synced_replace,
        sync_folder=sync_folder,
        free_bytes=lambda folder: free,
        least_free_bytes=1000,
    )


@given(pieces=st.lists(st.binary(max_size=50), max_size=6), offset=st.integers(0, 200))
def test_the_digests_are_those_of_the_whole_and_of_the_data_set(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], offset: int
) -> None:
    spool, whole = a_spool(tmp_path_factory.mktemp("spool")), b"".join(pieces)
    part, stored = spool.write_part(pieces, offset)
    assert part.read_bytes() == whole
    assert stored.size_bytes == len(whole)
    assert stored.md5 == hashlib.md5(whole).hexdigest()
    assert stored.sha256 == hashlib.sha256(whole[offset:]).hexdigest()


def test_a_kept_part_has_its_final_name_and_is_no_part_any_more(tmp_path: Path) -> None:
    spool = a_spool(tmp_path)
    part, _ = spool.write_part([b"content"], 0)
    spool.keep(part, "images/1.2/3.dcm")
    assert not part.exists()
    assert spool.path("images/1.2/3.dcm").read_bytes() == b"content"
    assert list(spool.files()) == [spool.path("images/1.2/3.dcm")]


def test_parts_of_an_earlier_run_are_swept_away_and_nothing_else(tmp_path: Path) -> None:
    spool = a_spool(tmp_path)
    spool.write_part([b"never acknowledged"], 0)
    kept, _ = spool.write_part([b"kept"], 0)
    spool.keep(kept, "images/kept.dcm")
    assert spool.sweep() == 1
    assert list((tmp_path / "parts").iterdir()) == []
    assert len(list(spool.files())) == 1


def test_a_full_disk_is_said_before_anything_is_written(tmp_path: Path) -> None:
    spool = a_spool(tmp_path, free=1500)
    spool.check_room(400)
    with pytest.raises(NoRoom) as caught:
        spool.check_room(501)
    assert "清理磁盘" in caught.value.advice


def test_a_disk_that_refuses_half_way_leaves_no_part(tmp_path: Path) -> None:
    spool = a_spool(tmp_path)

    def pieces() -> object:
        yield b"the beginning"
        raise OSError(28, "No space left on device")

    with pytest.raises(NoRoom):
        spool.write_part(pieces(), 0)  # type: ignore[arg-type]
    assert list((tmp_path / "parts").iterdir()) == []


def test_a_rename_that_is_refused_leaves_no_part(tmp_path: Path) -> None:
    def refuses(part: Path, final: Path) -> None:
        raise OSError(28, "No space left on device")

    spool = Spool(
        tmp_path / "spool",
        tmp_path / "parts",
        synced_replace=refuses,
        sync_folder=sync_folder,
        free_bytes=lambda _: 1,
        least_free_bytes=0,
    )
    part, _ = spool.write_part([b"content"], 0)
    with pytest.raises(NoRoom):
        spool.keep(part, "images/3.dcm")
    assert not part.exists()
    assert list(spool.files()) == []


@given(uid=st.one_of(st.text(), st.from_regex(r"[0-9.]{1,70}", fullmatch=True)))
def test_no_uid_leads_out_of_the_spool(tmp_path_factory: pytest.TempPathFactory, uid: str) -> None:
    relative = layout.image_path(uid, uid, "ab" * 32)
    root = Path("spool").absolute()
    assert (root / relative).resolve().parent.parent == root / "images"
    assert len(relative) < 160


def test_two_uids_never_share_a_path() -> None:
    uids = ["1.2.3", "1.2.3.", "1..2", "../1", "", "1.2.4", "..", "."]
    assert len({layout.image_path(uid, "1", "ab" * 32) for uid in uids}) == len(uids)
