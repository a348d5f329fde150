"""Reports read by themselves: the text of a PDF or a structured report fills the report, on a thread of its own.

Never delays or fails what brought the report in. A technician's value stays; what the report does not say stays empty.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass, replace
from pathlib import Path

from app.catalogue.report_labels import load_report_labels, normal_label
from app.delivery.record import Known
from app.domain.exam import Report
from app.domain.form import Noun, Source, Value
from app.domain.report_text import Template
from app.domain.study import Doubt
from app.engine import coding, pages
from app.engine.face import Json
from app.engine.house import House
from app.engine.report_values import COMPARED, Candidates, Meaning, Person, meaning
from app.engine.stamping import keep_stamped_values
from app.errors import AgentError, NeedsOperator, RetryLater
from app.intake.apart import Apart
from app.intake.header import NotDicom
from app.intake.pdf_drawn import drawn_apart
from app.intake.pdf_text import Line, pdf_lines_apart
from app.intake.report_text import Reading, best_template, read_report
from app.intake.structured_report import REPORT_CLASSES, read_structured_report
from app.store import Reader, Tx, audit, exams, files, report_texts
from app.store.report_texts import PDF, ReadReport
from app.store.reports import exams_of_instance

log = logging.getLogger("app.engine")
_WAIT_SECONDS = 4.0
_PATIENCE_SECONDS = 12.0
_IDLE_SECONDS = 60.0
_LARGEST_OBJECT = 20 * 1024 * 1024
_NUMBERS = ("patient_id", "outpatient_number", "inpatient_number", "health_check_number", "his_patient_id")
_DOUBTED = ("conclusion", "findings")
"""The values that carry the doubt whose report it is; else the first that was read."""


@dataclass(frozen=True, kw_only=True)
class Text:
    """The text of one report's PDF as read now. `template` is the kept one that fits, None for the guesses alone."""

    report_key: str
    sha256: str
    lines: tuple[Line, ...]
    reading: Reading
    template: Template | None

    @property
    def layout(self) -> str:
        return self.template.layout if self.template else self.reading.layout


