"""Earlier exams that say something about one at hand: those of the same patient, those of the same kind."""

from __future__ import annotations

from dataclasses import dataclass

from app.store.database import Reader

_TRUSTED = "e.submitted_at IS NOT NULL AND e.state NOT IN ('held', 'rejected', 'withdrawn', 'cancelled')"
"""Submitted, and nobody has found fault with it since."""


@dataclass(frozen=True, kw_only=True)
class Patient:
    """What an exam is recognised by as the same person's. Texts as kept; "" for what is not known."""

    id_number: str
    patient_id: str
    name: str
    birth_date: str
    """yyyy-MM-dd"""


def of_patient(conn: Reader, patient: Patient, but: str, limit: int = 5) -> list[tuple[str, str]]:
    """(exam key, exam day) of the person's other exams, the last one first.

    By the number of the identity document; by patient id, name and birth date together when that finds none.
    """
    if patient.id_number:
        rows = conn.execute(
            f"""SELECT DISTINCT e.exam_key, e.exam_day, e.sort_at
                FROM record_values v JOIN exams e ON e.exam_key = v.owner
                WHERE v.key = 'id_number' AND v.text = :number AND e.exam_key <> :but AND {_TRUSTED}
                ORDER BY e.exam_day DESC, e.sort_at DESC LIMIT :limit""",
            {"number": patient.id_number, "but": but, "limit": limit},
        ).fetchall()
        if rows:
            return [(row["exam_key"], row["exam_day"]) for row in rows]
    if not (patient.patient_id and patient.name and patient.birth_date):
        return []
    rows = conn.execute(
        f"""SELECT DISTINCT e.exam_key, e.exam_day, e.sort_at FROM studies s
            JOIN exam_studies x USING (study_instance_uid) JOIN exams e USING (exam_key)
            WHERE s.patient_id = :id AND s.birth_date = :birth AND e.patient_name = :name AND e.exam_key <> :but
            AND {_TRUSTED} ORDER BY e.exam_day DESC, e.sort_at DESC LIMIT :limit""",
        {
            "id": patient.patient_id,
            "birth": patient.birth_date.replace("-", ""),
            "name": patient.name,
            "but": but,
            "limit": limit,
        },
    ).fetchall()
    return [(row["exam_key"], row["exam_day"]) for row in rows]


def of_kind(conn: Reader, modality: str, description: str | None, but: str, limit: int = 30) -> list[str]:
    """Keys of the last exams with this modality (and this description unless None), the newest first."""
    rows = conn.execute(
        f"""SELECT e.exam_key FROM exams e WHERE e.modality = :modality AND e.exam_key <> :but AND {_TRUSTED}
            AND (:description IS NULL OR e.description = :description) ORDER BY e.sort_at DESC LIMIT :limit""",
        {"modality": modality, "description": description, "but": but, "limit": limit},
    ).fetchall()
    return [row["exam_key"] for row in rows]
