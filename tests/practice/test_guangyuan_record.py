"""A form with every field filled, as catalogue and adapter make a request of it, is what the platform takes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import requests

from app.catalogue.load import load_region
from app.catalogue.payload import payload
from app.domain.times import CST
from app.regions.adapters import ADAPTERS
from app.regions.conversation import HttpRequest, Outgoing, Stamp
from tests.catalogue.samples import id_card

from .clinic import PracticeProcess

INSTITUTION, STORAGE = "H51080200123", "52510802MJ0000034K"
ADDRESS = "http://127.0.0.1:9/file"
SAMPLES = {
    "text": "胸部",
    "long_text": "第一行\n第二行",
    "identifier": "A001",
    "name": "赵建国",
    "date": "2026-11-05",
    "datetime": "2026-11-05 14:05:00",
    "number": "45",
    "id_number": id_card(),
    "phone": "13800000000",
    "uscc": STORAGE,
    "url": ADDRESS,
    "uid": "1.2.3",
}
_serials = itertools.count(1)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeProcess]:
    options = ("--fetch-after-seconds", "-1")
    process = PracticeProcess(tmp_path_factory.mktemp("guangyuan"), *options, region="guangyuan")
    yield process
    assert process.stop() == 0


def filled(sent_as: str) -> tuple[HttpRequest, Any, str]:
    """The request of a form with all its fields, the adapter that made it, and the index."""
    options = {"sent_as": sent_as, "institution_code": INSTITUTION, "storage_uscc": STORAGE}
    pages = {"report_page_base": ADDRESS, "image_page_base": ADDRESS}
    plain = load_region("guangyuan")
    chosen = {**plain.options["options"], **options, **pages}
    region = plain.with_options(chosen)
    adapter = ADAPTERS["guangyuan"](region, chosen, {"key": "PRACTICE-KEY-GUANGYUAN"})
    values: dict[str, object] = {"age_unit": "Y"}
    for row in region.rows_of("exam"):
        table = region.table(row.table)
        is_code = row.field.type in ("code", "codes") and table is not None
        if row.field.type != "pdf":
            values[row.key] = table.codes[0].code if is_code and table else SAMPLES[row.field.type]
    texts = {key: str(text) for key, text in values.items()}
    values["index_code"] = index = adapter.index_code(texts)
    exam = {**payload(region, "exam", values)}
    if sent_as == "clinic":
        exam["examRpotPdfI"] = ADDRESS
    outgoing = Outgoing(
        part="exam", exam_key="E1", exam=exam, report={}, images=(), report_key="", version=1, index_code=index
    )
    return next(adapter.upload(outgoing)), adapter, index


@pytest.mark.parametrize(("sent_as", "rows"), [("clinic", 71), ("centre", 73)])
def test_a_full_form_is_taken_with_every_field_of_the_table(platform: PracticeProcess, sent_as: str, rows: int) -> None:
    request, adapter, index = filled(sent_as)
    now = datetime.now(CST)
    stamp = Stamp(now=now, serial=f"{now:%Y%m%d%H%M%S}{next(_serials):04d}")
    body = json.dumps(request.body, ensure_ascii=False, separators=(",", ":")).encode()
    wired = adapter.wrap(request, body, stamp)
    address = f"http://{platform.host}:{platform.port}{request.path}"
    answer = requests.post(address, data=wired.body, headers=dict(wired.headers), timeout=10).json()
    assert answer["data"] == [{"hiImgIndx": None, "succFlag": "1", "message": "保存数据成功"}]
    kept = platform.kept("exam", index)
    assert (len(kept["fields"]), kept["unknown"]) == (rows, [])
