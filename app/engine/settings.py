"""The clinic's settings on the disk: `settings.toml` <-> `Settings`, and the answers of a setup.

Strict: an unknown key or an impossible value is refused by name, nothing is guessed. Never holds or writes a secret:
secrets go to the secret store under names like `destination/main/sm4_key`.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import tomli_w

from app.catalogue.identity import uscc_fault
from app.catalogue.load import load_catalogue, load_region, region_names
from app.catalogue.questions import choices_of_options
from app.catalogue.region import Region
from app.delivery.target import options_of
from app.domain.settings import (
    Clinic,
    DestinationSettings,
    DicomSettings,
    FileService,
    HisSettings,
    IntakeSettings,
    Pacs,
    QuerySettings,
    Settings,
    UiSettings,
    UploadSettings,
)
from app.engine import setting_kinds as kinds
from app.engine.his_settings import HIS, HIS_PASSWORD
from app.engine.setting_kinds import Kind, Unfit
from app.errors import AgentError, NeedsOperator
from app.regions.adapters import ADAPTERS
from app.system.disk import durable_replace
from app.system.paths import Home
from app.system.secrets import SecretStore, secret_store

Secrets = dict[str, str]
OpenStore = Callable[[str, Home], SecretStore]
AGAIN = "；请改正后再试"
_PRIVATE_FILE = 0o600
_MAX_BYTES = 1_000_000


def _uscc(value: Any) -> str:
    number = kinds.text(value).upper()
    fault = uscc_fault(number) if number else None
    if fault:
        raise Unfit(f"{fault.title}，{fault.advice}")
    return number


def _hospital_level(value: Any) -> str:
    code = kinds.text(value)
    table = load_catalogue().tables["hospital_level"]
    if code and code not in table:
        raise Unfit("应为医院等级字典里的代码，例：" + "、".join(f"{one.code} {one.label}" for one in table.codes[:3]))
    return code


CLINIC: Mapping[str, Kind] = {
    "name": kinds.text,
    "uscc": _uscc,
    "fixmedins_code": kinds.matching(r"[0-9A-Z]{1,30}", "应为医保定点机构编码，只有数字和大写字母"),
    "fixmedins_name": kinds.text,
    "admdvs": kinds.matching(r"\d{6}", "应为 6 位数字的医保区划代码，例：140105"),
    "level": _hospital_level,
}
INTAKE: Mapping[str, Kind] = {
    "folders": kinds.list_of(kinds.folder),
    "quiet_seconds": kinds.seconds(0.1, 86_400),
    "report_folder": kinds.folder_or_none,
    "keep_days": kinds.whole(1, 36_500),
    "least_free_mb": kinds.whole(0, 10_000_000),
}
DICOM: Mapping[str, Kind] = {
    "ae_title": kinds.ae_title,
    "port": kinds.port,
    "bind": kinds.address,
    "allowed_callers": kinds.list_of(kinds.ae_title),
    "allowed_addresses": kinds.list_of(kinds.network),
    "commitment": kinds.yes_or_no,
}
QUERY: Mapping[str, Kind] = {
    "on": kinds.yes_or_no,
    "callers": kinds.list_of(kinds.ae_title),
    "addresses": kinds.list_of(kinds.network),
    "destinations": kinds.list_of(kinds.node),
}
PACS: Mapping[str, Kind] = {
    "name": kinds.name,
    "host": kinds.some_text,
    "port": kinds.port,
    "ae_title": kinds.ae_title,
}
FILES: Mapping[str, Kind] = {
    "public_base_url": kinds.url_or_none,
    "bind": kinds.address,
    "port": kinds.port,
    "allowed_addresses": kinds.list_of(kinds.network),
}
UPLOAD: Mapping[str, Kind] = {
    "submit": kinds.one_of(("manual", "auto")),
    "workers": kinds.whole(1, 16),
    "retry_first_seconds": kinds.seconds(0.01, 86_400),
    "retry_longest_seconds": kinds.seconds(0.01, 86_400),
    "reconcile_again_seconds": kinds.seconds(0.01, 86_400),
    "reconcile_at": kinds.time_of_day,
}
THEMES = ("system", "light", "dark")
UI: Mapping[str, Kind] = {
    "closing": kinds.yes_or_no,
    "closing_at": kinds.time_of_day,
    "theme": kinds.one_of(THEMES),
}
SECRETS: Mapping[str, Kind] = {"store": kinds.one_of(("keyring", "file"))}
SIGNING: Mapping[str, Kind] = {
    "base_url": kinds.url_or_none,
    "app_id": kinds.text,
    "roots": kinds.list_of(kinds.some_text),
    "revocation_lists": kinds.list_of(kinds.some_text),
}
STAFF: Mapping[str, Kind] = {
    "name": kinds.some_text,
    "role": kinds.some_text,
    "code": kinds.text,
    "mssp_id": kinds.text,
}
SECTIONS = ("clinic", "intake", "dicom", "query", "files", "upload", "ui", "secrets", "signing", "his", "destination")
_EXTRA_OPTIONS: Mapping[str, Kind] = {
    "dicom_port": kinds.whole(0, 65_535),
    "dicom_ae_title": kinds.ae_title_or_none,
    "hospital_code": kinds.text,
    "calling_ae_title": kinds.ae_title_or_none,
    "practice": kinds.yes_or_no,
}


_NAMED_OPTIONS: Mapping[str, Kind] = {"query_addresses": kinds.list_of(kinds.network)}
"""Options that regions have under these names, and that their example does not say enough of."""


@dataclass(frozen=True, kw_only=True)
class SetupResult:
    """What a setup has done: the settings now, the files written, the names of the secrets kept (never values)."""

    settings: Settings
    written: tuple[Path, ...]
    secrets: tuple[str, ...]


# -- the file ---------------------------------------------------------------------------------------------------------


def read_settings(home: Home) -> Settings:
    """The settings of this home, all defaults when it has none yet. Raises NeedsOperator naming the key."""
    if not home.settings_file.is_file():
        return Settings()
    return settings_from(read_toml(home.settings_file))


def write_settings(home: Home, settings: Settings) -> Path:
    """Writes `settings.toml` whole: a power cut leaves the old file or the new one."""
    home.make()
    part = home.settings_file.with_name(home.settings_file.name + ".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), _PRIVATE_FILE)
    with os.fdopen(handle, "wb") as out:
        out.write(tomli_w.dumps(document_of(settings)).encode())
    durable_replace(part, home.settings_file)
    return home.settings_file


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as it stands; a byte order mark is forgiven. Raises NeedsOperator naming the line."""
    try:
        content = path.read_bytes()
        if len(content) > _MAX_BYTES:
            raise NeedsOperator(f"文件 {path.name} 太大", "请核对是不是选错了文件", page="settings")
        return tomllib.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise NeedsOperator(
            f"文件 {path.name} 读不出来", "请核对路径和权限，再试一次", details=f"{type(error).__name__}: {path}"
        ) from error
    except UnicodeDecodeError as error:
        raise NeedsOperator(f"文件 {path.name} 不是 UTF-8 编码", "请用记事本另存为 UTF-8，再试一次") from error
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+)", str(error))
        where = f"第 {place[1]} 行" if place else "末尾"
        raise NeedsOperator(
            f"文件 {path.name} {where}的 TOML 写法不对",
            "请改正那一行；路径里的反斜杠要用单引号，例：'D:\\PACS'",
            details=str(error),
            page="settings",
        ) from error


