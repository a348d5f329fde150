"""`practice ask`: the platform's questions to a clinic (document V2.1, 四(二)3), plain or in the envelope.

practice ask --at http://127.0.0.1:8090 /exam/get startTime="2026-11-20 00:00:00" pageNum=1
"""

from __future__ import annotations

import argparse
import json
import time
import urllib.error
import urllib.request
from typing import Any

from app.practice.shanxi import sealed_envelope
from app.practice.shanxi_settings import SAMPLE_KEY

PATHS = ("/exam/get", "/report/get", "/series/get")
_NUMBERS = ("pageNum", "pageSize")
USUAL = {"pageNum": 1, "pageSize": 50}


def run(argv: list[str]) -> int:
    """Prints the answer as JSON. Exit codes: 0 the clinic said code 1, 1 it said no or is not there, 2 wrong words."""
    said = _parser().parse_args(argv)
    wanted = {**USUAL, **dict(said.values)}
    answer = asked(said.at, said.path, wanted, key=said.sm4_key if said.envelope else "", hospital=said.hospital)
    print(json.dumps(answer, ensure_ascii=False, indent=1))
    return 0 if answer.get("code") == 1 else 1


def asked(at: str, path: str, wanted: dict[str, Any], *, key: str = "", hospital: str = "") -> dict[str, Any]:
    """One question and its answer; with `key` in the envelope. `error` where the clinic gave no JSON object."""
    body = sealed_envelope(wanted, key=key, hospital_code=hospital, now=time.time()) if key else wanted
    headers = {"Content-Type": "application/json;charset=utf-8", **({"encryption-type": "SM4"} if key else {})}
    request = urllib.request.Request(at.rstrip("/") + path, json.dumps(body, ensure_ascii=False).encode(), headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as reply:
            status, text = reply.status, reply.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
        error.close()
    except OSError as error:
        return {"error": f"机构没有回答：{at}（{error}）"}
    try:
        answer = json.loads(text)
    except ValueError:
        return {"error": f"HTTP {status}，回答不是 JSON"}
    return answer if isinstance(answer, dict) else {"error": f"HTTP {status}，回答不是 JSON 对象"}


def _value(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError
    return name, int(value) if name in _NUMBERS and value.isdecimal() else value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="practice ask", description="扮演前置机，向机构查询检查、报告、影像序列")
    parser.add_argument("path", metavar="接口", help=" · ".join(PATHS))
    parser.add_argument(
        "values", nargs="*", type=_value, metavar="名称=值", help="例：accessionNumber=ACC0001 pageSize=10"
    )
    parser.add_argument("--at", required=True, metavar="URL", help="机构开放查询的地址")
    parser.add_argument("--envelope", action="store_true", help="请求按信封加密（data、timestamp、signature）")
    parser.add_argument("--sm4-key", default=SAMPLE_KEY, metavar="密钥", help="SM4 密钥，32 位十六进制")
    parser.add_argument("--hospital", default="", metavar="编号", help="信封里的 hospitalCode")
    return parser
