"""Devices (设备): what each source sent, how its names are read, what it leaves out, whether it is missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles

from app.domain.times import CST
from app.engine.face import Json
from app.engine.gateway import Gateway
from app.engine.house import House
from app.engine.silence import LEARNED_FROM, Silence, habit, is_over, silence, watch_words
from app.errors import AgentError, NeedsOperator
from app.intake import names
from app.intake.readings import TITLES, title_of
from app.store import Tx, sources
from app.store.sources import Device, Hour, Sample
from app.store.times import kept
from app.system.network import own_addresses
from app.wire.dicom_association import Peer
from app.wire.dicom_send import echo
from app.wire.receiving import AssociationChange

_AE, _FOLDER = "ae:", "folder:"
_LOOK_EVERY = timedelta(seconds=60)
_SLEPT = timedelta(minutes=5)
_MISSING = (
    ("AccessionNumber", "检查号", "program"),
    ("BodyPartExamined", "身体部位", "person"),
    ("PatientID", "患者编号", "person"),
    ("PatientSex", "性别", "id_card"),
    ("PatientBirthDate", "出生日期", "id_card"),
)
"""What a form wants from a device, and who puts it in where the device leaves it out."""
_FEWEST_SAMPLES = 3
_FARTHEST_CLOCK = timedelta(hours=12)
_UNSTEADY = timedelta(minutes=2)


# -- watching ---------------------------------------------------------------------------------------------------------


class Watch:
    """Looks once a minute whether a device that usually sends now is silent. `look` is called by the clock's thread."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._looked_at: datetime | None = None
        self._awake_since = house.clock.now()

    def look(self, now: datetime) -> None:
        """A PC that slept heard nothing meanwhile: what it missed is not the device's silence."""
        if self._looked_at is not None and now - self._looked_at < _LOOK_EVERY:
            return
        if self._looked_at is not None and now - self._looked_at > _SLEPT:
            self._awake_since = now
        self._looked_at = now
        for device in sources.devices(self._house.store.read()):
            self._look_at(device, now)

    def _look_at(self, device: Device, now: datetime) -> None:
        """Once missed it stays so over lunch: until an image, 今天不用它 or the end of its hours."""
        hours = sources.hours(self._house.store.read(), device.source, now - LEARNED_FROM)
        found = silence(hours, last_at=device.last_at, awake_since=self._awake_since, now=now)
        muted, missed = _is_muted(device, now), device.quiet_since is not None
        if found is not None and not missed and not muted:
            self._house.store.write(lambda tx: _tell(tx, device.source, found, now))
        elif missed and (muted or is_over(hours, now) or (device.quiet_since or now) < _midnight(now)):
            self._house.store.write(lambda tx: sources.set_quiet(tx, device.source, None, ""))


def _tell(tx: Tx, source: str, found: Silence, now: datetime) -> None:
    low, high = found.an_hour
    amount = f"{low}–{high}" if low != high else f"{low}"
    usually = f"平时这个时段每小时 {amount} 幅" if high else "平时这个时段有影像"
    sources.set_quiet(tx, source, found.since or _midnight(now), usually)


def _midnight(now: datetime) -> datetime:
    return now.astimezone(CST).replace(hour=0, minute=0, second=0, microsecond=0)


def quiet_rows(house: House) -> list[Json]:
    """One row of "needs you" per missed device."""
    now = house.clock.now()
    return [
        {
            "uid": device.source,
            "exam_key": "",
            "state": "device_quiet",
            "title": f"{name_of(device)} {_since_words(device, now)}",
            "who": name_of(device),
            "what": _since_words(device, now),
            "why": f"{device.quiet_words}，请看设备是否关机",
            "since": kept(device.quiet_since or now),
            "since_is": "quiet",
            "turn": "technician",
            "action": "device",
        }
        for device in sources.quiet_devices(house.store.read())
        if not _is_muted(device, now) and device.quiet_since and device.quiet_since >= _midnight(now)
    ]


def _since_words(device: Device, now: datetime) -> str:
    since = device.quiet_since
    if since is None or since.astimezone(CST) <= _midnight(now):
        return "今天还没有来图"
    here = since.astimezone(CST)
    return f"{'上午' if here.hour < 12 else '下午' if here.hour < 18 else '晚上'} {here:%H:%M} 后没有来图"


def _is_muted(device: Device, now: datetime) -> bool:
    return device.muted_until is not None and device.muted_until > now


