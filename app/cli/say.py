"""What the terminal says of the engine's answers: Chinese lines for people. Reads answers, asks nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from app.cli.table import clean, pairs, table
from app.domain.times import CST
from app.engine.face import Json

LEVELS = {"must": "必填", "if_known": "有则必填", "may": "选填"}
COUNTS = {
    "receiving": "接收中",
    "to_fill": "待填报",
    "ready": "可提交",
    "uploading": "上传中",
    "attention": "待处理",
    "confirmed": "已确认",
    "all": "全部",
}
NOUNS = {"exam": "检查", "report": "报告", "settlement": "结算", "request": "程序"}
EVENTS = {
    "engine_started": "已启动",
    "image_received": "收到影像",
    "study_completed": "一例检查收齐",
    "study_held": "一例检查需要核对",
    "exam_changed": "检查记录有变化",
    "exam_refreshed": "重新看过一例检查",
    "job_changed": "上传任务有变化",
    "job_progressed": "上传有进展",
    "day_reconciled": "完成对账",
    "file_set_aside": "有文件读不了，放在一边",
    "report_waits": "报告在等检查",
    "report_read": "读出了一份报告",
    "caller_refused": "拒绝了一台设备",
    "destination_changed": "上传目标有变化",
    "paused": "已暂停",
    "resumed": "已继续",
    "his_imported": "从 HIS 导入",
    "download_changed": "调阅下载有进展",
    "engine_stopped": "已停止",
}


def report_text(value: Json) -> list[str]:
    """The fields first, then what else stands on the report."""
    if value["trouble"]:
        return [f"{value['trouble']['title']}。{value['trouble']['advice']}"]
    fields = [(f"{one['label']}  {one['key']}", one["text"].replace("\n", " ")) for one in value["fields"]]
    taken = {one["from"] for one in value["fields"]}
    others = [(one["label"], one["value"].replace("\n", " ")) for one in value["pairs"] if one["label"] not in taken]
    lines = pairs([(name, text or "没有读到") for name, text in fields])
    return [*lines, *(["", "报告上还有：", *pairs(others)] if others else []), *value["doubts"]]


def papers(value: Json) -> list[str]:
    """The text to copy, and what each answer means that decides what is wanted."""
    asked = [
        (one["label"], next(each["label"] for each in one["answers"] if each["value"] == one["answer"]))
        for one in value["questions"]
    ]
    lines = [*pairs(asked), "", *value["text"].split("\n")]
    return [*lines, *(["", *value["phone_text"].split("\n")] if value["phone_text"] else [])]


def moment(text: str | None) -> str:
    """UTC ISO text as `MM-dd HH:mm` in China, with the year when it is another one."""
    if not text:
        return ""
    try:
        at = datetime.fromisoformat(text).astimezone(CST)
    except ValueError:
        return text
    return at.strftime("%m-%d %H:%M" if at.year == datetime.now(CST).year else "%Y-%m-%d %H:%M")


def status(value: Json) -> list[str]:
    lines = [clean(value["sentence"])]
    if not value["set_up"]:
        lines.append("还没有设置，请先运行 setup --answers 文件")
    paused = value.get("paused_until")
    dicom, files = value["dicom"], value["files"]
    lines += ["", *pairs([
        ("机构", value["clinic"].get("name")),
        ("检查", "  ".join(f"{words} {value['counts'].get(key, 0)}" for key, words in COUNTS.items())),
        ("平台最近确认", moment(value.get("last_confirmed_at"))),
        ("暂停", "" if paused is None else (f"到 {moment(paused)}" if paused else "直到您继续")),
        ("DICOM 端口", f"{dicom['ae_title']} {dicom['port']} {_stands(dicom['listening'], dicom['trouble'])}"),
        ("文件服务", files["base_url"] and f"{files['base_url']} {_stands(files['listening'], files['trouble'])}"),
        ("数据文件夹", value["home"]),
        ("版本", value["version"]),
    ])]  # fmt: skip
    lines += _section("上传目标", ("名称", "平台", "最近连通", "情况"), (
        (one["name"], one["title"], moment(one["last_ok_at"]), one["trouble"] or "正常")
        for one in value["destinations"]
    ))  # fmt: skip
    lines += _section("监视的文件夹", ("路径", "情况"), (
        (one["path"], "正常" if one["ok"] else one["trouble"]) for one in value["folders"]
    ))  # fmt: skip
    return lines + _section("等您处理", ("检查", "事情", "原因", "从何时起"), (
        (one["exam_key"] or one["uid"], one["title"], one["why"], moment(one["since"])) for one in value["needs_you"]
    ))  # fmt: skip


def studies(value: Json) -> list[str]:
    rows = value["studies"]
    if not rows:
        return ["没有符合条件的检查"]
    lines = table(
        ("检查日期", "姓名", "设备", "检查号", "影像", "报告", "状态", "说明", "编号"),
        [
            (
                one["exam_day"], one["patient_name"], one["modality"], one["accession_number"], one["image_count"],
                one["report_count"], one["state_words"], _what_is_wrong(one), one["uid"] or one["exam_key"],
            )
            for one in rows
        ],
        longest=40,
    )  # fmt: skip
    if value["total"] > len(rows):
        lines.append(f"共 {value['total']} 例，这里列出 {len(rows)} 例；用 --limit、--offset 看其余的")
    return lines


def study(value: Json) -> list[str]:
    lines = pairs([("编号", value["uid"]), ("检查", value["exam_key"]), ("状态", value["state_words"])])
    lines += _filled("检查记录", value["fields"])
    for place, report in enumerate(value["reports"], 1):
        lines += _filled(f"报告 {place}（{'有 PDF' if report['pdf'] else '没有 PDF'}）", report["fields"])
    for place, row in enumerate(value["settlements"], 1):
        lines += _filled(f"结算 {place}", row)
    lines += _problems(value["problems"])
    lines += _section("影像", ("设备", "序列", "张", "来源", "文件"), (
        (one["modality"], one["series_number"], one["instance_number"], one["source"], one["path"])
        for one in value["instances"]
    ))  # fmt: skip
    lines += _section("上传任务", ("目标", "部分", "版本", "状态", "进度", "次数", "情况"), (
        (
            one["destination_title"] or one["destination"], one["part_words"], one["version"], one["state_words"],
            f"{one['done']}/{one['total']}", one["attempts"], _trouble(one["trouble"]),
        )
        for one in value["jobs"]
    ))  # fmt: skip
    lines += _section("改过的", ("目标", "部分", "版本", "到哪一步", "状态", "改了什么"), (
        (
            one["destination_title"], ("撤回 " if one["withdraws"] else "") + one["part_words"], one["version"],
            one["status_words"], one["state_words"],
            "；".join(f"{each['label']}：{each['old'] or '空'} → {each['new'] or '空'}" for each in one["changes"]),
        )
        for one in value["versions"] if one["version"] > 1
    ))  # fmt: skip
    lines += _section("平台来取", ("目标", "文件", "情况", "最近", "字节", "问题"), (
        (
            one["destination_title"], one["what_words"], one["words"], moment(one["last_at"]), one["bytes"],
            one["trouble"],
        )
        for one in value["fetches"]
    ))  # fmt: skip
    return lines + _section("经过", ("时间", "事情", "详情", "谁"), (
        (moment(one["at"]), one["words"], one["detail"], one["who"]) for one in value["timeline"]
    ))  # fmt: skip


def form(value: Json) -> list[str]:
    lines = [f"{clean(value['patient_name'])} {clean(value['exam_key'])}：{clean(value['state_words'])}".strip()]
    for one in value["studies"]:
        if one["doubt"]:
            lines.append(f"需要核对：{clean(one['doubt_words'])}")
            lines += [f"  {clean(charset)}  {clean(text)}" for charset, text in one["candidates"]]
    lines += _problems(value["problems"])
    if value["ready"]:
        lines.append("已经填好，可以提交上传")
    elif value["ready_why_not"] and not value["problems"]:
        lines += [clean(why) for why in value["ready_why_not"]]
    return lines


def fields(value: Json) -> list[str]:
    return table(
        ("键", "名称", "属于", "要求", "类型", "字典", "接口字段", "章节", "疑点"),
        [
            (
                one["key"], one["label"], NOUNS.get(one["noun"], one["noun"]), LEVELS.get(one["level"], one["level"]),
                one["type"], one["table"], one["wire_name"], one["section"], one["doubt"],
            )
            for one in value["fields"]
        ],
        longest=36,
    )  # fmt: skip


def sent(value: Json, key: str, verb: str) -> list[str]:
    """Of `submit` and `resend`."""
    lines = [f"{verb} {len(value[key])} 例，{value['jobs']} 个上传任务"]
    return lines + _section("没有" + verb, ("编号", "原因"), ((one["uid"], one["why"]) for one in value["skipped"]))


def taken(value: Json) -> list[str]:
    said = [f"收进 {value['images']} 张影像，{len(value['studies'])} 例检查"]
    if value["reports"]:
        said.append(f"报告 {value['reports']} 份")
    if value["again"]:
        said.append(f"已经有的 {value['again']} 张")
    if value["aside"]:
        said.append(f"读不了而放在一边的 {value['aside']} 个")
    return ["，".join(said)]


def his(value: Json) -> list[str]:
    """How HIS stands: what is mapped, what came last, what waits."""
    last = value["last"]
    lines = [] if value["configured"] else ["还没有对过列，请先 his preview 看一份导出，再 his map"]
    lines += pairs([
        ("上次导入", f"{moment(last['at'])}  {last['name']}  {last['sentence']}" if last else ""),
        ("等来图", f"{value['waiting']} 行" if value["waiting"] else ""),
        ("要您选", f"{value['ambiguous']} 处" if value["ambiguous"] else ""),
        ("文件夹", value["folder"]),
        ("数据库", value["url"]),
        ("有问题", value["trouble"]),
    ])  # fmt: skip
    mapped = {**{f"match.{key}": column for key, column in value["match"].items()}, **value["columns"]}
    return [*lines, *([""] if mapped else []), *pairs(list(mapped.items())), *_his_words(value["unknown"])]


def his_preview(value: Json) -> list[str]:
    guess = value["guess"]
    known: dict[str, list[str]] = {}
    for key, column in [*((f"match.{key}", name) for key, name in guess["match"].items()), *guess["columns"].items()]:
        known.setdefault(column, []).append(key)
    rows = [(one["name"], " ".join(known.get(one["name"], [])), " · ".join(one["samples"])) for one in value["columns"]]
    would = [f"第 {one['row']} 行  {one['who']}  {one['words']}" for one in value["would"]]
    lines = [f"{value['row_count']} 行", *table(("列", "是什么", "内容"), rows), "", *map(clean, would)]
    return [*lines, *([clean(value["why_not"])] if value["why_not"] else []), *_his_words(value["codes"])]


def his_found(value: Json) -> list[str]:
    faults = [f"第 {one['row']} 行 {one['column']}：{one['title']}，{one['advice']}" for one in value["faults"]]
    asked = [f"{value['questions']} 处要您选：his ambiguous"] if value["questions"] else []
    return [clean(value["sentence"]), *asked, *map(clean, faults), *_his_words(value["unknown"])]


def his_questions(value: Json) -> list[str]:
    lines: list[str] = []
    for one in value["questions"]:
        lines += ["", f"{one['row']}  {clean(one['who'])}  {clean(one['why'])}"]
        lines += pairs([
            (f"  {exam['uid']}", f"{exam['patient_name']} {exam['description']} {exam['exam_day']}")
            for exam in one["candidates"]
        ])  # fmt: skip
    return lines[1:] or ["没有要选的"]


def his_chosen(value: Json) -> list[str]:
    left = f"，还有 {value['questions']} 处要选" if value["questions"] else ""
    return [f"已记住，填进 {value['filled']} 项{left}"]


def _his_words(found: list[Json]) -> list[str]:
    return [
        clean(f"{one['label']} 的写法“{one['words']}”还没有对应：his map --code {one['key']}={one['words']}=代码")
        for one in found
        if not one["sure"]
    ]


def day(value: Json) -> list[str]:
    """Of `reconcile` and `reconciliation`."""
    lines = [f"{value['day']} 对账"]
    for one in value["destinations"]:
        lines += ["", f"{clean(one['title'])}：{clean(one['state_words'])}"]
        lines.append(clean(f"{one['says']}；{one['says_more']}") if one["can_answer"] else clean(one["says"]))
        answers = [("平台确认", one["agreed"]), ("平台没有", len(one["missing"]))] if one["can_answer"] else []
        if one["can_answer_images"]:
            answers += [("缺影像", len(one["lacking"])), ("影像无法核对", one["unchecked"])]
        lines += pairs([("已上传", one["sent"]), *answers,
                        ("还没传完", len(one["unsent"])), ("再问", moment(one["ask_again_at"])),
                        ("情况", _trouble(one["trouble"]))])  # fmt: skip
        lines += _section("平台没有的检查", ("姓名", "检查号", "设备", "情况", "编号"), (
            (row["patient_name"], row["accession_number"], row["modality"], row["words"], row["uid"])
            for row in one["missing"]
        ))  # fmt: skip
        lines += _section("缺影像的检查（回执都齐，不会自动重传）", ("姓名", "检查号", "列出", "少", "编号"), (
            (row["patient_name"], row["accession_number"], row["listed"], row["lacking"], row["uid"])
            for row in one["lacking"]
        ))  # fmt: skip
        lines += _section("还没传完的检查", ("姓名", "状态", "编号"), (
            (row["patient_name"], row["state_words"], row["uid"]) for row in one["unsent"]
        ))  # fmt: skip
    return lines


def days(value: Json) -> list[str]:
    """Of `reconciliation_days`; what a platform can't answer has no number."""
    rows = [
        (
            row["day"],
            row["destination"],
            row["state_words"],
            row["sent"],
            row["missing"] if row["can_answer"] else "",
            row["lacking"] if row["can_answer_images"] else "",
            row["unsent"],
        )
        for row in value["days"]
    ]
    head = ("日期", "上传目标", "对账", "已上传", "平台没有", "缺影像", "还没传完")
    return table(head, rows) if rows else ["还没有可以对的账"]


