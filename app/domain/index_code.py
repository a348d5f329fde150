"""The index code (医保影像云索引) as people are shown it: the number of a patient's document stands in it."""

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
