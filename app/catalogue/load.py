"""Read `resources/` strictly: anything odd is refused with file, row and column.

What the program ships is read once and shared: nobody changes a `Catalogue` or a `Region`.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from app.catalogue.conditions import CONDITIONS
from app.catalogue.converters import CONVERTERS
from app.catalogue.region import Catalogue, Field, Region, Row
from app.catalogue.resources import resources_dir
from app.catalogue.stages import EXAM_STAGES, REPORT_STAGES
from app.catalogue.tables import Code, Table
from app.catalogue.translate import COLUMN, MARK, Translation
from app.catalogue.types import TYPES
from app.domain.form import Level, Noun
from app.errors import Bug, NeedsOperator

FIELD_COLUMNS = ("key", "label", "noun", "group", "type", "table", "keyword", "help")
ROW_COLUMNS = (
    "message",
    "key",
    "path",
    "level",
    "convert",
    "table",
    "max_length",
    "required_when",
    "section",
    "doubt",
)
TABLE_COLUMNS = ("code", "label", "pinyin", "note", "doubt")


def load_catalogue(root: Path | None = None) -> Catalogue:
    """Our fields and the shared tables. Raises `Bug` naming file, row and column."""
    return _read_catalogue(root) if root else _shipped_catalogue(resources_dir())


@cache
def _shipped_catalogue(home: Path) -> Catalogue:
    return _read_catalogue(home)


def _read_catalogue(home: Path) -> Catalogue:
    tables = {**_tables(home / "tables"), **_tables(home / "dicom")}
    fields: dict[str, Field] = {}
    for line in _lines(home / "fields.csv", FIELD_COLUMNS):
        field = _field(line)
        line.check("key", field.key not in fields, "key stands twice")
        fields[field.key] = field
    return Catalogue(fields=fields, tables=tables)


def region_names(root: Path | None = None) -> tuple[str, ...]:
    """The folders under `regions/` that hold a `region.toml`, sorted."""
    home = (root or resources_dir()) / "regions"
    return tuple(sorted(path.parent.name for path in home.glob("*/region.toml")))


def load_region(name: str, catalogue: Catalogue | None = None, root: Path | None = None) -> Region:
    """One region with its tables over the shared ones. Raises `Bug` naming file, row and column."""
    if root or catalogue:
        return _read_region(root or resources_dir(), name, catalogue or load_catalogue(root))
    return _shipped_region(resources_dir(), name)


@cache
def _shipped_region(home: Path, name: str) -> Region:
    return _read_region(home, name, _shipped_catalogue(home))


def _read_region(home: Path, name: str, ours: Catalogue) -> Region:
    folder = home / "regions" / name
    own = _tables(folder / "tables")
    tables = {**ours.tables, **own}
    rows = _rows(folder / "fields.csv", ours, tables)
    path = folder / "region.toml"
    options = _toml(path)
    for section in ("title", "document"):
        _must(isinstance(options.get(section), str) and options[section], path, section, "a text is missing")
    not_insured = options.get("not_insured", {})
    region = Region(
        name=name,
        title=options["title"],
        document=options["document"],
        fields=ours.fields,
        rows=rows,
        tables=tables,
        defaults=dict(options.get("defaults", {})),
        from_modality=_from_modality(path, options.get("from_modality", {})),
        not_insured=dict(not_insured.get("values", {})),
        not_insured_charge_types=tuple(not_insured.get("charge_types", ())),
        options=options,
        translations=_translations(path, options.get("before_shared", {}), name, own, ours.tables),
    )
    _check_values(path, region)
    _check_translations(folder / "tables", region, own)
    _check_switches(path, region)
    _check_signed(path, region)
    return region


class _Line:
    """One line of a CSV file that knows where it stands."""

    def __init__(self, path: Path, number: int, cells: Mapping[str, str]) -> None:
        self.path, self.number, self.cells = path, number, cells

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def check(self, column: str, fine: object, why: str) -> None:
        _must(fine, self.path, f"row {self.number}, column {column}", why)

    def one_of(self, column: str, known: Callable[[str], bool], what: str) -> str:
        value = self[column]
        self.check(column, known(value), f"{value!r} is not {what}")
        return value


def _lines(path: Path, columns: tuple[str, ...], *, more: bool = False) -> list[_Line]:
    """The lines under exactly `columns` (further ones only if `more`); no blank lines, no blanks around a cell."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Bug(f"{path.name}: {error}") from error
    header = tuple(table[0]) if table else ()
    fits = header[: len(columns)] == columns and (more or header == columns) and len(set(header)) == len(header)
    _must(fits, path, "row 1", f"the header must be {','.join(columns)}")
    lines = []
    for number, cells in enumerate(table[1:], start=2):
        _must(len(cells) == len(header), path, f"row {number}", f"{len(cells)} cells instead of {len(header)}")
        line = _Line(path, number, dict(zip(header, cells, strict=True)))
        for column, cell in line.cells.items():
            line.check(column, cell == cell.strip(), "blanks around the value")
        lines.append(line)
    return lines


