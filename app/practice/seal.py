"""A practice seal in a PDF (PDF 1.7, 12.8): a signature field added by incremental update, and the check of all seals.

The seal's /Contents is a detached GM/T 0010 message over the /ByteRange; on the page it is a ring with a star, as wide
as real ones are (40 mm).
"""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import pypdfium2
from asn1crypto import x509

from app.practice import pkcs7
from app.practice.certificates import Holder, Unsound

CHINA = timezone(timedelta(hours=8))
ROOM = 4096
"""Bytes kept free for the signature."""
_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")
_RING = b"0.85 0.1 0.1 RG 3 w 57 0 0 57 0 0 cm 0.053 w 1 0.5 m 1 0.776 0.776 1 0.5 1 c 0.224 1 0 0.776 0 0.5 c\n"
_RING += b"0 0.224 0.224 0 0.5 0 c 0.776 0 1 0.224 1 0.5 c s 0.85 0.1 0.1 rg 0.5 0.7 m 0.455 0.562 l 0.31 0.562 l\n"
_RING += b"0.427 0.476 l 0.382 0.338 l 0.5 0.424 l 0.618 0.338 l 0.573 0.476 l 0.69 0.562 l 0.545 0.562 l f\n"


class NotStampable(Exception):
    """This file cannot be stamped; the text is a Chinese sentence."""


@dataclass(frozen=True, kw_only=True)
class Seal:
    """One seal found; `problem` is empty where the value fits and nothing was changed after the last seal."""

    value: bytes
    certificate: x509.Certificate | None
    signed_at: str
    problem: str


def stamped(pdf: bytes, by: Holder, at: datetime) -> bytes:
    """The file with a seal added; the bytes before stay where that is possible. Raises NotStampable."""
    if not pdf.startswith(b"%PDF-"):
        raise NotStampable("不是 PDF 文件")
    if not _is_plain(pdf):
        pdf = _rewritten(pdf)
    whole, start = _with_empty_seal(pdf, at)
    hole = whole.index(b"<" + b"0" * 2 * ROOM + b">", start)
    end = hole + 2 * ROOM + 2
    numbers = b"/ByteRange [%010d %010d %010d %010d]" % (0, hole, end, len(whole) - end)
    place = _RANGE.search(whole, start)
    assert place is not None
    whole = whole[: place.start()] + numbers + whole[place.end() :]
    value = pkcs7.signed(by, whole[:hole] + whole[end:], attached=False)
    return whole[: hole + 1] + value.hex().encode().ljust(2 * ROOM, b"0") + whole[end - 1 :]


def seals_in(pdf: bytes) -> list[Seal]:
    """Every seal, oldest first, with what is wrong with it (the certificate's standing is not looked at)."""
    ranges = [tuple(int(one) for one in found.groups()) for found in _RANGE.finditer(pdf)]
    furthest = max((third + fourth for _, _, third, fourth in ranges), default=0)
    return [_seal(pdf, spans, furthest) for spans in sorted(ranges, key=lambda spans: spans[2] + spans[3])]


def _seal(pdf: bytes, spans: tuple[int, ...], furthest: int) -> Seal:
    first, size, second, rest = spans
    signed_at = _said_at(pdf[max(0, size - 2000) : size] + pdf[second : second + 2000])
    hole = pdf[size:second]
    value = re.fullmatch(rb"<([0-9A-Fa-f]*)>", hole)
    if first != 0 or value is None or len(value[1]) % 2 or second + rest > len(pdf):
        return Seal(value=b"", certificate=None, signed_at=signed_at, problem="签章的范围不对")
    raw = bytes.fromhex(value[1].decode())
    try:
        found = pkcs7.checked(raw, pdf[:size] + pdf[second : second + rest], padded=True)
    except Unsound as error:
        return Seal(value=raw, certificate=None, signed_at=signed_at, problem=f"文件被改动或签章不对：{error}")
    changed = "盖章之后文件被改动" if furthest < len(pdf.rstrip()) else ""
    return Seal(value=found.value, certificate=found.certificate, signed_at=signed_at, problem=changed)


def _said_at(near: bytes) -> str:
    found = re.search(rb"/M\s*\(D:(\d{14})", near)
    return datetime.strptime(found[1].decode(), "%Y%m%d%H%M%S").strftime("%Y-%m-%d %H:%M:%S") if found else ""


def _is_plain(pdf: bytes) -> bool:
    """A cross-reference table, no encryption, and a catalogue that stands in the file as text."""
    try:
        trailer = _trailer(pdf)
        root = _object(pdf, _reference(trailer, b"Root"))
        return b"/Encrypt" not in trailer and _object(pdf, _first_page(pdf, root)) != b""
    except NotStampable:
        return False


def _rewritten(pdf: bytes) -> bytes:
    """The same document as pdfium writes it: one table, every object as text. Raises NotStampable."""
    try:
        document = pypdfium2.PdfDocument(pdf)
        try:
            out = io.BytesIO()
            document.save(out)
        finally:
            document.close()
    except pypdfium2.PdfiumError:
        raise NotStampable("PDF 打不开") from None
    if not _is_plain(out.getvalue()):
        raise NotStampable("这样的 PDF 演练签章工具盖不了")
    return out.getvalue()


