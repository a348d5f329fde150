"""The served face: two processes' worth of the same engine, over a real socket."""

from __future__ import annotations

import inspect
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import pytest

from app.engine.face import COMMANDS, Face, Json
from app.engine.line import FAMILY, Door, read_door
from app.engine.remote import RemoteEngine, ask_to_show, connect
from app.engine.serve import FaceServer
from app.errors import AgentError, Bug, NeedsOperator, Rejected, RetryLater
from app.system.paths import Home
from tests.cli.fake_face import STATUS, FakeFace


@pytest.fixture
def fake() -> FakeFace:
    return FakeFace()


@pytest.fixture
def server(fake: FakeFace, home: Home) -> Iterator[FaceServer]:
    server = FaceServer(fake.face, home)
    server.start()
    yield server
    server.stop()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("face-")]


@pytest.fixture
def remote(server: FaceServer, home: Home) -> Face:
    found = connect(home)
    assert found is not None
    return found


def test_a_home_without_an_engine_has_nobody_to_talk_to(home: Home) -> None:
    assert connect(home) is None
    assert not ask_to_show(home)


def test_every_method_of_the_face_is_there_with_its_signature() -> None:
    for name in COMMANDS | {"subscribe"}:
        ours, theirs = (
            [(one.name, one.default) for one in inspect.signature(getattr(thing, name)).parameters.values()]
            for thing in (RemoteEngine, Face)
        )
        assert ours == theirs, name


def test_answers_come_back_as_they_were_given(remote: Face, fake: FakeFace) -> None:
    assert remote.status() == STATUS
    remote.fill("1.2.3", {"patient_name": "张三"}, reports=[{"conclusion": "正常\n"}])
    remote.pause(minutes=5)
    assert fake.calls[1:] == [
        ("fill", {"uid": "1.2.3", "values": {"patient_name": "张三"}, "reports": [{"conclusion": "正常\n"}]}),
        ("pause", {"minutes": 5}),
    ]


@pytest.mark.parametrize(
    "error",
    [
        RetryLater("平台忙", "稍后会再试", details="503", after_seconds=2.5),
        NeedsOperator("姓名没有填", "请填写姓名", fields=("patient_name",), page="fill"),
        Rejected("平台退回", "请找工程师", code="0", words="重复", details="x"),
        Bug("impossible"),
    ],
)
def test_an_error_keeps_its_kind_and_words(remote: Face, fake: FakeFace, error: AgentError) -> None:
    fake.answers["submit"] = error
    with pytest.raises(AgentError) as caught:
        remote.submit("1.2.3")
    assert type(caught.value) is type(error)
    assert {**vars(caught.value)} == {**vars(error)}


@pytest.mark.warns
def test_a_fault_of_ours_arrives_as_a_bug(remote: Face, fake: FakeFace) -> None:
    fake.answers["status"] = ZeroDivisionError()
    with pytest.raises(Bug):
        remote.status()
    fake.answers["status"] = {"not": object()}
    with pytest.raises(Bug):
        remote.status()
    fake.answers["status"] = STATUS
    assert remote.status() == STATUS


def test_two_clients_are_served_at_once(remote: Face, fake: FakeFace, home: Home) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(**_: Any) -> Json:
        inside.set()
        assert go_on.wait(10)
        return {"images": 1}

    fake.answers["import_paths"] = slow
    answers: list[Json] = []
    thread = threading.Thread(target=lambda: answers.append(remote.import_paths(["/a"])))
    thread.start()
    assert inside.wait(10)
    other = connect(home)
    assert other is not None
    assert other.status() == STATUS
    go_on.set()
    thread.join(10)
    assert answers == [{"images": 1}]


def test_events_reach_every_subscriber_until_it_leaves(remote: Face, fake: FakeFace) -> None:
    first: queue.Queue[Json] = queue.Queue()
    second: queue.Queue[Json] = queue.Queue()
    leave_first, leave_second = remote.subscribe(first.put), remote.subscribe(second.put)
    assert fake.wait_for_subscribers(2)
    fake.emit({"event": "job_changed", "job": 7})
    assert first.get(timeout=10) == second.get(timeout=10) == {"event": "job_changed", "job": 7}
    leave_first()
    assert fake.wait_for_subscribers(1)
    fake.emit({"event": "paused"})
    assert second.get(timeout=10) == {"event": "paused"}
    assert first.empty()
    leave_second()
    assert fake.wait_for_subscribers(0)


