"""The file in the body of an upload: bare or in a form, and nothing but a plain no for everything else."""

from __future__ import annotations

import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import NeedsOperator
from app.wire.uploads import Uploaded, uploaded

BOUNDARY = "----WebKitFormBoundary7MA4YWxk"
KIND = f"multipart/form-data; boundary={BOUNDARY}"
PDF = b"%PDF-1.7\r\n--not the boundary\r\n\x00\xff%%EOF"


def a_part(data: bytes, disposition: str, more: str = "") -> bytes:
    head = f"Content-Disposition: form-data; {disposition}\r\n{more}\r\n"
    return f"--{BOUNDARY}\r\n{head}".encode() + data + b"\r\n"


def a_form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


A_FILE = a_part(PDF, 'name="file"; filename="../../盖章.pdf"', "Content-Type: application/pdf\r\n")


@pytest.mark.parametrize("kind", ["", "application/pdf", "Application/Octet-Stream; charset=utf-8"])
def test_a_bare_body_is_the_file(kind: str) -> None:
    assert uploaded(kind, PDF) == Uploaded(data=PDF)


def test_the_file_of_a_form_is_found_beside_its_fields() -> None:
    token = a_part(b"123456", 'name="token"')
    assert uploaded(KIND, a_form(token, A_FILE)) == Uploaded(data=PDF, fields={"token": "123456"})


def test_a_file_without_a_file_name_is_known_by_its_type() -> None:
    part = a_part(PDF, 'name="file"', "Content-Type: application/pdf\r\n")
    assert uploaded(KIND, a_form(part)).data == PDF


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (KIND, a_form()),
        (KIND, a_form(A_FILE, A_FILE)),
        (KIND, a_form(a_part(b"x", 'name="token"'))),
        (KIND, a_form(A_FILE)[:-30]),
        (KIND, PDF),
        (KIND, a_form(*[a_part(b"x", 'name="x"')] * 40, A_FILE)),
        ("multipart/form-data", a_form(A_FILE)),
        ("multipart/mixed; boundary=x", PDF),
        ("text/html", b"<html>login</html>"),
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b"file=%25PDF"),
    ],
)
def test_what_holds_no_single_file_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(NeedsOperator, match="送回来的不是一个文件"):
        uploaded(kind, body)


@given(st.binary(max_size=3000), st.text(max_size=40))
def test_any_bytes_come_through_a_form_unchanged(data: bytes, name: str) -> None:
    name = "".join(one for one in name if one.isprintable() and one not in '"\\')
    part = a_part(data, f'name="file"; filename="{name}"')
    assert uploaded(KIND, a_form(part)).data == data


JUNK = st.one_of(
    st.binary(max_size=400),
    st.lists(
        st.sampled_from(f"--{BOUNDARY}|\r\n|\n|--|: |Content-Disposition|form-data|;|filename=x".encode().split(b"|"))
        | st.binary(max_size=12),
        max_size=30,
    ).map(b"".join),
)  # fmt: skip


@given(st.sampled_from([KIND, 'multipart/form-data; boundary=""', "multipart/form-data; boundary=ü"]), JUNK)
def test_no_body_does_more_than_be_refused(kind: str, body: bytes) -> None:
    with contextlib.suppress(NeedsOperator):
        uploaded(kind, body)


@given(st.text(alphabet=string.printable, max_size=60))
def test_no_content_type_does_more_than_be_refused(kind: str) -> None:
    with contextlib.suppress(NeedsOperator):
        uploaded(kind, PDF)
