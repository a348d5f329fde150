"""What the DICOM port does with one C-STORE: take it in, and answer success only when it is durable."""

from __future__ import annotations

import logging
from collections.abc import Callable

from app.domain.times import Clock
from app.errors import AgentError, RetryLater
from app.intake.header import NotDicom
from app.intake.take import Taken, Taker, source_of
from app.store import Store, files, sources
from app.wire.receiving import OUT_OF_RESOURCES, PROCESSING_FAILURE, SUCCESS, AssociationEvent, StoreRequest

log = logging.getLogger("app.intake")
CANNOT_UNDERSTAND = 0xC000


class Port:
    """The handlers of the receiver. `on_taken(Taken)` is called after an image was indexed, before the answer."""

    def __init__(self, store: Store, taker: Taker, clock: Clock, on_taken: Callable[[Taken], object]) -> None:
        self._on_taken = on_taken
        self._store = store
        self._taker = taker
        self._clock = clock
        self._addresses: dict[str, str] = {}
        self.trouble = ""

    def on_store(self, request: StoreRequest) -> int:
        """The C-STORE status (PS3.4 B.2.3): 0000 durable and indexed, A700 no room, C000 unusable."""
        try:
            taken = self._taker.take_request(request)
            self._on_taken(taken)
        except NotDicom as error:
            self._set_aside(request, error)
            return CANNOT_UNDERSTAND
        except RetryLater as error:
            if self.trouble != error.title:
                log.warning("the port refuses images: %s", error.title)
            self.trouble = error.title
            return OUT_OF_RESOURCES
        except AgentError as error:
            log.error("an image could not be taken in: %s (%s)", error.title, error.details)
            return PROCESSING_FAILURE
        self.trouble = ""
        return SUCCESS

    def on_association(self, event: AssociationEvent) -> None:
        """The address that a device calls from is kept; a caller that is turned away too, with why."""
        source, address, now = source_of(event.source), event.source.address, self._clock.now()
        if event.refused:
            self._store.submit(
                lambda tx: sources.note_refusal(tx, source, event.change.value, address=address, now=now)
            )
        elif self._addresses.get(source) != address:
            self._addresses[source] = address
            self._store.submit(lambda tx: sources.note_address(tx, source, address))

    def _set_aside(self, request: StoreRequest, error: NotDicom) -> None:
        name = f"{request.source.calling_ae}/{request.sop_instance_uid}"
        now, size = self._clock.now(), len(request.data_set)
        self._store.submit(
            lambda tx: files.set_aside(
                tx,
                name,
                size,
                error.title,
                error.advice,
                request.source.calling_ae,
                now=now,
            )
        )
