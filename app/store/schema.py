"""The tables, as named migrations: an applied one is never changed, a new one is added below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.store.migrations import Migrations

if TYPE_CHECKING:
    from sqlite_utils import Database

MIGRATIONS = Migrations("agent")


@MIGRATIONS()
def images_and_studies(db: Database) -> None:
    db.table("instances").create(
        {
            "sop_instance_uid": str,
            "data_set_sha256": str,
            "md5": str,
            "sop_class_uid": str,
            "study_instance_uid": str,
            "series_instance_uid": str,
            "transfer_syntax_uid": str,
            "size_bytes": int,
            "path": str,
            "modality": str,
            "series_number": str,
            "instance_number": str,
            "source": str,
            "patient_key": str,
            "received_at": str,
            "current": int,
            "released": int,
        },
        pk=("sop_instance_uid", "data_set_sha256"),
        defaults={"released": 0},
    )
    db.table("instances").create_index(["study_instance_uid"])
    db.table("studies").create(
        {
            "study_instance_uid": str,
            "patient_id": str,
            "patient_key": str,
            "patient_name": str,
            "patient_name_raw": bytes,
            "charset": str,
            "name_candidates": str,
            "sex": str,
            "birth_date": str,
            "accession_number": str,
            "modality": str,
            "description": str,
            "study_at": str,
            "source": str,
            "header": str,
            "image_count": int,
            "first_at": str,
            "last_at": str,
            "complete_at": str,
            "doubt": str,
            "doubt_detail": str,
        },
        pk="study_instance_uid",
        not_null={"doubt", "doubt_detail"},
        defaults={"doubt": "", "doubt_detail": ""},
    )
    db.table("studies").create_index(["accession_number"])
    db.table("studies").create_index(["complete_at", "last_at"])
    db.table("aside").create(
        {"path": str, "size_bytes": int, "title": str, "advice": str, "at": str, "source": str}, pk="path"
    )
    db.table("seen_files").create({"path": str, "size_bytes": int, "modified_ns": int, "outcome": str}, pk="path")


@MIGRATIONS()
def exams_and_reports(db: Database) -> None:
    db.table("exams").create(
        {
            "exam_key": str,
            "minted_accession": str,
            "state": str,
            "problem_count": int,
            "problems": str,
            "changed": int,
            "dirty": int,
            "created_at": str,
            "submitted_at": str,
            "patient_name": str,
            "accession_number": str,
            "modality": str,
            "description": str,
            "exam_day": str,
            "sort_at": str,
            "image_count": int,
            "report_count": int,
        },
        pk="exam_key",
    )
    db.table("exams").create_index(["state", "sort_at"])
    db.table("exams").create_index(["sort_at"])
    db.table("exams").create_index(["exam_day"])
    db.table("exams").create_index(["accession_number"])
    db.table("exam_studies").create(
        {"exam_key": str, "study_instance_uid": str, "patient_key": str}, pk=("exam_key", "study_instance_uid")
    )
    db.table("exam_studies").create_index(["study_instance_uid"])
    db.table("reports").create(
        {"report_key": str, "pdf_sha256": str, "pdf_source": str, "created_at": str},
        pk="report_key",
    )
    db.table("exam_reports").create(
        {"exam_key": str, "report_key": str, "position": int}, pk=("exam_key", "report_key")
    )
    db.table("exam_reports").create_index(["report_key"])
    db.table("record_values").create(
        {
            "owner": str,
            "noun": str,
            "row": int,
            "key": str,
            "text": str,
            "source": str,
            "doubt": str,
            "set_at": str,
        },
        pk=("owner", "noun", "row", "key"),
    )
    db.table("record_values").create_index(["key", "text"])
    db.table("files").create(
        {"sha256": str, "md5": str, "size_bytes": int, "path": str, "kind": str, "created_at": str}, pk="sha256"
    )
    db.table("waiting_pdfs").create({"sha256": str, "name": str, "at": str}, pk=("sha256", "name"))


@MIGRATIONS()
def outbox(db: Database) -> None:
    db.table("jobs").create(
        {
            "id": int,
            "destination": str,
            "exam_key": str,
            "report_key": str,
            "part": str,
            "version": int,
            "withdraws": int,
            "state": str,
            "round": int,
            "attempts": int,
            "payload": str,
            "digest": str,
            "exam_day": str,
            "due_at": str,
            "step": str,
            "done_count": int,
            "total_count": int,
            "trouble": str,
            "submitted_at": str,
            "changed_at": str,
            "late": int,
            "first": int,
        },
        pk="id",
    )
    db.table("jobs").create_index(["destination", "state", "submitted_at"])
    db.table("jobs").create_index(["exam_key", "destination", "part", "report_key", "version"], unique=True)
    db.table("jobs").create_index(["state", "due_at"])
    db.table("jobs").create_index(["destination", "exam_day"])
    db.table("journal").create(
        {
            "job_id": int,
            "round": int,
            "step": str,
            "item": str,
            "digest": str,
            "reply": str,
            "reply_bytes": int,
            "answered_at": str,
        },
        pk=("job_id", "round", "step", "item"),
    )
    db.table("holdings").create(
        {"destination": str, "exam_key": str, "part": str, "item": str, "sha256": str, "at": str},
        pk=("destination", "exam_key", "part", "item"),
    )
    db.table("receipts").create(
        {"job_id": int, "round": int, "version": int, "acknowledged_at": str, "facts": str}, pk=("job_id", "round")
    )
    db.table("attempts").create(
        {"id": int, "job_id": int, "round": int, "step": str, "at": str, "verdict": str, "code": str, "words": str},
        pk="id",
    )
    db.table("attempts").create_index(["job_id"])
    db.table("destinations").create(
        {
            "name": str,
            "last_ok_at": str,
            "trouble": str,
            "trouble_since": str,
            "clock_offset_seconds": float,
        },
        pk="name",
    )


@MIGRATIONS()
def reconciliation(db: Database) -> None:
    db.table("days").create(
        {
            "destination": str,
            "day": str,
            "state": str,
            "asked_count": int,
            "asked_at": str,
            "ask_again_at": str,
            "sent_count": int,
            "missing_count": int,
            "trouble": str,
        },
        pk=("destination", "day"),
    )
    db.table("questions").create(
        {
            "id": int,
            "destination": str,
            "day": str,
            "asked_at": str,
            "asked": str,
            "missing": str,
            "failed": str,
        },
        pk="id",
    )
    db.table("questions").create_index(["destination", "day"])
    db.table("discrepancies").create(
        {
            "destination": str,
            "day": str,
            "exam_key": str,
            "first_seen_at": str,
            "suspected_at": str,
            "confirmed_at": str,
            "resend_count": int,
            "solved_at": str,
        },
        pk=("destination", "day", "exam_key"),
    )


@MIGRATIONS()
def house_keeping(db: Database) -> None:
    db.table("serials").create({"name": str, "value": int}, pk="name")
    db.table("links").create(
        {
            "token": str,
            "destination": str,
            "exam_key": str,
            "sha256": str,
            "created_at": str,
            "withdrawn_at": str,
            "fetched_count": int,
            "last_fetched_at": str,
        },
        pk="token",
    )
    db.table("links").create_index(["destination", "exam_key", "sha256"], unique=True)
    db.table("timeline").create(
        {"id": int, "exam_key": str, "at": str, "what": str, "detail": str, "who": str}, pk="id"
    )
    db.table("timeline").create_index(["exam_key"])
    db.table("facts").create({"name": str, "value": str}, pk="name")
    db.table("sources").create(
        {"name": str, "last_at": str, "image_count": int, "refused_at": str, "refused_why": str}, pk="name"
    )
    db.table("backfills").create(
        {"id": str, "source": str, "day_from": str, "study": str, "state": str, "at": str}, pk=("id", "study")
    )


@MIGRATIONS()
def other_patients(db: Database) -> None:
    """Whose images a study holds besides its own patient's: their header, for the exam they get when it is split."""
    db.table("other_patients").create(
        {"study_instance_uid": str, "patient_key": str, "patient_name": str, "header": str},
        pk=("study_instance_uid", "patient_key"),
    )