def _with_empty_seal(pdf: bytes, at: datetime) -> tuple[bytes, int]:
    """The file with a seal whose value is still zeros, and where the addition begins."""
    trailer = _trailer(pdf)
    root_number = _reference(trailer, b"Root")
    root = _object(pdf, root_number)
    page_number = _first_page(pdf, root)
    size = _number(trailer, b"Size")
    sig, widget, ring, form = range(size, size + 4)
    moment = at.astimezone(CHINA).strftime("D:%Y%m%d%H%M%S+08'00'").encode()
    objects = {
        sig: b"<< /Type /Sig /Filter /Practice.Seal /SubFilter /adbe.pkcs7.detached /M (%s)" % moment
        + b" /ByteRange [0000000000 0000000000 0000000000 0000000000] /Contents <%s> >>" % (b"0" * 2 * ROOM),
        widget: b"<< /Type /Annot /Subtype /Widget /FT /Sig /T (seal%d) /V %d 0 R /P %d 0 R /F 132"
        % (sig, sig, page_number)
        + b" /Rect [400 70 513 183] /AP << /N %d 0 R >> >>" % ring,
        ring: b"<< /Type /XObject /Subtype /Form /BBox [-2 -2 59 59] /Length %d >>\nstream\n%s\nendstream"
        % (len(_RING), _RING),
    }
    earlier = re.search(rb"/AcroForm\s+(\d+)\s+0\s+R", root)
    if earlier:
        form = int(earlier[1])
        objects[form] = _with_entry(pdf, _object(pdf, form), b"Fields", widget)
    else:
        objects[form] = b"<< /Fields [%d 0 R] /SigFlags 3 >>" % widget
        objects[root_number] = _extended(root, b"/AcroForm %d 0 R" % form)
    page = objects.get(page_number) or _object(pdf, page_number)
    objects[page_number] = _with_entry(pdf, page, b"Annots", widget)
    start = len(pdf)
    return pdf + _update(pdf, objects, trailer, max(size, *objects) + 1), start


def _update(pdf: bytes, objects: dict[int, bytes], trailer: bytes, size: int) -> bytes:
    out = bytearray(b"\n")
    places = {}
    for number, body in sorted(objects.items()):
        places[number] = len(pdf) + len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(pdf) + len(out)
    out += b"xref\n"
    for number, place in places.items():
        out += b"%d 1\n%010d 00000 n \n" % (number, place)
    kept = b"".join(one[0] + b" " for one in re.finditer(rb"/(Root|Info)\s+\d+\s+\d+\s+R", trailer))
    out += b"trailer\n<< /Size %d %s/Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (size, kept, _table(pdf), table)
    return bytes(out)


def _table(pdf: bytes) -> int:
    found = re.findall(rb"startxref\s+(\d+)", pdf[-2048:])
    if not found:
        raise NotStampable("PDF 没有写完")
    return int(found[-1])


def _trailer(pdf: bytes) -> bytes:
    start = _table(pdf)
    if not pdf[start : start + 4] == b"xref":
        raise NotStampable("没有交叉引用表")
    found = re.compile(rb"trailer\s*<<").search(pdf, start)
    if found is None:
        raise NotStampable("没有 trailer")
    return _dictionary(pdf, found.end() - 2)


def _object(pdf: bytes, number: int) -> bytes:
    """The dictionary of an object as it stands last in the file."""
    found = list(re.finditer(rb"(?<![0-9])%d 0 obj\s*<<" % number, pdf))
    if not found:
        raise NotStampable("目录或页面不是文字")
    return _dictionary(pdf, found[-1].end() - 2)


def _dictionary(pdf: bytes, start: int) -> bytes:
    depth = 0
    for one in re.compile(rb"<<|>>").finditer(pdf, start):
        depth += 1 if one[0] == b"<<" else -1
        if not depth:
            return pdf[start : one.end()]
    raise NotStampable("PDF 没有写完")


def _first_page(pdf: bytes, root: bytes) -> int:
    number = _reference(root, b"Pages")
    for _ in range(20):
        kids = re.search(rb"/Kids\s*\[\s*(\d+)\s+0\s+R", _object(pdf, number))
        if kids is None:
            return number
        number = int(kids[1])
    raise NotStampable("PDF 的页面太深")


def _reference(dictionary: bytes, name: bytes) -> int:
    found = re.search(rb"/%s\s+(\d+)\s+\d+\s+R" % name, dictionary)
    if found is None:
        raise NotStampable(f"PDF 里没有 /{name.decode()}")
    return int(found[1])


def _number(dictionary: bytes, name: bytes) -> int:
    found = re.search(rb"/%s\s+(\d+)" % name, dictionary)
    if found is None:
        raise NotStampable(f"PDF 里没有 /{name.decode()}")
    return int(found[1])


def _with_entry(pdf: bytes, dictionary: bytes, name: bytes, number: int) -> bytes:
    """One more reference in an array of the dictionary, which may stand as an object of its own."""
    elsewhere = re.search(rb"/%s\s+(\d+)\s+0\s+R" % name, dictionary)
    if elsewhere is not None:
        arrays = re.findall(rb"(?<![0-9])%s 0 obj\s*(\[[^\]]*\])" % elsewhere[1], pdf)
        if not arrays:
            raise NotStampable("这样的 PDF 演练签章工具盖不了")
        dictionary = dictionary.replace(elsewhere[0], b"/%s %s" % (name, arrays[-1]))
    found = re.search(rb"/%s\s*\[" % name, dictionary)
    if found is not None:
        return dictionary[: found.end()] + b"%d 0 R " % number + dictionary[found.end() :]
    return _extended(dictionary, b"/%s [%d 0 R]" % (name, number))


def _extended(dictionary: bytes, more: bytes) -> bytes:
    return dictionary[:-2] + b" " + more + b" >>"


def picture() -> str:
    """The ring as a PNG in Base64."""
    from PIL import Image, ImageDraw

    image = Image.new("RGBA", (120, 120), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((3, 3, 117, 117), outline=(217, 26, 26, 255), width=5)
    out = io.BytesIO()
    image.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()
