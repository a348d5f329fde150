"""The signing service of one destination, asked in words of ours; nothing of it is kept here."""

from __future__ import annotations

from typing import cast

from app.delivery.converse import Courier
from app.delivery.question import Questions
from app.delivery.target import Target
from app.domain.times import Clock
from app.regions.conversation import SignAnswer, SignedText, SignJob, SignOrder, Signs, Verifies


class Service(Questions):
    """Raises `Unanswered`, `NoSense`, NeedsOperator or Rejected, in words for a person."""

    def __init__(self, target: Target, courier: Courier, clock: Clock) -> None:
        super().__init__(target, courier, clock)
        self._adapter = cast(Signs, target.adapter)

    def sign(self, order: SignOrder) -> SignJob:
        return self._asked(self._adapter.sign(order))

    def signed(self, sign_data_id: str) -> SignAnswer:
        return self._asked(self._adapter.signed(sign_data_id))

    def timestamp(self, text: bytes) -> str:
        return self._asked(self._adapter.timestamp(text))

    def verify(self, signed: SignedText) -> None:
        """What the platform says of signature and timestamp, where the clinic wants it asked."""
        if self._target.can("verify"):
            adapter = cast(Verifies, self._target.adapter)
            self._asked(adapter.verify(signed))
            self._asked(adapter.verify_timestamp(signed))
