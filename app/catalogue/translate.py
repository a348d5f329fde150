"""Codes that differ per region (字典对照): kept is the shared table's code; a region's table says what its own mean.

The column `ours` of a region's table holds the shared codes that its code stands for, parted by blanks; empty: the
same code. After a leading `*` they say only the way into the region: which of them was meant can't be told from the
region's code, so a choice of it is kept as `region:code`, and another region asks again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from app.catalogue.tables import Table

COLUMN = "ours"
UNCLEAR = "*"
MARK = ":"
"""Parts the list that a code is of from the code: `region:02`, `:414` of the shared list. No code holds it."""


@dataclass(frozen=True, kw_only=True)
class Translation:
    """One of a region's own tables beside the shared one of the same name.

    `stands`: the table is older than the shared one, so a bare code that only it knows was kept as its own.
    """

    region: str
    own: Table
    shared: Table
    stands: bool = False

    def kept(self, code: str) -> str:
        """How a code of the region is kept; a marked one goes back to what it was."""
        if MARK in code:
            return code.removeprefix(MARK)
        if code not in self.own:
            return code
        if code in self._unclear:
            return f"{self.region}{MARK}{code}"
        return self._ours[code][0]

    def own_codes(self, kept: str) -> tuple[str, ...]:
        """The region's codes for a kept one; one that it has no code for comes back marked, never as another code."""
        region, mark, code = kept.partition(MARK)
        if mark:
            return (code if region == self.region and code in self.own else kept,)
        if found := self._of_shared.get(kept):
            return found
        if kept in self.own and self.stands and kept not in self.shared:
            return (kept,)
        return (MARK + kept if kept in self.shared or kept in self.own else kept,)

    def faults(self, *, several: bool) -> list[tuple[str, str]]:
        """(code, what is wrong with its `ours`): every choice must come back as itself."""
        found = [
            (code, f"{one!r} is no code of the shared table")
            for code, ours in self._ours.items()
            for one in ours
            if one not in self.shared
        ]
        if not several:
            found += [
                (codes[1], f"{one!r} stands for {' and '.join(codes)}")
                for one, codes in self._of_shared.items()
                if len(codes) > 1
            ]
        for code, ours in self._ours.items():
            if code in self._unclear or not ours or ours[0] not in self.shared:
                continue
            if self.own_codes(ours[0]) != (code,):
                found.append((code, f"{ours[0]!r} does not lead back to it alone"))
        return found

    @cached_property
    def _ours(self) -> dict[str, tuple[str, ...]]:
        cells = {one.code: one.more.get(COLUMN, "").removeprefix(UNCLEAR).split() for one in self.own}
        return {code: tuple(cell) if cell or code in self._unclear else (code,) for code, cell in cells.items()}

    @cached_property
    def _unclear(self) -> frozenset[str]:
        return frozenset(one.code for one in self.own if one.more.get(COLUMN, "").startswith(UNCLEAR))

    @cached_property
    def _of_shared(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for code, ours in self._ours.items():
            for one in ours:
                found[one] = (*found.get(one, ()), code)
        return found


def is_foreign(text: str) -> bool:
    """Whether one of these codes is of another list: the region has none for it."""
    return any(MARK in code for code in text.split(","))
