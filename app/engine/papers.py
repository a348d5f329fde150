"""申请材料: which papers the clinic must hand in before its doctors can sign and its PDFs be stamped.

What the platform wants is data of its region; the clinic's case follows from the settings and an answer or two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.catalogue.load import load_region
from app.catalogue.papers import DOCTORS, CaseQuestion, Column, Line, Paper, Papers, Return, load_papers
from app.catalogue.questions import as_answer
from app.catalogue.region import Region
from app.domain.settings import Clinic, DestinationSettings, Settings
from app.engine.face import Json
from app.engine.house import House
from app.errors import NeedsOperator

AUDITS = "审核"
"""The word in the role of a member of staff who signs."""
Doctor = Mapping[str, str]
"""A row of the staff list."""
_OF_CLINIC = "clinic."
_STAFF_PAGE = "signing"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What one destination's platform wants of this clinic. It need not work yet: its keys come after the papers."""

    name: str
    title: str
    document: str
    options: Mapping[str, Any]
    secrets: tuple[str, ...]
    """Names of those in the store."""
    asked: Papers
    case: Mapping[str, str]
    """Question -> answer."""
    clinic: Clinic
    doctors: tuple[Doctor, ...]

    @property
    def papers(self) -> list[Paper]:
        return [one for one in self.asked.papers if one.when.fits(self.case)]

    @property
    def returns(self) -> list[Return]:
        return [one for one in self.asked.returns if one.when.fits(self.case)]

    @property
    def applying(self) -> list[Doctor]:
        """The doctors whom the platform has not given a number."""
        return [one for one in self.doctors if not _is_known(one)]

    def lines(self, paper: Paper) -> list[tuple[Line, str]]:
        """Each line of a form, and what stands in it."""
        return [(one, one.text or self._setting(one.source)) for one in paper.lines if one.when.fits(self.case)]

    def cell(self, column: Column, place: int, doctor: Doctor) -> str:
        """What stands in a column of the list beside this doctor."""
        of_doctor = {"place": str(place), "doctor.name": doctor["name"]}
        return of_doctor.get(column.source) or self._setting(column.source)

    def _setting(self, source: str) -> str:
        name = source.removeprefix(_OF_CLINIC)
        return str(getattr(self.clinic, name)) if source.startswith(_OF_CLINIC) else ""


def told(want: Wanted) -> Json:
    """All that is said of it, without the texts to copy."""
    phone = want.asked.phone
    by_phone = phone.when.fits(want.case)
    return {
        "destination": want.name,
        "title": want.title,
        "document": want.document,
        "questions": [_question(want, one) for one in want.asked.questions],
        "papers": [_paper(want, one) for one in want.papers],
        "hand_in": want.asked.hand_in,
        "doubts": [one.words for one in want.asked.doubts if one.when.fits(want.case)],
        "doctors": [{"name": one["name"], "known": _is_known(one)} for one in want.doctors],
        "returns": [_return(want, one) for one in want.returns],
        "phone": {
            "steps": list(phone.steps) if by_phone else [],
            "notes": list(phone.notes) if by_phone else [],
        },
    }


def lacking(house: House) -> list[str]:
    """What a platform that demands signatures has not sent back yet, or nobody has written down."""
    found: list[str] = []
    for one in house.settings.destinations:
        target = house.targets.get(one.name)
        want = _of(house, one, {}) if target and target.demands_signature else None
        found += (
            [back.title for back in want.returns if _is_value(back) and not _stands(want, back.known)] if want else []
        )
    return list(dict.fromkeys(found))


def wanted(house: House, destination: str = "", answers: Json | None = None) -> Wanted:
    """Of the destination of that name, or of the first that wants papers. Raises NeedsOperator."""
    names = [one.name for one in house.settings.destinations]
    if destination and destination not in names:
        raise NeedsOperator("没有这个上传目标", f"请核对名称：{'、'.join(names)}", page="destination")
    for one in house.settings.destinations:
        want = _of(house, one, answers or {}) if destination in ("", one.name) else None
        if want is not None:
            return want
    raise NeedsOperator("没有要交的申请材料", "要材料的平台加进上传目标以后，这里会列出来", page="destination")


def _of(house: House, destination: DestinationSettings, answers: Json) -> Wanted | None:
    target = house.targets.get(destination.name)
    region = target.region if target else load_region(destination.region, house.catalogue)
    return wanted_of(house.settings, destination, region, answers)


