"""What may crash runs in a child: it dies alone, and the next call has a new one."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.intake.apart import Apart, ChildDied, ChildSlow
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


def test_a_child_may_be_started_before_it_is_needed(apart: Apart) -> None:
    apart.warm(os.getpid)
    pool = apart._pool
    assert pool is not None
    apart.warm(os.getpid)
    assert apart.run(abs, -2) == 2
    assert apart._pool is pool


def test_a_child_that_dies_is_replaced(apart: Apart) -> None:
    with pytest.raises(ChildDied):
        apart.run(os._exit, 3)
    assert apart.run(abs, -4) == 4


def test_a_child_that_says_nothing_is_ended() -> None:
    apart = Apart(patience_seconds=3.0)
    try:
        apart.run(abs, 1)
        with pytest.raises(ChildSlow):
            apart.run(time.sleep, 60)
        assert apart.run(abs, -1) == 1
    finally:
        apart.close()


def test_closing_does_not_wait_for_a_busy_child(apart: Apart) -> None:
    apart.run(abs, 1)
    died: list[bool] = []

    def busy() -> None:
        try:
            apart.run(time.sleep, 60)
        except ChildDied:
            died.append(True)

    thread = threading.Thread(target=busy)
    thread.start()
    started = time.monotonic()
    while not apart._lock.locked():
        assert time.monotonic() - started < 5
    apart.close()
    thread.join(10)
    assert died == [True]
    assert time.monotonic() - started < 15


@pytest.mark.skipif(sys.platform == "win32", reason="looks at processes as Linux shows them")
def test_a_child_does_not_outlive_a_parent_that_was_killed() -> None:
    script = (
        "import os, time\nfrom app.intake.apart import Apart\n"
        "if __name__ == '__main__':\n    print(Apart().run(os.getpid), flush=True)\n    time.sleep(60)\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "parent.py"
        path.write_text(script, encoding="utf-8")
        root = Path(__file__).parents[2]
        parent = subprocess.Popen(
            [sys.executable, str(path)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}
        )
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait(10)
        parent.stdout.close()
        until = time.monotonic() + 10
        while _lives(child):
            assert time.monotonic() < until, "the child is still there"
            time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


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
