"""Every version of a record that went to a platform, and what changed in it, in words (各版).

Read from what was frozen at each submission: nobody writes it down a second time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.catalogue.payload import read_payload
from app.catalogue.region import CODED, Region
from app.catalogue.types import TYPES
from app.delivery.submission import refs_of
from app.domain.index_code import masked_index
from app.domain.job import CONFIRMED, Job, JobState, Part, job_words
from app.domain.submission import live_state
from app.engine.face import Json
from app.engine.house import House
from app.store import answers, exams, jobs
from app.store.times import kept

PART_SHORT = {Part.EXAM: "检查", Part.MERGED: "检查与报告", Part.REPORT: "报告", Part.IMAGES: "影像"}
_MESSAGES = ("exam", "report")
_STATUS = ("exam_status", "report_status")
"""What says how far a record has come."""
_NOT_TOLD = frozenset({"last_changed_at"})
_MASKED = frozenset({"id_number"})
_FIRST, _LAST = 3, 4
_CITIZEN = re.compile(r"(?<!\d)\d{6}(?:19|20)\d{2}(?:0\d|1[0-2])[0-3]\d\d{3}[\dXx](?!\d)")
"""A citizen's number wherever it stands: inside an address or an index code, or typed into a text."""


def masked_id(number: str) -> str:
    """A document number as paper shows it: first three and last four."""
    hidden = "*" * max(0, len(number) - _FIRST - _LAST)
    return f"{number[:_FIRST]}{hidden}{number[-_LAST:]}" if len(number) > 8 else "*" * len(number)


def masked_text(text: str) -> str:
    """With every citizen's number in it masked."""
    return _CITIZEN.sub(lambda found: masked_id(found[0]), text)


def of_exam(house: House, exam_key: str, destination: str = "") -> list[Json]:
    """The versions of every part, oldest first; see `versions` of `Face.job`."""
    conn = house.store.read()
    own = [job for job in jobs.of_exam(conn, exam_key) if destination in ("", job.destination)]
    taken = {
        (one["destination"], one["part"], one["report_key"], one["version"], one["round"]): str(one["acknowledged_at"])
        for one in answers.receipts(conn, exam_key)
    }
    numbers = {one.report_key: place for place, one in enumerate(exams.reports_of(conn, exam_key), 1)}
    several = len(numbers) > 1
    found, before = list[Json](), dict[tuple[str, Part, str], Job]()
    for job in own:
        key = (job.destination, job.part, job.report_key)
        target = house.targets.get(job.destination)
        region = target.region if target else None
        name = PART_SHORT[job.part] + (f" {numbers[job.report_key]}" if several and job.report_key in numbers else "")
        found.append(
            {
                "destination": job.destination,
                "destination_title": target.title if target else job.destination,
                "part": job.part.value,
                "part_words": name,
                "report_key": job.report_key,
                "version": job.version,
                "withdraws": job.withdraws,
                "late": job.late,
                "status_words": _status(region, job),
                "state": live_state(job.state, withdraws=job.withdraws).value,
                "state_words": _state_words(job, _is_newest(own, job)),
                "is_newest": _is_newest(own, job),
                "submitted_at": kept(job.submitted_at),
                "acknowledged_at": taken.get((job.destination, job.part.value, job.report_key, job.version, job.round)),
                "answer": _answer(job),
                "changes": changes(region, before.get(key), job),
            }
        )
        if job.state is not JobState.CANCELLED:
            before[key] = job
    return found


def ahead_words(house: House, own: Sequence[Job]) -> str:
    """检查记录已先传（已检查）: what platforms have of an exam that nobody has submitted yet."""
    there = [job for job in own if job.part is Part.EXAM and job.state in CONFIRMED and not job.withdraws]
    if not there:
        return ""
    target = house.targets.get(there[0].destination)
    status = _status(target.region if target else None, there[0])
    return f"检查记录已先传（{status}）" if status else "检查记录已先传"


def changes(region: Region | None, before: Job | None, job: Job) -> list[Json]:
    """[{"label", "old", "new"}] against the version before, [] for a first one; document numbers masked."""
    if before is None:
        return []
    if job.part is Part.IMAGES:
        return _of_images(before, job)
    if region is None:
        return []
    return [
        change
        for message in _MESSAGES
        if message in job.payload
        for change in _of_message(region, message, _body(before, message), _body(job, message))
    ]


