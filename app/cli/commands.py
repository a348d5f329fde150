"""What each command asks of the face, and what comes of it. Prints nothing, decides nothing the engine could decide."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.cli import say, sign
from app.cli.retrieve import ask
from app.cli.table import clean
from app.engine.face import Face, Json
from app.errors import AgentError, NeedsOperator

Words = argparse.Namespace


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`value` for programs, `lines` for people; with `trouble` the command ends with exit code 1."""

    value: Json
    lines: list[str]
    trouble: AgentError | None = None


Command = Callable[[Face, Words], Answer]


def status(face: Face, words: Words) -> Answer:
    value = face.status()
    return Answer(value=value, lines=say.status(value))


def check(face: Face, words: Words) -> Answer:
    value = face.check_self()
    wrong = [one for one in value["checks"] if not one["ok"]]
    trouble = None if value["ok"] else NeedsOperator(f"自检有 {len(wrong)} 项不行", "请按上面的提示处理，再自检一次")
    return Answer(value=value, lines=say.checks(value), trouble=trouble)


def bundle(face: Face, words: Words) -> Answer:
    value = face.bundle(_absolute(words.path))
    return Answer(
        value=value, lines=[f"已生成 {value['path']}", f"里面有 {len(value['files'])} 个文件，可以交给工程师"]
    )


def import_paths(face: Face, words: Words) -> Answer:
    paths = [_absolute(path) for path in words.paths]
    for path in paths:
        if not Path(path).exists():
            raise NeedsOperator(f"找不到 {path}", "请核对路径，再试一次")
    value = face.import_paths(paths)
    return Answer(value=value, lines=say.taken(value))


def studies(face: Face, words: Words) -> Answer:
    value = face.studies(words.state, words.day or "", words.text, words.limit, words.offset)
    return Answer(value=value, lines=say.studies(value))


def study(face: Face, words: Words) -> Answer:
    value = face.study(words.uid)
    return Answer(value=value, lines=say.study(value))


def fields(face: Face, words: Words) -> Answer:
    value = face.fields(words.destination)
    return Answer(value=value, lines=say.fields(value))


def fill(face: Face, words: Words) -> Answer:
    values, settlements, reports = read_values(Path(words.source)) if words.source else ({}, None, None)
    values |= dict(words.pairs)
    if not values and settlements is None and reports is None:
        raise NeedsOperator("没有要填的内容", "请用 --set 键=值 或 --from 文件")
    return _form(face.fill(words.uid, values, settlements, reports))


def attach(face: Face, words: Words) -> Answer:
    return _form(face.attach(words.uid, _absolute(words.path), words.report - 1))


def report_text(face: Face, words: Words) -> Answer:
    value = face.report_text(words.uid, words.report - 1)
    return Answer(value=value, lines=say.report_text(value))


def report_map(face: Face, words: Words) -> Answer:
    mapping = {key: None if label == "auto" else label for key, label in words.pairs}
    value = face.keep_report_template(words.uid, words.report - 1, mapping)
    return Answer(value=value, lines=["以后这种报告都这样读", *say.report_text(value)])


def register(face: Face, words: Words) -> Answer:
    return _form(face.register(dict(words.pairs)))


def join(face: Face, words: Words) -> Answer:
    return _form(face.join(words.uid, words.study))


def part(face: Face, words: Words) -> Answer:
    return _form(face.part(words.uid, words.study))


def share_report(face: Face, words: Words) -> Answer:
    return _form(face.share_report(words.uid, words.other, words.report - 1))


def no_report(face: Face, words: Words) -> Answer:
    return _form(face.without_report(words.uid, none=not words.undo))


def settle(face: Face, words: Words) -> Answer:
    if words.name is not None:
        return _form(face.settle(words.uid, "name", words.name))
    return _form(face.settle(words.uid, words.decision))


def submit(face: Face, words: Words) -> Answer:
    value = face.submit(words.uid, words.destination, words.ready)
    return _sent(value, "submitted", "提交", one=bool(words.uid))


def resend(face: Face, words: Words) -> Answer:
    value = face.resend(words.uid, words.failed, words.day or "", words.destination)
    return _sent(value, "resent", "重传", one=bool(words.uid))


