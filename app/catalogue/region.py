"""The nouns of the catalogue: a field, a row of a region's mapping, a region. Values only: `load` makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from app.catalogue.conditions import CONDITIONS
from app.catalogue.converters import CONVERTERS
from app.catalogue.tables import Table
from app.catalogue.translate import Translation
from app.domain.form import Level, Noun
from app.errors import NeedsOperator

SETTINGS_PAGE = "destination"
CODED = frozenset({"code", "codes"})
"""The types whose saved texts are codes of a table, several parted by commas."""
RECORDED = tuple(noun.value for noun in Noun if noun is not Noun.REQUEST)
"""The messages that carry what a person enters; all others are told by the program alone."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One of our fields, said once: its label, the noun that keeps it, its type and where DICOM has it."""

    key: str
    label: str
    noun: Noun
    group: str
    type: str
    table: str
    """A code table; for the type `rows` the message that each row is sent as."""
    keyword: str
    help: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a platform's document: where a field goes and how strictly it is asked for.

    `path` is the wire name, nested ones with dots; `other_paths` are spellings accepted in what comes back.
    `max_length` is in characters, 0 for none. With `required_when` the row is required exactly while that holds.
    """

    message: str
    field: Field
    path: str
    other_paths: tuple[str, ...]
    level: Level
    convert: str
    table: str
    max_length: int
    required_when: str
    section: str
    doubt: str

    @property
    def key(self) -> str:
        return self.field.key


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Our fields in their order and the shared code tables."""

    fields: Mapping[str, Field]
    tables: Mapping[str, Table]


