"""The error family: what happened and what to do, in Chinese, and what the engine does next.

AgentError
├── RetryLater     nobody has to do anything: the engine tries again by itself
├── NeedsOperator  the technician mends something: fields of the form, or a page of the settings
├── Rejected       final: the platform's own code and words, for the engineer
└── Bug            our fault: the engineer gets the help bundle
"""

from __future__ import annotations


class AgentError(Exception):
    """Anything a person may read: `title` says what happened, `advice` what to do next, `details` is for the fold."""

    def __init__(self, title: str, advice: str, *, details: str = "") -> None:
        super().__init__(f"{title}。{advice}" if advice else title)
        self.title = title
        self.advice = advice
        self.details = details


class RetryLater(AgentError):
    """The other side or the machine is not ready; `after_seconds` is the least wait that it asked for (0: none)."""

    def __init__(self, title: str, advice: str, *, details: str = "", after_seconds: float = 0.0) -> None:
        super().__init__(title, advice, details=details)
        self.after_seconds = after_seconds


class NeedsOperator(AgentError):
    """A person mends it: `fields` are catalogue keys, `page` a settings page (either may be empty)."""

    def __init__(
        self, title: str, advice: str, *, details: str = "", fields: tuple[str, ...] = (), page: str = ""
    ) -> None:
        super().__init__(title, advice, details=details)
        self.fields = fields
        self.page = page


class Rejected(AgentError):
    """The platform's final no, with its own `code` and `words`."""

    def __init__(self, title: str, advice: str, *, code: str = "", words: str = "", details: str = "") -> None:
        super().__init__(title, advice, details=details)
        self.code = code
        self.words = words


class Bug(AgentError):
    """A state that our own tables exclude."""

    def __init__(self, details: str) -> None:
        super().__init__("程序遇到了没有料到的情况", "请把诊断包发给工程师，数据没有丢", details=details)
