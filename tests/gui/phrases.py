"""Every Chinese phrase of the desktop and of the errors, with its places: `python -m tests.gui.phrases OUT.csv`.

A translator fills the last column; `{}` stands for what the program puts in.
"""

from __future__ import annotations

import ast
import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("app/gui", "app/engine", "app/delivery", "app/intake", "app/domain", "app/errors.py")
"""Where sentences that people see are written."""
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def phrases(rooms: tuple[str, ...] = ROOMS) -> dict[str, list[str]]:
    """phrase -> places (`app/gui/home.py:88`), in the order of the files."""
    found: dict[str, list[str]] = {}
    for path in files(rooms):
        for line, text in spoken(path):
            found.setdefault(text, []).append(f"{path.relative_to(ROOT).as_posix()}:{line}")
    return found


def files(rooms: tuple[str, ...]) -> Iterator[Path]:
    for room in rooms:
        place = ROOT / room
        yield from [place] if place.is_file() else sorted(place.rglob("*.py"))


def spoken(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each literal with Chinese in it; docstrings and comments are not spoken."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    for one in ast.walk(tree):
        if isinstance(one, ast.JoinedStr):
            silent |= {id(part) for part in one.values}
    for one in ast.walk(tree):
        text = _text(one) if id(one) not in silent else ""
        if _CHINESE.search(text):
            yield one.lineno, text  # type: ignore[attr-defined]


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def main(out: Path) -> None:
    found = phrases()
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(["phrase", "places", "translation"])
        table.writerows([text, " ".join(places), ""] for text, places in found.items())
    print(f"{len(found)} phrases")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
