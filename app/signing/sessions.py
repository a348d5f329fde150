"""The signings of one destination: codes for doctors, what came of them, timestamps; over cut lines and restarts.

One report is one session, one session at a time one code. What the service said counts only after it was checked here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.delivery import signature as outgoing
from app.delivery.question import NoSense, NotTaken, Unanswered
from app.delivery.target import Target
from app.domain.signing import (
    LEAST_MINUTES,
    MOST_MINUTES,
    PKCS1,
    POLLED,
    Check,
    Hitch,
    Session,
    SessionState,
    Signature,
)
from app.domain.times import Clock
from app.errors import AgentError, Bug, NeedsOperator, Rejected, RetryLater
from app.regions.conversation import SignAnswer, SignedText, SignOrder, SignState
from app.signing.checks import NotGood, check_doctor, check_same_signer, check_signed, check_stamped
from app.signing.service import Service
from app.signing.trust import Trust
from app.store import Store, Tx, signings

log = logging.getLogger("app.signing")
_LOOKED_AT = timedelta(minutes=2)
"""So long after somebody looked at a code its answer is asked for quickly."""
_LONGEST = 60.0
_GRACE = timedelta(minutes=10)
"""So long after a code's end the service may still say that it was signed in time."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Seconds between two questions about one code: while it is looked at, in its first hour, later."""

    looked_at: float = 2.0
    fresh: float = 15.0
    old: float = 60.0


