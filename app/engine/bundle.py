"""The help bundle (诊断包): one ZIP for the engineer with logs, queue, versions, settings, last requests and replies.

Readable text only. No name, ID number, phone number or secret leaves: fields of a record are let through by kind,
everything else passes the masker.
"""

from __future__ import annotations

import getpass
import json
import platform
import re
import secrets
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from app.catalogue.region import Region
from app.domain.times import CST, cst_text
from app.engine import audit as log_page
from app.engine.face import Json
from app.engine.his_settings import HIS_PASSWORD
from app.engine.house import House
from app.engine.masking import Masker
from app.engine.settings import document_of, secrets_of
from app.errors import NeedsOperator
from app.store import answers, audit, files, indexes, jobs, retrievals, sources
from app.system.secrets import secret_store

_LIBRARIES = ("PySide6", "pydicom", "pynetdicom", "pypdfium2", "cryptography", "gmssl", "SQLAlchemy", "requests")
_JOBS, _REPLIES, _LINES = 100, 50, 3000
_LOG_BYTES = 3_000_000
_COLUMN = re.compile(r"[a-z][A-Za-z0-9_.]{0,39}")
_OPEN_TYPES = frozenset(
    {"code", "codes", "division", "datetime", "datetime_range", "number", "amount", "uscc", "uid", "pdf"}
)
_OPEN_KEYS = frozenset(
    {"exam_id", "report_id", "accession_number", "modality", "device_type", "fixmedins_code", "admdvs", "order_id"}
)
"""Identifiers that say which exam and which clinic, not who."""
_SETTING_OPEN = frozenset({"clinic", "intake", "dicom", "files", "upload", "ui", "secrets"})
_PERSONAL_TYPES = frozenset({"name", "phone", "id_number"})
_PERSONAL_KEYS = frozenset(
    {
        "patient_name_pinyin",
        "health_card_number",
        "current_address",
        "registered_address",
        "birth_date",
        "his_patient_id",
        "patient_id",
        "outpatient_number",
        "inpatient_number",
        "health_check_number",
        "visit_number",
    }
)
_ABOUT = """诊断包 · {at}

这些文件给工程师看，用来查问题：程序的日志、上传队列、版本、设置、自检、最近和平台的请求与应答。

患者和医师的姓名、证件号、电话、住址、病历文字和密钥都已隐去。
同一个人在这个包里的记号相同（例：<姓名 3f2a1b>），换一个包就不同，从记号看不出是谁。
检查号和影像号保留，用来对上是哪一例。
"""


def make(house: House, path: Path, status: Json, checks: Json, program_version: str) -> Json:
    """Write the ZIP to `path` (a folder: under a name with the time). Raises NeedsOperator."""
    now = house.clock.now()
    target = path / f"诊断包-{now.astimezone(CST).strftime('%Y%m%d-%H%M%S')}.zip" if path.is_dir() else path
    masker = masker_of(house)
    part = target.with_name(target.name + ".part")
    names: list[str] = []
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, text in _parts(house, masker, status, checks, program_version):
                bundle.writestr(name, text)
                names.append(name)
        part.replace(target)
    except OSError as error:
        raise NeedsOperator("诊断包写不到那里", "请换一个文件夹，例：桌面", details=str(error)) from error
    finally:
        part.unlink(missing_ok=True)
    log_page.note(house, "bundle", f"{len(names)} 个文件")
    return {"path": str(target), "size_bytes": target.stat().st_size, "files": names}


def _parts(house: House, masker: Masker, status: Json, checks: Json, program_version: str) -> Iterator[tuple[str, str]]:
    yield "说明.txt", _ABOUT.format(at=cst_text(house.clock.now()))
    yield "version.json", _text(masker, _versions(house, program_version))
    yield "status.json", _text(masker, status)
    yield "check.json", _text(masker, checks)
    yield "settings.json", _text(masker, _settings(house, masker))
    yield "queue.json", _text(masker, _queue(house))
    yield "requests.json", _text(masker, _requests(house, masker))
    yield "files-aside.json", _text(masker, _aside(house, masker))
    yield "sources.json", _text(masker, [asdict(one) for one in sources.devices(house.store.read())])
    yield "log.json", _text(masker, _log(house))
    for file in sorted(house.home.logs.glob("*.log*")):
        yield f"logs/{file.name}", _masked_log(masker, file)


def masker_of(house: House) -> Masker:
    """Knows every person and secret of this home."""
    conn = house.store.read()
    fields = house.catalogue.fields.values()
    personal = {each.key for each in fields if each.type in _PERSONAL_TYPES or each.key in _PERSONAL_KEYS}
    names, numbers = audit.patients(conn)
    values = audit.personal_texts(conn, personal)
    his_names, his_numbers = audit.his_people(conn)
    other_names, index_codes = retrievals.people(conn)
    codes = index_codes | indexes.every_code(conn)
    other_numbers = {part for code in codes for part in (code, *code.split("-")[1:2])}
    staff = house.settings.signing.get("staff", ())
    rows = [one for one in staff if isinstance(one, Mapping)] if isinstance(staff, list | tuple) else []
    usual = [text for one in house.settings.destinations for key, text in one.defaults.items() if key in personal]
    people = {*values, *usual, *(str(text) for one in rows for key, text in one.items() if key != "role")}
    return Masker(
        names=names | his_names | other_names | people,
        numbers=numbers | his_numbers | other_numbers | people,
        secrets=_secrets(house),
        places=[str(house.home.root), str(Path.home()), getpass.getuser()],
        salt=secrets.token_bytes(16),
    )


def _secrets(house: House) -> list[str]:
    store = secret_store(house.settings.secret_store, house.home)
    found = [value for one in house.settings.destinations for value in secrets_of(one, store).values()]
    password = store.get(HIS_PASSWORD)
    return [*found, *([password] if password else [])]


