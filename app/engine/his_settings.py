"""The section [his] of the settings: what each of its keys may be. The password rests in the secret store alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.catalogue.load import load_catalogue
from app.engine import setting_kinds as kinds
from app.engine.setting_kinds import Kind, Unfit
from app.errors import NeedsOperator
from app.wire.foreign_db import check_select, url_fault

HIS_PASSWORD = "his/password"
MATCHES = {"accession": "检查号", "id_number": "证件号", "name": "姓名", "day": "检查日期"}
"""What a row can be matched by, with the word for it."""


def _url(value: Any) -> str:
    url = kinds.text(value)
    fault = url_fault(url) if url else ""
    if fault:
        raise Unfit(fault)
    return url


def _query(value: Any) -> str:
    """Lines may be broken in it."""
    if not isinstance(value, str):
        raise Unfit("应为文字，请加上引号")
    query = kinds.text(" ".join(value.split()))
    try:
        return check_select(query) if query else ""
    except NeedsOperator as error:
        raise Unfit(f"{error.title}，{error.advice}") from error


def _names(known: Mapping[str, object] | None = None) -> Kind:
    """Key -> name of a column; keys of `known`, or of the catalogue."""

    def checked(value: Any) -> dict[str, str]:
        if not isinstance(value, Mapping):
            raise Unfit('应为一节，每行写成 我们的字段 = "HIS 的列名"')
        fields = load_catalogue().fields if known is None else known
        for key in value:
            if key not in fields:
                raise Unfit(f"没有 {key} 这一项")
        return {key: kinds.some_text(name) for key, name in value.items()}

    return checked


HIS: Mapping[str, Kind] = {
    "folder": kinds.folder_or_none,
    "url": _url,
    "user": kinds.text,
    "query": _query,
    "refresh_minutes": kinds.whole(0, 1440),
    "columns": _names(),
    "match": _names(MATCHES),
}
