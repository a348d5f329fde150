"""The vocabulary of a conversation (会话): what an adapter may ask for, and what it gets back.

A conversation is a generator: it yields one of the requests below and receives its reply, already judged acceptable.
It does nothing itself; driving, journalling, resuming and judging are `delivery`'s.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from app.domain.reconciliation import Sent


@dataclass(frozen=True, kw_only=True)
class FileRef:
    """A stored file inside a request: as Base64 text in JSON or as the bytes of a multipart part; filled at sending."""

    sha256: str
    encoding: str = "base64"
    """`base64`, `bytes`, or `link` (an address of the agent's file service)."""


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """A POST of `body` (JSON) to `path` under the destination's address, before it is wrapped.

    `step` names it in the journal. `reply` names the reply rule in the region's `codes.csv`. `fresh` marks what must
    never be replayed: polls, look-ups, logins.
    """

    step: str
    path: str
    body: Mapping[str, Any]
    reply: str = "default"
    item: str = ""
    fresh: bool = False


@dataclass(frozen=True, kw_only=True)
class ImageRef:
    """One instance for a C-STORE; `accession_number` non-empty: the pushed copy carries it (the original does not)."""

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    sha256: str
    path: str
    size_bytes: int
    accession_number: str = ""


@dataclass(frozen=True, kw_only=True)
class DicomSend:
    """Push these instances to an AE. What the destination already holds is left out by the driver."""

    step: str
    host: str
    port: int
    called_ae: str
    calling_ae: str
    images: tuple[ImageRef, ...]
    associations: int = 1


Request = HttpRequest | DicomSend


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An accepted answer as data: the decoded JSON of an HTTP reply, or counts of a DICOM push."""

    data: Mapping[str, Any] = field(default_factory=dict)


Conversation = Generator[Request, Reply, dict[str, Any]]
"""Returns the facts of the receipt (回执): what the platform returned, {} when it returns no number."""


@dataclass(frozen=True, kw_only=True)
class Wired:
    """A wrapped request, ready for the wire."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One part as submitted: what `upload_*` and `withdraw` get."""

    part: str
    exam_key: str
    report_key: str
    version: int
    exam: Mapping[str, Any]
    report: Mapping[str, Any]
    images: tuple[ImageRef, ...]


@dataclass(frozen=True, kw_only=True)
class Ours:
    """What a reconciliation compares: all exams of `day` that the platform acknowledged."""

    day: date
    exams: tuple[Sent, ...]


@dataclass(frozen=True, kw_only=True)
class Missing:
    """What reconciliation returns: exam keys the platform says it does not have, of those that were asked."""

    exam_keys: tuple[str, ...]


class Adapter(Protocol):
    """What every region offers. A capability is a name in `capabilities`; pages show what is in it, never a region."""

    capabilities: frozenset[str]
    parts: tuple[str, ...]
    """Parts of a submission in the order they are sent first, by the destination's options."""
    waits_for: Mapping[str, str]
    """part -> the part that must have been acknowledged once before it may go."""

    def upload(self, outgoing: Outgoing) -> Conversation: ...

    def withdraw(self, outgoing: Outgoing) -> Conversation: ...

    def wrap(self, request: HttpRequest, body: bytes, now: datetime) -> Wired: ...


class Reconciles(Protocol):
    """The capability `reconcile`."""

    def reconcile(self, ours: Ours) -> Generator[Request, Reply, Missing]: ...
