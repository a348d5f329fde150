"""The words of the command line: which commands there are and what they take. Decides nothing else."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, NoReturn

from app.domain.exam import ExamState
from app.domain.times import CST

UMBRELLAS = ("fill", "uploading", "attention", "confirmed")
PASSED_ON = ("practice", "demo")
_ENGLISH = (
    (r"the following arguments are required: (.*)", "缺少 {}"),
    (r"unrecognized arguments: (.*)", "不认得 {}"),
    (r"argument (.*): expected one argument", "{} 后面要跟一个值"),
    (r"argument (.*): expected at least one argument", "{} 后面至少要跟一个值"),
    (r"argument (.*): not allowed with argument (.*)", "{} 不能和 {} 一起用"),
    (r"one of the arguments (.*) is required", "要在 {} 里选一个"),
    (r"argument (.*): invalid choice: (.*) \(choose from (.*)\)", "{} 不能是 {}，可以是 {}"),
    (r"argument (.*): invalid int value: (.*)", "{} 应为整数，不能是 {}"),
    (r"argument (.*): ignored explicit argument (.*)", "{} 后面不能跟 {}"),
)


class Parser(argparse.ArgumentParser):
    """Speaks Chinese; a wrong command ends with exit code 2."""

    def __init__(self, **words: Any) -> None:
        super().__init__(add_help=False, allow_abbrev=False, **words)
        self._positionals.title = "命令和参数"
        self._optionals.title = "选项"
        self.add_argument("-h", "--help", action="help", help="显示这份说明")

    def format_usage(self) -> str:
        return super().format_usage().replace("usage:", "用法：", 1)

    def format_help(self) -> str:
        return super().format_help().replace("usage:", "用法：", 1)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.format_usage()}{self.prog}：{_in_chinese(message)}\n")


def build_parser() -> Parser:
    """`namespace.command` is the command's name, None when none is given (the tray)."""
    parser = Parser(prog="imaging-agent", description="影像云上传助手：不带命令时打开窗口和托盘图标")
    parser.add_argument("--home", metavar="DIR", default=None, help="数据文件夹，不写时用本用户自己的")
    parser.add_argument("--hidden", action="store_true", help="打开时只显示托盘图标，不显示窗口")
    _everywhere(parser, first=True)
    commands = parser.add_subparsers(dest="command", metavar="命令", title="命令", parser_class=Parser)

    def add(name: str, words: str) -> Parser:
        made = commands.add_parser(name, help=words, description=words)
        _everywhere(made)
        return made

    _running(add)
    _intake(add)
    _filling(add)
    _outbox(add)
    _days(add)
    _his(add)
    _retrieve(add)
    _sign(add)
    _elsewhere(add)
    return parser


Add = Callable[[str, str], Parser]


def _everywhere(parser: Parser, *, first: bool = False) -> None:
    """`--json` and `--verbose` work before and after the command."""
    default: Any = False if first else argparse.SUPPRESS
    parser.add_argument("--json", action="store_true", default=default, help="输出 JSON")
    parser.add_argument("--verbose", action="store_true", default=default, help="出错时多说一些，给工程师看")


def _running(add: Add) -> None:
    run = add("run", "开始工作，直到停止")
    run.add_argument("--headless", action="store_true", help="不要窗口；用 --json 时每件事输出一行")
    add("quit", "让正在运行的程序停止，等它停好")
    setup = add("setup", "按一份答案文件设置")
    setup.add_argument("--answers", metavar="FILE.toml", required=True, help="答案文件（TOML，UTF-8）")
    setup.add_argument("--delete-answers", action="store_true", help="设置好后删除答案文件（里面有密钥）")
    add("status", "现在怎么样")
    add("check", "自检：端口、文件夹、磁盘、平台")
    help_bundle = add("bundle", "生成诊断包：交给工程师，姓名、号码和密钥都已隐去")
    help_bundle.add_argument("path", metavar="FILE.zip|FOLDER", help="写到哪个文件，或放进哪个文件夹")


def _intake(add: Add) -> None:
    take = add("import", "收进影像或报告文件")
    take.add_argument("paths", metavar="PATH", nargs="+", help="文件或文件夹")
    backfill = add("backfill", "补采：从 PACS 或文件夹收进以前的检查，再运行一次会接着做")
    backfill.add_argument("--from", dest="day_from", metavar="D", type=day, help="从哪一天起（yyyy-MM-dd）")
    backfill.add_argument("--source", metavar="NAME|FOLDER", default="", help="设置里的 PACS 名称，或一个文件夹")
    backfill.add_argument("--stop", action="store_true", help="停止正在进行的补传")


