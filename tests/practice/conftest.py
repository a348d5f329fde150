"""One practice platform per module, left without faults and with its usual demands after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import guangyuan_clinic
from .clinic import SAMPLE_KEY, PracticeProcess
from .offers import Offers

USUAL = {
    "demand_signature": True,
    "check_signature": False,
    "demand_seal": False,
    "timestamps": "RSA",
    "sign_algo": "any",
    "offer_crl": True,
    "pull": "off",
    "demand_exam": True,
    "early_exams": False,
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
    shared.control("options", **USUAL)
    yield shared
    shared.ask("DELETE", "/practice/fault")
    shared.control("options", **USUAL)
    shared.control("clock", offset_seconds=0)
    shared.control("rekey", sm4_key=SAMPLE_KEY)


@pytest.fixture(scope="module")
def guangyuan_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeProcess]:
    process = PracticeProcess(tmp_path_factory.mktemp("guangyuan"), region="guangyuan")
    yield process
    assert process.stop() == 0


@pytest.fixture
def guangyuan(guangyuan_process: PracticeProcess) -> Iterator[PracticeProcess]:
    guangyuan_process.control("options", **guangyuan_clinic.USUAL)
    yield guangyuan_process
    guangyuan_process.ask("DELETE", "/practice/fault")
    guangyuan_process.control("rekey", key=guangyuan_clinic.KEY)


@pytest.fixture(scope="module")
def offers() -> Iterator[Offers]:
    with Offers() as running:
        yield running
