"""PKCS#7 signatures over an original (GM/T 0010 and the international OIDs), attached or detached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.crypto import sm2
from app.crypto.certificates import Certificate
from app.crypto.der import der_of
from app.crypto.refusals import Refusal, SignatureRefused
from app.crypto.signed_data import Signer, check_signers, read_signed_data

_DATA = frozenset({"1.2.840.113549.1.7.1", "1.2.156.10197.6.1.4.2.1"})


@dataclass(frozen=True, kw_only=True)
class SignedOriginal:
    """A signature that holds: the original, whoever signed it, and the certificates that came along."""

    original: bytes
    signers: tuple[Signer, ...]
    certificates: tuple[Certificate, ...]


def check_pkcs7(
    message: bytes | str,
    original: bytes | None = None,
    pool: Iterable[Certificate] = (),
    *,
    user_id: bytes = sm2.USER_ID,
) -> SignedOriginal:
    """`message` as DER, PEM or Base64; `original` may be left out where it is attached.

    Every signer is checked, no certificate is: that is `chains.check_chain` for each. Raises OTHER_CONTENT when what is
    attached is not `original`, and all of `check_signers` and `read_signed_data`.
    """
    read = read_signed_data(der_of(message))
    if read.content_type not in _DATA:
        raise SignatureRefused(Refusal.UNSUPPORTED, f"a signature over {read.content_type}")
    if original is not None and read.content not in (None, original):
        raise SignatureRefused(Refusal.OTHER_CONTENT, "the attached content is not the original")
    content = read.content if original is None else original
    if content is None:
        raise SignatureRefused(Refusal.UNREADABLE, "a detached signature without its original")
    signers = check_signers(read, content, pool, user_id=user_id)
    return SignedOriginal(original=content, signers=signers, certificates=read.certificates)
