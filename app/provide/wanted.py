"""Whether a destination can't do without the file service: its record carries addresses of files, or it asks here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.catalogue.region import Region

_AS_LINK = "file_link"


def wants_files(region: Region, options: Mapping[str, Any]) -> bool:
    """`region` as these options (and the clinic's own changes of its rows) make it."""
    rows = [row for group in region.rows.values() for row in group]
    own_store = bool(options.get("image_download_base"))
    by_option, one_by_one = options.get("pdf_mode") == "link", options.get("image_mode") == "list"
    asked = bool(options.get("query_service"))
    return asked or any(
        row.convert == _AS_LINK
        or (row.key == "image_download_url" and not own_store)
        or (row.key == "report_pdf_url" and by_option)
        or (row.key == "image_addresses" and one_by_one)
        for row in rows
    )
