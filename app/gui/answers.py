"""The answers of a set-up while a person gives them: what is asked, what is answered, what the engine says of it.

Knows where an answer stands in the document, never whether it is right.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable
from typing import Any

from PySide6.QtCore import QObject, QTimer

from app.errors import AgentError
from app.gui.page import Desk, Json
from app.gui.told import Told

_PART = re.compile(r"(\w+)(?:\[(\d+)\])?")
_CHECK_MS = 250
Fail = Callable[[AgentError], None]


class Answers(QObject):
    """`changed()` after every answer of the engine about them; `loaded()` once, when there is something to show."""

    loaded = Told()
    changed = Told()

    def __init__(self, desk: Desk, parent: QObject, *, from_draft: bool) -> None:
        """It ends with `parent`: nothing of Qt may be left for the garbage collector, which runs on any thread."""
        super().__init__(parent)
        self._desk, self._from_draft = desk, from_draft
        self._taken: tuple[Json, Json] | None = None
        self.regions: list[Json] = []
        self.sections: dict[str, Json] = {}
        self.document: Json = {}
        self.now: Json = {}
        self.kept: Json = {}
        self.step = ""
        self.unfinished = False
        self.problems: list[Json] = []
        self.wanted: list[str] = []
        """Sections that a destination can't do without, beside those that everybody answers."""
        self._proposed: set[str] = set()
        self.fresh = True
        """False while answers were typed that the engine has not seen yet."""
        self._timer = QTimer(self, interval=_CHECK_MS, singleShot=True)
        self._timer.timeout.connect(self.check)

    # -- asking the engine ------------------------------------------------------------------------------------------

    def load(self, fail: Fail | None = None) -> None:
        face = self._desk.face
        before = copy.deepcopy(self.document)
        self._desk.asker.ask(
            lambda: (face.regions(), face.setup_draft()), lambda answer: self._take(answer, before), fail, key="answers"
        )

    def check(self) -> None:
        face, document = self._desk.face, copy.deepcopy(self.document)
        self._timer.stop()
        self._desk.asker.ask(
            lambda: face.check_answers(document), lambda answer: self._judged(document, answer), key=("check", id(self))
        )

    def apply(self, sections: Iterable[str], then: Callable[[], None], fail: Fail | None = None) -> None:
        """Put these sections into force; `then()` when the engine has them. What is in force already is not sent."""
        document = copy.deepcopy(self.document)
        changed = {name: document[name] for name in sections if document.get(name) != self.now.get(name)}
        if not changed:
            then()
            return
        face = self._desk.face
        self._desk.asker.ask(
            lambda: (face.setup(changed), face.setup_draft())[1], lambda draft: self._applied(draft, then), fail
        )

    def renew(self, then: Callable[[], None], fail: Fail | None = None) -> None:
        """Something else than `apply` has put these answers into force."""
        self._desk.asker.ask(self._desk.face.setup_draft, lambda draft: self._applied(draft, then), fail)

    def keep(self, step: str) -> None:
        """Left in the middle: the engine keeps it without the secrets."""
        face, document = self._desk.face, copy.deepcopy(self.document)
        self._desk.asker.ask(lambda: face.keep_setup_draft(document, step), lambda _answer: None, key="draft")

    # -- the answers ------------------------------------------------------------------------------------------------

    def value(self, key: str, default: Any = "") -> Any:
        found: Any = self.document
        for name, place in _parts(key):
            found = found.get(name) if isinstance(found, dict) else None
            if place is not None:
                found = found[place] if isinstance(found, list) and place < len(found) else None
        return default if found is None else found

    def put(self, key: str, value: Any) -> None:
        """Answer; the engine is asked a moment later what it says of it."""
        *way, (last, _) = _parts(key)
        at: Any = self.document
        for name, place in way:
            at = at.setdefault(name, {}) if place is None else at[name][place]
        at[last] = value
        self.fresh = False
        self._timer.start()

    def problem(self, key: str) -> Json | None:
        return next((one for one in self.problems if one["key"] == key), None)

    def open_under(self, *prefixes: str) -> list[Json]:
        """The problems of these sections."""
        return [one for one in self.problems if one["key"].startswith(prefixes)]

    # -- destinations -----------------------------------------------------------------------------------------------

    def destinations(self) -> list[Json]:
        return list(self.document.get("destination", []))

    def region(self, name: str) -> Json:
        return next(one for one in self.regions if one["name"] == name)

    def title(self, row: Json) -> str:
        return next((str(one["title"]) for one in self.regions if one["name"] == row["region"]), str(row["region"]))

    def is_new(self, row: Json) -> bool:
        """Whether this destination is not in force yet."""
        return all(one["name"] != row["name"] for one in self.now.get("destination", []))

    def unsaved(self, *sections: str) -> Json:
        """These sections, as far as they differ from what is in force."""
        return {
            name: copy.deepcopy(self.document[name])
            for name in sections
            if name in self.document and self.document[name] != self.now.get(name)
        }

    def has_region(self, name: str) -> bool:
        return any(row["region"] == name for row in self.destinations())

    def choose(self, region: str, chosen: bool) -> None:
        """One destination of this region, with what the region answers by itself; or none of it."""
        rows = [row for row in self.destinations() if row["region"] != region]
        if chosen:
            before = [row for row in self.now.get("destination", []) if row["region"] == region]
            rows += before or [self._new(region)]
        self.document["destination"] = copy.deepcopy(rows)
        self.check()

    def keys(self, place: int, *, first: bool, secret: bool) -> list[Json]:
        """The region's questions for the destination at `place`, their keys as in the document."""
        row = self.destinations()[place]
        asked = self.region(row["region"])["questions"]
        return [
            {**one, "key": f"destination[{place}].{one['key']}", "when": _within(place, one["when"], asked)}
            for one in asked
            if one["secret"] == secret and (one["first"] or not first)
        ]

    def is_asked(self, question: Json) -> bool:
        """Whether the answers so far make the question worth asking."""
        when = question["when"]
        if when is None:
            return True
        answer = self.value(when["key"], when["unanswered"])
        said = str(answer).lower() if isinstance(answer, bool) else str(answer)
        return said == str(when["value"])

    def asked(self, section: str, *, first: bool) -> list[Json]:
        return [
            {**one, "key": f"{section}.{one['key']}"}
            for one in self.sections[section]["questions"]
            if one["first"] or not first
        ]

    def is_kept(self, key: str) -> bool:
        """Whether the secret of this key rests in the store already."""
        (_, place), *_, (name, _) = _parts(key)
        row = self.destinations()[place or 0]
        return name in self.kept.get(row["name"], [])

    def _new(self, region: str) -> Json:
        asked = [one for one in self.region(region)["questions"] if one["default"] != ""]
        options = {
            one["key"].removeprefix("options."): one["default"] for one in asked if one["key"].startswith("options.")
        }
        return {"name": region, "region": region, "base_url": "", "options": options, "defaults": {}}

    # -- what the engine said ---------------------------------------------------------------------------------------

    def _take(self, answer: tuple[Json, Json], before: Json) -> None:
        """What was typed since the question stays, and what is shown already is not made anew."""
        if self.document != before or answer == self._taken:
            return
        self._taken = answer
        asked, draft = answer
        self.regions = asked["regions"]
        self.sections = {one["name"]: one for one in asked["sections"]}
        self.document = copy.deepcopy(draft["answers" if self._from_draft else "now"])
        self.now, self.kept, self.step = draft["now"], draft["kept"], draft["step"]
        self.unfinished = draft["unfinished"]
        self.loaded.emit()
        self.check()

    def _judged(self, document: Json, answer: Json) -> None:
        self.fresh = document == self.document
        self.problems, self.wanted = answer["problems"], answer["wanted"]
        if self.fresh:
            self._propose(answer["proposed"])
        self.changed.emit()

    def _propose(self, proposed: Json) -> None:
        """Answer what the engine can guess, once: what a person empties stays empty."""
        for key, value in proposed.items():
            if key not in self._proposed and not self.value(key):
                self._proposed.add(key)
                self.put(key, value)

    def _applied(self, draft: Json, then: Callable[[], None]) -> None:
        self.now, self.kept = draft["now"], draft["kept"]
        for row in self.document.get("destination", []):
            row.pop("secrets", None)  # in the store now
        then()
        self.check()


def _within(place: int, when: Json | None, asked: list[Json]) -> Json | None:
    """What a question hangs on, its key as in the document, and what counts there without an answer."""
    if when is None:
        return None
    other = next(one for one in asked if one["key"] == when["key"])
    return {**when, "key": f"destination[{place}].{when['key']}", "unanswered": other["unanswered"]}


def _parts(key: str) -> list[tuple[str, int | None]]:
    found = (_PART.fullmatch(part) for part in key.split("."))
    return [(one[1], int(one[2]) if one[2] else None) for one in found if one]
