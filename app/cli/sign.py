"""电子签名 on the terminal: who is waited for, the code in the terminal itself, and what became of it."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.say import moment
from app.cli.table import clean, pairs, table
from app.engine.face import Face, Json
from app.errors import AgentError, NeedsOperator, Rejected

_GOES_ON = frozenset({"next", "waiting", "expired", "timestamping", "postponed", "void"})
Words = argparse.Namespace


def listed(value: Json) -> list[str]:
    """Who is waited for, and what was signed on the day."""
    waiting = [(group["doctor"], row) for group in value["waiting"] for row in group["reports"]]
    lines = [f"{len(waiting)} 份报告等审核医师签名" if waiting else "没有报告在等签名"]
    if waiting:
        head = ("审核医师", "状态", "姓名", "检查", "检查号", "等待自", "情况", "影像号")
        rows = [
            (
                doctor["name"] + ("" if doctor["known"] or row["way"] == "import" else "（没有签名平台编号）"),
                "等导入" if row["way"] == "import" and not row["trouble"] else row["state_words"],
                row["patient_name"], row["what"], row["accession_number"], moment(row["since"]), _why(row), row["uid"],
            )
            for doctor, row in waiting
        ]  # fmt: skip
        lines += table(head, rows)
    if value["signed"]:
        lines += ["", f"已签 {len(value['signed'])} 份"]
        signed = [
            (
                moment(row["signed_at"]), row["doctor"]["name"], row["patient_name"], row["what"],
                row["timestamp_words"], row["job_words"],
            )
            for row in value["signed"]
        ]  # fmt: skip
        lines += table(("签名时间", "审核医师", "姓名", "检查", "时间戳", "上传"), signed)
    return [*lines, *(f"注意：{one['title']}。{one['advice']}" for one in value["notices"])]


def trusted(value: Json) -> list[str]:
    """The files with their certificates, then the revocation lists."""
    roots = [
        (
            one["name"], each["subject"], each["kind"], "根证书" if each["root"] else each["issuer"],
            f"{each['to']} 已过期" if each["ended"] else each["to"], one["place"],
        )
        for one in value["roots"] for each in one["certificates"]
    ]  # fmt: skip
    lines = ["信任的证书"] if roots else ["还没有 CA 的根证书，签名的证书是谁发的没有核对；用 --add 加上"]
    if roots:
        lines += table(("文件", "证书", "算法", "签发者", "有效期至", "路径"), roots)
    lines += [f"{one['name']}：{one['trouble']}" for one in value["roots"] if one["trouble"]]
    if value["lists"]:
        lists = [(one["place"], moment(one["read_at"]), _stands(one)) for one in value["lists"]]
        lines += ["", "吊销列表", *table(("文件或地址", "读到", "情况"), lists)]
    return [*lines, *(f"注意：{one['doctor']} 医生的{one['words']}" for one in value["doctors"])]


def _stands(one: Json) -> str:
    return str(one["trouble"]) or ("过期了" if one["overdue"] else "正常")


def _why(row: Json) -> str:
    return f"{row['trouble']['title']}，{row['trouble']['advice']}" if row["trouble"] else ""


def waiting_row(face: Face, words: Words) -> Json:
    """The report that is meant. Raises NeedsOperator when none waits, or several do."""
    rows = [row for group in face.signing()["waiting"] for row in group["reports"]]
    named = [row for row in rows if words.uid in (row["uid"], row["exam_key"], row["accession_number"])]
    found = [row for row in named if words.report in (None, row["report"] + 1)]
    if not found:
        raise NeedsOperator("这例没有等着签名的报告", "不带 UID 的 sign 列出在等的；还没有提交的请先 submit")
    if len(found) > 1:
        raise NeedsOperator("这例有几份报告在等签名", "请用 --report 1、--report 2 指明第几份")
    return dict(found[0])


def now(face: Face, session: int) -> Json:
    """The row of a session as it is now; {} when it is none any more."""
    value = face.signing()
    rows = [*(row for group in value["waiting"] for row in group["reports"]), *value["signed"]]
    return next((dict(row) for row in rows if row["session"] == session), {})


def goes_on(row: Json) -> bool:
    return row.get("state") in _GOES_ON


def code(value: Json) -> list[str]:
    """The code in half blocks, who must scan it, and the whole text that goes to be signed."""
    blocks = value["blocks"] or ["（这个平台只给二维码的图片，请在窗口里扫）"]
    return [
        *blocks,
        f"请 {clean(value['doctor']['name'])} 医生用手机扫码签名　{value['place']}",
        f"有效期至 {moment(value['expires_at'])}",
        "",
        "签的是什么：",
        *(clean(line) for line in value["text"].split("\n")),
        "",
        f"全文摘要 SM3 {value['digest']}",
    ]


def ended(row: Json) -> list[str]:
    return pairs([
        ("状态", row["state_words"]),
        ("签名", f"{row['doctor']['name']} {moment(row['signed_at'])}"),
        ("时间戳", row["timestamp_words"]),
        ("上传", row["job_words"]),
    ])  # fmt: skip


def trouble(row: Json) -> AgentError | None:
    """Why the waiting ended without a signature."""
    if row.get("state") == "finished":
        return None
    if row.get("trouble"):
        said = row["trouble"]
        return Rejected(said["title"], said["advice"], details=said["details"])
    return NeedsOperator("这份报告不用签了", "它改过了，或者取消了；不带 UID 的 sign 列出现在在等的")


def imported(face: Face, words: Words) -> tuple[Json, list[str]]:
    path = str(Path(words.imported).expanduser().absolute())
    row = face.import_signed(words.uid, (words.report or 1) - 1, path)
    return row, ["签名已收下", *ended(row)]


def imported_all(face: Face, words: Words) -> tuple[Json, list[str]]:
    """Of a folder of many."""
    value = face.import_all_signed(str(Path(words.imported).expanduser().absolute()))
    lines = [f"收下 {len(value['taken'])} 份，没有收下 {len(value['left'])} 份"]
    taken = [(row["doctor"]["name"], row["patient_name"], row["what"], row["job_words"]) for row in value["taken"]]
    lines += table(("审核医师", "姓名", "检查", "上传"), taken) if taken else []
    return value, [*lines, *(f"{clean(one['name'])}：{one['title']}。{one['advice']}" for one in value["left"])]
