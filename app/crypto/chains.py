"""From a signer's certificate to a root that the clinic trusts, as things stood at one moment (RFC 5280, chapter 6).

Names, signatures, dates, who may issue, how deep, and for what. Revocation is `revocation`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from itertools import islice

from app.crypto.certificates import Certificate
from app.crypto.refusals import Refusal, SignatureRefused

Chain = tuple[Certificate, ...]


class Purpose(Enum):
    """What the certificate at the near end of the chain was used for."""

    SIGNING = "signing"
    TIMESTAMPING = "timestamping"


_SIGNING_BITS = frozenset({"digital_signature", "non_repudiation"})
_LONGEST = 8
_CANDIDATES = 8  # issuers tried for one certificate: a message may carry many of one name


def check_chain(
    leaf: Certificate,
    pool: Iterable[Certificate],
    roots: Sequence[Certificate],
    at: datetime,
    *,
    purpose: Purpose = Purpose.SIGNING,
) -> Chain:
    """The chain from `leaf` to one of `roots`, both included, with every link good at `at` (aware).

    `pool` are certificates that may stand between them, trusted in nothing. A `leaf` that is itself among `roots` is a
    chain of one. Raises EXPIRED, NOT_YET_VALID, WRONG_PURPOSE, UNSUPPORTED, UNTRUSTED.
    """
    _check_dates(leaf, at)
    _check_understood(leaf)
    _check_purpose(leaf, purpose)
    refused: list[SignatureRefused] = []
    found = _chain_on((leaf,), (*roots, *pool), roots, at, {leaf.der}, refused)
    if found:
        return found
    raise refused[0] if refused else SignatureRefused(Refusal.UNTRUSTED, "no chain to a trusted root")


def _chain_on(
    path: Chain,
    issuers: Chain,
    roots: Sequence[Certificate],
    at: datetime,
    seen: set[bytes],
    refused: list[SignatureRefused],
) -> Chain | None:
    """The first way on from the end of `path` to a root; why ways ended is added to `refused`."""
    last = path[-1]
    if any(last.same_as(root) for root in roots):
        return path
    if len(path) == _LONGEST:
        return None
    named = (issuer for issuer in issuers if issuer.subject_name == last.issuer_name and issuer.der not in seen)
    for issuer in islice(named, _CANDIDATES):
        try:
            if not last.is_issued_by(issuer):
                continue
            seen.add(issuer.der)
            _check_issuer(issuer, path, roots, at)
        except SignatureRefused as refusal:
            refused.append(refusal)
            continue
        if found := _chain_on((*path, issuer), issuers, roots, at, seen, refused):
            return found
    return None


def _check_issuer(issuer: Certificate, below: Chain, roots: Sequence[Certificate], at: datetime) -> None:
    _check_dates(issuer, at)
    _check_understood(issuer)
    old_root = not issuer.has_basic_constraints and any(issuer.same_as(root) for root in roots)
    if not (issuer.is_ca or old_root):
        raise SignatureRefused(Refusal.UNTRUSTED, "issued by a certificate that is no certificate authority")
    if issuer.key_usage is not None and "key_cert_sign" not in issuer.key_usage:
        raise SignatureRefused(Refusal.UNTRUSTED, "issued by a certificate that may not sign certificates")
    authorities = sum(not certificate.is_self_issued for certificate in below[1:])
    if issuer.path_length is not None and authorities > issuer.path_length:
        raise SignatureRefused(Refusal.UNTRUSTED, "more certificate authorities in the chain than allowed")


def _check_dates(certificate: Certificate, at: datetime) -> None:
    if at < certificate.not_before:
        raise SignatureRefused(Refusal.NOT_YET_VALID, f"valid from {certificate.not_before:%Y-%m-%d %H:%M:%S} UTC")
    if at > certificate.not_after:
        raise SignatureRefused(Refusal.EXPIRED, f"valid until {certificate.not_after:%Y-%m-%d %H:%M:%S} UTC")


def _check_understood(certificate: Certificate) -> None:
    if certificate.not_understood:
        raise SignatureRefused(Refusal.UNSUPPORTED, f"critical extension {', '.join(certificate.not_understood)}")


def _check_purpose(leaf: Certificate, purpose: Purpose) -> None:
    """A certificate without the extension may serve any purpose: those of some timestamp authorities have none."""
    if leaf.key_usage is not None and not leaf.key_usage & _SIGNING_BITS:
        raise SignatureRefused(Refusal.WRONG_PURPOSE, "certificate not for signatures")
    allowed = leaf.extended_key_usage
    if purpose is Purpose.TIMESTAMPING and allowed is not None and "time_stamping" not in allowed:
        raise SignatureRefused(Refusal.WRONG_PURPOSE, "certificate not for timestamps")
