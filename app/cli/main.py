"""One command from its words to its exit code: 0 done, 1 with a plain sentence on standard error, 2 wrong words."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.cli import retrieve, say, sign, stamp
from app.cli.commands import COMMANDS
from app.cli.headless import run_headless, stop_signals
from app.cli.out import Out
from app.cli.parser import Parser
from app.engine.face import Face, Json
from app.engine.reach import Home, quit_running, reached
from app.errors import AgentError, NeedsOperator

_ASK_SECONDS = 1.0
_STOP_SECONDS = 15.0
Act = Callable[[argparse.Namespace, Home, Out], int]


def execute(words: argparse.Namespace, home: Home, parser: Parser) -> int:
    """Does what the words say on this home; `run` only headless, the window is not a matter of the terminal."""
    _check_together(words, parser)
    out = Out(as_json=words.json, verbose=words.verbose)
    try:
        return _ACTS.get(words.command, _ask_once)(words, home, out)
    except AgentError as error:
        out.trouble(error)
    except KeyboardInterrupt:
        out.trouble(NeedsOperator("已中断", "要接着做，请再运行一次同样的命令"))
    return 1


def _check_together(words: argparse.Namespace, parser: Parser) -> None:
    """What argparse cannot say: exactly one of several ways to choose. Ends with exit code 2."""
    chosen = {
        "submit": [("UID", "uid"), ("--ready", "ready")],
        "resend": [("UID", "uid"), ("--failed", "failed"), ("--day", "day")],
    }.get(words.command, [])
    if chosen and sum(bool(getattr(words, name)) for _, name in chosen) != 1:
        parser.error(f"{words.command} 要在 {' '.join(shown for shown, _ in chosen)} 里选一个")
    if words.command == "backfill" and not words.stop and not words.day_from:
        parser.error("backfill 缺少 --from")
    if words.command == "retrieve" and words.act is None and not words.id_number:
        parser.error("retrieve 缺少 --id-number")
    if words.command == "sign" and not words.uid and (words.new or words.report):
        parser.error("sign 缺少 UID")
    if words.command == "settle" and words.name is not None and not words.name.strip():
        parser.error("settle 的 --name 不能为空")


def _ask_once(words: argparse.Namespace, home: Home, out: Out) -> int:
    with reached(home) as face:
        answer = COMMANDS[words.command](face, words)
    if answer.trouble is None:
        out.answer(answer.value, answer.lines)
        return 0
    if not out.as_json:
        out.answer(answer.value, answer.lines)
    out.trouble(answer.trouble, answer.value)
    return 1


def _run(words: argparse.Namespace, home: Home, out: Out) -> int:
    return run_headless(home, out)


def _quit(words: argparse.Namespace, home: Home, out: Out) -> int:
    ran = quit_running(home)
    out.answer({"was_running": ran}, ["已停止" if ran else "影像云上传助手没有在运行"])
    return 0


# -- setup ------------------------------------------------------------------------------------------------------------


def _setup(words: argparse.Namespace, home: Home, out: Out) -> int:
    from app.engine.settings import read_toml  # it brings the catalogue, which no other command waits for

    path = Path(words.answers).expanduser()
    answers = with_whole_paths(read_toml(path), path.absolute().parent)
    with reached(home) as face:
        value = face.setup(answers)
    deleted = words.delete_answers or _wants_deletion(path, out)
    if deleted:
        path.unlink(missing_ok=True)
    out.answer({**value, "answers_deleted": deleted}, say.written(value))
    if deleted:
        out.hint(f"已删除答案文件 {path.name}")
    else:
        out.hint(f"答案文件 {path.name} 里有密钥，用完请删除它（或加 --delete-answers）")
    return 0


def with_whole_paths(answers: Json, folder: Path) -> Json:
    """Folders written short are meant from where the answers file lies."""
    intake = answers.get("intake")
    if not isinstance(intake, dict):
        return answers
    whole = dict(intake)
    if isinstance(intake.get("folders"), list):
        whole["folders"] = [_whole(one, folder) for one in intake["folders"]]
    if intake.get("report_folder"):
        whole["report_folder"] = _whole(intake["report_folder"], folder)
    return {**answers, "intake": whole}


def _whole(written: Any, folder: Path) -> Any:
    return str(folder / written) if isinstance(written, str) and written else written


def _wants_deletion(path: Path, out: Out) -> bool:
    """Asks where a person can answer."""
    if out.as_json or sys.stdin is None or not sys.stdin.isatty() or not sys.stdout.isatty():
        return False
    print(f"答案文件 {path.name} 里有密钥，现在删除它吗？[y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是")


# -- retrieval -------------------------------------------------------------------------------------------------------


def _retrieve(words: argparse.Namespace, home: Home, out: Out) -> int:
    if words.act not in retrieve.FOLLOWED:
        return _ask_once(words, home, out)
    with reached(home) as face, stop_signals() as stop:
        value = retrieve.begun(face, words)
        while value["state"] in ("running", "waiting") and not stop.is_set():
            out.progress(retrieve.progress(value))
            stop.wait(_ASK_SECONDS / 2)
            value = retrieve.one(face, value["id"])
        out.progress_ends()
        if stop.is_set():
            value = face.pause_download(value["id"])
    trouble = retrieve.trouble(value)
    if trouble is None:
        out.answer(value, retrieve.ended(value))
        return 0
    out.trouble(trouble, value)
    return 1


# -- signing ---------------------------------------------------------------------------------------------------------


def _sign(words: argparse.Namespace, home: Home, out: Out) -> int:
    with reached(home) as face:
        if not words.uid and words.imported:
            out.answer(*sign.imported_all(face, words))
            return 0
        if not words.uid:
            value = face.signing(words.day or "")
            out.answer(value, sign.listed(value))
            return 0
        if words.imported:
            out.answer(*sign.imported(face, words))
            return 0
        return _wait_for_doctor(words, face, out)


def _wait_for_doctor(words: argparse.Namespace, face: Face, out: Out) -> int:
    """Shows the code, and the next one when it ran out, until the doctor has signed."""
    row = sign.waiting_row(face, words)
    session, shown = row["session"], None
    if row["state"] == "refused" or words.new:
        face.renew_code(session)
        row = sign.now(face, session)
    with stop_signals() as stop:
        while sign.goes_on(row) and not stop.is_set():
            value = face.sign_code(session)
            if value["row"]["state"] == "waiting" and value["qr_text"] != shown:
                shown = value["qr_text"]
                out.event({"code": value}, "\n".join(sign.code(value)))
            stop.wait(_ASK_SECONDS)
            row = sign.now(face, session)
    if stop.is_set() and sign.goes_on(row):
        out.trouble(NeedsOperator("没有等到签名，码还有效", "签好后程序自己取回；要看结果：sign"), row)
        return 1
    trouble = sign.trouble(row)
    if trouble is None:
        out.answer(row, sign.ended(row))
        return 0
    out.trouble(trouble, row)
    return 1


def _stamp(words: argparse.Namespace, home: Home, out: Out) -> int:
    """Until the stamped report is back, or is no longer waited for."""
    number = (words.report or 1) - 1
    with reached(home) as face, stop_signals() as stop:
        given = face.stamp(words.uid, number)
        out.event({"stamp": given}, "\n".join(stamp.opened(given)))
        value, told = face.stamping(words.uid, number), None
        while value["open"] and not stop.is_set():
            if value["refused"] and value["refused"] != told:
                told = value["refused"]
                out.event({"refused": told}, "\n".join(stamp.refused(value)))
            stop.wait(_ASK_SECONDS)
            value = face.stamping(words.uid, number)
    trouble = stamp.trouble(value, stopped=stop.is_set())
    if trouble is None:
        out.answer(value, [value["words"]])
        return 0
    out.trouble(trouble, value)
    return 1


# -- backfill ---------------------------------------------------------------------------------------------------------


def _backfill(words: argparse.Namespace, home: Home, out: Out) -> int:
    with reached(home) as face, stop_signals() as stop:
        value = face.backfill(words.day_from or "", _source(words.source), words.stop)
        while value["running"] and not stop.is_set():
            out.progress(say.backfill(value))
            stop.wait(_ASK_SECONDS)
            value = face.backfill_status()
        out.progress_ends()
        if value["running"]:
            value = _stopped(face, words)
    if stop.is_set():
        out.trouble(NeedsOperator("补采已停下，收到的都在", "要接着做，请再运行一次同样的命令"), value)
        return 1
    out.answer(value, say.backfill_end(value))
    return 0


def _source(written: str) -> str:
    """A folder by its whole path, since another process opens it; a PACS by its name."""
    return str(Path(written).absolute()) if written and Path(written).is_dir() else written


def _stopped(face: Face, words: argparse.Namespace) -> Json:
    """Asked to stop, and given time for the study it is at."""
    value = face.backfill(words.day_from or "", _source(words.source), True)
    until = time.monotonic() + _STOP_SECONDS
    while value["running"] and time.monotonic() < until:
        time.sleep(_ASK_SECONDS / 5)
        value = face.backfill_status()
    return value


_ACTS: dict[str, Act] = {
    "run": _run,
    "quit": _quit,
    "setup": _setup,
    "backfill": _backfill,
    "retrieve": _retrieve,
    "sign": _sign,
    "stamp": _stamp,
}
