"""The self-check (自检): settings, key ring, ports, disk, clock, crypto, and whether each platform can be reached."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlsplit

from app.delivery.target import Target
from app.engine import fetches, questions, revocation_lists, signing_trust
from app.engine.face import Json
from app.engine.gateway import Gateway
from app.engine.house import House
from app.engine.targets import fetcher_of, pushes_images
from app.errors import AgentError
from app.store import answers
from app.system.disk import free_bytes
from app.system.network import own_addresses
from app.system.secrets import secret_store
from app.wire.dicom_association import Peer
from app.wire.dicom_send import echo

MOST_OFFSET_SECONDS = 60.0
_GIB = 1024**3


def check_self(house: House, gateway: Gateway) -> Json:
    """Every check, done now. A check that fails never hides another."""
    found = list(_all(house, gateway))
    return {"ok": all(each["ok"] for each in found), "checks": found}


def _all(house: House, gateway: Gateway) -> Iterator[Json]:
    from app.crypto.selfcheck import self_check
    from app.intake.decoders import missing_decoders

    yield _settings(house)
    yield from (_fault(name, fault) for name, fault in house.faults.items())
    yield _tried("secrets", "密钥存放处可用", lambda: _secrets(house))
    yield _dicom(gateway)
    yield from _queries(house)
    yield from _files(house, gateway)
    yield from _questions(house)
    yield from _trust(house)
    for folder in gateway.folder_status():
        yield _line("folder", folder["ok"], f"监视文件夹正常：{folder['path']}", folder["trouble"])
    yield _disk(house)
    missing = missing_decoders()
    yield _line("pictures", not missing, "各种压缩的影像都看得了", "有些压缩的影像看不了，不影响上传；请重新安装程序")
    for each in self_check():
        yield _line(f"crypto-{each.name}", each.passed, f"{each.name}：{each.words}", each.words)
    for target in house.targets.values():
        yield from _platform(house, target)


def _settings(house: House) -> Json:
    clinic = house.settings.clinic
    missing = [
        label
        for label, text in (
            ("机构名称", clinic.name),
            ("统一社会信用代码", clinic.uscc),
            ("医保机构编码", clinic.fixmedins_code),
        )
        if not text
    ]
    if not house.settings.destinations:
        missing.append("上传目标")
    return _line("settings", not missing, "设置齐全", f"设置里还缺：{'、'.join(missing)}，请补上")


def _fault(name: str, fault: AgentError) -> Json:
    return {
        "name": f"destination-{name}",
        "ok": False,
        "title": fault.title,
        "advice": fault.advice,
        "details": fault.details,
    }


def _secrets(house: House) -> None:
    """Write, read back and remove a word."""
    store = secret_store(house.settings.secret_store, house.home)
    store.set("self-check", "ok")
    store.get("self-check")
    store.delete("self-check")


def _dicom(gateway: Gateway) -> Json:
    status = gateway.dicom_status()
    good = f"DICOM 端口 {status['port']} 已打开，AE 标题 {status['ae_title']}"
    return _line("dicom", status["listening"], good, status["trouble"] or "程序没有在运行，端口没有打开")


def _queries(house: House) -> Iterator[Json]:
    """Whether a platform may fetch images, and whether its port can be reached from here."""
    query = house.settings.query
    for target in house.targets.values():
        if (title := fetcher_of(target)) is not None:
            good = f"{target.title}用 {title} 来取影像，已经放行"
            bad = f"{target.title}要用 {title or '（没有填）'} 来取影像，还没有放行；请看“收影像”里的“让平台来取”"
            yield _line(f"query-of-{target.name}", title in query.takers, good, bad)
    if not query.on:
        return
    who = "、".join(query.callers)
    good = f"平台可以来取影像：{who}" + ("" if query.destinations else "；没有填可以送到哪里，只能当场取回")
    yield _line("query", bool(who), good, "打开了平台来取影像，还没有填谁可以来取，谁也取不了")
    for node in query.nodes:
        peer = Peer(
            host=node.host,
            port=node.port,
            called_ae=node.ae_title,
            calling_ae=house.settings.dicom.ae_title,
            name=node.ae_title,
        )
        yield _tried(f"query-{node.ae_title}", f"影像送得到 {node.ae_title}", partial(echo, peer))


def _files(house: House, gateway: Gateway) -> Iterator[Json]:
    """Open, and opened once from here by the address that platforms get, as far as it leads to this PC."""
    status, wanting = gateway.files_status(), fetches.needed_by(house)
    base = status["base_url"]
    if not base:
        if wanting:
            yield _line("files", False, "", f"{wanting[0]}要来本机取文件，还没有填平台访问的地址")
        return
    yield _line("files", status["listening"], "文件服务已打开", status["trouble"] or "文件服务没有打开")
    here = fetches.is_loopback(base) or urlsplit(base).hostname in own_addresses()
    if status["listening"] and here:
        let_in: list[bool] = []
        line = _tried(
            "files-fetch", "按平台访问的地址打开了文件服务", lambda: let_in.append(house.provider.own_fetch())
        )
        if let_in != [False]:  # else only the platform's addresses are let in, and nobody can say from here
            yield line


def _questions(house: House) -> Iterator[Json]:
    """Whether the destinations that may ask can; the port is that of the file service."""
    for name, fault in questions.faults(house):
        target = house.targets[name]
        good = f"{target.title}可以来查数据：{'、'.join(questions.addresses_of(target))}"
        yield _line(f"questions-{name}", not fault, good, fault)


def _trust(house: House) -> Iterator[Json]:
    """Whose signatures are believed, and whether it can be read which certificates were taken back."""
    told = signing_trust.told(house)
    if not told["wanted"]:
        return
    count = sum(len(one["certificates"]) for one in told["roots"])
    trouble = next((f"{one['name']}：{one['trouble']}" for one in told["roots"] if one["trouble"]), "")
    good = f"信任 {count} 张 CA 证书" if count else "还没有 CA 的根证书，签名照常收下，证书是谁发的不核对"
    yield _line("trust", not trouble, good, trouble)
    for one in told["lists"]:
        read = partial(revocation_lists.read_now, house, one["place"])
        yield _tried(f"revocation-{one['name']}", f"吊销列表读得到：{one['name']}", read)


def _disk(house: House) -> Json:
    free = free_bytes(house.home.root)
    needed = house.settings.intake.least_free_mb * 1024 * 1024
    return _line("disk", free > needed, f"磁盘还有 {free / _GIB:.1f} GB", "磁盘快满了，请清理磁盘空间")


def _platform(house: House, target: Target) -> Iterator[Json]:
    yield _tried(f"http-{target.name}", f"{target.title}能连上", lambda: _reach(target))
    seen = answers.destinations(house.store.read()).get(target.name, {})
    offset = float(seen.get("clock_offset_seconds") or 0.0)
    yield _line(
        f"clock-{target.name}",
        abs(offset) <= MOST_OFFSET_SECONDS,
        f"电脑时间和平台相差 {abs(offset):.0f} 秒",
        clock_warning(offset),
    )
    options = target.options
    if options.get("dicom_host") and options.get("dicom_port") and pushes_images(target):
        peer = Peer(
            host=str(options["dicom_host"]),
            port=int(options["dicom_port"]),
            called_ae=str(options.get("dicom_ae_title", "")),
            calling_ae=str(options.get("calling_ae_title", "")),
            name=target.title,
        )
        yield _tried(f"dicom-{target.name}", f"{target.title}的影像端口能连上", lambda: echo(peer))


def clock_warning(offset_seconds: float) -> str:
    """What a person is told when the PC's clock is too far from the platform's; "" while it is not."""
    if abs(offset_seconds) <= MOST_OFFSET_SECONDS:
        return ""
    return f"电脑时间和平台相差 {abs(offset_seconds):.0f} 秒，请校准电脑时间；上传按平台的时间，不受影响"


def _reach(target: Target) -> None:
    """Any reply at all shows that the address is right and somebody listens."""
    target.http.send("GET", target.url("/"))


def _tried(name: str, good: str, act: Callable[[], object]) -> Json:
    started = time.monotonic()
    try:
        act()
    except AgentError as error:
        return {"name": name, "ok": False, "title": error.title, "advice": error.advice, "details": error.details}
    return {"name": name, "ok": True, "title": good, "advice": "", "details": f"{time.monotonic() - started:.2f} s"}


def _line(name: str, ok: bool, good: str, bad: str, *, details: str = "") -> Json:
    return {"name": name, "ok": ok, "title": good if ok else bad, "advice": "" if ok else bad, "details": details}
