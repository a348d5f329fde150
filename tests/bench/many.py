"""A home with very many studies, made straight in its database: years of a clinic in seconds. Measures nothing."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.store import Store

_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏"
)
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂英秀珍建国文博海春梅玉慧志远德胜俊峰"
_KINDS = (("CT", "胸部 CT"), ("DR", "胸部正侧位"), ("MR", "膝关节 MR"), ("MG", "乳腺"))
_TROUBLE = json.dumps(
    {
        "title": "证件号码与姓名不一致",
        "advice": "请对照身份证改好后再传",
        "turn": "technician",
        "code": "0",
        "words": "检查登记失败：证件号码与姓名不匹配",
        "step": "exam",
        "items": [],
        "page": "",
    },
    ensure_ascii=False,
)
SEED = 20261120


def fill_home(
    path: Path, count: int, destinations: tuple[str, ...], *, now: datetime | None = None, images: int = 3
) -> None:
    """`count` exams in the database file `path`, each submitted to every destination, the newest a minute ago.

    One in 2,000 waits for a person, as many are on their way; the others were acknowledged or reconciled.
    """
    Store(path).close()
    conn = sqlite3.connect(path, isolation_level=None)
    conn.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; BEGIN")
    for table, rows in _rows(count, destinations, now or datetime.now(UTC), images):
        marks = ", ".join("?" for _ in rows[0])
        conn.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
    conn.execute("COMMIT")
    conn.close()
    Store(path).close()


def _rows(
    count: int, destinations: tuple[str, ...], now: datetime, images: int
) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    draw = random.Random(SEED)
    job_id = 0
    for start in range(0, count, 5000):
        tables: dict[str, list[tuple[Any, ...]]] = {}
        for number in range(start, min(count, start + 5000)):
            at = now - timedelta(minutes=1 + 5 * number)
            state = _state(number)
            name = draw.choice(_SURNAMES) + "".join(draw.choices(_GIVEN, k=draw.choice((1, 2))))
            kind, what = _KINDS[number % len(_KINDS)]
            key, study, accession = f"E{number:020X}", f"1.2.840.99.{number}", f"{kind}{number:010d}"
            _exam(tables, key, study, state, name, accession, kind, what, at, images)
            for destination in destinations:
                for part in ("exam", "report", "images"):
                    job_id += 1
                    own = state if part == "images" or state not in ("waiting", "sending") else "acknowledged"
                    tables.setdefault(_JOBS, []).append(_job(job_id, destination, key, part, own, at, images, study))
                    if own in ("acknowledged", "reconciled"):
                        tables.setdefault(_RECEIPTS, []).append((job_id, _text(at + timedelta(seconds=40)), 1, 1, "{}"))
        yield from tables.items()


def _state(number: int) -> str:
    if number % 2000 in (7, 8):
        return ("held", "queued")[number % 2000 - 7]
    return "acknowledged" if number < 300 else "reconciled"


_EXAMS = """exams (exam_key, minted_accession, state, problem_count, problems, changed, dirty, created_at, submitted_at,
    patient_name, accession_number, modality, description, exam_day, sort_at, image_count, report_count, sought)"""
_LINKS = "exam_studies (exam_key, study_instance_uid, patient_key)"
_STUDIES = """studies (study_instance_uid, patient_id, patient_name, accession_number, modality, description, study_at,
    source, header, name_candidates, charset, image_count, first_at, last_at, complete_at)"""
_INSTANCES = """instances (sop_instance_uid, data_set_sha256, study_instance_uid, size_bytes, path, modality, source,
    patient_key, received_at, current)"""
_JOBS = """jobs (id, destination, exam_key, report_key, part, version, withdraws, state, round, attempts, payload,
    digest, exam_day, step, done_count, total_count, trouble, submitted_at, changed_at, late, first)"""
_RECEIPTS = "receipts (job_id, acknowledged_at, round, version, facts)"


def _exam(
    tables: dict[str, list[tuple[Any, ...]]],
    key: str,
    study: str,
    state: str,
    name: str,
    accession: str,
    kind: str,
    what: str,
    at: datetime,
    images: int,
) -> None:
    day, then = at.date().isoformat(), _text(at)
    problems = json.dumps(["证件号码"] if state == "held" else [], ensure_ascii=False)
    tables.setdefault(_EXAMS, []).append(
        (
            *(key, "", state, int(state == "held"), problems, 0, 0, then, then),
            *(name, accession, kind, what, day, then, images, 1, f"{name} {accession}"),
        )
    )
    tables.setdefault(_LINKS, []).append((key, study, ""))
    tables.setdefault(_STUDIES, []).append(
        (study, accession, name, accession, kind, what, then, "ae:CT-1", "{}", "[]", "", images, then, then, then)
    )
    for number in range(images):
        tables.setdefault(_INSTANCES, []).append(
            (f"{study}.{number}", "0" * 64, study, 524_300, f"{study}/{number}.dcm", kind, "ae:CT-1", "", then, 1)
        )


def _job(
    job_id: int, destination: str, key: str, part: str, state: str, at: datetime, images: int, study: str
) -> tuple[Any, ...]:
    refs = [
        {"sop_instance_uid": f"{study}.{n}", "sha256": "0" * 64, "size_bytes": 524_300, "path": f"{study}/{n}.dcm"}
        for n in range(images)
    ]
    payload = {"images": refs} if part == "images" else {part: {"name": "x" * 600}}
    total = images if part == "images" else 1
    trouble = _TROUBLE if state == "held" else None
    begin = (job_id, destination, key, "R" if part == "report" else "", part, 1, 0, state, 1, 1)
    return (
        *begin,
        json.dumps(payload),
        "d",
        at.date().isoformat(),
        part,
        0,
        total,
        trouble,
        _text(at),
        _text(at),
        0,
        0,
    )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
