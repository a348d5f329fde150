"""Asks a platform about other hospitals' exams (调阅): whose exams, which images, one image. Keeps nothing.

A question is asked once; who wants the answer decides whether to ask again.
"""

from __future__ import annotations

from typing import cast

from app.delivery.converse import Courier
from app.delivery.question import UNREADABLE, NoSense, Questions, Unanswered
from app.delivery.target import Target
from app.domain.times import Clock
from app.regions.conversation import FoundExam, FoundImage, PatientQuery, Retrieves

__all__ = ["UNREADABLE", "NoSense", "Retriever", "Unanswered"]


class Retriever(Questions):
    """One destination's look-ups. Raises `Unanswered`, `NoSense`, NeedsOperator or Rejected, in words for a person."""

    def __init__(self, target: Target, courier: Courier, clock: Clock) -> None:
        super().__init__(target, courier, clock)
        self._adapter = cast(Retrieves, target.adapter)

    def history(self, query: PatientQuery) -> tuple[FoundExam, ...]:
        return self._asked(self._adapter.history(query))

    def image_list(self, index_code: str) -> tuple[FoundImage, ...]:
        return self._asked(self._adapter.image_list(index_code))

    def image(self, index_code: str, image: FoundImage) -> bytes:
        return self._asked(self._adapter.image(index_code, image))
