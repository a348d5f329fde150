"""What set-up and the settings pages ask of the engine: the questions, the check as typed, the draft, this machine.

Writes no settings (that is `settings.apply_answers`). A draft never holds a secret: those are in the secret store once
they were put into force, and are asked again when the person left before that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.catalogue.load import load_region
from app.catalogue.papers import load_papers
from app.catalogue.questions import Question, RegionSetup, Section, load_sections, load_setup
from app.domain.settings import Settings
from app.domain.times import Clock
from app.engine.face import Json
from app.engine.house import House
from app.engine.rehearsal import can_rehearse
from app.engine.settings import (
    AGAIN,
    document_of,
    faults_of,
    kept_secrets,
    read_answers,
    secret_name,
    try_adapters,
    with_secret_names,
)
from app.errors import AgentError, NeedsOperator
from app.provide.wanted import wants_files
from app.regions.adapters import ADAPTERS
from app.store import files
from app.store.times import kept
from app.system import autostart as machine_start
from app.system.network import host_name, own_addresses, port_is_free
from app.system.secrets import KeyringStore

_DRAFT = "setup_draft"
_IN_DESTINATION = re.compile(r"destination\[(\d+)\]\.(.+)")
_PROBE = "setup-probe"
_REACHED_AT = "files.public_base_url"


# -- the questions ----------------------------------------------------------------------------------------------------


def regions() -> Json:
    """Regions that can be uploaded to, and the sections that every clinic has."""
    return {
        "regions": [_region(load_setup(name)) for name in ADAPTERS],
        "sections": [_section(section) for section in load_sections()],
    }


def _region(setup: RegionSetup) -> Json:
    return {
        "name": setup.region,
        "title": setup.title,
        "document": setup.document,
        "pinyin": setup.pinyin,
        "does": setup.does,
        "clinic": list(setup.clinic),
        "needs": list(setup.needs),
        "questions": [_question(one) for one in setup.questions],
        "rehearses": can_rehearse(setup.region),
        "papers": load_papers(setup.region) is not None,
    }


def _section(section: Section) -> Json:
    return {
        "name": section.name,
        "title": section.title,
        "note": section.note,
        "questions": [_question(one) for one in section.questions],
    }


def _question(one: Question) -> Json:
    return {
        "key": one.key,
        "label": one.label,
        "help": one.help,
        "kind": one.kind,
        "first": one.first,
        "needed": one.needed,
        "default": one.default,
        "unanswered": one.unanswered,
        "secret": one.secret,
        "when": {"key": one.when.key, "value": one.when.value} if one.when else None,
        "choices": [{"value": choice.value, "label": choice.label} for choice in one.choices],
    }


# -- the check as typed -----------------------------------------------------------------------------------------------


def check_answers(house: House, answers: Mapping[str, Any]) -> Json:
    """Every fault of the answers and everything that is still missing; nothing is written.

    "wanted": sections that some destination can't do without. "proposed": what this machine knows by itself.
    """
    document = {**document_of(house.settings), **answers}
    wanted = ["files"] if fetches_from_here(document) else []
    told: Json = {"wanted": wanted, "proposed": _proposed(document, house) if wanted else {}}
    try:
        settings, given = read_answers(answers, house.settings)
    except NeedsOperator as error:
        missing = list(_missing(document, {}, house))
        keys = {one["key"] for one in missing}
        wrong = [_problem(fault, answers) for fault in faults_of(error)]
        return {"problems": [*missing, *(one for one in wrong if one["key"] not in keys)], **told}
    problems = list(_missing(document, given, house))
    if not problems:
        problems = [_problem(fault, answers) for fault in _together(house, settings, given)]
    return {"problems": problems, **told}


def _together(house: House, settings: Settings, given: Mapping[str, str]) -> tuple[NeedsOperator, ...]:
    """What only shows when an adapter is made of it."""
    try:
        secrets = {**kept_secrets(settings, house.settings, house.home), **given}
        try_adapters(with_secret_names(settings, secrets), secrets)
    except NeedsOperator as error:
        return faults_of(error)
    return ()


def _problem(fault: NeedsOperator, answers: Mapping[str, Any]) -> Json:
    key = fault.fields[0] if fault.fields else ""
    label = _label(key, answers)
    title = f"{label}要改" if label else fault.title
    return {
        "key": key,
        "label": label,
        "title": title,
        "advice": fault.advice.removesuffix(AGAIN),
        "missing": False,
    }


def _label(key: str, answers: Mapping[str, Any]) -> str:
    """How a person calls the setting; "" for one that is not asked."""
    in_destination = _IN_DESTINATION.fullmatch(key)
    if in_destination:
        rows = answers.get("destination") or [{}]
        row = rows[min(int(in_destination[1]), len(rows) - 1)]
        region = str(row.get("region", ""))
        asked = load_setup(region).questions if region in ADAPTERS else ()
        return next((one.label for one in asked if one.key == in_destination[2]), "")
    name, _, rest = key.partition(".")
    sections = {section.name: section for section in load_sections()}
    questions = sections[name].questions if name in sections else ()
    return next((one.label for one in questions if one.key == rest), "")


def _missing(document: Mapping[str, Any], given: Mapping[str, str], house: House) -> Iterator[Json]:
    """What the chosen regions can't do without and nobody has answered."""
    rows = [row for row in document.get("destination") or () if isinstance(row, Mapping)]
    if not rows:
        yield _gap("destination", "上传目标", "请先选择平台")
    wanted: dict[str, None] = {}
    for row in rows:
        if row.get("region") in ADAPTERS:
            wanted.update(dict.fromkeys(load_setup(str(row["region"])).clinic))
    clinic = document.get("clinic") or {}
    labels = {one.key: one for section in load_sections() if section.name == "clinic" for one in section.questions}
    for key in wanted:
        if isinstance(clinic, Mapping) and not str(clinic.get(key, "")).strip():
            yield _gap(f"clinic.{key}", labels[key].label, labels[key].help)
    for place, row in enumerate(rows):
        if row.get("region") in ADAPTERS:
            yield from _missing_in(place, row, given, house)
    offered = document.get("files") or {}
    if fetches_from_here(document) and isinstance(offered, Mapping) and not offered.get("public_base_url"):
        example = _proposed(document, house).get(_REACHED_AT, f"http://本机地址:{house.settings.files.port}")
        yield _gap(_REACHED_AT, "平台访问的地址", f"例：{example}")