@MIGRATIONS()
def exams_found_again(db: Database) -> None:
    """The patient's earlier exams and the last ones of a kind, among many."""
    db.table("studies").create_index(["patient_id"])
    db.table("exams").create_index(["modality", "sort_at"])


@MIGRATIONS()
def times_of_answers(db: Database) -> None:
    """How long a receipt took, and receipts and attempts by time: the health of a destination over a day."""
    db.table("receipts").add_column("seconds", float)
    db.table("receipts").create_index(["acknowledged_at"])
    db.table("attempts").create_index(["at"])


@MIGRATIONS()
def devices_at_work(db: Database) -> None:
    """When each source sends, hour by hour (China Standard Time), and what a person or its images said about it."""
    db.table("device_hours").create(
        {"source": str, "hour": str, "image_count": int, "longest_gap_seconds": float}, pk=("source", "hour")
    )
    said = ("shown_name", "address", "charset", "charset_by", "charset_at", "muted_until", "quiet_since", "quiet_words")
    db.table("devices").create(
        {"source": str, **dict.fromkeys(said, str)}, pk="source", not_null=said, defaults=dict.fromkeys(said, "")
    )
    db.table("studies").create_index(["source", "first_at"])
    db.execute(
        """INSERT INTO device_hours (source, hour, image_count, longest_gap_seconds)
           SELECT source, strftime('%Y-%m-%dT%H', received_at, '+8 hours'), count(*), 0.0
           FROM instances GROUP BY 1, 2"""
    )


