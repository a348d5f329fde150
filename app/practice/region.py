"""What a practice platform of one region must offer to the shared HTTP server, DICOM port and ledger."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from app.practice.faults import Fault
from app.practice.forms import FormFile
from app.practice.ledger import Ledger
from app.practice.settings import Settings

FILE_CONTENT = "<file>"
"""Stands in an `Answer.body` where the Base64 of `Answer.file` goes."""


class Refused(Exception):
    """The platform says no; the text is its sentence about it."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """What came with a request: `raw` bytes, or a form's `values` and its `files` (deleted unless moved away)."""

    raw: bytes = b""
    values: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, FormFile] = field(default_factory=dict)
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One request as understood so far. `keys` are (kind, key) pairs for the ledger, `text` the decrypted request,
    `problem` why the envelope alone is reason enough to refuse (empty: it is in order), `serial` the sender's number
    of this request where a number must never come twice."""

    place: str
    keys: tuple[tuple[str, str], ...]
    text: str
    digest: str
    size: int
    problem: str = ""
    institution: str = ""
    serial: str = ""
    data: Any = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the platform decided: whether it has the data now, why not, and the JSON it says.

    `reasons`: of several records by key, why some were refused although others are kept.
    """

    kept: bool
    reason: str
    body: dict[str, Any]
    file: Path | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)


class Region(Protocol):
    """One region's conversation, seen from the platform's side. Thread-safe."""

    paths: Mapping[str, str]
    """URL path to place; `read` may name a more exact place than the path does."""
    forms: Collection[str] = ()
    """The places whose requests are multipart/form-data; all others take JSON."""

    def read(self, place: str, headers: Mapping[str, str], body: Body, now: float) -> Arrival:
        """Open the envelope; stores nothing. `headers` have lower-case names, `now` is Unix seconds."""

    def keep(self, arrival: Arrival, ordered: Fault | None) -> Answer:
        """Check the fields, store what is in order, answer. `ordered`: one of the region's own faults."""

    def refusal(self, place: str, message: str) -> dict[str, Any]:
        """The JSON with which this interface says no."""

    def claim(self, header: Mapping[str, str]) -> Mapping[str, Any]:
        """More links for the ledger about an instance that came by DICOM. Raises Refused: it belongs nowhere."""
        return {}

    def opened(self, base_url: str) -> None:
        """The platform listens now, under this address."""
        return

    def offered(self, path: str) -> tuple[bytes, str] | None:
        """What anybody may fetch by GET, and its Content-Type; None: nothing there."""
        return None

    def views(self) -> Mapping[str, Callable[[], dict[str, Any]]]:
        """What else a tester may see: GET /practice/<name>."""
        return {}

    def pages(self) -> Mapping[str, Callable[[], str]]:
        """What a person may look at in a browser: GET /practice/<name>. Its forms wish what has that name."""
        return {}

    def wishes(self) -> Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        """The region's own control wishes: POST /practice/<name>. They raise ValueError with a Chinese sentence, and
        LookupError for something that the platform does not have."""
        return {}


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, kw_only=True)
class FrontEnd(Generic[S]):
    """A region that can be practised: what the registry names.

    `places` and `faults`: its own words to what the page and `--help` say of them; `*_columns`: heading to field of
    the page's tables; `quiet`: reasons of kept requests that the page leaves out (polls); `links`: its pages to what
    the page calls them; `help`: what else `--help` says, its wishes above all.
    """

    title: str
    settings: type[S]
    build: Callable[[S, Ledger, Path], Region]
    places: Mapping[str, str]
    faults: Mapping[str, str] = field(default_factory=dict)
    exam_columns: Mapping[str, str] = field(default_factory=dict)
    report_columns: Mapping[str, str] = field(default_factory=dict)
    quiet: Collection[str] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    help: str = ""
