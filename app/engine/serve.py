"""Serve the face of a running engine to other processes of the same user, on a socket file or a named pipe.

Answers only the commands of the face; whoever does not know the key gets nothing. Never decides anything itself.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import queue
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Client, Connection, Listener, answer_challenge, deliver_challenge
from pathlib import Path
from typing import Any, cast

from app.engine.face import COMMANDS, Face, Json
from app.engine.line import (
    FAMILY,
    NOT_LET_IN,
    REPLY_BYTES,
    REQUEST_BYTES,
    SHOW,
    Door,
    Patient,
    error_as_json,
    new_door,
    packed,
    unpacked,
)
from app.errors import AgentError, Bug, NeedsOperator
from app.system.paths import Home

log = logging.getLogger(__name__)

MOST_CLIENTS = 64
MOST_WAITING_EVENTS = 10_000
_LOOK_SECONDS = 0.3
_STOP_SECONDS = 1.5
_SIGNATURES = {name: inspect.signature(getattr(Face, name)) for name in COMMANDS}


class FaceServer:
    """The served face of one engine. The caller holds the home's lock while this runs.

    `on_show` brings this process's window to the front; it is called on a foreign thread and must not wait.
    """

    def __init__(self, face: Face, home: Home, *, on_show: Callable[[], None] | None = None) -> None:
        self._face = face
        self._home = home
        self._on_show = on_show
        self._stopping = threading.Event()
        self._room = threading.BoundedSemaphore(MOST_CLIENTS)
        self._threads: set[threading.Thread] = set()
        self._listener: Listener | None = None
        self._door: Door | None = None
        self._accepting: threading.Thread | None = None

    def start(self) -> None:
        """Listens from now on; what an engine that was killed left behind is cleared away. Raises NeedsOperator."""
        try:
            self._door = new_door(self._home)
            self._listener = _listen(self._door.address)
        except OSError as error:
            raise NeedsOperator(
                "程序的本机通道打不开", "请重新启动电脑后再试；仍然不行时把诊断包发给工程师", details=f"{error}"
            ) from error
        self._accepting = threading.Thread(target=self._accept, name="face-accept", daemon=True)
        self._accepting.start()

    def stop(self) -> None:
        """No new clients; those that are being answered get their answer if it comes soon. Safe to repeat."""
        if self._listener is None or self._door is None:
            return
        self._stopping.set()
        _wake(self._door.address)
        until = time.monotonic() + _STOP_SECONDS
        for thread in [self._accepting, *self._threads]:
            if thread is not None and thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))
        with contextlib.suppress(OSError):
            self._listener.close()
        with contextlib.suppress(OSError):  # Windows: a client reads it just now; without an engine it opens nothing
            self._home.key_file.unlink(missing_ok=True)
        self._listener = None

    # -- clients ------------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        listener, number = self._listener, 0
        while listener is not None and not self._stopping.is_set():
            try:
                connection = listener.accept()
            except OSError:  # a client that went away while it was being let in
                self._stopping.wait(0.05)
                continue
            if self._stopping.is_set() or not self._room.acquire(timeout=1.0):
                connection.close()
                continue
            number += 1
            thread = threading.Thread(target=self._serve, args=(connection,), name=f"face-{number}", daemon=True)
            self._threads.add(thread)
            thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            with connection:
                if self._is_let_in(connection):
                    self._converse(connection)
        except (EOFError, OSError):
            pass  # the client is gone, which it may be at any moment
        except Exception:
            log.exception("a client of the engine could not be served")
        finally:
            self._room.release()
            self._threads.discard(threading.current_thread())

    def _is_let_in(self, connection: Connection) -> bool:
        """Both sides prove that they know the key, in bounded time as long as the client says anything whole."""
        assert self._door is not None
        patient = cast(Connection, Patient(connection))
        try:
            deliver_challenge(patient, self._door.key)
            answer_challenge(patient, self._door.key)
        except NOT_LET_IN:
            log.info("a client without the right key was turned away")
            return False
        return True

    def _converse(self, connection: Connection) -> None:
        while not self._stopping.is_set():
            if not connection.poll(_LOOK_SECONDS):
                continue
            try:
                request = unpacked(connection.recv_bytes(REQUEST_BYTES))
            except ValueError:
                connection.send_bytes(packed({"error": error_as_json(Bug("a request that is not a JSON object"))}))
                return
            if request.get("subscribe") is True:
                self._stream(connection)
                return
            connection.send_bytes(self._answer(request))

    def _answer(self, request: Json) -> bytes:
        try:
            answer = packed({"ok": self._result(request)})
            if len(answer) > REPLY_BYTES:
                raise Bug(f"an answer of {len(answer)} bytes")
        except AgentError as error:
            answer = packed({"error": error_as_json(error)})
        except Exception as error:
            log.exception("a command failed in a way that nobody foresaw")
            answer = packed({"error": error_as_json(Bug(type(error).__name__))})
        return answer

    def _result(self, request: Json) -> Any:
        name, args = request.get("call"), request.get("args", {})
        if name == SHOW:
            return self._show()
        if not isinstance(name, str) or name not in COMMANDS or not isinstance(args, dict):
            raise Bug("a call that the face does not have")
        try:
            _SIGNATURES[name].bind(None, **args)
        except TypeError as error:
            raise Bug(f"{name}: {error}") from error
        return getattr(self._face, name)(**args)

    def _show(self) -> Json:
        if self._on_show is not None:
            self._on_show()
        return {"shown": self._on_show is not None}

    def _stream(self, connection: Connection) -> None:
        """Events until either side ends it; a client that reads too slowly loses its stream."""
        events: queue.Queue[Json] = queue.Queue(MOST_WAITING_EVENTS)
        lost = threading.Event()

        def keep(event: Json) -> None:
            try:
                events.put_nowait(event)
            except queue.Full:
                lost.set()

        unsubscribe = self._face.subscribe(keep)
        try:
            connection.send_bytes(packed({"ok": "subscribed"}))
            while not lost.is_set() and not (self._stopping.is_set() and events.empty()):
                if connection.poll(0):
                    return  # a subscriber has nothing to say: it hung up
                with contextlib.suppress(queue.Empty):
                    connection.send_bytes(packed(events.get(timeout=_LOOK_SECONDS)))
        finally:
            unsubscribe()


def _listen(address: str) -> Listener:
    if sys.platform != "win32":
        Path(address).unlink(missing_ok=True)  # left by an engine that was killed; ours alone, since we hold the lock
    listener = Listener(address, FAMILY, backlog=MOST_CLIENTS)
    if sys.platform != "win32":
        Path(address).chmod(0o600)
    return listener


def _wake(address: str) -> None:
    """Lets a waiting `accept` return."""
    with contextlib.suppress(OSError):
        Client(address, FAMILY).close()