# -- document <-> settings --------------------------------------------------------------------------------------------


def settings_from(document: Mapping[str, Any]) -> Settings:
    """The settings that a document says; what it leaves out has its default.

    Raises NeedsOperator naming the first faulty key; `faults_of` tells them all.
    """
    for section in document:
        if section not in SECTIONS:
            _refuse(section, "没有这一节，可以用的有：" + "、".join(SECTIONS))
    parts: dict[str, Callable[[], Any]] = {
        "clinic": lambda: Clinic(**_section(document, "clinic", CLINIC)),
        "intake": lambda: IntakeSettings(**_section(document, "intake", INTAKE)),
        "dicom": lambda: _dicom(_table(document, "dicom")),
        "query": lambda: QuerySettings(**_section(document, "query", QUERY)),
        "files": lambda: FileService(**_section(document, "files", FILES)),
        "upload": lambda: UploadSettings(**_section(document, "upload", UPLOAD)),
        "ui": lambda: UiSettings(**_section(document, "ui", UI)),
        "secret_store": lambda: _section(document, "secrets", SECRETS).get("store", Settings().secret_store),
        "destinations": lambda: _destinations(document.get("destination", [])),
        "signing": lambda: _signing(_table(document, "signing")),
        "his": lambda: HisSettings(**_section(document, "his", HIS)),
    }
    settings = Settings(**dict(zip(parts, _all_of(parts.values()), strict=True)))
    if settings.his.folder and settings.his.folder in (*settings.intake.folders, settings.intake.report_folder):
        _refuse("his.folder", "要和影像、报告的文件夹分开，请另选一个")
    if settings.upload.retry_longest_seconds < settings.upload.retry_first_seconds:
        _refuse("upload.retry_longest_seconds", "不能小于 upload.retry_first_seconds")
    return settings


