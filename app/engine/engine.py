"""The engine (引擎): one house at work - ports, watched folders, workers, clock - behind the public face.

`offline(home)` is the same face without ports and workers, for a command while no engine runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.domain.job import Event
from app.domain.settings import Settings
from app.domain.times import Clock, cst_day
from app.engine import (
    acts,
    agreement,
    arrange,
    audit,
    bundle,
    checks,
    closing,
    devices,
    fetches,
    health,
    his_needs,
    moments,
    name_repair,
    outbox,
    pages,
    papers,
    papers_written,
    pictures,
    registered,
    retrieve_pictures,
    setup,
    sharing,
    signing_notices,
    signing_trust,
    standing,
    suggest,
    trial,
)
from app.engine.arrivals import mark_test
from app.engine.clockwork import paused_until
from app.engine.face import Json
from app.engine.house import House
from app.engine.life import Life
from app.engine.settings import apply_answers, document_of, write_settings
from app.engine.standing import Facts, look_and_sentence, tooltip
from app.engine.theme import with_theme
from app.errors import AgentError, NeedsOperator
from app.store import Tx, answers, days, exams, files, images, jobs, pickups, tally
from app.store.times import kept, taken_or_none
from app.system.clock import Clock as MachineClock
from app.system.paths import Home

if TYPE_CHECKING:
    from app.intake.screen import Screen

log = logging.getLogger("app.engine")


class Engine:
    """The face (see `face.py` for what each method returns). `start()` sets ports and workers to work."""

    def __init__(self, home: Home, *, clock: Clock | None = None, jitter: Callable[[], float] | None = None) -> None:
        self.home = home
        self._clock = clock or MachineClock()
        self._started_at = self._clock.now()
        self._listeners: list[Callable[[Json], None]] = []
        self._life = Life(home, self._clock, jitter, self._tell)

    @property
    def house(self) -> House:
        return self._life.house

    def start(self) -> None:
        """Take up work: mend what an earlier end left, then open ports, folders and workers."""
        self._life.start()
        audit.note(self.house, "started")

    def stop(self) -> None:
        """End within a few seconds; what is being sent goes on at the next start. Safe to call twice."""
        if self._life.running:
            with suppress(AgentError):
                audit.note(self.house, "stopped")
        self._life.stop()
        if "_screen" in vars(self):
            self._screen.close()

    @cached_property
    def _screen(self) -> Screen:
        from app.intake.screen import Screen

        return Screen()

    def _tell(self, event: Json) -> None:
        for listener in tuple(self._listeners):
            listener(event)

    # -- what is going on -------------------------------------------------------------------------------------------

    def status(self) -> Json:
        house, now = self.house, self._clock.now()
        conn = house.store.read()
        closed = fetches.closed_row(house) if self._life.running else []
        signing = self._life.signing.needs()
        waiting = pages.needs_you(house, [*self._of_his(), *fetches.broken_rows(house), *closed, *signing])
        paused, until = paused_until(house)
        seen = answers.destinations(conn)
        troubles = [
            taken_or_none(row["trouble_since"])
            for name, row in seen.items()
            if row["trouble"] and name in house.targets
        ]
        last = taken_or_none(answers.last_acknowledged(conn))
        engineer_days = days.for_engineer(conn)
        set_up = bool(house.settings.destinations)
        by_state = exams.counts(conn)
        counted = pages.counts(by_state)
        facts = Facts(
            set_up=set_up and not house.faults,
            needs_person=len(waiting),
            trouble_since=min((at for at in troubles if at), default=None),
            paused=paused,
            paused_until=until,
            moving=jobs.moving_exams(conn),
            confirmed=counted["confirmed"],
            receiving=counted["receiving"],
            held_back=counted["paused"],
            last_confirmed_at=last,
            now=now,
        )
        look, sentence = look_and_sentence(facts)
        return {
            "look": look,
            "sentence": sentence,
            "tooltip": tooltip(sentence, last, now),
            "last_confirmed_at": pages.at_text(last),
            "paused_until": None if not paused else (kept(until) if until else ""),
            "counts": counted | {"to_sign": self._life.signing.waiting(), "to_fetch": pickups.waiting_exams(conn)},
            "states": by_state,
            "oldest_to_fill_at": tally.oldest_to_fill(conn),
            "today": standing.today(house, now),
            "closing_due": closing.due(house, self._started_at),
            "snoozed_until": standing.snoozed_until(house, now),
            "seconds_left": standing.seconds_left(house),
            "needs_you": waiting,
            "missing_for_engineer": len(engineer_days),
            "destinations": [self._destination(name, seen.get(name, {})) for name in self._names()],
            "dicom": self._life.gateway.dicom_status(),
            "folders": self._life.gateway.folder_status(),
            "files": {**self._life.gateway.files_status(), "needed_by": fetches.needed_by(house)},
            "clinic": document_of(house.settings).get("clinic", {}),
            "set_up": set_up,
            "submit": house.settings.upload.submit,
            "version": _version(),
            "home": str(self.home.root),
            "running": self._life.running,
            "theme": house.settings.ui.theme,
        }

    def _of_his(self) -> list[Json]:
        return his_needs.rows(self.house, self._life.his.failed, self._life.his_watch.trouble)

    def _names(self) -> list[str]:
        return [destination.name for destination in self.house.settings.destinations]

    def _destination(self, name: str, seen: Json) -> Json:
        target = self.house.targets.get(name)
        settings = next(each for each in self.house.settings.destinations if each.name == name)
        fault = self.house.faults.get(name)
        offset = float(seen.get("clock_offset_seconds") or 0.0)
        return {
            "name": name,
            "title": target.title if target else name,
            "region": settings.region,
            "base_url": settings.base_url,
            "last_ok_at": seen.get("last_ok_at") or None,
            "trouble": f"{fault.title}。{fault.advice}" if fault else seen.get("trouble", ""),
            "trouble_since": seen.get("trouble_since") or None,
            "clock_offset_seconds": offset,
            "clock_warning": checks.clock_warning(offset),
            "capabilities": sorted(target.adapter.capabilities) if target else [],
            "practice": target.practice if target else False,
        }

    def studies(self, state: str = "", day: str = "", text: str = "", limit: int = 200, offset: int = 0) -> Json:
        return pages.studies(self.house, state, day, text, limit, offset)

    def study(self, uid: str) -> Json:
        return pages.study(self.house, self.house.exam_key(uid))

    def form(self, uid: str) -> Json:
        return self._form(self.house.exam_key(uid))

    def _form(self, exam_key: str) -> Json:
        return pages.form_of(self.house, exam_key)

    def check(self, uid: str, values: Json) -> Json:
        stored = pages.with_values(self.house, self.house.known(self.house.exam_key(uid)), values)
        return pages.form(self.house, stored, self.house.views(stored))

    def suggestions(self, uid: str, values: Json | None = None) -> Json:
        return suggest.suggestions(self.house, self.house.exam_key(uid), _texts(values or {}))

    def search_codes(self, table: str, text: str, limit: int = 50) -> Json:
        return pages.search_codes(self.house, table, text, limit)

    def fields(self, destination: str) -> Json:
        return pages.fields_of(self.house, destination)

    def set_asides(self) -> Json:
        return pages.set_asides(self.house)

    def devices(self) -> Json:
        return devices.devices(self.house, self._life.gateway)

    def test_device(self, name: str) -> Json:
        return devices.tested(self.house, self._life.gateway, name)

    def name_repair(self, uid: str) -> Json:
        return name_repair.name_repair(self.house, self.house.exam_key(uid))

    # -- the technician's acts --------------------------------------------------------------------------------------

    def fill(
        self, uid: str, values: Json, settlements: list[Json] | None = None, reports: list[Json] | None = None
    ) -> Json:
        key = self.house.exam_key(uid)
        acts.fill(self.house, key, _texts(values), _rows(settlements), _rows(reports))
        self._life.gateway.attach_waiting()
        return self._form(key)

    def shared_fields(self, uids: list[str]) -> Json:
        return sharing.shared_fields(self.house, uids)

    def fill_many(self, uids: list[str], values: Json, dry: bool = True) -> Json:
        return sharing.fill_many(self.house, uids, _texts(values), dry=dry)

    def keep_defaults(self, values: Json, destination: str = "", dry: bool = False) -> Json:
        with self._life.alone:
            found = sharing.with_defaults(self.house, _texts(values), destination)
            if found.told["kept"] and not dry:
                self._life.adopt(found.settings)
        return found.told

    def attach(self, uid: str, path: str, report: int = 0) -> Json:
        key = self.house.exam_key(uid)
        self._life.gateway.attach(key, Path(path), report)
        self.house.refresh(key)
        self._life.reports.read_attached(key, report)
        return self._form(key)

    def stamp(self, uid: str, report: int = 0) -> Json:
        if not self._life.running:
            raise NeedsOperator("程序没有在运行", "盖好章的报告要送回程序，请先启动程序，再盖章")
        return self._life.gateway.stamping.begin(self.house.exam_key(uid), report)

    def stamping(self, uid: str, report: int = 0) -> Json:
        return self._life.gateway.stamping.shown(self.house.exam_key(uid), report)

    def report_text(self, uid: str, report: int = 0, mapping: Json | None = None) -> Json:
        return self._life.reports.shown(self.house.exam_key(uid), report, mapping)

    def keep_report_template(self, uid: str, report: int, mapping: Json) -> Json:
        return self._life.reports.keep_template(self.house.exam_key(uid), report, mapping)

    def settle(self, uid: str, decision: str, detail: str = "") -> Json:
        key = self.house.exam_key(uid)
        acts.settle(self.house, key, decision, detail)
        return self._form(key)

    def repair_name(
        self, uid: str, charset: str = "", name: str = "", remember: bool = False, also: list[str] | None = None
    ) -> Json:
        key = self.house.exam_key(uid)
        mended = name_repair.repair_name(self.house, key, charset, name, remember=remember, also=also or [])
        return self._form(key) | {"mended": mended}

    def name_device(self, source: str, name: str) -> Json:
        devices.name_device(self.house, source, name)
        return self.devices()

    def mute_device(self, source: str) -> Json:
        devices.mute_device(self.house, source)
        return self.devices()

    def choose_decoding(self, source: str, charset: str) -> Json:
        devices.choose_decoding(self.house, source, charset)
        return self.devices()

    def allow_caller(self, source: str) -> Json:
        dicom = document_of(self.house.settings)["dicom"]
        self.setup({"dicom": dicom | {"allowed_callers": devices.allow_caller(self.house, source)}})
        return self.devices()

    def register(self, values: Json) -> Json:
        return self._form(arrange.register(self.house, _texts(values)))

    def unregister(self, uid: str) -> Json:
        key = self.house.exam_key(uid)
        arrange.unregister(self.house, key)
        return {"exam_key": key}

    def registration(self) -> Json:
        return registered.asked(self.house)

    def join(self, uid: str, study: str, take: bool = False) -> Json:
        key = self.house.exam_key(uid)
        arrange.join(self.house, key, study, take=take)
        return self._form(key)

    def part(self, uid: str, study: str) -> Json:
        return self._form(arrange.part(self.house, self.house.exam_key(uid), study))

    def share_report(self, uid: str, other: str, report: int = 0) -> Json:
        other_key = self.house.exam_key(other)
        arrange.share_report(self.house, self.house.exam_key(uid), other_key, report)
        return self._form(other_key)

    def shareable_reports(self, uid: str) -> Json:
        return {"reports": arrange.shareable(self.house, self.house.exam_key(uid))}

    def add_report(self, uid: str) -> Json:
        key = self.house.exam_key(uid)
        arrange.add_report(self.house, key)
        return self._form(key)

    def drop_report(self, uid: str, report: int) -> Json:
        key = self.house.exam_key(uid)
        arrange.drop_report(self.house, key, report)
        return self._form(key)

    def without_report(self, uid: str, none: bool = True) -> Json:
        key = self.house.exam_key(uid)
        arrange.without_report(self.house, key, none=none)
        return self._form(key)

    def submit(self, uid: str = "", destination: str = "", ready: bool = False) -> Json:
        if ready:
            listed, _ = exams.listed(self.house.store.read(), states=("ready", "to_fill", "check"), limit=1000)
            return acts.submit_ready(self.house, [row["exam_key"] for row in listed], destination)
        return acts.submit_one(self.house, self.house.exam_key(uid), destination, uid)

    def resend(self, uid: str = "", failed: bool = False, day: str = "", destination: str = "") -> Json:
        if destination and destination not in self._names():
            raise NeedsOperator("没有这个上传目标", "请核对名称：" + "、".join(self._names()), page="destination")
        conn = self.house.store.read()
        if uid:
            keys = [self.house.exam_key(uid)]
        elif failed:
            keys = [
                row["exam_key"] for row in exams.listed(conn, states=("held", "rejected", "waiting"), limit=1000)[0]
            ]
        else:
            _day(day)
            keys = [row["exam_key"] for row in exams.listed(conn, day=day, limit=1000)[0] if row["submitted_at"]]
        return acts.resend(self.house, keys, destination, only_failed=failed)

    def jobs(
        self, state: str = "", day: str = "", text: str = "", destination: str = "", limit: int = 100, offset: int = 0
    ) -> Json:
        return outbox.page(self.house, outbox.wanted(self.house, state, day, text, destination), limit, offset)

    def job_keys(self, state: str = "", day: str = "", text: str = "", destination: str = "") -> Json:
        return outbox.keys(self.house, outbox.wanted(self.house, state, day, text, destination))

    def job(self, uid: str, destination: str = "") -> Json:
        return moments.job(self.house, self.house.exam_key(uid), destination)

    def act_many(
        self,
        act: str,
        keys: list[list[str]],
        dry: bool = False,
        failed: bool = False,
        day: str = "",
        destination: str = "",
    ) -> Json:
        named = bool(keys)
        if not named and (failed or day):
            found = outbox.found_keys(self.house, outbox.wanted(self.house, "", day, "", destination), failed=failed)
            keys = [list(key) for key in found]
        return outbox.act_many(self.house, act, keys, dry=dry, named=named)

    def export_jobs(self, path: str, state: str = "", day: str = "", text: str = "", destination: str = "") -> Json:
        wanted = outbox.wanted(self.house, state, day, text, destination)
        return outbox.export(self.house, Path(path), wanted)

    def slip(self, uid: str) -> Json:
        return moments.slip(self.house, self.house.exam_key(uid))

    def withdraw(self, uid: str, destination: str = "") -> Json:
        return acts.withdraw(self.house, self.house.exam_key(uid), destination)

    def hold(self, uid: str, destination: str = "") -> Json:
        return acts.act(self.house, self.house.exam_key(uid), Event.PAUSED, destination)

    def release(self, uid: str, destination: str = "") -> Json:
        return acts.act(self.house, self.house.exam_key(uid), Event.RELEASED, destination)

    def cancel(self, uid: str, destination: str = "") -> Json:
        return acts.act(self.house, self.house.exam_key(uid), Event.CANCELLED, destination)

    def send_now(self, uid: str) -> Json:
        key = self.house.exam_key(uid)
        found: list[str] = []
        for study in images.studies_of(self.house.store, key):
            found += self._life.complete(study.study_instance_uid)
        return self._form(key if key in found or not found else found[0])  # they may belong to a registered exam

    def pause(self, minutes: int = 0) -> Json:
        until = kept(self._clock.now() + timedelta(minutes=minutes)) if minutes > 0 else ""

        def change(tx: Tx) -> None:
            files.set_fact(tx, "paused", until or "open")
            tx.tell("paused", until=until)

        self.house.store.write(change)
        return {"paused_until": until}

    def resume(self) -> Json:
        self._life.resume()
        return {"paused_until": None}

    def import_paths(self, paths: list[str]) -> Json:
        return self._life.gateway.import_paths([Path(path) for path in paths])

    # -- what HIS already knows -------------------------------------------------------------------------------------

    def his(self) -> Json:
        state = self._life.his.state()
        return state | {"trouble": state["trouble"] or self._life.his_watch.trouble}

    def his_preview(
        self,
        path: str = "",
        query: str = "",
        url: str = "",
        user: str = "",
        password: str = "",
        mapping: Json | None = None,
    ) -> Json:
        return self._life.his.preview(path, query, url, user, password, mapping)

    def his_keep(self, mapping: Json) -> Json:
        with self._life.alone:
            settings = self._life.his.keep(mapping)
            if settings is not None:
                before = self.house.settings
                write_settings(self.home, replace(before, his=settings))
                self._begin_anew(before)
        return self.his()

    def his_import(self, path: str) -> Json:
        return self._life.his.import_file(Path(path))

    def his_query(self) -> Json:
        return self._life.his.query()

    def his_ambiguous(self) -> Json:
        return {"questions": self._life.his.ambiguous()}

    def his_choose(self, row: int, uid: str = "") -> Json:
        filled = self._life.his.choose(row, self.house.exam_key(uid) if uid else "")
        return {"filled": filled, "questions": self.his()["ambiguous"]}

    # -- reconciliation, backfill, machine --------------------------------------------------------------------------

    def reconcile(self, day: str, destination: str = "") -> Json:
        which = _day(day)
        names = [destination] if destination else [n for n, t in self.house.targets.items() if t.can("reconcile")]
        if not names:
            raise NeedsOperator("平台无对账接口", "以回执为准，不用对账")
        for name in names:
            self._life.reconciler(name).ask(which, everything=True)
        return agreement.reconciliation(self.house, which)

    def reconciliation(self, day: str) -> Json:
        return agreement.reconciliation(self.house, _day(day))

    def reconciliation_days(self, limit: int = 31, until: str = "") -> Json:
        return agreement.reconciliation_days(self.house, limit, _day(until).isoformat() if until else "")

    def reconciled(self, day: str, destination: str, limit: int = 200, offset: int = 0) -> Json:
        return agreement.reconciled(self.house, _day(day), destination, limit, offset)

    def export_reconciliation(self, path: str, day_from: str, day_to: str) -> Json:
        return agreement.export(self.house, Path(path), _day(day_from), _day(day_to))

    # -- signing (电子签名) ------------------------------------------------------------------------------------------

    def signing(self, day: str = "") -> Json:
        return self._life.signing.listed(self._day_or_today(day)) | {"lacking": papers.lacking(self.house)}

    def sign_code(self, session: int) -> Json:
        return self._life.signing.code(session)

    def renew_code(self, session: int) -> Json:
        return self._life.signing.code(session, afresh=True)

    def postpone_signing(self, session: int) -> Json:
        return self._life.signing.postpone(session)

    def import_signed(self, uid: str, report: int = 0, path: str | Json = "") -> Json:
        return self._life.signing.import_signed(self.house.exam_key(uid), report, path)

    def import_all_signed(self, path: str) -> Json:
        return self._life.signing.import_all_signed(path)

    def signature(self, uid: str, report: int = 0) -> Json:
        return self._life.signing.signature(self.house.exam_key(uid), report)

    def trust(self) -> Json:
        return signing_notices.trust(self.house)

    def add_trust(self, places: list[str]) -> Json:
        with self._life.alone:
            self.setup({"signing": signing_trust.with_added(self.house, places)})
        signing_trust.read_lists(self.house, places)
        return self.trust()

    def remove_trust(self, place: str) -> Json:
        with self._life.alone:
            self.setup({"signing": signing_trust.without(self.house, place)})
        signing_trust.forget(self.home, place)
        return self.trust()

    def read_revocation_lists(self) -> Json:
        signing_trust.read_lists(self.house)
        return self.trust()

    def papers(self, destination: str = "", answers: Json | None = None) -> Json:
        return papers_written.shown(self.house, destination, answers)

    def write_papers(self, path: str, destination: str = "", answers: Json | None = None) -> Json:
        return papers_written.write_papers(self.house, Path(path), destination, answers)

    # -- retrieval (调阅) --------------------------------------------------------------------------------------------

    def retrieve_places(self) -> Json:
        return self._life.retrieval.places()

    def look_up(
        self,
        destination: str,
        id_type: str,
        id_number: str,
        name: str = "",
        day_from: str = "",
        day_to: str = "",
        reason: str = "",
    ) -> Json:
        return self._life.retrieval.look_up(destination, id_type, id_number, name, day_from, day_to, reason)

    def id_number_said(self, destination: str, id_type: str, id_number: str) -> Json:
        return self._life.retrieval.number_said(destination, id_type, id_number)

    def images_offered(self, lookup: str, index_code: str) -> Json:
        return self._life.retrieval.images_offered(lookup, index_code)

    def start_download(self, lookup: str, index_code: str, folder: str = "") -> Json:
        return self._life.downloading.begin(lookup, index_code, folder)

    def downloads(self, limit: int = 50) -> Json:
        return self._life.downloading.listed(limit)

    def pause_download(self, id: int) -> Json:
        return self._life.downloading.pause(id)

    def resume_download(self, id: int) -> Json:
        return self._life.downloading.resume(id)

    def remove_download(self, id: int) -> Json:
        return self._life.downloading.remove(id)

    def download_series(self, id: int) -> Json:
        return retrieve_pictures.series(self.house, self._screen, self._life.downloading.known(id))

    def download_frame(
        self,
        id: int,
        sop_instance_uid: str,
        frame: int = 0,
        center: float | None = None,
        width: float | None = None,
        preset: str = "",
        side: int = 0,
    ) -> Json:
        download = self._life.downloading.known(id)
        return retrieve_pictures.frame(
            self.house, self._screen, download, sop_instance_uid, frame, center, width, preset, side
        )

    def lookups(self, day: str = "") -> Json:
        return self._life.retrieval.lookups(_day(day) if day else None)

    # -- the day ----------------------------------------------------------------------------------------------------

    def health(self, day: str = "") -> Json:
        return health.health(self.house, self._day_or_today(day))

    def recently_confirmed(self, limit: int = 5) -> Json:
        return standing.recently_confirmed(self.house, limit)

    def closing(self, day: str = "") -> Json:
        return closing.closing(self.house, self._day_or_today(day))

    def closing_shown(self, day: str, remind: bool = False) -> Json:
        return closing.was_shown(self.house, _day(day), remind)

    def set_theme(self, theme: str) -> Json:
        with self._life.alone:
            self._life.house = with_theme(self.house, theme)
        self._tell({"event": "theme_changed"})
        return {"theme": theme}

    def set_closing(self, on: bool, at: str = "") -> Json:
        with self._life.alone:
            self._life.house = closing.with_closing(self.house, on, at)
        return {"closing": on, "closing_at": self.house.settings.ui.closing_at}

    def snooze(self, minutes: int) -> Json:
        return standing.snooze(self.house, minutes, self._clock.now())

    def _day_or_today(self, day: str) -> date:
        return _day(day or cst_day(self._clock.now()))

    def backfill(self, day_from: str, source: str = "", stop: bool = False) -> Json:
        return self._life.gateway.backfill(_day(day_from) if day_from else None, source, stop)

    def backfill_status(self) -> Json:
        return self._life.gateway.backfill_status()

    def check_self(self) -> Json:
        return checks.check_self(self.house, self._life.gateway)

    def setup(self, answers: Json) -> Json:
        with self._life.alone:
            before = self.house.settings
            if isinstance(answers.get("signing"), dict):
                answers = answers | {"signing": signing_trust.kept_here(self.house, answers["signing"])}
            done = apply_answers(answers, self.home)
            self._begin_anew(before)
        audit.note(self.house, "settings", audit.sections(answers))
        if self.house.settings.ui.theme != before.ui.theme:
            self._tell({"event": "theme_changed"})
        return {"written": [str(path) for path in done.written], "secrets": list(done.secrets)}

    def _begin_anew(self, before: Settings) -> None:
        """Work with the settings on the disk; when that fails, what is on the disk is what is at work."""
        try:
            self._life.reload()
        except AgentError:
            write_settings(self.home, before)
            raise

    def settings(self) -> Json:
        present = {each.name: list(each.secret_names) for each in self.house.settings.destinations}
        return document_of(self.house.settings) | {"secrets": {"store": self.house.settings.secret_store} | present}

    def series(self, uid: str) -> Json:
        return pictures.series(self.house, self._screen, self.house.exam_key(uid))

    def frame(
        self,
        sop_instance_uid: str,
        frame: int = 0,
        center: float | None = None,
        width: float | None = None,
        preset: str = "",
        side: int = 0,
    ) -> Json:
        return pictures.frame(self.house, self._screen, sop_instance_uid, frame, center, width, preset, side)

    def report_pdf(self, uid: str, report: int = 0) -> Json:
        return pictures.report_pdf(self.house, self.house.exam_key(uid), report, self._life.reports.drawn)

    # -- first set-up -----------------------------------------------------------------------------------------------

    def regions(self) -> Json:
        return setup.regions()

    def check_answers(self, answers: Json) -> Json:
        return setup.check_answers(self.house, answers)

    def setup_draft(self) -> Json:
        return setup.setup_draft(self.house)

    def keep_setup_draft(self, answers: Json, step: str = "") -> Json:
        return setup.keep_setup_draft(self.house, answers, step, self._clock)

    def try_destination(self, answers: Json, name: str) -> Json:
        listening = bool(self._life.gateway.files_status()["listening"])
        return trial.try_destination(self.house, answers, name, clock=self._clock, listening=listening)

    def secret_places(self) -> Json:
        return setup.secret_places(self.house)

    def arrivals(self, since: str = "") -> Json:
        return self._life.arrivals.since(self.house, since)

    def mark_test(self, uid: str, test: bool = True) -> Json:
        return mark_test(self.house, uid, test)

    def free_port(self, port: int) -> Json:
        dicom = self._life.gateway.dicom_status()
        return setup.free_port(self.house, port, int(dicom["port"]) if dicom["listening"] else 0)

    def addresses(self) -> Json:
        return setup.addresses()

    def rehearse(self, region: str) -> Json:
        return self._life.rehearsing.start(region)

    def rehearsal_status(self) -> Json:
        return self._life.rehearsing.status()

    def autostart(self) -> Json:
        return setup.autostart()

    def set_autostart(self, enabled: bool) -> Json:
        return setup.set_autostart(enabled)

    def audit(self, limit: int = 100, offset: int = 0, text: str = "", day: str = "") -> Json:
        return audit.page(self.house, limit, offset, text, _day(day) if day else None)

    def bundle(self, path: str) -> Json:
        return bundle.make(self.house, Path(path), self.status(), self.check_self(), _version())

    def quit(self) -> Json:
        """The process that runs the engine ends; heard by its main loop."""
        self._tell({"event": "quit_asked"})
        return {}

    def subscribe(self, callback: Callable[[Json], None]) -> Callable[[], None]:
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)


@contextmanager
def offline(home: Home) -> Iterator[Engine]:
    """The face of a home while no engine runs there. The caller holds the home's lock."""
    engine = Engine(home)
    try:
        yield engine
    finally:
        engine.stop()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise NeedsOperator("日期写错了", "请写成 2026-11-21 这样") from error


def _texts(values: Any) -> dict[str, str]:
    if not isinstance(values, dict):
        raise NeedsOperator("填的内容格式不对", "应为 字段名: 值")
    return {str(key): "" if value is None else str(value) for key, value in values.items()}


def _rows(rows: list[Json] | None) -> list[dict[str, str]] | None:
    return None if rows is None else [_texts(row) for row in rows]


@cache
def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("clinic-imaging-agent")
    except PackageNotFoundError:
        return "0"
