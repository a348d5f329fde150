"""Request bodies: compact JSON with stored files in it, and the digest that tells two bodies apart."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from app.delivery.target import FileSource
from app.domain.job import Job
from app.errors import Bug
from app.regions.conversation import FileRef


def digest(value: Any) -> str:
    """SHA-256 of a body before it is filled and wrapped: the same content gives the same digest."""
    return hashlib.sha256(_dumps(value, _kept_ref).encode("utf-8")).hexdigest()


def filled(body: Mapping[str, Any], job: Job, files: FileSource) -> bytes:
    """The JSON that is wrapped and sent (三(六) of most documents: UTF-8, no blanks), its files filled in."""

    def fill(ref: object) -> str:
        if not isinstance(ref, FileRef):
            raise Bug(f"a {type(ref).__name__} in a request body")
        if ref.encoding == "link":
            return files.link(job.destination, job.exam_key, ref.sha256)
        return base64.b64encode(files.content(ref.sha256)).decode("ascii")

    return _dumps(body, fill).encode("utf-8")


def kept(value: Any) -> Any:
    """A payload as plain JSON for the store; `revived` undoes it."""
    return json.loads(_dumps(value, _kept_ref))


def revived(value: Any) -> Any:
    """A payload from the store with its file references."""
    if isinstance(value, dict):
        if set(value) == {"$file", "encoding"}:
            return FileRef(sha256=value["$file"], encoding=value["encoding"])
        return {key: revived(each) for key, each in value.items()}
    if isinstance(value, list):
        return [revived(each) for each in value]
    return value


def _kept_ref(ref: object) -> dict[str, str]:
    if not isinstance(ref, FileRef):
        raise Bug(f"a {type(ref).__name__} in a payload")
    return {"$file": ref.sha256, "encoding": ref.encoding}


def _dumps(value: Any, default: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=default)
