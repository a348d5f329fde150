"""Signed messages (SignedData of PKCS#7, RFC 5652 and GM/T 0010): what is inside, and whether every signer signed it.

Not covered by any signature, as everywhere in this format: version numbers, the set of digests, further certificates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import cms, core

from app.crypto import sm2
from app.crypto.certificates import Certificate, parse_certificate, readable_serial
from app.crypto.der import ders_of, load, optional, reading
from app.crypto.public_keys import Digest, Scheme, digest_by_oid, scheme_by_oid
from app.crypto.refusals import Refusal, SignatureRefused

_SIGNED_DATA = frozenset({"1.2.840.113549.1.7.2", "1.2.156.10197.6.1.4.2.2"})
_MOST_CERTIFICATES = 64
_MOST_SIGNERS = 16
_SET = b"\x31"


class _Outer(core.Sequence):  # type: ignore[misc]  # asn1crypto is untyped, and does not read the national types
    _fields = [  # noqa: RUF012
        ("content_type", core.ObjectIdentifier),
        ("content", core.Any, {"explicit": 0, "optional": True}),
    ]


@dataclass(frozen=True, kw_only=True)
class SignerInfo:
    """One signer's part. `attributes` are the signed attributes as they are hashed, None without any."""

    issuer_name: str | None
    serial: str | None
    key_id: bytes | None
    digest: Digest
    scheme: Scheme
    signature: bytes
    attributes: bytes | None
    attribute_content_type: str | None
    attribute_digest: bytes | None
    signing_time: datetime | None

    def is_of(self, certificate: Certificate) -> bool:
        """Whether the signer is named as this certificate's holder."""
        if self.key_id is not None:
            return certificate.key_id == self.key_id
        return (certificate.issuer_name, certificate.serial) == (self.issuer_name, self.serial)


@dataclass(frozen=True, kw_only=True)
class SignedData:
    """A message as read, nothing checked. `content` is None for a detached signature."""

    content_type: str
    content: bytes | None
    certificates: tuple[Certificate, ...]
    signers: tuple[SignerInfo, ...]


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Who signed, checked; `signing_time` is the signer's own word for when."""

    certificate: Certificate
    signing_time: datetime | None


def read_signed_data(der: bytes) -> SignedData:
    """Raises UNREADABLE, UNSUPPORTED for an algorithm that we do not accept or another kind of message."""
    with reading("signed message"):
        outer = load(_Outer, der)
        if outer["content_type"].native not in _SIGNED_DATA:
            raise SignatureRefused(Refusal.UNSUPPORTED, f"no signed message: {outer['content_type'].native}")
        body = outer["content"].parse(cms.SignedData)
        inner, infos = body["encap_content_info"], body["signer_infos"]
        if len(infos) > _MOST_SIGNERS:
            raise SignatureRefused(Refusal.UNSUPPORTED, f"{len(infos)} signers")
        return SignedData(
            content_type=inner["content_type"].dotted,
            content=_octets(inner["content"]),
            certificates=_certificates(optional(body["certificates"]) or ()),
            signers=tuple(_signer(info) for info in infos),
        )


def check_signers(
    message: SignedData, content: bytes, pool: Iterable[Certificate] = (), *, user_id: bytes = sm2.USER_ID
) -> tuple[Signer, ...]:
    """Every signer, each shown to have signed `content`; `pool` has certificates that the message may lack.

    Raises UNREADABLE for a message without signers, NO_CERTIFICATE, OTHER_CONTENT, WRONG_SIGNATURE.
    """
    if not message.signers:
        raise SignatureRefused(Refusal.UNREADABLE, "a message without signers")
    known = (*message.certificates, *pool)
    return tuple(_checked(message, info, content, known, user_id) for info in message.signers)


def certificates_in(data: bytes | str) -> tuple[Certificate, ...]:
    """The certificates of a file: one, several PEM blocks, or a .p7b chain. Raises UNREADABLE, UNSUPPORTED."""
    found: list[Certificate] = []
    for der in ders_of(data):
        found += read_signed_data(der).certificates if _is_message(der) else (parse_certificate(der),)
    return tuple(found)


def _is_message(der: bytes) -> bool:
    with reading("certificates"):
        return isinstance(load(core.Sequence, der)[0], core.ObjectIdentifier)


def _octets(value: Any) -> bytes | None:
    if optional(value) is None:
        return None
    return bytes(value.parse(core.OctetString) if isinstance(value, core.Any) else value)


def _certificates(choices: Any) -> tuple[Certificate, ...]:
    """Those that can be read: a message may carry others beside the signer's."""
    if len(choices) > _MOST_CERTIFICATES:
        raise SignatureRefused(Refusal.UNSUPPORTED, f"{len(choices)} certificates")
    found = []
    for choice in choices:
        try:
            found.append(parse_certificate(choice.chosen.dump()))
        except SignatureRefused:
            continue
    return tuple(found)


def _signer(info: Any) -> SignerInfo:
    sid, attributes = info["sid"], optional(info["signed_attrs"])
    by_name = sid.name == "issuer_and_serial_number"
    digest = digest_by_oid(info["digest_algorithm"]["algorithm"].dotted)
    values = _values(attributes or ())
    named, digested = values.get("content_type"), values.get("message_digest")
    return SignerInfo(
        issuer_name=sid.chosen["issuer"].hashable if by_name else None,
        serial=readable_serial(sid.chosen["serial_number"].native) if by_name else None,
        key_id=None if by_name else sid.chosen.native,
        digest=digest,
        scheme=scheme_by_oid(info["signature_algorithm"]["algorithm"].dotted, digest=digest),
        signature=info["signature"].native,
        # signed as a SET OF, sent under the tag [0] (RFC 5652, 5.4)
        attributes=None if attributes is None else _SET + attributes.dump()[1:],
        attribute_content_type=None if named is None else named.dotted,
        attribute_digest=None if digested is None else digested.native,
        signing_time=values["signing_time"].native.astimezone(UTC) if "signing_time" in values else None,
    )


def _values(attributes: Any) -> dict[str, Any]:
    """The one value of each attribute; a second attribute of the same type is an error (RFC 5652, 5.3)."""
    found: dict[str, Any] = {}
    for attribute in attributes:
        name = attribute["type"].native
        if name in found:
            raise ValueError("two signed attributes of one type")
        found[name] = attribute["values"][0]
    return found


def _checked(
    message: SignedData, info: SignerInfo, content: bytes, known: tuple[Certificate, ...], user_id: bytes
) -> Signer:
    own = [certificate for certificate in known if info.is_of(certificate)]
    if not own:
        raise SignatureRefused(Refusal.NO_CERTIFICATE, "the signer's certificate is neither in the message nor at hand")
    signed = content if info.attributes is None else _attributes_over(message, info, content)
    for certificate in own:
        if certificate.public_key.verifies(info.scheme, signed, info.signature, user_id=user_id):
            return Signer(certificate=certificate, signing_time=info.signing_time)
    raise SignatureRefused(Refusal.WRONG_SIGNATURE, "not made with this key over this content")


def _attributes_over(message: SignedData, info: SignerInfo, content: bytes) -> bytes:
    """The signed attributes, once they are shown to speak of `content`."""
    if info.attributes is None or info.attribute_content_type != message.content_type:
        raise SignatureRefused(Refusal.WRONG_SIGNATURE, "signed attributes of another type of content")
    if info.attribute_digest != info.digest.of(content):
        wrong = Refusal.OTHER_CONTENT if message.content is None else Refusal.WRONG_SIGNATURE
        raise SignatureRefused(wrong, "signed attributes with the digest of another content")
    return info.attributes