def csv_rows(path: Path, columns: tuple[str, ...]) -> list[tuple[int, Mapping[str, str]]]:
    """(row number, column -> cell) of a file with exactly these columns. Raises `Bug` naming file and row."""
    return [(line.number, line.cells) for line in _lines(path, columns)]


def _tables(folder: Path) -> dict[str, Table]:
    return {path.stem: _table(path) for path in sorted(folder.glob("*.csv"))}


def _table(path: Path) -> Table:
    codes: dict[str, Code] = {}
    for line in _lines(path, TABLE_COLUMNS, more=True):
        line.check("code", line["code"], "the code is missing")
        line.check("code", "," not in line["code"], "a code can't hold a comma")
        line.check("code", MARK not in line["code"], "a code can't hold a colon")
        line.check("code", line["code"] not in codes, "the code stands twice")
        line.check("label", line["label"], "the label is missing")
        more = {column: cell for column, cell in line.cells.items() if column not in TABLE_COLUMNS}
        codes[line["code"]] = Code(**{column: line[column] for column in TABLE_COLUMNS}, more=more)
    _must(codes, path, "row 2", "the table is empty")
    return Table(path.stem, tuple(codes.values()))


def _field(line: _Line) -> Field:
    line.check("key", line["key"].isascii() and line["key"].isidentifier(), "not a snake_case name")
    line.check("label", line["label"], "the label is missing")
    line.check("group", line["group"], "the group is missing")
    line.one_of("noun", lambda noun: noun in {one.value for one in Noun}, "a noun")
    kind = line.one_of("type", TYPES.__contains__, "a value type")
    needs_table = kind in ("code", "codes", "division", "rows")
    line.check("table", bool(line["table"]) == needs_table, "a table belongs to a code, and only to a code")
    return Field(**{**line.cells, "noun": Noun(line["noun"])})  # type: ignore[arg-type]


def _rows(path: Path, catalogue: Catalogue, tables: Mapping[str, Table]) -> dict[str, tuple[Row, ...]]:
    rows: dict[str, list[Row]] = {}
    paths: set[tuple[str, str]] = set()
    for line in _lines(path, ROW_COLUMNS):
        row = _row(line, catalogue)
        is_code = TYPES[row.field.type].name in ("code", "codes", "division")
        line.check("table", not is_code or row.table in tables, f"no table {row.table!r}")
        for name in (row.path, *row.other_paths):
            line.check("path", (row.message, name) not in paths, f"{name} stands twice")
            paths.add((row.message, name))
        rows.setdefault(row.message, []).append(row)
    _must(rows, path, "row 2", "the mapping is empty")
    for row in (row for group in rows.values() for row in group if row.field.type == "rows"):
        _must(row.table in rows, path, f"field {row.key}", f"no message {row.table!r} for its rows")
    return {message: tuple(group) for message, group in rows.items()}


def _row(line: _Line, catalogue: Catalogue) -> Row:
    line.check("message", line["message"].isidentifier(), "not a name")
    field = catalogue.fields[line.one_of("key", catalogue.fields.__contains__, "in fields.csv")]
    path, *others = line["path"].split(" ") or [""]
    line.check("path", all((path, *others)), "the wire name is missing")
    line.check("table", not line["table"] or field.table, f"{field.key} has no table")
    line.check("max_length", not line["max_length"] or line["max_length"].isdecimal(), "not a number")
    line.check("section", line["section"], "the place in the document is missing")
    return Row(
        message=line["message"],
        field=field,
        path=path,
        other_paths=tuple(others),
        level=Level(line.one_of("level", lambda level: level in {one.value for one in Level}, "a level")),
        convert=line.one_of("convert", CONVERTERS.__contains__, "a converter"),
        table=line["table"] or field.table,
        max_length=int(line["max_length"] or 0),
        required_when=line.one_of("required_when", lambda name: not name or name in CONDITIONS, "a condition"),
        section=line["section"],
        doubt=line["doubt"],
    )


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Bug(f"{path.name}: {error}") from error