# -- the page ---------------------------------------------------------------------------------------------------------


def devices(house: House, gateway: Gateway) -> Json:
    """See `face.py`. Devices by name, the missed ones first, callers that were turned away last."""
    now = house.clock.now()
    known = _known(house)
    rows = [_shown(house, device, now) for device in known if device.last_at or not device.refused_at]
    order = {"quiet": 0, "fine": 1, "new": 1, "resting": 2}
    rows.sort(key=lambda row: (order[row["state"]], row["name"]))
    listening = gateway.dicom_status()
    return {
        "devices": rows,
        "refused": [
            {
                "source": device.source,
                "ae_title": device.source.removeprefix(_AE),
                "address": device.address,
                "at": kept(device.refused_at),
                "why": device.refused_why,
                "can_allow": _can_allow(house, device),
            }
            for device in known
            if device.refused_at and (device.last_at is None or device.refused_at > device.last_at)
        ],
        "listening": listening | {"addresses": list(own_addresses())},
        "decodings": [{"charset": charset, "title": title} for charset, title in TITLES.items()],
        "quiet_seconds": house.settings.intake.quiet_seconds,
    }


def _known(house: House) -> list[Device]:
    """Every source of the index, and the watched folders from which nothing came yet."""
    found = sources.devices(house.store.read())
    have = {device.source for device in found}
    folders = [f"{_FOLDER}{path}" for path in house.settings.intake.folders]
    return found + [_unheard(source) for source in folders if source not in have]


def _unheard(source: str) -> Device:
    return Device(
        source=source,
        shown_name="",
        address="",
        last_at=None,
        image_count=0,
        refused_at=None,
        refused_why="",
        charset="",
        charset_at=None,
        muted_until=None,
        quiet_since=None,
        quiet_words="",
    )


def name_of(device: Device) -> str:
    """What people call it; without that its AE title or the folder's own name."""
    own = device.source.partition(":")[2]
    return device.shown_name or (Path(own).name or own if device.source.startswith(_FOLDER) else own)


def shown_name(house: House, source: str) -> str:
    """What people call the device behind a source; "" for what came by hand."""
    found = next((device for device in _known(house) if device.source == source), None)
    return name_of(found) if found else ""


def _shown(house: House, device: Device, now: datetime) -> Json:
    conn = house.store.read()
    hours = sources.hours(conn, device.source, now - LEARNED_FROM)
    samples = sources.samples(conn, device.source)
    kind = "folder" if device.source.startswith(_FOLDER) else "dicom"
    own = device.source.partition(":")[2]
    used = _decoding_used(samples)
    quiet = _quiet(device, now)
    return {
        "source": device.source,
        "name": name_of(device),
        "kind": kind,
        "ae_title": own if kind == "dicom" else "",
        "address": device.address,
        "path": own if kind == "folder" else "",
        "last_at": kept(device.last_at) if device.last_at else None,
        "last_words": _last_words(device, hours, now),
        "days": [{"day": day, "count": count} for day, count in sources.days(hours, now)],
        "decoding": title_of(device.charset) or title_of(used) or used,
        "decoding_chosen_by": "person" if device.charset else "program" if used else "",
        "decoding_chosen_at": kept(device.charset_at) if device.charset_at else None,
        "missing": missing(samples),
        "clock_offset_seconds": clock_offset(samples),
        "quiet": quiet,
        "watch_words": watch_words(hours, now.astimezone(CST).date()),
        "state": "quiet" if quiet else _state(device, hours, now),
    }


def _quiet(device: Device, now: datetime) -> Json | None:
    if device.quiet_since is None or _is_muted(device, now) or device.quiet_since < _midnight(now):
        return None
    return {"since": kept(device.quiet_since), "title": _since_words(device, now), "usually": device.quiet_words}


def _state(device: Device, hours: Sequence[Hour], now: datetime) -> str:
    usual = habit(hours, now.astimezone(CST).date())
    came_today = device.last_at is not None and device.last_at >= _midnight(now)
    if _is_muted(device, now) or (usual.known and not usual.hours and not came_today):
        return "resting"
    return "fine" if usual.known or came_today else "new"


def _last_words(device: Device, hours: Sequence[Hour], now: datetime) -> str:
    """What stands under the time of the last image where its age says less."""
    if device.last_at is None:
        return "还没有来过影像"
    if _is_muted(device, now):
        return "今天不用它"
    usual = habit(hours, now.astimezone(CST).date())
    rests = usual.known and not usual.hours and device.last_at < _midnight(now)
    return f"周{'一二三四五六日'[now.astimezone(CST).weekday()]}通常不开机" if rests else ""


