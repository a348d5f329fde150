"""What platforms took of the addresses that they were given (已取), as pages tell it.

A fetch is a fact beside the receipt: it makes nothing green, and what is not fetched yet is no trouble.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from app.delivery.target import Target
from app.domain.job import Turn
from app.engine.face import Json
from app.engine.house import House
from app.provide.provider import IMAGES_WORDS, PAGE, PDF_WORDS, ZIP_WORDS
from app.provide.wanted import wants_files
from app.store import exams, files, pickups, submissions
from app.store.files import Link
from app.store.times import kept

NOTICE_AFTER = timedelta(hours=24)
"""A platform that has not come so long after its receipt is worth a quiet word."""


def of_exam(house: House, exam_key: str, destination: str = "") -> list[Json]:
    """Each live address of the exam (at one destination) with what was taken of it."""
    links = files.links_of(house.store.read(), exam_key, destination)
    return [_shown(house, one) for one in links if not _is_spare(house, one)]


def _is_spare(house: House, one: Link) -> bool:
    """Images that went another way, at an address that only a query of the platform named: nothing waits for it."""
    target = house.targets.get(one.destination)
    by_address = target is not None and target.options.get("image_mode") == "list"
    return one.is_images and not one.sent_bytes and not by_address


def _shown(house: House, one: Link) -> Json:
    target = house.targets.get(one.destination)
    done, total = pickups.counted(house.store.read(), one.destination, one.exam_key) if one.is_images else (0, 0)
    return {
        "destination": one.destination,
        "destination_title": target.title if target else one.destination,
        "what": "images" if one.is_images else "zip" if one.is_zip else "pdf",
        "what_words": IMAGES_WORDS if one.is_images else ZIP_WORDS if one.is_zip else PDF_WORDS,
        "words": f"已取 {done}/{total}" if one.is_images else _words(one),
        "whole": bool(total) and done == total if one.is_images else one.whole,
        "count": one.fetched_count,
        "first_at": kept(one.first_fetched_at) if one.first_fetched_at else None,
        "last_at": kept(one.last_fetched_at) if one.last_fetched_at else None,
        "bytes": one.sent_bytes,
        "trouble": one.broken,
    }


def _words(one: Link) -> str:
    if one.whole:
        return f"已取 {one.fetched_count} 次"
    if one.fetched_count:
        return f"已取 {one.fetched_count} 次，新的还没有来取"
    return "取了一部分，没有取完" if one.sent_bytes else "还没有来取"


def moments(house: House, exam_key: str, destination: str, *, is_over: bool) -> list[Json]:
    """As entries of the timeline of one submission; what is not fetched is told once the platform took the record."""
    found = []
    for one in of_exam(house, exam_key, destination):
        if not one["bytes"] and not is_over:
            continue
        title = f"平台取走了{one['what_words']}" if one["count"] else f"平台{one['words']}{one['what_words']}"
        if one["count"] or not one["bytes"]:
            detail = one["trouble"] or ("新的还没有来取" if one["count"] and not one["whole"] else "")
        else:
            title, detail = f"平台在取{one['what_words']}", one["trouble"] or one["words"]
        kind = "step_fact" if one["count"] else "step_todo"
        moment = {"kind": kind, "title": title, "detail": detail, "at": one["last_at"], "state": "acknowledged"}
        found.append(moment | {"again": False, "changes": []})
    return found


def unfetched(house: House, destination: str) -> Json:
    """Exams that it was told of long ago and whose files it has not fetched: {"count", "since", "sentence"}."""
    conn, before = house.store.read(), house.clock.now() - NOTICE_AFTER
    found = [*files.unfetched(conn, destination, before), *pickups.unfetched(conn, destination, before)]
    count, since = len({exam_key for exam_key, _ in found}), min((at for _, at in found), default=None)
    return {
        "count": count,
        "since": kept(since) if since else None,
        "sentence": f"{count} 例的文件平台还没有来取，本机留着" if count else "",
    }


def broken_rows(house: House) -> list[Json]:
    """One row of "needs you" per exam whose files a platform can't get from here."""
    conn = house.store.read()
    rows: dict[str, Json] = {}
    for one in files.broken_links(conn):
        shown = exams.shown(conn, one.exam_key)
        if one.exam_key in rows or not shown:
            continue
        row = submissions.page_row(conn, one.exam_key, one.destination) or {}
        name, exam = shown["patient_name"], shown["description"]
        rows[one.exam_key] = {
            "uid": row.get("uid") or one.exam_key,
            "exam_key": one.exam_key,
            "state": "fetch_broken",
            "title": " ".join(part for part in (name, exam) if part),
            "who": name or "姓名待填",
            "what": exam or shown["modality"],
            "why": one.broken,
            "since": kept(one.created_at),
            "since_is": "",
            "turn": Turn.TECHNICIAN.value,
            "action": "open",
        }
    return list(rows.values())


def closed_row(house: House) -> list[Json]:
    """One row of "needs you" while a destination fetches from here and nobody can come in."""
    status, wanting = house.provider.status(), needed_by(house)
    if not wanting or (status["base_url"] and not status["trouble"]):
        return []
    title = "文件服务没有打开" if status["base_url"] else "还没有填文件服务的地址"
    return [
        {
            "uid": PAGE,
            "exam_key": "",
            "state": "files_closed",
            "title": title,
            "who": title,
            "what": "",
            "why": status["trouble"] or f"{wanting[0]}要来这台电脑取报告和影像，请填平台访问的地址",
            "since": None,
            "since_is": "",
            "turn": Turn.TECHNICIAN.value,
            "action": "settings",
        }
    ]


def needed_by(house: House) -> list[str]:
    """Titles of the destinations that can't do without the file service."""
    return [target.title for target in house.targets.values() if is_needed(target)]


def is_needed(target: Target) -> bool:
    return wants_files(target.region, target.options)


def is_loopback(base_url: str) -> bool:
    """Nobody but this PC can open such an address."""
    host = urlsplit(base_url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")
