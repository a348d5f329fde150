"""Revocation lists (RFC 5280, chapter 5; GB/T 20518): what one says, who signed it, how a certificate stands by it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from asn1crypto import core, crl

from app.crypto.certificates import Certificate, point_names, readable_name
from app.crypto.der import der_of, load, optional, reading, whole_bytes
from app.crypto.public_keys import was_signed
from app.crypto.refusals import Refusal, SignatureRefused

_UNDERSTOOD = frozenset({"issuing_distribution_point", "authority_key_identifier", "crl_number"})
_NO_REASON = "unspecified"
_LIFTED = "remove_from_crl"
# with the key in other hands, no signature of any date can be told from a forged one
_NEVER_GOOD = frozenset({"key_compromise", "ca_compromise", "aa_compromise"})


class Standing(Enum):
    """What the lists at hand say of a certificate that they do not name."""

    GOOD = "good"
    STALE = "stale"  # good by a list whose successor is overdue
    UNKNOWN = "unknown"  # no list of its issuer that covers it


@dataclass(frozen=True, kw_only=True)
class Revoked:
    """One entry of a list; `reason` is asn1crypto's name of the reason code."""

    at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class RevocationList:
    """What a list says; not believed before `is_signed_by`. `issuer` is for people. Times are aware UTC.

    `point` are the general names (DER) of the part of the certificates that it is about, empty for all of them.
    """

    der: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    signature_algorithm: str
    issuer: str
    issuer_name: str
    this_update: datetime
    next_update: datetime | None
    point: frozenset[bytes]
    only_authorities: bool
    only_users: bool

    def is_signed_by(self, issuer: Certificate) -> bool:
        """Whether `issuer` is the one named in it, may sign lists, and signed it. Raises UNSUPPORTED."""
        if self.issuer_name != issuer.subject_name:
            return False
        if issuer.key_usage is not None and "crl_sign" not in issuer.key_usage:
            return False
        return was_signed(issuer.public_key, self.signature_algorithm, self.signed, self.signature)

    def is_stale(self, at: datetime) -> bool:
        """Whether its successor was due before `at`; such a list still counts for what it names."""
        return self.next_update is not None and self.next_update < at

    def covers(self, certificate: Certificate) -> bool:
        """Whether a certificate missing here is a good one: of the same issuer, of the kind, and in the same part."""
        if self.issuer_name != certificate.issuer_name:
            return False
        if (self.only_authorities and not certificate.is_ca) or (self.only_users and certificate.is_ca):
            return False
        return not self.point or bool(self.point & certificate.crl_names)

    def revoked(self, serial: str) -> Revoked | None:
        """The entry of the certificate with this serial number (hex, as in `Certificate.serial`), if there is one."""
        number = int(serial, 16)
        if core.Integer(number).dump() not in self.der:
            return None  # lists run to 100,000 entries, and reading each takes seconds
        with reading("revocation list"):
            entries = optional(load(crl.CertificateList, self.der)["tbs_cert_list"]["revoked_certificates"]) or ()
            named = next((entry for entry in entries if entry["user_certificate"].native == number), None)
            return None if named is None else _revoked(named)


def parse_revocation_list(data: bytes | str) -> RevocationList:
    """One list from PEM, DER or Base64. Raises UNREADABLE; UNSUPPORTED for a delta or an indirect list."""
    der = der_of(data)
    with reading("revocation list"):
        parsed = load(crl.CertificateList, der)
        body = parsed["tbs_cert_list"]
        if body["signature"].dump() != parsed["signature_algorithm"].dump():
            raise SignatureRefused(Refusal.UNREADABLE, "revocation list: two signature algorithms")
        extensions = {item["extn_id"].native: item for item in optional(body["crl_extensions"]) or ()}
        unknown = [name for name, item in extensions.items() if item["critical"].native and name not in _UNDERSTOOD]
        if unknown:
            raise SignatureRefused(Refusal.UNSUPPORTED, f"revocation list: critical extension {', '.join(unknown)}")
        part = extensions.get("issuing_distribution_point")
        signature = whole_bytes(parsed["signature"])
        return _revocation_list(der, body, signature, None if part is None else part["extn_value"].parsed)


def check_revocation(
    certificate: Certificate, issuer: Certificate, lists: Iterable[RevocationList], at: datetime
) -> Standing:
    """How `certificate` stood at `at` by the lists that `issuer` signed; others are passed over.

    Raises REVOKED for an entry of `at` or earlier, and for a compromised key whatever the date.
    """
    standing = Standing.UNKNOWN
    for found in lists:
        if found.issuer_name != certificate.issuer_name or not found.is_signed_by(issuer):
            continue
        entry = found.revoked(certificate.serial)
        if entry and entry.reason != _LIFTED and (entry.at <= at or entry.reason in _NEVER_GOOD):
            raise SignatureRefused(Refusal.REVOKED, f"revoked {entry.at:%Y-%m-%d %H:%M:%S} UTC, {entry.reason}")
        if found.covers(certificate) and standing is not Standing.GOOD:
            standing = Standing.STALE if found.is_stale(at) else Standing.GOOD
    return standing


def _revocation_list(der: bytes, body: Any, signature: bytes, part: Any) -> RevocationList:
    if part is not None and (part["indirect_crl"].native or part["only_some_reasons"].native):
        raise SignatureRefused(Refusal.UNSUPPORTED, "revocation list of another issuer's certificates or some reasons")
    next_update = body["next_update"].native
    return RevocationList(
        der=der,
        signed=body.dump(),
        signature=signature,
        signature_algorithm=body["signature"]["algorithm"].dotted,
        issuer=readable_name(body["issuer"]),
        issuer_name=body["issuer"].hashable,
        this_update=body["this_update"].native.astimezone(UTC),
        next_update=None if next_update is None else next_update.astimezone(UTC),
        point=frozenset() if part is None else frozenset(name.dump() for name in point_names(part)),
        only_authorities=part is not None and bool(part["only_contains_ca_certs"].native),
        only_users=part is not None and bool(part["only_contains_user_certs"].native),
    )


def _revoked(entry: Any) -> Revoked:
    extensions = optional(entry["crl_entry_extensions"]) or ()
    reasons = [item["extn_value"].parsed.native for item in extensions if item["extn_id"].native == "crl_reason"]
    return Revoked(at=entry["revocation_date"].native.astimezone(UTC), reason=reasons[0] if reasons else _NO_REASON)
