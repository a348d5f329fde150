"""Lists of certificates that their CA took back: from files, from addresses, with what came of the last attempt.

A list of an address is kept for half a day; while the address is silent an older copy serves, and it is asked again
only after a while, so that no report waits for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.crypto.refusals import SignatureRefused
from app.crypto.revocation import parse_revocation_list
from app.domain.times import cst_text
from app.engine.face import Json
from app.engine.house import House
from app.errors import AgentError, NeedsOperator, RetryLater
from app.store.times import kept, taken_or_none
from app.wire.http_client import HttpClient

PAGE = "trust"
_FRESH = timedelta(hours=12)
_PATIENCE = timedelta(minutes=10)
"""So long after a failure the address is left alone."""
_IN_USE = timedelta(days=7)
"""An address that no certificate led to for so long is nobody's any more."""
_LARGEST_BYTES = 32 * 1024 * 1024


def revocation_list(house: House, place: str) -> bytes:
    """What a file or an address says, an earlier copy among them. Raises AgentError."""
    if not is_address(place):
        return _of_file(Path(place))
    had, seen, now = _copy(house, place), _seen(house, place), house.clock.now()
    if had and _is_within(_FRESH, seen.get("read_at"), now):
        return had
    if seen.get("trouble") and _is_within(_PATIENCE, seen.get("tried_at"), now):
        if had:
            return had
        raise RetryLater(str(seen["trouble"]), "程序会自己再读")
    try:
        return read_now(house, place)
    except AgentError:
        if had:
            return had
        raise


def read_now(house: House, place: str) -> bytes:
    """Ask the address, whatever is kept; what came of it is written down. Raises AgentError."""
    if not is_address(place):
        return _of_file(Path(place))
    now, seen = house.clock.now(), _seen(house, place)
    try:
        content = _fetched(place)
        found = parse_revocation_list(content)
    except AgentError as error:
        _write_seen(house, place, seen | {"tried_at": kept(now), "trouble": error.title})
        raise
    except SignatureRefused as error:
        title = "吊销列表的地址给的不是吊销列表"
        _write_seen(house, place, seen | {"tried_at": kept(now), "trouble": title})
        raise NeedsOperator(title, "请在设置里核对地址", details=error.details, page=PAGE) from error
    _write(_place(house, place), content)
    until = kept(found.next_update) if found.next_update else ""
    _write_seen(house, place, {"read_at": kept(now), "tried_at": kept(now), "trouble": "", "until": until})
    return content


def list_places(house: House) -> tuple[str, ...]:
    """Files and addresses of the settings, then the addresses that certificates named lately."""
    listed = house.settings.signing.get("revocation_lists", ())
    own = tuple(str(one) for one in listed) if isinstance(listed, list | tuple) else ()
    folder, now = house.home.revocation, house.clock.now()
    seen = [_read_json(path) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []
    named = (str(one["place"]) for one in seen if _is_within(_IN_USE, one.get("tried_at"), now) and one.get("place"))
    return tuple(dict.fromkeys((*own, *named)))


def all_told(house: House) -> list[Json]:
    """`told` of each."""
    return [told(house, place) for place in list_places(house)]


def told(house: House, place: str) -> Json:
    """{"place", "name", "address": bool, "read_at"|None, "read_words", "until"|None (its successor is due),
    "overdue": bool, "trouble"}."""
    seen: Mapping[str, Any] = _seen(house, place) if is_address(place) else _of_file_told(Path(place))
    read_at, until = taken_or_none(seen.get("read_at")), taken_or_none(seen.get("until"))
    return {
        "place": place,
        "name": place if is_address(place) else plain_name(Path(place)),
        "address": is_address(place),
        "read_at": kept(read_at) if read_at else None,
        "read_words": cst_text(read_at)[:16] if read_at else "",
        "until": kept(until) if until else None,
        "overdue": until is not None and until < house.clock.now(),
        "trouble": str(seen.get("trouble", "")),
    }


def is_address(place: str) -> bool:
    return place.lower().startswith(("http://", "https://"))


def plain_name(path: Path) -> str:
    """As the file was called where it was chosen."""
    mark, dash, name = path.name.partition("-")
    return name if dash and len(mark) == 8 and name else path.name


# -- files ------------------------------------------------------------------------------------------------------------


def _of_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NeedsOperator(
            f"吊销列表的文件读不出来：{plain_name(path)}", "请在设置里重新添加", details=type(error).__name__, page=PAGE
        ) from error


def _of_file_told(path: Path) -> dict[str, Any]:
    try:
        issued, until = _dates(path, path.stat().st_mtime_ns)
    except (OSError, SignatureRefused):
        return {"trouble": "文件读不出来，请重新添加"}
    return {"read_at": kept(issued), "until": kept(until) if until else ""}


@lru_cache(maxsize=16)
def _dates(path: Path, changed: int) -> tuple[datetime, datetime | None]:
    found = parse_revocation_list(path.read_bytes())
    return found.this_update, found.next_update


# -- addresses --------------------------------------------------------------------------------------------------------


def _fetched(place: str) -> bytes:
    client = HttpClient(name="吊销列表", connect_seconds=5, read_seconds=15, reply_seconds=30)
    try:
        reply = client.send("GET", place, reply_limit=_LARGEST_BYTES)
    finally:
        client.close()
    if reply.status != 200:
        raise RetryLater("吊销列表的地址没有给出列表", "程序会自己再读", details=f"HTTP {reply.status}")
    return reply.body


def _copy(house: House, place: str) -> bytes:
    try:
        return _place(house, place).read_bytes()
    except OSError:
        return b""


def _seen(house: House, place: str) -> dict[str, Any]:
    return _read_json(_place(house, place).with_suffix(".json"))


def _write_seen(house: House, place: str, seen: Mapping[str, Any]) -> None:
    _write(_place(house, place).with_suffix(".json"), json.dumps({**seen, "place": place}).encode())


def _place(house: House, place: str) -> Path:
    return house.home.revocation / hashlib.sha256(place.encode()).hexdigest()[:32]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_within(span: timedelta, at: object, now: datetime) -> bool:
    then = taken_or_none(str(at)) if at else None
    return then is not None and now - then < span
