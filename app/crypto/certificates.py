"""X.509 certificates (RFC 5280, GB/T 20518): what one says, and whether another one issued it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from asn1crypto import x509

from app.crypto.der import der_of, load, optional, reading, whole_bytes
from app.crypto.public_keys import PublicKey, parse_public_key, was_signed
from app.crypto.refusals import Refusal, SignatureRefused

_UNDERSTOOD = frozenset(
    {
        "basic_constraints",
        "key_usage",
        "extended_key_usage",
        "certificate_policies",
        "crl_distribution_points",
        "authority_key_identifier",
        "key_identifier",
        "authority_information_access",
        "subject_alt_name",
        "issuer_alt_name",
    }
)


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What a certificate says; nothing of it is believed before `chains.check_chain`.

    `subject` and `issuer` are for people: common name, organisation. `serial` is upper-case hex. Times are aware UTC.
    `key_usage` and `extended_key_usage` are asn1crypto's names of the bits and purposes, None without the extension.
    `path_length` is how many CAs may stand below a CA, None for any number. `not_understood` are critical extensions
    that we do not know how to honour. `signed` is the part that the issuer's `signature` is over.
    """

    der: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    signature_algorithm: str
    subject: str
    issuer: str
    common_name: str
    subject_name: str
    issuer_name: str
    serial: str
    not_before: datetime
    not_after: datetime
    key_info: bytes = field(repr=False)
    key_usage: frozenset[str] | None
    extended_key_usage: frozenset[str] | None
    has_basic_constraints: bool
    is_ca: bool
    path_length: int | None
    key_id: bytes | None
    authority_key_id: bytes | None
    crl_addresses: tuple[str, ...]
    crl_names: frozenset[bytes]
    not_understood: tuple[str, ...]

    @cached_property
    def public_key(self) -> PublicKey:
        """Raises UNREADABLE or UNSUPPORTED."""
        return parse_public_key(self.key_info)

    @property
    def is_self_issued(self) -> bool:
        """Whether it names itself as its issuer: a root, or a root's change of keys."""
        return self.subject_name == self.issuer_name

    def same_as(self, other: Certificate) -> bool:
        """Whether both are the very same certificate."""
        return self.der == other.der

    def is_issued_by(self, issuer: Certificate) -> bool:
        """Whether `issuer` is the one named in it and its key signed it. Raises UNSUPPORTED for another algorithm."""
        return self.issuer_name == issuer.subject_name and was_signed(
            issuer.public_key, self.signature_algorithm, self.signed, self.signature
        )


def parse_certificate(data: bytes | str) -> Certificate:
    """One certificate from PEM, DER or Base64, also with blanks and line breaks in it. Raises UNREADABLE."""
    der = der_of(data)
    with reading("certificate"):
        certificate = load(x509.Certificate, der)
        body = certificate["tbs_certificate"]
        if body["signature"].dump() != certificate["signature_algorithm"].dump():
            raise SignatureRefused(Refusal.UNREADABLE, "certificate: two signature algorithms")
        return _certificate(der, body, whole_bytes(certificate["signature_value"]))


def readable_name(name: x509.Name) -> str:
    """Common name and organisation, or the whole name where both are missing; control characters left out."""
    parts = [part for attribute in ("common_name", "organization_name") if (part := _named(name, attribute))]
    return ", ".join(dict.fromkeys(parts)) or _printable(name.human_friendly)


def _certificate(der: bytes, body: Any, signature: bytes) -> Certificate:
    extensions = {item["extn_id"].native: item for item in optional(body["extensions"]) or ()}
    values = {name: item["extn_value"].parsed for name, item in extensions.items() if name in _UNDERSTOOD}
    limits = values.get("basic_constraints")
    points = values.get("crl_distribution_points", ())
    authority = values.get("authority_key_identifier")
    serial = body["serial_number"].native
    return Certificate(
        der=der,
        signed=body.dump(),
        signature=signature,
        signature_algorithm=body["signature"]["algorithm"].dotted,
        subject=readable_name(body["subject"]),
        issuer=readable_name(body["issuer"]),
        common_name=_named(body["subject"], "common_name"),
        subject_name=body["subject"].hashable,
        issuer_name=body["issuer"].hashable,
        serial=readable_serial(serial),
        not_before=_utc(body["validity"]["not_before"].native),
        not_after=_utc(body["validity"]["not_after"].native),
        key_info=body["subject_public_key_info"].dump(),
        key_usage=_names(values.get("key_usage")),
        extended_key_usage=_names(values.get("extended_key_usage")),
        has_basic_constraints=limits is not None,
        is_ca=limits is not None and bool(limits["ca"].native),
        path_length=None if limits is None else limits["path_len_constraint"].native,
        key_id=values["key_identifier"].native if "key_identifier" in values else None,
        authority_key_id=None if authority is None else authority["key_identifier"].native,
        crl_addresses=tuple(address for point in points for address in _addresses(point)),
        crl_names=frozenset(name.dump() for point in points for name in point_names(point)),
        not_understood=tuple(
            name for name, item in extensions.items() if item["critical"].native and name not in _UNDERSTOOD
        ),
    )


def readable_serial(number: int) -> str:
    """Upper-case hex with whole bytes, as certificate authorities print it."""
    digits = f"{abs(number):X}"
    return ("-" if number < 0 else "") + digits.zfill(len(digits) + len(digits) % 2)


def point_names(point: Any) -> tuple[Any, ...]:
    """The general names of a distribution point; empty where there is none or only a relative one."""
    place = optional(point["distribution_point"])
    return tuple(place.chosen) if place is not None and place.name == "full_name" else ()


def _named(name: x509.Name, attribute: str) -> str:
    values = [pair["value"].native for level in name.chosen for pair in level if pair["type"].native == attribute]
    return _printable(str(values[0])) if values else ""


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable()).strip()


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)


def _names(value: Any) -> frozenset[str] | None:
    return None if value is None else frozenset(value.native)


def _addresses(point: Any) -> list[str]:
    found = [name.native for name in point_names(point) if name.name == "uniform_resource_identifier"]
    return [address for address in found if address.lower().startswith(("http://", "https://"))]
