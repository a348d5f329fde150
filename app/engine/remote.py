"""The face of an engine that runs in another process on the same home.

Each call has its own connection, so threads need not wait for one another. Never starts an engine.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from multiprocessing.connection import Client, Connection, answer_challenge, deliver_challenge
from typing import Any, cast

from app.engine.face import COMMANDS, Face, Json
from app.engine.line import (
    FAMILY,
    NOT_LET_IN,
    REPLY_BYTES,
    REQUEST_BYTES,
    SHOW,
    Patient,
    error_from_json,
    packed,
    read_door,
    unpacked,
)
from app.errors import Bug, NeedsOperator, RetryLater
from app.system.paths import Home

ENGINE_STOPPED = "engine_stopped"


class EngineAway(RetryLater):
    """No engine answers on this home."""

    def __init__(self, details: str = "") -> None:
        super().__init__("影像云上传助手没有在运行", "请先启动它，再试一次", details=details)


class RemoteEngine:
    """Exactly the methods of `Face` (made below from its signatures); every one raises AgentError and nothing else."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def subscribe(self, callback: Callable[[Json], None]) -> Callable[[], None]:
        """As `Face.subscribe`; when the engine is gone, `engine_stopped` is the last event."""
        connection = _dial(self._home)
        _ask(connection, {"subscribe": True})
        ended = threading.Event()
        thread = threading.Thread(target=_listen, args=(connection, callback, ended), name="face-events", daemon=True)
        thread.start()

        def unsubscribe() -> None:
            ended.set()
            if thread is not threading.current_thread():
                thread.join(3.0)

        return unsubscribe


def connect(home: Home) -> Face | None:
    """The face of the engine that runs on this home, None when there is none."""
    try:
        _dial(home).close()
    except EngineAway:
        return None
    return cast(Face, RemoteEngine(home))


def ask_to_show(home: Home) -> bool:
    """Asks the running process for its window; False when nothing runs or it has none."""
    try:
        return bool(_call(home, SHOW, {}).get("shown"))
    except EngineAway:
        return False


def _method(name: str) -> Callable[..., Any]:
    signature = inspect.signature(getattr(Face, name))

    def method(self: RemoteEngine, *args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(self, *args, **kwargs).arguments
        bound.pop("self")
        return _call(self._home, name, bound)

    method.__name__ = name
    method.__qualname__ = f"RemoteEngine.{name}"
    method.__doc__ = getattr(Face, name).__doc__
    method.__signature__ = signature  # type: ignore[attr-defined]
    return method


for _name in sorted(COMMANDS):
    setattr(RemoteEngine, _name, _method(_name))


def _call(home: Home, name: str, args: Json) -> Any:
    try:
        request = packed({"call": name, "args": args})
    except (TypeError, ValueError) as error:
        raise Bug(f"{name}: {error}") from error
    if len(request) > REQUEST_BYTES:
        raise NeedsOperator("内容太多，一次交不过去", "请分几次进行")
    with _dial(home) as connection:
        return _exchange(connection, request)


def _ask(connection: Connection, request: Json) -> Any:
    return _exchange(connection, packed(request))


def _exchange(connection: Connection, request: bytes) -> Any:
    """The `ok` of the answer; raises the error that it names. A command may take as long as it takes."""
    try:
        connection.send_bytes(request)
        answer = unpacked(connection.recv_bytes(REPLY_BYTES))
    except (EOFError, OSError) as error:
        raise RetryLater(
            "影像云上传助手刚才停止了", "请启动它，看一看这一步有没有完成，再决定要不要重做", details=str(error)
        ) from error
    except ValueError as error:
        raise Bug(f"an answer that is not JSON: {error}") from error
    if "error" in answer:
        raise error_from_json(answer["error"])
    return answer.get("ok")


def _dial(home: Home) -> Connection:
    """A connection on which both sides have proved that they know the key. Raises EngineAway, NeedsOperator."""
    door = read_door(home)
    if door is None:
        raise EngineAway
    try:
        connection = Client(door.address, FAMILY)
    except OSError as error:
        raise EngineAway(type(error).__name__) from error
    try:
        patient = cast(Connection, Patient(connection))
        answer_challenge(patient, door.key)
        deliver_challenge(patient, door.key)
    except TimeoutError as error:
        connection.close()
        raise EngineAway("no word") from error
    except NOT_LET_IN as error:
        connection.close()
        if read_door(home) != door:
            return _dial(home)  # another engine has taken over in between
        raise NeedsOperator(
            "正在运行的影像云上传助手不认得这次连接", "请退出它再重新启动一次", details=type(error).__name__
        ) from error
    except (EOFError, OSError) as error:
        connection.close()
        raise EngineAway(type(error).__name__) from error
    return connection


def _listen(connection: Connection, callback: Callable[[Json], None], ended: threading.Event) -> None:
    last = ""
    with connection:
        while not ended.is_set():
            try:
                if not connection.poll(0.3):
                    continue
                event = unpacked(connection.recv_bytes(REPLY_BYTES))
            except (EOFError, OSError, ValueError):
                break
            last = str(event.get("event", ""))
            callback(event)
    if not ended.is_set() and last != ENGINE_STOPPED:
        callback({"event": ENGINE_STOPPED})
