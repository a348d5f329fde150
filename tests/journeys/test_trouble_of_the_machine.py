"""Journey: the disk is full, the port is taken, files are broken, the PC sleeps. Said plainly; nothing is damaged."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from .conftest import NewAgent
from .world import (
    Agent,
    Modality,
    Practice,
    a_study,
    answers,
    complete_fill,
    data_set_sha256,
    free_port,
    sop_uid,
    study_uid,
    wait_for,
)

A700, C000 = 0xA700, 0xC000
MIB = 1024 * 1024


# -- the disk ---------------------------------------------------------------------------------------------------------


def test_a_nearly_full_disk_refuses_images_in_words_and_takes_them_when_there_is_room(
    new_agent: NewAgent, tmp_path: Path
) -> None:
    agent = new_agent(None, intake={"least_free_mb": 10_000_000})
    paths = a_study(tmp_path / "made", images=2)
    refused = Modality(agent.port).send_here(paths)
    assert [status for _, status in refused.failed] == [A700, A700]
    trouble = agent.cli("status").json["dicom"]["trouble"]
    assert "磁盘" in trouble, trouble
    disk = _check(agent, "disk")
    assert not disk["ok"] and "磁盘" in str(disk["title"]) and "清理" in str(disk["advice"])
    assert agent.studies() == [] and agent.spool_files() == [] and agent.parts() == []

    agent.set_up(answers(None, port=agent.port))
    assert len(Modality(agent.port).send(paths).stored) == 2
    assert agent.cli("status").json["dicom"]["trouble"] == ""
    assert _check(agent, "disk")["ok"]
    assert agent.one_study()["image_count"] == 2


def _check(agent: Agent, name: str) -> dict[str, object]:
    checks: list[dict[str, object]] = agent.cli("check", check=False).json["checks"]
    return next(check for check in checks if check["name"] == name)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a small disk")
    said = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True)
    if said.returncode != 0:
        pytest.skip("a small disk cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True, capture_output=True)


def test_a_disk_that_fills_up_damages_nothing_and_all_goes_on_when_there_is_room(
    small_disk: Path, tmp_path: Path
) -> None:
    """No reserve at all: the file, its folder or the index itself meet the end of the disk."""
    agent = Agent(small_disk / "agent")
    try:
        agent.set_up(answers(None, port=free_port(), intake={"least_free_mb": 0}))
        agent.start()
        filler = small_disk / "filler"
        filler.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 3 * MIB))
        paths = a_study(tmp_path / "made", images=20, size=512)
        expected = {sop_uid(path): data_set_sha256(path.read_bytes()) for path in paths}
        modality = Modality(agent.port)

        first = modality.send_here(paths)
        print("stored", len(first.stored), "refused", sorted({f"{status:04X}" for _, status in first.failed}))
        assert 0 < len(first.stored) < len(paths)
        assert {status for _, status in first.failed} == {A700}
        assert agent.runs
        assert "磁盘" in agent.face.status()["dicom"]["trouble"]
        _are_whole(agent, set(first.stored), expected)

        agent.kill()  # and then the power goes
        filler.unlink()
        agent.start()
        _are_whole(agent, set(first.stored), expected)
        again = modality.send([path for path in paths if sop_uid(path) not in first.stored])
        assert len(again.stored) == len(paths) - len(first.stored)
        _are_whole(agent, set(expected), expected)
        assert agent.one_study()["image_count"] == len(paths)
        assert agent.parts() == []
    finally:
        agent.kill()


def _are_whole(agent: Agent, wanted: set[str], expected: dict[str, str]) -> None:
    found = {path.name.rsplit("-", 1)[0]: data_set_sha256(path.read_bytes()) for path in agent.spool_files()}
    assert wanted <= set(found)
    assert found == {uid: expected[uid] for uid in found}, "a damaged file"


# -- ports and files --------------------------------------------------------------------------------------------------


def test_a_port_in_use_is_said_and_the_rest_works(new_agent: NewAgent, tmp_path: Path) -> None:
    watched = tmp_path / "watched"
    watched.mkdir()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = int(other.getsockname()[1])
        agent = new_agent(None, dicom={"port": port}, intake={"folders": [str(watched)]})
        dicom = agent.cli("status").json["dicom"]
        assert not dicom["listening"]
        assert f"端口 {port} 已被别的程序占用" in dicom["trouble"] and "换一个端口" in dicom["trouble"]
        assert not _check(agent, "dicom")["ok"]
        a_study(watched / "made", images=2)
        agent.wait_for(lambda: agent.studies() and agent.one_study()["image_count"] == 2, what="the folder's images")
    agent.restart()
    assert agent.cli("status").json["dicom"]["listening"]


def test_broken_files_on_port_and_in_the_folder_are_named_and_hold_up_no_other(
    new_agent: NewAgent, tmp_path: Path
) -> None:
    watched = tmp_path / "watched"
    agent = new_agent(None, intake={"folders": [str(watched)]}, start=False)
    good = a_study(watched / "good", images=3)
    (watched / "letter.dcm").write_text("这不是影像", encoding="utf-8")
    (watched / "empty.dcm").write_bytes(b"")
    cut = watched / "cut.dcm"
    cut.write_bytes(a_study(tmp_path / "cut", images=1, size=128)[0].read_bytes()[:9000])
    long_ago = time.time() - 3600
    os.utime(cut, (long_ago, long_ago))
    nameless = a_study(tmp_path / "nameless", images=2)
    data_set = dcmread(nameless[0])
    del data_set.StudyInstanceUID
    data_set.save_as(nameless[0])
    agent.start()

    sent = Modality(agent.port).send_here(nameless)
    assert [status for _, status in sent.failed] == [C000]
    assert len(sent.stored) == 1

    def named() -> dict[str, str]:
        return {Path(each["path"]).name: each["title"] for each in agent.face.set_asides()["files"]}

    agent.wait_for(lambda: "letter.dcm" in named(), what="the letter to be named")
    agent.wait_for(lambda: len(agent.spool_files()) == len(good) + 1, what="the good images")
    aside = named()
    print(aside)
    assert any(data_set.SOPInstanceUID in name for name in aside)
    assert all(title and not title.isascii() for title in aside.values())
    assert not any(path.name.startswith("cut") for path in agent.spool_files())
    taken = {data_set_sha256(path.read_bytes()) for path in agent.spool_files()}
    assert taken == {data_set_sha256(path.read_bytes()) for path in [*good, nameless[1]]}
    assert (watched / "letter.dcm").exists() and cut.exists(), "nothing there is moved"


def test_a_pdf_that_is_none_is_refused_with_words(agent: Agent, modality: Modality, tmp_path: Path) -> None:
    path = a_study(tmp_path / "made", images=1)[0]
    modality.send_folder(tmp_path / "made")
    agent.wait_until_complete(study_uid(path))
    for name, content in {
        "word.pdf": b"PK\x03\x04 a document",
        "empty.pdf": b"",
        "cut.pdf": b"%PDF-1.4\n1 0 obj\n<<",
    }.items():
        file = tmp_path / name
        file.write_bytes(content)
        said = agent.cli("attach", study_uid(path), str(file), check=False)
        print(name, said.err.strip())
        assert said.code == 1
        assert "PDF" in said.err and "。" in said.err
    assert agent.face.form(study_uid(path))["reports"][0]["pdf"] is False


# -- the PC asleep ----------------------------------------------------------------------------------------------------

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGSTOP")
ASLEEP_SECONDS = 4.0


@posix_only
def test_a_pc_asleep_in_the_middle_of_sending_goes_on(
    practice: Practice, agent: Agent, modality: Modality, tmp_path: Path, pdf: Path
) -> None:
    paths = a_study(tmp_path / "made", images=60)
    uid = study_uid(paths[0])
    modality.send_folder(tmp_path / "made")
    agent.wait_until_complete(uid)
    practice.fault(where="dicom", when="after", what="slow", seconds=0.02, times=0)
    agent.fill_and_submit(uid, complete_fill(), pdf)
    wait_for(lambda: practice.ledger(fields=False)["counts"]["image"]["kept"] >= 10, what="the first images")
    agent.sleep()
    time.sleep(ASLEEP_SECONDS)
    agent.wake()
    agent.wait_for_state(uid, "acknowledged")
    ledger = practice.ledger(fields=False)
    assert ledger["counts"]["image"]["kept"] == len(paths)
    assert ledger["counts"]["image"]["received"] <= len(paths) + 1


@posix_only
def test_a_pc_asleep_while_receiving_does_not_close_the_study_too_early(
    agent: Agent, modality: Modality, tmp_path: Path
) -> None:
    paths = a_study(tmp_path / "made", images=80, size=256)
    sending = threading.Thread(target=modality.send_folder, args=(tmp_path / "made",), daemon=True)
    sending.start()
    wait_for(lambda: len(agent.spool_files()) >= 5, what="the first images", every=0.01)
    agent.sleep()
    time.sleep(ASLEEP_SECONDS)  # longer than the quiet period of one second
    agent.wake()
    sending.join(60)
    assert not sending.is_alive()
    found = agent.wait_until_complete(study_uid(paths[0]))
    assert len(found["instances"]) == len(paths)
    completed = [line for line in found["timeline"] if line["what"] == "completed"]
    assert len(completed) == 1, "complete once, after the last image"
