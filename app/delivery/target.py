"""One destination as delivery works with it: its region, adapter, judge and lines."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from app.catalogue.region import Region
from app.delivery.verdict import Judge
from app.regions.conversation import Adapter, ImageRef
from app.wire.http_client import HttpClient


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

    def can(self, capability: str) -> bool:
        return capability in self.adapter.capabilities

    def url(self, path: str) -> str:
        return self.base_url.rstrip("/") + "/" + path.lstrip("/")


class FileSource(Protocol):
    """Where the driver gets stored files from."""

    def content(self, sha256: str) -> bytes:
        """The bytes of a stored file (a report PDF). Raises `NeedsOperator` when it is gone."""
        ...

    def link(self, destination: str, exam_key: str, sha256: str) -> str:
        """Its address at the file service. Raises `NeedsOperator` while the file service is off."""
        ...

    def image(self, ref: ImageRef) -> AbstractContextManager[Path]:
        """The file to push: the original, or a copy that carries the minted accession number.

        Raises `FileNotFoundError` when the original is gone.
        """
        ...
