"""What may stand in a field that waits for a person (建议): from the patient's last exam, habits, the staff list.

Nothing is written here: a person takes a suggestion or leaves it. What the destinations would refuse is not suggested.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from app.catalogue.region import CODED
from app.catalogue.repeats import CLINIC, ITEM, PATIENT, Repeat, load_repeats
from app.delivery.record import Known, Values, View
from app.domain.form import Noun, Source, Value
from app.engine import coding, pages
from app.engine.face import Json
from app.engine.house import House
from app.errors import NeedsOperator
from app.store import Reader, exams, past

Place = tuple[Noun, int]
Texts = dict[str, str]
LEAST = 3
"""So many earlier exams make a habit, and two thirds of those that say anything."""
_ROLES = (
    ("终审", "last_audit_doctor"),
    ("申请审核", "apply_verify_doctor"),
    ("申请", "apply_doctor"),
    ("开单", "apply_doctor"),
    ("审核", "audit_doctor"),
    ("报告", "report_doctor"),
    ("预约", "reserve_staff"),
    ("登记", "reserve_staff"),
    ("技师", "exam_doctor"),
    ("检查", "exam_doctor"),
)
"""A word in the role of a member of staff -> the unit of fields that the member fills; the first that fits."""


@dataclass(frozen=True, kw_only=True)
class Idea:
    """What the fields of one unit may hold, and why."""

    texts: Texts
    why: str


@dataclass(kw_only=True)
class Desk:
    """One exam with what was entered so far, and the earlier exams that are asked about it. Read once, when wanted.

    All values are in kept codes, which mean the same for every destination.
    """

    house: House
    stored: Known
    views: list[View]
    repeats: Mapping[str, Repeat]
    _seen: dict[str, View] = field(default_factory=dict)

    @cached_property
    def problems(self) -> list[tuple[Place, str]]:
        every = [(((one.noun, one.row), one.key)) for view in self.views for one in view.problems]
        return list(dict.fromkeys(every))

    def asked(self) -> dict[tuple[Place, str], list[str]]:
        """(place, unit) -> the keys of it that wait for a person."""
        found: dict[tuple[Place, str], list[str]] = {}
        for place, key in self.problems:
            if key in self.repeats:
                found.setdefault((place, self.repeats[key].unit), []).append(key)
        return found

    @cached_property
    def now(self) -> View:
        """The exam as its destinations together know it."""
        now = coding.together(self.stored, self.views)
        assert now is not None, "suggestions are for destinations"
        return now

    def texts(self, place: Place) -> Texts:
        return _texts(values_of(self.now, place))

    @cached_property
    def patient_exams(self) -> list[tuple[View, str]]:
        """The patient's other exams with their day, the last one first."""
        own = self.texts((Noun.EXAM, 0))
        wrong = {key for _, key in self.problems}
        patient = past.Patient(
            id_number="" if "id_number" in wrong else own.get("id_number", ""),
            patient_id=own.get("patient_id", ""),
            name="" if self.stored.doubts else own.get("patient_name", ""),
            birth_date=own.get("birth_date", ""),
        )
        found = past.of_patient(self.house.store.read(), patient, self.stored.exam.exam_key)
        return [(view, day) for key, day in found if (view := self._view(key))]

    @cached_property
    def same_kind(self) -> tuple[str, list[View]]:
        """(what they are called, the last exams of the same modality and description, else body part)."""
        row = self._row
        if row["description"]:
            keys = past.of_kind(self._conn, row["modality"], row["description"], self.stored.exam.exam_key)
            return _called(row), self._views(keys)
        part = self.texts((Noun.EXAM, 0)).get("body_part", "")
        alike = [view for view in self.same_modality[1] if part and _text(view, "body_part") == part]
        return f"{part} {row['modality']}".strip(), alike

    @cached_property
    def same_modality(self) -> tuple[str, list[View]]:
        row = self._row
        keys = past.of_kind(self._conn, row["modality"], None, self.stored.exam.exam_key)
        return f"{row['modality']} 检查".strip(), self._views(keys)

    @property
    def staff(self) -> list[Mapping[str, str]]:
        listed = self.house.settings.signing.get("staff", ())
        return [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, Sequence) else []

    @cached_property
    def _row(self) -> Mapping[str, str]:
        return exams.shown(self._conn, self.stored.exam.exam_key)

    @property
    def _conn(self) -> Reader:
        return self.house.store.read()

    def _views(self, keys: Iterable[str]) -> list[View]:
        return [view for key in keys if (view := self._view(key))]

    def _view(self, exam_key: str) -> View | None:
        if exam_key not in self._seen:
            stored = self.house.known(exam_key)
            found = coding.together(stored, self.house.views(stored))
            if found is None:
                return None
            self._seen[exam_key] = found
        return self._seen[exam_key]


