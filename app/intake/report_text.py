"""What a report says: its labels with their values, and which of our fields they are. Pure; never invents.

A label is told by its colon, by standing alone on its line, or by its brackets. A field that runs over several lines
(影像所见) ends at the next label that is known, at a head or foot line with several labels, or at a wide gap.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from app.catalogue.report_labels import ReportLabels, normal_label
from app.domain.report_text import Template
from app.intake.pdf_text import Line

LONG = frozenset(
    {"findings", "conclusion", "report_advice", "clinical_diagnosis", "illness_history", "chief_complaint"}
)
_LONGEST_LABEL = 12
_WIDE_GAP = 2.2  # in lines: what follows is no longer the same text
_COLON = re.compile(r"[:：]")
_BRACKETED = re.compile(r"\s*[【\[〔]\s*([^】\]〕]{1,16}?)\s*[】\]〕]\s*[:：]?")
_PAGE_NUMBER = re.compile(
    r"第?\s*\d+\s*页?\s*[/,，共]\s*共?\s*\d+\s*页?|第\s*\d+\s*页|[-—]\s*\d+\s*[-—]|page\s*\d+(\s*(of|/)\s*\d+)?",
    re.IGNORECASE,
)
_LIST_ITEM = re.compile(
    r"\s*(?:[0-9]{1,2}\s*[.、)）:：]|[(（][0-9一二三四五六七八九十]{1,2}[)）]|[一二三四五六七八九十]、|[①-⑳●■◆·•*-])"
)
_NOT_IN_LABEL = re.compile(r"[，。；！？,;!?]")
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff，。；：！？、（）《》"
_BLANK_IN_HAN = re.compile(rf"(?<=[{_HAN}])[ \u3000]+(?=[{_HAN}])")
_OUTER = 0.26  # of the page: where heads and feet repeat


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One label as the report writes it, and the value after it ("" for none). `page` counts from 1."""

    label: str
    value: str
    page: int


@dataclass(frozen=True, kw_only=True)
class Reading:
    """`fields`: key -> (value, label). `layout` names the layout by its labels."""

    pairs: tuple[Pair, ...]
    fields: Mapping[str, tuple[str, str]]
    labels: frozenset[str]
    candidates: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """key -> every (value, label) that may be it, the best first; `fields` holds the first of each."""

    @property
    def layout(self) -> str:
        return layout_of(self.labels)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A label in a line: where it begins, where its value begins."""

    start: int
    end: int
    label: str
    shown: str
    known: bool
    heading: bool
    """It stands alone or in brackets."""


@dataclass
class _Open:
    """A label whose value may go on."""

    found: _Found
    line: Line
    parts: list[tuple[str, Line]]
    long: bool
    """It goes on over several lines; otherwise it takes the next line at most."""


def layout_of(labels: frozenset[str]) -> str:
    return hashlib.sha256("\n".join(sorted(labels)).encode()).hexdigest()[:12]


def likeness(template: Template, labels: frozenset[str]) -> float:
    """How much of the template's labels a report has: 1.0 for all."""
    return len(template.labels & labels) / len(template.labels) if template.labels else 0.0


def read_report(lines: Sequence[Line], known: ReportLabels, template: Template | None = None) -> Reading:
    """Read with the guesses for Chinese reports, corrected by what a person said of this layout."""
    roles, refused = _roles(known, template)
    pairs, labels = _pairs(_body(lines), roles, known.alone - set(template.mapping.values() if template else ()))
    candidates = _candidates(pairs, roles, known, template, refused)
    return Reading(
        pairs=tuple(pairs),
        labels=frozenset(labels),
        fields={key: found[0] for key, found in candidates.items()},
        candidates={key: tuple(found) for key, found in candidates.items()},
    )


def best_template(templates: Sequence[Template], labels: frozenset[str]) -> Template | None:
    """The one that fits nearly all; of equals the one that says most. A layout that lost a label is still itself."""
    fitting = [one for one in templates if likeness(one, labels) >= 0.75]
    return max(fitting, key=lambda one: (likeness(one, labels), len(one.labels)), default=None)


