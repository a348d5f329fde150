"""`practice cache`, `seed` and `phone`: wishes of a tester to a practice platform that runs already."""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from typing import Any

from app.practice.shanxi_ca import HOWS


def run(argv: list[str]) -> int:
    """Exit codes: 0 done, 1 the platform said no or is not there, 2 wrong arguments."""
    said = _parser().parse_args(argv)
    wish = {"cache": _cached, "seed": _seeded, "phone": _phoned}[said.order](said)
    request = urllib.request.Request(
        f"{said.at}/practice/{said.order}", json.dumps(wish).encode(), {"Content-Type": "application/json"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            print(json.dumps(json.load(answer), ensure_ascii=False))
    except urllib.error.HTTPError as error:
        print(json.load(error).get("error", error.code), file=sys.stderr)
        return 1
    except OSError as error:
        print(f"演练平台没有回答：{said.at}（{error}）", file=sys.stderr)
        return 1
    return 0


def _cached(said: argparse.Namespace) -> dict[str, Any]:
    return {"index": said.index, "cached": not said.forget}


def _seeded(said: argparse.Namespace) -> dict[str, Any]:
    names = ("id_type", "id_number", "name", "exams", "images", "size", "cached")
    return {name: getattr(said, name) for name in names}


def _phoned(said: argparse.Namespace) -> dict[str, Any]:
    qr = sys.stdin.read().strip() if said.qr == "-" else said.qr
    return {"doctor": said.doctor, "qr": qr, "how": said.how}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="practice", description="对正在运行的演练平台提一个要求")
    orders = parser.add_subparsers(dest="order", required=True)
    cache = orders.add_parser("cache", help="把一例放进平台的缓存，可以调阅")
    cache.add_argument("index", metavar="索引", help="医保影像云索引")
    cache.add_argument("--forget", action="store_true", help="从缓存里拿出来")
    seed = orders.add_parser("seed", help="给一位患者编几例别家医院的检查")
    seed.add_argument("--id-type", default="111", help="证件类型")
    seed.add_argument("--id-number", required=True, help="证件号码")
    seed.add_argument("--name", default="赵建国", help="姓名")
    seed.add_argument("--exams", type=int, default=3, help="几例")
    seed.add_argument("--images", type=int, default=4, help="每例几张影像")
    seed.add_argument("--size", type=int, default=128, help="影像的行列数")
    seed.add_argument("--cached", type=int, default=-1, help="其中几例在缓存里，不写为除最早一例外都在")
    phone = orders.add_parser("phone", help="医师用手机扫码签名")
    phone.add_argument("--doctor", default="", metavar="姓名", help="姓名或 MSSPID，不写为任务指定的那位")
    phone.add_argument("--qr", default="", metavar="内容", help="二维码的内容，- 为从标准输入读；不写为等得最久的那份")
    how = phone.add_mutually_exclusive_group()
    phone.set_defaults(how="sign")
    for name, said in HOWS.items():
        if name != "sign":
            how.add_argument("--" + name.replace("_", "-"), action="store_const", dest="how", const=name, help=said)
    for one in (cache, seed, phone):
        one.add_argument("--at", default="http://127.0.0.1:8081", metavar="URL", help="演练平台的地址")
    return parser
