"""Drives one conversation: sends what the adapter yields, journals what was accepted, repeats nothing answered.

A refusal is never replayed; a new round (resend, confirmed miss) asks everything again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from app.delivery import body
from app.delivery.multipart import form
from app.delivery.parallel import in_parallel
from app.delivery.target import FileSource, Target
from app.delivery.unrecorded import Change, Unrecorded
from app.delivery.verdict import judged_error
from app.domain.job import Job
from app.domain.times import Clock
from app.domain.verdict import Judged, Verdict, worst
from app.errors import AgentError, NeedsOperator, RetryLater
from app.regions.conversation import (
    Batch,
    DicomSend,
    FileRef,
    HttpRequest,
    ImageRef,
    Outgoing,
    Pickup,
    Reply,
    Request,
    Wired,
)
from app.store import Store, Tx, answers, jobs
from app.wire.dicom_association import Peer
from app.wire.dicom_send import DicomSender
from app.wire.http_client import REPLY_LIMIT_BYTES, HttpReply

R = TypeVar("R")
Write = Callable[[Change], None]
PAGE = "destination"
"""Where the settings have what a platform is reached by."""
_STOP_BATCH = (Verdict.SLOW_DOWN, Verdict.FIX_SETTINGS)
_MOST_LINES_CUT = 3


def _nothing(tx: Tx) -> None: ...


class NotAccepted(Exception):
    """The conversation ended without acceptance; `judged` says what that means."""

    def __init__(self, judged: Judged) -> None:
        super().__init__(judged.trouble.title)
        self.judged = judged


class NotFetched(Exception):
    """The destination still has to fetch some of these images; the job goes on with the last of them."""

    def __init__(self, request: Pickup) -> None:
        super().__init__(request.step)
        self.request = request


class Interrupted(Exception):
    """The program is stopping; the job goes on at the next start."""


class Courier:
    """Talks to one destination for one job at a time; safe to use from several threads."""

    def __init__(
        self, store: Store, target: Target, clock: Clock, files: FileSource, stopping: threading.Event
    ) -> None:
        self._store = store
        self._target = target
        self._clock = clock
        self._files = files
        self.stopping = stopping
        self.offset_seconds = float(
            answers.destinations(store.read()).get(target.name, {}).get("clock_offset_seconds", 0.0)
        )

    def deliver(self, job: Job) -> dict[str, Any]:
        """The receipt's facts. Raises `NotAccepted` or `Interrupted`."""
        return self.drive(self._conversation(_outgoing(job), job), job)

    def is_answered(self, job: Job) -> bool:
        """The platform took all of it in this round already, and only the receipt is lacking."""
        conversation = self._conversation(replace(_outgoing(job), stamped_pdf=None), job)  # asked anew each time
        reply: Reply | None = None
        try:
            while True:
                request = next(conversation) if reply is None else conversation.send(reply)
                if not isinstance(request, HttpRequest) or request.fresh:
                    return False
                digest = body.request_digest(request)
                earlier = answers.journalled(self._store.read(), job, request.step, request.item, digest)
                if earlier is None:
                    return False
                reply = Reply(data=earlier)
        except StopIteration:
            return True
        except AgentError:  # said when it is sent
            return False
        finally:
            conversation.close()

    def _conversation(self, outgoing: Outgoing, job: Job) -> Generator[Request, Reply, dict[str, Any]]:
        adapter = self._target.adapter
        return adapter.withdraw(outgoing) if job.withdraws else adapter.upload(outgoing)

    def drive(self, conversation: Generator[Request, Reply, R], job: Job) -> R:
        """Run a conversation to its end and return what it returns."""
        reply: Reply | None = None
        step = ""
        try:
            while True:
                request = next(conversation) if reply is None else conversation.send(reply)
                step = request.step
                if self.stopping.is_set():
                    raise Interrupted
                reply = self._answer(request, job)
        except StopIteration as end:
            result: R = end.value
            return result
        except AgentError as error:
            raise NotAccepted(judged_error(error, step)) from error
        finally:
            conversation.close()

    def _answer(self, request: Request, job: Job) -> Reply:
        if isinstance(request, DicomSend):
            return self._push(request, job)
        if isinstance(request, Batch):
            return self._all(request, job)
        if isinstance(request, Pickup):
            return self._fetched(request, job)
        return self._ask(request, job)

    def _ask(self, request: HttpRequest, job: Job, write: Write | None = None, also: Change = _nothing) -> Reply:
        """The accepted answer, from the journal or from the platform; `also` is written together with it.

        It is on the disk on return, or as soon as `write` says.
        """
        digest = body.request_digest(request)
        if not request.fresh:
            earlier = answers.journalled(self._store.read(), job, request.step, request.item, digest)
            if earlier is not None:
                return Reply(data=earlier)
            if answers.journals_another(self._store.read(), job, request.step, request.item, digest):
                self._write(lambda tx: answers.forget_answer(tx, job, request.step, request.item))
        for before in request.first:
            self._ask(replace(before, fresh=True), job)
        reply = self._sent(request, job)
        if reply.date is not None:
            self.offset_seconds = (reply.date - self._clock.now()).total_seconds()
        judged, data = self._target.judge.http(reply, request.reply, request.step)
        if judged.verdict is not Verdict.ACCEPT:
            raise NotAccepted(judged)

        def kept(tx: Tx) -> None:
            now = self._clock.now()
            answers.record(tx, job, request.step, request.item, digest, data, now=now)
            if request.hold:
                answers.hold(tx, job, *request.hold, now=now)
            also(tx)

        if not request.fresh:
            (write or self._write)(kept)
        return Reply(data=data)

    def _write(self, change: Change) -> None:
        self._store.write_surely(change, self.stopping)

    def _sent(self, request: HttpRequest, job: Job) -> HttpReply:
        """Fill, stamp and wrap it at the last moment, and send it."""
        http, url = self._target.http, self._target.url(request.path, request.base)
        limit = request.reply_bytes or REPLY_LIMIT_BYTES
        if request.parts:
            try:
                with form(request.parts, job, self._files) as (content_type, content):
                    headers = {**self._wrapped(request, b"").headers, "Content-Type": content_type}
                    return http.send("POST", url, headers=headers, body=content, reply_limit=limit)
            except FileNotFoundError as error:
                judged = self._target.judge.dicom_trouble("gone", request.item, request.step)
                raise NotAccepted(judged) from error
            except OSError as error:
                raise _unreadable(error) from error
        wired = self._wrapped(request, body.filled(request.body, job, self._files))
        return http.send("POST", url, headers=wired.headers, body=wired.body, reply_limit=limit)

    def _wrapped(self, request: HttpRequest, content: bytes) -> Wired:
        return self._target.adapter.wrap(request, content, self._target.stamp(self._store, self._now()))

    def _now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self.offset_seconds)

    def _push(self, request: DicomSend, job: Job) -> Reply:
        """Every image that the destination does not hold yet; each is recorded before the next is sent."""
        held = answers.held(self._store.read(), job.destination, job.exam_key, job.part.value)
        waiting = [image for image in request.images if held.get(image.sop_instance_uid) != image.sha256]
        total = max(job.total_count, len(waiting))
        if not request.host or not request.port or not request.called_ae:
            raise NeedsOperator("还没有填平台收影像的地址", "请在设置里填平台的 DICOM 地址、端口和 AE 标题", page=PAGE)
        done = max(0, total - len(waiting))
        failures: list[Judged] = []
        if waiting:
            peer = Peer(
                host=request.host,
                port=request.port,
                called_ae=request.called_ae,
                calling_ae=request.calling_ae,
                name=self._target.title,
                page=PAGE,
            )
            with DicomSender(peer) as sender:
                sender.associate([(image.sop_class_uid, image.transfer_syntax_uid) for image in waiting])
                for number, image in enumerate(waiting):
                    if self.stopping.is_set():
                        raise Interrupted
                    if image.sop_instance_uid in held:
                        self._write(lambda tx, uid=image.sop_instance_uid: answers.forget_holding(tx, job, uid))  # type: ignore[misc]
                    judged = self._push_one(sender, image, number % 65535 + 1, request.step)
                    if judged.verdict is Verdict.ACCEPT:
                        done += 1
                        self._record_image(job, image, request.step, done, total)
                    else:
                        failures.append(judged)
                    if judged.verdict in _STOP_BATCH:
                        break
        if failures:
            raise NotAccepted(worst(failures))
        return Reply(data={"sent": len(waiting), "held": len(request.images)})

    def _all(self, batch: Batch, job: Job) -> Reply:
        """Every request whose content the destination does not hold yet, some at a time.

        One refused leaves the others alone; a platform that asks for rest, refuses us altogether or can't be reached
        gets no more. A kill lets at most twice `at_once` requests go once more: those in flight, and as many answered
        ones whose record was on its way to the disk.
        """
        held = answers.held(self._store.read(), job.destination, job.exam_key, job.part.value)
        waiting = [one for one in batch.requests if one.hold is None or held.get(one.hold[0]) != one.hold[1]]
        total = max(job.total_count, len(waiting))
        accepted: set[str] = set()
        outcomes: list[Judged | None] = []

        def one_done(request: HttpRequest) -> bool:
            if self.stopping.is_set():
                return False

            def progress(tx: Tx) -> None:
                accepted.add(request.item)
                jobs.progress(tx, job.id, batch.step, total - len(waiting) + len(accepted), total)

            if request.hold and request.hold[0] in held:
                self._write(lambda tx: answers.forget_holding(tx, job, request.item))
            judged = self._asked_one(request, job, unrecorded.record, progress)
            outcomes.append(judged)
            return judged is None or not (judged.verdict in _STOP_BATCH or _is_dead(outcomes))

        with Unrecorded(self._store, self.stopping, most=batch.at_once) as unrecorded:
            in_parallel(waiting, one_done, at_once=batch.at_once, name=f"deliver-{self._target.name}-image")
        if self.stopping.is_set() and len(outcomes) < len(waiting):
            raise Interrupted
        failures = [judged for judged in outcomes if judged is not None]
        if failures:
            raise NotAccepted(worst(failures))
        return Reply(data={"accepted": len(accepted)})

    def _fetched(self, request: Pickup, job: Job) -> Reply:
        """Nobody waits for a platform to fetch what is not here any more."""
        held = answers.held(self._store.read(), job.destination, job.exam_key, job.part.value)
        lacking = [image for image in request.images if held.get(image.sop_instance_uid) != image.sha256]
        gone = next((image for image in lacking if not self._files.is_here(image.path)), None)
        if gone is not None:
            raise NotAccepted(self._target.judge.dicom_trouble("gone", gone.sop_instance_uid, request.step))
        if lacking:
            raise NotFetched(request)
        return Reply(data={"fetched": len(request.images)})

    def _asked_one(self, request: HttpRequest, job: Job, write: Write, also: Change) -> Judged | None:
        """None when it was accepted, else the verdict with the item's name."""
        try:
            self._ask(request, job, write, also)
        except NotAccepted as refusal:
            judged = refusal.judged
        except AgentError as error:
            judged = judged_error(error, request.step)
        else:
            return None
        return replace(judged, trouble=replace(judged.trouble, items=(request.item,)))

    def _push_one(self, sender: DicomSender, image: ImageRef, message_id: int, step: str) -> Judged:
        try:
            with self._files.image(image) as path:
                reply = sender.store(path, message_id=message_id)
        except FileNotFoundError:
            return self._target.judge.dicom_trouble("gone", image.sop_instance_uid, step)
        except OSError as error:
            raise _unreadable(error) from error
        if reply.status is None:
            return self._target.judge.dicom_trouble("no_context", image.sop_instance_uid, step)
        return self._target.judge.dicom(reply.status, reply.words, image.sop_instance_uid, step)

    def _record_image(self, job: Job, image: ImageRef, step: str, done: int, total: int) -> None:
        def change(tx: Tx) -> None:
            answers.hold(tx, job, image.sop_instance_uid, image.sha256, now=self._clock.now())
            jobs.progress(tx, job.id, step, done, total)

        self._write(change)