@dataclass(frozen=True, kw_only=True)
class Region:
    """What one platform asks for. `rows` by message in the document's order; `tables` its own over the shared ones."""

    name: str
    title: str
    document: str
    fields: Mapping[str, Field]
    rows: Mapping[str, tuple[Row, ...]]
    tables: Mapping[str, Table]
    defaults: Mapping[str, str]
    """Field key -> code that is right for nearly every exam."""
    from_modality: Mapping[str, Mapping[str, str]]
    """Field key -> DICOM modality -> code."""
    not_insured: Mapping[str, str]
    """Settlement field -> the fixed value of a settlement outside the insurance."""
    not_insured_charge_types: tuple[str, ...]
    options: Mapping[str, Any]
    """All of `region.toml`, for the sections of other rooms."""
    translations: Mapping[str, Translation] = field(default_factory=dict)
    """By name, the tables of its own that differ from the shared one."""

    @cached_property
    def entered(self) -> Mapping[str, tuple[Row, ...]]:
        """Field key -> its rows, of the fields that a person may enter, in the document's order."""
        found: dict[str, list[Row]] = {}
        for row in (row for message in RECORDED for row in self.rows_of(message)):
            if row.field.noun is not Noun.REQUEST:
                found.setdefault(row.key, []).append(row)
        return {key: tuple(rows) for key, rows in found.items()}

    @cached_property
    def tables_entered(self) -> frozenset[str]:
        """The names of the code tables that its fields are chosen from."""
        return frozenset(row.table for rows in self.entered.values() for row in rows if row.table)

    def kept(self, key: str, text: str) -> str:
        """Codes of this region as they are saved, whatever the destination; any other text as it is."""
        translation = self._translated.get(key)
        if translation is None or not text:
            return text
        return ",".join(dict.fromkeys(translation.kept(code) for code in text.split(",")))

    def own(self, key: str, kept: str) -> str:
        """A saved text with this region's codes; what it has no code for stays marked (`is_foreign`)."""
        translation = self._translated.get(key)
        if translation is None or not kept:
            return kept
        return ",".join(dict.fromkeys(own for code in kept.split(",") for own in translation.own_codes(code)))

    @cached_property
    def _translated(self) -> Mapping[str, Translation]:
        coded = [one for one in self.fields.values() if one.type in CODED]
        named = {one.key: self.entered[one.key][0].table if one.key in self.entered else one.table for one in coded}
        return {key: self.translations[name] for key, name in named.items() if name in self.translations}

    def rows_of(self, message: str) -> tuple[Row, ...]:
        return self.rows.get(message, ())

    def table(self, name: str) -> Table | None:
        return self.tables.get(name) if name else None

    def table_of(self, key: str) -> Table | None:
        """The code table of a field in this region, None for a field without one."""
        named = next((row.table for group in self.rows.values() for row in group if row.key == key), "")
        field = self.fields.get(key)
        return self.table(named or (field.table if field else ""))

    def label_of(self, key: str, code: str) -> str:
        """The label of `code` in the table of the field `key`, "" if there is none."""
        table = self.table_of(key)
        return table.label(code) if table else ""

    def with_options(self, options: Mapping[str, Any]) -> Region:
        """The region as its own switches change it: `[switches.OPTION.VALUE]` of `region.toml` for the values chosen.

        `messages` puts another message in the place of one. A change of a row that the messages in use don't have is
        left out.
        """
        switches: Mapping[str, Mapping[str, Mapping[str, Any]]] = self.options.get("switches", {})
        chosen = [values.get(_word(options.get(name, ""))) or {} for name, values in switches.items()]
        messages = {message: name for changes in chosen for message, name in changes.get("messages", {}).items()}
        region = self.with_messages(messages)
        for changes in chosen:
            known = {name: one for name, one in changes.items() if name != "messages" and region.has_row(name)}
            region = region.with_overrides(known)
        return region

    def with_messages(self, messages: Mapping[str, str]) -> Region:
        """The region with these messages in the place of others; one that only stands in for another goes away."""
        switches: Mapping[str, Mapping[str, Mapping[str, Any]]] = self.options.get("switches", {})
        every = [one for values in switches.values() for one in values.values()]
        stand_ins = {name for one in every for name in one.get("messages", {}).values()}
        rows = {message: group for message, group in self.rows.items() if message not in stand_ins}
        return replace(self, rows=rows | {message: self.rows[name] for message, name in messages.items()})

    def has_row(self, name: str) -> bool:
        """Whether `message.key` (or `message.wire name`) is a row of this region."""
        message, _, rest = name.partition(".")
        return any(rest in (row.key, row.path) for row in self.rows_of(message))

    def with_overrides(self, overrides: Mapping[str, Mapping[str, str | int]]) -> Region:
        """The region as this clinic's settings change it.

        `{"message.key": {"path" | "level" | "max_length" | "convert" | "required_when": ...}}`; a field that a message
        carries twice is named by its wire name, `message.path`. Raises `NeedsOperator` for a name that does not exist.
        """
        rows = {message: list(group) for message, group in self.rows.items()}
        for name, changes in overrides.items():
            message, place = self._find(name)
            rows[message][place] = _changed(rows[message][place], name, changes)
        return replace(self, rows={message: tuple(group) for message, group in rows.items()})

    def _find(self, name: str) -> tuple[str, int]:
        message, _, rest = name.partition(".")
        group = self.rows_of(message)
        by_path = [place for place, row in enumerate(group) if row.path == rest]
        by_key = [place for place, row in enumerate(group) if row.key == rest]
        found = by_path or by_key
        if len(found) > 1:
            paths = "、".join(group[place].path for place in found)
            raise NeedsOperator(f"设置里的“{name}”对应多个字段", f"请改用接口字段名：{paths}", page=SETTINGS_PAGE)
        if not found:
            raise NeedsOperator(f"设置里的“{name}”不是这个地区的字段", "请核对字段名，或删除这一行", page=SETTINGS_PAGE)
        return message, found[0]


def _changed(row: Row, name: str, changes: Mapping[str, str | int]) -> Row:
    for column, value in changes.items():
        row = _with(row, name, column, str(value).strip())
    return row


def _with(row: Row, name: str, column: str, value: str) -> Row:
    if column == "path" and value and not any(char.isspace() for char in value):
        return replace(row, path=value, other_paths=(row.path, *row.other_paths))
    if column == "level" and value in {level.value for level in Level}:
        return replace(row, level=Level(value))
    if column == "max_length" and value.isdecimal():
        return replace(row, max_length=int(value))
    if column == "convert" and (not value or value in CONVERTERS):
        return replace(row, convert=value)
    if column == "required_when" and (not value or value in CONDITIONS):
        return replace(row, required_when=value)
    raise NeedsOperator(f"设置里“{name}”的“{column}”不能是“{value}”", "请改正或删除这一项", page=SETTINGS_PAGE)


def _word(value: object) -> str:
    """How a switch names an option's value: TOML writes its flags in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)
