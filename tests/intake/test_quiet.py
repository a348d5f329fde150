"""A study is complete when it was quiet for long enough, and never by the wall clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.intake.quiet import QuietStudies, is_quiet
from app.store import images
from tests import builders
from tests.intake.clinic import Room

SECONDS = st.floats(min_value=0, max_value=1e6, allow_nan=False)


@given(last=SECONDS, more=SECONDS, quiet=SECONDS, open_count=st.integers(0, 3))
def test_quiet_means_long_enough_and_nobody_connected(last: float, more: float, quiet: float, open_count: int) -> None:
    said = is_quiet(last, last + more, quiet, open_count)
    assert said == (open_count == 0 and (last + more) - last >= quiet)


@pytest.fixture
def connected() -> dict[str, int]:
    return {}


@pytest.fixture
def quiet(room: Room, connected: dict[str, int]) -> Iterator[QuietStudies]:
    studies = QuietStudies(
        room.store, room.clock, lambda source: connected.get(source, 0), quiet_seconds=60, asleep_seconds=300
    )
    stop = room.store.subscribe(studies.on_event)
    yield studies
    stop()


def an_image(room: Room, folder: Path, study: str, source: str = "ae:CT1") -> None:
    room.taker.take_file(builders.a_dicom_file(folder, study_uid=study), source)


def test_a_study_is_due_after_the_quiet_period_and_not_before(room: Room, quiet: QuietStudies, tmp_path: Path) -> None:
    an_image(room, tmp_path, "1.2.3")
    room.clock.pass_(59)
    assert quiet.due() == []
    room.clock.pass_(1)
    assert quiet.due() == ["1.2.3"]


def test_a_late_image_starts_the_period_afresh(room: Room, quiet: QuietStudies, tmp_path: Path) -> None:
    an_image(room, tmp_path, "1.2.3")
    room.clock.pass_(59)
    an_image(room, tmp_path, "1.2.3")
    room.clock.pass_(59)
    assert quiet.due() == []
    room.clock.pass_(1)
    assert quiet.due() == ["1.2.3"]


def test_a_completed_study_is_not_due_again_until_another_image_comes(
    room: Room, quiet: QuietStudies, tmp_path: Path
) -> None:
    an_image(room, tmp_path, "1.2.3")
    room.clock.pass_(60)
    room.store.write(lambda tx: images.mark_complete(tx, "1.2.3", now=room.clock.now()))
    assert quiet.due() == []
    an_image(room, tmp_path, "1.2.3")
    assert quiet.due() == []
    room.clock.pass_(60)
    assert quiet.due() == ["1.2.3"]


def test_an_open_association_of_any_of_its_sources_holds_a_study_back(
    room: Room, quiet: QuietStudies, connected: dict[str, int], tmp_path: Path
) -> None:
    an_image(room, tmp_path, "1.2.3", "ae:CT1")
    an_image(room, tmp_path, "1.2.3", "ae:CT2")
    an_image(room, tmp_path, "1.2.4", "ae:MR1")
    connected["ae:CT2"] = 1
    room.clock.pass_(61)
    assert quiet.due() == ["1.2.4"]
    connected.clear()
    assert set(quiet.due()) == {"1.2.3", "1.2.4"}


def test_after_a_restart_the_period_starts_afresh(room: Room, tmp_path: Path) -> None:
    an_image(room, tmp_path, "1.2.3")
    room.clock.pass_(600)
    studies = QuietStudies(room.store, room.clock, lambda source: 0, quiet_seconds=60)
    assert studies.due() == []
    room.clock.pass_(60)
    assert studies.due() == ["1.2.3"]


@pytest.mark.parametrize("wall", [-7200.0, 40.0, 28_800.0])
def test_a_jump_of_the_wall_clock_starts_the_period_afresh(
    room: Room, quiet: QuietStudies, tmp_path: Path, wall: float
) -> None:
    quiet.due()
    an_image(room, tmp_path, "1.2.3")
    room.clock.pass_(30)
    quiet.due()
    room.clock.pass_(30, wall=wall)
    assert quiet.due() == []
    room.clock.pass_(60)
    assert quiet.due() == ["1.2.3"]


def test_a_machine_that_slept_starts_the_period_afresh(room: Room, quiet: QuietStudies, tmp_path: Path) -> None:
    quiet.due()
    an_image(room, tmp_path, "1.2.3")
    room.clock.pass_(28_800)
    assert quiet.due() == []
    room.clock.pass_(60)
    assert quiet.due() == ["1.2.3"]
