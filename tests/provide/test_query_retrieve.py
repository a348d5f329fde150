"""The clinic's images asked for as from a PACS: what is found, what is offered, what goes out, what is vouched for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.settings import Node, QuerySettings
from app.domain.study import Doubt
from app.provide.matching import is_like, matcher
from app.provide.query_retrieve import QueryRetrieve
from app.store import answers, exams, images, test_marks
from app.wire.dicom_answer import NOT_KEPT, OTHER_CLASS, Reference
from app.wire.identifiers import KEYS, Identifier, Unanswerable
from tests.builders import SOP_CLASSES, a_study, a_uid
from tests.intake.clinic import Room, a_room

Json = dict[str, Any]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with a_room(tmp_path / "影像 home") as made:
        yield made


@pytest.fixture
def pacs(room: Room) -> QueryRetrieve:
    return a_pacs(room)


def a_pacs(room: Room, *destinations: str, fetching: Mapping[str, Sequence[str]] | None = None) -> QueryRetrieve:
    chosen = QuerySettings(on=True, callers=("FRONT",), destinations=destinations)
    return QueryRetrieve(
        room.store,
        room.clock,
        chosen,
        our_ae="AGENT",
        path_of=room.spool.path,
        fetching=lambda ae_title: (fetching or {}).get(ae_title, ()),
    )


def received(room: Room, folder: Path, *, complete: bool = True, images_: int = 3, **elements: Any) -> str:
    """A study came in; its UID."""
    uid = str(elements.pop("study_uid", "") or a_uid())
    for path in a_study(folder / uid, images=images_, study_uid=uid, **{"name": "李建国", **elements}):
        room.taker.take_file(path, "folder:/in")
    if complete:
        room.store.write(lambda tx: images.mark_complete(tx, uid, now=room.clock.now()))
    return uid


def ask(level: str = "STUDY", **values: str) -> Identifier:
    return Identifier(level=level, values=values, charset="GB18030")


def found(pacs: QueryRetrieve, level: str = "STUDY", **values: str) -> list[Json]:
    return [dict(one) for one in pacs.find(ask(level, **values))]


def uids(pacs: QueryRetrieve, **values: str) -> set[str]:
    return {one["StudyInstanceUID"] for one in found(pacs, **values)}


def fetched(pacs: QueryRetrieve, level: str = "STUDY", **values: str) -> list[str]:
    """SHA-256 of the files that go out."""
    wanted = pacs.wanted(ask(level, **values))
    sent = [hashlib.sha256(one.path.read_bytes()).hexdigest() for one in wanted.images]
    assert len(sent) == wanted.count
    return sorted(sent)


# -- finding ----------------------------------------------------------------------------------------------------------


def test_a_study_is_found_by_each_of_its_keys(room: Room, pacs: QueryRetrieve, tmp_path: Path) -> None:
    one = received(room, tmp_path, accession="CT2601050001", patient_id="P0007", StudyDescription="胸部平扫")
    other = received(
        room, tmp_path, accession="DR2601060002", patient_id="P0008", study_date="20260106", study_time="150000",
        modality="DX", name="王小雨", PatientSex="F", PatientBirthDate="19991231",
    )  # fmt: skip
    by = {
        "AccessionNumber": ("CT2601050001", "CT*", "ct260105000?"),
        "StudyInstanceUID": (one, f"{one}\\1.2.3"),
        "PatientID": ("P0007", "p*7"),
        "PatientName": ("李建国", "李*", "李^建国", "*建*", "李?国", "=李建国"),
        "StudyDate": ("20260105", "20260101-20260105", "-20260105"),
        "StudyTime": ("0930", "09-10", "-120000", "093000.000"),
        "ModalitiesInStudy": ("CT", "MR\\CT"),
        "StudyDescription": ("胸部*",),
        "PatientSex": ("M",),
        "PatientBirthDate": ("19800214", "19700101-19901231"),
    }
    for keyword, asked in by.items():
        for text in asked:
            assert uids(pacs, **{keyword: text}) == {one}, (keyword, text)
    for keyword, text in (
        ("PatientName", "*"),
        ("StudyDate", "20260101-"),
        ("StudyInstanceUID", ""),
        ("PatientID", ""),
    ):
        assert uids(pacs, **{keyword: text}) == {one, other}
    for keyword, text in (
        ("PatientName", "建国"),
        ("StudyDate", "20260107"),
        ("AccessionNumber", "CT"),
        ("PatientSex", "O"),
    ):
        assert uids(pacs, **{keyword: text}) == set()


def test_every_level_says_what_it_holds(room: Room, pacs: QueryRetrieve, tmp_path: Path) -> None:
    uid = received(room, tmp_path, images_=5, series=2, accession="A1", patient_id="P1")
    received(room, tmp_path, images_=2, patient_id="P1", modality="DX")
    [patient] = found(pacs, "PATIENT", PatientName="李*")
    assert [patient[f"NumberOfPatientRelated{what}"] for what in ("Studies", "Series", "Instances")] == ["2", "3", "7"]
    [study] = found(pacs, StudyInstanceUID=uid)
    counts = [study[f"NumberOfStudyRelated{what}"] for what in ("Series", "Instances")]
    assert (counts, study["ModalitiesInStudy"], study["SOPClassesInStudy"]) == (["2", "5"], "CT", SOP_CLASSES["CT"])
    assert (study["StudyDate"], study["StudyTime"], study["PatientBirthDate"]) == ("20260105", "093000", "19800214")
    series = found(pacs, "SERIES", StudyInstanceUID=uid)
    assert [(one["SeriesNumber"], one["NumberOfSeriesRelatedInstances"]) for one in series] == [("1", "3"), ("2", "2")]
    assert found(pacs, "SERIES", StudyInstanceUID=uid, Modality="MR") == []
    of_series = found(pacs, "IMAGE", StudyInstanceUID=uid, SeriesInstanceUID=series[1]["SeriesInstanceUID"])
    assert [one["InstanceNumber"] for one in of_series] == ["1", "2"]
    one = of_series[0]["SOPInstanceUID"]
    assert [each["SOPInstanceUID"] for each in found(pacs, "IMAGE", SOPInstanceUID=one)] == [one]
    assert found(pacs, "IMAGE", StudyInstanceUID=uid, InstanceNumber="9") == []


def test_a_number_given_here_finds_the_study_and_is_what_is_answered(
    room: Room, pacs: QueryRetrieve, tmp_path: Path
) -> None:
    uid = received(room, tmp_path)
    room.store.write(lambda tx: exams.refresh(tx, room.exam_of(uid), {"accession_number": "CT20260105001"}))
    assert [one["AccessionNumber"] for one in found(pacs, AccessionNumber="CT20260105001")] == ["CT20260105001"]
    assert [one["AccessionNumber"] for one in found(pacs, AccessionNumber="CT2026*")] == ["CT20260105001"]
    assert len(fetched(pacs, AccessionNumber="CT20260105001")) == 3


def test_more_studies_than_one_page_are_all_found(room: Room, pacs: QueryRetrieve, tmp_path: Path) -> None:
    several = {received(room, tmp_path, images_=1, patient_id=f"P{place % 7}") for place in range(205)}
    assert uids(pacs) == several
    assert len(found(pacs, "PATIENT")) == 7
    assert len(fetched(pacs, StudyInstanceUID="\\".join(several))) == 205


# -- what is offered --------------------------------------------------------------------------------------------------


def test_what_is_not_whole_not_clear_withdrawn_or_a_test_is_not_there(
    room: Room, pacs: QueryRetrieve, tmp_path: Path
) -> None:
    good = received(room, tmp_path, patient_id="P1")
    received(room, tmp_path, patient_id="P2", complete=False)
    doubtful = received(room, tmp_path, patient_id="P3")
    room.store.write(lambda tx: images.raise_doubt(tx, doubtful, Doubt.TWO_PATIENTS, "x"))
    for place, state in enumerate(("withdrawn", "test"), start=4):
        uid = received(room, tmp_path, patient_id=f"P{place}")
        room.store.write(lambda tx, uid=uid, state=state: exams.refresh(tx, room.exam_of(uid), {"state": state}))  # type: ignore[misc]
    gone = received(room, tmp_path, patient_id="P6")
    kept = images.instances_of(room.store.read(), room.exam_of(gone))
    room.store.write(lambda tx: images.mark_released(tx, kept))
    assert uids(pacs) == {good}
    assert [one["PatientID"] for one in found(pacs, "PATIENT")] == ["P1"]
    for patient in ("P2", "P3", "P4", "P5", "P6"):
        assert pacs.wanted(ask("PATIENT", PatientID=patient)).count == 0
    assert len(fetched(pacs, "PATIENT", PatientID="P1")) == 3


def test_of_two_contents_under_one_uid_the_chosen_one_goes_out(room: Room, pacs: QueryRetrieve, tmp_path: Path) -> None:
    uid, image = a_uid(), a_uid()
    for rows in (8, 16):
        received(room, tmp_path / str(rows), study_uid=uid, instance_uid=image, images_=1, rows=rows)
    assert uids(pacs) == set()  # a person has to choose first
    second = max(images.contents(room.store.read(), uid), key=lambda one: int(one["size_bytes"]))
    room.store.write(lambda tx: images.choose_content(tx, image, second["data_set_sha256"]))
    room.store.write(lambda tx: images.clear_doubt(tx, uid))
    [one] = pacs.wanted(ask(StudyInstanceUID=uid)).images
    assert one.path.stat().st_size == second["size_bytes"]
    assert found(pacs, StudyInstanceUID=uid)[0]["NumberOfStudyRelatedInstances"] == "1"


def test_late_images_hide_the_study_until_it_is_whole_again(room: Room, pacs: QueryRetrieve, tmp_path: Path) -> None:
    uid = received(room, tmp_path)
    received(room, tmp_path / "late", study_uid=uid, complete=False)
    assert uids(pacs) == set()
    room.store.write(lambda tx: images.mark_complete(tx, uid, now=room.clock.now()))
    assert found(pacs)[0]["NumberOfStudyRelatedInstances"] == "6"


def test_a_device_test_that_grew_into_an_exam_is_offered(room: Room, pacs: QueryRetrieve, tmp_path: Path) -> None:
    uid = received(room, tmp_path)
    key = room.exam_of(uid)
    room.store.write(lambda tx: test_marks.mark(tx, key, 3))
    room.store.write(lambda tx: exams.refresh(tx, key, {"state": "test"}))
    assert uids(pacs) == set()
    room.store.write(lambda tx: exams.refresh(tx, key, {"state": "ready"}))
    assert uids(pacs) == {uid}


# -- fetching ---------------------------------------------------------------------------------------------------------


def test_what_is_fetched_is_named_at_its_level_and_nothing_beside_it_comes(
    room: Room, pacs: QueryRetrieve, tmp_path: Path
) -> None:
    uid = received(room, tmp_path, images_=4, series=2, accession="A1", patient_id="P1")
    other = received(room, tmp_path, images_=2, accession="A2", patient_id="P1")
    series = found(pacs, "SERIES", StudyInstanceUID=uid)[0]["SeriesInstanceUID"]
    image = found(pacs, "IMAGE", StudyInstanceUID=uid)[0]["SOPInstanceUID"]
    stored = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / uid).iterdir()]
    assert fetched(pacs, StudyInstanceUID=uid) == fetched(pacs, AccessionNumber="A1") == sorted(stored)
    assert len(fetched(pacs, StudyInstanceUID=f"{uid}\\{other}")) == 6
    assert len(fetched(pacs, "SERIES", StudyInstanceUID=uid, SeriesInstanceUID=series)) == 2
    assert len(fetched(pacs, "IMAGE", SOPInstanceUID=image)) == 1
    assert len(fetched(pacs, "PATIENT", PatientID="P1")) == 6
    assert fetched(pacs, "IMAGE", StudyInstanceUID=other, SOPInstanceUID=image) == []
    assert fetched(pacs, StudyInstanceUID="1.2.3") == []


@pytest.mark.parametrize(
    ("level", "values"),
    [
        ("PATIENT", {}),
        ("PATIENT", {"PatientID": "P*"}),
        ("STUDY", {}),
        ("STUDY", {"PatientID": "P1"}),
        ("STUDY", {"AccessionNumber": "A*"}),
        ("STUDY", {"StudyInstanceUID": "*"}),
        ("STUDY", {"StudyInstanceUID": "1.2.*"}),
        ("SERIES", {"StudyInstanceUID": "1.2"}),
        ("SERIES", {"SeriesInstanceUID": "1.2"}),
        ("IMAGE", {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.3"}),
    ],
)
def test_a_fetch_that_names_nothing_is_refused(pacs: QueryRetrieve, level: str, values: dict[str, str]) -> None:
    with pytest.raises(Unanswerable):
        pacs.wanted(ask(level, **values))


def test_destinations_are_those_of_the_settings(room: Room) -> None:
    pacs = a_pacs(room, "FRONT_END@192.0.2.7:104", "SECOND@pacs-2:11112")
    peer = pacs.destination("SECOND")
    assert peer is not None and (peer.host, peer.port, peer.called_ae, peer.calling_ae) == (
        "pacs-2", 11112, "SECOND", "AGENT",
    )  # fmt: skip
    assert pacs.destination("NOBODY") is None
    assert Node.parse("A B@::1:104") == Node(ae_title="A B", host="::1", port=104)


def test_what_was_taken_is_one_line_that_counts_on(room: Room, pacs: QueryRetrieve, tmp_path: Path) -> None:
    uid = received(room, tmp_path)
    for ae_title, count in (("FRONT", 2), ("FRONT", 1), ("OTHER", 3), ("FRONT", 3)):
        pacs.taken(ae_title, {uid: [f"1.2.{number}" for number in range(count)]})
    pacs.taken("FRONT", {})
    room.store.write(lambda tx: None)
    told = [note["detail"] for note in exams.timeline(room.store, room.exam_of(uid)) if note["what"] == "pulled"]
    assert told == ["FRONT/3", "OTHER/3", "FRONT/3"]


def test_what_was_taken_is_held_by_the_destination_that_takes_it(room: Room, tmp_path: Path) -> None:
    uid = received(room, tmp_path)
    key, pacs = room.exam_of(uid), a_pacs(room, fetching={"FRONT": ["main"]})
    known = images.instances_of(room.store.read(), key)
    pacs.taken("OTHER", {uid: [one.sop_instance_uid for one in known]})
    pacs.taken("FRONT", {uid: [known[0].sop_instance_uid, known[2].sop_instance_uid, "1.2.3.4"]})
    room.store.write(lambda tx: None)
    held = answers.held(room.store.read(), "main", key, "images")
    assert held == {one.sop_instance_uid: one.data_set_sha256 for one in (known[0], known[2])}


# -- vouching ---------------------------------------------------------------------------------------------------------


def test_only_what_lies_whole_in_the_spool_is_vouched_for(room: Room, pacs: QueryRetrieve, tmp_path: Path) -> None:
    uid = received(room, tmp_path, images_=5, complete=False)
    known = images.instances_of(room.store.read(), room.exam_of(uid))
    room.spool.path(known[1].path).unlink()
    with room.spool.path(known[2].path).open("r+b") as file:
        file.truncate(100)
    room.store.write(lambda tx: images.mark_released(tx, known[3:4]))
    asked = [Reference(sop_class_uid=SOP_CLASSES["CT"], sop_instance_uid=one.sop_instance_uid) for one in known]
    asked[4] = Reference(sop_class_uid=SOP_CLASSES["MR"], sop_instance_uid=known[4].sop_instance_uid)
    asked.append(Reference(sop_class_uid=SOP_CLASSES["CT"], sop_instance_uid="1.2.3"))
    assert list(pacs.failures(asked)) == [0, NOT_KEPT, NOT_KEPT, NOT_KEPT, OTHER_CLASS, NOT_KEPT]


# -- who asks badly ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["' OR 1=1 --", '"; DROP TABLE studies; --', "%", "_", "[a-z]*", "\x00", "../../etc/passwd", "\u202e", "𠀀" * 900],
)
def test_what_looks_like_a_command_is_only_a_text(room: Room, pacs: QueryRetrieve, tmp_path: Path, text: str) -> None:
    received(room, tmp_path, accession="A1")
    for keyword in ("AccessionNumber", "PatientID", "StudyInstanceUID", "PatientName", "StudyDescription", "StudyID"):
        assert uids(pacs, **{keyword: text}) == set()
    assert pacs.wanted(ask(StudyInstanceUID=text)).count == 0 if "*" not in text else True
    assert len(uids(pacs)) == 1


def test_a_huge_list_is_answered_as_any_other(room: Room, pacs: QueryRetrieve, tmp_path: Path) -> None:
    uid = received(room, tmp_path)
    several = "\\".join([*(f"1.2.{number}" for number in range(100_000)), uid])
    assert uids(pacs, StudyInstanceUID=several) == {uid}
    assert len(fetched(pacs, StudyInstanceUID=several)) == 3


@pytest.mark.parametrize("text", ["2026", "20260105-x", "heute", "-", "20260105-20260106-20260107"])
def test_a_date_that_is_none_is_refused(pacs: QueryRetrieve, text: str) -> None:
    with pytest.raises(Unanswerable):
        list(pacs.find(ask(StudyDate=text)))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryRetrieve]:
    folder = tmp_path_factory.mktemp("filled")
    with a_room(folder / "home") as room:
        received(room, folder, accession="A1", patient_id="P1", images_=2)
        yield a_pacs(room)


_TEXT = st.one_of(st.text(max_size=40), st.text("*?^=\\-0123456789. ABP李建国", max_size=20))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    level=st.sampled_from(["PATIENT", "STUDY", "SERIES", "IMAGE"]),
    values=st.dictionaries(st.sampled_from(sorted(KEYS)), _TEXT, max_size=6),
)
def test_any_identifier_is_answered_or_refused(filled: QueryRetrieve, level: str, values: dict[str, str]) -> None:
    for act in (
        lambda: list(filled.find(ask(level, **values))),
        lambda: list(filled.wanted(ask(level, **values)).images),
    ):
        try:
            assert len(act()) <= 2
        except Unanswerable as error:
            assert error.comment.isascii() and len(error.comment) <= 64


@given(pattern=st.text("ab*?", max_size=8), value=st.text("ab", max_size=8))
def test_wildcards_mean_what_the_shell_means(pattern: str, value: str) -> None:
    from fnmatch import fnmatchcase

    assert is_like(pattern, value) == fnmatchcase(value, pattern)


def test_no_pattern_is_slow() -> None:
    assert not is_like("*a" * 500 + "b", "a" * 1000)
    matches = matcher("PN", "?" * 1000)
    assert matches is not None and not matches(["李建国"])


def test_the_answer_is_plain_text(filled: QueryRetrieve) -> None:
    assert json.dumps(found(filled, "IMAGE", AccessionNumber="A1"))