def _roles(known: ReportLabels, template: Template | None) -> tuple[dict[str, str], frozenset[str]]:
    """Normal label -> key; and the keys that a person said are not in this layout."""
    roles = dict(known.keys)
    if template is None:
        return roles, frozenset()
    for key, label in template.mapping.items():
        if label:
            roles[label] = key
    return roles, frozenset(key for key, label in template.mapping.items() if not label)


def _candidates(
    pairs: Sequence[Pair],
    roles: Mapping[str, str],
    known: ReportLabels,
    template: Template | None,
    refused: frozenset[str],
) -> dict[str, list[tuple[str, str]]]:
    """The values of each field, the preferred label first; a mapped field has no other label than its own."""
    said = template.mapping if template else {}
    order = {label: place for place, label in enumerate(known.keys)}
    found: dict[str, list[tuple[str, str]]] = {}
    by_order = sorted(pairs, key=lambda pair: order.get(normal_label(pair.label), -1))
    for pair in by_order:
        label = normal_label(pair.label)
        key = roles.get(label, "")
        if not key or not pair.value or key in refused or (said.get(key) and said[key] != label):
            continue
        found.setdefault(key, []).append((pair.value, pair.label))
    return found


# -- lines ------------------------------------------------------------------------------------------------------------


def _body(lines: Sequence[Line]) -> list[Line]:
    """Without page numbers; a head that every page repeats stays on the first, a foot on the last."""
    kept = [line for line in lines if not _PAGE_NUMBER.fullmatch(line.text.strip())]
    pages = {line.page for line in kept}
    if len(pages) < 2:
        return kept
    heads, feet = _repeated(kept, top=True), _repeated(kept, top=False)
    return [
        line
        for line in kept
        if not (_is_outer(line, top=True) and heads.get(_shape(line), line.page) < line.page)
        and not (_is_outer(line, top=False) and feet.get(_shape(line), line.page) > line.page)
    ]


def _repeated(lines: Sequence[Line], *, top: bool) -> dict[str, int]:
    """Shape of a head line -> the first page that has it; of a foot line -> the last."""
    found: dict[str, int] = {}
    for line in lines:
        if _is_outer(line, top=top) and (not top or _shape(line) not in found):
            found[_shape(line)] = line.page
    return found


def _is_outer(line: Line, *, top: bool) -> bool:
    share = line.top / max(1.0, line.page_height)
    return share < _OUTER if top else share > 1 - _OUTER


def _shape(line: Line) -> str:
    return re.sub(r"\d+", "#", re.sub(r"\s+", "", line.text))


# -- labels -----------------------------------------------------------------------------------------------------------


def find_labels(text: str, roles: Mapping[str, str], alone: frozenset[str] = frozenset()) -> list[_Found]:
    """The labels of one line, from left to right. `roles` are the known ones."""
    whole = _heading(text, roles)
    if whole is not None:
        return [whole]
    found: list[_Found] = []
    bracket = _BRACKETED.match(text)
    at = 0
    if bracket and _may_be_label(bracket[1]):
        found.append(_found(text, bracket.start(1), bracket.end(), roles, heading=True, shown=bracket[1]))
        at = bracket.end()
    for colon in _COLON.finditer(text, at):
        if _is_inside_value(text, colon.start()):
            continue
        start = _label_start(text, at, colon.start(), roles, alone, follows=bool(found))
        if start is not None:
            found.append(_found(text, start, colon.end(), roles))
            at = colon.end()
    return found or _cells(text, roles, alone)


def _found(
    text: str, start: int, end: int, roles: Mapping[str, str], *, heading: bool = False, shown: str = ""
) -> _Found:
    shown = shown or _COLON.split(text[start:end])[0].strip()
    label = normal_label(shown)
    return _Found(start=start, end=end, label=label, shown=shown, known=label in roles, heading=heading)


