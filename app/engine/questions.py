"""The query services as the engine has them (平台来查数据): who may ask, whether they can, how the log tells it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from app.delivery import body
from app.delivery.target import Target
from app.domain.job import Job
from app.engine.house import House
from app.regions.conversation import About, Answers
from app.wire.listening import parse_networks

if TYPE_CHECKING:
    from app.provide.query_service import QueryService

WORDS = {
    "asked": "平台来查了",
    "asked_by_stranger": "没放行的地址来查，没有回答",
    "asked_wrongly": "平台来查的请求不对，没有回答",
    "asked_in_vain": "平台来查，没有答出来",
}
"""What is written down of questions, with the words by which the log is searched."""
_THINGS = {About.EXAM: "例检查", About.REPORT: "份报告", About.SERIES: "个影像序列"}
_PAGE = "destination"


def query_service(house: House) -> QueryService:
    from app.provide.query_service import Platform, QueryService  # loads the server's library

    def filled(job: Job, message: str) -> bytes:
        return body.filled(body.revived(job.payload)[message], job, house)

    platforms = [
        Platform(
            name=target.name,
            adapter=cast(Answers, target.adapter),
            region=target.region,
            addresses=parse_networks(addresses_of(target), page=_PAGE),
        )
        for target in answering(house)
    ]
    return QueryService(house.store, house.clock, platforms, filled=filled, image_link=house.provider.image_link)


def answering(house: House) -> list[Target]:
    """The destinations that may ask."""
    return [target for target in house.targets.values() if target.can("answers")]


def addresses_of(target: Target) -> tuple[str, ...]:
    return tuple(cast(Sequence[str], target.options.get("query_addresses", ())))


def paths_of(target: Target) -> list[str]:
    """Where they ask, in the order of the document."""
    asked = cast(Answers, target.adapter)
    paths = {**target.region.options["paths"], **target.options.get("paths", {})}
    return [path for path in paths.values() if asked.asks_about(path)]


def letter_line(target: Target, base_url: str) -> str:
    """For the platform's engineer."""
    sealed = "SM4 加密" if target.options.get("query_envelope") == "sm4" else "明文"
    whence = "、".join(addresses_of(target)) or "还没有放行的地址"
    where = "、".join(paths_of(target))
    return f"平台来查数据：{base_url or '地址未填'} 下的 {where} · POST JSON · {sealed} · 只答 {whence}"


def faults(house: House) -> Iterator[tuple[str, str]]:
    """(destination, what is wrong with its query service); "" for one that is ready."""
    taken: dict[tuple[str, str], str] = {}
    for target in answering(house):
        places = [(path, address) for path in paths_of(target) for address in addresses_of(target)]
        other = next((taken[place] for place in places if place in taken), "")
        if not places:
            yield target.name, "打开了平台来查数据，还没有填谁可以来查，谁也查不了"
        elif other:
            yield target.name, f"来查的地址和“{other}”的相同，查到的只会是“{other}”的，请工程师给一个另外的路径"
        else:
            yield target.name, ""
        taken |= dict.fromkeys((place for place in places if place not in taken), target.name)


# -- as the log tells it (日志) ----------------------------------------------------------------------------------------


def told(house: House, what: str, detail: str) -> tuple[str, str]:
    """(words, detail) of one line."""
    subject, *counts = detail.split("\t")
    times = f"{counts[-1]} 次"
    if what == "asked_by_stranger":
        return WORDS[what], f"{subject} · {times}"
    name, _, rest = subject.partition("/")
    target = house.targets.get(name)
    title = target.title if target else name
    if what == "asked":
        return f"{WORDS[what]} {counts[0]} {_THINGS[About(rest)]}", f"{title} · {times}"
    return WORDS[what], f"{rest} · {title} · {times}"