def suggestions(house: House, exam_key: str, values: Mapping[str, str]) -> Json:
    """At most one suggestion for each field that waits for a person, as if `values` had been entered."""
    stored = pages.with_values(house, house.known(exam_key), values)
    desk = Desk(house=house, stored=stored, views=house.views(stored), repeats=load_repeats())
    if not desk.views:
        return {"suggestions": []}
    found = [
        (place, keys, idea)
        for (place, unit), keys in desk.asked().items()
        if (idea := _idea(desk, place, unit, keys)) is not None
    ]
    fine = _accepted(desk, [(place, idea.texts) for place, _, idea in found])
    return {
        "suggestions": [
            _shown(desk, place, key, Idea(texts=texts, why=idea.why))
            for (place, keys, idea), texts in zip(found, fine, strict=True)
            for key in keys
            if texts.get(key)
        ]
    }


def _shown(desk: Desk, place: Place, key: str, idea: Idea) -> Json:
    texts = {one: coding.shown(desk.house, one, text) for one, text in idea.texts.items()}
    typed = {one: coding.text_of(desk.house, one, text) for one, text in idea.texts.items()}
    head = next(iter(texts))
    told = " · ".join(texts[one] for one in dict.fromkeys((head, key)))
    return {
        "noun": place[0].value,
        "row": place[1],
        "key": key,
        "text": typed[key],
        "shown": texts[key],
        "why": idea.why,
        "told": f"{idea.why}：{told}",
        "also": [{"key": one, "text": typed[one], "shown": texts[one]} for one in texts if one != key],
    }


def _idea(desk: Desk, place: Place, unit: str, keys: list[str]) -> Idea | None:
    """The best source that says something for all that is asked of this unit."""
    now = desk.texts(place)
    members = [key for key, repeat in desk.repeats.items() if repeat.unit == unit]
    known = {key: now[key] for key in members if now.get(key) and key not in keys and _tells_apart(desk, key)}
    stays_with = desk.repeats[keys[0]].stays_with
    ways: list[Callable[[], Idea | None]] = []
    if PATIENT in stays_with:
        ways.append(lambda: _from_last_exam(desk, place, members, keys, known))
    if known:
        ways += [
            lambda: _from_staff(desk, unit, known),
            lambda: _from_partner(desk, place, members, keys, known),
        ]
    elif stays_with & {CLINIC, ITEM}:
        ways += [lambda: _from_habit(desk, place, members, keys), lambda: _from_staff(desk, unit, known)]
    for way in ways:
        idea = way()
        if idea is not None:
            left = {key: text for key, text in idea.texts.items() if key in keys or not now.get(key)}
            if any(left.get(key, now.get(key, "")) != now.get(key, "") for key in keys):
                return replace(idea, texts={key: left[key] for key in members if left.get(key)})
    return None


def _from_last_exam(desk: Desk, place: Place, members: list[str], keys: list[str], known: Texts) -> Idea | None:
    """What the same patient's last exam had; of two numbers for one patient none is suggested."""
    if place[0] is not Noun.EXAM:
        return None
    said = [({k: text for k in members if (text := _text(view, k))}, day) for view, day in desk.patient_exams]
    if "id_number" in keys and len({texts["id_number"] for texts, _ in said if "id_number" in texts}) != 1:
        return None
    for texts, day in said:
        if any(texts.get(key) for key in keys) and _agrees(texts, known):
            return Idea(texts=texts, why=f"上次检查 {day}")
    return None


def _from_habit(desk: Desk, place: Place, members: list[str], keys: list[str]) -> Idea | None:
    """What people here entered most often, and clearly so, in the last exams of this kind."""
    circles = [desk.same_kind]
    if CLINIC in desk.repeats[keys[0]].stays_with:
        circles.append(desk.same_modality)
    for called, views in circles:
        entered = [values for view in views if (values := _typed(view, place, keys))]
        if len(entered) < LEAST:
            continue
        said = Counter(tuple(_texts(values).get(key, "") for key in keys) for values in entered)
        most, count = said.most_common(1)[0]
        if count < LEAST or count * 3 < len(entered) * 2:
            return None
        model = next(v for v in map(_texts, entered) if tuple(v.get(key, "") for key in keys) == most)
        return Idea(texts={key: model[key] for key in members if model.get(key)}, why=f"本机构{_spaced(called)}常填")
    return None


