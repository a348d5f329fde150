"""Whom the clinic trusts (信任的证书): the certificates of its CA and the lists of those it took back.

What a person chooses is copied into the home: a file on a memory stick is gone tomorrow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.crypto.certificates import Certificate
from app.crypto.refusals import SignatureRefused
from app.crypto.revocation import parse_revocation_list
from app.crypto.signed_data import certificates_in
from app.domain.times import cst_text
from app.engine import revocation_lists
from app.engine.face import Json
from app.engine.house import House
from app.engine.revocation_lists import PAGE, is_address, plain_name
from app.errors import AgentError, NeedsOperator
from app.signing.trust import Trust, anchors
from app.system.disk import durable_replace
from app.system.paths import Home

_LARGEST_BYTES = 32 * 1024 * 1024
_WANTED = "要的是 CA 的根证书或证书链，多是 .cer、.crt、.pem、.p7b 文件，请向 CA 机构要"
ROOTS, LISTS = "roots", "revocation_lists"


class RootsUnreadable(NeedsOperator):
    """A file of certificates that was trusted can't be read any more."""


def trust_of(house: House) -> Trust:
    """Raises RootsUnreadable: what was to be checked must be."""
    found = [certificate for place in places(house, ROOTS) for certificate in _of_file(Path(place))]
    roots, others = anchors(found)
    return Trust(
        roots=roots,
        pool=others,
        places=places(house, LISTS),
        fetch=lambda place: revocation_lists.revocation_list(house, place),
    )


def told(house: House) -> Json:
    """See `Face.trust`."""
    now = house.clock.now()
    lists = revocation_lists.all_told(house)
    own = places(house, LISTS)
    return {
        "wanted": any(target.demands_signature for target in house.targets.values()),
        "roots": [_file_told(Path(place), now) for place in places(house, ROOTS)],
        "lists": [one | {"named": one["place"] not in own} for one in lists],
    }


def read_lists(house: House, only: Sequence[str] = ()) -> None:
    """Lists of addresses anew (all without `only`); what came of it is told by `told`."""
    for place in only or revocation_lists.list_places(house):
        with suppress(AgentError):
            revocation_lists.read_now(house, place)


def places(house: House, key: str) -> tuple[str, ...]:
    listed = house.settings.signing.get(key, ())
    return tuple(str(one) for one in listed) if isinstance(listed, list | tuple) else ()


# -- adding and taking away -------------------------------------------------------------------------------------------


def with_added(house: House, chosen: Sequence[str]) -> dict[str, Any]:
    """The settings of signing with these files and addresses, each where it belongs; not written yet.

    Raises NeedsOperator for what is neither; then nothing is added.
    """
    kinds = [(LISTS if is_address(one) or _is_list(one) else ROOTS, one) for one in map(_wanted, chosen)]
    signing = dict(house.settings.signing)
    for key in (ROOTS, LISTS):
        signing[key] = [*places(house, key), *(one for kind, one in kinds if kind == key)]
    return kept_here(house, signing)


def without(house: House, place: str) -> dict[str, Any]:
    """The settings of signing without this file or address. Raises NeedsOperator when it is none of them."""
    if not any(place in places(house, key) for key in (ROOTS, LISTS)):
        raise NeedsOperator("列表里没有这一项", "它可能已经去掉了，请看现在的列表", page=PAGE)
    left = {key: [one for one in places(house, key) if one != place] for key in (ROOTS, LISTS)}
    return {**house.settings.signing, **left}


def forget(home: Home, place: str) -> None:
    """Delete our own copy of a file that nobody trusts any more; what lies elsewhere is not ours."""
    path = Path(place)
    if not is_address(place) and path.parent == home.trust:
        path.unlink(missing_ok=True)


