"""Retrieval (调阅) on the terminal: what its acts ask of the face, and how the answers read.

A number on the command line is seen by whoever lists processes, so it may come from standard input.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from app.cli.say import moment
from app.cli.table import clean, pairs, table
from app.engine.face import Face, Json
from app.errors import AgentError, NeedsOperator

FOLLOWED = ("download", "resume")
"""Acts that last until the download is over."""
_MOST_LISTED = 500
Words = argparse.Namespace


def ask(face: Face, words: Words) -> tuple[Json, list[str]]:
    """The answer of an act that ends at once, and its lines."""
    acts: dict[str | None, Callable[[], tuple[Json, list[str]]]] = {
        None: lambda: _said(_looked_up(face, words), found),
        "images": lambda: _said(face.images_offered(_lookup(face, words), _index(words)), offered),
        "downloads": lambda: _said(face.downloads(words.limit), downloads),
        "record": lambda: _said(face.lookups(words.day or ""), record),
        "pause": lambda: _said(face.pause_download(words.id), lambda value: ["已暂停，下好的都在", *ended(value)]),
        "remove": lambda: _said(face.remove_download(words.id), lambda value: ["已移除，它下好的影像已删掉"]),
    }
    return acts[words.act]()


def begun(face: Face, words: Words) -> Json:
    """The download that an act of FOLLOWED sets to work."""
    if words.act == "resume":
        return face.resume_download(words.id)
    folder = os.path.abspath(Path(words.folder).expanduser()) if words.folder else ""  # noqa: PTH100 - links stay
    return face.start_download(_lookup(face, words), _index(words), folder)


def one(face: Face, id: int) -> Json:
    """Raises NeedsOperator when somebody removed it."""
    listed = face.downloads(_MOST_LISTED)["downloads"]
    shown = next((each for each in listed if each["id"] == id), None)
    if shown is None:
        raise NeedsOperator("这个下载被移除了", "要再下载，请从查询开始")
    return dict(shown)


def trouble(value: Json) -> AgentError | None:
    """Why the command did not do all that it was asked for."""
    if value["state"] == "paused":
        return NeedsOperator("下载已停下，下好的都在", f"要接着下载：retrieve resume {value['id']}")
    if value["state"] == "failed":
        said = value["trouble"] or {"title": value["state_words"], "advice": "", "details": ""}
        return NeedsOperator(said["title"], said["advice"], details=said["details"])
    if value["refused"]:
        rest = "；".join(f"{each['sop_instance_uid']} {each['why']}" for each in value["refused"][:3])
        return NeedsOperator(
            f"{len(value['refused'])} 幅没有收下，其余 {value['done']} 幅都在 {value['folder']}",
            f"要再要一次：retrieve resume {value['id']}",
            details=rest,
        )
    return None


# -- how it reads -----------------------------------------------------------------------------------------------------


def found(value: Json) -> list[str]:
    lines = [f"{clean(value['words'])}　{clean(value['title'])} 用了 {value['seconds']} 秒"]
    if not value["exams"]:
        return [clean(value["words"])]
    head = ("序号", "检查日期", "部位", "机构", "姓名", "证件号码", "平台给的", "索引")
    rows = [
        (
            place, each["exam_date"], each["body_part"] or each["body_part_code"],
            each["clinic_name"] or each["clinic_code"], each["patient_name"], each["id_number"],
            _links(each), each["index_shown"],
        )
        for place, each in enumerate(value["exams"], 1)
    ]  # fmt: skip
    return [*lines, *table(head, rows, longest=36)]


def offered(value: Json) -> list[str]:
    return [clean(value["words"])]


def downloads(value: Json) -> list[str]:
    rows = [
        (
            each["id"], each["state_words"], f"{each['done']}/{each['total']}", each["exam_date"], each["body_part"],
            each["clinic_name"], each["patient_name"], _why(each), each["folder"],
        )
        for each in value["downloads"]
    ]  # fmt: skip
    head = ("编号", "状态", "影像", "检查日期", "部位", "机构", "姓名", "情况", "文件夹")
    return table(head, rows, longest=36) if rows else ["还没有下载过"]


def record(value: Json) -> list[str]:
    rows = [
        (
            moment(each["at"]), each["who"], each["id_masked"], each["reason"],
            "平台没有回答" if each["count"] is None else f"{each['count']} 例", each["title"],
        )
        for each in value["lookups"]
    ]  # fmt: skip
    return table(("时间", "谁", "证件号码", "原因", "结果", "平台"), rows) if rows else ["这一天没有调阅过"]


def progress(value: Json) -> str:
    """One line, while it goes on."""
    left = value["seconds_left"]
    rest = f"，约剩 {round(left)} 秒" if left else ""
    return f"下载 {value['done']}/{value['total']} 幅{rest}　{clean(value['state_words'])}　{_why(value)}".rstrip("　 ")


def ended(value: Json) -> list[str]:
    return pairs([
        ("状态", value["state_words"]),
        ("影像", f"{value['done']}/{value['total']} 幅，{value['checked']} 幅可打开、UID 一致"),
        ("文件夹", value["folder"]),
    ])  # fmt: skip


def _links(exam: Json) -> str:
    ours = "本机有这例" if exam["exam_key"] else ""
    given = (("报告", exam["report_url"]), ("影像", exam["image_url"]), ("下载", exam["download_url"]))
    return " ".join(filter(None, [*(name for name, url in given if url), ours]))


def _why(download: Json) -> str:
    said = download["trouble"]
    return clean(f"{said['title']}，{said['advice']}") if said else ""


def _said(value: Json, tell: Callable[[Json], list[str]]) -> tuple[Json, list[str]]:
    return value, tell(value)


# -- what is asked ----------------------------------------------------------------------------------------------------


def _looked_up(face: Face, words: Words) -> Json:
    place = _place(face, words.destination)
    id_type = words.id_type or next((each["code"] for each in place["id_types"]), "")
    number = _typed(words.id_number, "证件号码")
    days = words.day_from or "", words.day_to or ""
    return face.look_up(place["destination"], id_type, number, words.name, *days, words.reason)


def _lookup(face: Face, words: Words) -> str:
    """The look-up that this command makes itself, "" for the one that the running program remembers."""
    return str(_looked_up(face, words)["lookup"]) if words.id_number else ""


def _index(words: Words) -> str:
    return _typed(words.index, "索引")


def _place(face: Face, destination: str) -> Json:
    places = face.retrieve_places()["places"]
    if not places:
        raise NeedsOperator("上传目标里没有能调阅的平台", "请到平台的网页上看")
    named = [each for each in places if each["destination"] == destination or not destination]
    if len(named) != 1:
        raise NeedsOperator(
            "要写在哪个平台查", "请用 --destination：" + "、".join(each["destination"] for each in places)
        )
    return dict(named[0])


def _typed(text: str, what: str) -> str:
    """`-`: a line of standard input, one for each."""
    if text != "-":
        return text.strip()
    line = sys.stdin.readline().strip() if sys.stdin is not None else ""
    if not line:
        raise NeedsOperator(f"标准输入里没有{what}", "请从标准输入给一行")
    return line
