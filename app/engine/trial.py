"""The connection test (连接测试) of one destination: every interface in use, each answer in plain words with its turn.

Writes nothing at the platform and nothing here: an empty record is offered, which no platform takes. Whatever the
platform doesn't tell stays "not known", never green.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from app.catalogue.questions import load_setup
from app.delivery.target import Target
from app.domain.job import PART_WORDS, TURN_WORDS, Turn
from app.domain.settings import DestinationSettings, Settings
from app.domain.times import CST, Clock
from app.domain.verdict import Verdict
from app.engine.face import Json
from app.engine.fetches import is_loopback, is_needed
from app.engine.house import House
from app.engine.questions import letter_line
from app.engine.settings import kept_secrets, read_answers, secret_name
from app.engine.targets import build_target, fetcher_of, first_of, pushes_images
from app.errors import AgentError, NeedsOperator
from app.regions.conversation import Batch, HttpRequest
from app.store import days
from app.system.network import host_name, own_addresses
from app.wire.dicom_association import Peer
from app.wire.dicom_send import echo
from app.wire.faults import LineCut
from app.wire.http_client import HttpClient, HttpReply

MOST_OFFSET_SECONDS = 60.0
_CONNECT_SECONDS, _REPLY_SECONDS = 5.0, 15.0
_INTERFACES = {**{part.value: words for part, words in PART_WORDS.items()}, "reconcile": "对账"}
_NOT_REACHED = "地址通了再测这一项"


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """One destination as it would be; `listening`: whether our file service is open now."""

    house: House
    settings: Settings
    target: Target
    clock: Clock
    listening: bool

    def steps(self) -> Iterator[Json]:
        reply, reached = self._reached()
        yield reached
        if reply is None:
            yield from (_skipped(name, title) for name, title in (("clock", "电脑时间"), ("key", "机构编码与密钥")))
        else:
            yield self._clock_step(reply)
            yield self._key()
            yield self._interfaces()
        if pushes_images(self.target) and self.target.options.get("dicom_host"):
            yield self._dicom()
        if reply is not None and self.target.can("reconcile"):
            yield self._reconcile()
        if is_needed(self.target):
            yield self._files()
        if fetcher_of(self.target) is not None:
            yield self._images_fetched()

    def _reached(self) -> tuple[HttpReply | None, Json]:
        started = time.monotonic()
        try:
            reply = self.target.http.send("GET", self.target.url("/"))
        except AgentError as error:
            advice = "请核对地址有没有抄错、网线通不通；都对，就请平台工程师放行这台电脑的 IP"
            if isinstance(error, NeedsOperator):
                advice = error.advice
            wrong = _step("http", self._address, Turn.TECHNICIAN, error.title, advice, error.details, started)
            return None, {**wrong, "page": "destination"}
        return reply, _step("http", self._address, None, "能连上", "", self.target.base_url, started)

    @property
    def _address(self) -> str:
        """How the region calls the address."""
        asked = load_setup(self.target.region.name).questions
        return next(one.label for one in asked if one.key == "base_url")

    def _clock_step(self, reply: HttpReply) -> Json:
        if reply.date is None:
            return _unknown("clock", "电脑时间", "平台没有说它的时间", "请看一眼电脑右下角的时间对不对")
        offset = (reply.date - self.clock.now()).total_seconds()
        if abs(offset) <= MOST_OFFSET_SECONDS:
            return _step("clock", "电脑时间", None, f"与平台相差 {abs(offset):.0f} 秒", "")
        advice = "请校准电脑的日期和时间；上传时程序会按平台的时间，不受影响"
        return _step("clock", "电脑时间", Turn.TECHNICIAN, f"与平台相差 {abs(offset):.0f} 秒", advice)

    def _key(self) -> Json:
        """An empty record, wrapped as a real one: whoever says what is missing in it could read it."""
        title = "机构编码与密钥"
        asked = load_setup(self.target.region.name)
        name = asked.probe
        if not name:
            return _unknown("key", title, "平台没有能试的接口", "第一例上传时就知道")
        started = time.monotonic()
        request = cast(HttpRequest, first_of(self.target, name))
        try:
            stamp = self.target.stamp(self.house.store, self.clock.now())
            wired = self.target.adapter.wrap(request, json.dumps(request.body).encode("ascii"), stamp)
            url = self.target.url(request.path)
            reply = self.target.http.send("POST", url, headers=wired.headers, body=wired.body)
        except AgentError as error:
            return _fault("key", title, error, started)
        judged, _ = self.target.judge.http(reply, request.reply, name)
        trouble = judged.trouble
        words = f"{trouble.code} {trouble.words}".strip()
        if re.search(asked.probe_words, trouble.words):  # first: its list of fields quotes every word there is
            return _step("key", title, None, "平台读懂了测试请求，没有写入数据", "", "", started)
        if judged.verdict is Verdict.FIX_SETTINGS:
            wrong = _step("key", title, trouble.turn, trouble.title, trouble.advice, words, started)
            return {**wrong, "page": "destination"}
        if judged.verdict in (Verdict.FIX_FORM, Verdict.REJECT, Verdict.ACCEPT):
            return _unknown("key", title, "平台应答了，看不出密钥对不对", "第一例上传时就知道", words)
        return _step(
            "key", title, Turn.AUTOMATIC, trouble.title, "过一会儿点“全部重测”；不影响继续设置", words, started
        )

    def _path_of(self, part: str) -> str:
        """Where it goes, "" for what goes by DICOM alone."""
        first = first_of(self.target, part)
        if isinstance(first, HttpRequest):
            return first.path
        return self._paths.get(first.step if isinstance(first, Batch) else part, "")

    @property
    def _paths(self) -> Mapping[str, str]:
        return {**self.target.region.options["paths"], **self.target.options.get("paths", {})}

    def _interfaces(self) -> Json:
        """Whether there is anything at the paths; asked without a body, so nothing can be written."""
        started = time.monotonic()
        paths = {part: self._path_of(part) for part in self.target.adapter.parts}
        paths |= {name: self._paths.get(name, "") for name in self.target.adapter.capabilities if name not in paths}
        used = [name for name in _INTERFACES if paths.get(name)]
        title = " · ".join(_INTERFACES[name] for name in used)
        absent: list[str] = []
        for name in used:
            try:
                reply = self.target.http.send("GET", self.target.url(paths[name]))
            except AgentError as error:
                return _fault("interfaces", title, error, started)
            if reply.status == 404:
                absent.append(f"{_INTERFACES[name]} {paths[name]}")
        if absent:
            advice = "请把这一项复制给平台工程师，核对接口路径"
            return _step("interfaces", title, Turn.ENGINEER, "平台上没有这个接口", advice, "、".join(absent), started)
        return _step("interfaces", title, None, "接口在，没有写入数据", "", "", started)

    def _dicom(self) -> Json:
        started, options = time.monotonic(), self.target.options
        peer = Peer(
            host=str(options["dicom_host"]),
            port=int(options.get("dicom_port", 0)),
            called_ae=str(options.get("dicom_ae_title", "")),
            calling_ae=str(options.get("calling_ae_title", "")),
            name="平台的影像端口",
            connect_seconds=_CONNECT_SECONDS,
            reply_seconds=_REPLY_SECONDS,
            page="destination",
        )
        details = f"{peer.host}:{peer.port} {peer.called_ae}"
        if not peer.port or not peer.called_ae:
            step = _step("dicom", "影像推送 DICOM", Turn.TECHNICIAN, "端口或 AE 标题还没有填", "请补上再测", details)
            return {**step, "page": "destination"}
        try:
            echo(peer)
        except LineCut as error:
            advice = "请核对影像推送的地址和端口；都对，就请平台工程师放行这台电脑的 IP"
            step = _step("dicom", "影像推送 DICOM", Turn.TECHNICIAN, error.title, advice, details, started)
            return {**step, "page": "destination"}
        except NeedsOperator as error:
            advice = error.advice
            if error.page != peer.page:  # our own title is what it does not take
                advice = f"请把 AE 标题“{peer.calling_ae}”告诉平台工程师，请他加入允许名单；或改成平台分配给您的名称"
            step = _step("dicom", "影像推送 DICOM", Turn.TECHNICIAN, error.title, advice, error.details, started)
            return {**step, "page": error.page}
        except AgentError as error:
            return _fault("dicom", "影像推送 DICOM", error, started)
        return _step("dicom", "影像推送 DICOM", None, "平台答应收影像", "", details, started)

    def _reconcile(self) -> Json:
        """Only what was sent is asked, and by the nightly question alone: here nothing would be worth asking."""
        yesterday = self.clock.now().astimezone(CST).date() - timedelta(days=1)
        known = days.day(self.house.store.read(), self.target.name, yesterday)
        if known is not None and known["asked_at"]:
            at = datetime.fromisoformat(known["asked_at"]).astimezone(CST).strftime("%m-%d %H:%M")
            return _step("reconcile", "对账", None, "平台回答过", "", f"最近一次 {at}")
        return _unknown("reconcile", "对账", "还没有要对的", "第一例上传后，第二天自己对")

    def _files(self) -> Json:
        """As far as this side can know: the address opens our own file service from here."""
        title, base = "平台来取文件", self.settings.files.public_base_url
        if not base:
            step = _step(
                "files", title, Turn.TECHNICIAN, "还没有填平台访问的地址", "请在设置的“收影像”里填文件服务的地址"
            )
            return {**step, "page": "files"}
        host = urlsplit(base).hostname or ""
        if is_loopback(base) and not self.target.practice:
            advice = f"请改成平台够得着的地址，这台电脑是：{'、'.join(own_addresses()) or '没有联网'}"
            return {**_step("files", title, Turn.TECHNICIAN, "平台够不着这个地址", advice, base), "page": "files"}
        if not self.listening or self.settings.files != self.house.settings.files:
            return _unknown("files", title, "文件服务还没有按这个地址打开", "保存设置后会打开，再测一次", base)
        started, passed_on = time.monotonic(), host not in own_addresses()
        outside = "请网络工程师确认：这个地址会转到这台电脑；或请平台工程师从那边打开试一次"
        try:
            if not self.house.provider.own_fetch():
                return _unknown("files", title, "只给平台的地址开，从本机试不了", outside, base)
        except LineCut as error:
            if passed_on:
                return _unknown("files", title, "从本机打不开，也许只能从外面打开", outside, base)
            return {**_fault("files", title, error, started), "page": "files"}
        except AgentError as error:
            return {**_fault("files", title, error, started), "page": "files"}
        return _step("files", title, None, "按这个地址打开了文件服务", "", base, started)

    def _images_fetched(self) -> Json:
        """Whoever comes for the images has to be let in, and to be reached where they are to be sent."""
        subject, query, title = "平台来取影像", self.settings.query, fetcher_of(self.target) or ""
        if title not in query.takers:
            advice = "请在设置的“收影像”里打开“让平台来取”，把它填进“谁可以来取”和“可以送到哪里”"
            step = _step("query", subject, Turn.TECHNICIAN, f"{title or '平台的 AE 标题'}还没有放行", advice)
            return {**step, "page": "query"}
        node = next((node for node in query.nodes if node.ae_title == title), None)
        if node is None:
            return _step("query", subject, None, "已经放行，只能当场取回", "", title)
        started = time.monotonic()
        peer = Peer(
            host=node.host,
            port=node.port,
            called_ae=title,
            calling_ae=self.settings.dicom.ae_title,
            name="平台收影像的端口",
            connect_seconds=_CONNECT_SECONDS,
            reply_seconds=_REPLY_SECONDS,
        )
        try:
            echo(peer)
        except AgentError as error:
            return {**_fault("query", subject, error, started), "page": "query"}
        return _step("query", subject, None, "已经放行，影像送得到", "", f"{node.host}:{node.port} {title}", started)


def try_destination(house: House, answers: Mapping[str, Any], name: str, *, clock: Clock, listening: bool) -> Json:
    """Test the destination `name` as the answers have it ({}: as the settings have it). Raises NeedsOperator for
    answers that can't be taken."""
    settings, given = read_answers(answers, house.settings)
    destination = next((one for one in settings.destinations if one.name == name), None)
    if destination is None:
        raise NeedsOperator("没有这个上传目标", "请先选择平台", page="destination")
    secrets = {**kept_secrets(settings, house.settings, house.home), **given}
    target = build_target(settings, destination, _own(destination, secrets))
    http = HttpClient(
        name="平台", connect_seconds=_CONNECT_SECONDS, read_seconds=_REPLY_SECONDS, reply_seconds=_REPLY_SECONDS
    )
    target.http.close()
    trial = _Trial(house=house, settings=settings, target=replace(target, http=http), clock=clock, listening=listening)
    try:
        steps = list(trial.steps())
    finally:
        http.close()
    return {"name": name, "title": target.title, "steps": steps, "letter": _letter(settings, trial.target, steps)}


