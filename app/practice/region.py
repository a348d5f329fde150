"""What a practice platform of one region must offer to the shared HTTP server, DICOM port and ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from app.practice.ledger import Ledger
from app.practice.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One request as understood so far. `keys` are (kind, key) pairs for the ledger, `text` the decrypted request,
    `problem` why the envelope alone is reason enough to refuse (empty: it is in order)."""

    place: str
    keys: tuple[tuple[str, str], ...]
    text: str
    digest: str
    size: int
    problem: str = ""
    institution: str = ""
    data: Any = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the platform decided: whether it has the data now, why not, and the JSON it says."""

    kept: bool
    reason: str
    body: dict[str, Any]


class Region(Protocol):
    """One region's conversation, seen from the platform's side."""

    paths: Mapping[str, str]
    """URL path to place (exam, report, merged, reconcile)."""

    def read(self, place: str, headers: Mapping[str, str], body: bytes, now: float) -> Arrival:
        """Open the envelope; stores nothing. `headers` have lower-case names, `now` is Unix seconds."""

    def keep(self, arrival: Arrival) -> Answer:
        """Check the fields, store what is in order, answer."""

    def refusal(self, place: str, message: str) -> dict[str, Any]:
        """The JSON with which this interface says no."""


class RegionModule(Protocol):
    """A module that the registry names."""

    TITLE: str
    AE_TITLE: str
    SM4_KEY: str

    def build(self, settings: Settings, ledger: Ledger, folder: Path) -> Region: ...
