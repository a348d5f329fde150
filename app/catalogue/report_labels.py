"""What stands before a value on Chinese imaging reports: `resources/report_labels.csv`, the better label first.

A label without a key only ends the value before it. `alone` counts as a label only on a line of its own.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.catalogue.resources import resources_dir
from app.errors import Bug

COLUMNS = ("key", "label", "alone")


@dataclass(frozen=True, kw_only=True)
class ReportLabels:
    """`keys`: normal label -> field key ("" for none), in the order of preference; `alone` among them."""

    keys: Mapping[str, str]
    alone: frozenset[str]


def normal_label(text: str) -> str:
    """A label as labels are compared: half-width, no blanks, no brackets around, no numbering, no colon, upper case."""
    plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).upper()
    plain = re.sub(r"^(?:[一二三四五六七八九十]{1,2}[、.]|[0-9]{1,2}[、.)])", "", plain)
    return plain.strip("【】[]〔〕<>《》「」*■●◆:：")


def load_report_labels(root: Path | None = None) -> ReportLabels:
    """Raises `Bug` for a label that stands twice."""
    keys: dict[str, str] = {}
    alone: set[str] = set()
    with ((root or resources_dir()) / "report_labels.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            label = normal_label(line["label"])
            if not label or label in keys or tuple(line) != COLUMNS:
                raise Bug(f"report_labels.csv: {line['label']!r} is empty or stands twice")
            keys[label] = line["key"]
            if line["alone"]:
                alone.add(label)
    return ReportLabels(keys=keys, alone=frozenset(alone))
