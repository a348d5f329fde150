"""Guizhou (贵州省医保影像云医疗机构影像数据上传及调阅接口规范 V1.4): the conversations, the happy path only.

Chapters 2.1 to 2.5 upload and delete, 2.6 to 2.8 look up (调阅), and 2.6 and 2.7 tell what is there (对账); 1.2 and
the envelope are `national`'s.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any

from app.catalogue.payload import payload, read_payload
from app.catalogue.region import Region
from app.domain.reconciliation import Sent
from app.errors import Rejected, RetryLater
from app.regions import reading
from app.regions.conversation import (
    Batch,
    Conversation,
    DicomSend,
    FileRef,
    FormPart,
    FoundExam,
    FoundImage,
    HttpRequest,
    ImageFile,
    ImageRef,
    Missing,
    Ours,
    Outgoing,
    PatientQuery,
    Reply,
    Request,
)
from app.regions.national import National

_LARGEST_IMAGE_REPLY = 512 * 1024 * 1024
"""Base64 of one file: a large multi-frame image."""


class Guizhou(National):
    """One destination of this region. Pure: everything it wants done it yields."""

    capabilities = frozenset(
        {
            *("withdraw", "images", "index_code", "history", "image_list", "image"),
            *("reconcile", "reconcile_apart", "reconcile_images"),
        }
    )
    parts: tuple[str, ...] = ("exam", "images", "report")
    waits_for: Mapping[str, str] = {"images": "exam", "report": "exam"}
    withdraws_whole = True

    def __init__(self, region: Region, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        super().__init__(region, options, secrets)
        self._by_push = self._choice("image_mode", "http", "dicom") == "dicom"
        self._choice("same_index", "update", "delete_first")
        self._delete_objects = self._choice("delete_input", "strings", "objects") == "objects"
        self._md5 = {"upper": "md5_upper", "lower": "md5"}[self._choice("md5_case", "upper", "lower")]
        self._at_once = self._whole("image_workers", 1, 16)
        self._port = self._whole("dicom_port", 0, 65535)
        self._answers: Mapping[str, Mapping[str, list[str]]] = region.options["answers"]
        self._data_name: str = region.options["replies"]["query"]["items"]

    def upload(self, outgoing: Outgoing) -> Conversation:
        """2.1 the record, 2.2 the images one by one or 2.3 by push, 2.4 the PDF of a report."""
        if outgoing.part == "exam":
            yield self._record(outgoing)
        elif outgoing.part == "report":
            yield self._report(outgoing)
        elif self._by_push:
            yield from self._announced(outgoing)
            yield self._push(outgoing)
        else:
            files = tuple(self._file(outgoing, image) for image in outgoing.images)
            yield Batch(step="image", requests=files, at_once=self._at_once)
        return {"index_code": outgoing.index_code}

    def withdraw(self, outgoing: Outgoing) -> Conversation:
        """2.5: the record, its index and its images go at once."""
        for index_code in (*outgoing.previous_index_codes, outgoing.index_code):
            yield self._deletion(index_code)
        return {"index_code": outgoing.index_code}

    def history(self, query: PatientQuery) -> Generator[Request, Reply, tuple[FoundExam, ...]]:
        """2.6: the indexes of a patient, of all institutions; names and numbers come back masked."""
        reply = yield self._question(
            "history",
            {
                "patient_name": query.name,
                "id_type": query.id_type,
                "id_number": query.id_number,
                "history_from": query.day_from.isoformat(),
                "history_to": query.day_to.isoformat(),
            },
        )
        return tuple(self._found_exam(entry) for entry in self._entries(reply))

    def image_list(self, index_code: str) -> Generator[Request, Reply, tuple[FoundImage, ...]]:
        """2.7: what the province has of an exam in its cache at this moment."""
        reply = yield self._question("image_list", {"index_code": index_code})
        place = self._answers["image_list"]
        return tuple(
            FoundImage(**{key: reading.text(image, place[key]) for key in _UIDS})
            for entry in self._entries(reply)
            for image in reading.objects(reading.found(entry, place["images"]))
        )

    def image(self, index_code: str, image: FoundImage) -> Generator[Request, Reply, bytes]:
        """2.8: one file of that cache, in Base64."""
        uids = {key: getattr(image, key) for key in _UIDS}
        reply = yield self._question(
            "image_content", {"index_code": index_code, **uids}, reply_bytes=_LARGEST_IMAGE_REPLY
        )
        content = "".join(
            reading.text(entry, self._answers["image_content"]["content"]) for entry in self._entries(reply)
        )
        try:
            found = base64.b64decode("".join(content.split()), validate=True)
        except ValueError as error:
            raise reading.unreadable("no Base64") from error
        if not found:
            raise RetryLater("平台这次没有给出这张影像", "可能刚从平台的缓存里移走了，过一会儿再试")
        return found

    def apart(self, ours: Ours) -> tuple[Ours, ...]:
        """By patient, as 2.6 asks."""
        patients: dict[tuple[str, str], list[Sent]] = {}
        for sent in ours.exams:
            patients.setdefault(self._patient(sent), []).append(sent)
        return tuple(replace(ours, exams=tuple(group)) for group in patients.values())

    def reconcile(self, ours: Ours) -> Generator[Request, Reply, Missing]:
        """2.6: which of our indexes the platform lists for these patients on that day. No name: only numbers count."""
        missing: list[str] = []
        for one in self.apart(ours):
            id_type, id_number = self._patient(one.exams[0])
            if not (id_type and id_number and all(sent.index_code for sent in one.exams)):
                raise Rejected("这例没法向平台核对", "记录里读不出证件号码或索引，请复制给工程师")
            asked = PatientQuery(id_type=id_type, id_number=id_number, name="", day_from=ours.day, day_to=ours.day)
            found = yield from self.history(asked)
            if not all(exam.index_code for exam in found):
                raise reading.unreadable("an exam without an index code")
            missing += [
                sent.exam_key
                for sent in one.exams
                if not any(_is_same(exam.index_code, sent.index_code) for exam in found)
            ]
        return Missing(exam_keys=tuple(missing))

    def _patient(self, sent: Sent) -> tuple[str, str]:
        """The document type and number as they went with the record."""
        texts, _ = read_payload(self._region, "exam", sent.record)
        return texts.get("id_type", ""), texts.get("id_number", "")

    def _record(self, outgoing: Outgoing) -> HttpRequest:
        """2.1; an index that must not stay is deleted right before."""
        gone = tuple(self._deletion(index_code) for index_code in outgoing.previous_index_codes)
        return self._post("exam", [outgoing.exam], first=gone)

    def _file(self, outgoing: Outgoing, image: ImageRef) -> HttpRequest:
        """2.2: the file with its MD5, of the study that it belongs to."""
        form = payload(
            self._region,
            "image",
            {
                "index_code": outgoing.index_code,
                "study_instance_uid": image.study_instance_uid,
                "accession_number": _accession(outgoing, image),
                "image_file": ImageFile(image=image),
                "image_count": str(len(outgoing.images)),
            },
        )
        uid = image.sop_instance_uid
        return self._form(
            "image", uid, form, f"{uid}.dcm", "application/dicom", reply="image", hold=(uid, image.sha256)
        )

    def _announced(self, outgoing: Outgoing) -> Iterator[HttpRequest]:
        """2.3(4): which studies will come by push, and how many images the whole exam has."""
        for study, image in {image.study_instance_uid: image for image in outgoing.images}.items():
            given = {
                "index_code": outgoing.index_code,
                "study_instance_uid": study,
                "accession_number": _accession(outgoing, image),
                "image_count": str(len(outgoing.images)),
            }
            yield self._post("images", [payload(self._region, "images", given)], item=study)

    def _push(self, outgoing: Outgoing) -> DicomSend:
        return DicomSend(
            step="images",
            host=str(self._options["dicom_host"]),
            port=self._port,
            called_ae=str(self._options["dicom_ae_title"]),
            calling_ae=str(self._options.get("calling_ae_title", "")),
            images=outgoing.images,
        )

    def _report(self, outgoing: Outgoing) -> HttpRequest:
        """2.4, as submitted."""
        name = outgoing.values.get("report_id") or outgoing.report_key
        return self._form("report", outgoing.report_key, outgoing.report, f"{name}.pdf", "application/pdf")

    def _form(
        self, message: str, item: str, form: Mapping[str, Any], file_name: str, content_type: str, **more: Any
    ) -> HttpRequest:
        def part(name: str, value: Any) -> FormPart:
            if not isinstance(value, FileRef | ImageFile):
                return FormPart(name=name, value=value)
            if value.encoding == "md5":
                return FormPart(name=name, value=replace(value, encoding=self._md5))
            return FormPart(name=name, value=value, file_name=file_name, content_type=content_type)

        parts = tuple(part(name, value) for name, value in form.items())
        return HttpRequest(step=message, path=self._paths[message], item=item, parts=parts, **more)

    def _deletion(self, index_code: str) -> HttpRequest:
        """2.5: a list of indexes, one at a time."""
        one = payload(self._region, "delete", {"index_code": index_code}) if self._delete_objects else index_code
        return self._post("delete", [one], reply="deleted", item=index_code)

    def _question(self, message: str, values: Mapping[str, str], **more: Any) -> HttpRequest:
        """2.6 to 2.8: one object; two of the services share an address and are told apart by name."""
        service = self._region.options["services"].get(message, "")
        given = payload(self._region, message, {**values, "service_name": service})
        return self._post(message, given, reply="query", fresh=True, **more)

    def _entries(self, reply: Reply) -> list[Mapping[str, Any]]:
        """The answer's data: a list of objects, one object, or nothing."""
        data = reply.data.get(self._data_name)
        return reading.objects([data] if isinstance(data, dict) else data)

    def _found_exam(self, entry: Mapping[str, Any]) -> FoundExam:
        names = dict(self._answers["history"])
        index_code = reading.text(entry, names.pop("index_code"))
        texts = {key: reading.text(entry, spellings) for key, spellings in names.items()}
        return FoundExam(index_code=index_code, values={key: text for key, text in texts.items() if text})


_UIDS = ("study_instance_uid", "series_instance_uid", "sop_instance_uid")


def _accession(outgoing: Outgoing, image: ImageRef) -> str:
    """2.2(5)/3, 2.3(4)/3: of the study that the image belongs to; the record has those of all its studies."""
    return image.study_accession or outgoing.values.get("accession_number", "")


def _is_same(listed: str, sent: str) -> bool:
    """The index that was sent, in any letter case; its number may come back masked, like all numbers of 2.6."""
    pattern = re.sub(r"(\\\*)+", "[0-9A-Z]+", re.escape(listed.strip().upper()))
    return re.fullmatch(pattern, sent.upper()) is not None


def adapter(region: Region, options: Mapping[str, Any], secrets: Mapping[str, str]) -> Guizhou:
    return Guizhou(region, options, secrets)
