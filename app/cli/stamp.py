"""盖章 on the terminal: the address to open in a browser, and what became of it."""

from __future__ import annotations

from app.cli.say import moment
from app.engine.face import Json
from app.errors import AgentError, NeedsOperator, Rejected

_NEXT = "没盖好的报告还是原来的。要再盖，请再运行一次同样的命令"


def opened(value: Json) -> list[str]:
    return ["请在这台电脑的浏览器里打开，盖好会自己收下：", value["url"], f"有效期至 {moment(value['expires_at'])}"]


def refused(value: Json) -> list[str]:
    """Why the last one was not taken; another can still be brought."""
    return [f"{value['refused']['title']}。{value['refused']['advice']}"]


def trouble(value: Json, *, stopped: bool) -> AgentError | None:
    """Why the waiting ended without a stamped report."""
    if value["state"] == "stamped" and not value["open"]:
        return None
    if stopped and value["open"]:
        return NeedsOperator("没有等到盖好章的报告", "地址还有效，程序开着就会自己收下")
    if value["refused"]:
        return Rejected(value["refused"]["title"], _NEXT)
    return NeedsOperator("时间过了，没有等到盖好章的报告", _NEXT)
