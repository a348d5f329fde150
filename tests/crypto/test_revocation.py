"""Revocation lists: who signed them, what they name, and what silence in them means."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.crypto.certificates import parse_certificate
from app.crypto.refusals import Refusal, SignatureRefused
from app.crypto.revocation import Revoked, Standing, check_revocation, parse_revocation_list
from tests.crypto import ca
from tests.crypto.refusing import refused

ROOT = ca.root()
GONE, STAYS = ca.doctor(ROOT, "离职医生"), ca.doctor(ROOT, crl_address="http://crl.example/one.crl")
DAY = timedelta(days=1)
LIST = ca.revocation_list(ROOT, [(GONE, ca.NOON - DAY, "cessation_of_operation")])
ROOT_READ, GONE_READ, STAYS_READ = (parse_certificate(holder.der) for holder in (ROOT, GONE, STAYS))


def test_a_list_names_who_was_revoked_when_and_why() -> None:
    found = parse_revocation_list(LIST)
    assert found.is_signed_by(ROOT_READ)
    assert (found.issuer, found.this_update) == ("测试根证书, 测试机构", ca.NOON - DAY)
    assert found.revoked(GONE_READ.serial) == Revoked(at=ca.NOON - DAY, reason="cessation_of_operation")
    assert found.revoked(STAYS_READ.serial) is None


def test_a_list_comes_as_base64_too() -> None:
    assert parse_revocation_list(base64.encodebytes(LIST)) == parse_revocation_list(LIST)


def test_a_revoked_certificate_is_refused_and_another_stands() -> None:
    lists = [parse_revocation_list(LIST)]
    assert check_revocation(STAYS_READ, ROOT_READ, lists, ca.NOON) is Standing.GOOD
    with refused(Refusal.REVOKED):
        check_revocation(GONE_READ, ROOT_READ, lists, ca.NOON)


def test_what_was_signed_before_the_revocation_stands_unless_the_key_was_stolen() -> None:
    before = ca.NOON - 2 * DAY
    assert check_revocation(GONE_READ, ROOT_READ, [parse_revocation_list(LIST)], before) is Standing.GOOD
    stolen = parse_revocation_list(ca.revocation_list(ROOT, [(GONE, ca.NOON - DAY, "key_compromise")]))
    with refused(Refusal.REVOKED):
        check_revocation(GONE_READ, ROOT_READ, [stolen], before)


def test_an_entry_that_was_lifted_is_none() -> None:
    lifted = parse_revocation_list(ca.revocation_list(ROOT, [(GONE, ca.NOON - DAY, "remove_from_crl")]))
    assert check_revocation(GONE_READ, ROOT_READ, [lifted], ca.NOON) is Standing.GOOD


def test_an_overdue_list_counts_for_what_it_names_and_says_that_it_is_overdue() -> None:
    old = parse_revocation_list(
        ca.revocation_list(ROOT, [(GONE, ca.NOON - 9 * DAY, "superseded")], next_update=ca.NOON - DAY)
    )
    assert old.is_stale(ca.NOON) and not old.is_stale(ca.NOON - DAY)
    assert check_revocation(STAYS_READ, ROOT_READ, [old], ca.NOON) is Standing.STALE
    assert check_revocation(STAYS_READ, ROOT_READ, [old, parse_revocation_list(LIST)], ca.NOON) is Standing.GOOD
    with refused(Refusal.REVOKED):
        check_revocation(GONE_READ, ROOT_READ, [old], ca.NOON)


def test_without_a_list_of_the_issuer_nothing_is_known() -> None:
    namesake = ca.root("测试根证书", ca.sm2_pair("another key"))
    forged = parse_revocation_list(ca.revocation_list(namesake, [(STAYS, ca.NOON - DAY, "superseded")]))
    other = parse_revocation_list(ca.revocation_list(ca.root("别的")))
    assert check_revocation(STAYS_READ, ROOT_READ, [forged, other], ca.NOON) is Standing.UNKNOWN
    assert not forged.is_signed_by(ROOT_READ)


def test_a_list_about_a_part_of_the_certificates_is_silent_about_the_rest() -> None:
    one, two = (
        parse_revocation_list(ca.revocation_list(ROOT, extensions=[ca.distribution_point(address)]))
        for address in ("http://crl.example/one.crl", "http://crl.example/two.crl")
    )
    assert check_revocation(STAYS_READ, ROOT_READ, [one], ca.NOON) is Standing.GOOD
    assert check_revocation(STAYS_READ, ROOT_READ, [two], ca.NOON) is Standing.UNKNOWN


def test_a_list_of_changes_alone_is_not_taken_for_the_list() -> None:
    delta = {"extn_id": "delta_crl_indicator", "critical": True, "extn_value": 7}
    with refused(Refusal.UNSUPPORTED):
        parse_revocation_list(ca.revocation_list(ROOT, extensions=[delta]))


def test_a_list_signed_by_rsa_is_read_alike() -> None:
    root = ca.root("RSA 根", ca.rsa_pair("crl"))
    assert parse_revocation_list(ca.revocation_list(root)).is_signed_by(parse_certificate(root.der))


@given(nonsense=st.binary(max_size=200) | st.text(max_size=60))
def test_nonsense_is_refused_and_never_an_error(nonsense: bytes | str) -> None:
    with pytest.raises(SignatureRefused):
        parse_revocation_list(nonsense)


@settings(max_examples=100, deadline=None)
@given(position=st.integers(0, len(LIST) - 1), flip=st.integers(1, 255))
def test_one_changed_byte_anywhere_breaks_the_signature(position: int, flip: int) -> None:
    changed = bytearray(LIST)
    changed[position] ^= flip
    assert not _signed(bytes(changed))


def _signed(der: bytes) -> bool:
    try:
        return parse_revocation_list(der).is_signed_by(ROOT_READ)
    except SignatureRefused:
        return False