def document_of(settings: Settings) -> dict[str, Any]:
    """The settings as a TOML document; `settings_from(document_of(s)) == s`."""
    return {
        "clinic": _plain(settings.clinic),
        "intake": _plain(settings.intake),
        "dicom": _plain(settings.dicom),
        "query": _plain(settings.query),
        "files": _plain(settings.files),
        "upload": _plain(settings.upload),
        "ui": _plain(settings.ui),
        "secrets": {"store": settings.secret_store},
        "signing": dict(settings.signing),
        "his": _plain(settings.his),
        "destination": [_plain(one) for one in settings.destinations],
    }


# -- setup ------------------------------------------------------------------------------------------------------------


def apply_answers(answers: Mapping[str, Any], home: Home, open_store: OpenStore = secret_store) -> SetupResult:
    """Puts the answers of a setup into force: all of them, or none with NeedsOperator naming the key.

    A section in the answers replaces that section (`destination`: the whole list); the others stay. Secrets that are
    not mentioned stay, also when the answers name another store: then they move there.
    """
    before = read_settings(home)
    settings, given = read_answers(answers, before)
    home.make()
    store = open_store(settings.secret_store, home)
    old = store if settings.secret_store == before.secret_store else open_store(before.secret_store, home)
    recorded = _recorded(before, settings)
    kept = _kept_secrets(settings, recorded, store, old)
    settings = with_secret_names(settings, {**kept, **given})
    try_adapters(settings, {**kept, **given})
    for name, value in {**kept, **given}.items():
        if given.get(name) or old is not store:
            store.set(name, value)
    written = write_settings(home, settings)
    if old is not store:
        for name in recorded & kept.keys():
            old.delete(name)
    return SetupResult(settings=settings, written=(written,), secrets=tuple(sorted(given)))


def read_answers(answers: Mapping[str, Any], before: Settings) -> tuple[Settings, dict[str, str]]:
    """The settings as they would be, and the given secrets by their full names; nothing is written.

    Raises NeedsOperator naming the first faulty key; `faults_of` tells them all.
    """
    document = {**document_of(before), **_without_secrets(answers)}
    settings, given = _all_of((lambda: settings_from(document), lambda: _given_secrets(answers)))
    return settings, given


def kept_secrets(settings: Settings, before: Settings, home: Home, open_store: OpenStore = secret_store) -> Secrets:
    """Full name -> secret of what these settings find in the stores already."""
    store = open_store(settings.secret_store, home)
    old = store if settings.secret_store == before.secret_store else open_store(before.secret_store, home)
    return _kept_secrets(settings, _recorded(before, settings), store, old)


def _recorded(before: Settings, settings: Settings) -> frozenset[str]:
    """The secrets that the destinations which stay had so far."""
    staying = {now.name for now in settings.destinations}
    his = {HIS_PASSWORD} if before.his.url else set[str]()
    return _full_names([one for one in before.destinations if one.name in staying]) | his


