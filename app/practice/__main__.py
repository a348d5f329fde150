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

from app.practice.platform import Platform
from app.practice.registry import REGIONS
from app.practice.settings import Settings


def run(argv: list[str]) -> int:
    """Exit codes: 0 stopped as asked, 1 a port cannot be had, 2 wrong arguments."""
    if argv[:1] == ["modality"]:
        from app.practice import modality

        return modality.run(argv[1:])
    options = _parser().parse_args(argv)
    module = REGIONS[options.region]
    settings = Settings(
        hospital_code=options.hospital_code,
        ae_title=options.ae_title or module.AE_TITLE,
        strict_ae=options.strict_ae,
        demand_signature=not options.no_signature,
        file_access=options.file_access == "allow",
        sm4_key=options.sm4_key or module.SM4_KEY,
    )
    state = Path(options.state or tempfile.mkdtemp(prefix="imaging-practice-"))
    platform = Platform(options.region, module, settings, state, options.bind)
    stop = _stop_event(options.until_stdin_closes)
    try:
        platform.open(options.port, options.dicom_port)
    except OSError as error:
        platform.close()
        print(f"演练平台不能启动：端口被占用或不可用（{error}）。请换一个端口。", file=sys.stderr)
        return 1
    print(json.dumps(_first_line(options.region, options.bind, platform, settings)), flush=True)
    while not stop.wait(0.5):
        pass
    platform.close()
    return 0


def _first_line(region: str, bind: str, platform: Platform, settings: Settings) -> dict[str, object]:
    host = "127.0.0.1" if bind in ("0.0.0.0", "::", "") else bind
    return {
        "practice": region,
        "base_url": f"http://{host}:{platform.port}",
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
    parser.add_argument("region", choices=sorted(REGIONS), help="地区（或 modality：演练设备）")
    parser.add_argument("--port", type=int, default=8081, help="HTTP 端口，0 为任意空闲端口")
    parser.add_argument("--dicom-port", type=int, default=11199, help="DICOM 端口，0 为任意空闲端口")
    parser.add_argument("--state", default="", help="存放收到的数据的文件夹，不写为新建的临时文件夹")
    parser.add_argument("--sm4-key", type=_key, default="", help="SM4 密钥，32 位十六进制")
    parser.add_argument("--hospital-code", default="", help="只接收这个医院编号；不填则都接收")
    parser.add_argument("--ae-title", default="", help="本平台的 AE")
    parser.add_argument("--strict-ae", action="store_true", help="被叫 AE 不符时拒绝关联")
    parser.add_argument("--bind", default="127.0.0.1", help="监听的地址")
    parser.add_argument("--no-signature", action="store_true", help="不要求电子签名字段")
    parser.add_argument("--file-access", choices=["allow", "deny"], default="allow", help="能否访问机构提供的文件地址")
    parser.add_argument("--until-stdin-closes", action="store_true", help="标准输入关闭时停止（作为子进程时用）")
    return parser


def _key(text: str) -> str:
    if text and len(bytes.fromhex(text)) != 16:
        raise ValueError
    return text.lower()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
