"""The test CA: a root, the CA under it, invented doctors with SM2 certificates, two timestampers, a seal.

Made at first need in `ca.json` of the state folder and the same from then on. Nobody outside practice trusts it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asn1crypto import crl, pem, x509
from cryptography import x509 as rsa_x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.practice import gm
from app.practice.certificates import DAY, UNREADABLE, Holder, Unsound, check, from_base64, issue, revocation_list
from app.practice.settings import Clock
from app.practice.tokens import Stamper

YEAR = 365 * DAY
_SIGNS = ("digital_signature", "non_repudiation")
_CERTIFIES = ("key_cert_sign", "crl_sign")
GOOD, EXPIRED, REVOKED = "good", "expired", "revoked"
DOCTORS = {
    "刘慧": GOOD,
    "刘洋": GOOD,
    "李明": GOOD,
    "王强": GOOD,
    "王芳": GOOD,
    "赵敏": EXPIRED,
    "陈静": REVOKED,
}
"""Name to what the doctor's own certificate is like."""
CRL_PATH, ROOT_PATH, CA_PATH, RSA_ROOT_PATH = "/ca/practice.crl", "/ca/root.cer", "/ca/ca.cer", "/ca/tsa-root.cer"
_PLACE = {"country_name": "CN", "organization_name": "演练"}