def withdraw(face: Face, words: Words) -> Answer:
    value = face.withdraw(words.uid, words.destination)
    said = "已请平台撤回" if value["jobs"] else "平台那里没有要撤回的；还没传的不再传"
    return Answer(value=value, lines=[said, *(f"没有撤回：{clean(one['why'])}" for one in value["skipped"])])


def hold(face: Face, words: Words) -> Answer:
    return _done(face.hold(words.uid, words.destination), "已暂停这一例")


def release(face: Face, words: Words) -> Answer:
    return _done(face.release(words.uid, words.destination), "已继续这一例")


def cancel(face: Face, words: Words) -> Answer:
    return _done(face.cancel(words.uid, words.destination), "已取消")


def send_now(face: Face, words: Words) -> Answer:
    return _done(face.send_now(words.uid), "不等了，已当作收齐")


def pause(face: Face, words: Words) -> Answer:
    said = f"已暂停上传 {words.minutes} 分钟" if words.minutes else "已暂停上传，直到您继续"
    return _done(face.pause(words.minutes), said)


def resume(face: Face, words: Words) -> Answer:
    return _done(face.resume(), "已继续上传")


def reconcile(face: Face, words: Words) -> Answer:
    value = face.reconcile(words.day, words.destination)
    return Answer(value=value, lines=say.day(value))


def days(face: Face, words: Words) -> Answer:
    """What is known of the days already; the platform is not asked."""
    if words.day:
        value = face.reconciliation(words.day)
        return Answer(value=value, lines=say.day(value))
    value = face.reconciliation_days(words.limit)
    return Answer(value=value, lines=say.days(value))


def his(face: Face, words: Words) -> Answer:
    """`his` and its acts."""
    acts: dict[str | None, Callable[[], tuple[Json, list[str]]]] = {
        None: lambda: said(face.his(), say.his),
        "preview": lambda: said(face.his_preview(_absolute(words.path)), say.his_preview),
        "map": lambda: said(face.his_keep(_his_mapping(words)), say.his),
        "import": lambda: said(face.his_import(_absolute(words.path)), say.his_found),
        "ambiguous": lambda: said(face.his_ambiguous(), say.his_questions),
        "choose": lambda: said(face.his_choose(words.row, words.uid), say.his_chosen),
        "query": lambda: said(face.his_query(), say.his_found),
    }

    def said(value: Json, tell: Callable[[Json], list[str]]) -> tuple[Json, list[str]]:
        return value, tell(value)

    value, lines = acts[words.act]()
    return Answer(value=value, lines=lines)


def retrieve(face: Face, words: Words) -> Answer:
    """`retrieve` and those of its acts that end at once."""
    value, lines = ask(face, words)
    return Answer(value=value, lines=lines)


def trust(face: Face, words: Words) -> Answer:
    """Whom the clinic believes; with --add, --remove and --read after that was done."""
    if words.add:
        value = face.add_trust([one if "://" in one else _absolute(one) for one in words.add])
    elif words.remove:
        value = face.remove_trust(words.remove)
    else:
        value = face.read_revocation_lists() if words.read else face.trust()
    return Answer(value=value, lines=sign.trusted(value))


def papers(face: Face, words: Words) -> Answer:
    """What to hand in; with --out the prefilled workbook too."""
    case = dict(words.pairs)
    value = face.papers(words.destination, case)
    if not words.out:
        return Answer(value=value, lines=say.papers(value))
    written = face.write_papers(_absolute(words.out), words.destination, case)
    return Answer(value=value | {"written": written}, lines=[f"已存 {written['path']}", *say.papers(value)])


def _his_mapping(words: Words) -> Json:
    """What was told on the line; nothing told is kept as it was."""
    columns = {key: column for key, column in words.pairs if not key.startswith("match.")}
    match = {key.removeprefix("match."): column for key, column in words.pairs if key.startswith("match.")}
    mapping: Json = {key: told for key, told in (("columns", columns), ("match", match)) if told}
    for one in words.codes:
        key, _, rest = one.partition("=")
        told, equals, code = rest.rpartition("=")
        if not equals or not key:
            raise NeedsOperator(f"--code {one} 写得不对", "应写成 字段=写法=代码，例：charge_type=职工=01")
        mapping.setdefault("codes", {}).setdefault(key, {})[told] = code
    if words.folder is not None:
        mapping["folder"] = _absolute(words.folder) if words.folder else ""
    if not mapping:
        raise NeedsOperator("没有要记住的内容", "请写 字段=列名、--code 或 --folder")
    return mapping


