"""QR codes as rows of modules and as half blocks: a decoder reads back what went in."""

from __future__ import annotations

import pytest
import zxingcpp
from PIL import Image

from app.signing import qr

TEXTS = ["K", "KHE0DgQEUHoQY3VnKGRrZF5EUENtClJQCmBnazMKXQdGJVQdBFI6NzczCUAD",
         '{"id":"APP_1","sUrl":"https://a/b","o":"' + "x" * 90 + '"}', "签名"]  # fmt: skip


def read(rows: list[list[bool]]) -> str:
    """`rows`: dark modules, with their quiet zone."""
    picture = Image.new("L", (len(rows[0]), len(rows)), 255)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            picture.putpixel((x, y), 0 if dark else 255)
    big = picture.resize((len(rows[0]) * 5, len(rows) * 5), Image.Resampling.NEAREST)
    (found,) = zxingcpp.read_barcodes(big)
    return str(found.text)


@pytest.mark.parametrize("text", TEXTS)
def test_modules_are_read_back(text: str) -> None:
    rows = qr.modules(text)
    assert {len(row) for row in rows} == {len(rows)}
    side = [False] * 4
    empty = [[False] * (len(rows) + 8)] * 4
    assert read([*empty, *([*side, *(one == "1" for one in row), *side] for row in rows), *empty]) == text


@pytest.mark.parametrize("text", TEXTS)
def test_the_terminal_shows_the_same_code_dark_on_light(text: str) -> None:
    lit = {"█": (True, True), "▀": (True, False), "▄": (False, True), " ": (False, False)}
    halves = [[lit[one] for one in line] for line in qr.blocks(text)]
    rows = [[not half[part] for half in line] for line in halves for part in (0, 1)]
    assert read(rows) == text