@MIGRATIONS()
def submissions_as_listed(db: Database) -> None:
    """One row per exam and destination for the lists (filled by `submissions.rebuild`), and what lists search by."""
    db.table("submissions").create(
        {
            "exam_key": str,
            "destination": str,
            "state": str,
            "pile": str,
            "rank": int,
            "sort": int,
            "day": str,
            "job_id": int,
            "parts_done": int,
            "parts": int,
            "submitted_at": str,
            "changed_at": str,
            "image_count": int,
            "late_count": int,
            "bytes_total": int,
        },
        pk=("exam_key", "destination"),
        not_null={"image_count", "late_count", "bytes_total"},
        defaults={"image_count": 0, "late_count": 0, "bytes_total": 0},
    )
    db.table("submissions").create_index(["rank", "sort", "exam_key", "destination", "state", "day"])
    db.table("submissions").create_index(["pile", "rank", "sort", "exam_key", "destination", "day"])
    db.table("submissions").create_index(["day", "rank", "sort", "exam_key", "destination", "state", "pile"])
    db.table("submissions").create_index(["state", "destination", "day"])
    db.table("submissions").create_index(["changed_at"])
    db.table("exams").add_column("sought", str, not_null_default="")
    db.execute(
        "UPDATE exams SET sought = upper(trim(coalesce(patient_name, '') || ' ' || coalesce(accession_number, '')))"
    )
    db.table("exams").create_index(["sought", "exam_key"])
    db.table("receipt_numbers").create(
        {"number": str, "exam_key": str, "destination": str}, pk=("number", "exam_key", "destination")
    )
    db.table("receipt_numbers").create_index(["exam_key", "destination"])


@MIGRATIONS()
def report_texts(db: Database) -> None:
    """What was read out of reports, and how each layout of report is read."""
    db.table("report_readings").create(
        {
            "report_key": str,
            "origin": str,
            "content": str,
            "layout": str,
            "keys": str,
            "doubts": str,
            "trouble": str,
            "read_at": str,
        },
        pk=("report_key", "origin"),
    )
    db.table("report_readings").create_index(["origin"])
    db.table("report_readings").create_index(["layout"])
    db.table("report_templates").create({"layout": str, "labels": str, "mapping": str, "kept_at": str}, pk="layout")


@MIGRATIONS()
def exams_in_the_order_of_lists(db: Database) -> None:
    """The first page of 100,000 exams is read, not sorted (see `exams.TURN`)."""
    db.execute(
        """CREATE INDEX idx_exams_turn ON exams (CASE WHEN state IN
           ('rejected','held','check','to_fill','ready','to_sign') THEN 0
           WHEN state IN ('sending','queued','waiting','receiving') THEN 1 ELSE 2 END, sort_at DESC)"""
    )


@MIGRATIONS()
def his_exports(db: Database) -> None:
    """Rows as HIS gave them with the exam they belong to; what its words mean in our code tables; what was imported."""
    db.table("his_rows").create(
        {
            "id": int,
            "visit": str,
            "fee": str,
            "digest": str,
            "accession_number": str,
            "id_number": str,
            "patient_name": str,
            "day": str,
            "given": str,
            "applied": str,
            "place": int,
            "state": str,
            "why": str,
            "exam_key": str,
            "seen_at": str,
        },
        pk="id",
    )
    for columns in (["visit"], ["exam_key"], ["state"], ["seen_at"]):
        db.table("his_rows").create_index(columns)
    for column in ("accession_number", "id_number", "patient_name"):
        db.table("his_rows").create_index([column, "state"])
    db.table("his_codes").create({"key": str, "words": str, "code": str}, pk=("key", "words"))
    db.table("his_imports").create({"id": int, "at": str, "name": str, "source": str, "found": str}, pk="id")


@MIGRATIONS()
def test_marks(db: Database) -> None:
    """Exams that only tested a device: so many images of theirs are the test."""
    db.table("test_marks").create({"exam_key": str, "image_count": int}, pk="exam_key")