def backfill(value: Json) -> str:
    """One line, also while it goes on."""
    return f"补采：找到 {value['found']} 例，收进 {value['taken']} 例，失败 {value['failed']} 例"


def backfill_end(value: Json) -> list[str]:
    lines = [backfill(value)]
    return lines + _section("还没有送达的检查", ("编号",), ((uid,) for uid in value["undelivered"]))


def checks(value: Json) -> list[str]:
    lines = []
    for one in value["checks"]:
        lines.append(f"{'正常' if one['ok'] else '不行'}  {clean(one['title'])}")
        if not one["ok"] and one["advice"]:
            lines.append(f"      {clean(one['advice'])}")
    return lines


def written(value: Json) -> list[str]:
    lines = [f"已写入 {clean(path)}" for path in value["written"]]
    return lines + [f"已存放密钥 {clean(name)}" for name in value["secrets"]]


def event(value: Json) -> str:
    """One line of `run --headless`."""
    name = str(value.get("event", ""))
    facts = "  ".join(f"{key}={clean(one)}" for key, one in value.items() if key != "event" and one not in ("", None))
    at = datetime.now(CST).strftime("%H:%M:%S")
    return f"{at}  {EVENTS.get(name, clean(name))}  {facts}".rstrip()


def _stands(listening: bool, trouble: str) -> str:
    return clean(trouble) or ("已打开" if listening else "没有打开")


def _what_is_wrong(one: Json) -> str:
    said = [*one["problems"]]
    if one["changed"]:
        said.append("提交后改过")
    if one.get("late"):
        said.append("有补传")
    return "；".join(clean(words) for words in said[:3])


def _trouble(trouble: Any) -> str:
    if not trouble:
        return ""
    if isinstance(trouble, str):
        return trouble
    turn = f"（轮到{trouble['turn_words']}）" if trouble.get("turn_words") else ""
    return f"{trouble['title']}。{trouble['advice']}{turn}"


def _filled(title: str, fields: list[Json]) -> list[str]:
    rows = [
        (one["label"], one["shown"] or one["text"], one["source_words"])
        for one in fields
        if one["text"] or one["shown"]
    ]
    return _section(title, ("项目", "内容", "来源"), rows)


def _problems(problems: list[Json]) -> list[str]:
    return _section(f"还有 {len(problems)} 处要填或要改", ("项目", "键", "问题", "怎么办"), (
        (one["label"], one["key"], one["title"], one["advice"]) for one in problems
    ))  # fmt: skip


def _section(title: str, head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> list[str]:
    """A blank line, the title, the table; nothing at all without rows."""
    found = list(rows)
    return ["", title, *table(head, found)] if found else []