def _heading(text: str, roles: Mapping[str, str]) -> _Found | None:
    """A known label that has the line to itself, with or without colon."""
    label = normal_label(text)
    if label not in roles:
        return None
    has_colon = bool(_COLON.search(text))
    shown = _COLON.split(text)[0].strip() if has_colon else text.strip()
    return _Found(start=0, end=len(text), label=label, shown=shown, known=True, heading=not has_colon)


def _is_inside_value(text: str, colon: int) -> bool:
    """The colon of a time, of a ratio or of an address."""
    before, after = text[:colon][-1:], text[colon + 1 : colon + 2]
    return (before.isdigit() and after.isdigit()) or text[colon : colon + 3] == "://"


def _label_start(
    text: str, start: int, colon: int, roles: Mapping[str, str], alone: frozenset[str], *, follows: bool
) -> int | None:
    """Where the label before this colon begins, None when there is none. `follows`: after a value on the same line."""
    stem = text[start:colon].rstrip()
    best = None
    for place in range(len(stem) - 1, -1, -1):
        if len(normal_label(stem[place:])) > _LONGEST_LABEL + 4:
            break
        if stem[place].isspace():
            continue
        label = normal_label(stem[place:])
        if label in roles and label not in alone and _begins_label(stem, place, follows=follows):
            best = start + place
    if best is not None:
        return best
    token = _last_token(stem)
    whole_value = follows and token == 0 and start > 0
    return start + token if not whole_value and _may_be_label(stem[token:]) else None


def _begins_label(stem: str, place: int, *, follows: bool) -> bool:
    """At the start, after a blank, or right after a value that was written without one (姓名：李桂芳性别：女)."""
    if not stem[:place].strip() or stem[place - 1].isspace():
        return True
    if not unicodedata.category(stem[place - 1]).startswith("L"):
        return True
    return follows and " " not in stem[:place].strip()


def _last_token(stem: str) -> int:
    """Where the last word begins; single letters with blanks between (备 注) are one word."""
    place = len(stem)
    while place > 0 and not stem[place - 1].isspace():
        place -= 1
    while place >= 2 and len(stem) - place <= _LONGEST_LABEL * 2 and _is_spaced(stem, place):
        place -= 2
    return place


def _is_spaced(stem: str, place: int) -> bool:
    single = place + 1 >= len(stem) or stem[place + 1].isspace()
    lonely = place < 3 or stem[place - 3].isspace()
    return single and lonely and stem[place - 1] == " " and not stem[place - 2].isspace()


def _may_be_label(text: str) -> bool:
    label = normal_label(text)
    if not 2 <= len(label) <= _LONGEST_LABEL or _NOT_IN_LABEL.search(text) or label[0].isdigit():
        return False
    return bool(re.search(r"[\u4e00-\u9fff]{2}|[A-Z]{2}", label)) and not _LIST_ITEM.match(text)


def _cells(text: str, roles: Mapping[str, str], alone: frozenset[str]) -> list[_Found]:
    """Label and value in columns without a colon: 姓名  李桂芳  性别  女."""
    cells = [(part.start(), part.end(), part[0]) for part in re.finditer(r"\S+(?: \S+)*", text)]
    labels = [normal_label(cell) in roles and normal_label(cell) not in alone for _, _, cell in cells]
    found = []
    for place, (start, end, cell) in enumerate(cells):
        if labels[place] and place + 1 < len(cells) and (not place or not labels[place - 1]):
            found.append(_found(text, start, end, roles, shown=cell.strip()))
    return found


# -- pairs ------------------------------------------------------------------------------------------------------------


