"""What a clinic is asked when it sets the program up: `resources/setup.toml` and `[setup]` of each region.

Reads strictly: anything odd is refused with file and place. Knows labels and kinds, never an answer.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from app.catalogue.load import load_catalogue, load_region
from app.catalogue.region import Region
from app.catalogue.resources import resources_dir
from app.catalogue.tables import Table
from app.errors import Bug

KINDS = frozenset(
    {
        "text",
        "code",
        "url",
        "host",
        "port",
        "number",
        "seconds",
        "days",
        "time",
        "choice",
        "yes_no",
        "folder",
        "folders",
        "list",
        "statement",
        "secret",
    }
)
_QUESTION = {"key": str, "label": str, "kind": str, "help": str, "default": None, "table": str, "choice": list}
_WHEN = "when"
_MARKS = ("first", "needed")
_SECTION = {"name", "title", "note", "question"}
_SETUP = {"name", "pinyin", "does", "clinic", "needs", "probe", "probe_words", "question"}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One answer of several: what is written down, what a person reads."""

    value: str
    label: str


@dataclass(frozen=True, kw_only=True)
class When:
    """Another question of the same destination, and the answer that makes this one worth asking."""

    key: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """One setting as it is asked. `first`: the first set-up asks it; `needed`: nothing works without an answer."""

    key: str
    """Within its section (`port`), or within a destination (`base_url`, `options.dicom_port`, `secrets.sm4_key`)."""
    label: str
    kind: str
    help: str
    first: bool = False
    needed: bool = False
    default: object = ""
    """What a new destination begins with."""
    unanswered: object = ""
    """What counts while nobody has answered: the region's own option."""
    choices: tuple[Choice, ...] = ()
    when: When | None = None
    """None: always asked."""

    @property
    def secret(self) -> bool:
        return self.kind == "secret"


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of the settings: its title, what saving it does to the work under way, its questions."""

    name: str
    title: str
    note: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, kw_only=True)
class RegionSetup:
    """What one region asks of a clinic. `clinic`: keys of the section of that name that it can't do without."""

    region: str
    title: str
    document: str
    pinyin: str
    does: str
    clinic: tuple[str, ...]
    needs: tuple[str, ...]
    """What to have at hand before beginning (准备清单), one sentence each."""
    probe: str
    """The path under which the platform reads, and refuses, an empty record: shows whether it can read us."""
    probe_words: str
    """What its refusal says (a pattern) when it could read the record: that something in it is missing."""
    questions: tuple[Question, ...]

    def asked(self, row: Mapping[str, Any]) -> tuple[Question, ...]:
        """What is worth asking of a destination that has answered `row` so far."""
        return tuple(
            one for one in self.questions if one.when is None or self._answer(row, one.when.key) == one.when.value
        )

    def _answer(self, row: Mapping[str, Any], key: str) -> str:
        where, _, name = key.partition(".")
        table = row.get(where)
        usual = next(one.unanswered for one in self.questions if one.key == key)
        return as_answer(table.get(name, usual) if isinstance(table, Mapping) else usual)