def _decoding_used(samples: Sequence[Sample]) -> str:
    """How most of its names beyond ASCII were read; the declared set where they are all in letters."""
    read = [names.decode(each.name_raw.rstrip(b" \0"), each.charset).charset_used for each in samples if each.name_raw]
    written = [each for each in read if each not in (names.ASCII, "")]
    return Counter(written or [each for each in read if each]).most_common(1)[0][0] if any(read) else ""


def missing(samples: Sequence[Sample]) -> list[Json]:
    """What most of its newest studies do not say, and who fills it: "program", "id_card" or "person". Pure."""
    newest = samples[:10]
    if len(newest) < _FEWEST_SAMPLES:
        return []
    return [
        {"label": label, "filled_by": who}
        for keyword, label, who in _MISSING
        if 2 * sum(not each.header.get(keyword, "").strip() for each in newest) > len(newest)
    ]


def clock_offset(samples: Sequence[Sample]) -> float | None:
    """Seconds by which the device's clock is ahead of ours (behind: negative), None where it can't be told. Pure.

    An image is sent some time after it was taken: those that came fastest tell the clock. Where even these differ by
    minutes (a folder filled once a day, a backfill) nothing is said.
    """
    differences = sorted(
        difference.total_seconds()
        for each in samples
        if (taken_at := _taken_at(each.header)) is not None
        and abs(difference := taken_at - each.first_at) < _FARTHEST_CLOCK
    )
    if len(differences) < _FEWEST_SAMPLES:
        return None
    fast = quantiles(differences, n=4, method="inclusive")
    return None if differences[-1] - fast[1] > _UNSTEADY.total_seconds() else round(fast[2], 1)


def _taken_at(header: dict[str, str]) -> datetime | None:
    for day, time in (("ContentDate", "ContentTime"), ("AcquisitionDate", "AcquisitionTime")):
        text = header.get(day, "").replace(".", "")[:8] + header.get(time, "").replace(":", "")[:6]
        try:
            return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=CST).astimezone(UTC)
        except ValueError:
            continue
    return None


# -- what a person does -----------------------------------------------------------------------------------------------


def name_device(house: House, source: str, name: str) -> None:
    _known_source(house, source)
    house.store.write(lambda tx: sources.set_name(tx, source, name.strip()[:32]))


def mute_device(house: House, source: str) -> None:
    """今天不用它: not missed until tomorrow."""
    _known_source(house, source)
    tomorrow = _midnight(house.clock.now()) + timedelta(days=1)
    house.store.write(lambda tx: sources.mute(tx, source, tomorrow))


def choose_decoding(house: House, source: str, charset: str) -> None:
    """Names of this device that declare nothing sure are read so from now on; "" asks a person each time again."""
    _known_source(house, source)
    if charset and not title_of(charset):
        raise NeedsOperator("没有这种编码", "可以用：" + "、".join(TITLES))
    now = house.clock.now()
    house.store.write(lambda tx: sources.set_decoding(tx, source, charset, "person", now=now))


def allow_caller(house: House, source: str) -> list[str]:
    """The callers to be allowed with this one among them. Raises `NeedsOperator` where that would not help."""
    device = _known_source(house, source)
    if not _can_allow(house, device):
        raise NeedsOperator("这台设备不是因为名单被拒绝的", f"原因：{device.refused_why or '没有被拒绝'}", page="dicom")
    return [*house.settings.dicom.allowed_callers, source.removeprefix(_AE)]


def _can_allow(house: House, device: Device) -> bool:
    """Only a caller that the list of AE titles keeps out; a wrong address or called AE title is mended elsewhere."""
    allowed = house.settings.dicom.allowed_callers
    own = device.source.removeprefix(_AE)
    kept_out = device.refused_at is not None and device.refused_why != AssociationChange.REFUSED_QUERY.value
    return bool(allowed) and device.source.startswith(_AE) and own not in allowed and kept_out


def _known_source(house: House, source: str) -> Device:
    found = next((device for device in _known(house) if source in (device.source, name_of(device))), None)
    if found is None:
        raise NeedsOperator("没有这台设备", "请在设备页里看它的名称")
    return found


# -- testing ----------------------------------------------------------------------------------------------------------