@MIGRATIONS()
def acts_in_order(db: Database) -> None:
    """What was done to the program itself, and the order of everything in time (日志)."""
    db.table("acts").create({"id": int, "at": str, "what": str, "detail": str, "who": str}, pk="id")
    db.table("acts").create_index(["at"])
    db.table("timeline").create_index(["at"])
    db.table("aside").create_index(["at"])


@MIGRATIONS()
def numbers_of_earlier_receipts(db: Database) -> None:
    """What platforms had returned before it was kept to search by (see `answers.write_receipt`)."""
    db.execute(
        """INSERT OR IGNORE INTO receipt_numbers (number, exam_key, destination)
           SELECT f.value, j.exam_key, j.destination FROM receipts r JOIN jobs j ON j.id = r.job_id
           JOIN json_each(r.facts) f WHERE f.type = 'text' AND length(f.value) BETWEEN 6 AND 128"""
    )


@MIGRATIONS()
def counts_of_states(db: Database) -> None:
    """How many exams and submissions there are in each state, kept by the database itself with each change."""
    for table, columns in (("exams", ("state",)), ("submissions", ("destination", "state"))):
        counts, of, marks = f"{table}_counts", ", ".join(columns), ", ".join("{row}." + name for name in columns)
        db.table(counts).create({name: str for name in columns} | {"count": int}, pk=columns)
        db.execute(f"INSERT INTO {counts} ({of}, count) SELECT {of}, count(*) FROM {table} GROUP BY {of}")
        more = f"""INSERT INTO {counts} ({of}, count) VALUES ({marks.format(row="new")}, 1)
                   ON CONFLICT ({of}) DO UPDATE SET count = count + 1;"""
        where = " AND ".join(f"{name} = old.{name}" for name in columns)
        fewer = f"UPDATE {counts} SET count = count - 1 WHERE {where};"
        for when, acts in (("INSERT", more), ("DELETE", fewer), (f"UPDATE OF {of}", fewer + more)):
            name = f"{counts}_{when.partition(' ')[0].lower()}"
            db.execute(f"CREATE TRIGGER {name} AFTER {when} ON {table} BEGIN {acts} END")


@MIGRATIONS()
def retrievals(db: Database) -> None:
    """Who looked up whom at a platform (调阅), and the downloads of images that go on after a restart."""
    db.table("retrievals").create(
        {
            "id": int,
            "at": str,
            "what": str,
            "who": str,
            "destination": str,
            "title": str,
            "reason": str,
            "id_masked": str,
            "count": int,
        },
        pk="id",
    )
    db.table("retrievals").create_index(["at"])
    texts = ("destination", "index_code", "patient_name", "body_part", "exam_date", "clinic_name", "folder", "state")
    db.table("downloads").create(
        {
            "id": int,
            **dict.fromkeys(texts, str),
            "attempts": int,
            "due_at": str,
            **dict.fromkeys(("title", "advice", "details", "started_at", "changed_at"), str),
        },
        pk="id",
    )
    db.table("downloads").create_index(["destination", "index_code", "folder"], unique=True)
    facts = ("sop_class_uid", "transfer_syntax_uid", "modality", "series_number", "instance_number")
    db.table("download_images").create(
        {
            "download_id": int,
            "place": int,
            "study_instance_uid": str,
            "series_instance_uid": str,
            "sop_instance_uid": str,
            "state": str,
            "why": str,
            "had": int,
            "refusals": int,
            **dict.fromkeys(facts, str),
            "size_bytes": int,
        },
        pk=("download_id", "place"),
    )
    db.table("download_images").create_index(["download_id", "state", "place"])


@MIGRATIONS()
def links_as_fetched(db: Database) -> None:
    """What platforms took of the addresses they were given; sizes and CRCs of images as they go into a ZIP."""
    texts = ("first_fetched_at", "tag", "fetched_tag", "pieces_tag", "broken")
    for name in texts:
        db.table("links").add_column(name, str, not_null_default="")
    db.table("links").add_column("pieces", str, not_null_default="[]")
    for name in ("size_bytes", "sent_bytes"):
        db.table("links").add_column(name, int, not_null_default=0)
    db.execute(
        """UPDATE links SET tag = sha256, first_fetched_at = coalesce(last_fetched_at, ''),
           fetched_tag = CASE WHEN fetched_count > 0 THEN sha256 ELSE '' END"""
    )
    db.table("links").create_index(["exam_key"])
    db.table("measured_images").create(
        {"sop_instance_uid": str, "sha256": str, "accession_number": str, "size_bytes": int, "crc32": int},
        pk=("sop_instance_uid", "sha256", "accession_number"),
    )