def test_a_subscriber_learns_that_the_engine_is_gone(home: Home) -> None:
    server = FaceServer(FakeFace().face, home)
    server.start()
    remote = connect(home)
    assert remote is not None
    events: queue.Queue[Json] = queue.Queue()
    leave = remote.subscribe(events.put)
    server.stop()
    assert events.get(timeout=10) == {"event": "engine_stopped"}
    leave()
    assert connect(home) is None
    with pytest.raises(RetryLater, match="没有在运行"):
        remote.status()


def test_a_wrong_key_gets_nothing(remote: Face, fake: FakeFace, home: Home) -> None:
    door = read_door(home)
    assert door is not None
    home.key_file.write_text(
        home.key_file.read_text(encoding="utf-8").replace(door.key.hex(), "00" * 32), encoding="utf-8"
    )
    with pytest.raises(NeedsOperator):
        connect(home)
    assert fake.calls == []


def test_garbage_harms_nobody_else(remote: Face, home: Home) -> None:
    door = read_door(home)
    assert door is not None
    for garbage in (b"", b"\x00" * 300, b"#CHALLENGE#" + b"x" * 20):
        with Client(door.address, FAMILY) as connection:
            connection.recv_bytes()
            connection.send_bytes(garbage)
    for message in (b"\x80\x04.", b"[]", b'{"call": "subscribe"}', b'{"call": "__class__"}', b'{"call": 5}'):
        with Client(door.address, FAMILY, authkey=door.key) as connection:
            connection.send_bytes(message)
            assert b'"error"' in connection.recv_bytes()
    with Client(door.address, FAMILY, authkey=door.key) as connection:
        connection.send_bytes(b'{"call": "status", "args": {"colour": "red"}}')
        assert b'"Bug"' in connection.recv_bytes()
    assert remote.status() == STATUS


def test_a_client_that_says_nothing_keeps_nobody_waiting(remote: Face, home: Home) -> None:
    door = read_door(home)
    assert door is not None
    with Client(door.address, FAMILY):
        assert remote.status() == STATUS


def test_a_window_is_asked_for_where_there_is_one(home: Home) -> None:
    asked: list[bool] = []
    server = FaceServer(FakeFace().face, home, on_show=lambda: asked.append(True))
    server.start()
    assert ask_to_show(home)
    assert asked == [True]
    server.stop()


def test_an_engine_without_a_window_says_so(server: FaceServer, home: Home) -> None:
    assert not ask_to_show(home)


_KILLED = """
import os, sys
from pathlib import Path
from app.engine.serve import FaceServer
from app.system.paths import Home
FaceServer(object(), Home(root=Path(sys.argv[1]))).start()
print("up", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_engine_leaves_does_not_hinder_the_next(home: Home) -> None:
    engine = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(home.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with engine:
        assert engine.stdout is not None
        assert engine.stdout.readline() == "up\n"
        engine.kill()
    assert home.key_file.exists()
    assert connect(home) is None
    server = FaceServer(FakeFace().face, home)
    server.start()
    remote = connect(home)
    assert remote is not None
    assert remote.status() == STATUS
    server.stop()


def test_a_home_too_deep_for_a_socket_file_is_served_all_the_same(tmp_path: Path) -> None:
    deep = Home(root=tmp_path / ("很深的文件夹" * 3) / ("很深的文件夹" * 3)).make()
    server = FaceServer(FakeFace().face, deep)
    server.start()
    remote = connect(deep)
    assert remote is not None
    assert remote.status() == STATUS
    server.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows: the profile's rights")
def test_only_the_user_can_read_the_key_and_reach_the_socket(server: FaceServer, home: Home) -> None:
    door = read_door(home)
    assert isinstance(door, Door)
    assert home.key_file.stat().st_mode & 0o077 == 0
    assert Path(door.address).stat().st_mode & 0o077 == 0