def mssp_id(name: str) -> str:
    """The MSSPID of an invented doctor: it depends on the name alone, so a staff list may name it beforehand."""
    return hashlib.sha256(f"演练医师 {name}".encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Doctor:
    """One invented doctor; `state` good · expired · revoked is what the certificate is now."""

    name: str
    mssp_id: str
    holder: Holder
    state: str


class Authority:
    """Thread-safe. `address()` says where the platform listens: the certificates' CRL address is below it."""

    def __init__(self, file: Path, clock: Clock, address: Callable[[], str]) -> None:
        self._file = file
        self._clock = clock
        self._address = address
        self._lock = threading.RLock()
        self._said: dict[str, Any] = {}

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def doctors(self) -> list[Doctor]:
        return [self._doctor(name) for name in self._books()["doctors"]]

    def doctor(self, wanted: str) -> Doctor:
        """By name or MSSPID. Raises LookupError."""
        for one in self.doctors():
            if wanted in (one.name, one.mssp_id):
                return one
        raise LookupError(wanted)

    def another_than(self, doctor: Doctor) -> Doctor:
        return next(one for one in self.doctors() if one.name != doctor.name and one.state == GOOD)

    def reissued(self, doctor: Doctor, kind: str) -> Holder:
        """Another certificate over the doctor's key: expired · revoked · untrusted (by an unknown CA of that name)."""
        now = self.now()
        key = doctor.holder.key
        if kind == REVOKED:
            spare = self._books()["doctors"][doctor.name]["revoked"]
            return Holder(key=key, certificate=base64.b64decode(spare))
        if kind == EXPIRED:
            return self._issue_to(doctor.name, self.holder("ca"), key, now - YEAR, now - DAY)
        return self._issue_to(doctor.name, _ca_certificate("演练未知根", None, now), key, now - DAY, now + YEAR)

    def renew(self, name: str, days: int) -> Doctor:
        """Give a doctor (a new one too) a certificate that ends in so many days; negative: it has ended."""
        with self._lock:
            books = self._books()
            known = books["doctors"].get(name)
            key = gm.key_of(int(known["key"], 16)) if known else gm.new_key()
            end = self.now() + days * DAY
            made = self._issue_to(name, self.holder("ca"), key, min(self.now(), end) - DAY, end)
            self._write_doctor(name, made)
            self._save()
            return self._doctor(name)

    def revoke(self, name: str) -> Doctor:
        """Put a doctor's certificate on the revocation list. Raises LookupError."""
        self._revoke(self.doctor(name).holder)
        return self.doctor(name)

    def trust(self, certificates: Sequence[str], lists: Sequence[str]) -> int:
        """Roots and CAs of a clinic's own CA, and its revocation lists, all Base64; how many there are now.
        Raises Unsound."""
        read = [from_base64(one) for one in certificates]
        for one in lists:
            _revoked_in(one)
        with self._lock:
            books = self._books()
            books["trusted"] = sorted({*books["trusted"], *(base64.b64encode(one.dump()).decode() for one in read)})
            books["lists"] = sorted({*books["lists"], *lists})
            self._save()
            return len(books["trusted"])

    def check(self, certificate: x509.Certificate, at: datetime | None = None) -> None:
        """Raises Unsound."""
        check(certificate, self.roots(), self.between(), at or self.now(), self.revoked())

    def roots(self) -> list[x509.Certificate]:
        own = [self.holder("root").read, x509.Certificate.load(base64.b64decode(self._books()["rsa"]["root"]))]
        return [*own, *(one for one in self._trusted() if one.self_signed != "no")]

    def between(self) -> list[x509.Certificate]:
        return [self.holder("ca").read, *(one for one in self._trusted() if one.self_signed == "no")]

    def revoked(self) -> Mapping[bytes, frozenset[int]]:
        found = {self.holder("ca").read.subject.dump(): frozenset(self._serials())}
        for one in self._books()["lists"]:
            issuer, serials = _revoked_in(one)
            found[issuer] = found.get(issuer, frozenset()) | serials
        return found

    def timestamper(self, kind: str) -> Stamper:
        """`RSA` or `SM2`, and what a token may be spoilt with: `untrusted`, `expired`, `early`."""
        now = self.now()
        if kind == "RSA":
            said = self._books()["rsa"]
            return Stamper(certificate=base64.b64decode(said["certificate"]), pem=said["key"])
        if kind == "SM2":
            return _stamper(self.holder("tsa"))
        by = _ca_certificate("演练未知根", None, now) if kind == "untrusted" else self.holder("ca")
        start, end = {
            "expired": (now - YEAR, now - DAY),
            "early": (now + DAY, now + YEAR),
        }.get(kind, (now - DAY, now + YEAR))
        return _stamper(_timestamp_certificate(by, start, end))

    def timestampers(self) -> list[x509.Certificate]:
        return [x509.Certificate.load(self.timestamper(kind).certificate) for kind in ("RSA", "SM2")]

    def holder(self, name: str) -> Holder:
        """root · ca · tsa · seal · maker"""
        return _read(self._books()[name])

    def offered(self, path: str) -> tuple[bytes, str] | None:
        """What anybody may fetch: the revocation list, the root, the CA, the root of the RSA timestamps."""
        if path == CRL_PATH:
            return revocation_list(self.holder("ca"), self._serials(), self.now()), "application/pkix-crl"
        if path == RSA_ROOT_PATH:
            return base64.b64decode(self._books()["rsa"]["root"]), "application/pkix-cert"
        name = {ROOT_PATH: "root", CA_PATH: "ca"}.get(path)
        return (self.holder(name).certificate, "application/pkix-cert") if name else None

    def pem_chain(self) -> str:
        """Root and CA as PEM, as a clinic gets them in a file."""
        return "".join(pem.armor("CERTIFICATE", self.holder(name).certificate).decode() for name in ("root", "ca"))

    def _doctor(self, name: str) -> Doctor:
        holder = _read(self._books()["doctors"][name])
        state = GOOD
        if holder.read.serial_number in self._serials():
            state = REVOKED
        elif holder.read.not_valid_after < self.now():
            state = EXPIRED
        return Doctor(name=name, mssp_id=mssp_id(name), holder=holder, state=state)

    def _issue_to(self, name: str, by: Holder, key: gm.Key | None, start: datetime, end: datetime) -> Holder:
        subject = {**_PLACE, "common_name": name}
        return issue(
            subject, by=by, key=key, start=start, end=end, usage=_SIGNS, crl_address=self._address() + CRL_PATH
        )

    def _serials(self) -> dict[int, datetime]:
        return {int(serial): datetime.fromisoformat(at) for serial, at in self._books()["revoked"].items()}

    def _revoke(self, holder: Holder) -> None:
        with self._lock:
            self._books()["revoked"].setdefault(str(holder.read.serial_number), self.now().isoformat())
            self._save()

    def _trusted(self) -> list[x509.Certificate]:
        return [from_base64(one) for one in self._books()["trusted"]]

    def _books(self) -> dict[str, Any]:
        """What is written in the file; made, or made anew where the platform has moved to another address."""
        with self._lock:
            if not self._said and self._file.exists():
                self._said = json.loads(self._file.read_text(encoding="utf-8"))
            if not self._said:
                self._said = self._made()
                self._said["doctors"] = {}
                self._reissue()
            elif self._said["address"] != self._address():
                self._reissue()
            return self._said

    def _made(self) -> dict[str, Any]:
        now = self.now()
        root = _ca_certificate("演练根 CA", None, now)
        ca = _ca_certificate("演练医师 CA", root, now)
        maker = issue({**_PLACE, "common_name": "演练制章者"}, by=ca, start=now - DAY, end=now + 5 * YEAR, usage=_SIGNS)
        seal = issue(
            {**_PLACE, "common_name": "演练诊所公章"}, by=ca, start=now - DAY, end=now + 5 * YEAR, usage=_SIGNS
        )
        tsa = _timestamp_certificate(ca, now - DAY, now + 5 * YEAR)
        holders = {"root": root, "ca": ca, "maker": maker, "seal": seal, "tsa": tsa}
        return {
            "address": "",
            "revoked": {},
            "trusted": [],
            "lists": [],
            "rsa": _rsa_timestamper(now),
            **{name: _written(holder) for name, holder in holders.items()},
        }

    def _reissue(self) -> None:
        """The doctors' certificates for this address, over the keys they have."""
        said, now = self._said, self.now()
        said["address"] = self._address()
        states = {name: self._doctor(name).state for name in said["doctors"]} or DOCTORS
        for name, state in states.items():
            known = said["doctors"].get(name)
            key = gm.key_of(int(known["key"], 16)) if known else None
            start, end = (now - 2 * YEAR, now - DAY) if state == EXPIRED else (now - DAY, now + 2 * YEAR)
            made = self._issue_to(name, _read(said["ca"]), key, start, end)
            self._write_doctor(name, made)
            if state == REVOKED:
                said["revoked"][str(made.read.serial_number)] = now.isoformat()
        self._save()

    def _write_doctor(self, name: str, made: Holder) -> None:
        """With a second certificate that is on the revocation list from the start: lists are kept for a while."""
        now = self.now()
        spare = self._issue_to(name, _read(self._said["ca"]), made.key, now - DAY, now + 2 * YEAR)
        self._said["revoked"][str(spare.read.serial_number)] = now.isoformat()
        self._said["doctors"][name] = {**_written(made), "revoked": spare.base64}

    def _save(self) -> None:
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps(self._said, ensure_ascii=False), encoding="utf-8")
        part.replace(self._file)