def _from_modality(path: Path, section: Mapping[str, Mapping[str, list[str]]]) -> dict[str, dict[str, str]]:
    """`{key: {code: [modalities]}}` turned round to `{key: {modality: code}}`."""
    turned: dict[str, dict[str, str]] = {}
    for key, codes in section.items():
        turned[key] = {}
        for code, modalities in codes.items():
            for modality in modalities:
                place = f"from_modality.{key}.{code}"
                _must(modality not in turned[key], path, place, f"{modality} stands twice")
                turned[key][modality] = code
    return turned


def _check_values(path: Path, region: Region) -> None:
    """Every value in `region.toml` is one that the field of that name can hold."""
    pairs = [("defaults", key, value) for key, value in region.defaults.items()]
    pairs += [("not_insured.values", key, value) for key, value in region.not_insured.items()]
    pairs += [
        (f"from_modality.{key}", key, code) for key, codes in region.from_modality.items() for code in codes.values()
    ]
    pairs += [("not_insured.charge_types", "charge_type", code) for code in region.not_insured_charge_types]
    for stage, codes in region.options.get("stages", {}).items():
        _must(stage in (*EXAM_STAGES, *REPORT_STAGES), path, "stages", f"no stage {stage!r}")
        pairs += [(f"stages.{stage}", key, code) for key, code in codes.items()]
    for section, key, value in pairs:
        _must(key in region.fields, path, section, f"no field {key!r}")
        table = region.table_of(key)
        _must(table is None or value in table, path, section, f"{value!r} is not a code of {key}")


def _translations(
    path: Path, before: Mapping[str, Any], region: str, own: Mapping[str, Table], shared: Mapping[str, Table]
) -> dict[str, Translation]:
    older = list(before.get("tables", ()))
    for name in older:
        _must(name in own and name in shared, path, "before_shared", f"{name!r} is no table of both")
    return {
        name: Translation(region=region, own=table, shared=shared[name], stands=name in older)
        for name, table in own.items()
        if name in shared
    }


def _check_translations(folder: Path, region: Region, own: Mapping[str, Table]) -> None:
    """Every code of an own table is told in shared ones and comes back from there as itself."""
    for name, table in own.items():
        told = any(COLUMN in one.more for one in table)
        _must(not told or name in region.translations, folder / f"{name}.csv", COLUMN, "no shared table of that name")
    kinds = {row.table: row.field.type for rows in region.rows.values() for row in rows}
    for name, translation in region.translations.items():
        for code, why in translation.faults(several=kinds.get(name) == "codes"):
            _refuse(folder / f"{name}.csv", f"code {code}, column {COLUMN}", why)


def _check_switches(path: Path, region: Region) -> None:
    """Every switch is one of an option's values and changes something that is there."""
    asked = {one.get("key", ""): one for one in region.options.get("setup", {}).get("question", ())}
    for option, values in region.options.get("switches", {}).items():
        default = region.options.get("options", {}).get(option)
        _must(default is not None, path, f"switches.{option}", "no option of that name")
        choices = [one["value"] for one in asked.get(f"options.{option}", {}).get("choice", ())]
        known = ["true", "false"] if isinstance(default, bool) else choices
        for value, changes in values.items():
            place = f"switches.{option}.{value}"
            _must(not known or value in known, path, place, f"none of {', '.join(known)}")
            _check_switch(path, place, region, changes)


def _check_switch(path: Path, place: str, region: Region, changes: Mapping[str, Mapping[str, Any]]) -> None:
    _must(changes, path, place, "changes nothing")
    for message, other in changes.get("messages", {}).items():
        known = message in region.rows and other in region.rows
        _must(known and message != other, path, place, f"no messages {message!r} and {other!r}")
    chosen = region.with_messages(changes.get("messages", {}))
    overrides = {name: change for name, change in changes.items() if name != "messages"}
    for name in overrides:
        _must(chosen.has_row(name), path, place, f"no row {name!r}")
    try:
        chosen.with_overrides(overrides)
    except NeedsOperator as error:
        _refuse(path, place, error.title)


def _check_signed(path: Path, region: Region) -> None:
    """A line of the text that is signed says whose value it is: no two fields of it are called the same."""
    keys = region.options.get("signature", {}).get("text", ())
    for key in keys:
        _must(key in region.fields, path, "signature.text", f"no field {key!r}")
    labels = [region.fields[key].label for key in keys]
    _must(len(set(labels)) == len(labels), path, "signature.text", "two fields of one name")


def _must(fine: object, path: Path, place: str, why: str) -> None:
    if not fine:
        _refuse(path, place, why)


def _refuse(path: Path, place: str, why: str) -> NoReturn:
    raise Bug(f"{path.parent.name}/{path.name}, {place}: {why}")