def _pairs(parser: Parser) -> None:
    parser.add_argument(
        "--set", dest="pairs", metavar="键=值", type=_pair, action="append", default=[], help="可以写多次"
    )


def _filling(add: Add) -> None:
    studies = add("studies", "列出检查")
    states = [*UMBRELLAS, *(one.value for one in ExamState)]
    studies.add_argument("--state", choices=states, metavar="S", default="", help="状态：" + " ".join(states))
    studies.add_argument("--day", metavar="D", type=day, help="检查日期（yyyy-MM-dd、今天、昨天）")
    studies.add_argument("--text", metavar="T", default="", help="姓名、检查号里的文字")
    studies.add_argument("--limit", metavar="N", type=_number(1, 100_000), default=200, help="最多列多少例")
    studies.add_argument("--offset", metavar="N", type=_number(0, 10_000_000), default=0, help="跳过多少例")
    _uid(add("study", "一例检查的全部情况"))
    fields = add("fields", "一个上传目标要哪些字段")
    fields.add_argument("--destination", metavar="NAME", required=True, help="上传目标的名称")
    fill = _uid(add("fill", "填写一例检查"))
    _pairs(fill)
    fill.add_argument(
        "--from", dest="source", metavar="FILE.json", default="",
        help='{"values": {...}, "reports": [...], "settlements": [...]} 或直接是 {"键": "值"}',
    )  # fmt: skip
    attach = _uid(add("attach", "附上报告 PDF"))
    attach.add_argument("path", metavar="FILE.pdf", help="PDF 文件")
    attach.add_argument("--report", metavar="N", type=_number(1, 1000), default=1, help="第几份报告，不写为第一份")
    told = _uid(add("report-text", "报告 PDF 里的文字，和读成了哪些字段"))
    told.add_argument("--report", metavar="N", type=_number(1, 1000), default=1, help="第几份报告，不写为第一份")
    mapped = _uid(add("report-map", "教程序读这种报告：字段=报告上的标题；空着表示没有，auto 表示自动"))
    mapped.add_argument("pairs", metavar="字段=标题", type=_pair, nargs="+", help="例：findings=放射学表现")
    mapped.add_argument("--report", metavar="N", type=_number(1, 1000), default=1, help="第几份报告，不写为第一份")
    register = add("register", "影像没到之前先登记一例")
    _pairs(register)
    join = _uid(add("join", "把一组影像并入这一例"))
    join.add_argument("study", metavar="STUDY_UID", help="那组影像的影像号")
    part = _uid(add("part", "把一组影像从这一例分出去"))
    part.add_argument("study", metavar="STUDY_UID", help="那组影像的影像号")
    share = _uid(add("share-report", "让另一例也用这一例的报告"))
    share.add_argument("other", metavar="OTHER", help="另一例")
    share.add_argument("--report", metavar="N", type=_number(1, 1000), default=1, help="第几份报告，不写为第一份")
    without = _uid(add("no-report", "这例不出报告，只传检查和影像"))
    without.add_argument("--undo", action="store_true", help="还是要报告")
    settle = _uid(add("settle", "回答一处疑问"))
    answer = settle.add_mutually_exclusive_group(required=True)
    answer.add_argument("--name", metavar="姓名", default=None, help="患者的正确姓名")
    answer.add_argument("--same", dest="decision", action="store_const", const="same", help="就是同一个患者")
    answer.add_argument("--split", dest="decision", action="store_const", const="split", help="是两个患者，分成两例")
    answer.add_argument("--first", dest="decision", action="store_const", const="first", help="用先收到的那张")
    answer.add_argument("--second", dest="decision", action="store_const", const="second", help="用后收到的那张")