def _text(masker: Masker, value: Any) -> str:
    """As JSON with every string masked, keys too."""
    return json.dumps(_all(masker, value), ensure_ascii=False, indent=1)


def _all(masker: Masker, value: Any) -> Any:
    if isinstance(value, str):
        return masker.text(value)
    if isinstance(value, Mapping):
        return {_key(masker, str(key)): _all(masker, each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_all(masker, each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _key(masker: Masker, key: str) -> str:
    """Names of columns and of wire fields stay; any other key may be somebody."""
    return key if _COLUMN.fullmatch(key) else masker.text(key)


def _versions(house: House, program_version: str) -> Json:
    return {
        "program": program_version,
        "python": platform.python_version(),
        "system": platform.platform(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "regions": {name: target.region.document for name, target in house.targets.items()},
        "database": audit.sizes(house.store.read()),
    }


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _settings(house: House, masker: Masker) -> Json:
    """Known sections as they are; of the others only what is no text a person wrote."""
    document = document_of(house.settings)
    open_ = {key: value for key, value in document.items() if key in _SETTING_OPEN}
    destinations = [
        {key: one[key] for key in ("name", "region", "base_url", "secret_names", "options")}
        | {"defaults": {key: _value(house, masker, key, text) for key, text in one["defaults"].items()}}
        for one in document["destination"]
    ]
    his = {key: value for key, value in document["his"].items() if key not in ("query", "url", "user", "codes")}
    signing = {key: value for key, value in document["signing"].items() if key != "staff"}
    staff = [
        {"name": masker.mark("姓名", str(one.get("name", ""))), "role": one.get("role", "")} for one in _staff(house)
    ]
    return open_ | {"destination": destinations, "his": his, "signing": signing | {"staff": staff}}


def _staff(house: House) -> list[Mapping[str, Any]]:
    staff = house.settings.signing.get("staff", ())
    return [one for one in staff if isinstance(one, Mapping)] if isinstance(staff, list | tuple) else []


def _value(house: House, masker: Masker, key: str, text: str) -> str:
    field = house.catalogue.fields.get(key)
    if field is not None and (field.type in _OPEN_TYPES or key in _OPEN_KEYS):
        return text
    return masker.mark("号码" if field is not None and field.type == "identifier" else "文字", text) if text else ""


def _queue(house: House) -> Json:
    conn = house.store.read()
    return {"open": audit.open_jobs(conn, _LINES), "destinations": answers.destinations(conn)}


def _requests(house: House, masker: Masker) -> list[Json]:
    """The frozen parts as they go out, and the replies that were accepted; refusals stand in `attempts`."""
    conn = house.store.read()
    found = []
    for job_id in audit.newest_jobs(conn, _JOBS):
        job = jobs.job(conn, job_id)
        target = house.targets.get(job.destination)
        replies = audit.journal_of(conn, job_id, _REPLIES)
        found.append(
            {
                "job": job_id,
                "destination": job.destination,
                "exam_key": job.exam_key,
                "part": job.part.value,
                "state": job.state.value,
                "request": _payload(masker, target.region if target else None, job.payload),
                "replies": [one | {"reply": _reply(one["reply"])} for one in replies],
                "attempts": [one for one in jobs.attempts(conn, job.exam_key) if one["job_id"] == job_id],
            }
        )
    return found


def _payload(masker: Masker, region: Region | None, payload: Mapping[str, Any]) -> Json:
    """Values of a record by the kind of their field: codes, times and our own numbers stay, all else is a mark."""
    kinds: dict[str, tuple[str, str]] = {}
    for rows in region.rows.values() if region else ():
        for row in rows:
            kinds.setdefault(row.path.rpartition(".")[2], (row.key, row.field.type))

    def shown(name: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: shown(str(key), each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [shown(name, each) for each in value]
        if not isinstance(value, str) or not value:
            return value
        key, kind = kinds.get(name, ("", ""))
        if kind in _OPEN_TYPES or key in _OPEN_KEYS:
            return value
        if kind in ("text", "long_text", "opaque", ""):
            return f"<{len(value)} 个字>"
        return masker.mark({"name": "姓名", "phone": "电话", "date": "日期"}.get(kind, "号码"), value)

    plain = {key: value for key, value in payload.items() if key in ("images", "exam_day", "img_exam_type")}
    records = {key: shown(key, value) for key, value in payload.items() if key not in plain}
    return plain | records


def _reply(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _aside(house: House, masker: Masker) -> list[Json]:
    """A file's own name may be a patient's: only its kind is told."""
    conn = house.store.read()
    waiting = [{"path": row["name"], "title": "报告还没有对上检查", "at": row["at"]} for row in files.waiting(conn)]
    return [
        {**one, "path": masker.mark("文件", str(one["path"])) + Path(str(one["path"])).suffix[:8]}
        for one in (*files.aside(conn), *waiting)
    ]


def _log(house: House) -> list[Json]:
    """The page 日志 without whom it concerns; files set aside stand elsewhere."""
    found: list[Json] = []
    while len(found) < _LINES and (rows := log_page.page(house, 500, len(found))["rows"]):
        found += rows
    left_out = ("patient_name", "accession_number")
    return [
        {key: value for key, value in row.items() if key not in left_out}
        | ({"detail": ""} if row["what"] == "aside" else {})
        for row in found
    ]


def _masked_log(masker: Masker, file: Path) -> str:
    """The end of a log file."""
    try:
        data = file.read_bytes()[-_LOG_BYTES:]
    except OSError as error:
        return f"读不出来：{type(error).__name__}"
    return "\n".join(masker.text(line) for line in data.decode("utf-8", errors="replace").splitlines())
