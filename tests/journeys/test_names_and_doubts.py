"""Journey: names as the machines of the country write them, and images about which a person must be asked first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from app.practice.modality import Patient

from .conftest import NewAgent
from .world import Agent, Modality, Practice, a_destination, a_study, complete_fill, data_set_sha256, sop_uid, study_uid

WANG = Patient(name="王小丽", id="P0007", sex="F", birth="19850607", age="041Y", latin="WANG^XIAOLI")
LI = Patient(name="李娜", id="P0002", sex="F", birth="19900304", age="036Y", latin="LI^NA")
Json = dict[str, Any]


def _doubt(agent: Agent, uid: str) -> str:
    doubts = [each["doubt"] for each in agent.face.form(uid)["studies"]]
    return str(doubts[0])


def _cannot_be_submitted(agent: Agent, uid: str) -> None:
    said = agent.cli("submit", uid, check=False)
    assert said.code == 1
    assert "核对" in said.err, said.err
    assert agent.study(uid)["jobs"] == []


@pytest.mark.parametrize("charset", ["gb18030", "gbk-undeclared", "iso2022-58", "utf8"])
def test_a_chinese_name_is_shown_right_or_a_person_is_asked(
    charset: str, practice: Practice, agent: Agent, modality: Modality, tmp_path: Path, pdf: Path
) -> None:
    path = a_study(tmp_path / "made", images=1, kind="dr", patient=WANG, charset=charset)[0]
    uid = study_uid(path)
    modality.send_folder(tmp_path / "made")
    agent.wait_until_complete(uid)
    row = agent.one_study()
    is_doubtful = row["state"] == "check"
    print(charset, row["patient_name"], row["state"])
    assert is_doubtful or row["patient_name"] == WANG.name
    assert is_doubtful == (charset == "gbk-undeclared"), "only what declares no character set is doubtful"
    if is_doubtful:
        _cannot_be_submitted(agent, uid)
        candidates = agent.face.form(uid)["studies"][0]["candidates"]
        assert WANG.name in [text for _, text in candidates], candidates
        agent.cli("settle", uid, "--name", WANG.name)
    assert agent.one_study()["patient_name"] == WANG.name
    assert agent.one_study()["state"] == "to_fill"
    agent.fill_and_submit(uid, complete_fill(WANG, kind="dr"), pdf)
    agent.wait_for_state(uid, "acknowledged")
    assert practice.ledger()["exams"][0]["fields"]["patName"] == WANG.name
    assert data_set_sha256(practice.image(sop_uid(path))) == data_set_sha256(path.read_bytes())


def test_two_patients_under_one_study_uid_are_held_and_parted(
    practice: Practice, agent: Agent, modality: Modality, tmp_path: Path, pdf: Path
) -> None:
    paths = a_study(tmp_path / "made", images=4, patient=Patient(), second_patient=LI)
    uid = study_uid(paths[0])
    modality.send_folder(tmp_path / "made")
    agent.wait_until_complete(uid)
    assert (agent.one_study()["state"], _doubt(agent, uid)) == ("check", "two_patients")
    _cannot_be_submitted(agent, uid)

    agent.cli("settle", agent.one_study()["exam_key"], "--split")
    rows = {row["patient_name"]: row for row in agent.studies()}
    assert sorted(rows) == sorted([Patient().name, LI.name])
    assert {row["image_count"] for row in rows.values()} == {2}
    assert {row["state"] for row in rows.values()} == {"to_fill"}

    for patient in (Patient(), LI):
        agent.fill_and_submit(rows[patient.name]["exam_key"], complete_fill(patient), pdf)
        agent.wait_for_state(rows[patient.name]["exam_key"], "acknowledged")
    exams = {exam["fields"]["patName"]: exam for exam in practice.ledger()["exams"]}
    assert sorted(exams) == sorted(rows)
    assert len({exam["key"] for exam in exams.values()}) == 2
    for patient in (Patient(), LI):
        fields = exams[patient.name]["fields"]
        said = (fields["patBirthday"].replace("-", ""), fields["sex"], fields["patientId"])
        assert said == (patient.birth, {"M": "1", "F": "2"}[patient.sex], patient.id), "of the wrong patient"
    assert practice.ledger()["counts"]["image"]["kept"] == 4


def test_an_accession_number_of_another_patient_is_held(
    practice: Practice, agent: Agent, modality: Modality, tmp_path: Path, pdf: Path
) -> None:
    first = a_study(tmp_path / "first", images=1, kind="dr", accession="A100")[0]
    second = a_study(tmp_path / "second", images=1, kind="dr", accession="A100", patient=LI)[0]
    modality.send_folder(tmp_path / "first")
    modality.send_folder(tmp_path / "second")
    agent.wait_until_complete(study_uid(first))
    agent.wait_until_complete(study_uid(second))
    assert _doubt(agent, study_uid(second)) == "accession_reused"
    _cannot_be_submitted(agent, study_uid(second))

    agent.cli("settle", study_uid(second), "--same")
    agent.fill_and_submit(study_uid(second), complete_fill(LI, kind="dr"), pdf)
    agent.wait_for_state(study_uid(second), "acknowledged")
    assert [exam["fields"]["patName"] for exam in practice.ledger()["exams"]] == [LI.name]


@pytest.mark.parametrize("choice", ["first", "second"])
def test_one_image_in_two_contents_is_held_until_one_is_chosen(
    choice: str, practice: Practice, agent: Agent, modality: Modality, tmp_path: Path, pdf: Path
) -> None:
    uid = study_uid(a_study(tmp_path / "probe", images=1)[0])
    contents = {
        name: a_study(tmp_path / name, images=2, kind="dr", study_uid=uid, size=size)
        for name, size in (("first", 64), ("second", 80))
    }
    for name in contents:
        modality.send_folder(tmp_path / name)
    agent.wait_until_complete(uid)
    assert (agent.one_study()["state"], _doubt(agent, uid)) == ("check", "conflict")
    assert agent.one_study()["image_count"] == 2
    _cannot_be_submitted(agent, uid)

    agent.cli("settle", uid, f"--{choice}")
    agent.fill_and_submit(uid, complete_fill(kind="dr"), pdf)
    agent.wait_for_state(uid, "acknowledged")
    kept = {image["key"]: image["sha256"] for image in practice.ledger()["images"]}
    assert kept == {sop_uid(path): data_set_sha256(path.read_bytes()) for path in contents[choice]}
    assert len(agent.spool_files()) == 4 + 1, "both contents and the report are kept"


@pytest.mark.parametrize("carried", [False, True], ids=["not carried", "carried into the images"])
def test_a_study_without_accession_number_gets_one_and_the_original_stays(
    carried: bool, practice: Practice, new_agent: NewAgent, tmp_path: Path, pdf: Path
) -> None:
    destination = a_destination(practice)
    destination["options"] |= {"carry_minted_accession": carried}
    agent = new_agent(practice, destination=[destination])
    paths = a_study(tmp_path / "made", images=2, kind="dr", accession=None)
    uid = study_uid(paths[0])
    Modality(agent.port).send_folder(tmp_path / "made")
    agent.wait_until_complete(uid)
    minted = agent.one_study()["accession_number"]
    assert minted
    agent.fill_and_submit(uid, complete_fill(kind="dr"), pdf)
    agent.wait_for_state(uid, "acknowledged")

    assert practice.ledger()["exams"][0]["fields"]["accessionNumber"] == minted
    spooled = {path.name.rsplit("-", 1)[0]: path for path in agent.spool_files() if path.suffix == ".dcm"}
    for path in paths:
        assert data_set_sha256(spooled[sop_uid(path)].read_bytes()) == data_set_sha256(path.read_bytes())
        arrived = tmp_path / "arrived.dcm"
        arrived.write_bytes(practice.image(sop_uid(path)))
        assert _without_accession(arrived) == _without_accession(path)
        assert dcmread(arrived).get("AccessionNumber", "") == (minted if carried else "")


def _without_accession(path: Path) -> Json:
    data_set = dcmread(path)
    if "AccessionNumber" in data_set:
        del data_set.AccessionNumber
    return dict(data_set.to_json_dict())
