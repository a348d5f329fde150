"""A report PDF finds its exam by its name, by hand or inside a DICOM object, and never by guessing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import NeedsOperator
from app.intake.incoming import Became
from app.intake.reports import Fate, exams_meant
from app.store import exams, files
from tests import builders
from tests.intake.clinic import Room

STUDY = "1.2.826.0.1.3680043.10.1433.7.8.9"


def an_exam(room: Room, folder: Path, *, accession: str = "ACC100", study: str = STUDY, name: str = "张三") -> str:
    path = builders.a_dicom_file(folder / "images", accession=accession, study_uid=study, name=name, patient_id=name)
    room.taker.take_file(path, "import")
    return room.exam_of(study)


def pdf_of(room: Room, exam_key: str, number: int = 0) -> bytes:
    """What is attached to the exam's report, read from the spool."""
    report = exams.reports_of(room.store.read(), exam_key)[number]
    path = files.path_of(room.store.read(), report.pdf_sha256)
    assert path is not None
    data = room.spool.path(path).read_bytes()
    assert hashlib.sha256(data).hexdigest() == report.pdf_sha256
    return data


def replace_accession(room: Room, exam_key: str, accession: str) -> None:
    """As the engine does after a study was completed or its form filled."""
    room.store.write(lambda tx: exams.refresh(tx, exam_key, {"accession_number": accession}))


@pytest.mark.parametrize("name", ["ACC100.pdf", "张三_ACC100_20260105.pdf", f"{STUDY}.PDF", "报告(ACC100).pdf"])
def test_a_report_is_filed_by_the_number_in_its_name(room: Room, tmp_path: Path, name: str) -> None:
    exam_key = an_exam(room, tmp_path)
    path = builders.a_pdf(tmp_path / "reports" / name)
    filed = room.reports.take_file(path, "folder:x")
    assert (filed.fate, filed.exam_key) == (Fate.ATTACHED, exam_key)
    assert pdf_of(room, exam_key) == path.read_bytes()
    (event,) = room.told("report_attached")
    assert (event["exam"], event["report"]) == (exam_key, filed.report_key)


def test_a_report_is_filed_by_exam_key_and_by_report_key(room: Room, tmp_path: Path) -> None:
    exam_key = an_exam(room, tmp_path)
    first = room.store.write(lambda tx: exams.add_report(tx, exam_key, now=room.clock.now()))
    second = room.store.write(lambda tx: exams.add_report(tx, exam_key, now=room.clock.now()))
    filed = room.reports.take_file(builders.a_pdf(tmp_path / f"{second}.pdf", text="TWO"), "folder:x")
    assert filed.report_key == second
    filed = room.reports.take_file(builders.a_pdf(tmp_path / f"{exam_key}.pdf", text="ONE"), "folder:x")
    assert filed.report_key == first


def test_the_same_report_twice_is_attached_once(room: Room, tmp_path: Path) -> None:
    exam_key = an_exam(room, tmp_path)
    path = builders.a_pdf(tmp_path / "ACC100.pdf")
    assert room.reports.take_file(path, "folder:x").fate is Fate.ATTACHED
    assert room.reports.take_file(path, "folder:x").fate is Fate.SAME
    assert len(room.told("report_attached")) == 1
    assert len(exams.reports_of(room.store.read(), exam_key)) == 1


def test_a_newer_report_replaces_the_older_and_the_older_file_stays(room: Room, tmp_path: Path) -> None:
    exam_key = an_exam(room, tmp_path)
    path = builders.a_pdf(tmp_path / "ACC100.pdf", text="FIRST")
    old = room.reports.take_file(path, "folder:x")
    builders.a_pdf(path, text="CORRECTED")
    new = room.reports.take_file(path, "folder:x")
    assert (new.fate, new.report_key) == (Fate.REPLACED, old.report_key)
    assert pdf_of(room, exam_key) == path.read_bytes()
    kept = files.path_of(room.store.read(), old.sha256)
    assert kept is not None
    assert room.spool.path(kept).exists()
    assert [event["replaced"] for event in room.told("report_attached")] == [False, True]


