"""What may crash runs in a child: it dies alone, and the next call has a new one."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.intake.apart import Apart, ChildDied
from app.intake.decoders import decoded_stream
from app.intake.pixels import CannotShow, read_frame
from tests.intake.pictures import EXTENDED, a_picture, a_scene


@pytest.fixture
def apart() -> Iterator[Apart]:
    made = Apart()
    yield made
    made.close()


def test_a_child_answers_and_stays(apart: Apart) -> None:
    first = apart.run(os.getpid)
    assert first != os.getpid()
    assert apart.run(os.getpid) == first


def test_a_child_that_dies_is_replaced(apart: Apart) -> None:
    with pytest.raises(ChildDied):
        apart.run(os._exit, 3)
    assert apart.run(abs, -4) == 4


def test_a_child_that_says_nothing_is_ended() -> None:
    apart = Apart(patience_seconds=3.0)
    try:
        apart.run(abs, 1)
        with pytest.raises(ChildDied):
            apart.run(time.sleep, 60)
        assert apart.run(abs, -1) == 1
    finally:
        apart.close()


def test_damage_that_kills_a_decoder_is_a_plain_no(tmp_path: Path, apart: Apart) -> None:
    whole = a_picture(tmp_path / "whole.dcm", a_scene(40, 40), syntax=EXTENDED)
    content = whole.read_bytes()
    start = content.find(b"\xe0\x7f\x10\x00") + 12
    asked = 0

    def decode(stream):  # type: ignore[no-untyped-def]
        nonlocal asked
        asked += 1
        try:
            return apart.run(decoded_stream, stream)
        except ChildDied as error:
            return str(error)

    for seed in range(40):
        chance, damaged = random.Random(seed), bytearray(content)
        for _ in range(6):
            damaged[chance.randrange(start, len(damaged))] = chance.randrange(256)
        path = tmp_path / "damaged.dcm"
        path.write_bytes(damaged)
        try:
            read_frame(path, decode=decode)
        except CannotShow as error:
            assert "不影响上传" in error.advice
    assert asked > 20
    assert read_frame(whole, decode=decode).pixels.shape == (40, 40)