def _pairs(lines: Sequence[Line], roles: Mapping[str, str], alone: frozenset[str]) -> tuple[list[Pair], set[str]]:
    """Every label with its value in reading order; and the labels that make up the layout."""
    pairs: list[Pair] = []
    labels: set[str] = set()
    pitch = _pitch(lines)
    open_: _Open | None = None
    before: Line | None = None
    for line in lines:
        found = find_labels(line.text, roles, alone)
        if open_ is not None:
            found = _ending(found, line, before, pitch, open_)
            if _goes_on(found, line, before, pitch, open_):
                text = line.text[: found[0].start] if found else line.text
                if text.strip():
                    open_.parts.append((text, line))
            if found or not open_.long:
                pairs.append(_closed(open_))
                open_ = None
        before = line
        for place, one in enumerate(found):
            end = found[place + 1].start if place + 1 < len(found) else len(line.text)
            labels.add(one.label)
            value = line.text[one.end : end]
            if place + 1 == len(found):
                open_ = _opened(one, line, value, roles, alone_on_line=len(found) == 1)
            if open_ is None:
                pairs.append(Pair(label=one.shown, value=_tidy(value), page=line.page + 1))
    if open_ is not None:
        pairs.append(_closed(open_))
    return pairs, labels


def _opened(one: _Found, line: Line, value: str, roles: Mapping[str, str], *, alone_on_line: bool) -> _Open | None:
    """A text field goes on; a heading, or an unknown label with nothing behind it, too; another one ends here."""
    parts = [(value, line)] if value.strip() else []
    is_long = roles.get(one.label, "") in LONG
    if is_long or (alone_on_line and not parts and (one.heading or not one.known)):
        return _Open(found=one, line=line, parts=parts, long=is_long or not one.known or one.heading)
    return None


def _ending(found: list[_Found], line: Line, before: Line | None, pitch: float, open_: _Open) -> list[_Found]:
    """Of the labels in a line those that end the open text, and all after them; none when it goes on."""
    several = len(found) > 1 and not line.text[: found[0].start].strip()
    for place, one in enumerate(found):
        starts_line = not line.text[: one.start].strip(" 【[〔")
        if (
            one.known
            or (several and "  " in line.text)
            or (one.heading and open_.found.heading)
            or (starts_line and (not open_.found.known or _is_far(line, before, pitch)))
        ):
            return found[place:]
    return []


def _goes_on(found: list[_Found], line: Line, before: Line | None, pitch: float, open_: _Open) -> bool:
    """What stands before the next label still belongs to the open text, unless it is far below it."""
    return not (open_.parts and not found and _is_far(line, before, pitch) and _is_foot(line))


def _is_far(line: Line, before: Line | None, pitch: float) -> bool:
    return before is not None and before.page == line.page and line.top - before.top > pitch * _WIDE_GAP


def _is_foot(line: Line) -> bool:
    return line.top / max(1.0, line.page_height) > 0.8


def _pitch(lines: Sequence[Line]) -> float:
    """The usual step from one line to the next."""
    steps = [
        after.top - before.top
        for before, after in pairwise(lines)
        if before.page == after.page and after.top > before.top
    ]
    usual = median(line.height for line in lines) * 1.3 if lines else 1.0
    return max(usual, min(median(steps), usual * 2) if steps else usual)


def _closed(open_: _Open) -> Pair:
    return Pair(label=open_.found.shown, value=_joined(open_.parts), page=open_.line.page + 1)


def _joined(parts: Sequence[tuple[str, Line]]) -> str:
    """The text of a field; a line that was only broken by the paper's edge goes on in the same paragraph."""
    if not parts:
        return ""
    edge = max(line.right for _, line in parts)
    indent = min(line.left for _, line in parts[1:]) if len(parts) > 1 else parts[0][1].left
    text = _tidy(parts[0][0])
    for (_, before), (piece, line) in pairwise(parts):
        broken = (
            before.right > edge - 2.5 * line.height
            and not _LIST_ITEM.match(piece)
            and line.left < indent + 1.2 * line.height
        )
        gap = " " if broken and re.search(r"[A-Za-z0-9,.]$", text) and re.match(r"\s*[A-Za-z0-9]", piece) else ""
        text += (gap if broken else "\n") + _tidy(piece)
    return text.strip()


def _tidy(text: str) -> str:
    return re.sub(r"[ \u3000]+", " ", _BLANK_IN_HAN.sub("", text)).strip()
