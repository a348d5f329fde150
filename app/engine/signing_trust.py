"""Whom the clinic trusts, from its settings: the files of its CA, and revocation lists from files and addresses."""

from __future__ import annotations

import hashlib
import os
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from app.crypto.certificates import Certificate
from app.crypto.refusals import SignatureRefused
from app.engine.house import House
from app.errors import AgentError, NeedsOperator, RetryLater
from app.signing.trust import Trust, roots_and_others
from app.wire.http_client import HttpClient

_FRESH = timedelta(hours=12)
_LARGEST_BYTES = 32 * 1024 * 1024
_PAGE = "trust"


def trust_of(house: House) -> Trust:
    """Raises NeedsOperator for a file of certificates that can't be read: what was to be checked must be."""
    roots: list[Certificate] = []
    others: list[Certificate] = []
    for place in _listed(house, "roots"):
        path = Path(place)
        try:
            found = _certificates(path, path.stat().st_mtime_ns)
        except (OSError, SignatureRefused) as error:
            raise NeedsOperator(
                f"CA 证书的文件读不出来：{path.name}",
                "请在设置里核对，要的是 CA 的根证书和证书链（.cer、.pem、.p7b）",
                details=type(error).__name__,
                page=_PAGE,
            ) from error
        roots += found[0]
        others += found[1]
    return Trust(
        roots=tuple(roots),
        pool=tuple(others),
        places=_listed(house, "revocation_lists"),
        fetch=lambda place: revocation_list(house, place),
    )


def revocation_list(house: House, place: str) -> bytes:
    """Of a file; of an address, kept for half a day, and an older copy while the address is silent."""
    if not place.lower().startswith(("http://", "https://")):
        try:
            return Path(place).read_bytes()
        except OSError as error:
            raise NeedsOperator("吊销列表的文件读不出来", "请在设置里核对", details=type(error).__name__) from error
    copy = house.home.root / "revocation" / hashlib.sha256(place.encode()).hexdigest()[:32]
    had = _kept(copy)
    if had and house.clock.now().timestamp() - copy.stat().st_mtime < _FRESH.total_seconds():
        return had
    try:
        content = _fetched(place)
    except AgentError:
        if had:
            return had
        raise
    copy.parent.mkdir(exist_ok=True)
    part = copy.with_suffix(".part")
    part.write_bytes(content)
    part.replace(copy)
    os.utime(copy, (house.clock.now().timestamp(),) * 2)
    return content


def _fetched(place: str) -> bytes:
    client = HttpClient(name="吊销列表", connect_seconds=5, read_seconds=15, reply_seconds=30)
    try:
        reply = client.send("GET", place, reply_limit=_LARGEST_BYTES)
    finally:
        client.close()
    if reply.status != 200:
        raise RetryLater("吊销列表的地址没有给出列表", "下次签名时再取", details=f"HTTP {reply.status}")
    return reply.body


def _kept(copy: Path) -> bytes:
    try:
        return copy.read_bytes()
    except OSError:
        return b""


@lru_cache(maxsize=16)
def _certificates(path: Path, changed: int) -> tuple[tuple[Certificate, ...], tuple[Certificate, ...]]:
    return roots_and_others(path.read_bytes())


def _listed(house: House, key: str) -> tuple[str, ...]:
    listed = house.settings.signing.get(key, ())
    return tuple(str(one) for one in listed) if isinstance(listed, list | tuple) else ()