def kept_here(house: House, signing: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of signing with each new file as a copy in the home. Raises NeedsOperator naming the file."""
    kept = dict(signing)
    for key, read in ((ROOTS, _certificates_in), (LISTS, _list_in)):
        if isinstance(kept.get(key), list | tuple):
            as_they_are = places(house, key)
            copied = [
                one if one in as_they_are or is_address(one) else _copied(house.home, one, read)
                for one in map(str, kept[key])
            ]
            kept[key] = list(dict.fromkeys(copied))
    return kept


def _copied(home: Home, chosen: str, read: Callable[[str, bytes], object]) -> str:
    path = Path(chosen)
    if path.parent == home.trust:
        return chosen
    content = _content(path)
    read(path.name, content)
    copy = home.trust / f"{hashlib.sha256(content).hexdigest()[:8]}-{path.name}"
    if not copy.is_file():
        home.trust.mkdir(exist_ok=True)
        part = copy.with_name(copy.name + ".part")
        part.write_bytes(content)
        durable_replace(part, copy)
    return str(copy)


def _wanted(chosen: str) -> str:
    place = chosen.strip()
    if not place:
        raise NeedsOperator("没有选文件", _WANTED, page=PAGE)
    return place


def _content(path: Path) -> bytes:
    try:
        if not path.is_absolute():
            raise NeedsOperator(f"路径不完整：{path.name}", "请写完整的路径，例：D:\\证书\\root.cer", page=PAGE)
        if path.stat().st_size > _LARGEST_BYTES:
            raise NeedsOperator(f"“{path.name}”太大，不是证书文件", _WANTED, page=PAGE)
        return path.read_bytes()
    except (OSError, ValueError) as error:  # a path may hold what no path can
        raise NeedsOperator(
            f"文件打不开：{path.name}", "请核对文件还在不在", details=type(error).__name__, page=PAGE
        ) from error


def _is_list(place: str) -> bool:
    try:
        parse_revocation_list(_content(Path(place)))
    except SignatureRefused:
        return False
    return True


def _certificates_in(name: str, content: bytes) -> tuple[Certificate, ...]:
    try:
        found = certificates_in(content)
    except SignatureRefused as error:
        raise NeedsOperator(f"“{name}”不是证书文件", _WANTED, details=error.details, page=PAGE) from error
    if not any(one.is_ca or one.is_self_issued for one in found):
        raise NeedsOperator(f"“{name}”是个人的证书，不是 CA 的证书", _WANTED, page=PAGE)
    return found


def _list_in(name: str, content: bytes) -> object:
    try:
        return parse_revocation_list(content)
    except SignatureRefused as error:
        advice = "要的是 CA 给的吊销列表，多是 .crl 文件，或它的地址"
        raise NeedsOperator(f"“{name}”不是吊销列表", advice, details=error.details, page=PAGE) from error


# -- as it is ---------------------------------------------------------------------------------------------------------


def _of_file(path: Path) -> tuple[Certificate, ...]:
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, SignatureRefused) as error:
        raise RootsUnreadable(
            f"CA 证书的文件读不出来：{plain_name(path)}",
            "请在设置里重新添加这个文件",
            details=type(error).__name__,
            page=PAGE,
        ) from error


@lru_cache(maxsize=16)
def _read(path: Path, changed: int) -> tuple[Certificate, ...]:
    return certificates_in(path.read_bytes())


def _file_told(path: Path, now: datetime) -> Json:
    try:
        found, trouble = _of_file(path), ""
    except RootsUnreadable:
        found, trouble = (), "文件读不出来，请重新添加"
    return {
        "place": str(path),
        "name": plain_name(path),
        "certificates": [_certificate_told(one, now) for one in found],
        "trouble": trouble,
    }


def _certificate_told(one: Certificate, now: datetime) -> Json:
    return {
        "subject": one.common_name or one.subject,
        "issuer": one.issuer,
        "kind": _kind(one),
        "root": one.is_self_issued,
        "from": cst_text(one.not_before)[:10],
        "to": cst_text(one.not_after)[:10],
        "ended": one.not_after < now,
    }


def _kind(one: Certificate) -> str:
    try:
        return one.public_key.kind.value
    except SignatureRefused:
        return ""
