"""Signing (电子签名): one report that waits for its doctor, from the first code to the signature that goes along."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

CA_DATA, CERTIFICATE, SIGN_TYPE, SIGN_VALUE, TSA_TOKEN = (
    "ca_data",
    "client_cert",
    "sign_type",
    "sign_value",
    "tsa_token",
)
SIGNATURE_KEYS = (CA_DATA, CERTIFICATE, SIGN_TYPE, SIGN_VALUE, TSA_TOKEN)
"""The fields of a report that hold its signature."""
PKCS1, PKCS7 = "PKCS1", "PKCS7"
"""Labels in the table `sign_type` of every region that asks for signatures."""
LEAST_MINUTES, MOST_MINUTES = 1, 4320


class SessionState(Enum):
    """How far the signing of one text is."""

    NEXT = "next"
    """No code was asked for yet."""
    WAITING = "waiting"
    """A code is out: the doctor may scan it, here or under 待办 of the phone."""
    EXPIRED = "expired"
    REFUSED = "refused"
    """What came back cannot be used; a new code starts afresh."""
    TIMESTAMPING = "timestamping"
    """Signed; the timestamp and the last checks are still to come."""
    FINISHED = "finished"
    VOID = "void"
    """A signed value was changed, or nobody wants the signature any more."""


SESSION_WORDS = {
    SessionState.NEXT: "等着出码",
    SessionState.WAITING: "正在等扫码",
    SessionState.EXPIRED: "码已过期",
    SessionState.REFUSED: "签名不能用",
    SessionState.TIMESTAMPING: "正在取时间戳",
    SessionState.FINISHED: "已签名",
    SessionState.VOID: "已作废",
}
OPEN = frozenset(
    {
        SessionState.NEXT,
        SessionState.WAITING,
        SessionState.EXPIRED,
        SessionState.REFUSED,
        SessionState.TIMESTAMPING,
    }
)
POLLED = frozenset({SessionState.WAITING, SessionState.TIMESTAMPING})
"""What goes on by itself, also after a restart."""


@dataclass(frozen=True, kw_only=True)
class ToSign:
    """What a part of a submission needs signed, and by whom. `signed`: a signature over just this text is at hand."""

    text: str
    doctor_name: str
    doctor_code: str
    signed: bool = False


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A signature: `original` is what was signed (CAData), values in Base64, `sign_type` a code of the region."""

    original: str
    certificate: str
    sign_type: str
    sign_value: str
    tsa_token: str

    @property
    def fields(self) -> dict[str, str]:
        """By field key."""
        texts = (self.original, self.certificate, self.sign_type, self.sign_value, self.tsa_token)
        return dict(zip(SIGNATURE_KEYS, texts, strict=True))


@dataclass(frozen=True, kw_only=True)
class KeptSignature:
    """One that is stored, the text of the report that it was given for, and the doctor who was to give it."""

    session: int
    destination: str
    text: str
    doctor_name: str
    doctor_code: str
    signature: Signature


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at: `ok` None means that it could not be (and says why)."""

    title: str
    ok: bool | None
    words: str


@dataclass(frozen=True, kw_only=True)
class Hitch:
    """Why a session stands still, or goes on more slowly, for a person."""

    title: str
    advice: str
    details: str = ""


@dataclass(frozen=True, kw_only=True)
class Session:
    """One report that is to be signed, or was."""

    id: int
    destination: str
    exam_key: str
    report_key: str
    text: str
    doctor_name: str
    doctor_code: str
    signer_id: str
    """The doctor's MSSPID to whom the code was addressed, "" before there was one."""
    state: SessionState
    source: str
    """"qr", or "import" for a signature of the clinic's own system."""
    sign_data_id: str
    qr_text: str
    qr_picture: bytes
    made_at: datetime | None
    expires_at: datetime | None
    due_at: datetime | None
    attempts: int
    signature: Signature | None
    """Without its token while the timestamp is still to come."""
    signed_at: datetime | None
    stamped_at: datetime | None
    checks: tuple[Check, ...]
    hitch: Hitch | None
    postponed: bool
    """The doctor is not there: nobody is reminded of it until its code is asked for."""
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class KnownSigner:
    """The certificate that a doctor signed with first, or after a change that was due."""

    signer_id: str
    certificate: str
    since: datetime
