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
from app.regions.conversation import FileRef, HttpRequest, ImageFile, StudyZip


def digest(value: Any) -> str:
    """SHA-256 of a body before it is filled and wrapped: the same content gives the same digest."""
    return hashlib.sha256(_dumps(value, _kept_ref).encode("utf-8")).hexdigest()


def request_digest(request: HttpRequest) -> str:
    """Of all that a request says, never of what is new at each sending: addresses, serial numbers, the time."""
    said: dict[str, Any] = {"path": request.path, "body": request.body}
    if request.parts:
        said["parts"] = [(part.name, part.value, part.file_name) for part in request.parts]
    return digest(said)


def filled(body: Mapping[str, Any], job: Job, files: FileSource) -> bytes:
    """The JSON that is wrapped and sent (三(六) of most documents: UTF-8, no blanks), its files filled in."""
    return _dumps(body, lambda ref: ref_text(ref, job, files)).encode("utf-8")


def ref_text(ref: object, job: Job, files: FileSource) -> str:
    """What is sent in the place of a file's reference, wherever a text stands."""
    if isinstance(ref, StudyZip):
        return files.zip_link(job.destination, ref.exam_key)
    if isinstance(ref, ImageFile) and ref.encoding == "link":
        return files.image_link(job.destination, job.exam_key, ref.image)
    if not isinstance(ref, FileRef) or ref.encoding not in ("base64", "link", "md5", "md5_upper"):
        raise Bug(f"a {type(ref).__name__} in the place of a text")
    if ref.encoding == "link":
        return files.link(job.destination, job.exam_key, ref.sha256)
    if ref.encoding == "base64":
        return base64.b64encode(files.content(ref.sha256)).decode("ascii")
    md5 = files.md5(ref.sha256)
    return md5.upper() if ref.encoding == "md5_upper" else md5


def kept(value: Any) -> Any:
    """A payload as plain JSON for the store; `revived` undoes it."""
    return json.loads(_dumps(value, _kept_ref))


def revived(value: Any) -> Any:
    """A payload from the store with its file references."""
    if isinstance(value, dict):
        if set(value) == {"$file", "encoding"}:
            return FileRef(sha256=value["$file"], encoding=value["encoding"])
        if set(value) == {"$zip", "encoding"}:
            return StudyZip(exam_key=value["$zip"], encoding=value["encoding"])
        return {key: revived(each) for key, each in value.items()}
    if isinstance(value, list):
        return [revived(each) for each in value]
    return value


def _kept_ref(ref: object) -> dict[str, str]:
    if isinstance(ref, FileRef):
        return {"$file": ref.sha256, "encoding": ref.encoding}
    if isinstance(ref, StudyZip):
        return {"$zip": ref.exam_key, "encoding": ref.encoding}
    if isinstance(ref, ImageFile):  # in what is made while sending, which is never kept
        carried = ref.image.accession_number
        return {"$image": ref.image.sha256, "accession_number": carried, "encoding": ref.encoding}
    raise Bug(f"a {type(ref).__name__} in a payload")


def _dumps(value: Any, default: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=default)