def _proposed(document: Mapping[str, Any], house: House) -> Json:
    """The address of the file service, as far as this machine knows its own."""
    offered, own = document.get("files"), next(iter(own_addresses()), "")
    port = offered.get("port", house.settings.files.port) if isinstance(offered, Mapping) else house.settings.files.port
    return {_REACHED_AT: f"http://{own}:{port}"} if own else {}


def fetches_from_here(document: Mapping[str, Any]) -> bool:
    """Whether a destination, as answered, sends addresses of files instead of files."""
    rows = [row for row in document.get("destination") or () if isinstance(row, Mapping)]
    return any(_is_fetched_by(row) for row in rows if row.get("region") in ADAPTERS)


def _is_fetched_by(row: Mapping[str, Any]) -> bool:
    region = load_region(str(row["region"]))
    given = row.get("options")
    options = {**region.options.get("options", {}), **(given if isinstance(given, Mapping) else {})}
    return wants_files(region.with_options(options), options)


def _missing_in(place: int, row: Mapping[str, Any], given: Mapping[str, str], house: House) -> Iterator[Json]:
    typed = row.get("secrets") or {}
    present = set(next((one.secret_names for one in house.settings.destinations if one.name == row.get("name")), ()))
    for one in load_setup(str(row["region"])).asked(row):
        if not one.needed:
            continue
        where, _, name = one.key.rpartition(".")
        if where == "secrets":
            full = secret_name(str(row.get("name", "")), name)
            answered = name in present or full in given or (isinstance(typed, Mapping) and typed.get(name))
        elif where:
            table = row.get(where) or {}
            answered = isinstance(table, Mapping) and table.get(name)
        else:
            answered = row.get(name)
        if not answered:
            yield _gap(f"destination[{place}].{one.key}", one.label, one.help)


