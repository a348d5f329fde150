"""The vocabulary of a conversation (会话): what an adapter may ask for, and what it gets back.

A conversation is a generator: it yields one of the requests below and receives its reply, already judged acceptable.
It does nothing itself; driving, journalling, resuming and judging are `delivery`'s.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from app.domain.reconciliation import Sent


@dataclass(frozen=True, kw_only=True)
class FileRef:
    """A stored file inside a request: as Base64 text in JSON or as the bytes of a multipart part; filled at sending."""

    sha256: str
    encoding: str = "base64"
    """`base64`, `bytes`, `md5` or `md5_upper` (32 hex digits), or `link` (an address of the agent's file service)."""


@dataclass(frozen=True, kw_only=True)
class ImageRef:
    """One instance to send; `accession_number` non-empty: the copy that goes carries it (the original does not).

    `study_accession`: the number under which its study goes, its own or that one. The last ones are "" in what was
    queued long ago.
    """

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    sha256: str
    path: str
    size_bytes: int
    accession_number: str = ""
    study_instance_uid: str = ""
    study_accession: str = ""
    series_instance_uid: str = ""
    series_number: str = ""
    modality: str = ""


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """One instance inside a request: the original, or the copy that carries the minted accession number."""

    image: ImageRef
    encoding: str = "bytes"
    """`bytes`, `md5` or `md5_upper` (32 hex digits), or `link` (an address); all of the same prepared copy."""


@dataclass(frozen=True, kw_only=True)
class StudyZip:
    """An address of the agent's file service that answers with a ZIP of all images of an exam."""

    exam_key: str
    encoding: str = "link"


@dataclass(frozen=True, kw_only=True)
class FormPart:
    """One part of a multipart/form-data body. Without `file_name` it is a plain form field.

    At most one part of a request holds bytes (a `FileRef` or `ImageFile` with the encoding `bytes`).
    """

    name: str
    value: str | int | FileRef | ImageFile
    file_name: str = ""
    content_type: str = ""


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """A POST of `body` (JSON) to `path` under the destination's address, before it is wrapped.

    `step` names it in the journal, `item` one of several of that step. `reply` names the reply rule in the region's
    `codes.csv`. `fresh` marks what must never be replayed: polls, look-ups, logins. With `parts` it is a
    multipart/form-data of these, in order, streamed from disk, and `body` stays empty. `hold` is what the destination
    holds once it accepted the request: (item, SHA-256). `reply_bytes`: the largest reply to expect, 0 for the usual.
    `first` is sent right before it whenever it is really sent (delete, then save), never when its answer is known.
    `base` names another address of the same destination: its option `<base>_url`, "" or an empty option its own.
    """

    step: str
    path: str
    body: Mapping[str, Any] = field(default_factory=dict)
    reply: str = "default"
    item: str = ""
    fresh: bool = False
    parts: tuple[FormPart, ...] = ()
    hold: tuple[str, str] | None = None
    reply_bytes: int = 0
    first: tuple[HttpRequest, ...] = ()
    base: str = ""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Requests that may go in parallel, `at_once` of them: each is finished and recorded by itself.

    What the destination already holds is left out by the driver. When some were refused, the worst verdict ends the
    conversation and names the items; the accepted ones are kept.
    """

    step: str
    requests: tuple[HttpRequest, ...]
    at_once: int = 2


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


@dataclass(frozen=True, kw_only=True)
class Pickup:
    """Wait until the destination has fetched these images here, by their addresses or by DICOM Query/Retrieve.

    The run ends while some are still to be fetched: the job waits without holding anybody up, and goes on with the
    last of them. What was fetched counts like what was sent: by what the destination holds.
    """

    step: str
    images: tuple[ImageRef, ...]


Request = HttpRequest | DicomSend | Batch | Pickup


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An accepted answer as data: the decoded JSON of an HTTP reply, or counts of a push or a batch."""

    data: Mapping[str, Any] = field(default_factory=dict)


Conversation = Generator[Request, Reply, dict[str, Any]]
"""Returns the facts of the receipt (回执): what the platform returned, {} when it returns no number."""


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What only the moment of sending knows: the platform's time, and numbers that were never used before.

    `serial` is yyyyMMddHHmmss (China Standard Time) and four digits, "" for an adapter without a `serial_series`;
    `nonce` is 32 random hex digits.
    """

    now: datetime
    serial: str = ""
    nonce: str = ""


@dataclass(frozen=True, kw_only=True)
class Wired:
    """A wrapped request, ready for the wire. Of a multipart request only the headers: the driver streams the body."""

    headers: Mapping[str, str]
    body: bytes = b""


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
    index_code: str = ""
    """医保影像云索引 of the exam at this destination, for adapters that have one."""
    previous_index_codes: tuple[str, ...] = ()
    """Those under which the platform has the exam, or may have it, and which go right before: `index_code` too where
    what it has under that can't be updated."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Saved texts that images and report messages need too: numbers, and what a list of images tells of the patient."""
    stamped_pdf: FileRef | None = None
    """The report's PDF where it is under the clinic's seal."""


@dataclass(frozen=True, kw_only=True)
class Ours:
    """What a reconciliation compares: all exams of `day` that the platform acknowledged."""

    day: date
    exams: tuple[Sent, ...]


@dataclass(frozen=True, kw_only=True)
class Missing:
    """What reconciliation returns: exam keys the platform says it does not have, of those that were asked."""

    exam_keys: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PatientQuery:
    """Whose exams are looked up (调阅): `id_type` is a code of the region; both days are included."""

    id_type: str
    id_number: str
    name: str
    day_from: date
    day_to: date


@dataclass(frozen=True, kw_only=True)
class FoundExam:
    """One exam in a platform's answer: `values` by our field keys, exactly what came back (masked numbers stay so)."""

    index_code: str
    values: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class FoundImage:
    """One image that a platform offers."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, kw_only=True)
class SignOrder:
    """A text that a doctor is asked to sign on the phone. `signer_id`: the doctor's MSSPID at the signing service."""

    text: bytes
    """What is signed, as it is (UTF-8); of the kind HASH a digest, of WEB_SEAL a page."""
    title: str
    description: str
    signer_id: str
    minutes: int
    """How long the code is valid, 1 to 4320."""
    kind: str = "DATA"
    authorised_id: str = ""
    """The MSSPID of somebody who may sign for the doctor, "" for nobody."""
    notes: str = ""


@dataclass(frozen=True, kw_only=True)
class SignJob:
    """The service took the order: what the phone reads, as text or as a picture (PNG or JPEG), never neither."""

    sign_data_id: str
    qr_text: str
    qr_picture: bytes = b""


class SignState(StrEnum):
    """How far the doctor is."""

    UNSIGNED = "unsigned"
    FINISHED = "finished"
    EXPIRED = "expired"
    FAILED = "failed"
    """The service ended the job without a signature."""


@dataclass(frozen=True, kw_only=True)
class SignAnswer:
    """What the service says of a sign job; all but `state` only when finished. Values in Base64 without blanks."""

    state: SignState
    sign_value: str = ""
    certificate: str = ""
    signer_id: str = ""
    signed_at_text: str = ""
    """yyyyMMddHHmmss, as the service wrote it."""


@dataclass(frozen=True, kw_only=True)
class SignedText:
    """A signed text as it goes to the platform. `sign_type` is a code of the region's table of signature types."""

    text: bytes
    sign_type: str
    sign_value: str
    certificate: str
    tsa_token: str


@dataclass(frozen=True, kw_only=True)
class StampFound:
    """One stamp (电子签章) that the platform found in a PDF and holds for good. Texts as it wrote them."""

    page: str
    signed_at_text: str
    words: str
    certificate: str
    algorithm: str


class About(StrEnum):
    """What a platform may ask the clinic about."""

    EXAM = "exam"
    REPORT = "report"
    SERIES = "series"


class Unanswerable(Exception):
    """A platform's question that is not answered; the text (Chinese, no value of the question) says why."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A page of what the platform should have, as it asks for it.

    Times are `yyyy-MM-dd HH:mm:ss` in China Standard Time: `since` is included, `until` is not, "" is open.
    """

    about: About
    time: str
    """Our field whose time counts."""
    since: str = ""
    until: str = ""
    matching: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Our field -> the texts of which it must have one."""
    page: int = 1
    size: int = 50
    asked_at: datetime | None = None
    """When a sealed question was asked, by its own word; None for one in the open."""
    mark: str = ""
    """What no two sealed questions share."""


@dataclass(frozen=True, kw_only=True)
class OfferedSeries:
    """A series with the addresses of its images at the file service.

    `values`: by our field, what its exam's record says as it was submitted, and what is the series' own.
    """

    values: Mapping[str, str]
    addresses: tuple[str, ...]


class Answers(Protocol):
    """The capability `answers`: the platform asks the clinic what it should have. Paths with their slash."""

    def asks_about(self, path: str) -> About | None:
        """None for a path that is none of this destination's."""
        ...

    def question(self, about: About, given: Mapping[str, Any]) -> Question:
        """Opens the seal where one is agreed on. Raises `Unanswerable`."""
        ...

    def series(self, offered: OfferedSeries) -> Mapping[str, Any]: ...

    def answer(self, content: bytes) -> bytes:
        """`content`: the rows as a JSON array, ready for the wire."""
        ...

    def refusal(self, words: str) -> bytes: ...


class Adapter(Protocol):
    """What every region offers. A capability is a name in `capabilities`; pages show what is in it, never a region."""

    capabilities: frozenset[str]
    parts: tuple[str, ...]
    """Parts of a submission in the order they are sent first, by the destination's options."""
    waits_for: Mapping[str, str]
    """part -> the part that must have been acknowledged once before it may go."""
    serial_series: str
    """Whose serial numbers its requests carry (an institution code), "" for none."""
    withdraws_whole: bool
    """One withdrawal of the exam takes back all its parts."""

    def upload(self, outgoing: Outgoing) -> Conversation: ...

    def withdraw(self, outgoing: Outgoing) -> Conversation: ...

    def wrap(self, request: HttpRequest, body: bytes, stamp: Stamp) -> Wired: ...


class Indexes(Protocol):
    """The capability `index_code`."""

    def index_code(self, exam: Mapping[str, str], moved_seconds: int = 0) -> str:
        """The index of an exam with these values (codes of the region), its time moved on by so many seconds.

        "" while something that it is made of is missing. Pure; who mints it keeps it unique.
        """
        ...


class Reconciles(Protocol):
    """The capability `reconcile`."""

    def reconcile(self, ours: Ours) -> Generator[Request, Reply, Missing]: ...


class ReconcilesApart(Reconciles, Protocol):
    """The capability `reconcile_apart` beside it: what `apart` parts is asked about, and answered, by itself.

    With the capability `reconcile_images` the image list of an exam (`Retrieves.image_list`) tells of its images.
    """

    def apart(self, ours: Ours) -> tuple[Ours, ...]: ...


class Retrieves(Protocol):
    """The capabilities `history`, `image_list` and `image` (调阅); every request is fresh."""

    def history(self, query: PatientQuery) -> Generator[Request, Reply, tuple[FoundExam, ...]]: ...

    def image_list(self, index_code: str) -> Generator[Request, Reply, tuple[FoundImage, ...]]:
        """What the platform can hand out at this moment; empty says nothing about what it was sent."""
        ...

    def image(self, index_code: str, image: FoundImage) -> Generator[Request, Reply, bytes]:
        """The bytes of one DICOM file. Raises `RetryLater` for an answer that is none."""
        ...


class Signs(Protocol):
    """The capability `sign` (协同签名); every request is fresh."""

    def sign(self, order: SignOrder) -> Generator[Request, Reply, SignJob]: ...

    def signed(self, sign_data_id: str) -> Generator[Request, Reply, SignAnswer]:
        """Raises `Rejected` for an answer that is not the service's own (its hmac)."""
        ...

    def timestamp(self, text: bytes) -> Generator[Request, Reply, str]:
        """The token in Base64."""
        ...


class Verifies(Protocol):
    """The capability `verify`: the platform checks a signature or its timestamp before it is sent; fresh.

    Ends when both are fine. What the platform finds wrong is a refusal like any other, worded by the region's codes.
    """

    def verify(self, signed: SignedText) -> Generator[Request, Reply, None]: ...

    def verify_timestamp(self, signed: SignedText) -> Generator[Request, Reply, None]: ...


class ChecksStamp(Protocol):
    """The capability `check_stamp`: the platform checks the stamps of a PDF; a bad one, or none, is a refusal."""

    def check_stamp(self, pdf: FileRef, name: str) -> Generator[Request, Reply, tuple[StampFound, ...]]: ...
