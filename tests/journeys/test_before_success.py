"""Journey: the machine hears "success" only after the image is on the disk - shown by the calls to the kernel."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import NewAgent
from .world import Modality, a_study, sop_uid, study_uid

STRACE = shutil.which("strace")
CALLS = "fsync,fdatasync,rename,renameat,renameat2,sendto,sendmsg,mkdir"
_CALL = re.compile(r"^(?P<thread>\d+) +(?P<call>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")
_BEGUN = re.compile(r"^(?P<thread>\d+) +(?P<begun>.*) <unfinished \.\.\.>$")
_ENDED = re.compile(r"^(?P<thread>\d+) +<\.\.\. \w+ resumed>(?P<rest>.*)$")


def _may_trace() -> bool:
    if STRACE is None:
        return False
    said = subprocess.run([STRACE, "-o", "/dev/null", "true"], stdin=subprocess.DEVNULL, capture_output=True)
    return said.returncode == 0


@pytest.mark.skipif(not _may_trace(), reason="strace is not installed, or tracing is not allowed here")
def test_file_folder_and_index_are_synced_before_the_answer_leaves(new_agent: NewAgent, tmp_path: Path) -> None:
    agent = new_agent(None, start=False)
    trace = tmp_path / "trace"
    agent.start(prefix=[str(STRACE), "-f", "-y", "-s", "4096", "-xx", "-e", f"trace={CALLS}", "-o", str(trace)])
    path = a_study(tmp_path / "made", images=1)[0]
    assert len(Modality(agent.port).send([path]).stored) == 1
    agent.quit()

    calls = _calls(trace.read_text("utf-8", "replace"))
    answer = _place(calls, "sendto", sop_uid(path).encode(), b"\x04\x00")
    final = f"{sop_uid(path)}-"
    folder = f"/spool/images/{study_uid(path)}"
    renamed = _place(calls, "rename", b".part", final.encode())
    steps = {
        "the file": _synced(calls, ".part", 0, renamed),
        "its name": _synced(calls, folder, renamed, answer),
        "its new folder's name": _synced(calls, "/spool/images", 0, answer),
        "the index": _synced(calls, "/agent.db-wal", renamed, answer),
    }
    print(steps, "answer:", answer)
    assert all(place >= 0 for place in steps.values()), f"not synced before the answer: {steps}"


def _calls(text: str) -> list[tuple[str, str]]:
    """(call, its arguments and result) of every call that succeeded, in the order of their ends."""
    begun: dict[str, str] = {}
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        if unfinished := _BEGUN.match(line):
            begun[unfinished["thread"]] = unfinished["begun"]
            continue
        if ended := _ENDED.match(line):
            line = f"{ended['thread']} {begun.pop(ended['thread'], '')}{ended['rest']}"
        whole = _CALL.match(line)
        if whole and int(whole["result"]) >= 0:
            found.append((whole["call"], _plain(whole["arguments"])))
    return found


def _plain(arguments: str) -> str:
    r"""strings are printed as \x.. by -xx, paths of descriptors too."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), arguments)


def _place(calls: list[tuple[str, str]], call: str, *parts: bytes) -> int:
    wanted = [part.decode("latin-1") for part in parts]
    for place, (name, arguments) in enumerate(calls):
        if name.startswith(call) and all(part in arguments for part in wanted):
            return place
    raise AssertionError(f"no {call} with {parts}: {calls}")


def _synced(calls: list[tuple[str, str]], end_of_path: str, after: int, before: int) -> int:
    """Where the first sync of that path lies between two places, -1 when there is none."""
    for place in range(after, before):
        name, arguments = calls[place]
        if name in ("fsync", "fdatasync") and arguments.rstrip(">").endswith(end_of_path):
            return place
    return -1