def _own(destination: DestinationSettings, secrets: Mapping[str, str]) -> dict[str, str]:
    prefix = secret_name(destination.name, "")
    return {name.removeprefix(prefix): value for name, value in secrets.items() if name.startswith(prefix)}


def _letter(settings: Settings, target: Target, steps: list[Json]) -> str:
    """What the platform's engineer wants to know, to copy into a chat. Never a key."""
    options, clinic = target.options, settings.clinic
    host, port, title = (options.get(key, "") for key in ("dicom_host", "dicom_port", "dicom_ae_title"))
    pushed = [f"影像推送：{host}:{port} AE {title} · 我们的 AE 标题 {options.get('calling_ae_title', '')}"]
    asked = [f"平台来取影像（DICOM Q/R）：我们的 AE 标题 {settings.dicom.ae_title} · 端口 {settings.dicom.port}"]
    fetched = [f"平台来取文件的地址：{settings.files.public_base_url or '未填'}"]
    facts = [
        f"{clinic.name or '机构名称未填'} · 统一社会信用代码 {clinic.uscc or '未填'}"
        f" · 医保机构编码 {clinic.fixmedins_code or '未填'}",
        f"平台：{target.title} · 地址 {target.base_url}",
        *(pushed if pushes_images(target) else ()),
        *(asked if fetcher_of(target) is not None else ()),
        *(fetched if is_needed(target) else ()),
        *((letter_line(target, settings.files.public_base_url),) if target.can("answers") else ()),
        f"电脑 {host_name()} · IP {'、'.join(own_addresses())}",
    ]
    marks = {"ok": "通过", "unknown": "还不知道", "skipped": "没有测"}
    for step in steps:
        result = marks.get(step["state"], f"没通过，{step['turn_words']}")
        facts.append(
            "　".join(part for part in (f"[{result}] {step['subject']}", step["title"], step["details"]) if part)
        )
    return "\n".join(facts)


