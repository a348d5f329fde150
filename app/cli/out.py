"""Where words go: standard output and error, as JSON or as Chinese lines. Survives any console, and none."""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO

from app.cli.streams import Nowhere
from app.engine.face import Json
from app.engine.line import error_as_json
from app.errors import AgentError


class Out:
    """One command's output. A reader that hangs up is no reason to stop working."""

    def __init__(self, *, as_json: bool, verbose: bool = False) -> None:
        self.as_json = as_json
        self.verbose = verbose

    def answer(self, value: Json, lines: list[str]) -> None:
        if self.as_json:
            _write(sys.stdout, _json(value))
        elif lines:
            _write(sys.stdout, "\n".join(lines))

    def trouble(self, error: AgentError, value: Json | None = None) -> None:
        """The sentence for a person on standard error; with --json also the error, beside what was answered."""
        if self.as_json:
            _write(sys.stdout, _json({**(value or {}), "error": error_as_json(error)}))
        _write(sys.stderr, sentence(error))
        if self.verbose:
            said = error_as_json(error)
            _write(sys.stderr, "\n".join(f"  {key}: {said[key]}" for key in said if key not in ("title", "advice")))

    def hint(self, text: str) -> None:
        """Beside the answer, on standard error."""
        _write(sys.stderr, text)

    def event(self, value: Json, line: str) -> None:
        _write(sys.stdout, _json(value) if self.as_json else line)

    def progress(self, line: str) -> None:
        """A line that changes in place where a person looks on, else nothing."""
        if not self.as_json and sys.stderr.isatty():
            _write(sys.stderr, f"\r{line}", end="")

    def progress_ends(self) -> None:
        if not self.as_json and sys.stderr.isatty():
            _write(sys.stderr, "")


def sentence(error: AgentError) -> str:
    """title。advice。"""
    return "。".join(part.rstrip("。") for part in (error.title, error.advice) if part) + "。"


def _json(value: Any) -> str:
    """One line; plain ASCII where the console speaks another encoding than UTF-8."""
    encoding = (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "")
    return json.dumps(value, ensure_ascii=encoding != "utf8")


def _write(stream: TextIO, text: str, end: str = "\n") -> None:
    try:
        stream.write(text + end)
        stream.flush()
    except (OSError, ValueError):  # hung up, or a console window that was closed
        _silence(stream)


def _silence(stream: TextIO) -> None:
    """Nobody reads any more."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is stream:
            setattr(sys, name, Nowhere())