def wanted_of(settings: Settings, destination: DestinationSettings, region: Region, answers: Json) -> Wanted | None:
    """From values alone, None where the region wants no papers. Raises NeedsOperator for what is no answer."""
    asked = load_papers(region.name)
    if asked is None:
        return None
    options = {**region.options.get("options", {}), **destination.options}
    return Wanted(
        name=destination.name,
        title=region.title,
        document=region.document,
        options=options,
        secrets=destination.secret_names,
        asked=asked,
        case={one.key: _answer(one, options, answers) for one in asked.questions},
        clinic=settings.clinic,
        doctors=tuple(_auditing(settings.signing)),
    )


def _auditing(signing: Mapping[str, object]) -> Iterator[Doctor]:
    """Members of staff who sign, each once."""
    staff = signing.get("staff", ())
    rows = [one for one in staff if isinstance(one, Mapping)] if isinstance(staff, list | tuple) else []
    found = {(one.get("name", ""), one.get("code", "")): one for one in rows if AUDITS in one.get("role", "")}
    yield from found.values()


def _is_known(doctor: Doctor) -> bool:
    return bool(doctor.get("mssp_id"))


# -- the clinic's case ------------------------------------------------------------------------------------------------


def _answer(one: CaseQuestion, options: Mapping[str, Any], answers: Json) -> str:
    """As given, else as the settings say, else the first. Raises NeedsOperator for what is no answer."""
    given = str(answers.get(one.key, ""))
    if given and given not in {answer.value for answer in one.answers}:
        values = "、".join(answer.value for answer in one.answers)
        raise NeedsOperator(f"“{one.label}”不能是 {given}", f"可以是 {values}")
    return given or _settled(one, options) or one.answers[0].value


def _settled(one: CaseQuestion, options: Mapping[str, Any]) -> str:
    """What the destination's settings answer, "" when they don't."""
    said = as_answer(options.get(one.option, "")) if one.option else ""
    return next((answer.value for answer in one.answers if said and answer.setting == said), "")


def _question(want: Wanted, one: CaseQuestion) -> Json:
    settled = _settled(one, want.options)
    other = next((answer.label for answer in one.answers if answer.value == settled != want.case[one.key]), "")
    return {
        "key": one.key,
        "label": one.label,
        "answer": want.case[one.key],
        "answers": [{"value": answer.value, "label": answer.label} for answer in one.answers],
        "note": f"设置里现在是“{other}”" if other else "",
    }


# -- what to hand in --------------------------------------------------------------------------------------------------


def _paper(want: Wanted, one: Paper) -> Json:
    missing = [line.label for line, text in want.lines(one) if line.needed and not text]
    missing += [column.label for column in one.columns if not column.source]
    return {
        "number": one.number,
        "title": one.title,
        "copies": one.copies,
        "prepare": [*([_doctors_words(want)] if one.columns else []), *one.prepare],
        "written": bool(one.lines or one.columns),
        "missing": missing,
        "doubt": one.doubt,
        "page": _STAFF_PAGE if one.columns and not want.doctors else "",
    }


def _doctors_words(want: Wanted) -> str:
    applying = [one["name"] for one in want.applying]
    if not want.doctors:
        return "医生名单里还没有审核医师，请先填上"
    if not applying:
        return f"{len(want.doctors)} 位审核医师都有编号了，有新医生才要再交"
    return f"表格里已写好 {len(applying)} 位：{'、'.join(applying)}"


# -- what comes back --------------------------------------------------------------------------------------------------


def _return(want: Wanted, one: Return) -> Json:
    known = _stands(want, one.known)
    applying = [doctor["name"] for doctor in want.applying] if one.known == DOCTORS else []
    setting, _, value = one.known.partition("=")
    verb = {"": "填", "true": "打开"}.get(value, "选")
    words = f"已{verb}" if known else f"还没有：{'、'.join(applying)}" if applying else f"还没有{verb}"
    return {
        "title": one.title,
        "what": one.what,
        "where": one.where,
        "page": one.page,
        "question": "" if one.known == DOCTORS else setting,
        "known": known,
        "words": words,
    }


def _stands(want: Wanted, known: str) -> bool:
    """Whether the settings have what `known` of a return names."""
    kind, _, name = known.partition(".")
    if kind == DOCTORS:
        return bool(want.doctors) and not want.applying
    if kind == "secrets":
        return name in want.secrets
    name, is_one, value = name.partition("=")
    said = as_answer(want.options.get(name, ""))
    return said == value if is_one else bool(said)


def _is_value(one: Return) -> bool:
    """Without it nobody can sign; a switch only says how."""
    return "=" not in one.known
