"""SM4 against the printed examples, other people's keys and damaged bodies."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.crypto.keys import WrongKey, parse_sm4_key
from app.crypto.sm4 import decrypt_ecb, encrypt_ecb

# The interface document V2.1, 三(八), Java sample. The ciphertext is printed undamaged, only broken over two
# lines; the comment beside it shows blanks in the JSON that were not encrypted.
DOCUMENT_KEY = parse_sm4_key("2a77be8ebc9c90cd25ccd1d31dce7a77")
DOCUMENT_PLAIN = '{"patientName":"张三","patientId":"Test123456"}'.encode()
DOCUMENT_SECRET = "laoxZiinrHrTUa1tythils6bY9/PaMJpAdm7xoKwHx0KbPEea+Am911ApbxJwJLy4QI6Vq1xoMTGEWqoUvOzOQ=="


def test_the_documents_worked_example_comes_out_to_the_last_byte() -> None:
    assert base64.b64encode(encrypt_ecb(DOCUMENT_KEY, DOCUMENT_PLAIN)).decode() == DOCUMENT_SECRET


def test_the_documents_ciphertext_opens_to_the_compact_json() -> None:
    assert decrypt_ecb(DOCUMENT_KEY, base64.b64decode(DOCUMENT_SECRET)) == DOCUMENT_PLAIN


def test_the_national_standards_block_is_the_first_block() -> None:
    block = bytes.fromhex("0123456789abcdeffedcba9876543210")
    assert encrypt_ecb(block, block)[:16].hex() == "681edf34d206965e86b3e94f536e4246"


@given(key=st.binary(min_size=16, max_size=16), plain=st.binary(max_size=200))
def test_what_was_encrypted_comes_back(key: bytes, plain: bytes) -> None:
    secret = encrypt_ecb(key, plain)
    assert len(secret) % 16 == 0
    assert 1 <= len(secret) - len(plain) <= 16
    assert decrypt_ecb(key, secret) == plain


@given(key=st.binary(min_size=16, max_size=16))
def test_another_key_never_gives_the_plaintext(key: bytes) -> None:
    try:
        opened = decrypt_ecb(key, base64.b64decode(DOCUMENT_SECRET))
    except WrongKey:
        return
    assert (opened == DOCUMENT_PLAIN) == (key == DOCUMENT_KEY)


def test_a_wrong_key_tells_the_person_whom_to_ask_and_shows_no_key() -> None:
    with pytest.raises(WrongKey) as caught:
        decrypt_ecb(bytes(16), base64.b64decode(DOCUMENT_SECRET))
    assert caught.value.title == "我们解不开平台加密的内容"
    assert caught.value.advice == "请找工程师核对 SM4 密钥"
    assert "00000000" not in str(caught.value) + caught.value.details


@pytest.mark.parametrize("secret", [b"", b"x", bytes(15), bytes(17)])
def test_a_cut_ciphertext_is_refused(secret: bytes) -> None:
    with pytest.raises(WrongKey):
        decrypt_ecb(DOCUMENT_KEY, secret)


@pytest.mark.parametrize("length", [0, 15, 17, 32])
def test_a_key_of_the_wrong_length_is_refused_not_cut(length: int) -> None:
    with pytest.raises(WrongKey, match="32 位十六进制"):
        encrypt_ecb(bytes(length), b"x")


def test_a_key_typed_with_blanks_and_capitals_is_read() -> None:
    assert parse_sm4_key(" 2A77BE8E bc9c90cd25ccd1d31dce7a77\n") == DOCUMENT_KEY


@pytest.mark.parametrize("text", ["", "2a77", "2a77be8ebc9c90cd25ccd1d31dce7a7g", "密钥"])
def test_a_key_that_is_no_key_is_refused_in_plain_words(text: str) -> None:
    with pytest.raises(WrongKey, match="重新粘贴"):
        parse_sm4_key(text)


def test_ten_megabytes_take_a_third_of_a_second_at_most() -> None:
    body = bytes(10_000_000)
    fastest = min(_seconds_to_encrypt(body) for _ in range(3))
    assert fastest < 0.3


def _seconds_to_encrypt(body: bytes) -> float:
    started = time.perf_counter()
    encrypt_ecb(DOCUMENT_KEY, body)
    return time.perf_counter() - started
