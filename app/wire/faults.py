"""What can happen on a line, in words for a person. Says nothing about what the other side answered."""

from __future__ import annotations

import socket
import ssl

from app.errors import RetryLater

WAIT = "正在自动重试，您不用管"
CLOCK = "正在自动重试。一直不行时，请核对电脑的日期时间，再请工程师看看证书"


class LineCut(RetryLater):
    """The line failed; `maybe_received` says whether the other side may have the whole request all the same."""

    def __init__(self, title: str, advice: str, *, maybe_received: bool, details: str = "") -> None:
        arrived = "对方可能已经收到这次请求" if maybe_received else "这次请求没有送到"
        super().__init__(title, advice, details=f"{arrived}；{details}" if details else arrived)
        self.maybe_received = maybe_received


def line_fault(error: BaseException, name: str, *, maybe_received: bool) -> LineCut:
    """Translate what a socket raised; `name` is how a person calls the other side."""
    for kind, title, advice in _WORDS:
        if isinstance(error, kind):
            return LineCut(title.format(name=name), advice, maybe_received=maybe_received, details=_brief(error))
    return LineCut(f"{name}连不上", WAIT, maybe_received=maybe_received, details=_brief(error))


_WORDS: tuple[tuple[type[BaseException], str, str], ...] = (
    (ssl.SSLError, "{name}的加密连接没有建立", CLOCK),
    (socket.gaierror, "找不到{name}的地址", "正在自动重试。一直不行时，请核对地址和网络"),
    (ConnectionRefusedError, "{name}连不上，对方没有开门", WAIT),
    (TimeoutError, "{name}太久没有回应", WAIT),
    (ConnectionError, "和{name}的连接中途断了", WAIT),
    (OSError, "{name}连不上", WAIT),
)


def _brief(error: BaseException) -> str:
    """Kind and system number only: messages of libraries may quote the address with its tokens."""
    number = getattr(error, "errno", None)
    return f"{type(error).__name__} {number}" if number is not None else type(error).__name__
