"""A signed report is looked at once more each time it is to go: lists, roots and kept values may have changed since.

Runs on the thread that delivers, never inside a transaction. What does not hold is not sent: it waits for its doctor
again where a signature of ours is at fault, else for whoever typed it or set up the trust.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

from app.delivery import signature as outgoing
from app.delivery.converse import Courier, NotAccepted
from app.delivery.target import Target
from app.delivery.verdict import judged_error
from app.domain.job import CONFIRMED, Event, Job, JobState, Part, Trouble, Turn
from app.domain.signing import (
    CA_DATA,
    CERTIFICATE,
    SIGN_TYPE,
    SIGN_VALUE,
    SIGNATURE_KEYS,
    TSA_TOKEN,
    Check,
    Hitch,
    Session,
    SessionState,
    Signature,
)
from app.domain.times import Clock
from app.domain.verdict import Verdict
from app.errors import NeedsOperator
from app.regions.conversation import SignedText, Verifies
from app.signing.checks import NotGood, check_doctor, check_whole
from app.signing.trust import Trust
from app.store import Reader, Store, Tx, answers, exams, jobs, signings

log = logging.getLogger("app.signing")
_STEP = "signature"
_SIGNED_AGAIN = "没有上传。请医生在“电子签名”里重新签"
_TYPED_AGAIN = "没有上传。请核对填的电子签名，改好再提交"
_UNSIGNED = NeedsOperator(
    "平台现在要电子签名，这份报告还没有签", "没有上传。请打开这例，再点“提交上传”", fields=SIGNATURE_KEYS
)
TRUST_PAGE = "trust"


class BeforeSending:
    """One destination's. `after(tx, exam_key)` follows a change in its transaction."""

    def __init__(
        self,
        store: Store,
        target: Target,
        courier: Courier,
        clock: Clock,
        trust: Callable[[], Trust],
        *,
        after: Callable[[Tx, str], None],
        stopping: threading.Event,
    ) -> None:
        self._store, self._target, self._courier, self._clock = store, target, courier, clock
        self._trust, self._after, self._stopping = trust, after, stopping

    def __call__(self, job: Job) -> bool:
        """Whether it may go; False: it waits for its doctor again, and all of it is written down.

        Raises NotAccepted for what waits, or needs somebody else, and AgentError for trust that can't be read.
        """
        if job.withdraws or job.part not in (Part.REPORT, Part.MERGED) or not self._target.demands_signature:
            return True
        if self._courier.is_answered(job):
            return True
        if self._is_overtaken(job):
            self._give_up(job)
            return False
        signed = self._signed(job.payload)
        if signed is None:
            self._refuse_unsigned(job)
            return True
        try:
            self._check(job, signed)
        except NotGood as why:
            self._refuse(job, why)
            return False
        return True

    def _signed(self, payload: Mapping[str, Any]) -> Signature | None:
        """As it would be sent; None without one."""
        if not self._frozen(payload, SIGN_VALUE):
            return None
        return Signature(
            original=self._frozen(payload, CA_DATA),
            certificate=self._frozen(payload, CERTIFICATE),
            sign_type=self._frozen(payload, SIGN_TYPE),
            sign_value=self._frozen(payload, SIGN_VALUE),
            tsa_token=self._frozen(payload, TSA_TOKEN),
        )

    def _is_overtaken(self, job: Job) -> bool:
        """A newer version says something else than what was signed, or is of another doctor: the signature is void."""
        text = job.payload.get("sign_text")
        return text is not None and any(
            one.version > job.version
            and one.state is not JobState.CANCELLED
            and (one.withdraws or one.unsigned or one.payload.get("sign_text") != text)
            for one in jobs.of_exam(self._store.read(), job.exam_key)
            if (one.destination, one.part, one.report_key) == (job.destination, job.part, job.report_key)
        )

    def _give_up(self, job: Job) -> None:
        now = self._clock.now()

        def change(tx: Tx) -> None:
            if jobs.move(tx, job.id, Event.INTERRUPTED, now=now) is not JobState.CANCELLED:
                jobs.move(tx, job.id, Event.CANCELLED, now=now)
            self._after(tx, job.exam_key)

        self._store.write_surely(change, self._stopping)

    def _refuse_unsigned(self, job: Job) -> None:
        """Raises NotAccepted for what waits since before signatures were wanted."""
        has_place = any(row.key == SIGN_VALUE for row in self._target.region.rows_of("report"))
        if has_place and job.id not in answers.acknowledged_jobs(self._store.read(), job.exam_key):
            raise NotAccepted(judged_error(_UNSIGNED, _STEP))

    def _frozen(self, payload: Mapping[str, Any], key: str) -> str:
        """What the report says of this field, as text."""
        paths = (row.path for row in self._target.region.rows_of("report") if row.key == key)
        return str(payload.get("report", {}).get(next(paths, ""), "") or "")

    def _check(self, job: Job, signed: Signature) -> None:
        """Raises NotGood for a signature that does not hold here or there."""
        now = self._clock.now()
        kind = self._target.region.label_of("sign_type", signed.sign_type)
        standing_at = None if self._was_taken(job) else now
        is_typed = "sign_text" not in job.payload
        good, _ = check_whole(signed, kind, self._trust(), now=now if is_typed else None, standing_at=standing_at)
        if is_typed:  # nobody has looked at whose it is
            check_doctor(self._frozen(job.payload, "audit_doctor_name"), good.certificate)
        if self._target.can("verify"):
            self._verify_there(job, signed)

    def _was_taken(self, job: Job) -> bool:
        """The platform has taken this signature before: then the time in its timestamp speaks for it.

        One that it has not seen must be of a certificate that is in force now: its doctor can still sign again.
        """
        conn = self._store.read()
        value = self._frozen(job.payload, SIGN_VALUE)
        taken = answers.acknowledged_jobs(conn, job.exam_key)
        return any(
            (one.id in taken or one.state in CONFIRMED)
            and (one.destination, self._frozen(one.payload, SIGN_VALUE)) == (job.destination, value)
            for one in jobs.of_exam(conn, job.exam_key)
        )

    def _verify_there(self, job: Job, signed: Signature) -> None:
        """Raises NotGood for what the platform does not take, NotAccepted for what it did not say."""
        asked = SignedText(
            text=signed.original.encode("utf-8"),
            sign_type=signed.sign_type,
            sign_value=signed.sign_value,
            certificate=signed.certificate,
            tsa_token=signed.tsa_token,
        )
        adapter = cast(Verifies, self._target.adapter)
        try:
            self._courier.drive(adapter.verify(asked), job)
            self._courier.drive(adapter.verify_timestamp(asked), job)
        except NotAccepted as refusal:
            if refusal.judged.verdict is not Verdict.FIX_FORM:
                raise
            said = refusal.judged.trouble
            why = Hitch(title=said.title, advice=said.advice, details=" · ".join(filter(None, (said.code, said.words))))
            raise NotGood(why, (Check(title="平台验签", ok=False, words=said.title),)) from refusal

    def _refuse(self, job: Job, why: NotGood) -> None:
        if why.by_settings:
            raise NotAccepted(judged_error(_wrong_trust(why), _STEP)) from why
        session = self._session(self._store.read(), job)
        if session is None:
            error = NeedsOperator(why.hitch.title, _TYPED_AGAIN, details=why.hitch.details, fields=SIGNATURE_KEYS)
            raise NotAccepted(judged_error(error, _STEP)) from why
        log.info("the signature of session %d does not hold any more", session.id)
        now, kept = self._clock.now(), session.signature

        def change(tx: Tx) -> None:
            if kept is not None and not outgoing.carries(self._target, job, kept):
                outgoing.replace(tx, self._target, job, kept, now=now)
            else:
                self._sign_again(tx, job, session, why, now)
            self._after(tx, job.exam_key)

        self._store.write_surely(change, self._stopping)

    def _session(self, conn: Reader, job: Job) -> Session | None:
        text = job.payload.get("sign_text")
        own = signings.of_report(conn, job.report_key)
        fitting = (one for one in own if (one.destination, one.text) == (job.destination, text))
        return next((one for one in fitting if one.state is SessionState.FINISHED), None)

    def _sign_again(self, tx: Tx, job: Job, session: Session, why: NotGood, now: datetime) -> None:
        hitch = Hitch(title=why.hitch.title, advice=why.hitch.advice, details=why.hitch.details)
        trouble = Trouble(
            title=hitch.title, advice=_SIGNED_AGAIN, turn=Turn.TECHNICIAN, words=hitch.details, step=_STEP
        )
        jobs.note_attempt(tx, job, _STEP, Verdict.FIX_FORM.value, "", f"{hitch.title} {hitch.details}".strip(), now=now)
        signings.refused(tx, session.id, hitch, why.checks, now=now)
        outgoing.detach(tx, self._target, job, now=now, trouble=trouble)
        outgoing.detach_others(tx, self._target, job, now=now)
        exams.note(tx, job.exam_key, "signature_refused", _what(job, hitch), at=now)


def _what(job: Job, hitch: Hitch) -> str:
    return f"{job.destination}/{job.part.value}/v{job.version}:{hitch.title}"


def _wrong_trust(why: NotGood) -> NeedsOperator:
    return NeedsOperator(why.hitch.title, why.hitch.advice, details=why.hitch.details, page=TRUST_PAGE)