def tested(house: House, gateway: Gateway, name: str) -> Json:
    """What can be known from here, done now: {"steps": [...]}; see `face.py`."""
    device = _known_source(house, name)
    steps = _folder_steps if device.source.startswith(_FOLDER) else _port_steps
    return {"source": device.source, "name": name_of(device), "steps": list(steps(house, gateway, device))}


def _port_steps(house: House, gateway: Gateway, device: Device) -> Iterator[Json]:
    now = house.clock.now()
    status = gateway.dicom_status()
    listening = bool(status["listening"])
    if not listening:
        yield _step(False, f"本机 DICOM 端口 {status['port']} 没有打开", str(status["trouble"]), now)
        yield _step(None, "请您：在设置里换一个端口，或请工程师看", "端口打开以前，所有设备都发不进来", None)
        return
    yield _step(True, f"本机 DICOM 端口 {status['port']} 正在监听", "", now)
    yield _others(house, device, now)
    if device.last_at and device.last_at >= _midnight(now):
        yield _step(True, f"{name_of(device)} 今天来过影像", "", device.last_at)
    if device.refused_at and (device.last_at is None or device.refused_at > device.last_at):
        yield _step(False, f"{name_of(device)} 来过，被拒绝了", device.refused_why, device.refused_at)
    yield from _echoed(house, device, name_of(device))
    yield _step(None, f"请您：到 {name_of(device)} 前看是否开机；已开机就在设备上点一次“发送测试”", "", None)


def _others(house: House, device: Device, now: datetime) -> Json:
    """Whether other devices came through the same port today."""
    came = [
        other
        for other in sources.devices(house.store.read())
        if other.source.startswith(_AE) and other.source != device.source and other.last_at
        if other.last_at >= _midnight(now)
    ]
    if not came:
        return _step(None, "今天还没有别的设备发来影像", "所以还说不准是不是只有它不通", None)
    newest = max(other.last_at for other in came if other.last_at)
    shown = "、".join(name_of(other) for other in came[:3]) + ("等" if len(came) > 3 else "")
    return _step(True, f"{shown} 今天{'都' if len(came) > 1 else ''}能发来影像", "说明本机接收正常", newest)


def _echoed(house: House, device: Device, shown: str, call: Callable[[Peer], object] = echo) -> Iterator[Json]:
    """A C-ECHO where the settings know a port for its AE title; a device that only sends has none to be asked at."""
    own = device.source.removeprefix(_AE)
    pacs = next((one for one in house.settings.dicom.pacs if one.ae_title == own), None)
    if pacs is None:
        if device.address:
            detail = "设备只往外发，没有端口可问；换过网络时请核对设备里填的本机地址"
            yield _step(None, f"上次从 {device.address} 发来，从这边问不到它", detail, None)
        return
    peer = Peer(
        host=pacs.host,
        port=pacs.port,
        called_ae=pacs.ae_title,
        calling_ae=house.settings.dicom.ae_title,
        name=shown,
        connect_seconds=3.0,
        reply_seconds=5.0,
    )
    try:
        call(peer)
    except AgentError as error:
        yield _step(False, f"{pacs.host} 没有应答", f"{error.title}。{error.advice}", house.clock.now())
        return
    yield _step(True, f"{pacs.host} 有应答", "", house.clock.now())


def _folder_steps(house: House, gateway: Gateway, device: Device) -> Iterator[Json]:
    now, path = house.clock.now(), device.source.removeprefix(_FOLDER)
    status = next((each for each in gateway.folder_status() if each["path"] == path), None)
    if status is None:
        yield _step(False, "这个文件夹现在没有被监视", "可以点“添加设备或文件夹”把它加回来", now)
        return
    there = Path(path).is_dir()
    if not there or not status["ok"]:
        yield _step(False, "文件夹打不开", str(status["trouble"]) or f"找不到 {path}", now)
        yield _step(None, "请您：看共享盘是否连着、文件夹是否改了名", "", None)
        return
    yield _step(True, "文件夹打得开，正在监视", path, now)
    if status.get("waiting"):
        yield _step(True, f"{status['waiting']} 个文件等着收", "写完、不再变化就会收进来", now)
    if device.last_at:
        yield _step(True, "上次从这里收到影像", "", device.last_at)
    yield _step(None, f"请您：在 {name_of(device)} 上往这个文件夹导出一幅，看它来不来", "", None)


def _step(ok: bool | None, title: str, detail: str, at: datetime | None) -> Json:
    return {"ok": ok, "title": title, "detail": detail, "at": kept(at) if at else None}
