"""`practice REGION`: a practice platform in this process until it is told to stop; `practice modality`: send images.

Must be a process of its own: it changes process-wide switches and signal handlers.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from app.practice.faults import DICOM_WORDS, HTTP_WORDS
from app.practice.platform import Platform
from app.practice.region import FrontEnd
from app.practice.registry import REGIONS
from app.practice.settings import Settings, add_arguments, from_arguments


def run(argv: list[str]) -> int:
    """Exit codes: 0 stopped as asked, 1 a port cannot be had, 2 wrong arguments."""
    if argv[:1] == ["modality"]:
        from app.practice import modality

        return modality.run(argv[1:])
    if argv[:1] in (["cache"], ["seed"], ["phone"]):
        from app.practice.orders import run as order

        return order(argv)
    if argv[:1] == ["ask"]:
        from app.practice import ask

        return ask.run(argv[1:])
    if argv[:1] == ["stamper"]:
        from app.practice import stamper

        return stamper.run(argv[1:])
    options = _parser().parse_args(argv)
    front_end = REGIONS[options.region]
    settings = front_end.settings(**from_arguments(options, front_end.settings))
    state = Path(options.state or tempfile.mkdtemp(prefix="imaging-practice-"))
    platform = Platform(options.region, front_end, settings, state, options.bind)
    stop = _stop_event(options.until_stdin_closes)
    try:
        platform.open(options.port, options.dicom_port)
    except OSError as error:
        platform.close()
        print(f"演练平台不能启动：端口被占用或不可用（{error}）。请换一个端口。", file=sys.stderr)
        return 1
    print(json.dumps(_first_line(options.region, platform, settings)), flush=True)
    while not stop.wait(0.5):
        pass
    platform.close()
    return 0


def _first_line(region: str, platform: Platform, settings: Settings) -> dict[str, object]:
    return {
        "practice": region,
        "base_url": platform.base_url,
        "dicom_port": platform.dicom_port,
        "ae_title": settings.ae_title,
    }


def _stop_event(until_stdin_closes: bool) -> threading.Event:
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    if until_stdin_closes:
        threading.Thread(target=_wait_for_end_of_input, args=(stop,), name="stdin", daemon=True).start()
    return stop


def _wait_for_end_of_input(stop: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    stop.set()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="practice", description="演练平台：在本机上扮演一个地区的影像云前置机")
    regions = parser.add_subparsers(dest="region", required=True, metavar="地区", help="或 modality：演练设备")
    for name, front_end in sorted(REGIONS.items()):
        _add_options(regions.add_parser(name, help=front_end.title, **_help(front_end)), front_end)
    regions.add_parser("modality", help="演练设备，发送虚构的检查影像", add_help=False)
    regions.add_parser("phone", help="医师用手机签一份等着的签名任务", add_help=False)
    regions.add_parser("ask", help="扮演前置机，向机构查询检查、报告、影像序列", add_help=False)
    regions.add_parser("stamper", help="演练签章工具，扮演本机的签章组件", add_help=False)
    regions.add_parser("cache", help="把一例放进演练平台的缓存，或拿出来", add_help=False)
    regions.add_parser("seed", help="在演练平台上编几例别家医院的检查", add_help=False)
    return parser


def _add_options(parser: argparse.ArgumentParser, front_end: FrontEnd[Any]) -> None:
    parser.add_argument("--port", type=int, default=8081, help="HTTP 端口，0 为任意空闲端口")
    parser.add_argument("--dicom-port", type=int, default=11199, help="DICOM 端口，0 为任意空闲端口")
    parser.add_argument("--state", default="", help="存放收到的数据的文件夹，不写为新建的临时文件夹")
    parser.add_argument("--bind", default="127.0.0.1", help="监听的地址")
    parser.add_argument("--until-stdin-closes", action="store_true", help="标准输入关闭时停止（作为子进程时用）")
    add_arguments(parser, front_end.settings)


def _help(front_end: FrontEnd[Any]) -> dict[str, Any]:
    """The description and, below the flags, the faults and the control interface."""
    own = {what: f"{said}（只能写 before）" for what, said in front_end.faults.items()}
    lines = [
        "故障：POST /practice/fault，DELETE 撤销全部，GET 查看。例：",
        """  {"where": "exam", "when": "before", "what": "status500", "times": 1, "at": 1, "match": ""}""",
        "  when：before 入库前，after 入库后；times 0 为一直；at 从第几个起；match 请求里必须有的字",
        f"  where：{_words({**front_end.places, 'dicom': 'DICOM', 'any': '任何'})}",
        "  what：",
        *(f"    {what:18}{said}" for what, said in {**HTTP_WORDS, **own}.items()),
        *(f"    {what:18}DICOM：{said}" for what, said in DICOM_WORDS.items() if front_end.settings().ae_title),
        "",
        "查看：GET / · /practice/ledger · received · serials · versions · image?sop= · report?record= · exam?key=",
        "选项：GET、POST /practice/options；密钥：POST /practice/rekey",
        """停机：POST /practice/down {"seconds": 30} · 丢失：POST /practice/lose {"exam": 标识}""",
        """时钟：POST /practice/clock {"offset_seconds": -900}""",
        *(["", front_end.help] if front_end.help else []),
    ]
    return {
        "description": f"演练平台：{front_end.title}",
        "epilog": "\n".join(lines),
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


def _words(named: dict[str, str]) -> str:
    return " · ".join(f"{name} {said}" for name, said in named.items())


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
