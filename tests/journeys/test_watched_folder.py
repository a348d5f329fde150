"""Journey: somebody copies 1,000 images slowly into 200 new nested folders under a watched one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import NewAgent
from .world import a_study, data_set_sha256, seeded, sop_uid

FOLDERS = 200
FILES = 1000
COPIERS = 4


@pytest.mark.timeout(180)
def test_a_thousand_files_copied_slowly_are_all_taken_and_none_half(new_agent: NewAgent, tmp_path: Path) -> None:
    watched = tmp_path / "共享 watched"
    watched.mkdir()
    agent = new_agent(None, intake={"folders": [str(watched)], "quiet_seconds": 2.0})
    originals = [path for number in range(5) for path in a_study(tmp_path / f"made{number}", images=200, size=32)]
    assert len(originals) == FILES

    _copy_slowly(originals, [_nested(watched, number) for number in range(FOLDERS)])

    face = agent.face
    agent.wait_for(
        lambda: sum(row["image_count"] for row in face.studies()["studies"]) == FILES, seconds=60, what="all images"
    )
    agent.wait_for(
        lambda: all(row["state"] != "receiving" for row in face.studies()["studies"]), seconds=30, what="quiet studies"
    )
    taken = {path.name.rsplit("-", 1)[0]: data_set_sha256(path.read_bytes()) for path in agent.spool_files()}
    assert taken == {sop_uid(path): data_set_sha256(path.read_bytes()) for path in originals}
    assert len(agent.spool_files()) == FILES, "nothing twice, no half file"
    assert face.set_asides()["files"] == []
    assert agent.parts() == []
    assert len([path for path in watched.rglob("*") if path.is_file()]) == FILES, "the originals stay where they are"


def _nested(watched: Path, number: int) -> Path:
    return watched / f"患者{number // 20}" / f"{number // 4}" / f"序列 {number}"


def _copy_slowly(originals: list[Path], folders: list[Path]) -> None:
    """Several people at once, each file in two pieces; every 50th rests in the middle for longer than a glance."""
    shares = [list(range(first, len(originals), COPIERS)) for first in range(COPIERS)]
    troubles: list[BaseException] = []

    def copy(share: list[int]) -> None:
        moments = seeded(share[0])
        for number in share:
            folder = folders[number % len(folders)]
            folder.mkdir(parents=True, exist_ok=True)
            content = originals[number].read_bytes()
            with (folder / f"IM{number:05d}").open("wb") as file:
                middle = moments.randrange(1, len(content))
                file.write(content[:middle])
                file.flush()
                time.sleep(2.5 if number % 200 == 0 else moments.uniform(0.0, 0.01))
                file.write(content[middle:])

    threads = [threading.Thread(target=_kept(copy, troubles), args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not troubles, troubles


def _kept(act: Callable[[list[int]], None], troubles: list[BaseException]) -> Callable[[list[int]], None]:
    def acting(share: list[int]) -> None:
        try:
            act(share)
        except BaseException as error:
            troubles.append(error)

    return acting
