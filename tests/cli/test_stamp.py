"""`stamp` on the terminal: the address for the browser, and how waiting ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.__main__ import main
from app.cli import main as cli_main
from app.engine.serve import FaceServer
from app.errors import NeedsOperator
from app.system.paths import Home
from tests.cli.fake_face import FakeFace

Ran = tuple[int, str, str]
URL = "http://localhost:21051/PDFClient/viewer.html?fileUrl=http://127.0.0.1:5/a/file.pdf&saveType=net&token=b"
REFUSED = {"title": "送回来的报告没有盖章", "advice": "原来的报告没有变", "at": "2026-11-20T06:06:00+00:00"}


def a_state(state: str = "none", *, is_open: bool = True, refused: Any = None) -> dict[str, Any]:
    return {
        "state": state,
        "words": "已盖章" if state == "stamped" else "还没有盖章",
        "open": is_open,
        "refused": refused,
    }


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeFace:
    monkeypatch.setattr(cli_main, "_ASK_SECONDS", 0.01)
    return FakeFace(stamp={"url": URL, "expires_at": "2026-11-20T06:21:00+00:00", "minutes": 15})


def goes(fake: FakeFace, *states: dict[str, Any]) -> None:
    answers = iter(states)
    fake.answers["stamping"] = lambda **_: next(answers, states[-1])


@pytest.fixture
def run(fake: FakeFace, home: Home, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Ran]]:
    home.make()
    server = FaceServer(fake.face, home)
    server.start()

    def run(*words: str) -> Ran:
        code = main(["--home", str(home.root), "stamp", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    yield run
    server.stop()


def test_the_address_is_given_and_the_stamped_report_waited_for(run: Callable[..., Ran], fake: FakeFace) -> None:
    refused = a_state(refused=REFUSED)
    goes(fake, a_state(), refused, refused, a_state("stamped", is_open=False))
    code, said, _ = run("1.2.3", "--report", "2")
    assert code == 0
    assert [said.count(each) for each in (URL, "送回来的报告没有盖章", "已盖章")] == [1, 1, 1]
    assert fake.calls[0] == ("stamp", {"uid": "1.2.3", "report": 1})


def test_json_tells_the_address_and_then_how_it_ended(run: Callable[..., Ran], fake: FakeFace) -> None:
    goes(fake, a_state(), a_state("stamped", is_open=False))
    first, last = (json.loads(line) for line in run("1.2.3", "--json")[1].splitlines())
    assert (first["stamp"]["url"], last["state"]) == (URL, "stamped")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (a_state(is_open=False), "时间过了，没有等到盖好章的报告"),
        (a_state(is_open=False, refused=REFUSED), "送回来的报告没有盖章"),
        (a_state("stamped", is_open=False, refused=REFUSED), ""),
    ],
)
def test_waiting_ends_with_its_reason(
    run: Callable[..., Ran], fake: FakeFace, state: dict[str, Any], words: str
) -> None:
    goes(fake, a_state(), state)
    code, _, wrong = run("1.2.3")
    assert (code, words in wrong) == (1 if words else 0, True)


def test_a_client_that_is_not_open_is_said(run: Callable[..., Ran], fake: FakeFace) -> None:
    fake.answers["stamp"] = NeedsOperator("签章软件没有打开", "请打开签章软件")
    assert run("1.2.3") == (1, "", "签章软件没有打开。请打开签章软件。\n")
