"""Platforms' numbers as people are shown them: in an index code (医保影像云索引) stands whose document it names."""

from __future__ import annotations

import re

_INDEX = re.compile(r"([0-9A-Z]+)-([0-9A-Z]+)(-\d{14}-.*)", re.IGNORECASE)


def masked_index(number: str) -> str:
    """An index code with the middle of the document's number hidden; any other number as it is."""
    found = _INDEX.fullmatch(number)
    if found is None:
        return number
    document, seen = found[2], 4 if len(found[2]) >= 15 else 2
    hidden = f"{document[:seen]}****{document[-seen:]}" if len(document) > 6 else "****"
    return f"{found[1]}-{hidden}{found[3]}"


def short_number(number: str) -> str:
    """…135812…: the time in an index code, or the middle of another number; kept on one line."""
    if number.count("-") >= 2:
        shown = number.split("-")[2][-6:]
    elif len(number) > 10:
        shown = number[len(number) // 2 - 3 :][:6]
    else:
        return number
    return f"…\u2060{shown}\u2060…"