def test_of_several_reports_that_from_the_same_file_is_replaced_and_a_stranger_waits(
    room: Room, tmp_path: Path
) -> None:
    exam_key = an_exam(room, tmp_path)
    for number in range(2):
        room.reports.attach(exam_key, builders.a_pdf(tmp_path / "by hand.pdf", text=f"HAND {number}"), number)
    stranger = builders.a_pdf(tmp_path / "ACC100.pdf")
    assert room.reports.take_file(stranger, "folder:x").fate is Fate.UNCLEAR
    assert [row["path"] for row in room.aside()] == [str(stranger)]
    assert room.reports.attach(exam_key, stranger, 2).fate is Fate.ATTACHED
    assert room.aside() == []


def test_a_number_on_two_exams_is_not_guessed(room: Room, tmp_path: Path) -> None:
    one = an_exam(room, tmp_path)
    other = an_exam(room, tmp_path, study="1.2.4", name="李四")
    path = builders.a_pdf(tmp_path / "ACC100.pdf")
    filed = room.reports.take_file(path, "folder:x")
    assert filed.fate is Fate.UNCLEAR
    assert not exams.reports_of(room.store.read(), one) and not exams.reports_of(room.store.read(), other)
    (named,) = room.aside()
    assert named["path"] == str(path)
    assert "附上报告" in named["advice"]
    assert [row["name"] for row in files.waiting(room.store.read())] == ["ACC100.pdf"]
    assert room.reports.attach_waiting() == []
    room.reports.attach(other, path)
    assert room.aside() == []
    replace_accession(room, other, "MENDED")
    room.store.write(
        lambda tx: tx.execute("UPDATE studies SET accession_number = '' WHERE study_instance_uid = '1.2.4'")
    )
    assert room.reports.attach_waiting() == []
    assert exams.reports_of(room.store.read(), one) == []


def test_a_report_before_its_exam_waits_and_finds_it(room: Room, tmp_path: Path) -> None:
    path = builders.a_pdf(tmp_path / "ACC100.pdf")
    assert room.reports.take_file(path, "folder:x").fate is Fate.WAITS
    assert room.reports.attach_waiting() == []
    assert len(room.told("report_waits")) == 1
    exam_key = an_exam(room, tmp_path)
    path.unlink()
    (filed,) = room.reports.attach_waiting()
    assert (filed.fate, filed.exam_key) == (Fate.ATTACHED, exam_key)
    assert pdf_of(room, exam_key).startswith(b"%PDF")
    assert files.waiting(room.store.read()) == []
    assert room.reports.attach_waiting() == []


def test_a_waiting_report_finds_an_exam_that_gets_its_number_later(room: Room, tmp_path: Path) -> None:
    exam_key = an_exam(room, tmp_path, accession="")
    room.reports.take_file(builders.a_pdf(tmp_path / "HIS77.pdf"), "folder:x")
    assert room.reports.attach_waiting() == []
    replace_accession(room, exam_key, "HIS77")
    assert [filed.exam_key for filed in room.reports.attach_waiting()] == [exam_key]


def test_a_pdf_inside_a_dicom_object_belongs_to_its_study(room: Room, tmp_path: Path) -> None:
    exam_key = an_exam(room, tmp_path)
    pdf = builders.pdf_bytes(text="INSIDE!")
    path = builders.an_encapsulated_pdf(tmp_path, pdf=pdf, study_uid=STUDY, accession="ACC100", patient_id="张三")
    found = room.incoming.take(path, "import")
    assert found.became is Became.NEW
    assert pdf_of(room, exam_key) == pdf
    assert len(room.images(STUDY)) == 2
    assert room.incoming.take(path, "import").became is Became.AGAIN
    assert len(room.told("report_attached")) == 1


def test_an_object_without_a_usable_pdf_is_kept_and_named(room: Room, tmp_path: Path) -> None:
    path = builders.an_encapsulated_pdf(tmp_path, pdf=b"no PDF at all", study_uid=STUDY)
    taken = room.taker.take_file(path, "ae:CT1")
    assert room.reports.of_object(taken) is None
    assert [row["path"] for row in room.aside()] == [str(taken.path)]
    assert room.reports.of_object(room.taker.take_file(builders.a_dicom_file(tmp_path), "ae:CT1")) is None