class ReportReading:
    """Of one house. The thread begins with the first report."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._labels = load_report_labels()
        self._waiting: queue.SimpleQueue[tuple[str, str, Future[None]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._drawn = ("", b"")
        self._apart = Apart(patience_seconds=_PATIENCE_SECONDS)

    # -- when -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """What came in and was not read before the earlier end."""
        for key in report_texts.unread_pdfs(self._house.store.read()):
            self._put("pdf", key)
        self._put("objects", "")

    def heard(self, event: Json) -> None:
        """An event of the store; must not wait."""
        if event["event"] == "report_attached":
            self._put("pdf", str(event["report"]))
        elif event["event"] == "study_completed":
            self._put("objects", str(event["study"]))

    def read_now(self, report_key: str, within_seconds: float = _WAIT_SECONDS) -> None:
        """Wait for this report's text for so long; a slow one is read later by itself."""
        try:
            self._put("pdf", report_key).result(within_seconds)
        except TooLate:
            log.info("a report takes longer to read; going on without it")

    def read_attached(self, exam_key: str, number: int) -> None:
        """After a person attached a PDF: the form that comes back already has what it says."""
        own = exams.reports_of(self._house.store.read(), exam_key)
        if 0 <= number < len(own):
            self.read_now(own[number].report_key)

    def drawn(self, sha256: str, pdf: bytes) -> bytes:
        """A PDF with its fields drawn, for the eye; the last one is at hand. b"" where that can't be done."""
        if self._drawn[0] != sha256:
            self._drawn = (sha256, drawn_apart(self._apart, pdf))
        return self._drawn[1]

    def close(self, within_seconds: float) -> None:
        """What is not read by then is read at the next start."""
        with self._lock:
            self._closed, thread = True, self._thread
            self._waiting.put(None)
        if thread is not None:
            thread.join(within_seconds)
        self._apart.close()

    def _put(self, kind: str, key: str) -> Future[None]:
        done: Future[None] = Future()
        with self._lock:
            if self._closed:
                done.set_result(None)
                return done
            self._waiting.put((kind, key, done))
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="report-reader", daemon=True)
                self._thread.start()
        return done

    def _loop(self) -> None:
        while (one := self._next()) is not None:
            kind, key, done = one
            try:
                if not self._house.stopping.is_set():
                    self._read(key, again=kind == "again") if kind != "objects" else self._read_objects(key)
            except (AgentError, OSError) as error:
                log.warning("a report could not be read: %s", getattr(error, "title", type(error).__name__))
            except Exception:  # the one broad catch of this thread: the next report must be read
                if not self._house.stopping.is_set():
                    log.exception("a report could not be read")
            done.set_result(None)

    def _next(self) -> tuple[str, str, Future[None]] | None:
        """The next that waits; the child that reads PDFs is not kept while nothing comes."""
        try:
            return self._waiting.get(timeout=_IDLE_SECONDS)
        except queue.Empty:
            self._apart.close()
            return self._waiting.get()

    # -- the PDF ----------------------------------------------------------------------------------------------------

    def _read(self, report_key: str, *, again: bool) -> None:
        conn = self._house.store.read()
        report = _report(conn, report_key)
        if report is None or not report.pdf_sha256:
            return
        before = _pdf_reading(conn, report_key)
        if before is not None and before.content == report.pdf_sha256 and not again:
            return
        note = ReadReport(report_key=report_key, origin=PDF, content=report.pdf_sha256)
        try:
            text = self.text(report)
        except NeedsOperator as error:
            self._keep(replace(note, trouble=error.title), Meaning())
            return
        meant = self.meaning(report_key, text.reading.candidates)
        self._keep(replace(note, layout=text.layout, doubts=meant.doubts), meant)

    def text(self, report: Report, mapping: Mapping[str, str | None] | None = None) -> Text:
        """The text of a report's PDF, read with the kept template of its layout, or as if `mapping` were kept.

        Raises NeedsOperator (no PDF, no text in it), RetryLater.
        """
        relative = files.path_of(self._house.store.read(), report.pdf_sha256) if report.pdf_sha256 else None
        if relative is None:
            raise NeedsOperator("这份报告还没有 PDF", "请先附上报告 PDF")
        try:
            data = self._house.spool.path(relative).read_bytes()
        except OSError as error:
            raise NeedsOperator("报告 PDF 的文件读不了", "请重新附上这份报告的 PDF", details=str(error)) from error
        lines = pdf_lines_apart(self._apart, data)
        guessed = read_report(lines, self._labels)
        template = best_template(report_texts.templates(self._house.store.read()), guessed.labels)
        if mapping is not None:
            template = _changed(template, guessed, mapping)
        reading = read_report(lines, self._labels, template) if template else guessed
        return Text(
            report_key=report.report_key, sha256=report.pdf_sha256, lines=lines, reading=reading, template=template
        )

    # -- the structured report --------------------------------------------------------------------------------------

    def _read_objects(self, study: str) -> None:
        conn = self._house.store.read()
        for uid, path in report_texts.unread_objects(conn, REPORT_CLASSES, study):
            self._read_object(uid, self._house.spool.path(path))

    def _read_object(self, uid: str, path: Path) -> None:
        conn, origin = self._house.store.read(), f"sr:{uid}"
        owners = exams_of_instance(conn, uid)
        if len(owners) != 1:
            return
        found: Candidates = {}
        trouble = ""
        try:
            if path.stat().st_size <= _LARGEST_OBJECT:
                fields = read_structured_report(path, self._labels).fields
                found = {key: (value,) for key, value in fields.items()}
        except (NotDicom, OSError) as error:
            trouble = type(error).__name__
        report_key = self._report_for_object(owners[0], make=bool(found))
        if report_key:
            meant = self.meaning(report_key, found)
            self._keep(ReadReport(report_key=report_key, origin=origin, content=uid, trouble=trouble), meant)

    def _report_for_object(self, exam_key: str, *, make: bool) -> str:
        """The exam's report that an earlier structured report filled, else its first; `make` one if it has none."""
        conn = self._house.store.read()
        own = [report.report_key for report in exams.reports_of(conn, exam_key)]
        filled = [key for key in own if any(one.origin != PDF for one in report_texts.readings_of(conn, key))]
        if not own and make:
            now = self._house.clock.now()
            return self._house.store.write(lambda tx: exams.add_report(tx, exam_key, now=now))
        return next(iter([*filled, *own]), "")

    # -- what it means and where it is kept -------------------------------------------------------------------------

    def keys(self) -> list[str]:
        """Our fields that a report may say and some destination asks for; without destinations all of them."""
        asked = {key for target in self._house.targets.values() for key in target.region.entered}
        known = dict.fromkeys(key for key in self._labels.keys.values() if self._is_entered(key))
        return [key for key in known if not asked or key in asked or key in COMPARED]

    def _is_entered(self, key: str) -> bool:
        field = self._house.catalogue.fields.get(key)
        return field is not None and field.noun is not Noun.REQUEST

    def meaning(self, report_key: str, found: Candidates) -> Meaning:
        conn = self._house.store.read()
        owners = [self._house.known(key) for key in exams.exams_of_report(conn, report_key)]
        people = [self._person(one) for one in owners]
        keys = [key for key in self.keys() if key not in COMPARED]
        staff = self._house.settings.signing.get("staff", ())
        rows = [{str(k): str(v) for k, v in one.items()} for one in staff] if isinstance(staff, list | tuple) else []
        return meaning(found, keys, lambda key, text: pages.parsed(self._house, key, text)[1], rows, people)

    def _person(self, stored: Known) -> Person:
        now = coding.together(stored, self._house.views(stored))
        values = now.exam if now else {}
        first = stored.studies[0] if stored.studies else None
        given = {study.accession_number for study in stored.studies if study.accession_number}
        own = {values[key].text for key in _NUMBERS if key in values}
        device = {number for study in stored.studies for number in (study.patient_id, study.header.get("StudyID", ""))}
        name = values["patient_name"].text if "patient_name" in values else first.patient_name if first else ""
        return Person(
            name="" if Doubt.NAME in stored.doubts else name,
            sex=values["sex"].text if "sex" in values else "",
            id_number=values["id_number"].text if "id_number" in values else "",
            numbers=frozenset((given | own | device) - {""}) if given else frozenset(),
        )

    def _keep(self, note: ReadReport, meant: Meaning) -> None:
        now = self._house.clock.now()

        def change(tx: Tx) -> None:
            report = _report(tx.conn, note.report_key)
            owners = exams.exams_of_report(tx.conn, note.report_key)
            if report is None or not owners or (note.origin == PDF and report.pdf_sha256 != note.content):
                return
            before = _pdf_reading(tx.conn, note.report_key)
            keys = self._set_values(tx, note, meant, owners)
            report_texts.note_reading(tx, replace(note, keys=keys), now=now)
            told = "、".join(self._house.catalogue.fields[key].label for key in keys)
            for owner in owners:
                if told or note.trouble:
                    exams.note(tx, owner, "report_read", told or note.trouble, at=now)
                self._house.refresh_in(tx, owner)
                tx.tell("report_read", exam=owner, report=note.report_key)
            if note.origin == PDF:
                taken_back = set(before.keys if before else ()) - set(meant.values)
                keep_stamped_values(self._house, tx, owners[0], note.report_key, taken_back.union(keys))

        self._house.store.write(change)

    def _set_values(self, tx: Tx, note: ReadReport, meant: Meaning, owners: Sequence[str]) -> tuple[str, ...]:
        """Write what was read where nothing better stands, take back what the former PDF had said; the keys written."""
        readings = report_texts.readings_of(tx.conn, note.report_key)
        earlier = {key for one in readings if one.origin == note.origin for key in one.keys}
        better = {key for one in readings if one.origin != PDF for key in one.keys} if note.origin == PDF else set()
        wanted = {key: text for key, text in meant.values.items() if key not in better}
        bearer = next((key for key in (*_DOUBTED, *wanted) if key in wanted), "") if meant.doubts else ""
        written: list[str] = []
        for key in [*wanted, *sorted(earlier - wanted.keys() - better)]:
            value = Value(
                text=wanted.get(key, ""), source=Source.REPORT, doubt=meant.doubts[0] if key == bearer else ""
            )
            if self._set(tx, note.report_key, key, value, owners, doubtful=bool(meant.doubts)) and value.text:
                written.append(key)
        return tuple(written)

    def _set(self, tx: Tx, report_key: str, key: str, value: Value, owners: Sequence[str], *, doubtful: bool) -> bool:
        """A report's own field gives way to the technician alone; an exam's field to everybody who entered it."""
        noun = self._house.catalogue.fields[key].noun
        if noun is Noun.EXAM and (len(owners) != 1 or (doubtful and value.text)):
            return False
        owner = report_key if noun is Noun.REPORT else owners[0]
        old = exams.own_value(tx.conn, owner, noun, key)
        stays = (Source.TECHNICIAN,) if noun is Noun.REPORT else tuple(each for each in Source if each != Source.REPORT)
        if old is not None and (old.source in stays or (not value.text and old.source is not Source.REPORT)):
            return False
        exams.set_value(tx, owner, noun, 0, key, value, now=self._house.clock.now())
        return True

    # -- the face ---------------------------------------------------------------------------------------------------

    def shown(self, exam_key: str, number: int, mapping: Mapping[str, str | None] | None = None) -> Json:
        """As `report_text` of the face."""
        report = self._numbered(exam_key, number)
        plain: Json = {"report_key": report.report_key, "trouble": None, "pairs": [], "layout": "", "mapped": False}
        labels = {key: self._house.catalogue.fields[key].label for key in self.keys()}
        if not report.pdf_sha256:
            raise NeedsOperator("这份报告还没有 PDF", "请先附上报告 PDF")
        try:
            text = self.text(report, None if mapping is None else _normal(mapping))
        except (NeedsOperator, RetryLater) as error:
            empty = [_field(key, label, "", "") for key, label in labels.items()]
            trouble = {"title": error.title, "advice": error.advice}
            return plain | {"trouble": trouble, "fields": empty, "doubts": []}
        meant = self.meaning(report.report_key, text.reading.candidates)
        fields = [_field(key, label, *self._told(key, meant, text.reading)) for key, label in labels.items()]
        return plain | {
            "pairs": [{"label": one.label, "value": one.value, "page": one.page} for one in text.reading.pairs],
            "fields": fields,
            "layout": text.layout,
            "mapped": text.template is not None,
            "doubts": list(meant.doubts),
        }

    def _told(self, key: str, meant: Meaning, reading: Reading) -> tuple[str, str]:
        if key in COMPARED:
            return reading.fields.get(key, ("", ""))
        if key not in meant.values:
            return "", ""
        return coding.shown(self._house, key, meant.values[key]), meant.labels[key]

    def keep_template(self, exam_key: str, number: int, mapping: Mapping[str, str | None]) -> Json:
        """Keep what a person said of this layout; this report and the others not yet submitted are read again."""
        report = self._numbered(exam_key, number)
        known = set(self.keys())
        for key in mapping:
            if key not in known:
                raise NeedsOperator(f"报告里读不了 {key}", "可以用：" + "、".join(sorted(known)), fields=(key,))
        normal = _normal(mapping)
        text = self.text(report, normal)
        there = {normal_label(pair.label) for pair in text.reading.pairs}
        for key, label in normal.items():
            if label and label not in there:
                raise NeedsOperator(
                    f"这份报告里没有“{mapping[key]}”这一栏", "请照报告上的标题写，例：影像所见", fields=(key,)
                )
        assert text.template is not None
        template, now = replace(text.template, labels=text.reading.labels), self._house.clock.now()

        def change(tx: Tx) -> None:
            report_texts.keep_template(tx, template, now=now)
            told = "、".join(self._house.catalogue.fields[key].label for key in normal)
            audit.note_act(tx, "report_template", told, at=now)

        self._house.store.write(change)
        others = report_texts.unread_pdfs(self._house.store.read(), again=True)
        waiting = self._put("again", report.report_key)
        for key in others:
            if key != report.report_key:
                self._put("again", key)
        try:
            waiting.result(_WAIT_SECONDS)
        except TooLate:
            log.info("a report takes longer to read; going on without it")
        return self.shown(exam_key, number)

    def _numbered(self, exam_key: str, number: int) -> Report:
        own = exams.reports_of(self._house.store.read(), exam_key)
        if not 0 <= number < len(own):
            raise NeedsOperator(f"这例没有第 {number + 1} 份报告", "请先附上报告 PDF")
        return own[number]


def _field(key: str, label: str, text: str, source: str) -> Json:
    return {"key": key, "label": label, "text": text, "from": source, "compared": key in COMPARED}


def _changed(template: Template | None, guessed: Reading, mapping: Mapping[str, str | None]) -> Template:
    """The layout's template with this change; None gives a field back to the guesses."""
    base = template or Template(layout=guessed.layout, labels=guessed.labels, mapping={})
    merged = {**base.mapping, **mapping}
    return replace(base, mapping={key: label for key, label in merged.items() if label is not None})


def _normal(mapping: Mapping[str, str | None]) -> dict[str, str | None]:
    return {key: None if label is None else normal_label(label) for key, label in mapping.items()}


def _report(conn: Reader, report_key: str) -> Report | None:
    for exam_key in exams.exams_of_report(conn, report_key):
        return next((one for one in exams.reports_of(conn, exam_key) if one.report_key == report_key), None)
    return None


def _pdf_reading(conn: Reader, report_key: str) -> ReadReport | None:
    return next((one for one in report_texts.readings_of(conn, report_key) if one.origin == PDF), None)
