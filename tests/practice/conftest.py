"""One practice platform per module, left without faults and with its usual demands after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .clinic import SAMPLE_KEY, PracticeProcess

USUAL = {
    "demand_signature": True,
    "demand_exam": True,
    "strict_ae": False,
    "file_access": True,
    "hospital_code": "",
    "reconcile_by": "risStudyId",
    "reconcile_shape": "object",
    "reconcile_empty": "encrypted",
    "exact_length": False,
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeProcess]:
    process = PracticeProcess(tmp_path_factory.mktemp("practice"))
    yield process
    assert process.stop() == 0


@pytest.fixture
def platform(shared: PracticeProcess) -> Iterator[PracticeProcess]:
    yield shared
    shared.ask("DELETE", "/practice/fault")
    shared.control("options", **USUAL)
    shared.control("clock", offset_seconds=0)
    shared.control("rekey", sm4_key=SAMPLE_KEY)