def _outbox(add: Add) -> None:
    submit = add("submit", "提交上传")
    submit.add_argument("uid", metavar="UID", nargs="?", default="", help=_UID_HELP)
    submit.add_argument("--ready", action="store_true", help="所有可提交的检查")
    resend = add("resend", "重新上传")
    resend.add_argument("uid", metavar="UID", nargs="?", default="", help=_UID_HELP)
    resend.add_argument("--failed", action="store_true", help="所有待处理和已退回的")
    resend.add_argument("--day", metavar="D", type=day, help="某一天的所有检查")
    withdraw = _uid(add("withdraw", "请平台撤回已上传的检查"))
    hold = _uid(add("hold", "先不上传这一例"))
    release = _uid(add("release", "继续上传这一例"))
    cancel = _uid(add("cancel", "取消这一例还没传完的部分"))
    for command in (submit, resend, withdraw, hold, release, cancel):
        command.add_argument("--destination", metavar="NAME", default="", help="只对这个上传目标")
    _uid(add("send-now", "不等了，现在就当收齐"))
    pause = add("pause", "暂停上传（接收不停）")
    pause.add_argument("--minutes", metavar="N", type=_number(1, 100_000), default=0, help="多少分钟，不写为直到继续")
    add("resume", "继续上传")


def _days(add: Add) -> None:
    reconcile = add("reconcile", "向平台核对一天的检查")
    reconcile.add_argument("--day", metavar="D", type=day, required=True, help="哪一天（yyyy-MM-dd、今天、昨天）")
    reconcile.add_argument("--destination", metavar="NAME", default="", help="只对这个上传目标")
    days = add("days", "各天对得怎么样，不问平台")
    days.add_argument("--day", metavar="D", type=day, help="只看这一天，逐例列出")
    days.add_argument("--limit", metavar="N", type=_number(1, 400), default=21, help="最近多少天")


def _his(add: Add) -> None:
    """`his` alone says how things stand; a word after it does one thing."""
    his = add("his", "HIS 已经有的：导入导出的表格，或查询数据库")
    acts = his.add_subparsers(dest="act", metavar="动作", title="动作", parser_class=Parser)

    def act(name: str, words: str) -> Parser:
        made = acts.add_parser(name, help=words, description=words)
        _everywhere(made)
        return made

    act("preview", "看一份导出：有哪些列，会填成什么").add_argument("path", metavar="FILE", help="CSV 或 xlsx 文件")
    mapped = act("map", "告诉程序每一列是什么：字段=列名；用来认检查的写成 match.accession=列名")
    mapped.add_argument("pairs", metavar="字段=列名", type=_pair, nargs="*", help="例：settlement_id=结算号")
    mapped.add_argument(
        "--code", dest="codes", metavar="字段=写法=代码", action="append", default=[], help="例：charge_type=职工=01"
    )
    mapped.add_argument("--folder", metavar="DIR", default=None, help="放导出的文件夹，放进去就自动导入")
    act("import", "导入一份导出").add_argument("path", metavar="FILE", help="CSV 或 xlsx 文件")
    act("ambiguous", "要您选的行")
    chosen = act("choose", "说一行属于哪一例；不写 UID 表示都不是")
    chosen.add_argument("row", metavar="ROW", type=_number(1, 999_999_999), help="ambiguous 列出的编号")
    chosen.add_argument("uid", metavar="UID", nargs="?", default="", help=_UID_HELP)
    act("query", "现在就查询 HIS 数据库")


def _retrieve(add: Add) -> None:
    """`retrieve` alone looks a patient up; a word after it does one thing with what was found."""
    retrieve = add("retrieve", "调阅：按证件号码查患者在各家机构的检查，看影像清单，下载影像；都会记入日志")
    _patient(retrieve, first=True)
    acts = retrieve.add_subparsers(dest="act", metavar="动作", title="动作", parser_class=Parser)

    def act(name: str, words: str) -> Parser:
        made = acts.add_parser(name, help=words, description=words)
        _everywhere(made)
        return made

    for name, words in (("images", "平台现在有这例的哪些影像"), ("download", "下载这例的影像，下完为止")):
        made = act(name, words + "；同时写 --id-number 和 --reason 就先查一次")
        made.add_argument("index", metavar="INDEX", help="查询结果里的序号或索引；写 - 从标准输入读")
        _patient(made)
    made.add_argument("--folder", metavar="DIR", default="", help="下载到哪个文件夹，不写时用程序自己的")
    act("downloads", "列出下载").add_argument("--limit", metavar="N", type=_number(1, 500), default=50, help="最多几个")
    act("record", "某一天谁查过、为什么").add_argument("--day", metavar="D", type=day, help="哪一天，不写为今天")
    for name, words in (
        ("pause", "暂停一个下载"),
        ("resume", "接着下载，下完为止"),
        ("remove", "移除一个下载，删掉它下好的影像"),
    ):
        act(name, words).add_argument("id", metavar="ID", type=_number(1, 999_999_999), help="downloads 列出的编号")


