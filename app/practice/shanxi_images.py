"""Images by address (document V2.1, 四(二)2(3)): /images/list names the files of one series; they are all fetched.

Which file gave what is in the ledger (place `fetch`), how far a series is under /practice/series.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from app.practice.collector import FAILED, FETCHED, Collector, Errand, Unfit
from app.practice.ledger import Ledger
from app.practice.reading import data_set_digest, digest_of, filed_image, header_of
from app.practice.rules import is_blank, problems
from app.practice.shanxi_fields import FORMS, IMAGE_LIST_RULES, TABLES
from app.practice.shanxi_settings import ShanxiSettings

PATHS = {"/images/list": "images"}
PLACES = {"images": "影像地址"}
SCHEMES = ("http://", "https://", "ftp://", "s3://")
FIELD = "FILEPATH"


class ImageLists:
    """Takes the lists, fetches in the background. Thread-safe."""

    def __init__(self, settings: ShanxiSettings, ledger: Ledger, folder: Path) -> None:
        self._settings = settings
        self._ledger = ledger
        self._folder = folder
        self._lock = threading.Lock()
        (folder / "incoming").mkdir(parents=True, exist_ok=True)
        self._collector = Collector(settings, ledger, folder / "incoming", self._take)

    def problems(self, said: Mapping[str, Any]) -> list[str]:
        """What is wrong with a list; empty when it can be fetched."""
        found = problems(said, IMAGE_LIST_RULES, tables=TABLES, forms=FORMS, signature=False)
        paths = said.get(FIELD)
        for number, one in enumerate(paths if isinstance(paths, list) else []):
            if not isinstance(one, str) or not one.lower().startswith(SCHEMES):
                found.append(f"{FIELD}[{number}]应为 HTTP、FTP 或 S3 地址")
        if isinstance(paths, list) and len({str(one) for one in paths}) != len(paths):
            found.append(f"{FIELD}(图像存放路径)里有重复的地址")
        return found

    def keep(self, said: dict[str, Any]) -> str:
        """Note a list and fetch what it names; says how much that is. The same list again is fetched anew."""
        series, paths = said["SERIESIUID"], said[FIELD]
        self._ledger.keep(
            at=self._settings.clock.stamp(),
            kind="series",
            key=series,
            digest=digest_of(said),
            size=len(paths),
            study_uid=said["STUDYIUID"],
            day=said["STUDYDATE"][:10],
            link={"accession": said["ACCESS_NO"], "modality": said["MODALITY"], "files": len(paths)},
            fields=said,
        )
        for number, address in enumerate(paths):
            self._collector.want(Errand(index=series, name=f"{FIELD}[{number}]", address=address))
        return f"影像地址 {len(paths)} 个"

    def shown(self) -> list[dict[str, Any]]:
        """Every series that was listed, with how many of its files are here."""
        fetches = self._ledger.all("fetch")
        return [
            self._row(one, [row for row in fetches if row["link"]["exam"] == one["key"]])
            for one in self._ledger.all("series")
        ]

    def _row(self, series: Mapping[str, Any], fetches: list[dict[str, Any]]) -> dict[str, Any]:
        files = int(series["link"]["files"])
        asked = {f"{series['key']} {FIELD}[{number}]" for number in range(files)}
        mine = [one for one in fetches if one["key"] in asked]
        states = [one["link"]["state"] for one in mine]
        fetched = states.count(FETCHED)
        return {
            "series_uid": series["key"],
            "study_uid": series["study_uid"],
            "accession": series["link"]["accession"],
            "files": files,
            "fetched": fetched,
            "failed": states.count(FAILED),
            "words": f"已取 {fetched}/{files}",
            "reasons": sorted({one["link"]["reason"] for one in mine if one["link"]["reason"]}),
            "version": series["version"],
        }

    def _take(self, errand: Errand, file: Path) -> Mapping[str, Any]:
        """A fetched file, kept as an image if it is one of this series. Raises Unfit."""
        header = header_of(file)
        if not header["SOPInstanceUID"]:
            raise Unfit("取到的不是 DICOM 文件")
        series = self._ledger.one("series", errand.index)
        said = series["fields"] if series is not None else {}
        wanted = {"StudyInstanceUID": "STUDYIUID", "SeriesInstanceUID": "SERIESIUID", "AccessionNumber": "ACCESS_NO"}
        for name, field in wanted.items():
            if header[name] != said.get(field) and not (name == "AccessionNumber" and is_blank(header[name])):
                raise Unfit(f"影像的 {name} 和 {field} 不一致")
        digest, size = data_set_digest(file)
        syntax = _transfer_syntax(file)
        with self._lock:
            self._refuse_twice(errand, header["SOPInstanceUID"])
            kept = filed_image(file, self._folder, header["SOPInstanceUID"], digest)
            self._keep_image(errand, header, {"digest": digest, "size": size, "file": kept, "syntax": syntax})
        return {"sop_uid": header["SOPInstanceUID"]}

    def _refuse_twice(self, errand: Errand, sop_uid: str) -> None:
        """Two addresses of a series must not give one image."""
        for row in self._ledger.linked("fetch", "sop_uid", sop_uid):
            same = row["link"]["exam"] == errand.index and row["link"]["state"] == FETCHED
            if same and row["key"] != errand.key and row["link"]["address"] != errand.address:
                raise Unfit(f"和 {row['link']['field']} 是同一张影像")

    def _keep_image(self, errand: Errand, header: Mapping[str, str], found: Mapping[str, Any]) -> None:
        at, key = self._settings.clock.stamp(), header["SOPInstanceUID"]
        told: dict[str, Any] = {"kind": "image", "key": key, "digest": found["digest"], "size": found["size"]}
        self._ledger.receive(at=at, place="fetch", verdict="kept", **told)
        self._ledger.keep(
            at=at,
            study_uid=header["StudyInstanceUID"],
            link={
                "series_uid": header["SeriesInstanceUID"],
                "accession": header["AccessionNumber"],
                "modality": header["Modality"],
                "sop_class": header["SOPClassUID"],
                "transfer_syntax": found["syntax"],
                "address": errand.address,
            },
            file=found["file"],
            **told,
        )


def _transfer_syntax(file: Path) -> str:
    try:
        return str(dcmread(file, stop_before_pixels=True).file_meta.get("TransferSyntaxUID", "") or "")
    except (InvalidDicomError, OSError, ValueError, AttributeError):
        return ""
