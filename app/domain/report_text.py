"""How the text of one layout of report is read (报告模板): what a person said of it once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Template:
    """`mapping`: our field -> label, "" for a field that is not to be read from it. `labels` know the layout again."""

    layout: str
    labels: frozenset[str]
    mapping: Mapping[str, str]
