"""The seven verdicts on a reply, and which of several is the worst."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from app.domain.job import Trouble


class Verdict(Enum):
    """What a reply means for the job."""

    ACCEPT = "accept"
    LOGIN = "login"
    RETRY = "retry"
    SLOW_DOWN = "slow_down"
    FIX_FORM = "fix_form"
    FIX_SETTINGS = "fix_settings"
    REJECT = "reject"


WORST_FIRST = (
    Verdict.FIX_SETTINGS,
    Verdict.REJECT,
    Verdict.FIX_FORM,
    Verdict.SLOW_DOWN,
    Verdict.RETRY,
    Verdict.LOGIN,
    Verdict.ACCEPT,
)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A verdict with its words for a person; `after_seconds` is what the platform asked us to wait (0: nothing)."""

    verdict: Verdict
    trouble: Trouble
    after_seconds: float = 0.0
    transport: bool = False
    """True: the line or the server failed, nothing was said about this very job."""


def worst(all_judged: list[Judged]) -> Judged:
    """The gravest of them; of several equal ones the first, carrying the items of all equal ones."""
    gravest = min(all_judged, key=lambda judged: WORST_FIRST.index(judged.verdict))
    items = tuple(item for each in all_judged if each.verdict is gravest.verdict for item in each.trouble.items)
    return Judged(
        verdict=gravest.verdict,
        trouble=replace(gravest.trouble, items=items),
        after_seconds=max(each.after_seconds for each in all_judged),
        transport=gravest.transport,
    )