def _kept_secrets(settings: Settings, recorded: frozenset[str], store: SecretStore, old: SecretStore) -> Secrets:
    found = {name: (old if name in recorded else store).get(name) for name in recorded | _expected_names(settings)}
    return {name: value for name, value in found.items() if value is not None}


def secret_name(destination: str, name: str) -> str:
    """Where a destination's secret rests in the store."""
    return f"destination/{destination}/{name}"


def secrets_of(destination: DestinationSettings, store: SecretStore) -> Secrets:
    """The destination's secrets by their short names, without those the store has lost."""
    found = {name: store.get(secret_name(destination.name, name)) for name in destination.secret_names}
    return {name: value for name, value in found.items() if value is not None}


# -- how it is done ---------------------------------------------------------------------------------------------------


def _refuse(key: str, right: str) -> NoReturn:
    section = key.partition(".")[0].partition("[")[0]
    raise NeedsOperator(f"设置项 {key} 不对", f"{right}{AGAIN}", fields=(key,), page=section)


class Refused(NeedsOperator):
    """Several settings at once that can't be taken. Says the first; `faults` holds each."""

    def __init__(self, faults: Sequence[NeedsOperator]) -> None:
        first = faults[0]
        super().__init__(first.title, first.advice, details=first.details, fields=first.fields, page=first.page)
        self.faults = tuple(faults)


def faults_of(error: NeedsOperator) -> tuple[NeedsOperator, ...]:
    """Every fault of a document that was refused."""
    return error.faults if isinstance(error, Refused) else (error,)


def _all_of(readings: Iterable[Callable[[], Any]]) -> list[Any]:
    """What each reading gives. A fault does not hide the faults of the others."""
    values, faults = [], list[NeedsOperator]()
    for reading in readings:
        try:
            values.append(reading())
        except NeedsOperator as fault:
            faults += faults_of(fault)
    if faults:
        raise Refused(faults)
    return values


def _checked(key: str, kind: Kind, value: Any) -> Any:
    try:
        return kind(value)
    except Unfit as error:
        _refuse(key, str(error))