def as_answer(value: object) -> str:
    """An answer as `when` of a question writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def load_sections(root: Path | None = None) -> tuple[Section, ...]:
    """The sections that every clinic has. Raises `Bug` naming the place."""
    path = (root or resources_dir()) / "setup.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Bug(f"{path.name}: {error}") from error
    tables = load_catalogue(root).tables
    _must(set(document) == {"section"}, path, "top", "only [[section]] may stand here")
    sections = tuple(_section(path, row, tables) for row in document["section"])
    _unique(path, "section", [one.name for one in sections])
    return sections


def load_setup(name: str, root: Path | None = None) -> RegionSetup:
    """What this region asks. Raises `Bug` naming the place, also for a region without `[setup]`."""
    region = load_region(name, root=root)
    path = (root or resources_dir()) / "regions" / name / "region.toml"
    table = region.options.get("setup", {})
    _must(set(table) == _SETUP, path, "[setup]", f"must have exactly {', '.join(sorted(_SETUP))}")
    for key in ("name", "pinyin", "does"):
        _must(isinstance(table[key], str) and table[key], path, f"[setup] {key}", "a text is missing")
    for key in ("clinic", "needs"):
        fine = isinstance(table[key], list) and table[key] and all(isinstance(one, str) and one for one in table[key])
        _must(fine, path, f"[setup] {key}", "a list of texts is missing")
    fine = not table["probe"] or table["probe"] in region.options.get("paths", {})
    _must(fine, path, "[setup] probe", 'names no path of [paths]; "" for none')
    _must(bool(table["probe_words"]) == bool(table["probe"]), path, "[setup] probe_words", "belongs to a probe")
    asked = tuple(_region_question(path, row, region) for row in table["question"])
    secrets = tuple(_secret(path, key, rule) for key, rule in region.options.get("secrets", {}).items())
    _unique(path, "[setup]", [one.key for one in asked])
    for one in asked:
        _may_depend(path, one, asked)
    _must(any(one.key == "base_url" for one in asked), path, "[setup]", "base_url is not asked")
    return RegionSetup(
        region=name,
        title=table["name"],
        document=region.document,
        pinyin=table["pinyin"],
        does=table["does"],
        clinic=tuple(table["clinic"]),
        needs=tuple(table["needs"]),
        probe=table["probe"],
        probe_words=table["probe_words"],
        questions=(*asked, *secrets),
    )


def choices_of_options(region: Region) -> dict[str, tuple[str, ...]]:
    """Option -> what it may be, of the options that are one of several."""
    asked = region.options.get("setup", {}).get("question", ())
    return {
        one["key"].removeprefix("options."): tuple(choice["value"] for choice in one["choice"])
        for one in asked
        if "choice" in one
    }


def _section(path: Path, row: Mapping[str, Any], tables: Mapping[str, Table]) -> Section:
    place = f"[[section]] {row.get('name', '')}"
    _must(set(row) == _SECTION, path, place, f"must have exactly {', '.join(sorted(_SECTION))}")
    _must(not any(_WHEN in one for one in row["question"]), path, place, "a section's questions are always asked")
    questions = tuple(_question(path, one, tables) for one in row["question"])
    _unique(path, place, [one.key for one in questions])
    return Section(name=row["name"], title=row["title"], note=row["note"], questions=questions)


def _question(path: Path, row: Mapping[str, Any], tables: Mapping[str, Table]) -> Question:
    place = f"question {row.get('key', '')}"
    for key, value in row.items():
        if key == _WHEN:  # a region's questions alone have one
            continue
        known = key in _MARKS or key in _QUESTION
        _must(known, path, place, f"{key!r} is not known")
        kind = bool if key in _MARKS else _QUESTION[key]
        _must(kind is None or isinstance(value, kind), path, place, f"{key} has the wrong type")
    for key in ("key", "label", "kind", "help"):
        _must(row.get(key), path, place, f"{key} is missing")
    _must(row["kind"] in KINDS - {"secret"}, path, place, f"{row['kind']!r} is not a kind")
    choices = _choices(path, place, row, tables)
    _must(bool(choices) == (row["kind"] == "choice"), path, place, "choices belong to a choice, and only to it")
    return Question(
        key=row["key"],
        label=row["label"],
        kind=row["kind"],
        help=row["help"],
        first=row.get("first", False),
        needed=row.get("needed", False),
        default=row.get("default", ""),
        unanswered=row.get("default", ""),
        choices=choices,
    )


def _choices(path: Path, place: str, row: Mapping[str, Any], tables: Mapping[str, Table]) -> tuple[Choice, ...]:
    if "table" in row:
        _must(row["table"] in tables, path, place, f"no table {row['table']!r}")
        return tuple(Choice(value=code.code, label=code.label) for code in tables[row["table"]].codes)
    for one in row.get("choice", ()):
        fine = set(one) == {"value", "label"} and all(isinstance(text, str) and text for text in one.values())
        _must(fine, path, place, "a choice has a value and a label")
    return tuple(Choice(**one) for one in row.get("choice", ()))


def _region_question(path: Path, row: Mapping[str, Any], region: Region) -> Question:
    found = _question(path, row, region.tables)
    options = region.options.get("options", {})
    where, _, name = found.key.partition(".")
    _must(found.key == "base_url" or (where == "options" and name in options), path, found.key, "no such option")
    values = {one.value for one in found.choices}
    _must(not values or options.get(name) in values, path, found.key, "the option's default is none of the choices")
    is_flag = isinstance(options.get(name), bool)
    _must(is_flag == (found.kind == "yes_no"), path, found.key, "yes_no belongs to true or false, and only to them")
    return replace(found, unanswered=options.get(name, ""), when=_when(path, found.key, row.get(_WHEN)))


def _when(path: Path, place: str, text: object) -> When | None:
    """From `key=value`."""
    if text is None:
        return None
    key, _, value = str(text).partition("=")
    _must(isinstance(text, str) and key and value, path, place, 'when: write "options.NAME=value"')
    return When(key=key, value=value)


def _may_depend(path: Path, one: Question, asked: tuple[Question, ...]) -> None:
    """Only on a choice or a switch that everybody is asked, and on one of its answers."""
    if one.when is None:
        return
    other = next((other for other in asked if other.key == one.when.key), None)
    answers = {"true", "false"} if other is not None and other.kind == "yes_no" else set[str]()
    answers |= {choice.value for choice in other.choices} if other is not None else set[str]()
    _must(one.when.value in answers, path, one.key, "when: no question has this answer")
    _must(other is not None and other.when is None, path, one.key, "when: the other question must always be asked")
    _must(one.first <= other.first if other is not None else False, path, one.key, "when: the other comes too late")


def _secret(path: Path, key: str, rule: Mapping[str, Any]) -> Question:
    for part in ("label", "help"):
        _must(isinstance(rule.get(part), str) and rule[part], path, f"[secrets.{key}] {part}", "a text is missing")
    needed = bool(rule.get("required", False))
    return Question(
        key=f"secrets.{key}", label=rule["label"], kind="secret", help=rule["help"], first=needed, needed=needed
    )


def _unique(path: Path, place: str, keys: list[str]) -> None:
    twice = {key for key in keys if keys.count(key) > 1}
    _must(not twice, path, place, f"{', '.join(sorted(twice))} stands twice")


def _must(fine: object, path: Path, place: str, why: str) -> None:
    if not fine:
        _refuse(path, place, why)


def _refuse(path: Path, place: str, why: str) -> NoReturn:
    raise Bug(f"{path.parent.name}/{path.name}, {place}: {why}")
