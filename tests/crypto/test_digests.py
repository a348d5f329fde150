"""Digests against the vectors of their standards."""

from __future__ import annotations

from app.crypto import digests


def test_sm3_gives_the_national_standards_two_examples() -> None:
    assert digests.sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert digests.sm3(b"abcd" * 16).hex() == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


def test_md5_and_sha_give_the_well_known_values_of_abc() -> None:
    assert digests.md5(b"abc").hex() == "900150983cd24fb0d6963f7d28e17f72"
    assert digests.sha1_hex_upper(b"abc") == "A9993E364706816ABA3E25717850C26C9CD0D89D"
    assert digests.sha256(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_hmac_sha256_gives_the_second_case_of_rfc_4231() -> None:
    code = digests.hmac_sha256(b"Jefe", b"what do ya want for nothing?")
    assert code.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_same_holds_for_equal_digests_only() -> None:
    assert digests.same(digests.sm3(b"a"), digests.sm3(b"a"))
    assert not digests.same(digests.sm3(b"a"), digests.sm3(b"b"))
