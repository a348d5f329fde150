"""A small valid one-page PDF with Chinese text, written by hand: the font is named, not embedded (PDF 1.4, 9.7.5)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

LINE_LENGTH = 36


def make_report_pdf(
    path: Path,
    *,
    patient: str,
    findings: str,
    conclusion: str,
    accession: str = "",
    title: str = "影像检查报告单",
    doctors: tuple[str, str] | None = None,
    when: datetime | None = None,
) -> Path:
    """Write an A4 report to `path` and return it; `doctors` reported and audited it, at `when`."""
    lines = [(20, title), (12, f"姓名：{patient}    检查号：{accession}"), (12, "影像所见：")]
    lines += [(12, line) for line in _wrapped(findings)]
    lines += [(12, "诊断结论：")] + [(12, line) for line in _wrapped(conclusion)]
    if doctors:
        lines.append((12, f"报告医师：{doctors[0]}    审核医师：{doctors[1]}"))
    if when:
        lines.append((12, f"报告时间：{when:%Y-%m-%d %H:%M:%S}    审核时间：{when:%Y-%m-%d %H:%M:%S}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_document(_content(lines)))
    return path


def _wrapped(text: str) -> list[str]:
    return [
        paragraph[start : start + LINE_LENGTH]
        for paragraph in text.splitlines()
        for start in range(0, max(1, len(paragraph)), LINE_LENGTH)
    ]


def _content(lines: list[tuple[int, str]]) -> bytes:
    parts = ["BT"]
    height = 780
    for size, line in lines:
        parts.append(f"/F1 {size} Tf 1 0 0 1 60 {height} Tm <{_ucs2(line)}> Tj")
        height -= size + 10
    parts.append("ET")
    return "\n".join(parts).encode("ascii")


def _ucs2(text: str) -> str:
    """Hex of UniGB-UCS2-H codes: two bytes per character, characters outside the BMP become a question mark."""
    plain = "".join(letter if ord(letter) < 0x10000 else "?" for letter in text)
    return plain.encode("utf-16-be").hex().upper()


def _document(content: bytes) -> bytes:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light-UniGB-UCS2-H /Encoding /UniGB-UCS2-H"
        b" /DescendantFonts [6 0 R] >>",
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light"
        b" /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 4 >> /DW 1000"
        b" /W [1 95 500] /FontDescriptor 7 0 R >>",
        b"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /ItalicAngle 0"
        b" /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>",
    ]
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)