def _of_message(region: Region, message: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Json]:
    signature = region.options.get("signature", {}).get("fields", ())
    signed = {name.partition(".")[2] for name in signature}
    (olds, old_rows), (news, new_rows) = (read_payload(region, message, body) for body in (old, new))
    found: list[Json] = []
    keys = dict.fromkeys(row.key for row in region.rows_of(message))
    for key in sorted(keys, key=lambda key: _weight(region, key)):
        field = region.fields[key]
        if key in _NOT_TOLD or key in signed:
            continue
        if field.type == "rows":
            found += _of_rows(region, field.table, field.label, old_rows.get(key, []), new_rows.get(key, []))
        elif (old_file := _file(region, message, key, old)) or _file(region, message, key, new):
            new_file = _file(region, message, key, new)
            if old_file != new_file:
                found.append(_change(field.label, "原来那份" if old_file else "", "新的一份" if new_file else ""))
        elif olds.get(key, "") != news.get(key, ""):
            found.append(_of_field(region, key, olds.get(key, ""), news.get(key, "")))
    if any(olds.get(key, "") != news.get(key, "") for key in signed):
        found.append(_change("电子签名", "原来的签名" if _is_signed(olds, signed) else "", "重新签过"))
    return found


def _weight(region: Region, key: str) -> int:
    """How far it has come stands first, what only programs read last."""
    return 0 if key in _STATUS else 2 if region.fields[key].type == "uid" else 1


def _of_rows(
    region: Region, message: str, label: str, old: Sequence[Mapping[str, str]], new: Sequence[Mapping[str, str]]
) -> list[Json]:
    found: list[Json] = []
    if len(old) != len(new):
        found.append(_change(label, f"{len(old)} 行", f"{len(new)} 行"))
    for number, (before, now) in enumerate(zip(old, new, strict=False), 1):
        for key in dict.fromkeys(row.key for row in region.rows_of(message)):
            if before.get(key, "") != now.get(key, ""):
                change = _of_field(region, key, before.get(key, ""), now.get(key, ""))
                found.append(change | {"label": f"{label}第 {number} 行 · {change['label']}"})
    return found


def _of_field(region: Region, key: str, old: str, new: str) -> Json:
    field = region.fields[key]
    if field.type in _MASKED:
        hidden = masked_id(new)
        return _change(field.label, masked_id(old), hidden + ("（中间几位改过）" if hidden == masked_id(old) else ""))
    return _change(field.label, *(_shown(region, key, text) for text in (old, new)))


def _shown(region: Region, key: str, text: str) -> str:
    """Codes by their names alone."""
    kind, table = TYPES[region.fields[key].type], region.table_of(key)
    if kind.name in CODED and table is not None:
        return "、".join(table.label(code) or code for code in text.split(",") if code)
    return masked_text(masked_index(kind.show(text, table)))


def _of_images(before: Job, job: Job) -> list[Json]:
    old, new = ({ref["sop_instance_uid"]: ref["sha256"] for ref in refs_of(one)} for one in (before, job))
    if old == new:
        return []
    replaced = sum(1 for uid in old.keys() & new.keys() if old[uid] != new[uid])
    more = f"，换了 {replaced} 幅" if replaced else ""
    return [_change("影像", f"{len(old)} 幅", f"{len(new)} 幅{more}")]


def _change(label: str, old: str, new: str) -> Json:
    return {"label": label, "old": old, "new": new}


def _status(region: Region | None, job: Job) -> str:
    """How far the record had come: 已检查, 已初审; "" where the platform has no such field."""
    if region is None:
        return ""
    found = []
    for message, key in zip(_MESSAGES, _STATUS, strict=True):
        texts = read_payload(region, message, _body(job, message))[0] if message in job.payload else {}
        found.append(region.label_of(key, texts.get(key, "")))
    return "、".join(one for one in found if one)


def _state_words(job: Job, newest: bool) -> str:
    if not newest and job.state in CONFIRMED:
        return "平台已接收"
    if job.withdraws and job.state in CONFIRMED:
        return "已撤回"
    return job_words(job.state, job.trouble)


def _is_newest(own: Sequence[Job], job: Job) -> bool:
    same = [one for one in own if (one.destination, one.part, one.report_key) == _key(job)]
    return same[-1].id == job.id


def _key(job: Job) -> tuple[str, Part, str]:
    return (job.destination, job.part, job.report_key)


def _answer(job: Job) -> str:
    """The platform's own words, where it said more than yes: also those may name a person."""
    trouble = job.trouble
    return masked_text(" · ".join(part for part in (trouble.title, trouble.words) if part)) if trouble else ""


def _body(job: Job, message: str) -> Mapping[str, Any]:
    """The message as it was frozen; a withdrawal says what it marks instead."""
    found = job.payload.get(message)
    return found if isinstance(found, dict) else {}


def _file(region: Region, message: str, key: str, body: Mapping[str, Any]) -> str:
    """The SHA-256 of the file that stands in a row of that field, "" for none."""
    for row in region.rows_of(message):
        found = body.get(row.path) if row.key == key else None
        if isinstance(found, dict) and "$file" in found:
            return str(found["$file"])
    return ""


def _is_signed(texts: Mapping[str, str], signed: set[str]) -> bool:
    return any(texts.get(key) for key in signed)
