"""What a platform wants on paper before doctors sign and PDFs are stamped: `papers.toml` of a region, if it has one.

Reads strictly: anything odd is refused with file and place. Knows the cases, never which one a clinic is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

from app.catalogue.resources import resources_dir
from app.domain.settings import Clinic
from app.errors import Bug

FILE = "papers.toml"
DOCTORS = "doctors"
"""What a return names as `known` when every auditing doctor must have a number."""
_OF_CLINIC = tuple(f"clinic.{one.name}" for one in fields(Clinic))
_OF_DOCTOR = ("place", "doctor.name")
_Case = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class When:
    """The cases in which something belongs to the papers; none named: in all."""

    any_of: tuple[_Case, ...] = ()

    def fits(self, case: _Case) -> bool:
        """Whether a clinic with these answers is one of the cases."""
        return not self.any_of or any(all(case.get(key) == value for key, value in one.items()) for one in self.any_of)


@dataclass(frozen=True, kw_only=True)
class CaseAnswer:
    """One answer; `setting`: the value of the question's option that says the same."""

    value: str
    label: str
    setting: str


@dataclass(frozen=True, kw_only=True)
class CaseQuestion:
    """What decides which papers are wanted. `option`: the destination's option that answers it, "" for none."""

    key: str
    label: str
    option: str
    answers: tuple[CaseAnswer, ...]


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """What the document leaves open about a case."""

    words: str
    when: When


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a form: `source` names a setting, `text` stands by itself, else a person writes it."""

    label: str
    source: str = ""
    text: str = ""
    needed: bool = False
    when: When = When()


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a list of doctors, `width` characters wide; without a `source` a person writes it."""

    label: str
    source: str = ""
    width: int = 12


@dataclass(frozen=True, kw_only=True)
class Paper:
    """One thing to hand in: a form of `lines`, a list of doctors with `columns`, or neither."""

    number: str
    title: str
    copies: str
    prepare: tuple[str, ...]
    section: str
    doubt: str
    when: When
    lines: tuple[Line, ...]
    columns: tuple[Column, ...]


@dataclass(frozen=True, kw_only=True)
class Return:
    """What the platform sends back, and where in the settings it goes.

    `known`: `options.NAME`, `options.NAME=value`, `secrets.NAME` or `doctors`.
    """

    title: str
    what: str
    where: str
    page: str
    known: str
    when: When


@dataclass(frozen=True, kw_only=True)
class Phone:
    """What each doctor does on the phone, in this order."""

    steps: tuple[str, ...]
    notes: tuple[str, ...]
    section: str
    when: When


@dataclass(frozen=True, kw_only=True)
class Papers:
    """All of one region."""

    hand_in: str
    questions: tuple[CaseQuestion, ...]
    doubts: tuple[Doubt, ...]
    papers: tuple[Paper, ...]
    returns: tuple[Return, ...]
    phone: Phone


def load_papers(region: str, root: Path | None = None) -> Papers | None:
    """The papers of a region, None when its platform wants none. Raises `Bug` naming the place."""
    path = (root or resources_dir()) / "regions" / region / FILE
    if not path.exists():
        return None
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Bug(f"{region}/{FILE}: {error}") from error
    return _Reader(path, document).papers()