def _gap(key: str, label: str, advice: str) -> Json:
    return {"key": key, "label": label, "title": f"还没有填{label}", "advice": advice, "missing": True}


# -- the draft --------------------------------------------------------------------------------------------------------


def setup_draft(house: House) -> Json:
    """What was kept when the person left, else the settings in force as answers."""
    now = _as_answers(house.settings)
    text = files.fact(house.store.read(), _DRAFT)
    draft = json.loads(text) if text else {}
    return {
        "answers": {**now, **draft.get("answers", {})},
        "now": now,
        "kept": {one.name: list(one.secret_names) for one in house.settings.destinations},
        "step": draft.get("step", ""),
        "at": draft.get("at", ""),
        "unfinished": bool(draft),
        "set_up": bool(house.settings.destinations),
    }


def keep_setup_draft(house: House, answers: Mapping[str, Any], step: str, clock: Clock) -> Json:
    """Keep the answers without their secrets; no answers and no step: the set-up is done, nothing is kept."""
    rows = answers.get("destination", ())
    without: dict[str, Any] = {
        "destination": [{key: value for key, value in row.items() if key != "secrets"} for row in rows],
        "his": {key: value for key, value in answers.get("his", {}).items() if key != "password"},
    }
    draft = {
        "answers": {key: without.get(key, value) for key, value in answers.items()},
        "step": step,
        "at": kept(clock.now()),
    }
    text = json.dumps(draft, ensure_ascii=False) if answers or step else ""
    house.store.write(lambda tx: files.set_fact(tx, _DRAFT, text))
    return setup_draft(house)


def _as_answers(settings: Settings) -> Json:
    """The settings as they could be answered: without what is ours alone."""
    document = document_of(settings)
    rows = [{key: value for key, value in row.items() if key != "secret_names"} for row in document["destination"]]
    return {**document, "destination": rows}


# -- this machine -----------------------------------------------------------------------------------------------------


def autostart() -> Json:
    return {"enabled": machine_start.is_enabled()}


def set_autostart(enabled: bool) -> Json:
    if enabled:
        machine_start.enable(machine_start.own_command())
    else:
        machine_start.disable()
    return autostart()


def addresses() -> Json:
    return {"host": host_name(), "addresses": list(own_addresses())}


def free_port(house: House, port: int, ours: int) -> Json:
    """`ours`: the port that this program listens on now, 0 for none."""
    if ours and port == ours:
        return _port(port, True, "本程序正在用这个端口收影像", "")
    if not 1 <= port <= 65535:
        return _port(port, False, "端口应为 1 到 65535", "没有特别要求就用 11112")
    try:
        is_free = port_is_free(port, house.settings.dicom.bind)
    except OSError as error:
        raise NeedsOperator(
            "本机没有设置里写的那个地址",
            "请在设置里把收影像的地址改回 0.0.0.0",
            details=type(error).__name__,
            page="dicom",
        ) from error
    if is_free:
        return _port(port, True, "端口空闲", "")
    return _port(port, False, f"端口 {port} 被别的程序占着", "请换一个端口，例：11113，再告诉设备工程师")


def _port(port: int, is_free: bool, title: str, advice: str) -> Json:
    return {"port": port, "free": is_free, "title": title, "advice": advice}


def secret_places(house: House) -> Json:
    """Where keys can rest on this machine: the key ring, tried with a word of no meaning, or a file."""
    try:
        ring = KeyringStore(house.home)
        ring.set(_PROBE, "ok")
        ring.get(_PROBE)
        ring.delete(_PROBE)
    except AgentError as error:
        return {"keyring": False, "why": error.title, "store": house.settings.secret_store}
    return {"keyring": True, "why": "", "store": house.settings.secret_store}
