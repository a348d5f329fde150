"""Which code list a field offers, and codes between what is kept, typed and shown (字典).

One region asks: its own list. Several ask: the shared one, and each destination gets the codes in its own. What is kept
are always shared codes (`app.catalogue.translate`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from app.catalogue.region import CODED, Region
from app.catalogue.tables import Table
from app.catalogue.translate import MARK
from app.catalogue.types import TYPES
from app.delivery.record import Known, Values, View
from app.domain.form import Value
from app.engine.house import House
from app.errors import NeedsOperator

_LINES = re.compile(r"[\n;；]")
_List = tuple[Table | None, Region | None]
"""A code list, and the region whose own codes it has; None: the shared ones."""


def offered(house: House, key: str) -> Table | None:
    """The list that the field is chosen from, None for a field without one."""
    return _list(house, _name(house, key))[0]


def list_named(house: House, name: str) -> Table | None:
    """The same by the name of the list."""
    return _list(house, name)[0]


def is_coded(house: House, key: str) -> bool:
    return house.catalogue.fields[key].type in CODED and offered(house, key) is not None


def typed(house: House, key: str, text: str) -> str:
    """What was typed, as it is kept. Raises `NeedsOperator`.

    Codes are those of the list on offer; a name that only another list has is understood too, never a bare code of it
    that the list on offer has for something else.
    """
    kind = TYPES[house.catalogue.fields[key].type]
    table, region = _list(house, _name(house, key))
    try:
        return _kept(region, key, kind.parse(text, table))
    except NeedsOperator:
        if kind.name not in CODED or table is None:
            raise
        pieces = [text] if kind.name == "code" else [piece for piece in _LINES.split(text) if piece.strip()]
        return ",".join(dict.fromkeys(_piece(house, key, kind.name, piece) for piece in pieces))


def named(house: House, key: str, words: str) -> str:
    """The kept code that alone has this name, in the list on offer or in another; "" for none."""
    for table, region in (_list(house, _name(house, key)), *_others(house, key)):
        found = table.named(words) if table else None
        if found is not None:
            return _kept(region, key, found.code)
    return ""


def text_of(house: House, key: str, kept: str) -> str:
    """A kept text as a person would type it: a code of the list on offer."""
    region = _list(house, _name(house, key))[1]
    told = region.own(key, kept) if region else kept
    return shown(house, key, kept) if MARK in told and house.catalogue.fields[key].type in CODED else told


def shown(house: House, key: str, kept: str) -> str:
    """A kept text in its form for people: codes with their names."""
    kind = TYPES[house.catalogue.fields[key].type]
    if kind.name not in CODED:
        return kind.show(kept, offered(house, key))
    return "；".join(dict.fromkeys(told for code in kept.split(",") for told in _told(house, key, code) if code))


def together(stored: Known, views: Sequence[View]) -> View | None:
    """The exam as all its destinations know it, in kept codes: of each value the first that one of them has."""
    if not views:
        return None
    kept, places = stored.record, range(len(views[0].reports))
    rows = max(len(view.settlements) for view in views)
    return replace(
        views[0],
        exam=_first_known(((view.target.region, view.exam) for view in views), kept.exam),
        settlements=tuple(
            _first_known(
                ((view.target.region, view.settlements[row]) for view in views if row < len(view.settlements)),
                kept.settlements[row] if row < len(kept.settlements) else {},
            )
            for row in range(rows)
        ),
        reports=tuple(
            replace(
                views[0].reports[place],
                values=_first_known(
                    ((view.target.region, view.reports[place].values) for view in views), kept.reports[place][1]
                ),
            )
            for place in places
        ),
    )


def kept_text(region: Region, key: str, value: Value | None, entered: Mapping[str, Value]) -> str:
    """What is kept of a value of a view: as it was entered, which its region may tell less exactly."""
    if value is None:
        return ""
    own = entered.get(key)
    return own.text if own is not None and own.source is value.source else region.kept(key, value.text)


def _first_known(seen: Iterable[tuple[Region, Values]], entered: Mapping[str, Value]) -> Values:
    found: Values = {}
    for region, values in seen:
        for key, value in values.items():
            if key not in found or (value.text and not found[key].text):
                found[key] = replace(value, text=kept_text(region, key, value, entered))
    return found


def _regions(house: House) -> list[Region]:
    """Of the destinations, each region once."""
    return list({target.region.name: target.region for target in house.targets.values()}.values())


def _name(house: House, key: str) -> str:
    asking = (region.entered[key][0].table for region in _regions(house) if key in region.entered)
    return next(asking, house.catalogue.fields[key].table)


def _list(house: House, name: str) -> _List:
    asking = [region for region in _regions(house) if name in region.tables_entered]
    if len(asking) == 1:
        return asking[0].table(name), asking[0]
    if name in house.catalogue.tables:
        return house.catalogue.tables[name], None
    return next((table for one in asking or _regions(house) if (table := one.table(name))), None), None


def _kept(region: Region | None, key: str, text: str) -> str:
    return region.kept(key, text) if region else text


def _piece(house: House, key: str, kind: str, text: str) -> str:
    """One piece by whichever list knows it. Raises what the list on offer says."""
    table, region = _list(house, _name(house, key))
    try:
        return _kept(region, key, TYPES[kind].parse(text, table))
    except NeedsOperator:
        for other, its_region in _others(house, key):
            try:
                return _kept(its_region, key, TYPES["code"].parse(text, other))
            except NeedsOperator:
                continue
        raise


def _others(house: House, key: str) -> Iterator[_List]:
    name = _name(house, key)
    if name in house.catalogue.tables:
        yield house.catalogue.tables[name], None
    for region in _regions(house):
        if name in region.translations:
            yield region.table(name), region


def _told(house: House, key: str, code: str) -> Iterator[str]:
    """One kept code with its name: from the list on offer, else from the list that it is of."""
    name = _name(house, key)
    table, region = _list(house, name)
    for own in (region.own(key, code) if region else code).split(","):
        if table and own in table:
            yield TYPES["code"].show(own, table)
        else:
            yield _told_elsewhere(house, key, name, code)


def _told_elsewhere(house: House, key: str, name: str, code: str) -> str:
    of, mark, bare = code.partition(MARK)
    shared = house.catalogue.tables.get(name)
    if not mark and shared and code in shared:
        return TYPES["code"].show(code, shared)
    for region in _regions(house):
        table = region.table(name)
        if table and (region.name == of if mark else region.own(key, code) == code and code in table):
            return TYPES["code"].show(bare if mark else code, table)
    return bare if mark else code
