"""Timestamps (RFC 3161, GM/T 0033): when somebody else saw the data. A bare token or a whole answer of an authority.

Which of the certificates signed is not read from the ESSCertID: tokens in the field carry one that fits no
certificate (that of the worked examples among them), and the signature itself says whose key it was. Algorithms are
told by their OIDs: an authority may sign with RSA and SHA-256 where everything else is SM2 and SM3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import core, tsp

from app.crypto import sm2
from app.crypto.certificates import Certificate, readable_serial
from app.crypto.chains import Chain, Purpose, check_chain
from app.crypto.der import der_of, load, reading
from app.crypto.public_keys import digest_by_oid
from app.crypto.refusals import Refusal, SignatureRefused
from app.crypto.signed_data import check_signers, read_signed_data

_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_GRANTED = frozenset({"granted", "granted_with_mods"})


@dataclass(frozen=True, kw_only=True)
class Timestamp:
    """A timestamp that holds. `authority` is for people, `serial` upper-case hex, `policy` an OID.

    `chain` leads from the authority's certificate to a trusted root; empty when no roots were given to check against.
    """

    gen_time: datetime
    authority: str
    serial: str
    policy: str
    certificate: Certificate
    chain: Chain


def check_timestamp(
    token: bytes | str,
    data: bytes,
    pool: Iterable[Certificate] = (),
    roots: Sequence[Certificate] | None = None,
    *,
    user_id: bytes = sm2.USER_ID,
) -> Timestamp:
    """`token` (DER, PEM or Base64) is a timestamp over `data`, or SignatureRefused says why not.

    `pool` has certificates that the token may lack. With `roots` the authority's chain is checked as of the time in the
    token; without them whose timestamp it is remains open. Raises WRONG_DIGEST for other data, and all of
    `check_signers`, `check_chain` and `read_signed_data`.
    """
    read = read_signed_data(_token(der_of(token)))
    if read.content_type != _TST_INFO or read.content is None:
        raise SignatureRefused(Refusal.UNREADABLE, "a signed message that is no timestamp")
    info = _Info.parse(read.content)
    pool = tuple(pool)
    if len(read.signers) != 1 or read.signers[0].attributes is None:
        raise SignatureRefused(Refusal.UNREADABLE, "a timestamp without its one signer's signed attributes")
    (signer,) = check_signers(read, read.content, pool, user_id=user_id)
    if info.imprint != digest_by_oid(info.imprint_algorithm).of(data):
        raise SignatureRefused(Refusal.WRONG_DIGEST, "a timestamp over other data")
    own, between = signer.certificate, (*read.certificates, *pool)
    return Timestamp(
        gen_time=info.gen_time,
        authority=own.subject,
        serial=info.serial,
        policy=info.policy,
        certificate=own,
        chain=() if roots is None else check_chain(own, between, roots, info.gen_time, purpose=Purpose.TIMESTAMPING),
    )


@dataclass(frozen=True, kw_only=True)
class _Info:
    """TSTInfo (RFC 3161, 2.4.2)."""

    gen_time: datetime
    serial: str
    policy: str
    imprint_algorithm: str
    imprint: bytes

    @classmethod
    def parse(cls, der: bytes) -> _Info:
        with reading("timestamp"):
            info = load(tsp.TSTInfo, der)
            imprint, gen_time = info["message_imprint"], info["gen_time"].native
            if gen_time.tzinfo is None:
                raise ValueError("a time without a zone")
            return cls(
                gen_time=gen_time.astimezone(UTC),
                serial=readable_serial(info["serial_number"].native),
                policy=info["policy"].dotted,
                imprint_algorithm=imprint["hash_algorithm"]["algorithm"].dotted,
                imprint=imprint["hashed_message"].native,
            )


def _token(der: bytes) -> bytes:
    """The token itself, also out of an authority's answer (TimeStampResp)."""
    with reading("timestamp"):
        parts: Any = load(core.Sequence, der)
        if isinstance(parts[0], core.ObjectIdentifier):
            return der
        status = load(tsp.PKIStatusInfo, parts[0].dump())["status"].native
        if status not in _GRANTED:
            raise SignatureRefused(Refusal.UNREADABLE, f"the authority gave no timestamp: {status}")
        token: bytes = parts[1].dump()
        return token
