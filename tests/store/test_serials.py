"""Serial numbers: rising whatever the clock does, whoever asks, and however the program ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.times import CST
from app.store import Store, serials
from app.store.database import opened

NOW = datetime(2026, 11, 5, 2, 31, 7, 900_000, tzinfo=UTC)
SERIES = "H52010300123"
ENDLESS = """
import sys
from datetime import datetime
from pathlib import Path
from app.store import Store, serials
store = Store(Path(sys.argv[1]))
now = datetime.fromisoformat(sys.argv[2])
while True:
    print(*store.write(lambda tx: serials.next_stamps(tx, "H52010300123", now)), flush=True)
"""


def drawn(store: Store, now: datetime = NOW, series: str = SERIES, **limits: int) -> str:
    (stamp,) = store.write(lambda tx: serials.next_stamps(tx, series, now, **limits))
    return stamp


def test_a_stamp_is_the_time_of_china_and_a_number_that_starts_in_each_second(store: Store) -> None:
    assert [drawn(store), drawn(store)] == ["202611051031070001", "202611051031070002"]
    assert drawn(store, NOW + timedelta(seconds=1)) == "202611051031080001"


def test_each_institution_counts_for_itself(store: Store) -> None:
    assert drawn(store) == drawn(store, series="H52010300124") == "202611051031070001"


def test_a_clock_set_back_goes_on_in_the_last_second(store: Store) -> None:
    drawn(store)
    assert drawn(store, NOW - timedelta(days=400)) == "202611051031070002"
    assert drawn(store, NOW + timedelta(seconds=2)) == "202611051031090001"


def test_a_second_that_is_used_up_runs_into_the_next(store: Store) -> None:
    found = store.write(lambda tx: serials.next_stamps(tx, SERIES, NOW, most=20_000))
    assert (len(found), found[0], found[-1]) == (9999, "202611051031070001", "202611051031079999")
    assert [drawn(store), drawn(store)] == ["202611051031080001", "202611051031080002"]


def test_several_drawn_at_once_are_of_one_second_and_all_used_up(store: Store) -> None:
    several = store.write(lambda tx: serials.next_stamps(tx, SERIES, NOW, first=7, last=9, most=50))
    assert several == ["202611051031070007", "202611051031070008", "202611051031070009"]
    assert drawn(store, first=7, last=9) == "202611051031080007"


def test_two_computers_with_ranges_of_their_own_never_meet(store: Store, tmp_path: Path) -> None:
    with opened(tmp_path / "second.db") as other:
        ours = {drawn(store, NOW, first=1, last=3) for _ in range(9)}
        theirs = {drawn(other, NOW, first=4, last=6) for _ in range(9)}
    assert len(ours) == len(theirs) == 9 and not ours & theirs
    assert {stamp[-4:] for stamp in ours} == {"0001", "0002", "0003"}


def test_a_range_that_is_changed_holds_from_the_next_number_on(store: Store) -> None:
    drawn(store)
    assert drawn(store, first=5000, last=9999).endswith("5000")
    assert drawn(store, first=1, last=4999) == "202611051031080001", "this second has none left of that range"


def test_threads_that_draw_at_once_draw_different_ones(store: Store) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.extend(drawn(store) for _ in range(25))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 100


def test_a_program_that_was_killed_never_repeats_a_number(tmp_path: Path) -> None:
    path = tmp_path / "killed.db"
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(path), NOW.isoformat()], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        seen = [child.stdout.readline().strip() for _ in range(20)]
        os.kill(child.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        seen += child.stdout.read().split()
    with opened(path) as store:
        assert drawn(store, NOW - timedelta(days=1)) > max(seen)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.integers(-5, 5), st.sampled_from([(1, 9999), (1, 2), (3, 4)])), max_size=30))
def test_whatever_the_clock_and_the_settings_do_a_series_rises(
    store: Store, moves: list[tuple[int, tuple[int, int]]]
) -> None:
    series, now, found = uuid4().hex, NOW, list[str]()
    for seconds, (first, last) in moves:
        now += timedelta(seconds=seconds)
        found.append(drawn(store, now, series, first=first, last=last))
        assert first <= int(found[-1][-4:]) <= last
        assert datetime.strptime(found[-1][:14], "%Y%m%d%H%M%S").replace(tzinfo=CST) >= now.replace(microsecond=0)
    assert found == sorted(set(found)) and all(len(stamp) == 18 for stamp in found)
