"""Exams that were registered before their images (登记): which images are theirs, and what a person is asked about.

Images that bear the registered accession number join by themselves as they come in (`store.exams`). Here the rest:
one patient, one registration, no contradiction - then they join when they are complete; else a person is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from app.delivery.record import Known, Values
from app.domain.times import cst_text
from app.engine import coding
from app.engine.face import Json
from app.engine.house import House
from app.errors import NeedsOperator
from app.store import Tx, exams, jobs

_WAITS = timedelta(days=3)
"""So long after its registration an exam may get the images of a device that knows nothing of it."""
_BEFORE = timedelta(days=1)
"""So much older than the registration images may be: a device's clock is seldom right."""
_MOST = 3
_ASKED = ("patient_name", "id_number", "sex", "birth_date", "hospital_item_name", "modality", "accession_number")
_NEEDED = frozenset({"patient_name"})
_HELP = {
    "id_number": "填了身份证号，性别和出生日期可以空着",
    "accession_number": "空着由程序编一个；在设备上输入它，影像一到就归到这例",
}
"""What a registration says beside a field instead of what the form says."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A registered exam without images. `sure`: the same person beyond a common name, nothing speaks against it.

    Against it speak another sex or modality, images made long before, and a number under which other images go.
    """

    known: Known
    values: Values
    sure: bool


def asked(house: House) -> Json:
    """See `Face.registration`."""
    usual = exams.usual_modality(house.store.read())
    fields = (house.catalogue.fields[key] for key in _ASKED)
    texts = {"modality": usual}
    return {
        "fields": [
            {
                **{name: getattr(one, name) for name in ("key", "label", "group", "type", "table")},
                "noun": one.noun.value,
                "row": 0,
                "level": "must" if one.key in _NEEDED else "may",
                "required_when": "",
                "max_length": 0,
                "help": _HELP.get(one.key, one.help),
                "only": "",
                "doubt": "",
                "text": texts.get(one.key, ""),
                "shown": texts.get(one.key, ""),
                "source": "",
                "source_words": "",
                "value_doubt": "",
                "problem": None,
            }
            for one in fields
        ]
    }


def sure(house: House, exam_key: str, tx: Tx | None = None) -> tuple[str, str]:
    """(the exam registered for these images beyond doubt, their study); ("", "") where a person must say, or did."""
    conn = tx.conn if tx else house.store.read()
    try:
        stored = house.known(exam_key, tx)
    except NeedsOperator:
        return "", ""
    if not _may_join(stored) or jobs.of_exam(conn, exam_key):
        return "", ""
    found = candidates(house, stored, tx)
    study_uid = stored.studies[0].study_instance_uid
    if len(found) != 1 or not found[0].sure or exams.was_parted(conn, study_uid, stored.exam.created_at):
        return "", ""
    return found[0].known.exam.exam_key, study_uid


def shown(house: House, stored: Known) -> list[Json]:
    """What a person may be asked about the images of this exam; see `registered` of `Face.form`."""
    if not _may_join(stored):
        return []
    return [
        {
            "exam_key": one.known.exam.exam_key,
            "study": stored.studies[0].study_instance_uid,
            "words": _words(one),
        }
        for one in candidates(house, stored)[:_MOST]
    ]


def candidates(house: House, stored: Known, tx: Tx | None = None) -> list[Candidate]:
    """The registered exams that may be waiting for these images, the likeliest first."""
    since = house.clock.now() - _WAITS
    own = coding.together(stored, house.views(stored))
    if own is None:
        return []
    name, spelt = " ".join(_text(own.exam, "patient_name").upper().split()), _text(own.exam, "patient_name_pinyin")
    found = []
    for key in exams.without_images(tx.conn if tx else house.store.read(), since, (name, _plain(spelt))):
        other = house.known(key, tx)
        view = coding.together(other, house.views(other))
        if view is not None and _same_name(own.exam, view.exam):
            is_sure = _is_sure(own.exam, view.exam) and not _is_anothers(stored, own.exam, other)
            found.append(Candidate(known=other, values=view.exam, sure=is_sure))
    return sorted(found, key=lambda one: not one.sure)


def _may_join(stored: Known) -> bool:
    """One study that stands alone, without doubts, not submitted."""
    return len(stored.studies) == 1 and not stored.doubts and stored.exam.submitted_at is None


def _same_name(own: Values, other: Values) -> bool:
    """In Chinese, or spelt where one side has letters only."""
    for key in ("patient_name", "patient_name_pinyin"):
        mine, theirs = _text(own, key), _text(other, key)
        if mine and theirs:
            return _plain(mine) == _plain(theirs)
    return False


def _is_sure(own: Values, other: Values) -> bool:
    alike = [_agree(own, other, key) for key in ("birth_date", "patient_id", "id_number")]
    against = [_agree(own, other, key) for key in ("sex", "modality")]
    return True in alike and False not in (*alike, *against)


def _is_anothers(stored: Known, own: Values, other: Known) -> bool:
    """The images were made before anybody registered this exam, or bear a number that says which exam they are."""
    made_at = _text(own, "examined_at")
    if made_at and made_at < cst_text(other.exam.created_at - _BEFORE):
        return True
    mine, theirs = stored.given_accession, other.accession_number
    return bool(mine) and mine != theirs and (exams.is_minted(mine) or not exams.is_minted(theirs))


def _agree(own: Values, other: Values, key: str) -> bool | None:
    """None where one side does not know."""
    mine, theirs = _text(own, key), _text(other, key)
    return _plain(mine) == _plain(theirs) if mine and theirs else None


def _text(values: Values, key: str) -> str:
    value = values.get(key)
    return value.text if value else ""


def _plain(text: str) -> str:
    return "".join(text.split()).upper()


def _words(one: Candidate) -> str:
    """王小满 · 胸部CT平扫 · 09:12 登记"""
    at = _text(one.values, "registered_at")
    parts = (
        _text(one.values, "patient_name"),
        _text(one.values, "hospital_item_name"),
        f"{at[5:16]} 登记" if at else "",
    )
    return " · ".join(part for part in parts if part)
