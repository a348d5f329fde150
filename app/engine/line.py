"""The local line between an engine and its clients: key file, limits, and errors as JSON.

The key file says where the engine listens and holds the key that both sides must know; only its user may read it.
Messages are JSON, never pickle.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from app.engine.face import Json
from app.errors import AgentError, Bug, NeedsOperator, Rejected, RetryLater
from app.system.disk import durable_replace
from app.system.paths import Home

REQUEST_BYTES = 16 * 1024 * 1024
REPLY_BYTES = 128 * 1024 * 1024
KEY_FILE_BYTES = 10_000
HANDSHAKE_SECONDS = 10.0
FAMILY = "AF_PIPE" if sys.platform == "win32" else "AF_UNIX"
SHOW = "show"
"""Not of the face: asks the process that has the window to bring it to the front."""
NOT_LET_IN = (AuthenticationError, AssertionError, TimeoutError)
"""What a handshake raises: a wrong key, something that is no handshake at all, silence."""
_PRIVATE_FILE = 0o600
_KINDS: tuple[type[AgentError], ...] = (RetryLater, NeedsOperator, Rejected, Bug)


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where the engine of a home listens, the key, and which process it is."""

    address: str
    key: bytes
    pid: int


class Patient:
    """A connection during the handshake: it waits for a message, but not for ever (TimeoutError)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.send_bytes = connection.send_bytes

    def recv_bytes(self, limit: int | None = None) -> bytes:
        if not self._connection.poll(HANDSHAKE_SECONDS):
            raise TimeoutError("no word")
        return self._connection.recv_bytes(limit)


def new_door(home: Home) -> Door:
    """A fresh key, written to the home's key file in place of an older one."""
    door = Door(address=home.socket_address, key=os.urandom(32), pid=os.getpid())
    part = home.key_file.with_name(home.key_file.name + ".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), _PRIVATE_FILE)
    with os.fdopen(handle, "wb") as out:
        out.write(json.dumps({"address": door.address, "key": door.key.hex(), "pid": door.pid}).encode())
    _put_in_place(part, home.key_file)
    return door


def _put_in_place(part: Path, final: Path) -> None:
    """Windows refuses while a client reads the old file, which takes it no time."""
    for wait_seconds in (0.05, 0.2, 0.5):
        try:
            return durable_replace(part, final)
        except PermissionError:
            time.sleep(wait_seconds)
    return durable_replace(part, final)


def read_door(home: Home) -> Door | None:
    """The door that the key file names; None without a key file or with one that makes no sense."""
    try:
        with home.key_file.open("rb") as stream:
            written = json.loads(stream.read(KEY_FILE_BYTES))
        return Door(address=str(written["address"]), key=bytes.fromhex(written["key"]), pid=int(written["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def packed(message: Json) -> bytes:
    """JSON bytes; TypeError or ValueError for what JSON cannot say."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def unpacked(message: bytes) -> Json:
    """The JSON object in `message`; ValueError for anything else."""
    value = json.loads(message.decode("utf-8", "surrogatepass"))
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def error_as_json(error: AgentError) -> Json:
    """{"kind", "title", "advice", "details", and what that kind has: "fields", "page", "code", "words", ...}."""
    kind = next((one for one in _KINDS if isinstance(error, one)), NeedsOperator)
    said: Json = {"kind": kind.__name__, "title": error.title, "advice": error.advice, "details": error.details}
    if isinstance(error, NeedsOperator):
        said |= {"fields": list(error.fields), "page": error.page}
    if isinstance(error, Rejected):
        said |= {"code": error.code, "words": error.words}
    if isinstance(error, RetryLater):
        said |= {"after_seconds": error.after_seconds}
    return said


def error_from_json(said: Any) -> AgentError:
    """The error that `error_as_json` described; a Bug for anything else."""
    if not isinstance(said, dict):
        return Bug("an error that is not an object")
    kind, details = said.get("kind"), str(said.get("details", ""))
    title, advice = str(said.get("title", "")), str(said.get("advice", ""))
    if kind == RetryLater.__name__:
        return RetryLater(title, advice, details=details, after_seconds=float(said.get("after_seconds", 0.0)))
    if kind == NeedsOperator.__name__:
        fields = tuple(str(one) for one in said.get("fields", ()))
        return NeedsOperator(title, advice, details=details, fields=fields, page=str(said.get("page", "")))
    if kind == Rejected.__name__:
        return Rejected(
            title, advice, details=details, code=str(said.get("code", "")), words=str(said.get("words", ""))
        )
    return Bug(details)
