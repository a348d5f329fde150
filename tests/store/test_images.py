"""What an arrival turns out to be, whose doubt it raises, and when its file may go."""

from __future__ import annotations

from app.domain.job import JobState, Part
from app.domain.study import Doubt
from app.store import Store, exams, images
from app.store.images import Outcome
from tests.store.samples import NOW, an_arrival, arrives, at, put

STUDY = "1.2.3"


def doubt_of(store: Store, study: str = STUDY) -> Doubt:
    found = images.study(store, study)
    assert found is not None
    return found.doubt


def current_contents(store: Store) -> list[str]:
    (key,) = exams.of_study(store.read(), STUDY)
    return [one.data_set_sha256 for one in images.instances_of(store.read(), key)]


def test_a_first_image_makes_its_study_and_its_exam(store: Store) -> None:
    indexed = arrives(store, an_arrival())
    assert indexed.outcome is Outcome.NEW
    assert indexed.exam_keys == (exams.exam_key_of(STUDY),)
    assert doubt_of(store) is Doubt.NONE


def test_the_same_data_set_again_is_nothing_new(store: Store) -> None:
    arrives(store, an_arrival())
    again = arrives(store, an_arrival(), seconds=60)
    assert (again.outcome, again.path) == (Outcome.AGAIN, an_arrival().instance.path)
    assert len(current_contents(store)) == 1 and doubt_of(store) is Doubt.NONE


def test_an_image_again_does_not_reopen_a_complete_study(store: Store) -> None:
    arrives(store, an_arrival())
    store.write(lambda tx: images.mark_complete(tx, STUDY, now=NOW))
    arrives(store, an_arrival(), seconds=60)
    assert images.incomplete(store) == []
    arrives(store, an_arrival(2), seconds=70)
    assert [uid for uid, _, _ in images.incomplete(store)] == [STUDY], "a late image does"


def test_another_content_under_the_same_uid_stays_beside_and_waits_for_a_person(store: Store) -> None:
    arrives(store, an_arrival(1, content="a"))
    second = arrives(store, an_arrival(1, content="b"))
    assert (second.outcome, doubt_of(store)) == (Outcome.CONFLICT, Doubt.CONFLICT)
    assert current_contents(store) == ["1.2.3/1/a"]
    store.write(lambda tx: images.choose_content(tx, "1.2.3.1", "1.2.3/1/b"))
    assert current_contents(store) == ["1.2.3/1/b"]


def test_two_patients_in_one_study_are_for_a_person(store: Store) -> None:
    arrives(store, an_arrival(1, name="ZHANG"))
    arrives(store, an_arrival(2, name="LI"))
    assert doubt_of(store) is Doubt.TWO_PATIENTS
    arrives(store, an_arrival(1, content="b", name="ZHANG"))
    assert doubt_of(store) is Doubt.TWO_PATIENTS, "a lesser doubt does not hide a graver one"


def test_blanks_and_case_do_not_make_a_second_patient(store: Store) -> None:
    arrives(store, an_arrival(1, name="Zhang San"))
    arrives(store, an_arrival(2, name="ZHANG  SAN "))
    assert doubt_of(store) is Doubt.NONE


def test_an_accession_number_of_another_patient_holds_the_new_study(store: Store) -> None:
    arrives(store, an_arrival(1, accession="A7", name="ZHANG"))
    arrives(store, an_arrival(1, study="1.2.4", accession="A7", name="LI"))
    arrives(store, an_arrival(1, study="1.2.5", accession="A7", name="ZHANG"))
    assert doubt_of(store, "1.2.4") is Doubt.ACCESSION_REUSED


def test_a_device_without_accession_numbers_gets_one_that_no_other_has(store: Store) -> None:
    keys = [arrives(store, an_arrival(1, study=f"1.2.{number}")).exam_keys[0] for number in range(3)]
    minted = [exam.minted_accession for key in keys if (exam := exams.exam(store.read(), key))]
    assert len(set(minted)) == 3 and all(0 < len(text) <= 16 for text in minted)


def test_images_are_told_after_they_are_kept(store: Store) -> None:
    heard: list[str] = []
    store.subscribe(lambda event: heard.append(event["event"]))
    arrives(store, an_arrival())
    arrives(store, an_arrival())
    store.write(lambda tx: None)
    assert heard == ["image_received"]


def made_with_state(store: Store, state: str) -> str:
    (key,) = arrives(store, an_arrival()).exam_keys
    put(store, Part.IMAGES, exam=key, state=JobState.ACKNOWLEDGED)
    store.write(lambda tx: exams.refresh(tx, key, {"state": state}))
    return key


def test_an_image_is_released_only_after_every_exam_of_it_is_green(store: Store) -> None:
    key = made_with_state(store, "waiting")
    assert images.releasable(store, at(60)) == []
    store.write(lambda tx: exams.refresh(tx, key, {"state": "acknowledged"}))
    assert images.releasable(store, NOW) == [], "not before its time"
    (one,) = images.releasable(store, at(60))
    store.write(lambda tx: images.mark_released(tx, [one]))
    assert images.releasable(store, at(60)) == []
    assert not images.is_known(store.read(), one.sop_instance_uid, one.data_set_sha256)


def test_an_image_of_two_exams_waits_for_both(store: Store) -> None:
    made_with_state(store, "reconciled")
    other = store.write(lambda tx: exams.create_empty(tx, now=NOW))
    store.write(lambda tx: exams.link_study(tx, other, STUDY))
    assert images.releasable(store, at(60)) == []


def test_images_that_were_never_submitted_are_never_released(store: Store) -> None:
    arrives(store, an_arrival())
    assert images.releasable(store, at(10**8)) == []


def test_release_goes_in_portions(store: Store) -> None:
    made_with_state(store, "acknowledged")
    for number in range(2, 6):
        arrives(store, an_arrival(number))
    assert len(images.releasable(store, at(60), limit=2)) == 2