COMMANDS: dict[str, Command] = {
    "status": status,
    "check": check,
    "bundle": bundle,
    "import": import_paths,
    "studies": studies,
    "study": study,
    "fields": fields,
    "fill": fill,
    "attach": attach,
    "report-text": report_text,
    "report-map": report_map,
    "register": register,
    "join": join,
    "part": part,
    "share-report": share_report,
    "no-report": no_report,
    "settle": settle,
    "submit": submit,
    "resend": resend,
    "withdraw": withdraw,
    "hold": hold,
    "release": release,
    "cancel": cancel,
    "send-now": send_now,
    "pause": pause,
    "resume": resume,
    "reconcile": reconcile,
    "days": days,
    "his": his,
    "retrieve": retrieve,
    "papers": papers,
    "trust": trust,
}
"""The commands that ask once; `run`, `quit`, `setup` and `backfill` are in `main`."""


def read_values(path: Path) -> tuple[dict[str, str], list[Json] | None, list[Json] | None]:
    """(values, settlements, reports) of a `fill --from` file; flat keys are values. Raises NeedsOperator."""
    try:
        written = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise NeedsOperator(f"文件 {path.name} 读不出来", "请核对路径，再试一次", details=str(error)) from error
    except ValueError as error:
        raise NeedsOperator(
            f"文件 {path.name} 不是 UTF-8 的 JSON", "请核对文件，再试一次", details=str(error)
        ) from error
    if not isinstance(written, dict):
        raise NeedsOperator(f"文件 {path.name} 里不是一组键和值", '请写成 {"键": "值"}')
    nested = {key: written.get(key) for key in ("settlements", "reports")}
    flat = {key: value for key, value in written.items() if key not in ("values", *nested)}
    if "values" in written and flat:
        raise NeedsOperator(f"文件 {path.name} 里有 values，旁边又有 {next(iter(flat))}", "请把键都放进 values")
    values = _texts(written.get("values", flat), path.name)
    settlements, reports = (None if rows is None else _rows(rows, key, path.name) for key, rows in nested.items())
    return values, settlements, reports


def _rows(rows: Any, key: str, name: str) -> list[Json]:
    if not isinstance(rows, list):
        raise NeedsOperator(f"文件 {name} 里的 {key} 不是列表", f'请写成 "{key}": [{{"键": "值"}}]')
    return [dict(_texts(row, name)) for row in rows]


def _texts(values: Any, name: str) -> dict[str, str]:
    if not isinstance(values, dict):
        raise NeedsOperator(f"文件 {name} 里不是一组键和值", '请写成 {"键": "值"}')
    return {key: _text(key, value, name) for key, value in values.items()}


def _text(key: str, value: Any, name: str) -> str:
    """Numbers as they are written; None clears; 多选 lists are joined as a person would type them."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise NeedsOperator(f"文件 {name} 里 {key} 的值不是文字", '请加上引号，例："01"', fields=(key,))
    return str(value)


def _absolute(path: str) -> str:
    """Another process with another working folder will open it."""
    return os.path.abspath(Path(path).expanduser())  # noqa: PTH100 - resolve() would follow links of mapped drives


def _form(value: Json) -> Answer:
    return Answer(value=value, lines=say.form(value))


def _sent(value: Json, key: str, verb: str, *, one: bool) -> Answer:
    trouble: AgentError | None = None
    if one and value["skipped"] and not value[key]:
        why = clean(value["skipped"][0]["why"])
        trouble = NeedsOperator(f"没有{verb}：{why}".rstrip("。"), "请处理后再试一次")
    return Answer(value=value, lines=say.sent(value, key, verb) if trouble is None else [], trouble=trouble)


def _done(value: Json, said: str) -> Answer:
    return Answer(value=value, lines=[said])