def _ca_certificate(name: str, by: Holder | None, now: datetime) -> Holder:
    subject = {**_PLACE, "common_name": name}
    return issue(subject, by=by, start=now - DAY, end=now + 20 * YEAR, usage=_CERTIFIES, is_authority=True)


def _timestamp_certificate(by: Holder, start: datetime, end: datetime) -> Holder:
    subject = {**_PLACE, "common_name": "演练时间戳 SM2"}
    return issue(subject, by=by, start=start, end=end, usage=_SIGNS, purpose="time_stamping")


def _stamper(holder: Holder) -> Stamper:
    return Stamper(certificate=holder.certificate, key=holder.key)


def _written(holder: Holder) -> dict[str, str]:
    return {"key": f"{holder.key.private:064x}", "certificate": holder.base64}


def _read(said: Mapping[str, str]) -> Holder:
    certificate = base64.b64decode(said["certificate"])
    point = x509.Certificate.load(certificate).public_key["public_key"].native
    return Holder(key=gm.Key(private=int(said["key"], 16), point=point), certificate=certificate)


def _revoked_in(text: str) -> tuple[bytes, frozenset[int]]:
    """The issuer's name and the serials of a revocation list in Base64. Raises Unsound."""
    try:
        listed = crl.CertificateList.load(base64.b64decode(text, validate=True), strict=True)
        entries = listed["tbs_cert_list"]["revoked_certificates"]
        return listed.issuer.dump(), frozenset(one["user_certificate"].native for one in entries)
    except UNREADABLE as error:
        raise Unsound("broken", "吊销列表读不出来") from error


def _rsa_timestamper(now: datetime) -> dict[str, str]:
    """A root and a timestamper with RSA keys, as the document's sample has them."""
    root_key, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    root_name, name = (
        rsa_x509.Name([rsa_x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in ("演练时间戳根", "演练时间戳 RSA")
    )
    root = _rsa_certificate(root_name, root_name, root_key, root_key, now, is_authority=True)
    own = _rsa_certificate(name, root_name, key, root_key, now, is_authority=False)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    der = [base64.b64encode(one.public_bytes(serialization.Encoding.DER)).decode() for one in (root, own)]
    return {"root": der[0], "certificate": der[1], "key": private.decode()}


def _rsa_certificate(
    name: rsa_x509.Name,
    issuer: rsa_x509.Name,
    key: rsa.RSAPrivateKey,
    by: rsa.RSAPrivateKey,
    now: datetime,
    *,
    is_authority: bool,
) -> rsa_x509.Certificate:
    started = (
        rsa_x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(rsa_x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + timedelta(days=20 * 365))
        .add_extension(rsa_x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        purpose = rsa_x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        started = started.add_extension(purpose, critical=True)
    return started.sign(by, hashes.SHA256())
