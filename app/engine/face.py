"""The public face of the engine (引擎): every command and query as plain values (JSON), for windows and terminals.

`Engine` (in this process) and `RemoteEngine` (another process on the same home) both have exactly these methods. A
method raises `AgentError` and nothing else. `uid` is a study UID, an exam key or an accession number. Times are UTC ISO
text, days `yyyy-MM-dd` (China Standard Time). Where a list of dictionaries is returned the keys are listed here; the
README shows examples and tests hold them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Json = dict[str, Any]


class Face(Protocol):
    """What pages and commands may ask."""

    # -- what is going on -------------------------------------------------------------------------------------------

    def status(self) -> Json:
        """The one sentence and its facts, the same for tray, rail, home and terminal.

        {"look": "needs-you"|"trouble"|"paused"|"working"|"confirmed", "sentence": str (<= 20 characters),
        "tooltip": str, "last_confirmed_at": str|None, "paused_until": str|None ("" means until resumed),
        "states": {exam state: n}, "oldest_to_fill_at": str|None, "today": {"day", "received": n, "confirmed": n} (exams
        of that day; confirmed by every destination), "closing_due": day|"" (show its closing now),
        "snoozed_until": str|None (no notification before), "seconds_left": float|None (until all is sent),
        "counts": {"to_fill": n, "ready": n, "uploading": n, "attention": n, "confirmed": n, "receiving": n, "all": n,
        "to_sign": n (reports that wait for a doctor who is there), "to_fetch": n (exams that only wait for the platform
        to fetch their images)},
        "needs_you": [{"uid", "exam_key", "state", "title" (both in one line), "who" (person, device or fact), "what"
        (exam and its images or time, or ""), "why", "since", "since_is": "received"|"trouble"|"quiet"|"", "turn",
        "action": "fill"|"open"|"sign" (all reports to sign)|"reconcile" (then "uid" is the day)|"device"|"his" ("uid"
        "his", or "his:" and an export that could not be read)|"his_settings"|"settings" (then "uid" is a section of the
        settings)}],
        "destinations": [{"name", "title", "region", "base_url", "last_ok_at", "trouble", "trouble_since",
        "clock_offset_seconds", "clock_warning": str, "capabilities": [str], "practice": bool}],
        "dicom": {"ae_title", "port", "listening": bool, "trouble": str}, "folders": [{"path", "ok", "trouble"}],
        "files": {"listening": bool, "base_url", "trouble", "needed_by": [title]}, "clinic": {"name", ...},
        "set_up": bool, "version": str, "home": str}
        """
        ...

    def studies(self, state: str = "", day: str = "", text: str = "", limit: int = 200, offset: int = 0) -> Json:
        """One page of exams. {"total": n, "studies": [{"uid", "exam_key", "state", "state_words", "patient_name",
        "accession_number", "modality", "description", "exam_day", "received_at", "image_count", "report_count",
        "problem_count", "problems": [str], "changed": bool, "submitted_at", "late": bool}]}. `state` is one of the exam
        states, or an umbrella: "fill" (to_fill, ready, check), "uploading" (queued, sending, waiting),
        "attention" (held, rejected), "confirmed" (acknowledged, reconciled)."""
        ...

    def study(self, uid: str) -> Json:
        """Everything of one study: {"uid", "exam_key", "state", "state_words", "studies": [{study, doubt, candidates}],
        "fields": [form field with value, source, problem], "reports": [{"report_key", "pdf": bool, "fields": [...]}],
        "settlements": [[...]], "problems": [{"key", "label", "title", "advice", "destination", "noun", "row"}],
        "instances": [{"sop_instance_uid", "modality", "series_number", "instance_number", "size_bytes",
        "data_set_sha256", "path", "current", "source"}],
        "jobs": [{"id", "destination", "destination_title", "part", "part_words", "report_key", "version", "state",
        "state_words", "round", "attempts", "step", "done", "total", "due_at", "trouble", "late", "withdraws",
        "submitted_at", "changed_at"}], "receipts": [...], "versions": as in `job`, "journal": [...], "timeline":
        [{"at", "what", "words", "detail", "who"}], "fetches": [FETCH]}. "trouble" is None or {"title", "advice",
        "turn", "turn_words", "code", "words", "step", "items", "page": a section of the settings, or ""}. FETCH is an
        address that a platform was given: {"destination", "destination_title", "what": "pdf"|"zip", "what_words",
        "words" (已取 1 次), "whole": bool (what it offers now was taken), "count", "first_at", "last_at", "bytes",
        "trouble": "" or why it can't be sent}."""
        ...

    def form(self, uid: str) -> Json:
        """The form to fill: {"uid", "exam_key", "patient_name", "state", "state_words", "ready": bool,
        "ready_why_not": [str], "can_submit": bool (a destination lacks nothing; a report nobody began holds up
        only those that take none without),
        "accession_number", "troubles": [trouble of a newest job], "destinations": [name],
        "ahead_words": "" or what went before anybody submitted it, "no_report": bool (不出报告),
        "registered": [{"exam_key", "study", "words"}] (exams registered for this patient that still lack images:
        `join(exam_key, study, take=True)` makes these images theirs),
        "fields": [FIELD], "reports": [{"report_key", "pdf": bool, "begun": bool (a value or a PDF was given),
        "shared": [accession number of the other exams that it is the report of],
        "stamp": {"state": "none"|"stamped"|"void" (the PDF was changed since), "words", "demanded": bool (and it is
        not there), "able": bool (a stamping client is set), "outdated": what was corrected since the stamp, in words,
        else ""}|None (no destination has to do with stamps),
        "fields": [FIELD]}], "settlements": [[FIELD]], "problems": [PROBLEM], "problem_count": n,
        "studies": [{"uid", "doubt", "doubt_words", "candidates": [[charset, text]], "raw_hex",
        "compared": {"heads": [two], "rows": [{"label", "values": [two], "differs"}]}|None}]}; FIELD is {"key",
        "label", "noun", "row", "group", "type", "table", "level": "must"|"if_known"|"may", "required_when",
        "max_length", "help", "only" ("只有 … 要" where not every destination asks for it), "doubt", "text" (as it would
        be typed: a code of the list `search_codes` of its table searches), "shown", "source", "source_words",
        "value_doubt", "problem": {"title", "advice"}|None}. With several destinations a problem that not all of them
        have names in its title who has it."""
        ...

    def check(self, uid: str, values: Json) -> Json:
        """As `form`, as if `values` had been entered; nothing is kept."""
        ...

    def suggestions(self, uid: str, values: Json | None = None) -> Json:
        """At most one suggestion for each field with a problem, as if `values` had been entered; nothing is kept.

        {"suggestions": [{"noun", "row", "key", "text" (as typed), "shown", "why", "told" (why and what in one line),
        "also": [{"key", "text", "shown"}]}]}. `also` is taken together with it: a doctor's code with the name. What a
        destination would refuse is not suggested."""
        ...

    def search_codes(self, table: str, text: str, limit: int = 50) -> Json:
        """{"codes": [{"code", "label", "spans": [[start, end]] of the label that matched, "doubt"}]}.

        One region among the destinations asks for the list: its own codes; several: the shared ones."""
        ...

    def fields(self, destination: str) -> Json:
        """{"fields": [{"key", "wire_name", "label", "noun", "typed": bool (a person may enter it), "level", "type",
        "table", "doubt", "section"}]}."""
        ...

    def set_asides(self) -> Json:
        """{"files": [{"path", "title", "advice", "at", "source"}]}: what was not DICOM, broken, or has no exam."""
        ...

    def devices(self) -> Json:
        """Per calling AE and folder: {"devices": [{"source", "name", "kind": "dicom"|"folder", "ae_title", "address",
        "path", "last_at", "last_words", "days": [{"day", "count"}] (14, today last), "decoding",
        "decoding_chosen_by": "person"|"program"|"", "decoding_chosen_at", "missing": [{"label", "filled_by":
        "program"|"id_card"|"person"}], "clock_offset_seconds" (ahead of ours) |None, "quiet": {"since", "title",
        "usually"}|None, "watch_words", "state": "fine"|"quiet"|"resting"|"new"}], "refused": [{"source", "ae_title",
        "address", "at", "why", "can_allow"}], "listening": {"ae_title", "port", "listening", "trouble", "addresses"},
        "decodings": [{"charset", "title"}], "quiet_seconds"}."""
        ...

    def test_device(self, name: str) -> Json:
        """What can be known of a device from here, done now: {"source", "name", "steps": [{"ok": bool|None (nobody
        can know, or the person's turn), "title", "detail", "at"}]}."""
        ...

    def name_repair(self, uid: str) -> Json:
        """The readings of a name that waits: {"uid", "exam_key", "description", "modality", "received_at",
        "accession_number", "source", "device", "raw": [hex byte], "declared", "readings": [{"charset", "title",
        "text" ("": can't be read so), "groups": [bytes of each character in hex], "good", "recommended", "why"}],
        "others": [{"uid", "description", "modality", "received_at", "texts": {charset: name}}]}."""
        ...

    # -- the technician's acts --------------------------------------------------------------------------------------

    def fill(
        self, uid: str, values: Json, settlements: list[Json] | None = None, reports: list[Json] | None = None
    ) -> Json:
        """Keep values as typed (`key: text`; report keys go to the first report). Returns the form."""
        ...

    def shared_fields(self, uids: list[str]) -> Json:
        """Which fields several exams may be given at once, those that one of them still misses first.

        {"studies": [{"uid", "patient_name", "why_not"}], "fields": [{"key", "label", "noun", "row", "group", "type",
        "table", "help", "only", "max_length", "text", "shown" (where all hold the same), "same": bool, "missing": bool,
        "now": [{"uid", "patient_name", "shown"}], "now_words"}]}. Never what belongs to one patient."""
        ...

    def fill_many(self, uids: list[str], values: Json, dry: bool = True) -> Json:
        """Give several exams the same values; `dry` says only what that would change.

        {"studies": [{"uid", "patient_name", "changes": [{"key", "label", "old_shown", "new_shown", "new_text",
        "overwrites": bool}], "why_not"}], "values": n, "written": n}."""
        ...

    def keep_defaults(self, values: Json, destination: str = "", dry: bool = False) -> Json:
        """存为本机构默认: {"kept": [{"key", "label", "shown", "noun"}], "left": [{"key", "label", "why"}]}.

        What belongs to one exam or patient is left; "" stands for every destination; `dry` keeps nothing."""
        ...

    def attach(self, uid: str, path: str, report: int = 0) -> Json:
        """Attach a report PDF. Returns the form."""
        ...

    def stamp(self, uid: str, report: int = 0) -> Json:
        """Hand a report's PDF to the stamping client (盖章): {"url" (to be opened in the browser), "expires_at",
        "minutes"}. The stamped PDF comes back by itself, once and until then, and replaces the report's: event
        report_attached; one that is refused leaves all as it is: event stamp_refused with "exam", "report", "title",
        "advice". NeedsOperator: no PDF, or the client isn't open."""
        ...

    def stamping(self, uid: str, report: int = 0) -> Json:
        """How the stamping of a report goes: {"state", "words" (as `form`), "open": bool (a stamped PDF is waited for),
        "refused": {"title", "advice", "at"}|None (why the last one since `stamp` was not taken)}."""
        ...

    def report_text(self, uid: str, report: int = 0, mapping: Json | None = None) -> Json:
        """What the text of a report's PDF says, and which of our fields it is. With `mapping` ({key: label; "": not in
        this layout; None: guess}) as if that were kept; nothing is kept.

        {"report_key", "trouble": {"title", "advice"}|None (scanned, locked), "pairs": [{"label", "value", "page"}] in
        reading order, "fields": [{"key", "label", "text" ("": not found), "from" (the label in the PDF), "compared":
        bool (who it is: compared with the exam, never taken over)}], "layout", "mapped": bool (a kept template reads
        it), "doubts": [str]}."""
        ...

    def keep_report_template(self, uid: str, report: int, mapping: Json) -> Json:
        """Keep `mapping` for all reports of this layout; what is not submitted yet is read again. As `report_text`."""
        ...

    def settle(self, uid: str, decision: str, detail: str = "") -> Json:
        """Answer a doubt: "name" (detail: the right name), "same" (one patient after all), "split" (two patients: a
        second exam), "first"/"second" (which content of an image). Returns the form."""
        ...

    def repair_name(
        self, uid: str, charset: str = "", name: str = "", remember: bool = False, also: list[str] | None = None
    ) -> Json:
        """Take a reading of the name, or a typed one; `remember` it for the device, mend `also` (other studies of it)
        in the same go. Returns the form and {"mended": [exam key]}."""
        ...

    def name_device(self, source: str, name: str) -> Json:
        """What people call it ("": its own name again). As `devices`."""
        ...

    def mute_device(self, source: str) -> Json:
        """今天不用它: not missed until tomorrow. As `devices`."""
        ...

    def choose_decoding(self, source: str, charset: str) -> Json:
        """How its undeclared names are read from now on ("": a person is asked each time). As `devices`."""
        ...

    def allow_caller(self, source: str) -> Json:
        """允许它: a caller that the list of AE titles turned away joins the list. As `devices`."""
        ...

    def register(self, values: Json) -> Json:
        """A new exam record before its first image (`accession_number` "": one is minted). Returns the form.

        Images with that number join it, and those of the same patient where there is no doubt; else the form of the
        images asks ("registered")."""
        ...

    def unregister(self, uid: str) -> Json:
        """取消登记: an exam without images and reports, of which no platform has anything, is gone. {"exam_key"}.
        NeedsOperator else."""
        ...

    def registration(self) -> Json:
        """What a registration asks: {"fields": [FIELD]}, the name first; a usual value stands in "text"."""
        ...

    def join(self, uid: str, study: str, take: bool = False) -> Json:
        """The images of `study` belong to this exam; an empty exam that they leave is gone. `take`: what was entered
        of that one comes along, as far as this one lacks it. Returns the form."""
        ...

    def part(self, uid: str, study: str) -> Json:
        """The images of `study` leave this exam and get one of their own. Returns the form of that one."""
        ...

    def share_report(self, uid: str, other: str, report: int = 0) -> Json:
        """A report of this exam is the report of `other` too. Returns the form of `other`."""
        ...

    def shareable_reports(self, uid: str) -> Json:
        """The reports of other exams under the same patient's name: {"reports": [{"uid", "report" (as `share_report`
        takes them), "accession_number", "description", "exam_day", "conclusion", "pdf": bool}]}."""
        ...

    def add_report(self, uid: str) -> Json:
        """One more report of this exam. NeedsOperator while its last one is empty. Returns the form."""
        ...

    def drop_report(self, uid: str, report: int) -> Json:
        """An empty report, or one shared with another exam, is this exam's no more. NeedsOperator for any other, and
        for one that went to a platform. Returns the form."""
        ...

    def without_report(self, uid: str, none: bool = True) -> Json:
        """不出报告: the exam is whole without a report; False: a report after all. NeedsOperator when somebody began
        one. Returns the form."""
        ...

    def submit(self, uid: str = "", destination: str = "", ready: bool = False) -> Json:
        """提交上传: {"submitted": [uid], "skipped": [{"uid", "why"}], "jobs": n}.

        An exam goes to every destination that lacks nothing; one that does lack something stands in "skipped" with its
        "destination" although the uid is submitted. NeedsOperator when it can go nowhere."""
        ...

    def resend(self, uid: str = "", failed: bool = False, day: str = "", destination: str = "") -> Json:
        """{"resent": [uid], "jobs": n, "skipped": [{"uid", "why"}]}."""
        ...

    def jobs(
        self, state: str = "", day: str = "", text: str = "", destination: str = "", limit: int = 100, offset: int = 0
    ) -> Json:
        """One page of submissions, an exam to a destination each: what needs a person, what moves, what is over.

        `state`: "uploading", "attention" (held, rejected, to_sign), "confirmed", "ended", "" for all; `day`: submitted
        on that day (today's page also holds whatever is still open); `text`: any part of name, spelling or accession
        number, the start of a study UID or index code, an exam key or SOP UID.

        {"total": n (of `state`), "studies_total": n, "counts": {"all", "uploading", "attention", "confirmed", "ended"},
        "retryable": n (waiting to be sent, or rejected), "bytes_per_second": float, "rows": [ROW]}; ROW is {"exam_key",
        "destination", "destination_title", "uid", "state", "state_words", "patient_name", "accession_number",
        "modality", "description", "exam_day", "submitted_at", "changed_at", "steps", "steps_done", "step_words" (""
        when over), "withdraws", "done", "total" (images of the current step), "image_count", "late_count",
        "bytes_total", "bytes_done" (of what is being sent, else None), "due_at", "attempts", "place" (in the queue),
        "trouble": as in `study`, "words" (the platform's own), "acknowledged_at", "numbers": [str] (as returned),
        "can_reconcile", "reconciles_at", "checked_words" (what asking about its images came to, or ""), "changed"
        (since it was submitted), "problems": [label]}."""
        ...

    def job_keys(self, state: str = "", day: str = "", text: str = "", destination: str = "") -> Json:
        """{"keys": [[exam_key, destination, state]]} of everything `jobs` would show, at most 5,000."""
        ...

    def job(self, uid: str, destination: str = "") -> Json:
        """One submission from image to reconciliation ("": the destination that needs somebody most): {"row": ROW,
        "about": {"sex", "age", "age_unit"}, "acts": [what may be done, the likeliest last; "fill" opens the form,
        "keys" and "settings" a section of the settings],
        "moments": [{"kind": "done"|"now"|"todo"|"step_done"|"step_now"|"step_todo"|"step_fact" (no progress of ours),
        "state", "title", "detail", "at", "again": bool (`at` is the next attempt), "changes": of a version, as below}],
        "acknowledged": [at], "log": {"count", "last_at"}, "versions": [VERSION] of every part, oldest first, "slip":
        bool (there is something to print), "fetches": as in `study`}. VERSION: {"destination", "destination_title",
        "part", "part_words" (检查, 报告 2 ...), "report_key", "version", "withdraws", "late", "status_words" (已检查,
        已初审 ...; "" where the platform has no such field), "state", "state_words", "is_newest", "submitted_at",
        "acknowledged_at", "answer" (the platform's words when it refused), "changes": [{"label", "old", "new"}] against
        the version before, document numbers masked, [] in a first one}."""
        ...

    def act_many(
        self,
        act: str,
        keys: list[list[str]],
        dry: bool = False,
        failed: bool = False,
        day: str = "",
        destination: str = "",
    ) -> Json:
        """resend, hold, release, cancel, first (优先上传) or withdraw, for `keys` ([exam_key, destination]); with
        `failed` for all that waits to be sent, was held or rejected (of a day, of a destination), without keys for a
        whole day.

        {"done": [[exam_key, destination]], "skipped": [{"uid", "exam_key", "destination", "patient_name", "why"}],
        "jobs": n, "says": what will not happen, in one sentence}. `dry`: only says what would be done."""
        ...

    def export_jobs(self, path: str, state: str = "", day: str = "", text: str = "", destination: str = "") -> Json:
        """The list as a sheet (.xlsx or .csv). {"path", "rows": n}."""
        ...

    def slip(self, uid: str) -> Json:
        """What 上传凭单 says: {"clinic", "clinic_code", "patient": {"name", "sex", "age", "id_number" (masked)},
        "exam": {"accession_number", "modality", "description", "exam_day", "exam_key"}, "study_uids", "submitted_at",
        "submitted_by", "image_count", "digest" (SHA-256 over all images), "not_submitted", "destinations": [{"title",
        "state", "state_words", "verdict", "acknowledged": bool (all parts), "acknowledged_at", "reconciled_at",
        "can_reconcile", "numbers", "parts": [{"name", "version", "image_count", "acknowledged_at", "words"}]}],
        "printed_at"}."""
        ...

    def withdraw(self, uid: str, destination: str = "") -> Json:
        """撤回: {"exam_key", "jobs": n, "skipped": [{"destination", "why"}]}, from one destination or all that can.

        Where the platform has no way to delete, what has not gone is cancelled; NeedsOperator when that is all."""
        ...

    def hold(self, uid: str, destination: str = "") -> Json:
        """{"exam_key", "jobs": n}"""
        ...

    def release(self, uid: str, destination: str = "") -> Json:
        """{"exam_key", "jobs": n}"""
        ...

    def cancel(self, uid: str, destination: str = "") -> Json:
        """{"exam_key", "jobs": n}"""
        ...

    def send_now(self, uid: str) -> Json:
        """Complete without waiting for quiet (不等了，现在就传)."""
        ...

    def pause(self, minutes: int = 0) -> Json:
        """0: until resumed."""
        ...

    def resume(self) -> Json: ...

    def import_paths(self, paths: list[str]) -> Json:
        """{"images": n, "again": n, "reports": n, "aside": n, "studies": [uid]}."""
        ...

    # -- what HIS already knows -------------------------------------------------------------------------------------

    def his(self) -> Json:
        """{"configured": bool (columns are mapped), "folder", "url", "user", "query", "refresh_minutes",
        "has_password": bool, "columns": {field key: column}, "match": {"accession"|"id_number"|"name"|"day": column},
        "last": {"at", "name", "source": "hand"|"folder"|"query", "rows", "matched", "exams", "filled", "waiting",
        "ambiguous", "sentence"}|None, "waiting": rows without an exam, "ambiguous": questions of `his_ambiguous`,
        "unknown": [CODE], "trouble": str}; CODE is {"key", "label", "table", "words" (HIS's), "count", "code" (ours, as
        proposed or known), "code_label", "sure": bool}."""
        ...

    def his_preview(
        self,
        path: str = "",
        query: str = "",
        url: str = "",
        user: str = "",
        password: str = "",
        mapping: Json | None = None,
    ) -> Json:
        """The start of an export or of a query, and with `mapping` ({"columns", "match"}) what would come of it.

        {"columns": [{"name", "samples": [text]}], "rows": first 20 [[text]], "row_count", "guess": {"columns": {key:
        column}, "match": {key: column}}, "missing": [columns of the kept mapping not there], "fields": [{"key",
        "label", "group", "noun", "pinyin"}], "matches": [{"key", "label", "pinyin"}], "why_not": str ("": may be kept),
        "codes": [CODE], "would": [{"row", "who", "state": "matched"|"ambiguous"|"waiting", "words", "exam": EXAM|None,
        "values": [{"key", "label", "text", "problem"}], "problems": [str]}], "faults": [FAULT]}; FAULT is {"row",
        "column", "title", "advice"}, EXAM {"uid", "exam_key", "patient_name", "accession_number", "modality",
        "description", "exam_day", "image_count", "state", "state_words"}. ID numbers are masked."""
        ...

    def his_keep(self, mapping: Json) -> Json:
        """Keep any of {"columns", "match", "folder", "url", "user", "password", "query", "refresh_minutes"} and
        "codes" ({field key: {words: code}}). As `his`."""
        ...

    def his_import(self, path: str) -> Json:
        """Take an export in. {"rows", "again" (unchanged rows), "matched" (rows), "exams", "filled" (values),
        "waiting", "ambiguous" (rows), "questions", "left", "fault_count", "faults": [FAULT], "unknown": [CODE],
        "sentence"}. A file with other columns than mapped raises `NeedsOperator` with page "his"."""
        ...

    def his_query(self) -> Json:
        """Ask the database now. As `his_import`."""
        ...

    def his_ambiguous(self) -> Json:
        """{"questions": [{"row", "rows": n (that ask the same), "why", "who", "patient_name", "id_number" (masked),
        "accession_number", "day", "values": [{"key", "label", "text", "problem"}], "candidates": [EXAM]}]}."""
        ...

    def his_choose(self, row: int, uid: str = "") -> Json:
        """The rows of that question belong to this exam ("": to none). {"filled": n, "questions": n (still open)}."""
        ...

    # -- reconciliation, backfill, machine --------------------------------------------------------------------------

    def reconcile(self, day: str, destination: str = "") -> Json:
        """Ask the platform now. As `reconciliation`."""
        ...

    def reconciliation(self, day: str) -> Json:
        """{"day", "destinations": [{"name", "title", "can_answer": bool, "can_answer_images": bool, "says",
        "says_more" (what it can say, two lines), "state", "state_words",
        "all": n, "sent": n, "agreed": n, "received": n (taken, not asked yet), "unsolved": n,
        "lacking": [{"uid", "exam_key", "patient_name", "accession_number", "modality", "description", "parts_words",
        "acknowledged_at", "listed": n, "lacking": n, "lacking_uids": [str], "since", "asked_count", "resent": bool}]
        (the record is there, twice some images were not in its list), "unchecked": n (agreed, but not its images),
        "missing": [{"uid", "exam_key", "patient_name", "accession_number", "modality",
        "first_seen_at", "confirmed_at", "resend_count", "solved_at", "words", "description", "parts_words",
        "acknowledged_at", "asked_count": answers that lacked it}], "unsent": [{"uid", "patient_name",
        "accession_number", "modality", "description", "state", "state_words", "done_words", "left_words",
        "action": "fill"|"open"}],
        "questions": [{"asked_at", "asked_count", "missing": [exam_key], "failed",
        "images": {"whole"|"unknown"|"lacking": n}}],
        "ask_again_at", "trouble"}]}."""
        ...

    def reconciliation_days(self, limit: int = 31, until: str = "") -> Json:
        """The last `limit` days up to `until` (today), newest first; days without an exam are left out. {"days":
        [{"day", "destination", "can_answer", "can_answer_images", "state", "state_words", "sent" (taken: all
        but the unsent), "agreed", "received" (not asked yet), "missing", "lacking",
        "unsent"}]}."""
        ...

    def reconciled(self, day: str, destination: str, limit: int = 200, offset: int = 0) -> Json:
        """What the platform has of that day: {"total": n, "rows": [{"uid", "exam_key", "patient_name",
        "accession_number", "modality", "description", "state": "reconciled"|"acknowledged", "parts_words",
        "acknowledged_at", "index_code": "" unless the platform returned one, "images_words": "" unless it could not be
        told whether all images are there}]}."""
        ...

    def export_reconciliation(self, path: str, day_from: str, day_to: str) -> Json:
        """Write the days as a sheet, CSV or XLSX by the name of `path`. {"path", "rows": n}."""
        ...

    # -- retrieval (调阅) --------------------------------------------------------------------------------------------

    def retrieve_places(self) -> Json:
        """Where a patient's exams can be looked up. {"places": [{"destination", "title", "id_types": [{"code",
        "label"}] (the usual one first), "images": bool (they can be downloaded), "reasons": [usual ones; any other
        text is as good]}], "today": n looked up today, "folder": where downloads go when no folder is named}."""
        ...

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
        """A patient's exams across hospitals, the newest first; no days: the last two years. Goes on record.

        {"lookup": id (until the program ends), "destination", "title", "asked_at", "seconds": float, "places_count": n,
        "day_from", "day_to", "exams": [EXAM], "words": "4 例检查，来自 3 家机构"}. EXAM: {"index_code" (exact, "" when
        the platform gave none), "index_shown" (ID part masked), "patient_name", "id_number" (masked), "exam_date",
        "body_part_code", "body_part", "clinic_code", "clinic_name", "report_url", "image_url", "download_url" ("" for
        what is no http or https address: it then stands in "more"), "exam_key" ("" unless it is our own exam), "more":
        [{"label", "text"}] (what else came back)}. NeedsOperator has fields "id_number", "id_type", "name", "reason",
        "day_from" or "day_to"; RetryLater: the platform gave no answer, and nobody asks again by itself."""
        ...

    def id_number_said(self, destination: str, id_type: str, id_number: str) -> Json:
        """What a document number says of itself; asks nobody and goes on no record. {"wrong": {"title", "advice"}|None,
        "masked", "said": "女 · 63 岁 · 证件号码校验正确" ("" where a number says nothing)}."""
        ...

    def images_offered(self, lookup: str, index_code: str) -> Json:
        """What the platform can hand out of an exam now; none says nothing about what it was sent.

        {"count": n, "series_count": n, "asked_at", "words"}. `lookup` "": the newest one that has the index;
        `index_code` may also be the exam's place in it, from "1". Goes on record."""
        ...

    def start_download(self, lookup: str, index_code: str, folder: str = "") -> Json:
        """Fetch the images of an exam one by one into a folder of their own below `folder` ("": the program's own).

        As one of `downloads`. Into the same folder again: that download goes on, with what is offered now."""
        ...

    def downloads(self, limit: int = 50) -> Json:
        """The newest first. {"downloads": [DOWNLOAD]}; DOWNLOAD is {"id", "destination", "title", "index_code",
        "index_shown", "patient_name", "body_part", "exam_date", "clinic_name", "state": "running"|"paused"|"waiting"
        (goes on by itself)|"done"|"failed" (goes on when somebody resumes it), "state_words", "done": n (on the disk,
        fetched or found there), "total": n, "checked": n (opened, UIDs equal), "seconds_left": float|None, "folder"
        (of this exam), "trouble": {"title", "advice", "details"}|None, "refused": [{"sop_instance_uid", "why"}] (asked
        for twice and not kept; resumed, they are asked for again), "started_at", "changed_at"}."""
        ...

    def pause_download(self, id: int) -> Json:
        """Stays paused, also over a restart, until it is resumed. As one of `downloads`."""
        ...

    def resume_download(self, id: int) -> Json:
        """As one of `downloads`."""
        ...

    def remove_download(self, id: int) -> Json:
        """The files that it fetched go, and it leaves the list; what lay there before stays. {}"""
        ...

    def download_series(self, id: int) -> Json:
        """What of a download can be looked at already. As `series`."""
        ...

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
        """As `frame`."""
        ...

    def lookups(self, day: str = "") -> Json:
        """Who looked up whom on a day (today), the newest first. {"lookups": [{"at", "who", "destination", "title",
        "reason", "id_masked", "count": n|None (no answer came)}]}. Opened image lists and downloads stand in the log
        (`audit`) beside them."""
        ...

    # -- the day ----------------------------------------------------------------------------------------------------

    def health(self, day: str = "") -> Json:
        """{"day", "destinations": [{"name", "title", "slots": 40 numbers, one for each quarter of an hour from 8 to 18:
        0 not yet, 1 quiet, 2 only retries, 3 something was confirmed, "last_ok_at", "average_seconds": float|None (from
        the start of a job to its receipt), "sentence", "unfetched": {"count", "since", "sentence": "" or what a
        platform took long ago and has not fetched}}]}."""
        ...

    def recently_confirmed(self, limit: int = 5) -> Json:
        """{"exams": [{"uid", "exam_key", "patient_name", "modality", "description", "state", "acknowledged_at",
        "index_code": "" unless a platform returned one}]}, the newest first; confirmed by every destination."""
        ...

    def closing(self, day: str = "") -> Json:
        """How a day (today) stands: {"day", "received": n, "confirmed": n, "to_fill": n, "open": [{"uid", "exam_key",
        "state", "patient_name", "what", "received_at", "why", "action": "fill"|"open"}] (with what was registered that
        day and waits for its images, which is not among the received), "sentence", "may_shut_down_words", "closing_at":
        "17:30", "closing": bool}."""
        ...

    def closing_shown(self, day: str, remind: bool = False) -> Json:
        """A person has seen the closing of that day; `remind`: once more at 8 tomorrow. {"day", "remind_at"}."""
        ...

    def snooze(self, minutes: int) -> Json:
        """No notification for so long, over restarts; 0: notify again. {"snoozed_until": str|None}."""
        ...

    def set_theme(self, theme: str) -> Json:
        """How the window looks: "system", "light" or "dark". {"theme"}; the status says it too."""
        ...

    def set_closing(self, on: bool, at: str = "") -> Json:
        """Whether the end of a day is told, and when ("17:30"). {"closing", "closing_at"}."""
        ...

    def backfill(self, day_from: str, source: str = "", stop: bool = False) -> Json:
        """Start or go on with a backfill (source: a PACS name of the settings or a folder), or stop it.
        {"id", "running": bool, "source", "day_from", "found": n, "taken": n, "failed": n, "undelivered": [uid]}."""
        ...

    def backfill_status(self) -> Json: ...

    def check_self(self) -> Json:
        """{"ok": bool, "checks": [{"name", "ok", "title", "advice", "details"}]}."""
        ...

    def setup(self, answers: Json) -> Json:
        """Write settings (and secrets into the named store). {"written": [path], "secrets": [name]}."""
        ...

    def settings(self) -> Json:
        """The settings without any secret; {"secrets": {destination: [names present]}} beside them."""
        ...

    # -- first set-up -----------------------------------------------------------------------------------------------

    def regions(self) -> Json:
        """What set-up and the settings pages ask. {"regions": [{"name", "title", "document", "pinyin", "does",
        "clinic": [keys of section clinic it needs], "needs": [str] (准备清单), "rehearses": bool,
        "papers": bool (wants papers handed in), "questions": [QUESTION]}], "sections": [{"name", "title", "note",
        "questions": [QUESTION]}]}. QUESTION:
        {"key", "label", "help", "kind": "text"|"code"|"url"|"host"|"port"|"number"|"seconds"|"days"|"time"|"choice"|
        "yes_no"|"folder"|"folders"|"list"|"statement"|"secret",
        "first": bool (the first set-up asks it), "needed": bool, "default" (of a new destination), "unanswered" (what
        counts without an answer), "secret": bool, "when": {"key", "value"}|None (ask only while that question has that
        answer; yes_no: "true"|"false"), "choices": [{"value", "label"}]}. A region's keys stand within its
        destination: "base_url", "options.NAME", "secrets.NAME"; a section's within the section."""
        ...

    def check_answers(self, answers: Json) -> Json:
        """The answers as typed, all faults at once; nothing is written. {"problems": [{"key", "label", "title",
        "advice", "missing": bool (nothing answered yet)}], "wanted": [section that a destination can't do without:
        "files"], "proposed": {key: answer} (of a wanted section, what this machine knows)}; "key" as in "clinic.uscc",
        "destination[0].options.dicom_port"."""
        ...

    def setup_draft(self) -> Json:
        """{"answers" (the draft over the settings in force, never a secret), "now" (the settings in force as
        answers), "kept": {destination: [names of secrets in the store]}, "step", "at", "unfinished": bool,
        "set_up": bool}."""
        ...

    def keep_setup_draft(self, answers: Json, step: str = "") -> Json:
        """Left in the middle: keep the answers, without secrets, and the step. ({}, ""): set-up is done, forget it.
        As `setup_draft`."""
        ...

    def try_destination(self, answers: Json, name: str) -> Json:
        """Test every interface of a destination that is in use; nothing is written at the platform. {"name", "title",
        "steps": [{"name", "subject", "ok", "state": "ok"|"you"|"engineer"|"automatic"|"unknown"|"skipped", "turn",
        "turn_words", "title", "advice", "details", "ms": n|None, "page"}], "letter": str (for the platform's
        engineer)}. `answers` {}: as the settings have it."""
        ...

    def secret_places(self) -> Json:
        """{"keyring": bool, "why": str (why it can't be used), "store": "keyring"|"file" (in force)}."""
        ...

    def arrivals(self, since: str = "") -> Json:
        """Callers and images as they come, oldest first, after `since` (an earlier "at"; "": all remembered).
        {"at", "events": [{"id" (the same again replaces the earlier), "at", "kind":
        "connected"|"cut"|"refused"|"stored", "title", "advice", "detail", "caller", ...}]}. Callers also have
        "address", "called_ae"; refused ones "act": "rename"|"allow_caller"|"allow_address"|"". Stored ones: "study",
        "exam_key", "count", "instance", "patient_name", "description", "modality", "accession_number", "raw_hex",
        "candidates": [[charset, text]], "charset", "doubtful": bool, "test": bool."""
        ...

    def mark_test(self, uid: str, test: bool = True) -> Json:
        """The images here now only test a device: not to be filled, never uploaded (exam state "test"); False: they are
        real. One more image makes it real by itself. {"uid", "exam_key", "test"}."""
        ...

    def free_port(self, port: int) -> Json:
        """{"port", "free": bool, "title", "advice"}."""
        ...

    def addresses(self) -> Json:
        """{"host", "addresses": [str]} of this machine, to tell a device's engineer."""
        ...

    def rehearse(self, region: str) -> Json:
        """Walk one invented exam to its receipt on the practice platform, in a home of its own. As
        `rehearsal_status`, at once; asked again while it runs it starts no second one."""
        ...

    def rehearsal_status(self) -> Json:
        """{"region", "running": bool, "ok": bool, "steps": [str], "trouble": None|{"title", "advice", "details"}}."""
        ...

    def autostart(self) -> Json:
        """{"enabled": bool}: whether the program starts when this user logs in."""
        ...

    def set_autostart(self, enabled: bool) -> Json:
        """As `autostart`."""
        ...

    def audit(self, limit: int = 100, offset: int = 0, text: str = "", day: str = "") -> Json:
        """What people, the program and the platforms did, newest first. {"total": n, "rows": [{"at", "who" ("操作员",
        "程序", "平台"), "what", "words", "uid" (exam key or ""), "patient_name", "accession_number", "detail"}]}.
        `text`: in the words, the detail, the name or the accession number."""
        ...

    def bundle(self, path: str) -> Json:
        """Write the help bundle (诊断包) to this ZIP file, or into this folder under a name with the time. It makes the
        self-check anew, so it takes as long. {"path", "size_bytes", "files": [name]}."""
        ...

    def quit(self) -> Json: ...

    # -- signing (电子签名) ------------------------------------------------------------------------------------------

    def signing(self, day: str = "") -> Json:
        """Reports that wait for their auditing doctors, each doctor's in the order of their turn, and those signed on
        `day` ("": today), the newest first. {"able": bool (a destination demands signatures), "minutes": n (a code is
        good for), "notices": [{"kind", "tone": "you"|"retry", "title", "advice", "page": "" or of the settings}]
        (checks that can't be made, certificates near their end; the gravest first), "lacking": [str] (what the
        platform must send first, see `papers`; [] when doctors can sign),
        "waiting": [{"doctor": {"name", "signer_id", "known": bool (in the staff list with its number)},
        "reports": [ROW]}], "signed": [ROW]}. ROW: {"session": id, "uid", "exam_key", "report_key", "report": n,
        "destination", "way": "qr"|"import" (signed in the clinic's own system), "doctor", "patient_name", "what",
        "accession_number",
        "state": "next"|"waiting" (a code is out)|"expired"|"refused"|"timestamping"|"finished"|"void"|"postponed",
        "state_words", "since", "expires_at"|None, "signed_at"|None, "trouble": None|{"title", "advice", "details"},
        "timestamp_words", "job_state", "job_words"}."""
        ...

    def sign_code(self, session: int) -> Json:
        """The code that the doctor scans: the one that is out, or a new one. It asks the platform. NeedsOperator when
        the report waits no more, or its doctor has no number in the staff list. {"session", "row": ROW, "qr_text",
        "qr_picture": base64 ("" unless the platform draws it itself), "modules": [rows of 0 and 1], "blocks": [lines
        for a terminal], "expires_at", "seconds_left": float, "minutes": n, "doctor", "place": "第 1 份，共 2 份",
        "patient_name", "patient": "女 · 63 岁 · 胸部正侧位 DR", "text" (all that is signed), "lines": [{"label",
        "value"}], "digest": SM3 in hex}. A row in the state "timestamping": signed just now, no code any more."""
        ...

    def renew_code(self, session: int) -> Json:
        """As `sign_code`, a new code in any case; the earlier one counts no more, unless it was signed meanwhile. What
        was signed and gets no timestamp (a row with "trouble") is signed again."""
        ...

    def postpone_signing(self, session: int) -> Json:
        """医生不在，稍后再签: all reports that wait for this doctor go last and remind nobody. {"postponed": n}."""
        ...

    def import_signed(self, uid: str, report: int = 0, path: str | Json = "") -> Json:
        """Take a signature of the clinic's own system for this report: a JSON file (or its values) with ca_data,
        client_cert, sign_type, sign_value and tsa_token, by these or the document's names, or a folder with a file for
        each. It counts only when it holds; NeedsOperator or Rejected say why not. The ROW of it."""
        ...

    def import_all_signed(self, path: str) -> Json:
        """As `import_signed`, of a folder that holds a file or a folder for each of many reports: each goes to the one
        waiting report that its original (or the accession number in its name) is of. {"taken": [ROW], "left":
        [{"name", "title", "advice"}]}. NeedsOperator for a folder without any."""
        ...

    def signature(self, uid: str, report: int = 0) -> Json:
        """What was signed of a report, or is to be. {"session", "state", "state_words", "doctor", "source": "qr"|
        "import", "patient_name", "patient", "text", "lines", "digest", "signed_at"|None, "certificate": None|
        {"subject", "issuer", "serial", "from", "to"}, "sign_type_words", "timestamp_at"|None, "timestamp_words",
        "checks": [{"title", "ok": bool|None (could not be checked), "words"}], "trouble", "job_state", "job_words"}."""
        ...

    def trust(self) -> Json:
        """信任的证书: whose signatures the clinic believes. {"wanted": bool (a destination demands signatures),
        "roots": [{"place" (its key), "name" (of the file), "trouble": "" or why it can't be read, "certificates":
        [{"subject", "issuer", "kind": "SM2"|"RSA"|"P-256", "root": bool (else a CA between), "from", "to": days,
        "ended": bool}]}], "lists": [{"place", "name", "address": bool, "named": bool (by a certificate, not by the
        clinic), "read_at"|None, "read_words", "until"|None (its successor is due), "overdue": bool, "trouble"}],
        "doctors": [{"doctor", "on": day, "days": n left (negative: ended), "words"}] (certificates that end within a
        month)}."""
        ...

    def add_trust(self, places: list[str]) -> Json:
        """Trust these files (certificates of a CA, revocation lists) and addresses of revocation lists. Files are
        copied into the home. NeedsOperator names the one that is neither; then none is added. As `trust`."""
        ...

    def remove_trust(self, place: str) -> Json:
        """Trust this file or address no more. As `trust`."""
        ...

    def read_revocation_lists(self) -> Json:
        """Ask every address now; one that does not answer says so in its "trouble". As `trust`."""
        ...

    # -- application papers (申请材料) -------------------------------------------------------------------------------

    def papers(self, destination: str = "", answers: Json | None = None) -> Json:
        """Which papers the clinic must hand in before its doctors can sign and its PDFs be stamped. `answers`:
        {question: answer} instead of what the settings say; `destination` "": the first that wants papers.
        NeedsOperator when none does (`regions` says it beforehand). {"destination", "title", "document",
        "questions": [{"key", "label", "answer", "answers": [{"value", "label"}], "note": "" or what the settings say
        instead}], "papers": [{"number": "附件 3", "title", "copies", "prepare": [str], "written": bool (it is in
        the workbook), "missing": [what a person must still write], "doubt", "page": "" or the settings page that
        must be filled in before}], "hand_in", "doubts": [str], "doctors": [{"name", "known": bool (has the platform's
        number)}], "returns": [{"title", "what", "where", "page", "question", "known": bool, "words"}] (what the
        platform sends back and where it goes), "phone": {"steps": [str], "notes": [str]} (none where nobody signs by
        phone), "text", "phone_text": the same to copy}."""
        ...

    def write_papers(self, path: str, destination: str = "", answers: Json | None = None) -> Json:
        """An .xlsx with what of these papers is known here: what to hand in, the forms' lines, the list of auditing
        doctors who have no number yet, the steps for their phones. Every cell is a text. {"path", "sheets": [title],
        "doctors": n}."""
        ...

    # -- pictures ---------------------------------------------------------------------------------------------------

    def series(self, uid: str) -> Json:
        """What there is to look at, in the order in which one scrolls; of images with several contents the current one.
        {"series": [{"series_instance_uid", "number", "description", "modality", "source", "size_bytes",
        "images": [{"sop_instance_uid", "instance_number", "frames": n}]}], "image_count": n,
        "other_count": n (objects without a picture), "released_count": n (no longer kept here)}."""
        ...

    def frame(
        self,
        sop_instance_uid: str,
        frame: int = 0,
        center: float | None = None,
        width: float | None = None,
        preset: str = "",
        side: int = 0,
    ) -> Json:
        """One frame, decoded and windowed: with the preset of that name, else with `center` and `width`, else as the
        device wants it. `side` > 0: scaled down to that longest side. NeedsOperator says why it cannot be shown.
        {"width", "height" (of the pixels given), "full_width", "full_height", "frames": n, "grey": base64 (a byte per
        pixel) or "rgb": base64 (three), "center", "window_width" (None for colour), "preset": name of the window in
        use or "", "presets": [{"name", "center", "width"}] (at most three, for the keys 1 2 3; none for colour),
        "slice_mm": float|None, "pixel_aspect": height of a pixel over its width, "modality", "series_number",
        "series_description", "instance_number"}."""
        ...

    def report_pdf(self, uid: str, report: int = 0) -> Json:
        """The stored PDF of a report: {"path", "name", "size_bytes", "sha256", "shown": Base64 of a copy for viewers
        that know no forms (a seal stands in one), "" where the PDF itself will do}. NeedsOperator: there is none."""
        ...

    # -- events -----------------------------------------------------------------------------------------------------

    def subscribe(self, callback: Callable[[Json], None]) -> Callable[[], None]:
        """Facts after the commit: {"event": name, ids...}; `callback` is called on a foreign thread and must not wait.

        Names: image_received, study_completed, study_held, exam_changed, exam_refreshed, job_changed, job_progressed,
        day_reconciled, file_set_aside, report_waits, report_attached, report_read, caller_refused,
        destination_changed, paused, resumed, engine_stopped, his_imported, download_changed, signing_changed,
        stamp_refused.
        """
        ...


COMMANDS = frozenset(name for name in vars(Face) if not name.startswith("_") and name not in ("subscribe",))
"""Method names that another process may call."""