def _from_partner(desk: Desk, place: Place, members: list[str], keys: list[str], known: Texts) -> Idea | None:
    """What stood beside the same person or thing before: a doctor's code beside the name."""
    views = [*desk.same_kind[1], *desk.same_modality[1]]
    said = Counter(
        tuple(texts.get(key, "") for key in keys)
        for view in views
        if _agrees(texts := _texts(values_of(view, _first(place))), known) and any(texts.get(key) for key in keys)
    )
    if not said:
        return None
    most, count = said.most_common(1)[0]
    if count * 3 < said.total() * 2:
        return None
    partner = next(coding.shown(desk.house, key, text) for key, text in known.items())
    return Idea(texts=dict(zip(keys, most, strict=True)), why=f"以前和“{partner}”一起填的")


def _from_staff(desk: Desk, unit: str, known: Texts) -> Idea | None:
    """The one member of staff with this role, or the one that is already named."""
    fitting = [one for one in desk.staff if unit in _units(one.get("role", ""))]
    fields = [{f"{unit}_name": one.get("name", ""), f"{unit}_code": one.get("code", "")} for one in fitting]
    fitting_fields = [texts for texts in fields if not known or _agrees(texts, known)]
    if len(fitting_fields) != 1:
        return None
    return Idea(texts={key: text for key, text in fitting_fields[0].items() if text}, why="医生名单")


def _units(role: str) -> Iterator[str]:
    for piece in role.replace("，", "、").replace(",", "、").replace("/", "、").split("、"):
        yield from next(((unit,) for word, unit in _ROLES if word in piece), ())


def _accepted(desk: Desk, ideas: list[tuple[Place, Texts]]) -> list[Texts]:
    """The texts that no destination would find fault with, were they all taken."""
    read = [
        (place, {key: saved for key, text in texts.items() if (saved := _read(desk, key, text))})
        for place, texts in ideas
    ]
    stored = desk.stored
    for place, texts in read:
        stored = entered(stored, place, texts)
    faults = {((one.noun, one.row), one.key) for view in desk.house.views(stored) for one in view.problems}
    return [{key: text for key, text in texts.items() if (place, key) not in faults} for place, texts in read]


def _read(desk: Desk, key: str, text: str) -> str:
    """A code was kept like this before; a name of the staff list was never read."""
    if desk.house.catalogue.fields[key].type in CODED:
        return text
    try:
        return pages.parsed(desk.house, key, text)[1]
    except NeedsOperator:
        return ""


def entered(stored: Known, place: Place, texts: Mapping[str, str]) -> Known:
    """The exam as if a person had entered these (saved) texts there."""
    noun, row = place
    new = {key: Value(text=text, source=Source.TECHNICIAN) for key, text in texts.items()}
    record = stored.record
    if noun is Noun.EXAM:
        return replace(stored, record=replace(record, exam={**record.exam, **new}))
    if noun is Noun.REPORT:
        reports = tuple((one, {**old, **new} if n == row else old) for n, (one, old) in enumerate(record.reports))
        return replace(stored, record=replace(record, reports=reports))
    rows = list(record.settlements) + [{}] * (row + 1 - len(record.settlements))
    rows[row] = {**rows[row], **new}
    return replace(stored, record=replace(record, settlements=tuple(rows)))


def values_of(view: View, place: Place) -> Values:
    noun, row = place
    if noun is Noun.EXAM:
        return view.exam
    rows = view.settlements if noun is Noun.SETTLEMENT else tuple(report.values for report in view.reports)
    return rows[row] if row < len(rows) else {}


def _first(place: Place) -> Place:
    return (place[0], 0)


def _typed(view: View, place: Place, keys: list[str]) -> Values:
    """The values there, when a person entered one of these; else nothing."""
    values = values_of(view, _first(place))
    by_hand = any(key in values and values[key].source is Source.TECHNICIAN and values[key].text for key in keys)
    return values if by_hand else {}


def _agrees(texts: Texts, known: Texts) -> bool:
    """Whether these are of the same person or thing as what is known: something equal, nothing different."""
    both = [key for key in known if texts.get(key)]
    return all(texts[key] == known[key] for key in both) and bool(both or not known)


def _tells_apart(desk: Desk, key: str) -> bool:
    """A kind of document tells no two doctors apart."""
    return desk.house.catalogue.fields[key].type != "code"


def _texts(values: Values) -> Texts:
    return {key: value.text for key, value in values.items() if value.text}


def _text(view: View, key: str) -> str:
    return _texts(view.exam).get(key, "")


def _spaced(words: str) -> str:
    """A space between Chinese and Latin letters, as everywhere on the pages."""
    return f"{' ' if words[:1].isascii() else ''}{words}{' ' if words[-1:].isascii() else ''}"


def _called(row: Mapping[str, str]) -> str:
    """胸部 CT"""
    description, modality = row["description"], row["modality"]
    return description if modality in description else f"{description} {modality}".strip()
