"""A question to a platform that belongs to no job: the courier gets one that is never stored.

All of its requests are `fresh`, so nothing of it is journalled.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from app.delivery.converse import Courier, Interrupted, NotAccepted
from app.delivery.target import Target
from app.domain.job import Job, JobState, Part
from app.domain.times import Clock
from app.domain.verdict import Judged, Verdict
from app.errors import AgentError, NeedsOperator, Rejected, RetryLater
from app.regions.conversation import Reply, Request
from app.wire.faults import LineCut

log = logging.getLogger("app.delivery")
R = TypeVar("R")
UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)
"""What an adapter trips over in an answer that has another shape than the document's."""


class NoSense(Rejected):
    """There was an answer, and it is not what was asked for: asking the same again may well bring the same."""


class NotTaken(Rejected):
    """A clear no to what was shown: it does not hold, and asking again brings the same."""


class Unanswered(RetryLater):
    """The line, the platform or its patience failed: nothing was said about what was asked."""


class Questions:
    """What one destination is asked. Raises `Unanswered`, `NoSense`, NeedsOperator or Rejected, in a person's words."""

    def __init__(self, target: Target, courier: Courier, clock: Clock) -> None:
        self._target, self._courier, self._clock = target, courier, clock

    def _asked(self, conversation: Generator[Request, Reply, R]) -> R:
        try:
            return self._courier.drive(conversation, question_job(self._target.name, self._clock.now()))
        except Interrupted as stop:
            raise Unanswered("程序正在退出", "下次启动后再来") from stop
        except NotAccepted as refusal:
            raise _error(refusal.judged, refusal.__cause__) from refusal
        except UNREADABLE as error:
            log.info("an answer of %s made no sense: %s", self._target.name, type(error).__name__)
            raise NoSense(
                "平台的回答看不懂", "请把平台的原话复制给工程师", details=f"{type(error).__name__}"
            ) from error


def question_job(destination: str, now: datetime) -> Job:
    return replace(_NO_JOB, destination=destination, submitted_at=now, changed_at=now)


_NO_JOB = Job(
    id=0,
    destination="",
    exam_key="",
    report_key="",
    part=Part.EXAM,
    version=0,
    withdraws=False,
    state=JobState.SENDING,
    round=0,
    attempts=0,
    payload={},
    digest="",
    due_at=None,
    step="",
    done_count=0,
    total_count=0,
    trouble=None,
    submitted_at=datetime.min,
    changed_at=datetime.min,
    late=False,
)


def _error(judged: Judged, cause: BaseException | None) -> AgentError:
    trouble = judged.trouble
    details = " · ".join(text for text in (trouble.code, trouble.words) if text)
    if isinstance(cause, RetryLater) and not isinstance(cause, LineCut):  # the adapter's own: an answer that is none
        return NoSense(cause.title, cause.advice, details=cause.details)
    if isinstance(cause, NeedsOperator):
        return cause
    if judged.verdict in (Verdict.RETRY, Verdict.SLOW_DOWN, Verdict.LOGIN):
        return Unanswered(trouble.title, trouble.advice, details=details, after_seconds=judged.after_seconds)
    if judged.verdict is Verdict.FIX_SETTINGS:
        return NeedsOperator(trouble.title, trouble.advice, details=details, page="destination")
    kind = NotTaken if judged.verdict is Verdict.FIX_FORM else Rejected
    return kind(trouble.title, trouble.advice, code=trouble.code, words=trouble.words, details=details)
