"""Asks a platform about other hospitals' exams (调阅): whose exams, which images, one image. Keeps nothing.

A question is asked once; who wants the answer decides whether to ask again.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import TypeVar, cast

from app.delivery.converse import Courier, Interrupted, NotAccepted
from app.delivery.question import question_job
from app.delivery.target import Target
from app.domain.times import Clock
from app.domain.verdict import Judged, Verdict
from app.errors import AgentError, NeedsOperator, Rejected, RetryLater
from app.regions.conversation import FoundExam, FoundImage, PatientQuery, Reply, Request, Retrieves
from app.wire.faults import LineCut

log = logging.getLogger("app.delivery")
R = TypeVar("R")
UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)
"""What an adapter trips over in an answer that has another shape than the document's."""


class NoSense(Rejected):
    """There was an answer, and it is not what was asked for: asking the same again may well bring the same."""


class Unanswered(RetryLater):
    """The line, the platform or its patience failed: nothing was said about what was asked."""


class Retriever:
    """One destination's look-ups. Raises `Unanswered`, `NoSense`, NeedsOperator or Rejected, in words for a person."""

    def __init__(self, target: Target, courier: Courier, clock: Clock) -> None:
        self._target, self._courier, self._clock = target, courier, clock
        self._adapter = cast(Retrieves, target.adapter)

    def history(self, query: PatientQuery) -> tuple[FoundExam, ...]:
        return self._asked(self._adapter.history(query))

    def image_list(self, index_code: str) -> tuple[FoundImage, ...]:
        return self._asked(self._adapter.image_list(index_code))

    def image(self, index_code: str, image: FoundImage) -> bytes:
        return self._asked(self._adapter.image(index_code, image))

    def _asked(self, conversation: Generator[Request, Reply, R]) -> R:
        try:
            return self._courier.drive(conversation, question_job(self._target.name, self._clock.now()))
        except Interrupted as stop:
            raise Unanswered("程序正在退出", "下次启动后再查") from stop
        except NotAccepted as refusal:
            raise _error(refusal.judged, refusal.__cause__) from refusal
        except UNREADABLE as error:
            log.info("an answer of %s made no sense: %s", self._target.name, type(error).__name__)
            raise NoSense(
                "平台的回答看不懂", "请把平台的原话复制给工程师", details=f"{type(error).__name__}"
            ) from error


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
    return Rejected(trouble.title, trouble.advice, code=trouble.code, words=trouble.words, details=details)
