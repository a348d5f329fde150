"""The clinic's images as a PACS has them: found, fetched and vouched for (Query/Retrieve, storage commitment).

What is offered is the store's rule (`app.store.offered`). Images go out as they lie in the spool; nothing is rewritten,
also where the exam got its accession number here: it finds the study, and the study's images stay as the device made
them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from app.domain.settings import QuerySettings
from app.domain.times import Clock
from app.errors import RetryLater
from app.provide.matching import Matches, day_range, matcher
from app.store import Store, Tx, offered, pickups
from app.store.offered import FoundImage, FoundSeries, FoundStudy, Narrowed
from app.wire.dicom_answer import IMAGE, NOT_KEPT, OTHER_CLASS, PATIENT, SERIES, STUDY, Image, Reference, Wanted
from app.wire.dicom_association import Peer
from app.wire.dicom_query import decode_text
from app.wire.identifiers import VALUE_REPRESENTATIONS, Identifier, Unanswerable

log = logging.getLogger(__name__)

_STUDIES_AT_ONCE = 100
_OF_PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
_OF_STUDY = (
    *_OF_PATIENT,
    "StudyTime",
    "AccessionNumber",
    "StudyID",
    "StudyDescription",
    "ReferringPhysicianName",
    "InstitutionName",
    "ModalitiesInStudy",
    "SOPClassesInStudy",
)
_OF_SERIES = ("Modality", "SeriesNumber", "SeriesInstanceUID")
_OF_IMAGE = ("SOPInstanceUID", "SOPClassUID", "InstanceNumber")
_WILD = frozenset("*?\\")
_Values = dict[str, tuple[str, ...]]
"""Keyword -> its values; several where a study is known by several, or has several."""


class QueryRetrieve:
    """`path_of(relative)` finds a stored file. Safe to use from several threads.

    `fetching(ae_title)`: names of the destinations that fetch their images so, and take them under that AE title.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: QuerySettings,
        *,
        our_ae: str,
        path_of: Callable[[str], Path],
        fetching: Callable[[str], Sequence[str]] = lambda ae_title: (),
    ) -> None:
        self._store, self._clock, self._path_of, self._fetching = store, clock, path_of, fetching
        self._peers = {
            one.ae_title: Peer(
                host=one.host, port=one.port, called_ae=one.ae_title, calling_ae=our_ae, name=one.ae_title
            )
            for one in settings.nodes
        }

    # -- finding ----------------------------------------------------------------------------------------------------

    def find(self, identifier: Identifier) -> Iterator[Mapping[str, str]]:
        """Raises Unanswerable."""
        if identifier.level in (SERIES, IMAGE):
            _must_name_a_study(identifier)
        narrowed = _narrowed(identifier, exactly=False)
        if identifier.level == PATIENT:
            return self._patients(narrowed, _Filter(identifier, _OF_PATIENT))
        study_filter = _Filter(identifier, _OF_STUDY)
        series_filter = _Filter(identifier, _OF_SERIES if identifier.level != STUDY else ())
        image_filter = _Filter(identifier, _OF_IMAGE if identifier.level == IMAGE else ())
        return self._below(identifier.level, narrowed, study_filter, series_filter, image_filter)

    def _below(
        self, level: str, narrowed: Narrowed, wanted: _Filter, series_wanted: _Filter, image_wanted: _Filter
    ) -> Iterator[Mapping[str, str]]:
        for study in self._studies(narrowed):
            of_study = _study_values(study)
            if not wanted.lets(of_study):
                continue
            if level == STUDY:
                yield wanted.shown(of_study)
                continue
            for series in study.series:
                of_series = of_study | _series_values(series)
                if series_wanted.lets(of_series) and level == SERIES:
                    yield wanted.shown(of_series)
            if level == IMAGE:
                for image in offered.images(self._store.read(), narrowed, study.study_instance_uid):
                    of_image = of_study | _image_values(image)
                    if series_wanted.lets(of_image) and image_wanted.lets(of_image):
                        yield wanted.shown(of_image)

    def _studies(self, narrowed: Narrowed) -> Iterator[FoundStudy]:
        """Those of which something is offered, read a page at a time."""
        after = 0
        while True:
            page = offered.studies(self._store.read(), narrowed, after=after, limit=_STUDIES_AT_ONCE)
            yield from (study for study in page if study.series)
            if len(page) < _STUDIES_AT_ONCE:
                return
            after = page[-1].place

    def _patients(self, narrowed: Narrowed, wanted: _Filter) -> Iterator[Mapping[str, str]]:
        """One answer per patient ID: the newest study says who it is, all of them are counted."""
        after = ""
        while page := offered.patient_ids(self._store.read(), narrowed, after=after):
            for patient_id in page:
                studies = list(self._studies(Narrowed(patient_id=patient_id)))
                if studies and wanted.lets(found := _study_values(studies[-1])):
                    yield wanted.shown(found | _patient_counts(studies))
            after = page[-1]

    # -- fetching ---------------------------------------------------------------------------------------------------

    def wanted(self, identifier: Identifier) -> Wanted:
        """Raises Unanswerable: what is fetched has to be named, not described."""
        _must_name(identifier)
        narrowed = _narrowed(identifier, exactly=True)
        kinds = offered.kinds(self._store.read(), narrowed)
        return Wanted(count=sum(kinds.values()), contexts=tuple(kinds), images=self._images(narrowed))

    def _images(self, narrowed: Narrowed) -> Iterator[Image]:
        after = 0
        while page := offered.study_places(self._store.read(), narrowed, after=after):
            for _, uid in page:
                found = [self._image(one) for one in offered.images(self._store.read(), narrowed, uid)]
                if not all(image.path.is_file() for image in found):
                    self._is_gone(uid)
                yield from found
            after = page[-1][0]

    def _is_gone(self, study_instance_uid: str) -> None:
        log.warning("images can't be fetched: their files are gone")
        with suppress(RetryLater):
            self._store.submit(lambda tx: pickups.look_again(tx, study_instance_uid, now=self._clock.now()))

    def _image(self, one: FoundImage) -> Image:
        return Image(
            path=self._path_of(one.path),
            study_instance_uid=one.study_instance_uid,
            sop_class_uid=one.sop_class_uid,
            sop_instance_uid=one.sop_instance_uid,
            transfer_syntax_uid=one.transfer_syntax_uid,
        )

    def transfer_syntaxes(self) -> Mapping[str, Mapping[str, int]]:
        return offered.transfer_syntaxes(self._store.read())

    def destination(self, ae_title: str) -> Peer | None:
        return self._peers.get(ae_title)

    def taken(self, ae_title: str, images: Mapping[str, Sequence[str]]) -> None:
        """Counted on the timeline, without waiting; a house that closes counts no more."""
        if not images:
            return
        log.info("%s took %d images of %d studies", ae_title, sum(map(len, images.values())), len(images))
        now, destinations = self._clock.now(), self._fetching(ae_title)

        def change(tx: Tx) -> None:
            for uid, fetched in images.items():
                offered.note_taken(tx, uid, ae_title, len(fetched), now=now)
                for name in destinations:
                    pickups.pulled(tx, name, uid, fetched, now=now)

        with suppress(RetryLater):
            self._store.submit(change)

    # -- vouching ---------------------------------------------------------------------------------------------------

    def failures(self, references: Sequence[Reference]) -> Iterator[int]:
        """Safe is what the index has committed and whose whole file is there now."""
        kept = offered.kept_images(self._store.read(), [one.sop_instance_uid for one in references])
        for reference in references:
            found = kept.get(reference.sop_instance_uid, [])
            if not any(self._is_whole(path, size) for _, path, size in found):
                yield NOT_KEPT
            else:
                yield 0 if any(sop_class == reference.sop_class_uid for sop_class, _, _ in found) else OTHER_CLASS

    def _is_whole(self, relative: str, size: int) -> bool:
        try:
            return self._path_of(relative).stat().st_size == size
        except OSError:
            return False


