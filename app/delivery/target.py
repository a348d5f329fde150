"""One destination as delivery works with it: its region, adapter, judge and lines."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from app.catalogue.region import Region
from app.delivery.verdict import Judge
from app.domain.settings import DestinationSettings, Settings
from app.regions.conversation import Adapter, ImageRef, Stamp
from app.store import Store, serials
from app.wire.http_client import HttpClient

_DRAWN_AT_ONCE = 50


@dataclass(kw_only=True)
class Drawn:
    """Serial numbers of one second that are written down as used already: files in a row cost one write a second.

    What is left when the second is over is never used.
    """

    left: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A configured destination (上传目标). `title` is how a person calls it."""

    name: str
    title: str
    base_url: str
    region: Region
    adapter: Adapter
    judge: Judge
    http: HttpClient
    options: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    practice: bool = False
    drawn: Drawn = field(default_factory=Drawn, compare=False)

    def can(self, capability: str) -> bool:
        return capability in self.adapter.capabilities

    @property
    def demands_signature(self) -> bool:
        return bool(self.options.get("demand_signature"))

    @property
    def signs_here(self) -> bool:
        """Its reports are submitted unsigned and wait here: for their doctor's phone, also while the platform has not
        given this clinic what a code needs, or for an import."""
        return self.demands_signature and "signature" in self.region.options

    @property
    def signs_by_phone(self) -> bool:
        """Their doctor scans a code; else the clinic's own system signs."""
        return self.signs_here and self.options.get("sign_by", "qr") == "qr"

    def url(self, path: str, base: str = "") -> str:
        """Under the destination's address, or under the one that the option `<base>_url` has, if it has one."""
        other = str(self.options.get(f"{base}_url") or "") if base else ""
        return (other or self.base_url).rstrip("/") + "/" + path.lstrip("/")

    def stamp(self, store: Store, now: datetime) -> Stamp:
        """For one sending at `now` (the platform's time); its serial number is on the disk before it is used."""
        nonce = secrets.token_hex(16)
        series = self.adapter.serial_series
        if not series:
            return Stamp(now=now, nonce=nonce)
        with self.drawn.lock:
            if not self.drawn.left or self.drawn.left[0] < serials.second_of(now):
                first = int(self.options.get("serial_from", serials.FIRST))
                last = int(self.options.get("serial_to", serials.LAST))
                self.drawn.left = store.write(
                    lambda tx: serials.next_stamps(tx, series, now, first=first, last=last, most=_DRAWN_AT_ONCE)
                )
            return Stamp(now=now, serial=self.drawn.left.pop(0), nonce=nonce)


def options_of(region: Region, destination: DestinationSettings, settings: Settings) -> dict[str, Any]:
    """What the adapter may read: the region's own options as this destination sets them, with the clinic's codes."""
    options = {
        "calling_ae_title": settings.dicom.ae_title,
        "image_takers": settings.query.takers,
        **region.options.get("options", {}),
        **destination.options,
    }
    own = {
        "hospital_code": settings.clinic.uscc,
        "institution_code": settings.clinic.fixmedins_code,
        "storage_uscc": settings.clinic.uscc,
    }
    return options | {name: code for name, code in own.items() if not options.get(name)}


class FileSource(Protocol):
    """Where the driver gets stored files from."""

    def content(self, sha256: str) -> bytes:
        """The bytes of a stored file (a report PDF). Raises `NeedsOperator` when it is gone."""
        ...

    def link(self, destination: str, exam_key: str, sha256: str) -> str:
        """Its address at the file service. Raises `NeedsOperator` while the file service is off."""
        ...

    def path(self, sha256: str) -> Path:
        """A stored file, to be streamed. Raises `NeedsOperator` when it is gone."""
        ...

    def md5(self, sha256: str) -> str:
        """The MD5 of a stored file, 32 hex digits in lower case. Raises `NeedsOperator` when it is gone."""
        ...

    def zip_link(self, destination: str, exam_key: str) -> str:
        """The address that answers with a ZIP of the exam's images. Raises `NeedsOperator` while that is off."""
        ...

    def image_link(self, destination: str, exam_key: str, ref: ImageRef) -> str:
        """The address of what `image` gives. Raises `NeedsOperator` while the file service is off."""
        ...

    def image_md5(self, ref: ImageRef) -> str:
        """The MD5 of what `image` gives, 32 hex digits in lower case, where it is known without reading; else ""."""
        ...

    def image(self, ref: ImageRef) -> AbstractContextManager[Path]:
        """The file to send: the original, or a copy that carries the minted accession number.

        Raises `FileNotFoundError` when the original is gone.
        """
        ...

    def is_here(self, path: str) -> bool:
        """Whether a stored image (`ImageRef.path`) has its file."""
        ...
