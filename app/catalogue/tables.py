"""Code tables (字典): the label of a code, membership, and search as a technician types. Knows nothing of files."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

Span = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Code:
    """One row of a table. `pinyin` holds the initials of the label, `doubt` what the print leaves open."""

    code: str
    label: str
    pinyin: str = ""
    note: str = ""
    doubt: str = ""
    more: Mapping[str, str] = field(default_factory=dict)
    """Further columns of the file, by header name."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One search result; the spans are [start, end) positions in the code and in the label to print in bold."""

    code: Code
    code_spans: tuple[Span, ...] = ()
    label_spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Table:
    """A closed list of codes in the order of its file. `code in table`, `len(table)` and iteration work."""

    name: str
    codes: tuple[Code, ...]

    def __contains__(self, code: object) -> bool:
        return code in self._by_code

    def __iter__(self) -> Iterator[Code]:
        return iter(self.codes)

    def __len__(self) -> int:
        return len(self.codes)

    def get(self, code: str) -> Code | None:
        return self._by_code.get(code)

    def label(self, code: str) -> str:
        """The label of `code`, "" for a code that is not in the table."""
        found = self._by_code.get(code)
        return found.label if found else ""

    def named(self, label: str) -> Code | None:
        """The only code with this label; a label may be typed without its last character when that is unique (男)."""
        exact = [one for one in self.codes if one.label == label]
        short = [one for one in self.codes if label and one.label.startswith(label)]
        found = exact or short
        return found[0] if len(found) == 1 else None

    def search(self, text: str, limit: int = 50) -> tuple[Hit, ...]:
        """Best first: exact code, prefix of code or label, initials, anywhere. All words must be found."""
        words = unicodedata.normalize("NFKC", text).casefold().split()
        found = [ranked for one in self.codes if (ranked := _hit(one, words))]
        found.sort(key=lambda ranked: ranked[0])
        return tuple(hit for _, hit in found[:limit])

    @cached_property
    def _by_code(self) -> dict[str, Code]:
        return {one.code: one for one in self.codes}


def _hit(code: Code, words: list[str]) -> tuple[int, Hit] | None:
    """The worst rank of the words and the hit; None when a word is not found."""
    code_spans: list[Span] = []
    label_spans: list[Span] = []
    worst = 0
    for word in words:
        rank, in_code, in_label = _place(code, word)
        if rank < 0:
            return None
        worst = max(worst, rank)
        code_spans += in_code
        label_spans += in_label
    return worst, Hit(code=code, code_spans=tuple(code_spans), label_spans=_joined(label_spans))


def _place(code: Code, word: str) -> tuple[int, list[Span], list[Span]]:
    """Rank (0 is best, -1 not found), spans in the code, spans in the label."""
    key, label = code.code.casefold(), code.label.casefold()
    if key == word:
        return 0, [(0, len(word))], []
    if key.startswith(word):
        return 1, [(0, len(word))], []
    if label.startswith(word):
        return 1, [], [(0, len(word))]
    at = code.pinyin.find(word)
    if at >= 0:
        return 2 if at == 0 else 3, [], _initials_spans(code, at, at + len(word))
    if word in label:
        return 4, [], [(label.index(word), label.index(word) + len(word))]
    if word in key:
        return 4, [(key.index(word), key.index(word) + len(word))], []
    return -1, [], []


def _initials_spans(code: Code, start: int, end: int) -> list[Span]:
    """Initial n belongs to the n-th letter, digit or character of the label; nothing if they do not pair off."""
    letters = [place for place, char in enumerate(code.label) if char.isalnum()]
    if len(letters) != len(code.pinyin):
        return []
    return [(place, place + 1) for place in letters[start:end]]


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)