def test_a_report_attached_by_hand_goes_where_the_person_said(room: Room, tmp_path: Path) -> None:
    exam_key = an_exam(room, tmp_path)
    first = room.reports.attach(exam_key, builders.a_pdf(tmp_path / "a.pdf", text="A"))
    second = room.reports.attach(exam_key, builders.a_pdf(tmp_path / "b.pdf", text="B"), 1)
    assert first.report_key != second.report_key
    replaced = room.reports.attach(exam_key, builders.a_pdf(tmp_path / "c.pdf", text="C"), 0)
    assert (replaced.fate, replaced.report_key) == (Fate.REPLACED, first.report_key)
    assert pdf_of(room, exam_key, 1) == (tmp_path / "b.pdf").read_bytes()


@pytest.mark.parametrize("report", [-1, 1, 7])
def test_a_report_number_that_leaves_a_gap_is_refused(room: Room, tmp_path: Path, report: int) -> None:
    exam_key = an_exam(room, tmp_path)
    with pytest.raises(NeedsOperator):
        room.reports.attach(exam_key, builders.a_pdf(tmp_path / "a.pdf"), report)
    assert exams.reports_of(room.store.read(), exam_key) == []


def test_what_is_no_usable_pdf_is_not_attached(room: Room, tmp_path: Path) -> None:
    exam_key = an_exam(room, tmp_path)
    (tmp_path / "cut.pdf").write_bytes(builders.pdf_bytes()[:-40])
    (tmp_path / "word.pdf").write_bytes(b"PK\3\4")
    for name in ("cut.pdf", "word.pdf", "nothing.pdf"):
        with pytest.raises(NeedsOperator):
            room.reports.attach(exam_key, tmp_path / name)
    with pytest.raises(NeedsOperator):
        room.reports.attach("E0", builders.a_pdf(tmp_path / "a.pdf"))
    assert exams.reports_of(room.store.read(), exam_key) == []


def test_a_report_of_several_exams_is_replaced_for_all(room: Room, tmp_path: Path) -> None:
    one = an_exam(room, tmp_path)
    other = an_exam(room, tmp_path, accession="ACC200", study="1.2.4")
    key = room.reports.attach(one, builders.a_pdf(tmp_path / "a.pdf", text="A")).report_key
    room.store.write(lambda tx: exams.link_report(tx, other, key))
    filed = room.reports.take_file(builders.a_pdf(tmp_path / f"{key}.pdf", text="B"), "folder:x")
    assert filed.fate is Fate.REPLACED
    assert pdf_of(room, one) == pdf_of(room, other)
    for exam_key in (one, other):
        assert "report_replaced" in [line["what"] for line in exams.timeline(room.store, exam_key)]


# -- which exam a name means ------------------------------------------------------------------------------------------

KNOWN = {"A1": ("E1",), "A1-2": ("E2",), "20260105": ("E3",), "UID": ("E1",), "TWICE": ("E1", "E2")}


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        (["A1"], ("E1",)),
        (["x", "A1-2", "A1", "2"], ("E2",)),
        (["A1", "20260105"], ("E1", "E3")),
        (["UID", "A1"], ("E1",)),
        (["TWICE"], ("E1", "E2")),
        (["TWICE", "A1"], ("E1",)),
        (["nothing"], ()),
        ([], ()),
    ],
)
def test_the_exams_that_a_name_means(names: list[str], meant: tuple[str, ...]) -> None:
    assert exams_meant(names, lambda name: KNOWN.get(name, ())) == meant


NAME = st.sampled_from(sorted(KNOWN))


@given(names=st.lists(NAME, max_size=4))
def test_only_exams_that_some_name_means_are_meant(names: list[str]) -> None:
    meant = exams_meant(names, lambda name: KNOWN.get(name, ()))
    assert set(meant) <= {exam for name in names for exam in KNOWN[name]}
    assert bool(meant) == bool(names)