def _outgoing(job: Job) -> Outgoing:
    """What an adapter is told of a job."""
    payload = body.revived(job.payload)
    return Outgoing(
        part=job.part.value,
        exam_key=job.exam_key,
        report_key=job.report_key,
        version=job.version,
        exam=payload.get("exam", {}),
        report=payload.get("report", {}),
        images=tuple(ImageRef(**image) for image in payload.get("images", [])),
        index_code=payload.get("index_code", ""),
        previous_index_codes=tuple(filter(None, payload.get("previous_index_code", "").split(","))),
        values=payload.get("values", {}),
        stamped_pdf=FileRef(sha256=stamped) if (stamped := payload.get("stamped_pdf", "")) else None,
    )


def contents(images: Sequence[ImageRef]) -> dict[str, str]:
    """SOP instance UID -> SHA-256."""
    return {image.sop_instance_uid: image.sha256 for image in images}


def _is_dead(outcomes: Sequence[Judged | None]) -> bool:
    """The line failed so many times in a row that it is no fault of a single file."""
    latest = outcomes[-_MOST_LINES_CUT:]
    return len(latest) == _MOST_LINES_CUT and all(judged is not None and judged.transport for judged in latest)


def _unreadable(error: OSError) -> RetryLater:
    """On Windows another program may hold the file for a moment."""
    return RetryLater("影像文件暂时读不了", "正在自动重试，您不用管", details=f"{type(error).__name__} {error.errno}")
