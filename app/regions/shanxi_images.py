"""Shanxi's three ways for images (四(二)2 of the document, V2.1): pushed, found and fetched, or listed by address."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any

from app.catalogue.payload import payload
from app.catalogue.region import Region
from app.errors import NeedsOperator
from app.regions.choices import choice
from app.regions.conversation import DicomSend, HttpRequest, ImageFile, ImageRef, Outgoing, Pickup, Reply, Request


class ShanxiImages:
    """How the images of one destination get there."""

    def __init__(self, region: Region, options: Mapping[str, Any], path: str) -> None:
        self._region, self._options, self._path = region, options, path
        self.mode = choice(options, "image_mode", "push", "retrieve", "list")

    def sent(self, outgoing: Outgoing) -> Generator[Request, Reply, None]:
        """2(1), 2(2) or 2(3); what the platform fetches itself is there once it has fetched all of it."""
        if self.mode == "push":
            yield self._push(outgoing)
            return
        if self.mode == "list":
            yield from self._lists(outgoing)
        elif outgoing.images:
            self._must_be_let_in()
        yield Pickup(step="images", images=outgoing.images)

    def _must_be_let_in(self) -> None:
        """Else nobody could come, or whoever comes could not be told from others."""
        takers = self._options.get("image_takers") or ()
        title = str(self._options.get("retrieve_ae_title") or "")
        if not takers:
            raise NeedsOperator(
                "平台要来本机取影像，还没有让它来取", "请在设置的“收影像”里打开“让平台来取”", page="query"
            )
        if title not in takers:
            raise NeedsOperator(
                "平台来取影像的 AE 标题没有放行",
                f"上传目标里填的是 {title or '空'}，请在设置的“收影像”里，把它加进“谁可以来取”和“可以送到哪里”",
                page="query",
            )

    def _push(self, outgoing: Outgoing) -> DicomSend:
        return DicomSend(
            step="images",
            host=str(self._options.get("dicom_host", "")),
            port=int(self._options.get("dicom_port", 0)),
            called_ae=str(self._options.get("dicom_ae_title", "")),
            calling_ae=str(self._options.get("calling_ae_title", "")),
            images=outgoing.images,
        )

    def _lists(self, outgoing: Outgoing) -> Iterator[HttpRequest]:
        """2(3): one request for each series."""
        series: dict[str, list[ImageRef]] = {}
        for image in outgoing.images:
            series.setdefault(image.series_instance_uid, []).append(image)
        for uid, images in series.items():
            given: dict[str, object] = {
                **outgoing.values,
                "study_instance_uid": images[0].study_instance_uid,
                "accession_number": images[0].study_accession or outgoing.values.get("accession_number", ""),
                "series_instance_uid": uid,
                "series_number": images[0].series_number,
                "modality": images[0].modality,
                "image_addresses": [ImageFile(image=image, encoding="link") for image in images],
            }
            yield HttpRequest(
                step="images_list", item=uid, path=self._path, body=payload(self._region, "images_list", given)
            )
