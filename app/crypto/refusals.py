"""Why a signature, a certificate or a timestamp is not accepted: a closed set, worded for people elsewhere.

Everything that checks raises SignatureRefused and nothing else, whatever bytes it is given.
"""

from __future__ import annotations

from enum import Enum


class Refusal(Enum):
    """The reason, from the reader's first glance to the last check."""

    UNREADABLE = "unreadable"  # damaged, cut off, or another format altogether
    UNSUPPORTED = "unsupported"  # well-formed, with an algorithm or a critical extension that is not ours to judge
    NO_CERTIFICATE = "no_certificate"  # the signer's certificate is neither inside nor at hand
    WRONG_SIGNATURE = "wrong_signature"  # not made with this key over these bytes, or altered afterwards
    OTHER_CONTENT = "other_content"  # a signature over something else than the original
    WRONG_DIGEST = "wrong_digest"  # a timestamp over something else than the original
    UNTRUSTED = "untrusted"  # no chain to a root that the clinic trusts
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    REVOKED = "revoked"
    WRONG_PURPOSE = "wrong_purpose"  # the certificate was not issued for this use


class SignatureRefused(Exception):
    """`refusal` is the reason; `details` is English for the fold and the engineer, free of names and payloads."""

    def __init__(self, refusal: Refusal, details: str) -> None:
        super().__init__(f"{refusal.value}: {details}")
        self.refusal = refusal
        self.details = details