class _Reader:
    """Makes the values, and knows where in the file it stands."""

    def __init__(self, path: Path, document: Mapping[str, Any]) -> None:
        self._path, self._document = path, document
        self._known: dict[str, set[str]] = {}

    def papers(self) -> Papers:
        top = self._table(
            "top", self._document, {"hand_in": str, "question": list, "paper": list, "return": list, "phone": dict},
            {"doubt": list},
        )  # fmt: skip
        questions = tuple(self._question(row) for row in top["question"])
        self._known = {one.key: {answer.value for answer in one.answers} for one in questions}
        return Papers(
            hand_in=top["hand_in"],
            questions=questions,
            doubts=tuple(self._doubt(row) for row in top.get("doubt", ())),
            papers=tuple(self._paper(row) for row in top["paper"]),
            returns=tuple(self._return(row) for row in top["return"]),
            phone=self._phone(top["phone"]),
        )

    def _question(self, row: Any) -> CaseQuestion:
        table = self._table("question", row, {"key": str, "label": str, "option": str, "answer": list})
        place = f"question {table['key']}"
        answers = tuple(
            CaseAnswer(**self._table(place, one, {"value": str, "label": str, "setting": str}))
            for one in table["answer"]
        )
        values = [one.value for one in answers]
        self._must(len(values) > 1 and len(set(values)) == len(values), place, "two answers or more, each once")
        settings = [one.setting for one in answers]
        told = all(settings) and len(set(settings)) == len(settings) if table["option"] else not any(settings)
        self._must(told, place, "each answer has its own setting of the option, or none has one")
        return CaseQuestion(key=table["key"], label=table["label"], option=table["option"], answers=answers)

    def _doubt(self, row: Any) -> Doubt:
        table = self._table("doubt", row, {"words": str, "when": list})
        return Doubt(words=table["words"], when=self._when("doubt", table))

    def _paper(self, row: Any) -> Paper:
        table = self._table(
            "paper", row, {"number": str, "title": str, "copies": str, "prepare": list, "section": str},
            {"doubt": str, "when": list, "line": list, "column": list},
        )  # fmt: skip
        place = f"paper {table['title']}"
        self._must(table["title"] and table["section"], place, "title and section must be told")
        self._must(not ("line" in table and "column" in table), place, "lines or columns, not both")
        return Paper(
            number=table["number"],
            title=table["title"],
            copies=table["copies"],
            prepare=self._texts(place, table["prepare"]),
            section=table["section"],
            doubt=table.get("doubt", ""),
            when=self._when(place, table),
            lines=tuple(self._line(place, one) for one in table.get("line", ())),
            columns=tuple(self._column(place, one) for one in table.get("column", ())),
        )

    def _line(self, place: str, row: Any) -> Line:
        table = self._table(place, row, {"label": str}, {"from": str, "text": str, "needed": bool, "when": list})
        where = f"{place}, {table['label']}"
        self._must(not ("from" in table and "text" in table), where, "from or text, not both")
        self._must(table.get("from", _OF_CLINIC[0]) in _OF_CLINIC, where, f"no setting {table.get('from')!r}")
        return Line(
            label=table["label"],
            source=table.get("from", ""),
            text=table.get("text", ""),
            needed=table.get("needed", False),
            when=self._when(where, table),
        )

    def _column(self, place: str, row: Any) -> Column:
        table = self._table(place, row, {"label": str, "width": int}, {"from": str})
        where = f"{place}, {table['label']}"
        known = (*_OF_CLINIC, *_OF_DOCTOR)
        self._must(table.get("from", known[0]) in known, where, f"no setting {table.get('from')!r}")
        return Column(label=table["label"], source=table.get("from", ""), width=table["width"])

    def _return(self, row: Any) -> Return:
        kinds = {"title": str, "what": str, "where": str, "page": str, "known": str}
        table = self._table("return", row, kinds, {"when": list})
        place = f"return {table['title']}"
        kind, _, name = table["known"].partition(".")
        fine = table["known"] == DOCTORS or (kind in ("options", "secrets") and name)
        self._must(fine, place, "known: options.NAME, options.NAME=value, secrets.NAME or doctors")
        return Return(**{key: table[key] for key in kinds}, when=self._when(place, table))

    def _phone(self, row: Any) -> Phone:
        table = self._table("phone", row, {"steps": list, "notes": list, "section": str}, {"when": list})
        return Phone(
            steps=self._texts("phone", table["steps"]),
            notes=self._texts("phone", table["notes"]),
            section=table["section"],
            when=self._when("phone", table),
        )

    def _when(self, place: str, table: Mapping[str, Any]) -> When:
        cases = table.get("when", [])
        self._must(all(isinstance(one, dict) and one for one in cases), place, "when: a list of cases")
        for key, value in ((key, value) for one in cases for key, value in one.items()):
            self._must(value in self._known.get(key, ()), place, f"when: no answer {key}={value}")
        return When(any_of=tuple(cases))

    def _table(
        self, place: str, row: Any, must: Mapping[str, type], may: Mapping[str, type] | None = None
    ) -> Mapping[str, Any]:
        """A table with these keys and kinds of values, and no others."""
        kinds = {**must, **(may or {})}
        self._must(isinstance(row, dict), place, "must be a table")
        self._must(set(must) <= set(row) <= set(kinds), place, f"its keys are {', '.join(kinds)}")
        for key, value in row.items():
            self._must(isinstance(value, kinds[key]), place, f"{key} has the wrong type")
        return dict(row)

    def _texts(self, place: str, values: Sequence[Any]) -> tuple[str, ...]:
        self._must(all(isinstance(one, str) and one for one in values), place, "a list of texts")
        return tuple(values)

    def _must(self, fine: object, place: str, why: str) -> None:
        if not fine:
            self._refuse(place, why)

    def _refuse(self, place: str, why: str) -> NoReturn:
        raise Bug(f"{self._path.parent.name}/{self._path.name}, {place}: {why}")