@MIGRATIONS()
def index_codes(db: Database) -> None:
    """The codes under which exams go to a destination, in use or replaced, and what the platform has under each."""
    db.table("index_codes").create(
        {
            "destination": str,
            "index_code": str,
            "exam_key": str,
            "base_code": str,
            "there": str,
            "minted_at": str,
            "replaced_at": str,
        },
        pk=("destination", "index_code"),
        not_null={"there"},
        defaults={"there": ""},
    )
    db.execute("CREATE UNIQUE INDEX idx_index_in_use ON index_codes (destination, exam_key) WHERE replaced_at IS NULL")
    db.table("index_codes").create_index(["exam_key", "destination"])
    db.table("jobs").add_column("index_code", str, not_null_default="")


@MIGRATIONS()
def downloads_by_image(db: Database) -> None:
    """Whether an image that lies somewhere was downloaded to look at (see `retrievals.is_foreign`)."""
    db.table("download_images").create_index(["sop_instance_uid"])


@MIGRATIONS()
def image_lists(db: Database) -> None:
    """What platforms listed of the images of an exam, and what a question about a day learned of images."""
    db.table("image_lists").create(
        {
            "destination": str,
            "exam_key": str,
            "job_id": int,
            "round": int,
            "state": str,
            "listed_count": int,
            "lacking": str,
            **dict.fromkeys(("suspected_at", "confirmed_at", "asked_at"), str),
            "asked_count": int,
        },
        pk=("destination", "exam_key"),
    )
    db.table("image_lists").create_index(["job_id", "round"])
    db.table("questions").add_column("images", str, not_null_default="{}")


@MIGRATIONS()
def signings(db: Database) -> None:
    """Reports that wait for their doctor's signature, the signatures themselves, and whose certificate is known."""
    texts = ("destination", "exam_key", "report_key", "text", "doctor_name", "doctor_code", "signer_id", "state")
    more = ("source", "sign_data_id", "qr_text")
    times = ("made_at", "expires_at", "due_at", "signed_at", "stamped_at")
    signed = ("original", "certificate", "sign_type", "sign_value", "tsa_token")
    db.table("signings").create(
        {
            "id": int,
            **dict.fromkeys((*texts, *more), str),
            "qr_picture": bytes,
            **dict.fromkeys(times, str),
            "attempts": int,
            **dict.fromkeys(signed, str),
            "checks": str,
            **dict.fromkeys(("title", "advice", "details", "created_at", "changed_at"), str),
            "place": int,
        },
        pk="id",
    )
    db.table("signings").create_index(["report_key", "destination"])
    db.table("signings").create_index(["state"])
    db.table("signings").create_index(["signed_at"])
    db.table("signers").create(
        {"destination": str, "signer_id": str, "certificate": str, "since": str}, pk=("destination", "signer_id")
    )
    db.table("jobs").add_column("unsigned", int, not_null_default=0)


@MIGRATIONS()
def marks_of_questions(db: Database) -> None:
    """Sealed questions of platforms that were answered: none is answered twice."""
    db.table("asked_marks").create({"destination": str, "mark": str, "at": str}, pk=("destination", "mark"))


@MIGRATIONS()
def postponed_signings(db: Database) -> None:
    """医生不在，稍后再签."""
    db.table("signings").add_column("postponed", int, not_null_default=0)


@MIGRATIONS()
def stamps(db: Database) -> None:
    """Which PDF of a report bore the clinic's seal last."""
    db.table("stamps").create({"report_key": str, "sha256": str, "at": str}, pk="report_key")


@MIGRATIONS()
def seals_of_files(db: Database) -> None:
    """What seals a PDF bears."""
    db.table("files").add_column("seal", str, not_null_default="none")


@MIGRATIONS()
def values_under_stamps(db: Database) -> None:
    """What a report said when its stamped PDF came, as digests by field."""
    db.table("stamps").add_column("stamped_values", str, not_null_default="{}")


@MIGRATIONS()
def exams_without_report(db: Database) -> None:
    """不出报告: exams that are whole without a report."""
    db.table("exams").add_column("no_report", int, not_null_default=0)
    db.table("exams").create_index(["patient_name"])


@MIGRATIONS()
def what_was_stamped(db: Database) -> None:
    """Which PDF went to the stamping client: another stamp is made on that one."""
    db.table("stamps").add_column("made_from", str, not_null_default="")
