"""The rehearsal beside a clinic's own work (演练一例): in a temporary home of its own, told step by step.

Never touches the clinic's home: index, spool, settings and keys of the rehearsal end with it.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import threading
from pathlib import Path
from typing import Any, cast

from app.engine.face import Face, Json
from app.engine.rehearsal import Rehearsal, can_rehearse
from app.errors import AgentError, Bug, NeedsOperator
from app.system.paths import Home

log = logging.getLogger("app.engine")


class Rehearsing:
    """At most one at a time. `status` may be asked while it runs and afterwards."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._status: Json = {"region": "", "running": False, "ok": False, "steps": [], "trouble": None}

    def start(self, region: str) -> Json:
        """Begin, unless one is running. Raises `NeedsOperator` for a region without a rehearsal."""
        if not can_rehearse(region):
            raise NeedsOperator("这个地区没有演练", "可以跳过这一步，接着设置")
        with self._lock:
            if not self._status["running"]:
                self._status = {"region": region, "running": True, "ok": False, "steps": [], "trouble": None}
                threading.Thread(target=self._play, args=(region,), name="rehearsal", daemon=True).start()
        return self.status()

    def status(self) -> Json:
        with self._lock:
            return {**self._status, "steps": list(self._status["steps"])}

    def _play(self, region: str) -> None:
        trouble: AgentError | None = None
        try:
            with tempfile.TemporaryDirectory(prefix="imaging-agent-rehearsal-", ignore_cleanup_errors=True) as folder:
                self._walk(Home(root=Path(folder)).make(), region)
        except AgentError as error:
            log.info("the rehearsal did not come to its end: %s", error.title)
            trouble = error
        except Exception as error:  # the thread's last resort: a rehearsal must never seem to go on, or to be done
            log.exception("the rehearsal met a bug")
            trouble = Bug(type(error).__name__)
        told = {"title": trouble.title, "advice": trouble.advice, "details": trouble.details} if trouble else None
        self._note(running=False, ok=trouble is None, trouble=told)

    def _walk(self, home: Home, region: str) -> None:
        from app.engine.engine import Engine  # the engine has one of these: the import would be a circle

        rehearsal = Rehearsal(home, region=region, only_one=True)
        with contextlib.closing(rehearsal):
            rehearsal.open()
            engine = Engine(home)
            try:
                engine.start()
                for sentence in rehearsal.scenes(cast(Face, engine)):
                    self._note(step=sentence)
            finally:
                engine.stop()

    def _note(self, step: str = "", **facts: Any) -> None:
        with self._lock:
            self._status |= facts
            if step:
                self._status["steps"].append(step)