def _step(
    name: str,
    subject: str,
    turn: Turn | None,
    title: str,
    advice: str,
    details: str = "",
    started: float | None = None,
) -> Json:
    """One line of the list. No turn: it went well."""
    return {
        "name": name,
        "subject": subject,
        "ok": turn is None,
        "state": "ok" if turn is None else {"technician": "you"}.get(turn.value, turn.value),
        "turn": turn.value if turn else "",
        "turn_words": TURN_WORDS[turn] if turn else "",
        "title": title,
        "advice": advice,
        "details": details,
        "ms": None if started is None else round((time.monotonic() - started) * 1000),
        "page": "",
    }


def _unknown(name: str, subject: str, title: str, advice: str, details: str = "") -> Json:
    return {**_step(name, subject, None, title, advice, details), "state": "unknown"}


def _skipped(name: str, subject: str) -> Json:
    return {**_step(name, subject, None, _NOT_REACHED, ""), "ok": False, "state": "skipped"}


def _fault(name: str, subject: str, error: AgentError, started: float) -> Json:
    turn = Turn.TECHNICIAN if isinstance(error, NeedsOperator) else Turn.AUTOMATIC
    step = _step(name, subject, turn, error.title, error.advice, error.details, started)
    return {**step, "page": error.page if isinstance(error, NeedsOperator) else ""}
