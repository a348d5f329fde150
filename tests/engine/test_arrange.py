"""Which images and reports belong to which exam, through the face of an engine that works without ports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.engine import Engine, offline
from app.errors import NeedsOperator
from app.system.paths import Home
from tests.builders import a_pdf, a_study, a_uid


@pytest.fixture
def engine(home: Home) -> Iterator[Engine]:
    with offline(home) as face:
        yield face


def imported(engine: Engine, folder: Path, **facts: str) -> str:
    """The study UID of a fresh study of two images."""
    uid = a_uid()
    folder.mkdir()
    a_study(folder, images=2, study_uid=uid, **facts)
    engine.import_paths([str(folder)])
    return uid


def test_images_join_the_exam_that_was_registered_before_them(engine: Engine, tmp_path: Path) -> None:
    registered = engine.register({"patient_name": "王小满"})
    accession = registered["accession_number"]
    uid = imported(engine, tmp_path / "a", accession=accession, name="王小满")
    study = engine.study(uid)
    assert study["exam_key"] == registered["exam_key"]
    assert len(study["instances"]) == 2
    assert engine.studies()["total"] == 1


def test_images_of_another_patient_do_not_join_a_registered_exam(engine: Engine, tmp_path: Path) -> None:
    registered = engine.register({"patient_name": "王小满"})
    uid = imported(engine, tmp_path / "a", accession=registered["accession_number"], name="赵大年")
    assert engine.study(uid)["exam_key"] != registered["exam_key"]


def test_two_studies_of_one_exam_are_joined_and_parted_again(engine: Engine, tmp_path: Path) -> None:
    first, second = imported(engine, tmp_path / "a"), imported(engine, tmp_path / "b")
    key = engine.study(first)["exam_key"]
    joined = engine.join(key, second)
    assert [one["uid"] for one in joined["studies"]] == [first, second]
    assert engine.studies()["total"] == 1
    assert len(engine.study(key)["instances"]) == 4
    parted = engine.part(key, second)
    assert parted["exam_key"] != key
    assert engine.studies()["total"] == 2
    assert len(engine.study(key)["instances"]) == 2


def test_an_exam_with_entered_values_is_never_dropped_by_a_join(engine: Engine, tmp_path: Path) -> None:
    first, second = imported(engine, tmp_path / "a"), imported(engine, tmp_path / "b")
    other = engine.study(second)["exam_key"]
    engine.fill(second, {"phone": "13800138000"})
    engine.join(engine.study(first)["exam_key"], second)
    assert engine.studies()["total"] == 2
    assert engine.study(other)["instances"] == []


def test_one_report_serves_two_exams(engine: Engine, tmp_path: Path) -> None:
    first, second = imported(engine, tmp_path / "a"), imported(engine, tmp_path / "b")
    engine.attach(first, str(a_pdf(tmp_path / "r.pdf")))
    shared = engine.share_report(first, second)
    assert shared["reports"][0]["report_key"] == engine.study(first)["reports"][0]["report_key"]
    assert shared["reports"][0]["pdf"] is True


def test_a_shared_report_can_be_left_to_the_other_exam(engine: Engine, tmp_path: Path) -> None:
    first, second = imported(engine, tmp_path / "a"), imported(engine, tmp_path / "b")
    shared = engine.attach(first, str(a_pdf(tmp_path / "r.pdf")))["reports"][0]["report_key"]
    engine.share_report(first, second)
    (own,) = engine.drop_report(first, 0)["reports"]
    assert (own["report_key"] != shared, own["pdf"], own["shared"]) == (True, False, [])
    (left,) = engine.form(second)["reports"]
    assert (left["report_key"], left["pdf"], left["shared"]) == (shared, True, [])


def test_a_study_that_nobody_knows_cannot_be_joined(engine: Engine, tmp_path: Path) -> None:
    first = imported(engine, tmp_path / "a")
    with pytest.raises(NeedsOperator, match="没有这组影像"):
        engine.join(first, "1.2.3")