# -- what is asked for ------------------------------------------------------------------------------------------------


class _Filter:
    """The keys of one level that the database did not answer itself."""

    def __init__(self, identifier: Identifier, keywords: Iterable[str]) -> None:
        self._matches: dict[str, Matches] = {}
        for keyword in keywords:
            found = matcher(VALUE_REPRESENTATIONS[keyword], identifier.values.get(keyword, ""))
            if found is not None:
                self._matches[keyword] = found

    def lets(self, values: _Values) -> bool:
        return all(matches(values.get(keyword, ("",)) or ("",)) for keyword, matches in self._matches.items())

    def shown(self, values: _Values) -> dict[str, str]:
        """As it is answered: a study known by several accession numbers by the one that was asked for."""
        shown = {keyword: "\\".join(several) for keyword, several in values.items()}
        asked = self._matches.get("AccessionNumber")
        numbers = values.get("AccessionNumber", ())
        shown["AccessionNumber"] = next((one for one in numbers if asked is None or asked((one,))), "")
        return shown


def _narrowed(identifier: Identifier, *, exactly: bool) -> Narrowed:
    """What the index can answer. `exactly`: of what is fetched nothing else is looked at."""
    asked = identifier.values
    lists = [_uids(identifier, keyword) for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
    studies, series, images = lists
    low, high = ("", "") if exactly or not asked.get("StudyDate", "").strip("* ") else day_range(asked["StudyDate"])
    accession = asked.get("AccessionNumber", "")
    return Narrowed(
        studies=studies,
        series=series if identifier.level in (SERIES, IMAGE) else None,
        images=images if identifier.level == IMAGE else None,
        patient_id=_plain(asked.get("PatientID", "")),
        accession_number=None if exactly and studies else _plain(accession),
        day_from=low,
        day_to=high,
    )


def _uids(identifier: Identifier, keyword: str) -> tuple[str, ...] | None:
    found = identifier.values_of(keyword)
    return None if not found or found == ("*",) else found


def _plain(text: str) -> str | None:
    """A text that can be looked up as it stands; None for none and for a pattern."""
    return None if not text or _WILD & set(text) else text


def _must_name_a_study(identifier: Identifier) -> None:
    by_uid = any(_uids(identifier, name) for name in ("StudyInstanceUID", "SOPInstanceUID"))
    if not by_uid and not any(_plain(identifier.values.get(name, "")) for name in ("PatientID", "AccessionNumber")):
        raise Unanswerable("StudyInstanceUID is required at this level")


def _must_name(identifier: Identifier) -> None:
    """The unique key of the level (PS3.4 section C.4.2.1.4); at the study level an accession number does as well."""
    by_uid = {STUDY: "StudyInstanceUID", SERIES: "SeriesInstanceUID", IMAGE: "SOPInstanceUID"}
    if identifier.level == PATIENT:
        if _plain(identifier.values.get("PatientID", "")) is None:
            raise Unanswerable("PatientID is required at this level")
        return
    key = by_uid[identifier.level]
    if any(_WILD & set(uid) for uid in identifier.values_of(key)):
        raise Unanswerable(f"{key} must be a UID or a list of UIDs")
    if _uids(identifier, key):
        if identifier.level == SERIES:
            _must_name_a_study(identifier)
        return
    if identifier.level == STUDY and _plain(identifier.values.get("AccessionNumber", "")) is not None:
        return
    raise Unanswerable(f"{key} is required at this level")


# -- what is answered -------------------------------------------------------------------------------------------------


def _study_values(study: FoundStudy) -> _Values:
    header = study.header
    classes = {uid for series in study.series for uid in series.sop_classes}
    plain = {
        "PatientName": _name(study),
        "PatientID": study.patient_id,
        "PatientBirthDate": study.birth_date,
        "PatientSex": study.sex,
        "PatientAge": header.get("PatientAge", ""),
        "StudyDate": study.study_at[:8],
        "StudyTime": study.study_at[8:],
        "StudyInstanceUID": study.study_instance_uid,
        "StudyID": header.get("StudyID", ""),
        "StudyDescription": header.get("StudyDescription", ""),
        "ReferringPhysicianName": header.get("ReferringPhysicianName", ""),
        "InstitutionName": header.get("InstitutionName", ""),
        "NumberOfStudyRelatedSeries": str(len(study.series)),
        "NumberOfStudyRelatedInstances": str(study.image_count),
    }
    return {keyword: (text,) for keyword, text in plain.items()} | {
        "AccessionNumber": study.accession_numbers,
        "ModalitiesInStudy": tuple(sorted({series.modality for series in study.series if series.modality})),
        "SOPClassesInStudy": tuple(sorted(classes)),
    }


def _name(study: FoundStudy) -> str:
    """As the device wrote it, with all its parts, where that reads as the name that is shown here; else that name."""
    written = decode_text(study.patient_name_raw, study.charset)
    shown = "".join(study.patient_name.split()).upper()
    bare = written.replace("^", "").replace(" ", "").upper()
    return written if shown and shown in bare.split("=") else study.patient_name


def _patient_counts(studies: Sequence[FoundStudy]) -> _Values:
    return {
        "NumberOfPatientRelatedStudies": (str(len(studies)),),
        "NumberOfPatientRelatedSeries": (str(sum(len(one.series) for one in studies)),),
        "NumberOfPatientRelatedInstances": (str(sum(one.image_count for one in studies)),),
    }


def _series_values(series: FoundSeries) -> _Values:
    return {
        "SeriesInstanceUID": (series.series_instance_uid,),
        "Modality": (series.modality,),
        "SeriesNumber": (series.series_number,),
        "NumberOfSeriesRelatedInstances": (str(series.image_count),),
    }


def _image_values(image: FoundImage) -> _Values:
    return {
        "SeriesInstanceUID": (image.series_instance_uid,),
        "Modality": (image.modality,),
        "SeriesNumber": (image.series_number,),
        "SOPInstanceUID": (image.sop_instance_uid,),
        "SOPClassUID": (image.sop_class_uid,),
        "InstanceNumber": (image.instance_number,),
    }
