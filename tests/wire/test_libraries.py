"""Libraries that load late: threads that need them at the same moment all get the whole of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOGETHER = """
import sys
import threading
from app.intake.header import judged_by_pydicom
from app.wire import libraries
from app.wire.dicom_association import Peer, _associate_request
from app.wire.http_client import HttpClient

faults = []


def judge():
    with judged_by_pydicom():
        pass


def associate():
    _associate_request(Peer(host="127.0.0.1", port=1, called_ae="A", calling_ae="B", name="C"), {}, False)


def run(act):
    try:
        gate.wait()
        act()
    except Exception as error:
        faults.append(repr(error))


acts = [judge, lambda: HttpClient()._line] * 4
if "loaded" in sys.argv:
    libraries.load()
    acts += [associate] * 4
gate = threading.Barrier(len(acts))
threads = [threading.Thread(target=run, args=(act,)) for act in acts]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(faults)
"""


FIRST = """
import sys, threading
from pathlib import Path
from app.engine.engine import Engine
from app.system.paths import home_at

engine = Engine(home_at(Path(sys.argv[1])))
start, early = threading.Thread.start, []


def seen(thread):
    if "pynetdicom" not in sys.modules or "pydicom" not in sys.modules or "requests" not in sys.modules:
        early.append(thread.name)
    start(thread)


threading.Thread.start = seen
engine.start()
engine.stop()
print(early)
"""


def said(code: str, *words: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60)
    return done.stdout.strip() or done.stderr


@pytest.mark.parametrize("words", [(), ("loaded",)])
def test_threads_that_need_a_library_at_once_all_get_it(words: tuple[str, ...]) -> None:
    assert said(TOGETHER, *words) == "[]"


def test_an_engine_has_its_libraries_before_its_first_thread(tmp_path: Path) -> None:
    assert said(FIRST, str(tmp_path / "home")) == "[]"