def _table(document: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    found = document.get(section, {})
    if not isinstance(found, Mapping):
        _refuse(section, f"应为一节，写成 [{section}]")
    return found


def _rows(key: str, found: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(found, list | tuple) or not all(isinstance(one, Mapping) for one in found):
        _refuse(key, f"应为若干节，每节写成 [[{key}]]")
    return found


def _values(section: str, table: Mapping[str, Any], known: Mapping[str, Kind]) -> dict[str, Any]:
    """The checked values of a section; refuses a key that `known` does not have."""

    def value(key: str) -> Any:
        if key not in known:
            _refuse(f"{section}.{key}", "没有这一项，可以用的有：" + "、".join(known))
        return _checked(f"{section}.{key}", known[key], table[key])

    return dict(zip(table, _all_of(partial(value, key) for key in table), strict=True))


def _all_values(section: str, table: Mapping[str, Any], known: Mapping[str, Kind]) -> dict[str, Any]:
    def there() -> None:
        for key in known:
            if key not in table:
                _refuse(f"{section}.{key}", "不能没有")

    return dict(_all_of((lambda: _values(section, table, known), there))[0])


def _section(document: Mapping[str, Any], section: str, known: Mapping[str, Kind]) -> dict[str, Any]:
    return _values(section, _table(document, section), known)


def _dicom(table: Mapping[str, Any]) -> DicomSettings:
    values, pacs = _all_of(
        (lambda: _values("dicom", _without(table, "pacs"), DICOM), lambda: _pacs(table.get("pacs", [])))
    )
    return DicomSettings(**values, pacs=pacs)


def _unique(section: str, names: Sequence[str]) -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            _refuse(f"{section}[{place}].name", f"“{name}”用了两次，名称不能重复")


def _pacs(found: Any) -> tuple[Pacs, ...]:
    rows = _rows("dicom.pacs", found)
    read = (partial(_all_values, f"dicom.pacs[{place}]", row, PACS) for place, row in enumerate(rows))
    pacs = tuple(Pacs(**values) for values in _all_of(read))
    _unique("dicom.pacs", [one.name for one in pacs])
    return pacs


def _signing(table: Mapping[str, Any]) -> dict[str, object]:
    signing: dict[str, object] = _values("signing", _without(table, "staff"), SIGNING)
    if "staff" in table:
        rows = _rows("signing.staff", table["staff"])
        signing["staff"] = _all_of(
            partial(_values, f"signing.staff[{place}]", row, STAFF) for place, row in enumerate(rows)
        )
    return signing


def _destinations(found: Any) -> tuple[DestinationSettings, ...]:
    rows = _rows("destination", found)
    destinations = tuple(_all_of(partial(_destination, f"destination[{place}]", row) for place, row in enumerate(rows)))
    _unique("destination", [one.name for one in destinations])
    return destinations


def _destination(section: str, row: Mapping[str, Any]) -> DestinationSettings:
    known: dict[str, Kind] = {
        "name": kinds.name,
        "region": kinds.one_of(region_names()),
        "base_url": kinds.url,
        "secret_names": kinds.list_of(kinds.name),
    }
    tables = {key: _table_in(section, row, key) for key in ("options", "defaults")}
    plain = {"secret_names": (), **_without(row, *tables)}
    readings: list[Callable[[], Any]] = [lambda: _all_values(section, plain, known)]
    if row.get("region") in region_names():
        region = load_region(str(row["region"]))
        readings.append(lambda: _options(f"{section}.options", tables["options"], region))
        readings.append(lambda: _defaults(f"{section}.defaults", tables["defaults"], region))
    values, options, defaults = _all_of(readings)
    return DestinationSettings(**values, options=options, defaults=defaults)


def _table_in(section: str, row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = row.get(key, {})
    if not isinstance(found, Mapping):
        _refuse(f"{section}.{key}", f"应为一节，写成 [destination.{key}]")
    return found


def _options(section: str, table: Mapping[str, Any], region: Region) -> dict[str, object]:
    """The region's own options (its file says which), `paths` (name = path) and `fields` (overrides of the mapping)."""
    examples = region.options.get("options", {})
    known: dict[str, Kind] = {name: kinds.like(example) for name, example in examples.items()}
    known.update({name: kinds.one_of(values) for name, values in choices_of_options(region).items()})
    known.update(_EXTRA_OPTIONS)
    known.update({name: kind for name, kind in _NAMED_OPTIONS.items() if name in examples})
    values: dict[str, object] = _values(section, _without(table, "paths", "fields"), known)
    if "paths" in table:
        paths = {name: kinds.matching(r"/\S*", "应为斜杠开头的路径") for name in region.options.get("paths", {})}
        values["paths"] = _values(f"{section}.paths", _table_in(section, table, "paths"), paths)
    if "fields" in table:
        values["fields"] = _overrides(f"{section}.fields", _table_in(section, table, "fields"), region)
    return values


def _overrides(section: str, table: Mapping[str, Any], region: Region) -> dict[str, dict[str, Any]]:
    for name, changes in table.items():
        if not isinstance(changes, Mapping):
            _refuse(f"{section}.{name}", '应为一节，例：path = "新的字段名"')
        try:
            region.with_overrides({name: changes})
        except NeedsOperator as error:
            _refuse(f"{section}.{name}", f"{error.title}，{error.advice}")
    return {name: dict(changes) for name, changes in table.items()}


def _defaults(section: str, table: Mapping[str, Any], region: Region) -> dict[str, str]:
    for key in table:
        if key not in region.fields:
            _refuse(f"{section}.{key}", "不是字段目录里的字段，请核对字段名（命令 fields 可以列出）")
    return {key: _checked(f"{section}.{key}", kinds.text, value) for key, value in table.items()}


def _plain(value: Any) -> Any:
    """A settings dataclass as TOML can hold it."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    return dict(value) if isinstance(value, Mapping) else value


def _without(table: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in keys}


def _without_secrets(answers: Mapping[str, Any]) -> dict[str, Any]:
    """The answers as a document of settings; `secret_names` is ours alone and cannot be answered."""
    document = dict(answers)
    if "destination" in document:
        rows = _rows("destination", document["destination"])
        for place, row in enumerate(rows):
            if "secret_names" in row:
                _refuse(f"destination[{place}].secret_names", "不能自己填，密钥请写在 [destination.secrets]")
        document["destination"] = [_without(row, "secrets") for row in rows]
    if "his" in document:
        document["his"] = _without(_table(document, "his"), "password")
    return document


def _given_secrets(answers: Mapping[str, Any]) -> Secrets:
    """Full name -> value of every secret in the answers, each as its region wants it."""
    rows = _rows("destination", answers.get("destination", ()))
    given = _all_of(partial(_secrets_in, f"destination[{place}]", row) for place, row in enumerate(rows))
    his = _values("his", {"password": _table(answers, "his").get("password", "")}, {"password": kinds.text})
    return {name: value for each in given for name, value in each.items()} | (
        {HIS_PASSWORD: his["password"]} if his["password"] else {}
    )


def _secrets_in(section: str, row: Mapping[str, Any]) -> Secrets:
    table = _table_in(section, row, "secrets")
    if not table or row.get("region") not in region_names():
        return {}
    rules = _secret_rules(str(row["region"])) or dict.fromkeys(table, _secret())
    owner = str(row.get("name", "")).strip()
    values = _values(f"{section}.secrets", table, rules)
    return {
        secret_name(owner, _checked(f"{section}.secrets", kinds.name, name)): value
        for name, value in values.items()
        if value
    }


def _secret_rules(region: str) -> dict[str, Kind]:
    """Name -> kind, from `[secrets.NAME]` (label, pattern, help) of the region's file."""
    declared = load_region(region).options.get("secrets", {})
    return {name: _secret(str(rule.get("pattern", "")), str(rule.get("help", ""))) for name, rule in declared.items()}


def _secret(pattern: str = "", right: str = "") -> Kind:
    """Blanks around and inside are forgiven: keys are pasted from letters and chats. Never repeats the value."""

    def checked(value: Any) -> str:
        if not isinstance(value, str):
            raise Unfit("应为文字，请加上引号")
        joined = "".join(value.split())
        if joined and pattern and not re.fullmatch(pattern, joined):
            raise Unfit(f"写法不对，应为：{right}" if right else "写法不对，请核对平台给的内容")
        return joined

    return checked


def _full_names(destinations: Sequence[DestinationSettings]) -> frozenset[str]:
    return frozenset(secret_name(one.name, name) for one in destinations for name in one.secret_names)


def _expected_names(settings: Settings) -> frozenset[str]:
    """What the regions of the destinations ask for: an earlier destination of that name may have left it."""
    return frozenset(secret_name(one.name, name) for one in settings.destinations for name in _secret_rules(one.region))


def with_secret_names(settings: Settings, secrets: Mapping[str, str]) -> Settings:
    def named(one: DestinationSettings) -> DestinationSettings:
        prefix = secret_name(one.name, "")
        names = tuple(sorted(name.removeprefix(prefix) for name in secrets if name.startswith(prefix)))
        return replace(one, secret_names=names)

    return replace(settings, destinations=tuple(named(one) for one in settings.destinations))


def try_adapters(settings: Settings, secrets: Mapping[str, str]) -> None:
    """A destination whose required secrets are all there must make an adapter: that checks options together."""
    for place, one in enumerate(settings.destinations):
        region = load_region(one.region)
        required = [name for name, rule in region.options.get("secrets", {}).items() if rule.get("required")]
        own = {name: secrets.get(secret_name(one.name, name), "") for name in one.secret_names}
        if one.region not in ADAPTERS or not all(own.get(name) for name in required):
            continue
        options = options_of(region, one, settings)
        try:
            ADAPTERS[one.region](region.with_options(options), options, own)
        except AgentError as error:
            key = f"destination[{place}]"
            raise NeedsOperator(error.title, error.advice, fields=(key,), page="destination") from error