class Sessions:
    """One thread. Without `start` nothing goes on by itself: the command line, while nothing runs.

    `after(tx, exam_key)` follows each change in its transaction.
    """

    def __init__(
        self,
        store: Store,
        target: Target,
        service: Service,
        clock: Clock,
        trust: Callable[[], Trust],
        *,
        after: Callable[[Tx, str], None],
        stopping: threading.Event,
        pace: Pace | None = None,
    ) -> None:
        self._store, self._target, self._service, self._clock = store, target, service, clock
        self._trust, self._after, self._stopping, self._pace = trust, after, stopping, pace or Pace()
        self._looked_at: dict[int, datetime] = {}
        self._making = threading.Lock()
        self._turn = threading.Lock()
        self._work = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=f"sign-{target.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout_seconds: float) -> None:
        """After `stopping` is set. A question in flight is left to end with the process and asked the next time."""
        self._work.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)

    # -- what people ask for ------------------------------------------------------------------------------------------

    def code(self, id: int, signer_id: str, title: str, description: str, *, afresh: bool = False) -> Session:
        """The session with a code that is valid: the one that is out, or a new one. Raises AgentError.

        `afresh`: a new one in any case, unless the doctor signed the earlier one meanwhile.
        """
        with self._making:
            self._looked_at[id] = self._clock.now()
            session = self._known(id)
            if self._is_left(session, afresh):
                self._ask_once_more(session)
                session = self._known(id)
            elif self._thread.ident is None:
                session = self._asked_here(session)
            if session.signature is not None and not (afresh and _is_stuck(session)):
                return session
            if session.postponed:
                self._store.write(lambda tx: signings.take_up(tx, id))
            is_good = session.state is SessionState.WAITING and not self._is_over(session)
            if is_good and not afresh and session.signer_id == signer_id:
                return self._again_soon(session)
            return self._new_code(session, signer_id, title, description)

    def _is_left(self, session: Session, afresh: bool) -> bool:
        """Whether there will be another code, unless it turns out that the doctor signed under this one."""
        if session.state is SessionState.EXPIRED:
            return bool(session.sign_data_id)
        is_waiting = session.state is SessionState.WAITING
        return (is_waiting and self._is_over(session)) or (afresh and (is_waiting or _is_stuck(session)))

    def _asked_here(self, session: Session) -> Session:
        """Where nothing goes on by itself, whoever looks asks. Raises Rejected for what came back unusable."""
        is_due = session.due_at is None or session.due_at <= self._clock.now()
        if session.state not in POLLED or not is_due:
            return session
        self._take(session)
        now = self._known(session.id)
        if now.state is SessionState.REFUSED and now.hitch is not None:
            raise Rejected(now.hitch.title, now.hitch.advice, details=now.hitch.details)
        return now

    def _ask_once_more(self, session: Session) -> None:
        try:
            with self._turn:
                self._stamp(session) if session.state is SessionState.TIMESTAMPING else self._ask(session)
        except AgentError as error:
            log.info("the earlier code of session %d was not asked about: %s", session.id, error.title)

    def _new_code(self, session: Session, signer_id: str, title: str, description: str) -> Session:
        minutes = max(LEAST_MINUTES, min(MOST_MINUTES, int(self._target.options.get("sign_minutes") or 1440)))
        order = SignOrder(
            text=session.text.encode("utf-8"),
            title=title,
            description=description,
            signer_id=signer_id,
            minutes=minutes,
        )
        asked_at = self._clock.now()
        job = self._service.sign(order)

        def change(tx: Tx) -> None:
            now = signings.session(tx.conn, session.id)
            read = (session.sign_data_id, session.signature)
            if now is not None and (now.sign_data_id, now.signature) != read:
                return  # signed meanwhile, under the earlier code
            if not signings.is_wanted(tx.conn, session.id):
                raise _gone()
            signings.code_made(
                tx,
                session.id,
                sign_data_id=job.sign_data_id,
                qr_text=job.qr_text,
                qr_picture=job.qr_picture,
                signer_id=signer_id,
                expires_at=asked_at + timedelta(minutes=minutes),
                due_at=asked_at + timedelta(seconds=self._pace.looked_at),
                now=asked_at,
            )

        self._store.write(change)
        self._work.set()
        return self._known(session.id)

    def _again_soon(self, session: Session) -> Session:
        due = self._clock.now() + timedelta(seconds=self._pace.looked_at)
        if session.due_at is None or session.due_at > due:
            self._store.write(lambda tx: signings.ask_again(tx, session.id, due, attempts=session.attempts))
            self._work.set()
        return session

    def _known(self, id: int) -> Session:
        session = signings.session(self._store.read(), id)
        if session is None or session.destination != self._target.name:
            raise _gone()
        if session.state is SessionState.VOID or (
            session.state is not SessionState.FINISHED and not signings.is_wanted(self._store.read(), id)
        ):
            raise _gone()
        return session

    def _is_over(self, session: Session) -> bool:
        return session.expires_at is not None and session.expires_at <= self._clock.now()

    # -- what goes on by itself ---------------------------------------------------------------------------------------

    def run_once(self) -> int:
        """Ask about everything whose time has come; returns how many that were."""
        due = signings.due(self._store.read(), self._target.name, self._clock.now())
        for session in due:
            if self._stopping.is_set():
                break
            self._take(session)
        return len(due)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                if not self.run_once():
                    self._work.wait(min(1.0, self._pace.looked_at))
                    self._work.clear()
            except AgentError as error:
                log.info("the signings of %s have to wait: %s", self._target.name, error.title)
                self._stopping.wait(2.0)
            except Exception:  # the thread's last resort: one odd answer must not end all signings
                if not self._stopping.is_set():
                    log.exception("the signings of %s met a bug", self._target.name)
                self._stopping.wait(2.0)

    def _take(self, session: Session) -> None:
        try:
            with self._turn:
                if session.state is SessionState.WAITING:
                    self._ask(session)
                now = signings.session(self._store.read(), session.id)
                if now is not None and now.state is SessionState.TIMESTAMPING:
                    self._stamp(now)
        except AgentError as error:
            if not self._stopping.is_set():
                self._postpone(session, error)
        except Exception as bug:  # the other sessions go on
            if not self._stopping.is_set():
                log.exception("session %d met a bug", session.id)
                self._postpone(session, Bug(type(bug).__name__))

    def _ask(self, session: Session) -> None:
        answer = self._service.signed(session.sign_data_id)
        now = self._clock.now()
        if answer.state is SignState.FINISHED:
            self._came_back(session, answer, now)
        elif answer.state is SignState.FAILED:
            self._refuse(session, Hitch(title="这次没有签成", advice="医师没有签，或签名服务没有签成。请换新码再签"))
        elif answer.state is SignState.EXPIRED or (
            session.expires_at is not None and session.expires_at + _GRACE <= now
        ):
            self._change(session, lambda tx: signings.expired(tx, session.id, now=now))
        else:
            due = now + timedelta(seconds=self._seconds_until_next(session, now))
            self._change(session, lambda tx: signings.ask_again(tx, session.id, due))

    def _seconds_until_next(self, session: Session, now: datetime) -> float:
        looked_at = self._looked_at.get(session.id)
        if looked_at is not None and now - looked_at < _LOOKED_AT:
            return self._pace.looked_at
        is_fresh = session.made_at is not None and now - session.made_at < timedelta(hours=1)
        return self._pace.fresh if is_fresh else self._pace.old

    def _came_back(self, session: Session, answer: SignAnswer, now: datetime) -> None:
        """Only the right doctor's signature over just this text is kept."""
        doctor = session.doctor_name
        if answer.signer_id != session.signer_id:
            self._refuse(
                session,
                Hitch(
                    title=f"签名的不是{doctor}医生",
                    advice=f"没有采用。请换新码，由{doctor}医生本人用自己的手机签",
                    details=f"msspId …{answer.signer_id[-6:]}",
                ),
            )
            return
        trust = self._trust()
        text = session.text.encode("utf-8")
        try:
            good = check_signed(text, PKCS1, answer.sign_value, answer.certificate, trust, at=now)
            who = check_doctor(doctor, good.certificate)
            known = signings.known_signers(self._store.read(), self._target.name).get(session.signer_id)
            is_new = check_same_signer(known, good.certificate, doctor, trusted=bool(trust.roots), at=now)
        except NotGood as why:
            self._refuse(session, why.hitch, why.checks)
            return
        signed = Signature(
            original=session.text,
            certificate=answer.certificate,
            sign_type=self._sign_type(PKCS1),
            sign_value=answer.sign_value,
            tsa_token="",
        )

        def change(tx: Tx) -> None:
            if is_new:
                signings.know_signer(tx, self._target.name, session.signer_id, answer.certificate, now=now)
            signings.came_back(tx, session.id, signed, (who, *good.checks), signed_at=now, now=now)

        self._change(session, change)

    def _stamp(self, session: Session) -> None:
        assert session.signature is not None and session.signed_at is not None
        signed, text = session.signature, session.text.encode("utf-8")
        token = self._service.timestamp(text)
        now = self._clock.now()
        earliest = min(session.made_at or session.signed_at, now)  # this PC's clock may have been put back since
        try:
            stamped = check_stamped(token, text, self._trust(), not_before=earliest, not_after=now)
        except NotGood as why:
            raise Rejected(why.hitch.title, why.hitch.advice, details=why.hitch.details) from why
        whole = replace(signed, tsa_token=token)
        said = self._verified_there(session, whole)
        if said is None:
            return
        checks = (*(one for one in session.checks if one.title != "时间戳"), *stamped.checks, *said)

        def change(tx: Tx) -> None:
            signings.finish(tx, session.id, whole, checks, stamped_at=stamped.at, now=now)
            outgoing.attach(tx, self._target, session.exam_key, session.report_key, session.text, whole, now=now)

        self._change(session, change)

    def _verified_there(self, session: Session, signed: Signature) -> tuple[Check, ...] | None:
        """What the platform says before it is sent; None: it refused, and the session with it.

        Raises AgentError for an answer that says nothing about this signature: it is kept, and asked about again.
        """
        if not self._target.can("verify"):
            return ()
        try:
            self._service.verify(
                SignedText(
                    text=session.text.encode("utf-8"),
                    sign_type=signed.sign_type,
                    sign_value=signed.sign_value,
                    certificate=signed.certificate,
                    tsa_token=signed.tsa_token,
                )
            )
        except NotTaken as error:
            why = Hitch(title="平台说这个签名不能用", advice=f"{error.title}。{error.advice}", details=error.words)
            self._refuse(session, why, (*session.checks, Check(title="平台验签", ok=False, words=error.title)))
            return None
        return (Check(title="平台验签", ok=True, words="平台验过，有效"),)

    def _sign_type(self, label: str) -> str:
        table = self._target.region.table_of("sign_type")
        found = table.named(label) if table else None
        return found.code if found else label

    def _refuse(self, session: Session, why: Hitch, checks: tuple[Check, ...] = ()) -> None:
        log.info("what came back for session %d is not used", session.id)
        now = self._clock.now()
        self._change(session, lambda tx: signings.refused(tx, session.id, why, checks, now=now))

    def _postpone(self, session: Session, error: AgentError) -> None:
        """Growing with each attempt; a no of the service is shown and asked about again all the same."""
        grown = min(_LONGEST, self._pace.looked_at * 2.0 ** min(session.attempts + 1, 10))
        asked_for = error.after_seconds if isinstance(error, RetryLater) else 0.0
        seconds = min(max(grown, asked_for), signings.LONGEST_WAIT.total_seconds())
        at = self._clock.now()
        why = Hitch(title=error.title, advice=error.advice, details=error.details)
        if session.attempts == 0:
            log.info("session %d has to wait: %s", session.id, error.title)
        is_answered = not isinstance(error, NoSense | Unanswered)
        is_over = is_answered and session.expires_at is not None and session.expires_at + _GRACE <= at

        def change(tx: Tx) -> None:
            now = signings.session(tx.conn, session.id)
            if is_over and now is not None and now.state is SessionState.WAITING:
                signings.expired(tx, session.id, now=at)
            elif now is not None and now.state in POLLED:
                due = at + timedelta(seconds=seconds)
                signings.ask_again(tx, session.id, due, attempts=session.attempts + 1, hitch=why)

        self._change(session, change)

    def _change(self, session: Session, change: Callable[[Tx], None]) -> None:
        """Only while the session is at the code that was asked about: a person may have renewed or voided it."""

        def both(tx: Tx) -> None:
            now = signings.session(tx.conn, session.id)
            if now is None or now.sign_data_id != session.sign_data_id:
                return
            if now.state not in (SessionState.WAITING, SessionState.EXPIRED, SessionState.TIMESTAMPING):
                return
            change(tx)
            self._after(tx, session.exam_key)

        self._store.write_surely(both, self._stopping)


def _is_stuck(session: Session) -> bool:
    """Signed, and the timestamp or the platform's check does not come."""
    return session.state is SessionState.TIMESTAMPING and session.hitch is not None


def _gone() -> NeedsOperator:
    return NeedsOperator("这份报告不用签了", "它签好了、改过了，或者取消了；请看列表里现在的")
