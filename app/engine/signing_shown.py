"""What pages and terminals see of signings: rows, the text line by line, a certificate."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from app.crypto.certificates import parse_certificate
from app.crypto.digests import sm3
from app.crypto.refusals import SignatureRefused
from app.domain.job import JOB_WORDS, Job, JobState, Part
from app.domain.signing import SESSION_WORDS, Hitch, Session, SessionState
from app.domain.submission import live_state
from app.domain.times import cst_text
from app.engine import coding
from app.engine.face import Json
from app.engine.house import House
from app.signing import qr
from app.store import exams, images, jobs
from app.store.times import kept

_WORDS: Mapping[SessionState, str] = SESSION_WORDS | dict.fromkeys((SessionState.NEXT, SessionState.WAITING), "待签名")
_JOB_WORDS: Mapping[JobState, str] = JOB_WORDS | {JobState.ACKNOWLEDGED: "平台已接收"}
POSTPONED, _POSTPONED_WORDS = "postponed", "稍后再签"
_RESIGN_WORDS, _CHANGED_WORDS = "要重新签", "改过了"
_RESTING = frozenset({SessionState.NEXT, SessionState.WAITING, SessionState.EXPIRED, SessionState.REFUSED})
_AGE_UNITS = {"年": "岁"}


def row(house: House, session: Session, doctor: Json, own: Sequence[Job]) -> Json:
    """`own`: the jobs of the exam."""
    conn = house.store.read()
    listed = exams.shown(conn, session.exam_key)
    keys = [report.report_key for report in exams.reports_of(conn, session.exam_key)]
    studies = images.studies_on(conn, session.exam_key)
    job = _job(session, own)
    state = live_state(job.state, withdraws=job.withdraws) if job else None
    postponed = session.postponed and session.state in _RESTING
    return {
        "session": session.id,
        "uid": studies[0].study_instance_uid if studies else session.exam_key,
        "exam_key": session.exam_key,
        "report_key": session.report_key,
        "report": keys.index(session.report_key) if session.report_key in keys else 0,
        "destination": session.destination,
        "way": _way(house, session),
        "doctor": doctor,
        "patient_name": listed.get("patient_name", ""),
        "what": what(listed),
        "accession_number": listed.get("accession_number", ""),
        "state": POSTPONED if postponed else session.state.value,
        "state_words": _POSTPONED_WORDS if postponed else _state_words(session),
        "since": kept(session.created_at),
        "expires_at": kept(session.expires_at) if session.expires_at else None,
        "signed_at": kept(session.signed_at) if session.signed_at else None,
        "trouble": trouble(_changed(session) if session.state is SessionState.VOID else session.hitch),
        "timestamp_words": "时间戳有效" if session.stamped_at and session.state is SessionState.FINISHED else "",
        "job_state": state.value if state else "",
        "job_words": _JOB_WORDS[state] if state else "",
    }


def _way(house: House, session: Session) -> str:
    target = house.targets.get(session.destination)
    return "qr" if target is not None and target.signs_by_phone else "import"


def _state_words(session: Session) -> str:
    if session.state is not SessionState.VOID:
        return _WORDS[session.state]
    return _RESIGN_WORDS if session.signature else _CHANGED_WORDS


def _changed(session: Session) -> Hitch:
    """Of a report that says something else now than what was signed, or was going to be."""
    title = "签好以后报告改过了，签名作废" if session.signature else "报告改过了，还没有提交"
    return Hitch(title=title, advice=f"请先提交上传，再请{session.doctor_name}医生签")


def what(listed: Mapping[str, Any]) -> str:
    """胸部正侧位 DR."""
    description, modality = str(listed.get("description") or ""), str(listed.get("modality") or "")
    return description if modality in description else f"{description} {modality}".strip()


def _job(session: Session, own: Sequence[Job]) -> Job | None:
    fitting = [
        job
        for job in own
        if job.destination == session.destination
        and job.report_key == session.report_key
        and job.part in (Part.REPORT, Part.MERGED)
    ]
    return fitting[-1] if fitting else None


def code(house: House, session: Session, shown: Json, place: str, minutes: int) -> Json:
    """What stands beside a code; without one while the doctor has just signed."""
    is_out = session.signature is None
    qr_text, qr_picture = (session.qr_text, session.qr_picture) if is_out else ("", b"")
    left = (session.expires_at - house.clock.now()).total_seconds() if session.expires_at else 0.0
    return {
        "session": session.id,
        "row": shown,
        "qr_text": qr_text,
        "qr_picture": base64.b64encode(qr_picture).decode(),
        "modules": list(qr.modules(qr_text)) if qr_text else [],
        "blocks": qr.blocks(qr_text) if qr_text else [],
        "expires_at": kept(session.expires_at) if session.expires_at else None,
        "seconds_left": max(0.0, left),
        "minutes": minutes,
        "doctor": shown["doctor"],
        "place": place,
    } | text(house, session, shown)


def text(house: House, session: Session, shown: Json) -> Json:
    original = session.signature.original if session.signature else session.text
    return {
        "patient_name": shown["patient_name"],
        "patient": " · ".join(part for part in (*about(house, session), shown["what"]) if part),
        "text": original,
        "lines": lines(original),
        "digest": sm3(original.encode("utf-8")).hex(),
    }


def about(house: House, session: Session) -> tuple[str, str]:
    """女, 63 岁: as the destination has it."""
    target = house.targets.get(session.destination)
    stored = house.known(session.exam_key)
    view = coding.together(stored, house.views(stored)) if target else None
    if view is None:
        return "", ""
    texts = {key: value.text for key, value in view.exam.items()}
    region = view.target.region
    sex = region.label_of("sex", texts.get("sex", "")).removesuffix("性")
    unit = region.label_of("age_unit", texts.get("age_unit", ""))
    age = texts.get("age", "")
    return sex, f"{age} {_AGE_UNITS.get(unit, unit)}".strip() if age else ""


def lines(original: str) -> list[Json]:
    """Label and value of each line; what has no label goes with the line before it."""
    found: list[Json] = []
    for one in original.split("\n"):
        label, colon, value = one.partition("：")
        if found and (one.startswith("\u3000") or not colon):
            found[-1]["value"] += "\n" + one.removeprefix("\u3000")
        else:
            found.append({"label": label if colon else "", "value": value if colon else one})
    return found


def signature(house: House, session: Session, shown: Json) -> Json:
    signed = session.signature
    return {
        "session": session.id,
        "state": shown["state"],
        "state_words": shown["state_words"],
        "doctor": shown["doctor"],
        "source": session.source,
        "signed_at": shown["signed_at"],
        "certificate": certificate(signed.certificate) if signed else None,
        "sign_type_words": _sign_type(house, session),
        "timestamp_at": kept(session.stamped_at) if session.stamped_at else None,
        "timestamp_words": shown["timestamp_words"],
        "checks": [{"title": one.title, "ok": one.ok, "words": one.words} for one in session.checks],
        "trouble": shown["trouble"],
        "job_state": shown["job_state"],
        "job_words": shown["job_words"],
    } | text(house, session, shown)


def _sign_type(house: House, session: Session) -> str:
    target = house.targets.get(session.destination)
    if session.signature is None or target is None:
        return ""
    return target.region.label_of("sign_type", session.signature.sign_type) or session.signature.sign_type


def certificate(content: str) -> Json | None:
    try:
        found = parse_certificate(content)
    except SignatureRefused:
        return None
    return {
        "subject": found.common_name or found.subject,
        "issuer": found.issuer,
        "serial": found.serial,
        "from": cst_text(found.not_before)[:10],
        "to": cst_text(found.not_after)[:10],
    }


def trouble(hitch: Hitch | None) -> Json | None:
    return {"title": hitch.title, "advice": hitch.advice, "details": hitch.details} if hitch else None


def jobs_of(house: House, exam_key: str) -> list[Job]:
    return jobs.of_exam(house.store.read(), exam_key)