def _patient(parser: Parser, *, first: bool = False) -> None:
    """Whom, where and why; what stands before an act holds for it."""

    def default(value: str | None) -> str | None:
        return value if first else argparse.SUPPRESS

    named = parser.add_argument
    named("--id-number", metavar="N", default=default(""), help="证件号码；写 - 从标准输入读，别人就看不到")
    named("--id-type", metavar="CODE", default=default(""), help="证件类型的代码，不写为居民身份证")
    named("--name", metavar="姓名", default=default(""), help="患者姓名，可不写")
    named("--from", dest="day_from", metavar="D", type=day, default=default(None), help="从哪一天起，不写为最近 2 年")
    named("--to", dest="day_to", metavar="D", type=day, default=default(None), help="到哪一天，不写为今天")
    named("--reason", metavar="R", default=default(""), help="查询原因，会记入日志")
    named("--destination", metavar="NAME", default=default(""), help="在哪个平台查，只有一个时不用写")


def _sign(add: Add) -> None:
    sign = add("sign", "电子签名：列出在等的报告；写 UID 就在终端显示二维码，等医生签好")
    sign.add_argument("uid", metavar="UID", nargs="?", default="", help=_UID_HELP)
    sign.add_argument("--report", metavar="N", type=_number(1, 99), default=None, help="这例的第几份报告")
    sign.add_argument("--new", action="store_true", help="换一个新码")
    sign.add_argument(
        "--import",
        dest="imported",
        metavar="PATH",
        default="",
        help="收下机构自己的签名系统签好的；不写 UID 就收下一个文件夹里的一批",
    )
    sign.add_argument("--day", metavar="D", type=day, default=None, help="列出哪一天签的，不写为今天")
    trust = add("trust", "信任的证书：信任哪家 CA，到哪里查吊销")
    acts = trust.add_mutually_exclusive_group()
    acts.add_argument("--add", metavar="PATH|URL", nargs="+", default=[], help="CA 的证书文件、吊销列表的文件或地址")
    acts.add_argument("--remove", metavar="PATH|URL", default="", help="不再信任的一项，写列出的路径")
    acts.add_argument("--read", action="store_true", help="现在把吊销列表都读一遍")
    stamp = add("stamp", "电子签章：给出签章软件的地址，等盖好章的报告 PDF 回来")
    stamp.add_argument("uid", metavar="UID", help=_UID_HELP)
    stamp.add_argument("--report", metavar="N", type=_number(1, 99), default=None, help="这例的第几份报告")
    papers = add("papers", "申请材料：接入电子签名、电子签章要向平台交什么，发回来的填在哪里")
    papers.add_argument("--out", metavar="FILE.xlsx", default="", help="存成表格：填好的名单和申请表")
    papers.add_argument("--destination", metavar="NAME", default="", help="向哪个上传目标申请")
    papers.add_argument(
        "--case", dest="pairs", metavar="哪一项=答案", type=_pair, action="append", default=[],
        help="和设置里说的不一样时，可以写多次，例：stamp=own",
    )  # fmt: skip


def _elsewhere(add: Add) -> None:
    for name, words in zip(
        PASSED_ON, ("演练平台：practice REGION --port P --state DIR", "在自带的演练平台上走一遍"), strict=True
    ):
        add(name, words).add_argument("rest", nargs=argparse.REMAINDER, metavar="…")


_UID_HELP = "检查的 UID、检查唯一标识或检查号"


def _uid(parser: Parser) -> Parser:
    parser.add_argument("uid", metavar="UID", help=_UID_HELP)
    return parser


def day(text: str) -> str:
    """`yyyy-MM-dd` from that, from `yyyyMMdd`, 今天 or 昨天 (China Standard Time)."""
    today = datetime.now(CST).date()
    spoken = {"今天": today, "today": today, "昨天": today - timedelta(days=1), "yesterday": today - timedelta(days=1)}
    if text in spoken:
        return spoken[text].isoformat()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"日期应写成 2026-01-05 这样，不能是 {text}") from None


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"应为 {least} 到 {most} 的整数，不能是 {text}")
        return int(text)

    return number


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise argparse.ArgumentTypeError(f"应写成 键=值，不能是 {text}")
    return key.strip(), value


def _in_chinese(message: str) -> str:
    for pattern, words in _ENGLISH:
        if found := re.fullmatch(pattern, message):
            return words.format(*found.groups())
    return message.removeprefix("argument ")
