"""Guangyuan (影像检查数据上传服务接口文档, 2025-09-26): one conversation, the happy path only.

Chapter 二 for a clinic, 三 for a sharing centre. The report and the images travel as addresses inside the record; no
interface deletes or answers what is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.catalogue.region import Region
from app.errors import NeedsOperator, Rejected
from app.regions.conversation import Conversation, Outgoing
from app.regions.national import National


class Guangyuan(National):
    """One destination of this region. Pure: everything it wants done it yields."""

    capabilities = frozenset({"index_code"})
    parts: tuple[str, ...] = ("exam",)
    waits_for: Mapping[str, str] = {}
    withdraws_whole = False

    def __init__(self, region: Region, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        super().__init__(region, options, secrets)
        centre = self._choice("sent_as", "clinic", "centre") == "centre"
        self._message = "exam_of_centre" if centre else "exam"
        self._choice("pdf_mode", "link", "base64")
        if centre and not (self._options["report_page_base"] and self._options["image_page_base"]):
            raise NeedsOperator(
                "还没有填报告和影像页面的地址", "以共享中心的身份上传时，请在设置里填这两个地址", page="destination"
            )

    def upload(self, outgoing: Outgoing) -> Conversation:
        """二(七), 三(七): the whole record; the same index again is an update."""
        yield self._post(self._message, [outgoing.exam])
        return {"index_code": outgoing.index_code}

    def withdraw(self, outgoing: Outgoing) -> Conversation:
        yield from ()
        raise Rejected("平台没有删除的接口", "请打电话请平台删除，把医保影像云索引告诉他们")


def adapter(region: Region, options: Mapping[str, Any], secrets: Mapping[str, str]) -> Guangyuan:
    return Guangyuan(region, options, secrets)
