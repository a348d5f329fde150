"""A doctor's phone: reads a QR code from a picture with a decoder and signs. Nothing else tells it anything."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import zxingcpp
from PIL import Image

from app.engine.face import Json

_HALVES = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
"""Upper and lower half of a letter, as light as a terminal with a dark ground shows them."""
_SIZE = 8


def code_on(picture: Path) -> str:
    """What the one QR code on a picture says; "" while there is none."""
    with Image.open(picture) as image:
        return _read(image)


def code_of(printed: Iterable[str]) -> str:
    """What the QR code among the lines of a terminal says."""
    lines = [line for line in printed if line and set(line) <= set(_HALVES)]
    width = max(len(line) for line in lines)
    image = Image.new("L", (width, 2 * len(lines)))
    for y, line in enumerate(lines):
        for x, letter in enumerate(line):
            for half, light in enumerate(_HALVES[letter]):
                image.putpixel((x, 2 * y + half), light)
    return _read(image.resize((width * _SIZE, 2 * len(lines) * _SIZE), Image.Resampling.NEAREST))


def scan(code: str) -> Json:
    """Sign what this code names with the practice phone, at the service that the code itself names; what it showed."""
    service = urlsplit(json.loads(code)["sUrl"])
    wish = urllib.request.Request(f"http://{service.netloc}/practice/phone", json.dumps({"qr": code}).encode())
    with urllib.request.urlopen(wish, timeout=60) as answer:
        told: Json = json.load(answer)
    return told


def _read(image: Image.Image) -> str:
    found = [one for one in zxingcpp.read_barcodes(image) if one.format == zxingcpp.BarcodeFormat.QRCode]
    return str(found[0].text) if len(found) == 1 else ""
