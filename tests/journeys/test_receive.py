"""Journey: the machine sends, the study completes by itself, the technician fills and submits, the platform has it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from app.practice.modality import Patient

from .world import Agent, Modality, Practice, a_study, complete_fill, data_set_sha256, sop_uid, study_uid

ZHANG = Patient()
LI = Patient(name="李娜", id="P0002", sex="F", birth="19900304", age="036Y", latin="LI^NA")
SLICES = 300


@pytest.mark.parametrize(
    ("kind", "images", "size", "patient"),
    [("ct", SLICES, 512, ZHANG), ("dr", 2, 1024, LI)],
    ids=["300-slice CT", "2-image DR"],
)
def test_a_study_reaches_the_platform_exactly_as_the_machine_made_it(
    kind: str,
    images: int,
    size: int,
    patient: Patient,
    practice: Practice,
    agent: Agent,
    modality: Modality,
    tmp_path: Path,
    pdf: Path,
) -> None:
    paths = a_study(tmp_path / "made", kind=kind, images=images, patient=patient, size=size)
    uid = study_uid(paths[0])

    modality.send_folder(tmp_path / "made")
    agent.wait_until_complete(uid)
    assert agent.one_study()["image_count"] == images
    _fill_attach_and_submit(agent, uid, complete_fill(patient, kind=kind), tmp_path, pdf)
    agent.wait_for_state(uid, "acknowledged", seconds=90)

    ledger = practice.ledger()
    _the_record_is_what_was_entered(ledger["exams"], patient, uid)
    _the_report_and_its_pdf_are_there(practice, ledger["reports"], pdf)
    made = {sop_uid(path): data_set_sha256(path.read_bytes()) for path in paths}
    assert {image["key"]: image["sha256"] for image in ledger["images"]} == made
    assert all(image["received"] == 1 and image["state"] == "kept" for image in ledger["images"])
    last = sop_uid(paths[-1])
    assert data_set_sha256(practice.image(last)) == made[last]
    assert ledger["counts"]["exam"]["refused"] == ledger["counts"]["report"]["refused"] == 0


def _fill_attach_and_submit(agent: Agent, uid: str, filled: dict[str, object], folder: Path, pdf: Path) -> None:
    file = folder / "filled.json"
    file.write_text(json.dumps(filled, ensure_ascii=False), encoding="utf-8")
    form = agent.cli("fill", uid, "--from", str(file)).json
    assert [problem["key"] for problem in form["problems"]] == ["report_pdf"]
    form = agent.cli("attach", uid, str(pdf)).json
    assert form["ready"], form["ready_why_not"]
    assert agent.cli("submit", uid).json["submitted"] == [uid]


def _the_record_is_what_was_entered(exams: list[dict[str, object]], patient: Patient, uid: str) -> None:
    assert len(exams) == 1
    exam = exams[0]
    assert (exam["state"], exam["received"], exam["study_uid"]) == ("kept", 1, uid)
    fields = exam["fields"]
    assert isinstance(fields, dict)
    assert fields["patName"] == patient.name
    assert fields["patBirthday"].replace("-", "") == patient.birth
    assert fields["diagnosisName"] == "肺炎"
    assert fields["setInfoList"][0]["medListCode"] == "002101000010000"


def _the_report_and_its_pdf_are_there(practice: Practice, reports: list[dict[str, object]], pdf: Path) -> None:
    assert len(reports) == 1
    report = reports[0]
    assert (report["state"], report["received"]) == ("kept", 1)
    assert report["pdf_sha256"] == hashlib.sha256(pdf.read_bytes()).hexdigest()
    assert practice.report_pdf(str(report["key"])) == pdf.read_bytes()
    fields = report["fields"]
    assert isinstance(fields, dict)
    assert fields["findings"] == "双肺纹理清晰，未见实变。"
